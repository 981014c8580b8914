"""What FiftyOne's COCO export loses by size, by measured figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segcore.cli import main

FRAME = 256
Y, X = np.mgrid[:FRAME, :FRAME] + 0.5


def disc(diameter):
    return np.hypot(X - FRAME / 2, Y - FRAME / 2) <= diameter / 2


def line(width):
    mask = np.zeros((FRAME, FRAME), bool)
    mask[100 : 100 + width, 60:180] = True
    return mask


def test_the_export_loses_small_objects_and_holes(fo, write_shapes, tmp_path):
    shapes = {
        "disc 6": disc(6), "disc 10": disc(10), "disc 160": disc(160),
        "ring 12": disc(12) & ~disc(6), "line 1": line(1), "line 2": line(2),
    }  # fmt: skip
    before = fo.list_datasets()

    code = main(
        [
            "loss",
            write_shapes(shapes),
            "--through",
            "fiftyone-coco",
            "--json",
            str(tmp_path / "loss.json"),
        ]
    )

    assert code == 0
    found = json.loads((tmp_path / "loss.json").read_text())
    means = {row["class"]: row["iou"] for row in found["classes"]}
    assert means["disc 6"] == pytest.approx(0.66, abs=0.01)
    assert means["disc 10"] == pytest.approx(0.68, abs=0.01)
    assert means["ring 12"] == pytest.approx(0.38, abs=0.01)
    assert means["disc 160"] > 0.97
    assert means["line 1"] == means["line 2"] == 0  # polygons without an area: nobody can read them
    assert found["refused_when_read"] == 2
    assert fo.list_datasets() == before


def test_without_a_database_it_says_so(fo, write_shapes, monkeypatch, capsys):
    """What FiftyOne raises where there is no MongoDB, which is none of the database's own errors."""

    def unreached():
        raise fo.core.config.FiftyOneConfigError("MongoDB could not be installed on your system")

    monkeypatch.setattr("fiftyone.core.odm.get_db_conn", unreached)

    assert main(["loss", write_shapes({"disc": disc(10)}), "--through", "fiftyone-coco"]) == 4

    said = capsys.readouterr().err
    assert "the database of FiftyOne: MongoDB could not be installed on your system" in said
    assert "FIFTYONE_DATABASE_URI says where it is" in said
