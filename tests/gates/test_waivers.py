"""Waivers excuse a broken limit for a while, down to a floor, and nothing else."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from judged_batches import batch, bound, cars, confusion, coverage, rule, seen

from segcore_gates import day
from segcore_gates.errors import PolicyError
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Outcome, Verdict, outcome
from segcore_gates.rules import ExtraImages, Level, Metric, Thin
from segcore_gates.text import explain, headline, note
from segcore_gates.verdict import verdict
from segcore_gates.waivers.waiver import State, Waiver, idle, waived

TODAY = datetime.date(2026, 11, 24)
PERSON = """\
waivers:
  - gate: class-iou[person]
    until: 2027-01-15
    floor: 0.4
    reason: night set is being relabelled
    by: maria
"""


def waiver(gate="class-iou[car]", *, until="2027-01-15", floor=0.5):
    last = datetime.date.fromisoformat(until)
    return Waiver(gate=gate, until=last, floor=floor, reason="relabelled, ISSUE-412", by="maria")


def judged(judged_rule, evaluation, *, strict=False, today=TODAY, **changes):
    record = verdict(judged_rule, evaluation, strict=strict)
    return waived(record, waiver(judged_rule.id, **changes), today=today, strict=strict)


def test_a_value_between_floor_and_limit_is_waived_and_does_not_block():
    record = judged(rule(), cars((6, 10)))

    assert seen(record) == (Verdict.WAIVED, False)
    assert record.reason == "waived until 2027-01-15 by maria: relabelled, ISSUE-412"
    assert record.waiver is not None
    assert record.waiver["state"] == "used"
    assert outcome([record]) is Outcome.ACCEPT


def test_a_value_exactly_at_the_floor_is_waived_and_one_pixel_less_is_not():
    at = judged(rule(), cars((500_000, 1_000_000)))
    below = judged(rule(), cars((499_999, 1_000_000)))

    assert seen(at) == (Verdict.WAIVED, False)
    assert seen(below) == (Verdict.FAIL, True)


def test_a_value_less_than_its_floor_by_less_than_a_float_can_tell_is_not_waived():
    thirds = [(10**17 // 2 - 1, 10**17)]
    record = judged(rule(), cars(*thirds))

    assert record.value == 0.5
    assert record.verdict is Verdict.FAIL


def test_below_its_floor_a_waiver_says_so_in_every_text():
    record = judged(rule(), cars((4, 10)))

    assert record.waiver is not None
    assert record.waiver["state"] == "below floor"
    told = "below the floor of its waiver, 0.50: relabelled, ISSUE-412"
    assert record.reason == f"below the floor of 0.80; {told}"
    assert note((record,)) == told
    assert headline(record) == f"IoU 0.4000 < 0.80  (car, short by 0.4000); {told}"
    assert explain(record, policy="p", node_id="p::x").count(told) == 1


def test_a_waiver_holds_on_its_last_day_and_not_on_the_next():
    last = judged(rule(), cars((6, 10)), today=datetime.date(2027, 1, 15))
    over = judged(rule(), cars((6, 10)), today=datetime.date(2027, 1, 16))

    assert last.verdict is Verdict.WAIVED
    assert seen(over) == (Verdict.FAIL, True)
    assert over.waiver is not None
    assert over.waiver["state"] == "expired"
    told = "its waiver expired on 2027-01-15: relabelled, ISSUE-412"
    assert over.reason == f"below the floor of 0.80; {told}"
    assert note((over,)) == told
    assert headline(over).endswith(told)


def test_where_less_is_better_the_floor_is_a_ceiling():
    ceiling = {
        "id": "misses[car]", "metric": Metric.BAD_IMAGE_SHARE, "minimum": 0.0, "maximum": 0.2,
        "below_iou": 0.5,
    }  # fmt: skip
    half_bad = cars((9, 10), (1, 10))

    at = judged(rule(**ceiling), half_bad, floor=0.5)
    over = judged(rule(**ceiling), half_bad, floor=0.4)

    assert at.verdict is Verdict.WAIVED
    assert over.verdict is Verdict.FAIL
    assert over.reason.endswith("above the ceiling of its waiver, 0.40: relabelled, ISSUE-412")


def test_a_waiver_that_excuses_nothing_is_a_warning_and_blocks_only_where_that_is_strict():
    lax = judged(rule(), cars((9, 10)))
    strict = judged(rule(), cars((9, 10)), strict=True)

    assert seen(lax) == (Verdict.PASS, False)
    assert lax.waiver is not None
    assert lax.waiver["state"] == "unused"
    assert idle(lax) == "the waiver of class-iou[car] excuses nothing: remove it"
    assert seen(strict) == (Verdict.WARN, True)
    assert idle(strict) == idle(lax)


def test_an_expired_waiver_of_a_gate_that_passes_is_to_be_removed():
    record = judged(rule(), cars((9, 10)), until="2026-11-23")

    assert record.verdict is Verdict.PASS
    assert record.waiver is not None
    assert record.waiver["state"] == "expired"
    told = "the waiver of class-iou[car] excuses nothing and has expired on 2026-11-23: remove it"
    assert idle(record) == told


@pytest.mark.parametrize("strict", [False, True])
def test_a_waived_gate_does_not_block_where_warnings_do(strict):
    assert seen(judged(rule(), cars((6, 10)), strict=strict)) == (Verdict.WAIVED, False)
    warned = judged(rule(severity=Level.WARN), cars((6, 10)), strict=strict)
    assert seen(warned) == (Verdict.WAIVED, False)


def test_thin_evidence_is_never_waived():
    few = judged(rule(support_images=9), cars((9, 10)))
    unproven = judged(bound(thin=Thin.ERROR), cars((6, 10), (9, 10)))

    assert few.verdict is Verdict.THIN
    assert unproven.verdict is Verdict.THIN
    assert "this is THIN" in idle(unproven)


def test_a_missing_class_and_a_gate_without_a_verdict_are_never_waived():
    missing = judged(rule("truck"), cars((9, 10)))
    no_bound = judged(rule(None, id="m", metric=Metric.MEAN_IOU, judge=bound().judge), cars((9, 10)))

    assert seen(missing) == (Verdict.MISSING, True)
    assert seen(no_bound) == (Verdict.ERROR, True)
    assert no_bound.waiver is not None
    assert no_bound.waiver["state"] == "not run"


def test_a_waiver_of_coverage_excuses_missing_images_but_no_images_that_are_too_many():
    drawing = confusion("c", "c")
    half = batch(drawing, missing=[("b", "c")])
    extra = batch(drawing, extra=["x"])

    few = judged(coverage(minimum=1.0), half)
    many = judged(coverage(minimum=1.0, extra_images=ExtraImages.ERROR), extra)

    assert few.verdict is Verdict.WAIVED
    assert seen(many) == (Verdict.FAIL, True)


def test_a_soft_limit_needs_no_waiver_and_keeps_its_warning():
    record = judged(rule(warn_below=0.95), cars((9, 10)))

    assert record.verdict is Verdict.WARN
    assert record.waiver is not None
    assert record.waiver["state"] == "unused"


def policy_with(tmp_path: Path, write_batch, policy_text: str, waivers: str) -> Path:
    return write_batch(tmp_path, policy=policy_text + waivers)


def test_a_policy_gives_its_waivers_by_gate(tmp_path, write_batch, policy_text):
    path = policy_with(tmp_path, write_batch, policy_text, PERSON)

    loaded = load_policy(path, environ={}, today=TODAY)

    assert list(loaded.waivers) == ["class-iou[person]"]
    one = loaded.waivers["class-iou[person]"]
    assert (one.until, one.floor, one.by) == (datetime.date(2027, 1, 15), 0.4, "maria")
    assert loaded.today == TODAY


def test_numbers_are_names_and_reasons_too(tmp_path, write_batch, policy_text):
    written = PERSON.replace("maria", "007").replace("night set is being relabelled", "412")

    path = policy_with(tmp_path, write_batch, policy_text, written)
    one = load_policy(path, environ={}, today=TODAY).waivers["class-iou[person]"]

    assert (one.by, one.reason) == ("007", "412")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[person]", "[persn]", "did you mean 'class-iou[person]'?"),
        ("class-iou[person]", "class-iou", "name one, such as class-iou[car]"),
        ("class-iou[person]", "coverag", "did you mean 'coverage'?"),
        ("2027-01-15", "2027-01-24", "60 days at most: today that is until 2027-01-23"),
        ("2027-01-15", "2027-1-15", "expected a day such as 2027-01-15, got '2027-1-15'"),
        ("2027-01-15", "20270115", "expected a day such as 2027-01-15"),
        ("2027-01-15", "2027-02-30", "the calendar has no such day"),
        ("floor: 0.4", "floor: 0.8", "0.80 is not below the floor of class-iou[person], 0.80"),
        ("floor: 0.4", "floor: 0.9", "excuse nothing"),
        ("floor: 0.4", "floor: 40", "40 is not a share between 0 and 1; did you mean 0.4?"),
        ("floor: 0.4", "floor: -1", "expected a number, 0 or more, got '-1'"),
        ("floor: 0.4", "floor: low", "expected a number, 0 or more, got 'low'"),
        ("    floor: 0.4\n", "", "the key 'floor' is missing"),
        ("reason: night set is being relabelled", "reason: ' '", "expected text"),
        ("    by: maria\n", "", "the key 'by' is missing"),
        ("by: maria", "bye: maria", "unknown key 'bye', did you mean 'by'?"),
    ],
)
def test_a_waiver_that_cannot_be_meant_is_refused(tmp_path, write_batch, policy_text, old, new, problem):
    path = policy_with(tmp_path, write_batch, policy_text, PERSON.replace(old, new))

    with pytest.raises(PolicyError) as refused:
        load_policy(path, environ={}, today=TODAY)

    assert problem in str(refused.value)


def test_a_gate_has_one_waiver(tmp_path, write_batch, policy_text):
    twice = PERSON + PERSON.removeprefix("waivers:\n")
    path = policy_with(tmp_path, write_batch, policy_text, twice)

    with pytest.raises(PolicyError, match="has a waiver already"):
        load_policy(path, environ={}, today=TODAY)


def test_sixty_days_ahead_is_not_too_far(tmp_path, write_batch, policy_text):
    longest = PERSON.replace("2027-01-15", "2027-01-23")
    path = policy_with(tmp_path, write_batch, policy_text, longest)

    assert load_policy(path, environ={}, today=TODAY).waivers


@pytest.fixture
def on_the_day(monkeypatch):
    monkeypatch.setattr(day, "today", lambda: TODAY)
    monkeypatch.setenv("COLUMNS", "160")


def report_of(pytester) -> dict:
    return json.loads((pytester.path / "report.json").read_text())


def waive(batch, *texts: str) -> None:
    policy = batch.path / "batch.gate.yaml"
    policy.write_text(policy.read_text() + "".join(texts))


@pytest.mark.usefixtures("on_the_day")
def test_a_waived_batch_is_accepted_and_the_report_names_who_waived(batch):
    waive(batch, PERSON)

    result = batch.runpytest("--gate-report=report.json", "--gate-strict")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*class-iou[[]person[]] *WAIVED *waived until 2027-01-15 by maria: night set is being*"]
    )
    result.stdout.fnmatch_lines(["ACCEPT  1 waived, 2 pass"])
    report = report_of(batch)
    assert report["outcome"] == "accept"
    assert report["waivers"] == [
        {
            "gate": "class-iou[person]",
            "until": "2027-01-15",
            "floor": 0.4,
            "reason": "night set is being relabelled",
            "by": "maria",
            "state": "used",
        }
    ]
    assert report["gates"][2]["waiver"] == report["waivers"][0]


@pytest.mark.usefixtures("on_the_day")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0.4", "0.6", "below the floor of its waiver, 0.60: night set is being relabelled"),
        ("2027-01-15", "2026-11-23", "its waiver expired on 2026-11-23: night set is being"),
    ],
)
def test_a_waiver_that_does_not_reach_leaves_the_batch_rejected_and_is_told(batch, old, new, told):
    waive(batch, PERSON.replace(old, new))

    result = batch.runpytest()

    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*IoU 0.5000 < 0.80*{told}*", f"*[[]person[]] *FAIL *{told}*"])


@pytest.mark.usefixtures("on_the_day")
def test_an_unused_waiver_is_told_and_blocks_under_strict_unless_its_gate_did_not_run(batch):
    waive(batch, PERSON, PERSON.removeprefix("waivers:\n").replace("[person]", "[car]"))

    lax = batch.runpytest("--gate-report=report.json")
    states = {one["gate"]: one["state"] for one in report_of(batch)["waivers"]}
    strict = batch.runpytest("--gate-strict")
    batch.runpytest("--gate-report=report.json", "-k", "person")
    alone = {one["gate"]: one["state"] for one in report_of(batch)["waivers"]}

    assert lax.ret == 0
    lax.stdout.fnmatch_lines(["warning: the waiver of class-iou[[]car[]] excuses nothing: remove it"])
    assert states == {"class-iou[person]": "used", "class-iou[car]": "unused"}
    assert strict.ret == 1
    assert alone == {"class-iou[person]": "used", "class-iou[car]": State.NOT_RUN}


@pytest.mark.usefixtures("xdist")
def test_workers_go_by_the_day_of_the_controller(batch, monkeypatch):
    monkeypatch.setattr(day, "today", lambda: datetime.date(2200, 1, 1))
    waive(batch, PERSON.replace("2027-01-15", "2200-02-01"))

    result = batch.runpytest("-n2", "--gate-report=report.json")

    assert result.ret == 0
    assert report_of(batch)["waivers"][0]["state"] == "used"


@pytest.mark.usefixtures("on_the_day")
def test_what_a_waiver_says_cannot_act_on_a_terminal(batch):
    waive(batch, PERSON.replace("maria", '"\\e[31mmaria"'))

    result = batch.runpytest()

    assert "\x1b[31mmaria" not in result.stdout.str()
    result.stdout.fnmatch_lines(["*by \\x1b[[]31mmaria*"])
