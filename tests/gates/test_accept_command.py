"""``segcore accept``: what it writes, when it does not, and what the gate says afterwards."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from regression_batches import policy

from segcore.errors import UsageError
from segcore_gates.cli.accept import accept, gates_accept
from segcore_gates.cli.gate import gate
from segcore_gates.regression.baseline_file import read_baseline

FULL, LESS = {"car": (0, 10)}, {"car": (0, 9)}
POLICY = "batch.gate.yaml"
BASELINE = Path("accepted", "a.json")
WARN = "  on_missing: warn\n"


@pytest.fixture
def deliver(tmp_path, write_batch, monkeypatch):
    """A function that delivers images against a gold of two full cars, into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(*images, more=WARN, gold=(FULL, FULL), **options):
        write_batch(tmp_path, gold=gold, delivery=images, policy=policy(more=more, **options))

    return write


def test_an_accepted_batch_is_written_and_the_next_one_is_held_against_it(deliver, capsys):
    deliver(FULL, FULL)

    assert accept(POLICY) == 0
    assert "accepted: coco:delivery.json, written to accepted/a.json" in capsys.readouterr().out

    deliver(FULL, LESS)
    assert gate([POLICY]) == 1
    deliver(FULL, FULL)
    assert gate([POLICY]) == 0


def test_a_batch_that_is_rejected_leaves_the_baseline_as_it_is(deliver, capsys):
    deliver(FULL, FULL)
    accept(POLICY)
    before = BASELINE.read_bytes()
    deliver(FULL, LESS)

    code = accept(POLICY)

    assert code == 1
    assert BASELINE.read_bytes() == before
    told = capsys.readouterr().err
    assert "nothing was written: regression[class-iou,car] keeps it from being accepted" in told


def test_too_little_evidence_is_not_accepted_either(deliver, capsys):
    gates = "  class-iou: {metric: iou, classes: [car], min: {default: 0.1}, support: {images: 9}, "
    deliver(FULL, FULL, gates=f"{gates}thin: error}}\n")

    assert accept(POLICY) == 2
    assert not BASELINE.exists()


def test_an_input_that_is_refused_is_never_accepted(deliver, capsys):
    deliver(FULL, FULL)
    Path("delivery.json").write_text("{}")

    assert accept(POLICY, despite="we trust them") == 3
    assert not BASELINE.exists()
    assert "its input was refused" in capsys.readouterr().err


def test_a_batch_can_be_accepted_despite_its_verdict_and_the_reason_is_kept(deliver, capsys):
    deliver(FULL, FULL)
    accept(POLICY)
    deliver(FULL, LESS)

    code = accept(POLICY, despite="  relabelled \x1b[31mred ")

    found = read_baseline(BASELINE)
    assert code == 0
    assert (found.outcome, found.despite) == ("reject", "relabelled \x1b[31mred")
    assert "despite reject: relabelled \\x1b[31mred\n" in capsys.readouterr().out
    assert gate([POLICY]) == 0


def test_the_first_batch_of_a_policy_that_insists_on_a_baseline_needs_a_reason(deliver, capsys):
    deliver(FULL, FULL, more="")

    assert accept(POLICY) == 4
    assert not BASELINE.exists()
    assert accept(POLICY, despite="first batch") == 0
    assert gate([POLICY]) == 0


def test_a_reason_of_nothing_but_blanks_is_none(deliver):
    deliver(FULL, FULL)

    with pytest.raises(UsageError, match="--despite needs a reason"):
        accept(POLICY, despite="  ")


def test_a_gate_that_cannot_be_judged_is_not_accepted_despite_anything(deliver, capsys):
    gates = "  class-iou: {metric: iou, min: {default: 0}}\n"
    gates += '  ap: {metric: ap, iou: "0.5", classes: [car], min: {default: 0.1}}\n'
    deliver(FULL, FULL, gates=gates)

    assert accept(POLICY, despite="we trust them") == 4
    assert not BASELINE.exists()
    assert "ap[car] could not be judged" in capsys.readouterr().err


