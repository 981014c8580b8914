"""Panoptic quality on data whose numbers others have published."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panoptic_scenes import Scene, document, save
from PIL import Image

import segcore


def test_deeplab2_panoptic_numbers(shared_data: Callable[[str], Path], tmp_path):
    folder = shared_data("deeplab2_panoptic_eval")
    expected = json.loads((folder / "EXPECTED.json").read_text())
    colors = {
        tuple(map(int, name.split(","))): value for name, value in expected["rgb_color_map"].items()
    }
    categories = [{"id": i, "name": f"class {i}", "isthing": int(i < 3)} for i in range(1, 7)]

    def gray(name: str) -> np.ndarray:
        path = folder / "evaluation/testdata" / name
        return np.array(Image.open(path).convert("L")).astype(np.int64)

    def delivered(name: str) -> Scene:
        classes = np.array(
            Image.open(folder / f"evaluation/testdata/{name}_pred_class.png").convert("RGB")
        )
        codes = np.zeros(classes.shape[:2], np.int64)
        for color, value in colors.items():
            codes[(classes == color).all(axis=-1)] = value
        return paired(codes, gray(f"{name}_pred_instance.png"))

    def wanted(name: str) -> Scene:
        instances = gray(expected["gt_files"][name])
        codes = np.zeros_like(instances)
        for value, code in expected["gt_instance_gray_to_class"][name].items():
            codes[instances == int(value)] = code
        return paired(codes, instances)

    for names, key in ((["team"], "single_image_team"), (["team", "bird", "cat"], "three_images")):
        specs = [
            save(tmp_path / key, side, {name: read(name) for name in names}, categories=categories)
            for side, read in (("gold", wanted), ("delivery", delivered))
        ]

        overall = segcore.evaluate(*specs, task="panoptic").overall.all

        numbers = expected[key]
        # printed as float32
        assert [overall.pq, overall.sq, overall.rq] == pytest.approx(
            [numbers["PQ"], numbers["SQ"], numbers["RQ"]], abs=1e-7
        )
        means = [n / overall.classes for n in (overall.tp, overall.fn, overall.fp)]
        assert means == pytest.approx([numbers["TP_mean"], numbers["FN_mean"], numbers["FP_mean"]])


def paired(classes: np.ndarray, instances: np.ndarray) -> Scene:
    """A segment is a class and an instance; class 0 is void."""
    ids = np.where(classes > 0, 1000 * classes + instances, 0)
    return Scene(ids, {int(v): int(v) // 1000 for v in np.unique(ids) if v})


def test_bdd100k_panoptic_numbers(shared_data: Callable[[str], Path], tmp_path):
    folder = shared_data("bdd100k_eval")
    expected = json.loads((folder / "EXPECTED.json").read_text())
    config = tomllib.loads((folder / "bdd100k/configs/pan_seg.toml").read_text())
    categories = [
        {"id": i, "name": c["name"], "isthing": int(c["isThing"])}
        for i, c in enumerate(config["scalabel"]["categories"], 1)
    ]
    categories.append({"id": 99, "name": "nothing", "isthing": 0})

    def batch(side: str, images: str) -> dict[str, Scene]:
        """As segments; void of the gold as a crowd of a class of its own.

        BDD100K leaves void in the union of a match, other than panopticapi: so it is no void.
        """
        found = {}
        for name in images:
            pixels = np.array(Image.open(folder / f"tests/eval/testcases/pan_seg/{side}/{name}.png"))
            classes = pixels[..., 0].astype(np.int64)
            ids = classes * 65536 + pixels[..., 2].astype(np.int64) * 256 + pixels[..., 3]
            ids[classes == 0] = 0 if side == "pred" else 99 << 16
            segments = {int(v): int(v) >> 16 for v in np.unique(ids) if v}
            found[name] = Scene(ids, segments, {99 << 16} & set(segments))
        return found

    def evaluated(gold: str, images: str, delivered: str) -> Any:
        return segcore.evaluate(
            save(tmp_path / images, "gold", batch(gold, images), categories=categories),
            save(tmp_path / images, "delivery", batch("pred", delivered), categories=categories),
            task="panoptic",
        )

    found = evaluated("gt", "a", "a")
    assert [
        [c.id, c.tp, c.fp, c.fn, c.iou_sum] for c in found.classes if c.tp + c.fp + c.fn
    ] == expected["pan_seg_a_png_cat_tp_fp_fn_iousum"]
    for sides, key in (
        (("gt", "ab", "ab"), "pan_seg_dir"),
        (("gt+", "abc", "ab"), "pan_seg_gtplus_one_prediction_missing"),
    ):
        overall, numbers = evaluated(*sides).overall, expected[key]
        own = {
            "PQ": overall.all.pq, "PQ/STUFF": overall.stuff.pq, "PQ/THING": overall.things.pq,
            "SQ": overall.all.sq, "RQ": overall.all.rq,
        }  # fmt: skip
        assert {name: 100 * value for name, value in own.items()} == pytest.approx(
            {name: numbers[name] for name in own}, abs=1e-12
        )
        assert overall.all.classes == numbers["N"]


def test_three_encodings_of_the_coco_samples_are_the_same_segments(
    shared_data: Callable[[str], Path], tmp_path
):
    folder = shared_data("coco_panoptic_samples") / "sample_data"
    spec = f"coco-panoptic:{folder}/panoptic_examples.json"
    original = json.loads((folder / "panoptic_examples.json").read_text())
    detections = json.loads((folder / "panoptic_coco_detection_format.json").read_text())["annotations"]
    entries = [entry | {"id": i} for i, entry in enumerate(detections, 1)]
    (tmp_path / "regions.json").write_text(json.dumps(original | {"annotations": entries}))
    names = {image["id"]: Path(image["file_name"]).stem for image in original["images"]}
    channels = {}
    for name in names.values():
        pixels = np.array(Image.open(folder / f"panoptic_examples_2ch_format/{name}.png")).astype(int)
        ids = pixels[..., 0] * 256 + pixels[..., 1] + 1
        ids[pixels[..., 0] == 0] = 0
        channels[name] = Scene(ids, {int(v): int(v) - 1 >> 8 for v in np.unique(ids) if v})
    two_channels = save(
        tmp_path,
        "channels",
        channels,
        images=document_images(channels),
        categories=original["categories"],
    )

    segments = sum(len(a["segments_info"]) for a in original["annotations"])
    for other in (spec, f"coco:{tmp_path}/regions.json", two_channels):
        for sides in ((spec, other), (other, spec)):
            overall = segcore.evaluate(*sides, task="panoptic").overall
            assert [overall.all.pq, overall.things.pq, overall.stuff.pq] == [1.0, 1.0, 1.0]
            crowds = sum(e["iscrowd"] for a in original["annotations"] for e in a["segments_info"])
            assert overall.all.tp >= segments - crowds
            assert (overall.all.fp, overall.all.fn) == (0, 0)


def document_images(batch: dict[str, Scene]) -> list[dict[str, Any]]:
    return document(batch)["images"]
