"""The form each format's input has, read from headers and documents alone."""

from __future__ import annotations

import json
import pickle
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cvat_scenes
import datumaro_scenes
import labelme_files
import mask_files
import numpy as np
import panoptic_scenes
import png_writer
import pytest
import voc_scenes
import yolo_files
from coco_files import dataset
from PIL import Image

import segcore
from segcore.fingerprint import MAX_VALUES, FingerprintBuilder, FormatField
from segcore.masks.png_header import read_header
from segcore.ontology import LabelClass, Ontology


def form(spec: str, ontology: Ontology | None = None) -> dict[str, Any]:
    """The document of a fingerprint that was taken without a fault."""
    source = segcore.open(spec, ontology=ontology)
    found = source.fingerprint().to_json()
    assert [str(fault) for fault in source.faults] == []
    return found


def square_png(path: Path, *, color: int, depth: int = 8, palette: bytes = b"") -> Path:
    """A PNG of 2 x 2 zeros, written chunk by chunk."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    pixels = np.zeros((2, 2 * samples), np.uint16)
    chunks = [png_writer.header(2, 2, depth, color)]
    chunks += [png_writer.chunk(b"tEXt", b"Title\0of no weight")]
    chunks += [png_writer.chunk(b"PLTE", palette)] if palette else []
    chunks += [
        png_writer.chunk(b"IDAT", zlib.compress(png_writer.rows(pixels, depth))),
        png_writer.chunk(b"IEND"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_writer.SIGNATURE + b"".join(chunks))
    return path


# ---- COCO


def test_a_coco_file_tells_its_masks_sizes_and_categories_in_file_order(tmp_path):
    path = tmp_path / "delivery.json"
    path.write_text(json.dumps(dataset()))

    found = form(f"coco:{path}")

    assert found == {
        "format": ["coco"],
        "file_suffix": [".json"],
        "encoding": ["polygon", "uncompressed RLE"],
        "rle_order": ["column-major"],
        "image_sizes": [[5, 6], [12, 10]],
        "categories": [
            {"id": 9, "name": "road", "kind": "stuff"},
            {"id": 2, "name": "car", "kind": "thing"},
        ],
    }


def test_the_first_image_of_a_value_and_their_number_are_known(tmp_path):
    document = dataset()
    document["images"] += [
        {"id": n, "file_name": f"z{n}.jpg", "height": 10, "width": 12} for n in (20, 21)
    ]
    path = tmp_path / "delivery.json"
    path.write_text(json.dumps(document))

    found = segcore.open(f"coco:{path}").fingerprint().values

    sizes = [(v.value, v.images, v.image) for v in found[FormatField.IMAGE_SIZES]]
    assert sizes == [((5, 6), 1, "b"), ((12, 10), 3, "a")]
    encodings = [(v.value, v.images, v.image) for v in found[FormatField.ENCODING]]
    assert encodings == [("polygon", 1, "a"), ("uncompressed RLE", 1, "a")]


@pytest.mark.usefixtures("either_kind")
def test_compressed_run_lengths_are_told_whichever_way_the_file_is_read(tmp_path):
    document = dataset()
    for annotation in document["annotations"]:
        annotation["segmentation"] = {"size": [10, 12], "counts": "0:m2"}
        annotation.pop("area", None)
        annotation.pop("bbox", None)
    path = tmp_path / "delivery.json"
    path.write_text(json.dumps(document))

    found = segcore.open(f"coco:{path}").fingerprint().to_json()

    assert found["encoding"] == ["compressed RLE"]
    assert found["rle_order"] == ["column-major"]


def test_without_annotations_there_is_no_encoding_but_the_field_is_there(tmp_path):
    document = {**dataset(), "annotations": []}
    path = tmp_path / "delivery.json"
    path.write_text(json.dumps(document))

    found = form(f"coco:{path}")

    assert (found["encoding"], found["rle_order"]) == ([], [])


def test_a_list_of_results_has_neither_sizes_nor_categories_of_its_own(tmp_path):
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps(dataset()))
    path = tmp_path / "results.json"
    polygon = {"image_id": 7, "category_id": 2, "score": 0.5, "segmentation": [[0, 0, 9, 0, 9, 9]]}
    path.write_text(json.dumps([polygon]))

    found = form(f"coco:{path}?gt={gold}")

    assert found == {
        "format": ["coco"],
        "file_suffix": [".json"],
        "encoding": ["polygon"],
        "rle_order": [],
    }


def test_the_ontology_of_the_spec_does_not_change_what_the_file_says(tmp_path):
    path = tmp_path / "delivery.json"
    path.write_text(json.dumps(dataset()))
    (tmp_path / "o.yaml").write_text("classes: [{id: 0, name: car}, {id: 1, name: road}]")

    found = form(f"coco:{path}?ontology={tmp_path / 'o.yaml'}")

    assert [c["id"] for c in found["categories"]] == [9, 2]


def test_a_copy_in_another_process_gives_the_same(tmp_path):
    path = tmp_path / "delivery.json"
    path.write_text(json.dumps(dataset()))
    source = segcore.open(f"coco:{path}")
    source.keys()

    copied = pickle.loads(pickle.dumps(source))

    assert copied.fingerprint() == source.fingerprint()


def test_a_panoptic_document_tells_its_pngs_and_which_categories_are_things(tmp_path):
    batch = {"one": panoptic_scenes.scene("a a s", a=panoptic_scenes.CAR, s=panoptic_scenes.SKY)}
    spec = panoptic_scenes.save(tmp_path, "delivery", batch)

    found = form(spec)

    assert found == {
        "format": ["coco-panoptic"],
        "file_suffix": [".json"],
        "encoding": ["RGB"],
        "bit_depth": [8],
        "channels": [3],
        "palette": [[]],
        "image_sizes": [[3, 1]],
        "categories": [
            {"id": 3, "name": "person", "kind": "thing"},
            {"id": 7, "name": "car", "kind": "thing"},
            {"id": 21, "name": "sky", "kind": "stuff"},
            {"id": 8, "name": "road", "kind": "stuff"},
        ],
    }


def test_categories_of_the_gold_are_not_those_of_a_panoptic_delivery(tmp_path):
    batch = {"one": panoptic_scenes.scene("a a", a=panoptic_scenes.CAR)}
    panoptic_scenes.save(tmp_path, "gold", batch)
    spec = panoptic_scenes.save(tmp_path, "delivery", batch)
    document = json.loads((tmp_path / "delivery.json").read_text())
    del document["categories"]
    (tmp_path / "delivery.json").write_text(json.dumps(document))

    found = form(f"{spec}?gt={tmp_path / 'gold.json'}")

    assert "categories" not in found


# ---- folders of masks


def test_gray_masks_tell_their_depth_and_that_they_have_no_palette(tmp_path):
    square_png(tmp_path / "m" / "a_gt.png", color=png_writer.GRAY)
    square_png(tmp_path / "m" / "b_gt.png", color=png_writer.GRAY, depth=16)

    found = form(f"png:{tmp_path / 'm'}?suffix=_gt.png")

    assert found == {
        "format": ["png"],
        "file_suffix": ["_gt.png"],
        "encoding": ["gray"],
        "bit_depth": [8, 16],
        "channels": [1],
        "palette": [[]],
        "image_sizes": [[2, 2]],
    }


def test_palettes_are_told_colour_by_colour(tmp_path):
    square_png(tmp_path / "m" / "a.png", color=png_writer.PALETTE, palette=bytes([0, 0, 0, 128, 0, 255]))

    found = form(f"png:{tmp_path / 'm'}")

    assert found["encoding"] == ["palette"]
    assert found["palette"] == [["#000000", "#8000ff"]]


def test_a_mask_of_the_wrong_kind_is_told_though_it_will_be_refused(tmp_path):
    square_png(tmp_path / "m" / "a.png", color=png_writer.RGBA)

    found = form(f"png:{tmp_path / 'm'}")

    assert (found["encoding"], found["channels"]) == (["RGBA"], [4])


def test_a_damaged_mask_is_a_fault_and_the_others_are_told(tmp_path):
    square_png(tmp_path / "m" / "a.png", color=png_writer.GRAY)
    (tmp_path / "m" / "b.png").write_bytes(b"no PNG")
    (tmp_path / "m" / "c.png").write_bytes((tmp_path / "m" / "a.png").read_bytes()[:30])
    source = segcore.open(f"png:{tmp_path / 'm'}")

    found = source.fingerprint().to_json()

    assert found["image_sizes"] == [[2, 2]]
    assert [(f.code, f.image) for f in source.faults] == [
        ("mask.not_png", "b"),
        ("mask.truncated", "c"),
    ]


def test_coloured_masks_tell_the_colours_they_are_read_by(tmp_path):
    mask_files.save(tmp_path / "m" / "a.png", np.zeros((4, 3, 3)))

    found = form(f"rgb:{tmp_path / 'm'}", ontology=mask_files.SKY_CAR)

    assert found["encoding"] == ["RGB"]
    assert found["categories"] == [
        {"name": "sky", "color": "#0000ff"},
        {"name": "car", "color": "#ff0000"},
    ]


def test_coloured_masks_without_an_ontology_have_no_categories(tmp_path):
    mask_files.save(tmp_path / "m" / "a.png", np.zeros((4, 3, 3)))

    assert "categories" not in form(f"rgb:{tmp_path / 'm'}")


@pytest.mark.parametrize("scheme", ["labelIds", "labelTrainIds", "instanceIds"])
def test_cityscapes_masks_tell_their_id_scheme(tmp_path, scheme):
    mask_files.save(tmp_path / "bonn" / f"bonn_000000_000019_gtFine_{scheme}.png", np.zeros((4, 3)))

    found = form(f"cityscapes:{tmp_path}")

    assert found["id_scheme"] == [scheme]
    assert found["file_suffix"] == [f"_gtFine_{scheme}.png"]
    assert "categories" not in found


def test_a_voc_folder_tells_its_palette_and_no_classes_of_its_own(tmp_path):
    root = voc_scenes.voc(tmp_path, {"a": "cc\n.."})

    found = form(f"voc:{root}")

    assert found["palette"] == [["#000000"] * 256]
    assert "categories" not in found


def test_a_labelmap_tells_classes_with_colours(tmp_path):
    root = voc_scenes.voc(tmp_path, {"a": "..\n.."})
    (root / "labelmap.txt").write_text("background:0,0,0::\ncar:128,0,255::\n")

    found = form(f"voc:{root}")

    assert found["categories"] == [
        {"id": 0, "name": "background", "color": "#000000"},
        {"id": 1, "name": "car", "color": "#8000ff"},
    ]


def test_the_object_view_of_voc_tells_both_masks_of_an_image(tmp_path):
    root = voc_scenes.voc(tmp_path, {"a": "cc\n.."}, {"a": "11\n.."})
    voc_scenes.colored(root / "SegmentationClass" / "a.png", "cc\n..")
    source = segcore.open(f"voc:{root}?view=object")

    found = source.fingerprint()

    assert found.to_json()["encoding"] == ["RGB", "palette"]
    assert [v.images for v in found.values[FormatField.ENCODING]] == [1, 1]


# ---- documents of other tools


def test_a_labelme_folder_tells_shapes_and_the_labels_in_use(tmp_path):
    labelme_files.write(tmp_path, labelme_files.shape("dog"), name="a")
    circle = labelme_files.shape("car", [[4, 4], [4, 6]], shape_type="circle")
    spec = labelme_files.write(tmp_path, circle, name="b", imageWidth=30)

    found = form(spec)

    assert found == {
        "format": ["labelme"],
        "file_suffix": [".json"],
        "encoding": ["circle", "polygon"],
        "image_sizes": [[20, 10], [30, 10]],
        "labels": ["car", "dog"],
    }


def test_a_yolo_folder_tells_names_by_number_and_the_sizes_of_its_images(tmp_path):
    spec = yolo_files.write(tmp_path, {"a.txt": f"0 {yolo_files.RING}", "a.png": None})

    found = form(spec)

    assert found == {
        "format": ["yolo"],
        "file_suffix": [".txt"],
        "image_sizes": [[20, 10]],
        "categories": [{"id": 0, "name": "car"}, {"id": 1, "name": "dog"}],
    }


def test_sizes_from_the_gold_are_not_those_of_a_yolo_folder(tmp_path):
    spec = yolo_files.write(tmp_path / "y", {"a.txt": f"0 {yolo_files.RING}"})
    gold = segcore.open(yolo_files.coco(tmp_path))
    source = segcore.open(spec).resolve(ontology=None, gold=gold)
    assert source.image_size("a") == (10, 20)

    found = source.fingerprint().to_json()

    assert "image_sizes" not in found


def test_a_cvat_document_tells_shapes_and_labels_without_ids(tmp_path):
    mask = cvat_scenes.mask("0, 4", 0, 0, 2, 2, label="dog")
    text = cvat_scenes.document(cvat_scenes.image(cvat_scenes.polygon(), mask))
    path = cvat_scenes.written(tmp_path, text)

    found = form(f"cvat:{path}")

    assert found == {
        "format": ["cvat"],
        "file_suffix": [".xml"],
        "encoding": ["mask", "polygon"],
        "rle_order": ["row-major"],
        "image_sizes": [[20, 10]],
        "categories": [{"name": "car"}, {"name": "dog"}],
    }


def test_the_ontology_of_the_spec_does_not_change_the_labels_of_cvat(tmp_path):
    path = cvat_scenes.written(tmp_path, cvat_scenes.document(cvat_scenes.image(cvat_scenes.polygon())))
    (tmp_path / "o.yaml").write_text("classes: [{id: 4, name: car}]")

    found = form(f"cvat:{path}?ontology={tmp_path / 'o.yaml'}")

    assert [c["name"] for c in found["categories"]] == ["car", "dog"]


def test_datumaro_tells_which_format_it_read(tmp_path, monkeypatch):
    lines = (datumaro_scenes.LABELS, datumaro_scenes.item(datumaro_scenes.annotation()), {"end": 1})
    root = datumaro_scenes.answers(tmp_path, monkeypatch, *lines)

    found = form(f"datumaro:{root}?format=voc")

    assert found == {
        "format": ["datumaro/voc"],
        "encoding": ["polygon"],
        "image_sizes": [[20, 10]],
        "categories": [{"name": "car"}, {"name": "dog"}],
    }


def test_a_source_of_somebody_elses_tells_its_sizes():
    batch = panoptic_scenes.scene("a a a", a=panoptic_scenes.CAR)
    source = panoptic_scenes.Held(one=panoptic_scenes.regions(batch))

    found = source.fingerprint().to_json()

    assert found == {"format": ["held"], "image_sizes": [[3, 1]]}


# ---- the fingerprint itself


def test_a_fingerprint_lists_the_fields_it_has_in_one_order():
    builder = FingerprintBuilder("coco:x.json")
    builder.add_size(3, 4, image="a")
    builder.list_classes(Ontology((LabelClass(id=1, name="car"),)), ids=True)

    found = builder.fingerprint().fields

    assert [f.value for f in found] == [
        "format",
        "image_sizes",
        "category_ids",
        "category_names",
        "category_order",
    ]


def test_classes_without_ids_of_their_own_have_no_field_of_ids():
    builder = FingerprintBuilder("cvat:x.xml")
    builder.list_classes(Ontology((LabelClass(id=1, name="car"),)), ids=False)

    assert FormatField.CATEGORY_IDS not in builder.fingerprint().fields


def test_an_image_that_has_a_value_twice_is_one_image():
    builder = FingerprintBuilder("coco:x.json")
    for image in ("a", "a", "b"):
        builder.add(FormatField.ENCODING, "polygon", image=image)

    [found] = builder.fingerprint().values[FormatField.ENCODING]

    assert (found.images, found.image) == (2, "a")


def test_more_values_than_anyone_would_review_are_not_kept_but_said():
    builder = FingerprintBuilder("png:x")
    for n in range(MAX_VALUES + 5):
        builder.add_size(1, n + 1, image=f"{n:05}")

    found = builder.fingerprint()

    assert len(found.values[FormatField.IMAGE_SIZES]) == MAX_VALUES
    assert found.crowded == {FormatField.IMAGE_SIZES}


# ---- headers of PNGs


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA", "LA"])
def test_a_header_says_what_pillow_says(mode, tmp_path):
    path = tmp_path / "a.png"
    Image.new(mode, (7, 5)).save(path)

    with path.open("rb") as stream:
        found = read_header(stream)

    kinds = {"1": (1, 0), "L": (8, 0), "P": (1, 3), "I;16": (16, 0), "RGB": (8, 2), "RGBA": (8, 6)}
    kinds["LA"] = (8, 4)
    assert found is not None
    assert (found.width, found.height) == (7, 5)
    assert (found.bit_depth, found.color_type) == kinds[mode]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(40),
        png_writer.SIGNATURE,
        png_writer.SIGNATURE + png_writer.header(0, 4),
        png_writer.SIGNATURE + png_writer.header(4, 4, 3),
        png_writer.SIGNATURE + png_writer.header(4, 4, 8, 5),
        png_writer.SIGNATURE + png_writer.header(4, 4, 8, 3) + png_writer.chunk(b"IDAT", b"x"),
        png_writer.SIGNATURE + png_writer.header(4, 4, 8, 3) + png_writer.chunk(b"PLTE", b"four"),
        png_writer.SIGNATURE + png_writer.header(4, 4, 8, 3) + b"\xff\xff\xff\xffPLTE",
        png_writer.SIGNATURE + png_writer.header(4, 4, 8, 3) + b"\xff\xff\xff\xfftEXt",
        png_writer.SIGNATURE + png_writer.header(4, 4, 8, 3) + png_writer.chunk(b"tEXt") * 2000,
    ],
)
def test_whatever_is_no_usual_png_has_no_header(data):
    assert read_header(BytesIO(data)) is None
