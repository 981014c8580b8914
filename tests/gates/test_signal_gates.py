"""The signals of a policy warn, and never reject a batch."""

from __future__ import annotations

import hashlib
import json

import pytest
from lint_gate_scenes import CLEAN, HEAD, coco, judged, loaded, only, save, square

from segcore.cli import main
from segcore.signals import Signal
from segcore_gates.errors import PolicyError
from segcore_gates.records import FOUND, LimitKind, Record, Verdict
from segcore_gates.rules import Level, Metric

LARGE = tuple([{"segmentation": [square(2 + i, 2, 25)]}] for i in range(4))
OTHER = tuple([{"segmentation": [square(3 + i, 4, 26)]}] for i in range(4))


def timed(folder, name, times):
    """A document whose images say how long they took."""
    document = json.loads(
        coco(*[[{"segmentation": [square(2, 2, 25 + i % 3)]}] for i in range(len(times))])
    )
    for image, seconds in zip(document["images"], times, strict=True):
        image["lead_time_s"] = seconds
    (folder / name).write_text(json.dumps(document))


def gold_and_times(folder, gold, others):
    timed(folder, "delivery.json", [*gold, *others])
    (folder / "gold.json").write_text(coco(*[[{"segmentation": [square(2, 2, 25)]}] for _ in gold]))


def section(text):
    return f"signals: {{{text}}}"


def warns(found):
    assert (found.verdict, found.blocks, found.severity) == (Verdict.WARN, False, Level.WARN)
    assert found.metric is Metric.SIGNAL
    assert (found.unit, found.limit_kind, found.limit) == (FOUND, LimitKind.MAX, 0.0)
    assert found.reason.endswith("it proves nothing by itself: ask the vendor")
    assert Record.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("strict", [False, True])
def test_masks_of_the_gold_warn_and_reject_nothing(tmp_path, strict):
    path = save(tmp_path, section("identical-to-gold: warn"), gold=LARGE, delivery=LARGE)

    found = only(path, "signal", strict=strict)

    warns(found)
    assert (found.id, found.value, len(found.details)) == ("signal[identical-to-gold]", 4.0, 4)
    assert list(found.details[0]) == ["image", "annotation", "what", "expected", "got"]


def test_masks_of_their_own_pass(tmp_path):
    path = save(tmp_path, section("identical-to-gold: warn"), gold=LARGE, delivery=OTHER)

    found = only(path, "signal")

    assert (found.verdict, found.value, found.reason) == (Verdict.PASS, 0.0, "")


def test_masks_of_any_size_are_compared_where_the_policy_says_so(tmp_path):
    small = save(tmp_path, section("identical-to-gold: warn"))
    found = only(small, "signal")
    assert found.verdict is Verdict.THIN  # 144 px: the same by chance, so none is looked at

    warns(only(save(tmp_path, section("identical-to-gold: {min_area: any}")), "signal"))
    warns(only(save(tmp_path, section("identical-to-gold: {min_area: 144}")), "signal"))


def test_a_mask_in_several_images_warns(tmp_path):
    twice = [*LARGE, LARGE[0]]

    found = only(save(tmp_path, section("repeated-mask: warn"), gold=twice, delivery=twice), "signal")

    warns(found)
    assert found.details[0]["what"] == "the mask is in image 1 too, pixel by pixel"
    assert only(save(tmp_path, section("repeated-mask: warn"), delivery=LARGE), "signal").value == 0


def test_masks_of_an_earlier_delivery_warn(tmp_path):
    (tmp_path / "last.json").write_text(coco(*LARGE))
    text = section("identical-to-earlier: {earlier: [coco:last.json]}")

    warns(only(save(tmp_path, text, delivery=LARGE), "signal"))
    assert only(save(tmp_path, text, delivery=OTHER), "signal").verdict is Verdict.PASS


def test_a_delivery_that_was_delivered_before_is_known_by_its_hash(tmp_path):
    text = "identical-to-earlier: {{earlier: ['{}']}}"
    known = hashlib.sha256(coco(*OTHER).encode()).hexdigest()

    again = only(save(tmp_path, section(text.format(known)), delivery=OTHER), "signal")
    new = only(save(tmp_path, section(text.format(known)), delivery=LARGE), "signal")

    warns(again)
    assert again.details[0]["what"] == "the delivery as a whole is an earlier one"
    assert new.verdict is Verdict.PASS


def test_both_kinds_of_earlier_deliveries_go_together(tmp_path):
    (tmp_path / "last.json").write_text(coco(*LARGE))
    known = hashlib.sha256(coco(*LARGE).encode()).hexdigest()
    text = section(f"identical-to-earlier: {{earlier: [coco:last.json, '{known}']}}")

    found = only(save(tmp_path, text, delivery=LARGE), "signal")

    assert (found.value, found.details_total) == (5.0, 5)


