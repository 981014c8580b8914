"""The judge of regressions: what a batch lost against the last accepted one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segcore_gates.consequence import record_of, unit_of, with_consequence
from segcore_gates.groups import listed
from segcore_gates.limits import beyond
from segcore_gates.metrics.finding import plural
from segcore_gates.records import Interval, Record, Verdict, measured
from segcore_gates.regression.baseline_file import read_baseline
from segcore_gates.regression.batches import ComparedBatch
from segcore_gates.regression.comparable import (
    other_gold,
    other_measure,
    other_question,
    shared_images,
)
from segcore_gates.regression.comparing import Comparison, compared_images, compared_values
from segcore_gates.regression.image_sums import SUMS
from segcore_gates.rules import Level

if TYPE_CHECKING:
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.regression.baseline import AcceptedRule, Baseline
    from segcore_gates.regression.checks import RegressionRule
    from segcore_gates.rules import Rule

__all__ = ["compare", "judge_regression"]


def judge_regression(check: RegressionRule, batch: PolicyBatch, strict: bool = False) -> Record:
    """Compare one value with that of the last accepted batch.

    Both are taken over the images that both golds have.  A drop above the limit fails, whatever the
    evidence; at the limit it is kept.  Below that, fewer shared images with gold of the class than the
    gate asks for are thin evidence.  A class that is not delivered any more has lost all it had.

    Parameters
    ----------
    check : RegressionRule
    batch : PolicyBatch
    strict : bool
        Let warnings and thin evidence block too.

    Raises
    ------
    UsageError
        The baseline is damaged, or the batch cannot be judged.
    InvalidInputError
        An input was refused.
    """
    return with_consequence(check, _judged(check, batch), strict=strict)


def _judged(check: RegressionRule, batch: PolicyBatch) -> Record:
    rule = check.rule
    batch.evaluation(rule)  # an input that is refused is told before a missing baseline
    baseline = read_baseline(check.baseline)
    if baseline is None:
        reason = f"there is no baseline yet: segcore accept writes {check.baseline.name}"
        return _unjudged(check, check.on_missing, reason)
    now = ComparedBatch(batch, rule)
    refused = other_question(baseline, now)
    if refused:
        return _unjudged(check, check.on_not_comparable, f"not comparable: {refused}")
    accepted = baseline.rules.get(rule.id)
    if accepted is None:
        reason = f"the accepted batch was not judged by {rule.id}"
        return _unjudged(check, check.on_missing, reason + _gone(check, batch, baseline))
    shared = shared_images(baseline, now)
    refused = other_measure(accepted, rule, baseline, now) or other_gold(baseline, now, shared)
    if refused:
        return _unjudged(check, check.on_not_comparable, f"not comparable: {refused}")
    found = compare(accepted, now.measured(rule), rule, shared)
    return _decided(check, found, len(shared), _gone(check, batch, baseline))


def compare(before: AcceptedRule, now: AcceptedRule, rule: Rule, shared: frozenset[str]) -> Comparison:
    """The value of a gate in two batches that are comparable, over the images both have."""
    less_is_better = rule.maximum is not None
    if not before.columns:
        return compared_values(
            before.value, now.value, images=len(shared), less_is_better=less_is_better
        )
    return compared_images(
        SUMS[rule.metric],
        before.images,
        now.images,
        shared=shared,
        less_is_better=less_is_better,
        confidence=rule.confidence,
    )


def _decided(check: RegressionRule, found: Comparison, shared: int, gone: str) -> Record:
    rule, unit = check.rule, unit_of(check.rule)
    told: dict[str, Any] = {
        "images": found.images,
        "interval": found.interval if unit else _of_share(found.interval),
        "details": found.details,
        "details_total": found.lost_by,
    }
    if found.drop is None or found.before is None or found.now is None:
        reason = f"{rule.class_name or rule.metric.value} is in none of the {plural(shared, 'image')} "
        return _record(check, Verdict.THIN, f"{reason}that both golds have{gone}", **told)
    told |= {"value": float(found.drop), "exact": found.drop}
    was, is_ = measured(float(found.before), unit), measured(float(found.now), unit)
    reason = f"{was} in the accepted batch, {is_} now, by {plural(shared, 'shared image')}{gone}"
    if beyond(found.drop, *check.limit):
        return _record(check, Verdict.FAIL, reason, **told)
    if found.images < rule.support_images:
        thin = f"{plural(found.images, 'shared gold image')} < {rule.support_images}"
        return _record(check, Verdict.THIN, f"{thin}; {reason}", **told)
    return _record(check, Verdict.PASS, reason, **told)


def _of_share(interval: Interval | None) -> Interval | None:
    """No share loses more than all there is, nor gains more."""
    if interval is None:
        return None
    return replace(interval, lower=max(interval.lower, -1.0), upper=min(interval.upper, 1.0))


def _unjudged(check: RegressionRule, level: Level, reason: str) -> Record:
    return _record(check, Verdict.ERROR if level is Level.ERROR else Verdict.WARN, reason)


def _record(check: RegressionRule, found: Verdict, reason: str, **told: Any) -> Record:
    rule = check.rule
    return record_of(
        check,
        found,
        reason,
        class_name=rule.class_name,
        settings=rule.settings,
        images_required=rule.support_images,
        unit=unit_of(rule),
        **told,
    )


def _gone(check: RegressionRule, batch: PolicyBatch, baseline: Baseline) -> str:
    """What the accepted batch was judged by and this one is not, told once a policy."""
    if not check.first:
        return ""
    judged = {rule.id for rule in batch.policy.rules}
    gone = [rule for rule in baseline.rules if rule not in judged]
    return f"; not judged any more: {listed(gone)}" if gone else ""
