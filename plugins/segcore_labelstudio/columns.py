"""Columns of the Data Manager: what the evaluation says about a task, in the data of the task.

The server replaces the data of a task as a whole, and what is not sent is gone, the address of the
image as well.  So the data are read, extended, written and read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segcore_labelstudio.failing import JudgedTask

__all__ = [
    "CLASS_COLUMN",
    "IOU_COLUMN",
    "METRIC_COLUMN",
    "PREFIX",
    "VALUE_COLUMN",
    "VERDICT_COLUMN",
    "changed",
    "column_values",
    "lost",
]

PREFIX: Final = "segcore_"
"""Every key of ours begins with it, and no other key is ever written."""

CLASS_COLUMN: Final = "segcore_class"
IOU_COLUMN: Final = "segcore_iou"
METRIC_COLUMN: Final = "segcore_metric"
VALUE_COLUMN: Final = "segcore_value"
VERDICT_COLUMN: Final = "segcore_verdict"

_DIGITS: Final = 4


def column_values(task: JudgedTask, *, with_metric: bool = False) -> dict[str, object]:
    """Worst class, its IoU with four digits, and ``fail`` or ``pass``.

    Parameters
    ----------
    task : JudgedTask
    with_metric : bool
        Say as well by which metric it is the worst, and its value with four digits: where tasks are
        judged by objects, it need not be IoU.
    """
    metric = {METRIC_COLUMN: task.metric, VALUE_COLUMN: _rounded(task.value)} if with_metric else {}
    return {
        CLASS_COLUMN: task.class_name,
        IOU_COLUMN: _rounded(task.iou),
        **metric,
        VERDICT_COLUMN: "fail" if task.failing else "pass",
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def changed(data: Mapping[str, object], values: Mapping[str, object]) -> bool:
    """Whether writing ``values`` would change anything."""
    return any(key not in data or data[key] != value for key, value in values.items())


def lost(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Keys of others that are gone or have another value, sorted."""
    return sorted(
        key
        for key, value in before.items()
        if not key.startswith(PREFIX) and (key not in after or after[key] != value)
    )
