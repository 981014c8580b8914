"""How public data sets number their classes: the same class, several ids.

The numbers and names are those Cityscapes publishes (Cordts et al., CVPR 2016; the label definitions
of ``cityscapesscripts``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.ontology import IGNORE, UNKNOWN, Ontology

__all__ = ["CITYSCAPES", "SCHEMES", "IdScheme"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdScheme:
    """One way a data set numbers its classes.

    Attributes
    ----------
    data_set, name : str
        ``Cityscapes``, ``labelIds``.
    ids : dict of int to str or None
        The class of every value; None is void.
    telling : int
        How many values that the declared scheme does not know must be there before a mask is taken
        for one of this scheme.
    first_object : int or None
        From this value on each means one object; None where values mean classes only.
    """

    data_set: str
    name: str
    ids: dict[int, str | None] = field(repr=False)
    telling: int
    first_object: int | None = None

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.data_set} {self.name}"

    def lookup(self, ontology: Ontology, size: int) -> npt.NDArray[np.int32]:
        """Class index of every mask value below ``size``.

        Void values, and values of classes the ontology does not have, are IGNORE; values the scheme
        does not have are UNKNOWN.
        """
        table = np.full(size, UNKNOWN, np.int32)
        for value, name in self.ids.items():
            if value < size:
                index = None if name is None else ontology.index(name)
                table[value] = IGNORE if index is None else index
        return table

    def objects(self, size: int) -> npt.NDArray[np.bool_] | None:
        """Which values below ``size`` each mean one object; None where none does."""
        if self.first_object is None:
            return None
        return np.arange(size) >= self.first_object


_LABELS: Final = (
    "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground",
    "road", "sidewalk", "parking", "rail track",
    "building", "wall", "fence", "guard rail", "bridge", "tunnel",
    "pole", "polegroup", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky",
    "person", "rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle",
)  # fmt: skip
"""The names of the label ids 0 to 33.  ``license plate`` is -1, which no mask can store."""

_NOT_EVALUATED: Final = frozenset(
    {
        "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground",
        "parking", "rail track", "guard rail", "bridge", "tunnel", "polegroup", "caravan", "trailer",
    }
)  # fmt: skip
"""Ignored by the benchmark; the others are numbered 0 to 18 in their order: the train ids."""

_FIRST_COUNTED, _INSTANCES = _LABELS.index("person"), 1000
"""From person on an object has the id label id x 1000 + its number; a group keeps the label id."""


def _cityscapes() -> dict[str, IdScheme]:
    labels = {i: None if name in _NOT_EVALUATED else name for i, name in enumerate(_LABELS)}
    evaluated = [name for name in _LABELS if name not in _NOT_EVALUATED]
    trained: dict[int, str | None] = {**dict(enumerate(evaluated)), 255: None}
    instances = dict(labels)
    for i in range(_FIRST_COUNTED, len(_LABELS)):
        instances |= dict.fromkeys(range(i * _INSTANCES, (i + 1) * _INSTANCES), labels[i])
    found = (
        ("labelIds", labels, 3, None),
        ("labelTrainIds", trained, 1, None),
        ("instanceIds", instances, 1, _INSTANCES),
    )
    return {
        name: IdScheme(data_set="Cityscapes", name=name, ids=ids, telling=telling, first_object=first)
        for name, ids, telling, first in found
    }


CITYSCAPES: Final = _cityscapes()
"""By the word in the file names: labelIds, labelTrainIds, instanceIds."""

SCHEMES: Final = tuple(CITYSCAPES.values())
"""Every known scheme."""
