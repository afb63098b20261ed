"""The registered derivations: a page `derivations/<name>.md` *is* the registration of `<name>`.

A wheel carries the pages inside the package, a source checkout has them at its top level. Names and
summaries are read as plain text, so that `derivcheck list` loads no mathematics.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

import yaml

from derivcheck.source import Source

GROUPS = (
    "linear",
    "convolution",
    "pooling",
    "activation",
    "probability",
    "normalisation",
    "loss",
    "recurrent",
    "attention",
    "composition",
    "regularisation",
    "optimiser",
    "initialiser",
    "second order",
)
"""A page's first tag is its group; groups are listed in this order."""

UNGROUPED = "other"

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n", re.DOTALL)
# The C loader where PyYAML has it: `list` reads every page. Both are the safe ones.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TITLE = re.compile(r"^#\s+(.+?)\s*$", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


class UnknownName(KeyError):
    """No page has this name; `nearest` are the registered names that look like it, best first."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        self.nearest = tuple(difflib.get_close_matches(name.lower(), names(), n=3, cutoff=0.5))

    def __str__(self) -> str:
        if self.name == "-" or "/" in self.name or self.name.endswith(".md"):
            what = "a registered derivation has a name, not a path"
            return f"{what}; `derivcheck check {self.name}` judges a page"
        if self.nearest:
            return f"no derivation is called {self.name!r}; nearest: {', '.join(self.nearest)}"
        return f"no derivation is called {self.name!r}; `derivcheck list` shows the names"


@dataclass(frozen=True)
class Summary:
    """What `list` prints of a page; `sentence` is the first one under the title."""

    name: str
    title: str
    sentence: str
    tags: tuple[str, ...]

    @property
    def group(self) -> str:
        """The first tag; a page without one stands under `UNGROUPED`."""
        return group_of(self.tags)


def group_of(tags: Sequence[str]) -> str:
    """The group that a page with these tags stands in."""
    return tags[0] if tags else UNGROUPED


def group_order(group: str) -> tuple[int, str]:
    """Sorts groups: those of `GROUPS` in their order, any others after them."""
    return (GROUPS.index(group) if group in GROUPS else len(GROUPS), group)


@cache
def directory() -> Path:
    """Where the pages are: inside an installed package, else at the top of the checkout."""
    package = Path(__file__).parent
    installed = package / "derivations"
    return installed if installed.is_dir() else package.parent / "derivations"


@cache
def names() -> tuple[str, ...]:
    """The registered names in alphabetical order, from file names alone."""
    return tuple(sorted(page.stem for page in directory().glob("*.md")))


def path(name: str) -> Path:
    """The page of a registered name; raises `UnknownName`."""
    if name not in names():
        raise UnknownName(name)
    return directory() / f"{name}.md"


def source(name: str) -> Source:
    """The text of a registered page; raises `UnknownName` or `diagnostic.DocumentError`.

    The source names itself relative to the working directory where it can, as an editor would.
    """
    # markdown-it stays out of start-up.
    from derivcheck.document import load_source

    page = path(name)
    return replace(load_source(page), path=_displayed(page))


def summary(name: str) -> Summary:
    """Title, first sentence and tags of a registered page; raises `UnknownName`."""
    text = path(name).read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
    matter, body = _front_matter(text)
    heading = _TITLE.search(body)
    title = heading[1] if heading else name
    listed = matter.get("title")
    tags = matter.get("tags")
    return Summary(
        name,
        listed if isinstance(listed, str) else title,
        _first_sentence(body[heading.end() :] if heading else body),
        tuple(str(tag) for tag in cast("list[object]", tags)) if isinstance(tags, list) else (),
    )


def _front_matter(text: str) -> tuple[dict[str, object], str]:
    """The YAML mapping at the top and the rest; a broken one counts as none, `check` reports it."""
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}, text
    try:
        matter: object = yaml.load(match[1], Loader=_LOADER)
    except yaml.YAMLError:
        matter = None
    return cast("dict[str, object]", matter) if isinstance(matter, dict) else {}, text[
        match.end() :
    ]


def _first_sentence(body: str) -> str:
    for paragraph in re.split(r"\n\s*\n", body.strip()):
        if paragraph.startswith(("#", "```", "$$", "<!--")):
            return ""
        return _SENTENCE_END.split(" ".join(paragraph.split()), maxsplit=1)[0]
    return ""


def _displayed(page: Path) -> str:
    try:
        return page.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(page)
