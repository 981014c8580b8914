"""Matched objects as columns: counts by image and class, and every object by itself."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from segcore.instance_matching import MATCH_IOU, MatchCounts, ObjectMatching, Pairs
from segcore.instance_tally import InstanceTable

__all__ = ["image_class_columns", "object_columns", "record_columns"]

Integers = npt.NDArray[np.int64]


def image_class_columns(matching: ObjectMatching, names: tuple[str, ...]) -> dict[str, list[Any]]:
    """One row for every class an image holds on either side, by image, then class.

    Parameters
    ----------
    matching : ObjectMatching
    names : tuple of str
        Of the classes.
    """
    table, k = matching.table, len(names)
    gold = table.gold_images * k + table.gold.classes
    delivery = table.delivery_images * k + table.delivery.classes
    found = matching.at(MATCH_IOU)
    parts = {
        "matched": gold[found.gold],
        "missed": gold[matching.missed_gold()],
        "extra": delivery[matching.extra_delivered()],
        "merged": delivery[np.unique(matching.merged.delivery)],
        "split": gold[np.unique(matching.split.gold)],
    }
    cells = np.unique(np.concatenate([parts["matched"], parts["missed"], parts["extra"]]))
    counted = {
        name: np.bincount(np.searchsorted(cells, part), minlength=len(cells)).tolist()
        for name, part in parts.items()
    }
    place = np.searchsorted(cells, parts["matched"])
    ious = np.bincount(place, weights=found.iou, minlength=len(cells)).tolist()
    rows = [
        MatchCounts(matched=m, missed=s, extra=e)
        for m, s, e in zip(counted["matched"], counted["missed"], counted["extra"], strict=True)
    ]
    return {
        "image": [table.keys[cell] for cell in (cells // k).tolist()],
        "class": [names[cell] for cell in (cells % k).tolist()],
        "gold_objects": [row.matched + row.missed for row in rows],
        "delivery_objects": [row.matched + row.extra for row in rows],
        **counted,
        "f1": [row.f1 for row in rows],
        "mean_matched_iou": [
            total / row.matched if row.matched else None for total, row in zip(ious, rows, strict=True)
        ],
    }


def object_columns(matching: ObjectMatching, names: tuple[str, ...]) -> dict[str, list[Any]]:
    """What became of every object at IoU .5, by image, kind, gold and delivered object.

    Parameters
    ----------
    matching : ObjectMatching
    names : tuple of str
        Of the classes.

    Returns
    -------
    dict of list
        ``image``, ``kind``, ``gold_class``, ``gold_id``, ``gold_px``, ``delivery_class``,
        ``delivery_id``, ``delivery_px``, ``iou``; None for a side without an object.  And
        ``boundary_iou``, where the table holds boundaries.

    Notes
    -----
    Every object is matched, missed or extra once; crowds and what lies in them are not listed.
    Further rows say how missed and extra objects belong together: ``near`` are the best pairs
    below .5, ``merged`` and ``split`` have a row for each part, ``confused`` are objects delivered
    under another class.
    """
    found = matching.at(MATCH_IOU)
    groups: dict[str, Pairs | Integers] = {
        "matched": found,
        "missed": matching.missed_gold(),
        "extra": matching.extra_delivered(),
        "near": matching.pairs.where(matching.pairs.iou < MATCH_IOU),
        "merged": matching.merged,
        "split": matching.split,
        "confused": matching.confused,
    }
    return record_columns(matching.table, names, groups, delivered={"extra"})


def record_columns(
    table: InstanceTable,
    names: tuple[str, ...],
    groups: Mapping[str, Pairs | Integers],
    *,
    delivered: Set[str],
) -> dict[str, list[Any]]:
    """Objects and pairs of them as columns, by image, kind, gold and delivered object.

    Parameters
    ----------
    table : InstanceTable
    names : tuple of str
        Of the classes.
    groups : mapping of str to Pairs or int64 (n,)
        By kind, in the order of the rows of an image: pairs, or the numbers of objects of one side.
    delivered : set of str
        The kinds whose objects are delivered ones.
    """
    columns_of = [
        (group.gold, group.delivery, group.iou)
        if isinstance(group, Pairs)
        else _one_sided(group, delivered=kind in delivered)
        for kind, group in groups.items()
    ]
    kinds = np.repeat(np.arange(len(groups)), [len(column[0]) for column in columns_of])
    gold, delivery = (np.concatenate([column[side] for column in columns_of]) for side in (0, 1))
    iou = np.concatenate([column[2] for column in columns_of])
    # An index of -1 is never used: the other side then says which image it is.
    images = np.empty(len(kinds), np.int64)
    images[gold >= 0] = table.gold_images[gold[gold >= 0]]
    images[gold < 0] = table.delivery_images[delivery[gold < 0]]
    order = np.lexsort((delivery, gold, kinds, images))
    kind_names = list(groups)
    columns: dict[str, list[Any]] = {
        "image": [table.keys[i] for i in images[order].tolist()],
        "kind": [kind_names[i] for i in kinds[order].tolist()],
    }
    for side, rows, held in (
        ("gold", gold[order].tolist(), table.gold),
        ("delivery", delivery[order].tolist(), table.delivery),
    ):
        classes, areas = held.classes.tolist(), held.areas_px.tolist()
        columns[f"{side}_class"] = [None if i < 0 else names[classes[i]] for i in rows]
        columns[f"{side}_id"] = [None if i < 0 else held.ids[i] for i in rows]
        columns[f"{side}_px"] = [None if i < 0 else areas[i] for i in rows]
    columns["iou"] = _known(iou[order])
    if table.boundaries is not None:
        both = (gold >= 0) & (delivery >= 0)
        boundary_iou = np.full(len(kinds), np.nan)
        boundary_iou[both] = table.boundary_iou(gold[both], delivery[both])
        columns["boundary_iou"] = _known(boundary_iou[order])
    return columns


def _known(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def _one_sided(
    objects: Integers, *, delivered: bool
) -> tuple[Integers, Integers, npt.NDArray[np.float64]]:
    none = np.full(len(objects), -1, np.int64)
    gold, delivery = (none, objects) if delivered else (objects, none)
    return gold, delivery, np.full(len(objects), np.nan)
