"""The two array libraries behind one door: NumPy as it is, or JAX.

A value of either library is typed `Array`: the generated code runs on both, and so does all that
trains with it.
"""

# JAX types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal, TypeVar

Backend = Literal["numpy", "jax"]
Dtype = Literal["float64", "float32", "bfloat16"]
Array = Any
"""A `numpy.ndarray`, a `jax.Array` or a tracer of one."""

Function = TypeVar("Function", bound=Callable[..., Any])


_LARGEST_KEPT = 2**25 - 2**13
"""Bytes: 32 MiB with room for what the allocator adds."""


@cache
def library(backend: Backend) -> Any:
    """`numpy`, or `jax.numpy`."""
    return importlib.import_module("numpy" if backend == "numpy" else "jax.numpy")


def compiled(function: Function, backend: Backend) -> Function:
    """The function under `jax.jit`; for NumPy the function itself."""
    if backend == "numpy":
        return function
    import jax  # heavy, and not needed by NumPy

    return jax.jit(function)  # pyright: ignore[reportReturnType] -- it is called in the same way


@contextmanager
def precision(backend: Backend, dtype: Dtype) -> Generator[None]:
    """Inside, JAX has 64-bit numbers if `dtype` has.

    NumPy says nothing of overflow there: a run that diverges is stopped by what it checks itself.
    """
    import numpy

    with numpy.errstate(all="ignore"):
        if backend == "numpy":
            _keep_freed_memory()
            yield
            return
        try:  # heavy, and not needed by NumPy
            from jax import enable_x64
        except ImportError:  # JAX below 0.8 has it in its experimental room
            from jax.experimental import enable_x64  # pyright: ignore[reportAttributeAccessIssue]
        with enable_x64(dtype == "float64"):
            yield


@cache
def _keep_freed_memory() -> None:
    """The arrays of a step get the memory that those of the step before have left.

    glibc gives large blocks back to the system when they are freed and has to ask for them again,
    page by page, which takes a third of an LSTM's step. It keeps those that are no larger than the
    largest it has ever freed, if that was not above 32 MiB (mallopt(3), M_MMAP_THRESHOLD). Any
    other allocator takes no notice.
    """
    import numpy

    numpy.empty(_LARGEST_KEPT, numpy.uint8)


def dtype_of(dtype: Dtype) -> Any:
    """The dtype in which a run keeps its numbers.

    Of a run in bfloat16 that is float32: an average that moves by a thousandth of itself would
    stand still with eight bits. What is computed in between is rounded, see `step.computed_in`.
    """
    import numpy

    return numpy.dtype("float32" if dtype == "bfloat16" else dtype)
