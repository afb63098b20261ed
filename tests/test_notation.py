"""Names and printing: identifiers are safe, text and LaTeX mean what the tree means."""

from __future__ import annotations

import doctest
import keyword
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_expressions import SAMPLES, value

from derivcheck import notation
from derivcheck.checker import read_derivation
from derivcheck.expression import (
    ONE,
    Affine,
    Derivative,
    Entry,
    Expression,
    Function,
    Index,
    Maximum,
    Parameter,
    Positive,
    Product,
    Rational,
    Sum,
    Tensor,
    add,
    apply,
    delta,
    divide,
    fresh,
    guard,
    multiply,
    negate,
    number,
    power,
    rational,
    square_root,
    subtract,
    within,
)
from derivcheck.notation import identifier, identifiers, latex, names, text, unicode_name
from derivcheck.source import Source

S, M, U, P = (Parameter(name) for name in ("S", "M", "u", "p"))
SIZES = {letter: Affine.of(S) for letter in "st"} | {letter: Affine.of(M) for letter in "jklmn"}


def free(letter: str, base: int = 0) -> Index:
    return Index(letter, SIZES[letter], 0, base)


def bound(letter: str, base: int = 0) -> Index:
    return fresh(free(letter, base))


def tensor(name: str, *extents: Parameter) -> Tensor:
    return Tensor(name, tuple(Affine.of(extent) for extent in extents))


def at(array: Tensor, *subscripts: Index | Affine | int) -> Entry:
    return Entry(array, tuple(Affine.of(subscript) for subscript in subscripts))


X, X_HAT, Y_BAR = tensor("X", S, M), tensor(r"\hat{x}", S, M), tensor(r"\bar{y}", S, M)
VARIANCE, EPSILON, LOSS = tensor(r"\sigma^2", S), tensor(r"\epsilon"), tensor("L")
ROW = tensor("x", M)
s, j, k = free("s"), free("j"), free("k")


def test_docstring_examples_hold() -> None:
    for module in (names, notation):
        outcome = doctest.testmod(module)
        assert outcome.attempted > 2
        assert outcome.failed == 0


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (r"\gamma", "gamma"),
        (r"\hat{X}", "X_hat"),
        (r"\widehat{X}", "X_hat"),
        (r"\bar{Y}", "Y_bar"),
        (r"\sigma^2", "sigma_squared"),
        ("W^{f}", "W_f"),
        ("W^f", "W_f"),
        ("W^{(l)}", "W_l"),
        ("b^{[1]}", "b_1"),
        ("c'", "c_prime"),
        ("c_{t-1}", "c_t_minus_1"),
        ("N_{in}", "N_in"),
        (r"\mathcal{L}", "L_cal"),
        ("loss", "loss"),
        (r"\lambda", "lambda_"),
        ("in", "in_"),
        ("sum", "sum_"),
        ("np", "np_"),
        ("forward", "forward_"),
        (r"\partial L/\partial Y", "dL_dY"),
        ("ξ", "xi"),
        ("__class__", "c_lass"),
        ("", "v"),
    ],
)
def test_identifier(name: str, expected: str) -> None:
    assert identifier(name) == expected


@given(st.text(max_size=12) | st.text(alphabet="\\{}^_'ab2 hat", max_size=20))
def test_any_text_gives_a_safe_identifier(name: str) -> None:
    found = identifier(name)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", found)
    assert found.isidentifier()
    assert not keyword.iskeyword(found)
    assert "__" not in found
    assert unicode_name(name) is not None


def test_deep_braces_neither_recurse_nor_hang() -> None:
    assert identifier("{" * 5000 + "x" + "}" * 5000).endswith("u7d")


@given(st.lists(st.sampled_from(["a", "a_2", "{a}", "(a)", "a_{2}", "a^{[2]}", "a'"]), unique=True))
def test_identifiers_are_distinct(found: list[str]) -> None:
    table = identifiers(found)
    assert len(set(table.values())) == len(found)
    assert list(table) == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (r"\hat{x}", "x̂"),
        (r"\bar{y}", "ȳ"),
        (r"\gamma", "γ"),
        (r"\sigma^2", "σ²"),
        ("W^{(l)}", "W^(l)"),
        (r"\bar{loss}", "bar(loss)"),
        (r"\frac{\partial L}{\partial Y}", "∂L/∂Y"),
    ],
)
def test_unicode_name(name: str, expected: str) -> None:
    assert unicode_name(name) == expected


