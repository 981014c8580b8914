"""Every fault code has an input that raises it, and names the place where it stands."""

from __future__ import annotations

import json
import os
import struct
from base64 import b64encode
from pathlib import Path
from typing import Final

import format_faults
import numpy as np
import pytest
from fault_inputs import (
    DOCUMENT,
    RING,
    SQUARE,
    Case,
    Place,
    added,
    blended,
    changed,
    contradicting,
    counts,
    dataset,
    detections,
    document,
    files,
    folder,
    labelme,
    mask,
    misnamed,
    outlined,
    overlapping,
    pair,
    panoptic,
    png,
    rows,
    segmentation,
    shared,
    stored,
    torn,
    without,
    without_objects,
    yolo,
)
from png_writer import chunk, header

from segcore.faults import CODES, Severity
from segcore.ontology import Ontology
from segcore.ontology_file import preset

ANNOTATION: Final[Place] = ("a", 7, 5)
IMAGE: Final[Place] = ("a", None, None)
SHAPE: Final[Place] = ("a", None, "shapes[0]")
LINE: Final[Place] = ("a", None, "line 1")

ORIENTATION_6: Final = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
CITY: Final = Ontology(preset("cityscapes").classes)
"""The train ids 0 to 18, without ignore."""

CASES: Final[dict[str, Case]] = {
    "rle.sum_mismatch": Case("d.json", ANNOTATION, counts([100, 50])),
    "rle.negative_run": Case("d.json", ANNOTATION, counts([-1, 201])),
    "rle.run_too_large": Case("d.json", ANNOTATION, counts([2**32 + 200])),
    "rle.truncated": Case("d.json", ANNOTATION, counts("P")),
    "rle.size_mismatch": Case("d.json", ANNOTATION, counts([200], size=(20, 10))),
    "rle.bad_type": Case("d.json", ANNOTATION, counts([True, 199])),
    "rle.bad_char": Case("d.json", ANNOTATION, counts("\x1b[31m")),
    "rle.missing_field": Case("d.json", ANNOTATION, segmentation({"counts": [200]})),
    "rle.suspect_order": Case("d.json", ANNOTATION, counts(torn())),
    "poly.too_few_points": Case("d.json", ANNOTATION, segmentation([[2, 2, 8, 8]])),
    "poly.odd_length": Case("d.json", ANNOTATION, segmentation([[2, 2, 8, 2, 8, 8, 2]])),
    "poly.not_finite": Case("d.json", ANNOTATION, document(
        json.dumps(dataset()).replace("[[2,", "[[1e999,").encode()
    )),
    "poly.out_of_bounds": Case("d.json", ANNOTATION, segmentation([[2, 2, 1e9, 2, 8, 8]])),
    "poly.clipped": Case("d.json", ANNOTATION, segmentation([[12, 2, 23, 2, 23, 8, 12, 8]])),
    "poly.empty_after_clip": Case("d.json", ANNOTATION, segmentation([[21, 2, 30, 2, 30, 8]])),
    "poly.self_intersection": Case("d.json", ANNOTATION, segmentation([[2, 2, 8, 8, 8, 2, 2, 8]])),
    "poly.zero_area": Case("d.json", ANNOTATION, segmentation([[2, 2, 8, 2, 5, 2]])),
    "poly.bad_type": Case("d.json", ANNOTATION, segmentation([[2, 2, 8, 2, 8, "8"]])),
    "poly.bad_nesting": Case("d.json", ANNOTATION, segmentation(SQUARE[0])),
    "poly.nested_ring": Case("d.json", ANNOTATION, segmentation([*SQUARE, [4, 4, 6, 4, 6, 6, 4, 6]])),
    "poly.too_many_points": Case("d.json", ANNOTATION, segmentation([[2, 2, 8, 2] * 50_001])),
    "seg.empty": Case("d.json", ANNOTATION, segmentation([])),
    "seg.missing": Case("d.json", ANNOTATION, without("annotations", 0, "segmentation")),
    "seg.bad_type": Case("d.json", ANNOTATION, segmentation("square")),
    "seg.bbox_mismatch": Case("d.json", ANNOTATION, changed("annotations", 0, "bbox", to=[9, 2, 6, 6])),
    "coco.duplicate_annotation_id": Case("d.json", ANNOTATION, added(
        "annotations", dataset()["annotations"][0]
    )),
    "coco.duplicate_image_id": Case("d.json", (None, 7, None), added(
        "images", {"id": 7, "file_name": "b.jpg", "height": 10, "width": 20}
    )),
    "coco.duplicate_file_name": Case("d.json", IMAGE, added(
        "images", {"id": 8, "file_name": "a.jpg", "height": 10, "width": 20}
    )),
    "coco.duplicate_category": Case("d.json", DOCUMENT, added("categories", {"id": 4, "name": "car"})),
    "coco.category_conflict": Case("d.json", DOCUMENT, contradicting),
    "coco.unknown_category": Case("d.json", ANNOTATION, changed("annotations", 0, "category_id", to=4)),
    "coco.unknown_class_name": Case("d.json", ANNOTATION, misnamed),
    "coco.unknown_image": Case("d.json", (None, None, 5), changed("annotations", 0, "image_id", to=8)),
    "coco.missing_field": Case("d.json", ANNOTATION, without("annotations", 0, "category_id")),
    "coco.bad_type": Case("d.json", ANNOTATION, changed("annotations", 0, "category_id", to="3")),
    "coco.bad_structure": Case("d.json", DOCUMENT, document(5)),
    "coco.iscrowd": Case("d.json", ANNOTATION, changed("annotations", 0, "iscrowd", to=2)),
    "coco.area_mismatch": Case("d.json", ANNOTATION, changed("annotations", 0, "area", to=90)),
    "results.missing_score": Case("d.json", ("a", 7, 0), detections(score=...)),
    "results.bad_score": Case("d.json", ("a", 7, 0), detections(score=None)),
    "results.inconsistent": Case("d.json", (None, None, 0), detections(image_id=8)),
    "labelme.bad_structure": Case("d/a.json", IMAGE, folder("labelme", {"a.json": []})),
    "labelme.missing_field": Case("d/a.json", IMAGE, labelme(imageHeight=None)),
    "labelme.bad_type": Case("d/a.json", SHAPE, labelme({"label": 5})),
    "labelme.unsupported_shape": Case("d/a.json", SHAPE, labelme({"shape_type": "star"})),
    "labelme.point_count": Case("d/a.json", SHAPE, labelme({"shape_type": "circle"})),
    "labelme.no_area": Case("d/a.json", SHAPE, labelme({"shape_type": "linestrip"})),
    "labelme.mask_size": Case("d/a.json", SHAPE, labelme(
        {"shape_type": "mask", "points": [[2, 2], [4, 2]], "mask": b64encode(png([[0, 1]])).decode()}
    )),
    "labelme.image_name": Case("d/a.json", IMAGE, labelme(imagePath="b.jpg")),
    "labelme.bad_flags": Case("d/a.json", IMAGE, labelme(flags={"blurry": "yes"})),
    "yolo.no_names": Case("yolo:d?size=20x10", DOCUMENT, folder(
        "yolo", {"a.txt": f"0 {RING}"}, "?size=20x10"
    )),
    "yolo.bad_names": Case("d/data.yaml", DOCUMENT, yolo(f"0 {RING}", data_yaml="names: [car, car]")),
    "yolo.bad_class": Case("d/a.txt", LINE, yolo(f"-1 {RING}")),
    "yolo.unknown_class": Case("d/a.txt", LINE, yolo(f"1 {RING}")),
    "yolo.bad_number": Case("d/a.txt", LINE, yolo(f"0 {RING} 0,5")),
    "yolo.box": Case("d/a.txt", LINE, yolo("0 0.5 0.5 0.2 0.2")),
    "yolo.not_normalized": Case("d/a.txt", LINE, yolo("0 2 2 8 2 8 8 2 8")),
    "yolo.no_size": Case("yolo:d", IMAGE, folder("yolo", {"a.txt": f"0 {RING}", "classes.txt": "car"})),
    "mask.not_png": Case("d/a.png", IMAGE, mask(b"\xff\xd8\xff\xe0 a JPEG image")),
    "mask.truncated": Case("d/a.png", IMAGE, mask(stored(header(2, 2), rows([0, 1])))),
    "mask.corrupt": Case("d/a.png", IMAGE, mask(png([[0, 1]]).replace(b"IDAT", b"IDAt"))),
    "mask.bit_depth": Case("d/a.png", IMAGE, mask(stored(header(2, 1, depth=4), rows([0x01])))),
    "mask.unexpected_mode": Case("d/a.png", IMAGE, mask(stored(header(1, 1, color=2), rows([0, 0, 0])))),
    "mask.unknown_value": Case("d/a.png", IMAGE, mask(png([[0, 1, 77]]))),
    "mask.exif_orientation": Case("d/a.png", IMAGE, mask(
        stored(header(2, 1), chunk(b"eXIf", ORIENTATION_6), rows([0, 1]))
    )),
    "mask.animated": Case("d/a.png", IMAGE, mask(
        stored(header(2, 1), chunk(b"acTL", struct.pack(">II", 1, 0)), rows([0, 1]))
    )),
    "mask.id_scheme": Case("d/a.png", IMAGE, mask(png([[7, 8, 11, 12, 21, 22, 23, 24, 26, 33]]), CITY)),
    "mask.suspect_blend": Case("d/a.png", IMAGE, mask(blended)),
    "mask.vendor_void": Case("d/a.png", IMAGE, pair({"a": [[0, 1]]}, {"a": [[0, 255]]})),
    "panoptic.unlisted_segment": Case("d/a.png", ANNOTATION, panoptic([])),
    "panoptic.missing_segment": Case("d/a.png", ("a", 7, 6), panoptic(
        [{"id": 5, "category_id": 3}, {"id": 6, "category_id": 3}]
    )),
    "panoptic.duplicate_segment": Case("d.json", ANNOTATION, panoptic(
        [{"id": 5, "category_id": 3}] * 2
    )),
    "panoptic.size_mismatch": Case("d/a.png", ("a", 7, None), panoptic(size=(1, 2))),
    "panoptic.missing_mask": Case("d/b.png", ("a", 7, None), panoptic(name="b.png")),
    "panoptic.overlap": Case("d.json", ("a", None, 6), shared),
    "delivery.missing_image": Case("d", ("b", None, None), pair(
        {"a": [[0, 1]], "b": [[0, 1]]}, {"a": [[0, 1]]}
    )),
    "delivery.extra_image": Case("d", ("b", None, None), pair(
        {"a": [[0, 1]]}, {"a": [[0, 0]], "b": [[0, 1]]}
    )),
    "delivery.duplicate_image": Case("d/e\u0301.png", ("\xe9", None, None), files(
        lambda d: [(d / f"{name}.png").write_bytes(png([[0]])) for name in ("\xe9", "e\u0301")]
    )),
    "delivery.ambiguous_image": Case("d/x/a.png", IMAGE, files(
        lambda d: [
            ((d / name).mkdir(), (d / name / "a.png").write_bytes(png([[0]]))) for name in ("x", "y")
        ]
    )),
    "delivery.image_match": Case("d", DOCUMENT, pair({"a": [[0, 1]]}, {"b": [[0, 1]]})),
    "delivery.same_as_gold": Case("d", DOCUMENT, pair({"a": [[0, 1]]}, {"a": [[0, 1]]})),
    "delivery.size_mismatch": Case("d/a.png", IMAGE, pair({"a": [[0, 1]]}, {"a": [[0], [1]]})),
    "json.syntax": Case("d.json", DOCUMENT, document(b'{"images": [')),
    "json.duplicate_key": Case("d.json", DOCUMENT, document(b'{"images": [], "images": []}')),
    "json.encoding": Case("d.json", DOCUMENT, document(b'{"caf\xe9": 1}')),
    "json.bom": Case("d.json", DOCUMENT, document(b"\xef\xbb\xbf{}")),
    "json.number": Case("d.json", DOCUMENT, document(b'{"images": NaN}')),
    "json.too_deep": Case("d.json", DOCUMENT, document(b"[" * 100_000 + b"]" * 100_000)),
    "path.unsafe": Case("d.json", (None, 7, None), changed("images", 0, "file_name", to="../a.jpg")),
    "path.symlink": Case("d/a.png", DOCUMENT, files(lambda d: (d / "a.png").symlink_to("b.png"))),
    "path.not_regular": Case("d/a.png", DOCUMENT, files(lambda d: os.mkfifo(d / "a.png"))),
    "limits.pixels": Case("d/a.png", IMAGE, mask(stored(header(1 << 15, 1 << 14), rows([0])))),
    "limits.annotations": Case("d.json", DOCUMENT, document(
        b'{"images": [], "categories": [], "annotations": [' + b"0," * 5_000_000 + b"0]}"
    )),
    "limits.entries": Case("d.json", DOCUMENT, changed(
        "categories", to=[{"id": i, "name": f"c{i}"} for i in range(4097)]
    )),
    "limits.bytes": Case("d.json", DOCUMENT, document(b'{"a": [' + b"[]," * 46_000_000 + b"0]}")),
    "limits.surface": Case("d/a.png", IMAGE, outlined(
        (np.indices((2900, 2900), np.uint16).sum(0) % 2).astype(np.uint8), surfaces=True
    )),
    "boundary.wide_band": Case("d", DOCUMENT, outlined(
        np.zeros((3, 3), np.uint8), dilation="1px"
    )),
    "instance.no_object": Case("coco:d.json", DOCUMENT, without_objects),
    "semantic.overlap": Case("d.json", ("a", None, 5), overlapping),
}  # fmt: skip
CASES |= format_faults.CASES

ALONGSIDE: Final[dict[str, set[str]]] = {
    "mask.id_scheme": {"mask.unknown_value"},
    "mask.suspect_blend": {"mask.unknown_value"},
    "delivery.image_match": {"delivery.missing_image", "delivery.extra_image"},
}
"""What the same input is also, by its nature."""


def test_every_code_of_the_front_door_has_an_input_that_raises_it() -> None:
    # In the tests of the gates and of the adapters.
    elsewhere = {code for code in CODES if code.startswith(("policy.", "ls.", "fo."))}

    assert set(CASES) == set(CODES) - elsewhere


@pytest.mark.parametrize("code", sorted(CASES))
def test_an_input_gets_its_code_and_its_place(code: str, tmp_path: Path) -> None:
    case = CASES[code]

    faults = case.faults(tmp_path)

    assert {fault.code for fault in faults} == {code} | ALONGSIDE.get(code, set())
    found = next(fault for fault in faults if fault.code == code)
    assert found.file.replace(f"{tmp_path}/", "").removeprefix("png:") == case.file
    assert (found.image, found.image_id, found.annotation) == case.place
    assert found.severity in Severity
    assert len(found.expected) <= 160
    assert len(found.got) <= 160
    assert (found.expected + found.got).isprintable()
