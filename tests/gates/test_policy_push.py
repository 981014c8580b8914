"""``push:`` of a policy: another package's platform gets the judged batch, once, whatever the verdict.

The platform is a package of its own in these tests: a module and the metadata of a distribution, found
as any other is.  Its "server" is a file that every push adds a line to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from segcore_gates.errors import PolicyError
from segcore_gates.policy_file import load_policy

PLATFORM = """
import json, os
from pathlib import Path

import segcore
from segcore.errors import ConnectionFailedError, UsageError
from segcore_gates.errors import PushOptionsError
from segcore_gates.pushes import Pushed, problems_of

evaluate = segcore.evaluate

def counted(*args, **kwargs):
    with Path("evaluated").open("a") as stream:
        stream.write(os.environ.get("PYTEST_XDIST_WORKER", "here") + "\\n")
    return evaluate(*args, **kwargs)

segcore.evaluate = counted

class Board:
    def __init__(self, file, fails):
        self.file, self.fails = Path(file), fails

    def __call__(self, batch):
        if self.fails == "server":
            raise ConnectionFailedError("the board is out of order")
        if self.fails == "bug":
            raise ZeroDivisionError("division by zero")
        line = {
            "failed": [record.id for record in batch.records if record.verdict == "FAIL"],
            "verdicts": [str(record.verdict) for record in batch.records],
            "iou": {c.name: c.iou for c in batch.evaluation.classes},
            "sides": [batch.gold.name, batch.delivery.name],
            "worker": os.environ.get("PYTEST_XDIST_WORKER"),
        }
        with self.file.open("a") as stream:
            stream.write(json.dumps(line) + "\\n")
        return Pushed(says="written to the board", notes=("it has \\x1b[31mno colours",))

def configure(options):
    kinds = {"file": str, "fails": str, "width": (int, float)}
    if problems := problems_of(options, kinds, required=("file",)):
        raise PushOptionsError(problems)
    if options.get("width") == 0:
        raise UsageError("a board of no width")
    return Board(options["file"], options.get("fails"))
