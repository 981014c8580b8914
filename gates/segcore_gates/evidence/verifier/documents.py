"""JSON without two ways to read it."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from typing import Any

from segcore_gates.evidence.verifier.container import RejectedError

__all__ = ["canonical", "digest", "parsed", "rational"]


def canonical(value: Any) -> bytes:
    """The one text of a JSON value: sorted keys, ASCII, no space, no NaN, a line feed at the end."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii") + b"\n"


def parsed(data: bytes, name: str) -> dict[str, Any]:
    """The object that a member holds.

    Raises
    ------
    RejectedError
        It is no object in canonical form.
    """
    try:
        value = json.loads(data.decode("ascii"))
        same = canonical(value) == data
    except (ValueError, RecursionError):
        same = False
    if not same or not isinstance(value, dict):
        raise RejectedError(f"{name} is no object of canonical JSON")
    return value


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def rational(text: str) -> Fraction:
    """A decimal as it is written: "0.8" is 4/5."""
    if not isinstance(text, str) or len(text) > 40:
        raise RejectedError("a limit is no decimal")
    return Fraction(text)
