r"""Names: from canonical LaTeX (`\hat{X}`, `W^{(l)}`) to Python identifiers and Unicode.

A name is read into pieces by a small grammar of its own and each piece is looked up in a table, so
no text of a document ever reaches generated source: what no table knows becomes its code point.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

# --- tables -------------------------------------------------------------------------------------

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "omicron": "ο", "pi": "π", "rho": "ρ",
    "varrho": "ϱ", "sigma": "σ", "varsigma": "ς", "tau": "τ", "upsilon": "υ", "phi": "φ",
    "varphi": "ϕ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω",
}  # fmt: skip

_SYMBOLS = {
    **GREEK,
    "ell": "ℓ", "partial": "∂", "nabla": "∇", "infty": "∞", "top": "⊤", "ast": "*", "star": "⋆",
    "dagger": "†", "imath": "ı", "jmath": "ȷ", "cdot": "·", "prime": "′", "odot": "⊙",
}  # fmt: skip
"""LaTeX commands that are one character in Unicode."""

_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304",
    "tilde": "\u0303", "widetilde": "\u0303", "dot": "\u0307", "ddot": "\u0308",
    "check": "\u030c", "breve": "\u0306", "vec": "\u20d7", "acute": "\u0301", "grave": "\u0300",
    "mathring": "\u030a",
}  # fmt: skip

_SPELLING = {"widehat": "hat", "overline": "bar", "widetilde": "tilde"}

_FONTS = {
    "mathcal": "cal", "mathscr": "scr", "mathfrak": "frak", "mathbb": "bb", "mathbf": "bold",
    "boldsymbol": "bold", "bm": "bold", "mathsf": "sf", "mathtt": "tt",
}  # fmt: skip
"""Fonts that tell symbols apart, and the suffix that says so."""

_PLAIN = frozenset({"text", "mathrm", "operatorname", "textrm", "textit", "mathit", "mbox"})

_SIGNS = {
    "+": "plus", "-": "minus", "−": "minus", "*": "star", "/": "over", "<": "lt", ">": "gt",
    "=": "eq", "∂": "d",
}  # fmt: skip

_POWERS = {"2": "squared", "3": "cubed", "-1": "inverse", "-2": "inverse_squared"}

_SUPERSCRIPTS = dict(zip("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", strict=True))

# Spelled out, because the set must not depend on the interpreter's version.
_RESERVED = frozenset(keyword.kwlist) | {
    "abs", "aiter", "all", "anext", "any", "ascii", "bin", "bool", "breakpoint", "bytearray",
    "bytes", "callable", "chr", "classmethod", "compile", "complex", "copyright", "credits",
    "delattr", "dict", "dir", "divmod", "enumerate", "eval", "exec", "exit", "filter", "float",
    "format", "frozenset", "getattr", "globals", "hasattr", "hash", "help", "hex", "id",
    "input", "int", "isinstance", "issubclass", "iter", "len", "license", "list", "locals",
    "map", "max", "memoryview", "min", "next", "object", "oct", "open", "ord", "pow", "print",
    "property", "quit", "range", "repr", "reversed", "round", "set", "setattr", "slice",
    "sorted", "staticmethod", "str", "sum", "super", "tuple", "type", "vars", "zip", "Ellipsis",
    "NotImplemented", "match", "case", "np", "numpy", "jnp", "jax", "lax", "scipy", "functools",
    "math", "self", "cls", "forward", "pullback", "residuals", "cotangents", "gradients",
    "outputs", "statics",
}  # fmt: skip

# --- reading a name -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Word:
    """Letters and digits that stand together, or one sign."""

    text: str


@dataclass(frozen=True, slots=True)
class _Command:
    """`\\gamma`, or `\\hat{…}` with its arguments."""

    name: str
    arguments: tuple[_Pieces, ...] = ()


@dataclass(frozen=True, slots=True)
class _Script:
    mark: str
    body: _Pieces


@dataclass(frozen=True, slots=True)
class _Group:
    body: _Pieces


_Piece: TypeAlias = "_Word | _Command | _Script | _Group"
_Pieces: TypeAlias = tuple[_Piece, ...]

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\W\d_]+|\d+|\s+|.", re.DOTALL)
_SHORT_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_DEPTH = 20


class _Reader:
    """Recursive descent over a name; deeper than `_DEPTH` braces are taken as signs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.offset = 0
        self.depth = 0

    def peek(self, pattern: re.Pattern[str] = _TOKEN) -> str:
        found = pattern.match(self.name, self.offset)
        return found.group() if found else ""

    def take(self, pattern: re.Pattern[str] = _TOKEN) -> str:
        token = self.peek(pattern)
        self.offset += len(token)
        return token

    def pieces(self, closing: str = "") -> _Pieces:
        found: list[_Piece] = []
        while (token := self.peek()) and token != closing:
            piece = self.piece(_TOKEN)
            if piece is not None:
                found.append(piece)
        if closing:
            self.take()
        return tuple(found)

    def piece(self, pattern: re.Pattern[str]) -> _Piece | None:
        token = self.take(pattern)
        if token.isspace():
            return None
        if token == "'":
            return _Script("'", ())
        if token in "^_" and token:
            return _Script(token, self.argument())
        if token == "{" and self.depth < _DEPTH:
            return _Group(self.braced())
        if token.startswith("\\") and len(token) > 1:
            return self.command(token[1:])
        return _Word(token)

    def command(self, name: str) -> _Piece:
        if name == "frac":
            return _Command(name, (self.argument(), self.argument()))
        if name in _ACCENTS or name in _FONTS or name in _PLAIN:
            return _Command(name, (self.argument(),))
        return _Command(name)

    def argument(self) -> _Pieces:
        """What a command or a script takes: a braced group, or one character."""
        while self.peek().isspace():
            self.take()
        if self.peek() == "{" and self.depth < _DEPTH:
            self.take()
            return self.braced()
        if not self.peek() or self.peek() == "}":
            return ()
        piece = self.piece(_SHORT_TOKEN)
        return () if piece is None else (piece,)

    def braced(self) -> _Pieces:
        self.depth += 1
        body = self.pieces("}")
        self.depth -= 1
        return body


