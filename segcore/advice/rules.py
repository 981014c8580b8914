"""From what was measured of a class to what has to be drawn, with the reasons in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.advice.advice import ClassAdvice, CurvePoint, MeasuredPilot, Needed
from segcore.advice.settings import TARGETS, Settings
from segcore.advice.shapes import LEVELS, Shapes
from segcore.advice.widths import THIN_PX
from segcore.pricing.geometry import Geometry

__all__ = ["ClassShapes", "class_advice"]

_F = npt.NDArray[np.float64]
_NOTEWORTHY = 0.10
"""Shares below this are not told in words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassShapes:
    """All objects of one class.

    Attributes
    ----------
    name : str
    thing : bool or None
    images : int
    told : bool
    shapes : Shapes
        At least one.
    merged : bool (n,)
    """

    name: str
    thing: bool | None
    images: int
    told: bool
    shapes: Shapes
    merged: npt.NDArray[np.bool_]


def class_advice(
    found: ClassShapes, settings: Settings, measured: MeasuredPilot | None = None
) -> ClassAdvice:
    """What one class needs."""
    shapes = found.shapes
    box = 1 - shapes.area_px / shapes.box_px
    rotated = 1 - shapes.area_px / shapes.rectangle_px
    at = _level(settings.vertices)
    curve = _curve(shapes.iou, settings)
    needed = tuple(_needed(shapes.iou, target, settings.served) for target in TARGETS)
    over, rotated_over = _over(box, settings), _over(rotated, settings)
    captured = curve[at].captured_share
    wanted = _needed(shapes.iou, settings.iou, settings.served).most
    error = np.abs(shapes.polygon_px[:, at] - shapes.area_px) / shapes.area_px
    few = len(shapes) < settings.objects and found.images < settings.images
    evidence: list[str] = []
    if few:
        evidence.append(f"told by {_objects(len(shapes))} in {_images(found.images)} only: a hint")
    geometry, vertices = _chosen(
        found, settings, over, rotated_over, captured, wanted, measured, evidence
    )
    merged = float(found.merged.mean())
    facts = {
        "thin": float(shapes.thin.mean()),
        "parts": float((shapes.parts > 1).mean()),
        "holes": float((shapes.holes > 0).mean()),
    }
    evidence += _remarks(facts, geometry)
    return ClassAdvice(
        name=found.name,
        thing=found.thing,
        told=found.told,
        images=found.images,
        objects=len(shapes),
        enough=not few,
        geometry=geometry,
        vertices=vertices,
        background_share=float(np.median(box)),
        rotated_background_share=float(np.median(rotated)),
        over_share=over,
        rotated_over_share=rotated_over,
        needed=needed,
        captured_share=captured,
        area_error_share=float(error.mean()),
        corners=int(np.median(shapes.corners)),
        thin_share=facts["thin"],
        parts_share=facts["parts"],
        holes_share=facts["holes"],
        merged_share=merged,
        curve=curve,
        measured=measured,
        evidence=tuple(evidence),
    )


def _chosen(
    found: ClassShapes,
    settings: Settings,
    over: float,
    rotated_over: float,
    captured: float,
    wanted: int | None,
    measured: MeasuredPilot | None,
    evidence: list[str],
) -> tuple[Geometry, int | None]:
    """The cheapest that serves enough objects."""
    allowed = 1 - settings.served
    limit = f"{settings.background:.0%} background"
    if found.name in settings.exact_area:
        evidence.append("its pixels will be counted, you said: no outline gives their exact number")
        return Geometry.MASK, None
    if found.thing is False:
        evidence.append("stuff, which nobody draws boxes around")
    elif over <= allowed:
        evidence.append(f"{over:.0%} of the tight boxes are over {limit}")
        return Geometry.BOX, None
    elif rotated_over <= allowed:
        evidence.append(
            f"{over:.0%} of the tight boxes are over {limit}, {rotated_over:.0%} of the rotated ones"
        )
        return Geometry.ROTATED_BOX, None
    else:
        evidence.append(
            f"{over:.0%} of the tight boxes are over {limit}, and {rotated_over:.0%} of the rotated ones"
        )
    if measured is not None and measured.iou is not None:
        drawn = "" if measured.vertices is None else f" with {measured.vertices} vertices"
        enough = measured.iou >= settings.iou
        evidence.append(
            f"the pilot's shapes{drawn} measure IoU {measured.iou:.3f}, "
            f"{'at least' if enough else 'below'} {settings.iou:g}"
        )
        return (Geometry.POLYGON, measured.vertices or wanted) if enough else (Geometry.MASK, None)
    evidence.append(
        f"{captured:.0%} of the objects reach IoU {settings.iou:g} with {settings.vertices} vertices"
    )
    if wanted is not None and wanted <= settings.vertices:
        evidence.append(f"{settings.served:.0%} of them with {wanted}")
        return Geometry.POLYGON, wanted
    more = f"more than {LEVELS[-1]}" if wanted is None else str(wanted)
    evidence.append(f"{settings.served:.0%} of them would take {more}")
    return Geometry.MASK, None


def _remarks(facts: dict[str, float], geometry: Geometry) -> list[str]:
    told = []
    if facts["thin"] >= _NOTEWORTHY:
        told.append(
            f"{facts['thin']:.0%} are thin: no {THIN_PX} x {THIN_PX} px fits, and one pixel beside "
            "the edge costs much IoU"
        )
    if geometry is Geometry.MASK:
        return told
    if facts["parts"] >= _NOTEWORTHY:
        told.append(f"{facts['parts']:.0%} are in several parts, which have to stay one object")
    if facts["holes"] >= _NOTEWORTHY:
        told.append(f"{facts['holes']:.0%} have holes, which most tools' polygons fill")
    return told


def _level(vertices: int) -> int:
    """The last level that needs no more than that."""
    return max(i for i, level in enumerate(LEVELS) if level <= vertices)


def _over(background: _F, settings: Settings) -> float:
    return float((background > settings.background).mean())


def _curve(iou: _F, settings: Settings) -> tuple[CurvePoint, ...]:
    mean = iou.mean(axis=0)
    low = np.quantile(iou, 0.1, axis=0, method="lower")
    captured = (iou >= settings.iou).mean(axis=0)
    rows = zip(LEVELS, mean.tolist(), low.tolist(), captured.tolist(), strict=True)
    return tuple(
        CurvePoint(vertices=n, mean_iou=m, low_iou=lo, captured_share=c) for n, m, lo, c in rows
    )


def _needed(iou: _F, target: float, served: float) -> Needed:
    reached = (iou >= target).mean(axis=0)
    return Needed(
        iou=target,
        median=_first(reached >= 0.5),
        most=_first(reached >= served),
        beyond_share=float(1 - reached[-1]),
    )


def _first(reached: npt.NDArray[np.bool_]) -> int | None:
    return LEVELS[int(reached.argmax())] if reached.any() else None


def _objects(n: int) -> str:
    return f"{n} object{'' if n == 1 else 's'}"


def _images(n: int) -> str:
    return f"{n} image{'' if n == 1 else 's'}"
