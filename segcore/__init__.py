"""The core: masks, formats, measures and scores.  Knows no platform, no pytest, no policy.

>>> import segcore
>>> evaluation = segcore.evaluate("coco:gold.json", "png:delivery/")  # doctest: +SKIP
>>> evaluation.classes[0].iou  # doctest: +SKIP
0.8123

Names are imported when they are first used, so that ``import segcore`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segcore.batch import CheckReport, check, evaluate
    from segcore.errors import InvalidInputError, SegcoreError
    from segcore.evaluation import ClassScores, Evaluation
    from segcore.faults import Fault, Severity
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore.matrix import confusion, iou
    from segcore.ontology import LabelClass, Ontology
    from segcore.panoptic_evaluation import PanopticEvaluation
    from segcore.sources import Source, open  # noqa: A004

__version__ = "0.1.0"

_HOMES = {
    "CheckReport": "batch",
    "ClassScores": "evaluation",
    "Evaluation": "evaluation",
    "Fault": "faults",
    "InstanceEvaluation": "instance_evaluation",
    "InvalidInputError": "errors",
    "LabelClass": "ontology",
    "Ontology": "ontology",
    "PanopticEvaluation": "panoptic_evaluation",
    "SegcoreError": "errors",
    "Severity": "faults",
    "Source": "sources",
    "check": "batch",
    "confusion": "matrix",
    "evaluate": "batch",
    "iou": "matrix",
    "open": "sources",
}

__all__ = [
    "CheckReport",
    "ClassScores",
    "Evaluation",
    "Fault",
    "InstanceEvaluation",
    "InvalidInputError",
    "LabelClass",
    "Ontology",
    "PanopticEvaluation",
    "SegcoreError",
    "Severity",
    "Source",
    "check",
    "confusion",
    "evaluate",
    "iou",
    "open",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'segcore' has no attribute {name!r}")
    value: object = getattr(import_module(f"segcore.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
