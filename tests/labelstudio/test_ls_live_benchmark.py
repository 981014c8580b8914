"""The benchmark that pulls from a server runs; its figures are for people."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_of_a_pull_runs(label_studio):
    # With a server of its own; asking for the shared one keeps both on one worker, one after the other.
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "1", "--only", "f"],
        cwd=ROOT,
        env={**os.environ, "PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert re.search(r"^\| segcore \|", result.stdout, re.M), result.stdout
