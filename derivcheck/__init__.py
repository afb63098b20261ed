"""derivcheck: doctest for gradients.

`derivcheck.load("layernorm")` gives a registered derivation, `derivcheck.read("notes.md")` one of
your own. Nothing heavy is imported until one of them is called for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derivcheck.api import Gradient, LoadedDerivation, load, read

__all__ = ["Gradient", "LoadedDerivation", "load", "read"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("derivcheck.api"), name)
    raise AttributeError(f"module 'derivcheck' has no attribute {name!r}")
