"""What is written, read by others: pycocotools, Pillow, ElementTree, a rasteriser of pixel centres."""

from __future__ import annotations

import base64
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from convert_scenes import CAR, GROUP, PERSON, coco_file
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from segcore.annotation import RunMask
from segcore.conversion import convert
from segcore.writers.rings import holes_of, joined, rings_of, simplified

MASKS = [("car", CAR | GROUP, False), ("person", PERSON, False)]
FLAT = np.where(PERSON, 2, np.where(CAR | GROUP, 1, 0))
"""Numbers of the objects, the smaller one on top."""


def filled(rings: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """Even-odd fill of pixel centres: a ray to the left crosses the rings an odd number of times."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.zeros((height, width), bool)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if y0 != y1:
                between = (y0 > y) != (y1 > y)
                inside ^= between & (x0 + (y - y0) * (x1 - x0) / (y1 - y0) < x)
    return inside


@pytest.fixture
def source(tmp_path) -> str:
    return coco_file(tmp_path, MASKS)


def test_pycocotools_reads_our_run_lengths_and_our_polygons(tmp_path, source, capsys):
    from pycocotools.coco import COCO

    for name, options in (("rle", ""), ("polygon", "?encoding=polygon")):
        convert(source, f"coco:{tmp_path}/{name}.json{options}")
        peer = COCO(str(tmp_path / f"{name}.json"))
        entries = peer.loadAnns(peer.getAnnIds())
        assert [peer.loadCats(e["category_id"])[0]["name"] for e in entries] == ["car", "person"]
        for entry, (_, mask, _) in zip(entries, MASKS, strict=True):
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            left, top = int(columns[0]), int(rows[0])
            assert (peer.annToMask(entry) == mask).all()
            assert entry["area"] == mask.sum()
            assert entry["bbox"] == [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
    capsys.readouterr()


def test_pycocotools_writes_the_same_run_lengths(tmp_path, source):
    from pycocotools import mask as peer

    convert(source, f"coco:{tmp_path}/out.json")

    written = json.loads((tmp_path / "out.json").read_text())["annotations"]
    expected = [peer.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"] for _, mask, _ in MASKS]
    assert [entry["segmentation"]["counts"].encode() for entry in written] == expected


@pytest.mark.parametrize(
    ("options", "mode"), [("", "L"), ("?bits=16", "I;16"), ("?palette=yes", "P"), ("?bits=8", "L")]
)
def test_pillow_reads_the_ids_of_the_classes(tmp_path, source, options, mode):
    convert(source, f"png:{tmp_path}/out{options}", lossy=True)

    image = Image.open(tmp_path / "out" / "a.png")
    assert image.mode == mode
    assert (np.asarray(image) == np.array([0, 3, 7])[FLAT]).all()


def test_pillow_reads_the_colors_the_ontology_file_names(tmp_path, source):
    import yaml

    convert(source, f"rgb:{tmp_path}/out", lossy=True)

    ontology = yaml.safe_load((tmp_path / "out" / "ontology.yaml").read_text())
    colors = {c["name"]: tuple(bytes.fromhex(c["color"][1:])) for c in ontology["classes"]}
    pixels = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    assert (pixels == np.array([(0, 0, 0), colors["car"], colors["person"]])[FLAT]).all()


def test_segment_ids_follow_the_rule_of_panopticapi(tmp_path, source):
    convert(source, f"coco-panoptic:{tmp_path}/out.json", lossy=True)

    pixels = np.asarray(Image.open(tmp_path / "out" / "a.png")).astype(int)
    ids = pixels[..., 0] + 256 * pixels[..., 1] + 256 * 256 * pixels[..., 2]  # rgb2id
    (entry,) = json.loads((tmp_path / "out.json").read_text())["annotations"]
    segments = {s["id"]: s for s in entry["segments_info"]}
    assert set(np.unique(ids)) == {0, *segments}
    for number, category in ((1, 3), (2, 7)):
        (own,) = (s for s in segments.values() if s["category_id"] == category)
        rows, columns = (np.flatnonzero((number == FLAT).any(axis=axis)) for axis in (1, 0))
        left, top = int(columns[0]), int(rows[0])
        assert (ids == own["id"]).tolist() == (number == FLAT).tolist()
        assert own["area"] == (number == FLAT).sum()
        assert own["bbox"] == [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]


def test_more_than_255_segments_use_the_second_color(tmp_path):
    masks = [("car", np.eye(300, dtype=bool) & (np.arange(300) == i), False) for i in range(300)]
    convert(coco_file(tmp_path, masks), f"coco-panoptic:{tmp_path}/out.json")

    pixels = np.asarray(Image.open(tmp_path / "out" / "a.png")).astype(int)
    assert sorted((pixels @ [1, 256, 65536]).diagonal()) == list(range(1, 301))


def test_class_and_object_masks_of_voc_agree(tmp_path, source):
    convert(source, f"voc:{tmp_path}/out", lossy=True)

    classes = Image.open(tmp_path / "out" / "SegmentationClass" / "a.png")
    objects = np.asarray(Image.open(tmp_path / "out" / "SegmentationObject" / "a.png"))
    labels = (tmp_path / "out" / "labelmap.txt").read_text().splitlines()
    names = {tuple(map(int, line.split(":")[1].split(","))): line.split(":")[0] for line in labels}
    colors = np.asarray(classes.convert("RGB"))
    assert classes.mode == "P"
    assert (objects == FLAT).all()
    expected = np.array(["background", "car", "person"])[FLAT]
    assert [[names[tuple(c)] for c in row] for row in colors.tolist()] == expected.tolist()


def test_cityscapes_ids_are_label_and_number(tmp_path):
    from cityscapesscripts.helpers.labels import name2label

    masks = [("car", CAR, False), ("person", drawn_right(), False), ("car", GROUP, False)]
    convert(coco_file(tmp_path, masks), f"cityscapes:{tmp_path}/out", lossy=True)

    ids = np.asarray(Image.open(tmp_path / "out" / "images" / "a_gtFine_instanceIds.png")).astype(int)
    labels = np.asarray(Image.open(tmp_path / "out" / "images" / "a_gtFine_labelIds.png"))
    car, person = name2label["car"].id, name2label["person"].id
    assert set(np.unique(ids)) == {0, car * 1000, car * 1000 + 1, person * 1000}
    assert (np.where(ids >= 1000, ids // 1000, ids) == labels).all()
    assert ((labels == car) == (CAR | GROUP)).all()


def drawn_right() -> np.ndarray:
    mask = np.zeros((12, 12), bool)
    mask[:4, 9:] = True
    return mask


def test_the_masks_of_labelme_lie_in_their_boxes(tmp_path, source):
    convert(source, f"labelme:{tmp_path}/out")

    shapes = json.loads((tmp_path / "out" / "a.json").read_text())["shapes"]
    for shape, (name, mask, _) in zip(shapes, MASKS, strict=True):
        (left, top), (right, bottom) = np.array(shape["points"], int)
        png = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
        found = np.zeros_like(mask)
        found[top : bottom + 1, left : right + 1] = png > 0
        assert (shape["label"], shape["shape_type"]) == (name, "mask")
        assert (found == mask).all()


def test_the_polygons_of_labelme_cover_their_objects(tmp_path, source):
    convert(source, f"labelme:{tmp_path}/out?encoding=polygon")

    shapes = json.loads((tmp_path / "out" / "a.json").read_text())["shapes"]
    for name, mask, _ in MASKS:
        rings = [np.array(shape["points"]) for shape in shapes if shape["label"] == name]
        groups = {shape["group_id"] for shape in shapes if shape["label"] == name}
        covered = np.any([filled([ring], 12, 12) for ring in rings], axis=0)
        assert (covered == mask).all()
        assert len(groups) == 1


def test_the_lines_of_yolo_cover_their_objects(tmp_path, source):
    import yaml

    convert(source, f"yolo:{tmp_path}/out")

    names = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())["names"]
    lines = (tmp_path / "out" / "labels" / "a.txt").read_text().splitlines()
    assert len(lines) == 2
    for line, (name, mask, _) in zip(lines, MASKS, strict=True):
        number, *shares = line.split()
        values = np.array(shares, float)
        assert names[int(number)] == name
        assert 0 <= values.min() <= values.max() <= 1
        assert (filled([values.reshape(-1, 2) * 12], 12, 12) == mask).all()


@pytest.mark.parametrize("encoding", ["mask", "polygon"])
def test_the_shapes_of_cvat_cover_their_objects(tmp_path, source, encoding):
    convert(source, f"cvat:{tmp_path}/out.xml?encoding={encoding}")

    (image,) = ET.parse(tmp_path / "out.xml").iter("image")
    assert (image.get("name"), image.get("width"), image.get("height")) == ("a.jpg", "12", "12")
    for name, mask, _ in MASKS:
        found = np.zeros_like(mask)
        for shape in image:
            if shape.get("label") != name:
                continue
            if shape.tag == "polygon":
                ring = [pair.split(",") for pair in shape.get("points").split(";")]
                found |= filled([np.array(ring, float)], 12, 12)
                continue
            left, top, width, height = (int(shape.get(k)) for k in ("left", "top", "width", "height"))
            runs = [int(run) for run in shape.get("rle").split(",")]
            values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
            found[top : top + height, left : left + width] = values.reshape(height, width)
        assert (found == mask).all()


# ---- rings


@st.composite
def masks(draw):
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    return draw(arrays(np.bool_, shape))


@given(mask=masks())
def test_rings_along_the_pixels_give_the_mask_back(mask):
    rings = rings_of(RunMask.from_array(mask))

    covered = [filled([ring], *mask.shape) for ring in rings]

    assert (np.sum(covered, axis=0, dtype=int) == mask).all()  # and no pixel lies in two rings


@given(mask=masks())
def test_rings_joined_to_one_cover_the_same_pixels(mask):
    rings = rings_of(RunMask.from_array(mask))

    covered = filled([joined(rings)], *mask.shape) if rings else np.zeros_like(mask)

    assert (covered == mask).all()


@given(mask=masks())
def test_holes_are_background_that_does_not_reach_the_border(mask):
    from scipy import ndimage

    background = np.pad(~mask, 1, constant_values=True)
    parts, count = ndimage.label(background, np.ones((3, 3)))

    assert len(holes_of(RunMask.from_array(mask))) == count - 1
    assert parts[0, 0] == 1


def test_a_ring_without_needless_vertices_stays_as_it_is():
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)

    assert simplified(square, tolerance_px=1).tolist() == square.tolist()


def test_vertices_near_the_ring_are_left_out():
    ring = np.array([[0, 0], [5, 0.5], [10, 0], [10, 10], [0, 10]], float)

    kept = simplified(ring, tolerance_px=1)

    assert kept.tolist() == [[0, 0], [10, 0], [10, 10], [0, 10]]


def test_a_ring_that_would_enclose_nothing_is_kept():
    pixel = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)

    assert simplified(pixel, tolerance_px=9).tolist() == pixel.tolist()


def test_a_mask_of_nothing_has_no_ring():
    empty = RunMask.from_array(np.zeros((3, 3), bool))

    assert (rings_of(empty), holes_of(empty)) == ([], [])


# ---- real data


def test_run_lengths_come_back_through_panoptic_masks_byte_for_byte(tmp_path):
    """Real objects of COCO, made free of overlap: the first of the file keeps a shared pixel."""
    from pycocotools import mask as peer
    from pycocotools.coco import COCO

    real = Path(__file__).parent.parent / "data" / "coco_val2014_6" / "instances.json"
    document = json.loads(real.read_text())
    coco = COCO()
    coco.dataset = document
    coco.createIndex()
    taken: dict[int, np.ndarray] = {}
    for entry in document["annotations"]:
        mask = coco.annToMask(entry).astype(bool)
        before = taken.setdefault(entry["image_id"], np.zeros_like(mask))
        rle = peer.encode(np.asfortranarray((mask & ~before).astype(np.uint8)))
        entry["segmentation"] = {"size": rle["size"], "counts": rle["counts"].decode()}
        before |= mask
        for name in ("area", "bbox"):
            del entry[name]
    kept = [e for e in document["annotations"] if peer.area(e["segmentation"])]
    document["annotations"] = kept
    (tmp_path / "source.json").write_text(json.dumps(document))

    there = convert(f"coco:{tmp_path}/source.json", f"coco-panoptic:{tmp_path}/png.json")
    back = convert(str(there.reading), f"coco:{tmp_path}/back.json")

    written = json.loads((tmp_path / "back.json").read_text())["annotations"]
    assert sorted(e["segmentation"]["counts"] for e in written) == sorted(
        e["segmentation"]["counts"] for e in kept
    )
    assert (there.loss.kind.value, back.loss.kind.value) == ("lossless", "lossless")
    assert len(kept) > 20
