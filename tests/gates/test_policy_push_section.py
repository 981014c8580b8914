"""``push:`` of a policy as it is written: what its platform does not take, variables and secrets."""

from __future__ import annotations

import pytest
from push_board import PUSH

from segcore_gates.errors import PolicyError
from segcore_gates.policy_file import load_policy


@pytest.mark.parametrize(
    ("push", "says"),
    [
        ("bord: {file: x}", "unknown platform 'bord', did you mean 'board'?"),
        ("board: {}", ":9: push.board: the key 'file' is missing"),
        ("board: {file: x, colour: red}", ":9: push.board.colour: unknown key 'colour'"),
        ("board: {file: true}", ":9: push.board.file: expected text, got True"),
        ("board: {file: x, width: true}", "expected a whole number or a number, got True"),
        ("board: {file: x, width: 0}", ":9: push.board: a board of no width"),
        ("board: {file: '${NOPE}'}", ":9: push.board.file: the environment variable NOPE is not set"),
        ("bare: {}", ":9: push.bare: the platform 'bare' cannot be loaded: No module named"),
        ("board: {file: }", ":9: push.board.file: the key has no value"),
    ],
)
def test_what_a_platform_does_not_take_is_an_error_of_the_policy_with_its_line(
    tmp_path, write_batch, policy_text, run_gate, on_board, push, says
):
    head, gates = policy_text.split("gates:")
    text = f"{head}name: a\ncoverage: {{gold_images: all}}\npush: {{{push}}}\ngates:{gates}"
    assert text.splitlines()[8].startswith("push:")
    write_batch(tmp_path, policy=text)

    result = run_gate("batch.gate.yaml")

    assert result.returncode == 4
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert on_board() == []
    assert not (tmp_path / "evaluated").exists()


def test_a_missing_package_of_a_known_extra_is_named_with_its_extra(
    tmp_path, write_batch, policy_text, board, run_gate
):
    (board / "board.py").write_text("raise ModuleNotFoundError('no', name='label_studio_sdk')\n")
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run_gate("batch.gate.yaml")

    assert result.returncode == 4
    assert (
        "push.board: the platform 'board' needs label_studio_sdk: "
        'pip install "segcore[label-studio]"' in result.stderr
    )


def test_text_below_push_may_hold_variables(tmp_path, write_batch, policy_text):
    push = 'push: {label-studio: {project: "${PROJECT}?key=name", title: "$$5 in ${BATCH}"}}\n'
    path = write_batch(tmp_path, policy=policy_text + push)

    found = load_policy(path, environ={"PROJECT": "12", "BATCH": "w31"}).push["label-studio"]

    assert found.project == "12?key=name"
    assert found.show.title == "$5 in w31"


def test_a_secret_below_push_is_refused_and_not_repeated(tmp_path, write_batch, policy_text):
    secret = "0123456789abcdef" * 2 + "01234567"
    push = f'push: {{label-studio: {{project: "7?token={secret}", key: {secret}}}}}\n'
    path = write_batch(tmp_path, policy=policy_text + push)

    with pytest.raises(PolicyError, match="holds a secret") as caught:
        load_policy(path, environ={})

    assert [problem.path for problem in caught.value.problems] == [
        "push.label-studio.key",
        "push.label-studio.project",
    ]
    assert secret not in str(caught.value)
