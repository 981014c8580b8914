"""The verifier of a bundle comes to the verdicts of the judge, by a way of its own, and to no others."""

from __future__ import annotations

import datetime
import hashlib
from importlib.resources import files

import numpy as np
import pytest
from evidence_bundles import documents, evidence, forged, record_of
from object_gate_scenes import DELIVERY, GOLD
from PIL import Image
from slice_scenes import cars, save

from segcore_gates.cli.demo import FILES
from segcore_gates.cli.lock import lock
from segcore_gates.evidence.reading import policy_remarks
from segcore_gates.evidence.verifier.command import lines_of
from segcore_gates.evidence.verifier.verification import verified

ONTOLOGY = (
    "ontology: {classes: [{id: 1, name: car, thing: true}, {id: 2, name: person, thing: true}, "
    "{id: 3, name: rider, thing: false}]}\ngroups: {people: [person, rider]}\n"
)
LIMITS = (0.01, 0.5, 0.999)
METRICS = (
    "metric: iou",
    "metric: iou, judge: bound",
    "metric: iou, warn_below: {default: 0.9995}",
    "metric: iou, severity: warn",
    "metric: iou, thin: error, support: {images: 9}",
    "metric: iou, absent: warn",
    "metric: boundary-iou, dilation: 0.02",
    "metric: boundary-iou, dilation: 3px, judge: bound",
    "metric: nsd, tolerance_px: 2",
    "metric: nsd, tolerance_px: 2, judge: bound, confidence: 0.9",
    "metric: boundary-f1, tolerance_px: 1.5",
    'metric: f1, iou: "0.5", classes: [car, person]',
    'metric: f1, iou: "0.5", classes: [car, person], judge: bound',
    'metric: f1, iou: "0.5", classes: [car, person], dilation: 2px',
    'metric: precision, iou: "0.75", classes: [car, person]',
    'metric: recall, iou: "0.75", classes: [car, person], judge: bound',
    'metric: matched-iou, iou: "0.5", classes: [car, person]',
    "metric: good-object-share, curve: {100: 0.4, 1000: 0.9}, classes: [car, person]",
    "metric: pq",
    "metric: pq, judge: bound",
    "metric: rq, judge: bound",
    "metric: sq",
)
MORE = """\
sizes: {metric: f1, iou: "0.5", classes: [car, person], sizes: {small: {default: 0.5}}}
large: {metric: recall, iou: "0.5", classes: [car], sizes: {large: {default: 0.9}}, judge: bound}
bad: {metric: bad-image-share, below_iou: 0.5, max: {default: 0.3}}
bad-bound: {metric: bad-image-share, below_iou: 0.5, max: {default: 0.3}, judge: bound}
hd: {metric: hd95, max: {default: 3}, warn_above: {default: 1}}
assd: {metric: assd, max: {default: 3}}
mean: {metric: mean-iou, min: 0.5}
mean-pq: {metric: mean-pq, min: 0.5}
stuff: {metric: mean-pq, min: 0.5, classes: stuff}
people: {metric: iou, classes: [people], min: {default: 0.5}}
people-bound: {metric: iou, classes: [people], min: {default: 0.5}, judge: bound}
people-nsd: {metric: nsd, tolerance_px: 2, classes: [people], min: {default: 0.5}}
people-pq: {metric: pq, classes: [people], min: {default: 0.5}}
ap: {metric: ap, iou: "0.5", classes: [car], min: {default: 0.5}}
ar: {metric: ar, iou: "0.5:0.95", classes: [car], min: {default: 0.5}}
ap-mean: {metric: ap, iou: "0.5:0.95", classes: [car, person], min: {default: 0.5}}
ap-small: {metric: ap, iou: "0.5:0.95", classes: [car], sizes: {small: {default: 0.3}}}
ap-equal: {metric: ap, iou: "0.5", scores: equal, classes: [car], min: {default: 0.5}}
ap-area: {metric: ap, iou: "0.75", scores: area, classes: [car], min: {default: 0.5}}
ap-outline: {metric: boundary-ap, iou: "0.5", dilation: 2px, classes: [car], min: {default: 0.5}}
"""
GATES = MORE + "".join(
    f"g{k}-{n}: {{{metric}, min: {{default: {limit}}}}}\n"
    for k, metric in enumerate(METRICS)
    for n, limit in enumerate(LIMITS)
    if "warn_below" not in metric or n < 2
)
GROUND = (0, 255, 300, 45)
SIDES = {
    "found and missed": (
        [{**one, "rider": [GROUND]} for one in GOLD * 3],
        [{**one, "rider": [(0, 260, 290, 40)]} for one in DELIVERY * 3],
    ),
    "the same": ([{"car": [(0, 0, 40, 40)], "rider": [GROUND]}] * 12,) * 2,
    "only the gold": ([{"car": [(0, 0, 40, 40)]}] * 6, [{"rider": [GROUND]}] * 6),
    "only the delivery": ([{"rider": [GROUND]}] * 6, [{"car": [(0, 0, 40, 40)]}] * 6),
    "one not delivered": ([{"car": [(0, 0, 40, 40)]}] * 6, [{"car": [(0, 0, 40, 36)]}] * 5),
    "nothing": ([{}] * 2, [{}] * 2),
    "one image": ([{"car": [(0, 0, 40, 40)]}], [{"car": [(2, 2, 40, 40)]}]),
}


