"""YOLO labels without images, images without labels, and where the sizes come from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from spec_readings import codes, regions
from yolo_files import RIGHT, RING, coco, write

import segcore
from segcore.errors import InvalidInputError

DATA = Path(__file__).resolve().parents[1] / "data"


# ---- images without labels, labels without images


def test_an_image_without_a_label_file_has_no_object(tmp_path: Path) -> None:
    spec = write(
        tmp_path, {"images/a.png": None, "images/b.png": None, "labels/b.txt": "", "labels/c.txt": ""}
    )

    source = segcore.open(spec)

    assert source.keys() == ("a", "b", "c")
    read = [source.read(key) for key in source.keys()]  # noqa: SIM118  (a source is no dict)
    assert [(r.height, r.width, r.read) for r in read if r] == [(10, 20, 0), (10, 20, 0), (0, 0, 0)]
    assert not len(source.faults)


def test_an_image_without_objects_is_all_missed(tmp_path: Path) -> None:
    delivery = write(tmp_path / "d", {"images/a.png": None})

    evaluation = segcore.evaluate(coco(tmp_path), delivery)

    assert evaluation.images.missing_in_delivery == ()
    assert evaluation.classes[0].iou == 0.0


# ---- sizes


@pytest.mark.parametrize("suffix", ["jpg", "PNG", "webp", "bmp", "tif"])
def test_sizes_are_read_from_the_headers_of_the_images(suffix: str, tmp_path: Path) -> None:
    spec = write(tmp_path, {"labels/a.txt": f"0 {RING}"})
    (tmp_path / "images").mkdir()
    Image.new("L", (20, 10)).save(tmp_path / "images" / f"a.{suffix}")

    assert codes(spec) == []
    assert regions(spec).areas_px().tolist() == [36]


def test_sizes_come_from_the_gold_where_there_is_no_image(tmp_path: Path) -> None:
    delivery = write(tmp_path / "d", {"a.txt": f"0 {RING}", "b.txt": f"0 {RING}"})
    gold = coco(tmp_path, height=60, width=50)

    evaluation = segcore.evaluate(gold, delivery)

    assert evaluation.classes[0].iou == 1.0
    assert evaluation.images.extra_in_delivery == ("b",)  # which is not read, so needs no size
    assert evaluation.conventions["image_sizes"] == (
        "delivery: from the headers of the images, those of the gold where there is no image"
    )


def test_sizes_of_the_gold_may_take_the_place_of_the_images(tmp_path: Path) -> None:
    delivery = write(tmp_path / "d", {"a.txt": f"0 {RING}", "a.png": None})
    gold = coco(tmp_path, height=60, width=50)

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(gold, delivery)
    evaluation = segcore.evaluate(gold, f"{delivery}?sizes=gold")

    assert [fault.code for fault in caught.value.faults] == ["delivery.size_mismatch"]
    assert evaluation.classes[0].iou == 1.0


@pytest.mark.parametrize("task", ["semantic", "instance"])
def test_gold_and_delivery_may_both_be_labels_only(task: str, tmp_path: Path) -> None:
    gold = write(tmp_path / "g", {"a.txt": f"0 {RING}\n1 {RIGHT}"})
    delivery = write(tmp_path / "d", {"a.txt": f"0 {RING}\n1 {RING}"})

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(gold, delivery, task=task)
    evaluation = segcore.evaluate(f"{gold}?size=20x10", delivery, task=task)

    assert {fault.code for fault in caught.value.faults} == {"yolo.no_size"}
    assert len(evaluation.classes) == 2


def test_a_mask_gold_knows_its_sizes_too(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    values = np.full((10, 20), 9, np.uint8)
    values[2:8, 2:8] = 1
    Image.fromarray(values).save(tmp_path / "g" / "a.png")
    (tmp_path / "o.yaml").write_text("classes: [{id: 1, name: car}]\nunlabeled: 9\n")
    delivery = write(tmp_path / "d", {"a.txt": f"0 {RING}"})

    evaluation = segcore.evaluate(f"png:{tmp_path / 'g'}", delivery, ontology=str(tmp_path / "o.yaml"))

    assert evaluation.classes[0].iou == 1.0


def test_an_image_that_stands_on_its_side_is_measured_as_it_is_shown(tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": f"0 {RING}"})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (10, 20)).save(tmp_path / "a.jpg", exif=exif)

    assert regions(spec).height == 10
    assert regions(spec).areas_px().tolist() == [36]


def test_the_result_does_not_depend_on_workers(tmp_path: Path) -> None:
    document = {"images": [], "categories": [{"id": 1, "name": "car"}], "annotations": []}
    files: dict[str, str | bytes | None] = {}
    for i in range(40):
        document["images"].append({"id": i, "file_name": f"{i}.jpg", "height": 10 + i, "width": 20})
        files[f"{i}.txt"] = f"0 {RING if i % 3 else RIGHT}"
    (tmp_path / "g.json").write_text(json.dumps(document))
    specs = f"coco:{tmp_path / 'g.json'}", write(tmp_path / "d", files)

    alone, together = (segcore.evaluate(*specs, jobs=jobs) for jobs in (1, 2))

    assert alone.to_json() == together.to_json()
    assert len(alone.images.paired) == 40
