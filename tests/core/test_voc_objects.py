"""Objects of Pascal VOC folders: they have the one class of their pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from voc_scenes import VOC_COLORS, codes, colored, objects, values, voc

import segcore
from segcore.annotation import LabelMap
from segcore.errors import UsageError
from segcore.masks.objects import numbered_runs
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED
from segcore.sources.voc_labels import VOC_PALETTE


def test_an_object_has_the_class_of_its_pixels(tmp_path: Path) -> None:
    root = voc(
        tmp_path,
        {"a": ".cc#dd \n .cc#d."},
        {"a": ".11#22 \n .13#2."},
    )

    found = objects(root)

    assert {number: name for number, (name, _) in found.items()} == {1: "car", 2: "dog", 3: "car"}
    numbers = values(".11#22 .13#2.")
    assert all(np.array_equal(mask, numbers == number) for number, (_, mask) in found.items())


def test_void_belongs_to_no_object(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "cc#c"}, {"a": "1#12"})

    found = objects(root)

    assert found[1][1].tolist() == [[True, False, False, False]]
    assert found[2][1].tolist() == [[False, False, False, True]]


def test_an_object_of_nothing_but_void_is_none(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "c##"}, {"a": "122"})

    report = segcore.check(f"voc:{root}?view=object")

    assert list(objects(root)) == [1]
    assert (report.counts.read, report.faults) == (1, ())


def test_void_is_ignored_where_objects_are_scored_pixel_by_pixel(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "cc#d.."}, {"a": "11#2.."})

    evaluation = segcore.evaluate(f"voc:{root}?view=object", f"voc:{root}")

    # A background that is no object is unlabeled, and void counts nowhere.
    assert evaluation.confusion.sum() == 5
    assert evaluation.classes[7].iou == evaluation.classes[12].iou == 1.0
    assert evaluation.confusion[-1, 0] == 2


@pytest.mark.parametrize("kind", ["gray", "16-bit gray", "RGB"])
def test_object_numbers_mean_the_same_however_they_are_stored(tmp_path: Path, kind: str) -> None:
    root = voc(tmp_path, {"a": "cc#d"}, {"a": "12#3"})
    path = root / "SegmentationObject" / "a.png"
    if kind == "RGB":
        palette = {
            str(n): (VOC_PALETTE[n] >> 16, VOC_PALETTE[n] >> 8 & 255, VOC_PALETTE[n] & 255)
            for n in range(9)
        }
        colored(path, "12#3", palette | VOC_COLORS)
    else:
        dtype = np.uint8 if kind == "gray" else np.uint16
        Image.fromarray(values("12#3").astype(dtype)).save(path)

    assert {n: (c, int(m.sum())) for n, (c, m) in objects(root).items()} == {
        1: ("car", 1), 2: ("car", 1), 3: ("dog", 1)
    }  # fmt: skip


def test_a_colour_that_stands_for_no_number_is_a_fault(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "cc"}, {"a": "11"})
    colored(root / "SegmentationObject" / "a.png", "12", {"1": (128, 0, 0), "2": (127, 0, 0)})

    (fault,) = segcore.check(f"voc:{root}?view=object").faults

    assert (fault.code, fault.got) == ("mask.unknown_value", "#7f0000 (1 px)")


WRONG_PAIRS: Final = {
    "two classes": ("ccd", "111", "voc.object_classes", "car (2 px), dog (1 px)"),
    "class and background": ("cc.", "111", "voc.object_classes", "car (2 px), background (1 px)"),
    "background": ("c..", "12.", "voc.background_object", "background (1 px)"),
    "pixels without a number": ("ccd", "1..", "voc.no_object", "car (1 px), dog (1 px)"),
}


@pytest.mark.parametrize("name", WRONG_PAIRS)
def test_masks_that_do_not_fit_each_other_are_faults(tmp_path: Path, name: str) -> None:
    classes, numbers, code, got = WRONG_PAIRS[name]
    root = voc(tmp_path, {"a": classes}, {"a": numbers})

    (fault,) = segcore.check(f"voc:{root}?view=object").faults

    assert (fault.code, fault.got) == (code, got)


def test_every_fault_of_an_image_is_found_in_one_run(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "cdcc.c#"}, {"a": "112.3#4"})

    report = segcore.check(f"voc:{root}?view=object")

    assert sorted((f.code, f.annotation) for f in report.faults if f.annotation) == [
        ("voc.background_object", 3), ("voc.object_classes", 1)
    ]  # fmt: skip
    assert "voc.no_object" in [fault.code for fault in report.faults]
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (3, 1, 2)


def test_stuff_needs_no_object_numbers(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "12"}, {"a": ".1"})
    classes = tmp_path / "o.yaml"
    classes.write_text("classes: [{id: 1, name: sky, thing: false}, {id: 2, name: car}]")

    assert codes(root, f"?view=object&ontology={classes}") == []


def test_a_value_of_no_class_is_a_fault_of_the_object_view_too(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "cc"}, {"a": "11"})
    Image.fromarray(np.array([[7, 77]], np.uint8)).save(root / "SegmentationClass" / "a.png")

    (fault,) = segcore.check(f"voc:{root}?view=object").faults

    assert (fault.code, fault.got) == ("mask.unknown_value", "77 (1 px)")
    assert fault.file.endswith("SegmentationClass/a.png")


def test_an_image_with_one_of_its_two_masks_is_named(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "c", "b": "c"}, {"b": "1", "c": "1"})

    report = segcore.check(f"voc:{root}?view=object")

    assert [(f.code, f.image) for f in report.faults] == [("voc.no_pair", "c"), ("voc.no_pair", "a")][
        ::-1
    ]
    assert (report.info.images, report.counts.read, report.counts.rejected) == (1, 3, 2)


def test_a_pipe_in_place_of_a_class_mask_does_not_hang(tmp_path: Path) -> None:
    root = voc(tmp_path, {"b": "c"}, {"a": "1", "b": "1"})
    os.mkfifo(root / "SegmentationClass" / "a.png")

    assert set(codes(root, "?view=object")) == {"voc.no_pair"}


def test_a_mask_of_stripes_ends_in_a_fault_and_not_in_memory(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "."}, {"a": "."})
    stripes = np.zeros((4200, 8000), np.uint8)
    stripes[::2] = 1
    for name, scale in (("SegmentationClass", 7), ("SegmentationObject", 1)):
        Image.fromarray(stripes * scale).save(root / name / "a.png", compress_level=1)

    assert codes(root, "?view=object") == ["limits.entries"]


def test_the_instance_task_on_class_masks_says_how_to_read_objects(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "c"}, {"a": "1"})

    with pytest.raises(UsageError, match=r"voc:DIR\?view=object"):
        segcore.evaluate(f"voc:{root}", f"voc:{root}", task="instance")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_runs_of_objects_are_what_numpy_finds(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    pixels = st.lists(st.integers(0, 3), min_size=height * width, max_size=height * width)
    numbers = np.array(data.draw(pixels), np.uint8).reshape(height, width)
    classes = np.array(data.draw(pixels), np.uint8).reshape(height, width)
    lookup = np.full(256, UNKNOWN, np.int32)
    lookup[:4] = [UNLABELED, 0, 1, IGNORE]

    found = numbered_runs(numbers, LabelMap(values=classes, lookup=lookup))

    indices = lookup[classes]
    painted = np.full((2, height * width), -9)
    for run in zip(found.starts, found.ends, found.numbers, found.classes, strict=True):
        assert (painted[:, run[0] : run[1]] == -9).all()
        painted[:, run[0] : run[1]] = [[run[2]], [run[3]]]
    assert np.array_equal(painted[0], numbers.ravel(order="F"))
    assert np.array_equal(painted[1], indices.ravel(order="F"))
    for number, counts in found.pixels().items():
        there, pixels = np.unique(indices[numbers == number], return_counts=True)
        assert counts == dict(zip(there.tolist(), pixels.tolist(), strict=True))
    assert list(found.pixels()) == np.unique(numbers).tolist()
