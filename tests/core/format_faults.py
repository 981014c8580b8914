"""Inputs of CVAT, VOC and Datumaro that raise each of their fault codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cvat_scenes
import datumaro_scenes
import pytest
import voc_scenes
from cvat_scenes import image, polygon, shape
from datumaro_scenes import LABELS, annotation, item
from fault_inputs import DOCUMENT, Case, Faults, Place

import segcore

IMAGE: Final[Place] = ("a", 7, None)
SHAPE: Final[Place] = ("a", 7, "polygon[0], line 3")


def cvat(text: str | bytes) -> Callable[[Path], Faults]:
    return lambda folder: segcore.check(f"cvat:{cvat_scenes.written(folder, text)}").faults


def shapes(*found: str) -> Callable[[Path], Faults]:
    return cvat(cvat_scenes.document(image(*found)))


def voc(
    classes: dict[str, str],
    objects: dict[str, str] | None = None,
    *,
    options: str = "",
    labelmap: str | None = None,
    names: tuple[str, ...] = (),
) -> Callable[[Path], Faults]:
    def faults(folder: Path) -> Faults:
        root = voc_scenes.voc(folder, classes, objects)
        if labelmap is not None:
            (root / "labelmap.txt").write_text(labelmap)
        if names:
            voc_scenes.image_set(root, "val", *names)
        return segcore.check(f"voc:{root}{options}").faults

    return faults


def datumaro(*lines: object, stranger: bool = False) -> Callable[[Path], Faults]:
    def faults(folder: Path) -> Faults:
        with pytest.MonkeyPatch.context() as patch:
            root = datumaro_scenes.answers(folder, patch, *lines)
            if stranger:
                (root / "a.jpg").touch()
                (root / "b.jpg").touch()
                path = folder / "python"
                path.write_text(path.read_text().replace("ROOT", str(root)))
            return segcore.check(f"datumaro:{root}?format=voc").faults

    return faults


SQUARE: Final = item(annotation())
END: Final = {"end": 1}
NESTED: Final = "<a>" * 65 + "</a>" * 65
BOX: Final = shape("box", label="car", xtl=2, ytl=2, xbr=8, ybr=8)
VIDEO: Final = cvat_scenes.document(image(polygon()), '<track id="0" label="car"/>')
TWO: Final = {"a": "cc\n.."}
ONE: Final = {"a": "11\n.."}

CASES: Final[dict[str, Case]] = {
    "xml.syntax": Case("c.xml", DOCUMENT, cvat("<annotations><meta></annotations>")),
    "xml.encoding": Case("c.xml", DOCUMENT, cvat(b"<annotations>\xe9</annotations>")),
    "xml.doctype": Case("c.xml", DOCUMENT, cvat("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")),
    "xml.mixed_content": Case("c.xml", DOCUMENT, cvat("<a><name>car<!-- -->go</name></a>")),
    "xml.too_deep": Case("c.xml", DOCUMENT, cvat(NESTED)),
    "cvat.bad_structure": Case("c.xml", DOCUMENT, cvat("<annotation/>")),
    "cvat.video": Case("c.xml", DOCUMENT, cvat(VIDEO)),
    "cvat.missing_field": Case("c.xml", SHAPE, shapes(shape("polygon", points="2,2;8,2;8,8"))),
    "cvat.bad_value": Case("c.xml", SHAPE, shapes(polygon("2,2;8,2;8"))),
    "cvat.duplicate_label": Case("c.xml", DOCUMENT, cvat(
        cvat_scenes.document(image(polygon()), labels=["car", "car"])
    )),
    "cvat.unknown_label": Case("c.xml", SHAPE, shapes(polygon(label="lorry"))),
    "cvat.unknown_shape": Case("c.xml", ("a", 7, "circle[0], line 3"), shapes(shape("circle"))),
    "cvat.crop_outside": Case("c.xml", ("a", 7, "mask[0], line 3"), shapes(
        cvat_scenes.mask("0, 4", 19, 0, 2, 2)
    )),
    "cvat.box_only": Case("c.xml", IMAGE, shapes(polygon(), BOX)),
    "voc.image_set": Case("voc/ImageSets/Segmentation/val.txt", DOCUMENT, voc(
        TWO, options="?set=val", names=("a", "../b")
    )),
    "voc.missing_mask": Case("voc/ImageSets/Segmentation/val.txt", ("b", None, None), voc(
        TWO, options="?set=val", names=("a", "b")
    )),
    "voc.labelmap": Case("voc/labelmap.txt", DOCUMENT, voc(
        {"a": ".."}, labelmap="background:0,0,0::\ncar:128,0::\n"
    )),
    "voc.no_pair": Case("voc/SegmentationClass/b.png", ("b", None, None), voc(
        TWO | {"b": "cc"}, ONE, options="?view=object"
    )),
    "voc.size_mismatch": Case("voc/SegmentationObject/a.png", ("a", None, None), voc(
        TWO, {"a": "11"}, options="?view=object"
    )),
    "voc.object_classes": Case("voc/SegmentationObject/a.png", ("a", None, 1), voc(
        {"a": "cd"}, {"a": "11"}, options="?view=object"
    )),
    "voc.background_object": Case("voc/SegmentationObject/a.png", ("a", None, 2), voc(
        {"a": "c."}, {"a": "12"}, options="?view=object"
    )),
    "voc.no_object": Case("voc/SegmentationClass/a.png", ("a", None, None), voc(
        {"a": "cc"}, {"a": "1."}, options="?view=object"
    )),
    "datumaro.refused": Case("dataset", DOCUMENT, datumaro({"refused": "DatasetImportError: no"})),
    "datumaro.crashed": Case("dataset", DOCUMENT, datumaro(LABELS, SQUARE)),
    "datumaro.item": Case("dataset", DOCUMENT, datumaro(
        LABELS, SQUARE, {"problem": "item b: ItemImportError: no"}, END
    )),
    "datumaro.warning": Case("dataset", DOCUMENT, datumaro(LABELS, SQUARE, {"log": "skipped"}, END)),
    "datumaro.unlisted": Case("dataset", DOCUMENT, datumaro(
        LABELS, item(annotation(), path="ROOT/a.jpg"), END, stranger=True
    )),
    "datumaro.no_size": Case("dataset", ("a", None, None), datumaro(
        LABELS, item(annotation(), size=None), END
    )),
    "datumaro.label": Case("dataset", ("a", None, 5), datumaro(
        LABELS, item(annotation(label=None)), END
    )),
}  # fmt: skip
