"""Names: which of name, label, power and index each part of a written symbol is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from derivcheck import syntax
from derivcheck.elaboration import derivatives
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.matrices import implicit, is_identity
from derivcheck.elaboration.names import (
    is_transpose,
    label,
    nodes,
    split_subscripts,
    subscript_items,
    subscripted,
    superscripted,
)
from derivcheck.elaboration.scope import FunctionMeaning, Meaning, ParameterMeaning, TensorMeaning
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    ONE,
    PI,
    Affine,
    Entry,
    Expression,
    Power,
    Rational,
    Tensor,
    apply,
    delta,
    number,
    power,
    rational,
    square_root,
)
from derivcheck.source import Span
from derivcheck.syntax import Node

_LAYERS = ("l", "L", r"\ell")

_FOLDED = 64
"""The largest power of a number that is worked out where it stands in an exponent."""


def named(
    reader: SideReader,
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
            reader.integers.subscript(item)
        return rational(int(symbol.name))
    name = symbol.name + "'" * primes
    if superscript is not None:
        labelled = superscripted(symbol.name, superscript) + "'" * primes
        if subscript is not None:
            full = subscripted(labelled, subscript)
            if (meaning := reader.page.meaning(full, span)) is not None:
                return meant(reader, meaning, full, None, span)
        if (meaning := reader.page.meaning(labelled, span)) is not None:
            _check_label(reader, superscript)
            return meant(reader, meaning, labelled, subscript, span)
        if is_transpose(superscript) and subscript is not None:
            items = subscript_items(subscript, 2)
            if len(items) == 2:
                turned = syntax.Sequence((items[1], items[0]), subscript.span)
                return named(reader, symbol, turned, None, primes, span)
    if subscript is not None:
        full = subscripted(name, subscript)
        if (meaning := reader.page.meaning(full, span)) is not None:
            return raised(reader, meant(reader, meaning, full, None, span), superscript)
    meaning = reader.page.meaning(name, span)
    if meaning is not None and (gradient := reader.page.gradient(name, declared=True)):
        note = f"{name} is the gradient of {label(gradient[0])} by {gradient[1].name}"
        if reader.choices.pick_once(name, "", note):
            value = _by(reader, gradient, symbol, subscript, span)
            return raised(reader, value, superscript)
    if (
        meaning is not None
        and not _is_other_name(reader, meaning, name, subscript)
        and not (
            name == "e" and subscript is None and _is_exponential(reader, meaning, superscript)
        )
    ):
        if subscript is None and superscript is not None and not is_transpose(superscript):
            match meaning:
                case TensorMeaning(tensor) if tensor.rank == 2:
                    raise matrix_power(superscript)
                case _:
                    pass
        return raised(reader, meant(reader, meaning, name, subscript, span), superscript)
    squared = f"{name}^2"
    if (meaning := reader.page.meaning(squared, span)) is not None:
        root = square_root(meant(reader, meaning, squared, subscript, span))
        return raised(reader, root, superscript)
    return unknown(reader, symbol, name, subscript, superscript, primes, span)


def _is_other_name(reader: SideReader, meaning: Meaning, name: str, subscript: Node | None) -> bool:
    r"""Whether `L_0` is a name beside a number `L` rather than an entry of it, or `\delta_{ij}`
    Kronecker's beside a gradient `\delta_j`."""
    if name == r"\delta" and len(subscript_items(subscript, None)) == 2:
        return isinstance(meaning, TensorMeaning) and meaning.tensor.rank < 2
    return (
        reader.page.labels(name, subscript)
        and isinstance(meaning, TensorMeaning)
        and meaning.tensor.rank == 0
        and not meaning.declared
    )


def matrix_power(superscript: Node) -> Fault:
    """A power of a whole matrix is none of its entries."""
    return unsupported(
        "a power of a whole matrix",
        superscript.span,
        r"write its entries, X_{ij}^2, or the product X X",
    )


