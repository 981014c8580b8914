"""Whether a batch can be compared with a baseline at all: the same question, asked of the same gold."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from segcore_gates.groups import listed
from segcore_gates.metrics.finding import plural
from segcore_gates.regression.baseline import METRICS

if TYPE_CHECKING:
    from segcore_gates.regression.baseline import AcceptedRule, Baseline
    from segcore_gates.regression.batches import ComparedBatch
    from segcore_gates.rules import Rule

__all__ = ["other_gold", "other_measure", "other_question", "shared_images"]


def other_question(baseline: Baseline, batch: ComparedBatch) -> str:
    """Why no value of this batch can be compared, whatever the images; empty if they can."""
    if baseline.metrics != METRICS:
        return (
            f"the baseline was written by segcore {baseline.version}, whose numbers are of version "
            f"{baseline.metrics}; here they are of version {METRICS}"
        )
    if baseline.ontology_sha256 == batch.ontology_sha256:
        return ""
    names = batch.ontology.names
    new = [name for name in names if name not in baseline.classes]
    gone = [name for name in baseline.classes if name not in names]
    parts = [f"{listed(new)} came in" if new else "", f"{listed(gone)} went" if gone else ""]
    what = ", ".join(filter(None, parts)) or "the same names with other ids, kinds or rules"
    return f"the ontology is not the one of the accepted batch: {what}"


def shared_images(baseline: Baseline, batch: ComparedBatch) -> frozenset[str]:
    """The images that are in the gold of both."""
    return batch.gold_images & baseline.gold_images.keys()


def other_gold(baseline: Baseline, batch: ComparedBatch, shared: Collection[str]) -> str:
    """Why the gold of the shared images is not what it was; empty if it is.

    The same bytes under the same name are the same gold.  Otherwise the shared images are read again.
    """
    if not shared:
        return "no image of the gold is in the gold of the accepted batch"
    before, now = baseline.inputs["gold"], batch.inputs["gold"]
    if (before["sha256"], before["spec"]) == (now.sha256, now.spec):
        return ""
    digests = batch.digests(shared)
    changed = [image for image, digest in digests.items() if digest != baseline.gold_images[image]]
    if not changed:
        return ""
    return f"the gold of {plural(len(changed), 'shared image')} was changed: {listed(changed)}"


def other_measure(accepted: AcceptedRule, rule: Rule, baseline: Baseline, batch: ComparedBatch) -> str:
    """Why the value of one gate is not the one that was accepted; empty if it is."""
    if accepted.metric is not rule.metric:
        return f"the gate measured {accepted.metric.value} then, {rule.metric.value} now"
    if dict(accepted.settings) != dict(rule.settings):
        keys = sorted({*accepted.settings, *rule.settings})
        changed = [
            f"{key} was {accepted.settings.get(key, 'not set')}, is {rule.settings.get(key, 'not set')}"
            for key in keys
            if accepted.settings.get(key) != rule.settings.get(key)
        ]
        return f"the gate is set otherwise: {'; '.join(changed)}"
    if not accepted.columns and batch.gold_images != baseline.gold_images.keys():
        return (
            f"{rule.metric.value} is known for all images together only, and they are not those of the "
            "accepted batch"
        )
    return ""
