"""Fields, indexes, views, tags and the run of a push: there, the same again, and gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

import numpy as np
import pytest
import scenes
from snapshots import snapshot

import segcore
from segcore.errors import UsageError
from segcore.ontology import LabelClass, Ontology
from segcore_fiftyone import injection
from segcore_fiftyone.injection import (
    InjectionError,
    Target,
    apply,
    load_scores,
    plan,
    plan_removal,
    pushed_keys,
)
from segcore_fiftyone.limits import Limits
from segcore_fiftyone.samples import Places, sample_ids
from segcore_fiftyone.scores import Scores

NAMES = ("sky", "car", "traffic light", "tram")
GOLD = {
    "a": scenes.drawn("0011 0011 2222"),
    "b": scenes.drawn("0000 0100 0000"),
    "c": scenes.drawn("1111 1100 0000"),
}
FOUND = {
    "a": scenes.drawn("0011 0011 2200"),
    "b": scenes.drawn("0000 0110 0000"),
    "c": scenes.drawn("1111 0000 0000"),
}
IOU = {
    "a": {"sky": 4 / 6, "car": 1.0, "traffic_light": 1 / 2, "tram": None},
    "b": {"sky": 10 / 11, "car": 1 / 2, "traffic_light": None, "tram": None},
    "c": {"sky": 6 / 8, "car": 4 / 6, "traffic_light": None, "tram": None},
}
"""Counted by hand from the drawings."""


@pytest.fixture
def images(tmp_path):
    """A function that evaluates two folders of masks."""

    def evaluate(found=FOUND, names=NAMES):
        for side, masks in (("gold", GOLD), ("found", found)):
            for key, mask in masks.items():
                scenes.png(tmp_path / side / f"{key}.png", mask.astype(np.uint8))
        classes = Ontology(tuple(LabelClass(id=i, name=name) for i, name in enumerate(names)))
        return segcore.evaluate(f"png:{tmp_path}/gold", f"png:{tmp_path}/found", ontology=classes)

    return evaluate


@pytest.fixture
def streets(fo, dataset, tmp_path):
    """Samples of the images and of one more, with tags, a view and an index of somebody's own."""
    made = dataset("streets")
    labels = {name: {"tags": ["mine"], "city": name} for name in "abcx"}
    scenes.add_samples(fo, made, tmp_path, labels, (3, 4))
    made.save_view("mine", made.limit(2))
    made.create_index("city")
    return made


@pytest.fixture
def scores(images, streets):
    def make(key="eval", limits=None, **options):
        found = images(**options)
        places = Places.of(found, sample_ids(streets, key="stem"))
        return Scores.of(found, places, key=key, limits=limits)

    return make


def by_name(dataset, path):
    return {PurePath(f).stem: v for f, v in zip(*dataset.values(["filepath", path]), strict=True)}


def targets(actions):
    return {action.target for action in actions}


def test_every_sample_gets_the_iou_of_each_class_and_their_mean(streets, scores):
    apply(plan(streets, scores()))

    for field in IOU["a"]:
        found = by_name(streets, f"eval_iou.{field}")
        assert found == {**{name: IOU[name][field] for name in "abc"}, "x": None}
    means = by_name(streets, "eval_miou")
    assert means["a"] == pytest.approx((4 / 6 + 1 + 1 / 2) / 3)
    assert means["x"] is None
    assert streets.first()["eval_iou"]["tram"] is None


def test_a_sample_that_is_in_memory_shows_the_new_values(streets, scores):
    sample = streets.first()

    apply(plan(streets, scores()))

    assert sample["eval_iou"]["car"] == 1.0


def test_a_second_push_has_nothing_to_do(streets, scores):
    limits = Limits(image={"car": 0.6})
    apply(plan(streets, scores(limits=limits)))
    before = snapshot(streets)

    again = plan(streets, scores(limits=limits))
    apply(again)

    assert again == ()
    assert snapshot(streets) == before


def test_a_plan_changes_nothing(streets, scores):
    before = snapshot(streets)

    actions = plan(streets, scores())

    assert actions
    assert snapshot(streets) == before


def test_removing_leaves_the_dataset_as_it_was(streets, scores):
    before = snapshot(streets)
    apply(plan(streets, scores(limits=Limits(image={"car": 0.6}))))
    assert snapshot(streets) != before

    apply(plan_removal(streets, "eval"))

    assert snapshot(streets) == before
    assert plan_removal(streets, "eval") == ()


