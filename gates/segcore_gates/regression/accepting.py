"""Making a batch the one that later batches are compared with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from segcore.errors import UsageError
from segcore_gates.hand_written import seen_from_here
from segcore_gates.metrics import METRICS
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Outcome, Verdict
from segcore_gates.regression.baseline import HISTORY, Accepted, Baseline
from segcore_gates.regression.baseline_file import read_baseline, write_baseline
from segcore_gates.regression.batches import ComparedBatch
from segcore_gates.regression.checks import SECTION, RegressionRule
from segcore_gates.regression.comparable import (
    other_gold,
    other_measure,
    other_question,
    shared_images,
)
from segcore_gates.regression.judging import compare
from segcore_gates.report import FailureKind

if TYPE_CHECKING:
    from segcore_gates.policy_file import LoadedPolicy
    from segcore_gates.report import PolicyReport
    from segcore_gates.session import SessionResult

__all__ = ["Change", "Stored", "accept_batch", "baseline_path", "measured_baseline", "why_not"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one gate has now and had in the batch that was accepted before.

    Attributes
    ----------
    rule : str
    before, now : Fraction or None
        Over the images both have where they can be compared; otherwise ``now`` is over all images.
    unit : str
    note : str
        Why there is nothing to compare; empty where there is.
    """

    rule: str
    before: Fraction | None
    now: Fraction | None
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was written.

    Attributes
    ----------
    path : Path
    baseline : Baseline
    before : Baseline or None
        What it replaces.
    changes : tuple of Change
        A gate and class each, in the order of the policy; then what is not judged any more.
    """

    path: Path
    baseline: Baseline
    before: Baseline | None
    changes: tuple[Change, ...]


def baseline_path(policy: LoadedPolicy) -> Path:
    """The file that the policy names.

    Raises
    ------
    UsageError
        It names none.
    """
    for check in policy.checks:
        if isinstance(check, RegressionRule):
            return check.baseline
    raise UsageError(
        f"{policy.path}: the key 'regression' is missing: its key 'baseline' names the file that an "
        "accepted batch is written to"
    )


def why_not(report: PolicyReport, *, despite: str) -> str:
    """What keeps a batch from being accepted; empty if nothing does.

    Parameters
    ----------
    report : PolicyReport
        Of its gates.
    despite : str
        Why it shall be accepted all the same.  That holds for verdicts on what was measured, and for
        regressions that could not be judged; never where something else could not be.
    """
    if report.failure is not None:
        broken = report.failure.kind in {FailureKind.INVALID, FailureKind.INTERNAL}
        return "its input was refused" if broken else "it could not be judged"
    if report.not_run:
        return "not all of its gates were run"
    errors = [
        record.id
        for record in report.records
        if record.verdict is Verdict.ERROR and record.gate != SECTION
    ]
    if errors:
        return f"{errors[0]} could not be judged"
    blocking = [record.id for record in report.records if record.blocks]
    if not blocking or despite:
        return ""
    more = f" and {len(blocking) - 3} more" if len(blocking) > 3 else ""
    listed = ", ".join(blocking[:3]) + more
    return f"{listed} keep{'s' if len(blocking) == 1 else ''} it from being accepted"


def accept_batch(session: SessionResult, report: PolicyReport, *, despite: str = "") -> Stored:
    """Write the baseline of a batch that was judged; see :func:`why_not` for whether it may be.

    Raises
    ------
    UsageError
        The policy or an input changed after it was judged, the baseline of before is damaged, or the
        file cannot be written.
    """
    policy = session.policies.get(report.path)
    if policy is None:
        path = seen_from_here(Path(report.file))
        policy = load_policy(path, environ=os.environ, open_source=session.evaluations.open)
    path = baseline_path(policy)
    batch = PolicyBatch(policy, session.evaluations, keep_sources=True)
    before = read_baseline(path)
    found = measured_baseline(batch, outcome=report.outcome.value, despite=despite, before=before)
    read = [(info["role"], info["sha256"]) for info in report.inputs.inputs]
    now = [(role, info["sha256"]) for role, info in found.inputs.items()]
    if policy.sha256 != report.sha256 or sorted(read) != sorted(now):
        raise UsageError("the policy or an input changed after it was judged; run it again")
    changes = tuple(_changes(batch, found, before))
    write_baseline(path, found)
    return Stored(path=path, baseline=found, before=before, changes=changes)


def measured_baseline(
    batch: PolicyBatch, *, outcome: str, despite: str = "", before: Baseline | None = None
) -> Baseline:
    """The baseline that a batch makes.

    Parameters
    ----------
    batch : PolicyBatch
    outcome, despite : str
        See :class:`Baseline`.
    before : Baseline or None
        Its history goes on; the same delivery judged by the same policy is not entered twice.
    """
    policy = batch.policy
    rules = [rule for rule in policy.rules if rule.metric in METRICS]
    counted = ComparedBatch(batch, rules[0])
    found = {rule.id: counted.measured(rule) for rule in rules}
    inputs = {role: info.to_json() for role, info in counted.inputs.items()}
    entry = Accepted(
        delivery=inputs["delivery"]["spec"],
        delivery_sha256=inputs["delivery"]["sha256"],
        policy_sha256=policy.sha256,
        outcome=outcome,
        values={rule: one.value for rule, one in found.items()},
    )
    history = () if before is None else before.history
    if history and _same(history[-1], entry):
        history = history[:-1]
    return Baseline(
        policy_name=policy.policy.name,
        policy_sha256=policy.sha256,
        outcome=outcome,
        despite="" if outcome == Outcome.ACCEPT else despite,
        inputs=inputs,
        ontology_sha256=counted.ontology_sha256,
        classes=counted.ontology.names,
        gold_images=counted.digests(counted.gold_images),
        rules=found,
        history=(*history, entry)[-HISTORY:],
    )


def _same(one: Accepted, other: Accepted) -> bool:
    return replace(one, values={}, outcome="") == replace(other, values={}, outcome="")


def _changes(batch: PolicyBatch, now: Baseline, before: Baseline | None) -> Iterator[Change]:
    rules = [rule for rule in batch.policy.rules if rule.id in now.rules]
    counted = ComparedBatch(batch, rules[0])
    shared = frozenset() if before is None else shared_images(before, counted)
    refused = ""
    if before is not None:
        refused = other_question(before, counted) or other_gold(before, counted, shared)
    for rule in rules:
        found, unit = now.rules[rule.id], METRICS[rule.metric].unit
        accepted = None if before is None else before.rules.get(rule.id)
        if before is None or accepted is None:
            note = "new" if before is not None else ""
            yield Change(rule=rule.id, before=None, now=found.value, unit=unit, note=note)
            continue
        reason = refused or other_measure(accepted, rule, before, counted)
        if reason:
            note = f"not comparable: {reason}"
            yield Change(rule=rule.id, before=accepted.value, now=found.value, unit=unit, note=note)
            continue
        both = compare(accepted, found, rule, shared)
        yield Change(rule=rule.id, before=both.before, now=both.now, unit=unit)
    for rule_id, gone in () if before is None else before.rules.items():
        if rule_id not in now.rules:
            unit = METRICS[gone.metric].unit
            note = "not judged any more"
            yield Change(rule=rule_id, before=gone.value, now=None, unit=unit, note=note)
