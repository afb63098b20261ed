"""The reader of mathematics: every construct, its place, and what it does with what it cannot
read."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketches import side, sketch, statements

from derivcheck import syntax
from derivcheck.latex import Macro, Numbered, Usage, collect_macros, parse_math
from derivcheck.source import Span

SIDES = {
    # names
    r"\hat{X}_{sj}": r"\hat{X}_(s j)",
    r"\hat X_i": r"\hat{X}_i",
    r"\hat{X_i}": r"\hat{X}_i",
    r"\widetilde{x}": r"\tilde{x}",
    r"\overline{y}": r"\bar{y}",
    r"\hat{\mathbf{x}}": r"\hat{x}*",
    r"\boldsymbol{\hat\theta}": r"\hat{\theta}*",
    r"\textbf{XW}^{T}": "(X* W*^T)",
    r"\mathbf{x}_i": "x*_i",
    r"\bm{w_1}": "w*_1",
    r"\mathcal{L}": r"\mathcal{L}",
    r"{\cal L}": r"\mathcal{L}",
    r"\mathbb R^{S \times M}": r"\mathbb{R}^(S \times M)",
    r"\mathrm{L}": "L",
    r"\text{loss}": "'loss'",
    "α_i x": r"(\alpha_i x)",
    "h''": "h''",
    r"X^{\prime}": "X'",
    r"\varepsilon": r"\varepsilon",
    # scripts
    "X_{sj}": "X_(s j)",
    "X_{s,j}": "X_[s, j]",
    "X_{n,c,tu+r-p}": "X_[n, c, (+(t u) +r -p)]",
    "N_{in}": "N_(i n)",
    r"N_{\text{in}}": "N_'in'",
    r"\lambda_{\max}": r"\lambda_'max'",
    "W^{(l)} b^{[1]} W^f": "(W^(l) b^[1] W^f)",
    "a^{<t>}": "a^<t>",
    r"\sigma_s^2": r"\sigma_s^2",
    r"\sigma^2_s": r"\sigma_s^2",
    r"{\sigma_s}^2": r"\sigma_s^2",
    "x^* + x^+": "(+x^* +x^+)",
    r"x^T x^\top": r"(x^T x^\top)",
    "c'_{t-1}": "c_(+t -1)'",
    r"\Big[\frac{\partial L}{\partial W}\Big]_{ij}": "[partial[L / W]]_(i j)",
    # numbers
    "0.5": "0.5",
    ".5": ".5",
    "a + .5": "(+a +.5)",
    "1{,}000": "1000",
    "1e-5": "1e-5",
    "1e{-5}": "1e-5",
    "10^{-5}": "10^(-5)",
    "2 e - 5": "(+(2 e) -5)",
    "2n": "(2 n)",
    # operators
    "-a + b": "(-a +b)",
    r"a \pm b": "(+a ±b)",
    r"3 \cdot -2": r"(3 \cdot (-2))",
    r"a \circ b \odot c \otimes d * e / f": r"(a \circ b \odot c \otimes d * e / f)",
    "{a + b} c": "({(+a +b)} c)",
    r"\frac{{a + b}}{c}": "frac((+a +b), c)",
    r"\dfrac12 x": "(frac(1, 2) x)",
    r"\frac1{M}": "frac(1, M)",
    r"{a \over b}": "frac(a, b)",
    r"\sqrt{x} + \sqrt[3]{x} + \sqrt\frac{a}{b}": (
        "(+root(x, ·) +root(x, 3) +root(frac(a, b), ·))"
    ),
    # brackets
    r"\left( a \right) \Bigg[ b \Bigg] \bigl\{ c \bigr\}": r"((a) [b] \{c\})",
    "|x|": "|x|",
    "|a||b|": "(|a| |b|)",
    "|x - |y||": "|(+x -|y|)|",
    r"\|x\|_2^2": r"\|x\|_2^2",
    r"\left|\frac{x}{y}\right|": "|frac(x, y)|",
    r"\lfloor x \rfloor": r"\lfloorx\rfloor",
    r"\{0, 1\}": r"\{[0, 1]\}",
    "[0, 1)": "[[0, 1])",
    "[x > 0]": "[x > 0]",
    # sums, products, maxima
    r"\sum_k x_k y + 1": "(+sum[k](x_k y) +1)",
    r"\sum_{mn} a_{mn}": "sum[m n]a_(m n)",
    r"\sum_{m,n} a": "sum[m n]a",
    r"\sum_{k=1}^{M} x_k": "sum[k 1..M]x_k",
    r"\Sigma_{i=1}^{N} x_i": "sum[i 1..N]x_i",
    r"\Sigma_{ij}": r"\Sigma_(i j)",
    r"\sum\limits_{i=1}^n x_i": "sum[i 1..n]x_i",
    r"\sum_i^N x_i": "sum[i ·..N]x_i",
    r"\sum_{j \ne i} x_j": r"sum[j | j \ne i]x_j",
    r"\sum_{j: j \neq i} x_j": r"sum[j | j \ne i]x_j",
    r"\sum_{j, j \ne i} x_j": r"sum[j | j \ne i]x_j",
    r"\sum_{\substack{j=1 \\ j \ne i}}^{N} x_j": r"sum[j 1..N | j \ne i]x_j",
    r"\sum_{k \in S} x_k": r"sum[k | k \in S]x_k",
    r"\sum_{1 \le i \le N} x_i": "sum[i 1..N]x_i",
    r"\sum_{i,j=1}^{N} x_{ij}": "sum[i 1..N]sum[j 1..N]x_(i j)",
    r"\sum_{k'} x_{k'}": "sum[k']x_k'",
    r"\sum_k a_k \sum_j b_j / N - c": "(+sum[k](a_k sum[j](b_j / N)) -c)",
    r"\prod_i p_i \log p_i": "prod[i](p_i log⟨p_i⟩)",
    r"\max_{r,q} X_{r+2,q}": "max[r q]X_[(+r +2), q]",
    r"\underset{k}{\max} x_k": "max[k]x_k",
    r"\max(0, x)": "max(0, x)",
    r"\min\{a, b\}": "min(a, b)",
    # functions
    r"e^{-x}": "e^(-x)",
    r"\exp(x)^2": "exp(x)^2",
    r"\exp -x": "exp⟨(-x)⟩",
    r"\log x y + z": "(+log⟨(x y)⟩ +z)",
    r"\log x \cdot y": r"(log⟨x⟩ \cdot y)",
    r"\log x \log y": "(log⟨x⟩ log⟨y⟩)",
    r"\log x \sum_k y_k": "(log⟨x⟩ sum[k]y_k)",
    r"\log \sum_k e^{x_k}": "log⟨sum[k]e^x_k⟩",
    r"\log \frac{a}{b}": "log⟨frac(a, b)⟩",
    r"\log^2 x": "log^2⟨x⟩",
    r"\log(x) y": "(log(x) y)",
    r"T_{ik}log(X_{ik})": "(T_(i k) log(X_(i k)))",
    "tanh(x) + max(a, b)": "(+tanh(x) +max(a, b))",
    "log (x)": "(l o g (x))",
    r"\ln x + \tanh x": "(+ln⟨x⟩ +tanh⟨x⟩)",
    r"\sigma(x + 1)": r"(\sigma ((+x +1)))",
    r"\operatorname{softmax}(x)_i": "softmax(x)_i",
    r"\text{softmax}_i(x)": "softmax_i(x)",
    r"\mathrm{ReLU}(x)": "ReLU(x)",
    r"\operatorname*{Var}[x]": "Var(x)",
    "f'(x) h(X_{ij})": "(f' (x) h (X_(i j)))",
    r"\tanh'(x)": "('tanh'' (x))",
    # derivatives
    r"\frac{\partial A}{\partial B_{ij}}": "partial[A / B_(i j)]",
    r"\frac{\partial^2 L}{\partial a \partial b}": "partial[L / a, b]",
    r"\dfrac{\partial^2 L}{\partial x^2}": "partial[L / x**2]",
    r"\frac{\partial L}{\partial \sigma^2_s}": r"partial[L / \sigma_s^2]",
    r"\partial A/\partial B_{ij} \cdot c": r"(partial[A / B_(i j)] \cdot c)",
    r"\partial^2 L / \partial x^2": "partial[L / x**2]",
    r"\partial L/\partial y \, \partial y/\partial x": "(partial[L / y] partial[y / x])",
    r"\frac{\partial}{\partial x}(x y)": "(partial[· / x] ((x y)))",
    r"\frac{d}{dx}(x^2)": "(d[· / x] (x^2))",
    r"\frac{\mathrm d y}{\mathrm d x}": "d[y / x]",
    r"\frac{df}{dx}": "d[f / x]",
    r"\frac{d^2 y}{dx^2}": "d[y / x**2]",
    r"dL/dW": "d[L / W]",
    r"\frac{d_k}{d_v}": "frac(d_k, d_v)",
    r"\frac{d^2}{d}": "frac(d^2, d)",
    r"\nabla_x L": "(nabla[· / x] L)",
    r"\frac{\partial log(X_{ik})}{\partial X_{mn}}": "partial[log(X_(i k)) / X_(m n)]",
    # indicators and cases
    r"\mathbb{1}[x > 0]": "1[x > 0]",
    r"\mathbb 1\{x > 0\}": "1[x > 0]",
    r"\mathbf 1[i = j]": "1[i = j]",
    r"\mathbb{1}_{i=j}": "1[i = j]",
    r"1\{x > 0\}": "1[x > 0]",
    r"I[x > 0]": "1[x > 0]",
    r"\mathbf{1}_{mn}": "1*_(m n)",
    r"\delta_{ij}": r"\delta_(i j)",
    r"\begin{cases} x, & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}": (
        "cases{x if x > 0}{0 if ·}"
    ),
    r"\left\{ \begin{array}{ll} 1 & x > 0, \\ 0 & x \le 0 \end{array} \right.": (
        r"cases{1 if x > 0}{0 if x \le 0}"
    ),
    # what says nothing
    r"\displaystyle a\, b\; c\! d \quad": "(a b c d)",
    r"\color{red} a + \textcolor{blue}{b} + \boxed{c}": "(+a +b +c)",
    r"\underbrace{a}_{\text{first}} + \overbrace{b}^{c}": "(+a +b)",
    r"a \tag{1} \label{eq:a}": "a",
    r"a \nonumber .": "a",
    "a % b": "a",
}


@pytest.mark.parametrize("latex", SIDES)
def test_construct(latex: str) -> None:
    assert side(latex) == SIDES[latex]


STATEMENTS = {
    "A = B = C": ["A = B = C"],
    r"A := B \equiv C": [r"A := B \equiv C"],
    r"a \triangleq b": ["a := b"],
    r"a \overset{\text{def}}{=} b": ["a := b"],
    r"a \overset{(3)}{=} b": ["a = b"],
    r"a \neq b \leq c \geqslant d": [r"a \ne b \le c \ge d"],
    r"a \not= b": [r"a \ne b"],
    r"w \gets w - 1": [r"w \leftarrow (+w -1)"],
    r"x \approx 3.14": [r"x \approx 3.14"],
    r"A = B \Rightarrow C = D \implies E = F": ["A = B", "C = D", "E = F"],
    "a = b; c = d.": ["a = b", "c = d"],
    "a = b, c = d": ["a = b", "c = d"],
    r"a = b, \quad c": ["a = b", "c"],
    r"a = b \quad \text{and} \quad c = d": ["a = b", "c = d"],
    r"i, j \in S": [r"[i, j] \in S"],
    r"\epsilon > 0, i, j \in \{0, 1\}": [r"\epsilon > 0", r"[i, j] \in \{[0, 1]\}"],
    "p(x; y) = 1": ["(p ([x, y])) = 1"],
    r"\text{where } a = b": ["a = b"],
    r"a = b \quad \text{(chain rule)}": ["a = b"],
    r"a = b \quad (1)": ["a = b"],
    r"Y_i = X_i \quad \forall i": ["Y_i = X_i"],
    r"Y_i = X_i, \text{ for } i = 1, \ldots, N": ["Y_i = X_i"],
    r"\text{softmax}(x)_i = y": ["softmax(x)_i = y"],
    # rows
    r"\begin{aligned} a &= b \\ &= c \\ d &= e \end{aligned}": ["a = b = c", "d = e"],
    r"\begin{align*} a &= b \\ &\quad + c && \text{(why)} \\ &= d \end{align*}": [
        "a = (+b +c) = d"
    ],
    r"\begin{equation}\begin{split} a & = b\\ & = c\\ \end{split}\end{equation}": ["a = b = c"],
    r"\begin{gather} a = b \\ -c = d \end{gather}": ["a = b", "(-c) = d"],
    r"\begin{eqnarray} a &=& b \\ &=& c \end{eqnarray}": ["a = b = c"],
    r"\begin{multline} a = b \\ + c \\ d \end{multline}": ["a = (+b +(c d))"],
    r"a &= b & c &= d": ["a = b", "c = d"],
    r"a = b \\ c = d": ["a = b", "c = d"],
    r"a = b \\ - c": ["a = (+b -c)"],
    r"a &= \sum_k \\ &\quad x_k": ["a = sum[k]x_k"],
    r"a &= \Big( b \\ &\qquad + c \Big) d": ["a = (((+b +c)) d)"],
    r"a &= \left( b \right. \\ &\left. + c \right)": ["a = ((+b +c))"],
    r"\left\{\begin{aligned} a &= b \\ c &= d \end{aligned}\right.": ["a = b", "c = d"],
    r"\boxed{a = b}": ["a = b"],
}


@pytest.mark.parametrize("latex", STATEMENTS)
def test_statements(latex: str) -> None:
    assert statements(latex) == STATEMENTS[latex]


UNREADABLE = {
    # formula: (construct, the text that the caret stands under)
    r"\frac{a{b}": ("unclosed brace", "{"),
    "(a": ("unclosed bracket", "("),
    "a)": ("unmatched bracket", ")"),
    r"\begin{bmatrix} 1 \end{bmatrix}": ("matrix", r"\begin{bmatrix} 1 \end{bmatrix}"),
    r"x_1 + \ldots": ("ellipsis", r"\ldots"),
    r"\cancel{x}": (r"\cancel", r"\cancel"),
    r"\arg\max_k x_k": (r"\arg", r"\arg"),
    r"\int x": ("integral", r"\int"),
    r"\wibble x": (r"\wibble", r"\wibble"),
    r"\sum x_i": ("sum without an index", r"\sum"),
    r"a + \sum_i": ("sum without a body", r"\sum_i"),
    r"\frac{X}{\partial X_{ij}}": (
        "derivative without ∂ in its numerator",
        r"\frac{X}{\partial X_{ij}}",
    ),
    r"\frac{\partial L}{\gamma}": (
        "derivative without ∂ in its denominator",
        r"\frac{\partial L}{\gamma}",
    ),
    r"\frac{\partial^3 L}{\partial x^2}": (
        "derivative whose orders do not agree",
        r"\partial x^2",
    ),
    r"\frac{\partial A + B}{\partial x}": ("derivative of a sum without brackets", "A + B"),
    r"\partial x": (r"\partial outside a derivative", r"\partial"),
    "x^a^b": ("double superscript", "^"),
    "x_12": ("digits after a script without braces", "12"),
    "10 000": ("two numbers side by side", "10 000"),
    "a +": ("missing expression", "+"),
    "a * / b": ("dangling operator", "/"),
    "n!": ("factorial", "!"),
    r"5\%": ("percent", r"\%"),
    r"a \log": ("log without an argument", r"\log"),
    "p(y|x)": ("unclosed bar", "|"),
    r"\overline{a + b}": (r"\overline over more than one symbol", r"\overline{a + b}"),
}


@pytest.mark.parametrize("latex", UNREADABLE)
def test_unreadable(latex: str) -> None:
    construct, text = UNREADABLE[latex]
    (statement,) = parse_math(latex)
    (fault,) = statement.sides
    assert isinstance(fault, syntax.Unreadable)
    assert (fault.construct, latex[fault.place.start : fault.place.end]) == (construct, text)


def test_a_fault_leaves_the_other_sides_of_its_statement() -> None:
    assert statements(r"a = \int b = (c = d") == ["a = <integral> = <unclosed bracket> = d"]
    assert statements(r"\dfrac{d}{dx}(u(x)=v \\ e = f") == ["<unclosed bracket> = v", "e = f"]


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{if } x > 0 \text{ then } a = b",
        r"a = b \text{ or } a = c",
        r"a = b \text{ if } x > 0, y > 0",
        r"a = b \text{ for some } x > 0",
        r"a = b \text{ only if } x > 0",
        r"a = b \text{ times } c",
    ],
)
def test_a_condition_in_words_makes_no_unconditional_claim(latex: str) -> None:
    first = parse_math(latex)[0]
    assert [sketch(part) for part in first.sides] == ["a", "<condition in words>"]
    assert statements(r"a = b \quad \text{(zero if } k \ne i \text{)}")[0] != "a = b"
    assert statements(r"a &= b && \text{(zero if both differ)}") == ["a = b"]
    assert statements(r"a = b \text{ (by symmetry) } + c") == ["a = (+b +c)"]


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"a = b \text{ if } x > 0", "if"),
        (r"a = b \quad \text{for } j \ne n", "for"),
        (r"a &= b && \text{when } x > 0", "when"),
        (r"a = b \text{ as long as } x > 0 \quad (2)", "as long as"),
        (r"a = b, \quad \forall x > 0", "for all"),
    ],
)
def test_a_relation_after_such_words_is_the_condition_of_the_statement_before_it(
    latex: str, words: str
) -> None:
    claim, condition = parse_math(latex)
    assert (sketch(claim.sides[1]), claim.words) == ("b", "")
    assert (condition.relations[0].sign in (">", r"\ne"), condition.words) == (True, words)


def test_words_and_empty_input_are_no_statements() -> None:
    assert statements("") == statements("  % nothing") == statements(r"\quad \\ &") == []
    assert statements(r"\text{(by the chain rule)}") in ([], ["'(by the chain rule)'"])


# Places


def test_spans_are_offsets_into_the_document() -> None:
    latex = r"\mathbf{x}_{ij} &= \frac{a}{b} \\ &\le c"
    (statement,) = parse_math(latex, offset=100)

    def text(span: Span) -> str:
        return latex[span.start - 100 : span.end - 100]

    assert [text(part.span) for part in statement.sides] == [
        r"\mathbf{x}_{ij}",
        r"\frac{a}{b}",
        "c",
    ]
    assert [text(relation.span) for relation in statement.relations] == ["=", r"\le"]
    assert text(statement.span) == latex
    assert isinstance(statement.sides[0], syntax.Scripted)
    assert text(statement.sides[0].base.span) == r"\mathbf{x}"


def children(node: object) -> list[syntax.Node]:
    found: list[syntax.Node] = []
    if isinstance(node, tuple):
        for item in node:
            found.extend([item] if isinstance(item, syntax.Node) else children(item))
    elif isinstance(node, syntax.Node):
        for name in type(node).__dataclass_fields__:
            value = getattr(node, name)
            found.extend([value] if isinstance(value, syntax.Node) else children(value))
    return found


def check_spans(node: syntax.Node, within: Span) -> None:
    assert within.start <= node.span.start <= node.span.end <= within.end, (node, within)
    for child in children(node):
        check_spans(child, node.span)


@pytest.mark.parametrize("latex", [*SIDES, *STATEMENTS, *UNREADABLE])
def test_spans_nest(latex: str) -> None:
    for statement in parse_math(latex):
        for part in statement.sides:
            if not isinstance(part, syntax.Unreadable):
                check_spans(part, statement.span)


# Macros


def test_macros_of_a_document() -> None:
    macros = collect_macros(
        [
            r"\renewcommand{\v}[1]{\mathbf #1} a",
            r"\def\half{\frac12} \DeclareMathOperator{\relu}{relu}",
            r"\newcommand{\pd}[2][L]{\frac{\partial #1}{\partial #2}}",
        ]
    )
    assert macros[r"\v"] == Macro(r"\v", 1, r"\mathbf #1")
    latex = r"\v{w_1} = \half x = \relu(y) = \pd{x} = \pd[y]{x}"
    (statement,) = parse_math(latex, macros=macros)
    assert [sketch(part) for part in statement.sides] == [
        "w*_1",
        "(frac(1, 2) x)",
        "relu(y)",
        "partial[L / x]",
        "partial[y / x]",
    ]
    first = statement.sides[0]
    assert latex[first.span.start : first.span.end] == r"\v{w_1}"


def test_a_definition_holds_from_where_it_stands() -> None:
    assert statements(r"\newcommand{\a}{b} \a = \renewcommand\a{c} \a") == ["b = c"]


def test_macros_that_do_not_end_are_one_unreadable() -> None:
    doubling = "".join(rf"\def\{chr(97 + n)}{{\{chr(98 + n)}\{chr(98 + n)}}}" for n in range(24))
    for latex in (r"\def\a{\a}\a", r"\def\a#1{\a{#1#1}}\a{x}", doubling + r"\a"):
        (line,) = statements(latex)
        assert line.startswith("<macro ")


# Adversarial input

TOKENS = str.split(
    r"\frac \sum_ \partial \left( \right) \left\{ \right. \begin{aligned} \end{aligned} "
    r"\begin{cases} \end{cases} \begin{array}{c} \\ & = := \ne \Rightarrow , ; . { } ( ) [ ] | \| "
    r"^ _ ' + - \cdot / x \alpha d 1 2 \mathbf \mathrm \text{if} \text{a$b$c} \text{word} \quad "
    r"\hat \log log( \max_ \sqrt \substack \newcommand \def # \overset \underbrace \boxed \forall "
    r"\over \nabla \Sigma_{i=1} \mathbb 1_{ \{ \} \ldots \limits e - \not \in % $ \ "
)
soup = st.lists(st.sampled_from(TOKENS), max_size=40).map(" ".join)


@given(st.one_of(soup, st.text(max_size=60)), st.integers(0, 1000))
def test_any_input_is_read_and_spans_nest(latex: str, offset: int) -> None:
    whole = Span(offset, offset + len(latex))
    for statement in parse_math(latex, offset):
        assert len(statement.sides) == len(statement.relations) + 1
        assert whole.start <= statement.span.start <= statement.span.end <= whole.end
        for part in statement.sides:
            assert whole.start <= part.span.start <= part.span.end <= whole.end
            if not isinstance(part, syntax.Unreadable):
                check_spans(part, whole)
        for before, after in pairwise(statement.relations):
            assert before.span <= after.span


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(", ")"),
        (r"\left(", r"\right)"),
        ("{", "}"),
        (r"\frac{", "}{2}"),
        (r"\sqrt{", "}"),
        ("x^{", "}"),
        (r"\hat{", "}"),
        ("|", "|"),
        (r"\log ", ""),
        (r"\sqrt", ""),
        (r"\begin{cases}", r"\end{cases}"),
        (r"\frac{\partial ", r"}{\partial x}"),
        (r"\sum_k ", ""),
    ],
)
def test_ten_thousand_levels_are_one_unreadable_side(before: str, after: str) -> None:
    began = time.process_time()
    fault = parse_math("y = " + before * 10_000 + "x" + after * 10_000)[0].sides[1]
    assert isinstance(fault, syntax.Unreadable)
    assert fault.construct == "too deeply nested"
    assert time.process_time() - began < 10


def test_forty_levels_are_read() -> None:
    for before, after in (("(", ")"), (r"\frac{", "}{2}"), ("x^{", "}"), (r"\log ", "")):
        assert "<" not in side(before * 40 + "x" + after * 40)


def test_a_sum_of_a_thousand_terms_is_read() -> None:
    terms = [rf"\frac{{\partial L}}{{\partial x_{{{n}}}}} w_{{{n}}}" for n in range(1000)]
    node = parse_math("y = " + " + ".join(terms))[0].sides[1]
    assert isinstance(node, syntax.Addition)
    assert len(node.terms) == 1000


def test_a_formula_without_end_is_one_unreadable() -> None:
    assert side("x" * 200_001) == "<formula too long>"


# Well-formed mathematics has no unreadable side

letters = st.sampled_from(["x", "y", "W", r"\alpha", r"\hat{X}", r"\mathbf{w}", r"\mathcal{L}"])
indices = st.sampled_from(["_i", "_{ij}", "_{s,j}", "_{t-1}", "^2", "_i^2", "'", "^{(l)}", ""])
symbols = st.builds(str.__add__, letters, indices)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} + {}".format, inner, inner),
        st.builds("({} - {})".format, inner, inner),
        st.builds(r"{} \cdot {}".format, symbols, inner),
        st.builds("{} {}".format, symbols, symbols),
        st.builds(r"\frac{{{}}}{{{}}}".format, inner, inner),
        st.builds(r"\sqrt{{{}}}".format, inner),
        st.builds(r"e^{{{}}}".format, inner),
        st.builds(r"\log \left( {} \right)".format, inner),
        st.builds(r"\sum_{{k=1}}^{{M}} {} x_k".format, symbols),
        st.builds(r"\sum_{{j \ne i}} \Big[ {} \Big]".format, inner),
        st.builds(r"\frac{{\partial L}}{{\partial {}}}".format, symbols),
        st.builds(r"\left| {} \right|".format, inner),
        st.builds(r"\max(0, {})".format, inner),
        st.builds(r"\operatorname{{relu}}({})".format, inner),
        st.builds(r"\mathbb{{1}}[{} > 0]".format, symbols),
        st.builds(
            r"\begin{{cases}} {} & x > 0 \\ 0 & \text{{otherwise}} \end{{cases}}".format, inner
        ),
    )


@given(st.recursive(symbols, larger, max_leaves=12))
def test_well_formed_sides_are_read(latex: str) -> None:
    (statement,) = parse_math(f"y = {latex}")
    assert not isinstance(statement.sides[1], syntax.Unreadable), statement.sides[1]
    check_spans(statement.sides[1], statement.span)


USAGES = {
    "x_j^{(i)}": (Usage(numbered={"x": Numbered("x")}), "x_[i, j]"),
    "x^{(i)}": (Usage(numbered={"x": Numbered(r"x^{(\cdot)}", vectors=True)}), r"x^{(\cdot)}*_i"),
    r"x^{(i)\top}": (Usage(numbered={"x": Numbered("x")}), r"x_i^\top"),
    "Z_2^{(i)}": (Usage(numbered={"Z_{2}": Numbered("Z_{2}")}), "Z_{2}_i"),
    "W^{(1)}": (Usage(numbered={"x": Numbered("x")}), "W^(1)"),
    "{x^{(i)}}^2": (Usage(numbered={"x": Numbered("x")}), "x_i^2"),
    r"\mathbf{x}_n": (Usage(vectors={"x"}), "{x}*_n"),
    "x_{ni}": (Usage(vectors={"x"}), "{x}_(n i)"),
    "x_i": (Usage(vectors={"x"}), "x_i"),
    "L_i": (Usage(twofold={"L"}), "{L}_i"),
}


@pytest.mark.parametrize("latex", USAGES)
def test_marks_mean_what_the_document_uses_them_for(latex: str) -> None:
    usage, expected = USAGES[latex]
    (statement,) = parse_math(latex, usage=usage)
    assert sketch(statement.sides[0]) == expected
