"""What FiftyOne's COCO export makes of masks that are read natively without a loss."""

from __future__ import annotations

import numpy as np
import pytest
import scenes

import segcore
from segcore_fiftyone.source import FiftyOneSource

FRAME = 256


def disc(diameter: int) -> np.ndarray:
    y, x = np.mgrid[:FRAME, :FRAME] + 0.5
    return np.hypot(x - FRAME / 2, y - FRAME / 2) <= diameter / 2


def ring(diameter: int) -> np.ndarray:
    """A disc with a hole of half its diameter."""
    return disc(diameter) & ~disc(diameter // 2)


def line(width: int) -> np.ndarray:
    """A bar of 120 pixels."""
    mask = np.zeros((FRAME, FRAME), bool)
    mask[100 : 100 + width, 60:180] = True
    return mask


SHAPES = {
    **{f"disc-{d:03}": disc(d) for d in (6, 10, 20, 40, 80, 160)},
    **{f"ring-{d:03}": ring(d) for d in (12, 40, 160)},
    **{f"line-{w:03}": line(w) for w in (1, 2, 3, 6)},
}


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def drawn(annotation: segcore.ImageAnnotation | None) -> np.ndarray:
    """All regions of an image; nothing where they were refused."""
    mask = np.zeros((FRAME, FRAME), bool)
    for region in () if annotation is None else annotation.content:
        mask |= region.mask.to_array()
    return mask


@pytest.fixture
def shapes(fo, dataset, tmp_path):
    made = dataset()
    labels = {
        name: {"found": fo.Detections(detections=[fo.Detection.from_mask(mask, label="thing")])}
        for name, mask in SHAPES.items()
    }
    scenes.add_samples(fo, made, tmp_path, labels, (FRAME, FRAME))
    return made


def test_reading_natively_loses_nothing_and_the_coco_export_what_is_printed(
    fo, shapes, tmp_path, capsys
):
    file = tmp_path / "coco.json"
    shapes.export(
        labels_path=str(file), dataset_type=fo.types.COCODetectionDataset, label_field="found",
        progress=False,
    )  # fmt: skip
    native, exported = FiftyOneSource.of(shapes, "found", key="stem"), segcore.open(f"coco:{file}")

    kept = {name: iou(drawn(native.read(name)), mask) for name, mask in SHAPES.items()}
    through = {name: iou(drawn(exported.read(name)), mask) for name, mask in SHAPES.items()}

    refused = {fault.image: fault.code for fault in exported.faults.errors}
    with capsys.disabled():
        print("\nIoU with the mask that was stored:  native  COCO export")
        for name, mask in SHAPES.items():
            row = f"  {name}  {mask.sum():6} px {kept[name]:18.4f} {through[name]:12.4f}"
            print(f"{row}  {refused.get(name, '')}")
    assert set(kept.values()) == {1.0}
    # A ring's hole becomes a polygon of its own, and COCO unites polygons.
    assert drawn(exported.read("ring-160"))[FRAME // 2, FRAME // 2]
    assert through["ring-160"] < 0.8
    assert through["disc-010"] < 0.9 < through["disc-160"] < 1
    assert through["disc-006"] < through["disc-020"] < through["disc-080"]
    # A line of two pixels shrinks to one without an area.
    assert refused == {"line-001": "poly.zero_area", "line-002": "poly.zero_area"}
