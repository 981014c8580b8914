"""The judge: what each verdict takes, what it does to the batch, and what the record says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segcore.evaluation import Evaluation, Images, InputInfo
from segcore.ontology import LabelClass, Ontology
from segcore.tally import Tally, TallyTable
from segcore_gates.records import Outcome, Record, Verdict, outcome, outcome_of_all
from segcore_gates.rules import ExtraImages, Judge, Level, Metric, Rule, Thin
from segcore_gates.verdict import adjusted_p_values, errored, judge_all, verdict

LETTERS = "cprt"
"""car, person, rider, truck; anything else in a drawing is nobody's."""

ONTOLOGY = Ontology(
    tuple(LabelClass(id=k, name=n) for k, n in enumerate(("car", "person", "rider", "truck"), start=1))
)


def confusion(gold: str, delivery: str) -> np.ndarray:
    """Count two drawings of the same size."""
    table = np.zeros((5, 5), np.int64)
    for g, d in zip(gold.replace(" ", ""), delivery.replace(" ", ""), strict=True):
        table[LETTERS.find(g) % 5, LETTERS.find(d) % 5] += 1
    return table


def batch(*tables: np.ndarray, missing=(), extra=(), instances=None) -> Evaluation:
    """An evaluation of images 000, 001, ...; ``missing`` are (key, gold drawing)."""
    rows = [(f"{k:03}", table) for k, table in enumerate(tables)]
    paired = tuple(key for key, _ in rows)
    rows += [(key, confusion(gold, "." * len(gold))) for key, gold in missing]
    known = None if instances is None else np.array(instances, np.int64)
    tallies = []
    for k, (key, table) in enumerate(rows):
        here = known if k == 0 or known is None else np.zeros_like(known)
        tallies.append((key, Tally.from_table(table, instances=here)))
    return Evaluation(
        ontology=ONTOLOGY,
        images=Images(
            gold=len(rows),
            paired=paired,
            missing_in_delivery=tuple(sorted(key for key, _ in missing)),
            extra_in_delivery=tuple(extra),
        ),
        tallies=TallyTable.from_tallies(tallies, num_classes=4),
        inputs=(InputInfo(role="gold", spec="coco:gold.json", images=len(rows), sha256="0" * 64),),
        counts={},
        faults=(),
        conventions={},
    )


def cars(*pairs: tuple[int, int], per=1) -> Evaluation:
    """Images of cars: (found pixels, gold pixels) each."""
    tables = []
    for found, gold in pairs:
        table = np.zeros((5, 5), np.int64)
        table[0, 0], table[0, 4] = found * per, (gold - found) * per
        tables.append(table)
    return batch(*tables)


def rule(name: str | None = "car", **changes) -> Rule:
    values = {
        "id": f"class-iou[{name}]",
        "gate": "class-iou",
        "metric": Metric.IOU,
        "class_name": name,
        "minimum": 0.8,
        "warn_below": None,
        "severity": Level.ERROR,
        "judge": Judge.ESTIMATE,
        "confidence": 0.95,
        "support_images": 1,
        "support_instances": 0,
        "thin": Thin.WARN,
        "absent": Level.ERROR,
        "extra_images": ExtraImages.ALLOW,
        "line": 7,
    }
    return Rule(**{**values, **changes})


def coverage(**changes) -> Rule:
    return rule(None, **{"id": "coverage", "gate": "coverage", "metric": Metric.COVERAGE, **changes})


def mean_iou(**changes) -> Rule:
    return rule(None, **{"id": "mean-iou", "gate": "mean-iou", "metric": Metric.MEAN_IOU, **changes})


def seen(record: Record) -> tuple[Verdict, bool]:
    return record.verdict, record.blocks


# -- the estimate ---------------------------------------------------------------------------------


def test_a_class_passes_at_its_threshold():
    record = verdict(rule(minimum=0.8), cars((8, 10)))

    assert seen(record) == (Verdict.PASS, False)
    assert record.value == 0.8
    assert record.reason == ""


