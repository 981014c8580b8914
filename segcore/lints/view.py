"""One delivered image as the lints see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segcore.annotation import ImageAnnotation, LabelMap
from segcore.lints.findings import LintFinding
from segcore.lints.layers import Layers
from segcore.wording import printable

__all__ = ["ImageView"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageView:
    """An annotation, its layers, and what its classes are called.

    Attributes
    ----------
    annotation : ImageAnnotation
    layers : Layers
    names : sequence of str
        Of the classes of the source, as the policy or the gold calls them.
    """

    annotation: ImageAnnotation
    layers: Layers
    names: Sequence[str]

    @property
    def key(self) -> str:
        """The image key."""
        return self.annotation.key

    @property
    def by_object(self) -> bool:
        """Whether the input holds objects or segments, not values."""
        return not isinstance(self.annotation.content, LabelMap)

    def name(self, layer: int) -> str:
        """The class of a layer."""
        return self.names[int(self.layers.classes[layer])]

    def called(self, layer: int) -> str:
        """``car 17``: what a person calls a layer."""
        own = self.layers.ids[layer]
        return self.name(layer) if own is None else f"{self.name(layer)} {printable(str(own), limit=40)}"

    def finding(self, layer: int, what: str, expected: str, got: str) -> LintFinding:
        """A finding about one layer; -1 for none."""
        if layer < 0:
            return LintFinding(image=self.key, what=what, expected=expected, got=got)
        return LintFinding(
            image=self.key,
            annotation=self.layers.ids[layer],
            class_name=self.name(layer),
            what=what,
            expected=expected,
            got=got,
        )
