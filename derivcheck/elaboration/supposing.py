"""Conditions in words: which formulas of a paragraph only say when others hold.

“|x| = x if x > 0” claims nothing for x ≤ 0, and “Case 1: i = j” defines neither letter. A condition
governs the claim it follows, else the rest of its sentence; where its sentence claims nothing it
governs the displays that come next, and a “case” all up to the next case or heading. What stands
before an arrow ⇒ is a condition of what stands after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from derivcheck import syntax
from derivcheck.document import Math, Paragraph, Prose
from derivcheck.elaboration.names import label
from derivcheck.syntax import Statement

_LEADS = re.compile(
    r"\b(?:(?P<unless>unless|except(?: (?:when|if|for|at))?)|(?P<case>case(?:\s+\w+)?|otherwise if)"
    r"|if(?: and only if)?|when(?:ever)?|wherever|as long as|in case|only for"
    r"|(?:in|on|over|within|inside|outside) the (?:region|regime|interval|half-?axis|half-?line)"
    r"(?: where)?"
    r"|for(?: (?:all|every|each|any))?|at|as|on|provided(?: that)?|once|while"
    r"|(?P<suppose>suppose|assume)(?: that)?)[\s:,.*_(]*$",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"^[\s,;:(*_]*(?:but|only|always|valid|holds|true|is valid|which holds)?[\s,;:(*_]*$",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(
    r"\b(?:suppos(?:e|ing)|assum(?:e|ing)|given|such that|satisfying|subject to|s\.t\."
    r"|under the constraints?)(?: that)?[\s:,*_]*$",
    re.IGNORECASE,
)
_SETS = re.compile(
    r"\b(?:let|set|take|choose|fix|put|consider|use|restrict|here|now|where)"
    r"(?: (?:us|we|now|the|an?|case|that|ourselves|attention|to))*[\s:,*_(]*$",
    re.IGNORECASE,
)
_WORDED = re.compile(r"\b(?!and\b)[^\W\d]{2}")
_BEHIND = re.compile(
    r"^\W*(?:(?:where|with|for|if|when|as|at|whenever|wherever|provided|because|since|assuming|here"
    r"|note|but|only)\b[^A-Z]*$"
    r"|(?i:(?:this|it|that|these|the (?:last|above|former)\w*)\b.*\b(?:hold|true|valid|only)))"
)
_SOUGHT = re.compile(r"\b(?:no|find|seek|look|search|solve|wants?|exists?)\b", re.IGNORECASE)
_LOOSE = re.compile(r"\b(?:with|where|since|because)[\s:,*_]*$", re.IGNORECASE)
_WORDS = re.compile(
    r"(?<!even )(?<!as )(?<!see )(?<!check )(?<!ask )(?<!test )"
    r"\b(?:(?:if|unless|provided|as long as|only when)\b(?! (?:we|you|one|I)\b)"
    r"|when(?:ever)? (?:the|all|every|each|both|no|its|an?|there|it|they|this)\b"
    r"|(?:in|on|over|within|inside|outside|along|beyond) (?:the|this|that|each|an?) (?!general\b)"
    r"(?:[\w-]+ ){0,3}(?:region|regime|branch|interval|half-?\s?(?:axis|line|plane|space)|side"
    r"|orthant|quadrant|range|case|limit|interior|boundary)\b"
    r"|for (?:an? |any |every |all )?(?:(?:(?:anti|skew)-?)?symmetric|diagonal|orthogonal"
    r"|invertible|(?:non-?)?(?:positive|negative|zero)|one-hot|normali[sz]ed|cent(?:er|re)d)\b"
    r"|at (?:the |an? )?(?:optimum|minimum|maximum|origin|equilibrium|convergence|solution)\b)",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"^\W*(?:and |but )?(?:otherwise|else)\b", re.IGNORECASE)
_STOP = re.compile(
    r"(?<!\bcase [\w])(?<!\bi\.e)(?<!\be\.g)(?<!\bcf)[.;!?][*_)\"”]*(?=\s|$)", re.IGNORECASE
)
_REFERS = re.compile(
    r"^\W*[a-z]|(?i:\b(?:for|this|these|those|it|that|both|above|hold|holds|true|valid|only)\b)"
)
_AT_LARGE = re.compile(
    r"^\W*(?:(?:but|and|now|more|in|for|the|an?|any|every|all|however)\W+)*"
    r"(?:general(?:ly|ity)?|arbitrary|other)\b",
    re.IGNORECASE,
)
_GENERAL = re.compile(
    r"^\W*(?:in general|hence|combin|together|in summary|overall|therefore|thus|so\b|both)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Condition:
    """What must hold; `statement` is None where only words say it, `negated` for “unless”.

    `last` says that it stands at the end of a chain of equalities, and so qualifies the last one,
    `aside` that it holds as far as its sentence goes, `setting` that it gives a symbol in use a
    value for all that follows, `supposed` that what was supposed of it before is over.
    """

    statement: Statement | None
    negated: bool = False
    last: bool = False
    aside: bool = False
    setting: bool = False
    supposed: bool = False


@dataclass(frozen=True)
class Role:
    """What the words around a statement make of it.

    `governed` are the conditions under which it is claimed; `lead` is "condition" where it is a
    condition itself, "supposed" after “suppose”, "loose" after “where” and the like, else "".
    """

    governed: tuple[Condition, ...] = ()
    lead: str = ""
    behind: bool = False
    """Whether it is a condition of what stands before its paragraph."""

    def conditions(self, position: int, links: int) -> tuple[Condition, ...]:
        """The conditions of the equality at this position of a chain of so many: what stands behind
        the chain is one of its last equality, and may be meant for those before it."""
        if position == links - 1:
            return self.governed
        return tuple(Condition(None) if c.last else c for c in self.governed)


@dataclass(frozen=True)
class Knowledge:
    """What a page knows about its statements.

    `restricts` says of a statement after words such as “if” (or "" for one that stands in a claim's
    own piece, after it) whether it restricts rather than defines or names a range; `instance`
    whether it gives a number to a symbol that is declared and in use, here or in a statement above,
    or, in prose, to one that another section has by a formula.
    `arrow` says whether a statement is said to follow from the one before it ("right"; "both" for
    the other way too), `adjoins` whether it stands on one row with it, and `premise` whether one
    from which another follows is a "condition", a "claim" or a "definition". `spoken` gives the
    relation that a lone symbol with the words around it is, or a set of numbers, and the words
    before it.
    """

    restricts: Callable[[Statement, str], bool]
    instance: Callable[[Statement, Sequence[Statement], bool], bool]
    arrow: Callable[[Statement, Statement], str]
    adjoins: Callable[[Statement, Statement], bool]
    spoken: Callable[[Statement, str, Sequence[Prose | Math]], tuple[Statement, str]]
    premise: Callable[[Statement], str]


Key: TypeAlias = tuple[int, int]
"""A statement's place in its paragraph: the part, and the statement in the part."""


