"""What looking through a JSON document gives: where the values of its rows stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["JsonSpans", "JsonTexts"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JsonSpans:
    """The rows of a document: the objects of one list.

    Attributes
    ----------
    begin, end : int
        The list is ``data[begin:end]``, brackets included.
    begins, ends : uint32 (rows, fields)
        The value of a field is ``data[begins[r, f]:ends[r, f]]``; both are 0 where the row has no
        such field.
    """

    begin: int
    end: int
    begins: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JsonTexts:
    r"""Texts one after the other, without their escapes.

    Attributes
    ----------
    text : uint8 (n,)
    offsets : int64 (rows + 1,)
        Row ``r`` owns ``text[offsets[r]:offsets[r + 1]]``.
    plain : bool (rows,)
        False, and the text empty, where the value is no text or not of ASCII without ``\u``.
    """

    text: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    plain: npt.NDArray[np.bool_]
