"""Tokens of one side to a tree: a Pratt parser over a range of tokens with brackets already paired.

Every method reads from `position` up to `end`. What cannot be read raises `Fault`, which the caller
of a whole side turns into an `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from derivcheck import syntax
from derivcheck.latex.cursor import CLOSING, Cursor, Fault
from derivcheck.latex.tokens import Kind, Token
from derivcheck.latex.usage import Usage
from derivcheck.latex.vocabulary import ACCENTS, FUNCTIONS, LABELS

_FACTORS = {
    Kind.LETTER,
    Kind.DIGIT,
    Kind.WORD,
    Kind.TEXT,
    Kind.COMMAND,
    Kind.BRACE_OPEN,
    Kind.LEFT,
    Kind.OPEN,
    Kind.BAR,
    Kind.BEGIN,
}
# How many arguments a command takes that may itself be an argument without braces.
_ARGUMENTS = {r"\frac": 2, r"\sqrt": 1, **dict.fromkeys(ACCENTS, 1)}

# Reads what a token begins; for a command `position` is already behind it. None: not its own after
# all.
Construct: TypeAlias = "Callable[[Reader, Token], syntax.Node | None]"


class Reader(Cursor):
    """A Pratt parser whose factors are read by `constructs`, keyed by command or kind of token."""

    def __init__(
        self,
        tokens: Sequence[Token],
        found: Mapping[int, int],
        constructs: Mapping[str | Kind, Construct],
        usage: Usage,
    ) -> None:
        super().__init__(tokens, found)
        self.constructs = constructs
        self.usage = usage

    # Contents of brackets and scripts

    def content(self, first: int, last: int) -> syntax.Node:
        """A list, a chain of relations or an expression: all that a bracket may hold."""
        items = self.items(first, last)
        if len(items) == 1:
            return items[0]
        return syntax.Sequence(tuple(items), self.span(first, last))

    def items(self, first: int, last: int) -> list[syntax.Node]:
        ranges = self.parts(first, last, _separates)
        if len(ranges) > 1 and ranges[-1][0] == ranges[-1][1]:
            ranges.pop()
        return [self.chain(*part) for part in ranges]

    def chain(self, first: int, last: int) -> syntax.Node:
        ranges = self.parts(first, last, lambda token: token.kind is Kind.RELATION)
        if len(ranges) == 1:
            return self.expression(first, last)
        sides = tuple(self.expression(*part) for part in ranges)
        relations = tuple(self.tokens[end].text for _, end in ranges[:-1])
        return syntax.Chain(sides, relations, self.span(first, last))

    def expression(self, first: int, last: int) -> syntax.Node:
        if first >= last:
            raise Fault("missing expression", self.span(first, last), "write what stands here")
        with self.within(first, last):
            over = self.parts(first, last, lambda t: t.kind is Kind.COMMAND and t.text == r"\over")
            if len(over) == 2:
                self.position = over[0][1]
                return self._leave(self.construct(r"\over", self.tokens[self.position]))
            node = self.addition()
            if (token := self.peek()) is not None:
                raise self.unexpected(token)
            # Braces around all of it hold nothing together.
            if isinstance(node, syntax.Group) and node.open == "{":
                return node.body
            return node

    def _leave(self, node: syntax.Node) -> syntax.Node:
        self.position = self.end
        return node

    # Operators

    def addition(self) -> syntax.Node:
        first = self.position
        terms: list[tuple[str, syntax.Node]] = []
        signed = False
        while True:
            sign = "+"
            if self.kind() is Kind.SIGN:
                sign, signed = self.tokens[self.position].text, True
                self.position += 1
            terms.append((sign, _unbraced(self.signed(self.product))))
            if self.kind() is not Kind.SIGN:
                break
        if len(terms) == 1 and not signed:
            return terms[0][1]
        return syntax.Addition(tuple(terms), self.span(first))

    def signed(self, read: Callable[[], syntax.Node]) -> syntax.Node:
        """What `read` reads, with signs of its own before it: the `-2` of `3 \\cdot -2`."""
        signs: list[int] = []
        while self.kind() is Kind.SIGN:
            signs.append(self.position)
            self.position += 1
            if len(signs) > 3:
                raise self.unexpected(self.tokens[signs[-1]])
        node = read()
        for at in reversed(signs):
            node = syntax.Addition(((self.tokens[at].text, node),), self.span(at))
        return node

    def product(self, argument: bool = False) -> syntax.Node:
        """Factors and the operators between them.

        As the `argument` of a function without brackets it ends at an explicit operator, and at
        another named function or big operator.
        """
        first = self.position
        factors = [self.factor()]
        operators: list[str] = []
        while (token := self.peek()) is not None:
            if token.kind is Kind.OPERATOR:
                if argument:
                    break
                self.position += 1
                operators.append(token.text)
                factors.append(self.signed(self.factor))
            elif self._evaluates(token):
                self._evaluate(factors, operators)
            elif self.begins_factor(token):
                if argument and self.names_function(token):
                    break
                operators.append("")
                factor = self.factor()
                if isinstance(factor, syntax.Numeral) and isinstance(factors[-1], syntax.Numeral):
                    raise Fault(
                        "two numbers side by side",
                        factors[-1].span | factor.span,
                        r"write \cdot between them, or {,} for thousands",
                    )
                factors.append(factor)
            else:
                break
        if len(factors) == 1:
            return factors[0]
        return syntax.Multiplication(tuple(factors), tuple(operators), self.span(first))

    def _evaluates(self, token: Token) -> bool:
        r"""Whether a bar says where what stands before it is taken: `\frac{df}{dx} \Big|_{x=0}`."""
        after = self.position + 1
        script = after < self.end and self.tokens[after].text == "_"
        return token.kind is Kind.BAR and token.text == "|" and self.bar is None and script

    def _evaluate(self, factors: list[syntax.Node], operators: list[str]) -> None:
        """Take a bare derivative with its operand, or else the last factor, as what the bar is at
        the end of."""
        first = self.position
        self.position += 1  # behind the bar, at its script
        bare = [
            at
            for at, factor in enumerate(factors)
            if isinstance(factor, syntax.DerivativeOf) and factor.operand is None
        ]
        start = bare[0] if bare else len(factors) - 1
        inside, between = tuple(factors[start:]), tuple(operators[start:])
        span = inside[0].span | inside[-1].span
        body = inside[0] if len(inside) == 1 else syntax.Multiplication(inside, between, span)
        span = span | self.span(first)
        subscript, superscript, primes = self.scripts()
        group = syntax.Group(".", "|", body, span)
        factors[start:] = [syntax.Scripted(group, subscript, superscript, primes, span)]
        operators[start:] = []

    def begins_factor(self, token: Token) -> bool:
        if token.kind is Kind.BAR and token.text == self.bar:
            return False
        if token.kind is Kind.CHARACTER and token.text == ".":
            after = self.position + 1
            return after < self.end and self.tokens[after].kind is Kind.DIGIT
        return token.kind in _FACTORS

    def names_function(self, token: Token) -> bool:
        if token.kind is Kind.COMMAND:
            return token.text[1:] in FUNCTIONS or token.text in {r"\sum", r"\prod"}
        return token.kind is Kind.WORD and self.bracket_follows(self.position + 1)

    # Factors

    def factor(self) -> syntax.Node:
        first = self.position
        token = self.peek()
        if token is None:
            place = self.span(max(self.end - 1, self.start), self.end)
            raise Fault("missing expression", place, "write what follows")
        with self.deeper():
            return self.scripted(self.atom(token), first)

    def scripted(self, base: syntax.Node, first: int) -> syntax.Node:
        """The base with the scripts and primes that follow it."""
        subscript, superscript, primes = self.scripts()
        if subscript is None and superscript is None and not primes:
            return base
        span = self.span(first)
        if isinstance(base, syntax.Scripted) and self._merges(base, subscript, superscript):
            return syntax.Scripted(
                base.base,
                base.subscript or subscript,
                base.superscript or superscript,
                base.primes + primes,
                span,
            )
        return self.usage.named(syntax.Scripted(base, subscript, superscript, primes, span))

    def _merges(
        self,
        base: syntax.Scripted,
        subscript: syntax.Node | None,
        superscript: syntax.Node | None,
    ) -> bool:
        return not (
            (base.subscript is not None and subscript is not None)
            or (base.superscript is not None and superscript is not None)
        )

    def scripts(self) -> tuple[syntax.Node | None, syntax.Node | None, int]:
        """Subscript, superscript and number of primes, in whatever order they stand."""
        found: dict[str, syntax.Node] = {}
        primes = 0
        while (token := self.peek()) is not None:
            if token.kind is Kind.PRIME:
                primes += 1
                self.position += 1
                continue
            if token.kind is not Kind.SCRIPT:
                break
            self.position += 1
            if token.text == "^" and (count := self._prime_script()):
                primes += count
                continue
            if token.text in found:
                double = "double subscript" if token.text == "_" else "double superscript"
                raise Fault(
                    double, token.span, "set the first in brackets, or join them by a comma"
                )
            node = self.script(token)
            if node is not None:
                found[token.text] = _primed(_worded(node)) if token.text == "_" else node
        return found.get("_"), found.get("^"), primes

    def _prime_script(self) -> int:
        """How many primes a superscript of nothing but primes has; it is read if there are any."""
        if self.kind() is Kind.PRIME:
            self.position += 1
            return 1
        if self.kind() is Kind.BRACE_OPEN and self.position in self.found:
            inside = self.tokens[
                self.position + 1 : min(self.found[self.position], self.position + 6)
            ]
            if inside and all(token.kind is Kind.PRIME for token in inside):
                self.position = self.found[self.position] + 1
                return len(inside)
        return 0

    def script(self, mark: Token) -> syntax.Node | None:
        """What stands above or below: one token, or what its braces hold; None for `{}`."""
        token = self.peek()
        if token is None:
            raise Fault("script without contents", mark.span, "write the index or the power")
        if token.kind is not Kind.BRACE_OPEN:
            if token.kind in {Kind.SIGN, Kind.OPERATOR}:
                self.position += 1
                return syntax.Symbol(token.text, token.span)
            if token.kind is Kind.DIGIT:
                self.position += 1
                after = self.peek()
                if after is not None and after.kind is Kind.DIGIT and not after.spaced:
                    raise Fault(
                        "digits after a script without braces",
                        token.span | after.span,
                        f"write {mark.text}{{{token.text}{after.text}…}} or leave a blank",
                    )
                return syntax.Numeral(token.text, token.span)
            if token.kind is Kind.COMMAND and token.text[1:] in FUNCTIONS:
                self.position += 1
                return syntax.Symbol(token.text[1:], token.span, word=True)
            if token.kind in CLOSING or not self.begins_factor(token):
                raise Fault("script without contents", mark.span, "write the index or the power")
            return self.atom(token)
        opener, closer = self.position, self.closer(self.position)
        self.position = closer + 1
        inside = self.tokens[opener + 1 : min(closer, opener + 3)]
        if not inside:
            return None
        if len(inside) == 1:
            if inside[0].kind in {Kind.SIGN, Kind.OPERATOR}:
                return syntax.Symbol(inside[0].text, inside[0].span)
            if inside[0].kind is Kind.COMMAND and inside[0].text[1:] in FUNCTIONS:
                return syntax.Symbol(inside[0].text[1:], inside[0].span, word=True)
        if inside[0].text == "<" and self.tokens[closer - 1].text == ">":
            body = self.content(opener + 2, closer - 1)
            return syntax.Group("<", ">", body, self.span(opener + 1, closer))
        if inside[0].kind is Kind.RELATION and closer > opener + 2:
            # `\mathbb{R}_{>0}`: what is compared is what the set holds.
            nothing = syntax.Symbol("", self.span(opener + 1, opener + 1))
            limit = self.expression(opener + 2, closer)
            span = self.span(opener + 1, closer)
            return syntax.Chain((nothing, limit), (inside[0].text,), span)
        return self.content(opener + 1, closer)

    def argument(self, command: Token) -> tuple[int, int]:
        """The range of tokens of a command's next argument: a braced group's, or one token."""
        token = self.peek()
        if token is None or token.kind in CLOSING | {Kind.SCRIPT, Kind.RELATION, Kind.COMMA}:
            raise Fault(f"{command.text} without its argument", command.span, "write it in braces")
        first = self.position
        if token.kind is Kind.BRACE_OPEN:
            closer = self.closer(first)
            self.position = closer + 1
            return first + 1, closer
        # `\sqrt\frac{a}{b}`: the argument reaches as far as the command's own arguments do.
        wanted = 1
        while wanted and self.position < self.end:
            token = self.tokens[self.position]
            if token.kind is Kind.COMMAND and token.text in _ARGUMENTS:
                wanted += _ARGUMENTS[token.text]
            wanted -= 1
            self.position = self.found.get(self.position, self.position) + 1
        return first, self.position

    def atom(self, token: Token) -> syntax.Node:
        """One factor without its scripts."""
        match token.kind:
            case Kind.OPEN | Kind.LEFT:
                return self.group()
            case Kind.BAR:
                return self.bars(token)
            case Kind.BRACE_OPEN:
                return self.braces()
            case Kind.COMMAND:
                if token.text not in self.constructs:
                    raise self.unexpected(token)
                self.position += 1
                return self.construct(token.text, token)
            case _:
                return self.construct(token.kind, token)

    def construct(self, key: str | Kind, token: Token) -> syntax.Node:
        read = self.constructs.get(key)
        node = None if read is None else read(self, token)
        if node is None:
            raise self.unexpected(token)
        return node

    # Brackets

    def group(self) -> syntax.Node:
        first = self.position
        closer = self.closer(first)
        self.position = closer + 1
        if closer == first + 1:
            raise Fault("empty brackets", self.span(first), "write what they hold")
        body = self.content(first + 1, closer)
        opening, closing = self.tokens[first].text, self.tokens[closer].text
        return syntax.Group(opening, closing, body, self.span(first))

    def bars(self, token: Token) -> syntax.Node:
        """`|x|` and `||x||` in plain bars, opened where a factor must begin."""
        first = self.position
        double = (
            token.text == "|"
            and first + 1 < self.end
            and self.tokens[first + 1].text == "|"
            and not self.tokens[first + 1].spaced
        )
        self.position += 2 if double else 1
        outer, self.bar = self.bar, token.text
        body = self.addition()
        self.bar = outer
        for _ in range(2 if double else 1):
            closing = self.peek()
            if closing is None or closing.kind is not Kind.BAR or closing.text != token.text:
                raise Fault("unclosed bar", token.span, r"write \left| … \right|")
            self.position += 1
        shape = r"\|" if double else token.text
        return syntax.Group(shape, shape, body, self.span(first))

    def braces(self) -> syntax.Node:
        """Plain braces: one factor inside is that factor; more stay a group until it is known that
        nothing depends on them, for they do not show on the page (`{a + b} c` reads as a + bc)."""
        first = self.position
        closer = self.closer(first)
        while closer == first + 1:
            # Nothing in braces is nothing; what follows is the factor.
            first = self.position = closer + 1
            token = self.peek()
            if token is None or not self.begins_factor(token):
                place = self.span(first - 2, first)
                raise Fault("missing expression", place, "write what stands here")
            if token.kind is not Kind.BRACE_OPEN:
                return self.atom(token)
            closer = self.closer(first)
        self.position = closer + 1
        body = self.content(first + 1, closer)
        if isinstance(
            body, (syntax.Addition, syntax.Multiplication, syntax.Sequence, syntax.Chain)
        ):
            return syntax.Group("{", "}", body, self.span(first))
        return body


def _separates(token: Token) -> bool:
    return (
        token.kind is Kind.COMMA
        or token.text == ";"
        or (token.kind is Kind.COMMAND and token.text in {r"\land", r"\wedge"})
        or (token.kind is Kind.TEXT and token.text.strip().lower() == "and")
    )


def _unbraced(term: syntax.Node) -> syntax.Node:
    """A term without braces of its own: around a product they hold nothing that a sign could
    split."""
    if (
        isinstance(term, syntax.Group)
        and term.open == "{"
        and isinstance(term.body, syntax.Multiplication)
    ):
        return term.body
    return term


def _primed(node: syntax.Node) -> syntax.Node:
    """A subscript with each primed letter as one symbol: `i'` is an index as i is."""
    match node:
        case syntax.Scripted(syntax.Symbol(name, bold=bold), None, None, primes):
            return syntax.Symbol(name + "'" * primes, node.span, bold)
        case syntax.Sequence(items):
            return replace(node, items=tuple(map(_primed, items)))
        case syntax.Multiplication(factors):
            return replace(node, factors=tuple(map(_primed, factors)))
        case syntax.Addition(terms):
            return replace(node, terms=tuple((sign, _primed(term)) for sign, term in terms))
        case syntax.Group(body=body):
            return replace(node, body=_primed(body))
        case _:
            return node


def _worded(node: syntax.Node) -> syntax.Node:
    """A subscript whose letters spell a word that labels: one symbol instead of a product."""
    if not isinstance(node, syntax.Multiplication) or any(node.operators):
        return node
    letters = [f.name for f in node.factors if isinstance(f, syntax.Symbol) and len(f.name) == 1]
    name = "".join(letters)
    if len(letters) < len(node.factors) or name not in LABELS:
        return node
    return syntax.Symbol(name, node.span, word=True)
