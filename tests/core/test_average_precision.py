"""COCO's numbers: against those that are published, against pycocotools, and in any order."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instance_scenes import (
    CLASSES,
    as_dataset,
    batches,
    boundary_iou_api,
    dataset,
    pycocotools,
    renumbered,
    save,
    segmentation,
)

import segcore
from segcore.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
SIX = ROOT / "tests" / "data" / "coco_val2014_6"
SAMPLE = ROOT / "gates" / "segcore_gates" / "sample"

relaxed = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# fmt: off
NAMES = {
    "AP": "ap", "AP50": "ap50", "AP75": "ap75",
    "APs": "ap_small", "APm": "ap_medium", "APl": "ap_large",
    "AR1": "ar1", "AR10": "ar10", "AR100": "ar",
    "ARs": "ar_small", "ARm": "ar_medium", "ARl": "ar_large",
}
# fmt: on
"""What COCO calls its twelve numbers, in its order, and what segcore calls them."""


def evaluated(gold: object, results: object, **options: Any) -> segcore.InstanceEvaluation:
    return segcore.evaluate(str(gold), str(results), task="instance", **options)


def twelve(evaluation: segcore.InstanceEvaluation, *, boundary: bool = False) -> list[float]:
    """COCO's numbers in COCO's order, -1 where there is none."""
    found = evaluation.overall.boundary.coco if boundary else evaluation.overall.coco
    scores = [getattr(found, name) for name in NAMES.values()]
    return [-1.0 if score is None else score for score in scores]


# ------------------------------------------------------------------------------ published numbers


def test_the_twelve_numbers_coco_publishes_are_met(shared_data, either_kind):
    folder = shared_data("coco_val2014_100")
    published = json.loads((folder / "EXPECTED.json").read_text())["segm"]

    found = evaluated(f"coco:{folder}/instances_val2014_100.json", f"coco:{folder}/{published['dt']}")

    expected = [published["stats"][name] for name in NAMES]
    assert twelve(found) == pytest.approx(expected, abs=1e-12, rel=0)


def test_the_numbers_fashionpedia_prints_are_met(shared_data, either_kind):
    folder = shared_data("fashionpedia_sample")
    expected = json.loads((folder / "EXPECTED.json").read_text())

    found = twelve(evaluated(f"coco:{folder}/sample.json", f"coco:{folder}/fake_results.json"))

    assert [round(n, 3) for n in found] == [expected["segm_stats_published"][name] for name in NAMES]
    reproduced = [expected["segm_stats_reproduced"][name] for name in NAMES]
    assert found == pytest.approx(reproduced, abs=1e-12, rel=0)


def test_the_boundary_ap_that_boundary_iou_api_gives_is_met(shared_data, tmp_path, either_kind):
    folder = shared_data("coco_boundary_small")
    published = json.loads((folder / "EXPECTED.json").read_text())
    # As the source of the numbers has it: masks without boxes.
    results = json.loads((folder / "dt_dataset.json").read_text())
    for entry in results:
        del entry["bbox"]
    (tmp_path / "results.json").write_text(json.dumps(results))

    found = evaluated(f"coco:{folder}/gt_dataset.json", f"coco:{tmp_path}/results.json", dilation=0.02)

    for boundary, name in ((True, "boundary"), (False, "segm")):
        expected = [published[name][of] for of in NAMES]
        assert twelve(found, boundary=boundary) == pytest.approx(expected, abs=1e-12, rel=0)


# ------------------------------------------------------------------------------ pycocotools


def assert_agrees(found: segcore.InstanceEvaluation, peer: Any, *, boundary: bool = False) -> None:
    """Class by class, size band by size band, threshold by threshold."""
    precision, recall = peer.eval["precision"], peer.eval["recall"]
    ours = found.boundary_average_precision if boundary else found.average_precision
    # precision: thresholds, recalls, classes, bands, limits; recall likewise without recalls
    expected = np.where(precision[..., -1] < 0, np.nan, precision[..., -1]).mean(axis=1)
    np.testing.assert_allclose(ours.precision, expected.transpose(2, 1, 0), atol=1e-12, rtol=0)
    expected = np.where(recall < 0, np.nan, recall)
    np.testing.assert_allclose(ours.recall, expected[..., -1].transpose(2, 1, 0), atol=1e-12, rtol=0)
    limited = expected[:, :, 0].transpose(2, 1, 0)
    np.testing.assert_allclose(ours.recall_limited, limited, atol=1e-12, rtol=0)
    assert twelve(found, boundary=boundary) == pytest.approx(list(peer.stats), abs=1e-12, rel=0)


def test_six_images_of_coco_score_as_in_pycocotools(either_kind):
    peer = pycocotools(SIX / "instances.json", SIX / "results.json")

    found = evaluated(f"coco:{SIX}/instances.json", f"coco:{SIX}/results.json")

    assert found.overall.coco.ap is not None
    assert_agrees(found, peer)


@relaxed
@given(batches())
def test_random_batches_score_as_in_pycocotools(tmp_path, either_kind, batch):
    specs = save(tmp_path, *batch)
    peer = pycocotools(tmp_path / "gold.json", tmp_path / "results.json")

    assert_agrees(evaluated(*specs), peer)


@relaxed
@given(batches(), st.sampled_from(["0.02", "1px", "7px", "200px"]))
def test_random_batches_have_the_boundary_ap_of_boundary_iou_api(tmp_path, either_kind, batch, width):
    specs = save(tmp_path, *batch)
    peer = boundary_iou_api(tmp_path / "gold.json", tmp_path / "results.json", width)

    assert_agrees(evaluated(*specs, dilation=width), peer, boundary=True)


def test_six_images_of_coco_have_the_boundary_ap_of_boundary_iou_api(either_kind):
    peer = boundary_iou_api(SIX / "instances.json", SIX / "results.json", "0.02")

    found = evaluated(f"coco:{SIX}/instances.json", f"coco:{SIX}/results.json", dilation=0.02)

    assert found.overall.boundary.coco.ap < found.overall.coco.ap
    assert_agrees(found, peer, boundary=True)


def test_more_than_a_hundred_objects_of_a_class_in_an_image_are_cut_as_in_pycocotools(tmp_path):
    boxes = [(x, y, 5, 5) for x in range(0, 120, 6) for y in range(0, 96, 6)]
    gold = [
        {
            "id": i,
            "image_id": 1,
            "category_id": 1,
            "area": 25,
            "iscrowd": 0,
            "segmentation": segmentation(b),
        }
        for i, b in enumerate(boxes, 1)
    ]
    results = [
        {"image_id": 1, "category_id": 1, "score": i / 1000, "segmentation": segmentation(b)}
        for i, b in enumerate(boxes)
    ]
    specs = save(tmp_path, dataset(gold, 1), results)

    found = evaluated(*specs)

    assert found.overall.coco.ar == pytest.approx(100 / len(boxes), abs=1e-12)
    assert_agrees(found, pycocotools(tmp_path / "gold.json", tmp_path / "results.json"))


def one_object(**extra: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A gold object and a detection that is the same."""
    same = {"image_id": 1, "category_id": 1, "segmentation": segmentation((10, 10, 20, 20))}
    return {"id": 1, "iscrowd": 0, "area": 400} | same | extra, {"score": 0.5} | same


