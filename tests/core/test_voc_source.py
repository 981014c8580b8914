"""Pascal VOC folders: class masks and the images of a set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from voc_scenes import VOC_COLORS, codes, colored, image_set, values, voc

import segcore
from segcore.annotation import LabelMap
from segcore.errors import InvalidInputError, SpecError
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED
from segcore.sources.voc_labels import VOC_PALETTE

LABELMAP: Final = (
    "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:0,0,255::\ndog:255,0,0:head,tail:run\n"
)
"""Not the colours of VOC."""

OWN_COLORS: Final = {".": (0, 0, 0), "c": (0, 0, 255), "d": (255, 0, 0), "#": (224, 224, 192)}


def named(root: Path, options: str = "") -> list[list[str]]:
    """The class names of every pixel of image ``a``, or what is no class."""
    source = segcore.open(f"voc:{root}{options}")
    found = source.read("a")
    assert found is not None, [str(fault) for fault in source.faults]
    assert isinstance(found.content, LabelMap)
    assert source.ontology is not None
    others = {UNLABELED: "unlabeled", IGNORE: "void", UNKNOWN: "unknown"}
    indices = found.content.lookup[found.content.values]
    names = source.ontology.names
    return [[others.get(i) or names[i] for i in row] for row in indices.tolist()]


# ---- class masks


@pytest.mark.parametrize("kind", ["palette", "gray", "16-bit gray", "RGB", "RGBA"])
def test_a_class_mask_means_the_same_however_it_is_stored(tmp_path: Path, kind: str) -> None:
    root = voc(tmp_path, {"a": ".c#d"})
    path = root / "SegmentationClass" / "a.png"
    if kind == "gray":
        Image.fromarray(values(".c#d")).save(path)
    elif kind == "16-bit gray":
        Image.fromarray(values(".c#d").astype(np.uint16)).save(path)
    elif kind.startswith("RGB"):
        Image.open(colored(path, ".c#d")).convert(kind).save(path)

    assert named(root) == [["background", "car", "void", "dog"]]


def test_the_palette_is_that_of_the_development_kit() -> None:
    # The first and the last colours of VOClabelcolormap.
    first = [0x000000, 0x800000, 0x008000, 0x808000, 0x000080, 0x800080, 0x008080, 0x808080, 0x400000]

    assert list(VOC_PALETTE[:9]) == first
    assert VOC_PALETTE[255] == 0xE0E0C0
    assert len(set(VOC_PALETTE)) == 256


def test_a_labelmap_names_the_classes_of_coloured_masks(tmp_path: Path) -> None:
    root = tmp_path / "voc"
    colored(root / "SegmentationClass" / "a.png", ".c#d", OWN_COLORS)
    (root / "labelmap.txt").write_text(LABELMAP)

    source = segcore.open(f"voc:{root}")

    assert source.ontology is not None
    assert source.ontology.names == ("background", "car", "dog")
    assert named(root) == [["background", "car", "void", "dog"]]


def test_beside_a_labelmap_a_palette_is_read_by_its_colours(tmp_path: Path) -> None:
    root = tmp_path / "voc"
    path = colored(root / "SegmentationClass" / "a.png", ".cd", OWN_COLORS)
    shuffled = Image.fromarray(np.array([[2, 0, 1]], np.uint8))
    shuffled.putpalette([0, 0, 255, 255, 0, 0, 0, 0, 0])
    shuffled.save(path)
    (root / "labelmap.txt").write_text(LABELMAP)

    assert named(root) == [["background", "car", "dog"]]


def test_beside_a_labelmap_gray_values_are_places_in_it(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": ".#"})
    Image.fromarray(np.array([[2, 0, 1, 255]], np.uint8)).save(root / "SegmentationClass" / "a.png")
    (root / "labelmap.txt").write_text(LABELMAP)

    assert named(root) == [["dog", "background", "car", "void"]]


def test_labels_without_colours_have_those_of_voc_in_order(tmp_path: Path) -> None:
    root = tmp_path / "voc"
    colored(
        root / "SegmentationClass" / "a.png", ".12", {".": (0, 0, 0), "1": (128, 0, 0), "2": (0, 128, 0)}
    )
    (root / "labelmap.txt").write_text("background:::\nlorry:::\nvan:::\n")

    assert named(root) == [["background", "lorry", "van"]]


def test_the_label_ignored_of_datumaro_is_void(tmp_path: Path) -> None:
    root = tmp_path / "voc"
    colored(root / "SegmentationClass" / "a.png", ".c#", OWN_COLORS)
    (root / "labelmap.txt").write_text(f"{LABELMAP}ignored:224,224,192::\n")

    source = segcore.open(f"voc:{root}")

    assert source.ontology is not None
    assert "ignored" not in source.ontology.names
    assert named(root) == [["background", "car", "void"]]


def test_an_ontology_file_says_what_the_values_are(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "12#"})
    (root / "labelmap.txt").write_text("this is not looked at")
    classes = tmp_path / "o.yaml"
    classes.write_text("classes: [{id: 1, name: lorry}, {id: 2, name: van}]")

    assert named(root, f"?ontology={classes}") == [["lorry", "van", "void"]]


BAD_LABELMAPS: Final = {
    "a colour short of blue": "car:128,0::",
    "a colour beyond 255": "car:128,0,256::",
    "a colour of text": "car:red::",
    "a field too few": "car:128,0,0:",
    "a field too many": "car:128,0,0:::",
    "no name": ":128,0,0::",
    "a name with a control character": "c\x1b[31mar:128,0,0::",
    "a name of a million letters": f"{'a' * 900_000}:128,0,0::",
    "one colour twice": "car:0,0,0::",
    "one name twice": "background:1,1,1::",
    "some colours": "car:::",
}


@pytest.mark.parametrize("name", BAD_LABELMAPS)
def test_a_line_of_a_labelmap_that_is_no_label_is_named(tmp_path: Path, name: str) -> None:
    root = voc(tmp_path, {"a": ".."})
    (root / "labelmap.txt").write_text(f"\n# comment\nbackground:0,0,0::\n{BAD_LABELMAPS[name]}\n")

    (fault,) = segcore.check(f"voc:{root}").faults

    assert fault.code == "voc.labelmap"
    assert fault.file == str(root / "labelmap.txt")
    assert "line 4" in fault.got
    assert len(fault.got) <= 160
    assert fault.got.isprintable()


@pytest.mark.parametrize(
    ("data", "got"),
    [
        pytest.param(b"", "no label", id="empty"),
        pytest.param(b"a:0,0,0::\n\xff:1,1,1::", "byte 0xff in line 2", id="not UTF-8"),
    ],
)
def test_a_labelmap_without_labels_refuses_the_folder(tmp_path: Path, data: bytes, got: str) -> None:
    root = voc(tmp_path, {"a": ".."})
    (root / "labelmap.txt").write_bytes(data)

    report = segcore.check(f"voc:{root}")

    assert [(fault.code, fault.got) for fault in report.faults] == [("voc.labelmap", got)]
    with pytest.raises(InvalidInputError):
        segcore.evaluate(f"voc:{root}", f"voc:{root}")


def test_a_labelmap_that_is_a_link_is_refused(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": ".."})
    (root / "labelmap.txt").symlink_to("/etc/passwd")

    assert codes(root) == ["path.symlink"]


def test_a_colour_of_no_label_is_a_fault(tmp_path: Path) -> None:
    root = tmp_path / "voc"
    colored(root / "SegmentationClass" / "a.png", ".c", VOC_COLORS)
    (root / "labelmap.txt").write_text(LABELMAP)

    (fault,) = segcore.check(f"voc:{root}").faults

    assert (fault.code, fault.got) == ("mask.unknown_value", "#808080 (1 px)")


def test_a_value_of_no_class_is_a_fault(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "."})
    Image.fromarray(np.array([[0, 21]], np.uint8)).save(root / "SegmentationClass" / "a.png")

    assert codes(root) == ["mask.unknown_value"]


# ---- image sets


def test_an_image_set_says_which_images_are_read(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": ".", "b": ".", "2007/c": "."})
    image_set(root, "val", "# two of three", "a", "", "  2007/c ", "")

    assert segcore.open(f"voc:{root}?set=val").keys() == ("a", "c")
    assert segcore.open(f"voc:{root}").keys() == ("a", "b", "c")


def test_an_image_of_the_set_without_a_mask_is_named_and_not_read(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "."})
    image_set(root, "val", "a", "b")

    report = segcore.check(f"voc:{root}?set=val")

    assert [(f.code, f.severity.value, f.image) for f in report.faults] == [
        ("voc.missing_mask", "warning", "b")
    ]
    assert report.info.images == 1


BAD_LINES: Final = {
    "climbs": b"../a",
    "absolute": b"/a",
    "backslashes": b"x\\a",
    "twice": b"a",
    "a control character": b"b\x1b[2J",
    "not UTF-8": b"caf\xe9",
    "a million letters": b"b" * 1_000_000,
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_line_of_an_image_set_that_names_no_image_is_a_fault(tmp_path: Path, name: str) -> None:
    root = voc(tmp_path, {"a": "."})
    image_set(root, "val").write_bytes(b"a\n" + BAD_LINES[name])

    (fault,) = segcore.check(f"voc:{root}?set=val").faults

    assert fault.code == "voc.image_set"
    assert "2" in fault.got
    assert len(fault.expected + fault.got) <= 240
    assert (fault.expected + fault.got).isprintable()


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("?set=test", "there is no such image set, .*ImageSets/Segmentation/test.txt"),
        ("?set=../val", "set is the name of a file"),
        ("?view=objects", "view is one of class, object"),
        ("?sets=val", "did you mean 'set'"),
    ],
)
def test_an_option_that_means_nothing_is_refused(tmp_path: Path, spec: str, problem: str) -> None:
    root = voc(tmp_path, {"a": "."})

    with pytest.raises(SpecError, match=problem):
        segcore.open(f"voc:{root}{spec}").keys()


def test_a_folder_that_is_not_that_of_the_masks_says_which_to_name(tmp_path: Path) -> None:
    root = voc(tmp_path, {"a": "."})

    for place in (root.parent, root / "SegmentationClass"):
        with pytest.raises(SpecError, match="the folder that holds SegmentationClass"):
            segcore.open(f"voc:{place}").keys()


# ---- a batch


def test_gold_and_delivery_are_scored_in_both_tasks(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "d").mkdir()
    gold = voc(tmp_path / "g", {"a": "ccc#dd.."}, {"a": "111#22.."})
    delivery = voc(tmp_path / "d", {"a": "cc...ddd"}, {"a": "77...888"})

    pixels = segcore.evaluate(f"voc:{gold}", f"voc:{delivery}")
    found = segcore.evaluate(f"voc:{gold}?view=object", f"voc:{delivery}?view=object", task="instance")

    # car: 2 of 3 pixels.  dog: 1 shared of 2 and 3, the void pixel of the gold is not counted.
    assert pixels.classes[7].iou == 2 / 3
    assert pixels.classes[12].iou == 1 / 4
    assert (found.classes[7].at50.matched, found.classes[12].at50.matched) == (1, 0)
    assert found.conventions["voc_void"] == "pixels that are 255 in a VOC mask belong to no object"


@pytest.mark.parametrize("task", ["semantic", "instance"])
def test_the_result_does_not_depend_on_workers(tmp_path: Path, task: str) -> None:
    root = voc(tmp_path, {str(n): "cc#dd" for n in range(6)}, {str(n): "11#23" for n in range(6)})
    spec = f"voc:{root}" + ("?view=object" if task == "instance" else "")

    one = segcore.evaluate(spec, spec, task=task)
    two = segcore.evaluate(spec, spec, task=task, jobs=2)

    assert one.to_json() == two.to_json()


# ---- real files


def test_real_objects_are_those_of_the_same_annotations_in_coco(
    shared_data: Callable[[str], Path],
) -> None:
    """LabelMe's own conversions of 12 objects: the outlines of both differ at the border only."""
    folder = shared_data("labelme_examples") / "instance_segmentation"
    coco = folder / "data_dataset_coco" / "annotations.json"

    found = segcore.evaluate(
        f"coco:{coco}", f"voc:{folder / 'data_dataset_voc'}?view=object", task="instance"
    )

    assert (found.overall.at75.matched, found.overall.at75.missed, found.overall.at75.extra) == (
        12,
        0,
        0,
    )
    assert len(json.loads(coco.read_text())["annotations"]) == 12


