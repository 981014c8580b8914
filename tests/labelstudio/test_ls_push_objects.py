"""Gates on objects and segments: which tasks fail, and the masks of the objects to blame, by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from exports import gold_and_answers

from segcore.annotation import Regions
from segcore.errors import UsageError
from segcore.sources.spec import Spec
from segcore_gates.evaluations import Evaluations
from segcore_gates.judged import coverage_fails, image_limits, judged_batch
from segcore_gates.policy_file import load_policy
from segcore_labelstudio import object_differences
from segcore_labelstudio.batch import Batch, Show
from segcore_labelstudio.brush import decode_brush
from segcore_labelstudio.export import open_source
from segcore_labelstudio.object_differences import ObjectDifferences

HEIGHT, WIDTH = 10, 20
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
    '<Label value="car"/><Label value="road"/></RectangleLabels>'
    '<BrushLabels name="brush" toName="image"><Label value="car"/>{}</BrushLabels></View>'
)
ROAD_LABEL = '<Label value="road"/>'
THINGS = "ontology: {classes: [{id: 1, name: car, thing: true}, {id: 2, name: road, thing: false}]}\n"

# x, y, width and height in pixels.
A, B, C = (0, 0, 4, 8), (6, 0, 4, 8), (12, 0, 6, 8)
"""The cars of every gold image: 32, 32 and 48 pixels."""
MOST_OF_A = (0, 0, 3, 8)
"""IoU 3/4 with A."""
A_AND_B = (0, 0, 10, 8)
EXTRA = (10, 3, 1, 5)
ROAD = (0, 8, 20, 2)
HALF_ROAD = (0, 8, 10, 2)


def painted(*boxes):
    """The pixels of boxes."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    for x, y, width, height in boxes:
        mask[y : y + height, x : x + width] = True
    return mask


def regions(cars, road=ROAD):
    rows = [("car", box) for box in cars] + [("road", road)]
    return [
        {
            "id": f"region {n}",
            "type": "rectanglelabels",
            "from_name": "box",
            "to_name": "image",
            "original_width": WIDTH,
            "original_height": HEIGHT,
            "value": {
                "x": 100 * x / WIDTH,
                "y": 100 * y / HEIGHT,
                "width": 100 * width / WIDTH,
                "height": 100 * height / HEIGHT,
                "rotation": 0,
                "rectanglelabels": [label],
            },
        }
        for n, (label, (x, y, width, height)) in enumerate(rows)
    ]


GOLD = regions([A, B, C])


def task(number, *delivered, data=None, gold=GOLD):
    return gold_and_answers(number, gold, *delivered, data=data)


PERFECT = task(1, GOLD)
ONE_OFF = task(2, regions([A, C, EXTRA]))
"""B is missed, a small one is extra: F1 is 4/6."""
LOOSE = task(3, regions([MOST_OF_A, B, C]))
"""At IoU 0.8 A is not found: F1 is 4/6, and of the pixels 104 of 112 are right."""
MERGED = task(4, regions([A_AND_B, C]))
"""One of three is found, one is extra: F1 is 2/5."""
MISSING = task(5)

FOUND = "{metric: f1, iou: 0.8, classes: [car], min: {default: 0.95}}"


