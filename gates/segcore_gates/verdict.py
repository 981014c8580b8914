"""The judge: one function decides, everything else renders its records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from segcore_gates.records import (
    OTHER,
    Confusion,
    Interval,
    LimitKind,
    Record,
    Verdict,
    WorstImage,
    number,
)
from segcore_gates.rules import ExtraImages, Judge, Level, Metric, Rule, Thin
from segcore_gates.statistics import Sample, holm

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from segcore.evaluation import ClassScores, Evaluation
    from segcore.tally import ImageCounts

__all__ = ["adjusted_p_values", "errored", "judge_all", "verdict"]

_WORST_IMAGES = 5
_MISSING_NAMES = 10
_CONFUSIONS = 2


def judge_all(
    rules: Sequence[Rule], evaluation: Evaluation, *, strict: bool = False
) -> tuple[Record, ...]:
    """Judge every rule of a policy, in the order given."""
    adjusted = adjusted_p_values(rules, evaluation)
    return tuple(
        verdict(rule, evaluation, strict=strict, adjusted_p=adjusted.get(rule.id)) for rule in rules
    )


def adjusted_p_values(rules: Iterable[Rule], evaluation: Evaluation) -> dict[str, float]:
    """P value of "this class reaches its floor", adjusted by Holm over the classes of its gate.

    Only rules with ``judge: bound`` are tested, and of those only the ones with images enough to fail.
    The keys are rule ids.
    """
    families: dict[str, dict[str, float]] = {}
    for rule in rules:
        if rule.metric is Metric.IOU and rule.judge is Judge.BOUND:
            p = _sample(_counts(rule, evaluation)).p_below(_exact(rule.minimum))
            if p is not None:
                families.setdefault(rule.gate, {})[rule.id] = p
    return {
        rule_id: p
        for family in families.values()
        for rule_id, p in zip(family, holm(tuple(family.values())), strict=True)
    }


def verdict(
    rule: Rule, evaluation: Evaluation, *, strict: bool = False, adjusted_p: float | None = None
) -> Record:
    """Judge one rule.

    Parameters
    ----------
    rule : Rule
        From the policy.
    evaluation : Evaluation
        Of the batch.
    strict : bool
        Let warnings and thin evidence block too.
    adjusted_p : float, optional
        The rule's entry of :func:`adjusted_p_values`; without it the rule is judged as if its class were
        the only one of its gate (which differs for ``judge: bound`` only).

    Raises
    ------
    KeyError
        The evaluation has no class of that name.
    """
    if rule.metric is Metric.COVERAGE:
        record = _coverage(rule, evaluation)
    elif rule.metric is Metric.MEAN_IOU:
        record = _mean_iou(rule, evaluation)
    else:
        record = _class_iou(rule, evaluation, adjusted_p)
    return _with_consequence(rule, record, strict=strict)


def errored(rule: Rule, reason: str) -> Record:
    """The record of a rule that could not be evaluated."""
    return _record(rule, Verdict.ERROR, reason, blocks=True)


def _with_consequence(rule: Rule, record: Record, *, strict: bool) -> Record:
    """Settle what the verdict does to the batch."""
    found = record.verdict
    if found in {Verdict.FAIL, Verdict.MISSING} and rule.severity is Level.WARN:
        return replace(record, verdict=Verdict.WARN, blocks=strict)
    if found is Verdict.MISSING and rule.absent is Level.WARN:
        return replace(record, blocks=strict)
    if found is Verdict.THIN:
        if rule.thin is Thin.SKIP:
            return replace(record, reason=f"skipped: {record.reason}", blocks=False)
        blocks = strict or (rule.thin is Thin.ERROR and rule.severity is Level.ERROR)
        return replace(record, blocks=blocks)
    if found is Verdict.WARN:
        return replace(record, blocks=strict)
    return replace(record, blocks=found is not Verdict.PASS)


def _coverage(rule: Rule, evaluation: Evaluation) -> Record:
    images = evaluation.images
    missing, extra = images.missing_in_delivery, images.extra_in_delivery
    gold = images.gold
    if not gold:
        return _record(rule, Verdict.MISSING, "there is no gold image", images=0)
    share = Fraction(gold - len(missing), gold)
    worst = tuple(WorstImage(image=key, value=0.0) for key in missing[:_MISSING_NAMES])
    reasons = []
    if missing:
        reasons.append(f"{len(missing)} of {gold} gold images not delivered: {_names(missing)}")
    found = Verdict.PASS if share >= _exact(rule.minimum) else Verdict.FAIL
    if extra and rule.extra_images is not ExtraImages.ALLOW:
        reasons.append(f"{len(extra)} delivered images are not in the gold: {_names(extra)}")
        if rule.extra_images is ExtraImages.ERROR:
            found = Verdict.FAIL
        elif found is Verdict.PASS:
            found = Verdict.WARN
    return _record(rule, found, "; ".join(reasons), value=float(share), images=gold, worst=worst)


def _mean_iou(rule: Rule, evaluation: Evaluation) -> Record:
    shares = [Fraction(c.intersection, c.union) for c in evaluation.classes if c.union]
    gold = evaluation.images.gold
    if not shares:
        return _record(rule, Verdict.MISSING, "no class occurs in gold or delivery", images=gold)
    if rule.judge is Judge.BOUND:
        return _record(rule, Verdict.ERROR, "a mean has no bound: write `judge: estimate`", images=gold)
    return _estimate(rule, sum(shares, Fraction(0)) / len(shares), images=gold, instances=None)


def _class_iou(rule: Rule, evaluation: Evaluation, adjusted_p: float | None) -> Record:
    scores = _scores(rule, evaluation)
    images, instances = scores.support_images, scores.support_instances
    if not scores.union:
        reason = f"neither gold nor delivery contains {scores.name}"
        return _record(rule, Verdict.MISSING, reason, images=images, instances=instances)
    counts = evaluation.image_counts(scores.index)
    sample = _sample(counts)
    value = Fraction(scores.intersection, scores.union)
    if not scores.delivery_pixels:
        record = _record(
            rule,
            Verdict.FAIL if rule.minimum > 0 else Verdict.PASS,
            f"{scores.name} is in {_plural(images, 'gold image')} and nowhere in the delivery",
            value=0.0,
            images=images,
            instances=instances,
        )
    elif rule.judge is Judge.BOUND:
        record = _bound(rule, value, sample, adjusted_p, images=images, instances=instances)
    else:
        record = _estimate(rule, value, images=images, instances=instances)
        if record.verdict is Verdict.FAIL and not scores.gold_pixels:
            record = replace(record, reason=f"{scores.name} is in the delivery and nowhere in the gold")
    return replace(
        record,
        interval=_interval(sample, rule.confidence),
        confusions=_confusions(evaluation, scores.index),
        worst=_worst(counts),
    )


def _estimate(rule: Rule, value: Fraction, *, images: int, instances: int | None) -> Record:
    """Below the floor fails, whatever the evidence; at or above it, evidence is asked for."""
    found, reason, kind, limit = Verdict.PASS, "", LimitKind.MIN, rule.minimum
    if value < _exact(rule.minimum):
        found, reason = Verdict.FAIL, f"below the floor of {number(rule.minimum)}"
    elif thin := _thin(rule, images, instances):
        found, reason = Verdict.THIN, thin
    elif rule.warn_below is not None and value < _exact(rule.warn_below):
        found, reason = Verdict.WARN, f"below {number(rule.warn_below)}"
        kind, limit = LimitKind.WARN_BELOW, rule.warn_below
    return _record(
        rule,
        found,
        reason,
        value=float(value),
        images=images,
        instances=instances,
        limit_kind=kind,
        limit=limit,
    )


def _bound(
    rule: Rule,
    value: Fraction,
    sample: Sample,
    adjusted_p: float | None,
    *,
    images: int,
    instances: int | None,
) -> Record:
    """Certify, condemn, or ask for more images."""
    floor, confidence = _exact(rule.minimum), rule.confidence
    p = sample.p_below(floor) if adjusted_p is None else adjusted_p
    found, reason, kind, limit, needed = Verdict.PASS, "", LimitKind.MIN, rule.minimum, None
    lower, upper = sample.lower(confidence), sample.upper(confidence)
    if sample.certifies(floor, confidence):
        if thin := _thin(rule, images, instances):
            found, reason = Verdict.THIN, thin
        elif rule.warn_below is not None and not sample.certifies(_exact(rule.warn_below), confidence):
            found, reason = (
                Verdict.WARN,
                f"the lower bound {lower:.4f} is below {number(rule.warn_below)}",
            )
            kind, limit = LimitKind.WARN_BELOW, rule.warn_below
    elif sample.below(floor, confidence) and p is not None and p <= 1 - confidence:
        found = Verdict.FAIL
        reason = f"even the upper bound {upper:.4f} is below the floor of {number(rule.minimum)}"
    else:
        found = Verdict.THIN
        needed = sample.images_needed(floor, confidence)
        reason = (
            f"not enough evidence for {number(rule.minimum)}: the true value lies between {lower:.4f} "
            f"and {upper:.4f} by {_plural(sample.images, 'image')}, {_ask(needed, sample.images)}"
        )
    return _record(
        rule,
        found,
        reason,
        value=float(value),
        images=images,
        instances=instances,
        images_needed=needed,
        limit_kind=kind,
        limit=limit,
    )


def _record(
    rule: Rule,
    found: Verdict,
    reason: str,
    *,
    blocks: bool = False,
    value: float | None = None,
    images: int | None = None,
    instances: int | None = None,
    images_needed: int | None = None,
    limit_kind: LimitKind = LimitKind.MIN,
    limit: float | None = None,
    worst: tuple[WorstImage, ...] = (),
) -> Record:
    return Record(
        id=rule.id,
        gate=rule.gate,
        metric=rule.metric,
        class_name=rule.class_name,
        severity=rule.severity,
        judge=rule.judge,
        policy_line=rule.line,
        limit_kind=limit_kind,
        limit=rule.minimum if limit is None else limit,
        images_required=rule.support_images,
        instances_required=rule.support_instances,
        verdict=found,
        blocks=blocks,
        reason=reason,
        value=value,
        images=images,
        instances=instances,
        images_needed=images_needed,
        worst=worst,
    )


def _scores(rule: Rule, evaluation: Evaluation) -> ClassScores:
    for scores in evaluation.classes:
        if scores.name == rule.class_name:
            return scores
    raise KeyError(f"{rule.id}: the evaluation has no class {rule.class_name!r}")


def _counts(rule: Rule, evaluation: Evaluation) -> ImageCounts:
    return evaluation.image_counts(_scores(rule, evaluation).index)


def _sample(counts: ImageCounts) -> Sample:
    return Sample(counts.intersection, counts.union)


def _exact(threshold: float) -> Fraction:
    """The decimal as it was written: .8 is 4/5, so a class passes at its threshold."""
    return Fraction(str(threshold))


def _thin(rule: Rule, images: int, instances: int | None) -> str:
    """Which evidence falls short, or an empty string."""
    short = []
    if images < rule.support_images:
        short.append(f"{_plural(images, 'gold image')} < {rule.support_images}")
    if instances is not None and instances < rule.support_instances:
        short.append(f"{_plural(instances, 'gold instance')} < {rule.support_instances}")
    return ", ".join(short)


def _interval(sample: Sample, confidence: float) -> Interval | None:
    lower, upper, effective = sample.lower(confidence), sample.upper(confidence), sample.effective_images
    if lower is None or upper is None or effective is None:
        return None
    return Interval(
        lower=lower, upper=upper, confidence=confidence, images=sample.images, effective_images=effective
    )


def _confusions(evaluation: Evaluation, index: int) -> tuple[Confusion, ...]:
    matrix = evaluation.confusion
    names = [*evaluation.ontology.names, OTHER]
    found = _shares(matrix[index], index, names, extra=False) + _shares(
        matrix[:, index], index, names, extra=True
    )
    return tuple(sorted(found, key=lambda c: -c.pixels)[:_CONFUSIONS])


def _shares(
    pixels: npt.NDArray[np.int64], index: int, names: Sequence[str], *, extra: bool
) -> list[Confusion]:
    counted = [(k, int(n)) for k, n in enumerate(pixels) if k != index and n]
    total = sum(n for _, n in counted)
    return [Confusion(class_name=names[k], extra=extra, pixels=n, share=n / total) for k, n in counted]


def _worst(counts: ImageCounts) -> tuple[WorstImage, ...]:
    """The images of least IoU; among equals the larger union, then the key."""
    rows = zip(counts.keys, counts.intersection.tolist(), counts.union.tolist(), strict=True)
    imperfect = sorted((i / u, -u, key) for key, i, u in rows if i < u)
    return tuple(WorstImage(image=key, value=value) for value, _, key in imperfect[:_WORST_IMAGES])


def _names(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:_MISSING_NAMES])
    more = len(keys) - _MISSING_NAMES
    return shown if more <= 0 else f"{shown} and {more} more"


def _ask(needed: int | None, images: int) -> str:
    if needed is None:
        return "and the estimate itself is not above the floor"
    return f"about {needed - images} more needed if the estimate is right"


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
