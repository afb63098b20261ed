r"""Raw tokens to canonical ones: one spelling for each relation, bracket, letter and font.

What only decorates (`\displaystyle`, sizes, colours, `\label`) disappears here.
"""

from __future__ import annotations

import re

from derivcheck.latex import vocabulary as words
from derivcheck.latex.brackets import soften
from derivcheck.latex.tokens import Kind, Token

_CHARACTER_KINDS = {
    "{": Kind.BRACE_OPEN,
    "}": Kind.BRACE_CLOSE,
    "^": Kind.SCRIPT,
    "_": Kind.SCRIPT,
    "'": Kind.PRIME,
    ",": Kind.COMMA,
    "，": Kind.COMMA,
    ";": Kind.BREAK,
    "&": Kind.ALIGN,
    "|": Kind.BAR,
    r"\|": Kind.BAR,
    r"\\": Kind.ROW,
    ":": Kind.RELATION,
}
_DIGITS = "0123456789"
# How much of an argument is looked at before it is read; bounds the work on deep nesting.
_LOOKAHEAD = 200
_COMPOUND_START = frozenset(spelling[0] for spelling, _ in words.COMPOUND_RELATIONS)


def spell(raw: list[Token]) -> list[Token]:
    """Canonical tokens of raw ones, in order; never fails: unknown commands stay COMMANDs."""
    return soften(_Speller(raw).run())


