"""What a source is: one side's annotations, image by image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from segcore.annotation import ImageAnnotation
from segcore.faults import FaultLog
from segcore.fingerprint import Fingerprint, FingerprintBuilder
from segcore.image_attributes import ANNOTATOR, Attributes
from segcore.ontology import Ontology
from segcore.region_block import RegionBlock

__all__ = ["Progress", "Source"]

Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all."""


class Source(ABC):
    """Annotations of many images, read one image at a time.

    Opening is cheap: nothing is read before :meth:`keys` or :attr:`ontology` is used.
    A source is picklable and re-opens itself in a worker process.  What is wrong with the
    input never raises; it is collected in :attr:`faults`, and nothing faulty reaches compiled
    code.

    Attributes
    ----------
    name : str
        The spec, as the user gave it; what reports call this source.
    faults : FaultLog
        Everything found so far: the container's faults once it was opened, an image's faults
        once it was read.
    when_empty : str
        What to tell the user where there is no key at all.
    """

    name: str
    faults: FaultLog
    when_empty: str = "no image"

    def fetch(self, *, progress: Progress | None = None) -> None:  # noqa: B027 - most have nothing to do
        """Bring the input from where it is far away, once; what needs it does so anyway.

        Parameters
        ----------
        progress : callable or None
            Called with parts brought and parts in all.
        """

    @property
    @abstractmethod
    def ontology(self) -> Ontology | None:
        """The classes the input itself names; None for formats that only store ids."""

    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """Image keys, sorted.  Images whose very entry is faulty are left out."""

    def image_of(self, key: str) -> str:
        """The image a key stands for: the key itself, unless several annotations of one are offered."""
        return key

    def expect(self, keys: Sequence[str]) -> None:  # noqa: B027 - most read one image as fast as many
        """Say which images are read next, and in what order.

        What :meth:`read` gives, and when its faults appear, does not depend on it.

        Parameters
        ----------
        keys : sequence of str
            Of :meth:`keys`; what was expected before is forgotten.
        """

    @abstractmethod
    def read(self, key: str) -> ImageAnnotation | None:
        """The annotation of one image.

        Returns
        -------
        ImageAnnotation or None
            None where the image as a whole had to be refused; :attr:`faults` says why.
        """

    def read_block(self, keys: Sequence[str]) -> RegionBlock | None:  # noqa: ARG002
        """Images that can be read at once, as :meth:`read` would read each of them.

        Parameters
        ----------
        keys : sequence of str
            Of :meth:`keys`, in the order they were expected; not empty.

        Returns
        -------
        RegionBlock or None
            Of the first of ``keys``, as many as are at hand: all their annotations are sound.
            None where the first has to be read by itself.
        """
        return None

    @abstractmethod
    def annotation_count(self, key: str) -> int:
        """How many annotations the input holds for this image, without decoding any."""

    def image_size(self, key: str) -> tuple[int, int] | None:
        """Height and width of one image of :meth:`keys` in pixels, for formats that do not store it.

        None where it is not known.  Sources that know it without reading the image say so faster.
        """
        annotation = self.read(key)
        if annotation is None or not annotation.height:
            return None
        return annotation.height, annotation.width

    def attributes(self, key: str) -> Attributes:  # noqa: ARG002
        """What the input says of one image of :meth:`keys` beside its masks.

        Never faulty: what is not plain is left out.

        Returns
        -------
        mapping of str to tuple of str
            The values of each attribute; ``annotator`` says who drew the masks, ``tag`` holds the tags.
        """
        return {}

    def annotators(self, key: str) -> tuple[str, ...]:
        """Who drew the masks of one image: the attribute ``annotator``; empty where nobody says it.

        Asked of every image of a delivery.  Sources whose other attributes cost more override it.
        """
        return self.attributes(key).get(ANNOTATOR, ())

    def fingerprint(self) -> Fingerprint:
        """The form the annotations are stored in; see :mod:`segcore.fingerprint`.

        Only what the input itself says: neither what the caller's ontology does, nor what another
        input had to add.  Where :attr:`faults` then holds errors it is that of a part.
        """
        found = FingerprintBuilder(self.name)
        for key in self.keys():
            size = self.image_size(key)
            if size is not None:
                found.add_size(*size, image=key)
        return found.fingerprint()

    @property
    def unplaced(self) -> int:
        """Annotations that belong to no image of :meth:`keys` and were refused with a fault."""
        return 0

    @property
    def left_out(self) -> Mapping[str, int]:
        """Annotations found that the source does not offer, by reason; in no other count."""
        return {}

    @property
    def conventions(self) -> Mapping[str, str]:
        """What a reader of the numbers must know about how this source was read, by topic."""
        return {}

    @abstractmethod
    def digest(self) -> str | None:
        """SHA-256 (hex) of the input; None where each image carries its own digest instead."""

    def resolve(
        self,
        *,
        ontology: Ontology | None,  # noqa: ARG002 - for those who override it
        gold: Source | None = None,  # noqa: ARG002
    ) -> Source:
        """The source, completed by what only the other inputs know.

        Parameters
        ----------
        ontology : Ontology or None
            The classes to use where the input names none.
        gold : Source or None
            The gold this source is judged against (a list of COCO detections has no images of
            its own).

        Returns
        -------
        Source
            ``self`` where nothing was missing.
        """
        return self
