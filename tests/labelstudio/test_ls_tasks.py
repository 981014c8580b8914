"""One task: its images and their keys, which annotation counts, what is left out and why."""

from __future__ import annotations

import pytest

from segcore.errors import SpecError
from segcore.sources.spec import Spec
from segcore_labelstudio.images import TaskImage, UnknownImageError, key_of_url, task_images
from segcore_labelstudio.labeling import parse_labeling
from segcore_labelstudio.options import Options, Which
from segcore_labelstudio.tasks import attributes_of, plan_task

GOLD = Options(which=Which.GROUND_TRUTH)
ALL = Options(which=Which.ALL)


def regions(n):
    return [{"id": f"r{i}", "type": "brushlabels", "to_name": "image", "value": {}} for i in range(n)]


def annotation(number, *, n=1, by=1, at="2026-01-01T00:00:00Z", **more):
    return {"id": number, "completed_by": by, "updated_at": at, "result": regions(n), **more}


def task(*annotations, data=None, **more):
    return {"id": 4, "data": data or {"image": "a.png"}, "annotations": list(annotations), **more}


def plan_of(made, options=None, labeling=None):
    return plan_task(made, file="f.json", labeling=labeling, options=options or Options())


def told(plan):
    """What was chosen, what was left out, and every fault by code and annotation."""
    return (
        [chosen.id for chosen in plan.chosen],
        dict(plan.left_out),
        [(fault.code, fault.annotation) for fault in plan.faults],
    )


def test_the_one_annotation_of_a_task_counts():
    plan = plan_of(task(annotation(7, n=3)))

    assert told(plan) == ([7], {}, [])
    assert len(plan.chosen[0].groups) == 3


def test_the_latest_annotation_counts_whatever_the_order_and_the_way_of_writing_the_time():
    made = task(
        annotation(7, n=1, at="2026-01-01T10:00:00.500000Z"),
        annotation(8, n=2, at="2026-01-01T10:00:00Z"),
        annotation(9, n=4, at="2026-01-01T11:30:00+02:00"),
    )

    assert told(plan_of(made)) == (
        [7],
        {"superseded annotation": 6},
        [("ls.multiple_annotations", 7)],
    )


def test_of_annotations_saved_at_the_same_moment_the_later_id_counts():
    assert told(plan_of(task(annotation(9), annotation(8))))[0] == [9]


def test_cancelled_annotations_drafts_and_predictions_never_count():
    made = task(
        annotation(7, n=1),
        annotation(8, n=2, at="2027-01-01T00:00:00Z", was_cancelled=True),
        drafts=[{"result": regions(4)}, 12],
        predictions=[1, {"result": regions(8)}],
    )

    assert told(plan_of(made)) == (
        [7],
        {"cancelled annotation": 2, "draft": 4, "prediction": 8},
        [("ls.cancelled", 8)],
    )


def test_an_empty_annotation_counts_and_a_task_without_one_is_not_delivered():
    empty, without = plan_of(task(annotation(7, n=0))), plan_of(task())

    assert told(empty) == ([7], {}, [])
    assert told(without) == ([], {}, [("ls.no_annotation", None)])
    assert [image.key for image in without.images] == ["a"]


def test_only_cancelled_annotations_deliver_nothing():
    assert told(plan_of(task(annotation(7, was_cancelled=True)))) == (
        [],
        {"cancelled annotation": 1},
        [("ls.cancelled", 7), ("ls.no_annotation", None)],
    )


def test_a_ground_truth_is_no_delivery_and_a_delivery_no_gold():
    made = task(annotation(7, n=1, ground_truth=True), annotation(8, n=2))

    assert told(plan_of(made)) == (
        [8],
        {"ground truth in delivery": 1},
        [("ls.ground_truth_in_delivery", 7)],
    )
    assert told(plan_of(made, GOLD)) == ([7], {"not ground truth": 2}, [])


def test_a_task_without_ground_truth_is_simply_not_in_the_gold():
    assert told(plan_of(task(annotation(8)), GOLD)) == ([], {"not ground truth": 1}, [])


def test_two_ground_truths_of_one_task_are_refused():
    made = task(annotation(7, n=1, ground_truth=True), annotation(8, n=2, ground_truth=True))

    plan = plan_of(made, GOLD)

    assert told(plan) == ([], {}, [("ls.ambiguous_gold", None)])
    assert plan.unplaced == 3


@pytest.mark.parametrize("by", [2, {"id": 2, "email": "ann@example.com"}])
@pytest.mark.parametrize("asked", ["2", "ann@example.com"])
def test_one_annotator_can_be_asked_for_by_id_or_address(by, asked):
    made = task(annotation(7, by=1, n=2), annotation(8, by=by))
    known = asked == "2" or isinstance(by, dict)

    chosen, left_out, faults = told(plan_of(made, Options(annotator=asked)))

    assert chosen == ([8] if known else [])
    assert left_out == {"other annotator": 2 if known else 3}
    assert faults == []