def _is_exponential(reader: SideReader, meaning: Meaning, superscript: Node | None) -> bool:
    """Whether `e^{x_i}` is the exponential on a page that has an `e` of its own."""
    if superscript is None or isinstance(superscript, syntax.Numeral) or is_transpose(superscript):
        return False
    if isinstance(meaning, TensorMeaning) and meaning.tensor.rank:
        return True
    return reader.choices.pick("e is the base of the exponential", "e is raised to a power") == 0


def raised(reader: SideReader, value: Expression, superscript: Node | None) -> Expression:
    if superscript is None:
        return value
    number_raised = isinstance(value, Entry) and value.tensor.rank == 0
    if is_transpose(superscript) and not (number_raised and is_power(reader, superscript)):
        raise unsupported("a transposed array", superscript.span, "write its entries: A_{ji}")
    return power(value, exponent(reader, superscript))


def is_power(reader: SideReader, superscript: Node) -> bool:
    """Whether a letter that may mean “transposed” is a size of this page: of β^T it is a power."""
    return isinstance(superscript, syntax.Symbol) and reader.page.is_size(superscript.name)


def exponent(reader: SideReader, node: Node) -> Expression:
    """The value of a superscript, a rational one folded."""
    value = reader.value(node)
    match value:
        case _:
            folded = _rational_product(value)
            return value if folded is None else Rational(folded)


def meant(
    reader: SideReader, meaning: Meaning, name: str, subscript: Node | None, span: Span
) -> Expression:
    match meaning:
        case TensorMeaning(tensor, _, letters):
            return tensor_entry(reader, tensor, letters, subscript, span)
        case ParameterMeaning() if reader.page.fixed_place(name) is not None:
            raise unsupported(
                f"{name} as a number", span, f"{name} names a place; give the number another name"
            )
        case ParameterMeaning(parameter) if subscript is None:
            return number(parameter)
        case FunctionMeaning(_, body) if subscript is None:
            return body
        case _:
            raise unsupported(f"{name} without an argument", span, f"write {name}(x)")


def tensor_entry(
    reader: SideReader, tensor: Tensor, letters: tuple[str, ...], subscript: Node | None, span: Span
) -> Expression:
    if subscript is None:
        return whole_array(reader, tensor, letters, span)
    items = subscript_items(subscript, tensor.rank)
    if len(items) != tensor.rank:
        first = split_subscripts(subscript)
        whole = not reader.indexed or reader.implicit is not None
        if len(first) < tensor.rank and (whole or tensor.name in reader.page.families):
            return part_of(reader, tensor, first, span)
        sure = reader.page.certain(tensor)
        raise Fault(
            "rank-mismatch" if sure else "unclear-shape",
            f"{tensor.name} has {_axes(tensor.rank)}, here it has {len(items)} subscripts",
            span,
            "use one subscript for each axis" if sure else f"declare {tensor.name} with its axes",
        )
    return Entry(tensor, reader.integers.on_axes(items, tensor))


def part_of(reader: SideReader, tensor: Tensor, items: Sequence[Node], span: Span) -> Entry:
    """An array with some of its subscripts: those left out are the equation's.

    A lone subscript of a matrix that the page declares is that of its row, or of its column.
    """
    places = range(len(items))
    if tensor.rank == 2 and tensor.name not in reader.page.families:
        which = f"{tensor.name}_{label(items[0])} is a column of {tensor.name}"
        if reader.choices.pick_once(f"rows of {tensor.name}", "", which):
            places = range(1, 2)
    others = [place for place in range(tensor.rank) if place not in places]
    indices = implicit(reader, len(others), span)
    for index, place in zip(indices, others, strict=True):
        if not reader.page.sizes.unify(index.extent, tensor.extents[place]):
            raise _other_shape(tensor, span)
    at: dict[int, Affine] = dict(zip(others, map(Affine.of, indices), strict=True))
    at.update(zip(places, reader.integers.on_axes(items, tensor, places), strict=True))
    return Entry(tensor, tuple(at[place] for place in range(tensor.rank)))