@pytest.mark.parametrize("minimum", [0.1, 0.3, 0.7, 0.85, 0.95, 0.975, 0.999])
def test_a_decimal_threshold_is_the_decimal_and_not_its_nearest_double(minimum):
    thousandths = round(minimum * 1000)

    at = verdict(rule(minimum=minimum), cars((thousandths, 1000), per=7))
    below = verdict(rule(minimum=minimum), cars((thousandths * 10**6 - 1, 10**9)))

    assert at.verdict is Verdict.PASS
    assert below.verdict is Verdict.FAIL


def test_just_below_the_threshold_fails():
    record = verdict(rule(), cars((799_999, 1_000_000)))

    assert seen(record) == (Verdict.FAIL, True)
    assert record.value == 0.799999
    assert (record.limit_kind, record.limit) == ("min", 0.8)


def test_below_the_threshold_fails_even_on_thin_evidence():
    record = verdict(rule(support_images=30, thin=Thin.SKIP), cars((7, 10)))

    assert seen(record) == (Verdict.FAIL, True)


def test_at_the_threshold_with_too_few_images_is_thin():
    record = verdict(rule(support_images=2), cars((9, 10)))

    assert seen(record) == (Verdict.THIN, False)
    assert record.reason == "1 gold image < 2"


def test_at_the_threshold_with_too_few_instances_is_thin():
    evaluation = batch(confusion("cc", "cc"), instances=[3, 0, 0, 0])

    assert verdict(rule(support_instances=3), evaluation).verdict is Verdict.PASS
    record = verdict(rule(support_instances=4), evaluation)

    assert record.verdict is Verdict.THIN
    assert record.reason == "3 gold instances < 4"


def test_instances_are_not_asked_for_where_gold_does_not_tell_them_apart():
    record = verdict(rule(support_instances=50), batch(confusion("cc", "cc")))

    assert record.verdict is Verdict.PASS
    assert record.instances is None


def test_below_the_soft_limit_warns_and_names_it():
    record = verdict(rule(warn_below=0.9), cars((85, 100)))

    assert seen(record) == (Verdict.WARN, False)
    assert (record.limit_kind, record.limit) == ("warn_below", 0.9)
    assert record.reason == "below 0.90"


def test_at_the_soft_limit_passes():
    assert verdict(rule(warn_below=0.9), cars((90, 100))).verdict is Verdict.PASS


# -- absent and missing ---------------------------------------------------------------------------


def test_a_class_neither_side_has_is_missing_and_has_no_value():
    record = verdict(rule("truck"), cars((9, 10)))

    assert seen(record) == (Verdict.MISSING, True)
    assert record.value is None
    assert record.interval is None
    assert record.reason == "neither gold nor delivery contains truck"


def test_a_class_that_may_be_absent_does_not_block():
    assert seen(verdict(rule("truck", absent=Level.WARN), cars((9, 10)))) == (Verdict.MISSING, False)


@pytest.mark.parametrize("judge", list(Judge))
def test_a_class_that_was_not_delivered_is_zero_and_fails(judge):
    record = verdict(rule("person", judge=judge), batch(confusion("ppc", "..c")))

    assert seen(record) == (Verdict.FAIL, True)
    assert record.value == 0.0
    assert record.reason == "person is in 1 gold image and nowhere in the delivery"


def test_a_class_that_only_the_delivery_has_is_zero_and_fails():
    record = verdict(rule("person"), batch(confusion("..c", "ppc")))

    assert seen(record) == (Verdict.FAIL, True)
    assert (record.value, record.images) == (0.0, 0)
    assert record.reason == "person is in the delivery and nowhere in the gold"


def test_a_missing_image_counts_with_all_its_pixels():
    record = verdict(rule(), batch(confusion("cccc", "cccc"), missing=[("zzz", "cccc")]))

    assert record.value == 0.5
    assert record.images == 2
    assert [(w.image, w.value) for w in record.worst] == [("zzz", 0.0)]


