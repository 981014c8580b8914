"""The judge: one function decides, everything else renders its records.

What is held against the limits is said by the metrics (:mod:`segcore_gates.metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from segcore.errors import UsageError
from segcore.evaluation import MeasuredBatch
from segcore_gates.consequence import rule_record, unit_of, with_consequence
from segcore_gates.coverage import delivered
from segcore_gates.limits import beyond, written
from segcore_gates.looks import not_a_look
from segcore_gates.metrics import METRICS
from segcore_gates.metrics.finding import Finding, How, plural
from segcore_gates.proportion import Proportion
from segcore_gates.records import (
    Interval,
    Record,
    Verdict,
    WorstImage,
    number,
)
from segcore_gates.rules import Judge, Level, LimitKind, Metric, Rule
from segcore_gates.statistics import Sample, holm

__all__ = ["Evaluated", "adjusted_p_values", "judge_all", "verdict"]

Evaluated = Callable[[Rule], MeasuredBatch]
"""Gives the evaluation of a rule's view."""


def judge_all(
    rules: Sequence[Rule], evaluation: MeasuredBatch | Evaluated, *, strict: bool = False
) -> tuple[Record, ...]:
    """Judge every rule of a policy, in the order given.

    Parameters
    ----------
    rules : sequence of Rule
    evaluation : MeasuredBatch or callable
        One that all rules can be judged by, or what gives each rule its own.
    strict : bool
        See :func:`verdict`.
    """

    def of(rule: Rule) -> MeasuredBatch:
        return evaluation if isinstance(evaluation, MeasuredBatch) else evaluation(rule)

    families: dict[str, list[Rule]] = {}
    for rule in rules:
        families.setdefault(rule.gate, []).append(rule)
    adjusted: dict[str, float] = {}
    for family in families.values():
        adjusted |= adjusted_p_values(family, of(family[0]))
    return tuple(
        verdict(rule, of(rule), strict=strict, adjusted_p=adjusted.get(rule.id)) for rule in rules
    )


def adjusted_p_values(rules: Iterable[Rule], evaluation: MeasuredBatch) -> dict[str, float]:
    """P value of "this class keeps its limit", adjusted by Holm over the rules of its gate.

    Only rules with ``judge: bound`` are tested, and of those only the ones with images enough to fail.
    The keys are rule ids; the rules of a gate look at one view.
    """
    families: dict[str, dict[str, float]] = {}
    for rule in rules:
        how = METRICS.get(rule.metric)
        if how is not None and how.sample is not None and rule.judge is Judge.BOUND:
            how.view(rule).require(evaluation, what=rule.id)
            p = _p_broken(rule, _drawn(rule, how.sample(rule, evaluation), evaluation))
            if p is not None:
                families.setdefault(rule.gate, {})[rule.id] = p
    return {
        rule_id: p
        for family in families.values()
        for rule_id, p in zip(family, holm(tuple(family.values())), strict=True)
    }


def verdict(
    rule: Rule, evaluation: MeasuredBatch, *, strict: bool = False, adjusted_p: float | None = None
) -> Record:
    """Judge one rule.

    Parameters
    ----------
    rule : Rule
        From the policy.
    evaluation : MeasuredBatch
        Of the batch, in the view of the rule's metric.
    strict : bool
        Let warnings and thin evidence block too.
    adjusted_p : float, optional
        The rule's entry of :func:`adjusted_p_values`; without it the rule is judged as if its class were
        the only one of its gate (which differs for ``judge: bound`` only).

    Raises
    ------
    KeyError
        The evaluation has no class of that name.
    UsageError
        The evaluation is of another view, or has more gold images than it was drawn from.
    """
    if rule.sampled_from is not None and rule.sampled_from < evaluation.images.gold:
        raise UsageError(
            f"coverage.sampled_from: {rule.sampled_from} is less than the {evaluation.images.gold} "
            "images of the gold: write from how many they were drawn"
        )
    if rule.metric is Metric.COVERAGE:
        found = delivered(rule, evaluation)
        record = rule_record(
            rule,
            found.verdict,
            found.reason,
            value=found.share,
            images=found.images,
            worst=found.missing,
        )
    else:
        how = METRICS[rule.metric]
        how.view(rule).require(evaluation, what=rule.id)
        record = _judged(rule, how, evaluation, adjusted_p)
        record = replace(record, worst=_signed(record.worst, evaluation))
    return with_consequence(rule, record, strict=strict)


