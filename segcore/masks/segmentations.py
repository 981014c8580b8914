"""COCO's ``segmentation`` field: polygons or a run-length mask, told apart by type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from segcore.masks.batch import MaskBatch, MaskProblem
from segcore.masks.polygons import rasterize_polygons
from segcore.masks.rle import decode_rles
from segcore.wording import show

__all__ = ["decode_segmentations", "longest_ring"]


def decode_segmentations(segmentations: Sequence[object], *, height: int, width: int) -> MaskBatch:
    """The masks of all annotations of one image.

    Parameters
    ----------
    segmentations : sequence
        The value of each annotation's ``segmentation``; None where there is none.  A box is
        never taken instead.
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    MaskBatch
        One mask an annotation, in the same order; refused ones are empty.
    """
    problems: list[MaskProblem] = []
    polygons: list[int] = []
    rles: list[int] = []
    for item, value in enumerate(segmentations):
        if value is None:
            problems.append(MaskProblem(item=item, code="seg.missing", expected="polygons or a mask"))
        elif not isinstance(value, (list, dict)):
            expected = "a list of rings, or size and counts"
            problems.append(
                MaskProblem(item=item, code="seg.bad_type", expected=expected, got=show(value))
            )
        elif not value:
            got = "[]" if isinstance(value, list) else "{}"
            problems.append(
                MaskProblem(item=item, code="seg.empty", expected="polygons or a mask", got=got)
            )
        else:
            (polygons if isinstance(value, list) else rles).append(item)
    parts = []
    if polygons:
        drawn = [segmentations[item] for item in polygons]
        parts.append((polygons, rasterize_polygons(drawn, height=height, width=width)))
    if rles:
        encoded = [segmentations[item] for item in rles]
        parts.append((rles, decode_rles(encoded, height=height, width=width)))
    batch = MaskBatch.assemble(parts, count=len(segmentations))
    problems += batch.problems
    problems.sort(key=lambda problem: problem.item)
    return replace(batch, problems=tuple(problems))


def longest_ring(segmentation: object) -> int:
    """Points of the longest ring of a ``segmentation``; 0 for what is no list of rings."""
    if not isinstance(segmentation, list):
        return 0
    return max((len(ring) // 2 for ring in segmentation if isinstance(ring, list)), default=0)