class _Speller:
    def __init__(self, raw: list[Token]) -> None:
        self.raw = raw
        self.at = 0
        self.out: list[Token] = []
        self.closing = _closing(raw)
        # Braced regions of a font, innermost last: where each ends, whether bold, which alphabet.
        self.fonts: list[tuple[int, bool, str]] = []
        self.unbrace: set[int] = set()
        # Braces that end an \underbrace, with the script that carries its label.
        self.labels: dict[int, str] = {}

    def run(self) -> list[Token]:
        while self.at < len(self.raw):
            while self.fonts and self.at >= self.fonts[-1][0]:
                self.fonts.pop()
            self.step()
        return self.out

    def emit(self, kind: Kind, text: str, first: Token, last: Token | None = None) -> None:
        bold = bool(self.fonts) and self.fonts[-1][1]
        self.out.append(
            Token(kind, text, first.start, (last or first).end, first.spaced, bold or first.bold)
        )

    def peek(self, ahead: int = 0) -> Token | None:
        position = self.at + ahead
        return self.raw[position] if position < len(self.raw) else None

    def step(self) -> None:
        index, token = self.at, self.raw[self.at]
        self.at += 1
        text = words.ALIASES.get(token.text, token.text)
        if token.kind is Kind.TEXT:
            self.text(token)
        elif token.kind in {Kind.BEGIN, Kind.END}:
            self.emit(token.kind, token.text, token)
        elif index in self.unbrace:
            self.skip_label(self.labels.get(index))
        elif text in _COMPOUND_START and self.compound(token):
            pass
        elif text == "." and (after := self.peek()) and after.text == ".":
            last = after  # `1..N` and `1...N` are spelled ranges
            while (after := self.peek()) and after.text == "." and not after.spaced:
                self.at, last = self.at + 1, after
            self.emit(Kind.COMMAND, r"\ldots", token, last)
        elif text in _CHARACTER_KINDS:
            self.emit(_CHARACTER_KINDS[text], text, token)
            self.skip_label(self.labels.get(index))
        elif text in words.RELATIONS:
            self.emit(Kind.RELATION, words.RELATIONS[text], token)
            if token.text == r"\xrightarrow":
                self.skip_argument()
        elif text in words.SIGNS:
            self.emit(Kind.SIGN, words.SIGNS[text], token)
        elif text in words.OPERATORS:
            self.emit(Kind.OPERATOR, words.OPERATORS[text], token)
        elif text in words.OPENERS:
            opener = words.OPENERS[text]
            self.emit(Kind.OPEN, opener, token)
        elif text in words.CLOSERS:
            self.emit(Kind.CLOSE, words.CLOSERS[text], token)
        elif text in words.LETTERS:
            self.emit(Kind.LETTER, text, token)
        elif len(text) == 1 and text in _DIGITS:
            self.emit(Kind.DIGIT, text, token)
        elif len(text) == 1 and text.isalpha():
            self.letter(token, text)
        elif text.startswith("\\"):
            self.command(token, text)
        else:
            self.emit(Kind.CHARACTER, text, token)

    def letter(self, token: Token, text: str) -> None:
        alphabet = self.fonts[-1][2] if self.fonts else ""
        if alphabet and text.isupper():
            text = f"{alphabet}{{{text}}}"
        self.emit(Kind.LETTER, text, token)

    def compound(self, token: Token) -> bool:
        """A relation of several characters without blanks between them (`:=` may have some)."""
        for spelling, sign in words.COMPOUND_RELATIONS:
            last = token
            for ahead, character in enumerate(spelling):
                part = token if ahead == 0 else self.peek(ahead - 1)
                if part is None or words.ALIASES.get(part.text, part.text) != character:
                    break
                if ahead and part.spaced and spelling != ":=":
                    break
                last = part
            else:
                self.at += len(spelling) - 1
                self.emit(Kind.RELATION, sign, token, last)
                return True
        return False

    def text(self, token: Token) -> None:
        content = token.text.strip()
        if content == token.text and len(content) == 1 and content.isalpha():
            self.emit(Kind.LETTER, content, token)
        elif len(content) == 1 and content in _DIGITS:
            self.emit(Kind.DIGIT, content, token)
        else:
            self.emit(Kind.TEXT, token.text, token)

    def command(self, token: Token, text: str) -> None:
        if text in words.IGNORED or text in words.IGNORED_WITH_ARGUMENT:
            return
        if text in words.WIDE_SPACES:
            self.emit(Kind.SPACE, text, token)
            if text == r"\hspace":
                self.skip_argument()
        elif text in words.BREAKS:
            self.emit(Kind.BREAK, text, token)
        elif text in {r"\left", r"\right"} | words.SIZES | words.SIZES_OPEN | words.SIZES_CLOSE:
            self.sized(token, text)
        elif text in words.BOLD:
            self.font(token, "bold")
        elif text in words.ALPHABETS:
            self.font(token, words.ALPHABETS[text])
        elif text in words.UPRIGHT:
            self.upright(token)
        elif text in words.KEEPS_ARGUMENT:
            self.keep(text)
        elif text == r"\Reals":
            self.emit(Kind.LETTER, r"\mathbb{R}", token)
        elif text == r"\not" and (after := self.peek()) and after.text in words.NEGATED:
            self.at += 1
            self.emit(Kind.RELATION, words.NEGATED[after.text], token, after)
        elif text in {r"\overset", r"\stackrel", r"\underset"}:
            self.stacked(token, text)
        else:
            self.emit(Kind.COMMAND, text, token)

    def sized(self, token: Token, text: str) -> None:
        delimiter = self.peek()
        if delimiter is None:
            self.emit(Kind.COMMAND, text, token)
            return
        shape = words.ALIASES.get(delimiter.text, delimiter.text)
        if shape == ".":
            shape = "."
        elif shape in {"<", ">"} or shape in words.OPENERS or shape in words.CLOSERS:
            angles = {"<": r"\langle", ">": r"\rangle"}
            shape = angles.get(shape) or words.OPENERS.get(shape) or words.CLOSERS[shape]
        elif shape not in words.BARS:
            # A slash of a size, or nothing that could be a bracket: the size says nothing.
            if text in {r"\left", r"\right"}:
                self.emit(Kind.COMMAND, text, token)
            return
        self.at += 1
        if text == r"\left":
            kind = Kind.LEFT
        elif text == r"\right":
            kind = Kind.RIGHT
        elif shape == ".":
            return
        elif shape in words.BARS:
            # \bigl| and \bigr| say which they are, but only \left…\right are sure to pair.
            kind = Kind.BAR
        elif text in words.SIZES_OPEN:
            kind = Kind.OPEN
        elif text in words.SIZES_CLOSE:
            kind = Kind.CLOSE
        else:
            kind = Kind.OPEN if shape in words.PARTNER else Kind.CLOSE
        if kind is Kind.OPEN and shape not in words.PARTNER:
            kind = Kind.CLOSE
        elif kind is Kind.CLOSE and shape in words.PARTNER and shape not in words.BARS:
            kind = Kind.OPEN
        self.emit(kind, shape, token, delimiter)

    def group(self) -> tuple[int, int] | None:
        """The indices of the braces of an argument that begins here."""
        end = self.closing.get(self.at)
        return None if end is None else (self.at, end)

    def skip_argument(self) -> None:
        if group := self.group():
            self.at = group[1] + 1
        elif self.peek():
            self.at += 1

    def font(self, token: Token, font: str) -> None:
        group = self.group()
        if group is None:
            after = self.peek()
            if after is None or after.text in {"{", "}"}:
                return
            self.at += 1
            self.styled(after, token, font)
            return
        inside = self.raw[group[0] + 1 : min(group[1], group[0] + _LOOKAHEAD)]
        if (
            inside
            and len(inside) == group[1] - group[0] - 1
            and all(_is_letter(part) for part in inside)
        ):
            self.at = group[1] + 1
            if len(inside) == 1:
                self.styled(inside[0], token, font, self.raw[group[1]])
            else:
                for part in inside:
                    self.styled(part, part, font)
            return
        _, bold, alphabet = self.fonts[-1] if self.fonts else (0, False, "")
        self.fonts.append((group[1], True, alphabet) if font == "bold" else (group[1], bold, font))

    def styled(self, letter: Token, first: Token, font: str, last: Token | None = None) -> None:
        text = words.ALIASES.get(letter.text, letter.text)
        last = last or letter
        bold = font == "bold"
        whole = Token(Kind.LETTER, text, first.start, last.end, first.spaced, bold or first.bold)
        if not _is_letter(letter):
            self.at -= 1
        elif bold:
            self.emit(Kind.LETTER, text, whole)
        elif text.isupper() or text == "1" or font in {r"\mathbb", r"\mathfrak"}:
            self.emit(Kind.LETTER, f"{font}{{{text}}}", whole)
        else:
            self.emit(Kind.LETTER, text, whole)

    def upright(self, token: Token) -> None:
        group = self.group()
        if group is None:
            return
        if group[1] - group[0] > _LOOKAHEAD:
            return
        inside = self.raw[group[0] + 1 : group[1]]
        name = "".join(
            part.text for part in inside if part.text not in words.IGNORED and part.text != "-"
        )
        if len(name) > 1 and re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name):
            self.at = group[1] + 1
            self.emit(Kind.WORD, name, token, self.raw[group[1]])
        elif len(inside) == 1 and _is_letter(inside[0]):
            self.at = group[1] + 1
            kind = Kind.DIGIT if name in _DIGITS else Kind.LETTER
            self.emit(kind, name, token, self.raw[group[1]])

    def keep(self, text: str) -> None:
        """`\\boxed{x}` is `x`; its braces go where they cannot hold anything together."""
        group = self.group()
        if group is None:
            return
        if text in {r"\underbrace", r"\overbrace"}:
            self.labels[group[1]] = "_" if text == r"\underbrace" else "^"
        inside = self.raw[group[0] + 1 : min(group[1], group[0] + _LOOKAHEAD)]
        if any(words.ALIASES.get(part.text, part.text) in words.RELATIONS for part in inside):
            before = self.out[-1].kind if self.out else Kind.RELATION
            if before in {Kind.RELATION, Kind.ALIGN, Kind.ROW, Kind.BREAK, Kind.BEGIN}:
                self.unbrace |= set(group)

    def skip_label(self, script: str | None) -> None:
        after = self.peek()
        if script is not None and after is not None and after.text == script:
            self.at += 1
            self.skip_argument()

    def stacked(self, token: Token, text: str) -> None:
        r"""`\overset{\text{def}}{=}` defines; any other label over a relation is a comment."""
        start = self.at
        self.skip_argument()
        label_tokens = self.raw[start : min(self.at, start + _LOOKAHEAD)]
        label = "".join(part.text for part in label_tokens).strip("{}")
        group = self.group()
        first, last = (group[0] + 1, group[1]) if group else (self.at, self.at + 1)
        inside = self.raw[first : min(last, first + _LOOKAHEAD)]
        sign = "".join(words.ALIASES.get(part.text, part.text) for part in inside)
        if sign in words.RELATIONS or sign == ":=":
            self.skip_argument()
            sign = words.RELATIONS.get(sign, ":=")
            if "def" in label.lower() or label in {r"\triangle", r"\Delta", r"\vartriangle", "∆"}:
                sign = ":="
            elif label in {"!", "?"}:
                sign = rf"\overset{{{label}}}{{{sign}}}"
            self.emit(Kind.RELATION, sign, token, self.raw[self.at - 1])
        else:
            self.at = start
            self.emit(Kind.COMMAND, text, token)


def _is_letter(token: Token) -> bool:
    text = words.ALIASES.get(token.text, token.text)
    if token.kind not in {Kind.CHARACTER, Kind.COMMAND}:
        return False
    return text in words.LETTERS or (len(text) == 1 and (text.isalpha() or text in _DIGITS))


def _closing(raw: list[Token]) -> dict[int, int]:
    stack: list[int] = []
    closing: dict[int, int] = {}
    for index, token in enumerate(raw):
        if token.kind is Kind.CHARACTER:
            if token.text == "{":
                stack.append(index)
            elif token.text == "}" and stack:
                closing[stack.pop()] = index
    return closing
