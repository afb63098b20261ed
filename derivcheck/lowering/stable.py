"""Forms that keep their digits: softmax, log-sum-exp, sigmoid and softplus out of raw exponentials.

`Stabiliser.rewrite` changes the form and never the value. Sums of exponentials that are left over
stand where translation knows them: under a logarithm (log-sum-exp), or in a quotient (softmax).
Definitions that merely name an exponential or a sum of them are seen through, because the pattern
would not be whole without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations

from derivcheck.expression import (
    MINUS_ONE,
    ONE,
    Add,
    Affine,
    Apply,
    Atom,
    Definition,
    Entry,
    Expression,
    Index,
    Multiply,
    Power,
    Rational,
    Sum,
    Tensor,
    add,
    affines,
    apply,
    binders,
    children,
    free_indices,
    multiply,
    negate,
    power,
    rational,
    rebuild,
    substitute,
    subtract,
)
from derivcheck.lowering.rewriting import factors_of, is_mask, simplify


@dataclass(frozen=True)
class Exponentials:
    """mask · e^argument summed over indices (none for a single exponential)."""

    over: tuple[Index, ...]
    mask: Expression
    argument: Expression


def exponentials(expression: Expression) -> Exponentials | None:
    """The expression as a masked sum of exponentials, if that is what it is."""
    over: list[Index] = []
    while isinstance(expression, Sum):
        over.append(expression.index)
        expression = expression.body
    masks = [factor for factor in factors_of(expression) if is_mask(factor)]
    rest = [factor for factor in factors_of(expression) if not is_mask(factor)]
    arguments = [argument for factor in rest if (argument := _exponent(factor)) is not None]
    if not arguments or len(arguments) != len(rest):
        return None
    return Exponentials(tuple(over), multiply(*masks), add(*arguments))


def minus_log_sum(term: Expression) -> Exponentials | None:
    """The sum inside −log Σ e^a."""
    match term:
        case Multiply((Rational(value), Apply(function, (argument,)))):
            if value == -1 and function.name == "log":
                inside = exponentials(argument)
                return inside if inside is not None and inside.over else None
            return None
        case _:
            return None


def matching(argument: Expression, sum_: Exponentials) -> tuple[Index, ...] | None:
    """The indices at which `argument` is the summed one: e^{x_j} and Σ_k e^{x_k} give j."""
    outer = set(free_indices(sum_.argument)) - set(sum_.over)
    candidates = [index for index in free_indices(argument) if index not in outer]
    for chosen in permutations(candidates, len(sum_.over)):
        pairs = tuple(zip(sum_.over, chosen, strict=True))
        if all(bound.extent == index.extent for bound, index in pairs):
            renamed = substitute(sum_.argument, {b: Affine.of(index) for b, index in pairs})
            if same(renamed, argument):
                return chosen
    return None


def same(left: Expression, right: Expression) -> bool:
    """Whether two expressions differ at most in their bound letters."""
    return _signature(left, {}) == _signature(right, {})


def _signature(expression: Expression, numbers: Mapping[Atom, Affine]) -> tuple[object, ...]:
    """Equal for equal trees; `numbers` maps the indices bound so far to nameless ones."""
    extents: list[Affine] = []
    for index in binders(expression):
        extents.append(index.extent.substitute(numbers))
        nameless = Affine.of(Index("", extents[-1], -1 - len(numbers)))
        numbers = {**numbers, index: nameless}
    label: object = None
    match expression:
        case Rational(value):
            label = value
        case Entry(tensor, _):
            label = tensor
        case Apply(function, _):
            label = function
        case _:
            pass
    subscripts = tuple(affine.substitute(numbers) for affine in affines(expression))
    parts = tuple(_signature(child, numbers) for child in children(expression))
    return (type(expression).__name__, label, tuple(extents), subscripts, parts)


def _exponent(expression: Expression) -> Expression | None:
    """a, for e^a."""
    match expression:
        case Apply(function, (argument,)) if function.name == "exp" and not function.abstract:
            return argument
        case _:
            return None


def _minus(expression: Expression) -> Expression:
    """−expression, a double sign cancelled."""
    match expression:
        case Multiply((sign, *rest)) if sign == MINUS_ONE:
            return multiply(*rest)
        case Add((first, Multiply((sign, *rest)))) if sign == MINUS_ONE:
            return subtract(multiply(*rest), first)
        case _:
            return negate(expression)


@dataclass
class Stabiliser:
    """Rewrites against the definitions of a page, whose bodies it rewrites too, once each."""

    definitions: Mapping[Tensor, Definition]
    _bodies: dict[Tensor, Expression] = field(default_factory=dict[Tensor, Expression])
    _open: set[Tensor] = field(default_factory=set[Tensor])

    def body(self, tensor: Tensor) -> Expression | None:
        """The rewritten body of a definition; None for an input or inside its own definition."""
        if tensor not in self.definitions or tensor in self._open:
            return None
        if tensor not in self._bodies:
            self._open.add(tensor)
            self._bodies[tensor] = self.rewrite(simplify(self.definitions[tensor].body))
            self._open.remove(tensor)
        return self._bodies[tensor]

    def rewrite(self, expression: Expression) -> Expression:
        """The same value in stable form; `expression` is simplified."""
        expression = rebuild(expression, self.rewrite)
        match expression:
            case Entry():
                seen = self._unfolded(expression)
                raw = seen is not None and (
                    exponentials(seen) is not None or _one_plus(seen) is not None
                )
                return seen if raw and seen is not None else expression
            case Apply(function, (argument,)) if function.name == "log" and not function.abstract:
                return self._logarithm(argument) or expression
            case Power(base, Rational(exponent)) if exponent < 0:
                argument = _one_plus(base)
                if argument is None:
                    return expression
                return power(apply("sigmoid", _minus(argument)), -exponent)
            case Multiply(factors):
                return _quotients(factors)
            case _:
                return expression

    def _unfolded(self, entry: Entry) -> Expression | None:
        """The rewritten definition at subscripts that stay in range."""
        body = self.body(entry.tensor)
        if body is None:
            return None
        for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True):
            if subscript.index is None or subscript.index.extent != extent:
                return None
        indices = self.definitions[entry.tensor].indices
        return substitute(body, dict(zip(indices, entry.subscripts, strict=True)))

    def _one_minus_sigmoid(self, expression: Expression) -> Expression | None:
        """a, for 1 − σ(a), where σ(a) may have a name of its own."""
        match expression:
            case Add((first, Multiply((sign, factor)))) if first == ONE and sign == MINUS_ONE:
                named = self._unfolded(factor) if isinstance(factor, Entry) else None
                match named or factor:
                    case Apply(function, (argument,)) if function.name == "sigmoid":
                        return argument
                    case _:
                        return None
            case _:
                return None

    def _logarithm(self, argument: Expression) -> Expression | None:
        """log of a product of exponentials, their sums and powers, sigmoids: by terms."""
        if isinstance(argument, Entry):
            unfolded = self._unfolded(argument)
            return self._logarithm(unfolded) if unfolded is not None else None
        if (inside := _one_plus(argument)) is not None:
            return apply("softplus", inside)
        if (inside := self._one_minus_sigmoid(argument)) is not None:
            return negate(apply("softplus", inside))
        if (pair := _two_exponents(argument)) is not None:
            return _log_add(*pair)
        terms: list[Expression] = []
        rest: list[Expression] = []
        for factor in factors_of(argument):
            base, exponent = factor, ONE
            if isinstance(factor, Power) and isinstance(factor.exponent, Rational):
                base, exponent = factor.base, factor.exponent
            match base:
                case Apply(function, (inner,)) if function.name == "exp":
                    terms.append(multiply(exponent, inner))
                case Apply(function, (inner,)) if function.name == "sigmoid":
                    softplus = apply("softplus", _minus(inner))
                    terms.append(multiply(exponent, negate(softplus)))
                case Apply(function, (inner,)) if function.name == "cosh":
                    half_sum = subtract(_log_add(inner, negate(inner)), apply("log", rational(2)))
                    terms.append(multiply(exponent, half_sum))
                case Sum() if exponentials(base) is not None and base is not argument:
                    terms.append(multiply(exponent, apply("log", base)))
                case Add() if (pair := _two_exponents(base)) is not None:
                    terms.append(multiply(exponent, _log_add(*pair)))
                case _:
                    rest.append(factor)
        if not terms:
            return None
        return add(*terms, *([apply("log", multiply(*rest))] if rest else []))


def _one_plus(expression: Expression) -> Expression | None:
    """a, for 1 + e^a in either order."""
    match expression:
        case Add((first, second)) if ONE in (first, second):
            return _exponent(second if first == ONE else first)
        case _:
            return None


def _two_exponents(expression: Expression) -> tuple[Expression, Expression] | None:
    """a and b, for e^a + e^b."""
    match expression:
        case Add((first, second)):
            left, right = _exponent(first), _exponent(second)
            return None if left is None or right is None else (left, right)
        case _:
            return None


def _log_add(left: Expression, right: Expression) -> Expression:
    """log(e^left + e^right)."""
    return add(left, apply("softplus", subtract(right, left)))


def _quotients(factors: tuple[Expression, ...]) -> Expression:
    """e^a σ(−a) is σ(a), e^a / (e^a + e^b) is σ(a − b), and the quotient of e^a ∓ e^{−a} tanh a."""
    pending = list(factors)
    for factor in factors:
        argument = _exponent(factor)
        if argument is not None:
            partner = apply("sigmoid", _minus(argument))
            for other in pending:
                if same(other, partner):
                    pending.remove(other)
                    pending[pending.index(factor)] = apply("sigmoid", argument)
                    break
                rival = _rival(other, argument)
                if rival is not None:
                    pending.remove(other)
                    share = apply("sigmoid", subtract(argument, rival))
                    pending[pending.index(factor)] = share
                    break
    for factor in tuple(pending):
        if isinstance(factor, Power) and factor.exponent == MINUS_ONE:
            argument = _cosh(factor.base)
            if argument is None:
                continue
            for other in pending:
                difference = _sinh(other)
                if difference is not None and same(difference, argument):
                    pending.remove(factor)
                    pending[pending.index(other)] = apply("tanh", argument)
                    break
    return multiply(*pending)


def _rival(divisor: Expression, argument: Expression) -> Expression | None:
    """b, for the divisor 1 / (e^argument + e^b)."""
    if not isinstance(divisor, Power) or divisor.exponent != MINUS_ONE:
        return None
    left, right = _two_exponents(divisor.base) or (None, None)
    if left is None or right is None:
        return None
    if same(left, argument):
        return right
    return left if same(right, argument) else None


def _cosh(expression: Expression) -> Expression | None:
    """a, for e^a + e^{−a}."""
    match expression:
        case Add((first, second)):
            left, right = _exponent(first), _exponent(second)
            if left is not None and right is not None and same(_minus(left), right):
                return left
            return None
        case _:
            return None


def _sinh(expression: Expression) -> Expression | None:
    """a, for e^a − e^{−a}."""
    match expression:
        case Add((first, Multiply((sign, second)))) if sign == MINUS_ONE:
            left, right = _exponent(first), _exponent(second)
            if left is not None and right is not None and same(_minus(left), right):
                return left
            return None
        case _:
            return None
