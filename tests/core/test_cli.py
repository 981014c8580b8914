"""The command: assembled from entry points, errors in one line, exit codes of the contract."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
import typer

import segcore
from segcore.cli import commands, failures, main
from segcore.errors import DocumentError, InvalidInputError, OntologyError, SpecError, UsageError
from segcore.faults import Fault


def fails(kind: str) -> int:
    """Fail as asked."""
    raise ERRORS[kind]


def answers(code: int) -> int:
    """Return an exit code."""
    return code


def leaves(code: int) -> None:
    """Leave through typer."""
    raise typer.Exit(code)


def writes_a_lot() -> None:
    """Write more than a pipe holds."""
    for _ in range(100_000):
        sys.stdout.write("line\n")


ERRORS = {
    "invalid": InvalidInputError([Fault(code="rle.truncated", file="a.json", image="7", annotation=3)]),
    "json": DocumentError("json.syntax", "unexpected end", file="gold.json", line=3),
    "policy": DocumentError("policy.tag", "tags are not allowed", file="a.gate.yaml", line=3),
    "usage": UsageError("that cannot be done"),
    "spec": SpecError("'x' is not a source"),
    "ontology": OntologyError("no classes"),
    "bug": ZeroDivisionError("division by zero"),
    "memory": MemoryError(),
    "pipe": BrokenPipeError(),
    "interrupt": KeyboardInterrupt(),
    "ansi": UsageError("class '\x1b[31mred'"),
    "extra": ModuleNotFoundError("No module named 'pydantic'", name="pydantic"),
}


@pytest.fixture
def with_commands(monkeypatch):
    """Replace the installed commands by functions of this module."""

    def install(*pairs: tuple[str, str]) -> None:
        points = tuple(EntryPoint(name, value, commands.COMMANDS) for name, value in pairs)
        monkeypatch.setattr(
            commands, "entry_points", lambda group: points if group == commands.COMMANDS else ()
        )
        commands._entry_points.cache_clear()

    monkeypatch.setitem(sys.modules, "segcore_test_commands", sys.modules[__name__])
    yield install
    commands._entry_points.cache_clear()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("invalid", 3),
        ("json", 3),
        ("policy", 4),
        ("usage", 4),
        ("spec", 4),
        ("ontology", 4),
        ("extra", 4),
        ("bug", 5),
        ("memory", 5),
        ("interrupt", 130),
    ],
)
def test_each_kind_of_error_has_its_exit_code(with_commands, capsys, kind, code):
    with_commands(("fails", "segcore_test_commands:fails"))

    assert main(["fails", kind]) == code

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert "Traceback" not in captured.err


def test_an_invalid_input_names_file_image_and_annotation(with_commands, capsys):
    with_commands(("fails", "segcore_test_commands:fails"))

    main(["fails", "invalid"])

    error = capsys.readouterr().err
    assert "a.json: image 7: annotation 3" in error
    assert "rle.truncated" in error


def test_an_internal_error_is_one_line_and_says_what_to_do(with_commands, capsys):
    with_commands(("fails", "segcore_test_commands:fails"))

    main(["fails", "bug"])

    first, second = capsys.readouterr().err.splitlines()
    assert first == "segcore: internal error: ZeroDivisionError: division by zero"
    assert "--debug" in second


@pytest.mark.parametrize("words", [["--debug", "fails", "bug"], ["fails", "bug", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(with_commands, capsys, words):
    with_commands(("fails", "segcore_test_commands:fails"))

    assert main(words) == 5

    assert "Traceback" in capsys.readouterr().err


def test_names_from_a_file_cannot_act_on_the_terminal(with_commands, capsys):
    with_commands(("fails", "segcore_test_commands:fails"))

    main(["fails", "ansi"])

    assert capsys.readouterr().err == "segcore: class '\\x1b[31mred'\n"


@pytest.mark.parametrize("name", ["answers", "leaves"])
@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_exit_code_of_a_command_is_passed_on(with_commands, name, code):
    with_commands((name, f"segcore_test_commands:{name}"))

    assert main([name, str(code)]) == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["answers"], "Missing argument", id="an argument is missing"),
        pytest.param(["answers", "x"], "valid integer", id="an argument has the wrong type"),
        pytest.param(["answers", "1", "--nonsense"], "No such option", id="an option is unknown"),
        pytest.param(["answer", "1"], "No such command", id="a command is unknown"),
        pytest.param([], "Usage", id="nothing is asked for"),
    ],
)
def test_a_wrong_call_exits_with_4(with_commands, capsys, words, said):
    with_commands(("answers", "segcore_test_commands:answers"))

    assert main(words) == 4

    captured = capsys.readouterr()
    assert said.casefold() in (captured.out + captured.err).casefold()


def test_a_command_whose_package_is_missing_costs_only_itself(with_commands, capsys):
    with_commands(("answers", "segcore_test_commands:answers"), ("gone", "segcore_no_such_package:gone"))

    assert main(["answers", "0"]) == 0
    assert main(["--help"]) == 0
    assert main(["gone", "anything", "--at-all"]) == 4

    captured = capsys.readouterr()
    assert "answers" in captured.out
    assert "segcore_no_such_package" in captured.err


PLATFORMS = (
    ("push.one", "segcore_test_commands:answers"),
    ("push.other", "segcore_no_such_package:push"),
    ("score", "segcore_test_commands:answers"),
)


@pytest.mark.parametrize("code", [0, 3])
def test_a_name_with_a_dot_is_a_command_of_a_group(with_commands, code):
    with_commands(*PLATFORMS)

    assert main(["push", "one", str(code)]) == code


def test_a_group_is_listed_once_and_lists_its_commands(with_commands, capsys):
    with_commands(*PLATFORMS)

    assert main(["--help"]) == 0
    above = capsys.readouterr().out
    assert main(["push", "--help"]) == 0
    below = capsys.readouterr().out

    assert above.count("push") == 1
    assert "Write results back" in above
    assert "one" in below
    assert "score" not in below


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["push.one", "0"], "No such command 'push.one'", id="the name of the entry point"),
        pytest.param(["push", "two"], "No such command 'two'", id="a platform that is not there"),
        pytest.param(["push"], "", id="no platform"),
        pytest.param(["push", "other"], "segcore_no_such_package", id="a platform without its package"),
        pytest.param(["pus", "one"], "No such command 'pus'", id="half a name"),
    ],
)
def test_a_wrong_call_of_a_group_exits_with_4(with_commands, capsys, words, said):
    with_commands(*PLATFORMS)

    assert main(words) == 4
    assert said in capsys.readouterr().err


def test_a_command_that_two_packages_provide_is_refused(with_commands, capsys):
    with_commands(("twice", "segcore_test_commands:answers"), ("twice", "segcore_test_commands:leaves"))

    assert main(["twice", "0"]) == 4

    assert "two packages provide 'twice'" in capsys.readouterr().err


def test_a_missing_package_names_the_extra_that_installs_it(monkeypatch):
    requirements = [
        'pydantic>=2.7; extra == "gates"',
        'pydantic>=2.7; extra == "all"',
        'label-studio-sdk>=2; extra == "all"',
        'label-studio-sdk>=2; extra == "label-studio"',
        "numpy",
    ]
    monkeypatch.setattr(failures.metadata, "requires", lambda _name: requirements)

    assert failures.extra_providing("pydantic") == "gates"
    assert failures.extra_providing("pydantic.fields") == "gates"
    assert failures.extra_providing("label_studio_sdk") == "label-studio"
    assert failures.extra_providing("numpy") is None
    assert failures.extra_providing("") is None


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"segcore {segcore.__version__}\n"


def test_a_reader_that_closes_the_pipe_ends_the_run_without_noise():
    script = (
        "import sys; sys.path.insert(0, {folder!r})\n"
        "from segcore.cli import commands, main\n"
        "from importlib.metadata import EntryPoint\n"
        "commands.entry_points = lambda group: (EntryPoint('w', 'test_cli:writes_a_lot', group),)\n"
        "sys.exit(main(['w']))"
    ).format(folder=str(__file__).rpartition("/")[0])

    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()

    assert process.wait() == 141
    assert error == ""


@pytest.mark.parametrize(
    "name", sorted({p.name for p in commands.entry_points(group=commands.COMMANDS)})
)
def test_the_help_of_every_command_carries_an_example(capsys, name):
    words = name.split(".")

    assert main([*words, "--help"]) == 0

    assert f"Example: segcore {' '.join(words)}" in " ".join(capsys.readouterr().out.split())
