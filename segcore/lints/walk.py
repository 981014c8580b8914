"""One pass over a delivery that serves all lints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from segcore import sources
from segcore.annotation import ImageAnnotation, Regions
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.lints import claims, shapes
from segcore.lints.alignment import Alignment
from segcore.lints.findings import Found, LintResult
from segcore.lints.front_door import CODES_OF, from_faults
from segcore.lints.layers import layers_of
from segcore.lints.names import Lint, LintSettings
from segcore.lints.pairs import PairReader, chosen_pairs
from segcore.lints.swaps import swapped
from segcore.lints.vertices import vertex_limits
from segcore.lints.view import ImageView
from segcore.measures.class_map import ClassMap
from segcore.ontology import Ontology
from segcore.sources import Source, Spec
from segcore.sources.base import Progress

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation

__all__ = ["lint", "swapped_classes"]

_Check = Callable[[ImageView, Found], None]

_POLYGONS: Final = ("polygons", "none of its annotations is known to be a polygon")
_PAIRS: Final = ("pairs of images", "too few of its images have gold of the same size")
_SUBJECTS: Final[Mapping[Lint, tuple[str, str]]] = {
    Lint.UNKNOWN_CLASS: ("annotations", "it has no annotation"),
    Lint.UNDECODABLE_MASK: ("annotations", "it has no annotation"),
    Lint.EMPTY_MASK: ("masks", "it has no mask"),
    Lint.TINY_MASK: ("masks", "it has no mask"),
    Lint.SPECK: ("masks", "it has no mask"),
    Lint.HOLE: ("masks", "it has no mask"),
    Lint.OVERLAP: ("images", "no pixel of its masks can lie in two regions"),
    Lint.UNCOVERED: ("images", "it has no image of a known size"),
    Lint.DUPLICATE_INSTANCE: ("objects", "no pixel of its masks can lie in two objects"),
    Lint.SELF_INTERSECTION: _POLYGONS,
    Lint.TOO_FEW_VERTICES: _POLYGONS,
    Lint.TOO_MANY_VERTICES: _POLYGONS,
    Lint.OUT_OF_BOUNDS: _POLYGONS,
    Lint.BBOX_MISMATCH: ("boxes", "no box that it states is read"),
    Lint.AREA_MISMATCH: ("areas", "no area that it states is read"),
    Lint.WHOLE_IMAGE_MASK: ("masks", "it has no mask"),
    Lint.BLOCKY_MASK: ("masks", "it has no mask"),
    Lint.SHIFTED: _PAIRS,
    Lint.MIRRORED: _PAIRS,
    Lint.SWAPPED_CLASS: ("classes", "no class is in enough gold images"),
}
"""What each lint looks at, and what is missing where there is nothing to look at."""


def lint(
    delivery: str | Spec | Source,
    lints: Iterable[Lint | str],
    *,
    gold: str | Spec | Source | None = None,
    ontology: Ontology | None = None,
    settings: LintSettings | None = None,
    progress: Progress | None = None,
) -> dict[Lint, LintResult]:
    """Look for what is wrong with a delivery before anything is measured.

    Parameters
    ----------
    delivery : str, Spec or Source
        Every image of it is looked at, those without gold too.
    lints : iterable of Lint or str
        What to look for.
    gold : str, Spec or Source or None
        Needed for ``shifted``, ``mirrored`` and ``swapped-class``.
    ontology : Ontology or None
        The classes; None takes those the gold names, else those of the delivery.
    settings : LintSettings or None
        None is :class:`LintSettings` as it is.
    progress : callable or None
        Called with images done and images in all.

    Returns
    -------
    dict of Lint to LintResult
        In the order of :class:`Lint`.  The order of files and annotations of other images changes
        nothing; memory does not grow with the number of images.

    Raises
    ------
    UsageError
        A lint does not exist, or compares with a gold that is not given.
    OntologyError
        Nothing says what the classes are.
    InvalidInputError
        There is no image to look at, one is too large to be taken apart, or ``swapped-class`` is
        asked for and an input is refused.
    SpecError
        An input cannot be opened.
    """
    wanted = _chosen(lints)
    told = settings or LintSettings()
    trusted = None if gold is None else sources.open(gold)
    if trusted is None and (needing := [name for name in wanted if name.needs_gold]):
        raise UsageError(f"{needing[0].value} compares the delivery with gold, and none is given")
    found = {name: Found() for name in wanted}
    source = sources.open(delivery)
    source, trusted, target = _resolved(source, trusted, ontology)
    if Lint.SWAPPED_CLASS in found and trusted is not None:
        from segcore.batch import evaluate

        evaluation = evaluate(trusted, source, ontology=target)
        found[Lint.SWAPPED_CLASS] = _swapped(evaluation, told)
    unread = _walk(source, trusted, target, found, told, progress)
    results = {name: found[name].result(name, *_subject(name)) for name in wanted}
    return {
        name: result if name in CODES_OF else replace(result, unread=unread)
        for name, result in results.items()
    }


def swapped_classes(evaluation: Evaluation, settings: LintSettings) -> LintResult:
    """The lint ``swapped-class`` of a batch that was measured."""
    return _swapped(evaluation, settings).result(Lint.SWAPPED_CLASS, *_subject(Lint.SWAPPED_CLASS))


def _swapped(evaluation: Evaluation, settings: LintSettings) -> Found:
    return swapped(
        evaluation.confusion,
        np.array([scores.support_images for scores in evaluation.classes], np.int64),
        evaluation.ontology.names,
        share=settings.swap_share,
        fewest=settings.images,
    )


def _subject(name: Lint) -> tuple[str, str]:
    return _SUBJECTS[name]


def _chosen(lints: Iterable[Lint | str]) -> tuple[Lint, ...]:
    wanted: set[Lint] = set()
    for name in lints:
        try:
            wanted.add(Lint(name))
        except ValueError:
            known = ", ".join(known.value for known in Lint)
            raise UsageError(f"{name!r} is no lint; there are {known}") from None
    return tuple(name for name in Lint if name in wanted)


def _resolved(
    delivery: Source, gold: Source | None, ontology: Ontology | None
) -> tuple[Source, Source | None, Ontology]:
    """Both sides with the classes they are read with, as a measurement would have them."""
    target = ontology
    if gold is not None:
        gold = gold.resolve(ontology=ontology)
        target = gold.ontology if target is None else target
    delivery = delivery.resolve(ontology=target, gold=gold)
    target = delivery.ontology if target is None else target
    if target is None:
        if delivery.faults.errors:
            raise InvalidInputError(delivery.faults.sorted())
        raise OntologyError(f"{delivery.name} names no classes: give an ontology, or a gold that does")
    return delivery, gold, target


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looking:
    """What is done with every image."""

    names: tuple[str, ...]
    classes: ClassMap
    found: Mapping[Lint, Found]
    settings: LintSettings
    checks: tuple[tuple[_Check, Found], ...]

    def at(self, annotation: ImageAnnotation) -> None:
        self._as_written(annotation)
        if not self.checks or not annotation.height:
            return  # where nothing was drawn, the size may be unknown
        if not annotation.file:
            annotation = replace(annotation, file=self.classes.file)
        view = ImageView(annotation=annotation, layers=layers_of(annotation), names=self.names)
        for check, found in self.checks:
            check(view, found)

    def _as_written(self, annotation: ImageAnnotation) -> None:
        """What is counted without a look at the masks."""
        found, told = self.found, self.settings
        for name in (Lint.UNKNOWN_CLASS, Lint.UNDECODABLE_MASK):
            if name in found:
                found[name].look(annotation.read)
        if Lint.UNKNOWN_CLASS in found:
            faults = self.classes.value_faults(annotation) + self.classes.name_faults(annotation)
            from_faults(faults, {Lint.UNKNOWN_CLASS: found[Lint.UNKNOWN_CLASS]})
        content = annotation.content
        if Lint.AREA_MISMATCH in found and isinstance(content, Regions):
            stated = content.stated_areas_px
            found[Lint.AREA_MISMATCH].look(0 if stated is None else int(np.isfinite(stated).sum()))
        outlines = annotation.outlines
        if outlines is None:
            return
        for name in (Lint.SELF_INTERSECTION, Lint.OUT_OF_BOUNDS):
            if name in found:
                found[name].look(int((outlines.vertices > 0).sum()))
        if Lint.BBOX_MISMATCH in found:
            found[Lint.BBOX_MISMATCH].look(int(outlines.boxed.sum()))
        for name, limits in (
            (Lint.TOO_FEW_VERTICES, told.min_vertices),
            (Lint.TOO_MANY_VERTICES, told.max_vertices),
        ):
            if name in found:
                vertex_limits(
                    annotation.key,
                    outlines,
                    found[name],
                    names=self.names,
                    limits=limits,
                    most=name is Lint.TOO_MANY_VERTICES,
                )


def _walk(
    delivery: Source,
    gold: Source | None,
    target: Ontology,
    found: Mapping[Lint, Found],
    settings: LintSettings,
    progress: Progress | None,
) -> int:
    """Look at every image; the number of annotations that could not be read."""
    own = delivery.ontology or target
    at = target.match(own).tolist()
    looking = _Looking(
        names=tuple(
            target.classes[i].name if i >= 0 else c.name for i, c in zip(at, own.classes, strict=True)
        ),
        classes=ClassMap(target=target, source=own, file=delivery.name),
        found=found,
        settings=settings,
        checks=tuple((check, found[name]) for name, check in _checks(settings) if name in found),
    )
    reader = alignment = None
    if gold is not None and (Lint.SHIFTED in found or Lint.MIRRORED in found):
        shift = settings.shift_px if Lint.SHIFTED in found else 0
        alignment = Alignment(num_classes=len(target), shift_px=shift)
        reader = PairReader(target, gold, delivery, pairs=chosen_pairs(gold, delivery))
    keys = delivery.keys()
    if not keys:
        raise _nothing(delivery)
    delivery.expect(keys)
    unread = 0
    for done, key in enumerate(keys, start=1):
        annotation = delivery.read(key)
        unread += delivery.annotation_count(key) if annotation is None else annotation.rejected
        if annotation is not None:
            looking.at(annotation)
            if reader is not None and alignment is not None:
                reader.look(annotation, alignment)
        if progress is not None:
            progress(done, len(keys))
    from_faults(delivery.faults.sorted(), found)
    if alignment is not None:
        fewest = settings.images
        if Lint.SHIFTED in found:
            found[Lint.SHIFTED].take(alignment.shifted(gain=settings.shift_gain, fewest=fewest))
        if Lint.MIRRORED in found:
            found[Lint.MIRRORED].take(alignment.mirrored(gain=settings.mirror_gain, fewest=fewest))
    return unread + delivery.unplaced


def _checks(told: LintSettings) -> tuple[tuple[Lint, _Check], ...]:
    """The lints of single images, with what they are told."""
    return (
        (Lint.EMPTY_MASK, shapes.empty),
        (Lint.TINY_MASK, lambda image, found: shapes.tiny(image, found, most_px=told.tiny_px)),
        (Lint.SPECK, lambda image, found: shapes.specks(image, found, most_px=told.speck_px)),
        (Lint.HOLE, lambda image, found: shapes.holes(image, found, most_px=told.hole_px)),
        (
            Lint.OVERLAP,
            lambda image, found: claims.overlapping(image, found, most_px=told.overlap_px),
        ),
        (
            Lint.UNCOVERED,
            lambda image, found: claims.uncovered(image, found, most_px=told.uncovered_px),
        ),
        (
            Lint.DUPLICATE_INSTANCE,
            lambda image, found: claims.duplicates(image, found, iou=told.duplicate_iou),
        ),
        (
            Lint.WHOLE_IMAGE_MASK,
            lambda image, found: shapes.whole(image, found, share=told.whole_share),
        ),
        (Lint.BLOCKY_MASK, shapes.blocky),
    )


def _nothing(delivery: Source) -> InvalidInputError:
    """A delivery without an image: broken, or empty."""
    from segcore.faults import Fault

    faults = delivery.faults.sorted()
    if not delivery.faults.errors:
        empty = Fault(
            code="delivery.image_match",
            file=delivery.name,
            expected="at least one image",
            got=delivery.when_empty,
        )
        faults = (*faults, empty)
    return InvalidInputError(faults)
