"""Every code has a page, every example on it behaves as the page says."""

import re
from pathlib import Path

import pytest

from derivcheck import explanations
from derivcheck.checker import check_source
from derivcheck.diagnostic import DocumentError
from derivcheck.document import load_source
from derivcheck.explanations import CODES, UnknownCode, explain
from derivcheck.findings import findings
from derivcheck.source import Source

PAGES = Path(explanations.__file__).parent

# What no page of mathematics can show by itself: other pages, states of files, machines and of
# derivcheck itself, and the general codes whose narrower ones have examples.
WITHOUT_EXAMPLE = {
    "ill-formed",
    "undecided",
    "agrees",
    "proved",
    "ambiguous",
    "budget",
    "witness-disagrees",
    "proof-contradicted",
    "unreadable",
    "invalid-utf8",
    "binary",
    "unknown-name",
    "no-gpu",
    "reference-failed",
    "circular-use",
    "unmet-condition",
    "used-page",
}
WITH_EXAMPLE = [code for code in CODES if code not in WITHOUT_EXAMPLE]


def codes_met(page: Path) -> set[str]:
    try:
        return {each.code for each in findings(check_source(load_source(page)))}
    except DocumentError as error:
        return {error.diagnostic.code}


def test_every_code_has_a_page_and_every_page_a_code():
    assert {page.stem for page in PAGES.glob("*.md")} == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_page_is_titled_by_its_code_and_says_something(code):
    explanation = explain(code)
    title, _, rest = explanation.text.partition("\n\n")
    assert title == f"# {code}"
    assert len(rest.split()) > 10
    assert (explanation.faulty is None) == (code in WITHOUT_EXAMPLE)
    assert (explanation.repaired is None) == (code in WITHOUT_EXAMPLE)


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_faulty_example_meets_its_code(code, tmp_path):
    page = tmp_path / "example.md"
    page.write_text(explain(code).faulty, encoding="utf-8")
    assert code in codes_met(page)


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_repaired_example_is_proved(code):
    checked = check_source(Source("example.md", explain(code).repaired), strict=True)
    assert findings(checked) == ()
    assert checked.passed


@pytest.mark.parametrize("code", CODES)
def test_codes_named_in_backticks_exist(code):
    """A page that sends its reader to another page names one that is there."""
    for named in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", explain(code).text):
        assert named in CODES


def test_a_code_is_found_as_it_is_printed():
    assert explain("error[refuted]") == explain("refuted")


def test_unknown_code_names_the_nearest():
    with pytest.raises(UnknownCode, match=r"no diagnostic has the code 'refute'; nearest: refuted"):
        explain("refute")
    with pytest.raises(UnknownCode, match="lists all"):
        explain("zzz")


def test_every_code_in_the_source_has_a_page():
    """Codes are string literals beside the constructors of diagnostics and judgements."""
    made = re.compile(
        r"(?:Diagnostic\(\s*(?:severity|Severity\.\w+),|Judgement\(\s*Verdict\.\w+,|Fault\()"
        r"\s*\"([a-z0-9-]+)\""
    )
    package = PAGES.parent
    found = {
        code
        for module in sorted(package.rglob("*.py"))
        if module.parent.name != "latex"  # its faults name constructs, not codes
        for code in made.findall(module.read_text(encoding="utf-8"))
    }
    assert "unsupported" in found  # the pattern still matches how they are made
    assert found <= set(CODES)