def test_real_masks_are_the_arrays_stored_beside_them(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("labelme_examples") / "instance_segmentation" / "data_dataset_voc"
    source = segcore.open(f"voc:{folder}?view=object")
    compared, keys = 0, source.keys()

    for key in keys:
        found = source.read(key)
        assert found is not None
        numbers = np.load(folder / "SegmentationObjectNpy" / f"{key}.npy")
        classes = np.load(folder / "SegmentationClassNpy" / f"{key}.npy")
        for region in found.content:
            mask = region.mask.to_array()
            if region.class_index == IGNORE:
                assert np.array_equal(mask, classes == -1)
            else:
                assert np.array_equal(mask, (numbers == region.id) & (classes >= 0))
                assert set(classes[mask].tolist()) == {region.class_index}
            rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            assert int(coco_mask.area(rle)) == region.mask.area_px
            compared += 1

    assert compared == 12 + 2


def test_a_folder_written_by_datumaro_is_read_in_both_views(
    shared_data: Callable[[str], Path],
) -> None:
    root = shared_data("datumaro_assets") / "voc_dataset" / "voc_dataset1"

    classes = segcore.check(f"voc:{root}?set=train")
    found = segcore.open(f"voc:{root}?set=train&view=object").read("2007_000001")

    assert classes.faults == ()
    assert found is not None
    assert [(r.id, r.class_index, r.mask.area_px) for r in found.content] == [(1, 2, 200)]
