"""Mask values the ontology does not define: which they are, and what probably happened.

The counting kernels find unknown values for nothing; only then is an image looked at here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, LabelMap
from segcore.faults import Fault
from segcore.masks.schemes import SCHEMES
from segcore.ontology import UNKNOWN, Ontology

__all__ = ["BLEND_VALUES", "looks_blended", "ranges", "summary", "value_faults"]

_BLOCK_PX: Final = 1 << 20
_RUNS_PAY: Final = 8
_SHOWN: Final = 3

_SCHEME_VALUES: Final = 5
"""Distinct values an image needs before another id scheme is named: fewer fit by chance."""
_SCHEME_GAIN: Final = 3
"""Values that are a class in the other scheme only, where those that are unknown are void in it."""
_SCHEME_CLASSES: Final = 8
"""Classes that must carry a scheme's names and ids before the ontology is taken for it."""
_SHIFT_VALUES: Final = 3
"""Distinct unknown values that fit a shift by one before it is named ..."""
_SHIFT_CLASSES: Final = 8
"""... or a number for each class, and so many of them, where only the last number is unknown."""

BLEND_VALUES: Final = 3
"""Distinct unknown values an image needs before blending is named; one is a class nobody declared."""
_BLEND_SHARE: Final = 0.8
"""Share of the unknown pixels that must lie between their neighbours."""
_BLEND_STEPS_PX: Final = range(-8, 9, 2)
"""Where the known values on both sides of a blended border are looked for, down and across."""
_BLEND_SWING: Final = 8
"""How far past its sides a blended value may be, as a part of their distance."""
_BLEND_SAMPLE: Final = 4096
"""Unknown pixels looked at, evenly spread over the image."""


def value_faults(annotation: ImageAnnotation, *, ontology: Ontology, file: str) -> list[Fault]:
    """The faults of the unknown values of one image.

    One ``mask.unknown_value`` with all of them, and where the evidence is strong one more fault
    that says what probably happened: ``mask.id_scheme`` if the values fit another numbering of
    the same classes, ``mask.suspect_blend`` if they lie between the values around them, which is
    what resampling and anti-aliasing leave behind.

    Parameters
    ----------
    annotation : ImageAnnotation
    ontology : Ontology
        The classes the annotation was read with.
    file : str
        What the faults call the source where the annotation names no file.

    Returns
    -------
    list of Fault
        Empty where every value is known.
    """
    if not isinstance(annotation.content, LabelMap):
        return []
    values, lookup = annotation.content.values, annotation.content.lookup
    counts = _counts(values, len(lookup))
    unknown = np.flatnonzero((counts > 0) & (lookup == UNKNOWN))
    if not len(unknown):
        return []
    found = {str(v): int(counts[v]) for v in unknown}
    expected = ranges(np.flatnonzero(lookup != UNKNOWN))
    if unknown.tolist() == [0]:
        expected = f"{expected} (is 0 background? then `unlabeled: 0`)"
    faults = [("mask.unknown_value", expected, summary(found))]
    present = np.flatnonzero(counts)
    scheme = _other_scheme(present, unknown, lookup, ontology) or _shift(present, unknown, lookup)
    if scheme is not None:
        faults.append(("mask.id_scheme", *scheme))
    if len(unknown) >= BLEND_VALUES and looks_blended(values, (lookup == UNKNOWN)[values]):
        got = f"{len(unknown)} values between those of their neighbours"
        faults.append(("mask.suspect_blend", "values of the ontology only", got))
    return [
        Fault(code=code, file=annotation.file or file, image=annotation.key, expected=expected, got=got)
        for code, expected, got in faults
    ]


def looks_blended(values: npt.NDArray[np.unsignedinteger], unknown: npt.NDArray[np.bool_]) -> bool:
    """Whether the unknown pixels lie between the known ones around them.

    Parameters
    ----------
    values : unsigned (H, W) or (H, W, channels)
        Ids or colours.
    unknown : bool (H, W)
        The pixels whose value is not defined.

    Notes
    -----
    Looks at the shape only; with fewer than BLEND_VALUES different unknown values it is no evidence.
    """
    height, width = unknown.shape
    rows, columns = np.divmod(_sample(unknown), width)
    if not len(rows):
        return False
    layers = values if values.ndim == 3 else values[:, :, np.newaxis]
    own = layers[rows, columns].astype(np.int32)
    low = np.full(own.shape, 1 << 20, np.int32)
    high = np.full(own.shape, -1, np.int32)
    for dy in _BLEND_STEPS_PX:
        for dx in _BLEND_STEPS_PX:
            y = np.clip(rows + dy, 0, height - 1)
            x = np.clip(columns + dx, 0, width - 1)
            near = layers[y, x].astype(np.int32)
            known = ~unknown[y, x, np.newaxis]
            low = np.where(known & (near < low), near, low)
            high = np.where(known & (near > high), near, high)
    # Bicubic and Lanczos filters swing past both sides a little.  Where the sides agree there is no
    # room between them, so a solid area of an unknown class does not count.
    swing = (high - low) // _BLEND_SWING
    inside = ((low - swing <= own) & (own <= high + swing)).all(axis=1)
    return bool(inside.mean() >= _BLEND_SHARE)


