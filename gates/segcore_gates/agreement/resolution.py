"""From gates on agreement and the section ``agreement`` to checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from segcore_gates.agreement.ceilings import read_ceilings
from segcore_gates.agreement.rules import AgreementRule
from segcore_gates.gates import AgreementGate

if TYPE_CHECKING:
    from segcore.sources import Spec
    from segcore_gates.agreement.policy import AgreementSection
    from segcore_gates.gates import Gate
    from segcore_gates.resolution import Around
    from segcore_gates.rules import Rule

__all__ = ["resolve_agreement", "with_ceilings"]


def with_ceilings(section: AgreementSection | None, around: Around) -> tuple[Rule, ...]:
    """The rules of a policy, each with what people reach of what it measures.

    Parameters
    ----------
    section : AgreementSection or None
    around : Around
        Takes a file that cannot be used.
    """
    if section is None:
        return around.rules
    ceilings = around.read(section.file, ("agreement", "file"), read_ceilings)
    if ceilings is None:
        return around.rules
    return tuple(replace(rule, human=ceilings.of(rule)) for rule in around.rules)


def resolve_agreement(
    gates: Mapping[str, Gate], around: Around
) -> tuple[tuple[Rule, ...], tuple[AgreementRule, ...]]:
    """The rules that are judged by the batch, and the checks of gates on agreement.

    Parameters
    ----------
    gates : mapping of str to Gate
        Of the policy.
    around : Around
        Its rules are those of all gates.
    """
    named: dict[str, tuple[tuple[str, Spec], ...]] = {}
    for gate_id, gate in gates.items():
        if isinstance(gate, AgreementGate) and gate.annotators is not None:
            found = (
                (name, around.named(text, ("gates", gate_id, "annotators", name)))
                for name, text in gate.annotators.items()
            )
            named[gate_id] = tuple((name, spec) for name, spec in found if spec is not None)
    checks = tuple(
        AgreementRule(
            id=rule.id,
            gate=rule.gate,
            metric=rule.metric,
            severity=rule.severity,
            line=rule.line,
            thin=rule.thin,
            rule=rule,
            annotators=named.get(rule.gate, ()),
        )
        for rule in around.rules
        if not rule.of_batch
    )
    return tuple(rule for rule in around.rules if rule.of_batch), checks