@pytest.fixture
def judged(tmp_path):
    """A function that judges tasks by gates and gives what a push would show."""

    def run(*tasks, gates=f"found: {FOUND}", ontology="", which="latest", road=ROAD_LABEL):
        (tmp_path / "config.xml").write_text(CONFIG.format(road))
        (tmp_path / "tasks.json").write_text(json.dumps(tasks))

        def spec(which):
            return (
                "{format: label-studio-export, path: tasks.json, "
                f'annotations: {which}, config: "{tmp_path}/config.xml"}}'
            )

        (tmp_path / "batch.gate.yaml").write_text(
            f"version: 1\ngold: {spec('ground-truth')}\ndelivery: {spec(which)}\n"
            f"coverage: {{gold_images: 0.1}}\ndefaults: {{support: {{images: 1}}}}\n{ontology}"
            f"gates:\n  {gates}\n"
        )
        policy = load_policy(tmp_path / "batch.gate.yaml", environ={})
        found = judged_batch(policy, Evaluations(None))
        location = str(tmp_path / "tasks.json")
        options = {"config": str(tmp_path / "config.xml")}
        return Batch(
            7,
            found.evaluation,
            gold=found.gold,
            delivery=found.delivery,
            tasks=open_source(Spec(format="label-studio-export", location=location, options=options)),
            limits=image_limits(policy.rules, found.records, found.evaluation.ontology.names),
            missing_fail=coverage_fails(policy.rules, found.records),
            objects=tuple(found.failing_objects()) if found.judges_objects else None,
        )

    return run


def shown(batch, **options):
    """Task, version, label, text and mask of every region that is wanted, and what is left out."""
    wanted, left_out = batch.wanted(Show(title="t", **options))
    rows = [
        (p.task, p.version.removeprefix("segcore/"), region)
        for p in wanted.predictions
        for region in json.loads(p.result)
    ]
    return [
        (
            number,
            version,
            region["value"]["brushlabels"][0],
            region["meta"]["text"][0],
            decode_brush(region["value"]["rle"], width=WIDTH, height=HEIGHT).mask.to_array(),
        )
        for number, version, region in rows
    ], left_out


def assert_shown(found, expected):
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    for (*_, mask), (*_, wanted) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mask, wanted)


def test_tasks_with_objects_to_blame_fail_worst_first(judged):
    batch = judged(PERFECT, ONE_OFF, LOOSE, MERGED, MISSING)

    # The two at 4/6 by their numbers; of a car that is not delivered no pixel is.
    assert [(t.id, t.class_name, t.metric, round(t.value, 4), t.failing) for t in batch.judged] == [
        (5, "car", "f1", 0.0, True),
        (4, "car", "f1", 0.4, True),
        (2, "car", "f1", 0.6667, True),
        (3, "car", "f1", 0.6667, True),
        (1, "car", "iou", 1.0, False),
    ]


def test_whole_objects_are_missed_and_extra(judged):
    found, left_out = shown(judged(PERFECT, ONE_OFF))

    assert_shown(
        found,
        [
            (2, "missed", "car", "missed object: 32 px", painted(B)),
            (2, "extra", "car", "extra object: 5 px", painted(EXTRA)),
        ],
    )
    assert left_out == 0


def test_of_an_object_that_is_drawn_too_badly_it_is_the_difference(judged):
    found, _ = shown(judged(PERFECT, LOOSE))

    assert_shown(
        found,
        [(3, "missed", "car", "missed part of one object (IoU 0.75): 8 px", painted((3, 0, 1, 8)))],
    )


def test_objects_that_were_drawn_as_one_are_missed_and_the_one_is_extra(judged):
    found, _ = shown(judged(PERFECT, MERGED))

    # Two regions of one size are in the order of their ids.
    missed = sorted(found[:2], key=lambda row: row[4].argmax())
    assert_shown(
        [*missed, *found[2:]],
        [
            (4, "missed", "car", "missed object: 32 px", painted(A)),
            (4, "missed", "car", "missed object: 32 px", painted(B)),
            (4, "extra", "car", "extra object: 80 px", painted(A_AND_B)),
        ],
    )