def ranges(values: npt.NDArray[np.integer]) -> str:
    """Sorted values as ``0-18, 255``."""
    if not len(values):
        return "no value"
    breaks = np.flatnonzero(np.diff(values) > 1)
    firsts = values[np.concatenate([[0], breaks + 1])]
    lasts = values[np.concatenate([breaks, [len(values) - 1]])]
    parts = [
        f"{a}" if a == b else f"{a}-{b}" for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]
    shown = ", ".join(parts)
    return shown if len(shown) <= 80 else f"{', '.join(parts[:4])} ... {parts[-1]}"


def summary(found: dict[str, int]) -> str:
    """``77 (12 px), 78 (3 px) and 5 more``, the most frequent first."""
    ranked = sorted(found.items(), key=lambda item: (-item[1], len(item[0]), item[0]))
    text = ", ".join(f"{value} ({count} px)" for value, count in ranked[:_SHOWN])
    return text if len(ranked) <= _SHOWN else f"{text} and {len(ranked) - _SHOWN} more"


def _sample(marked: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """At most BLEND_SAMPLE flat positions of the marked pixels, evenly spread."""
    flat = marked.reshape(-1)
    step = max(-(-int(np.count_nonzero(flat)) // _BLEND_SAMPLE), 1)
    parts: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    seen = 0
    # In blocks, because a position takes eight bytes.
    for at in range(0, len(flat), _BLOCK_PX):
        found = np.flatnonzero(flat[at : at + _BLOCK_PX])
        parts.append((found[-seen % step :: step] + at).astype(np.int64, copy=False))
        seen += len(found)
    return np.concatenate(parts)


def _counts(values: npt.NDArray[np.unsignedinteger], size: int) -> npt.NDArray[np.int64]:
    # In blocks, because np.bincount makes every value eight bytes wide; by runs where that is less.
    flat = values.reshape(-1)
    counts = np.zeros(size, np.int64)
    for at in range(0, len(flat), _BLOCK_PX):
        block = flat[at : at + _BLOCK_PX]
        ends = np.append(np.flatnonzero(block[1:] != block[:-1]), len(block) - 1)
        if len(ends) * _RUNS_PAY < len(block):
            lengths = np.diff(ends, prepend=-1)
            # The weights are summed as float64, which is exact far beyond a block.
            counts += np.bincount(block[ends], lengths, minlength=size).astype(np.int64)
        else:
            counts += np.bincount(block, minlength=size)
    return counts


def _other_scheme(
    present: npt.NDArray[np.intp],
    unknown: npt.NDArray[np.intp],
    lookup: npt.NDArray[np.int32],
    ontology: Ontology,
) -> tuple[str, str] | None:
    """Expected and got, if all values belong to another scheme of the declared one's data set."""
    if len(present) < _SCHEME_VALUES:
        return None
    sizes = ((scheme, scheme.lookup(ontology, len(lookup))) for scheme in SCHEMES)
    agreeing = {scheme.label: int(((table == lookup) & (table >= 0)).sum()) for scheme, table in sizes}
    declared = max(SCHEMES, key=lambda scheme: agreeing[scheme.label])
    if agreeing[declared.label] < _SCHEME_CLASSES:
        return None
    for other in SCHEMES:
        if other.data_set != declared.data_set or other is declared:
            continue
        if len(unknown) < other.telling or any(int(value) not in other.ids for value in present):
            continue
        classes = other.lookup(ontology, len(lookup)) >= 0
        gain = np.count_nonzero(classes[present]) - np.count_nonzero(lookup[present] >= 0)
        if classes[unknown].any() or gain >= _SCHEME_GAIN:
            return declared.label, f"values that all fit {other.label}"
    return None


def _shift(
    present: npt.NDArray[np.intp], unknown: npt.NDArray[np.intp], lookup: npt.NDArray[np.int32]
) -> tuple[str, str] | None:
    """Expected and got, if every class value is one too high or one too low.

    Of ids without gaps a shift leaves one value unknown only, which may as well be a background of 0
    or a class nobody declared; then all the numbers have to be there that a shift gives, and no other.
    """
    ids = np.flatnonzero(lookup >= 0)
    classes = present[(lookup[present] >= 0) | (lookup[present] == UNKNOWN)]
    told = len(unknown) >= _SHIFT_VALUES or (len(classes) == len(ids) >= _SHIFT_CLASSES)
    if not told:
        return None
    for step, got in ((1, "the same numbers plus 1"), (-1, "the same numbers minus 1")):
        if np.isin(classes - step, ids).all():
            return f"class ids {ranges(ids)}", got
    return None
