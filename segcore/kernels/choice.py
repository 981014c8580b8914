"""Which kernels are in use: NumPy's, or numba's where loading them pays."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Final, Literal

import numpy as np

from segcore.errors import MissingExtraError, UsageError
from segcore.kernels import reference

__all__ = ["VARIABLE", "Choice", "active", "compiled_in_use", "keep_heap", "prepare", "use"]

Choice = Literal["auto", "numba", "numpy"]

VARIABLE: Final = "SEGCORE_KERNELS"
"""The environment variable that chooses the kernels of a process."""

# CPU time measured on one core at 2.1 Mpx and 33,000 runs a mask.  A faster or slower machine
# changes both sides alike.  So numba pays from about 700 such images on, and if nothing is
# compiled yet, from about 4,300 on.
LOAD_SECONDS: Final = 0.65
"""Importing numba and loading the compiled kernels from its cache."""

COMPILE_SECONDS: Final = 4.0
"""Importing numba and compiling the kernels, once for a machine."""

SAVED_SECONDS_PER_PIXEL: Final = 0.45e-9
"""Of a pair of dense label maps."""

SAVED_SECONDS_PER_RUN: Final = 30e-9
"""Of a run-length mask: decoded, painted and compared."""

SAVED_SECONDS_PER_OBJECT_RUN: Final = 150e-9
"""Of a run of an object that is compared with others: masks of a hundred runs, not of thousands."""

SAVED_SECONDS_PER_JSON_BYTE: Final = 8e-9
"""Of a document of annotations whose values are found instead of made objects."""

_COMPILED: Final = "segcore.kernels.compiled"
_CHOICES: Final[tuple[Choice, ...]] = ("auto", "numba", "numpy")

_choice: Choice | None = None
_active: ModuleType = reference


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
        numba was asked for and cannot be loaded.
    """
    global _choice, _active
    if choice not in _CHOICES:
        raise UsageError(f"kernels {choice!r} do not exist: expected auto, numba or numpy")
    _active = _load() if choice == "numba" else reference
    _choice = choice


def active() -> ModuleType:
    """The module whose kernels are in use: ``reference`` or ``compiled``."""
    if _choice is None:
        _choose_from_environment()
    return _active


def compiled_in_use() -> bool:
    """Whether numba's kernels are the ones in use."""
    return active() is not reference


def prepare(pixels: int, runs: int = 0, object_runs: int = 0, json_bytes: int = 0) -> None:
    """Say how much work is ahead, so that ``auto`` can load numba where that pays.

    Parameters
    ----------
    pixels : int
        Pixels of the dense label maps this process will compare, over all images.
    runs : int
        Runs of the run-length masks this process will decode and paint, over all images.
    object_runs : int
        Runs of the masks of objects this process will decode and compare, over all images.
    json_bytes : int
        Bytes of a document whose rows are read as columns.
    """
    global _active
    keep_heap()
    if (
        active() is not reference
        or _choice != "auto"
        or not _pays(pixels, runs, object_runs, json_bytes)
    ):
        return
    try:
        _active = _load()
    except MissingExtraError:
        return  # NumPy's kernels give the same numbers


def keep_heap() -> None:
    """Let glibc keep freed arrays of up to 31 MiB for the next ones.

    By default it returns them to the system, and every array over 128 KiB then costs page faults:
    a fifth of the time of the run kernels.  Freeing one large block raises that limit.  Elsewhere
    than on Linux this does nothing.
    """
    if sys.platform == "linux":
        np.empty(31 << 20, np.uint8)


def _choose_from_environment() -> None:
    wanted = os.environ.get(VARIABLE) or "auto"
    for choice in _CHOICES:
        if choice == wanted:
            use(choice)
            return
    raise UsageError(f"{VARIABLE}={wanted!r}: expected auto, numba or numpy")


def _pays(pixels: int, runs: int, object_runs: int, json_bytes: int) -> bool:
    """Whether loading numba would save more time than it takes."""
    if _COMPILED in sys.modules:
        return True
    saved = pixels * SAVED_SECONDS_PER_PIXEL + runs * SAVED_SECONDS_PER_RUN
    saved += object_runs * SAVED_SECONDS_PER_OBJECT_RUN + json_bytes * SAVED_SECONDS_PER_JSON_BYTE
    if saved < LOAD_SECONDS or importlib.util.find_spec("numba") is None:
        return False
    return saved > (LOAD_SECONDS if _in_cache() else COMPILE_SECONDS)


def _in_cache() -> bool:
    """Whether an earlier process has left its compiled kernels in numba's cache."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    if folder:
        return any(Path(folder).glob("kernels_*/compiled.*.nbi"))
    return any((Path(__file__).parent / "__pycache__").glob("compiled.*.nbi"))


def _load() -> ModuleType:
    try:
        return importlib.import_module(_COMPILED)
    except (ImportError, RuntimeError) as error:  # RuntimeError: numba finds no place for its cache
        raise MissingExtraError(
            f"the numba kernels cannot be loaded ({error}); they come with: pip install 'segcore[fast]'"
        ) from error
