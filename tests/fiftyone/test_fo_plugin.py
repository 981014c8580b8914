"""The operators and the panel of the plugin, run as the App runs them, without the App."""

from __future__ import annotations

import warnings
from pathlib import PurePath

import pytest
import scenes
import streets
from asking import ious, traces
from snapshots import snapshot

from segcore_fiftyone.injection import load_scores


@pytest.fixture
def city(fo, dataset, tmp_path, plugin):
    made = dataset("city")
    streets.fill(fo, made, tmp_path)
    return made


def computed(run, dataset, **params):
    given = {"gold": "truth", "delivery": "guess", "key": "eval", "ignore": "255"}
    return run("compute_scores", dataset, given | params)


def shown(told, name):
    """What a part of the panel says or holds."""
    (output,) = told["show_panel_output"]
    return output["output"]["type"]["properties"][name]


def view_of(dataset, told):
    """The view the grid was last set to."""
    from fiftyone.core.view import DatasetView

    return DatasetView._build(dataset, told["set_view"][-1]["view"])


def numbers(view):
    return [int(PurePath(path).stem.removeprefix("street-")) for path in view.values("filepath")]


# ---- operators


def test_scores_computed_in_the_app_are_those_of_numpy(run, city):
    result = computed(run, city, below=0.7).result

    wanted = streets.iou(streets.counts())
    scores = load_scores(city, "eval")
    assert {c.name: c.iou for c in scores.classes} == wanted
    assert result["mean_iou"] == f"{sum(wanted.values()) / 6:.4f}"
    assert "20 of 24 samples fail" in result["says"]
    first = city.first()
    assert [first["eval_iou"][name] for name in streets.NAMES] == list(
        streets.iou(streets.counts([0])).values()
    )


def test_a_scheduled_run_writes_what_an_immediate_one_writes(run, city):
    import fiftyone.operators.delegated as delegated

    computed(run, city)
    now = load_scores(city, "eval")

    run(
        "compute_scores",
        city,
        {"gold": "truth", "delivery": "guess", "key": "later", "ignore": "255"},
        request_delegation=True,
    )
    assert not city.has_sample_field("later_iou")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (done,) = delegated.DelegatedOperationService().execute_queued_operations(limit=1)

    city.reload()
    assert done.success if hasattr(done, "success") else not done.error
    assert city.values("later_iou.person") == city.values("eval_iou.person")
    assert load_scores(city, "later").confusion.tolist() == now.confusion.tolist()


def test_only_the_view_that_is_looked_at_is_evaluated_where_it_is_asked_for(run, city):
    night = city.match_tags("night")

    run(
        "compute_scores",
        city,
        {
            "gold": "truth",
            "delivery": "guess",
            "key": "eval",
            "ignore": "255",
            "view_target": "CURRENT_VIEW",
        },
        view=night._serialize(),
    )

    wanted = streets.iou(streets.counts(range(3, streets.IMAGES, 4)))
    assert {c.name: c.iou for c in load_scores(city, "eval").classes} == wanted
    assert city.exists("eval_miou").count() == len(night)


def test_the_operator_says_why_it_cannot(run, city):
    city.default_mask_targets = {}
    city.save()

    result = run(
        "compute_scores", city, {"gold": "truth", "delivery": "guess", "key": "eval"}, expect_error=True
    )

    assert "OntologyError" in result.error
    assert not city.has_sample_field("eval_iou")
    assert city.list_runs() == []


@pytest.mark.parametrize("name", ["compute_scores", "remove_scores"])
def test_a_form_that_cannot_be_filled_in_says_so(fo, plugin, dataset, name):
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext

    empty = dataset("empty")

    form = foo.get_operator(f"@segcore/segcore/{name}").resolve_input(
        ExecutionContext({"dataset_name": empty.name, "params": {}})
    )

    (entry,) = form.type.properties.values()
    assert entry.invalid
    assert entry.view.label


def test_the_form_refuses_an_ignored_value_that_is_no_number(plugin, city):
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext

    form = foo.get_operator("@segcore/segcore/compute_scores").resolve_input(
        ExecutionContext({"dataset_name": city.name, "params": {"ignore": "255, void"}})
    )

    ignore = form.type.properties["ignore"]
    assert ignore.invalid
    assert "'255, void'" in ignore.error_message
    assert form.type.properties["gold"].type.values == ["truth", "guess"]