def test_a_gold_object_with_the_id_0_is_matched_which_pycocotools_misses(tmp_path):
    gold, result = one_object(id=0)
    specs = save(tmp_path, dataset([gold], 1, classes=1), [result])

    found = evaluated(*specs).overall.coco

    assert (found.ap, found.ar) == (1.0, 1.0)
    # The peer takes the id of the match for whether there is one.
    peer = pycocotools(tmp_path / "gold.json", tmp_path / "results.json")
    assert peer.stats[0] == 0.0


def test_a_gold_object_without_an_area_is_as_large_as_its_mask(tmp_path):
    gold, result = one_object()
    del gold["area"]  # where pycocotools raises KeyError
    specs = save(tmp_path, dataset([gold], 1, classes=1), [result])

    found = evaluated(*specs).overall.coco

    assert (found.ap_small, found.ap_medium) == (1.0, None)


# ------------------------------------------------------------------------------ any order


def told(evaluation: segcore.InstanceEvaluation) -> tuple[Any, ...]:
    """Every number, by the name of its class."""
    classes = {}
    for scores in evaluation.classes:
        numbers = scores.to_json()
        del numbers["id"]
        classes[scores.name] = repr(numbers)
    table = sorted(zip(*evaluation.table().values(), strict=True))
    return repr(evaluation.overall.to_json()), classes, repr(table)


