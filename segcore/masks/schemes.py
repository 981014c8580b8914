"""How public data sets number their classes: the same class, several ids.

The numbers, names and colours are those the data sets publish (Cityscapes: the label definitions of
``cityscapesscripts``; Cordts et al., CVPR 2016).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.ontology import IGNORE, UNKNOWN, LabelClass, Ontology

__all__ = ["CITYSCAPES", "SCHEMES", "IdScheme", "cityscapes_ontology"]

_STUFF, _THING, _VOID = "stuff", "thing", "void"

# label id, train id (255: not evaluated), name, kind, colour
_CITYSCAPES_LABELS: Final = (
    (0, 255, "unlabeled", _VOID, (0, 0, 0)),
    (1, 255, "ego vehicle", _VOID, (0, 0, 0)),
    (2, 255, "rectification border", _VOID, (0, 0, 0)),
    (3, 255, "out of roi", _VOID, (0, 0, 0)),
    (4, 255, "static", _VOID, (0, 0, 0)),
    (5, 255, "dynamic", _VOID, (111, 74, 0)),
    (6, 255, "ground", _VOID, (81, 0, 81)),
    (7, 0, "road", _STUFF, (128, 64, 128)),
    (8, 1, "sidewalk", _STUFF, (244, 35, 232)),
    (9, 255, "parking", _VOID, (250, 170, 160)),
    (10, 255, "rail track", _VOID, (230, 150, 140)),
    (11, 2, "building", _STUFF, (70, 70, 70)),
    (12, 3, "wall", _STUFF, (102, 102, 156)),
    (13, 4, "fence", _STUFF, (190, 153, 153)),
    (14, 255, "guard rail", _VOID, (180, 165, 180)),
    (15, 255, "bridge", _VOID, (150, 100, 100)),
    (16, 255, "tunnel", _VOID, (150, 120, 90)),
    (17, 5, "pole", _STUFF, (153, 153, 153)),
    (18, 255, "polegroup", _VOID, (153, 153, 153)),
    (19, 6, "traffic light", _STUFF, (250, 170, 30)),
    (20, 7, "traffic sign", _STUFF, (220, 220, 0)),
    (21, 8, "vegetation", _STUFF, (107, 142, 35)),
    (22, 9, "terrain", _STUFF, (152, 251, 152)),
    (23, 10, "sky", _STUFF, (70, 130, 180)),
    (24, 11, "person", _THING, (220, 20, 60)),
    (25, 12, "rider", _THING, (255, 0, 0)),
    (26, 13, "car", _THING, (0, 0, 142)),
    (27, 14, "truck", _THING, (0, 0, 70)),
    (28, 15, "bus", _THING, (0, 60, 100)),
    (29, 255, "caravan", _VOID, (0, 0, 90)),
    (30, 255, "trailer", _VOID, (0, 0, 110)),
    (31, 16, "train", _THING, (0, 80, 100)),
    (32, 17, "motorcycle", _THING, (0, 0, 230)),
    (33, 18, "bicycle", _THING, (119, 11, 32)),
)
"""``license plate`` has the label id -1, which no mask can store; its pixels are those of the car."""

_INSTANCES: Final = 1000
_COUNTED_LABELS: Final = range(24, 34)
"""Labels with instances: an instance id is label id x 1000 + number; a group keeps the label id."""


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
        How many values only this scheme has must be there to recognise a mask by them.
    """

    data_set: str
    name: str
    ids: dict[int, str | None] = field(repr=False)
    telling: int

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.data_set} {self.name}"

    def lookup(self, ontology: Ontology, size: int) -> npt.NDArray[np.int32]:
        """Class index of every mask value below ``size``: void is IGNORE, all else UNKNOWN."""
        table = np.full(size, UNKNOWN, np.int32)
        for value, name in self.ids.items():
            if value < size:
                index = None if name is None else ontology.index(name)
                table[value] = IGNORE if index is None else index
        return table


def cityscapes_ontology() -> Ontology:
    """The 19 evaluated classes of Cityscapes in their order; the ids are the train ids."""
    classes = tuple(
        LabelClass(id=train_id, name=name, color=color, thing=kind == _THING)
        for _, train_id, name, kind, color in _CITYSCAPES_LABELS
        if kind != _VOID
    )
    return Ontology(classes, ignore=(255,))


def _cityscapes() -> dict[str, IdScheme]:
    labels: dict[int, str | None] = {}
    trained: dict[int, str | None] = {255: None}
    for label_id, train_id, name, kind, _ in _CITYSCAPES_LABELS:
        labels[label_id] = None if kind == _VOID else name
        if kind != _VOID:
            trained[train_id] = name
    instances = labels | {
        label_id * _INSTANCES + number: labels[label_id]
        for label_id in _COUNTED_LABELS
        for number in range(_INSTANCES)
    }
    named = (("labelIds", labels, 3), ("labelTrainIds", trained, 1), ("instanceIds", instances, 1))
    return {
        name: IdScheme(data_set="Cityscapes", name=name, ids=ids, telling=telling)
        for name, ids, telling in named
    }


CITYSCAPES: Final = _cityscapes()
"""By the word in the file names: labelIds, labelTrainIds, instanceIds."""

SCHEMES: Final = tuple(CITYSCAPES.values())
"""Every known scheme."""
