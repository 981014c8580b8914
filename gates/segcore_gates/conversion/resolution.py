"""From the section ``conversion`` to the ceilings of rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segcore.wording import printable
from segcore_gates.conversion.ceilings import read_ceilings
from segcore_gates.groups import listed

if TYPE_CHECKING:
    from segcore_gates.conversion.policy import ConversionSection
    from segcore_gates.resolution import Around
    from segcore_gates.rules import Rule

__all__ = ["with_conversion"]


def with_conversion(section: ConversionSection | None, around: Around) -> tuple[Rule, ...]:
    """The rules of a policy, each with what the conversion leaves of its class.

    A threshold above that is an error at the line that holds it: nobody could meet it.

    Parameters
    ----------
    section : ConversionSection or None
    around : Around
        Takes a file that cannot be used, and the thresholds.
    """
    if section is None:
        return around.rules
    ceilings = around.read(section.loss, ("conversion", "loss"), read_ceilings)
    if ceilings is None:
        return around.rules
    rules = tuple(replace(rule, conversion=ceilings.of(rule)) for rule in around.rules)
    _refuse_above(rules, around)
    return rules


def _refuse_above(rules: tuple[Rule, ...], around: Around) -> None:
    """One problem for each limit, whatever the number of classes it is the limit of."""
    above: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in rules:
        if rule.conversion is None:
            continue
        for key, limit in (("min", rule.minimum), ("warn_below", rule.warn_below)):
            if limit is not None and limit > rule.conversion.iou:
                above.setdefault((rule.gate, key, _entry(rule, key, around)), []).append(rule)
    for (gate, key, entry), found in above.items():
        least = min(found, key=lambda rule: rule.conversion.iou if rule.conversion else 1.0)
        ceiling, limit = least.conversion, least.minimum if key == "min" else least.warn_below
        if ceiling is None or limit is None:
            continue
        names = listed(f"{rule.class_name}" for rule in found)
        left = f"the conversion leaves {ceiling.iou:.4f}"
        if len(found) > 1:
            left += f" of {printable(f'{least.class_name}')}"
        around.refuse(
            "policy.above_ceiling",
            ("gates", gate, key, entry),
            f"{limit:.10g} of {names} cannot be reached: {left} at most ({printable(ceiling.file)}); "
            "lower it, or mend the conversion",
        )


def _entry(rule: Rule, key: str, around: Around) -> str:
    """Which entry of the limits decided."""
    document: Any = around.document.value
    limits = document["gates"][rule.gate].get(key)
    named = isinstance(limits, dict) and rule.class_name in limits
    return f"{rule.class_name}" if named else "default"
