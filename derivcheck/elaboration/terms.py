"""One side of an equation: syntax with a symbol table -> an index expression.

The translator keeps to the letter where the letter is clear; where notation has two admissible
meanings it asks `Choices`, so that a link can be judged under each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from derivcheck import syntax
from derivcheck.elaboration import (
    conditions,
    derivatives,
    functions,
    matrices,
    naming,
    norms,
    sums,
    whole_arrays,
)
from derivcheck.elaboration.choices import Choices
from derivcheck.elaboration.evaluation import place
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.functions import replace_entries
from derivcheck.elaboration.integers import IntegerReader, Letters
from derivcheck.elaboration.label_arrays import over_classes
from derivcheck.elaboration.names import (
    CONSTANTS,
    applied_derivative,
    declared_name,
    is_transpose,
    label,
    nodes,
    peeled,
    subscript_items,
)
from derivcheck.elaboration.scope import (
    AbstractMeaning,
    FunctionMeaning,
)
from derivcheck.elaboration.state import PageState
from derivcheck.expression import (
    ONE,
    PI,
    Derivative,
    Entry,
    Expression,
    Function,
    Index,
    Power,
    add,
    apply,
    divide,
    multiply,
    negate,
    power,
    rational,
    square_root,
)
from derivcheck.source import Span
from derivcheck.syntax import Node

NUMBERS = CONSTANTS | {"d"}
"""Symbols that no bracket makes a function."""


class Translator:
    """Translates the sides of one statement; the free letters are shared between its sides."""

    def __init__(self, page: PageState, letters: Letters, *, indexed: bool) -> None:
        self.page = page
        self.letters = letters
        self.integers = IntegerReader(page, letters)
        self.indexed = indexed
        self.implicit: tuple[Index, ...] | None = None
        self.choices = Choices()
        self.has_derivative = False
        self.guessed: str | None = None
        """A name that was taken for a gradient's by what the page calls others."""

    def side(self, node: Node) -> Expression:
        """One whole side; a letter both free and bound in it is a fault."""
        self.letters.begin_side()
        (expression,) = over_classes(self, [self.value(node)])
        clash = self.letters.clash()
        if clash is not None:
            sums.check_end(node, clash)
            raise Fault(
                "index-bound-and-free",
                f"the index {clash} is both free and bound by a sum here",
                node.span,
                f"rename the bound {clash}",
            )
        return expression

    def condition(self, node: Node) -> Expression:
        """A condition of the statement as a number that is 0 or 1."""
        (holds,) = over_classes(self, [conditions.truth(self, node)])
        return holds

    # --- dispatch --------------------------------------------------------------------------------

    def value(self, node: Node) -> Expression:
        match node:
            case syntax.Numeral(text):
                return rational(Fraction(text))
            case syntax.Symbol():
                return naming.named(self, node, None, None, 0, node.span)
            case syntax.Scripted():
                of = peeled(node)
                return self.scripted(of.base, of.subscript, of.superscript, of.primes, of.span)
            case syntax.Addition(terms):
                return self.addition(terms, node.span)
            case syntax.Multiplication(factors, operators):
                return self.product(factors, operators)
            case syntax.Fraction(numerator, denominator):
                return divide(self.value(numerator), self.value(denominator))
            case syntax.Root(radicand, degree):
                if degree is None:
                    root = square_root(self.value(radicand))
                    self.note_function("the root", radicand)
                    return root
                return Power(self.value(radicand), divide(ONE, self.value(degree)))
            case syntax.DerivativeOf(symbol, operand, variables, span):
                if operand is None:
                    raise unsupported(
                        "a derivative without operand", span, r"write \frac{\partial A}{\partial B}"
                    )
                return derivatives.derivative(self, symbol, operand, variables, span)
            case syntax.BigOperator():
                return sums.big(self, node)
            case syntax.Call():
                return functions.call(self, node)
            case syntax.Group():
                return self.group(node)
            case syntax.Cases(rows):
                return conditions.cases(self, rows)
            case syntax.Indicator(condition):
                return conditions.truth(self, condition)
            case syntax.Chain():
                return conditions.truth(self, node)
            case syntax.Sequence(_, span):
                raise unsupported(
                    "a list where a number is needed", span, "write one equation each"
                )
            case syntax.Unreadable(construct, help_text, place):
                raise unsupported(construct, place, help_text)

    def addition(self, terms: Sequence[tuple[str, Node]], span: Span) -> Expression:
        values: list[Expression] = []
        for sign, term in terms:
            if sign not in "+-":
                raise unsupported(sign, span, "write two equations, one for each sign")
            value = self.value(term)
            values.append(negate(value) if sign == "-" else value)
        return add(*values)

    def group(self, node: syntax.Group) -> Expression:
        match node.open:
            case "(" | "[" | r"\{" | "{":
                return self.value(node.body)
            case "|":
                of_array = whole_arrays.magnitude(self, node)
                return of_array or apply("abs", self.value(node.body))
            case r"\lfloor":
                return apply("floor", self.value(node.body))
            case _:
                return norms.norm(self, node, None, None)

    # --- products and applications ---------------------------------------------------------------

    def product(self, factors: Sequence[Node], operators: Sequence[str]) -> Expression:
        """Factors from left to right; a bare derivative takes what follows it as its operand."""
        if (of_arrays := matrices.product(self, factors, operators)) is not None:
            return of_arrays
        whole_arrays.check_product(self, factors, operators)
        result: list[Expression] = []
        position = 0
        while position < len(factors):
            operator = operators[position - 1] if position else ""
            node = factors[position]
            if operator == r"\otimes":
                raise unsupported(r"\otimes", node.span, "write the product in index notation")
            functions.check_applied(self, factors, operators, position)
            used = 1
            if (taken := applied_derivative(factors, operators, position)) is not None:
                of, used = taken
                value = self.value(of)
            elif self.applies(factors, operators, position):
                value = self.application(node, factors[position + 1])
                used = 2
            elif operator == "/":
                used = self._denominator_length(factors, operators, position)
                value = power(
                    self.product(
                        factors[position : position + used],
                        operators[position : position + used - 1],
                    ),
                    -1,
                )
            elif self._is_number_pi(factors, operators, position):
                value = PI
            else:
                value = self.value(node)
            result.append(value)
            position += used
        return multiply(*result)

    def _is_number_pi(
        self, factors: Sequence[Node], operators: Sequence[str], position: int
    ) -> bool:
        r"""The π of `2\pi` on a page that has an array of that name, such as weights `\pi_k`."""
        if position == 0 or operators[position - 1] == "/":
            return False
        before, here = factors[position - 1], factors[position]
        bare = isinstance(here, syntax.Symbol) and here.name == r"\pi"
        return bare and isinstance(before, syntax.Numeral) and self.bare_rank(here) > 0

    def _denominator_length(
        self, factors: Sequence[Node], operators: Sequence[str], position: int
    ) -> int:
        """How many factors after a slash it divides by: `1/2x` is 1/(2x) or x/2."""
        end = position + 1
        if end < len(factors) and self.applies(factors, operators, position):
            end += 1
        first = end
        while (
            end < len(factors)
            and operators[end - 1] == ""
            and not isinstance(factors[end], syntax.BigOperator | syntax.Group)
        ):
            end += 1
        if end == first:
            return first - position
        longer = self.choices.pick("", "everything after the slash is divided by")
        return (end if longer else first) - position

    def applies(self, factors: Sequence[Node], operators: Sequence[str], position: int) -> bool:
        """Whether the factor here is a function and the bracket after it its argument."""
        if position + 1 >= len(factors) or operators[position] != "":
            return False
        argument, _ = _argument(factors[position + 1])
        if argument is None or argument.open not in ("(", "["):
            return False
        symbol, _, primes = self._function_name(factors[position])
        if symbol is None:
            return False
        known = self.page.scope.lookup(symbol.name)
        if known is not None and symbol.name in self.page.arguments:
            return self._fits(symbol.name, argument.body)
        if known is not None:
            function = isinstance(known.meaning, FunctionMeaning | AbstractMeaning)
            return function or (not primes and self.page.takes(symbol.name, argument.body))
        if self.page.scope.lookup(f"{symbol.name}^2") is not None:
            return False
        if symbol.name == r"\sigma" or primes or symbol.name in self.page.functions:
            return True
        if argument.open == "(" and symbol.name in self.page.applied - NUMBERS:
            return not self.letters.is_letter(symbol.name)
        return (
            argument.open == "("
            and symbol.name not in self.page.parameter_names
            and not self.letters.is_letter(symbol.name)
            and not isinstance(argument.body, syntax.Sequence)
            and symbol.name in "fghuv"
        ) or symbol.name in (r"\phi", r"\psi", r"\varphi")

    def _fits(self, name: str, arguments: Node) -> bool:
        """Whether a bracket behind `h`, which the page defines as `h(x)`, holds its arguments."""
        if isinstance(arguments, syntax.Symbol):
            return True
        variables = functions.items_of(self.page.arguments[name])
        given = functions.items_of(arguments)
        if len(variables) != len(given):
            return False
        axes = [of and of.axes for of in (matrices.shape(self, each) for each in given)]
        return len(given) > 1 or axes == [self.bare_rank(variables[0])]

    def _function_name(self, node: Node) -> tuple[syntax.Symbol | None, Node | None, int]:
        """Symbol, exponent and primes of what may be a function's name."""
        match node:
            case syntax.Symbol():
                return node, None, 0
            case syntax.Scripted(syntax.Symbol() as base, None, superscript, primes) if (
                superscript is None or isinstance(superscript, syntax.Numeral)
            ):
                return base, superscript, primes
            case syntax.Scripted(primes=primes, span=span):
                name = self.page.labelled_function(node)
                return (None if name is None else syntax.Symbol(name, span)), None, primes
            case _:
                return None, None, 0

    def application(self, head: Node, bracket: Node) -> Expression:
        """`f(x)`; an exponent may stand on the name or after the bracket."""
        symbol, exponent, primes = self._function_name(head)
        argument, raised = _argument(bracket)
        assert symbol is not None
        assert argument is not None
        listed = self.page.arguments.get(symbol.name)
        named = listed is not None or self.page.takes(symbol.name, argument.body)
        if named and exponent is None and not primes:
            if listed is None or label(argument.body) == label(listed):
                value = self.value(symbol)
            else:
                value = functions.at_arguments(self, symbol, argument.body)
            return value if raised is None else power(value, naming.exponent(self, raised))
        if isinstance(argument.body, syntax.Sequence):
            raise unsupported(
                "a function of several arguments", argument.span, "write its formula out"
            )
        inner = self.value(argument.body)
        function = functions.known_function(self, symbol.name, head.span)
        if isinstance(function, FunctionMeaning):
            value = self._primed(
                replace_entries(function.body, function.variable, inner), inner, primes, head
            )
        elif symbol.name == r"\sigma" and function is None and self.page.descriptions.logistic:
            value = self._primed(apply("sigmoid", inner), inner, primes, head)
        else:
            if function is None:
                function = AbstractMeaning(Function(symbol.name, abstract=True))
                self.page.scope.add(symbol.name, function, symbol.span)
            value = apply(Function(symbol.name, True, primes), inner)
            self.has_derivative |= primes > 0
        for each in (exponent, raised):
            value = value if each is None else power(value, naming.exponent(self, each))
        return value

    def _primed(
        self, value: Expression, argument: Expression, primes: int, head: Node
    ) -> Expression:
        """The derivative of a known function, for an argument that is a variable."""
        if primes and not isinstance(argument, Entry):
            raise unsupported(
                "f' of an expression", head.span, r"write \frac{d}{dx} f(x) for a variable x"
            )
        for _ in range(primes):
            assert isinstance(argument, Entry)
            value = Derivative(value, argument)
            self.has_derivative = True
        return value

    def note_function(self, name: str, argument: Node) -> None:
        whole_arrays.note_function(self, name, argument)

    def bare_rank(self, node: Node) -> int:
        if isinstance(node, syntax.DerivativeOf) and node.variables:
            return self.bare_rank(node.variables[0][0])
        if isinstance(node, syntax.Symbol):
            if node.name == "1":
                return 1  # a bold 1 beside an array: which product is meant, nobody knows
            tensor = self.page.scope.tensor(node.name)
            if gradient := self.page.gradient(node.name):
                tensor = gradient[1]
            if tensor is None and self.page.scope.lookup(node.name) is None:
                return self.page.ranks.get(node.name, int(node.name in self.page.arrays))
            return tensor.rank if tensor else 0
        if left := self.page.axes_left(node):
            return left
        name = declared_name(node)
        if name is not None and (tensor := self.page.scope.tensor(name)) is not None:
            return tensor.rank
        turned = matrices.untransposed(self, node) if isinstance(node, syntax.Scripted) else None
        return 0 if turned is None else self.bare_rank(turned)

    # --- names -----------------------------------------------------------------------------------

    def scripted(
        self, base: Node, subscript: Node | None, superscript: Node | None, primes: int, span: Span
    ) -> Expression:
        node = syntax.Scripted(base, subscript, superscript, primes, span)
        turned = matrices.untransposed(self, node)
        of = None if turned is None else matrices.shape(self, turned)
        if turned is not None and of is not None and of.axes:
            return matrices.transposed(self, turned, of)
        if isinstance(base, syntax.Symbol):
            return naming.named(self, base, subscript, superscript, primes, span)
        if isinstance(base, syntax.Group) and base.open == ".":
            if not isinstance(subscript, syntax.Chain) or superscript is not None:
                raise unsupported("a bar without a place", span, "write |_{x = …}")
            return self.value(base.body)  # the place is a condition of the link
        if primes:
            raise unsupported("a prime on an expression", span, r"write \frac{d}{dx}")
        if isinstance(base, syntax.Group) and base.open == r"\|":
            return norms.norm(self, base, subscript, superscript)
        whole = subscript is not None or whole_arrays.holds_array(self, base)
        if (
            superscript is not None
            and is_transpose(superscript)
            and (whole or not naming.is_power(self, superscript))
        ):
            items = subscript_items(subscript, 2)
            if len(items) != 2:
                raise unsupported("a transposed array", span, "write its entries: A_{ji}")
            return self.entries_of(base, (items[1], items[0]))
        if superscript is not None and subscript is None and _raises_argument(self, base):
            assert isinstance(base, syntax.Call)
            inner = syntax.Scripted(base.arguments[0], None, superscript, 0, span)
            return self.value(replace(base, arguments=(inner,)))
        if subscript is not None:
            if isinstance(base, syntax.Numeral):
                for item in subscript_items(subscript, None):
                    self.integers.subscript(item)
                value: Expression = self.value(base)
            elif isinstance(base, syntax.Group) and (
                half := whole_arrays.part(self, base, subscript)
            ):
                value = half
            elif not whole_arrays.holds_array(self, base):
                raise unsupported(
                    "a subscript of an expression that is a number", span, "write what it means"
                )
            else:
                value = self.entries_of(base, subscript_items(subscript, None))
        else:
            if superscript is not None:
                whole_arrays.check_power(self, base, superscript)
            value = self.value(base)
        return value if superscript is None else power(value, naming.exponent(self, superscript))

    def entries_of(self, body: Node, subscripts: Sequence[Node]) -> Expression:
        """`[A]_{ij}`: the whole-array expression A at these subscripts."""
        indices: list[Index] = []
        for item in subscripts:
            index = self.integers.subscript(item).index
            if index is None:
                raise unsupported("a computed subscript of a bracket", item.span, "use letters")
            indices.append(index)
        return self.entries_at(body, tuple(indices))

    def entries_at(self, body: Node, indices: tuple[Index, ...]) -> Expression:
        """An expression in whole arrays, at these indices."""
        outer, self.implicit = self.implicit, indices
        try:
            return self.value(body)
        finally:
            self.implicit = outer


def _raises_argument(translator: Translator, base: Node) -> bool:
    """Of log(x)², which is (log x)² to the letter: whether it is read as log(x²)."""
    if not isinstance(base, syntax.Call) or not base.bracketed or base.superscript is not None:
        return False
    if base.name.lower() not in ("log", "ln") or len(base.arguments) != 1:
        return False
    return translator.choices.pick("", "the power belongs to the argument of the logarithm") == 1


def _argument(node: Node) -> tuple[syntax.Group | None, Node | None]:
    """The bracket after a function's name, and the exponent after the bracket."""
    match node:
        case syntax.Group():
            return node, None
        case syntax.Scripted(syntax.Group() as group, None, superscript, 0) if not (
            superscript is not None and is_transpose(superscript)
        ):
            return group, superscript
        case _:
            return None, None


def has_subscripts(node: Node, page: PageState) -> bool:
    """Whether index letters stand anywhere in this side (labels are not subscripts)."""
    for part in nodes(node):
        if isinstance(part, syntax.Scripted) and part.subscript is not None:
            if place(part) is not None:
                continue
            if not page.is_name(part):
                return True
    return False