# -- severity, thin, strict -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["car", "truck"])
def test_severity_warn_never_blocks_and_keeps_the_reason(name):
    strict_rule, soft_rule = rule(name), rule(name, severity=Level.WARN)
    evaluation = cars((1, 10))

    hard, soft = verdict(strict_rule, evaluation), verdict(soft_rule, evaluation)

    assert hard.blocks
    assert seen(soft) == (Verdict.WARN, False)
    assert soft.reason == hard.reason != ""


@pytest.mark.parametrize(
    ("thin", "blocks", "reason"),
    [
        (Thin.WARN, False, "1 gold image < 30"),
        (Thin.ERROR, True, "1 gold image < 30"),
        (Thin.SKIP, False, "skipped: 1 gold image < 30"),
    ],
)
def test_what_thin_evidence_does_is_up_to_the_policy(thin, blocks, reason):
    record = verdict(rule(support_images=30, thin=thin), cars((9, 10)))

    assert seen(record) == (Verdict.THIN, blocks)
    assert record.reason == reason


def test_thin_evidence_does_not_block_where_a_failure_would_not():
    record = verdict(rule(support_images=30, thin=Thin.ERROR, severity=Level.WARN), cars((9, 10)))

    assert seen(record) == (Verdict.THIN, False)


@pytest.mark.parametrize(
    ("changes", "expected", "came_to"),
    [
        ({"warn_below": 0.95}, Verdict.WARN, Outcome.REJECT),
        ({"minimum": 0.95, "severity": Level.WARN}, Verdict.WARN, Outcome.REJECT),
        ({"support_images": 30}, Verdict.THIN, Outcome.INSUFFICIENT),
        ({"support_images": 30, "thin": Thin.SKIP}, Verdict.THIN, Outcome.ACCEPT),
        ({"name": "truck", "absent": Level.WARN}, Verdict.MISSING, Outcome.REJECT),
        ({}, Verdict.PASS, Outcome.ACCEPT),
    ],
)
def test_strict_promotes_warnings_and_thin_evidence(changes, expected, came_to):
    evaluation = cars((9, 10))

    lenient = verdict(rule(**changes), evaluation)
    strict = verdict(rule(**changes), evaluation, strict=True)

    assert seen(lenient) == (expected, False)
    assert strict.verdict is expected
    assert outcome([lenient]) is Outcome.ACCEPT
    assert outcome([strict]) is came_to


# -- the bound ------------------------------------------------------------------------------------


def bound(name="car", **changes) -> Rule:
    return rule(name, judge=Judge.BOUND, **changes)


def test_the_bound_certifies_thirteen_perfect_images_and_asks_for_more_at_twelve():
    enough = verdict(bound(), cars(*[(100, 100)] * 13))
    few = verdict(bound(), cars(*[(100, 100)] * 12))

    assert seen(enough) == (Verdict.PASS, False)
    assert enough.interval.lower == pytest.approx(0.802076, abs=1e-6)
    assert few.verdict is Verdict.THIN
    assert few.images_needed == 14
    assert few.reason == (
        "not enough evidence for 0.80: the true value lies between 0.7860 and 1.0000 by 12 images, "
        "about 2 more needed if the estimate is right"
    )


def test_the_bound_asks_for_the_policys_support_too():
    record = verdict(bound(support_images=30), cars(*[(100, 100)] * 13))

    assert record.verdict is Verdict.THIN
    assert record.reason == "13 gold images < 30"


def test_the_bound_fails_what_is_surely_below():
    record = verdict(bound(), cars((70, 100), (71, 100), (69, 100), (70, 100), (72, 100)))

    assert seen(record) == (Verdict.FAIL, True)
    assert record.reason.startswith("even the upper bound 0.7")


def test_the_bound_needs_five_images_to_fail():
    record = verdict(bound(), cars((70, 100), (71, 100), (69, 100), (70, 100)))

    assert record.verdict is Verdict.THIN
    assert record.reason.endswith("and the estimate itself is not above the floor")


def test_the_bound_judges_the_soft_limit_by_the_bound_too():
    record = verdict(bound(warn_below=0.85), cars(*[(100, 100)] * 13))

    assert seen(record) == (Verdict.WARN, False)
    assert (record.limit_kind, record.limit) == ("warn_below", 0.85)


