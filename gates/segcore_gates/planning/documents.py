"""What ``segcore plan`` finds, as a table for people and a document for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from segcore import __version__
from segcore.errors import UsageError
from segcore.wording import did_you_mean, printable
from segcore_gates.planning.gold import SPREADS, Spread, fewest_perfect, plan_gold
from segcore_gates.planning.sampling import (
    SINGLE_PLANS,
    SamplingPlan,
    half_width,
    plan_by_aql,
    smallest_plan,
    unseen,
)

__all__ = ["Planned", "assumed", "attributes", "by_aql", "measured"]

_CLOSED_FORM: Final = (
    "computed: the statistic of `judge: bound` at the mean and spread of the images, one missed image "
    "added, with room for chance; see docs/plan.md"
)
_BINOMIAL: Final = "computed: binomial distribution of the bad units"
_HYPERGEOMETRIC: Final = "computed: hypergeometric distribution of the bad units in a lot with an end"
_ISO: Final = "ISO 2859-1, normal inspection, general level II: sample and acceptance number"
_LQ10: Final = "LQ10: the share of bad units that still passes one time in ten"
_NOTHING_SAYS: Final = "no plan says anything of units that were not drawn at random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, for people and for programs.

    Attributes
    ----------
    headings, rows : sequences of str
    notes : sequence of str
        Where the figures come from, and what they cannot say.
    document : mapping
        Plain values.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    document: Mapping[str, Any]


def assumed(*, floor: float, expected: float, spread: str, confidence: float, power: float) -> Planned:
    """Gold images a class needs, from what is assumed of it.

    Raises
    ------
    UsageError
        The floor is not below what is expected, or the spread is neither a kind nor a number.
    """
    kinds = SPREADS.items() if spread == "all" else [(spread, SPREADS.get(spread))]
    rows, found = [], []
    for name, kind in kinds:
        images = _given(spread) if kind is None else kind
        try:
            plan = plan_gold(
                floor=floor, expected=expected, spread=images, confidence=confidence, power=power
            )
        except ValueError as error:
            raise UsageError(f"--floor {floor:g}, --expected {expected:g}: {error}") from None
        told = f"{plan.low}" if plan.low == plan.high else f"{plan.low} to {plan.high}"
        rows.append((name, images.what, told, f"{plan.least}"))
        found.append(
            {
                "spread": name,
                "spread_low": images.low,
                "spread_high": images.high,
                "size": images.size,
                "images_low": plan.low,
                "images_high": plan.high,
                "images_least": plan.least,
            }
        )
    return Planned(
        headings=("spread", "images are", "gold images", "at least"),
        rows=rows,
        notes=(
            f"images that hold the class, until an IoU of {expected:g} is certified against {floor:g} "
            f"with a chance of {power:.0%} at {confidence:.0%} confidence",
            f"source: {_CLOSED_FORM}; spreads are those of simulated batches, an assumption",
            "`at least`: perfect images of equal size; fewer cannot certify it, however good they are",
            _NOTHING_SAYS,
        ),
        document=_document(
            "gold",
            {
                "floor": floor,
                "expected": expected,
                "confidence": confidence,
                "power": power,
                "plans": found,
                "source": _CLOSED_FORM,
            },
        ),
    )


def measured(gold: str, delivery: str, *, floor: float, confidence: float, power: float) -> Planned:
    """Gold images each class needs, from what a pilot measured."""
    import segcore
    from segcore_gates.statistics import MIN_IMAGES_TO_FAIL, Sample

    evaluation = segcore.evaluate(gold, delivery)
    table = evaluation.table()
    counts: dict[str, tuple[list[int], list[int]]] = {}
    columns = (table[name] for name in ("class", "intersection", "union"))
    for name, both, either in zip(*columns, strict=True):
        if either:
            shared, joined = counts.setdefault(name, ([], []))
            shared.append(both)
            joined.append(either)
    limit = Fraction(str(floor))
    least = fewest_perfect(floor, confidence)
    rows, found = [], []
    for name in evaluation.ontology.names:
        if name not in counts:
            continue
        sample = Sample(*counts[name])
        certified = sample.certifies(limit, confidence)
        needed = None
        if not certified and sample.images >= MIN_IMAGES_TO_FAIL:
            needed = sample.images_needed(limit, confidence, power=power)
            needed = None if needed is None else max(needed, least)
        value = None if sample.value is None else float(sample.value)
        lower = sample.lower(confidence)
        if certified:
            said = "certified"
        elif sample.images < MIN_IMAGES_TO_FAIL:
            said = f"too few to tell, at least {least}"
        else:
            said = "its IoU is not above" if needed is None else f"{needed}"
        rows.append(
            (
                name,
                f"{sample.images}",
                "-" if value is None else f"{value:.4f}",
                "-" if lower is None else f"{lower:.4f}",
                said,
            )
        )
        found.append(
            {
                "class": name,
                "images": sample.images,
                "iou": value,
                "lower": lower,
                "certified": certified,
                "images_needed": needed,
                "images_least": least,
            }
        )
    return Planned(
        headings=("class", "images", "IoU", "lower bound", "gold images needed"),
        rows=rows,
        notes=(
            f"images that hold the class, to certify {floor:g} with a chance of {power:.0%} at "
            f"{confidence:.0%} confidence, were the IoU of the pilot the true one: that of few is not",
            f"source: {_CLOSED_FORM}, with the spread of the pilot",
            _NOTHING_SAYS,
        ),
        document=_document(
            "gold",
            {
                "floor": floor,
                "confidence": confidence,
                "power": power,
                "classes": found,
                "source": _CLOSED_FORM,
            },
        ),
    )


def attributes(*, limit: float, good: float, lot: int | None, confidence: float) -> Planned:
    """Samples that see more bad units than the limit, with the risk of either side."""
    if good >= limit:
        raise UsageError(f"--good-share {good:g} must be below --bad-share {limit:g}")
    rows, found = [], []
    for accept in range(6):
        plan = smallest_plan(limit=limit, risk=1 - confidence, accept=accept, lot=lot)
        if plan is None or (lot is not None and plan.sample >= lot):
            break
        rows.append(_row(plan, limit, good))
        found.append(_plan_json(plan, limit, good))
    if not rows:
        raise UsageError(f"a lot of {lot} is too small for {limit:g}: look at all of it")
    return Planned(
        headings=("accept with at most", "look at", "consumer's risk", "producer's risk", "LQ10"),
        rows=rows,
        notes=(
            f"consumer's risk: a lot with a share of {limit:.3g} bad units is accepted; producer's: one "
            f"with {good:.3g} is rejected",
            f"source: {_BINOMIAL if lot is None else _HYPERGEOMETRIC}; {_LQ10}",
            f"a spot check of 20 units sees no bad one with a chance of {unseen(20, limit):.0%}, where "
            f"a share of {limit:.3g} is bad",
            f"{rows[0][1]} units tell a share of {limit:.3g} to within "
            f"{half_width(int(rows[0][1]), limit):.1%} (95 %)",
            _NOTHING_SAYS,
        ),
        document=_document(
            "attributes",
            {
                "bad_share": limit,
                "good_share": good,
                "lot": lot,
                "confidence": confidence,
                "plans": found,
                "source": _BINOMIAL if lot is None else _HYPERGEOMETRIC,
            },
        ),
    )


def by_aql(*, lot: int, aql: float) -> Planned:
    """The plan of ISO 2859-1, and what it lets through."""
    chosen = plan_by_aql(lot=lot, aql=aql)
    if chosen is None:
        known = ", ".join(f"{q:g}" for q in sorted({q for _, q in SINGLE_PLANS}))
        raise UsageError(
            f"no plan here for a lot of {lot} and an AQL of {aql:g}: there are some for lots of 281 to "
            f"35000 and AQLs of {known}; --bad-share computes one"
        )
    letter, plan = chosen
    good = aql / 100
    limit = plan.limiting_share(0.10)
    return Planned(
        headings=("code letter", "look at", "accept with at most", "producer's risk", "LQ10"),
        rows=[
            (
                letter,
                f"{plan.sample}",
                f"{plan.accept}",
                f"{plan.producer_risk(good):.1%}",
                f"{limit:.1%}",
            )
        ],
        notes=(
            f"source: {_ISO}; both risks are {_BINOMIAL}",
            f"the AQL of {aql:g} % protects the vendor, LQ10 the buyer: {_LQ10}",
            "for a single lot take --bad-share: the plans of the standard are made for series of lots",
            _NOTHING_SAYS,
        ),
        document=_document(
            "aql",
            {
                "lot": lot,
                "aql_percent": aql,
                "code_letter": letter,
                "plans": [_plan_json(plan, limit, good)],
                "source": _ISO,
            },
        ),
    )


def _row(plan: SamplingPlan, limit: float, good: float) -> tuple[str, ...]:
    return (
        f"{plan.accept}",
        f"{plan.sample}",
        f"{plan.accepts(limit):.1%}",
        f"{plan.producer_risk(good):.1%}",
        f"{plan.limiting_share(0.10):.1%}",
    )


def _plan_json(plan: SamplingPlan, limit: float, good: float) -> dict[str, Any]:
    return {
        "accept": plan.accept,
        "sample": plan.sample,
        "consumer_risk": plan.accepts(limit),
        "producer_risk": plan.producer_risk(good),
        "lq10": plan.limiting_share(0.10),
    }


def _given(text: str) -> Spread:
    """A number in place of a kind; sizes as in COCO."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10:
        hint = did_you_mean(text, [*SPREADS, "all"])
        known = ", ".join([*SPREADS, "all"])
        raise UsageError(f"--spread {printable(text, limit=40)}: expected {known} or a number{hint}")
    return Spread(low=value, high=value, size=SPREADS["typical"].size, what="given; sizes as in COCO")


def _document(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": 1,
        "tool": {"name": "segcore", "version": __version__},
        "kind": kind,
        **content,
    }
