"""Where JAX computes; to be settled before anything imports it."""

from __future__ import annotations

import importlib.util
import os


class Unavailable(RuntimeError):
    """What is to compute is not there: the message says what is missing."""


class NoJax(Unavailable):
    """JAX is not installed."""

    def __init__(self) -> None:
        super().__init__("JAX is not installed; pip install jax")


class NoGpu(Unavailable):
    """A GPU was asked for and JAX sees none."""

    def __init__(self) -> None:
        super().__init__(
            "--device gpu: JAX sees no GPU here; "
            "install 'derivcheck-notes[cuda]' on a machine with one, or use --device cpu"
        )


def claim(device: str, *, needed: bool = True) -> None:
    """Tell JAX where to compute: "cpu" or "gpu"; raises `NoJax`, if it is needed, and `NoGpu`.

    A GPU is looked for, which imports jax; for the CPU the environment says enough, and a page
    whose claims need no array is judged without jax.
    """
    if needed and importlib.util.find_spec("jax") is None:
        raise NoJax
    if device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
        return
    os.environ.pop("JAX_PLATFORMS", None)
    # Trials are small: taking most of a shared card's memory at start-up would help nobody.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax

    try:
        jax.devices("gpu")  # pyright: ignore[reportUnknownMemberType] -- jax types it in part
    except RuntimeError as error:  # jax: "Unknown backend: 'gpu' requested, but no platforms …"
        raise NoGpu from error
