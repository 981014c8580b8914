"""What every writer gets: the objects of one image as runs, whatever they were read from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import AnnotationId, ImageAnnotation, LabelMap, Regions, RunMask
from segcore.kernels import LabelRuns
from segcore.masks.batch import union_of_runs
from segcore.measures.segments import as_label_map
from segcore.ontology import IGNORE, UNLABELED, Ontology, Overlap

__all__ = ["VOID", "Scene", "painted", "scene_of", "shared_px", "sized_like"]

VOID = -1
"""What :func:`painted` writes where the source says void and no object lies."""

_I32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One image as it is written.

    Attributes
    ----------
    key : str
        The image key.
    height, width : int
        Size in pixels; 0 x 0 where nothing was drawn and nobody says how large the image is.
    objects : Regions
        Every object; of a mask of classes, every class there is.  All have a class.
    void : RunMask
        Pixels marked void.
    """

    key: str
    height: int
    width: int
    objects: Regions
    void: RunMask

    def __len__(self) -> int:
        return len(self.objects)


def scene_of(annotation: ImageAnnotation, ontology: Ontology) -> Scene:
    """What one image shows, as objects.

    A mask of classes gives one object a class, one that numbers objects one an object, a panoptic mask
    one a segment; pixels of no segment are claimed by nobody.

    Parameters
    ----------
    annotation : ImageAnnotation
        Without faults.
    ontology : Ontology
        Of the source that read it.
    """
    content = as_label_map(annotation, void=UNLABELED, ignored=None).content
    regions, void = (
        _of_regions(content)
        if isinstance(content, Regions)
        else _of_values(annotation, content, ontology)
        if isinstance(content, LabelMap)
        else (None, None)
    )
    if regions is None or void is None:  # as_label_map leaves no SegmentMap
        raise TypeError(f"no scene of {type(content).__name__}")
    return Scene(
        key=annotation.key,
        height=annotation.height,
        width=annotation.width,
        objects=regions,
        void=void,
    )


def _of_regions(regions: Regions) -> tuple[Regions, RunMask]:
    ignored = np.flatnonzero(regions.classes == IGNORE)
    void = regions.take(ignored)
    starts, ends, _ = union_of_runs(
        void.starts,
        void.ends,
        np.zeros(len(void.starts), np.int64),
        owners=1,
        pixels=regions.height * regions.width,
    )
    mask = RunMask(height=regions.height, width=regions.width, starts=starts, ends=ends)
    if (regions.classes >= 0).all():
        return regions, mask
    return regions.take(np.flatnonzero(regions.classes >= 0)), mask


def _of_values(
    annotation: ImageAnnotation, content: LabelMap, ontology: Ontology
) -> tuple[Regions, RunMask]:
    """One region a class, or an object or a segment where values tell them apart."""
    size = len(content.lookup)
    present = np.flatnonzero(np.bincount(content.values.ravel(), minlength=size))
    owner = np.zeros(size, np.int32)
    classes: list[int] = []
    crowd: list[bool] = []
    ids: list[AnnotationId] = []
    groups: dict[tuple[int, int], int] = {}
    segments = annotation.content if not isinstance(annotation.content, LabelMap | Regions) else None
    void_number = size + 1
    for value in present.tolist():
        index = int(content.lookup[value])
        if index == IGNORE:
            owner[value] = void_number
        if index < 0:
            continue
        alone = segments is not None or (content.objects is not None and bool(content.objects[value]))
        group = (index, value if alone else -1)
        if group not in groups:
            groups[group] = len(groups) + 1
            classes.append(index)
            stuff = ontology.classes[index].thing is False
            if segments is not None:
                crowd.append(bool(segments.crowd[value - 1]))
                ids.append(segments.ids[value - 1])
            else:
                crowd.append(content.objects is not None and not alone and not stuff)
                ids.append(value)
        owner[value] = groups[group]
    runs = kernels.dense_runs(content.values, owner)
    ends = np.append(runs.starts[1:], np.int32(runs.pixels)).astype(np.int32)
    order = np.argsort(runs.codes, kind="stable")
    codes = runs.codes[order]
    lo = int(np.searchsorted(codes, 1))
    hi = int(np.searchsorted(codes, void_number))
    regions = Regions(
        height=annotation.height,
        width=annotation.width,
        starts=runs.starts[order][lo:hi],
        ends=ends[order][lo:hi],
        offsets=np.searchsorted(codes[lo:hi], np.arange(1, len(classes) + 2)).astype(np.int64),
        classes=np.array(classes, np.int32),
        crowd=np.array(crowd, np.bool_),
        ids=tuple(ids),
    )
    void = RunMask(
        height=annotation.height,
        width=annotation.width,
        starts=runs.starts[order][hi:],
        ends=ends[order][hi:],
    )
    return regions, void


def painted(scene: Scene, ontology: Ontology) -> _I32:
    """Who owns each pixel, int32 (H, W): the place of the object from 1, 0 for nobody, :data:`VOID`.

    Where objects overlap the rule of the ontology decides, as it does where a delivery is scored:
    the smallest, or the last.
    """
    objects = scene.objects
    n = len(objects)
    areas = objects.areas_px()
    if ontology.overlap is Overlap.LAST:
        order = list(range(n))
    else:
        names = ontology.names
        order = sorted(range(n), key=lambda i: (-int(areas[i]), names[objects.classes[i]], i))
    priority = np.empty(n + 1, np.int32)
    priority[order] = np.arange(1, n + 1)
    priority[n] = 0
    # Void lies below all objects.
    runs = kernels.paint(
        np.concatenate([objects.starts, scene.void.starts]),
        np.concatenate([objects.ends, scene.void.ends]),
        np.append(objects.offsets, objects.offsets[-1] + len(scene.void.starts)),
        priority,
        np.append(np.arange(1, n + 1), n + 1).astype(np.int32),
        pixels=scene.height * scene.width,
        background=0,
    )
    numbers = _dense(runs, scene.height, scene.width)
    numbers[numbers == n + 1] = VOID
    return numbers


def shared_px(scene: Scene) -> int:
    """Pixels that lie in more than one object."""
    steps = np.concatenate([scene.objects.starts, scene.objects.ends])
    if not len(steps):
        return 0
    change = np.concatenate([
        np.ones(len(scene.objects.starts), np.int64),
        -np.ones(len(scene.objects.ends), np.int64),
    ])  # fmt: skip
    order = np.argsort(steps, kind="stable")
    depth = np.cumsum(change[order])[:-1]
    lengths = np.diff(steps[order].astype(np.int64))
    return int(lengths[depth > 1].sum())


def sized_like(scene: Scene, other: Scene) -> Scene:
    """The same scene with the size of ``other``, where its own is unknown."""
    if scene.height or scene.width or len(scene):
        return scene
    height, width = other.height, other.width
    return replace(
        scene,
        height=height,
        width=width,
        objects=replace(scene.objects, height=height, width=width),
        void=replace(scene.void, height=height, width=width),
    )


def _dense(runs: LabelRuns, height: int, width: int) -> _I32:
    lengths = np.diff(runs.starts, append=runs.pixels)
    flat = np.repeat(runs.codes, lengths)
    return np.ascontiguousarray(flat.reshape((height, width), order="F"))
