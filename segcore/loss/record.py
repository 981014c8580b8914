"""What a conversion costs, class by class and size by size, and what it is called for it."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from segcore.loss.fidelity import ImageFidelity, Size

__all__ = ["BOUND", "COUNTS", "ClassLoss", "Kind", "Loss", "LossSum"]

BOUND: Final = 0.95
"""The least IoU of an object with itself that a bounded conversion may leave."""


COUNTS: Final[tuple[str, ...]] = (
    "images_lost",
    "objects_added",
    "flattened_px",
    "void_lost_px",
    "void_added_px",
    "crowds_lost",
    "scores_lost",
)


class Kind(enum.StrEnum):
    """What a conversion is called."""

    LOSSLESS = "lossless"
    """Every object comes back run for run, and void, crowds and scores as they were."""
    BOUNDED = "bounded"
    """Outlines move, no object's IoU with itself below :data:`BOUND`; nothing else is lost."""
    LOSSY = "lossy"
    """Anything else."""


@dataclass(slots=True, kw_only=True)
class ClassLoss:
    """The objects of one class and size.

    Attributes
    ----------
    objects, exact, lost, merged, split, holes_filled : int
    ious : list of float
        Of every object, 0 for a lost one.
    """

    objects: int = 0
    exact: int = 0
    lost: int = 0
    merged: int = 0
    split: int = 0
    holes_filled: int = 0
    ious: list[float] = field(default_factory=list)

    @property
    def mean_iou(self) -> float | None:
        """None where there is no object."""
        return math.fsum(self.ious) / self.objects if self.objects else None

    @property
    def least_iou(self) -> float | None:
        """That of the object that suffers most."""
        return min(self.ious, default=None)

    def join(self, other: ClassLoss) -> None:
        """Add the objects of another size or class."""
        for name in ("objects", "exact", "lost", "merged", "split", "holes_filled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ious += other.ious

    def to_json(self) -> dict[str, Any]:
        """Numbers with their names."""
        return {
            "objects": self.objects,
            "exact": self.exact,
            "iou": self.mean_iou,
            "least_iou": self.least_iou,
            "lost": self.lost,
            "merged": self.merged,
            "split": self.split,
            "holes_filled": self.holes_filled,
        }


@dataclass(slots=True, kw_only=True)
class LossSum:
    """The loss of a whole source, image after image.

    Attributes
    ----------
    rows : dict of (int, Size) to ClassLoss
    counts : dict of str to int
        What no class has to itself.
    """

    rows: dict[tuple[int, Size], ClassLoss] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))

    def join(self, other: LossSum) -> None:
        """Add what the images behind these lost."""
        for key, row in other.rows.items():
            self.rows.setdefault(key, ClassLoss()).join(row)
        for name, n in other.counts.items():
            self.counts[name] += n

    def add(self, image: ImageFidelity) -> None:
        """Take one image."""
        self.counts["images_lost"] += image.gone
        self.counts["objects_added"] += image.added
        for name in COUNTS[2:]:
            self.counts[name] += getattr(image, name)
        for fate in image.fates:
            row = self.rows.setdefault((fate.class_index, fate.size), ClassLoss())
            row.objects += 1
            row.ious.append(fate.iou)
            for name in ("exact", "lost", "merged", "split", "holes_filled"):
                setattr(row, name, getattr(row, name) + int(getattr(fate, name)))


_WORDS: Final = {
    "images_lost": ("image lost", "images lost"),
    "objects_added": ("object that is none of the source's", "objects that are none of the source's"),
    "flattened_px": ("px of overlap flattened",) * 2,
    "void_lost_px": ("px of void lost",) * 2,
    "void_added_px": ("px nobody claimed that becomes void", "px nobody claimed that become void"),
    "crowds_lost": ("crowd flag lost", "crowd flags lost"),
    "scores_lost": ("score lost", "scores lost"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What the copy of a source has lost.

    Attributes
    ----------
    names : tuple of str
        The classes of the source.
    rows : mapping of (int, Size) to ClassLoss
        By class and size, those that have objects.
    counts : mapping of str to int
        See :data:`COUNTS`.
    images : int
    left_behind : mapping of str to int
        What is not kept and no score looks at: attributes of images by name and in how many images,
        vertices of polygons, class names without an object.
    """

    names: tuple[str, ...]
    rows: Mapping[tuple[int, Size], ClassLoss]
    counts: Mapping[str, int]
    images: int
    left_behind: Mapping[str, int]

    def by_class(self) -> dict[int, ClassLoss]:
        """All sizes of each class that has objects, in the order of the source."""
        found: dict[int, ClassLoss] = {}
        for (index, _), row in sorted(self.rows.items(), key=lambda item: item[0][0]):
            found.setdefault(index, ClassLoss()).join(row)
        return found

    def total(self) -> ClassLoss:
        """All objects."""
        found = ClassLoss()
        for row in self.by_class().values():
            found.join(row)
        return found

    @property
    def kind(self) -> Kind:
        """What the conversion is called, by what was measured."""
        total = self.total()
        harmed = total.lost + total.merged + total.split + total.holes_filled
        least = 1.0 if total.least_iou is None else total.least_iou
        if harmed or any(self.counts.values()) or least < BOUND:
            return Kind.LOSSY
        return Kind.LOSSLESS if total.exact == total.objects else Kind.BOUNDED

    def problems(self) -> list[str]:
        """Every loss in words and numbers; none for a lossless conversion."""
        total = self.total()
        found = [
            f"{n} of {total.objects} objects {what}"
            for n, what in (
                (total.lost, "lost"),
                (total.merged, "merged with others"),
                (total.split, "split"),
            )
            if n
        ]
        if total.holes_filled:
            found.append(f"{total.holes_filled} hole{'s' * (total.holes_filled > 1)} filled")
        found += [f"{n} {words[n > 1]}" for name, words in _WORDS.items() if (n := self.counts[name])]
        changed = total.objects - total.exact
        if changed and total.least_iou is not None and total.mean_iou is not None:
            found.append(
                f"{changed} of {total.objects} objects changed: "
                f"mean IoU {total.mean_iou:.4f}, least {total.least_iou:.4f}"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Everything, by class and size."""
        return {
            "kind": self.kind.value,
            "bound": BOUND,
            "images": self.images,
            "counts": dict(self.counts),
            "left_behind": dict(self.left_behind),
            "total": self.total().to_json(),
            "classes": [
                {"class": self.names[index], **row.to_json()} for index, row in self.by_class().items()
            ],
            "sizes": [
                {"class": self.names[index], "size": size.value, **self.rows[index, size].to_json()}
                for index, size in sorted(self.rows, key=lambda key: (key[0], list(Size).index(key[1])))
            ],
        }