def test_removing_leaves_the_sidebar_as_somebody_arranged_it(fo, streets, scores):
    groups = fo.DatasetAppConfig.default_sidebar_groups(streets)
    streets.app_config.sidebar_groups = [groups[-1], *groups[:-1]]
    streets.save()
    before = snapshot(streets)
    apply(plan(streets, scores()))

    apply(plan_removal(streets, "eval"))

    assert snapshot(streets) == before


def test_two_keys_live_beside_each_other(streets, scores):
    apply(plan(streets, scores()))
    before = snapshot(streets)
    apply(plan(streets, scores(key="other")))
    assert pushed_keys(streets) == ("eval", "other")

    apply(plan_removal(streets, "other"))

    assert snapshot(streets) == before


def test_a_push_that_was_interrupted_is_finished_or_removed(streets, scores, monkeypatch):
    before = snapshot(streets)
    actions = plan(streets, scores(limits=Limits(image={"car": 0.6})))
    for stop in range(1, len(actions)):
        apply(actions[:stop])

        apply(plan_removal(streets, "eval"))

        assert snapshot(streets) == before, actions[stop - 1].says
        actions = plan(streets, scores(limits=Limits(image={"car": 0.6})))
    apply(actions[:3])
    apply(plan(streets, scores(limits=Limits(image={"car": 0.6}))))
    assert by_name(streets, "eval_iou.car")["b"] == 1 / 2
    assert plan(streets, scores(limits=Limits(image={"car": 0.6}))) == ()


def test_a_better_delivery_changes_only_what_changed(streets, scores):
    apply(plan(streets, scores()))

    actions = plan(streets, scores(found={**FOUND, "b": GOLD["b"]}))
    apply(actions)

    assert [(a.target, a.samples) for a in actions] == [(Target.VALUES, 1), (Target.RUN, 0)]
    assert by_name(streets, "eval_iou.car")["b"] == 1.0


def test_samples_that_are_no_longer_evaluated_lose_their_values(images, streets, scores):
    apply(plan(streets, scores()))
    found = images()
    first = Scores.of(found, Places.of(found, {"a": sample_ids(streets, key="stem")["a"]}), key="eval")

    apply(plan(streets, first))

    assert by_name(streets, "eval_iou.car") == {"a": 1.0, "b": None, "c": None, "x": None}
    assert by_name(streets, "eval_miou")["b"] is None
    assert plan(streets, first) == ()


def test_a_class_that_was_renamed_leaves_nothing_of_its_old_name(streets, scores):
    apply(plan(streets, scores()))

    apply(plan(streets, scores(names=("sky", "vehicle", "traffic light", "tram"))))

    stored = streets._sample_collection.find_one()["eval_iou"]
    assert set(stored) == {"_cls", "sky", "vehicle", "traffic_light", "tram"}
    assert "eval_iou.vehicle" in streets.list_indexes()
    assert "eval_iou.car" not in streets.list_indexes()
    assert "eval-worst-car" not in streets.list_saved_views()
    assert plan(streets, scores(names=("sky", "vehicle", "traffic light", "tram"))) == ()


def test_a_class_that_is_new_gets_a_field_beside_the_others(streets, scores):
    before = snapshot(streets)
    apply(plan(streets, scores(names=NAMES[:3])))

    apply(plan(streets, scores()))

    assert "eval_iou.tram" in streets.get_field_schema(flat=True)
    assert plan(streets, scores()) == ()
    apply(plan_removal(streets, "eval"))
    assert snapshot(streets) == before


def test_a_saved_view_has_the_samples_with_the_class_worst_first(streets, scores):
    apply(plan(streets, scores()))

    view = streets.load_saved_view("eval-worst-car")

    assert [PurePath(path).stem for path in view.values("filepath")] == ["b", "c", "a"]
    found = streets.load_saved_view("eval-worst-traffic light")
    assert [PurePath(path).stem for path in found.values("filepath")] == ["a"]
    assert "eval-worst-tram" not in streets.list_saved_views()


def test_views_whose_names_fiftyone_takes_for_one_are_called_by_id(streets, scores):
    names = ("sky", "Sky", "车", "tram")

    apply(plan(streets, scores(names=names)))

    # the lowest first: 车, which has no ASCII letter, then Sky, which leaves no name for sky
    assert streets.list_saved_views() == [
        "mine", "eval-worst-id-2", "eval-worst-Sky", "eval-worst-id-0",
    ]  # fmt: skip
    path = streets.load_saved_view("eval-worst-id-2")._serialize(include_uuids=False)
    assert "eval_iou.车" in str(path)


