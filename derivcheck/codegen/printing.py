"""Arrays as Python expressions: named axes become positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from derivcheck.codegen import contractions
from derivcheck.codegen.in_place import Step
from derivcheck.codegen.integers import affine
from derivcheck.codegen.text import (
    ATOM,
    COMPARISON,
    CONJUNCTION,
    PRODUCT,
    SUM,
    UNARY,
    Code,
    call,
    raised,
    tuple_text,
)
from derivcheck.expression import Affine, Index, Parameter
from derivcheck.lowering.array import (
    ONE,
    Arrange,
    Array,
    Axes,
    Call,
    Cast,
    Compare,
    Constant,
    Contract,
    Every,
    Fold,
    Lattice,
    Not,
    Part,
    Raised,
    Ratio,
    Recur,
    Reduce,
    Reshape,
    Size,
    Softmax,
    Stack,
    Take,
    Total,
    Unfold,
    Variable,
    Where,
)
from derivcheck.lowering.traversal import is_number

Backend: TypeAlias = Literal["numpy", "jax"]

_PYTHON = {"abs": "abs", "max": "max", "min": "min", "arctan": "math.atan"}
_ARRAY = {"max": "maximum", "min": "minimum"}
_HELPED = {
    "numpy": {"sigmoid": "sigmoid", "softplus": "softplus", "erf": "erf"},
    "jax": {
        "sigmoid": "jax.nn.sigmoid",
        "softplus": "softplus",
        "erf": "jax.scipy.special.erf",
    },
}


@dataclass
class Printer:
    """Prints arrays for one backend; `spelling` is how variables are written that are not called
    by their names. Where softplus is `near`, JAX's sigmoid takes the exponential of that."""

    backend: Backend
    numbers: Mapping[Parameter, str]
    spelling: Mapping[str, str] = field(default_factory=dict[str, str])
    near: bool = False

    @property
    def np(self) -> str:
        return "np" if self.backend == "numpy" else "jnp"

    def size(self, value: Affine) -> Code:
        return affine(value, self.numbers)

    def code(self, array: Array) -> Code:
        """The array over its own axes."""
        match array:
            case Constant(_, value):
                return _constant(value)
            case Size(_, value):
                return self.size(value)
            case Variable(_, name):
                return Code(self.spelling.get(name, name))
            case Part():
                return self._part(array)
            case Recur(_, name):
                return Code(name)
            case Lattice(axes, value):
                return affine(value, self.numbers, lambda index: self._range(index, axes))
            case Cast():
                return self._cast(array)
            case Compare():
                return self._compare(array)
            case Every(axes, masks):
                codes = [self.aligned(mask, axes).at(SUM) for mask in masks]
                terms = (codes[0], *(f"& {code}" for code in codes[1:]))
                return Code(" ".join(terms), CONJUNCTION, terms=terms)
            case Not(_, mask):
                return Code(f"~{self.code(mask).at(UNARY)}", UNARY)
            case Where(axes, mask, value, _, True) if self.backend == "numpy":
                # A choice by a mask that nobody can foresee is ten times as slow.
                factors = self.aligned(value, axes).at(PRODUCT), self.aligned(mask, axes).at(UNARY)
                return Code(" * ".join(factors), PRODUCT)
            case Where(axes, mask, value, otherwise):
                other = f"-{self.np}.inf"
                if otherwise is not None:
                    other = self.aligned(otherwise, axes).text
                parts = (self.aligned(mask, axes).text, self.aligned(value, axes).text, other)
                return call("where" if self.backend == "numpy" else "jnp.where", *parts)
            case Total():
                return self._total(array)
            case Ratio():
                return self._ratio(array)
            case Raised(axes, base, exponent):
                return raised(self.aligned(base, axes), self.aligned(exponent, axes))
            case Call():
                return self._call(array)
            case Reduce():
                return self._reduce(array)
            case Softmax(_, over, logarithm, operand):
                name = "log_softmax" if logarithm else "softmax"
                axis = _axis([operand.axes.index(index) for index in over])
                return call(self._stable(name), self.code(operand).text, f"axis={axis}")
            case Contract():
                return contractions.contract(array, self)
            case Take():
                return self._take(array)
            case Unfold():
                return self._unfold(array)
            case Fold():
                return contractions.fold(array, self)
            case Stack(axes, axis, layers):
                order = tuple(index for index in axes if index != axis)
                parts = ", ".join(self.transposed(layer, order).text for layer in layers)
                return call(f"{self.np}.stack", f"[{parts}]", f"axis={axes.index(axis)}")
            case Arrange():
                return self._arrange(array)
            case Reshape(axes, operand):
                shape = [self.size(index.extent).text for index in axes]
                # No `call`: a long chain of methods is better cut than broken at its last brackets.
                return Code(f"{self.code(operand).at(ATOM)}.reshape({', '.join(shape)})")

    def _part(self, part: Part) -> Code:
        """A slice, with its ends as short as they can be written."""
        places: list[str] = []
        axes = zip(part.letters, part.source.axes, part.starts, strict=True)
        for letter, whole, start in axes:
            if letter is None:
                left = (start - whole.extent).constant
                places.append(str(left) if left is not None else self.size(start).text)
                continue
            left = (start + letter.extent - whole.extent).constant
            end = str(left) if left else ""
            if left is None:
                end = self.size(start + letter.extent).text
            places.append(f"{self.size(start).text if start.terms else ''}:{end}")
        while places and places[-1] == ":":
            places.pop()
        source = self.code(part.source)
        return source.followed(f"[{', '.join(places)}]") if places else source

    def aligned(self, array: Array, target: Axes) -> Code:
        """The array so that it broadcasts against one with the axes `target`."""
        order = tuple(index for index in target if index in array.axes)
        code = self.transposed(array, order)
        if is_number(array) or not order:
            return code
        inserted = [":" if index in order else "None" for index in target]
        while inserted[0] == "None":
            inserted.pop(0)
        while inserted and inserted[-1] == ":":
            inserted.pop()
        return Code(f"{code.at(ATOM)}[{', '.join(inserted)}]") if inserted else code

    def transposed(self, array: Array, order: Axes) -> Code:
        """The array with its own axes in this order."""
        code = self.code(array)
        if order == array.axes:
            return code
        places = [array.axes.index(index) for index in order]
        rank = len(places)
        if places == [1, 0]:
            return Code(f"{code.at(ATOM)}.T")
        if places == [*range(rank - 2), rank - 1, rank - 2]:
            return Code(f"{code.at(ATOM)}.mT")
        return Code(f"{code.at(ATOM)}.transpose({', '.join(map(str, places))})")

    def _stable(self, name: str) -> str:
        return f"jax.nn.{name}" if self.backend == "jax" else name

    def written(self, step: Step) -> tuple[str, Code]:
        """What stands between a step's target and its right side, and the right side.

        An operator is `=`, `+=` and so on, or empty where the call writes into the target itself.
        """
        value, memory = step.value, step.memory
        if not memory:
            return "=", self.code(value)
        same = step.target == memory
        match value:
            case Total(axes, ((_, Variable(_, name)), (sign, other))) if name == memory:
                operator, function = ("+=", "add") if sign > 0 else ("-=", "subtract")
                operands = memory, self.aligned(other, axes)
            case Total(axes, ((_, other), (_, Variable()))):
                operator, function = "", "subtract"
                operands = self.aligned(other, axes), memory
            case Ratio(_, _, (Variable(_, name), Constant(_, factor)), ()) if (
                name == memory and factor == -1
            ):
                operator, function, operands = "", "negative", (memory,)
            case Ratio(axes, _, (Variable(_, name), other), ()) if name == memory:
                operator, function = "*=", "multiply"
                operands = memory, self.aligned(other, axes)
            case Ratio(axes, _, (Variable(_, name),), (other,)) if name == memory:
                operator, function = "/=", "divide"
                operands = memory, self.aligned(other, axes)
            case Ratio(axes, _, numerators, _):
                operator, function = "", "divide"
                operands = self.aligned(numerators[0] if numerators else ONE, axes), memory
            case Raised():
                operator, function, operands = "", "square", (memory,)
            case _:
                head, arguments = self.code(value).call or ("", ())
                return "" if same else "=", call(head, *arguments, f"out={memory}")
        if same and operator:
            return operator, next(part for part in operands if isinstance(part, Code))
        texts = [part if isinstance(part, str) else part.text for part in operands]
        code = call(f"{self.np}.{function}", *texts, f"out={memory}")
        return "" if same else "=", code

    # --- integers and masks ---------------------------------------------------------------------

    def _range(self, index: Index, target: Axes) -> str:
        text = f"{self.np}.arange({self.size(index.extent).text})"
        after = len(target) - target.index(index) - 1
        return f"{text}[:{', None' * after}]" if after else text

    def _cast(self, array: Cast) -> Code:
        operand = array.operand
        if is_number(operand):
            return call(f"{self.np}.asarray", self.code(operand).text, "dtype")
        if (size := _identity(operand)) is not None:
            return call(f"{self.np}.eye", self.size(size).text, "dtype=dtype")
        if isinstance(operand, Lattice) and operand.value.index is not None:
            extent = operand.value.index.extent
            return call(f"{self.np}.arange", self.size(extent).text, "dtype=dtype")
        return Code(f"{self.code(operand).at(ATOM)}.astype(dtype)")

    def _compare(self, array: Compare) -> Code:
        if (size := _identity(array)) is not None:
            return call(f"{self.np}.eye", self.size(size).text, "dtype=bool")
        left = self.aligned(array.left, array.axes)
        right = self.aligned(array.right, array.axes)
        if not array.axes and is_number(array.left) and is_number(array.right):
            # A Python bool would make `~` count; a NumPy one is a mask.
            text = f"{left.at(CONJUNCTION)} {array.relation} {right.at(CONJUNCTION)}"
            return call(f"{self.np}.bool_", text)
        text = f"{left.at(CONJUNCTION)} {array.relation} {right.at(CONJUNCTION)}"
        return Code(text, COMPARISON)

    # --- elementwise ----------------------------------------------------------------------------

    def _total(self, array: Total) -> Code:
        terms: list[str] = []
        for position, (sign, term) in enumerate(array.terms):
            code = self.aligned(term, array.axes)
            if position:
                terms.append(f"{'+' if sign > 0 else '-'} {code.at(PRODUCT)}")
            else:
                terms.append(code.at(SUM) if sign > 0 else f"-{code.at(PRODUCT)}")
        return Code(" ".join(terms), SUM, terms=tuple(terms))

    def _ratio(self, array: Ratio) -> Code:
        """Operands of low rank first, each divisor as soon as its axes are there."""
        coefficient = array.coefficient
        pending = list(array.denominators)
        whole = _decimal(abs(coefficient))
        numerators: list[str] = []
        if whole is None:
            pending.insert(0, Constant((), Fraction(coefficient.denominator)))
            whole = str(abs(coefficient.numerator))
        if whole != "1" or not array.numerators:
            numerators.append(whole)
        text = "-" if coefficient < 0 else ""
        operands: list[tuple[str, Axes, bool]] = [(part, (), True) for part in numerators]
        for part in array.numerators:
            code = self.aligned(part, array.axes)
            level = ATOM if isinstance(part, Contract) and code.level == PRODUCT else PRODUCT
            operands.append((code.at(max(level, UNARY)), part.axes, is_number(part)))
        covered: set[Index] = set()
        for position, (part, axes, plain) in enumerate(operands):
            covered |= set(axes)
            text += f" * {part}" if position else part
            last = position == len(operands) - 1
            ready = [p for p in pending if last or (not plain and set(p.axes) <= covered)]
            if ready:
                pending = [p for p in pending if p not in ready]
                codes = [self.aligned(p, array.axes) for p in ready]
                if len(codes) == 1:
                    text += f" / {codes[0].at(UNARY)}"
                else:
                    text += f" / ({' * '.join(code.at(UNARY) for code in codes)})"
        many = len(operands) + len(array.denominators) > 1 or coefficient.denominator != 1
        return Code(text, PRODUCT if many else UNARY)

    def _call(self, array: Call) -> Code:
        arguments = [self.aligned(part, array.axes).text for part in array.arguments]
        name = array.function
        if name == "pi":
            return Code("math.pi")
        if is_number(array):
            head = _PYTHON.get(name, f"math.{name}")
            return call(head, *arguments)
        if name == "relu":
            return call(f"{self.np}.maximum", *arguments, "0")
        head = name if self.near and name == "sigmoid" else _HELPED[self.backend].get(name)
        if head is not None:
            return call(head, *arguments)
        return call(f"{self.np}.{_ARRAY.get(name, name)}", *arguments)

    def _reduce(self, array: Reduce) -> Code:
        operand = self.code(array.operand)
        places = [array.operand.axes.index(index) for index in array.over]
        axis = _axis(places)
        if array.operation == "logsumexp":
            return call(self._stable("logsumexp"), operand.text, f"axis={axis}")
        inside = "" if not array.axes else f"axis={axis}"
        return Code(f"{operand.at(ATOM)}.{array.operation}({inside})")

    # --- indexing -------------------------------------------------------------------------------

    def _take(self, array: Take) -> Code:
        source = self.code(array.source).at(ATOM)
        extents = [index.extent for index in array.source.axes]
        sliced = [_is_slice(s, e) for s, e in zip(array.subscripts, extents, strict=True)]
        letters = [i for part in array.subscripts for i in part.axes]
        arrays = [s for s, whole in zip(array.subscripts, sliced, strict=True) if not whole]
        simple = len(set(letters)) == len(letters) and sum(1 for a in arrays if a.axes) <= 1
        mixed = any(a.axes for a in arrays) and any(not a.axes for a in arrays)
        if simple and not mixed:
            parts = [
                ":" if whole else self.code(s).text
                for s, whole in zip(array.subscripts, sliced, strict=True)
            ]
            code = Code(f"{source}[{', '.join(parts)}]")
            natural = Variable(tuple(letters), code.text)
            return self.transposed(natural, array.axes)
        parts = [self.aligned(part, array.axes).text for part in array.subscripts]
        return Code(f"{source}[{', '.join(parts)}]")

    def _unfold(self, array: Unfold) -> Code:
        windows = array.windows
        arguments = [
            self.code(array.source).text,
            f"axes={tuple_text([str(array.source.axes.index(w.axis)) for w in windows])}",
            f"counts={self._sizes([w.position.extent for w in windows])}",
            f"windows={self._sizes([w.offset.extent for w in windows])}",
            f"strides={self._sizes([w.stride for w in windows])}",
            f"paddings={self._sizes([w.padding for w in windows])}",
        ]
        if any(w.dilation.constant != 1 for w in windows):
            arguments.append(f"dilations={self._sizes([w.dilation for w in windows])}")
        if array.lowest:
            arguments.append(f"fill=-{self.np}.inf")
        return call("unfold", *arguments)

    def _sizes(self, values: Sequence[Affine]) -> str:
        return tuple_text([self.size(value).text for value in values])

    def _arrange(self, array: Arrange) -> Code:
        operand, axes = array.operand, array.axes
        if set(operand.axes) == set(axes) and axes:
            return self.transposed(operand, axes)
        if is_number(operand):
            shape = self._sizes([index.extent for index in axes])
            return call(f"{self.np}.full", shape, self.code(operand).text, "dtype")
        code = self.repeated(operand, axes)
        # NumPy's broadcast views are read-only; a result is the caller's to change.
        return Code(f"{code.text}.copy()") if self.backend == "numpy" else code

    def repeated(self, array: Array, axes: Axes) -> Code:
        """A view of the array with these axes, repeated along those it lacks."""
        shape = self._sizes([index.extent for index in axes])
        return call(f"{self.np}.broadcast_to", self.aligned(array, axes).text, shape)


def _axis(places: Sequence[int]) -> str:
    return str(places[0]) if len(places) == 1 else tuple_text([str(p) for p in sorted(places)])


def _identity(array: Array) -> Affine | None:
    """The extent of a delta of two bare letters with one range."""
    match array:
        case Compare(_, "==", Lattice(_, left), Lattice(_, right)):
            first, second = left.index, right.index
            if first and second and first.extent == second.extent and first != second:
                return first.extent
            return None
        case _:
            return None


def _is_slice(subscript: Array, extent: Affine) -> bool:
    if not isinstance(subscript, Lattice):
        return False
    letter = subscript.value.index
    return letter is not None and letter.extent == extent


def _decimal(value: Fraction) -> str | None:
    """The literal, where a short decimal is exact."""
    if value.denominator == 1:
        return str(value.numerator)
    text = repr(float(value))
    return text if len(text) <= 8 and Fraction(text) == value else None


def _constant(value: Fraction) -> Code:
    literal = _decimal(abs(value))
    sign = "-" if value < 0 else ""
    if literal is not None:
        return Code(f"{sign}{literal}", UNARY if sign else ATOM)
    return Code(f"{sign}{abs(value.numerator)} / {value.denominator}", PRODUCT)
