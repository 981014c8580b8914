"""Small VOC folders, their masks drawn as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

import segcore
from segcore.annotation import ImageAnnotation, Regions

VOC_COLORS: Final = {".": (0, 0, 0), "c": (128, 128, 128), "d": (64, 0, 128), "#": (224, 224, 192)}
"""Background, car, dog and void, as the VOC development kit lists them."""

INDICES: Final = {".": 0, "c": 7, "d": 12, "#": 255} | {str(n): n for n in range(1, 10)}


def values(picture: str) -> np.ndarray:
    """The ids of a picture: ``.`` background, ``c`` car, ``d`` dog, ``#`` void, digits themselves."""
    return np.array([[INDICES[c] for c in line] for line in picture.split()], np.uint8)


def voc(folder: Path, classes: Mapping[str, str], objects: Mapping[str, str] | None = None) -> Path:
    """A VOC folder of palette masks by image name."""
    root = folder / "voc"
    for name, pictures in (("SegmentationClass", classes), ("SegmentationObject", objects or {})):
        for key, picture in pictures.items():
            path = root / name / f"{key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            indexed = Image.fromarray(values(picture))
            indexed.putpalette([0] * 768)
            indexed.save(path)
    return root


def image_set(root: Path, name: str, *lines: str) -> Path:
    path = root / "ImageSets" / "Segmentation" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return path


def colored(path: Path, picture: str, colors: Mapping[str, tuple[int, int, int]] = VOC_COLORS) -> Path:
    """An RGB mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.array([[colors[c] for c in line] for line in picture.split()], np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def read(root: Path, options: str = "", key: str = "a") -> ImageAnnotation:
    found = segcore.open(f"voc:{root}{options}").read(key)
    assert found is not None
    return found


def objects(root: Path, options: str = "?view=object") -> dict[object, tuple[str, np.ndarray]]:
    source = segcore.open(f"voc:{root}{options}")
    found = source.read("a")
    assert found is not None, [str(fault) for fault in source.faults]
    assert isinstance(found.content, Regions)
    assert source.ontology is not None
    names = source.ontology.names
    return {r.id: (names[r.class_index], r.mask.to_array()) for r in found.content if r.class_index >= 0}


def codes(root: Path, options: str = "") -> list[str]:
    return [fault.code for fault in segcore.check(f"voc:{root}{options}").faults]
