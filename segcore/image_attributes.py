"""What is known of an image beside its masks: who drew it, its tags, and any further attribute.

An attribute is a name with one or several texts.  All of it comes from the vendor: it is made
printable here, and cut to a length that reports can bear.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from segcore.files import composed
from segcore.wording import printable

__all__ = ["ANNOTATOR", "FOLDER", "TAG", "Attributes", "attributes_in", "merged", "text_values"]

ANNOTATOR: Final = "annotator"
"""The attribute that says who drew the masks of an image."""

TAG: Final = "tag"
"""The attribute that holds the tags of an image, of which it may have several."""

FOLDER: Final = "folder"
"""The attribute that holds the folders a file lies in."""

MAX_TEXT: Final = 200
"""Characters of a name or a value; what is cut ends in dots."""

MAX_ATTRIBUTES: Final = 1000
"""Attributes of an image, and values of one of them."""

Attributes = Mapping[str, tuple[str, ...]]
"""The values of each attribute, different from each other and sorted; none has no value at all."""

_TAGS: Final = frozenset({TAG, "tags"})


def text_values(value: object) -> tuple[str, ...]:
    """The texts a plain value stands for, sorted.

    Parameters
    ----------
    value : object
        Text, a number, true or false, or a list of these, as JSON has them.

    Returns
    -------
    tuple of str
        Printable, without space around them, ``true`` and ``false`` in small letters; empty for
        empty text, for what is not finite and for everything that is not plain.
    """
    items = value if isinstance(value, (list, tuple)) else (value,)
    found = {text for item in items[:MAX_ATTRIBUTES] if (text := _text(item))}
    return tuple(sorted(found))


def merged(found: Iterable[tuple[str, object]]) -> dict[str, tuple[str, ...]]:
    """Attributes out of names and values; what comes several times has all of the values."""
    values: dict[str, set[str]] = {}
    for name, value in found:
        key, texts = _text(name), text_values(value)
        if key and texts and (key in values or len(values) < MAX_ATTRIBUTES):
            values.setdefault(key, set()).update(texts)
    return {name: tuple(sorted(values[name])[:MAX_ATTRIBUTES]) for name in sorted(values)}


def attributes_in(entry: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    """The names and values in an entry of a document, for :func:`merged`.

    ``tags`` is called :data:`TAG`; what stands below ``attributes`` is taken as if it stood beside it.
    """
    for name, value in entry.items():
        if name == "attributes" and isinstance(value, Mapping):
            yield from ((TAG if own in _TAGS else own, held) for own, held in value.items())
        else:
            yield TAG if name in _TAGS else name, value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0") if math.isfinite(value) else ""
    if isinstance(value, int):
        # Python writes no integer of more than 4300 digits.
        return str(value) if abs(value) < 10**MAX_TEXT else ""
    return printable(composed(value.strip()), limit=MAX_TEXT) if isinstance(value, str) else ""
