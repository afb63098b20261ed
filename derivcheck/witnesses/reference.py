"""A page's own reference: its `## Reference` block as a function, and what JAX makes of it.

The reference is array code written apart from the formulas, so that a misread formula cannot agree
with itself. Its derivatives come from JAX alone.
"""

# JAX types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import jax
import numpy

from derivcheck.verdict import Evidence
from derivcheck.witnesses.array_trial import (
    Arrays,
    Forward,
    Trial,
    Values,
    as_arrays,
    judged,
    scaled_error,
)

try:
    from jax import enable_x64
except ImportError:  # JAX below 0.8 has the same context manager in its experimental room
    from jax.experimental import enable_x64  # pyright: ignore[reportAttributeAccessIssue]

BOUND = 1e-12
TAMPERED = ("custom_", "stop_gradient", "callback")
"""Primitives with a derivative that somebody wrote, or with none."""


class ReferenceFault(Exception):
    """A Reference block that cannot be used: what was seen, and in `help` what was needed."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def load_reference(code: str, *, allowed: bool) -> Forward:
    """The `forward` of a Reference block, wrapped so that it returns a tuple of outputs.

    Runs the block, so `allowed` is true only for a page of the installed registry, or where the
    user said `--allow-code`. Raises `ReferenceFault` if it is not allowed, does not run, or
    defines no function `forward`; the wrapped function raises it too when the block fails.
    """
    if not allowed:
        raise ReferenceFault(
            "the page brings code, and code of a page given by path is not run",
            "pass --allow-code if you trust the page",
        )
    names: dict[str, object] = {"__name__": "derivcheck_reference"}
    try:
        # The one place that runs code of a page: only where `allowed` says that somebody vouches
        # for it. It is array code by design; mathematics never comes this way.
        exec(compile(code, "<reference>", "exec"), names)
    except Exception as error:  # code of others may raise anything
        raise ReferenceFault(_said("the Reference block does not run", error)) from error
    forward = names.get("forward")
    if not callable(forward):
        raise ReferenceFault(
            "the Reference block defines no function forward",
            "write def forward(…), inputs in the order of the page, statics by keyword",
        )
    return _Reference(forward)


@dataclass(frozen=True)
class _Reference:
    function: Callable[..., object]

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.function)

    def __call__(self, *inputs: object, **statics: object) -> tuple[object, ...]:
        try:
            result = self.function(*inputs, **statics)
        except Exception as error:  # code of others may raise anything
            raise ReferenceFault(_said("the Reference block fails", error)) from error
        return tuple(result) if isinstance(result, tuple | list) else (result,)


def _said(what: str, error: Exception) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{what}: {type(error).__name__}: {first}".rstrip(": ")


def check_signature(forward: Forward, inputs: Sequence[str], statics: Sequence[str]) -> None:
    """Raise `ReferenceFault` unless the arguments are these, by name and in this order."""
    parameters = inspect.signature(forward).parameters.values()
    by_keyword = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    by_place = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    if by_place == list(inputs) and set(by_keyword) == set(statics):
        return
    seen, needed = _signature(by_place, by_keyword), _signature(inputs, statics)
    raise ReferenceFault(f"the reference is forward({seen})", f"the page needs forward({needed})")


def _signature(inputs: Sequence[str], statics: Sequence[str]) -> str:
    return ", ".join([*inputs, *(["*", *statics] if statics else [])])


# --- what JAX makes of it -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Observation:
    """The reference at one trial, all in float64.

    `gradients[o]` are the gradients of the differentiated inputs under the cotangent of output o
    alone; `pushforwards[o][p]` is the tangent of output o under tangent p.
    """

    outputs: tuple[Values, ...]
    gradients: tuple[tuple[Values, ...], ...]
    pushforwards: tuple[Values, ...]

    @property
    def total(self) -> tuple[Values, ...]:
        """The gradients under all cotangents together."""
        return tuple(
            numpy.sum(numpy.stack(parts), axis=0) for parts in zip(*self.gradients, strict=True)
        )


def observe(forward: Forward, trial: Trial, tangents: Sequence[Arrays]) -> Observation:
    """Outputs, gradients in reverse mode and tangents in forward mode, compiled once for the trial.

    Each of `tangents` has one array for each differentiated input; where there is none, there are
    outputs alone. Raises `ReferenceFault` if outputs are not shaped like the trial's cotangents.
    """
    places = trial.differentiated

    def of_differentiated(*varied: object) -> tuple[object, ...]:
        arguments: list[object] = list(trial.inputs)
        for place, value in zip(places, varied, strict=True):
            arguments[place] = value
        return tuple(forward(*arguments, **trial.statics))

    def everything(varied: Arrays, cotangents: Arrays, directions: Arrays) -> object:
        if not varied:
            return of_differentiated(), [()] * len(cotangents), ()
        # `jax.vjp` is these two steps; taken apart, the tangents share the first with it.
        outputs, push = jax.linearize(of_differentiated, *varied)
        pull = jax.linear_transpose(push, *varied)
        alone = [
            pull(tuple(c if n == o else jax.numpy.zeros_like(c) for n, c in enumerate(cotangents)))
            for o in range(len(cotangents))
        ]
        return outputs, alone, jax.vmap(push)(*directions) if directions else ()

    with enable_x64(True):
        varied = tuple(trial.inputs[place] for place in places)
        _check_outputs(of_differentiated, varied, trial)
        stacked = tuple(map(numpy.stack, zip(*tangents, strict=True)))
        # It runs once, so what compiling it fast saves is more than what running it slowly costs.
        compiled = jax.jit(everything, compiler_options={"xla_backend_optimization_level": 0})
        found = compiled(varied, trial.cotangents, stacked)
        outputs, alone, pushed = jax.tree.map(numpy.asarray, found)
    return Observation(
        as_arrays(outputs), tuple(as_arrays(each) for each in alone), as_arrays(pushed)
    )


def _check_outputs(
    function: Callable[..., Sequence[object]], varied: tuple[Values, ...], trial: Trial
) -> None:
    shapes = [tuple(each.shape) for each in jax.eval_shape(function, *varied)]
    needed = [cotangent.shape for cotangent in trial.cotangents]
    if shapes != needed:
        raise ReferenceFault(f"the reference returns shapes {shapes}, the page declares {needed}")


def agreement(observation: Observation, outputs: Sequence[object], trial: Trial) -> Evidence:
    """The generated forward pass against the reference, scaled by the output's magnitude."""
    errors = [0.0]
    for found, expected in zip(as_arrays(outputs), observation.outputs, strict=True):
        errors.append(scaled_error(found, expected, 0.0))
    flat = numpy.concatenate([output.ravel() for output in observation.outputs])
    return judged("forward pass", max(errors), BOUND, trial, expected=flat)


