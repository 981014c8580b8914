"""The command that judges again when webhooks have come."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import fake_server
import pytest

from segcore.errors import UsageError
from segcore_labelstudio.cli import watch as command
from segcore_labelstudio.watch import HEADER, Hints

SECRET = "a-secret-of-many-characters"
POLICY = """
version: 1
gold: label-studio:7
delivery: label-studio:7?threshold=100
gates: {iou: {metric: iou, min: {default: 0.5}}}
"""


def test_the_first_run_needs_no_event_and_each_later_one_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hints = Hints(quiet_s=0, longest_s=0)
    hints.add()
    codes = iter([1, 0])

    def judge() -> int:
        hints.add(4, 9)  # what comes while a run runs starts another
        return next(codes)

    command.run(hints, judge, runs=2)

    assert capsys.readouterr().err.splitlines() == [
        "segcore watch: judging what is there",
        "segcore watch: rejected",
        "segcore watch: judging again: 2 tasks changed (4, 9)",
        "segcore watch: accepted",
    ]


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8765", ("127.0.0.1", 8765)),
        ("[::1]:80", ("::1", 80)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
    ],
)
def test_an_address_is_a_host_and_a_port(listen: str, address: tuple[str, int]) -> None:
    assert command._address(listen) == address


@pytest.mark.parametrize("listen", ["8765", ":8765", "localhost", "localhost:x", "localhost:70000", ""])
def test_half_an_address_is_a_usage_error(listen: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        command._address(listen)


def test_without_a_secret_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(command.VARIABLE, raising=False)

    with pytest.raises(UsageError, match="SEGCORE_WEBHOOK_SECRET"):
        command.watch(["batch.gate.yaml"], project=12)


def test_a_webhook_starts_a_run_and_ctrl_c_ends_the_command(tmp_path: Path) -> None:
    # The policy is not there: each run says so in a line, which is all this test needs of it.
    words = ["watch", "label-studio", "gone.gate.yaml", "--project", "12"]
    words += ["--listen", "127.0.0.1:0", "--quiet", "0.1"]
    call = f"import sys; from segcore.cli import main; sys.exit(main({words!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", call],
        cwd=tmp_path,
        env=os.environ | {command.VARIABLE: SECRET},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stderr.readline())[1])  # type: ignore[index]
        first = [process.stderr.readline() for _ in range(3)]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        event = {"action": "ANNOTATION_CREATED", "project": {"id": 12}, "task": {"id": 31}}
        connection.request("POST", "/", body=json.dumps(event), headers={HEADER: SECRET})
        status = connection.getresponse().status
        connection.close()
        again = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()

    assert status == 204
    assert first[0] == "segcore watch: judging what is there\n"
    assert "gone.gate.yaml: there is no such file" in first[1]
    assert first[2] == "segcore watch: the run failed with exit code 4\n"
    assert again == ["segcore watch: judging again: 1 task changed (31)\n", *first[1:]]
    assert rest == "interrupted\n"
    assert SECRET not in "".join([*first, *again, rest])


@pytest.mark.parametrize("kept", [True, False])
def test_a_later_run_pulls_only_what_changed(
    kept: bool,
    serve: Callable[..., fake_server.FakeLabelStudio],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(tasks=450)
    (tmp_path / "batch.gate.yaml").write_text(POLICY)
    (tmp_path / "temporary").mkdir()
    for name, value in {
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": "0123456789",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TMPDIR": str(tmp_path / "temporary"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv(command.CACHE_VARIABLE, raising=False)
    if kept:
        monkeypatch.setenv(command.CACHE_VARIABLE, str(tmp_path / "kept"))
    hints = Hints(quiet_s=0, longest_s=0)
    asked: list[list[int]] = []

    with command._cache() as cache:

        def judge() -> int:
            code = command._judge([str(tmp_path / "batch.gate.yaml")], None, cache)
            asked.append([exported.ids[0] for exported in server.exports()])
            server.requests.clear()
            server.rows[250] = server.row(250, updated="2026-03-03T00:00:00Z")
            hints.add(250)
            return code

        command.run(hints, judge, runs=2)

    assert asked == [[1, 201, 401], [201]]
    assert (tmp_path / "kept").exists() == kept
    assert not list((tmp_path / "temporary").iterdir())
