"""The program that runs Datumaro, with a stand-in for Datumaro itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from segcore.sources import datumaro_child

STAND_IN: Final = """
import enum, logging, pickle, socket, subprocess
AnnotationType = enum.Enum("AnnotationType", "label mask polygon ellipse bbox")
class Thing:
    def __init__(self, **fields): self.__dict__.update(fields)
class Environment:
    importers = {"toy": None}
def shape(kind, **fields):
    common = {"id": 5, "group": 0, "label": 0, "z_order": 0, "attributes": {}}
    return Thing(**{**common, "type": AnnotationType[kind], **fields})
class Dataset(list):
    def categories(self): return {AnnotationType.label: [Thing(name="car", parent="")]}
    @classmethod
    def import_from(cls, path, format, error_policy):
        import numpy as np
        media = Thing(size=(4, 3), path=path + "/a.png")
        found = []
        BODY
        return cls([Thing(id="a", subset="default", media=media, annotations=found)])
"""


def run_child(tmp_path: Path, body: str, **changes: object) -> list[dict[str, Any]]:
    package = tmp_path / "site" / "datumaro"
    (package / "components").mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN.replace("BODY", body))
    (package / "components" / "__init__.py").touch()
    policy = (
        "class ImportErrorPolicy:\n"
        "    def report_item_error(self, error, *, item_id):\n"
        "        error.item_id = item_id\n"
        "        self._handle_item_error(error)\n"
    )
    (package / "components" / "importer.py").write_text(policy)
    answer = tmp_path / "answer"
    question = {
        "path": str(tmp_path), "format": "toy", "answer": str(answer),
        "memory_bytes": 4 << 30, "answer_bytes": 1 << 20,
    }  # fmt: skip
    subprocess.run(
        [sys.executable, datumaro_child.__file__, json.dumps(question | changes)],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"},
        check=True,
        capture_output=True,
    )
    return [json.loads(line) for line in answer.read_text().splitlines()]


def test_the_program_writes_what_datumaro_found(tmp_path: Path) -> None:
    body = (
        "found += [shape('mask', image=np.eye(4, 3)), shape('bbox'),"
        " shape('polygon', points=[1, float('nan')], label=None, attributes={'is_crowd': True})]"
    )

    labels, written, end = run_child(tmp_path, body)

    assert labels == {"labels": [["car", ""]]}
    mask, box, polygon = written["item"]["annotations"]
    assert coco_mask.decode(mask["rle"]).tolist() == np.eye(4, 3).tolist()
    assert box == {"type": "bbox"}
    assert (polygon["points"], polygon["label"], polygon["crowd"]) == ([1.0, "nan"], None, True)
    assert written["item"]["size"] == [4, 3]
    assert end == {"end": 1}


def test_the_program_names_items_datumaro_gives_up_and_what_it_only_logs(tmp_path: Path) -> None:
    body = (
        "logging.warning('skipped %s', 'b.txt');"
        " error_policy.report_item_error(ValueError('broken'), item_id=('c', 'train'))"
    )

    lines = run_child(tmp_path, body)

    assert {"log": "skipped b.txt"} in lines
    assert {"problem": "item c: ValueError: broken"} in lines
    assert lines[-1] == {"end": 1}


FORBIDDEN: Final = {
    "a connection": "socket.create_connection(('127.0.0.1', 9), 1)",
    "a look-up": "socket.getaddrinfo('localhost', 80)",
    "a program": "subprocess.run(['true'])",
    "a shell": "__import__('os').system('true')",
    "a pickled call": "pickle.loads(b'cos\\nsystem\\n(Vtrue\\ntR.')",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_is_fetched_started_or_unpickled(tmp_path: Path, what: str) -> None:
    (line,) = run_child(tmp_path, FORBIDDEN[what])

    assert line["refused"].startswith("PermissionError")
    assert "not allowed while a data set is read" in line["refused"]


def test_arrays_may_be_unpickled(tmp_path: Path) -> None:
    body = "array = pickle.loads(pickle.dumps(np.eye(3))); found.append(shape('mask', image=array))"

    lines = run_child(tmp_path, body)

    assert lines[-1] == {"end": 1}


def test_memory_has_a_limit(tmp_path: Path) -> None:
    (line,) = run_child(tmp_path, "np.ones(1 << 33, np.uint8)")

    assert "MemoryError" in line["refused"]


def test_the_answer_has_a_limit(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_child(tmp_path, "found += [shape('polygon', points=[1.5] * 1000)] * 999")

    assert b"File too large" in failed.value.stderr
    assert (tmp_path / "answer").stat().st_size <= 1 << 20


def test_a_mask_that_cannot_be_decoded_costs_only_itself(tmp_path: Path) -> None:
    body = "found += [shape('mask', image=np.ones(4)), shape('mask', image=np.ones((4, 3)))]"

    _, written, _ = run_child(tmp_path, body)

    first, second = written["item"]["annotations"]
    assert first["refused"] == "ValueError: a mask of 1 dimensions"
    assert "rle" in second


@pytest.mark.parametrize("score", ["math.nan", "'high'", "None", "True"])
def test_only_numbers_are_scores(tmp_path: Path, score: str) -> None:
    body = f"import math; found.append(shape('polygon', points=[], attributes={{'score': {score}}}))"

    _, written, _ = run_child(tmp_path, body)

    assert written["item"]["annotations"][0]["score"] is None
