"""Judged documents made by hand, for the rooms that only print: no mathematics is done here."""

from derivcheck.checked import Checked, Judged
from derivcheck.derivation import Item, Kind, Link
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.source import Source, Span
from derivcheck.verdict import Counterexample, Evidence, Judgement, Outcome, Verdict

TEXT = r"""# Centring

Each row loses its mean.

## Forward

$$
Y_{sj} = X_{sj} - \mu_s
$$

## Gradient

$$
\begin{aligned}
\frac{\partial L}{\partial X_{sj}} &= \bar{Y}_{sj} - \frac{1}{M} \sum_k \bar{Y}_{sk} \\
  &= \bar{Y}_{sj} && \text{(the mean does not matter)}
\end{aligned}
$$

$$
|X_{sj}| = X_{sj} + 0
$$
"""
SOURCE = Source("notes/centring.md", TEXT)


def span_of(text: str, source: Source = SOURCE) -> Span:
    """The only place of a piece of text."""
    assert source.text.count(text) == 1, text
    start = source.text.index(text)
    return Span(start, start + len(text))


def item(kind: Kind, left: str, right: str, relation: str = "=") -> Item:
    span = span_of(right)
    return Item(kind, span, span_of(left) | span, SOURCE.slice(span), Link(relation, ()))


DEFINITION = item(Kind.DEFINITION, "Y_{sj} = X", r"X_{sj} - \mu_s")
FIRST = item(
    Kind.CLAIM,
    r"\frac{\partial L}{\partial X_{sj}}",
    r"\bar{Y}_{sj} - \frac{1}{M} \sum_k \bar{Y}_{sk}",
)
SECOND = item(
    Kind.CLAIM, r"\frac{1}{M} \sum_k", r"\bar{Y}_{sj} && \text{(the mean does not matter)}"
)
THIRD = item(Kind.CLAIM, "|X_{sj}| =", "X_{sj} + 0")

REFUTED = Judgement(
    Verdict.REFUTED,
    "refuted",
    "this equality does not hold",
    difference="−(1/M) Σ_k Ȳ_sk",
    counterexample=Counterexample(
        extents={"S": 1, "M": 2},
        indices={"s": 0, "j": 0},
        values={r"\bar{Y}": [["1", "0"]]},
        left="0.5",
        right="1",
    ),
    suggestion="− (1/M) Σ_k Ȳ_sk is added",
    help="every entry of the row moves the mean",
)
PROVED = Judgement(Verdict.PROVED, "proved", "proved for every size", assumptions=("M ≥ 1",))
UNDECIDED = Judgement(
    Verdict.UNDECIDED, "natural-domain", "it fails only outside X ≥ 0", help="declare X ≥ 0"
)

WITNESSES = (
    Evidence("autodiff", Outcome.MET, 3.1e-16, 1e-12, "S=2 M=3 seed=0", "independent"),
    Evidence("autodiff", Outcome.MET, 2.2e-16, 1e-12, "S=1 M=5 seed=0", "independent"),
    Evidence("finite differences", Outcome.MET, 1.2e-10, 5.8123e-10, "S=2 M=3 seed=0"),
    Evidence("finite differences", Outcome.INCONCLUSIVE, None, None, "S=1 M=5 seed=0"),
)

FAULTY = Checked(
    SOURCE,
    (
        Judged(DEFINITION, None),
        Judged(FIRST, PROVED),
        Judged(SECOND, REFUTED),
        Judged(THIRD, UNDECIDED),
    ),
    (),
    Verdict.REFUTED,
    seed=0,
    strict=True,
)
SOUND = Checked(
    Source("notes/sound.md", TEXT),
    (Judged(DEFINITION, None), Judged(FIRST, PROVED)),
    (),
    Verdict.PROVED,
    seed=7,
    evidence=WITNESSES,
    trials=2,
)
UNREAD = Checked(
    Source("notes/image.md", ""),
    (),
    (Diagnostic(Severity.ERROR, "binary", "this is no text", Span(0, 0)),),
    None,
    seed=0,
    strict=True,
)