def test_a_policy_may_mix_gates_on_pixels_and_on_objects(judged):
    half_road = task(6, regions([A, B, C], road=HALF_ROAD))
    both = task(7, regions([A, C, EXTRA], road=HALF_ROAD))
    # The road: 40 + 20 + 20 of 120 pixels.
    gates = f"found: {FOUND}\n  roads: {{metric: iou, classes: [road], min: {{default: 0.9}}}}"

    batch = judged(PERFECT, half_road, both, gates=gates)
    found, _ = shown(batch)

    half = painted((10, 8, 10, 2))
    assert_shown(
        found,
        [
            (6, "missed", "road", "missed: 20 px", half),
            (7, "missed", "car", "missed object: 32 px", painted(B)),
            (7, "missed", "road", "missed: 20 px", half),
            (7, "extra", "car", "extra object: 5 px", painted(EXTRA)),
        ],
    )
    # Of the last task the road is worse than the cars, at 4/6.
    assert [(t.id, t.class_name, t.metric, t.value) for t in batch.failing] == [
        (6, "road", "iou", 0.5),
        (7, "road", "iou", 0.5),
    ]


def test_segments_without_a_match_are_missed_and_extra(judged):
    # 10 of the 40 pixels of the road are drawn, so it has no match either.
    short = task(8, regions([A, C, EXTRA], road=(0, 8, 5, 2)))
    gold = regions([A, B, C, (10, 0, 2, 8)])
    gates = "segments: {metric: pq, min: {default: 0.9}}"

    found, _ = shown(judged(PERFECT, short | {"annotations": [
        task(8, gold=gold)["annotations"][0], short["annotations"][1],
    ]}, gates=gates, ontology=THINGS))  # fmt: skip

    # The fourth car of the gold lies under the extra one, of which it has 5 of 16 pixels.
    assert_shown(
        found,
        [
            (8, "missed", "road", "missed segment: 40 px", painted(ROAD)),
            (8, "missed", "car", "missed segment: 32 px", painted(B)),
            (8, "missed", "car", "missed segment: 16 px", painted((10, 0, 2, 8))),
            (8, "extra", "road", "extra segment: 10 px", painted((0, 8, 5, 2))),
            (8, "extra", "car", "extra segment: 5 px", painted(EXTRA)),
        ],
    )


def test_what_lies_in_void_is_no_difference_of_segments(judged):
    # A is drawn two pixels too wide where the gold has nothing, and one too short.
    wide = task(9, regions([(0, 0, 6, 7), B, C]))
    gates = "segments: {metric: sq, classes: [car], min: {default: 0.99}}"

    found, _ = shown(judged(wide, gates=gates, ontology=THINGS))

    text = "missed part of one segment (IoU 0.88): 4 px"
    assert_shown(found, [(9, "missed", "car", text, painted((0, 7, 4, 1)))])


def test_an_object_that_fails_as_object_and_as_segment_is_shown_once(judged):
    # The extra car lies on nothing the gold knows, so only the gate on objects minds it.
    gates = f"found: {FOUND}\n  parts: {{metric: rq, classes: [car], min: {{default: 0.9}}}}"

    found, left_out = shown(judged(PERFECT, ONE_OFF, gates=gates, ontology=THINGS))

    assert [row[:4] for row in found] == [
        (2, "missed", "car", "missed object: 32 px"),
        (2, "extra", "car", "extra object: 5 px"),
    ]
    assert left_out == 0


def test_each_annotator_has_objects_of_its_own(judged):
    two = task(6, regions([A, B]), regions([A, C]))

    found, _ = shown(judged(two, which="all"))

    assert_shown(
        found,
        [
            (6, "missed@1", "car", "missed object: 48 px", painted(C)),
            (6, "missed@2", "car", "missed object: 32 px", painted(B)),
        ],
    )


def test_a_task_that_was_not_delivered_does_not_get_the_gold(judged):
    batch = judged(PERFECT, MISSING)

    wanted, left_out = batch.wanted(Show(title="t"))

    assert [item["value"] for item in wanted.tab["filters"]["items"]] == [5]
    assert (wanted.predictions, left_out) == ([], 0)


