"""Index expressions to arrays: every index an axis, every sum a contraction or a reduction.

The plain route is always there: operands broadcast over their joint axes, masks where a condition
decides, integer arrays where a subscript is more than a letter. The better ones are taken where a
pattern is met: contractions by pairs, windows as views, the adjoint of windows as a fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from derivcheck.expression import (
    ELSEWHERE,
    ONE,
    Add,
    Affine,
    Apply,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Guard,
    Index,
    Maximum,
    Multiply,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    apply,
    free_indices,
    multiply,
    power,
    substitute,
    subtract,
)
from derivcheck.lowering import building
from derivcheck.lowering.array import (
    Arrange,
    Array,
    Axes,
    Fold,
    Raised,
    Reshape,
    Size,
    Softmax,
    Source,
    Stack,
    Take,
    Unfold,
    Variable,
)
from derivcheck.lowering.bounds import surely_nonnegative
from derivcheck.lowering.cases import equated, layers, two_sided
from derivcheck.lowering.folding import Folding, folding
from derivcheck.lowering.rewriting import factors_of, is_finite, is_mask, negated
from derivcheck.lowering.stable import Exponentials, exponentials, matching, minus_log_sum
from derivcheck.lowering.traversal import is_number
from derivcheck.lowering.windows import (
    Declared,
    axis_of,
    is_plain,
    opened,
    part_of,
    ranges_of,
    split_axes,
    window_of,
)
from derivcheck.notation import inequality

KNOWN_FUNCTIONS = frozenset(
    {"exp", "log", "tanh", "sigmoid", "softplus", "relu", "abs", "sign", "sin", "cos", "sinh"}
    | {"cosh", "arctan", "erf", "max", "min"}
)
_ZERO = building.constant(0)
_PARTIAL_FUNCTIONS = frozenset(["exp", "sinh", "cosh"])


class LoweringError(ValueError):
    """The expression has no array program; the message says which part and why."""


@dataclass(frozen=True)
class Translation:
    """Translates expressions over tensors that have a variable.

    `names` gives the variable of every tensor that may occur; `finite` says of a defined one
    whether its entries are finite also where a mask excludes them; `sizes` tells the stops of a
    window from its places.
    """

    names: Mapping[Tensor, str]
    finite: Mapping[str, bool] = field(default_factory=dict[str, bool])
    sizes: Declared = Declared()  # noqa: RUF009

    def array(self, expression: Expression, scope: Axes, under: Array | None = None) -> Array:
        """The expression over its free indices, all of which are in `scope`.

        Where the mask `under` does not hold the value does not matter, but it is kept finite where
        that is cheap: arguments of partial functions are replaced by 1 there.
        """
        match expression:
            case Rational(value):
                return building.constant(value)
            case Count(value):
                integers = building.lattice(scope, value)
                return integers if isinstance(integers, Size) else building.cast(integers)
            case Entry():
                return self._entry(expression, scope)
            case Delta() | Guard() | Positive():
                return building.cast(self.mask(expression, scope, under))
            case Sum():
                return self._sum(expression, scope, under)
            case Product(index, body):
                return self._product_over(index, body, scope, under)
            case Maximum():
                return self._maximum(expression, scope, under)
            case Add(terms):
                return self._add(terms, scope, under)
            case Multiply(factors):
                return self._multiply(factors, scope, under)
            case Power(base, exponent):
                return self._power(base, exponent, scope, under)
            case Apply(function, _) if function == ELSEWHERE:
                return _ZERO
            case Apply():
                return self._apply(expression, scope, under)
            case Derivative():
                raise LoweringError("a derivative without a closed form has no program")

    def mask(self, condition: Expression, scope: Axes, under: Array | None = None) -> Array:
        """A condition that is 0 or 1, as booleans."""
        inside = negated(condition)
        if inside is not None:
            return building.invert(self.mask(inside, scope, under))
        match condition:
            case Delta(left, right):
                sides = (building.lattice(scope, left), building.lattice(scope, right))
                return building.compare(scope, "==", *sides)
            case Guard(value):
                positive = Affine(tuple((t, c) for t, c in value.terms if c > 0))
                negative = positive - value
                sides = (building.lattice(scope, positive), building.lattice(scope, negative))
                return building.compare(scope, ">=", *sides)
            case Positive(argument):
                left, relation, right = inequality(argument)
                sides = (self.array(left, scope, under), self.array(right, scope, under))
                return building.compare(scope, relation, *sides)
            case Multiply(factors) if all(map(is_mask, factors)):
                reached, left = self._reached(factors, scope, under)
                masks = [*reached, *(self.mask(factor, scope, under) for factor in left)]
                return building.every(scope, masks)
            case _:
                zero = building.constant(0)
                return building.compare(scope, "!=", self.array(condition, scope, under), zero)

    def _reached(
        self, factors: Sequence[Expression], scope: Axes, under: Array | None
    ) -> tuple[list[Array], Sequence[Expression]]:
        """[x = m] for an x that is on its axis, as one comparison with −∞ around the x; the rest
        of the factors."""
        for one, other in permutations(factors, 2):
            sides = equated(one, other)
            for entry, value in permutations(sides or (), 2):
                windows = self._windows(entry, lowest=True)
                if windows is None or not set(ranges_of(windows[0])) <= set(factors):
                    continue
                entry, around = windows
                mask = building.compare(scope, "==", around, self.array(value, scope, under))
                gone = (one, other, *ranges_of(entry))
                return [mask], [factor for factor in factors if factor not in gone]
        return [], factors

    # --- entries --------------------------------------------------------------------------------

    def _entry(self, entry: Entry, scope: Axes) -> Array:
        if entry.tensor not in self.names:
            raise LoweringError(f"{entry.tensor.name} is neither an input nor defined")
        apart = split_axes(entry)
        if is_plain(apart):
            axes = tuple(subscript.index for subscript in apart.subscripts if subscript.index)
            return self._source(entry, apart, axes)
        if apart.tensor.rank == entry.tensor.rank and (
            part := part_of(entry, self.names[entry.tensor])
        ):
            return part
        windows = self._windows(entry)
        if windows is not None:
            return windows[1]
        labels = tuple(axis_of(apart.tensor, n) for n in range(apart.tensor.rank))
        return self._taken(apart, self._source(entry, apart, labels), scope)

    def _source(self, entry: Entry, apart: Entry, labels: Axes) -> Source:
        """The tensor's array with these axes, reshaped where `apart` has an axis for each digit."""
        name = self.names[entry.tensor]
        rank = entry.tensor.rank
        if apart.tensor.rank == rank:
            return Variable(labels, name)
        return Reshape(labels, Variable(tuple(axis_of(entry.tensor, n) for n in range(rank)), name))

    def _windows(
        self, expression: Expression, *, lowest: bool = False
    ) -> tuple[Entry, Unfold] | None:
        """An entry that slides, with its windows."""
        if not isinstance(expression, Entry):
            return None
        apart = split_axes(expression)
        found = window_of(apart, self.sizes)
        if found is None:
            return None
        axes, labels, specifications = found
        source = self._source(expression, apart, labels)
        return apart, Unfold(axes, source, specifications, lowest)

    def _taken(self, entry: Entry, source: Source, scope: Axes) -> Array:
        """Any subscripts at all: integer arrays, clipped, and a mask where they leave the axis."""
        conditions: list[Array] = []
        subscripts: list[Array] = []
        for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True):
            integers = building.lattice(scope, subscript)
            low, high = subscript, extent - subscript - 1
            bounded = integers
            if not surely_nonnegative(low):
                conditions.append(building.compare(scope, ">=", integers, building.constant(0)))
                bounded = building.call(scope, "max", bounded, building.constant(0))
            if not surely_nonnegative(high):
                conditions.append(building.compare(scope, ">", Size((), extent), integers))
                bounded = building.call(scope, "min", bounded, Size((), extent - 1))
            subscripts.append(bounded)
        axes = building.joined(scope, *(part.axes for part in subscripts))
        taken = Take(axes, source, tuple(subscripts))
        if not conditions:
            return taken
        return building.where(scope, building.every(scope, conditions), taken, _ZERO)

    # --- sums and products ----------------------------------------------------------------------

    def _add(self, terms: Sequence[Expression], scope: Axes, under: Array | None) -> Array:
        stack = self._stack(terms, scope, under)
        if stack is not None:
            return stack
        choice = two_sided(terms)
        if choice is not None:
            mask = self.mask(choice.mask, scope, under)
            sides: list[Array] = []
            for side, half in ((choice.value, mask), (choice.otherwise, building.invert(mask))):
                below = half if under is None else building.every(scope, [under, half])
                sides.append(self._add(side, scope, below))
            whole = building.where(scope, mask, *sides)
            rest = [self.array(term, scope, under) for term in choice.rest]
            return building.add(scope, [whole, *rest])
        pending = list(terms)
        found: list[Array] = []
        for term in terms:
            # a − log Σ e^a loses no digits only if the largest a is subtracted first.
            inside = minus_log_sum(term)
            partner = next((t for t in pending if inside and matching(t, inside) is not None), None)
            if inside is not None and partner is not None:
                over = matching(partner, inside)
                assert over is not None
                pending.remove(term)
                pending.remove(partner)
                found.append(self._softmax(partner, inside, over, scope, True, under))
        return building.add(scope, [*found, *(self.array(t, scope, under) for t in pending)])

    def _stack(self, terms: Sequence[Expression], scope: Axes, under: Array | None) -> Array | None:
        layered = layers(terms)
        if layered is None:
            return None
        axis, sides = layered
        arrays = [self.array(side, scope, under) for side in sides]
        axes = building.joined(scope, *(array.axes for array in arrays))
        if any(set(array.axes) != set(axes) for array in arrays):
            return None
        return Stack(building.joined(scope, axes, (axis,)), axis, tuple(arrays))

    def _multiply(self, factors: Sequence[Expression], scope: Axes, under: Array | None) -> Array:
        masks = [factor for factor in factors if is_mask(factor)]
        rest = [factor for factor in factors if not is_mask(factor)]
        if masks:
            mask = self.mask(multiply(*masks), scope, under)
            below = mask if under is None else building.every(scope, [under, mask])
            value = self._multiply(rest, scope, below) if rest else building.constant(1)
            if is_number(value):
                return building.multiply(scope, [building.cast(mask), value])
            finite = all(is_finite(factor, self.finite) for factor in rest)
            return building.where(scope, mask, value, _ZERO, finite=finite)
        rest, quotients = self._softmaxes(rest, scope, under)
        above: list[Array] = [*quotients]
        below_: list[Array] = []
        for factor in rest:
            match factor:
                case Power(base, Rational(exponent)) if exponent < 0:
                    divisor = self.array(power(base, -exponent), scope, under)
                    below_.append(_safe(scope, divisor, under))
                case _:
                    above.append(self.array(factor, scope, under))
        return building.divide(scope, above, below_)

    def _softmaxes(
        self, factors: Sequence[Expression], scope: Axes, under: Array | None
    ) -> tuple[list[Expression], list[Array]]:
        """Each e^a / Σ e^b among the factors taken out, as a softmax or as e^{a − log Σ e^b}."""
        pending = list(factors)
        found: list[Array] = []
        for factor in factors:
            if not (isinstance(factor, Power) and isinstance(factor.exponent, Rational)):
                continue
            divisor, count = exponentials(factor.base), -factor.exponent.value
            if divisor is None or not divisor.over or count.denominator != 1 or count < 1:
                continue
            left = int(count)
            for other in tuple(pending):
                numerator = exponentials(other)
                if not left or numerator is None or numerator.over:
                    continue
                over = matching(numerator.argument, divisor)
                if over is not None:
                    value = self._softmax(numerator.argument, divisor, over, scope, False, under)
                else:
                    logarithm = apply("log", factor.base)
                    difference = subtract(numerator.argument, logarithm)
                    value = self.array(apply("exp", difference), scope, under)
                found.append(value)
                pending.remove(other)
                left -= 1
            if left != count:
                place = pending.index(factor)
                pending[place : place + 1] = [power(factor.base, -left)] if left else []
        return pending, found

    def _softmax(
        self,
        argument: Expression,
        divisor: Exponentials,
        over: Axes,
        scope: Axes,
        logarithm: bool,
        under: Array | None,
    ) -> Array:
        operand = self.array(argument, scope, under)
        if divisor.mask != ONE:
            letters = {bound: Affine.of(i) for bound, i in zip(divisor.over, over, strict=True)}
            mask = self.mask(substitute(divisor.mask, letters), scope)
            if under is None or building.every(scope, [under, mask]) != under:
                # The numerator may stand where the mask does not hold: no softmax then.
                total = self._log_sum(divisor, scope, under)
                negative = building.multiply(scope, [building.constant(-1), total])
                shifted = building.add(scope, [operand, negative])
                return shifted if logarithm else building.call(scope, "exp", shifted)
            operand = building.where(scope, mask, operand, None)
        return Softmax(operand.axes, over, logarithm, operand)

    def _log_sum(self, inside: Exponentials, scope: Axes, under: Array | None) -> Array:
        inner = (*scope, *inside.over)
        operand = self.array(inside.argument, inner, under)
        if inside.mask != ONE:
            mask = self.mask(inside.mask, inner, under)
            operand = building.where(inner, mask, operand, None)
        return building.reduce(inner, "logsumexp", inside.over, operand)

    def _sum(self, expression: Sum, scope: Axes, under: Array | None) -> Array:
        found = folding(expression, scope)
        if found is not None:
            return self._folded(found, scope, under)
        over, body = opened(expression)
        inner = (*scope, *(index for index in over if index not in scope))
        if isinstance(body, Add):
            whole = self.array(body, inner, under)
            absent = [index for index in over if index not in whole.axes]
            value = building.reduce(inner, "sum", over, whole)
            return building.multiply(scope, [*(Size((), i.extent) for i in absent), value])
        return self._contracted(factors_of(body), over, inner, under)

    def _folded(self, found: Folding, scope: Axes, under: Array | None) -> Array:
        axes = tuple(window.axis for window in found.windows)
        if under is not None and set(axes) & set(under.axes):
            under = None  # what is folded has stops and places where the result has the axis
        stops = (i for window in found.windows if (i := window.position) not in scope)
        places = tuple(window.offset for window in found.windows)
        inner = (*scope, *found.over, *stops, *places)
        operand = self._contracted(found.factors or (ONE,), found.over, inner, under)
        letters = (*(window.position for window in found.windows), *places)
        if repeated := tuple(letter for letter in letters if letter not in operand.axes):
            operand = Arrange((*operand.axes, *repeated), operand)
        kept = tuple(index for index in operand.axes if index in scope)
        windows = tuple(map(self.sizes.oriented, found.windows))
        return Fold(building.joined(scope, kept, axes), operand, windows)

    def _contracted(
        self, factors: Sequence[Expression], over: Sequence[Index], scope: Axes, under: Array | None
    ) -> Array:
        masks = [factor for factor in factors if is_mask(factor)]
        rest = [factor for factor in factors if not is_mask(factor)]
        if not masks:
            rest, arrays = self._softmaxes(rest, scope, under)
            arrays.extend(self.array(factor, scope, under) for factor in rest)
            return self._summed(scope, arrays, over)
        mask = self.mask(multiply(*masks), scope, under)
        if not rest:
            return self._summed(scope, [building.cast(mask)], over)
        below = mask if under is None else building.every(scope, [under, mask])
        finite = [is_finite(factor, self.finite) for factor in rest]
        for position, factor in enumerate(rest):
            covers = set(mask.axes) <= set(free_indices(factor))
            if covers and all(finite[:position] + finite[position + 1 :]):
                guarded = self.array(factor, scope, below)
                guarded = building.where(scope, mask, guarded, _ZERO, finite=finite[position])
                others = [*rest[:position], *rest[position + 1 :]]
                arrays = [guarded, *(self.array(other, scope, under) for other in others)]
                return self._summed(scope, arrays, over)
        if all(finite):
            arrays = [building.cast(mask), *(self.array(factor, scope, under) for factor in rest)]
            return self._summed(scope, arrays, over)
        whole = building.where(scope, mask, self._multiply(rest, scope, below), _ZERO)
        return self._summed(scope, [whole], over)

    def _summed(self, scope: Axes, arrays: Sequence[Array], over: Sequence[Index]) -> Array:
        present = {index for array in arrays for index in array.axes}
        repeated: list[Array] = [Size((), i.extent) for i in over if i not in present]
        inside = [index for index in over if index in present]
        return building.multiply(scope, [*repeated, building.contract(scope, arrays, inside)])

    def _product_over(
        self, index: Index, body: Expression, scope: Axes, under: Array | None
    ) -> Array:
        inner = (*scope, index)
        operand = self.array(body, inner, under)
        if index not in operand.axes:
            return Raised(operand.axes, operand, Size((), index.extent))
        return building.reduce(inner, "prod", (index,), operand)

    def _maximum(self, expression: Maximum, scope: Axes, under: Array | None) -> Array:
        inner = (*scope, *expression.indices)
        where, windows = expression.where, self._windows(expression.body, lowest=True)
        if windows is not None and set(ranges_of(windows[0])) <= set(factors_of(where)):
            # −∞ around the array leaves out what is off the axes.
            entry, operand = windows
            where = multiply(*(f for f in factors_of(where) if f not in ranges_of(entry)))
            if where != ONE:
                operand = building.where(inner, self.mask(where, inner, under), operand, None)
        elif where == ONE:
            operand = self.array(expression.body, inner, under)
        else:
            mask = self.mask(where, inner, under)
            below = mask if under is None else building.every(inner, [under, mask])
            operand = self.array(expression.body, inner, below)
            operand = building.where(inner, mask, operand, None)
        return building.reduce(inner, "max", expression.indices, operand)

    # --- scalar functions -----------------------------------------------------------------------

    def _power(
        self, base: Expression, exponent: Expression, scope: Axes, under: Array | None
    ) -> Array:
        if isinstance(exponent, Rational) and exponent.value < 0:
            return self._multiply([power(base, exponent)], scope, under)
        lowered = self.array(base, scope, under)
        whole = isinstance(exponent, Rational) and exponent.value.denominator == 1
        if not whole:
            lowered = _safe(scope, lowered, under)
        return building.raise_to(scope, lowered, self.array(exponent, scope, under))

    def _apply(self, expression: Apply, scope: Axes, under: Array | None) -> Array:
        function = expression.function
        if function.abstract or function.name not in KNOWN_FUNCTIONS:
            raise LoweringError(f"{function.name} is an abstract function and has no program")
        if function.name == "log":
            inside = exponentials(expression.arguments[0])
            if inside is not None and inside.over:
                return self._log_sum(inside, scope, under)
        if function.name == "arctan" and expression.arguments == (ONE,):
            return building.divide(scope, [building.call(scope, "pi")], [building.constant(4)])
        arguments = [self.array(argument, scope, under) for argument in expression.arguments]
        if function.name == "log":
            return building.logarithm(scope, arguments[0], lambda a: _safe(scope, a, under))
        if function.name in _PARTIAL_FUNCTIONS:
            arguments = [_safe(scope, argument, under) for argument in arguments]
        return building.call(scope, function.name, *arguments)


def _safe(scope: Axes, argument: Array, under: Array | None) -> Array:
    """The argument of a partial function, harmless where the mask excludes it."""
    if under is None or is_number(argument):
        return argument
    return building.guarded(scope, argument, under)
