"""The tape: composition, shared values, several objectives, loops over time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derivcheck.training.arrays import precision
from derivcheck.training.layer import layer
from derivcheck.training.passes import Node
from derivcheck.training.tape import Tape

RNG = np.random.default_rng(0)
BACKENDS = ("numpy", "jax")


def close(found, expected):
    assert found is not None
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=1e-14)


@pytest.fixture(params=BACKENDS)
def tape(request):
    with precision(request.param, "float64"):
        yield Tape(request.param)


def test_cotangents_of_a_value_used_twice_are_added(tape):
    x, w = RNG.normal(size=(3, 5)), RNG.normal(size=(5, 5))
    weights = tape.leaf(w, "W", active=True)
    once = tape("linear", tape.leaf(x), weights)
    twice = tape("linear", once, weights)
    bar = RNG.normal(size=(3, 5))
    (found,) = tape.pullback([(twice, bar)], [weights])
    # Y = X Wᵀ Wᵀ: the product rule, by hand.
    close(found, bar.T @ (x @ w.T) + (bar @ w).T @ x)


def test_what_comes_from_no_parameter_is_not_remembered(tape):
    x = tape.leaf(RNG.normal(size=(3, 5)))
    tape("tanh", x)
    assert tape.calls == []


def test_an_input_without_a_parameter_behind_it_costs_no_gradient(tape):
    x, w = tape.leaf(RNG.normal(size=(3, 5))), tape.leaf(RNG.normal(size=(2, 5)), active=True)
    y = tape("linear", x, w)
    assert layer("linear", tape.backend, (False, True)).places == (None, 0)
    found = tape.pullback([(y, np.ones((3, 2)))], [x, w])
    assert found[0] is None
    assert found[1] is not None


def test_one_tape_is_pulled_back_for_several_objectives(tape):
    x = tape.leaf(RNG.normal(size=(3, 5)))
    first = tape.leaf(RNG.normal(size=(4, 5)), active=True)
    second = tape.leaf(RNG.normal(size=(2, 4)), active=True)
    hidden = tape("linear", x, first)
    y = tape("linear", hidden, second)
    bar = RNG.normal(size=(3, 2))
    both = tape.pullback([(y, bar)], [first, second])
    close(tape.pullback([(y, bar)], [first])[0], both[0])
    close(tape.pullback([(y, bar)], [second])[0], both[1])
    close(tape.pullback([(y, 2.0 * bar)], [second])[0], 2.0 * both[1])


def test_a_gradient_that_a_page_does_not_state_is_no_silent_gap(tape):
    targets = tape.leaf(RNG.normal(size=(3, 5)), active=True)
    with pytest.raises(TypeError, match="embedding has no gradient of T"):
        tape("embedding", targets, tape.leaf(RNG.normal(size=(5, 2))))


@pytest.mark.parametrize(
    "move",
    [
        lambda p, x: p.reshape(x, (5, 12)),
        lambda p, x: p.transpose(x, (2, 0, 1)),
        lambda p, x: p.flat(x),
        lambda p, x: p.rows(x),
        lambda p, x: p.concatenate((x, x, p.transpose(x, (0, 1, 2))), 1),
        lambda p, x: p.split(x, (1, 2), 0)[1],
        lambda p, x: p.stack(p.unstack(x)[::-1]),
    ],
    ids=["reshape", "transpose", "flat", "rows", "concatenate", "split", "stack"],
)
def test_a_move_and_its_way_back_are_adjoint(tape, move):
    """⟨ȳ, move(x)⟩ = ⟨move*(ȳ), x⟩, for a move is linear."""
    x = tape.leaf(RNG.normal(size=(3, 4, 5)), active=True)
    y = move(tape, x)
    bar = RNG.normal(size=y.shape)
    (found,) = tape.pullback([(y, bar)], [x])
    close(np.vdot(bar, y.value), np.vdot(found, x.value))


# --- loops over time ----------------------------------------------------------------------------

STEPS, EXAMPLES, INPUTS, UNITS = 4, 3, 2, 5
WEIGHTS = {
    "W": RNG.normal(size=(UNITS, INPUTS)),
    "U": RNG.normal(size=(UNITS, UNITS)),
    "b": RNG.normal(size=UNITS),
}
SERIES = RNG.normal(size=(STEPS, EXAMPLES, INPUTS))
START = RNG.normal(size=(EXAMPLES, UNITS))
LAST_BAR = RNG.normal(size=(EXAMPLES, UNITS))
SHOWN_BAR = RNG.normal(size=(STEPS, EXAMPLES, UNITS))


def recurrent(apply, start, series, weights):
    def body(inner, carried, entries):
        h = inner("rnn_cell", entries[0], carried[0], *(weights[name] for name in "WUb"))
        return (h,), (h,)

    (last,), (shown,) = apply.scan(body, (start,), (series,))
    return last, shown


def reference(start, series, weights):
    shown = []
    for x in series:
        start = jnp.tanh(x @ weights["W"].T + start @ weights["U"].T + weights["b"])
        shown.append(start)
    return jnp.vdot(LAST_BAR, start) + jnp.vdot(SHOWN_BAR, jnp.stack(shown))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("varied", [("W", "U", "b"), ("U",), ("W", "U", "b", "start", "series")])
def test_a_loop_over_time_has_the_gradients_of_its_steps(backend, varied):
    given = {**WEIGHTS, "start": START, "series": SERIES}

    def gradients(values):
        tape = Tape(backend)
        nodes = {n: tape.leaf(v, n, active=n in varied) for n, v in values.items()}
        last, shown = recurrent(tape, nodes["start"], nodes["series"], nodes)
        return tape.pullback([(last, LAST_BAR), (shown, SHOWN_BAR)], [nodes[n] for n in varied])

    with precision(backend, "float64"):
        found = jax.jit(gradients)(given) if backend == "jax" else gradients(given)
    with precision("jax", "float64"):
        expected = jax.grad(lambda values: reference(values["start"], values["series"], values))(
            {name: jnp.asarray(value) for name, value in given.items()}
        )
    for name, gradient in zip(varied, found, strict=True):
        close(gradient, expected[name])


def test_a_loop_within_a_loop():
    """The inner one captures a weight from the outermost tape."""

    def gradients(start, w, u, b):
        tape = Tape("jax")
        weights = {n: tape.leaf(v, n, active=True) for n, v in zip("WUb", (w, u, b), strict=True)}

        def outer(inner, carried, entries):
            last, shown = recurrent(inner, carried[0], entries[0], weights)
            return (last,), (shown,)

        series = tape.leaf(jnp.stack([SERIES, 2.0 * SERIES]))
        (last,), _ = tape.scan(outer, (tape.leaf(start, active=True),), (series,))
        return tape.pullback([(last, LAST_BAR)], list(weights.values()))

    def plain(w, u, b):
        h = START
        for x in np.concatenate([SERIES, 2.0 * SERIES]):
            h = jnp.tanh(x @ w.T + h @ u.T + b)
        return jnp.vdot(LAST_BAR, h)

    with precision("jax", "float64"):
        given = tuple(jnp.asarray(each) for each in WEIGHTS.values())
        found = jax.jit(gradients)(START, *given)
        expected = jax.grad(plain, argnums=(0, 1, 2))(*given)
    for gradient, exact in zip(found, expected, strict=True):
        close(gradient, exact)


def test_weights_are_not_stacked_over_time():
    """What the way there hands to the way back: one copy of a weight, not one for each step."""

    def residuals(w, u, b, start, series):
        tape = Tape("jax")
        weights = {n: tape.leaf(v, n, active=True) for n, v in zip("WUb", (w, u, b), strict=True)}
        recurrent(tape, tape.leaf(start), tape.leaf(series), weights)
        stacked, _, _ = tape.calls[-1].residuals
        return stacked

    shapes = jax.eval_shape(residuals, *WEIGHTS.values(), START, SERIES)
    assert {each.shape for each in shapes} == {(STEPS, EXAMPLES, UNITS)}


def test_a_node_knows_its_shape():
    assert Node(np.zeros((2, 3))).shape == (2, 3)