# --- independence -------------------------------------------------------------------------------


def tampering(forward: Forward, trial: Trial) -> tuple[str, ...]:
    """The primitives in the reference whose derivative is not JAX's own, sorted; none is good.

    A reference that uses one is differentiated by a rule that somebody wrote (`jax.nn.relu` is such
    a one), so autodiff is no *independent* witness of it.
    """

    def of_inputs(*inputs: object) -> tuple[object, ...]:
        return tuple(forward(*inputs, **trial.statics))

    with enable_x64(True):
        program = jax.make_jaxpr(of_inputs)(*trial.inputs)
    names = {str(each) for each in _primitives(program)}
    return tuple(sorted(n for n in names if any(part in n for part in TAMPERED)))


def independence(forward: Forward, trial: Trial) -> str:
    """`independent`, or `not independent (custom_jvp_call)`: the note that evidence carries."""
    found = tampering(forward, trial)
    return f"not independent ({', '.join(found)})" if found else "independent"


def _primitives(program: object) -> Iterator[object]:
    """The primitives of a jaxpr and of every jaxpr inside its equations."""
    if isinstance(program, list | tuple):
        for part in program:
            yield from _primitives(part)
        return
    # A closed jaxpr holds the open one; since JAX 0.11 the two are one class, and it holds itself.
    inner = getattr(program, "jaxpr", None)
    if inner is not None and inner is not program:
        yield from _primitives(inner)
        return
    for equation in getattr(program, "eqns", ()):
        yield equation.primitive
        yield from _primitives(tuple(equation.params.values()))
