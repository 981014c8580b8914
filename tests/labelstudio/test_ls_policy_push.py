"""``push: label-studio:`` of a policy: what it takes, and how often the server is asked."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import fake_server
import pytest
from exports import left

from segcore.errors import UsageError
from segcore_gates.errors import PushOptionsError
from segcore_labelstudio.batch import Show
from segcore_labelstudio.cli.push import _settings, push
from segcore_labelstudio.policy_push import configure

POLICY = """\
version: 1
gold: label-studio:7?annotations=ground-truth
delivery: label-studio:7
defaults: {support: {images: 1}}
gates: {class-iou: {metric: iou, min: {car: MINIMUM}}}
push: {label-studio: {project: PROJECT, masks: false}}
"""


@pytest.fixture
def server():
    """A project of 60 tasks of 4 by 2 pixels: left half the gold; of task 1 a quarter is delivered."""
    fake = fake_server.FakeLabelStudio(tasks=60)
    fake.config = fake.config.replace("BrushLabels", "RectangleLabels")
    for number, row in fake.rows.items():
        gold = {**row["annotations"][0], "id": 5000 + number, "ground_truth": True}
        row["annotations"][0]["result"] = [left(25 if number == 1 else 50)]
        row["annotations"].append(gold | {"result": [left(50)]})
    yield fake
    fake.close()


@pytest.fixture
def gate(tmp_path, server):
    """A function that gates the project with a floor; its IoU is 238 of 240 px."""

    def run(minimum, *words, project=7, metric="iou"):
        text = POLICY.replace("MINIMUM", str(minimum)).replace("PROJECT", json.dumps(project))
        text = text.replace("metric: iou", f"metric: {metric}")
        (tmp_path / "batch.gate.yaml").write_text(text)
        environment = {
            **os.environ,
            "LABEL_STUDIO_URL": server.url,
            "LABEL_STUDIO_API_KEY": fake_server.KEY,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        environment.pop("SEGCORE_LABEL_STUDIO_CACHE", None)
        return subprocess.run(
            [sys.executable, "-c", "import sys; from segcore.cli import main; sys.exit(main())",
             "gate", "batch.gate.yaml", *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def exported(server):
    return [i for asked in server.exports() for i in asked.ids]


def test_a_project_is_pulled_once_for_its_classes_its_gold_its_delivery_and_the_push(server, gate):
    result = gate(0.9)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "label-studio: project 7: 0 of 60 judged tasks fail; nothing to write" in result.stdout
    assert sorted(exported(server)) == list(range(1, 61))
    assert server.writes() == []


def test_no_push_does_not_ask_for_tabs(server, gate):
    gate(0.9, "--no-push")
    silent = [asked.path for asked in server.requests]
    gate(0.9)

    assert "/api/dm/views/" not in silent
    assert "/api/dm/views/" in [asked.path for asked in server.requests]


def test_for_objects_a_project_is_not_pulled_again(server, gate):
    # The first is half as large as it should be: F1 is 118/120.
    accepted = gate(0.9, metric="f1, iou: 0.75")
    pulled = exported(server)
    rejected = gate(0.99, metric="f1, iou: 0.75")

    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert "label-studio: project 7: 0 of 60 judged tasks fail; nothing to write" in accepted.stdout
    assert sorted(pulled) == list(range(1, 61))
    assert rejected.returncode == 1, rejected.stdout + rejected.stderr
    assert "not pushed: add the tab 'segcore: failing': 1 task: " in rejected.stderr
    assert "another reason" not in rejected.stderr


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("502 after commit", "(nobody knows whether it was carried out)"),
        ("", "tab 1, read back, shows something else"),
    ],
)
def test_a_write_that_fails_leaves_the_rejection_as_it_is(server, gate, fault, says):
    server.fault = fault

    result = gate(0.995)

    assert result.returncode == 1, result.stdout + result.stderr
    assert result.stderr.startswith(
        "batch.gate.yaml: label-studio: not pushed: add the tab 'segcore: failing': 1 task: "
    )
    assert says in result.stderr
    assert "0 of 1 writes were done before; run it again" in result.stderr
    assert len(server.writes()) == 1


def test_an_accepted_batch_whose_server_is_not_there_ends_with_code_4(server, gate):
    result = gate(0.9, project="7?url=http://127.0.0.1:1")

    assert result.returncode == 4
    assert "ACCEPT" in result.stdout
    assert result.stderr.startswith("batch.gate.yaml: label-studio: not pushed: ")
    assert "cannot connect to http://127.0.0.1:1/" in result.stderr
    assert server.writes() == []


# ---- options


def test_options_that_are_left_out_are_those_of_the_command():
    assert configure({"project": 7}).show == Show(
        title="segcore: failing", masks=True, columns=False, score=False
    )


def test_a_project_may_be_a_number_or_carry_options_of_a_source():
    assert configure({"project": 7}).project == "7"
    assert configure({"project": "7?key=name"}).project == "7?key=name"


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ({}, None, "the key 'project' is missing"),
        ({"project": 7.5}, "project", "expected a whole number or text, got 7.5"),
        ({"project": True}, "project", "expected a whole number or text, got True"),
        ({"project": 0}, "project", "its number in Label Studio"),
        ({"project": "7?keys=name"}, "project", "unknown option 'keys', did you mean 'key'?"),
        ({"project": 7, "title": ""}, "title", "expected text, got ''"),
        ({"project": 7, "masks": 1}, "masks", "expected true or false, got 1"),
        ({"project": 7, "column": True}, "column", "unknown key 'column', did you mean 'columns'?"),
    ],
)
def test_an_option_that_is_not_understood_is_named(options, key, says):
    with pytest.raises(PushOptionsError) as caught:
        configure(options)

    (problem,) = caught.value.problems
    assert problem.key == key
    assert says in problem.message


def test_all_problems_of_the_options_are_named_and_survive_a_worker():
    with pytest.raises(PushOptionsError) as caught:
        configure({"project": "x", "titel": "t", "score": "yes"})

    error = pickle.loads(pickle.dumps(caught.value))
    assert sorted(problem.key for problem in error.problems) == ["project", "score", "titel"]


# ---- the command


def test_the_command_line_goes_before_the_policy_and_the_policy_before_the_defaults():
    said = configure({"project": 7, "title": "theirs", "columns": True, "score": True})

    chosen = _settings(
        said, project="9", given={"title": None, "masks": False, "columns": None, "score": False}
    )

    assert chosen.project == "9"
    assert chosen.show == Show(title="theirs", masks=False, columns=True, score=False)


def test_without_a_policy_that_says_it_the_command_asks_for_the_project(tmp_path):
    policy = tmp_path / "batch.gate.yaml"
    policy.write_text(
        POLICY.replace("label-studio:7", "coco:gold.json").split("push:")[0].replace("MINIMUM", "0.5")
        + "ontology: {classes: [{id: 1, name: car}]}\n"
    )

    with pytest.raises(UsageError, match="which project"):
        push(policy=str(policy))
    with pytest.raises(UsageError, match="which project"):
        push(gold="coco:gold.json", below=0.5)
