"""Batches of squares, judged by the lints and signals of a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segcore_gates.evaluations import Evaluations
from segcore_gates.judging import judge
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import LoadedPolicy, load_policy
from segcore_gates.records import Record

HEAD = """\
version: 1
gold: coco:gold.json
delivery: coco:delivery.json
ontology: {classes: [{id: 1, name: car, thing: true}, {id: 2, name: bus, thing: true}]}
gates: {mean: {metric: mean-iou, min: 0.1}}
"""


def square(x: float = 4, y: float = 4, side: float = 12) -> list[float]:
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def coco(*images: Sequence[Mapping[str, Any]]) -> str:
    """A document of images of 40 x 40, each a list of annotations; without a class they are cars."""
    annotations = [
        {"id": 100 * i + j, "image_id": i, "category_id": 1, **one}
        for i, image in enumerate(images, start=1)
        for j, one in enumerate(image)
    ]
    return json.dumps({
        "images": [
            {"id": i, "file_name": f"{i}.png", "height": 40, "width": 40}
            for i in range(1, len(images) + 1)
        ],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
        "annotations": annotations,
    })  # fmt: skip


CLEAN = tuple([{"segmentation": [square(4 + i)]}] for i in range(4))
"""Four images of a car that is nowhere at the same place."""


def save(
    folder: Path,
    section: str,
    *,
    delivery: Sequence[Sequence[Mapping[str, Any]]] = CLEAN,
    gold: Sequence[Sequence[Mapping[str, Any]]] = CLEAN,
    head: str = HEAD,
) -> Path:
    """The policy with that section, and its inputs."""
    (folder / "gold.json").write_text(coco(*gold))
    (folder / "delivery.json").write_text(coco(*delivery))
    path = folder / "batch.gate.yaml"
    path.write_text(head + section + "\n")
    return path


def loaded(path: Path) -> LoadedPolicy:
    return load_policy(path, environ={})


def judged(path: Path, *, strict: bool = False) -> dict[str, Record]:
    """Every record of a policy, by the id of its check."""
    policy = loaded(path)
    batch = PolicyBatch(policy, Evaluations(None))
    return {check.id: judge(check, batch, strict=strict) for check in policy.checks}


def only(path: Path, kind: str, **more: Any) -> Record:
    """The only record of a kind of check."""
    (found,) = [record for own, record in judged(path, **more).items() if own.startswith(f"{kind}[")]
    return found