def scored(images):
    return [
        {name: [(*box[:4], *(box[4:] or (50,))) for box in boxes] for name, boxes in one.items()}
        for one in images
    ]


@pytest.fixture(scope="module")
def judged_bundle(tmp_path_factory, request):
    """A function that gives the bundle of a named pair of sides, judged by every metric."""
    known = {}

    def of(sides, write_objects):
        if sides not in known:
            gold, delivery = SIDES[sides]
            folder = tmp_path_factory.mktemp("batch")
            path = write_objects(folder, gold, scored(delivery), GATES, ontology=ONTOLOGY)
            known[sides] = evidence(path)
        return known[sides]

    return of


@pytest.mark.parametrize("sides", SIDES)
def test_verdicts_by_every_metric_follow_from_the_counts(judged_bundle, write_objects, sides):
    found = verified(judged_bundle(sides, write_objects))

    assert found.problems == []
    assert policy_remarks(found.bundle).problems == ()
    told = {record["id"]: record for record in found.bundle.records}
    assert found.limited + found.unjudged == []
    assert len(found.recomputed) == len(told) > 150


def test_the_scenes_hold_every_verdict(judged_bundle, write_objects):
    verdicts = {
        (record["judge"], record["verdict"])
        for sides in SIDES
        for record in documents(judged_bundle(sides, write_objects))["records.json"]["records"]
    }

    assert {verdict for judge, verdict in verdicts if judge == "estimate"} >= {
        "PASS", "WARN", "THIN", "FAIL", "MISSING",
    }  # fmt: skip
    assert {verdict for judge, verdict in verdicts if judge == "bound"} >= {"PASS", "THIN", "FAIL"}


@pytest.mark.parametrize("sides", ["found and missed", "one not delivered"])
def test_under_strict_warnings_block_for_the_verifier_too(tmp_path, write_objects, sides):
    gold, delivery = SIDES[sides]
    path = write_objects(tmp_path, gold, scored(delivery), GATES, ontology=ONTOLOGY)

    data = evidence(path, strict=True)

    assert verified(data).problems == []
    lenient = forged(data, lambda told: told["rules.json"].update(strict=False))
    assert any("consequence" in problem for problem in verified(lenient).problems)


@pytest.mark.parametrize("sides", ["found and missed", "one not delivered", "the same"])
@pytest.mark.parametrize(
    "drawn",
    [
        "coverage: {sampled_from: 20, gold_images: 0}\n",
        "coverage: {sampled_from: 4000, gold_images: 0}\n",
        "coverage: {sampled_from: 12, gold_images: 0}\n",
        "looks: {at: [6, 9], strict: true}\n",
        "looks: {at: [5, 12, 20]}\n",
    ],
)
def test_how_the_gold_was_drawn_counts_for_the_verifier_too(tmp_path, write_objects, sides, drawn):
    gold, delivery = SIDES[sides]
    path = write_objects(tmp_path, gold, scored(delivery), GATES, ontology=ONTOLOGY + drawn)

    found = verified(evidence(path))

    assert found.problems == []
    assert policy_remarks(found.bundle).problems == ()


