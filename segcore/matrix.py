"""Confusion of two label arrays, and intersection over union: the core for a script or a notebook."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from segcore import kernels

__all__ = ["confusion", "iou"]

MAX_CLASSES = 65534
"""Classes :func:`confusion` can tell apart; its result would have 34 GB."""


def confusion(
    gold_labels: npt.ArrayLike,
    delivery_labels: npt.ArrayLike,
    *,
    num_classes: int,
    ignore_index: int | Sequence[int] | None = None,
) -> npt.NDArray[np.int64]:
    """Count the pixels of every pair of classes.

    Parameters
    ----------
    gold_labels, delivery_labels : array of integers or bool, of one shape
        Class of every pixel, 0 to ``num_classes - 1``.  Every other value (255, negative ...)
        is "other", on both sides.
    num_classes : int
        Number of classes, 1 to 65534.
    ignore_index : int or sequence of int, optional
        Pixels whose gold label is one of these are not counted, whatever the delivery says.
        A delivery label of this value is nothing special.

    Returns
    -------
    int64 (num_classes + 1, num_classes + 1)
        Rows gold, columns delivery; the last row and column are "other".  Zeros for empty arrays.

    Raises
    ------
    TypeError
        The labels are not integers, or an array is masked.
    ValueError
        The shapes differ, or ``num_classes`` is out of range.

    Examples
    --------
    >>> gold = [[0, 0, 1], [1, 1, 255]]
    >>> delivery = [[0, 1, 1], [1, 7, 0]]
    >>> confusion(gold, delivery, num_classes=2, ignore_index=255)
    array([[1, 1, 0],
           [0, 2, 1],
           [0, 0, 0]])
    """
    classes = operator.index(num_classes)
    if not 1 <= classes <= MAX_CLASSES:
        raise ValueError(f"num_classes: expected 1 to {MAX_CLASSES}, got {classes}")
    gold = _labels(gold_labels, "gold_labels")
    delivery = _labels(delivery_labels, "delivery_labels")
    if gold.shape != delivery.shape:
        raise ValueError(f"the labels differ in shape: gold {gold.shape}, delivery {delivery.shape}")
    if gold.ndim > 1 and gold.flags.f_contiguous and delivery.flags.f_contiguous:
        gold, delivery = gold.T, delivery.T
    gold_values, gold_codes = _coded(gold, classes, _ignored(ignore_index))
    delivery_values, delivery_codes = _coded(delivery, classes, ())
    table = kernels.joint_dense(
        gold_values, delivery_values, gold_codes, delivery_codes, size=classes + 2
    )
    return np.ascontiguousarray(table[:-1, :-1])


def iou(confusion: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Intersection over union of every class (the Jaccard index).

    Parameters
    ----------
    confusion : (num_classes + 1, num_classes + 1)
        As :func:`confusion` gives it, or a sum of such tables.  "Other" is no class, but pixels
        of a class that are "other" on the opposite side are part of its union.

    Returns
    -------
    float64 (num_classes,)
        NaN where the union is empty.

    Raises
    ------
    ValueError
        The table is not square.

    Examples
    --------
    >>> iou([[1, 1, 0], [0, 2, 1], [0, 0, 0]])
    array([0.5, 0.5])
    """
    table = np.asarray(confusion)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise ValueError(f"expected a square table of classes and other, got shape {table.shape}")
    intersection = np.diagonal(table)
    union = table.sum(axis=0) + table.sum(axis=1) - intersection
    scores = np.full(len(table), np.nan)
    np.divide(intersection, union, out=scores, where=union != 0)
    return scores[:-1]


def _labels(labels: npt.ArrayLike, name: str) -> npt.NDArray[np.integer | np.bool_]:
    if isinstance(labels, np.ma.MaskedArray):
        raise TypeError(f"{name}: masked arrays are not understood; fill the mask with an ignored label")
    array = np.asarray(labels)
    if array.dtype.kind not in "iub":
        raise TypeError(f"{name}: expected integers or bool, got {array.dtype}")
    return array


def _ignored(ignore_index: int | Sequence[int] | None) -> tuple[int, ...]:
    if ignore_index is None:
        return ()
    if isinstance(ignore_index, SupportsIndex):
        return (operator.index(ignore_index),)
    return tuple(operator.index(label) for label in ignore_index)


def _coded(
    labels: npt.NDArray[np.integer | np.bool_], classes: int, ignored: tuple[int, ...]
) -> tuple[npt.NDArray[np.uint8] | npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    """``labels`` as 8 or 16 bit values, and the code of every value.

    Code ``classes`` is other, ``classes + 1`` is ignored.
    """
    labels = np.ascontiguousarray(labels, labels.dtype.newbyteorder("="))
    if labels.itemsize > 2:
        return _narrowed(labels, classes, ignored), np.arange(1 << 16, dtype=np.int32).clip(
            max=classes + 1
        )
    values = labels.view(np.dtype(f"u{labels.itemsize}"))
    label_of_value = np.arange(1 << 8 * labels.itemsize).astype(values.dtype)
    if labels.dtype.kind == "i":
        label_of_value = label_of_value.view(labels.dtype)
    label_of_value = label_of_value.astype(np.int64)
    is_class = (label_of_value >= 0) & (label_of_value < classes)
    codes = np.where(is_class, label_of_value, classes).astype(np.int32)
    for label in ignored:
        codes[label_of_value == label] = classes + 1
    return values, codes


def _narrowed(
    labels: npt.NDArray[np.integer | np.bool_], classes: int, ignored: tuple[int, ...]
) -> npt.NDArray[np.uint16]:
    """Codes of labels wider than 16 bits."""
    unsigned = labels.view(np.dtype(f"u{labels.itemsize}"))
    codes = labels.astype(np.uint16)
    # Negative labels are large as unsigned numbers: one comparison finds both.
    codes[unsigned >= classes] = classes
    limits = np.iinfo(labels.dtype.name)
    for label in ignored:
        if limits.min <= label <= limits.max:
            codes[labels == label] = classes + 1
    return codes
