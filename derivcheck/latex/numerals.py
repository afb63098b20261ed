"""Numbers as they are printed."""

from __future__ import annotations

from derivcheck import syntax
from derivcheck.latex.cursor import Cursor, Fault
from derivcheck.latex.tokens import Kind

LONGEST_NUMERAL = 1000
"""Digits, and the exponent of ten, of the longest number that is read."""


def numeral(cursor: Cursor) -> syntax.Numeral:
    """`12`, `0.5`, `.5`, `1{,}000`, `1e3`, `1e-5`, `1e{-5}`; their digits stand together."""
    first = cursor.position
    digits: list[str] = []

    def run() -> None:
        start = cursor.position
        while (token := cursor.peek()) is not None and token.kind is Kind.DIGIT:
            if token.spaced and cursor.position > start:
                break
            digits.append(token.text)
            cursor.position += 1

    def tight(*texts: str) -> bool:
        ahead = cursor.tokens[cursor.position : min(cursor.end, cursor.position + len(texts))]
        shapes = ["0" if token.kind is Kind.DIGIT else token.text for token in ahead]
        joined = ahead[0 if digits else 1 :]
        return shapes == list(texts) and not any(token.spaced for token in joined)

    run()
    while tight("{", ",", "}", "0", "0", "0"):
        cursor.position += 3
        run()
    if tight(".", "0"):
        digits.append(".")
        cursor.position += 1
        run()
    if tight("e", "0"):
        digits.append("e")
        cursor.position += 1
        run()
    elif tight("e", "-", "0") or tight("e", "+", "0"):
        digits.append("e" + cursor.tokens[cursor.position + 1].text)
        cursor.position += 2
        run()
    elif (
        tight("e", "{", "-", "0") and cursor.found.get(cursor.position + 1, cursor.end) < cursor.end
    ):
        closer = cursor.found[cursor.position + 1]
        if all(token.kind is Kind.DIGIT for token in cursor.tokens[cursor.position + 3 : closer]):
            digits.append("e-")
            cursor.position += 3
            run()
            cursor.position = closer + 1
    elif tight("."):
        after = cursor.position + 1
        if after < cursor.end and cursor.tokens[after].kind is Kind.DIGIT:
            raise Fault("decimal point before a blank", cursor.tokens[cursor.position].span)
    mantissa, _, exponent = "".join(digits).partition("e")
    if len(mantissa) > LONGEST_NUMERAL or (exponent and abs(int(exponent)) > LONGEST_NUMERAL):
        raise Fault("a number of so many digits", cursor.span(first), "write it as a power")
    if not digits:
        raise cursor.unexpected(cursor.tokens[first])
    return syntax.Numeral("".join(digits), cursor.span(first))