@dataclass
class _Place:
    key: Key
    statement: Statement
    words: str
    """The words directly before it in its sentence; empty after another statement of its piece."""
    first: bool
    """Whether it begins its piece of mathematics."""
    display: bool
    case: bool = False
    """Whether it is a condition that holds until the next case."""
    arrow: str = ""
    """How it is said to follow from the statement before it: see `Knowledge.arrow`."""


@dataclass
class _Sentence:
    places: list[_Place] = field(default_factory=list[_Place])
    words: list[str] = field(default_factory=list[str])


class Roles:
    """The roles of a paragraph's statements, read sentence by sentence as they are asked for.

    What a symbol is known to be decides whether a formula is a condition, so that a sentence must
    not be read before those above it.
    """

    def __init__(self, sentences: Iterator[dict[Key, Role]], apart: bool) -> None:
        self._sentences = sentences
        self._apart = apart
        self._known: dict[Key, Role] = {}
        self._known.update(next(sentences, self._known))

    @property
    def qualifies(self) -> bool:
        """Whether the paragraph begins with “where …” and qualifies what stands before it."""
        first = list(self._known.values())[:1]
        return not self._apart and any(role.lead == "loose" or role.behind for role in first)

    def of(self, key: Key) -> Role:
        while key not in self._known:
            found = next(self._sentences, None)
            if found is None:
                return Role()
            self._known.update(found)
        return self._known[key]

    def finish(self) -> None:
        """Read what is left, for what carries over to the next paragraph."""
        for found in self._sentences:
            self._known.update(found)


