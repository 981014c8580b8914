"""Our confusion against independent peers, on real label maps and real instance masks.

The deliveries are made from the gold by a fixed rule (moved by a few pixels, patches repainted),
written in every format and read back; the expected table never comes from segcore.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segcore
from segcore.ontology import LabelClass, Ontology

CASES = ["camvid", "ade20k", "coco-stuff", "cityscapes"]
MIXES = [("png", "png"), ("png", "coco"), ("coco", "png"), ("coco", "coco")]


@dataclass
class Case:
    """Stored values of gold and delivery, and which of them are classes."""

    gold: dict[str, np.ndarray]
    delivery: dict[str, np.ndarray]
    ids: list[int]
    ignore: list[int]
    gold_paths: dict[str, Path]

    @property
    def ontology(self) -> Ontology:
        classes = tuple(LabelClass(id=i, name=f"class {i}") for i in self.ids)
        return Ontology(classes, ignore=tuple(self.ignore))


def worsened(values: np.ndarray, ids: list[int], seed: int) -> np.ndarray:
    """Moved by three columns and two rows, with four patches of other classes."""
    rng = np.random.default_rng(seed)
    moved = np.roll(values, (2, 3), axis=(0, 1))
    for _ in range(4):
        y, x = rng.integers(0, values.shape[0]), rng.integers(0, values.shape[1])
        moved[y : y + 25, x : x + 40] = rng.choice(ids)
    return moved


@pytest.fixture(params=CASES)
def case(request, shared_data) -> Case:
    kind = request.param
    if kind == "camvid":
        paths = sorted(shared_data("camvid_segnet").glob("testannot/*.png"))[:12]
        ids, ignore = list(range(11)), [11]
    elif kind == "ade20k":
        paths = sorted(shared_data("ade20k_sceneparsing").glob("sampleData/annotations/*.png"))
        ids, ignore = list(range(1, 151)), [0]
    elif kind == "coco-stuff":
        paths = sorted(shared_data("coco_stuff_spade").glob("*_label/*.png"))[:8]
        ids, ignore = list(range(182)), [255]
    else:
        paths = sorted(shared_data("mmseg_test_data").rglob("*_gtFine_labelIds.png"))
        ids = [7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33]
        ignore = [0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30]
    assert paths
    gold = {path.stem: np.asarray(Image.open(path)) for path in paths}
    delivery = {key: worsened(values, ids, i) for i, (key, values) in enumerate(gold.items())}
    return Case(gold, delivery, ids, ignore, {path.stem: path for path in paths})


def write_png(folder: Path, maps: dict[str, np.ndarray]) -> str:
    folder.mkdir()
    for key, values in maps.items():
        Image.fromarray(values).save(folder / f"{key}.png")
    return f"png:{folder}"


def write_coco(path: Path, maps: dict[str, np.ndarray], ids: list[int], ignore: list[int]) -> str:
    """One RLE a class and image; category ids in another order; ignore as a crowd of any class."""
    from pycocotools import mask as coco_mask

    categories = [{"id": 1000 - i, "name": f"class {i}"} for i in ids]
    images, annotations = [], []
    for n, (key, values) in enumerate(maps.items(), start=1):
        images.append(
            {"id": n, "file_name": f"{key}.jpg", "height": values.shape[0], "width": values.shape[1]}
        )
        for i in [*ids, *ignore]:
            here = np.asfortranarray(values == i).view(np.uint8)
            if not here.any():
                continue
            rle = coco_mask.encode(here)
            category = 1000 - (ids[0] if i in ignore else i)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": n,
                    "category_id": category,
                    "iscrowd": int(i in ignore),
                    "segmentation": {"size": list(values.shape), "counts": rle["counts"].decode()},
                }
            )
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return f"coco:{path}"


def indices(values: np.ndarray, ids: list[int]) -> np.ndarray:
    """Class positions, K for everything else."""
    table = np.full(65536, len(ids))
    table[ids] = np.arange(len(ids))
    return table[values]


def bincount_idiom(case: Case) -> np.ndarray:
    width = len(case.ids) + 1
    total = np.zeros(width * width, np.int64)
    for key, gold in case.gold.items():
        counted = ~np.isin(gold, case.ignore)
        code = indices(gold, case.ids)[counted] * width + indices(case.delivery[key], case.ids)[counted]
        total += np.bincount(code, minlength=width * width)
    return total.reshape(width, width)


def iou_by_class(confusion: np.ndarray) -> np.ndarray:
    hits = np.diag(confusion).astype(float)
    with np.errstate(invalid="ignore"):
        return (hits / (confusion.sum(0) + confusion.sum(1) - hits))[:-1]


@pytest.mark.parametrize(("gold_format", "delivery_format"), MIXES)
def test_confusion_and_iou_equal_the_bincount_idiom_in_every_mix_of_formats(
    case, tmp_path, gold_format, delivery_format
):
    specs = []
    for side, format_ in (("gold", gold_format), ("delivery", delivery_format)):
        maps = case.gold if side == "gold" else case.delivery
        if format_ == "png":
            specs.append(write_png(tmp_path / side, maps))
        else:
            # a delivery cannot ignore: what it leaves out is simply not claimed
            ignore = case.ignore if side == "gold" else []
            specs.append(write_coco(tmp_path / f"{side}.json", maps, case.ids, ignore))

    found = segcore.evaluate(*specs, ontology=case.ontology)

    expected = bincount_idiom(case)
    assert np.array_equal(found.confusion, expected)
    ious = [np.nan if c.iou is None else c.iou for c in found.classes]
    np.testing.assert_allclose(ious, iou_by_class(expected), rtol=0, atol=1e-12)


def test_confusion_and_iou_equal_hotcoco(case, tmp_path):
    from hotcoco.semantic import SemanticEval

    k = len(case.ids)
    peer = SemanticEval(k + 1, ignore_index=255)
    for key, gold in case.gold.items():
        gold_labels = np.where(np.isin(gold, case.ignore), 255, indices(gold, case.ids))
        peer.update(gold_labels.astype(np.int64), indices(case.delivery[key], case.ids).astype(np.int64))

    gold, delivery = (write_png(tmp_path / s, getattr(case, s)) for s in ("gold", "delivery"))
    found = segcore.evaluate(gold, delivery, ontology=case.ontology)

    assert np.array_equal(found.confusion, peer.confusion().astype(np.int64))
    ious = [np.nan if c.iou is None else c.iou for c in found.classes]
    np.testing.assert_allclose(ious, iou_by_class(peer.confusion().astype(float)), rtol=0, atol=1e-12)


def test_the_cityscapes_layout_equals_the_official_evaluation(shared_data, tmp_path):
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official  # noqa: N813

    root = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset" / "gtFine"
    (gold_path,) = root.rglob("*_gtFine_labelIds.png")
    ids = [label.id for label in official.labels if not label.ignoreInEval]
    values = worsened(np.asarray(Image.open(gold_path)), ids, seed=5)
    target = tmp_path / "delivery" / "frankfurt" / gold_path.name
    target.parent.mkdir(parents=True)
    Image.fromarray(values).save(target)

    found = segcore.evaluate(f"cityscapes:{root}?file=labelIds", f"cityscapes:{tmp_path / 'delivery'}")

    args = argparse.Namespace(evalInstLevelScore=False, evalPixelAccuracy=False)
    matrix = official.generateMatrix(args)
    official.evaluatePair(str(target), str(gold_path), matrix, {}, {}, args)
    checked = 0
    for scores in found.classes:
        label = next(label for label in official.labels if label.name == scores.name)
        expected = official.getIouScoreForLabel(label.id, matrix, args)
        if np.isnan(expected):
            assert scores.iou is None
        else:
            assert abs(scores.iou - expected) <= 1e-12
            checked += 1
    assert len(found.classes) == 19
    assert checked >= 8


def test_label_ids_and_instance_ids_of_one_image_agree(shared_data):
    root = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset" / "gtFine"

    found = segcore.evaluate(f"cityscapes:{root}?file=labelIds", f"cityscapes:{root}?file=instanceIds")

    assert found.pixel_accuracy == found.mean_iou == 1.0


def test_train_ids_differ_from_label_ids_exactly_where_the_two_files_differ(shared_data):
    # The two files of this sample were scaled down one by one and differ in some pixels.
    from cityscapesscripts.helpers.labels import id2label

    root = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset" / "gtFine"
    (label_path,) = root.rglob("*_gtFine_labelIds.png")
    label_ids = np.asarray(Image.open(label_path))
    train_ids = np.asarray(Image.open(str(label_path).replace("labelIds", "labelTrainIds")))

    found = segcore.evaluate(f"cityscapes:{root}?file=labelIds", f"cityscapes:{root}?file=labelTrainIds")

    expected = np.vectorize(lambda i: id2label[i].trainId)(label_ids)
    counted = expected != 255
    assert found.confusion.sum() == counted.sum()
    assert (
        found.confusion.sum() - np.trace(found.confusion) == (expected != train_ids)[counted].sum() > 0
    )


@pytest.mark.parametrize("peer", ["pycocotools and bincount", "hotcoco"])
@pytest.mark.parametrize("rule", ["last", "smallest"])
def test_real_instances_and_detections_equal_decode_paint_and_count(shared_data, rule, peer):
    folder = shared_data("coco_val2014_100")
    gold_path = folder / "instances_val2014_100.json"
    delivery_path = folder / "instances_val2014_fakesegm100_results.json"

    found = segcore.evaluate(f"coco:{gold_path}", f"coco:{delivery_path}?gt={gold_path}", overlap=rule)

    gold, detections = json.loads(gold_path.read_text()), json.loads(delivery_path.read_text())
    category_ids = sorted(c["id"] for c in gold["categories"])
    k = len(category_ids)
    pairs = [
        (
            painted(gold["annotations"], image, category_ids, rule, peer, crowd_value=255),
            painted(detections, image, category_ids, rule, peer, crowd_value=None),
        )
        for image in gold["images"]
    ]
    if peer == "hotcoco":
        from hotcoco.semantic import SemanticEval

        evaluation = SemanticEval(k + 1, ignore_index=255)
        for left, right in pairs:
            evaluation.update(left, right)
        expected = evaluation.confusion().astype(np.int64)
    else:
        expected = np.zeros((k + 1) ** 2, np.int64)
        for left, right in pairs:
            counted = left != 255
            expected += np.bincount(left[counted] * (k + 1) + right[counted], minlength=(k + 1) ** 2)
        expected = expected.reshape(k + 1, k + 1)
    assert np.array_equal(found.confusion, expected)
    ious = [np.nan if c.iou is None else c.iou for c in found.classes]
    np.testing.assert_allclose(ious, iou_by_class(expected), rtol=0, atol=1e-12)


def painted(annotations, image, category_ids, rule, peer, *, crowd_value):
    """A dense label map by the peer's own decoder; K where nobody claims a pixel."""
    if peer == "hotcoco":
        from hotcoco import mask as codec
    else:
        from pycocotools import mask as codec
    canvas = np.full((image["height"], image["width"]), len(category_ids))
    masks = []
    for annotation in annotations:
        if annotation["image_id"] == image["id"]:
            rle = annotation["segmentation"]
            if not (isinstance(rle, dict) and isinstance(rle["counts"], str)):
                rle = codec.frPyObjects(rle, image["height"], image["width"])
                rle = codec.merge(rle) if isinstance(rle, list) else rle
            index = category_ids.index(annotation["category_id"])
            masks.append((annotation, codec.decode(rle).astype(bool), index))
    if rule == "smallest":
        masks.sort(key=lambda m: (-m[1].sum(), m[2]))
    if crowd_value is not None:
        masks.sort(key=lambda m: not m[0]["iscrowd"])
    for annotation, mask, index in masks:
        canvas[mask] = crowd_value if crowd_value is not None and annotation["iscrowd"] else index
    return canvas
