"""``segcore score`` and ``segcore check``: what they print, write and return."""

from __future__ import annotations

import csv
import json

import pytest
from labelme_files import shape, write

from segcore.cli import main

CATEGORIES = [{"id": 1, "name": "car"}, {"id": 2, "name": "=cmd()"}]


def annotation(id_: int, category: int, counts: list[int], image: int = 1) -> dict:
    return {
        "id": id_, "image_id": image, "category_id": category, "iscrowd": 0,
        "segmentation": {"size": [2, 4], "counts": counts},
        "area": sum(counts[1::2]),
    }  # fmt: skip


def coco(path, *annotations: dict, images: int = 1) -> str:
    listed = [{"id": i, "file_name": f"{i}.png", "height": 2, "width": 4} for i in range(1, images + 1)]
    document = {"images": listed, "categories": CATEGORIES, "annotations": list(annotations)}
    path.write_text(json.dumps(document))
    return f"coco:{path}"


@pytest.fixture
def batch(tmp_path):
    """Column-major, 2 rows, 4 columns; c is a car, x the other class::

    gold  c c x .    delivery  c c c .
          c c x .              c c x .
    """
    gold = coco(tmp_path / "gold.json", annotation(1, 1, [0, 4, 4]), annotation(2, 2, [4, 2, 2]))
    delivery = coco(tmp_path / "delivery.json", annotation(1, 1, [0, 5, 3]), annotation(2, 2, [5, 1, 2]))
    return gold, delivery


def test_the_table_shows_the_worst_class_first(batch, capsys):
    assert main(["score", *batch]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:5] == ["class", "IoU", "Dice", "precision", "recall"]
    assert lines[2].split() == ["=cmd()", "0.5000", "0.6667", "1.0000", "0.5000", "1"]
    assert lines[3].split() == ["car", "0.8000", "0.8889", "0.8000", "1.0000", "1"]
    assert "mean IoU 0.6500 over 2 classes" in lines[5]


def test_json_keeps_the_order_of_the_ontology(batch, tmp_path, capsys):
    assert main(["score", *batch, "--json", "-"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert [c["name"] for c in document["classes"]] == ["car", "=cmd()"]
    assert [c["iou"] for c in document["classes"]] == [4 / 5, 1 / 2]
    assert document["confusion"]["matrix"] == [[4, 0, 0], [1, 1, 0], [0, 0, 2]]
    assert document["counts"]["gold"] == {"annotations_read": 2, "used": 2, "rejected": 0, "ignored": {}}


def test_outlines_are_shown_and_written_where_they_are_asked_for(batch, tmp_path, capsys):
    written, table = tmp_path / "scores.json", tmp_path / "scores.csv"

    words = ["--boundary", "1px", "--tolerance", "0", "--json", str(written), "--csv", str(table)]
    assert main(["score", *batch, *words]) == 0

    # In two rows every pixel is outline.  Of the car, one of 5 delivered pixels is a pixel off; of
    # the other class, one of 2 gold pixels is: percentiles of 0 0 0 0 1 and of 0 1.
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert "boundary IoU      NSD   boundary F1   HD95 px   ASSD px" in lines[0]
    assert lines[2].split()[5:10] == ["0.5000", "0.6667", "0.6667", "0.95", "0.33"]
    assert lines[3].split()[5:10] == ["0.8000", "0.8889", "0.8889", "0.80", "0.11"]
    assert (
        "mean boundary IoU 0.6500, NSD 0.7778, boundary F1 0.7778, HD95 px 0.88, ASSD px 0.22" in lines
    )
    assert "NSD and boundary F1 at a tolerance of 0 px" in lines
    assert "warning: boundary.wide_band" in shown.err
    document = json.loads(written.read_text())
    car = document["classes"][0]
    assert (car["boundary_iou"], car["nsd"], car["assd"]) == (4 / 5, 8 / 9, 1 / 9)
    assert (document["dilation"], document["tolerance_px"]) == ({"px": 1, "share": None}, 0.0)
    assert {"boundary_iou", "nsd", "boundary_f1", "hd95", "assd"} <= document["mean"].keys()
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert set(list(rows[0])[-5:]) == {"boundary_iou", "nsd", "boundary_f1", "hd95", "assd"}
    assert [float(row["hd95"]) for row in rows] == pytest.approx([0.8, 0.95], abs=1e-15)


def test_outlines_nobody_asked_for_are_neither_counted_nor_shown(batch, capsys):
    assert main(["score", *batch, "--json", "-"]) == 0

    text = capsys.readouterr().out
    assert not any(word in text for word in ("boundary", "nsd", "hd95", "assd", "tolerance", "dilation"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ["--boundary", "wide"],
            "a share of the diagonal such as 0.02, or pixels such as 5px, got 'wide'",
        ),
        (["--boundary", "0"], "a dilation as a share lies above 0"),
        (["--tolerance", "-1"], "--tolerance"),
        (["--tolerance", "nan"], "--tolerance"),
        (["--tolerance", "inf"], "a tolerance is a finite number"),
        (["--boundary", "5"], "got 5.0; pixels are written with their unit, such as 5px"),
        (
            ["--task", "panoptic", "--tolerance", "2"],
            "no use for surfaces (got True); on the command line it is --tolerance, for task semantic",
        ),
        (
            ["--task", "instance", "--tolerance", "2"],
            "on the command line it is --tolerance, for task semantic",
        ),
    ],
)
def test_an_outline_that_cannot_be_measured_is_a_usage_error(batch, capsys, words, problem):
    assert main(["score", *batch, *words]) == 4

    assert problem in capsys.readouterr().err


def test_csv_cells_do_not_become_formulas(batch, tmp_path):
    path = tmp_path / "scores.csv"

    assert main(["score", *batch, "--csv", str(path)]) == 0

    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["name"] for row in rows] == ["car", "'=cmd()"]
    assert [float(row["iou"]) for row in rows] == [0.8, 0.5]