def test_a_policy_is_run_and_its_verdicts_are_kept(run, city, tmp_path):
    policy = tmp_path / "batch.gate.yaml"
    policy.write_text(streets.POLICY.format(name=city.name))

    result = run("run_policy", city, {"policy": str(policy), "key": "gate"}).result

    assert result["outcome"] == "reject"
    verdicts = {row["rule"].partition("[")[2].rstrip("]"): row["verdict"] for row in result["rules"]}
    kept = {c.name: (c.verdict, c.floor) for c in load_scores(city, "gate").classes}
    assert kept["person"] == ("FAIL", 0.6)
    assert kept["pole"] == ("PASS", 0.3)
    assert kept["car"] == ("FAIL", 0.9)
    assert kept["sky"] == ("PASS", 0.9)
    assert {name: verdict for name, (verdict, _) in kept.items()}.items() <= verdicts.items()


def test_sources_of_other_formats_are_injected_and_removed_without_a_trace(run, city, tmp_path):
    before = snapshot(city)
    ontology = tmp_path / "ontology.yaml"
    ontology.write_text(
        "ignore: [255]\nclasses:\n"
        + "".join(f"- {{id: {i}, name: {n}}}\n" for i, n in enumerate(streets.NAMES))
    )

    run(
        "inject_scores",
        city,
        {
            "gold": f"png:{tmp_path / 'truth'}",
            "delivery": f"png:{tmp_path / 'guess'}",
            "ontology": str(ontology),
            "key": "files",
        },
    )

    assert city.has_sample_field("files_iou.person")
    run("remove_scores", city, {"key": "files"})
    assert snapshot(city) == before


# ---- the panel


def test_the_panel_of_a_dataset_without_scores_says_how_to_make_some(panel, city):
    told = panel(city, "on_load")

    assert "No scores yet" in shown(told, "empty")["default"]
    assert "patch_panel_data" not in told


def test_bars_are_the_numbers_worst_first_with_their_threshold(run, panel, city):
    computed(run, city, below=0.7)

    told = panel(city, "on_load")

    wanted = streets.iou(streets.counts())
    found = traces(told)
    assert ious(found["IoU"]) == wanted
    assert found["IoU"]["y"] == sorted(wanted, key=wanted.__getitem__)
    assert ious(found["threshold"]) == dict.fromkeys(wanted, 0.7)
    assert found["support"]["text"][0].strip() == "0.258 · below · 18 images"
    bad, good = (found["IoU"]["marker"]["color"][i] for i in (0, -1))
    assert bad != good
    assert "20 of 24 samples fail" in shown(told, "summary")["default"]


def test_bars_are_coloured_by_verdict_where_a_policy_judged(run, panel, city, tmp_path):
    policy = tmp_path / "batch.gate.yaml"
    policy.write_text(streets.POLICY.format(name=city.name))
    run("run_policy", city, {"policy": str(policy), "key": "gate"})

    found = traces(panel(city, "on_load"))

    colors = dict(zip(found["IoU"]["y"], found["IoU"]["marker"]["color"], strict=True))
    assert list(colors)[:2] == ["person", "car"]  # what fails is first, although pole is lower than car
    assert colors["person"] == colors["car"] != colors["pole"] == colors["sky"]
    assert ious(found["threshold"])["person"] == 0.6


def test_the_heatmap_is_the_confusion_of_numpy(run, panel, city):
    computed(run, city)

    found = traces(panel(city, "on_load"), "confusion")["heatmap"]

    table = streets.counts()
    for row, total, shares in zip(table.tolist(), table.sum(1).tolist(), found["z"], strict=True):
        assert shares == [n / total if total else None for n in row]
    assert found["x"] == found["y"] == [*streets.NAMES, "other"]


def test_a_click_shows_the_samples_of_the_class_worst_first_and_what_is_drawn_on_them(run, panel, city):
    computed(run, city)

    told = panel(city, "on_class", state={"key": "eval"}, id=str(streets.PERSON))

    values = {n: streets.iou(streets.counts([n]))["person"] for n in range(streets.IMAGES)}
    found = numbers(view_of(city, told))
    assert sorted(found) == sorted(n for n, value in values.items() if value is not None)
    assert [values[n] for n in found] == sorted(values[n] for n in found)
    assert told["set_active_fields"] == [{"fields": ["truth", "guess", "eval_iou.person"]}]
    assert told["notify"][0]["message"] == "Worst IoU of person first"


def test_a_class_on_neither_side_is_named_with_its_verdict(run, panel, city, tmp_path):
    policy = tmp_path / "batch.gate.yaml"
    policy.write_text(
        streets.POLICY.format(name=city.name).replace("name: pole}]", "name: pole}, {id: 6, name: bus}]")
    )
    run("run_policy", city, {"policy": str(policy), "key": "gate"})

    told = panel(city, "on_load")

    assert shown(told, "summary")["default"].endswith("on neither side: `bus` (MISSING)")
    assert "bus" not in traces(told)["IoU"]["y"]


@pytest.mark.parametrize("id_", [None, "99", "person", "-1"])
def test_a_click_on_no_class_changes_nothing(run, panel, city, id_):
    computed(run, city)

    told = panel(city, "on_class", id=id_)

    assert "set_view" not in told


