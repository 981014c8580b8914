"""How each gate moved since the batch that was accepted last."""

from __future__ import annotations

from collections.abc import Iterable

from segcore.page.markup import Child, Markup, element
from segcore_gates.records import Record, measured
from segcore_gates.rules import LimitKind

__all__ = ["trends"]


def trends(records: Iterable[Record]) -> dict[str, Child]:
    """What became of the value of a gate, by the id of its record, from the records of the regression.

    ``regression[class-iou,car]`` is about ``class-iou[car]``, ``regression[mean-iou]`` about
    ``mean-iou``.  Their value is the drop: above 0 is worse, whichever direction is better.
    """
    found: dict[str, Child] = {}
    for record in records:
        if record.limit_kind is LimitKind.MAX_DROP and record.value is not None:
            about = record.id.removeprefix(f"{record.gate}[").removesuffix("]")
            if record.class_name is not None:
                about = f"{about.removesuffix(f',{record.class_name}')}[{record.class_name}]"
            found[about] = _moved(record.value, record.unit)
    return found


def _moved(drop: float, unit: str) -> Markup:
    if not drop:
        return element("span", "as before")
    sign, word = ("\N{DOWNWARDS ARROW}", "worse") if drop > 0 else ("\N{UPWARDS ARROW}", "better")
    return element(
        "span",
        element("span", sign, aria_hidden="true"),
        f" {measured(abs(drop), unit)} {word}",
        data_drop=repr(drop),
    )