def whole_array(
    reader: SideReader, tensor: Tensor, letters: tuple[str, ...], span: Span
) -> Expression:
    """A symbol without subscripts: a scalar, or the whole array in an elementwise equation."""
    if tensor.rank == 0:
        return Entry(tensor)
    if reader.implicit is None and reader.indexed:
        if len(letters) == tensor.rank:
            subscripts = tuple(map(reader.letters.free, letters))
            spelled = "".join(letters)
            reader.choices.pick(f"{tensor.name} is read as {tensor.name}_{{{spelled}}}")
            for index, extent in zip(subscripts, tensor.extents, strict=True):
                reader.page.sizes.unify(index.extent, extent)
            return Entry(tensor, tuple(map(Affine.of, subscripts)))
        raise unsupported(
            f"the whole array {tensor.name} among indexed entries",
            span,
            f"write its subscripts ({tensor.name} has {_axes(tensor.rank)})",
        )
    if reader.implicit is None:
        reader.implicit = reader.letters.implicit(tensor.extents)
    if len(reader.implicit) != tensor.rank:
        raise Fault(
            "rank-mismatch" if reader.page.certain(tensor) else "unclear-shape",
            f"{tensor.name} has {_axes(tensor.rank)}, the equation is about arrays "
            f"with {_axes(len(reader.implicit))}",
            span,
            "write the subscripts",
        )
    for index, extent in zip(reader.implicit, tensor.extents, strict=True):
        if not reader.page.sizes.unify(index.extent, extent):
            raise _other_shape(tensor, span)
    return Entry(tensor, tuple(map(Affine.of, reader.implicit)))


def _other_shape(tensor: Tensor, span: Span) -> Fault:
    return Fault(
        "extent-mismatch",
        f"{tensor.name} has another shape than the arrays it is combined with",
        span,
        "write the subscripts",
    )


def unknown(
    reader: SideReader,
    symbol: syntax.Symbol,
    name: str,
    subscript: Node | None,
    superscript: Node | None,
    primes: int,
    span: Span,
) -> Expression:
    """A name of which the page has said nothing yet."""
    if not name:
        raise unsupported("a missing expression", span, "write what stands here")
    if (value := _gradient(reader, symbol, name, subscript, superscript, span)) is not None:
        return value
    if name == "e":
        if subscript is None:
            if superscript is None:
                return apply("exp", ONE)
            value = apply("exp", reader.value(superscript))
            reader.note_function("the exponential", superscript)
            return value
    elif name == r"\pi" and subscript is None:
        return raised(reader, PI, superscript)
    elif name == r"\delta" and len(items := subscript_items(subscript, None)) == 2:
        left, right = reader.integers.pair(*items)
        if (first := left.index) is not None and (second := right.index) is not None:
            reader.page.sizes.prefer(first.extent, second.extent)
        return raised(reader, delta(left, right), superscript)
    elif name in (r"\infty", r"\nabla"):
        raise unsupported(name, span, "write the entries as numbers and derivatives")
    elif name == r"\sigma" and subscript is None and name in reader.page.applied:
        raise unsupported(f"{name} without an argument", span, f"write {name}(x)")
    elif name.startswith(r"\mathbb{"):
        raise unsupported(name, span, "write the expectation or the set's condition out")
    if subscript is None and superscript is None and is_identity(reader, name):
        match reader.implicit:
            case (row, column) if reader.page.sizes.unify(row.extent, column.extent):
                return delta(Affine.of(row), Affine.of(column))
            case _:
                pass
    if subscript is None and reader.letters.is_letter(name):
        return raised(reader, number(reader.integers.letter(name)), superscript)
    if subscript is None and name in reader.page.parameter_names:
        return raised(reader, number(reader.page.parameter(name, span)), superscript)
    if superscript is not None and _is_label(superscript) and not is_transpose(superscript):
        _check_label(reader, superscript)
        name, superscript = superscripted(symbol.name, superscript) + "'" * primes, None
    if subscript is not None and reader.page.labels(name, subscript):
        squared = subscripted(f"{name}^2", subscript)
        if (meaning := reader.page.meaning(squared, span)) is not None:
            return raised(
                reader, square_root(meant(reader, meaning, squared, None, span)), superscript
            )
        name, subscript = subscripted(name, subscript), None
    items = subscript_items(subscript, None)
    if subscript is None and name in reader.page.families:
        raise Fault(
            "unclear-shape",
            f"{name} stands with a subscript elsewhere, as one of several arrays",
            span,
            "give it the subscript here too, or the one that is meant a name of its own",
        )
    if subscript is None and (rank := reader.page.ranks.get(name, 0)):
        extents = tuple(
            reader.page.sizes.placeholder(letter, axis=True) for letter in "ijklmnpq"[:rank]
        )
        tensor = reader.page.new_tensor(name, extents, span)
        return raised(reader, whole_array(reader, tensor, (), span), superscript)
    subscripts = tuple(map(reader.integers.subscript, items))
    letters = [index.name if (index := subscript.index) else "k" for subscript in subscripts]
    left = reader.page.families.get(name, 0) - len(items) if items else 0
    if left > 0:
        letters.extend("ijlmnpq"[:left])
    extents = tuple(reader.page.sizes.placeholder(letter, axis=True) for letter in letters)
    tensor = reader.page.new_tensor(name, extents, span)
    if left > 0:
        return raised(reader, part_of(reader, tensor, items, span), superscript)
    return raised(reader, Entry(tensor, reader.integers.on_axes(items, tensor)), superscript)


