"""Pages that are test suites: the expected verdict stands beside the line it is about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from derivcheck.checked import Judged
from derivcheck.checker import check_source
from derivcheck.derivation import Kind
from derivcheck.document import load_source

CORPUS = Path(__file__).parent / "corpus"
PAGES = sorted(CORPUS.glob("*sound/*.md"))
_EXPECT = re.compile(r"(?:<!--|%)\s*expect:\s*([\w-]+(?:\s*,\s*[\w-]+)*)")


def expectations(text: str) -> dict[int, tuple[str, ...]]:
    """The verdicts expected on each line, from 1; a comment of its own is about the next line."""
    found: dict[int, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _EXPECT.search(line)
        if match:
            alone = line.strip().startswith("<!--") and line.strip().endswith("-->")
            verdicts = tuple(word.strip() for word in match[1].split(","))
            found[number + alone] = verdicts
    return found


def said(judged: Judged) -> str:
    if judged.judgement is not None:
        return judged.judgement.verdict.value
    return judged.item.kind.value


def test_the_corpus_is_there() -> None:
    assert {path.parent.name for path in PAGES} == {"sound", "unsound"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_page(path: Path) -> None:
    source = load_source(path)
    expected = expectations(source.text)
    assert expected, "a page of the corpus expects something"
    checked = check_source(source)
    got: dict[int, list[str]] = {}
    for judged in checked.judged:
        if judged.item.kind is Kind.DECLARATION and judged.judgement is None:
            continue
        line = source.position(judged.item.span.start).line
        got.setdefault(line, []).append(said(judged))
    wrong = {
        line: (verdicts, got.get(line))
        for line, verdicts in expected.items()
        if not _agree(verdicts, got.get(line, []))
    }
    assert not wrong, "\n".join(
        f"{path.name}:{line}: expected {want}, got {have}: {source.line(line).strip()}"
        for line, (want, have) in wrong.items()
    )
    if path.parent.name == "sound":
        assert not any(
            verdict in ("refuted", "ill-formed")
            for verdicts in got.values()
            for verdict in verdicts
        )


def _agree(expected: tuple[str, ...], got: list[str]) -> bool:
    """One expectation is about every link of the line, several are about one each."""
    if len(expected) == 1:
        return bool(got) and all(verdict == expected[0] for verdict in got)
    return list(expected) == got
