"""Small batches on disk: rectangles on 10 x 10 images, as COCO files with a policy."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pycocotools.mask
import pytest

import segcore.batch
import segcore.kernels.reference
import segcore.sources.coco
import segcore_gates.collection
import segcore_gates.reporter

sys.path.insert(0, str(Path(__file__).parent))  # plain modules that hold the helpers of this folder

# Sessions that pytester runs in this process forget what they imported, and compiled modules cannot be
# imported twice; so they are imported here, once for all.
_LOADED = (pycocotools.mask, segcore, segcore_gates)

SIDE = 10
CLASSES = ("car", "person", "rider")

POLICY = """\
version: 1
gold: coco:gold.json
delivery: coco:delivery.json
ontology:
  classes: [{id: 1, name: car}, {id: 2, name: person}, {id: 3, name: rider}]
defaults: {support: {images: 1, instances: 1}}
gates:
  class-iou:
    metric: iou
    classes: [car, person]
    min: {default: 0.8}
"""

Rows = Mapping[str, tuple[int, int]]
"""Class name: first row and end row it fills, over the full width."""


def coco(images: Sequence[Rows], *, names: Sequence[str] | None = None) -> str:
    """A COCO document; the images are 000.png, 001.png, ... unless named."""
    annotations = []
    for image_id, rows in enumerate(images, start=1):
        for name, (begin, end) in rows.items():
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": CLASSES.index(name) + 1,
                    "iscrowd": 0,
                    "area": SIDE * (end - begin),
                    "bbox": [0, begin, SIDE, end - begin],
                    "segmentation": [[0, begin, SIDE, begin, SIDE, end, 0, end]],
                }
            )
    files = names or [f"{k:03}.png" for k in range(len(images))]
    document = {
        "images": [
            {"id": k, "file_name": name, "width": SIDE, "height": SIDE}
            for k, name in enumerate(files, start=1)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES, start=1)],
        "annotations": annotations,
    }
    return json.dumps(document)


WriteBatch = Callable[..., Path]


@pytest.fixture
def write_batch() -> WriteBatch:
    """A function that writes gold.json, delivery.json and batch.gate.yaml into a folder.

    By default car is delivered perfectly and person has an IoU of one half.
    """

    def write(
        folder: Path,
        *,
        gold: Sequence[Rows] = ({"car": (0, 4), "person": (6, 10)},) * 2,
        delivery: Sequence[Rows] = ({"car": (0, 4), "person": (8, 10)},) * 2,
        policy: str = POLICY,
        name: str = "batch.gate.yaml",
        image_names: Sequence[str] | None = None,
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gold.json").write_text(coco(gold, names=image_names))
        (folder / "delivery.json").write_text(coco(delivery, names=image_names))
        (folder / name).write_text(policy)
        return folder / name

    return write


@pytest.fixture
def batch(pytester: pytest.Pytester, write_batch: WriteBatch) -> pytest.Pytester:
    """A folder that holds what :func:`write_batch` writes by default, and runs pytest."""
    write_batch(pytester.path)
    return pytester


@pytest.fixture
def policy_text() -> str:
    """The policy :func:`write_batch` writes by default: car and person, at least 0.8."""
    return POLICY


@pytest.fixture(autouse=True)
def outside_of_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine the tests run on may be a GitHub runner; the sessions under test are not."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def xdist() -> None:
    """Skip where pytest-xdist is not installed: the plugin does not need it."""
    pytest.importorskip("xdist", reason="missing: pytest-xdist")
