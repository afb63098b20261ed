"""Scalar functions of normal forms: what they are in terms of exp, log and [f > 0]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from derivcheck.expression import Affine, Function, Index
from derivcheck.normal_form import floors
from derivcheck.normal_form.atoms import (
    INDICATORS,
    Atom,
    Equal,
    Exponential,
    Monomial,
    NormalForm,
    Number,
    Prime,
    Repeated,
    Root,
    Scalar,
    Sign,
    Tower,
    affine_text,
    monomial_text,
)
from derivcheck.normal_form.extrema import Cap, Extrema
from derivcheck.normal_form.integers import prime_factors, solved
from derivcheck.normal_form.linear import (
    added,
    constant,
    divided,
    leading_orientation,
    scaled,
    sort,
    subtracted,
)
from derivcheck.normal_form.session import Unprovable
from derivcheck.normal_form.signs import NEGATIVE, POSITIVE, ZERO

_ODD = ("sin", "arctan", "erf")
_AT_ZERO = {"sin": 0, "arctan": 0, "erf": 0, "cos": 1}
_ARITY = {"max": 2, "min": 2}
_MOST_ANGLES = 4
"""The sine of a sum of n angles has 2ⁿ⁻¹ terms."""
_MOST_SIGNS = 4
"""The sign of a product of n factors has 2ⁿ⁻¹ terms."""


@dataclass
class Functions(Extrema):
    """Every function is reduced to exp, log and Sign where that is exact; others are opaque."""

    def function(self, name: str, arguments: tuple[NormalForm, ...]) -> NormalForm:
        """A known function by name; an unknown one is opaque."""
        if len(arguments) != _ARITY.get(name, 1):
            return self.opaque(Function(name), arguments)
        argument = arguments[0]
        match name:
            case "exp":
                return self.exponential(argument)
            case "log":
                return self.logarithm(argument)
            case "sigmoid":
                return self.power(added((constant(1), self.exponential(scaled(argument, -1)))), -1)
            case "tanh":
                double = self.exponential(scaled(argument, 2))
                return self.multiply(
                    subtracted(double, constant(1)), self.power(added((double, constant(1))), -1)
                )
            case "softplus":
                return self.logarithm(added((constant(1), self.exponential(argument))))
            case "sinh" | "cosh":
                mirrored = self.exponential(scaled(argument, -1))
                sign = -1 if name == "sinh" else 1
                both = added((self.exponential(argument), scaled(mirrored, sign)))
                return scaled(both, Fraction(1, 2))
            case "relu":
                return self.rectified(argument)
            case "elsewhere":
                return constant(0)  # what is claimed is claimed where both sides are defined
            case "abs":
                return added((self.rectified(argument), self.rectified(scaled(argument, -1))))
            case "sign":
                mirrored = self.positive(scaled(argument, -1))
                return subtracted(self.positive(argument), mirrored)
            case "max":
                left, right = arguments
                return added((right, self.rectified(subtracted(left, right))))
            case "min":
                left, right = arguments
                return subtracted(left, self.rectified(subtracted(left, right)))
            case "floor":
                whole, rest = floors.parted(self.settled(argument))
                if not rest or floors.is_proper(rest, self.nonnegative):
                    return whole
                return added((whole, self.opaque(Function(name), (rest,))))
            case _:
                return self._opaque_scalar(name, argument)

    def _opaque_scalar(self, name: str, argument: NormalForm) -> NormalForm:
        if not argument and name in _AT_ZERO:
            return constant(_AT_ZERO[name])
        if argument and leading_orientation(argument) < 0:
            if name in _ODD:
                return scaled(self._opaque_scalar(name, scaled(argument, -1)), -1)
            if name == "cos":
                argument = scaled(argument, -1)
        if name in ("sin", "cos"):
            parts = _summands(argument)
            if 1 < len(parts) <= _MOST_ANGLES:
                return self._of_angles(name, parts)
        return self.opaque(Function(name), (argument,))

    def _of_angles(self, name: str, parts: Sequence[NormalForm]) -> NormalForm:
        """sin(a + b) = sin a cos b + cos a sin b; cos(a + b) = cos a cos b − sin a sin b."""
        if len(parts) == 1:
            return self._opaque_scalar(name, parts[0])
        first, rest = parts[0], parts[1:]
        other = "cos" if name == "sin" else "sin"
        same = self.multiply(self._opaque_scalar(name, first), self._of_angles("cos", rest))
        crossed = self.multiply(self._opaque_scalar(other, first), self._of_angles("sin", rest))
        return added((same, crossed)) if name == "sin" else subtracted(same, crossed)

    def opaque(self, function: Function, arguments: tuple[NormalForm, ...]) -> NormalForm:
        return self.of_atom(Scalar(function, tuple(map(self.settled, arguments))))

    # Exponentials and logarithms.

    def exponential(self, exponent: NormalForm) -> NormalForm:
        """exp(Σ c·t) = Π exp(t)^c; exp(c·log a) = a^c."""
        result = constant(1)
        for monomial, coefficient in self.settled(exponent).terms.items():
            if len(monomial) == 1:
                ((atom, power),) = monomial
                if power == 1 and isinstance(atom, Scalar) and atom.function == Function("log"):
                    factor = self._power_of_positive(atom.arguments[0], coefficient)
                    result = self.multiply(result, factor)
                    continue
            made = self.intern(Exponential(monomial))
            result = self.multiply(result, NormalForm({((made, coefficient),): 1}))
        return result

    def _power_of_positive(self, base: NormalForm, exponent: Number) -> NormalForm:
        """base^exponent where log base is defined."""
        if exponent.denominator == 1 or self.sign(base) == POSITIVE or len(base.terms) > 1:
            return self.power(base, exponent)
        made = self.intern(Exponential(((self.intern(Scalar(Function("log"), (base,))), 1),)))
        return NormalForm({((made, exponent),): 1})

    def logarithm(self, argument: NormalForm) -> NormalForm:
        """The log; of a product it splits only over factors that are known positive."""
        argument = self.settled(argument)
        if not argument:
            raise Unprovable("the logarithm of something that is identically 0")
        if self.sign(argument) == NEGATIVE:
            raise Unprovable("the logarithm of something negative")
        if len(argument.terms) > 1 and any(isinstance(atom, Root) for atom in argument.atoms()):
            # 1 − e^x / (1 + e^x) is a quotient, whose logarithm splits.
            fewer = self.reduced(argument)
            argument = fewer if len(fewer.terms) == 1 else argument
        if len(argument.terms) == 1:
            ((monomial, coefficient),) = argument.terms.items()
            return self._log_of_product(monomial, coefficient)
        number, shared = self._content(argument)
        positive = {a: k for a, k in shared.items() if self.atom_sign(a) == POSITIVE}
        outside = NormalForm({sort(positive): number})
        inside = self.without_content(argument, positive, number)
        mask = self.known.get(argument.key)
        if mask is not None:
            self.learn(inside, mask)
        return added((self.logarithm(outside), self._log_atom(inside)))

    def _log_of_product(self, monomial: Monomial, coefficient: Number) -> NormalForm:
        parts: list[NormalForm] = []
        left: list[tuple[Atom, Number]] = []
        for atom, k in monomial:
            if self.atom_sign(atom) == POSITIVE:
                parts.append(scaled(self._log_of_atom(atom), k))
            else:
                left.append((atom, k))
        parts.append(self._log_of_number(abs(coefficient)))
        if len(left) == 1 and coefficient > 0 and (left[0][1].denominator > 1 or left[0][1] % 2):
            # a^k > 0 with k odd or fractional holds exactly where a > 0.
            atom, k = left[0]
            parts.append(scaled(self._log_of_atom(atom), k))
        elif left:
            inside = NormalForm({tuple(left): 1 if coefficient > 0 else -1})
            parts.append(self._log_atom(inside))
        elif coefficient < 0:
            raise Unprovable("the logarithm of something negative")
        return added(parts)

    def _log_of_atom(self, atom: Atom) -> NormalForm:
        """log of an atom where it is > 0."""
        match atom:
            case Exponential(exponent=exponent):
                return NormalForm({exponent: 1})
            case Root(base=base):
                return self.logarithm(base)
            case Repeated(index=index, body=body) if self.sign(body) == POSITIVE:
                bound = self.fresh(index)
                factor = self.transform(body, {index: Affine.of(bound)})
                return self.sum_over((bound,), self.logarithm(factor))
            case _:
                return self._log_atom(NormalForm({((atom, 1),): 1}))

    def _log_of_number(self, value: Number) -> NormalForm:
        """log of a positive rational by primes: log 6 = log 2 + log 3."""
        exact = Fraction(value)
        parts: list[NormalForm] = []
        for number, sign in ((exact.numerator, 1), (exact.denominator, -1)):
            for prime, multiplicity in prime_factors(number):
                parts.append(scaled(self._log_atom(constant(prime)), sign * multiplicity))
        return added(parts)

    def _log_atom(self, argument: NormalForm) -> NormalForm:
        if len(argument.terms) == 1:
            # log of a root of a positive sum: the exponent comes out.
            ((monomial, coefficient),) = argument.terms.items()
            if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0][0], Prime):
                prime = monomial[0][0]
                return scaled(self._log_atom(constant(prime.value)), monomial[0][1])
        return self.of_atom(Scalar(Function("log"), (argument,)))

    def general_power(self, base: NormalForm, exponent: NormalForm) -> NormalForm:
        """base^exponent for an exponent that is no number: exp(e·log b) where b > 0 is known."""
        if self.sign(base) == POSITIVE:
            return self.exponential(self.multiply(exponent, self.logarithm(base)))
        if not base:
            raise Unprovable("0 under a symbolic exponent")
        if len(base.terms) == 1:
            ((monomial, coefficient),) = base.terms.items()
            indicators = tuple(factor for factor in monomial if indicates(*factor))
            if indicators and self.sign(exponent) == POSITIVE:
                # (g·b)^n = g·b^n for an indicator g and n > 0
                rest = tuple(factor for factor in monomial if factor not in indicators)
                inside = self.general_power(NormalForm({rest: coefficient}), exponent)
                return self.multiply(NormalForm({indicators: 1}), inside)
            if indicators:
                # g^(N−1) is 1 where N = 1, and g⁻¹·g^N is not.
                return self.of_atom(Tower(self.settled(base), self.settled(exponent)))
        whole = exponent.terms.get((), 0)
        symbolic = subtracted(exponent, constant(whole))
        # 0^(N−1) is 1 where N = 1: a negative part splits off only where the base cannot be 0.
        apart = not self.sign(base) & ZERO or (whole > 0 and not self.sign(symbolic) & NEGATIVE)
        if whole.denominator == 1 and whole and apart:
            return self.multiply(self.power(base, whole), self.general_power(base, symbolic))
        return self.of_atom(Tower(self.settled(base), self.settled(exponent)))

    # [f > 0], and what is made of it.

    def positive(self, argument: NormalForm) -> NormalForm:
        """[argument > 0]: positive factors dropped; off the kinks [−f > 0] is 1 − [f > 0]."""
        argument = self.settled(argument)
        mask = self.sign(argument)
        if mask & POSITIVE and mask != POSITIVE:
            argument = self._without_certain_factors(argument)
            mask = self.sign(argument)
        if mask == POSITIVE:
            return constant(1)
        if not mask & POSITIVE:
            return constant(0)
        indicators = {a: k for a, k in self._content(argument)[1].items() if indicates(a, k)}
        if indicators:
            # [g·f > 0] = g·[f > 0] for an indicator g
            factor = NormalForm({sort(indicators): 1})
            rest = {
                tuple(f for f in m if f[0] not in indicators): c for m, c in argument.terms.items()
            }
            return self.multiply(factor, self.positive(NormalForm(rest)))
        caps = self.caps(argument)
        if frozenset() in caps:
            return constant(0)
        if caps:
            return self._capped_sign(argument, caps)
        if len(argument.terms) == 1:
            ((monomial, coefficient),) = argument.terms.items()
            (base, exponent), *others = monomial
            if others or exponent != 1:
                if len(others) < _MOST_SIGNS:
                    return self._sign_of_product(monomial, coefficient)
            elif coefficient < 0 and not (self.off_kinks and self.generic(argument)):
                made = self.intern(Sign(argument))
                assert isinstance(made, Sign)
                self._mirrored[made] = base
                return self.of_atom(made)
        if self.off_kinks and leading_orientation(argument) < 0 and self.generic(argument):
            self.assume_off_kink(argument)
            return subtracted(constant(1), self.of_atom(Sign(scaled(argument, -1))))
        return self.of_atom(Sign(argument))

    def _capped_sign(self, argument: NormalForm, caps: list[Cap]) -> NormalForm:
        """[f_k > max f], which is 0 beside indicators that put k into the maximum's range."""
        made = self.intern(Sign(argument))
        assert isinstance(made, Sign)
        self._capped[made] = caps
        return self.of_atom(made)

    def _sign_of_product(self, monomial: Monomial, coefficient: Number) -> NormalForm:
        """[Π aᵏ > 0] by the signs of the factors: [a b > 0] = [a > 0][b > 0] + [−a > 0][−b > 0]."""
        plus, minus = constant(int(coefficient > 0)), constant(int(coefficient < 0))
        for atom, k in monomial:
            base = self.atom_power(atom, 1)
            above = self.positive(base)
            if k.denominator != 1:
                # Defined for a ≥ 0 only.
                plus, minus = self.multiply(plus, above), self.multiply(minus, above)
                continue
            below = self.positive(scaled(base, -1))
            if k % 2:
                plus, minus = (
                    added((self.multiply(plus, above), self.multiply(minus, below))),
                    added((self.multiply(plus, below), self.multiply(minus, above))),
                )
            else:
                # An even power is 0 where its base is.
                other = added((above, below))
                plus, minus = self.multiply(plus, other), self.multiply(minus, other)
        return plus

    def without_signed_content(self, argument: NormalForm) -> NormalForm:
        """The argument without factors of known sign: [a f > 0] = [−f > 0] for a < 0."""
        while True:
            number, shared = self._content(argument)
            signs = {a: self.atom_sign(a) for a in shared}
            pulled = {a: shared[a] for a, sign in signs.items() if sign in (NEGATIVE, POSITIVE)}
            below = [k for a, k in pulled.items() if signs[a] == NEGATIVE]
            if any(k.denominator != 1 for k in below):
                return argument
            argument = self.without_content(argument, pulled, number)
            argument = scaled(argument, (-1) ** int(sum(k % 2 for k in below)))
            # A division that expands a root may lay open new content.
            if not pulled:
                return argument

    def _without_certain_factors(self, argument: NormalForm) -> NormalForm:
        """A form that is positive at the same places: [v − β v > 0] is [v > 0] where β < 1."""
        argument = self.without_signed_content(argument)
        number, shared = self._content(argument)
        if shared and len(argument.terms) > 1:
            others = self.sign(self.without_content(argument, shared, number))
            if others in (NEGATIVE, POSITIVE):
                return NormalForm({sort(shared): 1 if others == POSITIVE else -1})
        return argument

    def rectified(self, argument: NormalForm) -> NormalForm:
        """max(argument, 0), oriented: relu(−f) = relu(f) − f everywhere."""
        mask = self.sign(argument)
        if not mask & NEGATIVE:
            return argument
        if not mask & POSITIVE:
            return constant(0)
        if argument and leading_orientation(argument) < 0:
            mirrored = scaled(argument, -1)
            return subtracted(self.multiply(mirrored, self.positive(mirrored)), mirrored)
        return self.multiply(argument, self.positive(argument))

    # Deltas between free indices.

    def settled(self, form: NormalForm) -> NormalForm:
        """δ(i, j) f(i) written as δ(i, j) f(j), with one choice of i and j throughout."""
        if not any(isinstance(atom, Equal) for atom in form.atoms()):
            return form
        return added(self._settled_term(m, c) for m, c in form.terms.items())

    def _settled_term(self, monomial: Monomial, coefficient: Number) -> NormalForm:
        result = NormalForm({monomial: coefficient})
        done: set[Atom] = set()
        while True:
            pivot = self._pivot(result, done)
            if pivot is None:
                return result
            atom, index, value = pivot
            delta = self.multiply(NormalForm({((atom, 1),): 1}), self.within(value, index.extent))
            rest = self.multiply_all(
                scaled(self.atom_power(a, k), 1) for a, k in _only_term(result) if a is not atom
            )
            moved = self.transform(rest, {index: value})
            (number,) = result.terms.values()
            result = scaled(self.multiply(delta, moved), number)
            done.add(atom)
            if len(result.terms) != 1:
                return (
                    result
                    if not result
                    else added(self._settled_term(m, c) for m, c in result.terms.items())
                )

    def _pivot(self, form: NormalForm, done: set[Atom]) -> tuple[Atom, Index, Affine] | None:
        for atom, exponent in _only_term(form):
            if isinstance(atom, Equal) and exponent > 0 and atom not in done:
                choice = _pivot_index(atom)
                if choice is not None:
                    return atom, *choice
        return None


def _summands(angle: NormalForm) -> list[NormalForm]:
    """The terms of a sum, a term with a whole coefficient n as n terms."""
    parts: list[NormalForm] = []
    for monomial, coefficient in sorted(angle.terms.items(), key=lambda t: monomial_text(t[0], {})):
        whole = coefficient.denominator == 1 and abs(coefficient) <= _MOST_ANGLES and monomial
        count = abs(int(coefficient)) if whole else 1
        parts.extend([NormalForm({monomial: divided(coefficient, count)})] * count)
    return parts


def indicates(atom: Atom, exponent: Number) -> bool:
    """Whether the power is 0 or 1 and makes a product 0 where it is 0."""
    return isinstance(atom, INDICATORS) and exponent > 0


def _only_term(form: NormalForm) -> Monomial:
    (monomial,) = form.terms
    return monomial


def _pivot_index(atom: Equal) -> tuple[Index, Affine] | None:
    """The index that a delta between free indices eliminates, and its value: the last by name."""
    choices = [
        (affine_text(Affine.of(index), {}), index, value)
        for index in atom.free
        if (value := solved(atom.difference, index)) is not None
    ]
    if not choices:
        return None
    _, index, value = max(choices, key=lambda choice: choice[0])
    return index, value
