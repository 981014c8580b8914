"""YOLO label folders: lines to masks, and where names and sizes come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from spec_readings import codes, regions
from yolo_files import RIGHT, RING, coco, write

import segcore
from segcore.errors import InvalidInputError, SpecError

DATA = Path(__file__).resolve().parents[1] / "data"


# ---- lines


def test_a_line_is_a_polygon_in_shares_of_the_image(tmp_path: Path) -> None:
    spec = write(tmp_path, {"labels/a.txt": f"1 {RING}\n\n0 {RIGHT}\n", "images/a.png": None})

    found = regions(spec)

    expected = np.zeros((2, 10, 20), np.bool_)
    expected[0, 2:8, 2:8] = expected[1, 2:8, 12:18] = True
    assert np.array_equal([region.mask.to_array() for region in found], expected)
    assert found.classes.tolist() == [1, 0]
    assert found.ids == ("line 1", "line 3")
    assert found.scores is None


@pytest.mark.parametrize(
    "text",
    [
        f"0 {RING}\r\n1 {RING}\r\n",
        f"0 {RING}\r1 {RING}",
        f"0\t{RING}\n  1   {RING}  \n",
        f"0.0 {RING}\n1 {RING}",
    ],
)
def test_lines_may_end_and_be_spaced_in_any_way(text: str, tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": text})

    assert regions(f"{spec}?size=20x10").classes.tolist() == [0, 1]


def test_coordinates_just_beyond_the_border_are_clipped(tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": "0 -0.005 0 1.005 0 1.005 1 -0.005 1"})

    assert codes(f"{spec}?size=20x10") == []
    assert regions(f"{spec}?size=20x10").areas_px().tolist() == [200]


def test_the_number_at_the_end_of_each_line_may_be_a_score(tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": f"0 {RING} 0.75\n1 {RIGHT} 0.5"}) + "?size=20x10"

    refused = segcore.check(spec)
    found = regions(f"{spec}&confidence=last")

    assert [fault.code for fault in refused.faults] == ["poly.odd_length"] * 2
    assert "?confidence=last" in refused.faults[0].expected
    assert found.scores is not None
    assert found.scores.tolist() == [0.75, 0.5]
    assert found.areas_px().tolist() == [36, 36]


def test_masks_are_those_of_the_same_polygons_in_coco(tmp_path: Path) -> None:
    """The numbers are written in full, and both formats are given what is left after dividing."""
    document = json.loads((DATA / "coco_val2014_6" / "instances.json").read_text())
    numbers = {c["id"]: i for i, c in enumerate(document["categories"])}
    document["annotations"] = [
        a
        for a in document["annotations"]
        if isinstance(a["segmentation"], list) and len(a["segmentation"]) == 1
    ]
    files: dict[str, str | bytes | None] = {}
    for image in document["images"]:
        lines = []
        for a in document["annotations"]:
            if a["image_id"] == image["id"]:
                size = image["width"], image["height"]
                shares = [v / size[i % 2] for i, v in enumerate(a["segmentation"][0])]
                a["segmentation"] = [[v * size[i % 2] for i, v in enumerate(shares)]]
                lines.append(" ".join([str(numbers[a["category_id"]]), *map(repr, shares)]))
        files[f"{image['file_name'][:-4]}.txt"] = "\n".join(lines)
    names = "\n".join(c["name"] for c in document["categories"])
    (tmp_path / "gold.json").write_text(json.dumps(document))

    evaluation = segcore.evaluate(
        f"coco:{tmp_path / 'gold.json'}", write(tmp_path / "d", files, names=names), task="instance"
    )

    assert len(document["annotations"]) > 15
    for scores in evaluation.classes:
        assert (scores.at75.missed, scores.at75.extra) == (0, 0)
        assert scores.mean_iou in (None, 1.0)


# ---- classes


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "nc: 2\nnames: [car, dog]\n"),
        ("data.yaml", "names:\n  1: dog\n  0: car\n"),
        ("dataset.yml", "names: {0: car, 1: dog}\ntrain: images\n"),
        ("classes.txt", "car\r\ndog\r\n\r\n"),
        ("labels/classes.txt", "\ufeffcar\ndog"),
        ("obj.names", "car\ndog\n"),
    ],
)
def test_names_are_found_below_the_folder(file: str, text: str, tmp_path: Path) -> None:
    spec = write(tmp_path, {file: text, "labels/a.txt": f"1 {RING}"}, names=None)

    report = segcore.check(f"{spec}?size=20x10")

    assert report.faults == ()
    assert report.ontology is not None
    assert report.ontology.names == ("car", "dog")


def test_names_are_what_is_written(tmp_path: Path) -> None:
    spec = write(tmp_path, {"data.yaml": "names: [no, 007, 1e3, 'on']"}, names=None)

    ontology = segcore.open(spec).ontology

    assert ontology is not None
    assert ontology.names == ("no", "007", "1e3", "on")


def test_names_may_lie_elsewhere(tmp_path: Path) -> None:
    spec = write(tmp_path / "labels", {"a.txt": f"1 {RING}"}, names=None)
    (tmp_path / "names.yaml").write_text("names: [car, dog]")

    found = segcore.check(f"{spec}?size=20x10&names={tmp_path / 'names.yaml'}")

    assert found.faults == ()
    assert found.ontology is not None
    assert found.ontology.names == ("car", "dog")


def test_an_ontology_is_matched_by_name_where_there_are_names(tmp_path: Path) -> None:
    spec = write(tmp_path / "d", {"a.txt": f"1 {RING}\n0 {RIGHT}"})
    (tmp_path / "o.yaml").write_text("classes: [{id: 0, name: dog}, {id: 1, name: cars}]")

    report = segcore.check(f"{spec}?size=20x10&ontology={tmp_path / 'o.yaml'}")

    (fault,) = report.faults
    assert (fault.code, fault.annotation) == ("coco.unknown_class_name", "line 2")
    assert fault.got == "'car', did you mean 'cars'?"
    assert regions(f"{spec}?size=20x10&ontology={tmp_path / 'o.yaml'}").classes.tolist() == [0]


def test_without_names_the_numbers_are_the_ids_of_the_ontology_the_spec_names(tmp_path: Path) -> None:
    spec = write(tmp_path / "d", {"a.txt": f"7 {RING}\n3 {RIGHT}\n5 {RIGHT}\n99 {RING}"}, names=None)
    (tmp_path / "o.yaml").write_text("classes: [{id: 7, name: dog}, {id: 3, name: car}]\nignore: 5")

    report = segcore.check(f"{spec}?size=20x10&ontology={tmp_path / 'o.yaml'}")

    assert regions(f"{spec}?size=20x10&ontology={tmp_path / 'o.yaml'}").classes.tolist() == [0, 1]
    assert [(fault.code, fault.annotation) for fault in report.faults] == [
        ("yolo.unknown_class", "line 3"),
        ("yolo.unknown_class", "line 4"),
    ]


def test_without_names_numbers_never_mean_the_classes_of_the_gold(tmp_path: Path) -> None:
    delivery = write(tmp_path / "d", {"a.txt": f"0 {RING}"}, names=None)

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(coco(tmp_path), delivery)

    assert [fault.code for fault in caught.value.faults] == ["yolo.no_names"]


# ---- splits


@pytest.mark.parametrize(
    "yaml",
    [
        "names: [car]\ntrain: images/train\nval: images/val\n",
        "path: ../datasets/x\nnames: [car]\ntrain: images/train\nval: images/val\n",
        "path: .\nnames: [car]\ntrain: ../images/train\nval: [./images/val/]\n",
        "names: [car]\ntrain: images/train\nval: val.txt\n",
    ],
)
def test_a_split_is_what_data_yaml_says(yaml: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes | None] = {
        "data.yaml": yaml,
        "images/train/a.png": None,
        "images/val/a.png": None,
        "images/val/b.png": None,
        "labels/train/a.txt": f"0 {RING}",
        "labels/val/a.txt": f"0 {RING}\n0 {RIGHT}",
        "val.txt": "./images/val/a.png\nimages/val/b.png\n",
    }
    if "val.txt" in yaml:  # a list names images, and a name may be there only once
        del files["labels/train/a.txt"], files["images/train/a.png"]
        files["labels/train/c.txt"] = f"0 {RING}"
    spec = write(tmp_path, files, names=None)

    source = segcore.open(f"{spec}?split=val")

    assert source.keys() == ("a", "b")
    assert source.annotation_count("a") == 2
    assert not len(source.faults)


def test_a_whole_data_set_with_one_name_in_two_splits_is_ambiguous(tmp_path: Path) -> None:
    spec = write(
        tmp_path, {"train/labels/a.txt": "", "val/labels/a.txt": "", "val/labels/b.txt": f"0 {RING}"}
    )

    report = segcore.check(f"{spec}?size=20x10")

    assert [(fault.code, fault.image) for fault in report.faults] == [("delivery.ambiguous_image", "a")]
    assert report.info.images == 1


def test_a_split_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    spec = write(
        tmp_path, {"data.yaml": "names: [car]\nval: elsewhere\n", "labels/a.txt": ""}, names=None
    )

    with pytest.raises(SpecError, match=r"no split 'train' in .*data\.yaml .it has: val"):
        segcore.check(f"{spec}?split=train")
    with pytest.raises(SpecError, match="split 'val' is elsewhere, and nothing is there"):
        segcore.check(f"{spec}?split=val")


# ---- files


def test_only_what_lies_below_folders_called_labels_and_images_counts_where_there_are_some(
    tmp_path: Path,
) -> None:
    spec = write(
        tmp_path,
        {"README.txt": "hello", "preview.png": None, "labels/a.txt": f"0 {RING}", "images/a.png": None},
    )

    assert segcore.open(spec).keys() == ("a",)
    assert codes(spec) == []


def test_labels_may_lie_beside_their_images(tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": f"0 {RING}", "a.png": None, "train.txt": "data/a.png"})

    assert segcore.open(spec).keys() == ("a",)
    assert codes(spec) == []


def test_a_link_to_an_image_is_no_fault_and_no_size(tmp_path: Path) -> None:
    spec = write(tmp_path / "d", {"a.txt": f"0 {RING}"})
    Image.new("L", (20, 10)).save(tmp_path / "a.png")
    (tmp_path / "d" / "a.png").symlink_to(tmp_path / "a.png")

    assert codes(spec) == ["yolo.no_size"]
    assert codes(f"{spec}?size=20x10") == []


def test_a_link_to_a_label_file_is_a_fault(tmp_path: Path) -> None:
    spec = write(tmp_path / "d", {"b.txt": f"0 {RING}"})
    (tmp_path / "d" / "a.txt").symlink_to(tmp_path / "d" / "b.txt")

    assert codes(f"{spec}?size=20x10") == ["path.symlink"]


# ---- real labels


def test_the_loss_of_a_real_conversion_is_measured() -> None:
    """Every object is found again; its outline has lost points, so it is not quite the same."""
    gold = f"coco:{DATA / 'coco_val2014_6' / 'instances.json'}"
    delivery = f"yolo:{DATA / 'coco_val2014_3_yolo'}"

    evaluation = segcore.evaluate(gold, delivery, task="instance")

    found = {c.name: (c.at50.matched, c.at50.missed, c.at50.extra) for c in evaluation.classes}
    assert len(evaluation.images.paired) == 3
    assert sum(extra for _, _, extra in found.values()) == 0
    assert sum(matched for matched, _, _ in found.values()) == 7
    assert evaluation.counts["delivery"].read == 7
    assert evaluation.counts["delivery"].used == 7


def test_all_real_labels_are_read_and_scored_close_to_their_source(
    shared_data: Callable[[str], Path],
) -> None:
    folder = shared_data("peer_converted_coco40")
    gold = f"coco:{folder / 'source_coco_single_polygon_subset.json'}"
    delivery = f"yolo:{folder / 'yolo_seg_by_supervision'}"

    semantic = segcore.evaluate(gold, delivery)
    instance = segcore.evaluate(gold, delivery, task="instance")

    read = sum(
        len(file.read_text().splitlines())
        for file in folder.glob("yolo_seg_by_supervision/labels/*.txt")
    )
    assert read == 347
    assert semantic.counts["delivery"].used == read
    assert len(semantic.images.paired) == 40
    assert semantic.pixel_accuracy is not None
    assert semantic.pixel_accuracy > 0.99
    objects = sum(c.at50.matched + c.at50.missed for c in instance.classes)
    assert objects == 338
    assert sum(c.at50.missed for c in instance.classes) <= 1


@pytest.mark.parametrize(
    "name", ["roboflow_dataset/yolo", "yolo_dataset/strict", "yolo_dataset/annotations"]
)
def test_real_box_labels_are_named_as_boxes(name: str, shared_data: Callable[[str], Path]) -> None:
    report = segcore.check(f"yolo:{shared_data('datumaro_assets') / name}")

    assert {fault.code for fault in report.faults} == {"yolo.box"}
    assert report.counts.rejected == report.counts.read == len(report.faults) > 0
