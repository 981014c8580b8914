"""The connected parts of masks held as runs, without rasterising them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.lints.layers import Runs

__all__ = ["Parts", "by_line", "connected_parts", "gaps", "part_of", "pieces"]

Counts = npt.NDArray[np.int64]
Weigh = Callable[[Counts, Counts], Counts]

_MAX_PIECES: Final = 1 << 21
"""Runs within a line that are taken at once: many full masks of a large image have more than memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """Connected parts, by owner and first position.

    Attributes
    ----------
    owner : int64 (n,)
        Whose part it is.
    areas_px : int64 (n,)
    first, last : int64 (n,)
        The first position of each, and one in its last line.
    open : bool (n,)
        Whether it touches the border of the image.
    weights : int64 (n,)
        What was asked for about each; zeros where nothing was.
    """

    owner: Counts
    areas_px: Counts
    first: Counts
    last: Counts
    open: npt.NDArray[np.bool_]
    weights: Counts


def pieces(runs: Runs, *, line: int) -> Iterator[Runs]:
    """The runs cut at the ends of the lines, some owners at a time.

    An owner is never cut in two; where a single one has many runs, they come together.
    """
    if not len(runs):
        return
    crossed = (runs.ends - 1) // line - runs.starts // line + 1
    total = np.cumsum(crossed)
    if total[-1] <= _MAX_PIECES:
        yield by_line(runs, line=line)
        return
    heads = np.flatnonzero(np.diff(runs.owner, prepend=-1))
    begin = 0
    while begin < len(runs):
        done = total[begin - 1] if begin else 0
        most = int(np.searchsorted(total, done + _MAX_PIECES, side="right"))
        at = int(np.searchsorted(heads, most, side="right")) - 1
        end = len(runs) if most >= len(runs) else int(heads[at])
        if end <= begin:
            after = heads[heads > begin]
            end = int(after[0]) if len(after) else len(runs)
        part = Runs(
            starts=runs.starts[begin:end], ends=runs.ends[begin:end], owner=runs.owner[begin:end]
        )
        yield by_line(part, line=line)
        begin = end


def by_line(runs: Runs, *, line: int) -> Runs:
    """The runs cut at the ends of the lines."""
    first, last = runs.starts // line, (runs.ends - 1) // line
    count = last - first + 1
    if (count == 1).all():
        return runs
    of = np.repeat(np.arange(len(runs)), count)
    number = first[of] + np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    return Runs(
        starts=np.maximum(runs.starts[of], number * line),
        ends=np.minimum(runs.ends[of], (number + 1) * line),
        owner=runs.owner[of],
    )


def gaps(runs: Runs, *, line: int) -> Runs:
    """What every mask leaves free in its lines, from the first it has a pixel in to the last."""
    heads = np.diff(runs.owner, prepend=-1) != 0
    tails = np.append(heads[1:], True)[: len(heads)]
    floor = runs.starts[heads] // line * line
    ceiling = ((runs.ends[tails] - 1) // line + 1) * line
    starts = np.concatenate([floor, runs.ends])
    ends = np.concatenate([runs.starts[heads], np.append(runs.starts[1:], 0)[: len(runs)]])
    ends[len(floor) + np.flatnonzero(tails)] = ceiling
    owner = np.concatenate([runs.owner[heads], runs.owner])
    full = np.flatnonzero(starts < ends)
    order = full[np.lexsort((starts[full], owner[full]))]
    return Runs(starts=starts[order], ends=ends[order], owner=owner[order])


def connected_parts(
    runs: Runs, *, line: int, lines: int, diagonal: bool, weigh: Weigh | None = None
) -> Parts:
    """The connected parts of every mask.

    Parameters
    ----------
    runs : Runs
    line, lines : int
        Positions of a line, and how many lines there are.
    diagonal : bool
        Whether pixels that only share a corner are connected.
    weigh : callable or None
        From where runs start and end to a number for each, which is summed over each part.

    Notes
    -----
    Neighbouring runs are the edges of a graph, whose components are found by hooking each root under
    the lowest root next to it and then shortening all paths, until no edge joins two roots.
    """
    found = [
        _of_pieces(cut, line=line, lines=lines, diagonal=diagonal, weigh=weigh)
        for cut in pieces(runs, line=line)
    ]
    empty = np.empty(0, np.int64)
    return Parts(
        owner=np.concatenate([empty, *(part.owner for part in found)]),
        areas_px=np.concatenate([empty, *(part.areas_px for part in found)]),
        first=np.concatenate([empty, *(part.first for part in found)]),
        last=np.concatenate([empty, *(part.last for part in found)]),
        open=np.concatenate([empty.astype(np.bool_), *(part.open for part in found)]),
        weights=np.concatenate([empty, *(part.weights for part in found)]),
    )


def _of_pieces(runs: Runs, *, line: int, lines: int, diagonal: bool, weigh: Weigh | None) -> Parts:
    root = part_of(runs, line=line, lines=lines, diagonal=diagonal)
    heads, number = np.unique(root, return_inverse=True)
    last = np.zeros(len(heads), np.int64)
    np.maximum.at(last, number, runs.starts)
    areas = np.bincount(number, runs.ends - runs.starts, minlength=len(heads))
    weights = np.zeros(len(runs), np.int64) if weigh is None else weigh(runs.starts, runs.ends)
    within = runs.starts - (runs.starts // line) * line
    at_border = (
        (within == 0)
        | (within + runs.ends - runs.starts == line)
        | (runs.starts < line)
        | (runs.ends > (lines - 1) * line)
    )
    return Parts(
        owner=runs.owner[heads],
        areas_px=areas.astype(np.int64),
        first=runs.starts[heads],
        last=last,
        open=np.bincount(number, at_border, minlength=len(heads)) > 0,
        weights=np.bincount(number, weights, minlength=len(heads)).astype(np.int64),
    )


def part_of(runs: Runs, *, line: int, lines: int, diagonal: bool) -> Counts:
    """The lowest run of the connected part that each run belongs to.

    Parameters
    ----------
    runs : Runs
        Cut at the ends of the lines.
    line, lines : int
    diagonal : bool
        As for :func:`connected_parts`.
    """
    # One number line, on which each mask has an empty line behind its last.
    base = runs.owner * ((lines + 1) * line)
    starts, ends = runs.starts + base, runs.ends + base
    floor = (starts // line) * line - line
    reach = int(diagonal)
    low = np.maximum(starts - line - reach, floor)
    high = np.minimum(ends - line + reach, floor + line)
    begin = np.searchsorted(ends, low, side="right")
    end = np.searchsorted(starts, high, side="left")
    count = np.maximum(end - begin, 0)
    one = np.repeat(np.arange(len(runs)), count)
    other = begin[one] + np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    return _roots(len(runs), one, other)


def _roots(size: int, one: Counts, other: Counts) -> Counts:
    """The lowest member of the component of each of ``size`` nodes."""
    parent = np.arange(size)
    while True:
        left, right = parent[one], parent[other]
        joins = left != right
        if not joins.any():
            return parent
        one, other = one[joins], other[joins]
        low, high = np.minimum(left[joins], right[joins]), np.maximum(left[joins], right[joins])
        np.minimum.at(parent, high, low)
        while True:
            further = parent[parent]
            if (further == parent).all():
                break
            parent = further
