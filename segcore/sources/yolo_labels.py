"""The lines of a YOLO label file: ``class x1 y1 x2 y2 ...``, shares of the width and the height."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from segcore.errors import RefusedFileError
from segcore.limits import MAX_ANNOTATIONS, MAX_RING_POINTS
from segcore.wording import show

__all__ = ["Line", "count_lines", "read_lines"]

Problem = tuple[str, str, str]
"""Code, expected, got."""

_SLACK: Final = 0.01
"""How far a share may lie beyond 0 and 1: what ultralytics allows for rounding."""

_MAX_NUMBER_BYTES: Final = 64
_MAX_LINE_BYTES: Final = (2 * MAX_RING_POINTS + 2) * 32
"""Far more than the longest ring takes; a line of millions of numbers is not even split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One object.

    Attributes
    ----------
    number : int
        Of the line in the file, from 1.
    class_number : int
        -1 where it is none.
    shares : list of float
        ``[x, y, x, y, ...]``; empty where there is a problem.
    score : float or None
        The last number, where lines end with a confidence.
    problems : tuple of Problem
        Why it has to be refused.
    """

    number: int
    class_number: int = -1
    shares: list[float]
    score: float | None = None
    problems: tuple[Problem, ...] = ()


def count_lines(data: bytes) -> int:
    """How many lines are not blank; 0 where there are more lines than the limit."""
    if _breaks(data) > MAX_ANNOTATIONS:
        return 0
    return sum(not line.isspace() for line in data.splitlines() if line)


def read_lines(data: bytes, *, file: str, confidence: bool) -> Iterator[Line]:
    """Every line that is not blank.

    Parameters
    ----------
    data : bytes
        The whole file.
    file : str
        What errors call it.
    confidence : bool
        Whether the last number of each line is a score.

    Raises
    ------
    RefusedFileError
        ``limits.annotations``: there are too many lines.
    """
    if (lines := _breaks(data)) > MAX_ANNOTATIONS:
        expected = f"at most {MAX_ANNOTATIONS} lines"
        raise RefusedFileError("limits.annotations", file=file, expected=expected, got=f"{lines}")
    for number, text in enumerate(data.splitlines(), start=1):
        if text and not text.isspace():
            yield _line(number, text, confidence=confidence)


def _breaks(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r")


def _line(number: int, text: bytes, *, confidence: bool) -> Line:
    def refused(code: str, expected: str, got: str) -> Line:
        return Line(number=number, shares=[], problems=((code, expected, got),))

    if len(text) > _MAX_LINE_BYTES:
        return refused("poly.too_many_points", f"at most {MAX_RING_POINTS} points", "a longer line")
    words = text.split()
    values = _numbers(words)
    if values is None:
        bad = next(word for word in words if _numbers([word]) is None)
        return refused("yolo.bad_number", "numbers with spaces between", show(_text(bad)))
    problems: list[Problem] = []
    class_number, score = -1, None
    if not math.isfinite(values[0]) or not values[0].is_integer() or values[0] < 0:
        expected = "a whole number from 0 in front of the coordinates"
        problems.append(("yolo.bad_class", expected, show(_text(words[0]))))
    else:
        class_number = int(values[0])
    shares = values[1:]
    if confidence and shares:
        score = shares.pop()
        if not math.isfinite(score):
            problems.append(("results.bad_score", "a finite number at the end", f"{score}"))
    problem = _shape_problem(shares, confidence=confidence)
    if problem is not None:
        problems.append(problem)
    return Line(
        number=number,
        class_number=class_number,
        shares=[] if problems else shares,
        score=score,
        problems=tuple(problems),
    )


def _shape_problem(shares: list[float], *, confidence: bool) -> Problem | None:
    """Why the numbers behind the class are no ring; None where they are one."""
    count = len(shares)
    if count == 4 or (count == 5 and not confidence):
        with_score = " and a confidence" if count == 5 else ""
        return "yolo.box", "at least 3 points", f"a class and a box{with_score}"
    if count < 6:
        return "poly.too_few_points", "at least 6 numbers", f"{count} numbers"
    if count % 2:
        hint = "" if confidence else " (?confidence=last reads the last one as a score)"
        return "poly.odd_length", f"an even number of coordinates{hint}", f"{count} numbers"
    low, high = min(shares), max(shares)
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(sum(shares))):
        return "poly.not_finite", "finite numbers", "nan or inf"
    if low < -_SLACK or high > 1 + _SLACK:
        got = f"{high if high > 1 + _SLACK else low:.6g}"
        return "yolo.not_normalized", "shares of the width and the height, 0 to 1", got
    return None


def _numbers(words: list[bytes]) -> list[float] | None:
    if max(map(len, words)) > _MAX_NUMBER_BYTES:
        return None
    try:
        values = list(map(float, words))
    except ValueError:
        return None
    return None if b"_" in b"".join(words) else values  # Python reads 1_0 as 10


def _text(word: bytes) -> str:
    return word[:_MAX_NUMBER_BYTES].decode("utf-8", "backslashreplace")
