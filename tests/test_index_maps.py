"""One-to-one index maps: what they are, what a page may define by them, and that they reshape."""

from __future__ import annotations

import numpy
import pytest

from derivcheck import codegen
from derivcheck.derivation import Derivation
from derivcheck.document import read_document
from derivcheck.elaboration import elaborate
from derivcheck.expression import (
    Affine,
    Context,
    Entry,
    Expression,
    Index,
    Parameter,
    Tensor,
    composed,
    composition,
    digits,
    placed,
    size,
)
from derivcheck.lowering import lower
from derivcheck.lowering.array import Array, Lattice, Reshape, Take, Unfold, Where
from derivcheck.lowering.traversal import walk
from derivcheck.normal_form.integers import quotient_and_rest
from derivcheck.source import Source

C, H, W = (Parameter(name) for name in "CHW")
c, i, j = (Index(name, Affine.of(extent)) for name, extent in zip("cij", (C, H, W), strict=True))
LAID = (Affine.of(c) * H + i) * W + j


def same(left: Expression, right: Expression, _context: Context) -> bool:
    return left == right


def page(*paragraphs: str) -> Derivation:
    return elaborate(read_document(Source("page.md", "\n\n".join(paragraphs))), "page", same)


def faults(derivation: Derivation) -> list[str]:
    found = [item.fault or (item.link.fault if item.link else None) for item in derivation.items]
    return [fault.code for fault in found if fault is not None]


def arrays(derivation: Derivation) -> list[Array]:
    program = lower(derivation)
    body = (*program.forward.body, *program.pullback.body)
    return [node for assignment in body for node in walk(assignment.value)]


# --- the map itself -------------------------------------------------------------------------------


def test_each_digit_has_the_weight_of_all_below() -> None:
    assert digits(LAID) == (c, i, j)
    assert composition((c, i, j)) == LAID
    assert size((c, i, j)) == Affine.of(C) * H * W
    assert digits(Affine.of(j)) == (j,)


@pytest.mark.parametrize(
    "value",
    [
        (Affine.of(c) * H + i) * H + j,  # a radix of another axis
        Affine.of(c) * W + j + i,  # two digits of one weight
        LAID + 1,
        LAID - 1,
        Affine.of(c) * H * W + j,  # the rows are skipped
        Affine.of(i) * W,
        Affine.of(i) * W - j,
        Affine.of(W),
        Affine(),
    ],
)
def test_what_skips_or_repeats_places_has_no_digits(value: Affine) -> None:
    assert digits(value) is None


def test_all_places_are_taken_once() -> None:
    for extents in ((2, 3, 4), (1, 5, 2), (3, 1, 1)):
        sizes = dict(zip((C, H, W), extents, strict=True))
        places = [
            LAID.evaluate({**sizes, c: a, i: b, j: d})
            for a in range(extents[0])
            for b in range(extents[1])
            for d in range(extents[2])
        ]
        assert places == list(range(extents[0] * extents[1] * extents[2]))


def test_a_placed_definition_is_found_again() -> None:
    n = Index("n", Affine.of(Parameter("N")))
    image = Tensor("X", (n.extent, c.extent, i.extent, j.extent))
    body = Entry(image, tuple(map(Affine.of, (n, c, i, j))))
    indices, held = placed([(n,), (c, i, j)], body)
    assert [index.extent for index in indices] == [n.extent, size((c, i, j))]
    subscripts, again = composed(indices, held)
    assert digits(subscripts[0]) == (n,)
    letters = digits(subscripts[1])
    assert letters is not None
    assert [letter.extent for letter in letters] == [c.extent, i.extent, j.extent]
    assert again == Entry(image, tuple(map(Affine.of, (n, *letters))))


# --- Euclid ---------------------------------------------------------------------------------------


def test_a_difference_of_digits_comes_apart() -> None:
    b, r = Index("b", Affine.of(H)), Index("r", Affine.of(W))
    assert quotient_and_rest(Affine.of(i) * W + j - Affine.of(b) * W - r) == (
        Affine.of(i) - b,
        Affine.of(j) - r,
    )
    assert quotient_and_rest(Affine.of(i) * W - Affine.of(b) * W) == (Affine.of(i) - b, Affine())


def test_no_digit_may_reach_the_radix() -> None:
    b, wide = Index("b", Affine.of(H)), Index("r", Affine.of(W) + 1)
    zero = Parameter("p", 0)
    for value in (
        Affine.of(i) * W + wide - Affine.of(b) * W - j,  # wide − j may be W
        Affine.of(i) * W + j + 1 - Affine.of(b) * W,  # j + 1 may be W
        Affine.of(i) * H + j - Affine.of(b) * H,  # j may be above H
        Affine.of(i) * zero - Affine.of(b) * zero,  # the radix may be 0
        Affine.of(i) - b,
    ):
        assert quotient_and_rest(value) is None


# --- pages ----------------------------------------------------------------------------------------

IMAGES = r"- $X \in \mathbb{R}^{N \times C \times H \times W}$"


def test_a_tensor_is_defined_at_a_composed_subscript() -> None:
    derivation = page(IMAGES, r"$$Y_{n,(cH+i)W+j} = X_{ncij}$$")
    (tensor,) = derivation.context.definitions
    assert tensor.extents == (Affine.of(Parameter("N")), size((c, i, j)))
    assert not faults(derivation)


