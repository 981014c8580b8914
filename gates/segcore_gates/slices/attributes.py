"""What is known of the images of a batch, whoever says it.

What the file of the policy tells of an attribute holds, and nobody else is asked.  Who annotated is said
by the delivery: the annotators of the gold drew something else.  For every other attribute gold and
delivery are asked, and must not contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from segcore.errors import UsageError
from segcore.image_attributes import ANNOTATOR, Attributes
from segcore.wording import show

if TYPE_CHECKING:
    from segcore.evaluation import MeasuredBatch
    from segcore.sources import Source
    from segcore_gates.slices.attribute_file import AttributeTable

__all__ = ["BatchAttributes"]

_NAMED: Final = 3

_NOTHING: Final[Attributes] = {}


class BatchAttributes:
    """The attributes of the images of a batch.

    Parameters
    ----------
    evaluation : MeasuredBatch
        Which images there are, and who annotated them.
    table : AttributeTable or None
        The file of the policy.
    sources : callable
        Opens gold and delivery, if something is asked that only they know.

    Raises
    ------
    PolicyError
        The file names an image that neither side has.
    """

    def __init__(
        self,
        evaluation: MeasuredBatch,
        table: AttributeTable | None,
        sources: Callable[[], tuple[Source, Source]],
    ) -> None:
        images = evaluation.images
        self._annotators = evaluation.annotators
        self._delivered = frozenset(images.paired)
        self._images = {key: images.image_keys.get(key, key) for key in images.paired}
        self._images |= {key: key for key in images.missing_in_delivery}
        self.keys = tuple(sorted(self._images))
        self._columns: tuple[str, ...] = ()
        self._rows: Mapping[str, Attributes] = {}
        self._file = ""
        if table is not None:
            known = {*self._images, *self._images.values(), *images.extra_in_delivery}
            self._columns, self._rows, self._file = table.columns, table.by_key(known), table.file
        self._sources = sources
        self._said: tuple[dict[str, Attributes], dict[str, Attributes]] | None = None

    def is_delivered(self, key: str) -> bool:
        """Whether there is something of an image."""
        return key in self._delivered

    def values(self, name: str) -> dict[str, tuple[str, ...]]:
        """One attribute, by image; images without it are left out.

        Raises
        ------
        UsageError
            Gold and delivery say different things about an image.
        """
        if name in self._columns:
            rows = {key: self._row(key).get(name, ()) for key in self.keys}
            return {key: values for key, values in rows.items() if values}
        if name == ANNOTATOR:
            return {key: self._annotators[key] for key in self.keys if key in self._annotators}
        gold, delivery = self._both()
        found, torn = {}, []
        for key in self.keys:
            left = gold.get(self._images[key], _NOTHING).get(name, ())
            right = delivery.get(key, _NOTHING).get(name, ())
            if left and right and left != right:
                torn.append(f"image {show(key)}: gold {_listed(left)}, delivery {_listed(right)}")
            if left or right:
                found[key] = left or right
        if torn:
            more = f" and {len(torn) - _NAMED} more" if len(torn) > _NAMED else ""
            raise UsageError(
                f"gold and delivery disagree on {show(name)}: {'; '.join(torn[:_NAMED])}{more}; a "
                f"column {show(name)} in the file `attributes` of the policy settles it"
            )
        return found

    def names(self) -> tuple[str, ...]:
        """All attributes that any image has, sorted."""
        gold, delivery = self._both()
        said = {name for side in (gold, delivery) for own in side.values() for name in own}
        said.discard(ANNOTATOR)
        return tuple(sorted(said.union(self._columns, [ANNOTATOR] if self._annotators else [])))

    def annotators(self) -> dict[str, tuple[str, ...]]:
        """Who annotated each image."""
        return self.values(ANNOTATOR)

    def _row(self, key: str) -> Attributes:
        """Of the annotation, else of its image."""
        return self._rows.get(key) or self._rows.get(self._images[key], _NOTHING)

    def _both(self) -> tuple[dict[str, Attributes], dict[str, Attributes]]:
        if self._said is None:
            gold, delivery = self._sources()
            there = frozenset(delivery.keys())
            self._said = (
                {key: gold.attributes(key) for key in gold.keys()},  # noqa: SIM118 - a source, no dict
                {key: delivery.attributes(key) for key in self.keys if key in there},
            )
        return self._said


def _listed(values: tuple[str, ...]) -> str:
    return "/".join(map(show, values[:_NAMED])) + ("/..." if len(values) > _NAMED else "")
