"""Where JAX computes; to be settled before anything imports it."""

from __future__ import annotations

import os


class NoGpu(RuntimeError):
    """A GPU was asked for and JAX sees none."""

    def __init__(self) -> None:
        super().__init__(
            "--device gpu: JAX sees no GPU here; "
            "install 'derivcheck-notes[cuda]' on a machine with one, or use --device cpu"
        )


def claim(device: str) -> None:
    """Tell JAX where to compute: "cpu" or "gpu"; raises `NoGpu`.

    A GPU is looked for, which imports jax; for the CPU the environment says enough, and a page
    whose claims need no array is judged without jax.
    """
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
