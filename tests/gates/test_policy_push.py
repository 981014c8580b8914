"""``push:`` of a policy: another package's platform gets the judged batch once, whatever the verdict."""

from __future__ import annotations

import json

import pytest
from push_board import PERFECT, PUSH, evaluated


def test_a_batch_that_fails_is_pushed_with_the_rules_it_fails(
    tmp_path, write_batch, policy_text, run_gate, on_board
):
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run_gate("batch.gate.yaml")

    assert result.returncode == 1, result.stdout + result.stderr
    assert on_board() == [
        {
            "failed": ["class-iou[person]"],
            "verdicts": ["PASS", "PASS", "FAIL"],
            "iou": {"car": 1.0, "person": 0.5, "rider": None},
            "sides": ["coco:gold.json", "coco:delivery.json"],
            "worker": None,
        }
    ]
    assert result.stdout.splitlines()[-1] == "batch.gate.yaml: board: written to the board"
    assert result.stderr == "batch.gate.yaml: board: note: it has \\x1b[31mno colours\n"
    assert evaluated(tmp_path) == ["here"]


@pytest.mark.parametrize(
    ("defaults", "code"),
    [("{support: {images: 1, instances: 1}}", 0), ("{support: {images: 30}, thin: error}", 2)],
    ids=["accepted", "thin"],
)
def test_a_batch_that_does_not_fail_is_pushed_too(
    tmp_path, write_batch, policy_text, run_gate, on_board, defaults, code
):
    text = policy_text.replace("{support: {images: 1, instances: 1}}", defaults)
    write_batch(tmp_path, delivery=PERFECT, policy=text + PUSH)

    result = run_gate("batch.gate.yaml")

    assert result.returncode == code, result.stdout + result.stderr
    assert [line["failed"] for line in on_board()] == [[]]


@pytest.mark.usefixtures("xdist")
def test_with_workers_it_is_the_controlling_process_that_pushes(
    tmp_path, write_batch, policy_text, run_gate, on_board
):
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run_gate("batch.gate.yaml", "--", "-n", "2")

    assert result.returncode == 1, result.stdout + result.stderr
    assert [(line["failed"], line["worker"]) for line in on_board()] == [(["class-iou[person]"], None)]
    assert len(evaluated(tmp_path)) == 2
    assert evaluated(tmp_path)[1] == "here"


def test_no_push_writes_nothing(tmp_path, write_batch, policy_text, run_gate, on_board):
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run_gate("batch.gate.yaml", "--no-push")

    assert result.returncode == 1
    assert on_board() == []
    assert "board" not in result.stdout + result.stderr


def test_plain_pytest_writes_nothing(tmp_path, write_batch, policy_text, run_gate, on_board):
    write_batch(tmp_path, policy=policy_text + PUSH)
    plugin = () if plugin_is_installed() else ("-p", "segcore_gates.pytest_plugin")

    result = run_gate(
        "-q", *plugin, program=("import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))",)
    )

    assert result.returncode == 1
    assert "person, short by 0.3000" in result.stdout
    assert on_board() == []
    assert "written to the board" not in result.stdout + result.stderr


def plugin_is_installed():
    from importlib.metadata import entry_points

    return "segcore" in {entry.name for entry in entry_points(group="pytest11")}


def test_the_report_does_not_change_because_of_a_push(tmp_path, write_batch, policy_text, run_gate):
    write_batch(tmp_path, policy=policy_text + PUSH.replace("}}", ", fails: server}}"))

    run_gate("batch.gate.yaml", "--json", "pushed.json")
    run_gate("batch.gate.yaml", "--json", "alone.json", "--no-push")

    pushed, alone = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("pushed", "alone"))
    assert pushed.pop("run")
    assert alone.pop("run")
    assert pushed == alone
    assert "push" not in json.dumps(sorted(alone))


@pytest.mark.parametrize(("broken", "code"), [("policy", 4), ("option", 4), ("input", 3), ("pin", 4)])
def test_a_batch_that_cannot_be_judged_is_not_pushed_and_the_others_are(
    tmp_path, write_batch, policy_text, run_gate, on_board, broken, code
):
    write_batch(tmp_path, policy=policy_text + PUSH, name="a.gate.yaml")
    write_batch(tmp_path / "b", policy=policy_text + PUSH.replace("board.txt", "../board.txt"))
    text = (tmp_path / "b" / "batch.gate.yaml").read_text()
    changed = {
        "policy": text.replace("gates:", "gaits:"),
        "option": text.replace("file:", "fyle:"),
        "input": text,
        "pin": text.replace("coco:gold.json", '{format: coco, path: gold.json, sha256: "000000000000"}'),
    }[broken]
    (tmp_path / "b" / "batch.gate.yaml").write_text(changed)
    if broken == "input":
        (tmp_path / "b" / "delivery.json").write_text("{")

    alone = run_gate("b/batch.gate.yaml")
    nothing = on_board()
    both = run_gate("a.gate.yaml", "b/batch.gate.yaml", "--", "--continue-on-collection-errors")

    assert (alone.returncode, nothing) == (code, []), alone.stdout + alone.stderr
    assert both.returncode == code
    assert len(on_board()) == 1
    assert on_board()[0]["sides"] == ["coco:gold.json", "coco:delivery.json"]


