"""Images read ahead, many at a time: the same regions and the same faults as one at a time."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

import segcore
from segcore import counting, kernels
from segcore.annotation import Regions
from segcore.region_block import RegionBlock
from segcore.sources import coco_block, coco_columns
from segcore.sources.coco import CocoSource, open_source
from segcore.sources.spec import Spec

SIZES = [(30, 40), (30, 40), (25, 50), (30, 40), (12, 9), (30, 40), (30, 40)]
Opened = Callable[..., CocoSource]


def blob(height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:height, :width]
    at, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.1, 0.4) * min(height, width)
    return np.hypot(y - at[0] * height, x - at[1] * width) <= max(radius, 1.5)


def encoded(mask: np.ndarray) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def entry(own_id: int, image: int, **more: Any) -> dict[str, Any]:
    mask = blob(*SIZES[image - 1], seed=own_id)
    rows, columns = mask.nonzero()
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    return {
        "id": own_id,
        "image_id": image,
        "category_id": own_id % 2 + 1,
        "iscrowd": int(own_id % 5 == 0),
        "segmentation": encoded(mask),
        "area": int(mask.sum()),
        "bbox": [int(edge) for edge in box],
    } | more


def dataset() -> dict[str, Any]:
    """Seven images, the last without annotations; the others in no order."""
    images = [1, 3, 2, 1, 4, 4, 5, 2, 6, 3, 1, 6]
    return {
        "images": [
            {"id": i, "file_name": f"{i}.png", "height": height, "width": width}
            for i, (height, width) in enumerate(SIZES, 1)
        ],
        "categories": [{"id": 1, "name": "road"}, {"id": 2, "name": "car"}],
        "annotations": [entry(own_id, image) for own_id, image in enumerate(images, 1)],
    }


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def write_and_open(document: Any, **options: str) -> CocoSource:
        path = tmp_path / "file.json"
        path.write_text(json.dumps(document))
        return open_source(Spec(format="coco", location=str(path), options=options))

    return write_and_open


def shown(regions: Regions) -> list[Any]:
    columns = (regions.starts, regions.ends, regions.offsets, regions.classes, regions.crowd)
    optional = (regions.scores, regions.stated_areas_px)
    found: list[Any] = [regions.height, regions.width, regions.ids]
    found += [(column.dtype.str, column.tolist()) for column in columns]
    return found + [
        None if c is None else (c.dtype.str, [repr(v) for v in c.tolist()]) for c in optional
    ]


def told(source: CocoSource, keys: tuple[str, ...]) -> list[Any]:
    """What reading each image gives, and which faults appear with it."""
    found = []
    for key in keys:
        known = len(source.faults)
        annotation = source.read(key)
        assert isinstance(annotation.content, Regions)
        counts = annotation.read, annotation.rejected
        found.append((key, shown(annotation.content), counts, list(source.faults)[known:]))
    return found


def assert_told_alike(opened: Opened, document: Any, **options: str) -> list[Any]:
    alone, ahead = opened(document, **options), opened(document, **options)
    ahead.expect(ahead.keys())

    expected = told(alone, alone.keys())

    assert told(ahead, ahead.keys()) == expected
    return expected


def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many masks each call of the decoder was given."""
    seen: list[int] = []
    decode = kernels.decode_counts

    def counted(data: Any, offsets: Any, **options: Any) -> Any:
        seen.append(len(offsets) - 1)
        return decode(data, offsets, **options)

    monkeypatch.setattr(kernels, "decode_counts", counted)
    return seen


def test_images_that_are_expected_are_decoded_in_one_call(opened, monkeypatch):
    seen = calls(monkeypatch)

    assert_told_alike(opened, dataset())

    alone = [3, 2, 2, 2, 1, 2]
    assert seen == [*alone, sum(alone)]


def test_an_image_is_read_alone_where_it_was_not_expected(opened, monkeypatch):
    source = opened(dataset())
    source.expect(["1", "2"])
    seen = calls(monkeypatch)

    told(source, ("3", "1", "2", "1", "4"))

    assert seen == [2, 5, 2]


def test_a_stretch_of_images_may_begin_anywhere(opened):
    source, alone = opened(dataset()), opened(dataset())
    source.expect(["4", "5", "6"])

    assert told(source, ("4", "5", "6")) == told(alone, ("4", "5", "6"))


