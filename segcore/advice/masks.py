"""Masks of many objects, each in the frame of its own box, with their outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segcore.advice.outlines import Outline, outlines
from segcore.lints.layers import Runs

__all__ = ["Masks", "framed", "joined"]

_I = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masks:
    """Objects of one or more images.

    Positions are those of a number line on which every object has ``lines * step`` places, its lines
    one after the other, and ``step`` is one more than the pixels of a line: a place for each grid point.

    Attributes
    ----------
    lines, step : int64 (n,)
        Of the tight box of each object.
    base : int64 (n + 1,)
        Where each object begins on the number line.
    runs : Runs
        Its pixels on the number line, cut at the ends of the lines.
    outline : Outline
        Its rings, from the corner of its box.
    """

    lines: _I
    step: _I
    base: _I
    runs: Runs
    outline: Outline

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def areas_px(self) -> _I:
        """Pixels of every object."""
        runs = self.runs
        return np.bincount(runs.owner, runs.ends - runs.starts, minlength=len(self)).astype(np.int64)


def framed(runs: Runs, *, line: int) -> Masks:
    """The masks of one image, each in its box.

    Parameters
    ----------
    runs : Runs
        Cut at the ends of the lines; the owners are 0, 1, ... and each has a run.
    line : int
        Positions of a line of the image.
    """
    owner = runs.owner
    heads = np.flatnonzero(np.diff(owner, prepend=-1))
    number = runs.starts // line
    begin, end = runs.starts - number * line, runs.ends - number * line
    empty = np.zeros(0, np.int64)
    if not len(heads):
        none = Runs(starts=empty, ends=empty, owner=empty)
        base = np.zeros(1, np.int64)
        return Masks(lines=empty, step=empty, base=base, runs=none, outline=outlines(none, line=1))
    first = number[heads]
    last = np.maximum.reduceat(number, heads)
    low, high = np.minimum.reduceat(begin, heads), np.maximum.reduceat(end, heads)
    lines, step = last - first + 1, high - low + 1
    base = np.concatenate([np.zeros(1, np.int64), np.cumsum(lines * step)])
    shift = base[owner] + (number - first[owner]) * step[owner] - low[owner]
    outline = outlines(runs, line=line)
    sizes = np.diff(outline.offsets)
    return Masks(
        lines=lines,
        step=step,
        base=base,
        runs=Runs(starts=begin + shift, ends=end + shift, owner=owner),
        outline=Outline(
            u=outline.u - np.repeat(first[outline.owner], sizes),
            v=outline.v - np.repeat(low[outline.owner], sizes),
            offsets=outline.offsets,
            owner=outline.owner,
            area2=outline.area2,
        ),
    )


def joined(parts: Sequence[Masks]) -> Masks:
    """The objects of several images, one after the other."""
    counts = np.cumsum([0, *map(len, parts)])
    bases = np.cumsum([0, *(int(part.base[-1]) for part in parts)])
    points = np.cumsum([0, *(len(part.outline.u) for part in parts)])

    def column(values: Sequence[_I]) -> _I:
        return np.concatenate([np.zeros(0, np.int64), *values])

    outline = Outline(
        u=column([part.outline.u for part in parts]),
        v=column([part.outline.v for part in parts]),
        offsets=column(
            [
                *(p.outline.offsets[:-1] + at for p, at in zip(parts, points[:-1], strict=True)),
                points[-1:],
            ]
        ),
        owner=column([p.outline.owner + at for p, at in zip(parts, counts[:-1], strict=True)]),
        area2=column([part.outline.area2 for part in parts]),
    )
    runs = Runs(
        starts=column([p.runs.starts + at for p, at in zip(parts, bases[:-1], strict=True)]),
        ends=column([p.runs.ends + at for p, at in zip(parts, bases[:-1], strict=True)]),
        owner=column([p.runs.owner + at for p, at in zip(parts, counts[:-1], strict=True)]),
    )
    return Masks(
        lines=column([part.lines for part in parts]),
        step=column([part.step for part in parts]),
        base=column([*(p.base[:-1] + at for p, at in zip(parts, bases[:-1], strict=True)), bases[-1:]]),
        runs=runs,
        outline=outline,
    )
