"""Names a vendor chose, numbers a format has not, places that are taken: escaped or refused."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from convert_scenes import CAR, DESTINATIONS, PERSON, coco_document, coco_file

import segcore
from segcore.conversion import convert
from segcore.errors import InvalidInputError, OntologyError, SpecError, UsageError
from segcore.loss import Kind

NAMES = [
    'say "car"', "it's", "<b>&amp;</b>", "../../etc/passwd", "a/b\\c", "{id: 1}", "# no", "ключ 🚗",
    "null", "1e3", "a, b", "%2e%2e", "x" * 900, "$HOME `id`", "- dash", "*star", "c:d", "a\u0301",
]  # fmt: skip
WITHOUT_OBJECTS = ("png", "rgb")


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def document_with(*, class_name="car", file_name="a.jpg") -> dict:
    document = coco_document([("car", CAR & ~PERSON, False), ("person", PERSON, False)])
    document["categories"][0]["name"] = class_name
    document["images"][0]["file_name"] = file_name
    return document


def written(folder: Path, document: dict) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "source.json").write_text(json.dumps(document))
    return f"coco:{folder}/source.json"


def is_label(name: str) -> bool:
    """Whether labelmap.txt can hold it, whose lines are parts with colons between, or remarks."""
    return not (name.startswith("#") or ":" in name)


@pytest.mark.parametrize(
    ("name", "destination"),
    [(n, d) for n in NAMES for d in DESTINATIONS if d != "cityscapes" and (d != "voc" or is_label(n))],
)
def test_a_class_may_be_called_anything_the_format_can_hold(tmp_path, name, destination):
    spec = written(tmp_path, document_with(class_name=name))
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    before = everything(tmp_path)

    found = convert(spec, DESTINATIONS[destination].format(folder))

    inside = str(folder.relative_to(tmp_path))
    outside = {k: v for k, v in everything(tmp_path).items() if not k.startswith(f"{inside}/")}
    assert found.loss.kind is Kind.LOSSLESS
    assert outside == before
    assert name in segcore.open(str(found.reading)).ontology.names


@pytest.mark.parametrize("name", [name for name in NAMES if not is_label(name)])
def test_a_class_voc_has_no_line_for_is_refused(tmp_path, name):
    spec = written(tmp_path, document_with(class_name=name))

    with pytest.raises(UsageError, match=r"cannot stand in labelmap\.txt; rename it"):
        convert(spec, f"voc:{tmp_path}/out")


KEYS = ["it's", 'a "b"', "<a>&b", "ключ 🚗", "a b", "%2e%2e%2fup", "$HOME", "-rf", "{}", "a?b", "a;b,c", "a#b", "a+b", "[x]"]  # noqa: E501  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("destination", list(DESTINATIONS))
def test_an_image_may_be_called_anything_a_file_can_be(tmp_path, key, destination):
    spec = written(
        tmp_path, document_with(class_name="car", file_name=f"../up/{key}.jpg".replace("../", ""))
    )
    folder = tmp_path / "inside"
    folder.mkdir()

    found = convert(spec, DESTINATIONS[destination].format(folder), lossy=destination == "cityscapes")

    assert found.loss.counts["images_lost"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "source.json"]
    assert segcore.open(str(found.reading)).keys() == (key,)


@pytest.mark.parametrize("destination", list(DESTINATIONS))
def test_an_image_key_that_is_a_path_is_refused(tmp_path, destination):
    """Image ids of panoptic documents may be text, and are keys as they stand."""
    from PIL import Image

    (tmp_path / "source").mkdir()
    Image.fromarray(np.stack([PERSON, 0 * PERSON, 0 * PERSON], axis=-1).astype(np.uint8)).save(
        tmp_path / "source" / "m.png"
    )
    segment = {"id": 1, "category_id": 1, "iscrowd": 0}
    document = {
        "images": [{"id": "../../evil", "file_name": "m.jpg", "height": 12, "width": 12}],
        "categories": [{"id": 1, "name": "car", "isthing": 1}],
        "annotations": [{"image_id": "../../evil", "file_name": "m.png", "segments_info": [segment]}],
    }
    (tmp_path / "source.json").write_text(json.dumps(document))
    (tmp_path / "inside").mkdir()
    before = everything(tmp_path)

    with pytest.raises((UsageError, InvalidInputError)):
        convert(
            f"coco-panoptic:{tmp_path}/source.json",
            DESTINATIONS[destination].format(tmp_path / "inside"),
        )

    assert everything(tmp_path) == before


@pytest.mark.parametrize("key", ["a/b", "..", ".", "", "a\\b", "a\nb", "\x00", "é" * 200])
def test_no_file_is_made_of_a_name_that_leads_elsewhere(key):
    from segcore.writers.base import file_of

    with pytest.raises(UsageError, match="cannot be a file: its name"):
        file_of(key, ".png")


def test_xml_of_a_hostile_name_holds_it_as_text(tmp_path):
    name = '"/><image name="evil'
    spec = written(tmp_path, document_with(class_name=name))

    convert(spec, f"cvat:{tmp_path}/out.xml")

    root = ET.parse(tmp_path / "out.xml").getroot()
    assert [image.get("name") for image in root.iter("image")] == ["a.jpg"]
    assert [label.findtext("name") for label in root.iter("label")] == [name, "person"]


# ---- numbers that do not fit


def many(count: int, *, name: str = "car") -> list[tuple[str, np.ndarray, bool]]:
    places = np.arange(40 * 40).reshape(40, 40)
    return [(name, places == i, False) for i in range(count)]


@pytest.mark.parametrize(
    ("destination", "count", "problem"),
    [
        ("voc", 255, "255 objects in image 'a', and masks of 8 bits number 254"),
        (
            "cityscapes",
            1001,
            "1001 objects of 'car' in image 'a', and Cityscapes numbers 1000 of a class",
        ),
    ],
)
def test_more_objects_than_a_format_can_number_are_refused(tmp_path, destination, count, problem):
    spec = coco_file(tmp_path, many(count))

    with pytest.raises(UsageError, match=problem):
        convert(spec, DESTINATIONS[destination].format(tmp_path), lossy=True)

    assert [path.name for path in tmp_path.iterdir()] == ["source.json"]


@pytest.mark.parametrize(("destination", "count"), [("voc", 254), ("cityscapes", 1000)])
def test_as_many_objects_as_a_format_can_number_are_written(tmp_path, destination, count):
    spec = coco_file(tmp_path, many(count))

    found = convert(spec, DESTINATIONS[destination].format(tmp_path), lossy=True)

    assert found.loss.total().exact == count


@pytest.mark.parametrize(
    ("number", "options", "problem"),
    [
        (
            256,
            "?bits=8",
            "such as 256 of 'car': a mask of 8 bits holds 0 to 255; say .bits=16",
        ),
        (65536, "", r"a mask of 16 bits holds 0 to 65535; say \?ids=renumber"),
        (300, "?palette=yes", r"a mask of 8 bits holds 0 to 255; say \?ids=renumber"),
        (3, "?palette=yes&bits=16", "a palette of 16 bits"),
    ],
)
def test_ids_that_do_not_fit_are_refused(tmp_path, number, options, problem):
    document = document_with()
    document["categories"][0]["id"] = document["annotations"][0]["category_id"] = number

    with pytest.raises(UsageError, match=problem):
        convert(written(tmp_path, document), f"png:{tmp_path}/out{options}")

    assert [path.name for path in tmp_path.iterdir()] == ["source.json"]


@pytest.mark.parametrize(
    ("number", "options"), [(256, ""), (70000, "?ids=renumber"), (0, ""), (255, "")]
)
def test_ids_that_fit_or_are_given_anew_come_back(tmp_path, number, options):
    document = document_with()
    document["categories"][0]["id"] = document["annotations"][0]["category_id"] = number

    found = convert(written(tmp_path, document), f"png:{tmp_path}/out{options}")

    assert found.loss.kind is Kind.LOSSLESS


def test_classes_cityscapes_does_not_have_are_named(tmp_path):
    spec = written(tmp_path, document_with(class_name="zebra"))

    with pytest.raises(UsageError, match="1 of 2 classes are none of its 19: 'zebra'"):
        convert(spec, f"cityscapes:{tmp_path}/out")


def test_colors_two_classes_cannot_share_are_given_to_those_without(tmp_path):
    (tmp_path / "own.yaml").write_text(
        'classes:\n  - {id: 3, name: car, color: "#000000"}\n  - {id: 7, name: person}\n'
    )
    (tmp_path / "masks").mkdir()
    from PIL import Image

    values = np.where(PERSON, 7, 3).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "masks" / "a.png")

    found = convert(f"png:{tmp_path}/masks?ontology={tmp_path}/own.yaml", f"rgb:{tmp_path}/out")

    assert found.loss.kind is Kind.LOSSLESS
    with pytest.raises(UsageError, match="the colour of 'car' is that of the background"):
        convert(f"png:{tmp_path}/masks?ontology={tmp_path}/own.yaml", f"voc:{tmp_path}/voc")


# ---- outlines that move


def test_polygons_that_move_less_than_the_bound_are_bounded(tmp_path):
    y, x = np.mgrid[:200, :200]
    disc = (x - 100) ** 2 + (y - 100) ** 2 < 90**2
    spec = coco_file(tmp_path, [("car", disc, False)])

    found = convert(spec, f"coco:{tmp_path}/out.json?encoding=polygon&tolerance=1")

    (entry,) = json.loads((tmp_path / "out.json").read_text())["annotations"]
    from pycocotools import mask as peer

    drawn = peer.decode(peer.merge(peer.frPyObjects(entry["segmentation"], 200, 200))).astype(bool)
    iou = (drawn & disc).sum() / (drawn | disc).sum()
    assert found.loss.kind is Kind.BOUNDED
    assert found.loss.by_class()[0].ious == [iou]
    assert 0.95 < iou < 1
    assert len(entry["segmentation"][0]) < 200
    assert entry["area"] == drawn.sum()


def test_polygons_that_move_more_are_lossy(tmp_path):
    y, x = np.mgrid[:20, :20]
    disc = (x - 10) ** 2 + (y - 10) ** 2 < 8**2
    spec = coco_file(tmp_path, [("car", disc, False)])

    found = convert(spec, f"coco:{tmp_path}/out.json?encoding=polygon&tolerance=4")

    assert (found.loss.kind, found.written) == (Kind.LOSSY, False)


def test_a_filled_hole_is_counted(tmp_path):
    mask = np.ones((60, 60), bool)
    mask[30, 30] = False  # no vertex is left of it, once a pixel may be missed
    spec = coco_file(tmp_path, [("car", mask, False)])

    found = convert(spec, f"coco:{tmp_path}/out.json?encoding=polygon&tolerance=2")

    assert found.loss.total().holes_filled == 1
    assert found.loss.kind is Kind.LOSSY


# ---- places


def test_what_exists_is_replaced_only_by_force(tmp_path):
    spec = coco_file(tmp_path, [("car", CAR, False)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("mine")

    with pytest.raises(UsageError, match="it exists; --force replaces it"):
        convert(spec, f"png:{tmp_path}/out")
    kept = (tmp_path / "out" / "precious.txt").read_text()
    convert(spec, f"png:{tmp_path}/out", force=True)

    assert kept == "mine"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "ontology.yaml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source.json"]


@pytest.mark.parametrize("name", ["replaced", "a b", "ü", "-x", "out.part"])
def test_a_destination_may_have_any_name(tmp_path, name):
    spec = coco_file(tmp_path, [("car", CAR, False)])

    for _ in range(2):
        convert(spec, f"png:{tmp_path}/{name}", force=True)

    assert {path.name for path in tmp_path.iterdir()} == {name, "source.json"}


def test_the_folder_of_masks_beside_a_document_is_not_overwritten_either(tmp_path):
    spec = coco_file(tmp_path, [("car", CAR, False)])
    (tmp_path / "out").mkdir()

    with pytest.raises(UsageError, match="it exists"):
        convert(spec, f"coco-panoptic:{tmp_path}/out.json")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source.json"]


def test_a_move_that_fails_half_way_leaves_what_was_there(tmp_path, monkeypatch):
    spec = coco_file(tmp_path, [("car", CAR, False)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    (tmp_path / "out.json").write_text("old")
    before = everything(tmp_path)
    rename = Path.rename

    def failing(self, target):
        if self.name == "out.json" and self.parent.suffix == ".part":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(UsageError, match="No space left on device"):
        convert(spec, f"coco-panoptic:{tmp_path}/out.json", force=True)
    monkeypatch.undo()

    assert everything(tmp_path) == before


def test_the_source_is_never_replaced(tmp_path):
    spec = coco_file(tmp_path, [("car", CAR, False)])
    before = everything(tmp_path)

    with pytest.raises(UsageError, match="one would lie in the other"):
        convert(spec, f"coco:{tmp_path}/source.json", force=True)
    with pytest.raises(UsageError, match="one would lie in the other"):
        convert(spec, f"png:{tmp_path}", force=True)

    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("destination", "problem"),
    [
        ("coco:{}/no/where.json", "there is no folder"),
        ("coco:s3://bucket/a.json", "written to this machine"),
        ("png:{}/..", "name a new file or folder"),
        ("fiftyone:a/b", "segcore does not write 'fiftyone'"),
        ("datumaro:{}/out", "segcore does not write 'datumaro'"),
        ("coc:{}/out", "did you mean 'coco'"),
        ("coco:{}/out.json?encoding=polygons", "did you mean 'polygon'"),
        ("coco:{}/out.json?tolerance=nan", "a number of pixels from 0 to 1000"),
        ("coco:{}/out.json?image=.exe", "the extension of the images"),
        ("coco:{}/out.json?nonsense=1", "unknown option"),
        ("coco-panoptic:{}/out", "end it with .json"),
    ],
)
def test_a_destination_that_cannot_be_is_refused(tmp_path, destination, problem):
    spec = coco_file(tmp_path, [("car", CAR, False)])

    with pytest.raises((SpecError, UsageError), match=problem):
        convert(spec, destination.format(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["source.json"]


def test_a_source_with_faults_is_not_converted_and_all_are_named(tmp_path):
    document = coco_document([("car", CAR, False), ("person", PERSON, False)])
    for entry in document["annotations"]:
        entry["segmentation"]["counts"][0] += 1
    spec = written(tmp_path, document)

    with pytest.raises(InvalidInputError) as refused:
        convert(spec, f"png:{tmp_path}/out", lossy=True)

    assert [fault.code for fault in refused.value.faults] == ["rle.sum_mismatch"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["source.json"]


def test_masks_without_an_ontology_are_refused(tmp_path):
    (tmp_path / "masks").mkdir()

    with pytest.raises(OntologyError, match="names no classes"):
        convert(f"png:{tmp_path}/masks", f"coco:{tmp_path}/out.json")


def test_an_image_without_a_size_is_refused_where_one_is_needed(tmp_path):
    (tmp_path / "export.json").write_text(json.dumps([
        {"id": 1, "data": {"image": "/d/a.jpg"}, "annotations": [{"id": 1, "result": []}]}
    ]))  # fmt: skip
    (tmp_path / "own.yaml").write_text("classes: [{id: 1, name: car}]\n")
    spec = f"label-studio-export:{tmp_path}/export.json?ontology={tmp_path}/own.yaml"

    with pytest.raises(UsageError, match="nobody says how large image 'a' is"):
        convert(spec, f"coco:{tmp_path}/out.json")
    found = convert(spec, f"yolo:{tmp_path}/out")

    assert found.written
    assert (tmp_path / "out" / "labels" / "a.txt").read_text() == ""


def test_two_runs_write_the_same_bytes(tmp_path):
    spec = coco_file(tmp_path, [("car", CAR, False), ("person", PERSON, False)])
    for destination in DESTINATIONS.values():
        trees = []
        for run in ("one", "two"):
            (tmp_path / run).mkdir(exist_ok=True)
            convert(spec, destination.format(tmp_path / run), lossy=True, force=True)
            trees.append(everything(tmp_path / run))
        assert trees[0] == trees[1]