def shaky(index: int, offset: int) -> np.ndarray:
    """Six images of one class whose test alone has a p value a little under .05."""
    table = np.zeros((5, 5), np.int64)
    table[index, index], table[index, 4] = offset, 1000 - offset
    return table


SHAKY = (760, 800, 700, 790, 780, 670)


def test_one_class_below_fails_alone_and_not_among_many_by_holm():
    alone = batch(*(shaky(0, o) for o in SHAKY))
    among = batch(*(sum(shaky(k, o) for k in range(4)) for o in SHAKY))
    family = [bound(name) for name in ("car", "person", "rider", "truck")]

    p = adjusted_p_values([bound()], alone)["class-iou[car]"]

    assert 0.0125 < p < 0.05
    assert verdict(bound(), alone).verdict is Verdict.FAIL
    assert {r.verdict for r in judge_all(family, among)} == {Verdict.THIN}


def test_gates_are_families_of_their_own():
    among = batch(*(sum(shaky(k, o) for k in range(4)) for o in SHAKY))
    rules = [bound(name, gate=name) for name in ("car", "person", "rider", "truck")]

    assert {r.verdict for r in judge_all(rules, among)} == {Verdict.FAIL}


def test_one_rule_at_a_time_gives_the_same_records_as_all_at_once():
    tables = [sum(shaky(k, o) for k in range(3)) for o in SHAKY]
    evaluation = batch(*tables, missing=[("zzz", "cp")], extra=("extra",))
    rules = [
        *(bound(name) for name in ("car", "person", "rider", "truck")),
        *(rule(name, id=f"floor[{name}]", gate="floor") for name in ("car", "truck")),
        mean_iou(),
        coverage(minimum=1.0),
    ]

    adjusted = adjusted_p_values(rules, evaluation)
    one_by_one = tuple(verdict(r, evaluation, adjusted_p=adjusted.get(r.id)) for r in rules)

    assert one_by_one == judge_all(rules, evaluation)


# -- mean and coverage ----------------------------------------------------------------------------


def test_the_mean_passes_at_its_threshold_and_fails_just_below():
    evaluation = batch(confusion("cccccppp", "ccccc.pp"))  # car 5/5, person 2/3

    at = verdict(mean_iou(minimum=0.8), evaluation)
    above = verdict(mean_iou(minimum=0.8333333333333335), evaluation)

    assert at.verdict is Verdict.PASS
    assert at.value == pytest.approx(5 / 6)
    assert at.interval is None
    assert above.verdict is Verdict.FAIL


def test_the_mean_of_thirds_is_compared_exactly():
    evaluation = batch(confusion("ccc ppp rrr", "c.. p.. r.."))

    assert verdict(mean_iou(minimum=0.3333333333333333), evaluation).verdict is Verdict.PASS
    assert verdict(mean_iou(minimum=0.3333333333333334), evaluation).verdict is Verdict.FAIL


def test_the_mean_of_no_class_is_missing():
    assert verdict(mean_iou(), batch(confusion("..", ".."))).verdict is Verdict.MISSING


def test_the_mean_cannot_be_judged_by_a_bound():
    record = verdict(mean_iou(judge=Judge.BOUND), cars((9, 10)))

    assert seen(record) == (Verdict.ERROR, True)
    assert outcome([record]) is Outcome.ERROR


def test_coverage_is_the_delivered_share_and_names_what_is_missing():
    missing = [(f"m{k:02}", "c") for k in range(12)]
    evaluation = batch(*[confusion("c", "c")] * 4, missing=missing)

    record = verdict(coverage(minimum=0.25), evaluation)
    failed = verdict(coverage(minimum=1.0), evaluation)

    assert seen(record) == (Verdict.PASS, False)
    assert record.value == 0.25
    assert seen(failed) == (Verdict.FAIL, True)
    assert failed.reason.startswith("12 of 16 gold images not delivered: m00, m01,")
    assert failed.reason.endswith("m09 and 2 more")
    assert [w.image for w in failed.worst] == [f"m{k:02}" for k in range(10)]


