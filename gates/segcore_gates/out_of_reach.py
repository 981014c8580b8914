"""Gates that the gold there is cannot let pass, however good the delivery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from segcore.wording import escaped
from segcore_gates.proportion import Proportion
from segcore_gates.records import Record, Verdict, number
from segcore_gates.rules import Judge, Metric

__all__ = ["out_of_reach"]

_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _OutOfReach:
    """A record, its images, and the fewest good ones that prove the limit; None where no number does."""

    record: Record
    images: int
    fewest: int | None


def out_of_reach(records: Iterable[Record]) -> list[str]:
    """One warning a gate, which names its first classes and how many images they have of how many."""
    groups: dict[str, list[_OutOfReach]] = {}
    for record in records:
        if found := _found(record):
            groups.setdefault(record.gate, []).append(found)
    return [_of_one(group[0]) if len(group) == 1 else _of_many(group) for group in groups.values()]


def _found(record: Record) -> _OutOfReach | None:
    interval = record.interval
    if record.metric is not Metric.BAD_IMAGE_SHARE or record.judge is not Judge.BOUND or not interval:
        return None
    if record.verdict is not Verdict.THIN:
        return None
    best = Proportion(0, interval.images, interval.population)
    fewest = best.fewest(Fraction(str(record.limit)), interval.confidence)
    if fewest is not None and fewest <= interval.images:
        return None
    return _OutOfReach(record=record, images=interval.images, fewest=fewest)


def _of_one(found: _OutOfReach) -> str:
    name, limit = escaped(found.record.id), number(found.record.limit)
    if found.fewest is None:
        return f"warning: {name} cannot pass: no number of images proves a share of {limit}"
    of = f"{found.fewest} images of the class are the fewest that prove {limit}, the batch has"
    return f"warning: {name} cannot pass with this gold: {of} {found.images}"


def _of_many(group: list[_OutOfReach]) -> str:
    gate = escaped(group[0].record.gate)
    told = []
    for found in group[:_NAMES]:
        of = "no number would do" if found.fewest is None else f"the fewest are {found.fewest}"
        told.append(f"{escaped(f'{found.record.class_name}')} has {found.images} images ({of})")
    more = f" and {len(group) - _NAMES} more" if len(group) > _NAMES else ""
    return f"warning: {gate} cannot pass with this gold in {len(group)} classes: {', '.join(told)}{more}"
