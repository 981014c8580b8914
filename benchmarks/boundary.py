"""(k) Outlines of label maps: Boundary IoU of all classes, and the distances between surfaces."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from benchmarks.race import Way, kernel_choices, missing, race
from benchmarks.scenes import Labels, Size, load
from segcore import kernels
from segcore.annotation import ImageAnnotation, LabelMap
from segcore.dilation import Dilation
from segcore.kernels import NOWHERE, Choice
from segcore.measures.class_map import ClassMap
from segcore.measures.outline import OutlineMeasure
from segcore.measures.semantic import SemanticMeasure
from segcore.ontology import Crowd, LabelClass, Ontology, Overlap
from segcore.semantic_tally import SemanticTally

BAND = "mask_to_boundary per class (OpenCV)"
SURFACES = "EDT per class, whole images (SciPy)"


def run(options: argparse.Namespace) -> None:
    size = Size(pairs=2, height=256, width=512) if options.quick else Size(pairs=5)
    gold, delivery = load(size, options.data)
    what = f"{size.pairs} pairs of {size.width} x {size.height}, {size.classes} classes"
    for share in (0.02, 0.005):
        dilation = Dilation(share=share)
        width_px = dilation.of(height=size.height, width=size.width)
        ways = opencv(gold, delivery, size, width_px)
        base = BAND if ways else "segcore (numpy)"
        for choice in kernel_choices():
            ways[f"segcore ({choice})"] = partial(bands, gold, delivery, size, dilation, choice)
        race(f"Boundary IoU at {share} of the diagonal ({width_px} px): {what}",
             ways, base=base, rounds=options.rounds)  # fmt: skip
    ways = scipy(gold[:2], delivery[:2], size)
    ways["segcore"] = partial(surfaces, gold[:2], delivery[:2], size)
    race(f"Distances between surfaces: 2 pairs of {size.width} x {size.height}, {size.classes} classes",
         ways, base=SURFACES, rounds=min(options.rounds, 3))  # fmt: skip


# ------------------------------------------------------------------------------ segcore


def measured(
    gold: Labels, delivery: Labels, size: Size, *, dilation: Dilation | None, surfaces: bool
) -> list[SemanticTally]:
    """What is counted of each pair, its pixels included."""
    ontology = Ontology(
        tuple(LabelClass(id=i, name=f"class {i}") for i in range(size.classes)), ignore=(size.ignore,)
    )
    classes = ClassMap(target=ontology, source=ontology, file="memory")
    pixels = SemanticMeasure(
        gold=classes, delivery=classes, overlap=Overlap.SMALLEST, crowd=Crowd.IGNORE
    )
    measure = OutlineMeasure(pixels=pixels, dilation=dilation, surfaces=surfaces)
    lookup = ontology.lookup(256)

    def annotation(values: Labels) -> ImageAnnotation:
        content = LabelMap(values=values, lookup=lookup)
        return ImageAnnotation(key="", height=size.height, width=size.width, content=content)

    return [measure(annotation(g), annotation(d)).tally for g, d in zip(gold, delivery, strict=True)]


def bands(gold: Labels, delivery: Labels, size: Size, dilation: Dilation, choice: Choice) -> np.ndarray:
    """Intersection and union of every class."""
    kernels.use(choice)
    total = np.zeros((size.classes + 1, size.classes + 1), np.int64)
    for tally in measured(gold, delivery, size, dilation=dilation, surfaces=False):
        if tally.boundary is not None:
            total += tally.boundary.confusion()
    both = np.diag(total)
    return np.stack([both, total.sum(0) + total.sum(1) - both], axis=1)[:-1]


def surfaces(gold: Labels, delivery: Labels, size: Size) -> np.ndarray:
    """Surface pixels and the sum of their squared distances, there and back."""
    total = np.zeros((size.classes, 4), np.int64)
    for tally in measured(gold, delivery, size, dilation=None, surfaces=True):
        if tally.surfaces is None:
            continue
        for side, rows in enumerate((tally.surfaces.gold, tally.surfaces.delivery)):
            known = np.where(rows.squared_px == NOWHERE, 0, rows.squared_px)
            sums = np.append(0, np.cumsum(known * rows.pixels))[rows.offsets]
            total[tally.surfaces.classes, 2 * side] += rows.totals()
            total[tally.surfaces.classes, 2 * side + 1] += np.diff(sums)
    return total


# ------------------------------------------------------------------------------ peers


def opencv(gold: Labels, delivery: Labels, size: Size, width_px: int) -> dict[str, Way]:
    """The rule of boundary-iou-api, whose package on PyPI is empty, mask by mask."""
    try:
        import cv2
    except ImportError as error:
        return missing(BAND, error)
    cv2.setNumThreads(1)
    square = np.ones((3, 3), np.uint8)

    def boundary(mask: np.ndarray) -> np.ndarray:
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        return mask - cv2.erode(padded, square, iterations=width_px)[1:-1, 1:-1]

    def way() -> np.ndarray:
        total = np.zeros((size.classes, 2), np.int64)
        for g, d in zip(gold, delivery, strict=True):
            counted = g != size.ignore
            for c in range(size.classes):
                a = boundary((g == c).astype(np.uint8))
                b = boundary(((d == c) & counted).astype(np.uint8))
                total[c] += np.count_nonzero(a & b), np.count_nonzero(a | b)
        return total

    return {BAND: way}


def scipy(gold: Labels, delivery: Labels, size: Size) -> dict[str, Way]:
    from scipy import ndimage

    def way() -> np.ndarray:
        total = np.zeros((size.classes, 4), np.int64)
        for g, d in zip(gold, delivery, strict=True):
            counted = g != size.ignore
            for c in range(size.classes):
                masks = g == c, (d == c) & counted
                outlines = [mask & ~ndimage.binary_erosion(mask) for mask in masks]
                for side, (own, other) in enumerate((outlines, outlines[::-1])):
                    total[c, 2 * side] += np.count_nonzero(own)
                    if own.any() and other.any():
                        away = ndimage.distance_transform_edt(~other)[own]
                        total[c, 2 * side + 1] += np.rint(away**2).astype(np.int64).sum()
        return total

    return {SURFACES: way}
