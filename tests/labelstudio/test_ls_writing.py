"""Exports we write: what the SDK of Label Studio reads in them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from segcore.conversion import convert
from segcore.loss import Kind

CAR = np.zeros((6, 9), bool)
CAR[1:5, 1:6] = True
CAR[2:4, 3] = False  # a hole
CAR[0, 8] = True  # a second part
DOG = np.zeros((6, 9), bool)
DOG[3:6, 4:9] = True


@pytest.fixture
def source(tmp_path) -> str:
    from pycocotools import mask as peer

    def entry(i, category, mask):
        rle = peer.encode(np.asfortranarray(mask.astype(np.uint8)))
        rle["counts"] = rle["counts"].decode()
        return {"id": i, "image_id": 1, "category_id": category, "segmentation": rle, "iscrowd": 0}

    document = {
        "images": [{"id": 1, "file_name": "a b&c.jpg", "height": 6, "width": 9}],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": 'dog "x" <&>'}],
        "annotations": [entry(1, 1, CAR), entry(2, 2, DOG)],
    }
    (tmp_path / "source.json").write_text(json.dumps(document))
    return f"coco:{tmp_path}/source.json"


def test_the_sdk_decodes_our_brush_masks(tmp_path, source):
    from label_studio_sdk.converter.brush import decode_rle

    found = convert(source, f"label-studio-export:{tmp_path}/out.json")

    (task,) = json.loads((tmp_path / "out.json").read_text())
    regions = task["annotations"][0]["result"]
    assert found.loss.kind is Kind.LOSSLESS
    assert [region["value"]["brushlabels"] for region in regions] == [["car"], ['dog "x" <&>']]
    for region, mask in zip(regions, (CAR, DOG), strict=True):
        alpha = np.array(decode_rle(region["value"]["rle"])).reshape(6, 9, 4)[..., 3]
        assert ((alpha > 0) == mask).all()


def test_polygons_are_percents_of_the_size(tmp_path, source):
    found = convert(source, f"label-studio-export:{tmp_path}/out.json?encoding=polygon")

    (task,) = json.loads((tmp_path / "out.json").read_text())
    dog = task["annotations"][0]["result"][1]
    corners = np.array(dog["value"]["points"]) * (9, 6) / 100
    assert found.loss.kind is Kind.LOSSLESS
    assert np.round(corners, 9).tolist() == [[4, 3], [9, 3], [9, 6], [4, 6]]


def test_the_configuration_names_the_classes_and_the_tag_of_the_regions(tmp_path, source):
    convert(source, f"label-studio-export:{tmp_path}/out.json")

    (brush,) = ET.parse(tmp_path / "out.config.xml").iter("BrushLabels")
    (task,) = json.loads((tmp_path / "out.json").read_text())
    assert [label.get("value") for label in brush] == ["car", 'dog "x" <&>']
    assert {r["from_name"] for r in task["annotations"][0]["result"]} == {brush.get("name")}


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ("", "/data/local-files/?d=a%20b%26c.jpg"),
        ("?url=s3://bucket/in/&image=.png", "s3://bucket/in/a%20b%26c.png"),
    ],
)
def test_images_are_found_where_the_user_says(tmp_path, source, options, url):
    convert(source, f"label-studio-export:{tmp_path}/out.json{options}", lossy=bool(options))

    (task,) = json.loads((tmp_path / "out.json").read_text())
    assert task["data"] == {"image": url}
