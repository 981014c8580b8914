"""What Datumaro imports: its process may do what it likes, what it gives back is checked."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from datumaro_scenes import LABELS, SQUARE, VARIABLE, annotation, answers, item
from pycocotools import mask as coco_mask

import segcore
from segcore.annotation import Regions
from segcore.errors import MissingExtraError, SpecError

END: Final = {"end": 1}


def regions(root: Path, options: str = "") -> list[tuple[int, int]]:
    """Class index and area of the regions of item ``a``."""
    source = segcore.open(f"datumaro:{root}?format=voc{options}")
    found = source.read("a")
    assert found is not None, [str(fault) for fault in source.faults]
    assert isinstance(found.content, Regions)
    return [(r.class_index, r.mask.area_px) for r in found.content]


def checked(root: Path, options: str = "") -> segcore.CheckReport:
    return segcore.check(f"datumaro:{root}?format=voc{options}")


def encoded(mask: np.ndarray) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


# ---- annotations


def test_masks_polygons_and_ellipses_have_an_area(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.zeros((10, 20), bool)
    mask[1:4, 2:7] = True
    y, x = np.mgrid[0:10, 0:20] + 0.5
    inside = ((x - 10) / 6) ** 2 + ((y - 5) / 3) ** 2 <= 1
    entries = [
        annotation(id=1),
        annotation("mask", id=2, label=1, rle=encoded(mask)),
        annotation("ellipse", id=3, points=[4.0, 2.0, 16.0, 8.0]),
    ]
    root = answers(tmp_path, monkeypatch, LABELS, item(*entries), END)

    assert regions(root) == [(0, 36), (1, 15), (0, int(inside.sum()))]


def test_what_has_no_area_is_counted_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [{"type": kind} for kind in ("bbox", "bbox", "label", "points", "caption")]
    root = answers(tmp_path, monkeypatch, LABELS, item(annotation(), *others), END)

    report = checked(root)

    assert report.faults == ()
    assert (report.counts.read, report.counts.used) == (6, 1)
    assert report.counts.ignored == {"bbox": 2, "caption": 1, "label": 1, "points": 1}


def test_annotations_of_one_label_in_one_group_are_one_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corner = [7.0, 7.0, 10.0, 7.0, 10.0, 10.0, 7.0, 10.0]  # 9 pixels, one of them in the square
    entries = [
        annotation(id=1, group=4),
        annotation(id=1, group=4, points=corner),
        annotation(id=2, group=4, label=1),
        annotation(id=3, group=0),
        annotation(id=4, group=0),
    ]
    root = answers(tmp_path, monkeypatch, LABELS, item(*entries), END)

    assert regions(root) == [(0, 44), (1, 36), (0, 36), (0, 36)]


def test_scores_are_taken_where_every_annotation_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = answers(
        tmp_path, monkeypatch, LABELS, item(annotation(score=0.5), annotation(id=6, score=0.25)), END
    )

    found = segcore.open(f"datumaro:{root}?format=coco").read("a")

    assert found is not None
    assert isinstance(found.content, Regions)
    assert found.content.scores is not None
    assert found.content.scores.tolist() == [0.5, 0.25]


def test_the_size_is_that_of_the_masks_where_the_image_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = annotation("mask", rle=encoded(np.ones((10, 20), bool)))
    root = answers(tmp_path, monkeypatch, LABELS, item(mask, annotation(id=6), size=None), END)

    assert regions(root) == [(0, 200), (0, 36)]


def test_an_item_without_size_and_annotations_is_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = answers(tmp_path, monkeypatch, LABELS, item(size=None), END)

    report = checked(root)

    assert (report.info.images, report.counts.read, report.faults) == (1, 0, ())


def test_one_subset_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [item(annotation(), subset="train"), item(annotation(label=1), subset="val")]
    root = answers(tmp_path, monkeypatch, LABELS, *items, {"end": 2})

    both = checked(root)

    assert [fault.code for fault in both.faults] == ["delivery.ambiguous_image"]
    assert (both.counts.read, both.counts.rejected) == (2, 2)
    assert regions(root, "&subset=val") == [(1, 36)]
    with pytest.raises(SpecError, match="there are train, val"):
        checked(root, "&subset=test")


def test_an_ontology_file_gives_other_classes_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = tmp_path / "o.yaml"
    classes.write_text("classes: [{id: 0, name: vehicle, aliases: [car]}]")
    root = answers(tmp_path, monkeypatch, LABELS, item(annotation(), annotation(id=6, label=1)), END)

    report = checked(root, f"&ontology={classes}")

    assert [(f.code, f.annotation) for f in report.faults] == [("coco.unknown_class_name", 6)]
    assert (report.counts.used, report.counts.rejected) == (1, 1)


HOSTILE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "NaN": (annotation(points=["nan", 2.0, 8.0, 2.0, 8.0, 8.0]), "poly.bad_type"),
    "far out": (annotation(points=[1e9, 2.0, 8.0, 2.0, 8.0, 8.0]), "poly.out_of_bounds"),
    "two points": (annotation(points=SQUARE[:4]), "poly.too_few_points"),
    "an ellipse of infinity": (annotation("ellipse", points=[0.0, 0.0, "inf", 5.0]), "poly.not_finite"),
    "an ellipse of no size": (annotation("ellipse", points=[5.0, 5.0, 5.0, 5.0]), "poly.zero_area"),
    "a mask of another size": (
        annotation("mask", rle={"size": [20, 10], "counts": [200]}), "rle.size_mismatch"
    ),
    "a mask that is cut": (annotation("mask", rle={"size": [10, 20], "counts": "P"}), "rle.truncated"),
    "a mask that could not be decoded": (annotation("mask", refused="ValueError: x"), "datumaro.item"),
    "no label": (annotation(label=None), "datumaro.label"),
    "a label beyond the list": (annotation(label=2), "datumaro.label"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_datumaro_lets_pass_is_refused_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    broken, code = HOSTILE[name]
    root = answers(tmp_path, monkeypatch, LABELS, item(annotation(id=4), broken), END)

    report = checked(root)

    assert [(f.code, f.image, f.annotation) for f in report.faults] == [(code, "a", 5)]
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (2, 1, 1)


@pytest.mark.parametrize(
    ("item_id", "code"),
    [
        ("a\x1b[2J", "path.unsafe"),
        ("", "path.unsafe"),
        ("x/..", "path.unsafe"),
        ("a" * 5000, "path.unsafe"),
    ],
)
def test_an_item_id_that_is_no_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item_id: str, code: str
) -> None:
    root = answers(tmp_path, monkeypatch, LABELS, item(annotation(), id=item_id), END)

    report = checked(root)

    assert [fault.code for fault in report.faults] == [code]
    assert (report.counts.read, report.counts.rejected) == (1, 1)


def test_two_labels_of_one_name_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"labels": [["head", "cat"], ["head", "dog"]]}
    root = answers(tmp_path, monkeypatch, labels, item(annotation()), END)

    assert [fault.got for fault in checked(root).faults] == ["label 1: 'head'"]


# ---- a process that goes wrong


ENDINGS: Final = {
    "is killed": ("os.kill(os.getpid(), 11)", "SIGSEGV"),
    "fails": ("sys.exit('out of memory\\nMemoryError: no')", "MemoryError: no"),
    "says nothing": ("os._exit(3)", ""),
    "shouts": ("sys.exit('\\x1b[31m' * 100_000)", "..."),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_datumaro_ending_without_an_answer_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    then, got = ENDINGS[how]
    root = answers(tmp_path, monkeypatch, LABELS, item(annotation()), then=then)

    report = checked(root)

    (fault,) = report.faults
    assert fault.code == "datumaro.crashed"
    assert fault.got.endswith(got)
    assert fault.got.isprintable()
    assert len(fault.got) <= 200
    assert report.info.images == 0


def test_datumaro_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = answers(tmp_path, monkeypatch, then="import time; time.sleep(600)")

    (fault,) = checked(root, "&timeout=1").faults

    assert (fault.code, fault.expected) == ("datumaro.crashed", "an answer within 1 seconds")


@pytest.mark.parametrize(
    "line", ['{"item": {"id": "a"', "not JSON at all", '{"a": NaN}', "\x00\x00"], ids=repr
)
def test_an_answer_that_is_cut_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    root = answers(tmp_path, monkeypatch, LABELS, item(annotation()), line)

    assert {fault.code for fault in checked(root).faults} == {"datumaro.crashed"}


def test_datumaro_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = answers(tmp_path, monkeypatch, {"missing": "No module named 'datumaro'"})

    with pytest.raises(MissingExtraError, match=r"pip install 'segcore\[datumaro\]'.*" + VARIABLE):
        checked(root)


def test_a_python_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere/python")

    with pytest.raises(MissingExtraError, match="cannot run /nowhere/python"):
        checked(tmp_path)


def test_a_format_datumaro_does_not_have_lists_those_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = answers(tmp_path, monkeypatch, {"formats": ["camvid", "coco", "voc"]})

    with pytest.raises(SpecError, match=r"did you mean 'camvid'\? \(it has camvid, coco, voc\)"):
        segcore.check(f"datumaro:{root}?format=camvd")


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("datumaro:x", r"\?format=NAME"),
        ("datumaro:x?format=voc&timeout=0", "a number of seconds"),
        ("datumaro:x?format=voc&timeout=soon", "a number of seconds"),
        ("datumaro:x?formt=voc", "did you mean 'format'"),
    ],
)
def test_an_option_that_means_nothing_is_refused(spec: str, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        segcore.open(spec)


@pytest.mark.parametrize("location", ["nowhere", "s3://bucket/data"])
def test_a_folder_must_be_on_this_machine(location: str) -> None:
    with pytest.raises(SpecError, match="no such file or folder on this machine"):
        segcore.check(f"datumaro:{location}?format=voc")


def test_the_process_learns_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "canary")
    told = tmp_path / "environment"
    root = answers(
        tmp_path,
        monkeypatch,
        LABELS,
        item(),
        END,
        then=f"open({str(told)!r}, 'w').write(str(os.environ))",
    )

    checked(root)

    assert "PATH" in told.read_text()
    assert "canary" not in told.read_text()


def test_datumaro_runs_once_whatever_the_workers_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    runs = tmp_path / "runs"
    items = [item(annotation(), id=name) for name in "abcdef"]
    root = answers(
        tmp_path, monkeypatch, LABELS, *items, {"end": 6}, then=f"open({str(runs)!r}, 'a').write('x')"
    )
    spec = f"datumaro:{root}?format=voc"
    gold = segcore.open(spec)

    one = segcore.evaluate(gold, gold, task="instance")
    two = segcore.evaluate(gold, gold, task="instance", jobs=2)

    assert one.to_json() == two.to_json()
    assert runs.read_text() == "x"
    del gold, one, two
    assert list(scratch.iterdir()) == []


def test_a_worker_on_another_machine_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = answers(tmp_path, monkeypatch, LABELS, item(annotation()), END)
    source = segcore.open(f"datumaro:{root}?format=voc")
    source.keys()
    sent = pickle.dumps(source)
    del source  # and with it the answer on this disk

    assert pickle.loads(sent).keys() == ("a",)
