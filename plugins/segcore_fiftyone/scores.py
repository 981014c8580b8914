"""What is kept of an evaluation beside a dataset, and all that a panel needs of it.

For whoever shows it::

    scores = injection.load_scores(dataset, key)    # of a run; UsageError if there is none
    scores = Scores.of(evaluation, places, key=key, limits=limits)    # or fresh

    scores.mean_iou, scores.inputs, scores.policy
    for c in scores.worst_first():                  # classes with an IoU, those that fail first
        c.name, c.field, c.iou, c.floor, c.verdict, c.support_images
    scores.labels, scores.confusion                 # int64 (K + 1, K + 1): rows gold, last one "other"
    scores.pooled(sample_ids)                       # the classes again, pooled over these samples only
    scores.failing                                  # ids of the samples that fail
    names = Names(key)                              # what fields, views, tags and runs are called
    names.path(c)                                   # "eval_iou.car": sort, filter and colour by it
    scores.to_json(), Scores.from_json(document)

An image is a sample here: where several annotations of one image were delivered, their counts are
added up.  Numbers are never computed in FiftyOne: all of them come from one :class:`Evaluation`.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore import __version__
from segcore.errors import UsageError
from segcore.evaluation import OTHER, Evaluation, InputInfo
from segcore_fiftyone.limits import ClassVerdict, Limits
from segcore_fiftyone.names import Names
from segcore_fiftyone.samples import Places
from segcore_fiftyone.slugs import class_fields, require_key
from segcore_fiftyone.table import SampleTable

__all__ = ["ClassRow", "SampleTable", "Scores"]

SCHEMA: Final = 1
"""Version of the document of :meth:`Scores.to_json`."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One class, pooled over images.

    Attributes
    ----------
    id, name, index
        The class and its place in the ontology.
    field : str
        What it is called in a path.
    intersection, gold_pixels, delivery_pixels : int
        Pixels both sides give to the class, gold gives, the delivery gives.
    support_images : int
        Gold images that hold the class.
    support_instances : int or None
        Gold instances; None where the gold does not tell them apart.
    image_limit : float or None
        Samples fail where the class has a lower IoU; None where it is not looked at.
    judged : ClassVerdict or None
        Verdict and floor of the policy; None where nobody judged the class.
    """

    id: int
    name: str
    index: int
    field: str
    intersection: int
    gold_pixels: int
    delivery_pixels: int
    support_images: int
    support_instances: int | None = None
    image_limit: float | None = None
    judged: ClassVerdict | None = None

    @property
    def union(self) -> int:
        """Pixels either side gives to the class."""
        return self.gold_pixels + self.delivery_pixels - self.intersection

    @property
    def iou(self) -> float | None:
        """Intersection over union; None for a class neither side holds."""
        return self.intersection / self.union if self.union else None

    @property
    def floor(self) -> float | None:
        """The threshold to show beside the IoU: of the policy, else the limit in an image."""
        return self.image_limit if self.judged is None else self.judged.floor

    @property
    def verdict(self) -> str | None:
        """``PASS``, ``FAIL`` ...; None where nobody judged the class."""
        return None if self.judged is None else self.judged.verdict

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "id": self.id,
            "name": self.name,
            "field": self.field,
            "iou": self.iou,
            "intersection": self.intersection,
            "gold_pixels": self.gold_pixels,
            "delivery_pixels": self.delivery_pixels,
            "support": {"images": self.support_images, "instances": self.support_instances},
            "image_limit": self.image_limit,
            "floor": self.floor,
            "verdict": self.verdict,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, index: int) -> ClassRow:
        """The inverse of :meth:`to_json`."""
        verdict = data["verdict"]
        return cls(
            id=data["id"],
            name=data["name"],
            index=index,
            field=data["field"],
            intersection=data["intersection"],
            gold_pixels=data["gold_pixels"],
            delivery_pixels=data["delivery_pixels"],
            support_images=data["support"]["images"],
            support_instances=data["support"]["instances"],
            image_limit=data["image_limit"],
            judged=None if verdict is None else ClassVerdict(verdict=verdict, floor=data["floor"]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """An evaluation, as it is kept beside a dataset.

    Attributes
    ----------
    key : str
    classes : tuple of ClassRow
        In ontology order, pooled over all images of the evaluation.
    confusion : int64 (K + 1, K + 1)
        Pixels: rows gold, columns delivery, the last of each "other".
    table : SampleTable
    inputs : tuple of InputInfo
    policy : str or None
        The file that judged.
    homeless : int
        Images of the evaluation that are in no sample, or in several: in the classes, not in the table.
    """

    key: str
    classes: tuple[ClassRow, ...]
    confusion: IntArray
    table: SampleTable
    inputs: tuple[InputInfo, ...] = ()
    policy: str | None = None
    homeless: int = 0

    @classmethod
    def of(
        cls,
        evaluation: Evaluation,
        places: Places,
        *,
        key: str,
        limits: Limits | None = None,
        policy: str | None = None,
    ) -> Scores:
        """What is kept of an evaluation.

        Parameters
        ----------
        evaluation : Evaluation
        places : Places
            Which sample shows which image.
        key : str
        limits : Limits or None
            Without them no sample fails.
        policy : str or None
            The file they come from.

        Raises
        ------
        UsageError
            The key is no name of a field, or two classes would share one.
        """
        require_key(key)
        limits = Limits() if limits is None else limits
        fields = class_fields(evaluation.ontology.classes)
        return cls(
            key=key,
            classes=tuple(
                ClassRow(
                    id=c.id,
                    name=c.name,
                    index=c.index,
                    field=name,
                    intersection=c.intersection,
                    gold_pixels=c.gold_pixels,
                    delivery_pixels=c.delivery_pixels,
                    support_images=c.support_images,
                    support_instances=c.support_instances,
                    image_limit=limits.image.get(c.name),
                    judged=limits.verdicts.get(c.name),
                )
                for c, name in zip(evaluation.classes, fields, strict=True)
            ),
            confusion=evaluation.confusion,
            table=SampleTable.of(evaluation, places, limits),
            inputs=evaluation.inputs,
            policy=policy,
            homeless=len(places.homeless),
        )

    @property
    def names(self) -> Names:
        """What belongs to the key."""
        return Names(self.key)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the rows of the confusion."""
        return (*(c.name for c in self.classes), OTHER)

    @property
    def mean_iou(self) -> float | None:
        """Mean over the classes with a union; None if there is none."""
        return mean_iou(self.classes)

    @property
    def failing(self) -> tuple[str, ...]:
        """Ids of the samples that fail, sorted."""
        return tuple(self.table.ids[i] for i in np.flatnonzero(self.table.failing))

    def worst_first(self) -> tuple[ClassRow, ...]:
        """The classes that have an IoU: those that fail first, the lowest of them first."""
        held = [(c.verdict != "FAIL", c.iou, c.index) for c in self.classes if c.iou is not None]
        return tuple(self.classes[index] for _, _, index in sorted(held))

    def pooled(self, samples: Collection[str]) -> tuple[ClassRow, ...]:
        """The classes pooled over some samples; ids that were not evaluated are passed over.

        The verdicts are left out: they were given on the whole batch.
        """
        table, k = self.table, len(self.classes)
        wanted = np.zeros(len(table), np.bool_)
        wanted[[self._by_id[id_] for id_ in samples if id_ in self._by_id]] = True
        rows = np.repeat(wanted, np.diff(table.offsets))
        classes = table.classes[rows]

        def summed(column: IntArray) -> list[int]:
            total = np.zeros(k, np.int64)
            np.add.at(total, classes, column[rows])
            return [int(n) for n in total]

        counts = zip(
            self.classes,
            summed(table.intersection),
            summed(table.gold_pixels),
            summed(table.delivery_pixels),
            summed((table.gold_pixels > 0).astype(np.int64)),
            strict=True,
        )
        return tuple(
            replace(
                c,
                intersection=same,
                gold_pixels=gold,
                delivery_pixels=delivery,
                support_images=images,
                support_instances=None,
                judged=None,
            )
            for c, same, gold, delivery, images in counts
        )

    @cached_property
    def _by_id(self) -> dict[str, int]:
        return {id_: i for i, id_ in enumerate(self.table.ids)}

    def to_json(self) -> dict[str, Any]:
        """Plain values; the columns of the table are packed."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "segcore", "version": __version__},
            "key": self.key,
            "inputs": [info.to_json() for info in self.inputs],
            "policy": self.policy,
            "mean_iou": self.mean_iou,
            "classes": [c.to_json() for c in self.classes],
            "confusion": self.confusion.tolist(),
            "homeless": self.homeless,
            "samples": self.table.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Scores:
        """The inverse of :meth:`to_json`.

        Raises
        ------
        UsageError
            It is not a document of this version.
        """
        try:
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']!r}")
            return cls(
                key=document["key"],
                classes=tuple(
                    ClassRow.from_json(data, index=i) for i, data in enumerate(document["classes"])
                ),
                confusion=np.array(document["confusion"], np.int64),
                table=SampleTable.from_json(document["samples"]),
                inputs=tuple(InputInfo(**data) for data in document["inputs"]),
                policy=document["policy"],
                homeless=document["homeless"],
            )
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise UsageError(
                f"these scores cannot be read by this version of segcore ({error}); push them again"
            ) from None


def mean_iou(classes: Collection[ClassRow]) -> float | None:
    """Mean over the classes with a union; None if there is none."""
    values = [c.iou for c in classes if c.iou is not None]
    return sum(values) / len(values) if values else None
