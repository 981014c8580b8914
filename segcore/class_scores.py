"""The scores of one class in semantic view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["ClassScores", "ratio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """One class, pooled over all images.

    Attributes
    ----------
    id, name, index
        The class and its place in the ontology.
    intersection, gold_pixels, delivery_pixels : int
        Pixels both sides give to the class, the gold gives, the delivery gives;
        pixels the gold ignores are in none of them.
    support_images : int
        Gold images that hold the class.
    support_instances : int or None
        Gold instances of it; None where the gold does not tell instances apart.
    mean_image_iou : float or None
        Mean over the images where gold or delivery hold the class; another quantity than
        ``iou``, and less swayed by large objects.
    boundary_intersection, boundary_union : int or None
        Pixels in the bands of both sides, and of either side; None where not asked for.
    """

    id: int
    name: str
    index: int
    intersection: int
    gold_pixels: int
    delivery_pixels: int
    support_images: int
    support_instances: int | None
    mean_image_iou: float | None
    boundary_intersection: int | None = None
    boundary_union: int | None = None

    @property
    def union(self) -> int:
        """Pixels either side gives to the class."""
        return self.gold_pixels + self.delivery_pixels - self.intersection

    @property
    def iou(self) -> float | None:
        """Intersection over union; None for a class neither side holds."""
        return ratio(self.intersection, self.union)

    @property
    def boundary_iou(self) -> float | None:
        """IoU of the bands inside the outlines (Cheng et al., CVPR 2021), pooled over images.

        0 for a class only one side holds; None for a class neither holds, or where not asked for.
        """
        if self.boundary_intersection is None or self.boundary_union is None:
            return None
        return ratio(self.boundary_intersection, self.boundary_union)

    @property
    def dice(self) -> float | None:
        """Twice the intersection over the sum of both areas; None for a class neither side holds."""
        return ratio(2 * self.intersection, self.gold_pixels + self.delivery_pixels)

    @property
    def precision(self) -> float | None:
        """Share of the delivered pixels that are right; None where none was delivered."""
        return ratio(self.intersection, self.delivery_pixels)

    @property
    def recall(self) -> float | None:
        """Share of the gold pixels that were found; None where gold has none."""
        return ratio(self.intersection, self.gold_pixels)

    def to_json(self) -> dict[str, Any]:
        """The record of the contract; ``boundary_iou`` only where it was asked for."""
        asked = self.boundary_union is not None
        return {
            "id": self.id,
            "name": self.name,
            "iou": self.iou,
            "dice": self.dice,
            "precision": self.precision,
            "recall": self.recall,
            "mean_image_iou": self.mean_image_iou,
            "intersection": self.intersection,
            "union": self.union,
            "gold_pixels": self.gold_pixels,
            "delivery_pixels": self.delivery_pixels,
            "support": {"images": self.support_images, "instances": self.support_instances},
            **({"boundary_iou": self.boundary_iou} if asked else {}),
        }


def ratio(part: int, whole: int) -> float | None:
    """The share, or None of nothing."""
    return part / whole if whole else None