def test_a_source_that_was_pickled_half_way_reads_on(opened):
    source = opened(dataset())
    source.expect(source.keys())
    source.read("1")

    again = pickle.loads(pickle.dumps(source))
    again.expect(["3", "4"])

    assert told(again, ("3", "4")) == told(opened(dataset()), ("3", "4"))


def broken(annotation: int, **more: Any) -> dict[str, Any]:
    document = dataset()
    document["annotations"][annotation] |= more
    return document


def torn() -> dict[str, Any]:
    """A mask with its runs along the rows, under an area and a box that fit."""
    mask = np.zeros((30, 40), np.uint8)
    mask[3:24, 5:13] = 1
    rows = np.asfortranarray(mask.T)
    document = broken(2, segmentation=rle(coco_mask.encode(rows)["counts"].decode()))
    for stated in ("area", "bbox"):
        del document["annotations"][2][stated]
    return document


def rle(counts: Any, size: Any = (30, 40)) -> dict[str, Any]:
    return {"size": list(size), "counts": counts}


ODD = [
    ("polygon", broken(0, segmentation=[[1, 1, 9, 1, 9, 9]]), {"seg.bbox_mismatch"}),
    ("list of runs", broken(4, segmentation=rle([1200])), {"coco.area_mismatch", "seg.bbox_mismatch"}),
    ("no segmentation", broken(2, segmentation=None), {"seg.missing"}),
    ("text as segmentation", broken(2, segmentation="abc"), {"seg.bad_type"}),
    ("another size", broken(2, segmentation=rle("0", [40, 30])), {"rle.size_mismatch"}),
    ("a size of floats", broken(2, segmentation=rle("0", [30.0, 40])), {"rle.bad_type"}),
    ("a size of truths", broken(6, segmentation=rle("0", [True, 9])), {"rle.bad_type"}),
    ("a character beyond ASCII", broken(2, segmentation=rle("\u00e9")), {"rle.bad_char"}),
    ("a wrong sum", broken(4, segmentation=rle("555")), {"rle.sum_mismatch"}),
    ("empty counts", broken(4, segmentation=rle("")), {"rle.sum_mismatch"}),
    ("a wrong area", broken(4, area=1100), {"coco.area_mismatch"}),
    ("a wrong box", broken(4, bbox=[0, 0, 40, 30]), {"seg.bbox_mismatch"}),
    ("an area that is none", broken(4, area="large", bbox=[1, 2]), set()),
    ("an area beyond all numbers", broken(4, area=10**400, bbox=[10**400] * 4), set()),
    ("runs along the rows", torn(), {"rle.suspect_order"}),
    ("an unknown class", broken(4, category_id=9), {"coco.unknown_category"}),
    ("no object", dataset() | {"annotations": [3, *dataset()["annotations"]]}, {"coco.bad_structure"}),
    ("no annotation", dataset() | {"annotations": []}, set()),
]


@pytest.mark.parametrize(("document", "codes"), [case[1:] for case in ODD], ids=[c[0] for c in ODD])
def test_what_is_wrong_is_told_in_the_same_words_when_its_image_is_read(opened, document, codes):
    assert_told_alike(opened, document)

    source = opened(document)
    told(source, source.keys())
    assert {fault.code for fault in source.faults} == codes


def test_results_are_read_ahead_with_their_scores(opened, tmp_path):
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps(dataset()))
    results = [
        {name: e[name] for name in ("image_id", "category_id", "segmentation")} | {"score": 1 / e["id"]}
        for e in dataset()["annotations"]
    ]

    expected = assert_told_alike(opened, results, gt=str(gold))

    assert [row[1][-2][1] for row in expected][:2] == [
        ["1.0", "0.25", repr(1 / 11)],
        [repr(1 / 3), "0.125"],
    ]


def test_a_class_the_ontology_does_not_know_leaves_its_image_to_be_read_alone(opened, tmp_path):
    names = tmp_path / "names.yaml"
    names.write_text("classes: [{id: 1, name: car}]\n")

    expected = assert_told_alike(opened, dataset(), ontology=str(names))

    assert sum(counts[1] for *_, counts, _ in expected) == 6