def test_the_same_input_gives_the_same_bytes(batch, tmp_path):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]

    codes = [main(["score", *batch, "--json", str(path)]) for path in paths]

    assert codes == [0, 0]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_an_invalid_delivery_is_written_as_json_all_the_same(batch, tmp_path, capsys):
    broken = coco(tmp_path / "broken.json", annotation(7, 1, [0, 5, 99]))
    path = tmp_path / "scores.json"

    assert main(["score", batch[0], broken, "--json", str(path)]) == 3

    document = json.loads(path.read_text())
    assert document["outcome"] == "invalid"
    (fault,) = document["faults"]
    assert (fault["code"].partition(".")[0], fault["image"], fault["annotation"]) == ("rle", "1", 7)
    counts = document["counts"]["delivery"]
    assert counts == {"annotations_read": 1, "used": 0, "rejected": 1, "ignored": {}}
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "annotation 7" in captured.err


def test_missing_and_extra_images_are_named(tmp_path, capsys):
    gold = coco(tmp_path / "gold.json", annotation(1, 1, [0, 4, 4]), images=2)
    delivery = coco(tmp_path / "delivery.json", annotation(1, 1, [0, 4, 4]), images=1)

    assert main(["score", gold, delivery]) == 0

    captured = capsys.readouterr()
    assert "images: 1 compared, 1 missing in the delivery (2), 0 not in the gold" in captured.out
    assert "delivery.missing_image" in captured.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--task", "depth"], "depth", id="a task there is not"),
        pytest.param(
            ["--overlap", "biggest"], "smallest, last, error", id="an overlap rule there is not"
        ),
        pytest.param(["--crowd", "maybe"], "ignore, class", id="a crowd rule there is not"),
        pytest.param(["--jobs", "0"], "--jobs", id="no worker"),
        pytest.param(
            ["--json", "no/such/folder/a.json"], "there is no folder", id="no folder to write to"
        ),
        pytest.param(["--json", "-", "--csv", "-"], "both", id="two documents in one stream"),
    ],
)
def test_a_wrong_option_is_a_usage_error(batch, capsys, words, said):
    assert main(["score", *batch, *words]) == 4

    assert said in capsys.readouterr().err


def test_check_lists_every_fault_of_one_side(tmp_path, capsys):
    spec = coco(
        tmp_path / "broken.json",
        annotation(7, 1, [0, 5, 99]),
        annotation(8, 9, [0, 8]),
        annotation(9, 1, [0, 8]),
    )
    path = tmp_path / "faults.json"

    assert main(["check", spec, "--json", str(path)]) == 3

    captured = capsys.readouterr()
    assert "annotation 7" in captured.err
    assert "annotation 8" in captured.err
    assert "annotation 9" not in captured.err
    assert "cannot be used: 2 errors, 0 warnings" in captured.out
    document = json.loads(path.read_text())
    assert document["outcome"] == "invalid"
    assert [fault["annotation"] for fault in document["faults"]] == [7, 8]


def test_check_holds_class_names_to_the_ontology(batch, tmp_path, capsys):
    ontology = tmp_path / "ontology.yaml"
    ontology.write_text('classes: [{id: 1, name: Car}, {id: 2, name: "=cmd()"}]\n')

    assert main(["check", batch[0], "--ontology", str(ontology)]) == 3

    captured = capsys.readouterr()
    assert "cannot be used: 1 error, 0 warnings" in captured.out
    assert "coco.unknown_class_name" in captured.err
    assert "did you mean 'Car'?" in captured.err


