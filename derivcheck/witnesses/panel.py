"""The order of trials: every numerical witness on the closed forms of one derivation."""

# JAX types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import jax

from derivcheck import codegen
from derivcheck.derivation import Derivation
from derivcheck.expression import Domain, Parameter, tensors
from derivcheck.lowering import LoweringError, Program, lower, parts
from derivcheck.notation import identifier, unicode_name
from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import Arrays, Forward, Pullback, Trial, as_arrays, trials_of
from derivcheck.witnesses.autodiff import autodiff
from derivcheck.witnesses.duality import duality, gradients_by_output, linearity, probes
from derivcheck.witnesses.finite_differences import finite_differences
from derivcheck.witnesses.precision import Handed, StressPoint, precision, stress_points, worst
from derivcheck.witnesses.printings import printings
from derivcheck.witnesses.reference import (
    Observation,
    ReferenceFault,
    agreement,
    check_signature,
    enable_x64,
    independence,
    load_reference,
    observe,
)

Progress = Callable[[str, int, int], None]

OF_GRADIENTS = ("autodiff", "duality", "linearity", "finite differences")
WITNESSES = ("forward pass", *OF_GRADIENTS, "JAX program", "precision")
"""In the order of every report; each says something of every page, if only why it is silent."""


def witness(
    derivation: Derivation,
    *,
    trials: int = 3,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float64",
    progress: Progress | None = None,
) -> tuple[Evidence, ...]:
    """What all witnesses say of the closed forms of a registered page, trial by trial.

    A page that claims no gradient (an update, a variance) has its forward pass witnessed alone.
    Runs the page's Reference block. On the CPU the generated NumPy program is judged, on a GPU (or
    with `dtype="float32"`) the generated JAX program: always in float64 for the formula and in
    float32 for the numerics. JAX computes where its configuration says; see `device.claim`. Matrix
    products in float32 are asked for at the highest precision, so TF32 is not used.
    """
    try:
        program = lower(derivation)
    except LoweringError as error:
        note = f"no array program: {error}"
        return tuple(Evidence(name, Outcome.SKIPPED, note=note) for name in WITNESSES)
    try:
        reference, note = _reference(derivation, program)
    except ReferenceFault as fault:
        return (_fault(fault, ""),)
    panel = Panel(
        derivation, program, reference, note, on_jax=device == "gpu" or dtype != "float64"
    )
    evidence: list[Evidence] = []
    drawn = list(trials_of(derivation, count=trials, seed=seed))
    for done, trial in enumerate(drawn):
        if progress is not None:
            progress("witnessing", done, len(drawn))
        try:
            evidence.extend(panel.judge(trial))
        except ReferenceFault as fault:
            evidence.append(_fault(fault, trial.text))
    if len(drawn) < trials:
        missing = f"{len(drawn)} of {trials} trials: the constraints leave no other extents"
        evidence.append(Evidence("trials", Outcome.INCONCLUSIVE, note=missing))
    return tuple(evidence)


def _fault(fault: ReferenceFault, trial: str) -> Evidence:
    note = f"{fault.message}; {fault.help}".rstrip("; ")
    return Evidence("reference", Outcome.INCONCLUSIVE, trial=trial, note=note)


def _reference(derivation: Derivation, program: Program) -> tuple[Forward | None, str]:
    """The page's own reference, or None and what stands for it."""
    if derivation.reference is None:
        return None, "not independent (no Reference block: the generated forward pass)"
    forward = load_reference(derivation.reference, allowed=True)
    names = [identifier(parameter.name) for parameter in derivation.statics]
    check_signature(forward, program.inputs, names)
    return forward, ""