@pytest.mark.parametrize(
    ("waiver", "verdict"),
    [
        ("{gate: 'class-iou[person]', until: 2026-12-01, floor: 0.4, reason: r, by: b}", "WAIVED"),
        ("{gate: 'class-iou[person]', until: 2026-12-01, floor: 0.6, reason: r, by: b}", "FAIL"),
        ("{gate: 'class-iou[person]', until: 2026-10-01, floor: 0.4, reason: r, by: b}", "FAIL"),
        ("{gate: 'class-iou[car]', until: 2026-12-01, floor: 0.4, reason: r, by: b}", "FAIL"),
    ],
)
def test_a_waiver_is_looked_at_again(tmp_path, write_batch, policy_text, monkeypatch, waiver, verdict):
    monkeypatch.setattr("segcore_gates.day.today", lambda: datetime.date(2026, 11, 24))
    path = write_batch(tmp_path, policy=f"{policy_text}waivers: [{waiver}]\n")

    data = evidence(path)

    assert record_of(documents(data), "class-iou[person]")["verdict"] == verdict
    assert verified(data).problems == []
    assert policy_remarks(verified(data).bundle).problems == ()
    if verdict == "WAIVED":
        late = forged(data, lambda told: told["run.json"]["run"].update(day="2026-12-02"))
        other = forged(data, lambda told: told["rules.json"]["waivers"][0].update(floor="0.6"))
        assert any("verdict" in problem for problem in verified(late).problems)
        assert any("verdict" in problem for problem in verified(other).problems)


def test_a_run_of_some_gates_is_not_accepted(tmp_path, write_batch):
    path = write_batch(tmp_path)

    data = evidence(path, only=2)

    assert documents(data)["manifest.json"]["outcome"] == "insufficient"
    assert verified(data).problems == []
    told = forged(data, lambda told: told["report.json"].update(outcome="accept"))
    assert verified(told).problems == [
        "the verdicts come to 'insufficient', the manifest says otherwise"
    ]


# -- real data ------------------------------------------------------------------------------------


def test_the_verdicts_of_the_demo_follow_from_its_counts(tmp_path):
    for name in FILES:
        (tmp_path / name).write_bytes((files("segcore_gates") / "sample" / name).read_bytes())

    found = verified(evidence(tmp_path / "batch.gate.yaml"))

    assert found.problems == []
    assert found.bundle.manifest["outcome"] == "reject"
    assert len(found.recomputed) == len(found.bundle.records) > 10


def test_what_is_in_a_bundle_of_real_objects_follows_from_it(tmp_path, shared_data):
    folder = shared_data("coco_val2014_100")
    gold = folder / "instances_val2014_100.json"
    detections = folder / "instances_val2014_fakesegm100_results.json"
    path = tmp_path / "batch.gate.yaml"
    path.write_text(
        f"version: 1\ngold: coco:{gold}\ndelivery: coco:{detections}?gt={gold}\n"
        "coverage: {gold_images: 0}\ngates:\n"
        "  iou: {metric: iou, min: {default: 0.5}, judge: bound, thin: warn}\n"
        "  f1: {metric: f1, iou: 0.5, min: {default: 0.5}, judge: bound, thin: warn}\n"
        "  small: {metric: recall, iou: 0.5, sizes: {small: {default: 0.2}}}\n"
        "  ap: {metric: ap, iou: 0.5:0.95, min: {default: 0.3}}\n"
        "  bad: {metric: bad-image-share, below_iou: 0.5, max: {default: 0.4}, judge: bound}\n"
        "  nsd: {metric: nsd, tolerance_px: 3, min: {default: 0.5}}\n"
    )

    found = verified(evidence(path))

    assert found.problems == []
    assert len(found.recomputed) == len(found.bundle.records) > 300


