"""The confusion of the classes with errors, as a shaded table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from segcore.evaluation import OTHER
from segcore.page.markup import Markup, element, name
from segcore.page.tables import head, row, table

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation

__all__ = ["heatmap"]

IntArray = npt.NDArray[np.int64]

MAX_CLASSES: Final = 30
_LEVELS: Final = 8


def heatmap(evaluation: Evaluation, *, anchor: str) -> Markup | None:
    """Who is taken for whom; None where neither side holds a class.

    The classes with the most wrong pixels come first, up to 30; the others are summed in one row and
    one column.  A class neither side holds is left out.
    """
    table_, k = evaluation.confusion, len(evaluation.ontology)
    wrong = table_.sum(axis=0) + table_.sum(axis=1) - 2 * np.diagonal(table_)
    held = (table_.sum(axis=0) + table_.sum(axis=1))[:k] > 0
    order = [i for i in np.argsort(-wrong[:k], kind="stable").tolist() if held[i]]
    if not order:
        return None
    shown, summed = order[:MAX_CLASSES], order[MAX_CLASSES:]
    groups = [[i] for i in shown] + ([summed] if summed else []) + [[k]]
    names: list[Markup | str] = [name(evaluation.ontology.names[i]) for i in shown]
    if summed:
        names.append(f"{len(summed)} other classes, summed")
    names.append(OTHER)
    counted = _summed(table_, groups)
    rows = [
        row(title, [_cell(counted, r, c) for c in range(len(groups))], data_row=r)
        for r, title in enumerate(names)
    ]
    said = (
        "Rows are gold, columns what was delivered. A cell shows which share of its row was delivered "
        "as the class of its column; the diagonal is right. Shading says the same as the number. "
        f"{OTHER} is no class: unlabeled, void in the delivery, or not delivered."
    )
    if summed:
        said += f" The {MAX_CLASSES} classes with the most wrong pixels stand by themselves."
    return element(
        "section",
        element("h3", "Confusion", id=f"{anchor}-h"),
        element("p", said),
        table(
            "Pixels of gold (rows) by what was delivered (columns)", _heads(names), rows, class_="heat"
        ),
        id=anchor,
        aria_labelledby=f"{anchor}-h",
    )


def _heads(names: list[Markup | str]) -> list[Markup]:
    return [head("gold"), *(head(element("span", title)) for title in names)]


def _summed(table_: IntArray, groups: list[list[int]]) -> IntArray:
    rows = np.stack([table_[group].sum(axis=0) for group in groups])
    return np.stack([rows[:, group].sum(axis=1) for group in groups], axis=1)


def _cell(counted: IntArray, r: int, c: int) -> Markup:
    pixels, whole = int(counted[r, c]), int(counted[r].sum())
    share = pixels / whole if whole else 0.0
    if not pixels:
        text = ""
    elif share < 0.01:
        text = "<1"
    else:
        text = str(int(100 * share))  # rounded down: 100 is all
    level = 0 if not pixels else 1 + min(int(share * (_LEVELS - 1)), _LEVELS - 2)
    kind = "right" if r == c and r < len(counted) - 1 else "wrong"
    return element(
        "td",
        text,
        class_=f"{kind} h{level}",
        title=f"{pixels} px, {100 * share:.2f} % of the row" if pixels else None,
        data_pixels=pixels,
    )
