"""What equations of a page mean: declared, defined, claimed; readings and faults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivcheck.derivation import Derivation, Item, Kind
from derivcheck.document import read_document
from derivcheck.elaboration import elaborate
from derivcheck.expression import Affine, Context, Entry, Expression, Parameter, tensors
from derivcheck.lowering import lower
from derivcheck.notation import text
from derivcheck.source import Source


def page(*paragraphs: str) -> Derivation:
    source = Source("page.md", "\n\n".join(paragraphs))
    return elaborate(read_document(source), "page", same)


def same(left: Expression, right: Expression, _context: Context) -> bool:
    return left == right


def claims(derivation: Derivation) -> list[Item]:
    return [item for item in derivation.items if item.kind is Kind.CLAIM]


def shown(item: Item) -> list[str]:
    """The readings of a claim as text, plain reading first."""
    assert item.link is not None
    assert item.link.fault is None, item.link.fault
    relation = item.link.relation
    return [f"{text(r.left)} {relation} {text(r.right)}" for r in item.link.readings]


def fault(derivation: Derivation) -> tuple[str, str]:
    """Code and underlined text of the only fault."""
    faults = [
        found
        for item in derivation.items
        if (found := item.fault or (item.link.fault if item.link else None)) is not None
    ]
    assert len(faults) == 1, faults
    (only,) = faults
    return only.code, only.message


MATRICES = (
    r"- $X \in \mathbb{R}^{S \times M}$, $W \in \mathbb{R}^{N \times M}$, $b \in \mathbb{R}^N$"
    "\n\n"
)
LINEAR = MATRICES + r"$$Y_{sn} = \sum_m X_{sm} W_{nm} + b_n$$"


# --- declarations ---------------------------------------------------------------------------------


def test_shapes_and_domains_are_declared() -> None:
    derivation = page(
        r"$T \in \{0,1\}^{S \times K}$, $p \in (0, 1)^K$, $\epsilon > 0$, $0 < q < 1$, "
        r"$u \in \mathbb{N}$ the stride, $v \in \mathbb{N}_0$, $y \in \mathbb{R}_+$, $z \ne 0$"
    )
    by_name = {tensor.name: tensor for tensor in derivation.inputs}
    assert [extent.atom for extent in by_name["T"].extents] == [Parameter("S"), Parameter("K")]
    assert by_name["T"].domain.values == (0, 1)
    assert by_name["p"].domain.positive
    assert by_name["p"].domain.upper == 1
    assert by_name[r"\epsilon"].domain.positive
    assert by_name["q"].domain.strict_upper
    assert by_name["y"].domain.nonnegative
    assert by_name["z"].domain.nonzero
    assert derivation.statics == (Parameter("u", 1), Parameter("v", 0))
    assert all(tensor.domain.declared for tensor in derivation.inputs)


def test_several_symbols_share_a_declaration() -> None:
    derivation = page(r"$x, y \in \mathbb{R}^N$ and $N_{in} \in \mathbb{N}$")
    assert [tensor.name for tensor in derivation.inputs] == ["x", "y"]
    assert derivation.statics == (Parameter("N_{in}", 0),)


def test_a_symbol_on_which_no_output_rests_is_no_input() -> None:
    derivation = page(
        r"$w \in \mathbb{R}^N$, $g \in \mathbb{R}^N$; output $R \in \mathbb{R}$"
        "\n\n"
        r"$$z_i = w_i^2$$ $$R = \sum_i z_i$$ $$w_i - g_i = -(g_i - w_i)$$"
    )
    assert [tensor.name for tensor in derivation.inputs] == ["w"]


def test_an_output_size_is_an_extent_and_not_a_claim() -> None:
    derivation = page(
        r"$x \in \mathbb{R}^H$, $u \in \mathbb{N}$ the stride and "
        r"$H' = \lfloor (H - 1)/u \rfloor + 1$; output $y \in \mathbb{R}^{H'}$"
    )
    assert [parameter.name for parameter in derivation.extents] == ["H'"]
    assert not claims(derivation)


def test_a_hypothesis_stands_in_a_declaring_sentence() -> None:
    derivation = page(r"- $T \in \mathbb{R}^{S \times K}$ with $\sum_k T_{sk} = 1$")
    (hypothesis,) = derivation.context.hypotheses
    assert text(hypothesis.left) == "Σ_k T_sk"
    assert not claims(derivation)


def test_the_same_words_without_a_declaration_make_a_claim() -> None:
    derivation = page(MATRICES, r"We are done, with $\sum_m X_{sm} = 1$.")
    assert not derivation.context.hypotheses
    assert len(claims(derivation)) == 1


# --- definitions and claims ---------------------------------------------------------------------


def test_the_first_equation_of_a_symbol_defines_and_the_next_claims() -> None:
    derivation = page(LINEAR, r"$$Y_{sn} = b_n + \sum_m W_{nm} X_{sm}$$")
    kinds = [item.kind for item in derivation.items if item.kind is not Kind.DECLARATION]
    assert kinds == [Kind.DEFINITION, Kind.CLAIM]
    assert shown(claims(derivation)[0]) == ["Y_sn = b_n + Σ_m W_nm X_sm"]


def test_a_chain_is_a_definition_and_links() -> None:
    derivation = page(MATRICES, "$$z_s = \\sum_m X_{sm} = 2 = 3$$")
    assert [shown(item) for item in claims(derivation)] == [["Σ_m X_sm = 2"], ["2 = 3"]]


def test_a_derivative_never_defines() -> None:
    derivation = page(LINEAR, r"$$\frac{\partial L}{\partial b_n} = 7$$")
    assert [item.kind for item in derivation.items][-1] is Kind.CLAIM


def test_an_open_loss_is_the_sum_of_cotangents_times_outputs() -> None:
    derivation = page(
        LINEAR, r"$$\frac{\partial L}{\partial b_n} = \sum_s \frac{\partial L}{\partial Y_{sn}}$$"
    )
    (item,) = claims(derivation)
    assert item.link is not None
    context = item.link.readings[0].context
    (loss,) = (tensor for tensor in context.definitions if tensor.name == "L")
    assert text(context.definitions[loss].body) == "Σ_s Σ_n (∂L/∂Y_sn) Y_sn"


def test_the_incoming_cotangent_gets_the_name_that_the_page_binds() -> None:
    derivation = page(
        MATRICES,
        r"- output $Y \in \mathbb{R}^{S \times N}$, $\bar Y_{sn} := \partial L/\partial Y_{sn}$",
        r"$$Y_{sn} = \sum_m X_{sm} W_{nm} + b_n$$",
        r"$$\frac{\partial L}{\partial b_n} = \sum_s \bar Y_{sn}$$",
    )
    assert {o.name: c.name for o, c in derivation.cotangents.items()} == {"Y": r"\bar{Y}"}
    assert [tensor.name for tensor in derivation.gradients] == ["b"]


def test_a_gradient_that_was_named_early_is_the_cotangent_of_the_output() -> None:
    """And has a closed form, and code; an update that uses it is no output beside it."""
    derivation = page(
        r"- $X \in \mathbb{R}^{S \times M}$, $W \in \mathbb{R}^{N \times M}$, $\eta > 0$ and "
        r"$\bar Y_{sn} := \partial L/\partial Y_{sn}$",
        r"$$Y_{sn} = \sum_m X_{sm} W_{nm}$$",
        r"$$G_{nm} := \frac{\partial L}{\partial W_{nm}} = \sum_s \bar Y_{sn} X_{sm}$$",
        r"$$W'_{nm} = W_{nm} - \eta G_{nm}$$",
    )
    assert [tensor.name for tensor in derivation.inputs] == ["X", "W"]
    ((output, cotangent),) = derivation.cotangents.items()
    assert (output.name, cotangent.name) == ("Y", r"\partial L/\partial Y")
    assert [tensor.name for tensor in derivation.gradients] == ["W"]
    assert lower(derivation).cotangents


def test_every_open_loss_has_cotangents_of_its_own() -> None:
    derivation = page(
        LINEAR,
        r"$$\frac{\partial L}{\partial b_n} = \sum_s \frac{\partial J}{\partial Y_{sn}}$$",
    )
    (item,) = claims(derivation)
    assert item.link is not None
    found = item.link.readings[0].context.definitions
    bodies = {tensor.name: text(found[tensor].body) for tensor in found if tensor.name in "LJ"}
    assert bodies == {"L": "Σ_s Σ_n (∂L/∂Y_sn) Y_sn", "J": "Σ_s Σ_n (∂J/∂Y_sn) Y_sn"}


def test_an_output_that_another_output_uses_has_a_total_derivative() -> None:
    derivation = page(
        r"- $x \in \mathbb{R}^N$; outputs $c' \in \mathbb{R}^N$ and $h' \in \mathbb{R}^N$ with "
        r"incoming cotangents $\bar c'$ and $\bar h'$",
        r"$$c'_j = x_j^2, \quad h'_j = \tanh(c'_j)$$",
        r"$$\frac{\partial L}{\partial c'_j} = \bar c'_j + \bar h'_j (1 - \tanh(c'_j)^2)$$",
    )
    names = {o.name: c.name for o, c in derivation.cotangents.items()}
    assert names == {"c'": r"\bar{c}'", "h'": r"\bar{h}'"}
    (item,) = claims(derivation)
    assert item.link is not None
    used = tensors(item.link.readings[0].right)
    assert not any(
        tensor in derivation.context.definitions for tensor in used if "bar" in tensor.name
    )


def test_a_later_section_may_redefine_and_its_symbol_is_another_one() -> None:
    derivation = page("# A\n\n$$E = x^2$$\n\n# B\n\n$$E = x^3$$\n\n$$E = x$$")
    kinds = [item.kind for item in derivation.items]
    assert kinds == [Kind.DEFINITION, Kind.DEFINITION, Kind.CLAIM]
    (item,) = claims(derivation)
    assert item.link is not None
    left = item.link.readings[0].left
    assert isinstance(left, Entry)
    assert text(item.link.readings[0].context.definitions[left.tensor].body) == "x³"


def test_a_sections_definitions_end_with_its_parent() -> None:
    derivation = page("# A\n\n## A1\n\n$$q = 1$$\n\n# B\n\n$$q = 2$$")
    assert [item.kind for item in derivation.items] == [Kind.DEFINITION, Kind.DEFINITION]


def test_variance_is_a_name_and_its_root_is_known() -> None:
    derivation = page(
        r"- $x \in \mathbb{R}^N$",
        r"$$\sigma^2 = \frac{1}{N} \sum_i x_i^2$$",
        r"$$\sigma = \sqrt{\sigma^2}$$",
    )
    (item,) = claims(derivation)
    assert shown(item) == ["√σ² = √σ²"]


# --- notation whose meaning the declarations decide -----------------------------------------------


@pytest.mark.parametrize(
    ("formula", "meaning"),
    [
        (r"X_{sm} = X_{s,m}", "X_sm = X_sm"),
        (r"\delta_{sm} = 0", "δ_sm = 0"),
        (r"[\frac{\partial L}{\partial b}]_j = 0", "∂L/∂b_j = 0"),
        (r"\frac{\partial}{\partial b_j} \sum_j b_j^2 = 0", "∂(Σ_k b_k²)/∂b_j = 0"),
        (r"\sum_{j \ne n} b_j = 0", "Σ_j (1 − δ_jn) b_j = 0"),
        (r"X^T_{ms} = 0", "X_sm = 0"),
        (r"e^{b_n} = \exp(b_n)", "e^{b_n} = e^{b_n}"),
        (r"\sigma(b_n) = \text{sigmoid}(b_n)", "σ(b_n) = σ(b_n)"),
        (r"[b_n > 0] = \mathbb{1}[b_n > 0]", "[b_n > 0] = [b_n > 0]"),
        (r"|b_n| = \max(b_n, 0)", "|b_n| = max(b_n, 0)"),
        (r"\max_m X_{sm} = 0", "max_m X_sm = 0"),
        (r"\mathbf{1}_{sm} = 1", "1 = 1"),
    ],
)
def test_meaning(formula: str, meaning: str) -> None:
    derivation = page(LINEAR, f"$${formula}$$")
    assert shown(claims(derivation)[0])[0] == meaning


def test_both_readings_of_a_slash_are_kept() -> None:
    derivation = page(r"- $x \in \mathbb{R}$, $y \in \mathbb{R}$", r"$$1/2x = y$$")
    assert shown(claims(derivation)[0]) == ["(1/2) · x = y", "1/(2 x) = y"]


def test_intermediates_held_fixed_is_a_reading() -> None:
    derivation = page(
        r"- $x \in \mathbb{R}^N$",
        r"$$\mu = \frac{1}{N} \sum_i x_i$$",
        r"$$y_i = x_i - \mu$$",
        r"$$\frac{\partial y_i}{\partial x_i} = 1$$",
    )
    (item,) = claims(derivation)
    assert item.link is not None
    plain, held = item.link.readings
    assert not plain.caution
    assert held.caution
    assert "held fixed" in held.note


def test_a_page_that_counts_from_one() -> None:
    derivation = page(r"$x \in \mathbb{R}^M$", r"$$\sum_{k=1}^{M} k x_k = x_1$$")
    (item,) = claims(derivation)
    assert item.link is not None
    assert item.link.readings[0].right == Entry(derivation.inputs[0], (Affine(),))
    assert text(item.link.readings[0].left) == "Σ_{k=1..M} k x_k"


def test_undeclared_extents_are_found_by_unification() -> None:
    derivation = page(r"$$y_i = \sum_j A_{ij} x_j$$", r"$$y_i = 0$$")
    (matrix,) = (tensor for tensor in derivation.inputs if tensor.name == "A")
    (vector,) = (tensor for tensor in derivation.inputs if tensor.name == "x")
    assert matrix.extents[1] == vector.extents[0]
    assert matrix.extents[0] != matrix.extents[1]


def test_what_the_page_says_nothing_about_is_unknown() -> None:
    derivation = page(LINEAR, r"$$b_n + q_n = 0$$")
    item = claims(derivation)[-1]
    assert item.link is not None
    assert [tensor.name for tensor in item.link.unknown] == ["q"]


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        (r"X_{sm} + W_{mn} = 0", "extent-mismatch"),
        (r"X_{smn} = 0", "rank-mismatch"),
        (r"\sum_s X_{sm} + X_{sm} = 0", "index-bound-and-free"),
        (r"X_{sm} = W_{nk}", "unequal-free-indices"),
        (r"\sum_{k=0}^{M-1} X_{sk} + \sum_{k=1}^{M} X_{sk} = 0", "mixed-bases"),
        (r"\bar b_n = 3", "unbound-gradient-name"),
        (r"dW_{nm} = X_{nm}", "unbound-gradient-name"),
        (r"q_n = q_n + 1", "circular-definition"),
        (r"\frac{\partial q_n}{\partial b_j} = \delta_{nj}", "no-definition"),
        (r"X W = 0", "extent-mismatch"),
        (r"X \otimes W = 0", "unsupported"),
        (r"\frac{\partial X}{\partial W} = 0", "rank-mismatch"),
        (r"b_n = \begin{bmatrix} 1 \end{bmatrix}", "unsupported"),
        (r"\sum_k 1 = b_n", "no-extent"),
    ],
)
def test_fault(formula: str, code: str) -> None:
    assert fault(page(MATRICES, f"$${formula}$$"))[0] == code


def test_what_depends_on_an_unread_definition_says_so() -> None:
    derivation = page(MATRICES, r"$$A = X \otimes W$$", r"$$A_{sn} + b_n = b_n$$", "$$b_n = b_n$$")
    codes = [
        found.code if (found := item.fault or (item.link.fault if item.link else None)) else None
        for item in derivation.items
        if item.kind is not Kind.DECLARATION
    ]
    assert codes == ["unsupported", "depends-on-unread", None]


def test_an_index_definition_after_an_unread_one_defines() -> None:
    derivation = page(r"$$Y = X \otimes W \Rightarrow Y_{sn} = \sum_m X_{sm} W_{nm}$$")
    assert [item.kind for item in derivation.items] == [Kind.DEFINITION, Kind.DEFINITION]
    assert derivation.items[1].fault is None


def test_a_shape_declared_twice() -> None:
    code, _ = fault(page(r"$x \in \mathbb{R}^N$ and $x \in \mathbb{R}^{N \times M}$"))
    assert code == "rank-mismatch"


PIECES = [
    "X_{sm}", "b_n", r"\frac{\partial L}{\partial X_{sm}}", "=", "+", "-", r"\sum_m", "(", ")",
    r"\sigma(", "^2", "_{s}", "1/2", r"\frac{1}{M}", r"\delta_{sm}", ":=", r"\in", r"\mathbb{R}^N",
    "e^{", "}", "[", "]", "'", r"\max", ",", r"\Rightarrow", "q", "W^T", r"\partial", "&", r"\\",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_no_soup_of_notation_raises(pieces: list[str]) -> None:
    derivation = page(LINEAR, "$0 " + " ".join(pieces).replace("$", "") + "$ and $X_{sm} = X_{sm}$")
    assert shown(claims(derivation)[-1])[0] == "X_sm = X_sm"
