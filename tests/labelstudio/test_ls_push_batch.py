"""From an evaluated batch to what a project should show: which tasks, which masks, which columns."""

from __future__ import annotations

import json

import pytest
from exports import gold_and_answers

import segcore
from segcore.sources.spec import Spec
from segcore_labelstudio.batch import Batch, Show
from segcore_labelstudio.brush import decode_brush
from segcore_labelstudio.export import open_source

BRUSH = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
    '<Label value="road"/><Label value="car"/></RectangleLabels>{}</View>'
)
LABELS = (
    '<BrushLabels name="brush" toName="image"><Label value="road"/><Label value="car"/></BrushLabels>'
)


def bar(label, *columns):
    """Full-height rectangles on an image of 10 x 2 pixels, one for each column."""
    return [
        {
            "id": f"{label}{x}",
            "type": "rectanglelabels",
            "from_name": "box",
            "to_name": "image",
            "original_width": 10,
            "original_height": 2,
            "value": {
                "x": 10 * x,
                "y": 0,
                "width": 10,
                "height": 100,
                "rotation": 0,
                "rectanglelabels": [label],
            },
        }
        for x in columns
    ]


GOLD = bar("road", 0, 1, 2, 3) + bar("car", 6, 7)


def task(number, *delivered, data=None):
    """A task whose gold is GOLD, with one annotation for each delivered result."""
    return gold_and_answers(number, GOLD, *delivered, data=data)


PERFECT = task(1, GOLD)
HALF_ROAD = task(2, bar("road", 0, 1) + bar("car", 6, 7))
SHIFTED_CAR = task(3, bar("road", 0, 1, 2, 3) + bar("car", 7, 8, 9))
MISSING = task(4)


@pytest.fixture
def batch(tmp_path):
    def judged(*tasks, brush=LABELS, limits=None, which="latest", missing_fail=False, project=None):
        config = tmp_path / "config.xml"
        config.write_text(BRUSH.format(brush))

        def source(name, rows, which):
            file = tmp_path / f"{name}.json"
            file.write_text(json.dumps(rows))
            return open_source(
                Spec(
                    format="label-studio-export",
                    location=str(file),
                    options={"annotations": which, "config": str(config)},
                )
            )

        gold, delivery = source("tasks", tasks, "ground-truth"), source("tasks", tasks, which)
        evaluation = segcore.evaluate(gold, delivery)
        return Batch(
            7,
            evaluation,
            gold=gold,
            delivery=delivery,
            tasks=delivery if project is None else source("project", project, "latest"),
            limits=limits or {"road": 0.8, "car": 0.8},
            missing_fail=missing_fail,
        )

    return judged


def versions(wanted):
    return [(p.task, p.version) for p in wanted.predictions]


def columns_of(prediction):
    """Which columns of the image each label covers."""
    found = {}
    for region in json.loads(prediction.result):
        mask = decode_brush(region["value"]["rle"], width=10, height=2).mask.to_array()
        assert (mask[0] == mask[1]).all()
        found[region["value"]["brushlabels"][0]] = mask[0].nonzero()[0].tolist()
    return found


def test_failing_tasks_come_worst_first(batch):
    judged = batch(PERFECT, HALF_ROAD, SHIFTED_CAR, MISSING).judged

    # IoU by hand: nothing of 4; car 1 of 4 pixels wide; road 2 of 4; all.
    assert [(t.id, t.class_name, t.iou, t.failing) for t in judged] == [
        (4, "car", 0.0, True),
        (3, "car", 0.25, True),
        (2, "road", 0.5, True),
        (1, "car", 1.0, False),
    ]


def test_only_classes_with_a_limit_make_a_task_fail(batch):
    failing = batch(PERFECT, HALF_ROAD, SHIFTED_CAR, limits={"road": 0.8}).failing

    assert [(t.id, t.classes) for t in failing] == [(2, {"img-2": ("road",)})]


def test_a_value_at_its_limit_does_not_fail(batch):
    assert batch(HALF_ROAD, limits={"road": 0.5}).failing == ()


def test_missed_and_extra_pixels_are_two_predictions(batch):
    wanted, left_out = batch(SHIFTED_CAR).wanted(Show(title="t"))

    missed, extra = wanted.predictions
    assert versions(wanted) == [(3, "segcore/missed"), (3, "segcore/extra")]
    assert columns_of(missed) == {"car": [6]}
    assert columns_of(extra) == {"car": [8, 9]}
    assert (missed.score, left_out) == (None, 0)


