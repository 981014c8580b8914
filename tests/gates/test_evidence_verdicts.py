"""The verifier of a bundle comes to the verdicts of the judge, by a way of its own, and to no others."""

from __future__ import annotations

import datetime
from fractions import Fraction
from importlib.resources import files

import hypothesis
import pytest
from evidence_bundles import documents, evidence, forged, record_of, rule_of
from hypothesis import given
from hypothesis import strategies as st
from object_gate_scenes import DELIVERY, GOLD
from scipy import stats

from segcore_gates.cli.demo import FILES
from segcore_gates.evidence.reading import policy_remarks
from segcore_gates.evidence.verifier.binomial import DrawnShare, SharePoints, at_most
from segcore_gates.evidence.verifier.container import RejectedError
from segcore_gates.evidence.verifier.ratios import RatioPoints, adjusted
from segcore_gates.evidence.verifier.student_t import t_above, t_quantile
from segcore_gates.evidence.verifier.verdicts import outcome_of
from segcore_gates.evidence.verifier.verification import verified

# -- the mathematics ------------------------------------------------------------------------------


@given(st.floats(-40, 40), st.integers(1, 400))
def test_the_tail_of_student_is_that_of_scipy(t, degrees):
    assert t_above(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 30, 99, 1000])
@pytest.mark.parametrize("confidence", [0.6, 0.9, 0.95, 0.99, 0.999])
def test_the_quantile_of_student_is_that_of_scipy(confidence, degrees):
    assert t_quantile(confidence, degrees) == pytest.approx(stats.t.ppf(confidence, degrees), rel=1e-9)


@given(st.integers(1, 60), st.data())
def test_the_binomial_is_that_of_scipy(images, data):
    bad = data.draw(st.integers(0, images))
    share = Fraction(data.draw(st.integers(0, 100)), 100)

    expected = stats.binom.cdf(bad, images, float(share))

    assert float(at_most(bad, images, share)) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize(("bad", "images"), [(0, 20), (1, 20), (7, 50), (49, 50), (50, 50), (3, 2000)])
def test_the_bounds_of_a_share_are_those_of_clopper_and_pearson(bad, images):
    lower, upper = SharePoints(bad, images).interval(Fraction(1, 20))

    assert lower == pytest.approx(stats.beta.ppf(0.05, bad, images - bad + 1) if bad else 0.0, rel=1e-9)
    above = stats.beta.ppf(0.95, bad + 1, images - bad) if bad < images else 1.0
    assert upper == pytest.approx(above, rel=1e-9)


LARGE = (
    (950, 180, 40, 3900, 0, 610, 77, 1500, 260, 88, 720, 430, 55, 990, 2100, 310, 64, 140, 800, 37),
    (1000, 210, 55, 4200, 120, 640, 90, 1580, 300, 95, 760, 470, 80, 1010, 2250, 350, 90, 150, 850, 52),
)


@pytest.mark.parametrize(
    ("points", "certified", "lower"),
    [
        ([(90, 100)] * 30, True, 0.821692),
        ([(100, 100)] * 13, True, 0.802076),
        ([(100, 100)] * 12, False, None),
        (list(zip(*LARGE, strict=True)), False, 0.681132),
    ],
)
def test_the_bound_of_a_ratio_is_that_of_the_published_vectors(points, certified, lower):
    sample = RatioPoints(points)

    assert sample.certifies(Fraction(4, 5), 0.95) is certified
    if lower is not None:
        assert sample.interval(0.95)[0] == pytest.approx(lower, abs=5e-7)


def test_p_values_are_adjusted_by_holm():
    # Holm 1979: .01 x 4, .013 x 3, then .04 x 2 and .05 x 1, never falling
    found = adjusted({"d": 0.05, "a": 0.01, "c": 0.04, "b": 0.013})

    assert found == pytest.approx({"a": 0.04, "b": 0.04, "c": 0.08, "d": 0.08})


# -- every metric ---------------------------------------------------------------------------------

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


@given(st.integers(1, 40), st.data())
def test_bounds_of_a_finite_population_are_those_of_all_its_samples(images, data):
    population = images + data.draw(st.integers(1, 60))
    bad = data.draw(st.integers(0, images))
    allowed = data.draw(st.integers(0, population - 1))
    share, alpha = Fraction(allowed, population), Fraction(1, 20)
    points = DrawnShare(bad, images, population)

    few = float(stats.hypergeom.cdf(bad, population, allowed, images))
    many = float(stats.hypergeom.sf(bad - 1, population, allowed + 1, images))

    hypothesis.assume(min(abs(few - 0.05), abs(many - 0.05)) > 1e-9)
    assert points.keeps(share, alpha) is (
        allowed >= population - images + bad or (allowed > bad and few <= 0.05)
    )
    assert points.breaks(share, alpha) is (bad > 0 and (allowed < bad or many < 0.05))


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


