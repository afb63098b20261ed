"""What each code means, with a faulty page and its repair: `derivcheck explain CODE`.

The pages are `<code>.md` beside this file. A page's `Faulty` and `Repaired` examples are whole
documents, and the tests judge them: the first meets its code, the second does not. Codes that a
page cannot show (a file that is no text, a machine without a GPU) have no examples.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CODES: Mapping[str, str] = {
    # verdicts of a claim, from worst to best
    "refuted": "the two sides differ at a point of the declared domain",
    "ill-formed": "the equation was read, but it says nothing",
    "unsupported": "this notation is not understood",
    "undecided": "neither a proof nor a counterexample was found",
    "agrees": "not proved; stated numerical trials bound the difference",
    "proved": "both sides are equal for every size",
    # ill-formed: why it says nothing
    "unequal-free-indices": "the two sides have different free indices",
    "index-bound-and-free": "one letter is both summed over and free on one side",
    "rank-mismatch": "a symbol has more or fewer subscripts than axes",
    "extent-mismatch": "one index runs over axes of different extents",
    "mixed-bases": "one axis is counted from 0 here and from 1 there",
    "not-one-to-one": "a tensor is defined at a subscript that skips or repeats places",
    "no-extent": "nothing says what an index runs over",
    "redefinition": "a symbol is defined twice in one section",
    "circular-definition": "a symbol is defined through itself",
    # undecided: what would settle it
    "no-definition": "a derivative of something that the page does not define",
    "unbound-gradient-name": "a name looks like a gradient, but nothing says of what",
    "natural-domain": "the equation holds only where a domain that nobody declared allows it",
    "unknown-symbol": "the equation hangs on a symbol that is neither declared nor defined",
    "ambiguous": "two admissible readings disagree",
    "conditional": "the equation does not always hold, and words that were not read say when",
    "recurrence": "a symbol is defined through other entries of itself",
    "unclear-shape": "an undeclared symbol is written with different numbers of subscripts",
    "unclear-index": "a letter that may be an index or a label is free on the right side only",
    "rounded-decimals": "decimals of unknown exactness stand inside a longer side",
    "depends-on-unread": "the equation rests on a definition that was not understood",
    "no-subgradient": "the value given to a derivative at a kink is no subgradient",
    "no-page": "a page whose function is used is not there",
    "circular-use": "pages use each other's functions in a circle",
    "unmet-condition": "a used page supposes something that does not follow here",
    "used-page": "the equation rests on a page that does not stand itself",
    "budget": "the proof was given up after a fixed number of rewriting steps",
    "vacuous": "there is no point at which both sides are defined",
    # beside a verdict
    "reading": "the equation is proved under a reading that is not the plain one",
    "witness-disagrees": "a numerical witness disagrees with a closed form that is not proved",
    "proof-contradicted": "a proof and a witness contradict each other: a defect of derivcheck",
    # the document as a whole
    "unreadable": "the file cannot be opened",
    "invalid-utf8": "the file is not UTF-8 text",
    "binary": "the file is not text",
    "empty": "the file has no content",
    "unclosed-math": "mathematics begins and does not end",
    "front-matter": "the YAML between the `---` lines cannot be read",
    "nothing-judged": "the document has no claim, so nothing was judged",
    # the command line and the machine
    "unknown-name": "no registered derivation has this name",
    "no-gpu": "a GPU was asked for and there is none",
    "reference-failed": "the page's reference code did not run",
}

_SECTION = re.compile(
    r"^## (?P<name>Faulty|Repaired)\n\n````markdown\n(?P<example>.*?)````$",
    re.DOTALL | re.MULTILINE,
)


class UnknownCode(KeyError):
    """No diagnostic has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.nearest = tuple(difflib.get_close_matches(code.lower(), CODES, n=3, cutoff=0.5))

    def __str__(self) -> str:
        known = (
            f"nearest: {', '.join(self.nearest)}"
            if self.nearest
            else "`derivcheck explain` lists all"
        )
        return f"no diagnostic has the code {self.args[0]!r}; {known}"


@dataclass(frozen=True)
class Explanation:
    """A page of explanation; the examples are whole documents, or None where no page shows it."""

    code: str
    text: str
    faulty: str | None
    repaired: str | None


def explain(code: str) -> Explanation:
    """The page of a code, also as it is printed (`error[refuted]`); raises `UnknownCode`."""
    bare = code[code.find("[") + 1 :].removesuffix("]") if "[" in code else code
    if bare not in CODES:
        raise UnknownCode(bare)
    text = (Path(__file__).parent / f"{bare}.md").read_text(encoding="utf-8")
    examples = {match["name"]: match["example"] for match in _SECTION.finditer(text)}
    return Explanation(bare, text, examples.get("Faulty"), examples.get("Repaired"))
