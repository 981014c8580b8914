"""What a class must reach: in one image, for a sample to be one that fails, and as the judge says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segcore.errors import UsageError

if TYPE_CHECKING:
    from segcore_gates.records import Record
    from segcore_gates.rules import Rule

__all__ = ["ClassVerdict", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassVerdict:
    """What the policy says about the pooled IoU of one class; gates on objects are not told here.

    Attributes
    ----------
    verdict : str
        ``PASS``, ``WARN``, ``THIN``, ``FAIL``, ``MISSING`` or ``ERROR``.
    floor : float
        The IoU it was held against.
    """

    verdict: str
    floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a class must reach.

    Attributes
    ----------
    image : mapping of str to float
        The least IoU a class may have in one image, by class name; classes that are not named are not
        looked at, and with none at all no sample fails.
    missing_fail : bool
        Whether a sample fails because its image was not delivered, whatever it shows.  Even if not, all
        its gold pixels count as missed.
    verdicts : mapping of str to ClassVerdict
        By class name; empty where nobody judged.
    """

    image: Mapping[str, float] = field(default_factory=dict)
    missing_fail: bool = False
    verdicts: Mapping[str, ClassVerdict] = field(default_factory=dict)

    @classmethod
    def below(cls, iou: float, names: Iterable[str]) -> Limits:
        """The same limit for every class.

        Raises
        ------
        UsageError
            It is not above 0 and up to 1.
        """
        if not 0 < iou <= 1:
            raise UsageError(f"a limit is an IoU above 0 and up to 1, got {iou}")
        return cls(image=dict.fromkeys(names, iou))

    @classmethod
    def by_policy(cls, rules: Sequence[Rule], records: Sequence[Record], names: Sequence[str]) -> Limits:
        """The classes that fail a batch have, in an image, the limit that they fail.

        Parameters
        ----------
        rules, records
            Of a policy and of the judge, in the same order.
        names : sequence of str
            The classes of the evaluation.
        """
        from segcore_gates.judged import coverage_fails, image_limits
        from segcore_gates.records import Verdict
        from segcore_gates.rules import Metric

        worst: dict[str, Record] = {}
        order = list(Verdict)
        for rule, record in zip(rules, records, strict=True):
            if rule.class_name is not None and not rule.members and rule.metric is Metric.IOU:
                known = worst.setdefault(rule.class_name, record)
                if order.index(record.verdict) > order.index(known.verdict):
                    worst[rule.class_name] = record
        limits = image_limits(rules, records, names)
        return cls(
            image={name: limit for name, limit in limits.items() if limit},
            missing_fail=coverage_fails(rules, records),
            verdicts={
                name: ClassVerdict(verdict=record.verdict.value, floor=record.limit)
                for name, record in worst.items()
            },
        )
