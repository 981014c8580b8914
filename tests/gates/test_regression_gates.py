"""A batch against the last accepted one: paired by image, exact, and never a silent pass."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace

import numpy as np
import pytest
from regression_batches import HEAD, IOU, accept, compare, opened, policy
from scipy import stats

from segcore.errors import UsageError
from segcore_gates.errors import PolicyError
from segcore_gates.metrics import METRICS
from segcore_gates.policy_file import load_policy
from segcore_gates.records import LimitKind, Record, Verdict
from segcore_gates.regression.baseline_file import read_baseline, write_baseline
from segcore_gates.regression.comparing import compared_images
from segcore_gates.regression.image_sums import SUMS
from segcore_gates.rules import Metric
from segcore_gates.text import explain, headline

CAR = "regression[class-iou,car]"
PERSON = "regression[class-iou,person]"

FULL = {"car": (0, 10)}  # 100 pixels
LESS = {"car": (0, 9)}  # 90 of them


def accepted_then(write_batch, folder, *, before, now, gold=(FULL, FULL), **options):
    """Accept ``before``, deliver ``now``; the policy file."""
    text = policy(**options)
    path = write_batch(folder, gold=gold, delivery=before, policy=text)
    accept(path)
    return write_batch(folder, gold=gold, delivery=now, policy=text)


# -- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_drop", "verdict"),
    [("0.05", Verdict.PASS), ("0.0499", Verdict.FAIL), ("0", Verdict.FAIL), ("0.9", Verdict.PASS)],
)
def test_a_drop_at_the_limit_is_kept_and_one_above_it_fails(tmp_path, write_batch, max_drop, verdict):
    """One row of two images is lost: 200 of 200 pixels then, 190 of 200 now."""
    path = accepted_then(
        write_batch,
        tmp_path,
        before=(FULL, FULL),
        now=(FULL, LESS),
        max_drop=f"{{default: {max_drop}}}",
    )

    record = compare(path)[CAR]

    assert record.verdict is verdict
    assert record.blocks is (verdict is Verdict.FAIL)
    assert record.value == 0.05
    assert (record.limit_kind, record.limit) == (LimitKind.MAX_DROP, float(max_drop))
    assert (record.metric, record.class_name, record.gate) == (Metric.IOU, "car", "regression")
    assert record.reason == "1.0000 in the accepted batch, 0.9500 now, by 2 shared images"


def test_the_same_batch_and_a_better_one_pass_at_no_drop_at_all(tmp_path, write_batch):
    none = "{default: 0}"
    same = accepted_then(
        write_batch, tmp_path / "same", before=(FULL, LESS), now=(FULL, LESS), max_drop=none
    )
    better = accepted_then(
        write_batch, tmp_path / "better", before=(FULL, LESS), now=(FULL, FULL), max_drop=none
    )

    assert (compare(same)[CAR].verdict, compare(same)[CAR].value) == (Verdict.PASS, 0.0)
    assert (compare(better)[CAR].verdict, compare(better)[CAR].value) == (Verdict.PASS, -0.05)


def test_a_class_has_its_own_limit(tmp_path, write_batch):
    """Both classes lose 10 of 50 pixels in one image of one."""
    gold = ({"car": (0, 5), "person": (5, 10)},)
    now = ({"car": (0, 4), "person": (6, 10)},)
    path = accepted_then(
        write_batch,
        tmp_path,
        gold=gold,
        before=gold,
        now=now,
        max_drop="{default: 0.1, person: 0.2}",
    )

    found = compare(path)

    assert (found[CAR].verdict, found[CAR].limit) == (Verdict.FAIL, 0.1)
    assert (found[PERSON].verdict, found[PERSON].limit) == (Verdict.PASS, 0.2)


def test_a_class_that_is_not_delivered_any_more_has_lost_everything(tmp_path, write_batch):
    path = accepted_then(
        write_batch,
        tmp_path,
        gold=({"car": (0, 5), "person": (5, 10)},),
        before=({"car": (0, 5), "person": (5, 10)},),
        now=({"car": (0, 5)},),
        max_drop="{default: 0.99}",
    )

    found = compare(path)

    assert (found[PERSON].verdict, found[PERSON].value) == (Verdict.FAIL, 1.0)
    assert found[CAR].verdict is Verdict.PASS


def test_an_image_that_is_not_delivered_any_more_is_missed_not_left_out(tmp_path, write_batch):
    text = policy(max_drop="{default: 0.49}")
    path = write_batch(tmp_path, gold=(FULL, FULL), delivery=(FULL, FULL), policy=text)
    accept(path)
    delivered = json.loads((tmp_path / "delivery.json").read_text())
    delivered["images"].pop()
    delivered["annotations"].pop()
    (tmp_path / "delivery.json").write_text(json.dumps(delivered))

    record = compare(path)[CAR]

    assert (record.verdict, record.value) == (Verdict.FAIL, 0.5)


def test_the_images_that_lost_most_are_listed(tmp_path, write_batch):
    """It is .7 now; with 001 as it was it would be .95, with 000 as it was .75."""
    gold = (FULL, FULL)
    path = accepted_then(
        write_batch, tmp_path, gold=gold, before=(FULL, FULL), now=({"car": (0, 9)}, {"car": (0, 5)})
    )

    record = compare(path)[CAR]

    assert [dict(row) for row in record.details] == [
        {"image": "001", "before": 1.0, "now": 0.5, "lost": 0.25},
        {"image": "000", "before": 1.0, "now": 0.9, "lost": pytest.approx(0.05)},
    ]
    assert record.details_total == 2
    block = explain(record, policy="p", node_id="p::x")
    assert block.splitlines()[0] == "loss of IoU 0.3000 > 0.01  (car, over by 0.2900)"
    assert "  001    1.0000  0.5000  0.2500" in block.splitlines()
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_a_warning_does_not_block_unless_warnings_do(tmp_path, write_batch):
    path = accepted_then(
        write_batch, tmp_path, before=(FULL, FULL), now=(FULL, LESS), more="  severity: warn\n"
    )

    assert [(r.verdict, r.blocks) for r in (compare(path)[CAR], compare(path, strict=True)[CAR])] == [
        (Verdict.WARN, False),
        (Verdict.WARN, True),
    ]


def test_a_loss_may_be_waived_down_to_a_floor(tmp_path, write_batch):
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=7)
    waiver = f"waivers:\n  - {{gate: '{CAR}', until: {day}, floor: 0.05, reason: night, by: maria}}\n"
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, LESS), more=waiver)
    waived = compare(path)[CAR]
    path.write_text(path.read_text().replace("floor: 0.05", "floor: 0.04"))

    assert (waived.verdict, waived.blocks) == (Verdict.WAIVED, False)
    assert compare(path)[CAR].verdict is Verdict.FAIL


# -- evidence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thin", "blocks", "reason"),
    [("error", True, "2 shared gold images < 3"), ("skip", False, "skipped: 2 shared gold images < 3")],
)
def test_few_shared_images_are_thin_as_the_gate_says(tmp_path, write_batch, thin, blocks, reason):
    gates = IOU.replace("min:", f"support: {{images: 3}}, thin: {thin}, min:")
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, FULL), gates=gates)

    record = compare(path)[CAR]

    assert (record.verdict, record.blocks) == (Verdict.THIN, blocks)
    assert record.reason.startswith(reason)
    assert (record.images, record.images_required) == (2, 3)


def test_a_drop_fails_however_thin_the_evidence_is(tmp_path, write_batch):
    gates = IOU.replace("min:", "support: {images: 3}, min:")
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, LESS), gates=gates)

    assert compare(path)[CAR].verdict is Verdict.FAIL


def test_a_class_without_gold_in_the_shared_images_is_thin_and_never_passes(tmp_path, write_batch):
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, FULL))

    record = compare(path)[PERSON]

    assert (record.verdict, record.value, record.images) == (Verdict.THIN, None, 0)
    assert record.reason == "person is in none of the 2 images that both golds have"


def test_the_interval_is_that_of_a_paired_t_test_where_images_weigh_the_same():
    """Five images of 100 pixels: the pooled IoU is the mean of theirs."""
    before, now = [90, 80, 95, 70, 88], [85, 81, 80, 66, 88]
    rows = [{f"{k}": (100, n, 100) for k, n in enumerate(side)} for side in (before, now)]
    lost = (np.array(before) - np.array(now)) / 100

    found = compared_images(
        SUMS[Metric.IOU], *rows, shared=set("01234"), less_is_better=False, confidence=0.95
    )

    reach = stats.t.ppf(0.95, 4) * lost.std(ddof=1) / np.sqrt(5)
    assert found.drop == pytest.approx(lost.mean())
    assert found.interval.lower == pytest.approx(lost.mean() - reach)
    assert found.interval.upper == pytest.approx(lost.mean() + reach)
    assert (found.interval.images, found.interval.effective_images) == (5, pytest.approx(5))


def test_one_image_has_no_interval():
    rows = {"a": (100, 90, 100)}

    found = compared_images(
        SUMS[Metric.IOU], rows, rows, shared={"a"}, less_is_better=False, confidence=0.95
    )

    assert found.interval is None


# -- which images ---------------------------------------------------------------------------------


def test_a_gold_that_grew_is_compared_on_the_images_both_have(tmp_path, write_batch):
    """The new image is all wrong: pooled over all the IoU would fall from 1 to 2/3."""
    text = policy()
    path = write_batch(tmp_path, gold=(FULL, FULL), delivery=(FULL, FULL), policy=text)
    accept(path)
    write_batch(tmp_path, gold=(FULL,) * 3, delivery=(FULL, FULL, {"person": (0, 10)}), policy=text)

    record = compare(path)[CAR]

    assert (record.verdict, record.value, record.images) == (Verdict.PASS, 0.0, 2)
    assert record.reason.endswith("by 2 shared images")


def test_a_gold_that_shrank_is_compared_on_the_images_both_have(tmp_path, write_batch):
    """Of what is left 10 of 100 pixels were lost; then it was 1 of both."""
    text = policy()
    path = write_batch(tmp_path, gold=(FULL, FULL), delivery=(FULL, FULL), policy=text)
    accept(path)
    write_batch(tmp_path, gold=(FULL,), delivery=(LESS,), policy=text)

    record = compare(path)[CAR]

    assert (record.verdict, record.value, record.images) == (Verdict.FAIL, 0.1, 1)


def test_the_same_gold_in_another_file_is_the_same_gold(tmp_path, write_batch):
    """Other annotation ids and other white space: other bytes, the same pixels."""
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, LESS))
    gold = json.loads((tmp_path / "gold.json").read_text())
    for annotation in gold["annotations"]:
        annotation["id"] += 1000
    (tmp_path / "gold.json").write_text(json.dumps(gold, indent=1))

    assert compare(path)[CAR].value == 0.05


@pytest.mark.parametrize(
    ("more", "verdict", "blocks"),
    [
        ("", Verdict.ERROR, True),
        ("  on_not_comparable: warn\n", Verdict.WARN, False),
        ("  on_not_comparable: error\n  severity: warn\n", Verdict.ERROR, True),
        ("  severity: warn\n", Verdict.WARN, False),
    ],
)
def test_a_gold_image_that_was_changed_is_not_compared(tmp_path, write_batch, more, verdict, blocks):
    """As many pixels as before, a row lower; the delivery follows it and would pass."""
    text = policy(more=more)
    before, now = ({"car": (0, 5)}, FULL), ({"car": (1, 6)}, FULL)
    path = write_batch(tmp_path, gold=before, delivery=before, policy=text)
    accept(path)
    write_batch(tmp_path, gold=now, delivery=now, policy=text)

    record = compare(path)[CAR]

    assert (record.verdict, record.blocks, record.value) == (verdict, blocks, None)
    assert record.reason == "not comparable: the gold of 1 shared image was changed: 000"


def test_golds_without_a_common_image_are_not_compared(tmp_path, write_batch):
    text = policy()
    path = write_batch(tmp_path, gold=(FULL,), delivery=(FULL,), policy=text)
    accept(path)
    write_batch(tmp_path, gold=(FULL,), delivery=(FULL,), policy=text, image_names=["other.png"])

    record = compare(path)[CAR]

    assert record.verdict is Verdict.ERROR
    assert "no image of the gold is in the gold of the accepted batch" in record.reason


# -- which question -------------------------------------------------------------------------------


def test_another_ontology_is_not_compared(tmp_path, write_batch):
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, FULL))
    path.write_text(path.read_text().replace("{id: 3, name: rider}", "{id: 3, name: bus}"))

    record = compare(path)[CAR]

    assert record.verdict is Verdict.ERROR
    assert record.reason.endswith("of the accepted batch: bus came in, rider went")


def test_a_metric_that_is_told_otherwise_is_not_compared(tmp_path, write_batch):
    gates = "  edge: {metric: boundary-iou, dilation: 1px, classes: [car], min: {default: 0.1}}\n"
    path = accepted_then(
        write_batch, tmp_path, before=(FULL, FULL), now=(FULL, FULL), gates=gates, of="[edge]"
    )
    path.write_text(path.read_text().replace("1px", "2px"))

    record = compare(path)["regression[edge,car]"]

    assert record.verdict is Verdict.ERROR
    assert record.reason == "not comparable: the gate is set otherwise: dilation was 1px, is 2px"


def test_numbers_of_another_version_are_not_compared(tmp_path, write_batch):
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, FULL))
    file = tmp_path / "accepted" / "a.json"
    write_baseline(file, replace(read_baseline(file), metrics=99, version="9.9"))

    record = compare(path)[CAR]

    assert record.verdict is Verdict.ERROR
    assert "segcore 9.9, whose numbers are of version 99" in record.reason


def test_another_metric_under_the_same_name_is_not_compared(tmp_path, write_batch):
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, FULL))
    text = path.read_text().replace("metric: iou", "metric: nsd, tolerance_px: 1")
    path.write_text(text)

    assert "the gate measured iou then, nsd now" in compare(path)[CAR].reason


@pytest.mark.parametrize(("level", "verdict"), [("warn", Verdict.WARN), ("error", Verdict.ERROR)])
def test_what_no_baseline_does_is_said_by_the_policy(tmp_path, write_batch, level, verdict):
    path = write_batch(tmp_path, policy=policy(more=f"  on_missing: {level}\n"))

    record = compare(path)[CAR]

    assert record.verdict is verdict
    assert record.reason == "there is no baseline yet: segcore accept writes a.json"


def test_a_class_that_came_in_later_has_nothing_to_be_compared_with(tmp_path, write_batch):
    only = IOU.replace("[car, person]", "[car]")
    path = accepted_then(write_batch, tmp_path, before=(FULL,), now=(FULL,), gold=(FULL,), gates=only)
    path.write_text(policy(more="  on_missing: warn\n"))

    found = compare(path)

    assert found[CAR].verdict is Verdict.PASS
    assert found[PERSON].verdict is Verdict.WARN
    assert found[PERSON].reason == "the accepted batch was not judged by class-iou[person]"


def test_a_class_that_is_not_judged_any_more_is_named_once(tmp_path, write_batch):
    gates = IOU + "  second: {metric: iou, classes: [car], min: {default: 0.1}}\n"
    path = accepted_then(write_batch, tmp_path, before=(FULL,), now=(FULL,), gold=(FULL,), gates=gates)
    only = gates.replace("[car, person]", "[car]")
    path.write_text(policy(only, of="[class-iou, second]"))

    first, second = compare(path).values()

    assert first.reason.endswith("; not judged any more: class-iou[person]")
    assert "not judged" not in second.reason


# -- metrics --------------------------------------------------------------------------------------


def test_every_metric_has_sums_or_is_known_for_all_images_only():
    assert {*METRICS} - {*SUMS} == {
        Metric.AP,
        Metric.AR,
        Metric.BOUNDARY_AP,
        Metric.MEAN_IOU,
        Metric.MEAN_PQ,
    }


def test_where_less_is_better_a_rise_is_a_loss(tmp_path, write_batch):
    """Half a pixel of mean HD95: the lower edge of one of two cars is off by one."""
    gates = (
        "  far: {metric: hd95, classes: [car], max: {default: 9}}\n"
        "  bad: {metric: bad-image-share, below_iou: 0.8, classes: [car], max: {default: 1}}\n"
    )
    gold, now = ({"car": (0, 4)},) * 2, ({"car": (0, 4)}, {"car": (0, 3)})
    far = accepted_then(
        write_batch,
        tmp_path / "far",
        gold=gold,
        before=gold,
        now=now,
        gates=gates,
        of="[far]",
        max_drop="{default: 0.4}",
    )
    bad = accepted_then(
        write_batch,
        tmp_path / "bad",
        gold=gold,
        before=gold,
        now=now,
        gates=gates,
        of="[bad]",
        max_drop="{default: 0.5}",
    )

    rise, share = compare(far)["regression[far,car]"], compare(bad)["regression[bad,car]"]

    assert (rise.verdict, rise.value, rise.unit) == (Verdict.FAIL, 0.5, "px")
    assert headline(rise) == "rise of HD95 0.50 px > 0.4 px  (car, over by 0.10 px)"
    assert (share.verdict, share.value) == (Verdict.PASS, 0.5)
    assert [dict(row) for row in share.details] == [
        {"image": "001", "before": 0.0, "now": 1.0, "lost": 0.5}
    ]


OBJECTS = """\
f1: {metric: f1, iou: 0.5, classes: [car], min: {default: 0.1}}
right: {metric: precision, iou: 0.5, classes: [car], min: {default: 0.1}}
found: {metric: recall, iou: 0.5, classes: [car], min: {default: 0.1}}
drawn: {metric: matched-iou, iou: 0.5, classes: [car], min: {default: 0.1}}
good: {metric: good-object-share, curve: {"1": 0.5, "10000": 0.6}, classes: [car], min: {default: 0.1}}
"""


def test_objects_are_compared_by_what_was_found_missed_and_extra(tmp_path, write_objects):
    """Two cars, both found; then one is found, one missed, two extra: F1 1 to 2/5."""
    one, two, far = (0, 0, 20, 20), (50, 50, 20, 20), (100, 100, 20, 20)
    section = (
        "regression: {baseline: a.json, of: [f1, right, found, drawn, good], max_drop: {default: 0.5}}\n"
    )
    cars = [{"car": [one, two]}]
    path = write_objects(tmp_path, cars, cars, OBJECTS, push=section)
    accept(path)
    write_objects(tmp_path, cars, [{"car": [one, far, (200, 200, 9, 9)]}], OBJECTS, push=section)

    found = {key: (record.value, record.verdict.value) for key, record in compare(path).items()}

    assert found == {
        "regression[f1,car]": (0.6, "FAIL"),
        "regression[right,car]": (pytest.approx(2 / 3), "FAIL"),
        "regression[found,car]": (0.5, "PASS"),
        "regression[drawn,car]": (0.0, "PASS"),
        "regression[good,car]": (0.5, "PASS"),
    }


def test_the_precision_of_a_class_that_is_not_delivered_any_more_is_zero(tmp_path, write_objects):
    gate = "right: {metric: precision, iou: 0.5, classes: [car], min: {default: 0.1}}\n"
    section = "regression: {baseline: a.json, of: [right], max_drop: {default: 0.9}}\n"
    cars = [{"car": [(0, 0, 20, 20)]}]
    path = write_objects(tmp_path, cars, cars, gate, push=section)
    accept(path)
    write_objects(tmp_path, cars, [{"person": [(0, 0, 20, 20)]}], gate, push=section)

    record = compare(path)["regression[right,car]"]

    assert (record.verdict, record.value) == (Verdict.FAIL, 1.0)


def test_a_group_is_compared_by_what_its_classes_add_up_to(tmp_path, write_batch):
    """Of 50 + 50 pixels 10 are lost; with other classes it is another question."""
    head = HEAD.replace("gates:\n", "groups: {both: [car, person]}\ngates:\n")
    gates = "  class-iou: {metric: iou, classes: [both], min: {default: 0.1}}\n"
    gold = ({"car": (0, 5), "person": (5, 10)},)
    path = accepted_then(
        write_batch,
        tmp_path,
        gold=gold,
        before=gold,
        now=({"car": (0, 4), "person": (5, 10)},),
        gates=gates,
        head=head,
        max_drop="{both: 0.05}",
    )
    record = compare(path)["regression[class-iou,both]"]
    path.write_text(path.read_text().replace("[car, person]}", "[car, person, rider]}"))

    changed = compare(path)["regression[class-iou,both]"]

    assert (record.verdict, record.value) == (Verdict.FAIL, 0.1)
    assert (changed.verdict, changed.reason.split(":")[1]) == (
        Verdict.ERROR,
        " the gate is set otherwise",
    )


def test_panoptic_quality_is_compared_by_segments(tmp_path, write_objects):
    """Two cars of 400 pixels; then one is missed, and of the other half is: PQ 1 to 2 x .6 / 3."""
    gate = (
        "pq: {metric: pq, classes: [car], min: {default: 0.1}}\n"
        "sq: {metric: sq, classes: [car], min: {default: 0.1}}\n"
        "rq: {metric: rq, classes: [car], min: {default: 0.1}}\n"
    )
    section = "regression: {baseline: a.json, of: [pq, sq, rq], max_drop: {default: 0.6}}\n"
    classes = ", ".join(
        f"{{id: {k}, name: {name}, thing: true}}" for k, name in enumerate(("car", "person", "rider"), 1)
    )
    told = {"push": section, "ontology": f"ontology: {{classes: [{classes}]}}\n"}
    gold = [{"car": [(0, 0, 20, 20), (50, 50, 20, 20)]}]
    path = write_objects(tmp_path, gold, gold, gate, **told)
    accept(path)
    write_objects(tmp_path, gold, [{"car": [(0, 0, 20, 12)]}], gate, **told)

    found = compare(path)

    assert found["regression[pq,car]"].value == pytest.approx(1 - 2 * 0.6 / 3)
    assert found["regression[sq,car]"].value == pytest.approx(0.4)
    assert found["regression[rq,car]"].value == pytest.approx(1 / 3)
    assert [record.verdict for record in found.values()] == [Verdict.PASS] * 3


def test_average_precision_is_compared_over_the_same_images_only(tmp_path, write_objects):
    """One of two cars is lost: AP50 falls from 1 to 51/101, the share of recall points up to .5."""
    gate = 'ap: {metric: ap, iou: "0.5", scores: equal, classes: [car], min: {default: 0.1}}\n'
    section = "regression: {baseline: a.json, of: [ap], max_drop: {default: 0.1}}\n"
    one, two = (0, 0, 20, 20), (50, 50, 20, 20)
    gold = [{"car": [one, two]}, {}]
    path = write_objects(tmp_path, gold, gold, gate, push=section)
    accept(path)
    write_objects(tmp_path, gold, [{"car": [one]}, {}], gate, push=section)

    record = compare(path)["regression[ap,car]"]
    write_objects(tmp_path, gold[:1], gold[:1], gate, push=section)
    fewer = compare(path)["regression[ap,car]"]

    assert (record.verdict, record.interval) == (Verdict.FAIL, None)
    assert record.value == pytest.approx(50 / 101)
    assert fewer.verdict is Verdict.ERROR
    assert "ap is known for all images together only" in fewer.reason


@pytest.mark.parametrize("metric", ["iou", "boundary-iou", "nsd", "boundary-f1", "hd95", "assd"])
def test_sums_give_the_value_of_the_gate(tmp_path, write_batch, metric):
    """What is kept of images adds up to what the gate itself says."""
    told = {
        "boundary-iou": "dilation: 1px, ",
        "nsd": "tolerance_px: 1, ",
        "boundary-f1": "tolerance_px: 1, ",
    }.get(metric, "")
    limit = "max: {default: 99}" if metric in {"hd95", "assd"} else "min: {default: 0}"
    gates = f"  g: {{metric: {metric}, {told}classes: [car, person], {limit}}}\n"
    gold = ({"car": (0, 4), "person": (6, 10)}, {"car": (2, 9)}, {"person": (1, 3)})
    delivery = ({"car": (0, 3), "person": (5, 10)}, {"car": (2, 9)}, {"car": (1, 3)})
    batch = opened(write_batch(tmp_path, gold=gold, delivery=delivery, policy=policy(gates, of="[g]")))
    baseline = accept(tmp_path / "batch.gate.yaml")

    for rule in batch.policy.rules[1:]:
        value = METRICS[rule.metric].find(rule, batch.evaluation(rule)).value
        assert float(baseline.rules[rule.id].value) == pytest.approx(float(value), abs=1e-11)


def test_several_annotations_of_an_image_add_up(tmp_path, write_batch):
    batch = opened(write_batch(tmp_path, gold=(FULL, FULL), delivery=(FULL, LESS), policy=policy()))
    rule = batch.policy.rules[1]

    rows = SUMS[Metric.IOU].rows(rule, batch.evaluation(rule), lambda _: "one")

    assert rows == {"one": (200, 190, 200)}


# -- the file -------------------------------------------------------------------------------------


def broken(file, *, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('["000", 100, 90, 100]', '["000", 100, 99, 100]', "its content is not the one its checksum"),
        ('"schema": 1', '"schema": 2', "the baseline has schema 2, this segcore reads 1"),
        ('"kind": "segcore baseline"', '"kind": "x"', "this is no baseline"),
        ('"rules": {', '"rules": {,', "the baseline is damaged: "),
        ('"despite": ""', '"despite": "", "despite": ""', "the baseline is damaged: "),
        ('"sha256": "', '"sha256": "0', "its content is not the one its checksum"),
    ],
)
def test_a_baseline_that_was_edited_is_refused_with_the_reason(tmp_path, write_batch, old, new, problem):
    path = accepted_then(write_batch, tmp_path, before=(LESS, FULL), now=(FULL, FULL))
    broken(tmp_path / "accepted" / "a.json", old=old, new=new)

    with pytest.raises(UsageError, match=problem):
        compare(path)


def test_a_baseline_cut_anywhere_is_refused(tmp_path, write_batch):
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, FULL))
    file = tmp_path / "accepted" / "a.json"
    data = file.read_bytes()

    for length in range(0, len(data) - 2, 97):  # without its last line feed it is whole
        file.write_bytes(data[:length])
        with pytest.raises(UsageError, match="baseline"):
            compare(path)


def test_the_line_ends_of_another_system_do_no_harm(tmp_path, write_batch):
    """Version control may rewrite them."""
    path = accepted_then(write_batch, tmp_path, before=(FULL, FULL), now=(FULL, LESS))
    file = tmp_path / "accepted" / "a.json"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    assert compare(path)[CAR].value == 0.05


def test_a_folder_in_the_place_of_a_baseline_is_an_error(tmp_path, write_batch):
    path = write_batch(tmp_path, policy=policy(more="  on_missing: warn\n"))
    (tmp_path / "accepted" / "a.json").mkdir(parents=True)

    with pytest.raises(UsageError, match="the baseline cannot be read"):
        compare(path)


def test_numbers_in_a_baseline_are_whole_or_fractions(tmp_path, write_batch):
    """A third has no decimal that is exact."""
    path = write_batch(tmp_path, gold=({"car": (0, 3)},), delivery=({"car": (0, 1)},), policy=policy())

    accept(path)

    document = json.loads((tmp_path / "accepted" / "a.json").read_text(), parse_float=pytest.fail)
    assert document["rules"]["class-iou[car]"]["value"] == "1/3"
    assert document["rules"]["class-iou[car]"]["images"] == [["000", 30, 10, 30]]
    assert document["rules"]["class-iou[person]"]["value"] is None


# -- the policy -----------------------------------------------------------------------------------


def test_ids_hold_no_threshold_and_follow_the_policy(tmp_path, write_batch):
    gates = IOU + "  mean: {metric: mean-iou, min: 0.1}\n"
    path = write_batch(tmp_path, policy=policy(gates, of="[mean, class-iou]"))

    checks = load_policy(path, environ={}).checks

    assert [check.id for check in checks] == [
        "coverage",
        "class-iou[car]",
        "class-iou[person]",
        "mean",
        "regression[class-iou,car]",
        "regression[class-iou,person]",
        "regression[mean]",
    ]


@pytest.mark.parametrize(
    ("of", "max_drop", "problem"),
    [
        ("[clas-iou]", "{default: 0.1}", "there is no gate 'clas-iou', did you mean 'class-iou'?"),
        ("[coverage]", "{default: 0.1}", "there is no gate 'coverage'"),
        ("[class-iou, class-iou]", "{default: 0.1}", "the gate 'class-iou' is named twice"),
        ("[class-iou]", "{car: 0.1}", "no limit for person: add it, or default"),
        ("[class-iou]", "{default: 0.1, cat: 0.1}", "class 'cat' is not in the ontology, did you mean"),
        ("[class-iou]", "{default: 0.1, rider: 0.1}", "class 'rider' has a limit here but is in none"),
        ("[class-iou]", "{default: 1}", "1 is not a share below 1"),
        ("[class-iou]", "{default: -0.1}", "-0.1"),
        ("[class-iou]", "0.1", "max_drop"),
        ("[class-iou, far]", "{default: 0.1}", "gates in pixels and gates of shares"),
        ("[]", "{default: 0.1}", "of"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(tmp_path, write_batch, of, max_drop, problem):
    gates = IOU + "  far: {metric: hd95, classes: [car], max: {default: 9}}\n"
    path = write_batch(tmp_path, policy=policy(gates, of=of, max_drop=max_drop))

    with pytest.raises(PolicyError) as caught:
        load_policy(path, environ={})

    assert problem in str(caught.value)


def test_the_baseline_may_be_named_by_a_variable(tmp_path, write_batch):
    text = policy().replace("accepted/a.json", "accepted/${VENDOR}.json")
    path = write_batch(tmp_path, policy=text)

    found = load_policy(path, environ={"VENDOR": "acme"}).checks[-1]

    assert found.baseline == tmp_path / "accepted" / "acme.json"
