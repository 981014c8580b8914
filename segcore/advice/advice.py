"""What the advice is: of every class, and of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segcore.advice.settings import SOURCES, Settings
from segcore.evaluation import InputInfo, SideCounts
from segcore.faults import Fault
from segcore.pricing.geometry import Geometry

__all__ = ["Advice", "ClassAdvice", "CurvePoint", "MeasuredPilot", "Needed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What polygons of so many vertices reach.

    Attributes
    ----------
    vertices : int
        Of all rings of an object together.
    mean_iou, low_iou : float
        Over the objects of the class: the mean, and what nine of ten objects reach.
    captured_share : float
        Objects that reach the IoU asked for.
    """

    vertices: int
    mean_iou: float
    low_iou: float
    captured_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """How many vertices an IoU takes.

    Attributes
    ----------
    iou : float
    median, most : int or None
        For half of the objects, and for the share that must be served; None is more than was tried.
    beyond_share : float
        Objects that do not reach it with all vertices that were tried.
    """

    iou: float
    median: int | None
    most: int | None
    beyond_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPilot:
    """What the same images reached when they were labelled the cheaper way.

    Attributes
    ----------
    iou : float or None
        Of all pixels of the class; None where neither side has any.
    objects : int
        Drawn the cheaper way.
    vertices : int or None
        Median of the polygons that were drawn; None where what was drawn is no polygon.
    """

    iou: float | None
    objects: int
    vertices: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAdvice:
    """What one class needs, and what says so.

    Attributes
    ----------
    name : str
    thing : bool or None
        Whether the input says that it can be counted.
    told : bool
        Whether the input tells its objects apart; otherwise they are connected parts.
    images, objects : int
        Images with an object, and objects; no crowds.
    enough : bool
        Whether so many can tell.
    geometry : Geometry
    vertices : int or None
        Of the polygon that is advised.
    background_share, rotated_background_share : float
        Median share of background in the tight box and in the smallest rectangle at any angle.
    over_share, rotated_over_share : float
        Objects with more background there than a box may have.
    needed : tuple of Needed
    captured_share : float
        Objects that as many vertices as a polygon may have capture.
    area_error_share : float
        Mean difference between the pixels of that polygon and of the object, of the object's.
    corners : int
        Median corners of the outlines as the pixels have them.
    thin_share, parts_share, holes_share, merged_share : float
        Objects that are thin, have several parts, have holes, or touch another of their class.
    curve : tuple of CurvePoint
    measured : MeasuredPilot or None
    evidence : tuple of str
        Why, in words.
    """

    name: str
    thing: bool | None
    told: bool
    images: int
    objects: int
    enough: bool
    geometry: Geometry
    vertices: int | None
    background_share: float
    rotated_background_share: float
    over_share: float
    rotated_over_share: float
    needed: tuple[Needed, ...]
    captured_share: float
    area_error_share: float
    corners: int
    thin_share: float
    parts_share: float
    holes_share: float
    merged_share: float
    curve: tuple[CurvePoint, ...]
    measured: MeasuredPilot | None
    evidence: tuple[str, ...]

    @property
    def drawn(self) -> str:
        """``polygon(12)``: what is advised, in a word."""
        if self.geometry is Geometry.POLYGON:
            return f"polygon({self.vertices})"
        return self.geometry.value

    def to_json(self) -> dict[str, Any]:
        """The class as ``--json`` writes it."""
        return {
            "name": self.name,
            "thing": self.thing,
            "advice": {"geometry": self.geometry.value, "vertices": self.vertices},
            "evidence": list(self.evidence),
            "enough": self.enough,
            "support": {"images": self.images, "objects": self.objects},
            "objects_from": "annotations" if self.told else "connected parts",
            "box": {"background": self.background_share, "over": self.over_share},
            "rotated_box": {
                "background": self.rotated_background_share,
                "over": self.rotated_over_share,
            },
            "vertices_needed": [
                {"iou": n.iou, "median": n.median, "most": n.most, "beyond": n.beyond_share}
                for n in self.needed
            ],
            "captured": self.captured_share,
            "area_error": self.area_error_share,
            "outline_corners": self.corners,
            "thin": self.thin_share,
            "several_parts": self.parts_share,
            "holes": self.holes_share,
            "touching": self.merged_share,
            "curve": [
                {
                    "vertices": p.vertices,
                    "mean_iou": p.mean_iou,
                    "iou_p10": p.low_iou,
                    "captured": p.captured_share,
                }
                for p in self.curve
            ],
            "pilot": None
            if self.measured is None
            else {
                "iou": self.measured.iou,
                "objects": self.measured.objects,
                "vertices": self.measured.vertices,
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a set of masks says about what has to be drawn.

    Attributes
    ----------
    classes : tuple of ClassAdvice
        Those with an object, in the order of the ontology.
    absent : tuple of str
        Classes without one.
    task : str
        ``semantic``, ``instance`` or ``panoptic``.
    evidence : tuple of str
        Why that, in words.
    left_out : mapping of str to int
        Objects that were not looked at, by reason.
    settings : Settings
    inputs : tuple of InputInfo
    counts : mapping of str to SideCounts
    faults : tuple of Fault
        Warnings.
    """

    classes: tuple[ClassAdvice, ...]
    absent: tuple[str, ...]
    task: str
    evidence: tuple[str, ...]
    left_out: Mapping[str, int]
    settings: Settings
    inputs: tuple[InputInfo, ...]
    counts: Mapping[str, SideCounts]
    faults: tuple[Fault, ...]

    def to_json(self) -> dict[str, Any]:
        """The advice as ``--json`` writes it, without the tool."""
        told = self.settings
        return {
            "schema": 1,
            "inputs": [info.to_json() for info in self.inputs],
            "counts": {role: counts.to_json() for role, counts in self.counts.items()},
            "task": {"advice": self.task, "evidence": list(self.evidence)},
            "classes": [one.to_json() for one in self.classes],
            "absent": list(self.absent),
            "left_out": dict(self.left_out),
            "settings": {
                "background": told.background,
                "vertices": told.vertices,
                "iou": told.iou,
                "served": told.served,
                "exact_area": sorted(told.exact_area),
                "support": {"images": told.images, "objects": told.objects},
                "smallest_px": told.smallest_px,
                "covered": told.covered,
            },
            "sources": dict(SOURCES),
            "faults": [fault.to_json() for fault in self.faults],
        }
