"""What single masks look like: empty, tiny, in pieces, as large as the image, or made of blocks."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.lints.blocks import block_sizes
from segcore.lints.findings import Found, LintFinding
from segcore.lints.layers import Layers, Runs
from segcore.lints.parts import Parts, connected_parts, gaps
from segcore.lints.view import ImageView

__all__ = ["blocky", "empty", "holes", "specks", "tiny", "whole"]

Counts = npt.NDArray[np.int64]

_SHOWN: Final = 3


def empty(image: ImageView, found: Found) -> None:
    """Masks without a pixel, and maps in which no pixel has a class."""
    layers = image.layers
    found.look(len(layers) if image.by_object else 1)
    for i in np.flatnonzero(layers.areas_px == 0).tolist():
        found.add(image.finding(i, "no pixel belongs to it", "at least 1 px", "0 px"))
    if not image.by_object and not len(layers) and layers.pixels:
        what = "no pixel of the mask has a class"
        found.add(LintFinding(image=image.key, what=what, expected="a class", got="none"))


def tiny(image: ImageView, found: Found, *, most_px: int) -> None:
    """Masks of a few pixels in all."""
    layers = image.layers
    found.look(len(layers))
    small = (layers.areas_px > 0) & (layers.areas_px <= most_px) & ~layers.crowd
    for i in np.flatnonzero(small).tolist():
        got = f"{layers.areas_px[i]} px"
        found.add(image.finding(i, "the whole mask is tiny", f"more than {most_px} px", got))


def whole(image: ImageView, found: Found, *, share: float) -> None:
    """Masks as large as their image."""
    layers = image.layers
    found.look(len(layers))
    if not layers.pixels:
        return
    for i in np.flatnonzero(layers.areas_px >= share * layers.pixels).tolist():
        got = f"{layers.areas_px[i] / layers.pixels:.1%} of the image".replace("%", " %")
        expected = f"less than {100 * share:.10g} %"
        found.add(image.finding(i, "the mask is as large as the image", expected, got))


def specks(image: ImageView, found: Found, *, most_px: int) -> None:
    """Small parts of masks apart from their largest part; pixels that share a corner are together."""
    layers = image.layers
    found.look(len(layers))
    parts = connected_parts(layers.runs, line=layers.line, lines=layers.lines, diagonal=True)
    small = parts.areas_px <= most_px
    small[_largest(parts.owner, parts.areas_px)] = False
    small &= ~layers.crowd[parts.owner]
    expected = f"parts of more than {most_px} px"
    _tell(
        image,
        found,
        parts,
        small,
        ("a small part lies", "small parts lie"),
        "apart from the rest",
        expected,
    )


def holes(image: ImageView, found: Found, *, most_px: int) -> None:
    """Small holes of masks in which a pixel belongs to nothing; crowds are coarse, and left alone.

    Pixels that share a corner are apart.
    """
    layers = image.layers
    found.look(len(layers))
    free = gaps(layers.runs, line=layers.line)
    nobody = layers.unclaimed
    before = np.append(0, np.cumsum(nobody.ends - nobody.starts))

    def unclaimed_before(places: Counts) -> Counts:
        at = np.searchsorted(nobody.starts, places, side="right") - 1
        inside = np.minimum(places, nobody.ends[at]) - nobody.starts[at]
        return np.where(at < 0, 0, before[at] + inside)

    if not len(nobody):
        return
    parts = connected_parts(
        free,
        line=layers.line,
        lines=layers.lines,
        diagonal=False,
        weigh=lambda starts, ends: unclaimed_before(ends) - unclaimed_before(starts),
    )
    # In the first and the last line of a mask nothing closes a hole.
    first, last = _lines(layers)
    at = parts.first // layers.line
    small = (parts.areas_px <= most_px) & ~parts.open & (parts.weights > 0)
    small &= (at > first[parts.owner]) & (parts.last // layers.line < last[parts.owner])
    small &= ~layers.crowd[parts.owner]
    expected = f"holes of more than {most_px} px"
    _tell(
        image, found, parts, small, ("a small hole is", "small holes are"), "filled by nothing", expected
    )


def blocky(image: ImageView, found: Found) -> None:
    """Masks made of blocks; one of classes, in which no pixel lies twice, is looked at as a whole."""
    layers = image.layers
    if layers.apart:
        runs, nobody = layers.runs, layers.unclaimed
        owner = np.concatenate([runs.owner + 1, nobody.owner])
        every = Runs(
            starts=np.concatenate([runs.starts, nobody.starts]),
            ends=np.concatenate([runs.ends, nobody.ends]),
            owner=np.zeros(len(owner), np.int64),
        )
        found.look(1)
        sizes = block_sizes(every, line=layers.line, lines=layers.lines, count=1, codes=owner)
        if sizes[0] > 1:
            found.add(LintFinding(image=image.key, **_blocks(int(sizes[0]))))
        return
    found.look(len(layers))
    sizes = block_sizes(layers.runs, line=layers.line, lines=layers.lines, count=len(layers))
    for i in np.flatnonzero(sizes > 1).tolist():
        told = _blocks(int(sizes[i]))
        found.add(image.finding(i, told["what"], told["expected"], told["got"]))


def _blocks(size: int) -> dict[str, str]:
    return {
        "what": "the mask was enlarged by repeating pixels",
        "expected": "edges in any row and column",
        "got": f"blocks of {size} x {size} px",
    }


def _largest(owner: Counts, areas_px: Counts) -> Counts:
    """The largest part of every mask; of several, the first."""
    order = np.lexsort((np.arange(len(owner)), -areas_px, owner))
    heads = np.flatnonzero(np.diff(owner[order], prepend=-1))
    largest: Counts = order[heads]
    return largest


def _lines(layers: Layers) -> tuple[Counts, Counts]:
    """The first and the last line that each layer has a pixel in."""
    runs = layers.runs
    heads = np.flatnonzero(np.diff(runs.owner, prepend=-1))
    first, last = np.zeros(len(layers), np.int64), np.zeros(len(layers), np.int64)
    first[runs.owner[heads]] = runs.starts[heads] // layers.line
    tails = np.append(heads[1:], len(runs))[: len(heads)] - 1
    last[runs.owner[heads]] = (runs.ends[tails] - 1) // layers.line
    return first, last


def _tell(
    image: ImageView,
    found: Found,
    parts: Parts,
    chosen: npt.NDArray[np.bool_],
    words: tuple[str, str],
    how: str,
    expected: str,
) -> None:
    """One finding for every mask with some of these parts."""
    layers = image.layers
    picked = np.flatnonzero(chosen)
    owners, firsts, counts = np.unique(parts.owner[picked], return_index=True, return_counts=True)
    for owner, first, count in zip(owners.tolist(), firsts.tolist(), counts.tolist(), strict=True):
        if found.full:
            found.count(1)
            continue
        shown = [
            f"{parts.areas_px[i]} px at {layers.place(parts.first[i])}"
            for i in picked[first : first + min(count, _SHOWN)].tolist()
        ]
        more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
        what = words[0] if count == 1 else f"{count} {words[1]}"
        found.add(image.finding(owner, f"{what} {how}", expected, ", ".join(shown) + more))
