"""One side of an equation: syntax with a symbol table -> an index expression.

The translator keeps to the letter where the letter is clear; where notation has two admissible
meanings it asks `Choices`, so that a link can be judged under each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.integers import IntegerReader, Letters
from derivcheck.elaboration.names import (
    is_transpose,
    label,
    nodes,
    subscript_items,
    subscripted,
    superscripted,
)
from derivcheck.elaboration.scope import (
    AbstractMeaning,
    FunctionMeaning,
    Meaning,
    ParameterMeaning,
    TensorMeaning,
)
from derivcheck.elaboration.state import PageState
from derivcheck.expression import (
    ONE,
    Affine,
    Apply,
    Derivative,
    Entry,
    Expression,
    Function,
    Index,
    Maximum,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    add,
    apply,
    delta,
    divide,
    fresh,
    guard,
    multiply,
    negate,
    negation,
    number,
    power,
    rational,
    rebuild,
    square_root,
    subtract,
    tensors,
)
from derivcheck.source import Span
from derivcheck.syntax import Node

FUNCTIONS = {
    "exp": "exp",
    "log": "log",
    "ln": "log",
    "tanh": "tanh",
    "sinh": "sinh",
    "cosh": "cosh",
    "sin": "sin",
    "cos": "cos",
    "arctan": "arctan",
    "erf": "erf",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "softplus": "softplus",
    "sign": "sign",
    "sgn": "sign",
    "abs": "abs",
}
"""Scalar functions by the names that pages write, in lower case."""

ROW_FUNCTIONS = frozenset({"softmax", "log_softmax", "logsoftmax", "log-softmax"})


@dataclass
class Choices:
    """Which of several admissible meanings to take, one decision after another.

    `script` fixes the first decisions; later ones take the first option. `made` records
    (option, number of options) of every decision, for `following`.
    """

    script: tuple[int, ...] = ()
    made: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    notes: list[str] = field(default_factory=list[str])

    def pick(self, *notes: str) -> int:
        """Decide between as many options as there are notes; the note of the chosen one is kept."""
        position = len(self.made)
        option = self.script[position] if position < len(self.script) else 0
        self.made.append((option, len(notes)))
        if notes[option]:
            self.notes.append(notes[option])
        return option

    def following(self) -> tuple[int, ...] | None:
        """The next script in order, or None after the last."""
        made = list(self.made)
        while made:
            option, options = made.pop()
            if option + 1 < options:
                return (*(chosen for chosen, _ in made), option + 1)
        return None


def replace_entries(expression: Expression, tensor: Tensor, value: Expression) -> Expression:
    """The expression with a scalar tensor replaced by a value (no binder of `expression` is in
    it)."""
    if isinstance(expression, Entry) and expression.tensor == tensor:
        return value
    return rebuild(expression, lambda child: replace_entries(child, tensor, value))


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

    def side(self, node: Node) -> Expression:
        """One whole side; a letter both free and bound in it is a fault."""
        self.letters.begin_side()
        expression = self.value(node)
        clash = self.letters.clash()
        if clash is not None:
            raise Fault(
                "index-bound-and-free",
                f"the index {clash} is both free and bound by a sum here",
                node.span,
                f"rename the bound {clash}",
            )
        return expression

    # --- dispatch
    # -----------------------------------------------------------------------------------

    def value(self, node: Node) -> Expression:
        match node:
            case syntax.Numeral(text):
                return rational(Fraction(text))
            case syntax.Symbol():
                return self.named(node, None, None, 0, node.span)
            case syntax.Scripted(base, subscript, superscript, primes, span):
                return self.scripted(base, subscript, superscript, primes, span)
            case syntax.Addition(terms):
                return self.addition(terms, node.span)
            case syntax.Multiplication(factors, operators):
                return self.product(factors, operators)
            case syntax.Fraction(numerator, denominator):
                return divide(self.value(numerator), self.value(denominator))
            case syntax.Root(radicand, degree):
                if degree is None:
                    return square_root(self.value(radicand))
                return Power(self.value(radicand), divide(ONE, self.value(degree)))
            case syntax.DerivativeOf(symbol, operand, variables, span):
                if operand is None:
                    raise unsupported(
                        "a derivative without operand", span, r"write \frac{\partial A}{\partial B}"
                    )
                return self.derivative(symbol, operand, variables, span)
            case syntax.BigOperator():
                return self.big(node)
            case syntax.Call():
                return self.call(node)
            case syntax.Group():
                return self.group(node)
            case syntax.Cases(rows):
                return self.cases(rows)
            case syntax.Indicator(condition):
                return self.condition(condition)
            case syntax.Chain():
                return self.condition(node)
            case syntax.Sequence(_, span):
                raise unsupported(
                    "a list where a number is needed", span, "write one equation each"
                )
            case syntax.Unreadable(construct, help_text, span):
                raise unsupported(construct, span, help_text)

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
                return apply("abs", self.value(node.body))
            case r"\lfloor":
                return apply("floor", self.value(node.body))
            case _:
                raise unsupported(
                    f"{node.open} … {node.close}", node.span, "write the sum over the entries"
                )

    # --- products and applications
    # ------------------------------------------------------------------

    def product(self, factors: Sequence[Node], operators: Sequence[str]) -> Expression:
        """Factors from left to right; a bare derivative takes what follows it as its operand."""
        result: list[Expression] = []
        position = 0
        while position < len(factors):
            operator = operators[position - 1] if position else ""
            node = factors[position]
            if operator == r"\otimes":
                raise unsupported(r"\otimes", node.span, "write the product in index notation")
            used = 1
            if isinstance(node, syntax.DerivativeOf) and node.operand is None:
                rest = factors[position + 1 :]
                if not rest:
                    raise unsupported(
                        "a derivative without operand", node.span, "write its operand"
                    )
                bracketed = isinstance(rest[0], syntax.Group)
                used = 2 if bracketed else 1 + len(rest)
                operand = (
                    rest[0] if bracketed else self._multiplication(factors, operators, position + 1)
                )
                value = self.derivative(node.symbol, operand, node.variables, node.span)
            elif self._applies(factors, operators, position):
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
            else:
                self._no_matrix_product(factors, operators, position)
                value = self.value(node)
            result.append(value)
            position += used
        return multiply(*result)

    def _multiplication(
        self, factors: Sequence[Node], operators: Sequence[str], start: int
    ) -> Node:
        if start == len(factors) - 1:
            return factors[start]
        span = factors[start].span | factors[-1].span
        return syntax.Multiplication(tuple(factors[start:]), tuple(operators[start:]), span)

    def _denominator_length(
        self, factors: Sequence[Node], operators: Sequence[str], position: int
    ) -> int:
        """How many factors after a slash it divides by: `1/2x` is 1/(2x) or x/2."""
        end = position + 1
        if end < len(factors) and self._applies(factors, operators, position):
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

    def _applies(self, factors: Sequence[Node], operators: Sequence[str], position: int) -> bool:
        """Whether the factor here is a function and the bracket after it its argument."""
        if position + 1 >= len(factors) or operators[position] != "":
            return False
        argument, _ = _argument(factors[position + 1])
        if argument is None or argument.open not in ("(", "["):
            return False
        symbol, _, primes = _function_name(factors[position])
        if symbol is None:
            return False
        known = self.page.scope.lookup(symbol.name)
        if known is not None:
            return isinstance(known.meaning, FunctionMeaning | AbstractMeaning)
        if self.page.scope.lookup(f"{symbol.name}^2") is not None:
            return False
        if symbol.name == r"\sigma" or primes:
            return True
        return (
            argument.open == "("
            and symbol.name not in self.page.parameter_names
            and not self.letters.is_letter(symbol.name)
            and not isinstance(argument.body, syntax.Sequence)
            and symbol.name in "fghuv"
        ) or symbol.name in (r"\phi", r"\psi", r"\varphi")

    def application(self, head: Node, bracket: Node) -> Expression:
        """`f(x)`; an exponent may stand on the name or after the bracket."""
        symbol, exponent, primes = _function_name(head)
        argument, raised = _argument(bracket)
        assert symbol is not None
        assert argument is not None
        if isinstance(argument.body, syntax.Sequence):
            raise unsupported(
                "a function of several arguments", argument.span, "write its formula out"
            )
        inner = self.value(argument.body)
        function = self.page.function(symbol.name, head.span)
        if isinstance(function, FunctionMeaning):
            value = self._primed(
                replace_entries(function.body, function.variable, inner), inner, primes, head
            )
        elif symbol.name == r"\sigma" and function is None:
            value = self._primed(apply("sigmoid", inner), inner, primes, head)
        else:
            if function is None:
                function = AbstractMeaning(Function(symbol.name, abstract=True))
                self.page.scope.add(symbol.name, function, symbol.span)
            value = apply(Function(symbol.name, True, primes), inner)
            self.has_derivative |= primes > 0
        for each in (exponent, raised):
            value = value if each is None else power(value, self.exponent(each))
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

    def _no_matrix_product(
        self, factors: Sequence[Node], operators: Sequence[str], position: int
    ) -> None:
        """Two bare arrays side by side are a matrix product, which index notation writes as a
        sum."""
        if position == 0 or operators[position - 1] in (r"\odot", r"\circ", "/"):
            return
        if self._bare_rank(factors[position - 1]) and self._bare_rank(factors[position]):
            raise unsupported(
                "a product of whole arrays",
                factors[position - 1].span | factors[position].span,
                r"write the sum over the index, or \odot for an elementwise product",
            )

    def _bare_rank(self, node: Node) -> int:
        if isinstance(node, syntax.DerivativeOf) and node.variables:
            return self._bare_rank(node.variables[0][0])
        if isinstance(node, syntax.Symbol):
            tensor = self.page.scope.tensor(node.name)
            return tensor.rank if tensor else 0
        if isinstance(node, syntax.Scripted) and is_transpose(node.superscript or node):
            return self._bare_rank(node.base) if node.subscript is None else 0
        return 0

    # --- names
    # --------------------------------------------------------------------------------------

    def scripted(
        self, base: Node, subscript: Node | None, superscript: Node | None, primes: int, span: Span
    ) -> Expression:
        if isinstance(base, syntax.Symbol):
            return self.named(base, subscript, superscript, primes, span)
        if primes:
            raise unsupported("a prime on an expression", span, r"write \frac{d}{dx}")
        if superscript is not None and is_transpose(superscript):
            items = subscript_items(subscript, 2)
            if len(items) != 2:
                raise unsupported("a transposed array", span, "write its entries: A_{ji}")
            return self.entries_of(base, (items[1], items[0]))
        if subscript is not None:
            if isinstance(base, syntax.Numeral):
                for item in subscript_items(subscript, None):
                    self.integers.subscript(item)
                value: Expression = self.value(base)
            else:
                value = self.entries_of(base, subscript_items(subscript, None))
        else:
            value = self.value(base)
        return value if superscript is None else power(value, self.exponent(superscript))

    def entries_of(self, body: Node, subscripts: Sequence[Node]) -> Expression:
        """`[A]_{ij}`: the whole-array expression A at these subscripts."""
        indices: list[Index] = []
        for item in subscripts:
            index = self.integers.subscript(item).index
            if index is None:
                raise unsupported("a computed subscript of a bracket", item.span, "use letters")
            indices.append(index)
        outer, self.implicit = self.implicit, tuple(indices)
        try:
            return self.value(body)
        finally:
            self.implicit = outer

    def named(
        self,
        symbol: syntax.Symbol,
        subscript: Node | None,
        superscript: Node | None,
        primes: int,
        span: Span,
    ) -> Expression:
        """A symbol with its scripts: the longest known name wins, what is left is index or
        power."""
        if symbol.name.isdigit():  # a bold 1: the array of ones
            for item in subscript_items(subscript, None):
                self.integers.subscript(item)
            return rational(int(symbol.name))
        name = symbol.name + "'" * primes
        if superscript is not None:
            labelled = superscripted(symbol.name, superscript) + "'" * primes
            if subscript is not None:
                full = subscripted(labelled, subscript)
                if (meaning := self.page.meaning(full, span)) is not None:
                    return self.meant(meaning, full, None, span)
            if (meaning := self.page.meaning(labelled, span)) is not None:
                return self.meant(meaning, labelled, subscript, span)
            if is_transpose(superscript) and subscript is not None:
                items = subscript_items(subscript, 2)
                if len(items) == 2:
                    turned = syntax.Sequence((items[1], items[0]), subscript.span)
                    return self.named(symbol, turned, None, primes, span)
        if subscript is not None:
            full = subscripted(name, subscript)
            if (meaning := self.page.meaning(full, span)) is not None:
                return self._raised(self.meant(meaning, full, None, span), superscript)
        if (meaning := self.page.meaning(name, span)) is not None:
            return self._raised(self.meant(meaning, name, subscript, span), superscript)
        squared = f"{name}^2"
        if (meaning := self.page.meaning(squared, span)) is not None:
            root = square_root(self.meant(meaning, squared, subscript, span))
            return self._raised(root, superscript)
        return self.unknown(symbol, name, subscript, superscript, primes, span)

    def _raised(self, value: Expression, superscript: Node | None) -> Expression:
        if superscript is None:
            return value
        if is_transpose(superscript):
            raise unsupported("a transposed array", superscript.span, "write its entries: A_{ji}")
        return power(value, self.exponent(superscript))

    def exponent(self, node: Node) -> Expression:
        """The value of a superscript, a rational one folded."""
        value = self.value(node)
        match value:
            case Power(Rational(base), Rational(exponent)) if base and exponent.denominator == 1:
                return Rational(base ** int(exponent))
            case _:
                folded = _rational_product(value)
                return value if folded is None else Rational(folded)

    def meant(self, meaning: Meaning, name: str, subscript: Node | None, span: Span) -> Expression:
        match meaning:
            case TensorMeaning(tensor, _, letters):
                return self.entry(tensor, letters, subscript, span)
            case ParameterMeaning(parameter) if subscript is None:
                return number(parameter)
            case FunctionMeaning(_, body) if subscript is None:
                return body
            case _:
                raise unsupported(f"{name} without an argument", span, f"write {name}(x)")

    def entry(
        self, tensor: Tensor, letters: tuple[str, ...], subscript: Node | None, span: Span
    ) -> Expression:
        if subscript is None:
            return self.bare(tensor, letters, span)
        items = subscript_items(subscript, tensor.rank)
        if len(items) != tensor.rank:
            raise Fault(
                "rank-mismatch",
                f"{tensor.name} has {_axes(tensor.rank)}, here it has {len(items)} subscripts",
                span,
                "use one subscript for each axis",
            )
        return Entry(tensor, self.integers.on_axes(items, tensor))

    def bare(self, tensor: Tensor, letters: tuple[str, ...], span: Span) -> Expression:
        """A symbol without subscripts: a scalar, or the whole array in an elementwise equation."""
        if tensor.rank == 0:
            return Entry(tensor)
        if self.implicit is None and self.indexed:
            if len(letters) == tensor.rank:
                subscripts = tuple(map(self.letters.free, letters))
                spelled = "".join(letters)
                self.choices.pick(f"{tensor.name} is read as {tensor.name}_{{{spelled}}}")
                for index, extent in zip(subscripts, tensor.extents, strict=True):
                    self.page.sizes.unify(index.extent, extent)
                return Entry(tensor, tuple(map(Affine.of, subscripts)))
            raise unsupported(
                f"the whole array {tensor.name} among indexed entries",
                span,
                f"write its subscripts ({tensor.name} has {_axes(tensor.rank)})",
            )
        if self.implicit is None:
            self.implicit = self.letters.implicit(tensor.extents)
        if len(self.implicit) != tensor.rank:
            raise Fault(
                "rank-mismatch",
                f"{tensor.name} has {_axes(tensor.rank)}, the equation is about arrays "
                f"with {_axes(len(self.implicit))}",
                span,
                "write the subscripts",
            )
        for index, extent in zip(self.implicit, tensor.extents, strict=True):
            if not self.page.sizes.unify(index.extent, extent):
                raise Fault(
                    "extent-mismatch",
                    f"{tensor.name} has another shape than the arrays it is combined with",
                    span,
                    "write the subscripts",
                )
        return Entry(tensor, tuple(map(Affine.of, self.implicit)))

    def unknown(
        self,
        symbol: syntax.Symbol,
        name: str,
        subscript: Node | None,
        superscript: Node | None,
        primes: int,
        span: Span,
    ) -> Expression:
        """A name of which the page has said nothing yet."""
        if name == "e":
            if subscript is None:
                return apply("exp", ONE if superscript is None else self.value(superscript))
        elif name == r"\pi" and subscript is None:
            return self._raised(multiply(rational(4), apply("arctan", ONE)), superscript)
        elif name == r"\delta" and len(items := subscript_items(subscript, None)) == 2:
            left, right = (self.integers.subscript(item) for item in items)
            if (first := left.index) is not None and (second := right.index) is not None:
                self.page.sizes.prefer(first.extent, second.extent)
            return self._raised(delta(left, right), superscript)
        elif name in (r"\infty", r"\nabla"):
            raise unsupported(name, span, "write the entries as numbers and derivatives")
        if subscript is None and self.letters.is_letter(name):
            return self._raised(number(self.integers.letter(name)), superscript)
        if subscript is None and name in self.page.parameter_names:
            return self._raised(number(self.page.parameter(name, span)), superscript)
        if superscript is not None and _is_label(superscript) and not is_transpose(superscript):
            name, superscript = superscripted(symbol.name, superscript) + "'" * primes, None
        if isinstance(subscript, syntax.Symbol) and subscript.word:
            name, subscript = subscripted(name, subscript), None
        items = subscript_items(subscript, None)
        if subscript is None and (rank := self.page.ranks.get(name, 0)):
            extents = tuple(
                self.page.sizes.placeholder(letter, axis=True) for letter in "ijklmnpq"[:rank]
            )
            tensor = self.page.new_tensor(name, extents, span)
            return self._raised(self.bare(tensor, (), span), superscript)
        subscripts = tuple(map(self.integers.subscript, items))
        extents = tuple(
            self.page.sizes.placeholder(
                index.name if (index := subscript.index) else "k", axis=True
            )
            for subscript in subscripts
        )
        tensor = self.page.new_tensor(name, extents, span)
        return self._raised(Entry(tensor, self.integers.on_axes(items, tensor)), superscript)

    # --- sums, maxima, conditions
    # ---------------------------------------------------------------------

    def big(self, node: syntax.BigOperator) -> Expression:
        bounds: list[tuple[str, Index, int | None]] = []
        for letter in node.letters:
            extent, lower = self._range(node, letter)
            index = fresh(Index(letter.name, extent, base=1 if lower == 1 else 0))
            bounds.append((letter.name, index, lower))
        with self.letters.binding(bounds):
            where = ONE if node.condition is None else self.condition(node.condition)
            body = self.value(node.body)
        indices = tuple(index for _, index, _ in bounds)
        match node.kind:
            case "max":
                return Maximum(indices, where, body)
            case "min":
                return negate(Maximum(indices, where, negate(body)))
            case "prod":
                if where != ONE:
                    body = add(multiply(where, body), negation(where))
                for index in reversed(indices):
                    body = Product(index, body)
                return body
            case _:
                body = multiply(where, body)
                for index in reversed(indices):
                    body = Sum(index, body)
                return body

    def _range(self, node: syntax.BigOperator, letter: syntax.Symbol) -> tuple[Affine, int | None]:
        """The extent of a bound letter and the value that it starts from, if that is written."""
        if node.upper is None:
            if node.lower is not None:
                raise unsupported(
                    "a lower bound without an upper one", node.span, "write both bounds"
                )
            return self.page.sizes.placeholder(letter.name), None
        if len(node.letters) > 1:
            raise unsupported("several letters with one pair of bounds", node.span, "use two sums")
        upper = self.integers.value(node.upper)
        lower = Affine.of(self.page.base) if node.lower is None else self.integers.value(node.lower)
        first = lower.constant
        if first is None:
            raise unsupported(
                "a sum from a symbolic bound", node.span, "sum from 0 or 1 and restrict by [i ≥ a]"
            )
        extent = upper - lower + 1
        if first in (0, 1) and self.page.bases.setdefault(extent, first) != first:
            raise Fault(
                "mixed-bases",
                f"this axis is counted from {first} here and from {1 - first} elsewhere",
                node.span,
                "count every axis from 0, or every axis from 1",
            )
        return extent, first

    def condition(self, node: Node) -> Expression:
        """A condition as a number that is 0 or 1."""
        match node:
            case syntax.Sequence(items):
                return multiply(*map(self.condition, items))
            case syntax.Group(_, _, body):
                return self.condition(body)
            case syntax.Chain(sides, relations):
                links = zip(sides, relations, sides[1:], strict=False)
                return multiply(*(self._relation(a, sign, b) for a, sign, b in links))
            case syntax.Unreadable(construct, help_text, span):
                raise unsupported(construct, span, help_text)
            case _:
                raise unsupported("a condition", node.span, "write a relation such as x > 0")

    def _relation(self, left: Node, sign: str, right: Node) -> Expression:
        if self.integers.is_integer(left) and self.integers.is_integer(right):
            a, b = self.integers.value(left), self.integers.value(right)
            if (i := a.index) is not None and (j := b.index) is not None:
                self.page.sizes.prefer(i.extent, j.extent)
            match sign:
                case "=":
                    return delta(a, b)
                case r"\ne":
                    return negation(delta(a, b))
                case "<":
                    return guard(b - a - 1)
                case r"\le":
                    return guard(b - a)
                case ">":
                    return guard(a - b - 1)
                case r"\ge":
                    return guard(a - b)
                case _:
                    pass
        difference = subtract(self.value(left), self.value(right))
        above, below = Positive(difference), Positive(negate(difference))
        match sign:
            case ">":
                return above
            case "<":
                return below
            case r"\ge":
                return negation(below)
            case r"\le":
                return negation(above)
            case "=":
                return multiply(negation(above), negation(below))
            case r"\ne":
                return add(above, below)
            case _:
                raise unsupported(
                    f"the condition {sign}", left.span | right.span, "use =, ≠, <, ≤, > or ≥"
                )

    def cases(self, rows: Sequence[tuple[Node, Node | None]]) -> Expression:
        """Σ of value · condition; a row holds where none above it does."""
        terms: list[Expression] = []
        above: list[Expression] = []
        for value, condition in rows:
            holds = ONE if condition is None else self.condition(condition)
            earlier = [negation(c) for c in above if negation(c) != holds and c != negation(holds)]
            terms.append(multiply(*earlier, holds, self.value(value)))
            above.append(holds)
        return add(*terms)

    # --- functions and derivatives
    # ----------------------------------------------------------------------

    def call(self, node: syntax.Call) -> Expression:
        name = node.name.lower()
        if name in ROW_FUNCTIONS:
            return self._raised(self.row_function(name, node), node.superscript)
        if name in ("max", "min"):
            if node.subscript is not None or len(node.arguments) < 2:
                raise unsupported(f"{name} of one argument", node.span, rf"write \{name}_k x_k")
            value, *others = map(self.value, node.arguments)
            for other in others:
                value = apply(name, value, other)
            return self._raised(value, node.superscript)
        meaning = self.page.function(node.name, node.span)
        if len(node.arguments) != 1 or node.subscript is not None:
            raise unsupported(
                f"{node.name} with these arguments", node.span, "write its formula out"
            )
        argument = self.value(node.arguments[0])
        if isinstance(meaning, FunctionMeaning):
            value = replace_entries(meaning.body, meaning.variable, argument)
        elif name == "sqrt":
            value = square_root(argument)
        elif name in FUNCTIONS:
            value = apply(FUNCTIONS[name], argument)
        else:
            raise unsupported(f"the function {node.name}", node.span, "define it on the page first")
        if node.superscript is not None and label(node.superscript) == "-1":
            raise unsupported(
                "an inverse function", node.span, "write 1/f(x), or the inverse's name"
            )
        return self._raised(value, node.superscript)

    def row_function(self, name: str, node: syntax.Call) -> Expression:
        """softmax and log-softmax along the last axis of a whole array."""
        if len(node.arguments) != 1:
            raise unsupported(f"{name} of several arguments", node.span, "write its formula out")
        (argument,) = node.arguments

        def entries(last: Index | None = None) -> Expression:
            if node.subscript is None:
                value = self.value(argument)
            else:
                value = self.entries_of(argument, subscript_items(node.subscript, None))
            match value:
                case Entry(tensor, (*front, _)):
                    return value if last is None else Entry(tensor, (*front, Affine.of(last)))
                case _:
                    raise unsupported(
                        f"{name} of an expression", node.span, f"name the array: {name}(X)_{{sj}}"
                    )

        entry = entries()
        assert isinstance(entry, Entry)
        bound = fresh(Index("k", entry.tensor.extents[-1]))
        normaliser = Sum(bound, apply("exp", entries(bound)))
        if name == "softmax":
            return divide(apply("exp", entry), normaliser)
        return subtract(entry, apply("log", normaliser))

    def derivative(
        self,
        symbol: str,
        operand: Node,
        variables: Sequence[tuple[Node, int]],
        span: Span,
    ) -> Expression:
        if symbol == r"\nabla" and len(variables) != 1:
            raise unsupported(r"\nabla without a variable", span, r"write \nabla_x, or ∂/∂x")
        self.has_derivative = True
        if self._bare_rank(operand) and any(self._bare_rank(node) for node, _ in variables):
            raise Fault(
                "rank-mismatch",
                "the derivative of an array by an array has the axes of both",
                span,
                "write the subscripts of both: ∂Y_{mn}/∂X_{ij}",
            )
        with self.letters.in_variable():
            entries = [(self.variable(node), order) for node, order in variables]
        value = self.operand(operand, entries[-1][0])
        if value is None:
            return self._cotangent_of(operand, entries, span)
        for entry, order in reversed(entries):
            for _ in range(order):
                value = Derivative(value, entry)
        return value

    def operand(self, node: Node, variable: Entry) -> Expression | None:
        """What is differentiated; None for an open loss that nothing on the page leads to.

        A lone unknown symbol is the loss, and the bare name of a function is that function of the
        variable.
        """
        if isinstance(node, syntax.Symbol):
            function = self.page.function(node.name, node.span)
            if isinstance(function, AbstractMeaning):
                self.choices.pick(
                    f"∂{node.name}/∂ is the derivative of {node.name} at the variable"
                )
                return Apply(function.function, (variable,))
        if (
            isinstance(node, syntax.Symbol)
            and self.page.meaning(node.name, node.span) is None
            and self.page.scope.lookup(f"{node.name}^2") is None
        ):
            if node.name in "fgh":
                raise Fault(
                    "no-definition",
                    f"{node.name} has no formula and no argument here",
                    node.span,
                    f"write {node.name}(x), or define {node.name}",
                )
            loss = self.page.new_tensor(node.name, (), node.span)
            self.page.losses[loss] = None
        value = self.value(node)
        if isinstance(value, Entry) and self.page.is_open(value.tensor):
            if not self.page.outputs and not self.page.output_tensors():
                return None
        else:
            self._defined(value, variable, node.span)
        return value

    def _defined(self, value: Expression, variable: Entry, span: Span) -> None:
        """A symbol of which the page says nothing may depend on the variable in any way."""
        inputs = {
            tensor
            for definition in self.page.context.definitions.values()
            for tensor in tensors(definition.body)
        }
        for tensor in tensors(value):
            if (
                tensor != variable.tensor
                and tensor not in self.page.context.definitions
                and tensor not in self.page.inputs
                and tensor not in inputs
                and not tensor.scope.startswith("argument of")
            ):
                raise Fault(
                    "no-definition",
                    f"{tensor.name} may depend on {variable.tensor.name}, and nothing says how",
                    span,
                    f"define {tensor.name} before this line, or declare it as an input",
                )

    def _cotangent_of(
        self, operand: Node, entries: Sequence[tuple[Entry, int]], span: Span
    ) -> Expression:
        """∂L/∂Y_{sj} where the page leaves both L and Y open: an array of its own."""
        ((entry, order),) = entries if len(entries) == 1 else ((entries[0][0], 2),)
        if order != 1:
            raise Fault(
                "no-definition",
                "a second derivative of a loss that the page leaves open",
                span,
                "define the loss",
            )
        name = rf"\partial {label(operand)}/\partial {entry.tensor.name}"
        tensor = self.page.scope.tensor(name)
        if tensor is None:
            tensor = self.page.new_tensor(name, entry.tensor.extents, span)
        return Entry(tensor, entry.subscripts)

    def variable(self, node: Node) -> Entry:
        value = self.value(node)
        if not isinstance(value, Entry):
            raise unsupported(
                "a derivative with respect to this",
                node.span,
                "differentiate by an entry, ∂/∂X_{ij}",
            )
        return value


def _function_name(node: Node) -> tuple[syntax.Symbol | None, Node | None, int]:
    """Symbol, exponent and primes of what may be a function's name."""
    match node:
        case syntax.Symbol():
            return node, None, 0
        case syntax.Scripted(syntax.Symbol() as base, None, superscript, primes):
            if superscript is None or isinstance(superscript, syntax.Numeral):
                return base, superscript, primes
            return None, None, 0
        case _:
            return None, None, 0


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


def _is_label(node: Node) -> bool:
    """Whether an unknown name's superscript is rather a label than a power."""
    return isinstance(node, syntax.Group) or (
        isinstance(node, syntax.Symbol) and (node.word or node.name in ("l", "L", "*", r"\ell"))
    )


def _rational_product(value: Expression) -> Fraction | None:
    """The value of a product of rationals and integer powers of them."""
    match value:
        case Rational(number_):
            return number_
        case Power(Rational(base), Rational(exponent)) if base and exponent.denominator == 1:
            return base ** int(exponent)
        case _ if hasattr(value, "factors"):
            return None
        case _:
            return None


def _axes(rank: int) -> str:
    return "no axis" if rank == 0 else "1 axis" if rank == 1 else f"{rank} axes"


def has_subscripts(node: Node, page: PageState) -> bool:
    """Whether index letters stand anywhere in this side (labels are not subscripts)."""
    for part in nodes(node):
        if isinstance(part, syntax.Scripted) and part.subscript is not None:
            if isinstance(part.base, syntax.Symbol):
                full = subscripted(part.base.name, part.subscript)
                word = isinstance(part.subscript, syntax.Symbol) and part.subscript.word
                if word or page.scope.lookup(full) is not None:
                    continue
            return True
    return False
