"""Small batches on disk: rectangles on 10 x 10 images, as COCO files with a policy."""

from __future__ import annotations

import json
import os
import subprocess
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

from rectangles import CLASSES, Rows, coco

# Sessions that pytester runs in this process forget what they imported, and compiled modules cannot be
# imported twice; so they are imported here, once for all.
_LOADED = (pycocotools.mask, segcore, segcore_gates)

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


Box = tuple[int, ...]
"""Left, top, width, height, and in a delivery perhaps a score in hundredths."""

OBJECT_SIDE = 300


def objects(images: Sequence[Mapping[str, Sequence[Box]]], *, crowds: Sequence[Box] = ()) -> str:
    """A COCO document of boxes on 300 x 300 images; crowds are cars of the first."""
    rows = [
        (k, n, box, 0) for k, one in enumerate(images, 1) for n, boxes in one.items() for box in boxes
    ]
    rows += [(1, "car", box, 1) for box in crowds]
    annotations = []
    for image_id, name, (x, y, w, h, *score), crowd in rows:
        outline = [x, y, x + w, y, x + w, y + h, x, y + h]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": CLASSES.index(name) + 1,
                "iscrowd": crowd,
                "area": w * h,
                "bbox": [x, y, w, h],
                "segmentation": [outline],
                **({"score": score[0] / 100} if score else {}),
            }
        )
    document = {
        "images": [
            {"id": k, "file_name": f"{k:03}.png", "width": OBJECT_SIDE, "height": OBJECT_SIDE}
            for k in range(1, len(images) + 1)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES, start=1)],
        "annotations": annotations,
    }
    return json.dumps(document)


@pytest.fixture
def write_objects() -> Callable[..., Path]:
    """A function that writes gold.json and delivery.json of boxes and a policy with the gates given."""

    def write(folder, gold, delivery, gates, *, defaults="", crowds=(), push="", ontology="") -> Path:
        (folder / "gold.json").write_text(objects(gold, crowds=crowds))
        (folder / "delivery.json").write_text(objects(delivery))
        policy = folder / "batch.gate.yaml"
        policy.write_text(
            "version: 1\ngold: coco:gold.json\ndelivery: coco:delivery.json\n"
            f"defaults: {{support: {{images: 1}}{defaults}}}\n{push}{ontology}gates:\n"
            + "".join(f"  {line}\n" for line in gates.splitlines())
        )
        return policy

    return write


@pytest.fixture
def judge_objects(tmp_path: Path, write_objects: Callable[..., Path]) -> Callable[..., Mapping]:
    """A function that judges boxes by the gates given; records by id."""
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.policy_file import load_policy
    from segcore_gates.verdict import judge_all

    def judge(gold, delivery, gates, **options) -> Mapping:
        policy = load_policy(write_objects(tmp_path, gold, delivery, gates, **options), environ={})
        batch = PolicyBatch(policy, Evaluations(None))
        return {record.id: record for record in judge_all(policy.rules, batch.evaluation)}

    return judge


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The folder that holds the package of the platform to push to."""
    from push_board import PLATFORM

    packages = tmp_path / "packages"
    info = packages / "board-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: board\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[segcore.pushes]\nboard = board:configure\nbare = no_such_module:configure\n"
    )
    (packages / "board.py").write_text(PLATFORM)
    return packages


@pytest.fixture
def run_gate(tmp_path: Path, board: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs a command of the folder with the platform installed."""

    def start(*words, program=("from segcore.cli import main; import sys; sys.exit(main())", "gate")):
        ours = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
        path = os.pathsep.join([str(board), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        return subprocess.run(
            [sys.executable, "-c", *program, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**ours, "PYTHONPATH": path},
        )

    return start


@pytest.fixture
def on_board(tmp_path: Path) -> Callable[[], list[dict]]:
    """A function that gives what was pushed so far."""

    def lines():
        file = tmp_path / "board.txt"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    return lines