def _read(name: str) -> _Pieces:
    return _Reader(name).pieces()


# --- Python identifiers -------------------------------------------------------------------------


def identifier(name: str) -> str:
    r"""The Python identifier of a canonical LaTeX name; pure, total and ASCII.

    >>> [identifier(n) for n in (r"\gamma", r"\hat{X}", r"\sigma^2", "W^{f}", "b^{[1]}", "c'")]
    ['gamma', 'X_hat', 'sigma_squared', 'W_f', 'b_1', 'c_prime']
    >>> identifier(r"\lambda"), identifier("N_{in}"), identifier(r"\mathcal{L}")
    ('lambda_', 'N_in', 'L_cal')

    Keywords, builtins and the names that generated code uses get a trailing underscore. Different
    names may share an identifier: `identifiers` tells them apart.
    """
    words = _words(_read(name))
    found = re.sub(r"_+", "_", "_".join(words)).strip("_")
    if not found or found[0].isdigit():
        found = f"v_{found}".rstrip("_")
    return found + "_" if found in _RESERVED else found


def identifiers(names: Iterable[str]) -> dict[str, str]:
    r"""An identifier of its own for every name, in order; the first of equals keeps the plain one.

    >>> identifiers(["W^f", "W^{f}", "W_f"])
    {'W^f': 'W_f', 'W^{f}': 'W_f_2', 'W_f': 'W_f_3'}
    """
    plain = {name: identifier(name) for name in names}
    wanted = set(plain.values())
    used: set[str] = set()
    result: dict[str, str] = {}
    for name, found in plain.items():
        chosen, number = found, 2
        while chosen in used or (chosen != found and chosen in wanted):
            chosen = f"{found.rstrip('_')}_{number}"
            number += 1
        used.add(chosen)
        result[name] = chosen
    return result


def _words(pieces: _Pieces) -> list[str]:
    """The words of an identifier, each of [A-Za-z0-9]."""
    found: list[str] = []
    position = 0
    while position < len(pieces):
        piece = pieces[position]
        following = pieces[position + 1] if position + 1 < len(pieces) else None
        if piece == _Command("partial") and isinstance(following, _Word | _Command):
            # ∂L is the field's dL: `\partial L/\partial Y` becomes dL_dY.
            found.append("d" + "_".join(_piece_words(following)))
            position += 2
            if position < len(pieces) and pieces[position] == _Word("/"):
                position += 1
            continue
        found.extend(_piece_words(piece))
        position += 1
    return found


