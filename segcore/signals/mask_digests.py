"""Masks by a digest of their pixels, whatever format they were read from."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from segcore.annotation import AnnotationId, ImageAnnotation, LabelMap, SegmentMap
from segcore.lints.layers import Layers, layers_of
from segcore.measures.segments import as_label_map
from segcore.ontology import UNLABELED

__all__ = ["MaskDigests", "digests_of"]


class MaskDigests:
    """The masks of one image of a least size; crowds and what is as large as the image left out.

    Attributes
    ----------
    layers : Layers
        By columns.
    kept : int64 (n,)
        Which of the layers.
    digests : int64 (n,)
        The same for the same pixels in an image of the same size.
    """

    def __init__(self, layers: Layers, ids: tuple[AnnotationId, ...], *, least_px: int) -> None:
        self.layers, self.ids = layers, ids
        areas = layers.areas_px
        chosen = (areas >= max(least_px, 1)) & (areas < layers.pixels) & ~layers.crowd
        self.kept = np.flatnonzero(chosen)
        bounds = np.searchsorted(layers.runs.owner, np.arange(len(layers) + 1)).tolist()
        size = f"{layers.lines} x {layers.line}".encode()
        found = np.empty(len(self.kept), np.int64)
        for n, i in enumerate(self.kept.tolist()):
            own = slice(bounds[i], bounds[i + 1])
            digest = hashlib.blake2b(size, digest_size=8)
            digest.update(layers.runs.starts[own].tobytes())
            digest.update(layers.runs.ends[own].tobytes())
            found[n] = int.from_bytes(digest.digest(), "little", signed=True)
        self.digests: npt.NDArray[np.int64] = found

    def area_px(self, n: int) -> int:
        """Pixels of one of the masks."""
        return int(self.layers.areas_px[self.kept[n]])


def digests_of(annotation: ImageAnnotation, *, least_px: int) -> MaskDigests:
    """The masks of one image of at least so many pixels.

    Parameters
    ----------
    annotation : ImageAnnotation
        Of a known size.
    least_px : int

    Raises
    ------
    InvalidInputError
        See :func:`segcore.lints.layers.layers_of`.
    """
    content = annotation.content
    if not isinstance(content, SegmentMap):
        layers = layers_of(annotation)
        return MaskDigests(layers, layers.ids, least_px=least_px)
    dense = as_label_map(annotation, void=UNLABELED, ignored=None).content
    if not isinstance(dense, LabelMap):
        raise TypeError("segments become a label map")
    each = replace(dense, objects=np.ones(len(dense.lookup), np.bool_))
    layers = layers_of(replace(annotation, content=each))
    ids = tuple(content.ids[int(str(value)) - 1] for value in layers.ids)
    crowd = np.array([content.crowd[int(str(value)) - 1] for value in layers.ids], np.bool_)
    return MaskDigests(replace(layers, crowd=crowd), ids, least_px=least_px)
