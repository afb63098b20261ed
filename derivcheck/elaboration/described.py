r"""What prose says of functions that no equation defines: “$f$ is even”, “the softplus $\zeta$”.

An abstract function is any function, so that what fails of it is false; but not where words say
more of it. Some of these words are names, and then the claims can be judged of that function too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from derivcheck import syntax
from derivcheck.document import Block, Heading, Math, Paragraph, Prose, sentence
from derivcheck.elaboration.applications import applied_names
from derivcheck.elaboration.names import declared_name
from derivcheck.source import Source, Span
from derivcheck.syntax import Statement

NAMES = {
    "softplus": "softplus",
    "relu": "relu",
    "rectifier": "relu",
    "rectified linear": "relu",
    "tanh": "tanh",
    "hyperbolic tangent": "tanh",
    "sigmoid": "sigmoid",
    "sigmoidal": "sigmoid",
    "logistic sigmoid": "sigmoid",
    "logistic": "sigmoid",
}
"""Activations by what prose calls them."""

_NAMES_BY_A_SYMBOL = {
    "exponential": "exp",
    "exp": "exp",
    "natural logarithm": "log",
    "logarithm": "log",
    "log": "log",
    "natural log": "log",
    "sine": "sin",
    "cosine": "cos",
    "hyperbolic sine": "sinh",
    "hyperbolic cosine": "cosh",
    "absolute value": "abs",
    "sign": "sign",
    "error": "erf",
    "identity": "identity",
    "identical": "identity",
}
"""These words mean many things unless they stand by a function's symbol."""


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAMED = {**NAMES, **_NAMES_BY_A_SYMBOL}

_VAGUE = _words_of("exp log abs sign erf")
r"""Functions whose name may be said of others: `e^{2x}` is exponential, `\log_2` a logarithm."""

_ANY = _words_of("any arbitrary every generic general")
_NEUTRAL = _words_of(
    "a an any arbitrary some every each the this that these those such its our their one "
    "another given certain fixed general generic possibly known unknown same following chosen "
    "suitable elementwise element-wise component-wise componentwise pointwise point-wise "
    "entrywise entry-wise coordinatewise coordinate-wise element component point entry wise "
    "once twice thrice times continuously infinitely everywhere sufficiently smooth "
    "differentiable continuous nonlinear non-linear real real-valued scalar scalar-valued "
    "univariate unary well-behaved nice function functions map maps mapping mappings "
    "nonlinearity nonlinearities non-linearity non-linearities activation activations transfer "
    "output hidden input layer layers unit units neuron neurons network networks neural model "
    "models loss losses cost objective criterion error value values term terms applied "
    "evaluated acting used here again both all two three only also just simply itself assumed "
    "be is are as by being to called derivative derivatives gradient first second variable "
    "variables argument"
)
"""Words after which a function is still any function."""

