"""The objects of one image: what would be drawn one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.advice.masks import Masks, framed
from segcore.annotation import ImageAnnotation
from segcore.lints.layers import Runs, layers_of, refused
from segcore.lints.parts import by_line, part_of
from segcore.masks.batch import union_of_runs

__all__ = ["MAX_PIECES", "ImageObjects", "objects_of"]

MAX_PIECES: Final = 1 << 22
"""Runs of one image, cut at the ends of its lines, that are taken apart."""

_I = npt.NDArray[np.int64]
_B = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageObjects:
    """The objects of one image that are large enough.

    Attributes
    ----------
    masks : Masks
    classes : int64 (n,)
        Class index in the source's ontology.
    merged : bool (n,)
        Objects that touch another of their class, so that a map of classes makes one of them.
    told : bool (n,)
        Objects that the input itself tells apart; the others are connected parts of a class.
    small : int64 (n_small,)
        The classes of the connected parts that were left out.
    crowds : int64 (n_crowds,)
        The classes of the groups that were left out.
    claimed_px, pixels : int
        Pixels that have a class, and all of them.
    """

    masks: Masks
    classes: _I
    merged: _B
    told: _B
    small: _I
    crowds: _I
    claimed_px: int
    pixels: int


def objects_of(annotation: ImageAnnotation, *, whole: _B, smallest_px: int) -> ImageObjects:
    """The objects of one image.

    A region or segment of the input is one object, in all its parts.  A label map does not tell
    objects apart: there the connected parts of a class are its objects, corners connect.

    Parameters
    ----------
    annotation : ImageAnnotation
    whole : bool (K,)
        Classes of which all pixels of a label map are one object: stuff.
    smallest_px : int
        Connected parts below this size are specks, and no objects.

    Raises
    ------
    InvalidInputError
        ``limits.entries``: taking it apart would take the machine's memory.
    """
    layers = layers_of(annotation)
    line, lines = layers.line, layers.lines
    runs = layers.runs
    count = int(((runs.ends - 1) // line - runs.starts // line + 1).sum()) if len(runs) else 0
    if count > MAX_PIECES:
        raise refused(annotation, f"at most {MAX_PIECES} runs of pixels in one image", count)
    runs = by_line(runs, line=line) if count else runs
    unclaimed = int((layers.unclaimed.ends - layers.unclaimed.starts).sum())
    claims = layers.areas_px > 0
    single = layers.objects & ~layers.crowd & claims
    apart = ~layers.objects & ~layers.crowd & claims
    in_parts = apart & ~whole[layers.classes] if len(whole) else apart
    root = np.arange(len(runs))
    cut = in_parts[runs.owner]
    if cut.any():
        some = Runs(starts=runs.starts[cut], ends=runs.ends[cut], owner=runs.owner[cut])
        root[cut] = np.flatnonzero(cut)[part_of(some, line=line, lines=lines, diagonal=True)]
    heads = np.searchsorted(runs.owner, np.arange(len(layers)))
    root = np.where(cut, root, heads[runs.owner])
    used = (single | apart)[runs.owner]
    number = np.full(len(runs), -1, np.int64)
    seen, number[used] = np.unique(root[used], return_inverse=True)
    layer = runs.owner[seen]
    areas = np.bincount(number[used], (runs.ends - runs.starts)[used], minlength=len(seen))
    large = (areas >= smallest_px) | ~in_parts[layer]
    place = np.where(large, np.cumsum(large) - 1, -1)
    number[used] = place[number[used]]
    kept = np.flatnonzero(number >= 0)
    kept = kept[np.lexsort((runs.starts[kept], number[kept]))]
    objects = Runs(starts=runs.starts[kept], ends=runs.ends[kept], owner=number[kept])
    classes = layers.classes[layer].astype(np.int64)
    return ImageObjects(
        masks=framed(objects, line=line),
        classes=classes[large],
        merged=_merged(objects, classes[large], line=line, lines=lines),
        told=single[layer[large]],
        small=classes[~large],
        crowds=layers.classes[layers.crowd].astype(np.int64),
        claimed_px=layers.pixels - unclaimed,
        pixels=layers.pixels,
    )


def _merged(objects: Runs, classes: _I, *, line: int, lines: int) -> _B:
    """Objects that share a connected part of their class with another."""
    merged = np.zeros(len(classes), np.bool_)
    if len(classes) < 2:
        return merged
    owner = classes[objects.owner]
    names, owner = np.unique(owner, return_inverse=True)
    pixels = line * lines
    starts, ends, offsets = union_of_runs(
        objects.starts.astype(np.int32),
        objects.ends.astype(np.int32),
        owner,
        owners=len(names),
        pixels=pixels,
    )
    united = Runs(
        starts=starts.astype(np.int64),
        ends=ends.astype(np.int64),
        owner=np.repeat(np.arange(len(names)), np.diff(offsets)),
    )
    united = by_line(united, line=line)
    part = part_of(united, line=line, lines=lines, diagonal=True)
    key = united.owner * pixels + united.starts
    at = np.searchsorted(key, owner * pixels + objects.starts, side="right") - 1
    pairs = np.unique(np.column_stack([part[at], objects.owner]), axis=0)
    parts, counts = np.unique(pairs[:, 0], return_counts=True)
    shared = counts[np.searchsorted(parts, pairs[:, 0])] > 1
    merged[pairs[shared, 1]] = True
    return merged
