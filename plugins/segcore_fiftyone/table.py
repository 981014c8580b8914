"""Counts sample by sample: what an evaluation says about the images of a dataset."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.evaluation import Evaluation
from segcore_fiftyone.limits import Limits
from segcore_fiftyone.samples import Places

__all__ = ["SampleTable"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleTable:
    """Counts sample by sample, in columns.

    Attributes
    ----------
    ids : tuple of str
        Sample ids, sorted.
    images : tuple of str
        The image key of each.
    offsets : int64 (n + 1,)
        Sample ``i`` owns the rows ``offsets[i]:offsets[i + 1]`` of the next columns.
    classes, intersection, gold_pixels, delivery_pixels : int64 (n_rows,)
        A row for every class a sample holds on either side, by sample, then class.
    failing, undelivered : bool (n,)
        Whether the sample fails, and whether nothing was delivered for it.
    """

    ids: tuple[str, ...]
    images: tuple[str, ...]
    offsets: IntArray
    classes: IntArray
    intersection: IntArray
    gold_pixels: IntArray
    delivery_pixels: IntArray
    failing: npt.NDArray[np.bool_]
    undelivered: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, evaluation: Evaluation, places: Places, limits: Limits) -> SampleTable:
        """The rows of an evaluation, those of images without a sample left out."""
        rows, k = evaluation.tallies, len(evaluation.ontology)
        owner_of = {key: places.samples.get(image) for key, image in places.images.items()}
        found = sorted({(id_, places.images[key]) for key, id_ in owner_of.items() if id_ is not None})
        ids = tuple(id_ for id_, _ in found)
        position = {id_: i for i, id_ in enumerate(ids)}
        owners = np.array(
            [position.get(owner_of.get(key) or "", -1) for key in rows.keys], np.int64
        )  # fmt: skip
        owner = owners[rows.images]
        placed = owner >= 0
        # Several annotations of one image are one sample: its rows are added up by class.
        cells, first = np.unique(owner[placed] * k + rows.classes[placed], return_inverse=True)

        def summed(column: npt.NDArray[np.int32]) -> IntArray:
            total = np.zeros(len(cells), np.int64)
            np.add.at(total, first, column[placed])
            return total

        failing = np.zeros(len(ids), np.bool_)
        failing[owner[placed & _below(evaluation, limits)]] = True
        undelivered = np.zeros(len(ids), np.bool_)
        missing = [
            position.get(owner_of.get(key) or "") for key in evaluation.images.missing_in_delivery
        ]
        undelivered[[i for i in missing if i is not None]] = True
        return cls(
            ids=ids,
            images=tuple(image for _, image in found),
            offsets=np.searchsorted(cells, np.arange(len(ids) + 1) * k),
            classes=cells % k,
            intersection=summed(rows.intersection),
            gold_pixels=summed(rows.gold_pixels),
            delivery_pixels=summed(rows.delivery_pixels),
            failing=failing | undelivered if limits.missing_fail else failing,
            undelivered=undelivered,
        )

    def iou(self) -> npt.NDArray[np.float64]:
        """IoU of every row: float64 (n_rows,); a row has a union."""
        return self.intersection / (self.gold_pixels + self.delivery_pixels - self.intersection)

    def rows(self) -> Iterator[tuple[str, list[int], list[float]]]:
        """Sample by sample its id, the classes it holds and the IoU of each."""
        classes, ious, offsets = self.classes.tolist(), self.iou().tolist(), self.offsets.tolist()
        for i, id_ in enumerate(self.ids):
            begin, end = offsets[i], offsets[i + 1]
            yield id_, classes[begin:end], ious[begin:end]

    def to_json(self) -> dict[str, Any]:
        """The columns packed, the names plain."""
        columns = {name: _packed(getattr(self, name)) for name in _COLUMNS}
        return {"ids": list(self.ids), "images": list(self.images), **columns}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SampleTable:
        """The inverse of :meth:`to_json`."""
        return cls(
            ids=tuple(data["ids"]),
            images=tuple(data["images"]),
            offsets=_unpacked(data["offsets"]),
            classes=_unpacked(data["classes"]),
            intersection=_unpacked(data["intersection"]),
            gold_pixels=_unpacked(data["gold_pixels"]),
            delivery_pixels=_unpacked(data["delivery_pixels"]),
            failing=_unpacked(data["failing"]).astype(np.bool_),
            undelivered=_unpacked(data["undelivered"]).astype(np.bool_),
        )


_COLUMNS: Final = (
    "offsets", "classes", "intersection", "gold_pixels", "delivery_pixels", "failing", "undelivered",
)  # fmt: skip


def _below(evaluation: Evaluation, limits: Limits) -> npt.NDArray[np.bool_]:
    """Which rows of the evaluation are below the limit of their class: bool (n_rows,)."""
    rows = evaluation.tallies
    floors = np.array([limits.image.get(name, 0.0) for name in evaluation.ontology.names])
    union = rows.gold_pixels.astype(np.int64) + rows.delivery_pixels - rows.intersection
    below: npt.NDArray[np.bool_] = rows.intersection / union < floors[rows.classes]
    return below


def _packed(column: npt.NDArray[Any]) -> str:
    data = np.ascontiguousarray(column, "<i8").tobytes()
    return base64.b64encode(zlib.compress(data, 1)).decode("ascii")


def _unpacked(text: str) -> IntArray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<i8").astype(np.int64)