# --- printing -----------------------------------------------------------------------------------


def layer_norm_term() -> Expression:
    inner = bound("k")
    root = power(square_root(add(at(VARIANCE, s), at(EPSILON))), -1)
    mean = multiply(
        power(number(M), -1), Sum(inner, multiply(at(Y_BAR, s, inner), at(X_HAT, s, inner)))
    )
    return multiply(root, subtract(at(Y_BAR, s, j), multiply(at(X_HAT, s, j), mean)))


a, b, c = (at(tensor(name)) for name in "abc")
x_j, inner_k = at(ROW, j), bound("k")
x_k = at(ROW, inner_k)

CASES = [
    (
        layer_norm_term(),
        "(1/√(σ²_s + ε)) · (ȳ_sj − (x̂_sj/M) · Σ_k ȳ_sk x̂_sk)",
        (
            r"\frac{1}{\sqrt{\sigma^2_{s} + \epsilon}} \left(\bar{y}_{sj} - \frac{\hat{x}_{sj}}{M} "
            r"\sum_{k} \bar{y}_{sk} \hat{x}_{sk}\right)"
        ),
    ),
    (
        divide(apply("exp", x_j), Sum(inner_k, apply("exp", x_k))),
        "e^{x_j}/(Σ_k e^{x_k})",
        r"\frac{e^{x_{j}}}{\sum_{k} e^{x_{k}}}",
    ),
    (multiply(Sum(inner_k, x_k), a), "(Σ_k x_k) a", r"\left(\sum_{k} x_{k}\right) a"),
    (multiply(a, Sum(inner_k, x_k)), "a Σ_k x_k", r"a \sum_{k} x_{k}"),
    (add(Sum(inner_k, x_k), a), "Σ_k x_k + a", r"\sum_{k} x_{k} + a"),
    (Sum(inner_k, add(x_k, a)), "Σ_k (x_k + a)", r"\sum_{k} \left(x_{k} + a\right)"),
    (Sum(inner_k, negate(x_k)), "Σ_k (−x_k)", r"\sum_{k} \left(-x_{k}\right)"),
    (multiply(a, rational(-2)), "a (−2)", r"a \left(-2\right)"),
    (multiply(a, rational(2), b), "a · 2 b", r"a \cdot 2 b"),
    (multiply(rational(Fraction(1, 2)), a), "(1/2) · a", r"\frac{1}{2} a"),
    (subtract(a, add(b, c)), "a − (b + c)", r"a - \left(b + c\right)"),
    (power(negate(a), 2), "(−a)²", r"\left(-a\right)^{2}"),
    (divide(a, multiply(b, c)), "a/(b c)", r"\frac{a}{b c}"),
    (power(at(VARIANCE, s), 2), "(σ²_s)²", r"\left(\sigma^2_{s}\right)^{2}"),
    (power(x_j, 2), "x_j²", r"x_{j}^{2}"),
    (power(x_j, Fraction(3, 2)), "x_j^(3/2)", r"x_{j}^{3/2}"),
    (Positive(at(tensor("x", S), s)), "[x_s > 0]", r"[x_{s} > 0]"),
    (Positive(subtract(a, ONE)), "[a > 1]", "[a > 1]"),
    (Positive(negate(subtract(a, ONE))), "[a < 1]", "[a < 1]"),
    (Positive(add(a, ONE)), "[a > −1]", "[a > -1]"),
    (Positive(negate(a)), "[a < 0]", "[a < 0]"),
    (Positive(subtract(a, b)), "[a > b]", "[a > b]"),
    (Positive(add(negate(b), a)), "[a > b]", "[a > b]"),
    (Positive(add(a, b, c)), "[a + b + c > 0]", "[a + b + c > 0]"),
    (multiply(rational(4), apply("arctan", ONE)), "π", r"\pi"),
    (square_root(multiply(rational(8), apply("arctan", ONE))), "√(2 π)", r"\sqrt{2 \pi}"),
    (multiply(a, power(apply("arctan", ONE), -1)), "4 a/π", r"\frac{4 a}{\pi}"),
    (
        multiply(at(tensor(r"\pi")), rational(4), apply("arctan", ONE)),
        "π · 4 arctan(1)",
        r"\pi \cdot 4 \arctan(1)",
    ),
    (delta(j, k), "δ_jk", r"\delta_{jk}"),
    (delta(j, Affine.of(k) * 2 + 1), "δ_{j,2k+1}", r"\delta_{j,2k+1}"),
    (Maximum((inner_k,), ONE, x_k), "max_k x_k", r"\max_{k} x_{k}"),
    (Product(inner_k, x_k), "∏_k x_k", r"\prod_{k} x_{k}"),
    (within(Affine.of(j) + 1, M), "[0 ≤ j + 1 < M]", r"[0 \le j + 1 < M]"),
    (guard(Affine.of(j) - k), "[j ≥ k]", r"[j \ge k]"),
    (guard(Affine.of(j) - k - 1), "[j > k]", r"[j > k]"),
    (
        at(tensor("X", S, M, M), s, j, Affine.of(j) * U + k - P),
        "X_{s,j,ju+k−p}",
        r"X_{s,j,ju+k-p}",
    ),
    (
        Derivative(at(LOSS), at(X, s, j)),
        "∂L/∂X_sj",
        r"\frac{\partial L}{\partial X_{sj}}",
    ),
    (
        multiply(Derivative(at(LOSS), at(X, s, j)), a),
        "(∂L/∂X_sj) a",
        r"\frac{\partial L}{\partial X_{sj}} a",
    ),
    (
        Derivative(Derivative(at(LOSS), b), a),
        "∂²L/∂a∂b",
        r"\frac{\partial^{2} L}{\partial a \partial b}",
    ),
    (
        Derivative(add(a, b), a),
        "∂(a + b)/∂a",
        r"\frac{\partial}{\partial a} \left(a + b\right)",
    ),
    (
        at(tensor(r"\partial L/\partial Y", S, M), s, j),
        "∂L/∂Y_sj",
        r"\frac{\partial L}{\partial Y_{sj}}",
    ),
    (apply("sigmoid", a), "σ(a)", r"\sigma(a)"),
    (
        multiply(apply("sigmoid", a), at(tensor(r"\sigma"))),
        "sigmoid(a) σ",
        r"\operatorname{sigmoid}(a) \sigma",
    ),
    (apply("relu", a), "relu(a)", r"\operatorname{relu}(a)"),
    (apply("log", divide(a, b)), "log(a/b)", r"\log\left(\frac{a}{b}\right)"),
    (power(apply("log", a), 2), "(log(a))²", r"\left(\log(a)\right)^{2}"),
    (apply(Function("h", abstract=True, order=2), x_j), "h''(x_j)", r"h''(x_{j})"),
    (at(tensor("N_{in}", M), j), "N_{in,j}", r"{N_{in}}_{j}"),
    (multiply(number(Affine.of(M) - 1), a), "(M − 1) a", r"\left(M - 1\right) a"),
]


