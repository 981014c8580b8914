"""What the platform itself gives back of what was drawn, natively and through its COCO export."""

from __future__ import annotations

import io
import json
import zipfile

import drawing
import numpy as np
import pytest
from pycocotools import mask as coco_mask


@pytest.fixture(scope="module")
def small_shapes(sdk, label_studio):
    """A ring, a square of 5 x 5 and a line of one pixel, each on a picture of its own."""
    project = drawing.Project.create(sdk, label_studio, title="small shapes")
    for name, label, draw in [
        ("ring", "car", lambda picture: drawing.disk(picture, 80, 60, 30, 12)),
        ("square", "sign", lambda picture: drawing.box(picture, 20, 30, 5, 5)),
        ("line", "road", lambda picture: drawing.box(picture, 20, 30, 60, 1)),
    ]:
        picture = drawing.Picture(url=f"/data/local-files/?d=files/{name}.png", width=160, height=120)
        shape = drawing.brush(picture, label, draw(picture))
        project.add_task([picture], drawing.Sheet(author="gold", shapes={picture.key: [shape]}))
    return project


def test_the_native_export_holds_what_was_drawn_unchanged(small_shapes):
    written = {
        keys[0]: [dict(entry) for shape in sheet.shapes[keys[0]] for entry in shape.entries]
        for sheets in small_shapes.sheets.values()
        for sheet, keys in sheets
    }

    tasks = json.loads(small_shapes.export())

    exported = {
        task["data"]["image"].rpartition("/")[2].removesuffix(".png"): task["annotations"][0]["result"]
        for task in tasks
    }
    assert exported == written


def test_the_sdk_draws_the_masks_it_is_given(small_shapes):
    from label_studio_sdk.converter.brush import decode_rle

    for key, drawn in small_shapes.delivery().items():
        (sheet, _), *_ = small_shapes.sheets[key]
        (entry,) = sheet.shapes[key][0].entries
        alpha = decode_rle(entry["value"]["rle"]).reshape((*drawn.shape, 4))[..., 3]

        assert np.array_equal(alpha > 0, drawn >= 0)


def test_the_platforms_coco_export_fills_the_ring_shrinks_the_square_and_loses_the_line(small_shapes):
    drawn = {key: mask >= 0 for key, mask in small_shapes.delivery().items()}

    with zipfile.ZipFile(io.BytesIO(small_shapes.export("BRUSH_TO_COCO"))) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".json"))
        document = json.loads(archive.read(name))

    found = {key: np.zeros_like(mask) for key, mask in drawn.items()}
    keys = {image["id"]: image["file_name"] for image in document["images"]}
    for annotation in document["annotations"]:
        (key,) = (key for key in drawn if key in keys[annotation["image_id"]])
        codes = coco_mask.frPyObjects(annotation["segmentation"], *drawn[key].shape)
        found[key] |= coco_mask.decode(codes).any(axis=2)
    iou = {
        key: np.count_nonzero(mask & found[key]) / np.count_nonzero(mask | found[key])
        for key, mask in drawn.items()
    }
    print(f"Label Studio's own COCO export, IoU with what was drawn: {iou}")
    assert iou == pytest.approx({"ring": 0.80, "square": 0.64, "line": 0}, abs=0.005)