def test_a_policy_without_the_section_says_which_key_is_missing(tmp_path, write_batch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_batch(tmp_path)

    with pytest.raises(UsageError, match="the key 'regression' is missing: its key 'baseline' names"):
        accept(POLICY)


def test_a_damaged_baseline_is_refused_before_anything_is_judged(deliver, capsys):
    deliver(FULL, FULL)
    BASELINE.parent.mkdir()
    BASELINE.write_text('{"kind": "segcore baseline"')

    with pytest.raises(UsageError, match="the baseline is damaged"):
        accept(POLICY, despite="whatever")
    assert capsys.readouterr().out == ""
    assert gate([POLICY]) == 4
    assert "the baseline is damaged" in capsys.readouterr().err


def test_what_changed_is_told_by_class(deliver, capsys):
    """190 of 200 pixels then, 200 now; person came in, rider went."""
    both = "{metric: iou, classes: [car, %s], min: {default: 0}}\n"
    deliver(FULL, LESS, gates="  class-iou: " + both % "rider")
    accept(POLICY)
    capsys.readouterr()
    deliver(FULL, FULL, gates="  class-iou: " + both % "person")

    accept(POLICY)

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["class-iou[car]", "0.9500", "1.0000", "+0.0500"] in rows
    assert ["class-iou[person]", "-", "-", "new"] in rows
    assert ["class-iou[rider]", "-", "-", "not", "judged", "any", "more"] in rows


def test_accepting_the_same_batch_again_writes_the_same_bytes(deliver, capsys):
    deliver(FULL, FULL)
    accept(POLICY)
    before = BASELINE.read_bytes()

    accept(POLICY)

    assert BASELINE.read_bytes() == before


def test_the_history_keeps_the_last_twenty_batches(deliver, capsys):
    for k in range(22):
        images = [LESS if at <= k else FULL for at in range(24)]
        deliver(*images, max_drop="{default: 0.9}", gold=(FULL,) * 24)
        accept(POLICY)

    found = read_baseline(BASELINE)

    assert len(found.history) == 20
    # of 2400 pixels each batch misses ten more than the one before: 30 the third, 220 the last
    values = [float(value) for _, value in found.trend("class-iou[car]")]
    assert values == pytest.approx([1 - 10 * k / 2400 for k in range(3, 23)])
    assert found.history[-1].values["class-iou[car]"] == found.rules["class-iou[car]"].value


def test_a_folder_that_cannot_be_made_is_named(deliver, capsys):
    deliver(FULL, FULL)
    Path("accepted").write_text("in the way")

    with pytest.raises(UsageError, match="accepted"):
        accept(POLICY)


def test_names_of_classes_are_shown_as_they_are(deliver, capsys):
    deliver(FULL, FULL)
    text = Path(POLICY).read_text().replace("name: car", "name: '[bold]c,r]'")
    Path(POLICY).write_text(text.replace("[car, person]", "['[bold]c,r]', person]"))
    for side in ("gold.json", "delivery.json"):
        document = json.loads(Path(side).read_text())
        document["categories"][0]["name"] = "[bold]c,r]"
        Path(side).write_text(json.dumps(document))

    code = accept(POLICY)

    told = capsys.readouterr()
    assert code == 0
    assert "class-iou[[bold]c,r]]" in told.out
    assert gate([POLICY]) == 0
    assert "regression[class-iou,[bold]c,r]]" in capsys.readouterr().out


def test_a_reason_that_was_not_needed_is_not_kept(deliver, capsys):
    deliver(FULL, FULL)

    accept(POLICY, despite="just in case")

    assert read_baseline(BASELINE).despite == ""
    assert "despite" not in capsys.readouterr().out


def test_workers_judge_regressions_as_one_process_does(deliver, capsys, xdist):
    deliver(FULL, FULL)
    accept(POLICY)
    deliver(FULL, LESS)

    code = gate([POLICY, "-n", "2"])

    assert code == 1
    assert "regression[class-iou,car]" in capsys.readouterr().out


def test_the_command_has_two_names():
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())

    commands = project["project"]["entry-points"]["segcore.commands"]

    assert commands["accept"] == "segcore_gates.cli.accept:accept"
    assert commands["gates.accept"] == "segcore_gates.cli.accept:gates_accept"


def test_the_other_name_does_the_same(deliver, capsys):
    deliver(FULL, FULL)

    assert gates_accept(POLICY) == 0
    assert BASELINE.exists()