_KIND = (
    r"(?:even|odd|(?:bi|multi|sub)?linear|affine|(?:strictly |strongly )?(?:convex|concave)"
    r"|(?:strictly )?(?:monoton(?:e|ic|ically \w+)|(?:in|de)creasing)|non-?(?:in|de)creasing"
    r"|(?:positively )?homogeneous|(?:sub|super)?additive|multiplicative|idempotent|involut\w+"
    r"|(?:anti-?|skew-?)?symmetric|(?:anti)?periodic|(?:non-?)?(?:positive|negative)|constant"
    r"|quadratic|cubic|polynomial|exponential|harmonic|self-inverse|1-lipschitz|contractive"
    r"|piecewise[ -]\w+|leaky|parametric|swish|silu|gelu|s?elu|mish|softsign|step|heaviside)"
)
_THING = (
    r"(?:functions?|maps?|mappings?|activations?|nonlinearit(?:y|ies)|functionals?|operators?"
    r"|re(?:lus?|ctifiers?))"
)
_KNOWN = re.compile(rf"{_KIND}(?![\w-])", re.IGNORECASE)
_SAID_APART = re.compile(
    rf"\b{_KIND}(?:,? (?:and )?[\w-]+){{0,2}} {_THING}\b"
    rf"|\b{_THING} (?:is|are|be|that (?:is|are)) (?:an? |also |both )?{_KIND}(?![\w-])"
    r"|\b(?:convexity|concavity|monotonicity|periodicity|oddness|evenness|homogeneity|idempotence"
    r"|additivity|(?:swish|silu|gelu|s?elu|mish|softsign|heaviside)s?)\b"
    r"|\b(?:linearity|symmetry|positivity|boundedness)(?= of \$)",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(
    r"\b(?:such as|e\.\s?g\.|for (?:example|instance)|like|say|including|typically|usually|commonly"
    r"|often|(?:could|may|might|can) be|unlike|instead of|rather than)(?![\w-])[^.;]*",
    re.IGNORECASE,
)

_LIST_BEFORE = re.compile(r"(?:\$[^$]+\$\s*(?:,\s*|and\s+|or\s+|,\s*and\s+))+$")
_LIST_BEHIND = re.compile(r"(?:\s*(?:,\s*and|,|and|or)\s*\$[^$]+\$)*")
_WORD = re.compile(r"[\w'-]+")
_TAIL = re.compile(r"[\w',\s-]*$")
_DETERMINERS = _words_of(
    "a an the any some every each our this that such its one another these those all both two no"
)
_PREPOSITIONS = _words_of(
    "for with of given by through to in on at from into under over via when if since because as "
    "let suppose assume assuming consider take where whose and or but"
)
_VERBS = _words_of(
    "let be is are has have having gives use using apply applying take taking call denote write "
    "compute computing consider then that than which so while define"
)
_COPULA = re.compile(
    r"\s*(?:,?\s*(?:which|that)\s+)?(?:is|are|to\s+be|be|being|was|were|becomes?|remains?|denotes?|denoting"
    r"|represents?|means|stands for|as)\s+",
    re.IGNORECASE,
)
_PREDICATE = re.compile(r"[\w'\s-]+(?:,(?=\s*(?:[\w-]+\s+){0,3}[\w-]+\s*(?:,|and\b))[\w'\s-]+)*")
_STOPS = _words_of(
    "where with so then which whose that for of in on at to from because since if when while "
    "but after before and such like e eg"
)
_OBEYS = re.compile(
    r"\s*(?:,?\s*(?:which|that)\s+)?(?:satisf\w+|obey\w*|fulfill?\w*|commutes?|preserves?|solves?"
    r"|vanish\w*|inverts?|equals?|maps|grows|saturates?|does not|is not|is its"
    r"|(?:has|have|having)\s+\w+)\b",
    re.IGNORECASE,
)
_APPOSED = re.compile(
    r"\s*(?:,\s*(?:an?|the)\s+([\w'\s-]+?)\s*[,.;)]|\(\s*(?:an?\s+|the\s+)?([\w'\s-]+?)\s*[,;)])"
)
_BEHIND = re.compile(r"\s+(?:(?:an?|the)\s+)?((?:[\w'-]+\s*){1,4})")
_WITH_A_DOT = re.compile(r"\s*(\\[A-Za-z]+|[A-Za-z])\s*\(\s*(?:\\cdot|\\bullet|\.)\s*\)\s*$")
_AROUND = 120


@dataclass
class Descriptions:
    """What prose says of functions: that they are special, by name which they may be, or any.

    `names` are those that a page speaks of at all: any of its functions may be one of these, of
    which it says nothing else.
    """

    special: set[str] = field(default_factory=set[str])
    named: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    arbitrary: set[str] = field(default_factory=set[str])
    names: tuple[str, ...] = ()

    @property
    def logistic(self) -> bool:
        """Whether σ(x) is the logistic function, as it is where no words say another."""
        others = self.named.get(r"\sigma", {"sigmoid"}) - {"sigmoid"}
        return not others and r"\sigma" not in self.special

    def of(self, name: str) -> tuple[str, ...]:
        """The functions that the one of this symbol may be, in a fixed order."""
        own = tuple(sorted(self.named.get(name, ())))
        return own if own or name in self.special | self.arbitrary else self.names


def described(
    blocks: Sequence[Block], pieces: Mapping[Math, Sequence[Statement]], source: Source
) -> Descriptions:
    """What a page says of the symbols that may be functions."""
    found = Descriptions()
    before = ""
    for position, block in enumerate(blocks):
        if not isinstance(block, Paragraph):
            before = ""
            continue
        ahead = list(sentence(blocks[position:]))
        prose = " ".join(f"{before} {' '.join(map(_words, ahead))}".split())
        before = _words(block)
        statements = [s for p in block.parts if isinstance(p, Math) for s in pieces[p]]
        if _SAID_APART.search(_EXAMPLES.sub("", prose)):
            found.special.update(set(applied_names(statements)) - {r"\sigma"})
        for statement in statements:
            for name in (*_introduced(statement), *with_a_dot(statement, source)):
                _by_a_symbol(name, statement.span, source, found)
    everything = " ".join(_words(b) for b in blocks if isinstance(b, Heading | Paragraph))
    found.names = tuple(sorted(set(_activations(_EXAMPLES.sub("", everything)))))
    return found


def _words(block: Heading | Paragraph) -> str:
    return "".join(p.text if isinstance(p, Prose) else " $ " for p in block.parts)


def _activations(prose: str) -> Iterator[str]:
    lowered = prose.lower().replace("-", " ")
    for words, name in NAMES.items():
        if re.search(rf"(?<!leaky )(?<!parametric )\b{words}s?\b", lowered):
            yield name


def _introduced(statement: Statement) -> Iterator[str]:
    """The symbols of which words next to this statement speak: it is `f`, `f, g`, `f(x)` or a
    signature."""
    if [relation.sign for relation in statement.relations][:1] not in ([], [":"]):
        return
    side = statement.sides[0]
    for item in side.items if isinstance(side, syntax.Sequence) else (side,):
        match item:
            case syntax.Multiplication((head, syntax.Group("(")), ("",)):
                name = declared_name(head)
            case _:
                name = declared_name(item)
        if name is not None:
            yield name


def with_a_dot(statement: Statement, source: Source) -> Iterator[str]:
    r"""The function of `f(\cdot)`, alone or with what it is behind it."""
    if isinstance(statement.sides[0], syntax.Unreadable) and (
        found := _WITH_A_DOT.match(source.slice(statement.sides[0].span))
    ):
        yield found[1]


def _by_a_symbol(name: str, span: Span, source: Source, found: Descriptions) -> None:
    text = source.text
    before = text[max(span.start - _AROUND, 0) : span.start].rstrip("$\\( \n")
    after = text[span.end : span.end + _AROUND].lstrip("\\)").removeprefix("$").removeprefix("$")
    for words in (*_said_before(before), *_said_behind(after)):
        _judge(name, words, found)


def _judge(name: str, words: Iterable[str], found: Descriptions) -> None:
    words = list(words)
    left = [word for word in words if word not in _NEUTRAL]
    if not left:
        if not _ANY.isdisjoint(words):
            found.arbitrary.add(name)
        return
    said = " ".join(left).replace("-", " ")
    known = _NAMED.get(said) or _NAMED.get(said.removesuffix("s"))
    if known is not None:
        found.named.setdefault(name, set()).add(known)
    # σ is the logistic function whatever it is called, but not if it is linear, or a step.
    if (known is None or known in _VAGUE) and (name != r"\sigma" or _KNOWN.search(said)):
        found.special.add(name)


def _said_before(before: str) -> Iterator[list[str]]:
    """The words of a noun phrase that ends with the symbol: “for any convex $f$”."""
    before = _LIST_BEFORE.sub("", before + " ").rstrip("$\\( \n")
    tail = _TAIL.search(before)
    words = [w.lower() for w in _WORD.findall(tail[0].split("\n\n")[-1])] if tail else []
    if before.rstrip().endswith((",", "|")):
        return
    phrase: list[str] = []
    for word in reversed(words[-8:]):
        if word in _DETERMINERS or word in _PREPOSITIONS:
            yield phrase
            return
        if word in _VERBS or (not phrase and re.search(r"[^su]s$", word) and word not in _NEUTRAL):
            break
        phrase.insert(0, word)
    if _KNOWN.search(" ".join(phrase)) or any(" ".join(phrase[n:]) in NAMES for n in range(3)):
        yield phrase


def _said_behind(after: str) -> Iterator[list[str]]:
    """The words of a predicate or an apposition: “$f$ is odd”, “$f$ the ReLU”."""
    listed = _LIST_BEHIND.match(after)
    after = after[listed.end() if listed else 0 :]
    if _OBEYS.match(after):
        yield ["special"]
        return
    if copula := _COPULA.match(after):
        if predicate := _PREDICATE.match(after[copula.end() :]):
            yield list(_phrase(predicate[0]))
        return
    if apposed := _APPOSED.match(after):
        said = apposed[1] or apposed[2]
        words = list(_phrase(said))
        if apposed[1] or _is_known(words):
            yield words
        return
    if (behind := _BEHIND.match(after)) and _is_known(words := list(_phrase(behind[1]))[:3]):
        yield words


def _is_known(words: Sequence[str]) -> bool:
    left = [word for word in words if word not in _NEUTRAL]
    first = {" ".join(left[:n]).replace("-", " ") for n in range(1, 4)}
    return bool(_KNOWN.match(" ".join(left))) or not first.isdisjoint(_NAMED.keys())


def _phrase(text: str) -> Iterator[str]:
    """The words up to where another clause or a complement begins."""
    for word in _WORD.findall(text.split("\n\n")[0]):
        if word.lower() in _STOPS:
            return
        yield word.lower()
