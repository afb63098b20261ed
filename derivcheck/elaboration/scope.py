"""What names mean, section by section."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from derivcheck.derivation import Derivation
from derivcheck.expression import Expression, Function, Parameter, Tensor
from derivcheck.source import Span

Section: TypeAlias = tuple[int, ...]
"""The path of a section: the ordinal of every heading above it, outermost first."""


@dataclass(frozen=True)
class TensorMeaning:
    """`letters` are the index letters of the definition; they name the axes of the bare symbol."""

    tensor: Tensor
    declared: bool = False
    letters: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParameterMeaning:
    parameter: Parameter


@dataclass(frozen=True)
class FunctionMeaning:
    """A function that the page defines by a formula in one scalar variable."""

    variable: Tensor
    body: Expression


@dataclass(frozen=True)
class AbstractMeaning:
    """A smooth scalar function of which the page says no more."""

    function: Function


@dataclass(frozen=True)
class PageMeaning:
    """A function that another page defines: its output, of its inputs."""

    derivation: Derivation


@dataclass(frozen=True)
class UnreadMeaning:
    """A name whose definition was not understood: what uses it is not judged."""

    reason: str


Meaning: TypeAlias = (
    TensorMeaning
    | ParameterMeaning
    | FunctionMeaning
    | AbstractMeaning
    | PageMeaning
    | UnreadMeaning
)


@dataclass(frozen=True)
class Known:
    meaning: Meaning
    section: Section
    span: Span
    defined: bool = False


def visible(owner: Section, here: Section) -> bool:
    """A section sees its ancestors, itself, and what its earlier siblings' sections say."""
    return here[: max(len(owner) - 1, 0)] == owner[:-1]


@dataclass
class Scope:
    """The symbol table of a page while it is read from top to bottom."""

    section: Section = ()
    _known: dict[str, list[Known]] = field(default_factory=dict[str, list[Known]])

    def enter(self, level: int) -> None:
        """A heading of this level opens the next section at its depth."""
        depth = min(level, len(self.section) + 1)
        ordinal = self.section[depth - 1] + 1 if len(self.section) >= depth else 0
        self.section = (*self.section[: depth - 1], ordinal)

    def lookup(self, name: str) -> Known | None:
        for known in reversed(self._known.get(name, ())):
            if visible(known.section, self.section):
                return known
        return None

    def add(self, name: str, meaning: Meaning, span: Span, *, defined: bool = False) -> Known:
        """The newest meaning of the name here; an earlier one of the same section is replaced."""
        known = Known(meaning, self.section, span, defined)
        entries = self._known.setdefault(name, [])
        if entries and entries[-1].section == self.section:
            entries[-1] = known
        else:
            entries.append(known)
        return known

    def renew(self, name: str) -> None:
        """Make what a name means here the meaning of an earlier part of this section."""
        entries = self._known.get(name, [])
        if entries and entries[-1].section == self.section:
            meaning = entries[-1].meaning
            if isinstance(meaning, TensorMeaning):
                meaning = replace(meaning, declared=False)
            section = (*self.section, -1 - self.renewed(name))
            entries[-1] = replace(entries[-1], meaning=meaning, section=section)

    def renewed(self, name: str) -> int:
        """How often the name was given a new meaning in this section."""
        parts = (known.section for known in self._known.get(name, ()))
        return sum(part[:-1] == self.section and part[-1:] < (0,) for part in parts if part)

    @contextmanager
    def meaning(self, name: str, meaning: Meaning, span: Span) -> Generator[None]:
        """A further meaning of the name, that of a function's variable in its formula."""
        before = list(self._known.get(name, ()))
        self.add(name, meaning, span)
        try:
            yield
        finally:
            self._known[name] = before or self._known[name]

    def tensor(self, name: str) -> Tensor | None:
        known = self.lookup(name)
        meaning = known.meaning if known else None
        return meaning.tensor if isinstance(meaning, TensorMeaning) else None

    def meanings(self) -> Iterator[Meaning]:
        """What every name means here."""
        for name in self._known:
            if (known := self.lookup(name)) is not None:
                yield known.meaning

    def snapshot(self) -> dict[str, list[Known]]:
        return {name: list(entries) for name, entries in self._known.items()}

    def restore(self, snapshot: dict[str, list[Known]]) -> None:
        """Forget what a statement that was not understood said in passing."""
        self._known = snapshot

    def names(self) -> tuple[str, ...]:
        return tuple(self._known)

    def scoped_name(self) -> str:
        return ".".join(map(str, self.section))