def test_all_annotators_deliver_each_for_themselves_and_a_copy_is_superseded():
    made = task(
        annotation(7, by=1, n=1),
        annotation(8, by=2, n=2),
        annotation(9, by=1, n=4, at="2026-02-01T00:00:00Z"),
        annotation(10, by=None, n=8),
        annotation(11, by=3, n=16, ground_truth=True),
    )

    plan = plan_of(made, ALL)

    assert [(chosen.id, chosen.annotator) for chosen in plan.chosen] == [
        (9, "1"),
        (8, "2"),
        (10, "unknown"),
    ]
    assert dict(plan.left_out) == {"ground truth in delivery": 16, "superseded annotation": 1}


def test_the_attributes_say_who_drew_it_and_when():
    made = annotation(7, by={"id": 2, "email": "a@b.c"}, updated_by=3, lead_time=12, created_at="then")

    attributes = attributes_of(made, task_id=4)

    assert attributes == {
        "task": 4,
        "annotation": 7,
        "annotator": 2,
        "annotator_email": "a@b.c",
        "updated_by": 3,
        "created_at": "then",
        "updated_at": "2026-01-01T00:00:00Z",
        "lead_time_s": 12.0,
        "ground_truth": False,
    }


def test_attributes_of_the_wrong_type_are_none():
    made = annotation(7, by="me", updated_by=True, lead_time=float("inf"), created_at="a\x1b[2J")

    attributes = attributes_of(made, task_id=4)

    for name in ("annotator", "updated_by", "lead_time_s", "created_at"):
        assert attributes[name] is None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({**task(annotation(7)), "id": "4"}, "id: the number of the task"),
        ({**task(annotation(7)), "id": True}, "id: the number of the task"),
        ({"id": 4, "data": {"image": "a.png"}}, "annotations: a list"),
        (task("x"), "annotations[0]: an object"),
        (task(annotation(None)), "id: the number of the annotation"),
        (task(annotation(7, was_cancelled="yes")), "was_cancelled: true or false"),
        (task(annotation(7, ground_truth=1)), "ground_truth: true or false"),
        (task({"id": 7, "result": None}), "result: a list"),
        (task(annotation(7, at="soon"), annotation(8)), "updated_at: a date and time"),
        (task(annotation(7, at=None), annotation(8)), "updated_at: a date and time"),
        (task(annotation(7), data=[]) | {"data": []}, "data: an object"),
        (task(annotation(7), data={"image": 1}), "data.image: the URL of an image"),
        (task(annotation(7), data={"images": []}), "at least one image"),
        (task(annotation(7), data={"images": ["a.png", None]}), "data.images[1]: the URL of an image"),
        (task(annotation(7), data={"a": "a.png", "b": "b.png"}), "say which: ?image=FIELD"),
        (task(annotation(7), data={"text": "hello"}), "say which: ?image=FIELD"),
    ],
)
def test_a_task_that_is_not_understood_is_refused_and_its_regions_counted(made, expected):
    plan = plan_of(made)

    assert plan.chosen == []
    assert any(f.code == "ls.missing_field" and expected in f.expected for f in plan.faults)
    results = [a.get("result") for a in made.get("annotations", []) if isinstance(a, dict)]
    assert plan.unplaced == sum(len(result or ()) for result in results)


def test_more_annotations_or_entries_than_anybody_draws_are_refused(monkeypatch):
    monkeypatch.setattr("segcore_labelstudio.tasks._MAX_ANNOTATIONS", 2)
    monkeypatch.setattr("segcore_labelstudio.tasks._MAX_RESULT", 3)
    many = plan_of(task(annotation(1), annotation(2), annotation(3)))
    long = plan_of(task(annotation(1, n=4)))

    assert told(many) == ([], {}, [("limits.annotations", None)])
    assert told(long) == ([], {}, [("limits.annotations", 1), ("ls.no_annotation", None)])


# ---- keys


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("/data/upload/1/a45d26e0-img_0.png", "img_0"),
        ("http://host:8080/data/upload/12/ca2081f2-my%20street.jpg?x=1", "my street"),
        ("/data/upload/1/deadbeef-deadbeef-a.png", "deadbeef-a"),
        ("https://cdn/batch/deadbeef-street.png", "deadbeef-street"),
        ("/data/local-files/?d=imgs/im0.png", "im0"),
        ("http://host/label/data/local-files/?d=a%2Fb%20c.d.png", "b c.d"),
        ("s3://bucket/a/100%25.png", "100%25"),
        ("gs://bucket/a/b?c.png", "b?c"),
        ("https://x.s3.amazonaws.com/a/b.png?X-Amz-Signature=a/b.c", "b"),
        ("folder/street.png", "street"),
        ("street", "street"),
        (".hidden", ".hidden"),
        ("e\u0301.png", "\u00e9"),
        ("data:image/png;base64,iVBORw0KGgo=", None),
        ("DATA:image/png,x", None),
    ],
)
def test_the_key_is_the_name_of_the_file_without_folder_prefix_query_and_extension(url, key):
    assert key_of_url(url) == key


