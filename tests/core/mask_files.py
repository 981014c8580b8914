"""Folders of masks for the tests, and what is read from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from segcore.annotation import ImageAnnotation, LabelMap
from segcore.ontology import LabelClass, Ontology
from segcore.ontology_file import preset
from segcore.sources import Source, cityscapes, png, rgb
from segcore.sources.spec import Spec

SKY_CAR = Ontology(
    (LabelClass(id=0, name="sky", color=(0, 0, 255)), LabelClass(id=1, name="car", color=(255, 0, 0))),
    ignore=(255,),
    unlabeled=(254,),
)
OPEN = {"png": png.open_source, "rgb": rgb.open_source, "cityscapes": cityscapes.open_source}


def source(spec: str, ontology: Ontology | None = None) -> Source:
    parsed = Spec.parse(spec)
    return OPEN[parsed.format](parsed).resolve(ontology=ontology)


def save(path: Path, array: npt.ArrayLike, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def codes(found: Source) -> list[tuple[str, str | None]]:
    return [(fault.code, fault.image) for fault in found.faults]


def class_indices(annotation: ImageAnnotation | None) -> npt.NDArray[np.int32]:
    assert annotation is not None
    assert isinstance(annotation.content, LabelMap)
    return annotation.content.lookup[annotation.content.values]


CITY = preset("cityscapes")


def street(scheme: str) -> npt.NDArray[np.uint16]:
    """Road, sidewalk, building, vegetation, sky, car and void, numbered by one scheme."""
    numbers = {
        "labelIds": [7, 8, 11, 21, 23, 26, 0],
        "labelTrainIds": [0, 1, 2, 8, 10, 13, 255],
        "instanceIds": [7, 8, 11, 21, 23, 26_001, 0],
    }[scheme]
    return np.repeat(np.array(numbers, np.uint16), 40).reshape(28, 10)
