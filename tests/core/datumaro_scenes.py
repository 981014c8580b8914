"""A stand-in for the Python that runs Datumaro: it answers what a test tells it to."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

VARIABLE: Final = "SEGCORE_DATUMARO_PYTHON"

LABELS: Final = {"labels": [["car", ""], ["dog", ""]]}
SQUARE: Final = [2.0, 2.0, 8.0, 2.0, 8.0, 8.0, 2.0, 8.0]


def annotation(kind: str = "polygon", **changes: Any) -> dict[str, Any]:
    """A car whose polygon covers 6 x 6 pixels."""
    common = {"id": 5, "group": 0, "label": 0, "z_order": 0, "crowd": False, "score": None}
    return {"type": kind, **common, "points": SQUARE} | changes


def item(*annotations: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """An item of 10 x 20 pixels (height x width)."""
    common = {"id": "a", "subset": "default", "path": None, "size": [10, 20]}
    return {"item": {**common, "annotations": list(annotations)} | changes}


def answers(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: object, then: str = "") -> Path:
    """The folder of a data set for which Datumaro will seem to answer ``lines`` and do ``then``."""
    data = folder / "dataset"
    data.mkdir()
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    program = folder / "python"
    program.write_text(
        f"#!{sys.executable} -I\n"
        "import json, os, sys\n"
        f"open(json.loads(sys.argv[2])['answer'], 'w').write({text!r})\n"
        f"{then}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv(VARIABLE, os.fspath(program))
    return data
