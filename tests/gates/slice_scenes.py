"""Batches whose images are signed and tagged, judged by slices; every number can be told by hand."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rectangles import coco

from segcore_gates.evaluations import Evaluations
from segcore_gates.judging import judge
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Record

HEAD = """\
version: 1
gold: coco:gold.json
delivery: coco:delivery.json
ontology:
  classes: [{id: 1, name: car}, {id: 2, name: person}, {id: 3, name: rider}]
defaults: {support: {images: 1}}
"""

GATES = "gates:\n  class-iou: {metric: iou, classes: [car], min: {default: 0.1}}\n"


def cars(*found: int) -> list[dict[str, tuple[int, int]]]:
    """Images whose car fills so many of its ten rows: of 9, the IoU is .9."""
    return [{"car": (0, rows)} if rows else {} for rows in found]


def save(
    folder: Path,
    found: Sequence[Mapping[str, tuple[int, int]]],
    slices: str,
    *,
    gold: Sequence[Mapping[str, tuple[int, int]]] | None = None,
    annotators: Sequence[str | None] = (),
    images: Mapping[int, Mapping[str, Any]] | None = None,
    delivered: Mapping[int, Mapping[str, Any]] | None = None,
    gates: str = GATES,
    more: str = "",
) -> Path:
    """Gold of full cars unless given, a delivery, and a policy with the slices.

    Parameters
    ----------
    annotators : sequence of str or None
        Who drew each image of the delivery.
    images, delivered : mapping of int to mapping
        What the image of a place says in the gold, and in the delivery.
    """
    trusted = json.loads(coco(cars(*[10] * len(found)) if gold is None else gold))
    answer = json.loads(coco(found))
    for document, said in ((trusted, images), (answer, delivered)):
        for place, attributes in (said or {}).items():
            document["images"][place] |= attributes
    for annotation in answer["annotations"]:
        place = annotation["image_id"] - 1
        if place < len(annotators) and annotators[place] is not None:
            annotation["annotator"] = annotators[place]
    (folder / "gold.json").write_text(json.dumps(trusted))
    (folder / "delivery.json").write_text(json.dumps(answer))
    policy = folder / "batch.gate.yaml"
    policy.write_text(
        HEAD + more + gates + "slices:\n" + "".join(f"  {s}\n" for s in slices.splitlines())
    )
    return policy


def judged(path: Path, *, strict: bool = False, today: datetime.date | None = None) -> dict[str, Record]:
    """The records of a policy, by id."""
    policy = load_policy(path, environ={}, today=today)
    batch = PolicyBatch(policy, Evaluations(None))
    return {check.id: judge(check, batch, strict=strict) for check in policy.checks}


def slice_of(path: Path, **options: Any) -> Record:
    """The record of the one slice."""
    (found,) = [record for name, record in judged(path, **options).items() if name.startswith("slice[")]
    return found


def rows(record: Record) -> list[tuple[Any, ...]]:
    """The rows of the details, numbers to four digits."""
    return [
        tuple(round(cell, 4) if isinstance(cell, float) else cell for cell in row.values())
        for row in record.details
    ]
