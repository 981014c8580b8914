"""Documents that are indexed as a whole: images by key, each with its shapes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from segcore.ontology import Ontology
from segcore.sources.base import Source

__all__ = ["DocumentIndex", "IndexedImage", "IndexedSource"]


class IndexedImage(Protocol):
    """One image of an index."""

    @property
    def shapes(self) -> Sequence[object]:
        """What has an area, sound or not."""


class DocumentIndex(Protocol):
    """What a document holds."""

    @property
    def images(self) -> Mapping[str, IndexedImage]:
        """By key, sorted."""

    @property
    def ontology(self) -> Ontology | None:
        """None where nothing names the classes."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """What has no area and what is not to be read, by reason."""

    @property
    def unplaced(self) -> int:
        """Shapes of images that were refused."""


class IndexedSource(Source):
    """A source that answers from the index of its document, which is made when it is first asked."""

    @abstractmethod
    def _opened(self) -> DocumentIndex:
        """The index; made once."""

    @property
    def ontology(self) -> Ontology | None:
        """The classes the document names, or those of ``ontology=``; None where there are none."""
        return self._opened().ontology

    @property
    def unplaced(self) -> int:
        """Shapes of images that were refused."""
        return self._opened().unplaced

    @property
    def left_out(self) -> Mapping[str, int]:
        """Shapes without an area, and those that are not to be read, by reason."""
        return self._opened().left_out

    def keys(self) -> tuple[str, ...]:
        """The image keys, sorted."""
        return tuple(self._opened().images)

    def annotation_count(self, key: str) -> int:
        """How many shapes with an area the document holds for this image, sound or not."""
        return len(self._opened().images[key].shapes)