# -- what a forger would like to change -----------------------------------------------------------


@pytest.fixture
def batch_bundle(tmp_path, write_batch):
    """Car is perfect, person has an IoU of one half of the 0.8 that are asked for."""
    return evidence(write_batch(tmp_path))


def passed(told):
    record = record_of(told, "class-iou[person]")
    record.update(verdict="PASS", blocks=False, reason="")
    told["report.json"]["outcome"] = "accept"
    return record


def better(told):
    passed(told)["value"] = 0.9


def other_limit_in_the_record(told):
    passed(told)["limit"]["applied"] = 0.4


def weaker_rule(told):
    passed(told)["limit"]["applied"] = 0.4
    rule_of(told, "class-iou[person]")["minimum"] = "0.4"


def only_a_warning(told):
    record_of(told, "class-iou[person]").update(verdict="WARN", blocks=False, severity="warn")
    told["report.json"]["outcome"] = "accept"


def left_out(told):
    told["records.json"]["records"] = told["records.json"]["records"][:-1]
    told["report.json"]["outcome"] = "accept"


def left_out_with_its_rule(told):
    left_out(told)
    told["rules.json"]["rules"] = told["rules.json"]["rules"][:-1]


def not_blocking(told):
    record_of(told, "class-iou[person]")["blocks"] = False
    told["report.json"]["outcome"] = "accept"


def wider_interval(told):
    record_of(told, "class-iou[person]")["interval"]["upper"] = 0.9


def more_images(told):
    record_of(told, "class-iou[person]")["support"]["images"] = 30


def more_found(told):
    told["counts.json"]["tables"]["pixels"]["person"]["intersection"] = [40, 40]


def less_gold(told):
    told["counts.json"]["tables"]["pixels"]["person"]["gold"] = [20, 20]


def delivered_after_all(told):
    told["counts.json"]["images"]["missing"] = ["001"]


def another_order(told):
    told["records.json"]["records"].reverse()


def twice(told):
    told["rules.json"]["rules"].append(told["rules.json"]["rules"][-1])


def hidden_fault(told):
    told["report.json"]["faults"] = [{"code": "delivery.missing_image"}]


def other_input(told):
    told["report.json"]["inputs"][0]["sha256"] = "0" * 64


def other_policy(told):
    for document in ("manifest.json", "report.json"):
        told[document]["policy"]["sha256"] = "0" * 64


def no_rules(told):
    del told["rules.json"]["rules"]


def no_classes(told):
    del told["counts.json"]["tables"]["pixels"]["person"]


def negative(told):
    told["counts.json"]["tables"]["pixels"]["person"]["gold"] = [-40, 120]


def a_text_for_a_number(told):
    told["counts.json"]["tables"]["pixels"]["person"]["gold"] = ["40", "40"]


def a_limit_that_is_none(told):
    rule_of(told, "class-iou[person]")["minimum"] = "9" * 1000


FORGERIES = (
    passed, better, other_limit_in_the_record, only_a_warning, left_out, not_blocking, wider_interval,
    more_images, more_found, less_gold, delivered_after_all, another_order, twice, hidden_fault,
    other_input, other_policy, no_rules, no_classes, negative, a_text_for_a_number, a_limit_that_is_none,
)  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_what_does_not_fit_together_is_rejected_however_well_it_is_hashed(batch_bundle, forgery):
    data = forged(batch_bundle, forgery)

    try:
        problems = verified(data).problems
    except RejectedError:
        return

    assert problems != []


def test_a_bundle_that_was_put_together_anew_without_a_change_is_the_same(batch_bundle):
    assert forged(batch_bundle, lambda told: None) == batch_bundle


@pytest.mark.parametrize("forgery", [weaker_rule, left_out_with_its_rule])
def test_rules_that_are_not_those_of_the_policy_need_segcore_to_be_seen(batch_bundle, forgery):
    data = forged(batch_bundle, forgery)

    found = verified(data)

    if forgery is weaker_rule:
        assert found.problems == []
    assert "policy.yaml" in "".join(policy_remarks(found.bundle).problems)


def test_outcomes_are_those_of_the_contract():
    blocking, warning = {"verdict": "FAIL", "blocks": True}, {"verdict": "WARN", "blocks": False}
    thin, error = {"verdict": "THIN", "blocks": True}, {"verdict": "ERROR", "blocks": True}

    assert outcome_of([blocking, error, thin], 3) == "reject"
    assert outcome_of([error, thin, warning], 3) == "error"
    assert outcome_of([thin, warning], 2) == "insufficient"
    assert outcome_of([warning], 1) == "accept"
    assert outcome_of([warning], 2) == outcome_of([], 0) == "insufficient"


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
