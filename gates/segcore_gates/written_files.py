"""JSON files that a command of segcore wrote and a policy names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from segcore.errors import DocumentError, RefusedFileError, SpecError, UsageError

__all__ = ["count", "read_written", "share", "text"]

_T = TypeVar("_T")

MAX_BYTES: Final = 256 << 20


def read_written(path: Path, command: str, take: Callable[[Any], _T]) -> _T:
    """What ``take`` makes of the document in a file.

    Parameters
    ----------
    path : Path
    command : str
        Which wrote it, for the message.
    take : callable
        Raises KeyError, TypeError or ValueError where the document is another one, and UsageError with
        the rest of a sentence that begins with the name of the file.

    Raises
    ------
    UsageError
        The file cannot be read, or is not what the command writes.
    """
    from segcore.files import read_bytes
    from segcore.strict_json import parse_json

    try:
        document = parse_json(read_bytes(str(path), limit=MAX_BYTES), file=str(path))
    except (DocumentError, RefusedFileError, SpecError) as error:
        raise UsageError(f"{path}: {error}") from None
    try:
        return take(document)
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{path} is not what {command} --json writes: write it again") from None
    except UsageError as error:
        raise UsageError(f"{path} {error}") from None


def share(value: object) -> float:
    """A number from 0 to 1.

    Raises
    ------
    ValueError
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("no share")
    return float(value)


def count(value: object) -> int:
    """A whole number that is not below 0.

    Raises
    ------
    ValueError
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("no count")
    return value


def text(value: object) -> str:
    """A string.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
