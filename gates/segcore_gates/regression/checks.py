"""What a policy asks of a batch in comparison with the last accepted one: one check a gate and class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from segcore.wording import did_you_mean, printable
from segcore_gates.metrics import METRICS
from segcore_gates.rules import Check, Level, LimitKind, Rule

if TYPE_CHECKING:
    from segcore_gates.regression.policy import Regression
    from segcore_gates.resolution import Around

__all__ = ["SECTION", "RegressionRule", "resolve_regression"]

SECTION: Final = "regression"
"""The key of the policy, and what all these checks are called."""

_DEFAULT: Final = "default"
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionRule(Check):
    """One value of the batch against that of the last accepted one.

    Its id is ``regression[class-iou,car]``, or ``regression[mean-iou]`` for a metric with one value for
    the batch.

    Attributes
    ----------
    rule : Rule
        Whose value is compared.
    baseline : Path
        The file.
    max_drop : float
        How much it may lose, or rise where less is better.
    on_missing, on_not_comparable : Level
        See :class:`segcore_gates.regression.policy.Regression`.
    first : bool
        Whether it is the one that tells what concerns all of them.
    """

    rule: Rule
    baseline: Path
    max_drop: float
    on_missing: Level
    on_not_comparable: Level
    first: bool = False

    @property
    def limit(self) -> tuple[LimitKind, float]:
        """The largest drop."""
        return LimitKind.MAX_DROP, self.max_drop


def resolve_regression(section: Regression | None, around: Around) -> tuple[RegressionRule, ...]:
    """The checks of a policy, in the order of its gates and classes; none without the section."""
    if section is None:
        return ()
    baseline = around.located(section.baseline, (SECTION, "baseline"))
    compared = _compared(section, around)
    _check_drops(section, compared, around)
    if baseline is None:
        return ()
    severity = section.severity or around.defaults.severity
    found: list[RegressionRule] = []
    for rule in compared:
        name = rule.class_name
        key = name if name is not None and name in section.max_drop else _DEFAULT
        if key not in section.max_drop:
            continue
        gate = rule.id.removesuffix(f"[{name}]")
        found.append(
            RegressionRule(
                id=f"{SECTION}[{gate}]" if name is None else f"{SECTION}[{gate},{name}]",
                gate=SECTION,
                metric=rule.metric,
                severity=severity,
                line=around.document.line((SECTION, "max_drop", key)),
                thin=rule.thin,
                rule=rule,
                baseline=baseline,
                max_drop=section.max_drop[key],
                on_missing=section.on_missing or severity,
                on_not_comparable=section.on_not_comparable or severity,
                first=not found,
            )
        )
    return tuple(found)


def _compared(section: Regression, around: Around) -> list[Rule]:
    """The rules of the gates that are named, in the order of the policy."""
    gates = dict.fromkeys(rule.gate for rule in around.rules if rule.metric in METRICS)
    for at, gate in enumerate(section.of):
        path: _Path = (SECTION, "of", at)
        if gate not in gates:
            known = did_you_mean(gate, gates)
            around.refuse("policy.bad_value", path, f"there is no gate '{printable(gate)}'{known}")
        elif gate in section.of[:at]:
            around.refuse("policy.bad_value", path, f"the gate {gate!r} is named twice")
    return [rule for rule in around.rules if rule.metric in METRICS and rule.gate in section.of]


def _check_drops(section: Regression, compared: list[Rule], around: Around) -> None:
    for path, code, problem in _problems(section, compared, around):
        around.refuse(code, (SECTION, "max_drop", *path), problem)


def _problems(
    section: Regression, compared: list[Rule], around: Around
) -> Iterator[tuple[_Path, str, str]]:
    """What is wrong with the drops: key below ``max_drop``, code, message."""
    drops = section.max_drop
    groups = (rule.class_name for rule in around.rules if rule.class_name is not None and rule.members)
    known = (*around.ontology.names, *groups)
    judged = {rule.class_name for rule in compared}
    units = {METRICS[rule.metric].unit for rule in compared}
    for name in drops:
        if name == _DEFAULT:
            continue
        if name not in known:
            shown, hint = printable(name, limit=40), did_you_mean(name, known)
            yield (name,), "policy.unknown_class", f"class {shown!r} is not in the ontology{hint}"
        elif name not in judged:
            problem = f"class {name!r} has a limit here but is in none of the gates that are compared"
            yield (name,), "policy.bad_value", problem
    uncovered = [] if _DEFAULT in drops else [rule for rule in compared if rule.class_name not in drops]
    if uncovered:
        what = ", ".join(dict.fromkeys(rule.class_name or rule.gate for rule in uncovered[:5]))
        yield (), "policy.uncovered_class", f"no limit for {printable(what)}: add it, or default"
    if len(units) > 1:
        problem = "gates in pixels and gates of shares cannot have one limit: compare one kind of them"
        yield (), "policy.bad_value", problem
    elif "" in units:
        for name, drop in drops.items():
            if drop >= 1:
                problem = f"{drop:.10g} is not a share below 1, so that it would never fail"
                yield (name,), "policy.threshold", problem
