r"""Products of whole arrays against NumPy's, for expressions grown at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from brute_force import BruteForce
from hypothesis import given
from hypothesis import strategies as st

from derivcheck.checker import read_derivation
from derivcheck.derivation import Derivation
from derivcheck.expression import Parameter
from derivcheck.source import Source

SIZES = {"N": 2, "D": 3, "K": 4}
SHAPES = {
    "x": ("D",),
    "y": ("N",),
    "z": ("K",),
    "A": ("N", "D"),
    "B": ("D", "K"),
    "C": ("N", "N"),
    "G": ("D", "D"),
}
FAMILIES = {"p": ("D",), "q": ("K",), "s": ()}
"""Of each there are N, which stand as `p_n`: vectors and numbers."""
_RANDOM = np.random.default_rng(7)
VALUES = {
    name: _RANDOM.normal(size=[SIZES[size] for size in shape])
    for name, shape in {**SHAPES, **{f: ("N", *axes) for f, axes in FAMILIES.items()}}.items()
}
TIMES = r" \times "
PAGE = "# P\n\n" + "\n".join(
    rf"- ${name} \in \mathbb{{R}}^{{{TIMES.join(shape)}}}$" for name, shape in SHAPES.items()
)
OF_FAMILIES = "\n- " + ", ".join(
    rf"${name}_n \in \mathbb{{R}}^{{{shape[0]}}}$" if shape else rf"${name}_n \in \mathbb{{R}}$"
    for name, shape in FAMILIES.items()
)
PAGE += OF_FAMILIES + r" for $n = 1, \dots, N$"


@dataclass(frozen=True)
class Written:
    """An expression, its value as a matrix, and the sizes of rows and columns; None for one.

    An axis before these two has the values for each n, if one of a family is in it.
    """

    latex: str
    value: np.ndarray
    sizes: tuple[str | None, str | None]

    @property
    def runs(self) -> bool:
        return self.value.ndim == 3


def leaf(name: str) -> Written:
    if name in FAMILIES:
        return Written(f"{name}_n", VALUES[name][..., None], (FAMILIES[name][0], None))
    match SHAPES[name]:
        case (rows, columns):
            return Written(name, VALUES[name], (rows, columns))
        case (rows,):
            return Written(name, VALUES[name][:, None], (rows, None))
        case _:
            raise AssertionError(name)


def transposed(a: Written) -> Written:
    return Written(rf"\left( {a.latex} \right)^\top", a.value.swapaxes(-1, -2), a.sizes[::-1])


def scaled(a: Written) -> Written:
    return Written(rf"s_n {_bracketed(a)}", VALUES["s"][:, None, None] * a.value, a.sizes)


@st.composite
def written(draw: st.DrawFn, *, families: bool = False, depth: int = 3) -> Written:
    """Grown by transposes, sums with itself scaled, elementwise squares and products that fit."""
    names = sorted(SHAPES) + sorted(n for n, shape in FAMILIES.items() if shape and families)
    a = leaf(draw(st.sampled_from(names)))
    for _ in range(draw(st.integers(1, depth))):
        match draw(st.sampled_from(["transpose", "twice", "square", "product", "product"])):
            case "transpose":
                a = transposed(a)
            case "twice":
                a = Written(rf"\left( {a.latex} + 2 {_bracketed(a)} \right)", 3 * a.value, a.sizes)
            case "square":
                latex = rf"\left( {_bracketed(a)} \odot {_bracketed(a)} \right)"
                a = Written(latex, a.value * a.value, a.sizes)
            case _:
                leaves = [leaf(name) for name in names]
                partners = [
                    b for c in leaves for b in (c, transposed(c)) if b.sizes[0] == a.sizes[1]
                ]
                b = draw(st.sampled_from(partners))
                latex = rf"{_bracketed(a)} {_bracketed(b)}"
                a = Written(latex, a.value @ b.value, (a.sizes[0], b.sizes[1]))
    return scaled(a) if families and draw(st.booleans()) else a


def _bracketed(a: Written) -> str:
    return rf"\left( {a.latex} \right)"


def read(equation: str) -> Derivation:
    return read_derivation(Source("page.md", f"{PAGE}\n\n$$\n{equation}\n$$\n"))


@given(written())
def test_a_page_reads_what_numpy_computes(a: Written) -> None:
    check(f"R = {a.latex}", a)


@given(written(families=True))
def test_vectors_of_families_are_read_at_each_place_and_summed(a: Written) -> None:
    if a.runs:
        check(f"R_n = {a.latex}", a)
        a = Written(rf"\sum_{{n=1}}^N {_bracketed(a)}", a.value.sum(axis=0), a.sizes)
    check(f"R = {a.latex}", a)


def check(equation: str, a: Written) -> None:
    derivation = read(equation)
    tensor = next(t for t in derivation.context.definitions if t.name == "R")
    force = BruteForce({Parameter(name): size for name, size in SIZES.items()})
    force.arrays.update({each: VALUES[each.name] for each in derivation.inputs})
    found = force.tensor(derivation, tensor)
    axes = (*(["N"] if a.runs else []), *a.sizes)
    assert found.shape == tuple(n for n, size in zip(a.value.shape, axes, strict=True) if size)
    np.testing.assert_allclose(found, a.value.reshape(found.shape), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("right", "code"),
    [
        ("A B", None),
        ("B A", "extent-mismatch"),
        ("A y", "extent-mismatch"),
        ("A (B x)", "extent-mismatch"),
        ("x x", "unsupported"),
        (r"A * B", "unsupported"),
        (r"G \cdot G", "unsupported"),
        ("G^2", "unsupported"),
        (r"x + A^\top", "unclear-shape"),
    ],
)
def test_what_does_not_fit_is_a_fault_and_what_may_be_two_products_is_asked_about(
    right: str, code: str | None
) -> None:
    (item,) = [i for i in read(f"R = {right}").items if i.latex == right]
    assert (item.fault.code if item.fault else None) == code


def test_nested_products_are_read_once() -> None:
    """Read twice at every level, this would take minutes."""
    depth = 30
    derivation = read("R = " + r"G \big( " * depth + "x" + r" \big)" * depth)
    assert [tensor.name for tensor in derivation.context.definitions] == ["R"]
