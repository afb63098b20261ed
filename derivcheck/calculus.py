"""Derivatives of index expressions: total, through every definition between, exact off the kinks.

A derivative is taken entry by entry: ∂X[a]/∂X[b] is a product of Kronecker deltas, and the sums
that surround it do the rest. The result has no `Derivative` nodes, names intermediate tensors
rather than unfolding them, and is right wherever every `Positive` and every maximum in it is off
its kink or tie. Indices cannot be captured: each instantiation of a definition gets binders of its
own, and so does a binder that occurs in the subscripts of the variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from derivcheck.expression import (
    ONE,
    PI,
    ZERO,
    Add,
    Affine,
    Apply,
    Context,
    Count,
    Definition,
    Delta,
    Derivative,
    Disorder,
    Entry,
    Expression,
    Function,
    Guard,
    Index,
    Maximum,
    Multiply,
    Parameter,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    add,
    apply,
    binders,
    circle,
    delta,
    divide,
    equations,
    fresh,
    multiply,
    negate,
    negation,
    power,
    rational,
    rebuild,
    shifts,
    square_root,
    substitute,
    subtract,
    tensors,
    total,
    walk,
    within,
)

ScalarRule = Callable[[Expression, Expression], Expression]

SCALAR_RULES: Mapping[str, ScalarRule] = {
    # f          x, Ω = f(x)    f′(x)
    "exp": lambda x, y: y,
    "log": lambda x, y: power(x, -1),
    "tanh": lambda x, y: subtract(ONE, power(y, 2)),
    "sigmoid": lambda x, y: multiply(y, subtract(ONE, y)),
    "softplus": lambda x, y: apply("sigmoid", x),
    "relu": lambda x, y: Positive(x),
    "abs": lambda x, y: apply("sign", x),
    "sign": lambda x, y: ZERO,
    "elsewhere": lambda x, y: ZERO,
    "sin": lambda x, y: apply("cos", x),
    "cos": lambda x, y: negate(apply("sin", x)),
    "sinh": lambda x, y: apply("cosh", x),
    "cosh": lambda x, y: apply("sinh", x),
    "arctan": lambda x, y: power(add(ONE, power(x, 2)), -1),
    "erf": lambda x, y: divide(
        multiply(rational(2), apply("exp", negate(power(x, 2)))), square_root(PI)
    ),
}
"""Scalar derivative rules; at a kink they take the value that `Positive` and sign take there."""


class UnknownFunction(Exception):
    """No rule says how to differentiate a function of this name."""


class EndlessDerivative(UnknownFunction):
    """What is differentiated rests on the variable over any number of steps of a recurrence."""


def derivative(expression: Expression, variable: Entry, context: Context) -> Expression:
    """The total derivative of `expression` with respect to one entry.

    Definitions are followed wherever they lead to `variable.tensor`, which is itself perturbed as
    if nothing defined it. Through a recurrence a scalar is differentiated by the adjoints that the
    context knows, anything else over a fixed number of steps. Raises `UnknownFunction`.
    """
    if isinstance(expression, Entry) and not expression.subscripts:
        adjoint = context.adjoints.get((expression.tensor, variable.tensor))
        if adjoint is not None:
            return Entry(adjoint, variable.subscripts)
        through = _recurrences_between(expression.tensor, variable.tensor, context)
        if through:
            return _by_adjoints(expression.tensor, variable, through, context)
    return _Differentiation(variable, context).of(expand_derivatives(expression, context))


def adjoint_definitions(scalar: Tensor, context: Context) -> dict[Tensor, Definition]:
    """The derivatives of a defined scalar by the tensors defined by recurrence that it rests on.

    Each is a recurrence that runs the other way: ∂L/∂h_t is what L gets from h_t directly, and
    what it gets through every entry that is defined by h_t. Right if the circles of the context are
    well founded. Raises `UnknownFunction`.
    """
    through = tuple(t for t in context.definitions if t in context.recurrent)
    through = tuple(t for t in through if context.depends(scalar, t))
    adjoints = {tensor: adjoint_of(scalar, tensor) for tensor in through}
    known = {(scalar, tensor): adjoint for tensor, adjoint in adjoints.items()}
    context = replace(context, adjoints=known)
    found: dict[Tensor, Definition] = {}
    for tensor, adjoint in adjoints.items():
        definition = context.definitions[tensor]
        indices = tuple(map(fresh, definition.indices))
        entry = Entry(tensor, tuple(map(Affine.of, indices)))
        body = _by_adjoints(scalar, entry, through, context)
        found[tensor] = Definition(adjoint, indices, body, definition.recurs_along)
    return found


def adjoint_of(scalar: Tensor, tensor: Tensor) -> Tensor:
    """The array ∂L/∂h."""
    name = rf"\partial {scalar.name}/\partial {tensor.name}"
    return Tensor(name, tensor.extents, scope=f"adjoint {scalar.scope} {tensor.scope}")


def _recurrences_between(scalar: Tensor, variable: Tensor, context: Context) -> tuple[Tensor, ...]:
    """The tensors defined by recurrence on a way from the scalar to the variable."""
    return tuple(
        tensor
        for tensor in context.definitions
        if tensor in context.recurrent
        and context.depends(scalar, tensor)
        and context.depends(tensor, variable)
    )


def _by_adjoints(
    scalar: Tensor, variable: Entry, through: tuple[Tensor, ...], context: Context
) -> Expression:
    """∂L/∂v: directly, and through each entry h_q of a recurrence that is defined by v directly.

    A derivative is direct if it goes through no recurrence.
    """
    direct = _Differentiation(variable, context, cut=context.recurrent)
    body = expand_derivatives(context.definitions[scalar].body, context)
    terms = [direct.of(body)]
    for tensor in through:
        adjoint = context.adjoints.get((scalar, tensor))
        if adjoint is None:
            raise EndlessDerivative(f"{scalar.name} rests on every step of {tensor.name}")
        for equation in equations(context.definitions[tensor]):
            slope = direct.of_value(equation.value, equation.entry)
            terms.append(
                _sum(equation.indices, multiply(replace(equation.entry, tensor=adjoint), slope))
            )
    return add(*terms)


def expand_derivatives(expression: Expression, context: Context) -> Expression:
    """The same value without `Derivative` nodes, nested ones included. Raises `UnknownFunction`."""
    if not any(isinstance(node, Derivative) for node in walk(expression)):
        return expression
    if isinstance(expression, Derivative):
        return derivative(expression.operand, expression.variable, context)
    return rebuild(expression, lambda child: expand_derivatives(child, context))


@dataclass
class _Differentiation:
    """∂/∂variable in a context; remembers the derivative of every definition it went through.

    `cut` are tensors that count as constants, unless they are the variable's.
    """

    variable: Entry
    context: Context
    cut: frozenset[Tensor] = frozenset()
    derivatives: dict[Tensor, tuple[tuple[Index, ...], Expression]] = field(
        default_factory=dict[Tensor, tuple[tuple[Index, ...], Expression]]
    )
    dependent: dict[Tensor, bool] = field(default_factory=dict[Tensor, bool])

    def of(self, expression: Expression) -> Expression:
        if not self._depends(expression):
            return ZERO
        expression = self._with_own_binders(expression)
        match expression:
            case Entry():
                return self._entry(expression)
            case Add(terms):
                return add(*map(self.of, terms))
            case Multiply(factors):
                return add(*(self._factor(factors, place) for place in range(len(factors))))
            case Sum(index, body):
                return _sum((index,), self.of(body))
            case Power(base, exponent):
                return self._power(base, exponent)
            case Apply(function, arguments):
                return self._apply(function, arguments)
            case Product(index, body):
                return self._product(index, body)
            case Maximum():
                return self._maximum(expression)
            case Derivative(operand, variable):
                return self.of(derivative(operand, variable, self.context))
            case Rational() | Count() | Delta() | Guard() | Positive():
                return ZERO

    def of_value(self, value: Expression, name: Entry) -> Expression:
        """The derivative of the value of an entry, which is a name for it in rules that use Ω."""
        value = expand_derivatives(value, self.context)
        if isinstance(value, Apply) and self._depends(value):
            return self._apply(value.function, value.arguments, name)
        return self.of(value)

    def _depends(self, expression: Expression) -> bool:
        return any(
            isinstance(node, Derivative) or (isinstance(node, Entry) and self._reaches(node.tensor))
            for node in walk(expression)
        )

    def _reaches(self, tensor: Tensor) -> bool:
        known = self.dependent.get(tensor)
        if known is None:
            inner = self.context.definitions.get(tensor)
            if tensor == self.variable.tensor:
                known = True
            elif inner is None or tensor in self.cut:
                known = False
            elif self.cut:
                known = any(map(self._reaches, tensors(inner.body)))
            else:
                known = self.context.depends(tensor, self.variable.tensor)
            self.dependent[tensor] = known
        return known

    def _with_own_binders(self, expression: Expression) -> Expression:
        """Rename a binder that the variable's subscripts use: ∂/∂a_j Σ_j … must not mix the two."""
        used = {index for subscript in self.variable.subscripts for index in subscript.indices()}
        if used.isdisjoint(binders(expression)):
            return expression
        # A substitution that changes nothing still gives every binder an identity of its own.
        spare = Index("", Affine())
        return substitute(expression, {spare: Affine.of(spare)})

    def _entry(self, entry: Entry) -> Expression:
        if not self.cut and entry.tensor in self.context.recursive:
            return self._step(entry)
        if entry.tensor == self.variable.tensor:
            pairs = zip(
                entry.subscripts, self.variable.subscripts, entry.tensor.extents, strict=True
            )
            return multiply(
                *(multiply(delta(here, there), _range(there, size)) for here, there, size in pairs)
            )
        definition = self.context.definitions[entry.tensor]
        if entry.tensor not in self.derivatives:
            # Identities of its own: the variable may be subscripted by the definition's letters.
            indices = tuple(map(fresh, definition.indices))
            places = tuple(map(Affine.of, indices))
            body = expand_derivatives(definition.at(places), self.context)
            self.derivatives[entry.tensor] = (
                indices,
                self._apply(body.function, body.arguments, Entry(entry.tensor, places))
                if isinstance(body, Apply) and self._depends(body)
                else self.of(body),
            )
        indices, body = self.derivatives[entry.tensor]
        if body == ZERO:
            return ZERO
        guards = map(_range, entry.subscripts, entry.tensor.extents)
        instance = substitute(body, dict(zip(indices, entry.subscripts, strict=True)))
        return multiply(*guards, instance)

    def _step(self, entry: Entry) -> Expression:
        """An entry of a recurrence by another one, a fixed number of steps away."""
        tensor, variable = entry.tensor, self.variable.tensor
        members = circle(self.context.definitions, tensor)
        if variable not in members:
            raise EndlessDerivative(f"{tensor.name} rests on {variable.name} at every step")
        try:
            found = shifts(self.context.definitions, members)
        except Disorder as disorder:
            raise EndlessDerivative(f"{tensor.name} is not well founded: {disorder}") from None
        here, there = entry.subscripts[found.axes[tensor]], found.axes[variable]
        gap = (self.variable.subscripts[there] - here).constant
        if gap is None:
            raise EndlessDerivative(f"{tensor.name} is any number of steps from {variable.name}")
        if tensor == variable and gap == 0:
            pairs = zip(entry.subscripts, self.variable.subscripts, tensor.extents, strict=True)
            return multiply(*(multiply(delta(a, b), _range(a, size)) for a, b, size in pairs))
        if not found.rests(tensor, variable, gap):
            return ZERO
        guards = map(_range, entry.subscripts, tensor.extents)
        body = self.context.definitions[tensor].at(entry.subscripts)
        cases = tensor in self.context.recurrent
        slope = self._of_cases(body, entry) if cases else self.of_value(body, entry)
        return multiply(*guards, slope)

    def _of_cases(self, body: Expression, name: Entry) -> Expression:
        """The derivative of the body of a recurrence: its cases exclude each other, so that the
        entry is a name for the value in each."""
        terms: list[Expression] = []
        for case in body.terms if isinstance(body, Add) else (body,):
            *conditions, value = case.factors if isinstance(case, Multiply) else (case,)
            if conditions and all(isinstance(factor, Delta | Guard) for factor in conditions):
                terms.append(multiply(*conditions, self.of_value(value, name)))
            else:
                terms.append(self.of(expand_derivatives(case, self.context)))
        return add(*terms)

    def _factor(self, factors: tuple[Expression, ...], place: int) -> Expression:
        return multiply(*factors[:place], self.of(factors[place]), *factors[place + 1 :])

    def _power(self, base: Expression, exponent: Expression) -> Expression:
        slope = self.of(base)
        if isinstance(exponent, Rational):
            return multiply(exponent, power(base, exponent.value - 1), slope)
        by_base = multiply(exponent, power(base, subtract(exponent, ONE)), slope)
        by_exponent = multiply(Power(base, exponent), apply("log", base), self.of(exponent))
        return add(by_base, by_exponent)

    def _apply(
        self,
        function: Function,
        arguments: tuple[Expression, ...],
        value: Expression | None = None,
    ) -> Expression:
        """The chain rule for f(arguments); `value` is a name for it, for rules that use Ω."""
        if not function.abstract and function.name in ("max", "min") and len(arguments) == 2:
            left, right = arguments
            first = Positive(subtract(left, right))
            if function.name == "min":
                first = negation(first)
            return add(multiply(first, self.of(left)), multiply(negation(first), self.of(right)))
        if len(arguments) != 1:
            raise UnknownFunction(f"no derivative rule for {function.name} of several arguments")
        (argument,) = arguments
        if function.abstract:
            outer: Expression = Apply(Function(function.name, True, function.order + 1), arguments)
        elif (rule := SCALAR_RULES.get(function.name)) is not None:
            outer = rule(argument, value or Apply(function, arguments))
        else:
            raise UnknownFunction(f"no derivative rule for the function {function.name}")
        return multiply(outer, self.of(argument))

    def _product(self, index: Index, body: Expression) -> Expression:
        """Σ_k f_k′ Π_{l ≠ k} f_l, the excluded factor written δ_lk + (1 − δ_lk) f_l."""
        here = fresh(index)
        excluded = delta(here, index)
        others = Product(index, add(excluded, multiply(negation(excluded), body)))
        slope = self.of(substitute(body, {index: Affine.of(here)}))
        return _sum((here,), multiply(slope, others))

    def _maximum(self, maximum: Maximum) -> Expression:
        """Σ_k [f_k = max] f_k′ off ties.

        Where two bodies may be one function (max over i ≠ j of x_i + x_j), the tie is no kink; then
        the sum is divided by the number of maximisers, which all have one derivative.
        """
        renamed = {index: Affine.of(fresh(index)) for index in maximum.indices}
        here = tuple(bare for value in renamed.values() if (bare := value.index) is not None)
        body = substitute(maximum.body, renamed)
        attained = multiply(
            substitute(maximum.where, renamed), negation(Positive(subtract(maximum, body)))
        )
        slope = _sum(here, multiply(attained, self.of(body)))
        if slope == ZERO or self._separates(maximum):
            return slope
        return divide(slope, total(here, attained))

    def _separates(self, maximum: Maximum) -> bool:
        """Whether different values of the indices give independent bodies: entries of an input."""
        body = maximum.body
        if not isinstance(body, Entry) or body.tensor in self.context.definitions:
            return False
        if body.tensor.symmetric:
            return False
        pending = set(maximum.indices)
        for subscript in body.subscripts:
            inside = [index for index in subscript.indices() if index in maximum.indices]
            if len(inside) == 1 and _nonzero(subscript.coefficient(inside[0])):
                pending.discard(inside[0])
        return not pending


def _nonzero(coefficient: Affine) -> bool:
    if coefficient.constant is not None:
        return coefficient.constant != 0
    return all(
        isinstance(atom, Parameter) and atom.minimum >= 1 for atom in coefficient.atoms()
    ) and (len(coefficient.terms) == 1)


def _range(subscript: Affine, extent: Affine) -> Expression:
    """1 where the subscript lies on the axis; nothing to say of the axis's own index."""
    index = subscript.index
    if index is not None and index.extent == extent:
        return ONE
    return within(subscript, extent)


def _sum(indices: tuple[Index, ...], body: Expression) -> Expression:
    return ZERO if body == ZERO else total(indices, body)