def test_the_slices_of_a_field_are_pooled_over_their_samples(run, panel, city):
    computed(run, city)

    told = panel(city, "on_by", value="weather")

    rows = told["patch_panel_state"][-1]["state"]["slices"]
    wanted = {}
    for name, first in (("rain", 0), ("sun", 1)):
        found = streets.iou(streets.counts(range(first, streets.IMAGES, 3))).values()
        values = [value for value in found if value is not None]
        wanted[name] = f"{sum(values) / len(values):.3f}"
    assert {row["slice"]: row["mean"] for row in rows} == wanted
    assert {row["samples"] for row in rows} == {"8"}
    assert [row["mean"] for row in rows] == sorted(wanted.values())


def test_a_slice_is_shown_beside_the_whole_and_a_click_stays_in_it(run, panel, city):
    computed(run, city)

    rows = panel(city, "on_by", value="tags")["patch_panel_state"][-1]["state"]["slices"]
    row = [row["slice"] for row in rows].index("night")
    told = panel(city, "on_slice", state={"by": "tags"}, row=row)

    night = range(3, streets.IMAGES, 4)
    assert numbers(view_of(city, told)) == list(night)
    found = traces(told)
    assert ious(found["slice"]) == streets.iou(streets.counts(night))
    assert ious(found["IoU"]) == streets.iou(streets.counts())
    told = panel(city, "on_class", state={"by": "tags", "value": "night"}, id=str(streets.CAR))
    assert set(numbers(view_of(city, told))) <= set(night)


def test_the_current_view_is_a_slice_and_clicks_after_another_do_not_narrow_it(run, panel, city):
    computed(run, city)
    state = {"by": "current view"}
    night = city.match_tags("night")

    told = panel(city, "on_change_view", state=state, view=night)
    assert ious(traces(told)["slice"]) == streets.iou(streets.counts(range(3, streets.IMAGES, 4)))

    first = panel(city, "on_class", state=state, view=night, id=str(streets.CAR))
    cars = view_of(city, first)
    second = panel(city, "on_class", state=state, view=cars, id=str(streets.SKY))

    assert len(cars) < len(night)
    assert sorted(numbers(view_of(city, second))) == sorted(numbers(night))


def test_the_key_that_was_chosen_is_shown_and_the_newest_where_it_is_gone(run, panel, city):
    computed(run, city, key="one")
    computed(run, city, key="two", gold="guess", delivery="truth")

    one = shown(panel(city, "on_key", value="one"), "summary")["default"]
    gone = shown(panel(city, "on_load", state={"key": "three"}), "summary")["default"]

    assert "/truth` · delivery" in one
    assert "/guess` · delivery" in gone


def test_what_was_just_computed_is_shown(run, panel, city):
    computed(run, city, key="one")
    result = computed(run, city, key="two", gold="guess", delivery="truth").result

    told = panel(city, "on_done", state={"key": "one"}, result=result)

    assert "/guess` · delivery" in shown(told, "summary")["default"]
    assert told["patch_panel_state"][0]["state"]["menu.key"] == "two"


def test_scores_of_another_version_are_an_answer_and_not_a_crash(run, panel, city):
    computed(run, city)
    results = city.load_run_results("segcore_eval", cache=False)
    results.scores = {**results.scores, "schema": 99}
    city.save_run_results("segcore_eval", results, overwrite=True)

    told = panel(city, "on_load")

    assert "schema 99" in shown(told, "error")["default"]


def test_the_buttons_open_the_forms_of_the_operators(panel, city):
    for button, name in (("compute", "compute_scores"), ("policy", "run_policy")):
        (told,) = panel(city, button)["prompt_user_for_operation"]
        assert told["operator_uri"] == f"@segcore/segcore/{name}"


def test_names_of_classes_that_are_html_are_text(run, panel, dataset, fo, tmp_path, plugin):
    hostile = "<img src=x onerror=alert(1)>`**"
    made = dataset("hostile")
    labels = {
        key: {
            "truth": fo.Segmentation(mask=scenes.drawn("0011").astype("uint8")),
            "guess": fo.Segmentation(mask=scenes.drawn("0001").astype("uint8")),
        }
        for key in "ab"
    }
    scenes.add_samples(fo, made, tmp_path, labels, (1, 4))
    made.default_mask_targets = {0: "sky", 1: hostile, 2: hostile.replace("img", "`a`")}
    made.save()
    run("compute_scores", made, {"gold": "truth", "delivery": "guess", "key": "eval"})

    told = panel(made, "on_load")

    assert "<img" not in str(told["patch_panel_data"])
    assert "&lt;img" in traces(told)["IoU"]["y"][0]
    assert shown(told, "summary")["default"].endswith(
        "on neither side: `<'a' src=x onerror=alert(1)>'**`"
    )
