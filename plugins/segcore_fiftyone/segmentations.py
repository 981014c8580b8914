"""Segmentation labels: one mask an image, as a file or in the database, into a label map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segcore.annotation import LabelMap
from segcore.errors import RefusedMaskError
from segcore.masks.png import decode_colors, decode_indices
from segcore.masks.values import summary
from segcore.ontology import UNKNOWN
from segcore_fiftyone.stored import decode_array
from segcore_fiftyone.targets import Values

__all__ = ["map_of_array", "map_of_png"]


def map_of_png(data: bytes, values: Values) -> LabelMap:
    """The label map of a mask file.

    FiftyOne hands the file to OpenCV, which turns the indices of a palette into colours; here a
    palette's index is the value, unless the mask targets are colours.

    Raises
    ------
    RefusedMaskError
        See :func:`segcore.masks.png.decode_indices` and :func:`segcore.masks.png.decode_colors`;
        ``mask.unknown_value`` for a colour that means no class.
    """
    if values.colored:
        return _map_of_colors(decode_colors(data), values)
    return _map_of_ids(decode_indices(data), values)


def map_of_array(blob: object, values: Values) -> LabelMap:
    """The label map of a mask in the database: booleans are 0 and 1, integers of any size are ids.

    Raises
    ------
    RefusedMaskError
        ``fo.bad_array``, ``limits.pixels``, ``mask.unexpected_mode`` (colours where the mask
        targets are values, or the reverse) or ``mask.unknown_value``.
    """
    array = decode_array(blob)
    if array.ndim == 3:
        if not values.colored:
            raise RefusedMaskError("mask.unexpected_mode", "one value a pixel", f"shape {array.shape}")
        if array.dtype != np.uint8:
            raise RefusedMaskError("mask.unexpected_mode", "8-bit colours", f"{array.dtype}")
        return _map_of_colors(array.astype(np.uint8, copy=False), values)
    if values.colored:
        raise RefusedMaskError("mask.unexpected_mode", "colours", f"shape {array.shape}")
    return _map_of_integers(array, values)


def _map_of_ids(ids: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], values: Values) -> LabelMap:
    return LabelMap(values=ids, lookup=values.lookup(1 << (8 * ids.itemsize)))


def _map_of_integers(array: npt.NDArray[np.generic], values: Values) -> LabelMap:
    if array.dtype == np.bool_:
        return _map_of_ids(array.view(np.uint8), values)
    if array.dtype == np.uint8:
        return _map_of_ids(array.view(np.uint8), values)
    low, high = int(array.min()), int(array.max())
    if low >= 0 and high < 65536:
        narrow = array.astype(np.uint8) if high < 256 else array.astype(np.uint16)
        return _map_of_ids(narrow, values)
    # Negative or beyond 16 bits: no table is large enough, so the values that occur are numbered.
    found, places = np.unique(array, return_inverse=True)
    codes = [values.codes.get(value, UNKNOWN) for value in found.tolist()]
    strange = [at for at, code in enumerate(codes) if code == UNKNOWN]
    if strange:
        counts = np.bincount(places.ravel(), minlength=len(found))
        unknown = {str(found[at]): int(counts[at]) for at in strange}
        expected = f"one of the {len(values.codes)} values of the mask targets"
        raise RefusedMaskError("mask.unknown_value", expected, summary(unknown))
    lookup = np.full(65536, UNKNOWN, np.int32)
    lookup[: len(codes)] = codes
    return LabelMap(values=places.reshape(array.shape).astype(np.uint16), lookup=lookup)


def _map_of_colors(pixels: npt.NDArray[np.uint8], values: Values) -> LabelMap:
    table, lookup = values.colors()
    return LabelMap(values=table.codes_of(pixels, whose="mask targets"), lookup=lookup)
