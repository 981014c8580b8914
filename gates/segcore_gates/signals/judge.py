"""What a signal says, as the record of its check: a warning at most."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from segcore.wording import printable
from segcore_gates.consequence import record_of
from segcore_gates.records import DETAILS, FOUND, Verdict
from segcore_gates.signals.rules import SignalRule

if TYPE_CHECKING:
    from segcore.signals import Signal, SignalResult
    from segcore.sources import Spec
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.records import Plain, Record

__all__ = ["judge_signal", "signal_record"]


def judge_signal(rule: SignalRule, batch: PolicyBatch, strict: bool) -> Record:  # noqa: ARG001
    """Judge one signal; the first of a policy reads the delivery for all of them.

    ``strict`` lets warnings block, and a signal is no warning about the quality of anything.
    """
    from segcore.signals import Signal

    if rule.audit is not None:
        return signal_record(rule, _audited(rule, batch, rule.audit))
    if rule.signal is Signal.IDENTICAL_TO_EARLIER:
        return signal_record(rule, _earlier(rule, batch))
    return signal_record(rule, batch.once("signals", lambda: _found(batch))[rule.signal])


def _found(batch: PolicyBatch) -> dict[Signal, SignalResult]:
    from segcore.signals import Signal, signals

    rules = [check for check in batch.policy.checks if isinstance(check, SignalRule)]
    earlier = [spec for rule in rules for spec in rule.earlier]
    wanted = [
        rule.signal
        for rule in rules
        if rule.audit is None and (earlier or rule.signal is not Signal.IDENTICAL_TO_EARLIER)
    ]
    gold, delivery = batch.sources()
    return signals(
        delivery,
        wanted,
        gold=gold,
        earlier=earlier,
        ontology=batch.policy.ontology,
        settings=rules[0].told,
    )


def _earlier(rule: SignalRule, batch: PolicyBatch) -> SignalResult:
    """Whether the delivery as a whole was delivered before, and which of its masks were."""
    from segcore.lints import LintFinding
    from segcore.signals import SignalResult

    hashes = rule.earlier_sha256
    if rule.earlier:
        found = batch.once("signals", lambda: _found(batch))[rule.signal]
    else:
        found = SignalResult(
            signal=rule.signal, found=0, findings=(), examined=len(hashes), subject="deliveries"
        )
    own = [info.sha256 for info in batch.semantic().inputs if info.role == "delivery"] if hashes else []
    if not set(own) & set(hashes):
        return found
    whole = LintFinding(
        what="the delivery as a whole is an earlier one",
        expected="another SHA-256",
        got=own[0],
    )
    return replace(
        found, found=found.found + 1, findings=(whole, *found.findings[: DETAILS - 1]), not_applicable=""
    )


def _audited(rule: SignalRule, batch: PolicyBatch, audit: Spec) -> SignalResult:
    """The delivery against gold that nobody was told of."""
    import segcore
    from segcore.signals import favoured_by_audit

    policy = batch.policy
    found = batch.once(
        "audit",
        lambda: segcore.evaluate(segcore.open(audit), policy.delivery, ontology=policy.ontology),
    )
    return favoured_by_audit(batch.semantic(), found, rule.told)


def signal_record(rule: SignalRule, result: SignalResult) -> Record:
    """The record of one signal.

    Parameters
    ----------
    rule : SignalRule
    result : SignalResult
        Of that signal.
    """
    if result.not_applicable:
        reason = f"skipped: not applicable: the delivery cannot show it, as {result.not_applicable}"
        return record_of(rule, Verdict.THIN, reason, unit=FOUND, settings=rule.settings)
    said = [result.said] if result.said else []
    if result.found:
        said.insert(0, f"{result.examined} {result.subject} looked at")
        said += [printable(finding.what, limit=120) for finding in result.findings[:1]]
        said.append("it proves nothing by itself: ask the vendor")
    rows: tuple[dict[str, Plain], ...] = tuple(
        {
            "image": finding.image or None,
            "annotation": finding.annotation,
            "what": finding.what,
            "expected": finding.expected or None,
            "got": finding.got or None,
        }
        for finding in result.findings
    )
    record = record_of(
        rule,
        Verdict.WARN if result.found else Verdict.PASS,
        "; ".join(said),
        value=float(result.found),
        unit=FOUND,
        settings=rule.settings,
        details=rows,
        details_total=result.found,
    )
    return replace(record, blocks=False)
