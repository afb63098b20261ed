"""Which of several admissible meanings to take, so that a link can be judged under each."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Choices:
    """Which of several admissible meanings to take, one decision after another.

    `script` fixes the first decisions; later ones take the first option. `made` records
    (option, number of options) of every decision, for `following`.
    """

    script: tuple[int, ...] = ()
    made: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    notes: list[str] = field(default_factory=list[str])
    settled: dict[str, int] = field(default_factory=dict[str, int])
    granted: list[str] = field(default_factory=list[str])
    """What a proof takes for granted, and a counterexample need not."""

    def pick(self, *notes: str) -> int:
        """Decide between as many options as there are notes; the note of the chosen one is kept."""
        position = len(self.made)
        option = self.script[position] if position < len(self.script) else 0
        self.made.append((option, len(notes)))
        if notes[option]:
            self.notes.append(notes[option])
        return option

    def grant(self, note: str) -> None:
        """Take for granted that the case is a special one: a counterexample to it stands."""
        self.granted.append(note)

    def pick_once(self, matter: str, *notes: str) -> int:
        """The same decision wherever a matter comes up again."""
        if matter not in self.settled:
            self.settled[matter] = self.pick(*notes)
        return self.settled[matter]

    def following(self) -> tuple[int, ...] | None:
        """The next script in order, or None after the last."""
        made = list(self.made)
        while made:
            option, options = made.pop()
            if option + 1 < options:
                return (*(chosen for chosen, _ in made), option + 1)
        return None
