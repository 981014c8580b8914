"""Batches that are accepted, changed and compared: what the tests of regressions start from."""

from __future__ import annotations

from pathlib import Path

from segcore_gates.evaluations import Evaluations
from segcore_gates.judging import judge
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.regression.accepting import baseline_path, measured_baseline
from segcore_gates.regression.baseline_file import read_baseline, write_baseline
from segcore_gates.regression.checks import RegressionRule

HEAD = """\
version: 1
gold: coco:gold.json
delivery: coco:delivery.json
ontology:
  classes: [{id: 1, name: car}, {id: 2, name: person}, {id: 3, name: rider}]
defaults: {support: {images: 1}, absent: warn}
gates:
"""
IOU = "  class-iou: {metric: iou, classes: [car, person], min: {default: 0.1}}\n"
SECTION = "regression:\n  baseline: accepted/a.json\n"


def policy(gates=IOU, *, of="[class-iou]", max_drop="{default: 0.01}", more="", head=HEAD):
    """A policy that compares the gates with an accepted batch."""
    return f"{head}{gates}{SECTION}  of: {of}\n  max_drop: {max_drop}\n{more}"


def opened(path: Path) -> PolicyBatch:
    """A batch that nothing is known of yet."""
    return PolicyBatch(load_policy(path, environ={}), Evaluations(None))


def accept(path: Path, **options):
    """Make the batch the accepted one, whatever its gates say; its baseline."""
    batch = opened(path)
    file = baseline_path(batch.policy)
    write_baseline(
        file, measured_baseline(batch, outcome="accept", before=read_baseline(file), **options)
    )
    return read_baseline(file)


def compare(path: Path, *, strict=False):
    """The records of all comparisons, by id."""
    batch = opened(path)
    checks = [check for check in batch.policy.checks if isinstance(check, RegressionRule)]
    return {check.id: judge(check, batch, strict=strict) for check in checks}
