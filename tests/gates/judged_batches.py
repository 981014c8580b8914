"""Evaluations drawn with letters, and rules to judge them by."""

from __future__ import annotations

import numpy as np

from segcore.evaluation import Evaluation, Images, InputInfo
from segcore.ontology import LabelClass, Ontology
from segcore.tally import Tally, TallyTable
from segcore_gates.records import Record, Verdict
from segcore_gates.rules import ExtraImages, Judge, Level, Metric, Rule, Thin

LETTERS = "cprt"
"""car, person, rider, truck; anything else in a drawing is nobody's."""

ONTOLOGY = Ontology(
    tuple(LabelClass(id=k, name=n) for k, n in enumerate(("car", "person", "rider", "truck"), start=1))
)


def confusion(gold: str, delivery: str) -> np.ndarray:
    """Count two drawings of the same size."""
    table = np.zeros((5, 5), np.int64)
    for g, d in zip(gold.replace(" ", ""), delivery.replace(" ", ""), strict=True):
        table[LETTERS.find(g) % 5, LETTERS.find(d) % 5] += 1
    return table


def batch(*tables: np.ndarray, missing=(), extra=(), instances=None) -> Evaluation:
    """An evaluation of images 000, 001, ...; ``missing`` are (key, gold drawing)."""
    rows = [(f"{k:03}", table) for k, table in enumerate(tables)]
    paired = tuple(key for key, _ in rows)
    rows += [(key, confusion(gold, "." * len(gold))) for key, gold in missing]
    known = None if instances is None else np.array(instances, np.int64)
    tallies = []
    for k, (key, table) in enumerate(rows):
        here = known if k == 0 or known is None else np.zeros_like(known)
        tallies.append((key, Tally.from_table(table, instances=here)))
    return Evaluation(
        ontology=ONTOLOGY,
        images=Images(
            gold=len(rows),
            paired=paired,
            missing_in_delivery=tuple(sorted(key for key, _ in missing)),
            extra_in_delivery=tuple(extra),
        ),
        tallies=TallyTable.from_tallies(tallies, num_classes=4),
        inputs=(InputInfo(role="gold", spec="coco:gold.json", images=len(rows), sha256="0" * 64),),
        counts={},
        faults=(),
        conventions={},
    )


def cars(*pairs: tuple[int, int], per=1) -> Evaluation:
    """Images of cars: (found pixels, gold pixels) each."""
    tables = []
    for found, gold in pairs:
        table = np.zeros((5, 5), np.int64)
        table[0, 0], table[0, 4] = found * per, (gold - found) * per
        tables.append(table)
    return batch(*tables)


def rule(name: str | None = "car", **changes) -> Rule:
    values = {
        "id": f"class-iou[{name}]",
        "gate": "class-iou",
        "metric": Metric.IOU,
        "class_name": name,
        "minimum": 0.8,
        "warn_below": None,
        "severity": Level.ERROR,
        "judge": Judge.ESTIMATE,
        "confidence": 0.95,
        "support_images": 1,
        "support_instances": 0,
        "thin": Thin.WARN,
        "absent": Level.ERROR,
        "extra_images": ExtraImages.ALLOW,
        "line": 7,
    }
    return Rule(**{**values, **changes})


def coverage(**changes) -> Rule:
    return rule(None, **{"id": "coverage", "gate": "coverage", "metric": Metric.COVERAGE, **changes})


def mean_iou(**changes) -> Rule:
    return rule(None, **{"id": "mean-iou", "gate": "mean-iou", "metric": Metric.MEAN_IOU, **changes})


def seen(record: Record) -> tuple[Verdict, bool]:
    return record.verdict, record.blocks


def bound(name="car", **changes) -> Rule:
    return rule(name, judge=Judge.BOUND, **changes)


def shaky(index: int, offset: int) -> np.ndarray:
    """Six images of one class whose test alone has a p value a little under .05."""
    table = np.zeros((5, 5), np.int64)
    table[index, index], table[index, 4] = offset, 1000 - offset
    return table


SHAKY = (760, 800, 700, 790, 780, 670)
