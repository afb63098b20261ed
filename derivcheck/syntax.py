"""The tree of one piece of mathematics: what was written, before anyone knows what it means.

Nothing here knows shapes or kinds. Where notation has several readings (`f(x+1)`, `x^2_s`,
`W_{in}`) the tree keeps what was written and elaboration decides. Spans are offsets into the
document's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from derivcheck.source import Span


@dataclass(frozen=True, slots=True)
class Numeral:
    """Digits with an optional decimal part, as written."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Symbol:
    r"""One name, in canonical LaTeX: `x`, `\alpha`, `\hat{X}`, `\mathcal{L}`, `\mathbb{R}`.

    Fonts that only decorate (bold, italic, upright of one letter) are dropped, so that `\mathbf{X}`
    is `X`, and `bold` remembers them; a word is kept whole: `\text{loss}` is `loss` with `word`
    set. Accents: `\hat \tilde \bar \dot \check \vec…` become `\hat{…}`; `\overline`, `\widehat`,
    `\widetilde` are the same as their small forms.
    """

    name: str
    span: Span
    bold: bool = False
    word: bool = False


@dataclass(frozen=True, slots=True)
class Scripted:
    """A base with subscript, superscript and primes; which is power, label or index is open.

    A subscript or superscript with top-level commas is a `Sequence`.
    """

    base: Node
    subscript: Node | None
    superscript: Node | None
    primes: int
    span: Span


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Addition:
    """Signed terms, `("-", b)` for `a - b`; a leading sign is kept: `-a` is one signed term.

    Signs are "+" and "-" (and "±" for `\\pm`, which elaboration rejects).
    """

    terms: tuple[tuple[str, Node], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Multiplication:
    r"""Factors with the operator before each but the first.

    Operators: "" (juxtaposed), `\cdot`, `\times`, `\circ`, `\odot`, `\otimes`, `*`, `/`.
    `h(x)` is `h` and a `Group` juxtaposed: a product or an application, elaboration decides.
    """

    factors: tuple[Node, ...]
    operators: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Fraction:
    r"""`\frac`, `\dfrac`, `\tfrac`, `{a \over b}`."""

    numerator: Node
    denominator: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Root:
    radicand: Node
    degree: Node | None
    span: Span


@dataclass(frozen=True, slots=True)
class DerivativeOf:
    r"""`\frac{\partial A}{\partial B}`, `\partial A/\partial B`, `\frac{d}{dx} f`, `\nabla_x L`.

    `operand` is None where the derivative stands alone and applies to what follows it in the
    enclosing `Multiplication`. `variables` are (variable, order) pairs in the order written;
    `symbol` is `\partial`, `d`, `\nabla` or `\nabla^2`.
    """

    symbol: str
    operand: Node | None
    variables: tuple[tuple[Node, int], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class BigOperator:
    r"""`\sum`, `\prod`, `\max`, `\min` with a body that extends over the following product.

    `kind` is "sum", "prod", "max" or "min" (`\Sigma_{i=1}^{N}` is a sum; `\max_{r,q}` with a
    subscript is one of these, `\max(a, b)` is a `Call`). `letters` are the bound letters;
    `lower`/`upper` are the bounds of a single letter or None; `condition` is a further
    restriction (`j \ne i`) or None.
    """

    kind: str
    letters: tuple[Symbol, ...]
    lower: Node | None
    upper: Node | None
    condition: Chain | None
    body: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    r"""A named function on its argument(s): `\log x`, `\exp(…)`, `\max(a, b)`,
    `\operatorname{f}(…)`.

    `name` has no backslash (`log`, `softmax`); `subscript`/`superscript` belong to the name
    (`\log^2 x`, `\text{softmax}(x)_i` has the subscript of the whole call). `bracketed` says
    whether the argument stood in brackets.
    """

    name: str
    arguments: tuple[Node, ...]
    subscript: Node | None
    superscript: Node | None
    bracketed: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    r"""A bracketed body; `open`/`close` are `(`, `[`, `\{`, `|`, `\|`, `\lfloor`, `\lceil`,
    `\langle`, `{`…

    Sizes (`\left`, `\Big`) are dropped. Plain braces `{…}` do not make a group unless something
    depends on them. The body may be a `Chain` (an Iverson bracket) or a `Sequence`.
    """

    open: str
    close: str
    body: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Cases:
    """Rows of `cases`: a value and its condition, None for `otherwise`/`else`."""

    rows: tuple[tuple[Node, Node | None], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Indicator:
    r"""`\mathbb{1}[c]`, `\mathbf{1}\{c\}`, `\mathbb{1}_{i=j}`, `1\{…\}`, `I[…]` with a relation
    inside."""

    condition: Node
    span: Span


@dataclass(frozen=True, slots=True)
class Chain:
    r"""`a < b \le c` where it stands inside an expression: sides and the relations between them.

    Relations as in `Statement`. Logical words inside (`and`, `\land`, `,`) make a `Sequence` of
    chains.
    """

    sides: tuple[Node, ...]
    relations: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A side that is not understood, for what stands at `place`; the others still stand."""

    construct: str
    help: str
    place: Span
    span: Span


Node: TypeAlias = (
    Numeral
    | Symbol
    | Scripted
    | Sequence
    | Addition
    | Multiplication
    | Fraction
    | Root
    | DerivativeOf
    | BigOperator
    | Call
    | Group
    | Cases
    | Indicator
    | Chain
    | Unreadable
)


@dataclass(frozen=True, slots=True)
class Relation:
    r"""A relation sign at its place: `=`, `:=`, `\equiv`, `\ne`, `\approx`, `\in`, `<`, `\le`,
    `>`, `\ge`, `\propto`, `\sim`, `\to`, `\mapsto`, `\leftarrow`…: canonical spelling, with
    `\leq` as `\le`, `\neq` as `\ne`, `\triangleq`, `\overset{def}{=}` as `:=`."""

    sign: str
    span: Span


@dataclass(frozen=True, slots=True)
class Statement:
    r"""A chain of sides: `A = B = C` has three sides and two relations; a lone formula has one
    side.

    Sides that are top-level `Sequence`s (`i, j \in …`) stay sequences. Statements of one piece
    are split at `\Rightarrow`, `\implies`, `\iff`, `;`, at `\quad`/`,` between complete
    statements and at rows that do not continue the chain; a row that begins with a relation
    continues the one before. `words` make it the condition of the statement before it: `\text{if}`.
    """

    sides: tuple[Node, ...]
    relations: tuple[Relation, ...]
    span: Span
    words: str = ""

    @property
    def equates(self) -> bool:
        """Whether it begins with an equality, which may define."""
        return bool(self.relations) and self.relations[0].sign in ("=", ":=", r"\equiv")
