"""What the platform's own COCO export makes of masks, by published figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segcore.cli import main

pytest.importorskip("label_studio_sdk")

Y, X = np.mgrid[:160, :160]


def disk(radius):
    return radius**2 >= (X - 80) ** 2 + (Y - 80) ** 2


def box(height, width):
    mask = np.zeros((160, 160), bool)
    mask[50 : 50 + height, 60 : 60 + width] = True
    return mask


def lost_by(spec, exporter, tmp_path):
    assert main(["loss", spec, "--through", exporter, "--json", str(tmp_path / "loss.json")]) == 0
    return json.loads((tmp_path / "loss.json").read_text())


def test_the_export_loses_by_size_what_was_measured_on_a_server(write_shapes, tmp_path):
    ring = disk(30) & ~disk(12)
    shapes = {
        "disk 20": disk(20),
        "ring": ring,
        "square": box(5, 5),
        "disk 4": disk(4),
        "line": box(1, 60),
    }
    assert (disk(20).sum(), ring.sum()) == (1257, 2380)

    found = lost_by(write_shapes(shapes), "label-studio-coco", tmp_path)

    rows = {row["class"]: row for row in found["classes"]}
    means = {name: row["iou"] for name, row in rows.items()}
    assert means["disk 20"] == pytest.approx(0.936, abs=0.001)
    assert means["ring"] == pytest.approx(0.802, abs=0.001)
    assert means["square"] == pytest.approx(0.64, abs=0.005)
    assert means["disk 4"] == pytest.approx(0.67, abs=0.005)
    assert (means["line"], rows["line"]["lost"]) == (0, 1)  # and its image with it
    assert rows["ring"]["holes_filled"] == 1


def test_the_hole_of_a_ring_is_filled(write_shapes, tmp_path):
    # 2736 px come back of 2380: the ring with its hole, an outline through the centres of pixels
    found = lost_by(write_shapes({"ring": disk(30) & ~disk(12)}), "label-studio-coco", tmp_path)

    assert found["kind"] == "lossy"


def test_an_exporter_that_is_not_there_is_named(write_shapes, capsys):
    assert main(["loss", write_shapes({"disk": disk(9)}), "--through", "label-studio-cocoa"]) == 4

    assert "did you mean 'label-studio-coco'?" in capsys.readouterr().err


def test_either_a_second_source_or_an_exporter_is_needed(write_shapes, capsys):
    assert main(["loss", write_shapes({"disk": disk(9)})]) == 4

    assert "say AFTER, or --through an exporter" in capsys.readouterr().err


def test_nothing_is_lost_between_a_file_and_itself(write_shapes, tmp_path, capsys):
    spec = write_shapes({"disk": disk(9)})

    assert main(["loss", spec, spec]) == 0

    assert "lossless: 1 image, 1 object, 1 of them run for run the same" in capsys.readouterr().out
