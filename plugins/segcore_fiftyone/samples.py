"""Which sample shows which image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segcore.errors import UsageError
from segcore.files import composed
from segcore.sources.coco_document import image_key
from segcore.wording import show

if TYPE_CHECKING:
    from fiftyone.core.collections import SampleCollection

    from segcore.evaluation import Evaluation

__all__ = ["Places", "sample_ids"]


def sample_ids(collection: SampleCollection, *, key: str) -> dict[str, str | None]:
    """The sample of every image key of a dataset or view.

    Parameters
    ----------
    collection : SampleCollection
    key : str
        ``stem`` (the file name without folders and extension), ``id`` (the sample id), or a field.

    Returns
    -------
    dict of str to str or None
        None where several samples have the key; samples without a key are left out.

    Raises
    ------
    UsageError
        There is no such field.
    """
    path = {"stem": "filepath"}.get(key, key)
    if not collection.has_field(path):
        raise UsageError(
            f"dataset {collection._root_dataset.name!r} has no field {show(path)} to find images by"
        )
    found: dict[str, str | None] = {}
    for id_, value in zip(*collection.values(["id", path]), strict=True):
        name = _key(value, key=key)
        if name is not None:
            found[name] = None if name in found else id_
    return found


def _key(value: object, *, key: str) -> str | None:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        return None
    return image_key(value) if key == "stem" else composed(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The samples of the images of an evaluation.

    Attributes
    ----------
    images : mapping of str to str
        The image of every key of the evaluation.
    samples : mapping of str to str
        The sample id of every image that is in exactly one sample.
    homeless : tuple of str
        Images that are in no sample, or in several; sorted.
    """

    images: Mapping[str, str]
    samples: Mapping[str, str]
    homeless: tuple[str, ...]

    @classmethod
    def of(
        cls,
        evaluation: Evaluation,
        samples: Mapping[str, str | None],
        *,
        image_of: Callable[[str], str] = str,
    ) -> Places:
        """Look up the images of an evaluation.

        Parameters
        ----------
        evaluation : Evaluation
        samples : mapping of str to str or None
            The sample id of every image key of a dataset; None where several samples have the key.
        image_of : callable
            The image of a delivered key (:meth:`Source.image_of` of the delivery).

        Raises
        ------
        UsageError
            The dataset shows none of the images.
        """
        images = {key: image_of(key) for key in evaluation.images.paired}
        images |= {key: key for key in evaluation.images.missing_in_delivery}
        found = {image: id_ for image in images.values() if (id_ := samples.get(image)) is not None}
        if images and not found:
            own, other = min(images.values()), min(samples, default=None)
            got = "it has no sample" if other is None else f"its samples have keys such as {show(other)}"
            raise UsageError(
                f"no sample of the dataset shows an image of the evaluation, such as {show(own)}: {got}"
            )
        homeless = tuple(sorted({image for image in images.values() if image not in found}))
        return cls(images=images, samples=found, homeless=homeless)