"""

PUSH = "push: {board: {file: board.txt}}\n"
PERFECT = ({"car": (0, 4), "person": (6, 10)},) * 2


@pytest.fixture
def board(tmp_path):
    """The folder that holds the package of the platform."""
    packages = tmp_path / "packages"
    info = packages / "board-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: board\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[segcore.pushes]\nboard = board:configure\nbare = no_such_module:configure\n"
    )
    (packages / "board.py").write_text(PLATFORM)
    return packages


@pytest.fixture
def run(tmp_path, board):
    """A function that runs a command of the folder with the platform installed."""

    def start(*words, program=("from segcore.cli import main; import sys; sys.exit(main())", "gate")):
        ours = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
        path = os.pathsep.join([str(board), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        return subprocess.run(
            [sys.executable, "-c", *program, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**ours, "PYTHONPATH": path},
        )

    return start


@pytest.fixture
def on_board(tmp_path):
    """A function that gives what was pushed so far."""

    def lines():
        file = tmp_path / "board.txt"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    return lines


def evaluated(folder):
    return (folder / "evaluated").read_text().split()


def test_a_batch_that_fails_is_pushed_with_the_rules_it_fails(
    tmp_path, write_batch, policy_text, run, on_board
):
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run("batch.gate.yaml")

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
    tmp_path, write_batch, policy_text, run, on_board, defaults, code
):
    text = policy_text.replace("{support: {images: 1, instances: 1}}", defaults)
    write_batch(tmp_path, delivery=PERFECT, policy=text + PUSH)

    result = run("batch.gate.yaml")

    assert result.returncode == code, result.stdout + result.stderr
    assert [line["failed"] for line in on_board()] == [[]]


@pytest.mark.usefixtures("xdist")
def test_with_workers_it_is_the_controlling_process_that_pushes(
    tmp_path, write_batch, policy_text, run, on_board
):
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run("batch.gate.yaml", "--", "-n", "2")

    assert result.returncode == 1, result.stdout + result.stderr
    assert [(line["failed"], line["worker"]) for line in on_board()] == [(["class-iou[person]"], None)]
    assert len(evaluated(tmp_path)) == 2
    assert evaluated(tmp_path)[1] == "here"


def test_no_push_writes_nothing(tmp_path, write_batch, policy_text, run, on_board):
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run("batch.gate.yaml", "--no-push")

    assert result.returncode == 1
    assert on_board() == []
    assert "board" not in result.stdout + result.stderr


def test_plain_pytest_writes_nothing(tmp_path, write_batch, policy_text, run, on_board):
    write_batch(tmp_path, policy=policy_text + PUSH)
    plugin = () if plugin_is_installed() else ("-p", "segcore_gates.pytest_plugin")

    result = run("-q", *plugin, program=("import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))",))

    assert result.returncode == 1
    assert "person, short by 0.3000" in result.stdout
    assert on_board() == []
    assert "written to the board" not in result.stdout + result.stderr


def plugin_is_installed():
    from importlib.metadata import entry_points

    return "segcore" in {entry.name for entry in entry_points(group="pytest11")}


def test_the_report_does_not_change_because_of_a_push(tmp_path, write_batch, policy_text, run):
    write_batch(tmp_path, policy=policy_text + PUSH.replace("}}", ", fails: server}}"))

    run("batch.gate.yaml", "--json", "pushed.json")
    run("batch.gate.yaml", "--json", "alone.json", "--no-push")

    pushed, alone = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("pushed", "alone"))
    assert pushed.pop("run")
    assert alone.pop("run")
    assert pushed == alone
    assert "push" not in json.dumps(sorted(alone))


@pytest.mark.parametrize(("broken", "code"), [("policy", 4), ("option", 4), ("input", 3), ("pin", 4)])
def test_a_batch_that_cannot_be_judged_is_not_pushed_and_the_others_are(
    tmp_path, write_batch, policy_text, run, on_board, broken, code
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

    alone = run("b/batch.gate.yaml")
    nothing = on_board()
    both = run("a.gate.yaml", "b/batch.gate.yaml", "--", "--continue-on-collection-errors")

    assert (alone.returncode, nothing) == (code, []), alone.stdout + alone.stderr
    assert both.returncode == code
    assert len(on_board()) == 1
    assert on_board()[0]["sides"] == ["coco:gold.json", "coco:delivery.json"]


def test_the_verdict_of_a_rejected_batch_outlives_a_push_that_fails(
    tmp_path, write_batch, policy_text, run
):
    write_batch(tmp_path, policy=policy_text + PUSH.replace("}}", ", fails: server}}"))

    result = run("batch.gate.yaml")

    assert result.returncode == 1
    assert result.stderr == "batch.gate.yaml: board: not pushed: the board is out of order\n"


def test_an_accepted_batch_whose_push_fails_ends_with_the_code_of_the_error(
    tmp_path, write_batch, policy_text, run
):
    text = policy_text + PUSH.replace("}}", ", fails: server}}")
    write_batch(tmp_path, delivery=PERFECT, policy=text)

    result = run("batch.gate.yaml", "--json", "-")

    assert result.returncode == 4
    assert "batch.gate.yaml: board: not pushed: the board is out of order\n" in result.stderr
    assert json.loads(result.stdout)["outcome"] == "accept"


def test_a_platform_that_breaks_is_an_internal_error_of_an_accepted_batch_only(
    tmp_path, write_batch, policy_text, run
):
    text = policy_text + PUSH.replace("}}", ", fails: bug}}")
    write_batch(tmp_path, delivery=PERFECT, policy=text)
    write_batch(tmp_path / "b", policy=text)

    accepted, debug = run("batch.gate.yaml"), run("batch.gate.yaml", "--debug")
    rejected = run("b/batch.gate.yaml")

    assert (accepted.returncode, debug.returncode, rejected.returncode) == (5, 5, 1)
    assert "Traceback" not in accepted.stderr + rejected.stderr
    assert "ZeroDivisionError: division by zero" in accepted.stderr
    assert "ZeroDivisionError: division by zero" in rejected.stderr
    assert "Traceback" in debug.stderr


def test_a_platform_that_fails_does_not_keep_the_next_policy_from_being_pushed(
    tmp_path, write_batch, policy_text, run, on_board
):
    write_batch(
        tmp_path, policy=policy_text + PUSH.replace("}}", ", fails: server}}"), name="a.gate.yaml"
    )
    write_batch(tmp_path, delivery=PERFECT, policy=policy_text + PUSH, name="b.gate.yaml")

    result = run("a.gate.yaml", "b.gate.yaml", "--json", "-")

    assert result.returncode == 4
    assert len(on_board()) == 1
    assert "b.gate.yaml: board: written to the board" in result.stderr
    assert len(json.loads(result.stdout)["policies"]) == 2


@pytest.mark.usefixtures("xdist")
def test_what_changed_after_it_was_judged_is_not_pushed(
    tmp_path, write_batch, policy_text, board, run, on_board
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

    result = run("batch.gate.yaml", "--", "-n", "1")

    assert not changed.exists()
    assert result.returncode == 4, result.stdout + result.stderr
    assert "not pushed: the policy or an input changed after it was judged" in result.stderr
    assert on_board() == []


# ---- the section itself


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
    tmp_path, write_batch, policy_text, run, on_board, push, says
):
    head, gates = policy_text.split("gates:")
    text = f"{head}name: a\ncoverage: {{gold_images: all}}\npush: {{{push}}}\ngates:{gates}"
    assert text.splitlines()[8].startswith("push:")
    write_batch(tmp_path, policy=text)

    result = run("batch.gate.yaml")

    assert result.returncode == 4
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert on_board() == []
    assert not (tmp_path / "evaluated").exists()


def test_a_missing_package_of_a_known_extra_is_named_with_its_extra(
    tmp_path, write_batch, policy_text, board, run
):
    (board / "board.py").write_text("raise ModuleNotFoundError('no', name='label_studio_sdk')\n")
    write_batch(tmp_path, policy=policy_text + PUSH)

    result = run("batch.gate.yaml")

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


OBJECTS = """\
  found: {metric: f1, iou: 0.75, classes: [car, person], min: {default: 0.9}}
"""


@pytest.mark.parametrize(
    ("keep", "evaluations"), [(True, 2), (False, 2)], ids=["pixels and objects", "objects only"]
)
def test_a_push_shows_pixels_and_says_which_gates_are_about_objects(
    tmp_path, write_batch, policy_text, run, on_board, keep, evaluations
):
    text = policy_text if keep else policy_text[: policy_text.index("  class-iou")]
    write_batch(tmp_path, policy=text + OBJECTS + PUSH)

    result = run("batch.gate.yaml")

    assert result.returncode == 1, result.stdout + result.stderr
    (line,) = on_board()
    assert line["iou"] == {"car": 1.0, "person": 0.5, "rider": None}
    assert "found[person]" in line["failed"]
    assert (
        "board: note: what is shown are pixels; 1 gate blocks for another reason: found[person]\n"
        in result.stderr
    )
    assert len(evaluated(tmp_path)) == evaluations