def _signed(images: tuple[WorstImage, ...], evaluation: MeasuredBatch) -> tuple[WorstImage, ...]:
    """The images with those who annotated them."""
    who = evaluation.annotators
    return tuple(
        replace(image, annotator=", ".join(who[image.image])) if image.image in who else image
        for image in images
    )


def _judged(rule: Rule, how: How[Any], evaluation: MeasuredBatch, adjusted_p: float | None) -> Record:
    finding = how.find(rule, evaluation)
    images, instances = finding.images, finding.instances
    if finding.error:
        return rule_record(rule, Verdict.ERROR, finding.error, images=images, instances=instances)
    if finding.absent:
        level = (rule.absent_size if finding.of_size else None) or rule.absent
        return rule_record(
            rule,
            Verdict.MISSING,
            finding.absent,
            blocks=level is Level.ERROR,
            images=images,
            instances=instances,
        )
    bound = rule.judge is Judge.BOUND
    if bound and how.sample is None:
        return rule_record(rule, Verdict.ERROR, how.no_bound, images=images, instances=instances)
    sample = None if how.sample is None else _drawn(rule, how.sample(rule, evaluation), evaluation)
    if finding.settled:
        record = _settled(rule, finding)
    elif bound and (between := not_a_look(rule.looks, evaluation.images.gold)):
        record = _measured(rule, finding, Verdict.THIN, between)
    elif bound and sample is not None and sample.unseen != 0:
        p = _p_broken(rule, sample) if adjusted_p is None else adjusted_p
        judge = _bound_of_share if isinstance(sample, Proportion) else _bound
        record = judge(rule, finding, sample, p)  # type: ignore[arg-type]
    else:
        record = _estimate(rule, finding)
    return replace(
        record,
        interval=None if sample is None or sample.unseen == 0 else _interval(sample, rule.confidence),
        confusions=finding.confusions,
        worst=finding.worst,
    )


def _drawn(rule: Rule, sample: Sample | Proportion, evaluation: MeasuredBatch) -> Sample | Proportion:
    """The sample, as one of the images the gold was drawn from where the policy says how many."""
    if rule.sampled_from is None or not evaluation.images.gold:
        return sample
    return sample.drawn_from(rule.sampled_from, drawn=evaluation.images.gold)


def _settled(rule: Rule, finding: Finding) -> Record:
    """No evidence could change it."""
    value = finding.value
    met = value is not None and not beyond(value, *rule.limit)
    return _measured(rule, finding, Verdict.PASS if met else Verdict.FAIL, finding.settled)


def _estimate(rule: Rule, finding: Finding) -> Record:
    """Below the floor fails, whatever the evidence; at or above it, evidence is asked for."""
    kind, limit = rule.limit
    soft_kind, soft = _soft_limit(rule)
    value = finding.value
    if value is None or beyond(value, kind, limit):
        side = "below the floor" if kind is LimitKind.MIN else "above the ceiling"
        reason = finding.failing or f"{side} of {number(limit, unit_of(rule))}"
        return _measured(rule, finding, Verdict.FAIL, reason)
    if thin := _thin(rule, finding):
        return _measured(rule, finding, Verdict.THIN, thin)
    if soft is not None and beyond(value, soft_kind, soft):
        side = "below" if soft_kind is LimitKind.WARN_BELOW else "above"
        record = _measured(rule, finding, Verdict.WARN, f"{side} {number(soft, unit_of(rule))}")
        return replace(record, limit_kind=soft_kind, limit=soft)
    return _measured(rule, finding, Verdict.PASS, "")


def _p_broken(rule: Rule, sample: Sample | Proportion) -> float | None:
    if isinstance(sample, Proportion):
        return sample.p_above(written(rule.limit[1]))
    return sample.p_below(written(rule.minimum))


