r"""The two alphabets: Unicode for a terminal, LaTeX for a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from derivcheck.expression import Count, Entry, Expression, Function, Rational
from derivcheck.notation.names import latex_name, unicode_name
from derivcheck.notation.printer import Group, Level, Piece, Printer, below_line

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_COTANGENT = re.compile(r"\\partial (.+?)/\\partial (.+)", re.DOTALL)
"""The name that elaboration gives to the incoming cotangent of an output."""


class Text(Printer):
    minus = "−"
    at_most = "≤"
    at_least = "≥"

    def name(self, name: str) -> str:
        return unicode_name(name)

    def entry(self, name: str, subscripts: Sequence[str]) -> Piece:
        shown = unicode_name(name)
        level = Level.PRODUCT if _COTANGENT.fullmatch(name) else Level.ATOM
        if not subscripts:
            return Piece(shown, level)
        # The index of a name with a label of its own is told from it by a comma.
        inner = _unspaced(subscripts)
        if re.search(r"_\{?[^_]*$", shown) and level == Level.ATOM:
            stem, label = shown.rsplit("_", 1)
            return Piece(f"{stem}_{{{label.strip('{}')},{','.join(subscripts)}}}", level)
        inner = inner if "," not in inner and _is_short(subscripts) else f"{{{inner}}}"
        return Piece(f"{shown}_{inner}", level)

    def join(self, factors: Sequence[str]) -> str:
        return _dotted(factors, " · ")

    def groups(self, groups: Sequence[Group]) -> Piece:
        shown: list[Piece] = []
        for group in groups:
            shown.extend(self._fraction(group))
        if len(shown) == 1:
            return shown[0]
        last = shown.pop()
        inner = [
            self.bracket(p.text) if p.level < Level.PRODUCT or "/" in p.text else p.text
            for p in shown
        ]
        if last.level == Level.OPEN:
            return Piece(" · ".join([*inner, last.text]), Level.OPEN)
        closing = self.bracket(last.text) if "/" in last.text else self.fit(last, Level.PRODUCT)
        return Piece(" · ".join([*inner, closing]), Level.PRODUCT)

    def _fraction(self, group: Group) -> list[Piece]:
        if not group.below:
            return [self.factors(group.above)]
        under = [self.at(factor, Level.FACTOR) for factor in below_line(group)]
        divisor = under[0] if len(under) == 1 else self.bracket(self.join(under))
        above = self.factors(group.above) if group.above else Piece("1", Level.ATOM)
        if above.level == Level.OPEN:
            # (1/M) · Σ … reads better than (Σ …)/M.
            return [Piece(f"1/{divisor}", Level.PRODUCT), above]
        return [Piece(f"{self.fit(above, Level.PRODUCT)}/{divisor}", Level.PRODUCT)]

    def bracket(self, text: str) -> str:
        return f"({text})"

    def root(self, radicand: Expression) -> Piece:
        return Piece(f"√{self.at(radicand, Level.ATOM)}", Level.FACTOR)

    def raised(self, base: Expression, exponent: Expression) -> Piece:
        shown = _base(self, base)
        match exponent:
            case Rational(value) if value.denominator == 1 and value >= 0:
                return Piece(shown + str(value.numerator).translate(_SUPERSCRIPTS), Level.FACTOR)
            case Entry() | Count():
                return Piece(f"{shown}^{self.at(exponent, Level.ATOM)}", Level.FACTOR)
            case _:
                return Piece(f"{shown}^({self.show(exponent).text})", Level.FACTOR)

    def exponential(self, argument: Expression) -> Piece:
        return Piece(f"e^{{{self.show(argument).text}}}", Level.FACTOR)

    def big(self, kind: str, script: str, body: str) -> str:
        sign = {"sum": "Σ", "prod": "∏", "max": "max"}[kind]
        short = len(script) == 1
        return f"{sign}_{script if short else f'{{{script}}}'} {body}"

    def bounds(self, letter: str, lower: str, upper: str) -> str:
        return f"{letter}={lower}..{upper}"

    def delta(self, sides: Sequence[str]) -> str:
        inner = _unspaced(sides)
        return f"δ_{inner if _is_short(sides) else f'{{{inner}}}'}"

    def call(self, function: Function, arguments: Sequence[Expression]) -> Piece:
        inner = ", ".join(self.show(argument).text for argument in arguments)
        if function.name == "abs":
            return Piece(f"|{inner}|", Level.FACTOR)
        name = unicode_name(function.name)
        if function.name == "sigmoid" and self.sigma_is_free:
            name = "σ"
        return Piece(f"{name}{_primes(function)}({inner})", Level.FACTOR)

    def derivative(self, operand: Piece, variables: Sequence[str]) -> Piece:
        order = str(len(variables)).translate(_SUPERSCRIPTS) if len(variables) > 1 else ""
        shown = self.fit(operand, Level.ATOM)
        below = "".join(f"∂{variable}" for variable in variables)
        return Piece(f"∂{order}{shown}/{below}", Level.PRODUCT)

    def rational(self, value: Fraction) -> Piece:
        if value.denominator == 1:
            return Piece(str(value.numerator), Level.ATOM)
        return Piece(f"{value.numerator}/{value.denominator}", Level.PRODUCT)

    def product_of_atoms(self, atoms: Sequence[str]) -> str:
        return ("" if _is_short(atoms) else "·").join(atoms)


class Latex(Printer):
    minus = "-"
    at_most = r"\le"
    at_least = r"\ge"

    def name(self, name: str) -> str:
        return latex_name(name)

    def entry(self, name: str, subscripts: Sequence[str]) -> Piece:
        found = _COTANGENT.fullmatch(name)
        if found:
            loss, output = found.groups()
            below = self.entry(output, subscripts).text
            return Piece(rf"\frac{{\partial {latex_name(loss)}}}{{\partial {below}}}", Level.FACTOR)
        shown = latex_name(name)
        if not subscripts:
            return Piece(shown, Level.ATOM)
        if re.search(r"_(\{[^{}]*\}|.)$", name):
            shown = f"{{{shown}}}"
        return Piece(f"{shown}_{{{_unspaced(subscripts)}}}", Level.ATOM)

    def join(self, factors: Sequence[str]) -> str:
        return _dotted(factors, r" \cdot ")

    def groups(self, groups: Sequence[Group]) -> Piece:
        shown = [self._fraction(group) for group in groups]
        if len(shown) == 1:
            return shown[0]
        last = shown.pop()
        inner = [self.fit(piece, Level.PRODUCT) for piece in shown]
        closing = self.fit(last, Level.OPEN)
        level = Level.OPEN if last.level == Level.OPEN else Level.PRODUCT
        return Piece(self.join([*inner, closing]), level)

    def _fraction(self, group: Group) -> Piece:
        if not group.below:
            return self.factors(group.above)
        above = self.factors(group.above).text if group.above else "1"
        under = below_line(group)
        level = Level.SUM if len(under) == 1 else Level.FACTOR
        below = self.join([self.at(factor, level) for factor in under])
        return Piece(rf"\frac{{{above}}}{{{below}}}", Level.FACTOR)

    def bracket(self, text: str) -> str:
        return rf"\left({text}\right)"

    def root(self, radicand: Expression) -> Piece:
        return Piece(rf"\sqrt{{{self.show(radicand).text}}}", Level.FACTOR)

    def raised(self, base: Expression, exponent: Expression) -> Piece:
        match exponent:
            case Rational(value) if value.denominator != 1:
                shown = f"{value.numerator}/{value.denominator}"
            case _:
                shown = self.show(exponent).text
        return Piece(f"{_base(self, base)}^{{{shown}}}", Level.FACTOR)

    def exponential(self, argument: Expression) -> Piece:
        return Piece(f"e^{{{self.show(argument).text}}}", Level.FACTOR)

    def big(self, kind: str, script: str, body: str) -> str:
        return rf"\{kind}_{{{script}}} {body}"

    def bounds(self, letter: str, lower: str, upper: str) -> str:
        # The closing brace of `\sum_{…}` is the operator's; the bound above opens its own.
        return f"{letter}={lower}}}^{{{upper}"

    def delta(self, sides: Sequence[str]) -> str:
        return rf"\delta_{{{_unspaced(sides)}}}"

    def call(self, function: Function, arguments: Sequence[Expression]) -> Piece:
        inner = ", ".join(self.show(argument).text for argument in arguments)
        tall = any(command in inner for command in (r"\frac", r"\sum", r"\prod", r"\max", r"\left"))
        if function.name == "abs":
            return Piece(rf"\left|{inner}\right|", Level.FACTOR)
        if function.name == "sigmoid" and self.sigma_is_free:
            name = r"\sigma"
        elif function.abstract:
            name = latex_name(function.name) + _primes(function)
        elif function.name in _COMMANDS:
            name = rf"\{function.name}"
        else:
            name = rf"\operatorname{{{function.name}}}"
        return Piece(f"{name}{self.bracket(inner) if tall else f'({inner})'}", Level.FACTOR)

    def derivative(self, operand: Piece, variables: Sequence[str]) -> Piece:
        order = f"^{{{len(variables)}}}" if len(variables) > 1 else ""
        below = " ".join(rf"\partial {variable}" for variable in variables)
        if operand.level == Level.ATOM:
            return Piece(
                rf"\frac{{\partial{order} {operand.text}}}{{{below}}}".replace("  ", " "),
                Level.FACTOR,
            )
        # What follows a bare ∂/∂x is differentiated, so this runs on to the right like a sum.
        return Piece(
            rf"\frac{{\partial{order}}}{{{below}}} {self.bracket(operand.text)}", Level.OPEN
        )

    def rational(self, value: Fraction) -> Piece:
        if value.denominator == 1:
            return Piece(str(value.numerator), Level.ATOM)
        return Piece(rf"\frac{{{value.numerator}}}{{{value.denominator}}}", Level.FACTOR)

    def product_of_atoms(self, atoms: Sequence[str]) -> str:
        return " ".join(atoms) if any(len(atom) > 1 for atom in atoms) else "".join(atoms)


_COMMANDS = frozenset({"exp", "log", "tanh", "sin", "cos", "sinh", "cosh", "arctan", "max", "min"})


def _base(printer: Printer, base: Expression) -> str:
    """The base of a power; a name with a script of its own (σ², c') is bracketed."""
    shown = printer.at(base, Level.ATOM)
    if isinstance(base, Entry) and ("^" in base.tensor.name or "'" in base.tensor.name):
        return printer.bracket(shown)
    return shown


def _is_short(items: Sequence[str]) -> bool:
    """Whether every item is a single letter, so that they can stand side by side."""
    return all(len(item) == 1 or re.fullmatch(r"\\[A-Za-z]+", item) for item in items) and (
        len(items) == 1 or not any(item.isdigit() for item in items)
    )


def _unspaced(items: Sequence[str]) -> str:
    if not _is_short(items):
        return ",".join(items)
    return (" " if any(item.startswith("\\") for item in items) else "").join(items)


def _dotted(factors: Sequence[str], dot: str) -> str:
    joined = factors[0]
    for factor in factors[1:]:
        joined += (dot if factor[:1].isdigit() else " ") + factor
    return joined


def _primes(function: Function) -> str:
    return "'" * function.order if function.order <= 3 else f"^{{({function.order})}}"
