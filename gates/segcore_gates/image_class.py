"""Image x class counts as CSV, the worst first, for whoever sorts and filters in a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from segcore.cli.output import csv_text

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation

__all__ = ["COLUMNS", "image_class_csv"]

COLUMNS: Final = (
    "policy",
    "image",
    "class",
    "rank_of_lost_px",
    "rank_of_iou_in_class",
    "lost_px",
    "share_of_lost_px_of_class",
    "intersection",
    "union",
    "gold_pixels",
    "delivery_pixels",
    "iou",
    "dice",
    "precision",
    "recall",
    "delivered",
)


def image_class_csv(batches: Sequence[tuple[str, Evaluation]]) -> str:
    """One row for every class an image holds on either side, most lost pixels first.

    Parameters
    ----------
    batches : sequence of (str, Evaluation)
        What each policy is called, and its batch.

    Notes
    -----
    Ranks count from 1, the worst; equal ones share the lower rank.  Lost pixels are union minus
    intersection.
    """
    rows = [row for policy, evaluation in batches for row in _rows(policy, evaluation)]
    return csv_text(COLUMNS, rows)


def _rows(policy: str, evaluation: Evaluation) -> list[tuple[object, ...]]:
    table = evaluation.table()
    names = list(table)
    rows: list[dict[str, Any]] = [
        dict(zip(names, values, strict=True)) for values in zip(*table.values(), strict=True)
    ]
    missing = frozenset(evaluation.images.missing_in_delivery)
    lost_of: dict[str, int] = {}
    for row in rows:
        row["policy"] = policy
        row["lost_px"] = row["union"] - row["intersection"]
        row["delivered"] = "no" if row["image"] in missing else "yes"
        lost_of[row["class"]] = lost_of.get(row["class"], 0) + row["lost_px"]
    for row in rows:
        whole = lost_of[row["class"]]
        row["share_of_lost_px_of_class"] = row["lost_px"] / whole if whole else 0.0
    _rank(rows, "rank_of_lost_px", lambda row: -row["lost_px"])
    by_class: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_class.setdefault(row["class"], []).append(row)
    for of_class in by_class.values():
        _rank(of_class, "rank_of_iou_in_class", lambda row: row["iou"])
    rows.sort(key=lambda row: row["rank_of_lost_px"])  # stable: then by image and class
    return [tuple(row[column] for column in COLUMNS) for row in rows]


def _rank(rows: list[dict[str, Any]], column: str, key: Any) -> None:
    before, rank = None, 0
    for place, row in enumerate(sorted(rows, key=key), start=1):
        if key(row) != before:
            before, rank = key(row), place
        row[column] = rank
