"""Datumaro itself, in an environment of its own: a peer of our readers, and what it lets pass."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

import segcore
from segcore.annotation import Regions
from segcore.conversion import convert
from segcore.errors import SpecError

ROOT: Final = Path(__file__).resolve().parents[2]
VARIABLE: Final = "SEGCORE_DATUMARO_PYTHON"


@pytest.fixture(autouse=True)
def datumaro() -> Iterator[None]:
    """The Python of ``.venv-datumaro``, or the one the variable names."""
    python = os.environ.get(VARIABLE) or str(ROOT / ".venv-datumaro" / "bin" / "python")
    if not Path(python).exists():
        pytest.skip("missing: datumaro (make test installs it)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, python)
        yield


def pictures(folder: Path, *names: str, size: tuple[int, int] = (20, 10)) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path)


def masks(spec: str, key: str) -> list[tuple[str, np.ndarray]]:
    """The class name and mask of every region, sorted."""
    source = segcore.open(spec)
    found = source.read(key)
    assert found is not None, [str(fault) for fault in source.faults]
    assert isinstance(found.content, Regions)
    assert source.ontology is not None
    names = source.ontology.names
    pairs = [(names[r.class_index], r.mask.to_array()) for r in found.content if r.class_index >= 0]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].tobytes()))


def same(first: list[tuple[str, np.ndarray]], second: list[tuple[str, np.ndarray]]) -> bool:
    return len(first) == len(second) and all(
        a == b and np.array_equal(m, n) for (a, m), (b, n) in zip(first, second, strict=True)
    )


def coco(folder: Path, segmentation: Any, **changes: Any) -> Path:
    """A COCO data set as Datumaro wants it: one image of 10 x 20 pixels (height x width), one car."""
    annotation = {
        "id": 5, "image_id": 7, "category_id": 3, "iscrowd": 0, "area": 36, "bbox": [2, 2, 6, 6],
        "segmentation": segmentation,
    }  # fmt: skip
    document = {
        "images": [{"id": 7, "file_name": "a.jpg", "height": 10, "width": 20}],
        "categories": [{"id": 3, "name": "car"}],
        "annotations": [annotation | changes],
    }
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations" / "instances_val.json").write_text(json.dumps(document))
    pictures(folder, "images/val/a.jpg")
    return folder


SQUARE: Final = [2, 2, 8, 2, 8, 8, 2, 8]


# ---- a peer for our own readers


def test_both_read_the_same_objects_from_a_voc_folder(tmp_path: Path) -> None:
    classes = np.array([[0, 7, 7, 12], [0, 7, 12, 12]], np.uint8)
    objects = np.array([[0, 1, 2, 3], [0, 1, 3, 3]], np.uint8)
    colors = {0: (0, 0, 0), 7: (128, 128, 128), 12: (64, 0, 128)}
    numbers = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0)}
    for name, ids, palette in (("Class", classes, colors), ("Object", objects, numbers)):
        path = tmp_path / f"Segmentation{name}" / "a.png"
        path.parent.mkdir()
        Image.fromarray(np.array([[palette[v] for v in row] for row in ids.tolist()], np.uint8)).save(
            path
        )
    pictures(tmp_path, "JPEGImages/a.jpg", size=(4, 2))
    listed = tmp_path / "ImageSets" / "Segmentation" / "val.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("a\n")

    ours = masks(f"voc:{tmp_path}?view=object&set=val", "a")
    theirs = masks(f"datumaro:{tmp_path}?format=voc_segmentation", "a")

    assert [name for name, _ in ours] == ["car", "car", "dog"]
    assert same(ours, theirs)


def test_both_read_the_same_shapes_from_cvat(tmp_path: Path) -> None:
    text = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels>
<label><name>car</name></label><label><name>dog</name></label></labels></task></meta>
<image id="0" name="a.jpg" width="20" height="10">
<polygon label="car" occluded="0" points="1.5,1.25;17.75,3.0;9.0,9.5;4.0,5.0" z_order="0"></polygon>
<mask label="dog" occluded="0" rle="1, 3, 2, 3" left="4" top="6" width="3" height="3" z_order="0"></mask>
<mask label="car" occluded="0" rle="0, 20" left="14" top="0" width="2" height="10" z_order="0"></mask>
</image></annotations>
"""
    (tmp_path / "annotations.xml").write_text(text)
    pictures(tmp_path, "images/a.jpg")

    ours = masks(f"cvat:{tmp_path / 'annotations.xml'}", "a")
    theirs = masks(f"datumaro:{tmp_path}?format=cvat", "a")

    assert [mask.sum() for _, mask in ours if mask.sum() == 20] == [20]
    assert same(ours, theirs)


def test_both_read_the_same_objects_from_coco(tmp_path: Path) -> None:
    root = coco(tmp_path, [SQUARE, [12, 2, 18, 2, 18, 8, 12, 8]])

    ours = masks(f"coco:{root / 'annotations' / 'instances_val.json'}", "a")
    theirs = masks(f"datumaro:{root}?format=coco_instances", "a")

    assert [int(mask.sum()) for _, mask in ours] == [72]
    assert same(ours, theirs)


