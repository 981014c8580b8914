"""What the HTML report shows of a batch beside its verdicts: counts, pictures, units of agreements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from segcore_gates.html.overlays import (
    MAX_SIDE_PX,
    class_color,
    difference,
    difference_png,
    enlargement,
    labels_png,
    reduced,
)
from segcore_gates.records import Record, Verdict
from segcore_gates.rules import Metric
from segcore_gates.sla import Sla, agreed
from segcore_gates.text import worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segcore.annotation import ImageAnnotation
    from segcore.breakdown import Breakdown
    from segcore.evaluation import Evaluation
    from segcore.measures.semantic import SemanticMeasure
    from segcore.sources import Source
    from segcore_gates.html.photos import Photos
    from segcore_gates.judged import JudgedBatch

__all__ = ["BatchContent", "Panel", "Picture", "Wanted", "look_at", "wanted_pictures"]

MAX_PICTURES: Final = 24
PICTURES_OF_A_GATE: Final = 3
_LEGEND: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What it shows, the PNG, and how many of its pixels wide a pixel (or a block of them) is shown."""

    kind: str
    png: bytes
    scale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An image to show, and why.

    Attributes
    ----------
    image : str
    class_name : str or None
        The class that is looked at, or the group of classes; None is all of them.
    members : tuple of str
        The classes of the group.
    why : tuple of (str, float, str)
        The gates that name the image: id, the value there and its unit.
    reason : str
        What is wrong with it where a value does not say it.
    annotator : str or None
    """

    image: str
    class_name: str | None
    members: tuple[str, ...]
    why: tuple[tuple[str, float, str], ...]
    reason: str = ""
    annotator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A wanted image, drawn.

    Attributes
    ----------
    wanted : Wanted
    height, width : int
        Of the image, in pixels.
    step : int
        How many pixels of the masks are one of the pictures.
    panels : tuple of Panel
        Gold, delivery, difference.
    legend : tuple of (str, colour)
        The largest classes of the picture.
    photo : bytes or None
        A JPEG.
    delivered : bool
    lost_px : tuple of int
        Missed, extra and wrong pixels of what is looked at.
    """

    wanted: Wanted
    height: int
    width: int
    step: int
    panels: tuple[Panel, ...]
    legend: tuple[tuple[str, tuple[int, int, int]], ...]
    photo: bytes | None
    delivered: bool
    lost_px: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContent:
    """What one policy's batch shows.

    Attributes
    ----------
    evaluation : Evaluation
    sla : tuple of Sla
    lost : Breakdown or None
    pictures : tuple of Picture
    pictures_wanted : int
        How many images the gates name; more than are shown, maybe.
    with_photos : bool
        Whether photos were asked for.
    """

    evaluation: Evaluation
    sla: tuple[Sla, ...] = ()
    lost: Breakdown | None = None
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    pictures_wanted: int = 0
    with_photos: bool = False


def look_at(batch: JudgedBatch, records: Sequence[Record], *, photos: Photos | None) -> BatchContent:
    """Count and draw what is shown of a batch; reads it once more.

    Parameters
    ----------
    batch : JudgedBatch
    records : sequence of Record
        What was said about it.
    photos : Photos or None

    Raises
    ------
    UsageError
        An input changed since it was evaluated.
    """
    from segcore.breakdown import BAND, breakdown
    from segcore.cli.output import progress

    widths = [rule.dilation for rule in batch.policy.rules if rule.dilation is not None]
    evaluation = batch.evaluation
    wanted = wanted_pictures(records)
    with progress("splitting what is lost") as told:
        lost = breakdown(
            evaluation,
            batch.gold,
            batch.delivery,
            dilation=widths[0] if widths else BAND,
            progress=told,
        )
    return BatchContent(
        evaluation=evaluation,
        sla=agreed(batch),
        lost=lost,
        pictures=tuple(_drawn(batch, wanted[:MAX_PICTURES], photos)),
        pictures_wanted=len(wanted),
        with_photos=photos is not None,
    )