@pytest.mark.parametrize(
    "url",
    [
        "https://host/",
        "https://host",
        "http://[broken/a.png",
        "/data/local-files/?d=",
        "/data/local-files/?e=a.png",
        "/data/local-files/?d=../../etc/passwd",
        "a/../../b.png",
        "a%0Ab.png",
        "%ff.png",
        "\x1b[2J.png",
        "\u202egnp.exe",
        "x" * 2000,
    ],
)
def test_a_url_that_names_no_usable_file_is_refused(url):
    with pytest.raises(UnknownImageError) as problem:
        key_of_url(url)

    assert problem.value.code == "path.unsafe"
    assert problem.value.got.isprintable()


def images_of(data, *, config=None, image=None, key=None):
    labeling = None if config is None else parse_labeling(f"<View>{config}</View>", file="c.xml")
    found = task_images(data, task_id=4, labeling=labeling, image_field=image, key_field=key)
    return [(found_image.key, found_image.to_name, found_image.item) for found_image in found]


ONE = '<Image name="i" value="$pic"/>'
TWO = '<Image name="i" value="$left"/><Image name="j" value="$right"/>'
MANY = '<Image name="i" valueList="$pics"/>'
PIXEL = "data:image/png;base64,AA=="


@pytest.mark.parametrize(
    ("data", "options", "images"),
    [
        ({"image": "a.png", "mask": "b.png"}, {}, [("a", None, 0)]),
        ({"photo": "s3://b/a.JPG", "batch": "b1"}, {}, [("a", None, 0)]),
        ({"$undefined$": "/data/upload/1/a45d26e0-a.png"}, {}, [("a", None, 0)]),
        ({"x": "a.png", "y": "b.png"}, {"image": "y"}, [("b", None, 0)]),
        ({"pics": ["a.png", "b.png"]}, {}, [("a", None, 0), ("b", None, 1)]),
        ({"pic": "a.png", "image": "b.png"}, {"config": ONE}, [("a", "i", 0)]),
        ({"$undefined$": "a.png"}, {"config": ONE}, [("a", "i", 0)]),
        ({"left": "a.png", "right": "b.png"}, {"config": TWO}, [("a", "i", 0), ("b", "j", 0)]),
        ({"pics": ["a.png", "b.png"]}, {"config": MANY}, [("a", "i", 0), ("b", "i", 1)]),
        ({"image": PIXEL}, {}, [("task-4", None, 0)]),
        ({"pics": [PIXEL, "b.png"]}, {"config": MANY}, [("task-4-0", "i", 0), ("b", "i", 1)]),
        ({"left": PIXEL, "right": PIXEL}, {"config": TWO}, [("task-4-i", "i", 0), ("task-4-j", "j", 0)]),
        ({"image": "a.png", "name": "K"}, {"key": "name"}, [("K", None, 0)]),
        ({"image": "a.png", "name": 17}, {"key": "name"}, [("17", None, 0)]),
        (
            {"pics": ["a.png", "b.png"], "name": "K"},
            {"key": "name", "config": MANY},
            [("K-0", "i", 0), ("K-1", "i", 1)],
        ),
    ],
)
def test_the_images_of_a_task_and_their_keys(data, options, images):
    assert images_of(data, **options) == images


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        ({"other": "a.png"}, {"config": ONE}, "ls.missing_field"),
        ({"left": "a.png", "$undefined$": "b.png"}, {"config": TWO}, "ls.missing_field"),
        ({"image": "a.png"}, {"key": "name"}, "ls.missing_field"),
        ({"image": "a.png", "name": True}, {"key": "name"}, "ls.missing_field"),
        ({"image": "a.png", "name": " "}, {"key": "name"}, "ls.missing_field"),
        ({"image": "a.png", "name": "a\nb"}, {"key": "name"}, "path.unsafe"),
        ({"image": ["a.png"] * 10_001}, {}, "limits.entries"),
    ],
)
def test_images_that_cannot_be_told_are_refused(data, options, code):
    with pytest.raises(UnknownImageError) as problem:
        images_of(data, **options)

    assert problem.value.code == code


def test_an_image_of_a_task_is_a_value():
    assert TaskImage(key="a", to_name=None) == TaskImage(key="a", to_name=None, item=0)


# ---- options


def options_of(query):
    return Options.from_spec(Spec.parse(f"label-studio-export:f.json?{query}"))


def test_options_come_from_the_spec():
    options = options_of("annotations=ground-truth&annotator=2&key=k&image=i&threshold=1")

    assert options == Options(which=Which.GROUND_TRUTH, annotator="2", key="k", image="i", threshold=1)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("annotations=lates", "did you mean 'latest'"),
        ("threshold=0", "from 1 to 255"),
        ("threshold=256", "from 1 to 255"),
        ("threshold=-1", "from 1 to 255"),
        ("threshold=%C2%B2", "from 1 to 255"),
        ("threshold=" + "9" * 5000, "from 1 to 255"),
        ("config=c.xml&image=i", "leave out image or config"),
    ],
)
def test_an_option_with_a_value_that_is_not_allowed_is_refused(query, problem):
    with pytest.raises(SpecError, match=problem):
        options_of(query)