@pytest.mark.parametrize(
    ("equation", "code"),
    [
        ("Y_{n,(cH+i)H+j} = X_{ncij}", "not-one-to-one"),
        ("Y_{n,cW+j} = X_{ncij}", "unequal-free-indices"),
        ("Z_{n,(iC+c)W+j} = X_{ncij}", ""),
        ("Z_{n,(cH+i)W+j} = X_{ncij}", ""),
        ("F_{n,(cH+i)W+j} = X_{ncij}", "extent-mismatch"),
    ],
)
def test_only_an_axis_that_is_filled_once(equation: str, code: str) -> None:
    declared = (
        IMAGES + r", output $Z \in \mathbb{R}^{N \times CHW}$, $F \in \mathbb{R}^{N \times CH}$"
    )
    found = faults(page(declared, f"$${equation}$$"))
    assert found == ([code] if code else [])


@pytest.mark.parametrize("declared", ["M = HD", "D = M / H", r"D = \frac{M}{H}"])
def test_declared_divisibility_replaces_the_whole(declared: str) -> None:
    derivation = page(
        rf"- $H, D \in \mathbb{{N}}$: numbers of heads and features with ${declared}$, "
        r"$X \in \mathbb{R}^{N \times M}$",
        r"$$Y_{nhd} = X_{n,hD+d}$$",
    )
    assert not faults(derivation)
    (image,) = derivation.inputs
    assert image.extents[1] == Affine.of(Parameter("D")) * Parameter("H")
    (tensor,) = derivation.context.definitions
    assert tensor.extents[1:] == (Affine.of(Parameter("H")), Affine.of(Parameter("D")))


# --- programs -------------------------------------------------------------------------------------

COTANGENT = r"with cotangent $\bar{Y}_{nk} := \partial L / \partial Y_{nk}$"
LAYERS = {
    "flatten": (
        rf"{IMAGES}; output $Y \in \mathbb{{R}}^{{N \times CHW}}$ {COTANGENT}",
        r"$$Y_{n,(cH+i)W+j} = X_{ncij}$$",
        r"$$\frac{\partial L}{\partial X_{ncij}} = \bar{Y}_{n,(cH+i)W+j}$$",
    ),
    "columns first": (
        rf"{IMAGES}; output $Y \in \mathbb{{R}}^{{N \times CHW}}$ {COTANGENT}",
        r"$$Y_{n,(jH+i)C+c} = X_{ncij}$$",
        r"$$\frac{\partial L}{\partial X_{ncij}} = \bar{Y}_{n,(jH+i)C+c}$$",
    ),
    "unflatten": (
        r"- $X \in \mathbb{R}^{N \times CHW}$; the numbers $C, H, W \in \mathbb{N}$",
        (
            r"Output $Y \in \mathbb{R}^{N \times C \times H \times W}$ with cotangent "
            r"$\bar{Y}_{ncij} := \partial L / \partial Y_{ncij}$."
        ),
        r"$$Y_{ncij} = X_{n,(cH+i)W+j}$$",
        r"$$\frac{\partial L}{\partial X_{n,(cH+i)W+j}} = \bar{Y}_{ncij}$$",
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_an_index_map_is_a_reshape(name: str) -> None:
    derivation = page(*LAYERS[name])
    assert not faults(derivation)
    nodes = arrays(derivation)
    assert any(isinstance(node, Reshape) for node in nodes)
    assert not any(isinstance(node, Take | Where | Lattice | Unfold) for node in nodes)


def test_values_of_reshapes() -> None:
    generator = numpy.random.default_rng(0)
    image = generator.normal(size=(2, 3, 4, 5))
    laid = image.reshape(2, 60)
    turned = image.transpose(0, 3, 2, 1).reshape(2, 60)
    back = generator.normal(size=(2, 60))
    for name, given, expected, cotangent, gradient in (
        ("flatten", image, laid, back, back.reshape(2, 3, 4, 5)),
        ("columns first", image, turned, back, back.reshape(2, 5, 4, 3).transpose(0, 3, 2, 1)),
        ("unflatten", laid, image, image, laid),
    ):
        statics = {"C": 3, "H": 4, "W": 5} if name == "unflatten" else {}
        for backend in ("numpy", "jax"):
            compiled = codegen.load(lower(page(*LAYERS[name])), backend)
            (value,), residuals = compiled.forward(given, **statics)
            (found,) = compiled.pullback(residuals, (cotangent,), **statics)
            numpy.testing.assert_allclose(value, expected, rtol=1e-6)
            numpy.testing.assert_allclose(found, gradient, rtol=1e-6)


def test_groups_are_windows_of_a_reshaped_array() -> None:
    derivation = page(
        r"- $X \in \mathbb{R}^{N \times GC \times S}$, $K \in \mathbb{R}^{GF \times C \times R}$, "
        r"$G \in \mathbb{N}$ groups, output $Y \in \mathbb{R}^{N \times GF \times T}$",
        r"$$Y_{n,gF+f,t} = \sum_c \sum_r K_{gF+f,c,r} X_{n,gC+c,t+r}$$",
    )
    assert not faults(derivation)
    nodes = arrays(derivation)
    windows = [node for node in nodes if isinstance(node, Unfold)]
    assert [isinstance(window.source, Reshape) for window in windows] == [True]
    assert not any(isinstance(node, Take | Where) for node in nodes)