def test_a_task_without_a_delivery_is_shown_in_the_tab_and_does_not_get_the_gold(batch):
    wanted, _ = batch(MISSING, PERFECT).wanted(Show(title="t", score=True))

    assert [item["value"] for item in wanted.tab["filters"]["items"]] == [4]
    assert wanted.predictions == []


def test_a_missing_image_fails_for_itself_where_the_coverage_does(batch):
    lone = {"road": 0.0}

    assert batch(MISSING, PERFECT, limits=lone).failing == ()
    assert [t.id for t in batch(MISSING, PERFECT, limits=lone, missing_fail=True).failing] == [4]


def test_the_score_is_the_lowest_iou_of_the_task(batch):
    wanted, _ = batch(SHIFTED_CAR).wanted(Show(title="t", score=True))

    assert [p.score for p in wanted.predictions] == [0.25, 0.25]


def test_without_masks_a_score_has_a_prediction_of_its_own(batch):
    judged = batch(SHIFTED_CAR)

    wanted, _ = judged.wanted(Show(title="t", masks=False, score=True))

    assert versions(wanted) == [(3, "segcore/score")]
    assert judged.wanted(Show(title="t", masks=False))[0].predictions is None


def test_each_annotator_has_predictions_of_its_own(batch):
    both = task(5, bar("road", 0, 1, 2, 3) + bar("car", 6), bar("road", 0) + bar("car", 6, 7))

    wanted, _ = batch(both, which="all").wanted(Show(title="t"))

    assert versions(wanted) == [(5, "segcore/missed@1"), (5, "segcore/missed@2")]
    assert [columns_of(p) for p in wanted.predictions] == [{"car": [7]}, {"road": [1, 2, 3]}]


def test_columns_are_wanted_of_failing_tasks_and_of_those_that_have_them(batch):
    healed = task(6, GOLD, data={"segcore_verdict": "fail"})

    wanted, _ = batch(PERFECT, HALF_ROAD, healed).wanted(Show(title="t", columns=True))

    assert wanted.columns == {
        2: {"segcore_class": "road", "segcore_iou": 0.5, "segcore_verdict": "fail"},
        6: {"segcore_class": "car", "segcore_iou": 1.0, "segcore_verdict": "pass"},
    }


def test_a_project_without_a_brush_says_so_and_counts_what_it_cannot_show(batch):
    judged = batch(SHIFTED_CAR, brush="")

    wanted, left_out = judged.wanted(Show(title="t"))

    assert not judged.has_brush
    assert (wanted.predictions, left_out) == ([], 2)
    assert batch(SHIFTED_CAR).has_brush


def test_images_no_task_shows_or_several_do_are_named(batch):
    twin = task(3) | {"id": 30, "data": {"image": "/img-3.png"}}

    judged = batch(HALF_ROAD, SHIFTED_CAR, project=[SHIFTED_CAR, twin | {"annotations": []}])

    assert judged.homeless == ("img-2", "img-3")
    assert judged.judged == ()


def test_tasks_that_were_not_judged_are_left_alone(batch):
    elsewhere = task(8, GOLD, data={"segcore_verdict": "fail"})

    wanted, _ = batch(HALF_ROAD, project=[HALF_ROAD, elsewhere]).wanted(Show(title="t", columns=True))

    assert wanted.tasks == {2}
    assert set(wanted.columns) == {2}


def test_a_region_on_one_of_several_images_names_its_index(tmp_path):
    config = tmp_path / "config.xml"
    config.write_text((BRUSH.format(LABELS)).replace('value="$image"', 'valueList="$image"'))
    pages = task(9, [region | {"item_index": i} for i, region in enumerate(bar("road", 0, 1))])
    pages["data"]["image"] = ["/a.png", "/b.png"]
    pages["annotations"][0]["result"] = [
        *bar("road", 0),
        *(region | {"item_index": 1} for region in bar("road", 5)),
    ]
    file = tmp_path / "pages.json"
    file.write_text(json.dumps([pages]))
    gold, delivery = (
        open_source(Spec.parse(f"label-studio-export:{file}?annotations={which}&config={config}"))
        for which in ("ground-truth", "latest")
    )
    evaluation = segcore.evaluate(gold, delivery)
    limits = {"road": 0.5}

    judged = Batch(7, evaluation, gold=gold, delivery=delivery, tasks=delivery, limits=limits)

    missed, extra = judged.wanted(Show(title="t"))[0].predictions
    assert [(r["item_index"], columns_of(missed)) for r in json.loads(missed.result)] == [
        (1, {"road": [5]})
    ]
    assert [(r["item_index"], columns_of(extra)) for r in json.loads(extra.result)] == [
        (1, {"road": [1]})
    ]
