"""Machine edits of every claim: what differs is never proved, what does not is never refuted.

A sample runs by default; all of it by `pytest -n 0 -m slow -s tests/test_mutants.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from mutants import Edit, mutants, rewritings
from mutation import Claim, Tally, claims, judged_reading, judgement, neighbours
from oracle import differs, differs_at

from derivcheck import registry
from derivcheck.verdict import Verdict

SAMPLE = 8
"""How many edits of a page run by default, evenly spread over all of them."""

ACQUITTED = (Verdict.PROVED, Verdict.AGREES)
CONVICTED = (Verdict.REFUTED, Verdict.ILL_FORMED)


def wrong_edits(name: str) -> Iterator[tuple[Claim, Edit]]:
    for claim in claims(name):
        offered = neighbours(claim)
        for edit in mutants(claim.source.text, claim.side, offered):
            yield claim, edit


def true_edits(name: str) -> Iterator[tuple[Claim, Edit]]:
    for claim in claims(name):
        for edit in rewritings(claim.source.text, claim.side):
            yield claim, edit


def sampled(edits: Iterable[tuple[Claim, Edit]]) -> list[tuple[Claim, Edit]]:
    every = list(edits)
    return every[len(every) % 3 :: max(len(every) // SAMPLE, 1)]


def judge_wrong(edits: Iterable[tuple[Claim, Edit]]) -> Tally:
    tally = Tally()
    for claim, edit in edits:
        item, derivation = claim.edited(edit)
        judged = judgement(item, derivation)
        reading = judged_reading(item, judged) if judged else None
        if judged is None or reading is None:
            tally.counts["not an equality", judged.verdict.value if judged else "none"] += 1
            continue
        found = judged.verdict
        wrong = differs(reading, seed=1, definitions=derivation.extents)
        if not wrong and judged.counterexample is not None:
            wrong = differs_at(reading, judged.counterexample) or wrong
        said = {True: "differs", False: "does not differ", None: "undefined"}[wrong]
        tally.counts[said, found.value] += 1
        if (wrong and found in ACQUITTED) or (wrong is False and found in CONVICTED):
            tally.broken.append(f"{claim.described(edit)}: {said}, but {found.value}")
        elif wrong and found not in CONVICTED:
            tally.open.append(f"{claim.described(edit)}: {found.value}")
    return tally


def judge_true(edits: Iterable[tuple[Claim, Edit]]) -> Tally:
    tally = Tally()
    for claim, edit in edits:
        item, derivation = claim.edited(edit)
        judged = judgement(item, derivation)
        assert judged is not None, claim.described(edit)
        found = judged.verdict
        tally.counts["true rewriting", found.value] += 1
        if found in CONVICTED:
            tally.broken.append(f"{claim.described(edit)}: {found.value}")
        elif found is not Verdict.PROVED:
            tally.open.append(f"{claim.described(edit)}: {found.value}")
    return tally


def report(name: str, tally: Tally) -> None:
    print(f"\n{name}", *tally.lines(), *tally.open, sep="\n  ")


@pytest.mark.parametrize("name", registry.names())
def test_a_sample_of_wrong_edits(name: str) -> None:
    tally = judge_wrong(sampled(wrong_edits(name)))
    assert tally.counts
    assert not tally.broken, "\n".join(tally.broken)
    assert not tally.open, "\n".join(tally.open)


@pytest.mark.parametrize("name", registry.names())
def test_a_sample_of_true_rewritings(name: str) -> None:
    tally = judge_true(sampled(true_edits(name)))
    assert tally.counts
    assert not tally.broken, "\n".join(tally.broken)


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names())
def test_all_wrong_edits(name: str) -> None:
    tally = judge_wrong(wrong_edits(name))
    report(name, tally)
    assert not tally.broken, "\n".join(tally.broken)
    assert not tally.open, "\n".join(tally.open)


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names())
def test_all_true_rewritings(name: str) -> None:
    tally = judge_true(true_edits(name))
    report(name, tally)
    assert not tally.broken, "\n".join(tally.broken)