def test_check_counts_what_is_left_out_and_says_why(tmp_path, capsys):
    spec = write(tmp_path / "labels", shape(), shape(points=[[1, 1], [5, 5]], shape_type="line"))

    assert main(["check", f"{spec}?lines=skip"]) == 0

    assert "2 annotations read, 0 rejected, 1 ignored (line or point)\n" in capsys.readouterr().out


def test_check_of_an_empty_folder_names_what_it_looked_for(tmp_path, capsys):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.jpg").write_bytes(b"")

    assert main(["check", f"png:{tmp_path}/masks", "--ontology", "preset:voc"]) == 3

    assert "got no file named *.png" in capsys.readouterr().err


def test_more_than_ten_faults_of_a_kind_are_counted_and_hide_no_other_kind(tmp_path, capsys):
    gold = coco(tmp_path / "gold.json", annotation(1, 1, [0, 8]))
    broken = [annotation(i, 9, [0, 8]) for i in range(1, 13)]
    delivery = coco(tmp_path / "delivery.json", *broken, annotation(13, 1, [0, 5, 99]))

    assert main(["score", gold, delivery]) == 3

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "segcore: the input is invalid: 13 faults"
    assert [line.partition(": annotation ")[2][:2] for line in lines[1:6]] == [
        "1:",
        "2:",
        "3:",
        "4:",
        "5:",
    ]
    assert lines[6] == "  ... and 7 more coco.unknown_category, in image 1"
    assert lines[7].startswith("  rle.run_too_large: ")
    assert lines[8:] == ["--json FILE writes them all"]


def test_ten_faults_of_a_kind_are_shown_one_by_one(tmp_path, capsys):
    spec = coco(tmp_path / "broken.json", *[annotation(i, 9, [0, 8]) for i in range(1, 11)])

    assert main(["check", spec]) == 3

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert all(line.startswith("error: coco.unknown_category: ") for line in lines)


def test_images_nobody_delivered_are_named_by_the_first_few_and_all_in_the_json(tmp_path, capsys):
    gold = coco(tmp_path / "gold.json", annotation(1, 1, [0, 8]), images=100)
    delivery = coco(tmp_path / "delivery.json", annotation(1, 1, [0, 8]))
    written = tmp_path / "scores.json"

    assert main(["score", gold, delivery, "--json", str(written)]) == 0

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("warning: delivery.missing_image: ")
    assert lines[5] == (
        "warning: ... and 94 more delivery.missing_image, in images 14, 15, 16, 17, 18, ..."
    )
    codes = [fault["code"] for fault in json.loads(written.read_text())["faults"]]
    assert codes.count("delivery.missing_image") == 99


def test_classes_on_neither_side_are_counted_below_the_table_and_kept_in_the_files(tmp_path, capsys):
    gold = coco(tmp_path / "gold.json", annotation(1, 1, [0, 8]))
    files = tmp_path / "scores.json", tmp_path / "scores.csv"
    words = ["--json", str(files[0]), "--csv", str(files[1])]

    assert main(["score", gold, gold, *words]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:4] if line] == ["car"]
    assert "1 class on neither side: not evaluated" in lines
    assert [c["iou"] for c in json.loads(files[0].read_text())["classes"]] == [1.0, None]
    assert [row["iou"] for row in csv.DictReader(files[1].read_text().splitlines())] == ["1.0", ""]


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        pytest.param(
            ["--boundary", "1px"],
            {"id": ["id"], "mean_image_iou": ["mean_image_iou"], "boundary_iou": ["boundary_iou"]},
            id="semantic",
        ),
        pytest.param(
            ["--task", "instance", "--scores", "equal"],
            {"ap50": ["ap50"], "f1_0.5": ["f1", "0.5"], "recall_0.75": ["recall", "0.75"]},
            id="instance",
        ),
    ],
)
def test_a_csv_column_is_called_after_the_keys_of_the_json(batch, tmp_path, words, paths):
    files = tmp_path / "scores.json", tmp_path / "scores.csv"

    assert main(["score", *batch, *words, "--json", str(files[0]), "--csv", str(files[1])]) == 0

    first = json.loads(files[0].read_text())["classes"][0]
    row = next(csv.DictReader(files[1].read_text().splitlines()))
    assert list(row)[:2] == ["id", "name"]
    leaves = {"support_images": ["support", "images"], **paths}
    for column, keys in leaves.items():
        value = first
        for key in keys:
            value = value[key]
        assert float(row[column]) == value
    assert len(row) == sum(len(v) if isinstance(v, dict) else 1 for v in first.values())


def test_check_of_a_sound_source_says_so(batch, capsys):
    assert main(["check", batch[0]]) == 0

    assert "can be used: 0 errors, 0 warnings" in capsys.readouterr().out


def test_a_source_that_is_not_there_is_a_usage_error(tmp_path, capsys):
    assert main(["check", f"coco:{tmp_path}/none.json"]) == 4

    assert "none.json" in capsys.readouterr().err
