"""What the tests of the pytest plugin share."""

from __future__ import annotations

import json

COUNTING = """
import os
from pathlib import Path

import segcore

real = segcore.evaluate

def evaluate(*args, **kwargs):
    with Path(__file__).with_name("calls.log").open("a") as log:
        log.write(f"{os.getpid()}\\n")
    return real(*args, **kwargs)

segcore.evaluate = evaluate
"""
"""A conftest that keeps a log of evaluations, in whichever process they happen."""


def report_of(pytester, *args):
    pytester.runpytest_inprocess("--gate-report=report.json", *args)
    return json.loads((pytester.path / "report.json").read_text())
