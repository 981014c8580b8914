"""``evaluate_segmentations(method=SegcoreEvaluationConfig)``: numbers, and the life of an evaluation."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import scenes
from snapshots import snapshot

import segcore
from segcore.errors import InvalidInputError, UsageError
from segcore_fiftyone.injection import load_scores, pushed_keys

SKY, CAR, POLE, OTHER, IGNORE = 0, 1, 2, scenes.OTHER, scenes.IGNORE
NAMES = ("sky", "car", "pole")
TARGETS = {0: "sky", 1: "car", 300: "pole"}
IDS = {SKY: 0, CAR: 1, POLE: 300, IGNORE: 255}
PALETTE = [(9, 9, 9), (9, 9, 9)] + [(0, 0, i) for i in range(254)]  # two indices of one colour

GOLD = {
    "a": scenes.drawn("0011 0011 2222"),
    "b": scenes.drawn("0000 0100 0000"),
    "c": scenes.drawn("1111 1100 0000"),
    "d": scenes.drawn("0011 0011 0000"),
}
FOUND = {
    "a": scenes.drawn("0111 0011 2200"),
    "b": scenes.drawn("0000 0110 1000"),
    "c": scenes.drawn("1111 0000 0000"),
}


def ids(codes, dtype=np.uint8):
    """A mask as files hold it."""
    return np.vectorize(IDS.__getitem__)(codes).astype(dtype)


def indices(drawing, *, void=()):
    """Class indices of a drawing, with void pixels."""
    found = drawing.astype(int)
    for row, column in void:
        found[row, column] = IGNORE
    return found


@pytest.fixture
def config(fo):
    from segcore_fiftyone.backend import SegcoreEvaluationConfig

    return SegcoreEvaluationConfig


@pytest.fixture
def gold():
    return {
        "a": indices(GOLD["a"], void=[(0, 1), (2, 3)]),
        "b": indices(GOLD["b"]),
        "c": indices(GOLD["c"]),
        "d": indices(GOLD["d"]),
    }


@pytest.fixture
def found():
    return {key: indices(drawing) for key, drawing in FOUND.items()}


@pytest.fixture
def streets(fo, dataset, tmp_path, gold, found):
    """16 bits, 8 bits, a palette, a mask in the database, ignored pixels, a missing prediction."""
    made = dataset("streets")

    def stored(side, key, **how):
        dtype = how.pop("dtype", np.uint16)
        pixels = {"gold": gold, "found": found}[side][key]
        return fo.Segmentation(
            mask_path=scenes.png(tmp_path / side / f"{key}.png", ids(pixels, dtype), **how)
        )

    labels = {
        "a": {"gold": stored("gold", "a"), "found": stored("found", "a")},
        "b": {"gold": stored("gold", "b", dtype=np.uint8), "found": stored("found", "b")},
        "c": {
            "gold": stored("gold", "c", dtype=np.uint8, palette=PALETTE),
            "found": fo.Segmentation(mask=ids(found["c"], np.uint16)),
        },
        "d": {"gold": stored("gold", "d")},
    }
    scenes.add_samples(fo, made, tmp_path, labels, (3, 4))
    made.mask_targets = {"gold": TARGETS, "found": TARGETS}
    made.save()
    return made


@pytest.fixture
def evaluated(streets, config):
    def evaluate(samples=None, **options):
        return (streets if samples is None else samples).evaluate_segmentations(
            "found", gt_field="gold", method=config, ignore=255, **{"eval_key": "eval", **options}
        )

    return evaluate


def expected_iou(table):
    """IoU of every class by its definition."""
    classes = len(table) - 1
    return [
        table[i, i] / union if (union := table[i].sum() + table[:, i].sum() - table[i, i]) else None
        for i in range(classes)
    ]


def test_results_fields_and_evaluation_say_what_numpy_says(streets, evaluated, gold, found):
    table = scenes.confusion(gold, found, classes=3)

    results = evaluated()

    assert results.pixel_confusion_matrix.tolist() == table.tolist()
    assert list(results.iou().values()) == expected_iou(table)
    by_segcore = segcore.evaluate(
        "fiftyone:streets/gold", "fiftyone:streets/found", ontology=_with_ignore("streets")
    )
    assert by_segcore.confusion.tolist() == table.tolist()
    for sample in streets:
        key = sample.filepath.split("/")[-1][0]
        delivered = {key: found[key]} if key in found else {}
        values = expected_iou(scenes.confusion({key: gold[key]}, delivered, classes=3))
        held = [value for value in values if value is not None]
        assert [sample["eval_iou"][name] for name in NAMES] == values
        assert sample["eval_miou"] == pytest.approx(sum(held) / len(held), abs=1e-15)
    assert load_scores(streets, "eval").mean_iou == by_segcore.mean_iou == results.mean_iou()


def _with_ignore(name):
    from dataclasses import replace

    from segcore.sources.spec import Spec
    from segcore_fiftyone.source import open_source

    ontology = open_source(Spec.parse(f"fiftyone:{name}/gold")).ontology
    return replace(ontology, ignore=(255,))


def test_a_missing_prediction_counts_as_missed_and_not_as_skipped(streets, evaluated):
    evaluated()

    last = streets.match(__import__("fiftyone").ViewField("found") == None).first()  # noqa: E711

    assert last["eval_iou"]["car"] == 0.0
    assert last["eval_iou"]["pole"] is None


def test_colours_are_classes_too(fo, dataset, tmp_path, config):
    made = dataset("colours")
    colours = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
    gold, found = scenes.drawn("0011 0011"), scenes.drawn("0111 0011")
    labels = {
        "a": {
            "gold": fo.Segmentation(mask_path=scenes.png(tmp_path / "g.png", colours[gold])),
            "found": fo.Segmentation(mask_path=scenes.png(tmp_path / "f.png", colours[found])),
        }
    }
    scenes.add_samples(fo, made, tmp_path, labels, (2, 4))
    made.default_mask_targets = {"#000000": "sky", "#ff0000": "car"}
    made.save()

    results = made.evaluate_segmentations("found", gt_field="gold", method=config, eval_key="eval")

    assert results.iou() == {"sky": 3 / 4, "car": 4 / 5}
    assert made.first()["eval_iou"]["car"] == 4 / 5


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        pytest.param(np.full((3, 4), 7, np.uint8), "mask.unknown_value", id="unlisted"),
        pytest.param(np.zeros((4, 3), np.uint8), "delivery.size_mismatch", id="size"),
    ],
)
def test_what_cannot_be_compared_is_a_fault_and_leaves_nothing_behind(
    fo, streets, evaluated, mask, code
):
    sample = streets.last()
    sample["found"] = fo.Segmentation(mask=mask)
    sample.save()
    before = snapshot(streets)

    with pytest.raises(InvalidInputError) as caught:
        evaluated()

    assert {fault.code for fault in caught.value.faults if fault.severity == "error"} == {code}
    assert snapshot(streets) == before


def test_deleting_an_evaluation_leaves_the_dataset_as_it_was(streets, evaluated):
    before = snapshot(streets)
    evaluated(below=0.6)
    assert streets.has_field("eval_iou")
    assert streets.list_saved_views()
    assert "segcore:eval:fail" in streets.distinct("tags")

    streets.delete_evaluation("eval")

    assert snapshot(streets) == before


def test_results_load_again_and_say_the_same(fo, streets, evaluated):
    results = evaluated()
    streets._evaluation_cache.clear()

    loaded = streets.load_evaluation_results("eval")

    assert loaded is not results
    assert type(loaded) is type(results)
    assert loaded.iou() == results.iou()
    assert loaded.custom_metrics == results.custom_metrics
    assert streets.list_evaluations(type="segmentation", method="segcore") == ["eval"]


def test_the_panel_gets_a_plain_number_for_every_class_that_has_an_iou(evaluated):
    results = evaluated()

    rows = results.custom_metrics.values()

    assert {row["label"]: row["value"] for row in rows} == {
        "mIoU": results.mean_iou(),
        **{f"IoU {name}": value for name, value in results.iou().items()},
    }
    assert all(type(row["value"]) is float for row in rows)
    assert results.metrics()["iou_car"] == results.iou()["car"]


def test_a_subset_is_pooled_over_its_samples_only(streets, evaluated, gold, found):
    results = evaluated()
    whole = results.iou()
    first = streets.limit(1)
    table = scenes.confusion({"a": gold["a"]}, {"a": found["a"]}, classes=3)

    with results.use_subset(first):
        part = results.iou()
        metric = results.metrics()["iou_car"]

    assert list(part.values()) == expected_iou(table)
    assert metric == part["car"] != whole["car"]
    assert results.iou() == whole


def test_an_evaluation_of_a_view_looks_at_its_samples_only(streets, evaluated, gold, found):
    results = evaluated(streets.limit(2))

    table = scenes.confusion({k: gold[k] for k in "ab"}, {k: found[k] for k in "ab"}, classes=3)
    assert results.pixel_confusion_matrix.tolist() == table.tolist()
    assert len(streets.exists("eval_miou")) == 2


def test_renaming_moves_fields_views_tags_and_run(streets, evaluated):
    before = snapshot(streets)
    results = evaluated(below=0.6)
    values = streets.values("eval_iou.car")
    failing = streets.match_tags("segcore:eval:fail").values("id")

    streets.rename_evaluation("eval", "other")

    assert streets.values("other_iou.car") == values
    assert streets.match_tags("segcore:other:fail").values("id") == failing
    assert not streets.has_field("eval_iou")
    assert pushed_keys(streets) == ("other",)
    assert all(name.startswith("other-worst-") for name in streets.list_saved_views())
    assert not [path for path in streets.list_indexes() if path.startswith("eval")]
    assert streets.load_evaluation_results("other").iou() == results.iou()
    assert [g.name for g in streets.app_config.sidebar_groups][-1] == "other"
    streets.delete_evaluation("other")
    assert snapshot(streets) == before


def test_evaluating_again_under_the_same_key_replaces_it(streets, evaluated):
    before = snapshot(streets)
    evaluated(below=0.6)

    again = evaluated(streets.limit(2))

    assert streets.load_evaluation_results("eval").iou() == again.iou()
    assert len(streets.exists("eval_miou")) == 2
    streets.delete_evaluation("eval")
    assert snapshot(streets) == before


def test_without_a_key_nothing_is_written(streets, evaluated):
    before = snapshot(streets)

    results = evaluated(eval_key=None)

    assert results.iou()["car"] is not None
    assert snapshot(streets) == before


def test_a_field_of_somebody_else_is_not_written_over(fo, streets, evaluated):
    streets.add_sample_field("eval_miou", fo.FloatField)
    before = snapshot(streets)

    with pytest.raises(UsageError, match="has the field 'eval_miou'"):
        evaluated()

    assert snapshot(streets) == before


def test_a_class_of_no_image_is_none_and_has_no_row(fo, streets, evaluated):
    streets.mask_targets = {field: TARGETS | {9: "tram"} for field in ("gold", "found")}
    streets.save()

    results = evaluated()

    assert results.iou()["tram"] is None
    assert "IoU tram" not in {row["label"] for row in results.custom_metrics.values()}
    assert set(streets.values("eval_iou.tram")) == {None}


def test_the_same_in_two_processes(evaluated):
    one = evaluated(eval_key=None)
    two = evaluated(eval_key=None, jobs=2)

    assert two.pixel_confusion_matrix.tolist() == one.pixel_confusion_matrix.tolist()


class Panel:
    """The state and data a panel of the App sends to the browser."""

    def __init__(self):
        self.state, self.data = {"view": {"key": "eval", "id": "1"}}, {}

    def get_state(self, name, default=None):
        return self.state.get(name, default)

    def set_state(self, name, value):
        self.state[name] = value

    def set_data(self, name, value):
        self.data[name] = value


@pytest.fixture
def model_evaluation(streets):
    """FiftyOne's own Model Evaluation panel, and what it shows."""
    # by its name: beside a checkout `plugins` looks like a folder of ours
    module = importlib.import_module("plugins.panels.model_evaluation")
    ops = SimpleNamespace(views=[], set_view=lambda view: ops.views.append(view))
    context = SimpleNamespace(
        dataset=streets, params={"key": "eval"}, panel=Panel(), ops=ops, secrets={}
    )
    return module.EvaluationPanel(), context