def test_the_verdict_of_a_rejected_batch_outlives_a_push_that_fails(
    tmp_path, write_batch, policy_text, run_gate
):
    write_batch(tmp_path, policy=policy_text + PUSH.replace("}}", ", fails: server}}"))

    result = run_gate("batch.gate.yaml")

    assert result.returncode == 1
    assert result.stderr == "batch.gate.yaml: board: not pushed: the board is out of order\n"


def test_an_accepted_batch_whose_push_fails_ends_with_the_code_of_the_error(
    tmp_path, write_batch, policy_text, run_gate
):
    text = policy_text + PUSH.replace("}}", ", fails: server}}")
    write_batch(tmp_path, delivery=PERFECT, policy=text)

    result = run_gate("batch.gate.yaml", "--json", "-")

    assert result.returncode == 4
    assert "batch.gate.yaml: board: not pushed: the board is out of order\n" in result.stderr
    assert json.loads(result.stdout)["outcome"] == "accept"


def test_a_platform_that_breaks_is_an_internal_error_of_an_accepted_batch_only(
    tmp_path, write_batch, policy_text, run_gate
):
    text = policy_text + PUSH.replace("}}", ", fails: bug}}")
    write_batch(tmp_path, delivery=PERFECT, policy=text)
    write_batch(tmp_path / "b", policy=text)

    accepted, debug = run_gate("batch.gate.yaml"), run_gate("batch.gate.yaml", "--debug")
    rejected = run_gate("b/batch.gate.yaml")

    assert (accepted.returncode, debug.returncode, rejected.returncode) == (5, 5, 1)
    assert "Traceback" not in accepted.stderr + rejected.stderr
    assert "ZeroDivisionError: division by zero" in accepted.stderr
    assert "ZeroDivisionError: division by zero" in rejected.stderr
    assert "Traceback" in debug.stderr


def test_a_platform_that_fails_does_not_keep_the_next_policy_from_being_pushed(
    tmp_path, write_batch, policy_text, run_gate, on_board
):
    write_batch(
        tmp_path, policy=policy_text + PUSH.replace("}}", ", fails: server}}"), name="a.gate.yaml"
    )
    write_batch(tmp_path, delivery=PERFECT, policy=policy_text + PUSH, name="b.gate.yaml")

    result = run_gate("a.gate.yaml", "b.gate.yaml", "--json", "-")

    assert result.returncode == 4
    assert len(on_board()) == 1
    assert "b.gate.yaml: board: written to the board" in result.stderr
    assert len(json.loads(result.stdout)["policies"]) == 2


@pytest.mark.usefixtures("xdist")
def test_what_changed_after_it_was_judged_is_not_pushed(
    tmp_path, write_batch, policy_text, board, run_gate, on_board
):
    write_batch(tmp_path, delivery=PERFECT, policy=policy_text + PUSH)
    changed = tmp_path / "changed.json"
    changed.write_text((tmp_path / "delivery.json").read_text().replace("[0, 6, 10, 6", "[0, 7, 10, 7"))
    # The controller evaluates again what a worker judged; by then the delivery is another one.
    with (board / "board.py").open("a") as module:
        module.write(
            "\nif 'PYTEST_XDIST_WORKER' not in os.environ:\n"
            "    os.replace('changed.json', 'delivery.json')\n"
        )

    result = run_gate("batch.gate.yaml", "--", "-n", "1")

    assert not changed.exists()
    assert result.returncode == 4, result.stdout + result.stderr
    assert "not pushed: the policy or an input changed after it was judged" in result.stderr
    assert on_board() == []


OBJECTS = """\
  found: {metric: f1, iou: 0.75, classes: [car, person], min: {default: 0.9}}
"""


@pytest.mark.parametrize(
    ("keep", "evaluations"), [(True, 2), (False, 2)], ids=["pixels and objects", "objects only"]
)
def test_a_push_shows_pixels_and_says_which_gates_are_about_objects(
    tmp_path, write_batch, policy_text, run_gate, on_board, keep, evaluations
):
    text = policy_text if keep else policy_text[: policy_text.index("  class-iou")]
    write_batch(tmp_path, policy=text + OBJECTS + PUSH)

    result = run_gate("batch.gate.yaml")

    assert result.returncode == 1, result.stdout + result.stderr
    (line,) = on_board()
    assert line["iou"] == {"car": 1.0, "person": 0.5, "rider": None}
    assert "found[person]" in line["failed"]
    assert (
        "board: note: what is shown are pixels; 1 gate blocks for another reason: found[person]\n"
        in result.stderr
    )
    assert len(evaluated(tmp_path)) == evaluations