def test_what_is_in_a_bundle_of_label_maps_follows_from_it(tmp_path):
    rng = np.random.default_rng(7)
    for side in ("gold", "delivery"):
        (tmp_path / side).mkdir()
    for k in range(9):
        gold = rng.choice([7, 11, 26, 255], size=(16, 32), p=[0.6, 0.2, 0.1, 0.1]).astype(np.uint8)
        delivery = np.where(rng.random(gold.shape) < 0.9, gold, 7).astype(np.uint8)
        Image.fromarray(gold).save(tmp_path / "gold" / f"{k}.png")
        Image.fromarray(delivery).save(tmp_path / "delivery" / f"{k}.png")
    path = tmp_path / "batch.gate.yaml"
    path.write_text(
        "version: 1\ngold: png:gold\ndelivery: png:delivery\n"
        "ontology:\n  classes: [{id: 7, name: road}, {id: 11, name: building}, {id: 26, name: car}]\n"
        "  ignore: 255\n"
        "gates:\n"
        "  iou: {metric: iou, min: {default: 0.85}, judge: bound}\n"
        "  outline: {metric: boundary-iou, dilation: 1px, min: {default: 0.5}}\n"
        "  mean: {metric: mean-iou, min: 0.5}\n"
    )

    found = verified(evidence(path))

    assert found.problems == []
    assert len(found.recomputed) == len(found.bundle.records) == 8


# -- checks of other kinds ------------------------------------------------------------------------


def test_of_other_checks_the_recorded_value_is_held_against_its_limit(tmp_path):
    rows = cars(9, 9, 9, 5)
    path = save(
        tmp_path,
        rows,
        "who: {by: annotator, of: class-iou, max_gap: 0.05, severity: error}",
        annotators=["ann", "ann", "bob", "bob"],
    )

    data = evidence(path)

    found = verified(data)
    assert (found.problems, found.limited) == ([], ["slice[who]"])
    assert policy_remarks(found.bundle).problems == ()
    assert record_of(documents(data), "slice[who]")["verdict"] == "FAIL"
    assert "limit checked against the recorded value: 1 (slice[who])" in lines_of(found)


def excused(told):
    record_of(told, "slice[who]").update(verdict="PASS", blocks=False)
    told["report.json"]["outcome"] = "accept"


def let_off(told):
    record_of(told, "slice[who]")["blocks"] = False
    told["report.json"]["outcome"] = "accept"


@pytest.mark.parametrize("forgery", [excused, let_off])
def test_another_check_does_not_pass_beyond_its_limit(tmp_path, forgery):
    slices = "who: {by: annotator, of: class-iou, max_gap: 0.05, severity: error}"
    path = save(tmp_path, cars(9, 9, 9, 5), slices, annotators=["ann", "ann", "bob", "bob"])

    assert verified(forged(evidence(path), forgery)).problems != []


def test_a_lock_is_named_as_not_compared_with_the_policy(tmp_path, write_batch, policy_text):
    section = "format: {lock: form.lock.json, fields: [encoding]}\n"
    path = write_batch(tmp_path, policy=policy_text + section)
    assert lock(path) == 0

    found = verified(evidence(path))

    remarks = policy_remarks(found.bundle)
    assert (found.problems, found.limited, remarks.problems) == ([], ["format-lock"], ())
    digest = hashlib.sha256((tmp_path / "form.lock.json").read_bytes()).hexdigest()
    assert found.bundle.manifest["files"] == {"format.lock": {"sha256": digest}}
    assert remarks.notes == (
        "not compared with the policy, since the files they rest on are not here: format-lock",
    )


def test_the_manifest_says_of_a_baseline_that_there_is_none_yet(tmp_path, write_batch, policy_text):
    section = "regression: {baseline: accepted.json, of: [class-iou], max_drop: {default: 0.01}}\n"
    path = write_batch(tmp_path, policy=policy_text + section)

    found = verified(evidence(path))

    assert found.problems == []
    assert found.bundle.manifest["files"] == {"regression.baseline": None}