@dataclass(frozen=True)
class Panel:
    """The witnesses on one program; `reference` or, where it is None, what `note` says of it."""

    derivation: Derivation
    program: Program
    reference: Forward | None
    note: str
    on_jax: bool

    def judge(self, trial: Trial) -> list[Evidence]:
        forward = self.reference or self._generated_reference(trial)
        tangents = probes(trial)
        observation = observe(forward, trial, tangents)
        outputs = self._forward(trial)(*trial.inputs)
        passes = agreement(observation, outputs, trial)
        if not trial.differentiated:
            passes = replace(passes, note=self.note)
        return [passes, *self._gradients(forward, observation, tangents, trial), *self._both(trial)]

    def _gradients(
        self, forward: Forward, observation: Observation, tangents: Sequence[Arrays], trial: Trial
    ) -> Iterator[Evidence]:
        """What needs a derivative."""
        if not trial.differentiated:
            for name in OF_GRADIENTS:
                note = "no gradient is claimed"
                yield Evidence(name, Outcome.SKIPPED, trial=trial.text, note=note)
            return
        note = self.note or independence(forward, trial)
        pullback = self._pullback(trial, "float64")
        by_output = gradients_by_output(pullback, trial)
        gradients = as_arrays(pullback(trial.inputs, trial.cotangents))
        yield from autodiff(observation, gradients, trial, note)
        yield duality(observation, by_output, tangents, trial)
        yield linearity(pullback, trial)
        yield finite_differences(self._forward(trial), gradients, tangents, trial)

    def _both(self, trial: Trial) -> Iterator[Evidence]:
        """Outputs and gradients of the generated program, printed twice and rounded twice."""
        on_numpy = self._whole(trial, "float64", on_jax=False)
        on_jax = self._whole(trial, "float64", on_jax=True)
        given = trial.inputs, trial.cotangents
        yield printings(on_jax(*given), on_numpy(*given), trial)
        yield self.numerics(trial, on_jax if self.on_jax else on_numpy)

    def numerics(self, trial: Trial, double: Pullback | None = None) -> Evidence:
        """What float32 does to the program that is judged: overflow, and digits lost.

        `double` is the program in float64, where it is compiled already.
        """
        single, double = self._whole(trial, "float32"), double or self._whole(trial, "float64")
        points = list(stress_points(trial, self._movable()))
        if not self.derivation.seams:
            return precision(single, double, points, self._outputs())
        for_overflow = [replace(point, digits=False) for point in points]
        whole = precision(single, double, for_overflow, self._outputs())
        return worst([whole, self._by_parts(trial, points)])

    def _by_parts(self, trial: Trial, points: Sequence[StressPoint]) -> Evidence:
        """The precision of a composed page, each part at the arrays that it was given."""
        pieces = parts(self.program, self.derivation.seams)
        observed = self._whole(trial, "float32", program=pieces.observed)
        separate = self._whole(trial, "float64", program=pieces.separate)
        given = len(pieces.separate.inputs)

        def double(inputs: Arrays, cotangents: Arrays) -> Sequence[object]:
            return separate(inputs[:given], (*cotangents, *inputs[given:]))

        handed = [
            Handed(unicode_name(tensor.name), tensor not in self.derivation.seams)
            for tensor in pieces.arrays
        ]
        return precision(observed, double, points, self._outputs(), handed)

    def _numbers(self, statics: Sequence[Parameter], trial: Trial) -> dict[str, int]:
        return {self.program.numbers[p]: trial.extents[p] for p in statics}

    def _forward(self, trial: Trial) -> Forward:
        """The generated NumPy forward pass: finite differences need no JAX."""
        compiled = codegen.load(self.program, "numpy")
        numbers = self._numbers(self.program.forward.statics, trial)
        return lambda *inputs, **_: compiled.forward(*inputs, **numbers)[0]

    def _generated_reference(self, trial: Trial) -> Forward:
        compiled = codegen.load(self.program, "jax")
        numbers = self._numbers(self.program.forward.statics, trial)
        return lambda *inputs, **_: compiled.forward(*inputs, **numbers)[0]

    def _outputs(self) -> list[str]:
        return [unicode_name(output.name) for output in self.derivation.outputs]

    def _pullback(self, trial: Trial, dtype: str) -> Pullback:
        """Both halves of the generated program as one function of inputs and cotangents."""
        whole = self._whole(trial, dtype)
        return lambda inputs, cotangents: whole(inputs, cotangents)[: len(trial.differentiated)]

    def _whole(
        self,
        trial: Trial,
        dtype: str,
        *,
        on_jax: bool | None = None,
        program: Program | None = None,
    ) -> Pullback:
        """The gradients, after them the outputs, and what else the pullback of a program gives;
        of the printing that is judged, or of one."""
        program = program or self.program
        on_jax = self.on_jax if on_jax is None else on_jax
        compiled = codegen.load(program, "jax" if on_jax else "numpy")
        numbers = self._numbers(program.forward.statics, trial)
        backward_numbers = self._numbers(program.pullback.statics, trial)
        # A gradient of an input that the page leaves out is not asked for.
        names = [program.inputs[place] for place in trial.differentiated]
        wanted = [program.differentiated.index(name) for name in names]
        others = slice(len(program.differentiated), None)

        def both(inputs: Arrays, cotangents: Arrays) -> tuple[object, ...]:
            outputs, residuals = compiled.forward(*inputs, **numbers)
            found = compiled.pullback(residuals, tuple(cotangents), **backward_numbers)
            return (*(found[place] for place in wanted), *outputs, *found[others])

        if not on_jax:
            return both
        # Where it runs once, compiling it fast saves more than running it slowly costs; where its
        # numerics are judged, it is compiled as it will be used.
        options = {} if self.on_jax else {"xla_backend_optimization_level": 0}
        compiled_both = jax.jit(both, compiler_options=options)

        def on_device(inputs: Arrays, cotangents: Arrays) -> tuple[object, ...]:
            with enable_x64(dtype == "float64"), jax.default_matmul_precision("highest"):
                return cast("tuple[object, ...]", compiled_both(tuple(inputs), tuple(cotangents)))

        return on_device

    def _movable(self) -> list[bool]:
        """Of each differentiated input, whether it may be any real number."""
        tied = {
            tensor
            for hypothesis in self.derivation.context.hypotheses
            for side in (hypothesis.left, hypothesis.right)
            for tensor in tensors(side)
        }
        return [
            tensor not in tied and not tensor.symmetric and _unbounded(tensor.domain)
            for tensor in self.derivation.inputs
            if tensor in self.derivation.gradients
        ]


def _unbounded(domain: Domain) -> bool:
    return domain.lower is None and domain.upper is None and not domain.values
