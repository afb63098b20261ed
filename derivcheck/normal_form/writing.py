"""Normal forms back to expressions, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from derivcheck.expression import (
    ONE,
    Affine,
    Apply,
    Delta,
    Entry,
    Expression,
    Function,
    Guard,
    Index,
    Maximum,
    Positive,
    Power,
    Product,
    Sum,
    add,
    fresh,
    multiply,
    number,
    power,
    rational,
)
from derivcheck.normal_form.atoms import (
    Atom,
    Equal,
    Exponential,
    Extremum,
    Integer,
    Monomial,
    NonNegative,
    NormalForm,
    Number,
    Prime,
    Repeated,
    Root,
    Scalar,
    Sign,
    Summation,
    Tower,
    Variable,
)

_LETTERS = "kjilmnabcdpqrst"


def expression(form: NormalForm) -> Expression:
    """An expression with the form's value, its binders fresh and named apart from what is free."""
    return _form(form, {index: Affine.of(index) for index in form.free})


_Values = Mapping[Index, Affine]


def _form(form: NormalForm, values: _Values) -> Expression:
    ordered = sorted(form.terms.items(), key=lambda item: [(a.key, e) for a, e in item[0]])
    return add(*(_monomial(m, c, values) for m, c in ordered))


def _monomial(monomial: Monomial, coefficient: Number, values: _Values) -> Expression:
    above = [_power(a, e, values) for a, e in monomial if e > 0]
    below = [_power(a, e, values) for a, e in monomial if e < 0]
    return multiply(rational(Fraction(coefficient)), *below, *above)


def _power(atom: Atom, exponent: Number, values: _Values) -> Expression:
    if isinstance(atom, Exponential):
        return Apply(Function("exp"), (_monomial(atom.exponent, exponent, values),))
    return power(_atom(atom, values), Fraction(exponent))


def _atom(atom: Atom, values: _Values) -> Expression:
    match atom:
        case Integer(value=value):
            return number(_at(Affine.of(value), values))
        case Prime(value=value):
            return rational(value)
        case Variable(tensor=tensor, subscripts=subscripts):
            return Entry(tensor, tuple(_at(subscript, values) for subscript in subscripts))
        case Equal(difference=difference):
            return _delta(_at(difference, values))
        case NonNegative(value=value):
            return Guard(_at(value, values))
        case Sign(argument=argument):
            return Positive(_form(argument, values))
        case Scalar(function=function, arguments=arguments):
            return Apply(function, tuple(_form(argument, values) for argument in arguments))
        case Summation(indices=indices, factors=factors):
            renamed, inner = _named(indices, values)
            body = _monomial(factors, 1, inner)
            for index in reversed(renamed):
                body = Sum(index, body)
            return body
        case Root(base=base):
            return _form(base, values)
        case Repeated(index=index, body=body):
            (renamed_index,), inner = _named((index,), values)
            return Product(renamed_index, _form(body, inner))
        case Extremum(indices=indices, where=where, body=body):
            renamed, inner = _named(indices, values)
            condition = ONE if where.number == 1 else _form(where, inner)
            return Maximum(renamed, condition, _form(body, inner))
        case Tower(base=base, exponent=exponent):
            return Power(_form(base, values), _form(exponent, values))
        case _:
            raise TypeError(type(atom).__name__)


def _delta(difference: Affine) -> Expression:
    """δ(left, right) with the negative terms on the right."""
    left = Affine.collect((term, c) for term, c in difference.terms if c > 0)
    right = Affine.collect((term, -c) for term, c in difference.terms if c < 0)
    return Delta(left, right)


def _at(value: Affine, values: _Values) -> Affine:
    return value.substitute(dict(values))


def _named(
    indices: tuple[Index, ...], values: _Values
) -> tuple[tuple[Index, ...], dict[Index, Affine]]:
    taken = {index.name for value in values.values() for index in value.indices()}
    inner = dict(values)
    renamed: list[Index] = []
    for index in indices:
        name = index.name
        if name in taken or not name:
            name = next((x for x in _LETTERS if x not in taken), f"{index.name}'")
        taken.add(name)
        made = fresh(Index(name, _at(index.extent, values), 0, index.base))
        renamed.append(made)
        inner[index] = Affine.of(made)
    return tuple(renamed), inner