def test_a_real_data_set_holds_the_objects_it_was_made_from(
    shared_data: Callable[[str], Path],
) -> None:
    """Datumaro keeps coordinates as 32-bit floats: at the border some pixels change sides."""
    folder = shared_data("peer_converted_coco40")
    gold = f"coco:{folder / 'source_coco_instances_40.json'}"

    found = segcore.evaluate(
        gold, f"datumaro:{folder / 'datumaro_json_by_datumaro'}?format=datumaro", task="instance"
    )

    at75 = found.overall.at75
    assert (at75.matched, at75.missed, at75.extra) == (367, 0, 0)
    assert found.overall.mean_iou is not None
    assert found.overall.mean_iou > 0.998


# ---- formats we have no reader for


@pytest.mark.parametrize(
    ("folder", "format_", "masks_read"),
    [
        ("camvid_dataset", "camvid", 10),
        ("kitti_dataset", "kitti", 6),
        ("labelme_dataset", "label_me", 6),
        ("open_images_dataset/v6", "open_images", 1),
        ("common_semantic_segmentation_dataset/dataset", "common_semantic_segmentation", 4),
    ],
)
def test_other_formats_are_read(
    shared_data: Callable[[str], Path], folder: str, format_: str, masks_read: int
) -> None:
    root = shared_data("datumaro_assets") / folder

    report = segcore.check(f"datumaro:{root}?format={format_}")

    assert [fault.code for fault in report.faults] == []
    assert report.counts.used == masks_read
    assert report.counts.read == masks_read + sum(report.counts.ignored.values())


def test_a_format_that_does_not_exist_lists_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"did you mean 'open_images'\? \(it has ade20k2017, .*, yolo\)"):
        segcore.check(f"datumaro:{tmp_path}?format=openimages")


# ---- what it lets pass, and what it breaks on


LET_PASS: Final[dict[str, tuple[Any, str]]] = {
    "runs too short": ({"size": [10, 20], "counts": [1, 5]}, "rle.sum_mismatch"),
    "runs that wrap 32 bits": ({"size": [10, 20], "counts": ":UPPPPP4e2"}, "rle.run_too_large"),
    "another size": ({"size": [10, 10], "counts": ":5"}, "rle.size_mismatch"),
    "no counts": ({"size": [9, 9], "counts": ""}, "rle.size_mismatch"),
    "a coordinate far out": ([[1e9, 2, 8, 2, 8, 8]], "poly.out_of_bounds"),
    "a negative run": ({"size": [10, 20], "counts": [-5, 205]}, "datumaro.item"),
}


@pytest.mark.parametrize("name", LET_PASS)
def test_what_datumaro_accepts_is_refused_here(tmp_path: Path, name: str) -> None:
    segmentation, code = LET_PASS[name]
    root = coco(tmp_path, segmentation)

    report = segcore.check(f"datumaro:{root}?format=coco_instances")

    assert [(fault.code, fault.image, fault.annotation) for fault in report.faults] == [(code, "a", 5)]
    assert (report.counts.used, report.counts.rejected) == (0, 1)


def test_a_data_set_datumaro_refuses_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    root = coco(tmp_path, [SQUARE])
    (root / "annotations" / "instances_val.json").write_text('{"images": [')

    (fault,) = segcore.check(f"datumaro:{root}?format=coco_instances").faults

    assert fault.code == "datumaro.refused"
    assert "JSON" in fault.got


def test_an_annotation_datumaro_gives_up_is_a_fault(tmp_path: Path) -> None:
    root = coco(tmp_path, [SQUARE], category_id=4)

    codes = {fault.code for fault in segcore.check(f"datumaro:{root}?format=coco_instances").faults}

    assert codes & {"datumaro.item", "datumaro.refused"}


def test_images_datumaro_says_nothing_of_are_named(tmp_path: Path) -> None:
    root = coco(tmp_path, [SQUARE])
    pictures(root, "images/val/b.jpg", "images/val/c.jpg")

    (fault,) = segcore.check(f"datumaro:{root}?format=coco_instances").faults

    assert fault.code == "datumaro.unlisted"
    assert fault.got == "2 without, such as 'images/val/b.jpg'"


def test_two_runs_give_the_same_digest(tmp_path: Path) -> None:
    root = coco(tmp_path, [SQUARE])
    spec = f"datumaro:{root}?format=coco_instances"

    assert segcore.check(spec).info == segcore.check(spec).info


@pytest.mark.parametrize(
    ("destination", "read", "images"),
    [
        ("coco:{}/data/annotations/instances_val.json", "coco_instances", "images/val"),
        ("voc:{}/data", "voc_segmentation", "JPEGImages"),
        ("cvat:{}/data/annotations.xml", "cvat", "images"),
    ],
)
def test_datumaro_reads_what_we_convert(
    tmp_path: Path, destination: str, read: str, images: str
) -> None:
    spec = f"coco:{ROOT / 'tests' / 'data' / 'coco_val2014_6' / 'instances.json'}"
    source = segcore.open(spec)
    keys = source.keys()
    if read != "voc_segmentation":  # which makes its own folder
        Path(destination.partition(":")[2].format(tmp_path)).parent.mkdir(parents=True)
    written = convert(spec, destination.format(tmp_path), lossy=True)
    for key in keys:
        height, width = source.image_size(key) or (0, 0)
        pictures(tmp_path / "data" / images, f"{key}.jpg", size=(width, height))
    if read == "voc_segmentation":
        listed = tmp_path / "data" / "ImageSets" / "Segmentation" / "val.txt"
        listed.parent.mkdir(parents=True)
        listed.write_text("\n".join(keys))

    theirs = f"datumaro:{tmp_path / 'data'}?format={read}"

    assert all(same(masks(str(written.reading), key), masks(theirs, key)) for key in keys)
