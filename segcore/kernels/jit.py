"""How the kernels are compiled: the one place that knows numba's options and its extension API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

__all__ = ["jit", "trailing_zeros"]


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call, keep the result on disk, run without the interpreter's lock.

    Indices are not checked: they come from arguments the facade has checked.
    """
    compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True, boundscheck=False)(function)
    return compiled


def _trailing_zeros(typing_context: Any, word: Any) -> Any:  # noqa: ARG001 - numba names the arguments
    """Number of zero bits below the lowest set bit of a uint64 that is not 0."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), emit


trailing_zeros: Callable[..., Any] = intrinsic(_trailing_zeros)
