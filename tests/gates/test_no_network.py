"""Commands on files reach for no network: nothing is resolved, connected to or sent."""

from __future__ import annotations

import subprocess
import sys

import pytest

WATCHED = """\
import sys
def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        print("NETWORK", event, arguments[-1], file=sys.stderr, flush=True)
sys.addaudithook(watch)
"""
COMMAND = f"{WATCHED}from segcore.cli import main\nsys.exit(main(sys.argv[1:]))\n"


def run(folder, code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["score", "coco:gold.json", "coco:delivery.json"], 0),
        (["check", "coco:delivery.json"], 0),
        (["gates", "check", "batch.gate.yaml"], 0),
        (["gates", "lock", "batch.gate.yaml", "--output", "form.json"], 0),
        (["init", "new", "--gold", "coco:gold.json", "--delivery", "coco:delivery.json"], 0),
        (["accept", "batch.gate.yaml", "--despite", "a start"], 0),
        (["gate", "batch.gate.yaml", "--report", "out", "--evidence", "e.zip", "--json", "r.json"], 1),
        (["schema"], 0),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_command_on_files_uses_no_network(tmp_path, write_batch, policy_text, arguments, code):
    section = "regression: {baseline: accepted.json, of: [class-iou], max_drop: {default: 0.01}}\n"
    write_batch(tmp_path, policy=policy_text + section)

    done = run(tmp_path, COMMAND, *arguments)

    assert done.returncode == code, done.stderr
    assert "NETWORK" not in done.stderr


def test_what_reaches_out_is_seen(tmp_path):
    done = run(tmp_path, f"{WATCHED}import socket\nsocket.getaddrinfo('127.0.0.1', 9)\n")

    assert "NETWORK socket.getaddrinfo" in done.stderr
