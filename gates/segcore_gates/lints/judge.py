"""What a lint found, as the verdict of its check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segcore.wording import printable
from segcore_gates.consequence import record_of, with_consequence
from segcore_gates.lints.rules import LintRule
from segcore_gates.metrics.finding import plural
from segcore_gates.records import FOUND, Verdict

if TYPE_CHECKING:
    from segcore.lints import Lint, LintResult
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.records import Plain, Record

__all__ = ["judge_lint", "lint_record"]


def judge_lint(rule: LintRule, batch: PolicyBatch, strict: bool) -> Record:
    """Judge one lint; the first of a policy reads the delivery for all of them."""
    from segcore.lints import Lint, swapped_classes

    if rule.lint is Lint.SWAPPED_CLASS:
        return lint_record(rule, swapped_classes(batch.semantic(), rule.told), strict=strict)
    return lint_record(rule, batch.once("lints", lambda: _found(batch))[rule.lint], strict=strict)


def _found(batch: PolicyBatch) -> dict[Lint, LintResult]:
    from segcore.lints import Lint, lint

    rules = [check for check in batch.policy.checks if isinstance(check, LintRule)]
    wanted = [rule.lint for rule in rules if rule.lint is not Lint.SWAPPED_CLASS]
    gold, delivery = batch.sources()
    return lint(delivery, wanted, gold=gold, ontology=batch.policy.ontology, settings=rules[0].told)


def lint_record(rule: LintRule, result: LintResult, *, strict: bool) -> Record:
    """The record of one lint.

    Parameters
    ----------
    rule : LintRule
    result : LintResult
        Of that lint.
    strict : bool
        Let warnings block too.
    """
    if result.not_applicable:
        reason = f"not applicable: the delivery cannot show it, as {result.not_applicable}"
        record = record_of(rule, Verdict.THIN, reason, unit=FOUND, settings=rule.settings)
        return with_consequence(rule, record, strict=strict)
    found, said = Verdict.PASS, []
    if result.found:
        found = Verdict.FAIL
        said = [f"{result.examined} {result.subject} looked at"]
        said += [printable(finding.what, limit=120) for finding in result.findings[:1]]
    if result.unread:
        were = "was" if result.unread == 1 else "were"
        said.append(f"{plural(result.unread, 'annotation')} could not be read and {were} not looked at")
    reason = "; ".join(said)
    rows: tuple[dict[str, Plain], ...] = tuple(
        {
            "image": finding.image or None,
            "annotation": finding.annotation,
            "class": finding.class_name or None,
            "what": finding.what,
            "expected": finding.expected or None,
            "got": finding.got or None,
        }
        for finding in result.findings
    )
    record = record_of(
        rule,
        found,
        reason,
        value=float(result.found),
        unit=FOUND,
        settings=rule.settings,
        details=rows,
        details_total=result.found,
    )
    return with_consequence(rule, record, strict=strict)
