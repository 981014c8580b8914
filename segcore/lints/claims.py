"""Who claims a pixel: several regions, nobody, or the same object twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import kernels, limits
from segcore.annotation import Regions
from segcore.kernels import RegionRuns
from segcore.lints.findings import Found, LintFinding
from segcore.lints.layers import refused
from segcore.lints.view import ImageView

__all__ = ["duplicates", "overlapping", "uncovered"]

Counts = npt.NDArray[np.int64]

_MAX_COMPARED: Final = 1 << 28
"""Pairs of objects of one class and of about one size that are told apart by their boxes."""
_AT_ONCE: Final = 1 << 20


def overlapping(image: ImageView, found: Found, *, most_px: int) -> None:
    """Pixels that lie in two regions; crowds do not count.  Nothing to see where no pixel can."""
    layers = image.layers
    if layers.apart:
        return
    found.look(1)
    counted = ~layers.crowd[layers.runs.owner]
    starts, ends = layers.runs.starts[counted], layers.runs.ends[counted]
    places = np.concatenate([starts, ends])
    order = np.argsort(places, kind="stable")
    depth = np.cumsum(np.repeat(np.array([1, -1]), len(starts))[order])
    lengths = np.diff(places[order], append=places[order][-1:])
    twice = depth > 1
    shared = int(lengths[twice].sum())
    if shared <= most_px:
        return
    if found.full:
        found.count(1)
        return
    longest = int(np.argmax(np.where(twice, lengths, 0)))
    position = int(places[order][longest])
    inside = np.flatnonzero(counted)[(starts <= position) & (position < ends)]
    owners = layers.runs.owner[inside].tolist()[:3]
    which = " and ".join(map(image.called, owners[:2])) + (", ..." if len(owners) > 2 else "")
    what = f"regions overlap, such as {which} at {layers.place(position)}"
    found.add(LintFinding(
        image=image.key,
        annotation=layers.ids[owners[0]],
        what=what,
        expected=f"at most {most_px} px in several regions",
        got=f"{shared} px",
    ))  # fmt: skip


def uncovered(image: ImageView, found: Found, *, most_px: int) -> None:
    """Pixels that nobody claims."""
    layers = image.layers
    found.look(1)
    nobody = layers.unclaimed
    left = int((nobody.ends - nobody.starts).sum())
    if left <= most_px:
        return
    share = f"{left / layers.pixels:.1%}".replace("%", " %")
    largest = int(np.argmax(nobody.ends - nobody.starts))
    what = f"pixels belong to nothing, such as that at {layers.place(nobody.starts[largest])}"
    expected, got = f"at most {most_px} px", f"{left} px, {share} of the image"
    found.add(LintFinding(image=image.key, what=what, expected=expected, got=got))


def duplicates(image: ImageView, found: Found, *, iou: float) -> None:
    """Objects of one class that are nearly the same mask; each is told once, with the first it repeats.

    Crowds are no objects.  Nothing to see where no pixel lies in two objects.

    Raises
    ------
    InvalidInputError
        ``limits.entries``: too many objects of one image may be the same.
    """
    content = image.annotation.content
    if not isinstance(content, Regions):
        return
    layers = image.layers
    whole = np.flatnonzero((layers.areas_px > 0) & ~layers.crowd)
    found.look(len(whole))
    if len(whole) < 2:
        return
    kept = content.take(np.flatnonzero(content.classes >= 0))
    columns = RegionRuns(kept.starts, kept.ends, kept.offsets, np.array([0, len(kept)], np.int64))
    boxes = kernels.boxes(columns, heights=np.array([kept.height], np.int64))
    areas = layers.areas_px
    repeated: dict[int, tuple[int, float]] = {}
    pairs = 0
    for one, other in _alike(whole, kept.classes, areas, boxes, iou=iou, image=image):
        pairs += len(one)
        if pairs > limits.MAX_OBJECT_PAIRS:
            expected = f"at most {limits.MAX_OBJECT_PAIRS} pairs of objects that may be the same"
            raise refused(image.annotation, expected, pairs)
        shared = kernels.shared_px(columns, one, columns, other)
        union = areas[one] + areas[other] - shared
        # The share as it was written: 0.95 of 20 px are 19.
        same = np.flatnonzero(shared >= union * iou - 1e-9 * union)
        for n in same.tolist():
            first, second = sorted((int(one[n]), int(other[n])))
            repeats = first, float(shared[n] / union[n])
            repeated[second] = min(repeated.get(second, repeats), repeats)
    for second in sorted(repeated):
        first, value = repeated[second]
        what = f"the same object as {image.called(first)}"
        found.add(image.finding(second, what, f"an IoU below {iou:.10g}", f"{value:.4f}"))


def _alike(
    whole: Counts,
    classes: npt.NDArray[np.int32],
    areas: Counts,
    boxes: Counts,
    *,
    iou: float,
    image: ImageView,
) -> Iterator[tuple[Counts, Counts]]:
    """Pairs of one class that are not ruled out by their areas and boxes."""
    order = whole[np.lexsort((areas[whole], classes[whole]))]
    group, area = classes[order].astype(np.int64), areas[order]
    # A place on one line, class by class, that grows with the area.
    reach = float(area.max()) * 2 / iou + 2
    place = group * reach + area
    last = np.searchsorted(place, group * reach + area / iou * (1 + 1e-9), side="right")
    count = last - np.arange(len(order)) - 1
    total = int(count.sum())
    if total > _MAX_COMPARED:
        expected = f"at most {_MAX_COMPARED} pairs of objects of one class and of one size"
        raise refused(image.annotation, expected, total)
    done = np.cumsum(count)
    begin = 0
    while begin < len(order):
        before = int(done[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(done, before + _AT_ONCE, side="right")), begin + 1)
        own = count[begin:end]
        one = np.repeat(np.arange(begin, end), own)
        other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(own) - own, own)
        one, other = order[one], order[other]
        a, b = boxes[one], boxes[other]
        width = np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0]) + 1
        height = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 2], b[:, 2]) + 1
        room = np.maximum(width, 0) * np.maximum(height, 0)
        near = room >= np.maximum(areas[one], areas[other]) * (iou * (1 - 1e-9))
        yield one[near], other[near]
        begin = end