class Suppositions:
    """Reads the roles of statements paragraph by paragraph; conditions carry over to displays."""

    def __init__(self) -> None:
        self._carried: tuple[Condition, ...] = ()
        self._case: tuple[Condition, ...] = ()
        self._settings: list[Condition] = []
        self._in_row = False

    def heading(self) -> None:
        """A new section begins: no condition of the last one governs it."""
        self._carried = self._case = ()
        self._settings.clear()

    def _set(self, settings: Sequence[Condition]) -> None:
        """Another value takes the place of the old one, another bound stands beside it."""
        again = {_subject(c) for c in settings if _equates(c) or c.supposed}
        self._settings = [c for c in self._settings if _subject(c) not in again] + list(settings)

    def read(
        self, block: Paragraph, pieces: Mapping[Math, tuple[Statement, ...]], page: Knowledge
    ) -> Roles:
        """The roles of a paragraph's statements.

        Conditions of one cell of a table hold for the cells beside it in its row. Where a new
        item of a list names something first, and nothing that stands before the item, its “where …”
        is about that.
        """
        apart = False
        match block.parts[:3]:
            case (Prose(opening, _), Math() as name, Prose()) if block.item:
                named = not any(statement.relations for statement in pieces[name])
                apart = named and _REFERS.search(opening) is None
            case _:
                pass
        return Roles(self._read(block, pieces, page), apart)

    def _read(
        self, block: Paragraph, pieces: Mapping[Math, tuple[Statement, ...]], page: Knowledge
    ) -> Iterator[dict[Key, Role]]:
        parts = block.parts
        sentences = list(_sentences(parts, pieces, page))
        displayed = isinstance(parts[0], Math) and parts[0].display
        beside = bool(block.cell)
        if self._in_row and not beside:
            self._carried = ()  # what a row of a table supposes is said of that row
        self._in_row = block.cell is not None
        carried = self._carried if displayed or beside else ()
        self._carried = carried if len(parts) == 1 else ()
        if not displayed and _GENERAL.match("".join(sentences[0].words)):
            self._case = ()
        for number, sentence in enumerate(sentences):
            found, leading = _roles(sentence, page)
            _imply(sentence, found, page)
            if any(place.case for place in sentence.places):
                self._case = leading
            if _AT_LARGE.match("".join(sentence.words)):
                self._settings.clear()
            if block.cell is None:
                self._set([c for c in leading if c.setting])
            outer = (*self._case, *(carried if number == 0 else ()))
            roles: dict[Key, Role] = {}
            for key, role in found.items():
                own = (*role.governed, *(c for c in outer if c not in role.governed))
                said = {_subject(c) for c in own if _equates(c)}
                own = (*own, *(c for c in self._settings if _subject(c) not in said))
                roles[key] = role if role.lead == "condition" else Role(own, role.lead)
            last = not any(later.places for later in sentences[number + 1 :])
            if last and leading and not any(not role.lead for role in found.values()):
                ended = number < len(sentences) - 1
                kept = (c for c in leading if not (ended and c.aside))
                self._carried = tuple(c for c in kept if self._in_row or not c.setting)
            yield roles


def _sentences(
    parts: Sequence[Prose | Math], pieces: Mapping[Math, tuple[Statement, ...]], page: Knowledge
) -> Iterator[_Sentence]:
    sentence = _Sentence()
    words = ""
    for number, part in enumerate(parts):
        if isinstance(part, Prose):
            *ended, words = _STOP.split(" ".join(part.text.split("\n")))
            for text in ended:
                sentence.words.append(text)
                yield sentence
                sentence = _Sentence()
            sentence.words.append(words)
            continue
        before: Statement | None = None
        for order, statement in enumerate(pieces[part]):
            statement, words = page.spoken(statement, words, parts[number + 1 :])
            if statement.relations:
                led = statement.words or (words if not order else "")
                place = _Place((number, order), statement, led, not order, part.display)
                place.arrow = page.arrow(before, statement) if before is not None else ""
                sentence.places.append(place)
            before = statement
        words = ""
        if part.display and part.latex.rstrip().endswith("."):
            yield sentence
            sentence = _Sentence()
    yield sentence


