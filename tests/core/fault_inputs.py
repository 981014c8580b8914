"""Inputs of one fault each: functions that write to a folder and give the faults of what they wrote."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image
from png_writer import SIGNATURE, chunk, header

import segcore
from segcore.errors import InvalidInputError
from segcore.faults import Fault
from segcore.ontology import LabelClass, Ontology

Faults = tuple[Fault, ...]
Place = tuple[str | None, int | None, int | str | None]

SQUARE: Final = [[2, 2, 8, 2, 8, 8, 2, 8]]
CLASSES: Final = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="car")), ignore=(255,))
DOCUMENT: Final[Place] = (None, None, None)
RING: Final = "0.1 0.2 0.4 0.2 0.4 0.8 0.1 0.8"


class Case(NamedTuple):
    """An input, and where its fault must be found."""

    file: str
    place: Place
    faults: Callable[[Path], Faults]


def dataset() -> dict[str, Any]:
    """One image of 10 x 20 pixels (height x width) and one square of 6 x 6."""
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "height": 10, "width": 20}],
        "categories": [{"id": 3, "name": "car", "isthing": 1}],
        "annotations": [{"id": 5, "image_id": 7, "category_id": 3, "segmentation": SQUARE}],
    }


def written(path: Path, document: object) -> Path:
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return path


def document(content: object, options: str = "") -> Callable[[Path], Faults]:
    def faults(folder: Path) -> Faults:
        return segcore.check(f"coco:{written(folder / 'd.json', content)}{options}").faults

    return faults


def changed(*path: str | int, to: object) -> Callable[[Path], Faults]:
    """The faults of a data set in which one value is another."""
    content: Any = dataset()
    at = content
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return document(content)


def segmentation(value: object) -> Callable[[Path], Faults]:
    return changed("annotations", 0, "segmentation", to=value)


def counts(value: object, size: tuple[int, int] = (10, 20)) -> Callable[[Path], Faults]:
    return segmentation({"size": list(size), "counts": value})


def added(name: str, *entries: object) -> Callable[[Path], Faults]:
    content = dataset()
    content[name] += entries
    return document(content)


def without(*path: str | int) -> Callable[[Path], Faults]:
    content: Any = dataset()
    at = content
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return document(content)


def detections(**changes: object) -> Callable[[Path], Faults]:
    """The faults of a list of one detection."""

    def faults(folder: Path) -> Faults:
        gold = written(folder / "gold.json", dataset())
        detection = {"image_id": 7, "category_id": 3, "segmentation": SQUARE, "score": 0.5} | changes
        entries = [{key: value for key, value in detection.items() if value is not ...}]
        return segcore.check(f"coco:{written(folder / 'd.json', entries)}?gt={gold}").faults

    return faults


def mask(data: bytes | Callable[[], bytes], ontology: Ontology = CLASSES) -> Callable[[Path], Faults]:
    def faults(folder: Path) -> Faults:
        (folder / "d").mkdir()
        (folder / "d" / "a.png").write_bytes(data if isinstance(data, bytes) else data())
        return segcore.check(f"png:{folder / 'd'}", ontology=ontology).faults

    return faults


def files(make: Callable[[Path], object]) -> Callable[[Path], Faults]:
    def faults(folder: Path) -> Faults:
        (folder / "d").mkdir()
        make(folder / "d")
        return segcore.check(f"png:{folder / 'd'}", ontology=CLASSES).faults

    return faults


def pair(
    gold: dict[str, list[list[int]]], delivery: dict[str, list[list[int]]]
) -> Callable[[Path], Faults]:
    """The faults of a delivery of masks against gold masks."""

    def faults(folder: Path) -> Faults:
        for name, images in (("g", gold), ("d", delivery)):
            (folder / name).mkdir()
            for key, values in images.items():
                (folder / name / f"{key}.png").write_bytes(png(values))
        return judged(f"png:{folder / 'g'}", f"png:{folder / 'd'}", ontology=CLASSES)

    return faults


def judged(gold: str, delivery: str, **options: Any) -> Faults:
    try:
        return segcore.evaluate(gold, delivery, **options).faults
    except InvalidInputError as error:
        return error.faults


def outlined(values: np.ndarray, **options: Any) -> Callable[[Path], Faults]:
    """The faults of a mask that is evaluated, but for one pixel, against itself."""

    def faults(folder: Path) -> Faults:
        (folder / "g").mkdir()
        (folder / "d").mkdir()
        Image.fromarray(values).save(folder / "d" / "a.png")
        other = values.copy()
        other[0, 0] = 255
        Image.fromarray(other).save(folder / "g" / "a.png")
        found = judged(f"png:{folder}/d", f"png:{folder}/g", ontology=CLASSES, **options)
        return tuple(fault for fault in found if fault.file != str(folder / "g" / "a.png"))

    return faults


def overlapping(folder: Path) -> Faults:
    content = dataset()
    content["categories"].append({"id": 4, "name": "dog"})
    content["annotations"].append({"id": 6, "image_id": 7, "category_id": 4, "segmentation": SQUARE})
    gold, delivery = written(folder / "g.json", dataset()), written(folder / "d.json", content)
    ontology = Ontology((LabelClass(id=3, name="car"), LabelClass(id=4, name="dog")))
    return judged(f"coco:{gold}", f"coco:{delivery}", ontology=ontology, overlap="error")


def without_objects(folder: Path) -> Faults:
    content = dataset()
    content["categories"].append({"id": 4, "name": "sky", "isthing": 0})
    gold = written(folder / "g.json", content)
    content["annotations"][0]["category_id"] = 4
    delivery = written(folder / "d.json", content)
    return judged(f"coco:{gold}", f"coco:{delivery}", task="instance")


def contradicting(folder: Path) -> Faults:
    classes = folder / "o.yaml"
    classes.write_text("classes: [{id: 1, name: car, thing: false}]")
    return document(dataset(), f"?ontology={classes}")(folder)


def misnamed(folder: Path) -> Faults:
    classes = folder / "o.yaml"
    classes.write_text("classes: [{id: 1, name: lorry}]")
    return document(dataset(), f"?ontology={classes}")(folder)


def folder(spec: str, files: dict[str, object], options: str = "") -> Callable[[Path], Faults]:
    """The faults of a folder of text or JSON files."""

    def faults(place: Path) -> Faults:
        for name, content in files.items():
            path = place / "d" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return segcore.check(f"{spec}:{place / 'd'}{options}").faults

    return faults


def panoptic(
    entries: list[dict[str, Any]] | None = None, *, size: tuple[int, int] = (2, 1), name: str = "a.png"
) -> Callable[[Path], Faults]:
    """The faults of a panoptic image of two pixels, of which the first is in segment 5."""

    def faults(folder: Path) -> Faults:
        content = dataset() | {
            "images": [{"id": 7, "file_name": "a.jpg", "width": size[0], "height": size[1]}]
        }
        listed = [{"id": 5, "category_id": 3}] if entries is None else entries
        content["annotations"] = [{"image_id": 7, "file_name": name, "segments_info": listed}]
        (folder / "d").mkdir()
        (folder / "d" / "a.png").write_bytes(stored(header(2, 1, color=2), rows([5, 0, 0, 0, 0, 0])))
        return segcore.check(f"coco-panoptic:{written(folder / 'd.json', content)}").faults

    return faults


def labelme(shape: dict[str, object] | None = None, **changes: object) -> Callable[[Path], Faults]:
    """The faults of a LabelMe file of one shape, a square of 6 x 6."""
    square = {"label": "car", "points": [[2, 2], [8, 2], [8, 8], [2, 8]]} | (shape or {})
    whole = {"shapes": [square], "imageHeight": 10, "imageWidth": 20} | changes
    return folder("labelme", {"a.json": whole})


def yolo(line: str, **files: str) -> Callable[[Path], Faults]:
    """The faults of a YOLO label file of one line, in an image of 10 x 20."""
    names = {"classes.txt": "car\n"} if not files else {k.replace("_", "."): v for k, v in files.items()}
    return folder("yolo", {"a.txt": line, **names}, "?size=20x10")


def shared(folder: Path) -> Faults:
    """Two cars on the same pixels."""
    content = dataset()
    content["annotations"].append({"id": 6, "image_id": 7, "category_id": 3, "segmentation": SQUARE})
    gold, delivery = written(folder / "g.json", dataset()), written(folder / "d.json", content)
    return judged(f"coco:{gold}", f"coco:{delivery}", task="panoptic")


# ---- PNG files, chunk by chunk


def stored(*chunks: bytes) -> bytes:
    return b"".join([SIGNATURE, *chunks, chunk(b"IEND")])


def rows(*values: list[int]) -> bytes:
    return chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in values)))


def png(values: list[list[int]]) -> bytes:
    return stored(header(len(values[0]), len(values)), rows(*values))


def blended() -> bytes:
    """An edge between 0 and 255 scaled down with a filter: values in between appear."""
    large = np.zeros((64, 64), np.uint8)
    large[np.add.outer(np.arange(64), np.arange(64)) > 61] = 255
    small = np.array(Image.fromarray(large).resize((20, 20), Image.Resampling.BILINEAR))
    return png(small.tolist())


def torn() -> list[int]:
    """A bar of 10 rows and 12 columns in an image of 10 rows and 20 columns, counted along the rows."""
    return [4, 12, *[8, 12] * 9, 4]