def _bound(rule: Rule, finding: Finding, sample: Sample, p: float | None) -> Record:
    """Certify, condemn, or ask for more images."""
    floor, confidence = written(rule.minimum), rule.confidence
    lower, upper = sample.lower(confidence), sample.upper(confidence)
    if sample.certifies(floor, confidence):
        if thin := _thin(rule, finding):
            return _measured(rule, finding, Verdict.THIN, thin)
        soft = rule.warn_below
        if soft is not None and not sample.certifies(written(soft), confidence):
            reason = f"the lower bound {lower:.4f} is below {number(soft)}"
            record = _measured(rule, finding, Verdict.WARN, reason)
            return replace(record, limit_kind=LimitKind.WARN_BELOW, limit=soft)
        return _measured(rule, finding, Verdict.PASS, "")
    if sample.below(floor, confidence) and p is not None and p <= 1 - confidence:
        reason = f"even the upper bound {upper:.4f} is below the floor of {number(rule.minimum)}"
        return _measured(rule, finding, Verdict.FAIL, reason)
    needed = sample.images_needed(floor, confidence)
    reason = (
        f"not enough evidence for {number(rule.minimum)}: the true value lies between {lower:.4f} "
        f"and {upper:.4f} by {plural(sample.images, 'image')}, {_ask(needed, sample.images)}"
    )
    return replace(_measured(rule, finding, Verdict.THIN, reason), images_needed=needed)


def _bound_of_share(rule: Rule, finding: Finding, sample: Proportion, p: float | None) -> Record:
    """The same for a share of images, of which less is better."""
    limit, confidence = rule.limit[1], rule.confidence
    ceiling, shown = written(limit), number(limit)
    lower, upper = sample.lower(confidence), sample.upper(confidence)
    if sample.keeps(ceiling, confidence):
        if thin := _thin(rule, finding):
            return _measured(rule, finding, Verdict.THIN, thin)
        soft = rule.warn_above
        if soft is not None and not sample.keeps(written(soft), confidence):
            reason = f"the upper bound {upper:.4f} is above {number(soft)}"
            record = _measured(rule, finding, Verdict.WARN, reason)
            return replace(record, limit_kind=LimitKind.WARN_ABOVE, limit=soft)
        return _measured(rule, finding, Verdict.PASS, "")
    if sample.breaks(ceiling, confidence) and p is not None and p <= 1 - confidence:
        reason = f"even the lower bound {lower:.4f} is above the ceiling of {shown}"
        return _measured(rule, finding, Verdict.FAIL, reason)
    needed, fewest = sample.images_needed(ceiling, confidence), sample.fewest(ceiling, confidence)
    images = plural(sample.images, "image")
    reason = f"not enough evidence for {shown}: the true share lies between {lower:.4f} and {upper:.4f}"
    if fewest is None:
        reason += f" by {images}, and no number of images proves {shown}"
    elif fewest > sample.images:
        none = replace(sample, bad=0).upper(confidence)
        reason += f" by {images}; with no bad one it would reach {none:.4f}, {fewest} are the fewest"
        needed = max(needed or 0, fewest)
    elif needed is None:
        reason += f" by {images}, and the estimate itself is not below the ceiling"
    else:
        reason += f" by {images}, {_ask(needed, sample.images)}"
    return replace(_measured(rule, finding, Verdict.THIN, reason), images_needed=needed)


def _measured(rule: Rule, finding: Finding, found: Verdict, reason: str) -> Record:
    value = None if finding.value is None else float(finding.value)
    record = rule_record(
        rule, found, reason, value=value, images=finding.images, instances=finding.instances
    )
    return replace(record, exact=finding.value)


def _soft_limit(rule: Rule) -> tuple[LimitKind, float | None]:
    if rule.maximum is None:
        return LimitKind.WARN_BELOW, rule.warn_below
    return LimitKind.WARN_ABOVE, rule.warn_above


def _thin(rule: Rule, finding: Finding) -> str:
    """Which evidence falls short, or an empty string."""
    images, instances = finding.images, finding.instances
    short = []
    if images is not None and images < rule.support_images:
        short.append(f"{plural(images, 'gold image')} < {rule.support_images}")
    if instances is not None and instances < rule.support_instances:
        short.append(f"{plural(instances, 'gold instance')} < {rule.support_instances}")
    return ", ".join(short)


def _interval(sample: Sample | Proportion, confidence: float) -> Interval | None:
    lower, upper, effective = sample.lower(confidence), sample.upper(confidence), sample.effective_images
    if lower is None or upper is None or effective is None:
        return None
    return Interval(
        lower=lower,
        upper=upper,
        confidence=confidence,
        images=sample.images,
        effective_images=effective,
        population=sample.population,
    )


def _ask(needed: int | None, images: int) -> str:
    if needed is None:
        return "and the estimate itself is not above the floor"
    return f"about {needed - images} more needed if the estimate is right"
