"""From slices as they are written to checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from segcore.wording import did_you_mean, printable
from segcore_gates.metrics import METRICS
from segcore_gates.policy import GATE_ID
from segcore_gates.resolution import Around
from segcore_gates.rules import LimitKind, Rule
from segcore_gates.slices.check import SliceCheck
from segcore_gates.slices.policy import Slice
from segcore_gates.slices.query import NOT, Query, same_text

__all__ = ["resolve_slices"]

_Path = tuple[str | int, ...]

_DEFAULT: Final = "default"
_NAME: Final = re.compile(GATE_ID)


def resolve_slices(slices: Mapping[str, Slice] | None, around: Around) -> tuple[SliceCheck, ...]:
    """One check a slice, in the order of the policy; those with problems are left out."""
    found = (_Resolver(name, one, around).check() for name, one in (slices or {}).items())
    return tuple(check for check in found if check is not None)


class _Resolver:
    def __init__(self, name: str, written: Slice, around: Around) -> None:
        self._name = name
        self._written = written
        self._around = around
        self._path: _Path = ("slices", name)
        self._sound = True

    def _refuse(self, path: _Path, message: str, code: str = "policy.bad_value") -> None:
        self._sound = False
        self._around.refuse(code, (*self._path, *path), message)

    def check(self) -> SliceCheck | None:
        """The check; None where something was refused."""
        written, around = self._written, self._around
        if not _NAME.fullmatch(self._name):
            problem = "a slice is named with small letters, digits and single dashes, such as annotators"
            self._refuse((), problem, "policy.bad_key")
        query = self._query()
        rules = self._rules()
        kind, limits = self._limits(rules)
        if not self._sound:
            return None
        support = around.defaults.support
        if written.support is not None:
            given = {key: getattr(written.support, key) for key in written.support.model_fields_set}
            support = support.model_copy(update=given)
        return SliceCheck(
            id=f"slice[{self._name}]",
            gate="slice",
            metric=rules[0].metric,
            severity=written.severity,
            line=around.document.line(self._path),
            name=self._name,
            by=None if written.by is None else same_text(written.by),
            where=query,
            rules=rules,
            kind=kind,
            limits=limits,
            support_images=support.images,
            support_instances=support.instances,
        )

    def _query(self) -> Query | None:
        wanted: dict[str, tuple[str, ...]] = {}
        unwanted: dict[str, tuple[str, ...]] = {}
        for name, value in (self._written.where or {}).items():
            if not isinstance(value, dict):
                wanted[same_text(name)] = _values(value)
            elif name != NOT:
                problem = "expected a value or a list of values, got keys and values"
                self._refuse(("where", name), problem)
            else:
                unwanted = {same_text(own): _values(values) for own, values in value.items()}
        if NOT in wanted:
            self._refuse(("where", NOT), "expected keys and values, such as not: {tag: test}")
        return Query(wanted=wanted, unwanted=unwanted) if self._written.where is not None else None

    def _rules(self) -> tuple[Rule, ...]:
        """Of the gate; with a limit of their own only those of all sizes, whose limits it would be."""
        of = self._written.of
        gates = list(dict.fromkeys(r.gate for r in self._around.rules if r.metric in METRICS))
        rules = [rule for rule in self._around.rules if rule.gate == of and rule.metric in METRICS]
        if not rules:
            shown = printable(of, limit=40)
            there = f" (there are {', '.join(gates)})" if gates else ""
            if not self._is_written(of):
                self._refuse(("of",), f"no gate is called {shown!r}{did_you_mean(of, gates)}{there}")
            self._sound = False  # what is wrong with the gate itself was said there
            return ()
        if self._written.max_gap is None and any(rule.size is None for rule in rules):
            rules = [rule for rule in rules if rule.size is None]
        elif self._written.max_gap is None:
            problem = f"the gate {of} has limits by size only, and a slice has no sizes: write max_gap"
            self._refuse(("of",), problem)
        return tuple(rules)

    def _is_written(self, gate: str) -> bool:
        value = self._around.document.value
        gates = value.get("gates") if isinstance(value, dict) else None
        return isinstance(gates, dict) and gate in gates

    def _limits(self, rules: tuple[Rule, ...]) -> tuple[LimitKind, tuple[float, ...]]:
        written = self._written
        kind = LimitKind.MAX_GAP
        if written.max_gap is None:
            kind = LimitKind.MAX if written.min is None else LimitKind.MIN
        if not rules:
            return kind, ()
        metric, less = rules[0].metric, rules[0].maximum is not None
        if kind is LimitKind.MAX_GAP:
            if less:
                problem = f"max_gap is how far a share may fall, and less {metric} is better: write max"
                self._refuse(("max_gap",), problem)
            elif rules[0].class_name is None:
                problem = (
                    f"{metric} is a mean over the classes that occur, which are others in every part: "
                    "take a gate that judges class by class, or write min"
                )
                self._refuse(("max_gap",), problem)
            return kind, (written.max_gap or 0.0,) * len(rules)
        if less is (kind is LimitKind.MIN):
            better, right = ("less", "max") if less else ("more", "min")
            self._refuse((kind.value,), f"{better} {metric} is better: write {right}")
            return kind, ()
        return kind, self._by_class(kind, rules)

    def _by_class(self, kind: LimitKind, rules: tuple[Rule, ...]) -> tuple[float, ...]:
        key = kind.value
        given = self._written.min if kind is LimitKind.MIN else self._written.max
        one = rules[0].class_name is None
        if isinstance(given, dict) is one:
            example = f"{key}: 0.75" if one else f"{key}: {{default: {given}}}"
            what = "one limit" if one else "limits by class"
            self._refuse((key,), f"{rules[0].gate} has {what}: write {example}")
            return ()
        limits = given if isinstance(given, dict) else {_DEFAULT: given}
        classes = [rule.class_name or "" for rule in rules]
        for name, limit in limits.items():
            path = (key, name) if isinstance(given, dict) else (key,)
            if name != _DEFAULT and name not in classes:
                problem = f"{printable(name, limit=40)!r} is no class of the gate {rules[0].gate}"
                self._refuse(path, problem + did_you_mean(name, classes), "policy.unknown_class")
            if limit is not None and limit > 1 and not METRICS[rules[0].metric].unit:
                meant = f"; did you mean {limit / 100:.10g}?" if 10 <= limit <= 100 else ""
                self._refuse(
                    path, f"{limit:g} is not a share between 0 and 1{meant}", "policy.threshold"
                )
        found = [limits.get(name, limits.get(_DEFAULT)) for name in classes]
        missing = [name for name, limit in zip(classes, found, strict=True) if limit is None]
        if missing:
            shown = ", ".join(printable(name, limit=40) for name in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            problem = f"no limit for {shown}{more}: name them, or add default"
            self._refuse((key,), problem, "policy.uncovered_class")
        return tuple(limit for limit in found if limit is not None)


def _values(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, tuple) else (value,)
    return tuple(dict.fromkeys(same_text(str(item)) for item in given))
