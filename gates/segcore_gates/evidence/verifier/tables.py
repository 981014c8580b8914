"""The counts of a bundle, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segcore_gates.evidence.verifier.container import RejectedError

__all__ = ["BatchCounts"]

_COLUMNS = {
    "pixels": ("intersection", "gold", "delivery"),
    "boundary": ("intersection", "gold", "delivery"),
    "outlines": ("gold_near", "gold", "delivery_near", "delivery"),
    "distances": ("distance",),
    "objects": ("matched", "missed", "extra", "ious"),
    "segments": ("matched", "missed", "extra", "ious"),
}
_RANKED = "ranked"
_FLAGS = {
    "pixels": ("instances",),
    "objects": ("in_gold", "in_delivery", "thing"),
    "segments": ("in_gold", "in_delivery", "thing"),
}


class BatchCounts:
    """What was counted, image by image.

    Parameters
    ----------
    counts : dict
        ``counts.json``.
    names : sequence of str
        The classes.
    """

    def __init__(self, counts: dict[str, Any], names: Sequence[str]) -> None:
        images = counts["images"]
        self.gold: int = images["gold"]
        self.missing: list[str] = images["missing"]
        self.extra: list[str] = images["extra"]
        self._tables: dict[str, Any] = counts["tables"]
        self.keys: list[str] = images["keys"]
        for keys in (self.keys, self.missing, self.extra, images["paired"]):
            _require(keys == sorted(set(keys)), "images are listed twice or out of order")
        _require(_whole(self.gold) and len(self.missing) <= self.gold, "images.gold")
        undelivered = set(self.missing)
        for name, table in self._tables.items():
            kind = name.split(" ")[0]
            _require(kind in {*_COLUMNS, _RANKED} and table.keys() <= set(names), name)
            for class_name, rows in table.items():
                if kind == _RANKED:
                    _require(_is_ranking(rows), f"{name}[{class_name}]")
                    continue
                where = f"{name}[{class_name}]"
                _require(rows.keys() == {"image", *_COLUMNS[kind], *_FLAGS.get(kind, ())}, where)
                self._check(kind, rows, undelivered, where)

    def classes(self, table: str) -> list[dict[str, Any]]:
        """The columns of every class."""
        _require(table in self._tables, f"no table {table!r}")
        return list(self._tables[table].values())

    def rows(self, table: str, rule: dict[str, Any]) -> dict[str, Any]:
        """The columns of the class of a rule, or of the classes of its group, summed image by image."""
        names = rule["members"] or [rule["class"]]
        known = self._tables.get(table, {})
        _require(all(name in known for name in names), f"no {table} of {rule['class']}")
        parts: list[dict[str, Any]] = [known[name] for name in names]
        return parts[0] if len(parts) == 1 else _summed(parts, _COLUMNS[table.split(" ")[0]])

    def ranking(self, table: str, rule: dict[str, Any]) -> dict[str, Any]:
        """The ranked objects of the class of a rule."""
        known = self._tables.get(table, {})
        _require(rule["class"] in known, f"no {table} of {rule['class']}")
        found: dict[str, Any] = known[rule["class"]]
        return found

    def _check(self, kind: str, rows: dict[str, Any], undelivered: set[str], where: str) -> None:
        at = rows["image"]
        _require(all(map(_whole, at)) and at == sorted(set(at)), where)
        _require(not at or at[-1] < len(self.keys), where)
        columns = [rows[name] for name in _COLUMNS[kind]]
        _require(all(len(column) == len(at) for column in columns), where)
        for place, *cells in zip(at, *columns):
            lost = self.keys[place] in undelivered
            _require(_CHECKS[kind](cells, lost), f"{where}, image {self.keys[place]}")


def _is_ranking(rows: dict[str, Any]) -> bool:
    return (
        rows.keys() == {"scored", "one_point", "wanted", "outcomes"}
        and _whole(rows["wanted"])
        and all(set(one) <= {"0", "1"} for one in rows["outcomes"].values())
        and all(one.count("1") <= rows["wanted"] for one in rows["outcomes"].values())
    )


def _summed(parts: list[dict[str, Any]], columns: Sequence[str]) -> dict[str, Any]:
    rows: dict[int, list[Any]] = {}
    for part in parts:
        for place, *cells in zip(part["image"], *(part[name] for name in columns)):
            before = rows.get(place)
            rows[place] = cells if before is None else [one + other for one, other in zip(before, cells)]
    order = sorted(rows)
    found: dict[str, Any] = {"image": order}
    for k, name in enumerate(columns):
        found[name] = [rows[place][k] for place in order]
    if "instances" in parts[0]:
        counted = [part["instances"] for part in parts]
        found["instances"] = None if None in counted else sum(counted)
    if "thing" in parts[0]:
        found["in_gold"] = any(part["in_gold"] for part in parts)
        found["in_delivery"] = any(part["in_delivery"] for part in parts)
        found["thing"] = False if any(part["thing"] is False for part in parts) else None
    return found


def _pixels(cells: Sequence[int], lost: bool) -> bool:
    both, gold, delivery = cells
    fits = all(map(_whole, cells)) and both <= min(gold, delivery) and gold + delivery > 0
    return fits and not (lost and delivery)


def _outlines(cells: Sequence[int], lost: bool) -> bool:
    gold_near, gold, delivery_near, delivery = cells
    fits = all(map(_whole, cells)) and gold_near <= gold and delivery_near <= delivery
    return fits and gold + delivery > 0 and not (lost and delivery)


def _distances(cells: Sequence[float], lost: bool) -> bool:
    # One that was not delivered is as far off as can be.
    return isinstance(cells[0], float) and (cells[0] > 0 if lost else cells[0] >= 0)


def _objects(cells: Sequence[Any], lost: bool) -> bool:
    matched, missed, extra, ious = cells
    fits = all(map(_whole, (matched, missed, extra))) and len(ious) == matched
    return (
        fits
        and matched + missed + extra > 0
        and all(isinstance(iou, float) and 0 < iou <= 1 for iou in ious)
        and not (lost and matched + extra)
    )


_CHECKS = {
    "pixels": _pixels,
    "boundary": _pixels,
    "outlines": _outlines,
    "distances": _distances,
    "objects": _objects,
    "segments": _objects,
}


def _whole(value: object) -> bool:
    return type(value) is int and value >= 0


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise RejectedError(f"counts.json: {what}: these counts cannot be")