@pytest.mark.parametrize(("floor", "verdict"), [(2, Verdict.PASS), (5, Verdict.WARN)])
def test_images_drawn_faster_than_can_be_warn(tmp_path, floor, verdict):
    path = save(tmp_path, section(f"lead-time: {{floor: {floor}}}"))
    gold_and_times(tmp_path, [2.5, 9, 9, 9], [])  # 625 px in 2.5 s: 4 s for 1000 px

    found = only(path, "signal")

    assert found.verdict is verdict
    assert [row["image"] for row in found.details] == (["1"] if verdict is Verdict.WARN else [])


def test_images_of_the_gold_that_took_longer_warn(tmp_path):
    path = save(tmp_path, section("gold-favoured: warn"))
    gold_and_times(tmp_path, [60 + i for i in range(12)], [9 + i for i in range(14)])

    warns(only(path, "signal"))

    gold_and_times(tmp_path, [60 + i for i in range(12)], [60 + i for i in range(14)])
    assert only(path, "signal").verdict is Verdict.PASS


def test_images_of_the_gold_that_are_better_than_those_of_an_audit_warn(tmp_path):
    gold = [[{"segmentation": [square(2, 2, 20 + i % 3)]}] for i in range(24)]
    poor = [*gold[:12], *[[{"segmentation": [square(2, 6, 20 + i % 3)]}] for i in range(12, 24)]]
    path = save(
        tmp_path, section("gold-favoured: {audit: 'coco:audit.json'}"), gold=gold[:12], delivery=poor
    )
    (tmp_path / "audit.json").write_text(coco(*gold))

    found = only(path, "signal")

    warns(found)
    assert "12 others" in found.details[0]["got"]

    (tmp_path / "delivery.json").write_text(coco(*gold))
    assert only(path, "signal").verdict is Verdict.PASS


def test_what_the_delivery_cannot_show_is_no_pass(tmp_path):
    found = only(save(tmp_path, section("lead-time: {floor: 1}")), "signal", strict=True)

    assert (found.verdict, found.blocks, found.value) == (Verdict.THIN, False, None)
    assert found.reason.startswith("skipped: not applicable: ")


def test_a_batch_with_every_signal_is_accepted(tmp_path):
    text = section("identical-to-gold: warn, repeated-mask: {min_area: any}")
    same = [LARGE[0]] * 4
    path = save(
        tmp_path,
        text,
        gold=same,
        delivery=same,
        head=HEAD.replace("mean-iou", "mean-iou, support: {images: 1}"),
    )

    assert main(["gate", str(path)]) == 0


def test_every_signal_of_the_policy_becomes_a_check_after_the_lints(tmp_path):
    (tmp_path / "last.json").write_text(coco(*LARGE))
    text = (
        "signals: {gold-favoured: warn, lead-time: {floor: 1}, identical-to-gold: warn,"
        " repeated-mask: warn, identical-to-earlier: {earlier: [coco:last.json]}}\nlints: {speck: warn}"
    )

    ids = list(judged(save(tmp_path, text)))

    assert ids == ["lint[speck]", *(f"signal[{signal.value}]" for signal in Signal), "coverage", "mean"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "identical-to-gold: error",
            "a signal proves nothing and never rejects a batch: write warn or off",
        ),
        (
            "repeated-mask: {severity: error}",
            "6: signals.repeated-mask.severity: a signal proves nothing",
        ),
        ("identical-to-earlier: warn", "needs more: write {earlier: [coco:last.json]}"),
        ("lead-time: warn", "needs more: write {floor: 0.5}"),
        ("theft: warn", "unknown key 'theft'"),
        ("identical-to-earlier: {earlier: [last.json]}", "signals.identical-to-earlier.earlier[0]: "),
        ("gold-favoured: {audit: nowhere}", "signals.gold-favoured.audit: "),
        ("identical-to-gold: {min_area: all}", "signals.identical-to-gold.min_area"),
        ("lead-time: {floor: 0}", "signals.lead-time.floor"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused_with_its_line(tmp_path, text, problem):
    with pytest.raises(PolicyError) as caught:
        loaded(save(tmp_path, section(text), delivery=CLEAN))

    assert problem in str(caught.value)


def test_a_signal_that_is_off_is_no_check(tmp_path):
    text = section("lead-time: off, repeated-mask: {severity: off, min_area: 4}")

    assert [check.id for check in loaded(save(tmp_path, text)).checks] == ["coverage", "mean"]