def wanted_pictures(records: Sequence[Record]) -> list[Wanted]:
    """The worst images of the gates that are not passed, three of each; what blocks comes first."""
    found: dict[tuple[str, str | None], Wanted] = {}
    quiet = {Verdict.PASS, Verdict.MISSING, Verdict.ERROR}
    for record in worst_first(records):
        if record.verdict in quiet or record.metric is Metric.COVERAGE:
            continue
        for worst in record.worst[:PICTURES_OF_A_GATE]:
            key = worst.image, record.class_name
            before = found.get(key)
            found[key] = Wanted(
                image=worst.image,
                class_name=record.class_name,
                members=tuple(record.settings.get("group", ())),
                why=(*(before.why if before else ()), (record.id, worst.value, record.unit)),
                reason=before.reason if before and before.reason else worst.reason,
                annotator=worst.annotator,
            )
    return list(found.values())


def _drawn(batch: JudgedBatch, wanted: Sequence[Wanted], photos: Photos | None) -> Iterator[Picture]:
    evaluation = batch.evaluation
    target = evaluation.ontology
    gold = batch.gold.resolve(ontology=target)
    delivery = batch.delivery.resolve(ontology=target, gold=gold)
    measure = _measure(evaluation, gold, delivery)
    paired = frozenset(evaluation.images.paired)
    known = frozenset(evaluation.tallies.keys)
    images = [one for one in wanted if one.image in known]
    for one in images:
        delivered = one.image in paired
        left = gold.read(delivery.image_of(one.image) if delivered else one.image)
        right = delivery.read(one.image) if delivered else None
        if left is not None:
            yield _picture(one, left, right, measure, photos)


def _measure(evaluation: Evaluation, gold: Source, delivery: Source) -> SemanticMeasure:
    from segcore.measures.class_map import ClassMap
    from segcore.measures.semantic import SemanticMeasure

    target = evaluation.ontology
    sides = [
        ClassMap(target=target, source=side.ontology or target, file=side.name)
        for side in (gold, delivery)
    ]
    return SemanticMeasure(gold=sides[0], delivery=sides[1], overlap=target.overlap, crowd=target.crowd)


def _picture(
    wanted: Wanted,
    gold: ImageAnnotation,
    delivery: ImageAnnotation | None,
    measure: SemanticMeasure,
    photos: Photos | None,
) -> Picture:
    import numpy as np

    from segcore.measures.segments import is_dense
    from segcore_gates.html.overlays import Kind

    left, right = measure.code_maps(gold, delivery)
    if not is_dense(gold):
        left, right = left.T, right.T
    classes, k = measure.gold.target.classes, measure.num_classes
    looked_at = wanted.members or ((wanted.class_name,) if wanted.class_name is not None else ())
    codes = tuple(i for i, c in enumerate(classes) if c.name in looked_at) if looked_at else None
    height, width = left.shape
    kinds = difference(left, right, num_classes=k, codes=codes)
    step = reduced(kinds)[1]
    photo = None
    if photos is not None:
        side_px = MAX_SIDE_PX if step > 1 else max(height, width) * enlargement(height, width)
        photo = photos.jpeg(gold.key, height=height, width=width, side_px=side_px)
    colors = [class_color(i, c.color) for i, c in enumerate(classes)]
    on_photo = photo is not None
    panels = [
        Panel(kind=kind, png=png, scale=scale)
        for kind, (png, scale) in (
            ("gold", labels_png(left, colors=colors, ignore=k + 1, chosen=codes, on_photo=on_photo)),
            (
                "delivery",
                labels_png(right, colors=colors, ignore=k + 1, chosen=codes, on_photo=on_photo),
            ),
            ("difference", difference_png(kinds, on_photo=on_photo)),
        )
    ]
    areas = np.bincount(left.ravel(), minlength=k)[:k] + np.bincount(right.ravel(), minlength=k)[:k]
    largest = [i for i in np.argsort(-areas, kind="stable").tolist() if areas[i]][:_LEGEND]
    if codes is not None:
        largest = [*codes, *(i for i in largest if i not in codes)]
    counted = np.bincount(kinds.ravel(), minlength=len(Kind)).tolist()
    return Picture(
        wanted=wanted,
        height=height,
        width=width,
        step=step,
        panels=tuple(panels),
        legend=tuple((classes[i].name, colors[i]) for i in largest),
        photo=photo,
        delivered=delivery is not None,
        lost_px=(counted[Kind.MISSED], counted[Kind.EXTRA], counted[Kind.WRONG]),
    )
