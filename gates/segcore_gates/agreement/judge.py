"""How far annotators agree on a class, as the record of its check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from segcore_gates.agreement.rules import AgreementRule
from segcore_gates.consequence import rule_record, with_consequence
from segcore_gates.limits import beyond
from segcore_gates.metrics.finding import lowest, plural
from segcore_gates.records import Interval, Verdict, WorstImage, number
from segcore_gates.rules import Judge, Level, LimitKind

if TYPE_CHECKING:
    from segcore.agreement import Agreement, ClassAgreement
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.records import Record
    from segcore_gates.rules import Rule

__all__ = ["judge_agreement"]


def judge_agreement(check: AgreementRule, batch: PolicyBatch, strict: bool) -> Record:
    """Judge one class; the annotators of a gate are compared once.

    Raises
    ------
    UsageError
        There are fewer than two annotators, or no image that two of them annotated.
    InvalidInputError
        An input was refused.
    """
    found = batch.once(f"agreement {check.gate}", lambda: _compared(check, batch))
    index = found.ontology.names.index(check.rule.class_name or "")
    record = _judged(check.rule, found, found.classes[index], index)
    return with_consequence(check, record, strict=strict)


def _compared(check: AgreementRule, batch: PolicyBatch) -> Agreement:
    from segcore.agreement import agree

    policy = batch.policy
    given = dict(check.annotators) if check.annotators else [policy.delivery]
    return agree(given, ontology=policy.ontology)


def _judged(rule: Rule, found: Agreement, one: ClassAgreement, index: int) -> Record:
    ceiling = one.ceiling
    if ceiling.iou is None:
        reason = "no annotator has the class on an image that another annotated"
        blocks = rule.absent is Level.ERROR
        return rule_record(rule, Verdict.MISSING, reason, blocks=blocks, images=0)
    verdict, reason, limit = _verdict(rule, found, one, index)
    rows = tuple(
        {
            "annotator": found.names[a],
            "other": found.names[b],
            "iou": one.pair_iou[at],
            "boundary iou": one.pair_boundary_iou[at],
        }
        for at, (a, b) in enumerate(found.table.pairs)
    )
    record = rule_record(
        rule,
        verdict,
        reason,
        value=ceiling.iou,
        images=ceiling.images,
        worst=_worst(found, index),
    )
    record = replace(record, details=rows[:100], details_total=len(rows))
    if limit is not None:
        record = replace(record, limit_kind=LimitKind.WARN_BELOW, limit=limit)
    if ceiling.lower is None or ceiling.upper is None:
        return record
    interval = Interval(
        lower=ceiling.lower,
        upper=ceiling.upper,
        confidence=_confidence(),
        images=ceiling.images,
        effective_images=_equal_images(found, index),
    )
    return replace(record, interval=interval)


def _verdict(
    rule: Rule, found: Agreement, one: ClassAgreement, index: int
) -> tuple[Verdict, str, float | None]:
    """The verdict, why, and the soft limit where that decided."""
    ceiling, floor = one.ceiling, rule.minimum
    value = ceiling.iou or 0.0
    judged = value
    if rule.judge is Judge.BOUND:
        if ceiling.lower is None or ceiling.upper is None:
            return Verdict.THIN, "one image proves nothing of others", None
        below = beyond(ceiling.upper, LimitKind.MIN, floor)
        if not below and beyond(ceiling.lower, LimitKind.MIN, floor):
            reason = f"not enough evidence for {number(floor)}: the true value lies between "
            return Verdict.THIN, f"{reason}{ceiling.lower:.4f} and {ceiling.upper:.4f}", None
        judged = ceiling.upper if below else ceiling.lower
    if beyond(judged, LimitKind.MIN, floor):
        return Verdict.FAIL, _why(found, index, floor), None
    if ceiling.images < rule.support_images:
        short = f"{plural(ceiling.images, 'image')} of two annotators < {rule.support_images}"
        return Verdict.THIN, short, None
    soft = rule.warn_below
    if soft is not None and beyond(judged, LimitKind.MIN, soft):
        return Verdict.WARN, f"below {number(soft)}: {_why(found, index, soft)}", soft
    return Verdict.PASS, "", None


def _why(found: Agreement, index: int, floor: float) -> str:
    """Who disagrees, by the rule of the agreement with the limit as what is enough."""
    from segcore.agreement.cause import Cause, find_cause

    finding = find_cause(found.table, index, agree_at=floor)
    if finding.cause is Cause.ANNOTATOR and finding.annotator is not None:
        name = found.names[finding.annotator]
        own, rest = finding.own or 0.0, finding.rest or 0.0
        return f"annotator {name} is against the rest ({own:.2f}, who reach {rest:.2f})"
    return {
        Cause.GUIDELINE: "everybody disagrees with everybody: look at the guideline",
        Cause.UNKNOWN: "of two annotators nobody can say who is right",
    }.get(finding.cause, "some agree and some do not")


def _worst(found: Agreement, index: int) -> tuple[WorstImage, ...]:
    """The images on which the pairs agree least, as means of their IoUs."""
    from segcore.agreement.ceiling import mean_iou

    shared, union = found.table.of_class(index)
    means, weights = mean_iou(shared.T, union.T), union.sum(axis=0)
    kept = [at for at, weight in enumerate(weights.tolist()) if weight]
    images = [WorstImage(image=found.images[at], value=float(means[at])) for at in kept]
    return lowest(images, [int(weights[at]) for at in kept])


def _equal_images(found: Agreement, index: int) -> float:
    """How many images of equal size would weigh the same, by the unions of all pairs (Kish)."""
    _, union = found.table.of_class(index)
    weights = union.sum(axis=0).astype(float)
    return float(weights.sum() ** 2 / (weights**2).sum())


def _confidence() -> float:
    from segcore.agreement.ceiling import CONFIDENCE

    return CONFIDENCE
