"""The kernels that read JSON: compiled only, as json itself is what they are equal to.

They are to be called where the compiled kernels are in use; importing them imports numba.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segcore.kernels.arrays import Bools, Bytes, Counts, Floats
from segcore.kernels.json_spans import JsonSpans, JsonTexts

__all__ = ["json_numbers", "json_spans", "json_texts"]


def json_spans(
    data: Bytes, *, list_name: bytes, names: Sequence[bytes], parents: Sequence[int]
) -> JsonSpans | None:
    """Where the values of the objects of one list of a JSON document stand.

    Parameters
    ----------
    data : uint8 (n,)
        The document, UTF-8.
    list_name : bytes
        The key of the list in the outermost object; empty where the document is the list.
    names, parents : sequence
        The fields that are looked for, and of each the field whose value it is in, an object
        itself, or -1 where it is one of the row.

    Returns
    -------
    JsonSpans or None
        None where json would refuse the document, and where it holds what these kernels leave to
        json: a key twice in one object, with an escape or as one of more than 64; nesting deeper
        than 64; half a surrogate pair; a number of more than 4300 characters; anything but objects
        in the list; no such list.
    """
    from segcore.kernels import compiled_json

    lengths = [len(name) for name in names]
    return compiled_json.json_spans(
        data,
        np.frombuffer(list_name, np.uint8),
        np.frombuffer(b"".join(names), np.uint8),
        np.append(0, np.cumsum(lengths)).astype(np.int64),
        np.array(parents, np.int64),
    )


def json_numbers(data: Bytes, begins: Counts, *, length: int = 0) -> tuple[Floats, Bools, Bools]:
    """The numbers at some places of a document that was found sound.

    Parameters
    ----------
    data : uint8 (n,)
    begins : int64 (r,)
        Where the values begin; at 0 there is none.
    length : int
        0 for numbers, else how many each list of numbers has.

    Returns
    -------
    values : float64 (r, max(length, 1))
        NaN where ``exact`` is False.
    exact : bool (r,)
        Whether the value is that, and no number has to be rounded with more care than one division.
    integers : bool (r,)
        Where it is made of integers of at most 2**53.
    """
    from segcore.kernels import compiled_json_values

    return compiled_json_values.json_numbers(data, begins, length=length)


def json_texts(data: Bytes, begins: Counts, ends: Counts) -> JsonTexts:
    """The texts at some places of a document that was found sound.

    Parameters
    ----------
    data : uint8 (n,)
    begins, ends : int64 (r,)
        The values, quotation marks included; where both are 0 there is none.
    """
    from segcore.kernels import compiled_json_values

    return compiled_json_values.json_texts(data, begins, ends)
