"""Values written into arrays that are there already: the same numbers, and nobody else's memory."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from expression_layers import LAYERS, index
from lowered import CONVOLUTIONS, compiled, derivation, sizes_of, values_of

from derivcheck.codegen.module import formula_source
from derivcheck.expression import Index, Parameter
from derivcheck.lowering import Assignment, FormulaProgram, Routine
from derivcheck.lowering.array import (
    Array,
    Axes,
    Call,
    Constant,
    Contract,
    Raised,
    Ratio,
    Reduce,
    Total,
    Variable,
)

ROW, COLUMN = index("s", Parameter("S")), index("j", Parameter("M"))
SCOPE = (ROW, COLUMN)
SIZE = {ROW: 3, COLUMN: 4}
NUMBERS = {Parameter("S"): "S", Parameter("M"): "M"}
INPUTS: dict[str, Axes] = {"A": SCOPE, "B": SCOPE, "v": (ROW,), "w": (COLUMN,), "c": ()}


# --- what the steps mean ------------------------------------------------------------------------


class Bodies:
    """Random straight-line code: elementwise work over two axes, with values used again and again,
    and names that merely stand for other names."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.names = dict(INPUTS)
        self.body: list[Assignment] = []
        for place in range(self.random.randint(2, 6)):
            value = self.array(SCOPE, 3)
            if place and self.random.random() < 0.2:
                value = self.variable(SCOPE)
            self.body.append(Assignment(f"t{place}", value))
            self.names[f"t{place}"] = SCOPE
        kept = [a.name for a in self.body[:-1] if self.random.random() < 0.3]
        self.results = (self.body[-1].name, *kept)

    def variable(self, axes: Axes) -> Variable:
        return Variable(axes, self.random.choice([n for n, a in self.names.items() if a == axes]))

    def array(self, axes: Axes, depth: int) -> Array:
        kind = self.random.choice(["sum", "product", "call", "square", "row", "name"])
        if depth == 0 or kind == "name":
            return self.variable(axes)
        match kind:
            case "sum":
                terms = [self.array(axes, depth - 1), *self.parts(depth - 1)]
                self.random.shuffle(terms)
                return Total(axes, tuple((self.random.choice([1, -1]), t) for t in terms))
            case "product":
                above = [self.array(axes, depth - 1), *self.parts(depth - 1)]
                self.random.shuffle(above)
                below = [Call(a.axes, "exp", (a,)) for a in self.parts(depth - 1)[1:]]
                value = Fraction(self.random.choice([1, 1, -1, 2, -2]), self.random.choice([1, 3]))
                if self.random.random() < 0.2:
                    whole = Call(axes, "exp", (self.array(axes, depth - 1),))
                    return Ratio(axes, value, (), (whole, *below))
                return Ratio(axes, value, tuple(above), tuple(below))
            case "call":
                function = self.random.choice(["tanh", "sigmoid", "sin", "relu"])
                return Call(axes, function, (self.array(axes, depth - 1),))
            case "square":
                return Raised(axes, self.array(axes, depth - 1), Constant((), Fraction(2)))
            case _:
                inner = Call((ROW,), "tanh", (self.row(depth - 1),))
                return Total(axes, ((1, self.array(axes, depth - 1)), (-1, inner)))

    def row(self, depth: int) -> Array:
        if self.random.random() < 0.5:
            return Reduce((ROW,), "mean", (COLUMN,), self.array(SCOPE, depth))
        return Contract((ROW,), self.variable(SCOPE), self.variable(SCOPE))

    def parts(self, depth: int) -> list[Array]:
        shapes = ((), (ROW,), (COLUMN,), SCOPE)
        chosen = [self.random.choice(shapes) for _ in range(self.random.randint(1, 3))]
        return [self.array(a, depth) if a == SCOPE else self.variable(a) for a in chosen]


def value_of(array: Array, known: dict[str, np.ndarray]) -> np.ndarray:
    """The value over both axes, every operation in an array of its own."""

    def broadcast(values: np.ndarray, axes: Axes) -> np.ndarray:
        place = tuple(slice(None) if i in axes else None for i in SCOPE)
        return np.broadcast_to(values[place], [SIZE[i] for i in SCOPE])

    def visit(part: Array) -> np.ndarray:
        match part:
            case Variable(axes, name):
                return broadcast(np.asarray(known[name]), axes)
            case Constant(_, value):
                return np.asarray(float(value))
            case Total(_, terms):
                return sum(sign * visit(term) for sign, term in terms)
            case Ratio(_, coefficient, above, below):
                found = np.asarray(float(coefficient))
                for each in above:
                    found = found * visit(each)
                for each in below:
                    found = found / visit(each)
                return found
            case Raised(_, base, _):
                return visit(base) ** 2
            case Call(_, function, (argument,)):
                operations = {"tanh": np.tanh, "sin": np.sin, "exp": np.exp}
                operations |= {"sigmoid": lambda x: 1 / (1 + np.exp(-x))}
                operations |= {"relu": lambda x: np.maximum(x, 0)}
                return operations[function](visit(argument))
            case Reduce(_, _, _, operand):
                return broadcast(visit(operand).mean(axis=1), (ROW,))
            case Contract(_, left, right):
                return broadcast((visit(left) * visit(right)).sum(axis=1), (ROW,))
            case _:
                raise AssertionError(part)

    return visit(array)


