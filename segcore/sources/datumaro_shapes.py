"""The annotations Datumaro gives, as masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from segcore.limits import MAX_PIXELS
from segcore.masks.batch import MaskBatch, MaskProblem
from segcore.masks.ellipses import Ellipse, draw_ellipses
from segcore.masks.segmentations import decode_segmentations
from segcore.sources.datumaro_answer import DatumaroImage
from segcore.wording import show

__all__ = ["draw_shapes", "size_of"]


def size_of(image: DatumaroImage) -> tuple[int, int] | None:
    """Height and width of an image: its own, else those on which all its masks agree."""
    if image.size is not None:
        return image.size
    sizes = {tuple(shape.entry["rle"]["size"]) for shape in image.shapes if "rle" in shape.entry}
    if len(sizes) != 1:
        return None
    height, width = next(iter(sizes))
    return (height, width) if 0 < height * width <= MAX_PIXELS else None


def draw_shapes(entries: Sequence[Mapping[str, Any]], *, height: int, width: int) -> MaskBatch:
    """The masks of the annotations of one image, in the same order."""
    problems: list[MaskProblem] = []
    ellipses: dict[int, Ellipse] = {}
    others: dict[int, object] = {}
    for item, entry in enumerate(entries):
        if entry["type"] == "polygon":
            others[item] = [entry["points"]]
        elif entry["type"] == "mask":
            others[item] = entry["rle"]
        else:
            left, top, right, bottom = entry["points"]
            if set(map(type, entry["points"])) == {float}:
                ellipses[item] = Ellipse(
                    x=(left + right) / 2,
                    y=(top + bottom) / 2,
                    rx=(right - left) / 2,
                    ry=(bottom - top) / 2,
                )
            else:
                expected, got = "finite numbers", show(entry["points"])
                problems.append(
                    MaskProblem(item=item, code="poly.not_finite", expected=expected, got=got)
                )
    parts: list[tuple[Sequence[int], MaskBatch]] = []
    if ellipses:
        drawn = draw_ellipses(list(ellipses.values()), height=height, width=width)
        parts.append((list(ellipses), drawn))
    if others:
        decoded = decode_segmentations(list(others.values()), height=height, width=width)
        parts.append((list(others), decoded))
    batch = MaskBatch.assemble(parts, count=len(entries))
    problems = sorted([*problems, *batch.problems], key=lambda problem: problem.item)
    return replace(batch, problems=tuple(problems))