@relaxed
@given(
    batches(),
    st.randoms(use_true_random=False),
    st.sampled_from([None, "equal", "area"]),
    st.sampled_from([None, "2px"]),
)
def test_no_number_depends_on_the_order_of_anything_or_on_ids(tmp_path, batch, rng, rule, width):
    gold, results = batch
    delivery = as_dataset(gold, results)
    options = {"scores": rule, "dilation": width}
    before = told(evaluated(*save(tmp_path, gold, delivery), **options))

    after = told(evaluated(*save(tmp_path, renumbered(gold, rng), renumbered(delivery, rng)), **options))

    assert after == before


def test_ties_do_not_depend_on_the_order_of_the_file_as_they_do_in_pycocotools(tmp_path):
    gold, right = one_object()
    wrong = right | {"segmentation": segmentation((60, 60, 10, 10))}
    orders = [right, wrong], [wrong, right]

    ours, theirs = [], []
    for results in orders:
        specs = save(tmp_path, dataset([gold], 1, classes=1), results)
        ours.append(evaluated(*specs).overall.coco.ap)
        theirs.append(pycocotools(tmp_path / "gold.json", tmp_path / "results.json").stats[0])

    assert ours == [1.0, 1.0]  # the larger of the two goes first
    assert theirs == pytest.approx([1.0, 0.5])


# ------------------------------------------------------------------------------ without scores


def test_without_scores_ap_is_undefined_and_asking_for_it_names_what_to_gate_on_instead():
    found = evaluated(f"coco:{SAMPLE}/gold.json", f"coco:{SAMPLE}/delivery.json")

    assert not found.has_scores
    assert {value for c in found.classes for value in c.coco.to_json().values()} == {None}
    assert found.overall.to_json()["ap"] is None
    assert found.overall.at50.f1 is not None
    with pytest.raises(UsageError, match=r"f1.*pq.*scores='equal'"):
        found.average_precision  # noqa: B018


def test_equal_scores_give_one_point_of_precision_and_recall(tmp_path):
    gold, right = one_object()
    other = gold | {"id": 2, "segmentation": segmentation((60, 10, 20, 20))}
    wrong = right | {"segmentation": segmentation((60, 60, 10, 10))}
    specs = save(tmp_path, dataset([gold, other], 1, classes=1), [right, wrong])

    found = evaluated(*specs, scores="equal").overall.coco

    # half of it is right and half of the gold is found: precision .5 at the recalls 0 to .5
    assert found.ap == pytest.approx(0.5 * 51 / 101)
    assert found.ar == 0.5


def test_areas_as_scores_let_the_larger_object_go_first(tmp_path):
    gold, right = one_object()
    small, large = (
        right | {"segmentation": segmentation(b)} for b in ((60, 60, 5, 5), (60, 60, 40, 40))
    )

    found = [
        evaluated(*save(tmp_path, dataset([gold], 1, classes=1), [right, w]), scores="area").overall.coco
        for w in (small, large)
    ]

    assert [scores.ap for scores in found] == [1.0, 0.5]


def test_a_delivery_without_any_object_has_an_ap_of_0_not_none(tmp_path):
    gold, _ = one_object()

    found = evaluated(*save(tmp_path, dataset([gold], 1), dataset([], 1)))

    assert [c.coco.ap for c in found.classes] == [0.0] + [None] * (CLASSES - 1)
    assert (found.overall.coco.ap, found.overall.coco.ar) == (0.0, 0.0)


def test_a_perfect_delivery_has_exactly_1(tmp_path):
    gold, right = one_object()

    found = evaluated(*save(tmp_path, dataset([gold], 1, classes=1), [right])).overall.coco

    assert found.to_json() == dict.fromkeys(NAMES.values(), 1.0) | {
        "ap_medium": None, "ap_large": None, "ar_medium": None, "ar_large": None
    }  # fmt: skip
    assert not any(math.isnan(v) for v in found.to_json().values() if v is not None)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_gold_objects_overlapped_alike_the_first_by_position_is_taken(tmp_path, turned):
    gold, detection = one_object()
    left, right = (
        gold | {"id": i, "segmentation": segmentation((x, 0, 30, 10))} for i, x in ((1, 0), (2, 20))
    )
    between = detection | {"segmentation": segmentation((10, 0, 30, 10)), "score": 0.9}
    same_as_left = detection | {"segmentation": left["segmentation"]}
    golds = [right, left] if turned else [left, right]

    found = evaluated(*save(tmp_path, dataset(golds, 1, classes=1), [between, same_as_left]))

    # `between` shares 20 of 40 columns with either; it takes the left one, so the other goes without
    assert found.overall.coco.ap50 == pytest.approx(51 / 101)