def test_steps_give_what_separate_arrays_give() -> None:
    written_over = 0
    for seed in range(400):
        bodies = Bodies(seed)
        generator = np.random.default_rng(seed)
        inputs = {n: generator.normal(size=[SIZE[i] for i in a]) for n, a in INPUTS.items()}
        known = {name: array.copy() for name, array in inputs.items()}
        source = source_of(bodies)
        written_over += source.count("out=t")
        names: dict[str, object] = {}
        exec(source, names)
        with np.errstate(all="ignore"):
            for assignment in bodies.body:
                known[assignment.name] = value_of(assignment.value, known)
            found = names["gradient"](*inputs.values())
        wanted = known[bodies.results[0]]
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10, err_msg=source)
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, known[name], err_msg=source)
    assert written_over > 100  # arrays that nothing read any more did serve again


def source_of(bodies: Bodies) -> str:
    routine = Routine(tuple(INPUTS), (), (), tuple(bodies.body), bodies.results)
    shapes = {name: tuple(i.extent for i in axes) for name, axes in INPUTS.items()}
    return formula_source(FormulaProgram("page", "Page", routine, NUMBERS, shapes), "numpy")


# --- whose memory it is -------------------------------------------------------------------------


def written(*body: tuple[str, Array], results: tuple[str, ...]) -> str:
    assignments = tuple(Assignment(name, value) for name, value in body)
    bodies = Bodies(0)
    bodies.body, bodies.results = list(assignments), results
    return source_of(bodies)


A, B, V = Variable(SCOPE, "A"), Variable(SCOPE, "B"), Variable((ROW,), "v")
T = Variable(SCOPE, "t")


def plus(*terms: Array, axes: tuple[Index, ...] = SCOPE) -> Array:
    return Total(axes, tuple((1, term) for term in terms))


def test_a_sum_is_made_in_one_array() -> None:
    text = written(("Y", plus(A, B, V)), results=("Y",))
    assert "    Y = A + B\n    Y += v[:, None]\n" in text


def test_an_array_that_nothing_reads_any_more_is_written_over() -> None:
    text = written(("t", plus(A, B)), ("Y", plus(T, V)), results=("Y",))
    assert "    Y = np.add(t, v[:, None], out=t)\n" in text


@pytest.mark.parametrize(
    ("body", "results"),
    [
        ([("t", plus(A, B)), ("Y", plus(T, V))], ("Y", "t")),
        ([("t", plus(A, B)), ("Y", plus(T, V)), ("Z", plus(T, A))], ("Z", "Y")),
        ([("t", A), ("Y", plus(T, V))], ("Y",)),
        ([("t", plus(A, B)), ("Z", T), ("Y", plus(T, V))], ("Y", "Z")),
    ],
    ids=["a result", "read later", "an input by another name", "a result by another name"],
)
def test_an_array_that_others_have_is_left_alone(body, results) -> None:
    assert "Y = np.add(t" not in written(*body, results=results)


def test_an_array_is_not_written_over_before_it_is_read_again() -> None:
    again = Ratio(SCOPE, Fraction(1), (plus(T, V), Call(SCOPE, "tanh", (T,))), ())
    text = written(("t", plus(A, B)), ("Y", again), results=("Y",))
    assert "out=t" not in text
    at_once = plus(T, Contract((ROW,), T, A))
    text = written(("t", plus(A, B)), ("Y", at_once), results=("Y",))
    assert "    Y = np.add(t, np.vecdot(t, A)[:, None], out=t)\n" in text


def test_an_operand_is_made_in_an_array_that_it_alone_reads() -> None:
    divisor = plus(Call(SCOPE, "exp", (T,)), V)
    body = [("t", Call(SCOPE, "tanh", (A,))), ("u", plus(A, B))]
    quotient = Ratio(SCOPE, Fraction(1), (Variable(SCOPE, "u"),), (divisor,))
    text = written(*body, ("Y", quotient), results=("Y",))
    assert "    np.exp(t, out=t)\n    t += v[:, None]\n    Y = np.divide(u, t, out=u)\n" in text
    again = plus(quotient, Contract((ROW,), T, A))
    assert "np.exp(t, out=t)" not in written(*body, ("Y", again), results=("Y",))


CASES = [(name, {}) for name in LAYERS if not name.startswith("conv2d")]
CASES += [("conv2d", statics) for statics in CONVOLUTIONS[:1]]


@pytest.mark.parametrize(("name", "statics"), CASES)
def test_generated_code_leaves_its_arguments_alone(name: str, statics: dict[str, int]) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics))
    inputs = [np.array(oracle.arrays[t]) for t in page.inputs]
    cotangents = tuple(np.array(oracle.arrays[t]) for t in page.cotangents.values())
    cotangents = cotangents or (np.asarray(1.0),)
    before = [array.copy() for array in (*inputs, *cotangents)]
    functions = compiled(name, "numpy")
    outputs, residuals = functions.forward(*inputs, **statics)
    kept = [np.array(array) for array in (*outputs, *residuals)]
    functions.pullback(residuals, cotangents, **statics)
    for now, then in zip((*inputs, *cotangents), before, strict=True):
        np.testing.assert_array_equal(now, then)
    for now, then in zip((*outputs, *residuals), kept, strict=True):
        np.testing.assert_array_equal(now, then)