def test_samples_that_fail_have_the_tag_and_lose_it_when_they_pass(streets, scores):
    tag = "segcore:eval:fail"
    apply(plan(streets, scores(limits=Limits(image={"car": 0.6}))))
    assert by_name(streets.match_tags(tag), "tags") == {"b": ["mine", tag]}

    actions = plan(streets, scores(limits=Limits(image={"sky": 0.7})))
    apply(actions)

    assert by_name(streets.match_tags(tag), "tags") == {"a": ["mine", tag]}
    assert [(a.target, a.samples) for a in actions if a.target is Target.TAG] == [
        (Target.TAG, 1),
        (Target.TAG, 1),
    ]


def test_the_run_gives_the_scores_back(streets, scores):
    pushed = scores(limits=Limits(image={"car": 0.6}))
    apply(plan(streets, pushed))

    found = load_scores(streets, "eval")

    assert found.to_json() == pushed.to_json()
    with pytest.raises(UsageError, match=r"no scores under the key 'other' \(known: eval\)"):
        load_scores(streets, "other")


@pytest.mark.parametrize(
    ("obstacle", "named"),
    [
        (lambda fo, ds: ds.add_sample_field("eval_iou", fo.FloatField), "the field 'eval_iou'"),
        (lambda fo, ds: ds.add_sample_field("eval_miou", fo.FloatField), "the field 'eval_miou'"),
        (lambda fo, ds: ds.limit(1).tag_samples("segcore:eval:fail"), "the tag 'segcore:eval:fail'"),
        (lambda fo, ds: ds.save_view("Eval worst car", ds.limit(1)), "the saved view 'Eval worst car'"),
        (lambda fo, ds: ds.register_run("segcore_eval", ds.init_run()), "the run 'segcore_eval'"),
    ],
)
def test_what_somebody_else_made_is_neither_written_over_nor_removed(
    fo, streets, scores, obstacle, named
):
    obstacle(fo, streets)
    before = snapshot(streets)

    with pytest.raises(UsageError, match=named):
        plan(streets, scores())

    assert snapshot(streets) == before


def test_indexes_stay_within_what_the_database_allows(fo, streets, scores):
    names = [f"f{i}" for i in range(70)]
    for name in names[:57]:
        streets.add_sample_field(name, fo.FloatField)
        streets.create_index(name)
    assert len(streets._sample_collection.index_information()) == 62

    apply(plan(streets, scores()))

    indexes = streets.list_indexes()
    assert len(streets._sample_collection.index_information()) == 64
    assert "eval_miou" in indexes
    assert "eval_iou.traffic_light" in indexes  # the lowest
    assert "eval_iou.car" not in indexes
    assert plan(streets, scores()) == ()


def test_at_most_so_many_classes_get_an_index_and_a_view(streets, scores, monkeypatch):
    monkeypatch.setattr(injection, "MAX_INDEXES", 1)

    apply(plan(streets, scores()))

    assert [path for path in streets.list_indexes() if path.startswith("eval")] == [
        "eval_miou",
        "eval_iou.traffic_light",
    ]
    assert [view for view in streets.list_saved_views() if view != "mine"] == [
        "eval-worst-traffic light"
    ]


def test_a_write_that_fails_says_what_was_done_before(streets, scores):
    actions = plan(streets, scores())

    def refuse():
        raise ValueError("no\x1b[0m")

    broken = [*actions[:2], replace(actions[2], write=refuse), *actions[3:]]
    with pytest.raises(InjectionError, match=rf"2 of {len(actions)} writes were done before") as caught:
        apply(broken)

    assert caught.value.done == 2
    assert "\x1b" not in str(caught.value)
    apply(plan(streets, scores()))
    assert by_name(streets, "eval_iou.car")["b"] == 1 / 2


def test_samples_are_found_by_stem_id_or_field(streets):
    ids = streets.values("id")

    assert sample_ids(streets, key="stem") == dict(zip("abcx", ids, strict=True))
    assert sample_ids(streets, key="city") == dict(zip("abcx", ids, strict=True))
    assert sample_ids(streets, key="id") == dict(zip(ids, ids, strict=True))
    with pytest.raises(UsageError, match="no field 'town'"):
        sample_ids(streets, key="town")


def test_a_key_of_several_samples_finds_none_of_them(streets):
    streets.set_values("city", ["a", "a", None, "b"])

    assert sample_ids(streets, key="city") == {"a": None, "b": streets.last().id}
