"""Sites of terms: every condition of the term holds there, and sizes are those of the page."""

import numpy
import pytest

from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Count,
    Entry,
    Hypothesis,
    Index,
    Parameter,
    Tensor,
    add,
    delta,
    fresh,
    guard,
    multiply,
    negation,
    number,
    subtract,
    total,
)
from derivcheck.witnesses.presence import Sizes, sites, terms

N, M, H, W = (Parameter(name) for name in "NMHW")
p = Parameter("p", 0)
i, j, k = (Index(name, Affine.of(size)) for name, size in (("i", N), ("j", M), ("k", N)))
x = Tensor("x", (Affine.of(N),))


def at(place: Affine | Index) -> Entry:
    return Entry(x, (Affine.of(place),))


def found(expression, sizes):
    generator = numpy.random.default_rng(0)
    return [list(sites(term, sizes, generator)) for term in terms(expression)]


@pytest.mark.parametrize(
    "expression",
    [
        delta(i, Affine.of(j) + 1),
        multiply(delta(i, Affine.of(j) + 3), delta(j, Affine.of(k) + 2), at(k)),
        multiply(guard(Affine.of(i) - 9), at(i)),
        at(Affine.of(i) * 2 + Affine.of(j) - 3),
        guard(Affine.of(N) - Affine.of(M) * 3),
        total((fresh(k),), multiply(delta(i, Affine.of(k) - 4), at(k))),
    ],
)
def test_every_condition_holds_at_a_site(expression):
    (term,) = terms(expression)
    (some,) = found(expression, Sizes((N, M)))
    assert some
    for site in some:
        values = {**site.extents, **site.indices}
        for condition in term:
            value = condition.value.evaluate(values)
            assert value == 0 if condition.equal else value >= 0
        for index, place in site.indices.items():
            assert 0 <= place < index.extent.evaluate(values)


def test_sizes_of_which_no_condition_speaks_are_above_one_somewhere():
    """A factor 1/N shows at no site at which N is 1, nor where something else hides it."""
    (some,) = found(at(k), Sizes((N, M, H, W)))
    for size in (N, M, H, W):
        assert any(site.extents[size] > 1 for site in some)
    small = [site for site in some if max(site.extents.values()) <= 2]
    assert any(sum(n > 1 for n in site.extents.values()) > 1 for site in small)


def test_what_cannot_hold_has_no_site():
    never = multiply(guard(Affine.of(i) - Affine.of(N)), at(i))
    assert found(never, Sizes((N,))) == [[]]
    assert found(multiply(delta(i, j), delta(i, Affine.of(j) + 1)), Sizes((N, M))) == [[]]


def test_sites_keep_to_what_the_page_says_of_its_sizes():
    height = number(Affine.of(H) + Affine.of(p) * 2 - 2)
    smaller = Hypothesis(guard(Affine.of(H) - Affine.of(p) - 1), ONE, "p < H")
    sizes = Sizes((H, p, W), {W: height}, (smaller,))
    i = Index("i", Affine.of(W))
    (some,) = found(guard(Affine.of(i) - 6), sizes)
    assert some
    for site in some:
        assert site.extents[W] == site.extents[H] + 2 * site.extents[p] - 2
        assert site.extents[p] < site.extents[H]
        assert site.indices[i] >= 6
    assert isinstance(height, Count)


def test_terms_are_told_apart():
    assert terms(add(at(i), multiply(delta(i, k), at(k)))) == ((), terms(delta(i, k))[0])
    assert terms(multiply(negation(delta(i, k)), at(i))) == ((), terms(delta(i, k))[0])
    assert terms(subtract(ONE, ZERO)) == ((),)