@pytest.mark.parametrize(
    ("rows", "characters", "images"),
    [(1, 999, 128), (4, 999, 128), (99, 60, 128), (99, 1, 128), (99, 999, 2)],
)
def test_blocks_of_any_size_give_the_same(opened, monkeypatch, rows, characters, images):
    monkeypatch.setattr(coco_block, "_MAX_ROWS", rows)
    monkeypatch.setattr(coco_block, "_MAX_IMAGES", images)
    monkeypatch.setattr(coco_block, "_FIRST_IMAGES", min(images, 8))
    for module in (coco_block, coco_columns):
        monkeypatch.setattr(module, "MAX_CHARACTERS", characters)

    assert_told_alike(opened, dataset())


def test_a_block_holds_what_is_sound_from_the_first_image_on(opened):
    source = opened(broken(6, segmentation=None))  # of the fifth image
    keys = source.keys()
    source.expect(keys)

    first = source.read_block(keys)
    fifth = source.read_block(keys[4:])
    rest = source.read_block(keys[5:])

    assert isinstance(first, RegionBlock)
    assert isinstance(rest, RegionBlock)
    assert fifth is None
    assert (len(first), len(rest)) == (4, 2)
    assert [len(first[i]) for i in range(4)] == [3, 2, 2, 2]
    assert first.sizes.tolist() == [list(size) for size in SIZES[:4]]
    assert shown(first.part(1, 3)[1]) == shown(first[2])
    assert list(source.faults) == []


NUMBERS = st.none() | st.booleans() | st.integers(-2, 60) | st.floats() | st.just(10**400)
MASKS = st.one_of(
    st.none(),
    st.integers(1, 12).map(lambda seed: encoded(blob(30, 40, seed))),
    st.integers(1, 12).map(lambda seed: encoded(blob(12, 9, seed))),
    st.fixed_dictionaries(
        {"size": st.just([30, 40]), "counts": st.text("0123<>PQabo\u00e9", max_size=6)}
    ),
    st.lists(NUMBERS, max_size=3).map(lambda size: rle("0", size)),
    st.just([[1, 1, 20, 1, 20, 20]]),
)
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 11),
        st.one_of(
            st.fixed_dictionaries({"segmentation": MASKS}),
            st.fixed_dictionaries({"area": NUMBERS}),
            st.fixed_dictionaries({"bbox": st.lists(NUMBERS, min_size=3, max_size=4) | NUMBERS}),
            st.fixed_dictionaries({"iscrowd": NUMBERS}),
            st.fixed_dictionaries({"image_id": st.integers(0, 8)}),
        ),
    ),
    max_size=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_whatever_a_file_says_is_read_alike(opened, changes):
    document = dataset()
    for place, change in changes:
        document["annotations"][place] |= copy.deepcopy(change)

    assert_told_alike(opened, document)


@pytest.mark.parametrize("task", ["instance", "semantic"])
@pytest.mark.parametrize(("images", "runs"), [(1, 1), (3, 40), (1000, 1 << 20)])
def test_scores_do_not_depend_on_how_much_is_held_at_a_time(tmp_path, monkeypatch, task, images, runs):
    delivery = dataset()
    for shifted in delivery["annotations"]:
        shifted |= entry(shifted["id"] + 20, shifted["image_id"], category_id=shifted["category_id"])
    for name, document in (("gold", dataset()), ("delivery", delivery)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    sides = f"coco:{tmp_path}/gold.json", f"coco:{tmp_path}/delivery.json"
    expected = segcore.evaluate(*sides, task=task).to_json()
    monkeypatch.setattr(counting, "_HELD_IMAGES", images)
    monkeypatch.setattr(counting, "_HELD_RUNS", runs)
    monkeypatch.setattr(counting, "_FEWEST_IMAGES", 2)

    assert segcore.evaluate(*sides, task=task).to_json() == expected


def test_results_keep_the_gold_they_were_resolved_with_and_take_another(tmp_path):
    results = [{**entry(1, 1), "score": 0.5}]
    (tmp_path / "results.json").write_text(json.dumps(results))
    golds = []
    for name in ("one", "other"):
        (tmp_path / f"{name}.json").write_text(json.dumps(dataset()))
        golds.append(segcore.open(f"coco:{tmp_path}/{name}.json"))
    source = segcore.open(f"coco:{tmp_path}/results.json")

    one = source.resolve(ontology=None, gold=golds[0])
    other = source.resolve(ontology=None, gold=golds[1])

    assert one is not other
    assert source.resolve(ontology=None, gold=golds[1]) is other
    assert told(one, one.keys()) == told(other, other.keys())
    assert source.digest() == one.digest()