def _roles(sentence: _Sentence, page: Knowledge) -> tuple[dict[Key, Role], tuple[Condition, ...]]:
    """Roles by place, and the conditions that lead the rest of the sentence."""
    leading: tuple[Condition, ...] = ()
    if sentence.words and (_OTHERWISE.match(sentence.words[0]) or _worded(sentence)):
        leading = (Condition(None, aside=True),)
    words = "".join(sentence.words)
    roles: dict[Key, Role] = {}
    waiting: list[_Place] = []
    qualified: list[_Place] = []
    for number, place in enumerate(sentence.places):
        above = [earlier.statement for earlier in sentence.places[:number]]
        match = _LEADS.search(place.words)
        if place.statement.words:
            read = match is not None and page.restricts(place.statement, match[0])
            read = read or page.instance(place.statement, above, False)
            condition = Condition(
                place.statement if read else None, bool(match and match["unless"]), last=True
            )
            roles[place.key] = Role((), "condition")
            for claim in waiting[-1:]:
                roles[claim.key] = Role((*roles[claim.key].governed, condition))
            waiting = []
            continue
        infers = any(near.arrow for near in (place, *sentence.places[number + 1 : number + 2]))
        instance = not infers and page.instance(place.statement, above, not place.display)
        if place.first and match is not None and page.restricts(place.statement, match[0]):
            # “In the plain case, μ = 1, …” is no “Case 1: …”, which holds until the next.
            aside = match["case"] is not None and not _opens(place, match)
            supposed = match["suppose"] is not None
            condition = Condition(
                place.statement, match["unless"] is not None, False, aside, supposed, supposed
            )
            trailing = (
                bool(waiting)
                and not match[0][0].isupper()
                and _BARE.match(place.words[: match.start()]) is not None
                and not (leading and sentence.places[number + 1 :])  # for c we have A, for d B
            )
        elif (
            not place.first
            and (waiting or qualified)
            and (
                page.restricts(place.statement, "")
                or (instance and page.adjoins(above[-1], place.statement))
            )
        ):
            condition, trailing = Condition(place.statement), True
            match = None
        elif instance:
            # “For the median, τ = 1/2, …”: of one value, and only as far as the sentence goes.
            roles[place.key] = Role((), "condition")
            goes_on = _goes_on(place, leading)
            setting = _SETS.search(place.words) is not None or not _WORDED.search(words)
            if goes_on:
                setting = any(each.setting for each in leading)
            condition = Condition(place.statement, aside=not setting, setting=setting)
            leading = (*leading, condition) if goes_on else (condition,)
            waiting = []
            continue
        else:
            lead = (
                "condition"
                if _SUPPOSES.search(place.words) and _SOUGHT.search(words)
                else "supposed"
                if _SUPPOSES.search(place.words)
                else "loose"
                if _LOOSE.search(place.words) and page.restricts(place.statement, "where")
                else ""
            )
            roles[place.key] = Role(leading, lead)
            waiting = [*waiting, place] if not lead else waiting
            if lead == "loose":
                # “…, with u = v, …: A = B” may mean that A = B where u = v, or say both.
                leading = (*leading, Condition(None, aside=True))
            qualified = []
            continue
        roles[place.key] = Role((), "condition")
        opens = match is not None and match["case"] is not None and _opens(place, match)
        place.case = opens
        if trailing:
            # What stands in a piece of its own after a comma qualifies that piece alone.
            piece = None if place.first else place.key[0]
            qualified = waiting or qualified
            for claim in (w for w in qualified if piece is None or w.key[0] == piece):
                roles[claim.key] = Role((*roles[claim.key].governed, condition))
        else:
            leading = (condition,)
        waiting = []
    if any(role.lead == "loose" for role in roles.values()):
        for key, role in roles.items():
            roles[key] = Role((*role.governed, Condition(None)), role.lead)
    if _BEHIND.match(words) and all(role.lead == "condition" for role in roles.values()):
        roles = {key: Role(role.governed, role.lead, behind=True) for key, role in roles.items()}
    return roles, leading


def _opens(place: _Place, match: re.Match[str]) -> bool:
    """Whether nothing stands before these words in their sentence."""
    return not place.words[: match.start()].strip(" \n\t*_-")


def _goes_on(place: _Place, conditions: Sequence[Condition]) -> bool:
    """Whether it is one more of the conditions directly before it."""
    return not place.display and bool(conditions) and place.words.strip(" ,").lower() in ("", "and")


def _subject(condition: Condition) -> str:
    """Of what a condition gives the value, or a bound."""
    sides = condition.statement.sides if condition.statement is not None else ()
    return next((label(side) for side in sides if not isinstance(side, syntax.Numeral)), "")


def _equates(condition: Condition) -> bool:
    return condition.statement is not None and condition.statement.equates


def _imply(sentence: _Sentence, roles: dict[Key, Role], page: Knowledge) -> None:
    """Take what stands before an arrow as a condition of what stands after it.

    It need not hold by itself, so that nobody is convicted for it. Of an equivalence neither side
    need hold, and nothing is said of one by the other.
    """
    premises: tuple[Condition, ...] = ()
    arrows = [place.arrow for place in sentence.places]
    for place, ahead in zip(sentence.places, [*arrows[1:], ""], strict=False):
        premises = premises if place.arrow else ()
        role = roles[place.key]
        if role.lead == "condition":
            continue
        governed = (*role.governed, *premises)
        if "both" in (place.arrow, ahead):
            governed = (*governed, Condition(None))
        if ahead or place.arrow == "both":
            kind = page.premise(place.statement)
            if kind == "condition":
                roles[place.key] = Role((), "condition")
            if kind == "claim":
                governed = (*governed, Condition(None))
            if kind != "definition":
                premises = (*premises, Condition(place.statement))
        if roles[place.key].lead != "condition":
            roles[place.key] = Role(governed, role.lead)


def _worded(sentence: _Sentence) -> bool:
    """Whether words alone state a condition: “if the rows sum to one”."""
    written = sum(
        1
        for place in sentence.places
        if (match := _LEADS.search(place.words)) is not None and _WORDS.match(match[0].strip())
    )
    return len(_WORDS.findall(" $ ".join(sentence.words))) > written