def _piece_words(piece: _Piece) -> list[str]:
    match piece:
        case _Word(text):
            return _safe(text)
        case _Group(body):
            return _words(body)
        case _Script("'", _):
            return ["prime"]
        case _Script("^", body):
            power = "".join(p.text for p in body if isinstance(p, _Word))
            return [_POWERS[power]] if power in _POWERS else _words(body)
        case _Script(_, body):
            return _words(body)
        case _Command("frac", (numerator, denominator)):
            return [*_words(numerator), *_words(denominator)]
        case _Command(name, (argument,)):
            suffix = [] if name in _PLAIN else [_FONTS.get(name, _SPELLING.get(name, name))]
            return [*_words(argument), *suffix]
        case _Command(name, _):
            return _safe(name)


def _safe(text: str) -> list[str]:
    if text.isascii() and text.isalnum():
        return [text]
    if text in _SIGNS:
        return [_SIGNS[text]]
    if text in "()[],.;:|&!~ ":
        return []
    spelled: list[str] = []
    for character in text:
        if character.isascii() and character.isalnum():
            spelled.append(character)
        else:
            spelled.append(_COMMANDS.get(character, f"u{ord(character):x}"))
    return spelled


_COMMANDS = {character: command for command, character in reversed(_SYMBOLS.items())}

# --- Unicode ------------------------------------------------------------------------------------


def unicode_name(name: str) -> str:
    r"""The name for a terminal.

    >>> [unicode_name(n) for n in (r"\hat{x}", r"\bar{y}", r"\sigma^2", "W^{f}", "N_{in}", "c'")]
    ['x̂', 'ȳ', 'σ²', 'W^f', 'N_in', "c'"]
    >>> unicode_name(r"\partial L/\partial Y")
    '∂L/∂Y'
    """
    return unicodedata.normalize("NFC", _unicode(_read(name)))


def _unicode(pieces: _Pieces) -> str:
    return "".join(map(_unicode_piece, pieces))


def _unicode_piece(piece: _Piece) -> str:
    match piece:
        case _Word(text):
            return "−" if text == "-" else text
        case _Group(body):
            return _unicode(body)
        case _Script("'", _):
            return "'"
        case _Script(mark, body):
            return _unicode_script(mark, _unicode(body))
        case _Command("frac", (numerator, denominator)):
            return f"{_unicode(numerator)}/{_unicode(denominator)}"
        case _Command(name, (argument,)) if name in _ACCENTS:
            inner = _unicode(argument)
            bare = "".join(c for c in inner if not unicodedata.combining(c))
            if len(bare) == 1:
                return inner + _ACCENTS[name]
            return f"{_SPELLING.get(name, name)}({inner})"
        case _Command(name, (argument,)):
            return _unicode_font(name, _unicode(argument))
        case _Command(name, _):
            return _SYMBOLS.get(name, name)


def _unicode_script(mark: str, body: str) -> str:
    if mark == "^" and body and all(c in _SUPERSCRIPTS for c in body.replace("−", "-")):
        return "".join(_SUPERSCRIPTS[c] for c in body.replace("−", "-"))
    plain = body.isalnum() or (body[:1] in ("(", "[") and body[-1:] in (")", "]"))
    return mark + (body if plain else f"{{{body}}}")


_ALPHABETS = {
    "mathbb": {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "E": "𝔼"},
    "mathcal": {"L": "ℒ", "N": "𝒩", "F": "ℱ", "H": "ℋ", "B": "ℬ", "D": "𝒟"},
    "mathscr": {"L": "ℒ"},
}


def _unicode_font(font: str, body: str) -> str:
    return _ALPHABETS.get(font, {}).get(body, body)


# --- LaTeX --------------------------------------------------------------------------------------


def _is_outside_braces(name: str, at: int) -> bool:
    return name.count("{", 0, at) == name.count("}", 0, at)


def latex_name(name: str) -> str:
    r"""The name as a page writes it: words upright, everything else as it stands.

    >>> latex_name("loss"), latex_name(r"\hat{X}"), latex_name("N_{in}")
    ('\\text{loss}', '\\hat{X}', 'N_{in}')
    >>> latex_name(r"\sigma^2^{A}")  # TeX knows no two superscripts of one letter
    '{\\sigma^2}^{A}'
    """
    pieces = _read(name)
    if sum(isinstance(piece, _Script) and piece.mark == "^" for piece in pieces) > 1:
        last = max(at for at, c in enumerate(name) if c == "^" and _is_outside_braces(name, at))
        return f"{{{latex_name(name[:last])}}}{name[last:]}"
    match pieces:
        case (_Word(word), *_) if len(word) > 1 and word.isalpha():
            return rf"\text{{{word}}}" + name.lstrip()[len(word) :]
        case _:
            return name
