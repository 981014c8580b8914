"""``segcore convert``: exit codes, what is printed, what is written as JSON."""

from __future__ import annotations

import json

import pytest
from convert_scenes import CAR, GROUP, PERSON, coco_file

from segcore.cli import main


@pytest.fixture
def source(tmp_path) -> str:
    return coco_file(tmp_path, [("car", CAR, False), ("car", GROUP, True), ("person", PERSON, False)])


def test_a_lossless_conversion_is_written_and_says_how_to_read_it(tmp_path, source, capsys):
    code = main(["convert", source, f"cvat:{tmp_path}/out.xml"])

    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("lossless: 1 image, 3 objects, 3 of them run for run the same\n")
    assert out.endswith(f"written; read it as cvat:{tmp_path}/out.xml\n")


def test_a_lossy_conversion_is_refused_with_its_numbers(tmp_path, source, capsys):
    code = main(["convert", source, f"png:{tmp_path}/out"])

    captured = capsys.readouterr()
    assert code == 1
    assert captured.err == (
        "segcore: this conversion is lossy, so nothing was written: 2 of 3 objects merged with others; "
        "4 px of overlap flattened; 1 crowd flag lost; 2 of 3 objects changed: mean IoU 0.6421, "
        "least 0.2432. --lossy writes it all the same\n"
    )  # (28 / 41 + 9 / 37 + 1) / 3
    assert "read it as" not in captured.out
    assert [path.name for path in tmp_path.iterdir()] == ["source.json"]


def test_the_table_holds_the_classes_and_sizes_that_changed(tmp_path, source, capsys):
    main(["convert", source, f"png:{tmp_path}/out", "--lossy"])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = [line for line in lines if line[1:2] == ["small"]]
    assert rows == [
        ["car", "small", "2", "0", "0.4631", "0.2432", "0", "2", "0", "0"],
    ]


def test_json_holds_the_loss_and_is_the_same_every_time(tmp_path, source, capsys):
    texts = []
    for _ in range(2):
        assert main(["convert", source, f"png:{tmp_path}/out", "--json", "-"]) == 1
        texts.append(capsys.readouterr().out)

    found = json.loads(texts[0])
    assert texts[0] == texts[1]
    assert (found["schema"], found["kind"], found["written"]) == (1, "lossy", False)
    assert found["counts"]["flattened_px"] == 4
    assert found["total"] == {
        "objects": 3, "exact": 1, "iou": pytest.approx((28 / 41 + 9 / 37 + 1) / 3), "least_iou": 9 / 37,
        "lost": 0, "merged": 2, "split": 0, "holes_filled": 0,
    }  # fmt: skip
    assert [(row["class"], row["size"]) for row in found["sizes"]] == [
        ("car", "small"),
        ("person", "small"),
    ]
    assert found["format_cannot_hold"] == [
        "objects of one class apart", "overlapping objects", "crowd flags", "scores",
    ]  # fmt: skip


def test_an_invalid_source_is_code_3_and_its_faults_are_json(tmp_path, capsys):
    (tmp_path / "bad.json").write_text('{"images": [], "annotations": []}')

    code = main(["convert", f"coco:{tmp_path}/bad.json", f"png:{tmp_path}/out", "--json", "-"])

    document = json.loads(capsys.readouterr().out)
    assert code == 3
    assert document["outcome"] == "invalid"
    assert [fault["expected"] for fault in document["faults"]] == ["categories"]


@pytest.mark.parametrize("destination", ["png:{}/source.json", "nonsense:{}/x", "voc:{}/no/where"])
def test_a_wrong_destination_is_code_4(tmp_path, source, capsys, destination):
    code = main(["convert", source, destination.format(tmp_path), "--lossy"])

    assert code == 4
    assert capsys.readouterr().err.startswith("segcore: ")


def test_what_is_left_behind_is_named(tmp_path, source, capsys):
    document = json.loads((tmp_path / "source.json").read_text())
    document["images"][0]["camera"] = "left"
    document["categories"].append({"id": 9, "name": "nobody"})
    document["annotations"][0]["segmentation"] = [[0, 0, 4, 0, 4, 4]]
    (tmp_path / "source.json").write_text(json.dumps(document))

    main(["convert", source, f"labelme:{tmp_path}/out", "--lossy"])

    out = capsys.readouterr().out
    assert "left behind: attribute camera (1)" in out
    assert "left behind: polygon, of which the pixels are kept and not the vertices (1)" in out
    assert "left behind: class name without an object (1)" in out


def test_force_replaces(tmp_path, source, capsys):
    assert main(["convert", source, f"cvat:{tmp_path}/out.xml"]) == 0
    assert main(["convert", source, f"cvat:{tmp_path}/out.xml"]) == 4
    assert main(["convert", source, f"cvat:{tmp_path}/out.xml", "--force"]) == 0
    capsys.readouterr()
