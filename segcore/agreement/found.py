"""The agreement of several annotators: everything is derived from the counts of their pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from segcore import __version__
from segcore.agreement.alpha import Coincidences
from segcore.agreement.cause import Finding, find_cause
from segcore.agreement.ceiling import CONFIDENCE, HumanCeiling, human_ceiling
from segcore.agreement.consensus import UNDECIDED, Staple, majority, staple
from segcore.agreement.drift import Drift, Moment, ewma
from segcore.agreement.objects import ObjectPair
from segcore.agreement.pairs import PairTable
from segcore.agreement.patterns import MISSING, Patterns
from segcore.dilation import Dilation
from segcore.evaluation import OTHER, InputInfo, SideCounts
from segcore.faults import Fault
from segcore.ontology import Ontology

__all__ = ["Agreement", "ClassAgreement", "Member"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One annotator.

    Attributes
    ----------
    name, spec : str
    images : int
        They annotated.
    """

    name: str
    spec: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAgreement:
    """One class.

    Attributes
    ----------
    name : str
    ceiling, boundary : HumanCeiling
        Of the masks, and of the bands inside their outlines.
    alpha : float or None
        Krippendorff's, of this class against everything else.
    pair_iou, pair_boundary_iou : tuple of float or None
        Pooled over the images of each pair.
    majority_iou : tuple of float or None
        Of each annotator against what most say.
    staple : Staple or None
    finding : Finding
    confused_with : str or None
        What the annotators most often call what one of them calls this class.
    confused_share : float or None
        Of the pairs of values in which one is this class.
    """

    name: str
    ceiling: HumanCeiling
    boundary: HumanCeiling
    alpha: float | None
    pair_iou: tuple[float | None, ...]
    pair_boundary_iou: tuple[float | None, ...]
    majority_iou: tuple[float | None, ...]
    staple: Staple | None
    finding: Finding
    confused_with: str | None
    confused_share: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """What several annotators make of the same images.

    Attributes
    ----------
    ontology : Ontology
    annotators : tuple of Member
    images : tuple of str
        That two or more annotated, sorted.
    single_images : int
        That only one did: in no number.
    dilation : Dilation
    agree_at : float
    table : PairTable
    coincidences : Coincidences
    patterns : Patterns
        Of all images.
    times : tuple of mapping
        When each annotator drew which image.
    objects : tuple of tuple of ObjectPair, or None
        By pair and class.
    no_objects : str
        Why there are none.
    inputs, counts, faults
        As of every command.
    """

    ontology: Ontology
    annotators: tuple[Member, ...]
    images: tuple[str, ...]
    single_images: int
    dilation: Dilation
    agree_at: float
    table: PairTable
    coincidences: Coincidences
    patterns: Patterns
    times: tuple[Mapping[str, str], ...]
    objects: tuple[tuple[ObjectPair, ...], ...] | None
    no_objects: str
    inputs: tuple[InputInfo, ...]
    counts: Mapping[str, SideCounts]
    faults: tuple[Fault, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The annotators."""
        return tuple(one.name for one in self.annotators)

    @cached_property
    def alpha(self) -> float | None:
        """Krippendorff's, of all classes and of pixels nobody claims."""
        return self.coincidences.alpha()

    @cached_property
    def _majority(self) -> np.ndarray:  # type: ignore[type-arg]
        return majority(self.patterns, num_values=len(self.ontology) + 1)

    @property
    def undecided_px(self) -> int:
        """Pixels for which several values have the most votes."""
        return int(self.patterns.pixels[self._majority == UNDECIDED].sum())

    @property
    def pixels(self) -> int:
        """Pixels of which two or more annotators say something."""
        return self.coincidences.units_px

    @cached_property
    def classes(self) -> tuple[ClassAgreement, ...]:
        """Every class, in ontology order."""
        return tuple(self._class(i, name) for i, name in enumerate(self.ontology.names))

    @cached_property
    def drift(self) -> tuple[Drift, ...]:
        """Of every annotator."""
        means = self.table.image_means()
        found = []
        for place, times in enumerate(self.times):
            others = [other for other in range(len(self.annotators)) if other != place]
            own = means[self.table.between(place, others)]
            moments = []
            for at, image in enumerate(self.images):
                mine = own[~np.isnan(own[:, at]), at]
                if image not in times or not len(mine):
                    continue
                value = math.fsum(mine) / len(mine)
                if len(self.annotators) > 2:
                    every = means[~np.isnan(means[:, at]), at]
                    value -= math.fsum(every) / len(every)
                moments.append(Moment(at=times[image], image=image, value=value))
            found.append(ewma(moments))
        return tuple(found)

    def _class(self, index: int, name: str) -> ClassAgreement:
        masks = self.table.of_class(index)
        bands = self.table.of_class(index, boundary=True)
        other, share = self._confusion(index)
        return ClassAgreement(
            name=name,
            ceiling=human_ceiling(*masks),
            boundary=human_ceiling(*bands),
            alpha=self.coincidences.alpha(index),
            pair_iou=_ratios(*masks),
            pair_boundary_iou=_ratios(*bands),
            majority_iou=self._against_majority(index),
            staple=staple(self.patterns.of_class(index)) if len(self.annotators) > 2 else None,
            finding=find_cause(self.table, index, agree_at=self.agree_at),
            confused_with=other,
            confused_share=share,
        )

    def _against_majority(self, index: int) -> tuple[float | None, ...]:
        """The IoU of each annotator with the majority, where it is decided; None where two have none."""
        found: list[float | None] = []
        if len(self.annotators) < 3:
            return (None,) * len(self.annotators)
        won = self._majority == index
        decided = self._majority >= 0
        for column in self.patterns.codes.T:
            said = decided & (column != MISSING)
            mine = said & (column == index)
            both = int(self.patterns.pixels[mine & won].sum())
            either = int(self.patterns.pixels[said & (mine | won)].sum())
            found.append(both / either if either else None)
        return tuple(found)

    def _confusion(self, index: int) -> tuple[str | None, float | None]:
        row = sum((table[index] for table in self.coincidences.tables.values()), np.int64(0))
        counts = np.atleast_1d(np.asarray(row)).copy()
        if len(counts) <= index or not counts.sum():
            return None, None
        whole = int(counts.sum())
        counts[index] = 0
        most = int(counts.argmax())
        if not counts[most]:
            return None, None
        return (*self.ontology.names, OTHER)[most], int(counts[most]) / whole

    def to_json(self) -> dict[str, Any]:
        """The document of ``segcore agree --json``: plain values, undefined ones None."""
        names = self.names
        pairs = [[names[one], names[other]] for one, other in self.table.pairs]
        return {
            "schema": 1,
            "outcome": "compared",
            "tool": {"name": "segcore", "version": __version__},
            "inputs": [info.to_json() for info in self.inputs],
            "counts": {role: counts.to_json() for role, counts in sorted(self.counts.items())},
            "annotators": [asdict(one) for one in self.annotators],
            "images": {"compared": len(self.images), "annotated_once": self.single_images},
            "pairs": pairs,
            "alpha": self.alpha,
            "dilation": str(self.dilation),
            "pixels": self.pixels,
            "majority": {"undecided_px": self.undecided_px},
            "classes": [self._class_json(i, one) for i, one in enumerate(self.classes)],
            "drift": [
                {"annotator": name, **found.to_json()}
                for name, found in zip(names, self.drift, strict=True)
            ],
            "per_image": [
                {
                    "image": self.images[row.image],
                    "pair": pairs[row.pair],
                    "class": self.ontology.names[row.class_index],
                    "intersection": row.shared_px,
                    "union": row.union_px,
                    "iou": row.shared_px / row.union_px,
                    "boundary_intersection": row.boundary_shared_px,
                    "boundary_union": row.boundary_union_px,
                }
                for row in self.table.rows
            ],
            "faults": [fault.to_json() for fault in self.faults],
            "conventions": self.conventions,
        }

    def _class_json(self, index: int, one: ClassAgreement) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": one.name,
            "human_ceiling": one.ceiling.to_json(),
            "boundary": one.boundary.to_json(),
            "alpha": one.alpha,
            "pair_iou": list(one.pair_iou),
            "pair_boundary_iou": list(one.pair_boundary_iou),
            "majority_iou": list(one.majority_iou),
            "staple": None,
            "finding": one.finding.to_json(self.names),
            "confused_with": one.confused_with,
            "confused_share": one.confused_share,
        }
        if one.staple is not None:
            found["staple"] = {
                "sensitivity": [_defined(value) for value in one.staple.sensitivity],
                "specificity": [_defined(value) for value in one.staple.specificity],
                "pixels": int(one.staple.patterns.pixels[one.staple.chosen].sum()),
                "steps": one.staple.steps,
                "converged": one.staple.converged,
            }
        if self.objects is not None:
            found["objects"] = [pair[index].to_json() for pair in self.objects]
        return found

    @property
    def conventions(self) -> dict[str, str]:
        """The rules behind the numbers."""
        found = {
            "alpha": (
                "Krippendorff's, nominal; the unit is the pixel, void and images an annotator did not "
                "annotate are missing data, unlabeled pixels are a value"
            ),
            "boundary": f"boundary IoU of bands {self.dilation} wide",
            "finding": f"two annotators agree from an IoU of {self.agree_at:g}",
            "human_ceiling": (
                "the mean over pairs of annotators of their IoU, each pooled over the images both "
                f"annotated; bounds one-sided at {CONFIDENCE:g}, delete-one jackknife by image"
            ),
            "majority": "the value with the most votes of a pixel, from three annotators on; of equal "
            "numbers none",
            "missing": "what either of two annotators leaves void counts for neither of them",
            "staple": "per class, binary, over the pixels of all images, from three annotators on",
        }
        if self.no_objects:
            found["objects"] = f"not matched: {self.no_objects}"
        else:
            found["objects"] = "matched one to one at IoU .5 within an image and class; crowds too"
        return found


def _ratios(shared: np.ndarray, union: np.ndarray) -> tuple[float | None, ...]:  # type: ignore[type-arg]
    return tuple(
        int(both) / int(either) if either else None
        for both, either in zip(shared.sum(axis=1), union.sum(axis=1), strict=True)
    )


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
