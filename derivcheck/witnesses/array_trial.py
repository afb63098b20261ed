"""Trials of array programs: inputs and cotangents at chosen extents, and how errors are scaled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy
from numpy.typing import NDArray

from derivcheck.derivation import Derivation
from derivcheck.expression import Parameter, Tensor
from derivcheck.notation import identifier, unicode_name
from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.trial import Point, Values, sample, trial_extents

Arrays: TypeAlias = Sequence[Values]
Forward: TypeAlias = Callable[..., Sequence[object]]
"""`forward(*inputs, **statics) -> outputs`, all arrays."""
Pullback: TypeAlias = Callable[[Arrays, Arrays], Sequence[object]]
"""`pullback(inputs, cotangents) -> gradients`, one for each differentiated input, in order."""

SAMPLING_ATTEMPTS = 20
FLOOR = 2.0**-10
"""A gradient below this share of the cotangents is held against them, not against itself.

Where the true gradient is 0 (a bias in front of a normalisation) both sides are rounding noise.
"""


@dataclass(frozen=True, eq=False)
class Trial:
    """What a layer is tried on, in float64.

    `inputs` in the page's order, of which those at `differentiated` have a gradient, named in
    `labels`; `cotangents` has one for each output. `text` replays it: `S=2 M=5 seed=0`.
    """

    text: str
    seed: int
    inputs: tuple[Values, ...]
    cotangents: tuple[Values, ...]
    differentiated: tuple[int, ...]
    labels: tuple[str, ...]
    statics: Mapping[str, int] = field(default_factory=dict[str, int])
    extents: Mapping[Parameter, int] = field(default_factory=dict[Parameter, int])

    @property
    def floor(self) -> float:
        """The magnitude below which a gradient counts as none; no function of the arrays' sizes."""
        return FLOOR * max(magnitude(cotangent) for cotangent in self.cotangents)

    def generator(self, purpose: int) -> numpy.random.Generator:
        """Randomness of its own for each purpose, so that one witness does not disturb another."""
        return numpy.random.default_rng((self.seed, purpose))


def trials_of(derivation: Derivation, *, count: int, seed: int) -> Iterator[Trial]:
    """`count` trials at different extents; fewer where the page's constraints leave fewer."""
    tensors = (*derivation.inputs, *derivation.outputs)
    sizes = [
        atom
        for tensor in tensors
        for extent in tensor.extents
        for atom in extent.atoms()
        if isinstance(atom, Parameter)
    ]
    assignments = trial_extents(
        sizes,
        tensors,
        numpy.random.default_rng(seed),
        statics=derivation.statics,
        definitions=derivation.extents,
        hypotheses=derivation.context.hypotheses,
        count=count,
    )
    for extents in assignments:
        point = _point(derivation, extents, seed)
        if point is not None:
            yield trial_at(derivation, point, seed)


def _point(derivation: Derivation, extents: Mapping[Parameter, int], seed: int) -> Point | None:
    wanted = (*derivation.inputs, *(cotangent_of(derivation, o) for o in derivation.outputs))
    for attempt in range(SAMPLING_ATTEMPTS):
        generator = numpy.random.default_rng((seed, attempt))
        point = sample(wanted, extents, derivation.context, generator)
        if point is not None:
            return point
    return None


def trial_at(derivation: Derivation, point: Point, seed: int) -> Trial:
    """The trial at a point that has values for the inputs and for the incoming cotangents."""
    chosen = [p for p in point.extents if p not in derivation.extents]
    sizes = " ".join(f"{unicode_name(p.name)}={point.extents[p]}" for p in chosen)
    with_gradient = [n for n, t in enumerate(derivation.inputs) if t in derivation.gradients]
    return Trial(
        f"{sizes} seed={seed}".strip(),
        seed,
        tuple(point.values[tensor] for tensor in derivation.inputs),
        tuple(mixed(point.values[cotangent_of(derivation, o)]) for o in derivation.outputs),
        tuple(with_gradient),
        tuple(unicode_name(derivation.inputs[n].name) for n in with_gradient),
        {identifier(p.name): point.extents[p] for p in derivation.statics},
        point.extents,
    )


def cotangent_of(derivation: Derivation, output: Tensor) -> Tensor:
    """The tensor of an output's incoming cotangent; a defined loss gets one, which scales it."""
    stated = derivation.cotangents.get(output)
    return stated or Tensor(output.name, output.extents, scope="incoming cotangent")


def mixed(cotangent: Values) -> Values:
    """The cotangent with both signs in it: one of a single sign hides errors that cancel."""
    if cotangent.size < 2 or (cotangent.min() < 0 < cotangent.max()):
        return cotangent
    flipped = cotangent.copy()
    flipped.reshape(-1)[1::2] *= -1
    return flipped


# --- errors -------------------------------------------------------------------------------------


def magnitude(array: NDArray[numpy.floating]) -> float:
    """The largest absolute value; 0 for an empty array."""
    return float(numpy.max(numpy.abs(array))) if array.size else 0.0


def scaled_error(found: Values, expected: Values, floor: float) -> float:
    """The largest difference of two entries, over the largest expected one (at least `floor`).

    Infinite where `found` has another shape, or is not finite although the expected entry is.
    """
    if found.shape != expected.shape or not numpy.all(numpy.isfinite(found)):
        return numpy.inf
    return magnitude(found - expected) / max(magnitude(expected), floor, float(TINY))


TINY = numpy.finfo(numpy.float64).tiny


def judged(
    witness: str, error: float, bound: float, trial: Trial, note: str = "", *, expected: Values
) -> Evidence:
    """The evidence of an error against a bound; an undefined expectation decides nothing."""
    if not numpy.all(numpy.isfinite(expected)):
        return Evidence(
            witness,
            Outcome.INCONCLUSIVE,
            None,
            bound,
            trial.text,
            f"{note}: not finite".lstrip(": "),
        )
    outcome = Outcome.MET if error <= bound else Outcome.FAILED
    return Evidence(witness, outcome, error, bound, trial.text, note)


def as_arrays(results: Sequence[object]) -> tuple[Values, ...]:
    return tuple(numpy.asarray(result, dtype=numpy.float64) for result in results)
