"""Where gold and delivery differ, as brush regions a reviewer can look at.

Missed pixels and extra pixels are two predictions, because both wear the colour of their class.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.kernels import LabelRuns
from segcore.ontology import LabelClass
from segcore_labelstudio.brush import encode_brush
from segcore_labelstudio.labeling import Labeling

__all__ = [
    "MAX_RESULT_BYTES",
    "Canvas",
    "Difference",
    "Kind",
    "brush_labels",
    "differences",
    "results",
]

MAX_RESULT_BYTES: Final = 256 << 10
"""Of the regions of one kind of one task, as JSON.  The largest differences come first; a region
that does not fit any more is left out, and counted."""


class Kind(enum.StrEnum):
    """Which way gold and delivery differ."""

    MISSED = "missed"
    """Gold has the class, the delivery has not."""
    EXTRA = "extra"
    """The delivery has the class, gold has not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difference:
    """Pixels of one class that differ one way.

    Attributes
    ----------
    code : int
        The class, its position in the ontology of the evaluation.
    kind : Kind
    mask : bool (H, W)
        At least one pixel.
    what : str
        What it is of, where it is not all that differs: follows the kind in the text of the region.
    """

    code: int
    kind: Kind
    mask: npt.NDArray[np.bool_]
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Where the differences of one image are shown.

    Attributes
    ----------
    project, task : int
    to_name : str
        The ``Image`` tag.
    item : int or None
        Which image of the tag, where it shows several.
    labels : mapping of int to (str, str)
        For every class that can be shown, the brush control and the label.
    """

    project: int
    task: int
    to_name: str
    item: int | None
    labels: Mapping[int, tuple[str, str]]


def differences(
    gold: LabelRuns, delivery: LabelRuns, *, height: int, num_classes: int, codes: Collection[int]
) -> Iterator[Difference]:
    """The differences of one image, class by class, missed before extra; none for equal maps.

    Parameters
    ----------
    gold, delivery : LabelRuns
        With the codes of :mod:`segcore.measures.semantic`: K is no class, K + 1 ignore.
    height : int
        Rows of the image, in pixels.
    num_classes : int
        K.
    codes : collection of int
        The classes to look at.

    Notes
    -----
    As in the scores, nothing differs where the gold says ignore.
    """
    if gold.pixels != delivery.pixels or not gold.pixels:
        return
    left, right = _dense(gold, height), _dense(delivery, height)
    differ = (left != right) & (left != num_classes + 1)
    for code in sorted(codes):
        for kind, side in ((Kind.MISSED, left), (Kind.EXTRA, right)):
            mask = differ & (side == code)
            if mask.any():
                yield Difference(code=code, kind=kind, mask=mask)


def brush_labels(
    labeling: Labeling, to_name: str, classes: Iterable[LabelClass]
) -> dict[int, tuple[str, str]]:
    """The brush control and the label that show each class on one ``Image`` tag.

    Returns
    -------
    dict
        By position of the class.  Without those that no ``BrushLabels`` control has a label for.
    """
    known: dict[str, tuple[str, str]] = {}
    for control in labeling.controls.values():
        if control.kind != "brushlabels" or to_name not in control.to_names:
            continue
        for value, alias in control.labels:
            shown = control.name, alias or value  # results name a label by its alias
            for name in (value, alias):
                if name is not None:
                    known.setdefault(name, shown)
    found = {}
    for code, label in enumerate(classes):
        names = [name for name in (label.name, *label.aliases) if name in known]
        if names:
            found[code] = known[names[0]]
    return found


def results(found: Iterable[tuple[Canvas, Difference]]) -> tuple[dict[Kind, list[dict[str, Any]]], int]:
    """The regions of the predictions of one task.

    Parameters
    ----------
    found : iterable of (Canvas, Difference)
        All differences of the task.

    Returns
    -------
    results : dict of Kind to list of dict
        ``result`` of each prediction, the largest differences first; a kind without any is left out.
    left_out : int
        How many differences are not shown: no label, or no space.
    """
    sized: dict[Kind, dict[str, tuple[int, dict[str, Any]]]] = {}
    left_out = 0
    for canvas, difference in found:
        if difference.code not in canvas.labels:
            left_out += 1
            continue
        region = _region(canvas, difference)
        row = -int(np.count_nonzero(difference.mask)), region
        # An object may be shown for what it is as an object and as a segment.
        sized.setdefault(difference.kind, {}).setdefault(region["id"], row)
    shown: dict[Kind, list[dict[str, Any]]] = {}
    for kind in Kind:
        used = 0
        rows = sized.get(kind, {})
        for id_ in sorted(rows, key=lambda id_: (rows[id_][0], id_)):
            region = rows[id_][1]
            size = len(json.dumps(region))
            if used + size > MAX_RESULT_BYTES:
                left_out += 1
                continue
            used += size
            shown.setdefault(kind, []).append(region)
    return shown, left_out


def _region(canvas: Canvas, difference: Difference) -> dict[str, Any]:
    control, label = canvas.labels[difference.code]
    height, width = difference.mask.shape
    name = [canvas.project, canvas.task, canvas.to_name, canvas.item, label, difference.kind.value]
    strokes = encode_brush(difference.mask)
    if difference.what:
        name.append(hashlib.sha256(bytes(strokes)).hexdigest())
    pixels = int(np.count_nonzero(difference.mask))
    region: dict[str, Any] = {
        "id": hashlib.sha256(json.dumps(name).encode()).hexdigest()[:10],
        "type": "brushlabels",
        "from_name": control,
        "to_name": canvas.to_name,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": strokes, "brushlabels": [label]},
        "meta": {"text": [f"{difference.kind.value}{difference.what}: {pixels} px"]},
    }
    if canvas.item is not None:
        region["item_index"] = canvas.item
    return region


def _dense(runs: LabelRuns, height: int) -> npt.NDArray[np.int32]:
    lengths = np.diff(runs.starts, append=runs.pixels)
    return np.repeat(runs.codes, lengths).reshape((height, -1), order="F")
