"""What the judge says: verdicts, records, outcomes.  Values only; nothing here decides about a rule."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Final

from segcore_gates.rules import Judge, Level, LimitKind, Metric

__all__ = [
    "DETAILS",
    "FOUND",
    "OTHER",
    "Confusion",
    "Interval",
    "Outcome",
    "Plain",
    "Record",
    "Verdict",
    "WorstImage",
    "measured",
    "number",
    "outcome",
    "outcome_of_all",
]

OTHER: Final = "<other>"
"""What stands in a confusion for no class at all."""

FOUND: Final = "found"
"""The unit of counts."""

DETAILS: Final = 100
"""The most rows of details a record carries."""

Plain = str | int | float | None
"""A cell of the details."""


class Verdict(enum.StrEnum):
    """What one rule came to, best first."""

    PASS = "PASS"  # noqa: S105 - a verdict
    WARN = "WARN"
    """Below the soft limit, or broken where the policy asks for a warning only."""
    WAIVED = "WAIVED"
    """Broken, and excused by a waiver that has not expired."""
    THIN = "THIN"
    """Too little evidence to say."""
    FAIL = "FAIL"
    MISSING = "MISSING"
    """The rule asks for something neither side contains."""
    ERROR = "ERROR"
    """It could not be evaluated."""


class Outcome(enum.StrEnum):
    """What a batch came to, best first."""

    ACCEPT = "accept"
    INSUFFICIENT = "insufficient"
    """Nothing failed, but what there is does not prove enough."""
    REJECT = "reject"
    INVALID = "invalid"
    """The input was refused; nothing was judged."""
    ERROR = "error"

    @property
    def exit_code(self) -> int:
        """Exit code of ``segcore gate``."""
        return {"accept": 0, "reject": 1, "insufficient": 2, "invalid": 3, "error": 5}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What the images say about the true value: two one-sided bounds, each at ``confidence``.

    Attributes
    ----------
    lower, upper : float
        Shares.  The lower one counts one hypothetical miss (see :mod:`segcore_gates.statistics`), but
        for shares of images, whose bounds are exact (:mod:`segcore_gates.proportion`).
    confidence : float
        Of each bound by itself.
    images : int
        Images in which either side has the class.
    effective_images : float
        How many images of equal size would weigh the same.
    population : int or None
        How many images may hold the class of those that the gold was drawn from; None is without an end.
    """

    lower: float
    upper: float
    confidence: float
    images: int
    effective_images: float
    population: int | None = None

    def to_json(self) -> dict[str, float]:
        """Plain values; ``population`` only where there is one."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Pixels, objects or segments of a class that were labelled as another one.

    Attributes
    ----------
    class_name : str
        The other class, or ``<other>``: unlabeled, void in the delivery or not delivered.
    extra : bool
        False: gold pixels of the rule's class that were delivered as ``class_name`` (missed).
        True: the other way round.
    pixels, objects, segments : int or None
        How many; one of the three.
    share : float
        Of all missed (or all extra) pixels, objects or segments of the rule's class.
    """

    class_name: str
    extra: bool
    pixels: int | None = None
    objects: int | None = None
    segments: int | None = None
    share: float

    @property
    def count(self) -> int:
        """How many, of whatever is counted."""
        return self.pixels or self.objects or self.segments or 0

    def describe(self, name: str) -> str:
        """``31 % of missed person pixels went to rider``."""
        share = f"{self.share:.0%}".replace("%", " %")
        if self.pixels is None:
            return f"{share} of {self._one_by_one(name)}"
        if self.extra:
            where = " (no class in the gold)" if self.class_name == OTHER else ""
            return f"{share} of extra {name} pixels came from {self.class_name}{where}"
        where = " (no class delivered)" if self.class_name == OTHER else ""
        return f"{share} of missed {name} pixels went to {self.class_name}{where}"

    def _one_by_one(self, name: str) -> str:
        which = f"{name} {'segments' if self.objects is None else 'objects'} ({self.count})"
        if self.extra:
            return f"extra {which} are {self.class_name} in the gold"
        return f"missed {which} were delivered as {self.class_name}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        kinds = {"pixels": self.pixels, "objects": self.objects, "segments": self.segments}
        counted = {kind: n for kind, n in kinds.items() if n is not None}
        direction = "extra" if self.extra else "missed"
        return {"class": self.class_name, "direction": direction, **counted, "share": self.share}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstImage:
    """An image to look at first; ``reason`` says what is wrong with it where a value does not."""

    image: str
    value: float
    reason: str = ""
    annotator: str | None = None
    link: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        reason = {"reason": self.reason} if self.reason else {}
        return {
            "image": self.image,
            "value": self.value,
            **reason,
            "annotator": self.annotator,
            "link": self.link,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the judge says about one rule.  Reports render it and decide nothing.

    Attributes
    ----------
    id, gate, metric, class_name, severity, judge, policy_line
        From the rule.
    settings : mapping of str to plain values
        What the metric was told beside its limits; see :attr:`segcore_gates.rules.Rule.settings`.
    value : float or None
        What was measured; None where it is undefined or was not evaluated.
    unit : str
        Of value and limit, and of the worst images: ``px``, ``found`` for counts, or empty for shares.
    limit_kind, limit : LimitKind, float
        The number of the policy that decided: the floor (or ceiling), or the soft limit where that was
        crossed.
    interval : Interval or None
        None for metrics without one, and where nothing was measured.
    images, instances : int or None
        The evidence: gold images and gold instances; None where they cannot be counted.
    images_required, instances_required : int
        What the policy asks for.
    images_needed : int or None
        Roughly how many images would certify the class; only where evidence is what is missing.
    verdict : Verdict
        The decision.
    blocks : bool
        Whether it keeps the batch from being accepted.
    reason : str
        One line; may hold names from the input, so escape it before display.
    confusions : tuple of Confusion
        The two largest, most pixels first.
    worst : tuple of WorstImage
        Up to five, worst first; for coverage the missing images, up to ten.
    slice : str or None
        The part of the batch it is about.
    details : tuple of mapping
        Up to :data:`DETAILS` rows of a small table, worst first; all have the same keys, in one order.
    details_total : int
        How many rows there are.
    waiver : mapping or None
        The waiver that is about this check, as the report has it.
    human : mapping or None
        What people reach with each other, where the policy names it: see
        :func:`segcore_gates.agreement.ceilings.human_json`.
    conversion : float or None
        What the conversion of the delivery leaves of the value, where the policy names it.
    exact : Fraction, float or None
        The value before it was rounded, where it is known; a record that crossed a process has none.
    """

    id: str
    gate: str
    metric: Metric
    class_name: str | None
    severity: Level
    judge: Judge
    policy_line: int
    limit_kind: LimitKind
    limit: float
    images_required: int
    instances_required: int
    verdict: Verdict
    blocks: bool
    reason: str
    value: float | None = None
    interval: Interval | None = None
    images: int | None = None
    instances: int | None = None
    images_needed: int | None = None
    confusions: tuple[Confusion, ...] = ()
    worst: tuple[WorstImage, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    unit: str = ""
    slice: str | None = None
    details: tuple[Mapping[str, Plain], ...] = ()
    details_total: int = 0
    waiver: Mapping[str, Plain] | None = None
    human: Mapping[str, Plain] | None = None
    conversion: float | None = None
    exact: Fraction | float | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The record of the JSON report; what not every check has only where it has it."""
        interval = self.interval
        settings = {"settings": dict(self.settings)} if self.settings else {}
        unit = {"unit": self.unit} if self.unit else {}
        details: dict[str, Any] = {}
        if self.details:
            columns = list(self.details[0])
            rows = [[row[column] for column in columns] for row in self.details]
            details = {"details": {"columns": columns, "rows": rows, "total": self.details_total}}
        waiver = {} if self.waiver is None else {"waiver": dict(self.waiver)}
        human = {} if self.human is None else {"human_ceiling": dict(self.human)}
        ceiling = self.conversion
        own = None if ceiling is None or self.value is None else ceiling - self.value
        conversion = {} if ceiling is None else {"value": ceiling, "annotators_share": own}
        return {
            "id": self.id,
            "gate": self.gate,
            "metric": self.metric.value,
            "class": self.class_name,
            "slice": self.slice,
            **settings,
            **unit,
            "value": self.value,
            "limit": {"kind": self.limit_kind.value, "applied": self.limit},
            "interval": interval and interval.to_json(),
            "support": {
                "images": self.images,
                "instances": self.instances,
                "images_required": self.images_required,
                "instances_required": self.instances_required,
                "images_needed": self.images_needed,
            },
            "severity": self.severity.value,
            "judge": self.judge.value,
            "verdict": self.verdict.value,
            "blocks": self.blocks,
            "reason": self.reason,
            "confusions": [confusion.to_json() for confusion in self.confusions],
            "worst": [image.to_json() for image in self.worst],
            **details,
            **waiver,
            **human,
            **({"conversion_ceiling": conversion} if conversion else {}),
            "policy_line": self.policy_line,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """The inverse of :meth:`to_json`; records cross from worker to controller as JSON."""
        support = data["support"]
        details = data.get("details", {"columns": [], "rows": [], "total": 0})
        return cls(
            id=data["id"],
            gate=data["gate"],
            metric=Metric(data["metric"]),
            class_name=data["class"],
            severity=Level(data["severity"]),
            judge=Judge(data["judge"]),
            policy_line=data["policy_line"],
            limit_kind=LimitKind(data["limit"]["kind"]),
            limit=data["limit"]["applied"],
            images_required=support["images_required"],
            instances_required=support["instances_required"],
            verdict=Verdict(data["verdict"]),
            blocks=data["blocks"],
            reason=data["reason"],
            value=data["value"],
            interval=Interval(**data["interval"]) if data["interval"] else None,
            images=support["images"],
            instances=support["instances"],
            images_needed=support["images_needed"],
            confusions=tuple(
                Confusion(
                    class_name=c["class"],
                    extra=c["direction"] == "extra",
                    pixels=c.get("pixels"),
                    objects=c.get("objects"),
                    segments=c.get("segments"),
                    share=c["share"],
                )
                for c in data["confusions"]
            ),
            worst=tuple(WorstImage(**w) for w in data["worst"]),
            settings=data.get("settings", {}),
            unit=data.get("unit", ""),
            slice=data["slice"],
            details=tuple(dict(zip(details["columns"], row, strict=True)) for row in details["rows"]),
            details_total=details["total"],
            waiver=data.get("waiver"),
            human=data.get("human_ceiling"),
            conversion=data.get("conversion_ceiling", {}).get("value"),
        )


def outcome(records: Sequence[Record], *, invalid: bool = False) -> Outcome:
    """What the batch came to.

    Parameters
    ----------
    records : sequence of Record
        Of every rule of the policy.  None at all is :attr:`Outcome.INSUFFICIENT`: nothing was judged.
    invalid : bool
        Whether the input was refused.
    """
    if invalid:
        return Outcome.INVALID
    blocking = {record.verdict for record in records if record.blocks}
    if blocking & {Verdict.FAIL, Verdict.MISSING, Verdict.WARN}:
        return Outcome.REJECT
    if Verdict.ERROR in blocking:
        return Outcome.ERROR
    return Outcome.INSUFFICIENT if blocking or not records else Outcome.ACCEPT


def measured(value: float, unit: str = "") -> str:
    """``0.8512`` for a share, ``12.35 px`` for what has a unit, ``3 found`` for a count."""
    if unit == FOUND:
        return f"{value:.0f} {unit}"
    return f"{value:.2f} {unit}" if unit else f"{value:.4f}"


def number(threshold: float, unit: str = "") -> str:
    """``0.80`` for .8, ``0.975`` for .975, ``3 px`` for 3.0: no digit less than the policy has."""
    text = str(threshold)
    if unit == FOUND:
        return text.removesuffix(".0")
    if unit:
        return f"{text.removesuffix('.0')} {unit}"
    return f"{threshold:.2f}" if len(text.partition(".")[2]) < 2 and "e" not in text else text


def outcome_of_all(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several policies' outcomes; INSUFFICIENT for none."""
    order = list(Outcome)
    return max(outcomes, key=order.index, default=Outcome.INSUFFICIENT)