@pytest.mark.parametrize(("expression", "expected", "expected_latex"), CASES)
def test_printing(expression: Expression, expected: str, expected_latex: str) -> None:
    assert text(expression) == expected
    assert latex(expression) == expected_latex


def test_bound_letters_give_way_to_free_ones_and_to_outer_binders() -> None:
    clash = multiply(x_j, Sum(bound("j"), at(ROW, j)))
    assert text(clash) == "x_j Σ_{k=0..M−1} x_j"
    own = bound("j")
    assert text(multiply(x_j, Sum(own, at(ROW, own)))) == "x_j Σ_k x_k"
    outer, inner = bound("k"), bound("k")
    nested = Sum(outer, multiply(at(ROW, outer), Sum(inner, at(ROW, inner))))
    assert text(nested) == "Σ_k x_k Σ_l x_l"
    assert text(Sum(own, at(ROW, own))) == "Σ_j x_j"
    assert text(Sum(own, at(ROW, own)), indices=(j,)) == "Σ_k x_k"


def test_printing_does_not_depend_on_serial_numbers() -> None:
    assert text(layer_norm_term()) == text(layer_norm_term())
    assert latex(layer_norm_term()) == latex(layer_norm_term())


def test_indices_that_count_from_one_print_as_on_the_page() -> None:
    one, own = free("j", 1), bound("k", 1)
    shifted = Sum(own, multiply(at(ROW, own), at(ROW, Affine.of(own) + 1), delta(own, one)))
    assert latex(shifted) == r"\sum_{k=1}^{M} x_{k} x_{k+1} \delta_{kj}"
    assert latex(add(at(ROW, 0), Sum(own, at(ROW, own)))) == r"x_{1} + \sum_{k=1}^{M} x_{k}"
    assert latex(multiply(number(own), at(ROW, own))) == r"\left(k - 1\right) x_{k}"