def _gradient(
    reader: SideReader,
    symbol: syntax.Symbol,
    name: str,
    subscript: Node | None,
    superscript: Node | None,
    span: Span,
) -> Expression | None:
    """The gradient that `dW_{ij}` is by what the page calls other ones; None of any other name."""
    labelled = name if superscript is None else superscripted(name, superscript)
    for base, power_ in ((labelled, None), (name, superscript)):
        full = base if subscript is None else subscripted(base, subscript)
        for called, left in ((full, None), (base, subscript)):
            if (gradient := reader.page.gradient(called)) is None:
                continue
            loss, tensor = gradient
            if name == r"\delta" and left and len(subscript_items(left, None)) != tensor.rank:
                continue  # δ_ij is Kronecker's beside a gradient δ_j
            reader.guessed = called
            reader.choices.pick(f"{called} is the gradient of {label(loss)} by {tensor.name}")
            return raised(reader, _by(reader, gradient, symbol, left, span), power_)
    return None


def _by(
    reader: SideReader,
    gradient: tuple[Node, Tensor],
    symbol: syntax.Symbol,
    subscript: Node | None,
    span: Span,
) -> Expression:
    """The gradient of a loss by an array at these subscripts."""
    loss, tensor = gradient
    of: Node = syntax.Symbol(tensor.name, symbol.span, symbol.bold)
    if subscript is not None:
        of = syntax.Scripted(of, subscript, None, 0, span)
    return derivatives.derivative(reader, r"\partial", loss, ((of, 1),), span)


def _check_label(reader: SideReader, superscript: Node) -> None:
    """Raise for a letter over which a sum runs: a name does not run with it."""
    for part in nodes(superscript):
        if isinstance(part, syntax.Symbol) and reader.letters.bound(part.name) is not None:
            raise unsupported(
                f"{part.name}, over which a sum runs, in a label",
                superscript.span,
                "write it as a subscript",
            )


def _is_label(node: Node) -> bool:
    """Whether an unknown name's superscript is a label, as a layer's `a^{l-1}`, not a power."""
    match node:
        case syntax.Addition((("+", syntax.Symbol(name)), (_, syntax.Numeral()))):
            return name in _LAYERS
        case syntax.Symbol(name, word=word):
            return word or name in (*_LAYERS, "*")
        case _:
            return isinstance(node, syntax.Group)


def _rational_product(value: Expression) -> Fraction | None:
    """The value of a product of rationals and integer powers of them."""
    match value:
        case Rational(number_):
            return number_
        case Power(Rational(base), Rational(exponent)) if (
            base and exponent.denominator == 1 and abs(exponent) <= _FOLDED
        ):
            return base ** int(exponent)
        case _ if hasattr(value, "factors"):
            return None
        case _:
            return None


def _axes(rank: int) -> str:
    return "no axis" if rank == 0 else "1 axis" if rank == 1 else f"{rank} axes"