def test_the_stock_panel_shows_every_iou_and_keeps_it_for_the_next_time(evaluated, model_evaluation):
    cache = importlib.import_module("plugins.panels.model_evaluation.utils")
    panel, context = model_evaluation
    results = evaluated()

    shown = panel.get_evaluation_data(context)
    again = cache.decompress_and_deserialize(cache.compress_and_serialize(shown))

    labels = {row["label"]: row["value"] for row in again["custom_metrics"].values()}
    assert labels["IoU car"] == results.iou()["car"]
    assert set(again["per_class_metrics"]) == {*NAMES, "<other>"}
    assert again["confusion_matrix"]["matrix"].tolist() == results.pixel_confusion_matrix.tolist()
    assert again["missing"] == "<other>"


def test_a_click_in_the_stock_panel_finds_the_samples(evaluated, model_evaluation):
    panel, context = model_evaluation
    evaluated()

    for kind, options in [("class", {"x": "pole"}), ("matrix", {"x": "sky", "y": "pole"})]:
        context.params = {"type": kind, "options": options}
        panel.load_view(context)

    by_class, by_cell = ([path[-5] for path in view.values("filepath")] for view in context.ops.views)
    assert by_class == ["a"]
    assert by_cell == ["a"]


def test_recall_of_the_stock_report_counts_what_was_not_delivered(evaluated, gold, found):
    table = scenes.confusion(gold, found, classes=3)

    report = evaluated().report()

    for i, name in enumerate(NAMES):
        assert report[name]["recall"] == pytest.approx(table[i, i] / table[i].sum())
        assert report[name]["precision"] == pytest.approx(table[i, i] / table[:, i].sum())
    assert "<other>" not in report