def test_an_annotation_without_a_region_misses_every_object(judged):
    found, _ = shown(judged(PERFECT, task(6, [])))

    assert [row[:4] for row in found] == [
        (6, "missed", "car", "missed object: 48 px"),
        (6, "missed", "car", "missed object: 32 px"),
        (6, "missed", "car", "missed object: 32 px"),
    ]
    np.testing.assert_array_equal(found[0][4], painted(C))


def test_columns_say_by_which_metric_a_task_is_the_worst_and_the_tab_goes_by_it(judged):
    healed = task(6, GOLD, data={"segcore_verdict": "fail"})

    wanted, _ = judged(PERFECT, LOOSE, healed).wanted(Show(title="t", columns=True, score=True))

    assert wanted.columns == {
        # Pixels of cars: 104 of 112.
        3: {
            "segcore_class": "car",
            "segcore_iou": 0.9286,
            "segcore_metric": "f1",
            "segcore_value": 0.6667,
            "segcore_verdict": "fail",
        },
        6: {
            "segcore_class": "car",
            "segcore_iou": 1.0,
            "segcore_metric": "iou",
            "segcore_value": 1.0,
            "segcore_verdict": "pass",
        },
    }
    assert wanted.tab["ordering"] == ["tasks:data.segcore_value"]
    assert [p.score for p in wanted.predictions] == [0.6667]


def test_a_policy_of_pixels_keeps_up_the_columns_that_one_of_objects_wrote(judged):
    before = task(6, GOLD, data={"segcore_metric": "f1", "segcore_value": 0.1})
    gates = "pixels: {metric: iou, classes: [car], min: {default: 0.99}}"

    wanted, _ = judged(LOOSE, before, gates=gates).wanted(Show(title="t", columns=True))

    assert [sorted(wanted.columns[number]) for number in (3, 6)] == [
        ["segcore_class", "segcore_iou", "segcore_verdict"],
        ["segcore_class", "segcore_iou", "segcore_metric", "segcore_value", "segcore_verdict"],
    ]
    assert wanted.columns[6]["segcore_value"] == 1.0
    assert wanted.tab["ordering"] == ["tasks:data.segcore_iou"]


def test_objects_of_a_class_without_a_label_are_counted_and_not_shown(judged):
    gates = "roads: {metric: recall, iou: 0.9, classes: [road], min: {default: 0.9}}"
    batch = judged(task(6, regions([A], road=(0, 8, 2, 2))), gates=gates, road="")

    assert shown(batch) == ([], 1)


def test_of_many_objects_the_largest_are_drawn_and_the_rest_is_counted(judged, monkeypatch):
    batch = judged(PERFECT, task(6, regions([EXTRA, (19, 0, 1, 1)])))
    monkeypatch.setattr(object_differences, "MAX_OBJECTS", 1)

    found, left_out = shown(batch)

    # Of three missed and two extra.
    assert_shown(
        found,
        [
            (6, "missed", "car", "missed object: 48 px", painted(C)),
            (6, "extra", "car", "extra object: 5 px", painted(EXTRA)),
        ],
    )
    assert left_out == 3


def test_the_same_batch_wants_the_same_whatever_the_order_of_its_regions(judged):
    turned = [
        {**row, "annotations": [
            {**a, "result": a["result"][::-1]} for a in row["annotations"]
        ]}
        for row in (MERGED, ONE_OFF)
    ]  # fmt: skip

    one = judged(MERGED, ONE_OFF).wanted(Show(title="t"))[0].predictions
    other = judged(*turned).wanted(Show(title="t"))[0].predictions

    assert one == other


def test_objects_that_changed_since_they_were_judged_are_not_drawn(judged):
    batch = judged(PERFECT, ONE_OFF)
    (failing,) = batch.failing[0].objects.values()
    nothing = Regions.from_regions([], height=HEIGHT, width=WIDTH)

    with pytest.raises(UsageError, match="img-2: its objects are not those that were judged"):
        ObjectDifferences.of(failing, nothing, nothing)