def test_a_bound_is_written_where_no_axis_tells_it() -> None:
    own = bound("k")
    assert latex(Sum(own, at(ROW, Affine.of(own) + 1))) == r"\sum_{k=0}^{M-1} x_{k+1}"


# --- the text means what the tree means ---------------------------------------------------------

_LEAVES = st.sampled_from([a, b, c, rational(2), rational(-3), rational(Fraction(2, 3))])
_TREES = st.recursive(
    _LEAVES,
    lambda child: st.one_of(
        st.lists(child, min_size=2, max_size=3).map(lambda found: add(*found)),
        st.lists(child, min_size=2, max_size=3).map(lambda found: multiply(*found)),
        st.tuples(child, st.sampled_from([2, 3, -1, -2])).map(lambda found: power(*found)),
        child.map(negate),
    ),
    max_leaves=8,
)
_VALUES = {"a": Fraction(5, 7), "b": Fraction(11, 3), "c": Fraction(-13, 5)}


def evaluate(expression: Expression) -> Fraction:
    from derivcheck.expression import Add, Multiply, Power

    match expression:
        case Rational(value):
            return value
        case Entry(array):
            return _VALUES[array.name]
        case Add(terms):
            return sum(map(evaluate, terms), Fraction(0))
        case Multiply(factors):
            result = Fraction(1)
            for factor in factors:
                result *= evaluate(factor)
            return result
        case Power(base, exponent):
            return evaluate(base) ** int(evaluate(exponent))
        case _:
            raise AssertionError(expression)


class Reader:
    """A reader of our own one-line text: + −, juxtaposition · /, superscripts, brackets."""

    def __init__(self, written: str) -> None:
        self.tokens = re.findall(r"\d+|[abc]|[()+−·/]|[⁰¹²³⁴⁵⁶⁷⁸⁹]+", written)

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def sum(self) -> Fraction:
        result = Fraction(0)
        first = True
        while first or self.peek() in ("+", "−"):
            sign = self.tokens.pop(0) if self.peek() in ("+", "−") else "+"
            result += self.product() * (1 if sign == "+" else -1)
            first = False
        return result

    def product(self) -> Fraction:
        result = self.power()
        while self.peek() and self.peek() not in "+−)":
            operator = self.tokens.pop(0) if self.peek() in "·/" else "·"
            value = self.power()
            result = result * value if operator == "·" else result / value
        return result

    def power(self) -> Fraction:
        token = self.tokens.pop(0)
        if token == "(":
            value = self.sum()
            assert self.tokens.pop(0) == ")"
        else:
            value = _VALUES[token] if token in _VALUES else Fraction(token)
        if self.peek() and self.peek()[0] in "⁰¹²³⁴⁵⁶⁷⁸⁹":
            raised = self.tokens.pop(0)
            value **= int(raised.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")))
        return value


@given(_TREES)
def test_text_reads_back_with_the_same_value(expression: Expression) -> None:
    try:
        expected = evaluate(expression)
    except ZeroDivisionError:
        return
    reader = Reader(text(expression))
    assert reader.sum() == expected
    assert not reader.tokens


# --- the LaTeX is read back as what it means ----------------------------------------------------

PAGE = r"""# Sample

- $X \in \mathbb{R}^{S \times M}$, $x \in \mathbb{R}^{M}$, $\gamma \in \mathbb{R}^{M}$
- $\epsilon > 0$
- stride $u \in \mathbb{N}$, padding $p \in \mathbb{N}$, $p \ge 0$

$$
%s = X_{sj} + x_j
$$
"""


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "count"])
def test_latex_reads_back(name: str) -> None:
    """By the page reader, under a page's declarations, as the same line of text."""
    original = SAMPLES[name]
    item = read_derivation(Source("sample.md", PAGE % latex(original))).items[-1]
    assert item.link is not None
    (reading,) = item.link.readings
    assert text(reading.left) == text(original)


def test_samples_differ_in_value() -> None:
    assert len({value(expression) for expression in SAMPLES.values()}) > len(SAMPLES) - 3
