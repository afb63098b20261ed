"""Models without a hidden layer, and regression of one variable with one that is small."""

from __future__ import annotations

from derivcheck.training.data import Data
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.model import Model, Nodes, Outcome, Parameters, Recipe, Term
from derivcheck.training.models.blocks import classified, dense, dense_parameters
from derivcheck.training.models.measures import accuracy, squared_error
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.passes import Pass
from derivcheck.training.schedules import Schedule


def _linear_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    del recipe
    return dense_parameters(draw, "output", data.train["y"].shape[1], data.features)


def _linear(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    del recipe
    values = dense(apply, apply.flat(batch["x"]), parameters, "output")
    loss = apply("mse", values, batch["y"])
    return Outcome({"loss": (Term(loss),)}, {"values": values})


def _softmax_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    del recipe
    return dense_parameters(draw, "output", data.classes, data.features)


def _softmax(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    del recipe
    return classified(apply, dense(apply, apply.flat(batch["x"]), parameters, "output"), batch["y"])


def _curve_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    units = int(recipe.options["units"])
    return {
        **dense_parameters(draw, "hidden", units, data.features),
        **dense_parameters(draw, "output", data.train["y"].shape[1], units),
    }


def _curve(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    del recipe
    hidden = apply("tanh", dense(apply, batch["x"], parameters, "hidden"))
    values = dense(apply, hidden, parameters, "output")
    return Outcome({"loss": (Term(apply("mse", values, batch["y"])),)}, {"values": values})


def _regression_1d(units: int) -> Model:
    name = f"regression_1d_{units}"
    return Model(
        name,
        f"a curve through points: {units} hidden {'unit' if units == 1 else 'units'} with tanh",
        "wave",
        "values",
        Recipe(
            Optimiser("adam", 0.02),
            steps=2000,
            batch=100,
            schedule=Schedule("cosine"),
            options={"units": units},
        ),
        _curve_parameters,
        _curve,
        squared_error,
        exhibit="curve",
    )


MODELS = (
    Model(
        "linear_regression",
        "a linear map and a bias; reaches the solution of least squares",
        "diabetes",
        "values",
        Recipe(Optimiser("nesterov", 0.05, {"mu": 0.9}), steps=3000, batch=0),
        _linear_parameters,
        _linear,
        squared_error,
        exhibit="least squares",
    ),
    Model(
        "softmax_regression",
        "a linear map and a softmax",
        "digits",
        "classes",
        Recipe(Optimiser("sgd", 0.5), steps=1000, batch=64, l2=1e-4),
        _softmax_parameters,
        _softmax,
        accuracy,
    ),
    *(_regression_1d(units) for units in (1, 2, 4, 8)),
)
