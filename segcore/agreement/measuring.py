"""Read every image of every annotator once, and count what they agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations

import numpy as np

from segcore import kernels
from segcore.agreement.alpha import Coincidences
from segcore.agreement.annotators import (
    Annotator,
    Input,
    Specs,
    annotators_of,
    open_inputs,
    shared_ontology,
)
from segcore.agreement.cause import AGREE_AT
from segcore.agreement.found import Agreement, Member
from segcore.agreement.objects import ObjectPair, object_pairs
from segcore.agreement.pairs import PairRow, PairTable, pair_counts
from segcore.agreement.patterns import Patterns
from segcore.annotation import ImageAnnotation, LabelMap
from segcore.dilation import Dilation
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.evaluation import InputInfo, SideCounts
from segcore.faults import Fault, FaultLog
from segcore.kernels import LabelRuns
from segcore.kernels.arrays import Values
from segcore.measures.class_map import ClassMap
from segcore.measures.ignored import left_out_of_pixels
from segcore.measures.measured import refused_count, size_mismatch
from segcore.measures.semantic import SemanticMeasure
from segcore.ontology import Crowd, Ontology
from segcore.ontology_file import named_ontology
from segcore.side import ReadCounts, Side
from segcore.sources.base import Progress

__all__ = ["DILATION", "agree"]

DILATION = Dilation(share=0.02)
"""The width of the boundary where nobody says otherwise: that of COCO and LVIS."""

JOINED = 64
"""Patterns of images that are pooled at a time."""

WHEN = ("created_at", "updated_at")
"""The attributes that say when an annotation was drawn, the first that is there."""


def agree(
    specs: Specs,
    *,
    ontology: Ontology | str | None = None,
    dilation: Dilation | float | str = DILATION,
    agree_at: float = AGREE_AT,
    progress: Progress | None = None,
) -> Agreement:
    """Hold the annotations of several people against each other.

    Parameters
    ----------
    specs : sequence of str, Spec or Source, or mapping of them by name
        ``maria=png:a/``, ``png:b/``, or one input that holds several annotations of an image.
    ontology : Ontology, str or None
        The classes, an ontology file or ``preset:NAME``; None is what the inputs name together.
    dilation : Dilation, float or str
        The width of the boundary.
    agree_at : float
        The IoU from which on two annotators agree, above 0 and at most 1.
    progress : callable or None
        Called with images done and images in all.

    Raises
    ------
    UsageError
        There are fewer than two annotators, two of one name, or no image that two annotated.
    InvalidInputError
        An input has faults that refuse it.
    OntologyError
        Nothing says what the classes are.
    SpecError
        An input cannot be opened.
    """
    if not 0 < agree_at <= 1:
        raise UsageError(f"agree-at is an IoU above 0 and at most 1, got {agree_at}")
    width = Dilation.parse(dilation)
    inputs = open_inputs(specs, progress=progress)
    target = named_ontology(ontology) if isinstance(ontology, str) else ontology
    if target is None:
        try:
            target = shared_ontology(inputs)
        except OntologyError:
            _refuse([_Reader(given) for given in inputs])  # a broken input names no class either
            raise
    resolved = (replace(one, source=one.source.resolve(ontology=target)) for one in inputs)
    inputs = tuple(resolved)
    annotators = annotators_of(inputs)
    walk = _Walk(annotators, target, width)
    readers = [_Reader(given) for given in inputs]
    walk.run(readers, progress=progress)
    inputs_read, counts, faults = _refuse(readers, walk.faults)
    if not walk.images:
        raise UsageError("no image was annotated by two of them: nothing can be compared")
    objects, why = _objects(annotators, target, walk)
    return Agreement(
        ontology=target,
        annotators=tuple(walk.members()),
        images=tuple(walk.images),
        single_images=walk.single,
        dilation=width,
        agree_at=agree_at,
        table=PairTable(
            rows=tuple(walk.rows),
            num_annotators=len(annotators),
            num_classes=len(target),
            num_images=len(walk.images),
        ),
        coincidences=walk.coincidences,
        patterns=Patterns.joined(walk.patterns, num_classes=len(target)),
        times=tuple(walk.times),
        objects=objects,
        no_objects=why,
        inputs=inputs_read,
        counts=counts,
        faults=faults,
    )


def _objects(
    annotators: Sequence[Annotator], target: Ontology, walk: _Walk
) -> tuple[tuple[tuple[ObjectPair, ...], ...] | None, str]:
    """The matched objects, or why there are none."""
    if walk.untold:
        return None, f"{walk.untold} is a label map, which does not tell objects apart"
    if all(c.thing is False for c in target.classes):
        return None, "every class is stuff"
    try:
        return object_pairs(annotators, ontology=target), ""
    except (OntologyError, UsageError) as error:
        return None, str(error)


class _Reader:
    """One input while it is read."""

    def __init__(self, given: Input) -> None:
        self.side = Side(given.name or given.spec, given.source)
        self.read = ReadCounts()
        self.found = FaultLog()


def _refuse(
    readers: Sequence[_Reader], more: Sequence[Fault] = ()
) -> tuple[tuple[InputInfo, ...], dict[str, SideCounts], tuple[Fault, ...]]:
    log = FaultLog()
    log.extend(more)
    for reader in readers:
        reader.side.source.keys()
        reader.side.take(reader.read, [*reader.found, *reader.side.source.faults])
        log.extend(reader.side.faults)
    inputs = tuple(reader.side.info() for reader in readers)
    counts = {reader.side.role: reader.side.counts() for reader in readers}
    if log.errors:
        raise InvalidInputError(log.sorted(), inputs=inputs, counts=counts)
    return inputs, counts, log.sorted()


@dataclass(eq=False)
class _Walk:
    """The images one after the other."""

    annotators: Sequence[Annotator]
    target: Ontology
    dilation: Dilation
    images: list[str] = field(default_factory=list)
    single: int = 0
    rows: list[PairRow] = field(default_factory=list)
    patterns: list[Patterns] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    times: list[dict[str, str]] = field(default_factory=list)
    untold: str = ""

    def __post_init__(self) -> None:
        self.coincidences = Coincidences(tables={}, num_values=len(self.target) + 1)
        self.times = [{} for _ in self.annotators]
        maps = [
            ClassMap(target=self.target, source=one.view.ontology or self.target, file=one.spec)
            for one in self.annotators
        ]
        self._measures = [
            SemanticMeasure(gold=one, delivery=one, overlap=self.target.overlap, crowd=self.target.crowd)
            for one in maps
        ]

    def members(self) -> list[Member]:
        """Everybody, with the number of images."""
        return [
            Member(name=one.name, spec=one.spec, images=len(one.view.keys())) for one in self.annotators
        ]

    def run(self, readers: Sequence[_Reader], *, progress: Progress | None) -> None:
        """Read and count everything."""
        keys = [frozenset(one.view.keys()) for one in self.annotators]
        for one in self.annotators:
            one.view.expect(one.view.keys())
        every = sorted(frozenset().union(*keys))
        for done, image in enumerate(every, start=1):
            read: list[ImageAnnotation | None] = []
            for one, held in zip(self.annotators, keys, strict=True):
                found = one.view.read(image) if image in held else None
                if image in held:
                    reader = readers[one.input]
                    reader.read.add(one.view, image, found)
                    if found is not None:
                        ignored = left_out_of_pixels(
                            found.content, crowds=self.target.crowd is Crowd.IGNORE
                        )
                        reader.read.ignored.update(ignored)
                read.append(found)
            self._count(image, read, readers)
            if progress is not None:
                progress(done, len(every))

    def _count(
        self,
        image: str,
        read: list[ImageAnnotation | None],
        readers: Sequence[_Reader],
    ) -> None:
        sized = next((one for one in read if one is not None and one.height), None)
        runs: list[LabelRuns | None] = []
        for place, found in enumerate(read):
            runs.append(None)
            if found is None:
                continue
            one = self.annotators[place]
            self._note(place, image, found)
            if sized is not None:
                found = found.sized_like(sized)
                if (found.height, found.width) != (sized.height, sized.width):
                    reader = readers[one.input]
                    reader.found.add(size_mismatch(sized, found, file=found.file or one.spec))
                    reader.read.rejected += found.read - found.rejected
                    continue
            runs[-1], faults = self._measures[place].runs_of(found)
            readers[one.input].found.extend(faults)
            readers[one.input].read.rejected += refused_count(faults)
        if sized is None or sum(one is not None for one in runs) < 2:
            self.single += 1
            return
        self._compare(image, runs, sized.height, sized.width)

    def _note(self, place: int, image: str, found: ImageAnnotation) -> None:
        """What else an annotation says: when it was drawn, and whether it tells objects apart."""
        if isinstance(found.content, LabelMap) and found.content.objects is None:
            self.untold = self.untold or self.annotators[place].spec
        said = dict(found.attributes)
        if not any(name in said for name in WHEN):
            held = self.annotators[place].view.attributes(image)
            said |= {name: held[name][0] for name in WHEN if len(held.get(name, ())) == 1}
        for name in WHEN:
            if moment := _moment(said.get(name)):
                self.times[place][image] = moment
                break

    def _compare(self, image: str, runs: Sequence[LabelRuns | None], height: int, width: int) -> None:
        k = len(self.target)
        at = len(self.images)
        self.images.append(image)
        patterns = Patterns.of_runs(runs, num_classes=k)
        self.coincidences += Coincidences.of(patterns, num_classes=k)
        self.patterns.append(patterns)
        if len(self.patterns) >= JOINED:
            self.patterns = [Patterns.joined(self.patterns, num_classes=k)]
        bands = _Bands(runs, (height, width), k, self.dilation.of(height=height, width=width))
        for pair, (one, other) in enumerate(combinations(range(len(runs)), 2)):
            if runs[one] is None or runs[other] is None:
                continue
            counts = pair_counts(patterns, one, other, num_classes=k)
            union = counts.one + counts.other - counts.shared
            shared_band, union_band = bands.of(one, other)
            for index in np.flatnonzero(union).tolist():
                row = PairRow(
                    image=at,
                    pair=pair,
                    class_index=index,
                    shared_px=int(counts.shared[index]),
                    union_px=int(union[index]),
                    boundary_shared_px=int(shared_band[index]),
                    boundary_union_px=int(union_band[index]),
                )
                self.rows.append(row)


class _Bands:
    """The bands inside the outlines of one image.

    What either of two annotators leaves void lies outside the masks of both; without void the band of
    an annotator is the same for every pair.
    """

    def __init__(
        self, runs: Sequence[LabelRuns | None], size: tuple[int, int], k: int, width_px: int
    ) -> None:
        self._k = k
        self._width_px = width_px
        self._maps = [None if one is None else _dense(one, size, k) for one in runs]
        self._void = [one is not None and bool((one.codes > k).any()) for one in runs]
        self._found: dict[int, Values] = {}

    def of(self, one: int, other: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        """Shared pixels and unions of the bands of every class."""
        k = self._k
        left, right = self._maps[one], self._maps[other]
        if left is None or right is None:
            raise ValueError("both must have annotated the image")
        if self._void[one] or self._void[other]:
            void = (left > k) | (right > k)
            bands = [self._band(np.where(void, left.dtype.type(k + 1), m)) for m in (left, right)]
        else:
            bands = [self._once(one, left), self._once(other, right)]
        same = np.arange(1 << 8 * bands[0].itemsize, dtype=np.int32).clip(max=k)
        table = kernels.joint_dense(bands[0], bands[1], same, same, size=k + 1)
        shared = np.diagonal(table)[:k].copy()
        return shared, (table.sum(axis=1) + table.sum(axis=0))[:k] - shared

    def _once(self, place: int, codes: Values) -> Values:
        if place not in self._found:
            self._found[place] = self._band(codes)
        return self._found[place]

    def _band(self, codes: Values) -> Values:
        inside = kernels.band(codes, width_px=self._width_px)
        return np.where(inside, codes, np.maximum(codes, codes.dtype.type(self._k)))


def _dense(runs: LabelRuns, size: tuple[int, int], k: int) -> Values:
    """The codes of every pixel: (W, H), as runs are column-major."""
    narrow = np.uint8 if k + 2 <= np.iinfo(np.uint8).max else np.uint16
    lengths = np.diff(runs.starts, append=np.int32(runs.pixels))
    found: Values = np.repeat(runs.codes.astype(narrow), lengths).reshape(size[1], size[0])
    return found


def _moment(value: object) -> str | None:
    """A date and time in UTC, as ISO 8601; None for what is none."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC).isoformat()
    except OverflowError:
        return None