@pytest.mark.parametrize(
    ("extra_images", "expected"),
    [
        (ExtraImages.ALLOW, (Verdict.PASS, False)),
        (ExtraImages.WARN, (Verdict.WARN, False)),
        (ExtraImages.ERROR, (Verdict.FAIL, True)),
    ],
)
def test_what_extra_images_do_is_up_to_the_policy(extra_images, expected):
    evaluation = batch(confusion("c", "c"), extra=("spare",))

    assert seen(verdict(coverage(minimum=1.0, extra_images=extra_images), evaluation)) == expected


# -- what the record says -------------------------------------------------------------------------


def test_the_two_largest_confusions_are_shares_of_what_was_missed():
    record = verdict(rule("person"), batch(confusion("pppp pppp pp", "rrrc ..pp pp")))

    said = [c.describe("person") for c in record.confusions]

    assert said == [
        "50 % of missed person pixels went to rider",
        "33 % of missed person pixels went to <other> (no class delivered)",
    ]


def test_pixels_taken_from_others_are_confusions_too():
    record = verdict(rule("person"), batch(confusion("pp cccr", "pp pppp")))

    said = [c.describe("person") for c in record.confusions]

    assert said == [
        "75 % of extra person pixels came from car",
        "25 % of extra person pixels came from rider",
    ]


def test_the_worst_images_come_first_and_perfect_ones_not_at_all():
    evaluation = cars((9, 10), (10, 10), (1, 10), (2, 20), (5, 10), (6, 10), (7, 10), (8, 10))

    worst = verdict(rule(), evaluation).worst

    assert [(w.image, w.value) for w in worst] == [
        ("003", 0.1), ("002", 0.1), ("004", 0.5), ("005", 0.6), ("006", 0.7)
    ]  # fmt: skip


def test_a_record_survives_json():
    tables = [sum(shaky(k, o) for k in range(3)) for o in SHAKY]
    evaluation = batch(*tables, missing=[("zzz", "cp")])
    rules = [bound("car"), rule("person"), rule("truck"), coverage(), mean_iou()]

    for record in (*judge_all(rules, evaluation), errored(rule(), "no input")):
        assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_the_json_record_has_the_keys_of_the_contract():
    data = verdict(rule(), cars((7, 10))).to_json()

    assert {
        "id", "metric", "class", "slice", "value", "limit", "interval", "support", "severity", "verdict",
        "reason", "confusions", "worst", "policy_line",
    } <= set(data)  # fmt: skip
    assert data["id"] == "class-iou[car]"
    assert data["limit"] == {"kind": "min", "applied": 0.8}
    assert data["worst"] == [{"image": "000", "value": 0.7, "annotator": None, "link": None}]


def test_a_class_the_evaluation_does_not_have_is_an_error_of_the_caller():
    with pytest.raises(KeyError, match="no class 'bike'"):
        verdict(rule("bike"), cars((9, 10)))


# -- the outcome ----------------------------------------------------------------------------------


def test_the_outcome_follows_the_worst_that_blocks():
    evaluation = cars((9, 10))
    passed = verdict(rule(), evaluation)
    thin = verdict(rule(support_images=9, thin=Thin.ERROR), evaluation)
    failed = verdict(rule(minimum=0.95), evaluation)
    missing = verdict(rule("truck"), evaluation)
    error = errored(rule(), "no input")

    assert outcome([passed]) is Outcome.ACCEPT
    assert outcome([passed, thin]) is Outcome.INSUFFICIENT
    assert outcome([passed, thin, failed]) is Outcome.REJECT
    assert outcome([passed, missing]) is Outcome.REJECT
    assert outcome([thin, error]) is Outcome.ERROR
    assert outcome([error], invalid=True) is Outcome.INVALID


def test_nothing_judged_is_not_accepted():
    assert outcome([]) is Outcome.INSUFFICIENT
    assert outcome_of_all([]) is Outcome.INSUFFICIENT


def test_the_exit_codes_are_those_of_the_contract():
    assert {o.value: o.exit_code for o in Outcome} == {
        "accept": 0, "reject": 1, "insufficient": 2, "invalid": 3, "error": 5
    }  # fmt: skip
