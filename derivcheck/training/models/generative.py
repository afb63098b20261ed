"""Models that make images: auto-encoder, variational auto-encoder, adversarial pair."""

from __future__ import annotations

from collections.abc import Mapping

import numpy

from derivcheck.training.data import Data
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.model import Batch, Model, Nodes, Outcome, Parameters, Recipe, Term
from derivcheck.training.models.blocks import dense, dense_parameters
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.passes import Node, Pass
from derivcheck.training.schedules import Schedule


def _sizes(recipe: Recipe) -> tuple[int, int]:
    """Hidden units, entries of the code."""
    return int(recipe.options["width"]), int(recipe.options["code"])


def _latent(rng: numpy.random.Generator, batch: Batch, recipe: Recipe) -> Batch:
    return {"noise": rng.normal(size=(len(batch["x"]), _sizes(recipe)[1]))}


def reconstruction_error(outputs: Batch, batch: Batch) -> Mapping[str, float]:
    """The mean over images of the squared distance to what was made of them."""
    gap = outputs["images"] - batch["x"].reshape(len(batch["x"]), -1)
    return {"squared error": float(numpy.square(gap).sum(axis=1).mean())}


# --- auto-encoders ------------------------------------------------------------------------------


def _autoencoder_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    width, code = _sizes(recipe)
    return {
        **dense_parameters(draw, "encoder", width, data.features, rule="he"),
        **dense_parameters(draw, "code", code, width),
        **_decoder_parameters(draw, data, recipe),
    }


def _decoder_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    width, code = _sizes(recipe)
    return {
        **dense_parameters(draw, "decoder", width, code, rule="he"),
        **dense_parameters(draw, "image", data.features, width),
    }


def _encoded(apply: Pass, images: Node, parameters: Nodes) -> Node:
    return apply("relu", dense(apply, images, parameters, "encoder"))


def _sampled(apply: Pass, code: Node, parameters: Nodes) -> Node:
    return apply("sigmoid", decoded(apply, code, parameters))


def decoded(apply: Pass, code: Node, parameters: Nodes) -> Node:
    """Logits of pixels, from codes."""
    return dense(
        apply, apply("relu", dense(apply, code, parameters, "decoder")), parameters, "image"
    )


def _autoencoder(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    del recipe
    images = apply.flat(batch["x"])
    code = dense(apply, _encoded(apply, images, parameters), parameters, "code")
    made = apply("sigmoid", decoded(apply, code, parameters))
    return Outcome({"loss": (Term(apply("mse", made, images)),)}, {"images": made})


def _vae_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    width, code = _sizes(recipe)
    return {
        **dense_parameters(draw, "encoder", width, data.features, rule="he"),
        **dense_parameters(draw, "mean", code, width),
        **dense_parameters(draw, "log_variance", code, width),
        **_decoder_parameters(draw, data, recipe),
    }


def _vae(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    """The evidence lower bound, its sign turned, a mean over the images."""
    del recipe
    images = apply.flat(batch["x"])
    hidden = _encoded(apply, images, parameters)
    mean = dense(apply, hidden, parameters, "mean")
    log_variance = dense(apply, hidden, parameters, "log_variance")
    code, divergence = apply.all("gaussian_kl", mean, log_variance, batch["noise"])
    logits = decoded(apply, code, parameters)
    pixels = apply("binary_cross_entropy_with_logits", logits, images)
    terms = (Term(pixels, images.shape[1]), Term(divergence, 1.0 / images.shape[0]))
    return Outcome({"loss": terms}, {"images": apply("sigmoid", logits)})


# --- adversarial --------------------------------------------------------------------------------

SLOPE = 0.2
"""Of the discriminator's leaky rectifiers on the negative side."""


def _gan_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    width, code = _sizes(recipe)
    return {
        **dense_parameters(draw, "generator.hidden", width, code, rule="he"),
        **dense_parameters(draw, "generator.image", data.features, width),
        **dense_parameters(draw, "discriminator.hidden0", width, data.features, rule="he"),
        **dense_parameters(draw, "discriminator.hidden1", width, width, rule="he"),
        **dense_parameters(draw, "discriminator.output", 1, width),
    }


def generated(apply: Pass, noise: Node, parameters: Nodes) -> Node:
    """Images as rows of pixels between 0 and 1, from codes."""
    hidden = apply("relu", dense(apply, noise, parameters, "generator.hidden"))
    return apply("sigmoid", dense(apply, hidden, parameters, "generator.image"))


def _gan(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    """Both losses of one pass: real and generated images go through the discriminator together."""
    del recipe
    images = apply.flat(batch["x"])
    made = generated(apply, batch["noise"], parameters)
    count = images.shape[0]
    x = apply.concatenate((images, made), 0)
    for name in ("discriminator.hidden0", "discriminator.hidden1"):
        x = apply("leaky_relu", dense(apply, x, parameters, name), SLOPE)
    logits = apply.reshape(dense(apply, x, parameters, "discriminator.output"), (-1,))
    real, fake = apply.split(logits, (count, count), 0)
    of_discriminator, of_generator = apply.all("gan_non_saturating", real, fake)
    losses = {
        "discriminator loss": (Term(of_discriminator),),
        "generator loss": (Term(of_generator),),
    }
    return Outcome(losses, {"images": made, "real": real, "fake": fake})


def told_apart(outputs: Batch, batch: Batch) -> Mapping[str, float]:
    """The share of real and generated images that the discriminator takes for what they are."""
    del batch
    right = (outputs["real"] > 0).mean() + (outputs["fake"] < 0).mean()
    return {"told apart": float(right / 2)}


_AUTOENCODER = Recipe(
    Optimiser("adam", 2e-3),
    steps=2000,
    batch=64,
    schedule=Schedule("cosine"),
    options={"width": 128, "code": 8},
)

MODELS = (
    Model(
        "autoencoder",
        "images through a narrow code and back",
        "digits",
        "classes",
        _AUTOENCODER,
        _autoencoder_parameters,
        _autoencoder,
        reconstruction_error,
        exhibit="reconstructions",
    ),
    Model(
        "vae",
        "a variational auto-encoder; images can be sampled from it",
        "digits",
        "classes",
        _AUTOENCODER,
        _vae_parameters,
        _vae,
        reconstruction_error,
        noise=_latent,
        exhibit="reconstructions",
        sample=_sampled,
    ),
    Model(
        "gan",
        "a generator and a discriminator, each with a loss of its own",
        "digits",
        "classes",
        Recipe(
            Optimiser("adam", 5e-4, {"beta_1": 0.5}),
            steps=4000,
            batch=64,
            evaluate=250,
            options={"width": 128, "code": 16},
        ),
        _gan_parameters,
        _gan,
        told_apart,
        noise=_latent,
        exhibit="samples",
        sample=generated,
        objectives={"discriminator loss": "discriminator.", "generator loss": "generator."},
    ),
)
