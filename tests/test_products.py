"""Products over parts of an axis: their normal form has the same value, and the laws close."""

from __future__ import annotations

from itertools import product

import pytest
from entrywise import Point, close
from expression_layers import at, index, tensor

from derivcheck.attempt import attempted
from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    Affine,
    Context,
    Expression,
    Index,
    Parameter,
    Product,
    Sum,
    add,
    apply,
    fresh,
    guard,
    multiply,
    number,
    power,
    subtract,
)
from derivcheck.normal_form import Normaliser, expression
from derivcheck.normal_form.products import brought

N = Parameter("N")
U, V = tensor("U", N), tensor("V", N)
i, j = index("i", N), index("j", N)
AT_I, AT_J = Affine.of(i), Affine.of(j)

BODIES = {
    "an entry": lambda k, at_: at(U, at_),
    "two entries": lambda k, at_: multiply(at(U, at_), at(V, at_)),
    "a sum": lambda k, at_: add(ONE, at(U, at_)),
    "a square": lambda k, at_: power(at(U, at_), 2),
    "an exponential": lambda k, at_: multiply(apply("exp", at(U, at_)), at(V, at_)),
    "beside another index": lambda k, at_: add(at(U, at_), at(V, i)),
    "under a condition": lambda k, at_: multiply(guard(AT_I - k), at(U, at_)),
}
RANGES = {
    **{f"i {c:+}": (AT_I + c, Affine()) for c in range(-3, 4)},
    **{f"N {c:+}": (Affine.of(N) + c, Affine()) for c in range(-3, 2)},
    **{f"from i {c:+}": (Affine.of(N) - AT_I - c, AT_I + c) for c in range(-2, 3)},
    "from i to j": (AT_J - AT_I, AT_I),
    "N − i, from the end": (Affine.of(N) - AT_I, Affine()),
}


def product_over(extent: Affine, shift: Affine, body: object) -> Expression:
    k = fresh(Index("k", extent))
    assert callable(body)
    return Product(k, body(k, Affine.of(k) + shift))


@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("body", BODIES)
def test_the_normal_form_has_the_same_value_for_every_bound(range_: str, body: str) -> None:
    whole = product_over(*RANGES[range_], BODIES[body])
    normaliser = Normaliser(expand_ranges=True)
    form = normaliser.settled(normaliser.read(whole))
    again = normaliser.settled(normaliser.rewrite(form, {}, None))
    written = expression(form)
    assert expression(again) is not None
    for seed, size in product(range(2), range(1, 5)):
        point = Point(seed, {N: size})
        for places in product(range(size), repeat=2):
            values = dict(zip((i, j), places, strict=True))
            assert close(point.value(whole, values), point.value(written, values)), (size, places)


def closes(left: Expression, right: Expression) -> bool:
    reading = Reading(left, right, (i, j), Context())
    return attempted(reading, False, 20_000, expand_ranges=True).closed


def entry(k: Index, place: Affine) -> Expression:
    return at(U, place)


@pytest.mark.parametrize("c", [-1, 0, 1])
def test_the_last_factor_is_split_off_where_there_is_one(c: int) -> None:
    """Π_{k < i + c + 1} = Π_{k < i + c} · U_{i+c} from i + c = 0 on; before it is 1."""
    whole = product_over(AT_I + c + 1, Affine(), entry)
    rest = product_over(AT_I + c, Affine(), entry)
    there = add(multiply(guard(AT_I + c), at(U, AT_I + c)), subtract(ONE, guard(AT_I + c)))
    assert closes(whole, multiply(rest, there))
    assert closes(whole, multiply(rest, at(U, AT_I + c))) is (c >= 0)


def test_the_first_factor_is_split_off() -> None:
    """Π_{i ≤ k < N} = U_i · Π_{i < k < N}, also where nothing is left."""
    whole = product_over(Affine.of(N) - AT_I, AT_I, entry)
    rest = product_over(Affine.of(N) - AT_I - 1, AT_I + 1, entry)
    assert closes(whole, multiply(at(U, i), rest))
    assert not closes(whole, rest)


def test_the_last_factor_of_a_whole_axis_is_split_off() -> None:
    whole = product_over(Affine.of(N), Affine(), entry)
    rest = product_over(Affine.of(N) - 1, Affine(), entry)
    assert closes(whole, multiply(at(U, Affine.of(N) - 1), rest))
    assert not closes(whole, rest)


def test_a_product_of_products_is_taken_factor_by_factor() -> None:
    both = product_over(AT_I, Affine(), lambda k, at_: multiply(at(U, at_), at(V, at_)))
    first = product_over(AT_I, Affine(), entry)
    second = product_over(AT_I, Affine(), lambda k, at_: at(V, at_))
    assert closes(both, multiply(first, second))
    assert not closes(both, first)


def test_what_does_not_vary_is_a_power() -> None:
    whole = product_over(Affine.of(N), Affine(), lambda k, at_: multiply(at(V, i), at(U, at_)))
    rest = product_over(Affine.of(N) - 1, Affine(), entry)
    last = at(U, Affine.of(N) - 1)
    assert closes(whole, multiply(power(at(V, i), number(N)), rest, last))
    assert not closes(whole, multiply(at(V, i), rest, last))


def test_under_a_sum_bounds_stay() -> None:
    """Its index may be shifted, and every shift would let other factors stand by themselves."""
    k = fresh(Index("k", Affine.of(N)))
    inner = product_over(Affine.of(k), Affine(), entry)
    shifted = fresh(Index("m", Affine.of(N) - 1))
    later = product_over(Affine.of(shifted) + 1, Affine(), entry)
    assert closes(
        Sum(k, multiply(at(V, k), inner)),
        add(at(V, Affine()), Sum(shifted, multiply(at(V, Affine.of(shifted) + 1), later))),
    )


@pytest.mark.parametrize("reach", range(-2, 3))
@pytest.mark.parametrize("sign", [1, -1])
def test_bounds_meet_in_one_place_with_what_is_between(reach: int, sign: int) -> None:
    """The places of the condition are those of the one it is brought to, and those between."""
    k = fresh(Index("k", Affine.of(N)))
    condition = (AT_I + reach - k) * -sign
    kept, between = brought(condition, k)
    for at_k, at_i in product(range(12), range(4, 8)):
        values = {k: at_k, i: at_i, N: 12}
        holds = condition.evaluate(values) >= 0
        listed = [place.evaluate(values) for place in between]
        assert holds == (kept.evaluate(values) >= 0) + (at_k in listed)
        assert len(set(listed)) == len(listed)
