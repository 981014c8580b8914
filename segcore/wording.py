"""Text for people: what untrusted input may show, and what somebody probably meant."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from itertools import islice
from typing import Final

__all__ = ["did_you_mean", "escaped", "escaped_lines", "printable", "show"]

_COMPARED_LENGTH: Final = 100
_COMPARED_WORDS: Final = 1000


def escaped(value: object) -> str:
    r"""``str(value)`` of untrusted input with everything a terminal or a browser could act on escaped.

    Letters of every script stay.  Control characters (ANSI sequences begin with one), direction
    overrides and other invisible marks, lone surrogates and unassigned code points become
    ``\xNN`` or ``\uNNNN``.
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def escaped_lines(text: str) -> str:
    """``text`` escaped line by line; only the line feeds stay."""
    return "\n".join(escaped(line) for line in text.split("\n"))


def printable(text: str, *, limit: int = 80) -> str:
    """``text`` escaped and cut to ``limit`` characters."""
    shown = escaped(text[:limit])
    return shown if len(shown) <= limit and len(text) <= limit else f"{shown[: limit - 3]}..."


def show(value: object) -> str:
    """An untrusted value of any type and size as Python would write it, short and printable."""
    return printable(reprlib.repr(value))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``, did you mean 'car'?`` where a known word is close to ``word``, else an empty string.

    Case does not matter.  Long words are not compared, nor more than a thousand: comparing takes
    the product of all their lengths.
    """
    if len(word) > _COMPARED_LENGTH:
        return ""
    short = (item for item in known if len(item) <= _COMPARED_LENGTH)
    folded = {item.casefold(): item for item in islice(short, _COMPARED_WORDS)}
    close = difflib.get_close_matches(word.casefold(), folded, n=1)
    return f", did you mean {folded[close[0]]!r}?" if close else ""
