"""What a pilot says: IoU on gold, what to draw, what that costs, and the gold that lacks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from segcore import __version__
from segcore.advice import Advice, advise
from segcore.batch import evaluate
from segcore.errors import UsageError
from segcore.page.frame import framed
from segcore.page.markup import element, name
from segcore.page.tables import cell, head, row, table
from segcore.pricing.estimate import Estimate, estimate
from segcore.pricing.prices import PriceRange, load_prices
from segcore.pricing.report import shown
from segcore.sources.base import Progress
from segcore_gates.pilot.drawing import RANDOM
from segcore_gates.pilot.plan_file import Plan, still_passes
from segcore_gates.planning.gold import fewest_perfect
from segcore_gates.statistics import MIN_IMAGES_TO_FAIL, Sample

__all__ = ["ClassPilot", "PilotReport", "measured"]

_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPilot:
    """One class of a pilot.

    Attributes
    ----------
    name : str
    images : int
        Of the pilot, that hold it on either side.
    iou, lower, upper : float or None
        Over these images, and bounds of 95 % confidence each.
    certified : bool
        Whether the lower bound reaches the floor.
    needed : int or None
        Images with the class until it is likely to be certified; None where it is, where its IoU is not
        above the floor, or where fewer than five images leave unknown how much they differ.
    least : int
        Fewer cannot certify the floor.
    drawn_as : str or None
        What is advised.
    cost : PriceRange or None
        Of the objects in these images, in boxes.
    """

    name: str
    images: int
    iou: float | None
    lower: float | None
    upper: float | None
    certified: bool
    needed: int | None
    least: int
    drawn_as: str | None
    cost: PriceRange | None

    @property
    def gold(self) -> str:
        """The gold it needs, in words."""
        if self.certified:
            return "enough"
        if self.images < MIN_IMAGES_TO_FAIL:
            return f"at least {self.least}"
        return "its IoU is not above" if self.needed is None else f"{self.needed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotReport:
    """All that a pilot says.

    Attributes
    ----------
    plan : Plan
    floor : float
    classes : tuple of ClassPilot
    mean_iou, random_mean_iou : float or None
        Over the classes, of all images, and of those that were drawn at random alone.
    random_images : int
    not_in_gold, not_delivered : tuple of str
        Images of the plan that one side lacks.
    beside : int
        Gold images that the plan does not have; they count nowhere.
    advice : Advice
    estimate : Estimate
    inputs : tuple of mapping
    """

    plan: Plan
    floor: float
    classes: tuple[ClassPilot, ...]
    mean_iou: float | None
    random_mean_iou: float | None
    random_images: int
    not_in_gold: tuple[str, ...]
    not_delivered: tuple[str, ...]
    beside: int
    advice: Advice
    estimate: Estimate
    inputs: tuple[dict[str, Any], ...]

    headings = ("class", "images", "IoU", "95 % from", "to", "draw", "boxes", "gold images needed")

    def rows(self) -> list[list[str]]:
        """One a class."""
        return [
            [
                c.name,
                f"{c.images}",
                *(_number(value) for value in (c.iou, c.lower, c.upper)),
                c.drawn_as or "-",
                shown(c.cost),
                c.gold,
            ]
            for c in self.classes
        ]

    def notes(self) -> list[str]:
        """What the figures are, and what they are not."""
        there = len(self.plan.images) - len(self.not_in_gold)
        share = still_passes(there)
        lines = [
            f"mean IoU {_number(self.mean_iou)} over the classes of {there} images; it hides the worst",
            f"none bad among {there} would still allow {share or 0:.1%} bad images "
            "(1 - 0.05^(1/n), computed)",
            f"drawn as advised: {shown(self.estimate.cheapest())} boxes; sources: segcore cost",
            "images drawn for a class are no random sample: IoU and bounds are of these images and "
            "speak of others only where they are like them",
        ]
        if self.random_images:
            lines.append(
                f"of the {self.random_images} that were drawn at random: mean IoU "
                f"{_number(self.random_mean_iou)}, of the candidates that no class took"
            )
        for keys, what in (
            (self.not_in_gold, "without gold, left out"),
            (self.not_delivered, "not delivered, counted as wrong"),
        ):
            if keys:
                more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
                lines.append(f"{len(keys)} images of the plan {what}: {', '.join(keys[:5])}{more}")
        if self.beside:
            lines.append(f"{self.beside} gold images are not of the plan and count nowhere")
        lines.append(
            f"plan: {len(self.plan.images)} of {self.plan.candidates} images, {self.plan.sha256}"
        )
        return lines

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "schema": 1,
            "tool": {"name": "segcore", "version": __version__},
            "inputs": list(self.inputs),
            "plan": {
                "sha256": self.plan.sha256,
                "images": len(self.plan.images),
                "candidates": self.plan.candidates,
                "at_random": self.random_images,
            },
            "floor": self.floor,
            "mean_iou": self.mean_iou,
            "random_mean_iou": self.random_mean_iou,
            "not_in_gold": list(self.not_in_gold),
            "not_delivered": list(self.not_delivered),
            "gold_beside_the_plan": self.beside,
            "classes": [
                {
                    "class": c.name,
                    "images": c.images,
                    "iou": c.iou,
                    "lower": c.lower,
                    "upper": c.upper,
                    "certified": c.certified,
                    "images_needed": c.needed,
                    "images_least": c.least,
                    "draw": c.drawn_as,
                    "cost": None if c.cost is None else {"low": c.cost.low, "high": c.cost.high},
                }
                for c in self.classes
            ],
        }

    def page(self) -> str:
        """One HTML file that asks for nothing from anywhere."""
        heads = [head(text, right=bool(i)) for i, text in enumerate(self.headings)]
        rows = [
            row(name(line[0]), *(cell(text, right=True) for text in line[1:])) for line in self.rows()
        ]
        return framed(
            title="Pilot",
            header=element(
                "header",
                element("p", "segcore pilot report", class_="brand"),
                element("h1", "What the pilot says"),
            ),
            main=[
                element(
                    "section",
                    element("h2", "Classes", id="classes"),
                    table(f"Each class against a floor of {self.floor:g}", heads, rows),
                    aria_labelledby="classes",
                ),
                element(
                    "section",
                    element("h2", "What the figures are", id="notes"),
                    element("ul", [element("li", line) for line in self.notes()]),
                    aria_labelledby="notes",
                ),
            ],
        )


def measured(
    plan: Plan,
    gold: str,
    delivery: str,
    *,
    floor: float,
    ontology: str | None = None,
    progress: Progress | None = None,
) -> PilotReport:
    """Measure the images of a plan.

    Raises
    ------
    InvalidInputError
        An input has faults.
    UsageError
        The gold holds no image of the plan.
    """
    whole = evaluate(gold, delivery, ontology=ontology, keep_cells=True, progress=progress)
    there = {*whole.images.paired, *whole.images.missing_in_delivery}
    keys = plan.keys & there
    if not keys:
        raise UsageError(f"{gold} holds no image of the plan")
    found = whole.restricted_to(sorted(keys))
    at_random = {key for key, why in plan.images if why == RANDOM} & keys
    advice = advise(gold, ontology=ontology)
    price = estimate(advice, load_prices(), {})
    advised = {c.name: c for c in advice.classes}
    costs = {c.name: c.cheapest for c in price.classes}
    limit, least = Fraction(str(floor)), fewest_perfect(floor, _CONFIDENCE)
    table_ = found.table()
    counts: dict[str, tuple[list[int], list[int]]] = {}
    columns = (table_[column] for column in ("class", "intersection", "union"))
    for class_name, both, either in zip(*columns, strict=True):
        if either:
            shared, joined = counts.setdefault(class_name, ([], []))
            shared.append(both)
            joined.append(either)
    classes = []
    for class_name in found.ontology.names:
        if class_name not in counts:
            continue
        sample = Sample(*counts[class_name])
        certified = sample.certifies(limit, _CONFIDENCE)
        needed = None
        if not certified and sample.images >= MIN_IMAGES_TO_FAIL:
            needed = sample.images_needed(limit, _CONFIDENCE)
        drawn, way = advised.get(class_name), costs.get(class_name)
        classes.append(
            ClassPilot(
                name=class_name,
                images=sample.images,
                iou=None if sample.value is None else float(sample.value),
                lower=sample.lower(_CONFIDENCE),
                upper=sample.upper(_CONFIDENCE),
                certified=certified,
                needed=None if needed is None else max(needed, least),
                least=least,
                drawn_as=None if drawn is None else drawn.drawn,
                cost=None if way is None else way.cost,
            )
        )
    return PilotReport(
        plan=plan,
        floor=floor,
        classes=tuple(classes),
        mean_iou=found.mean_iou,
        random_mean_iou=whole.restricted_to(sorted(at_random)).mean_iou if at_random else None,
        random_images=len(at_random),
        not_in_gold=tuple(key for key, _ in plan.images if key not in there),
        not_delivered=tuple(key for key in sorted(keys) if key in whole.images.missing_in_delivery),
        beside=len(there - plan.keys),
        advice=advice,
        estimate=price,
        inputs=tuple(info.to_json() for info in whole.inputs),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
