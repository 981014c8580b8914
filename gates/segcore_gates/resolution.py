"""From gates as they are written to rules as they are judged: every class, every default filled in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from segcore.documents import YamlDocument
from segcore.errors import UsageError
from segcore.ontology import Ontology
from segcore.sources import Spec
from segcore.wording import did_you_mean, printable
from segcore_gates.class_groups import Groups, named_groups, resolve_groups
from segcore_gates.gate_base import BatchGate, ClassGate
from segcore_gates.gate_values import PerClass
from segcore_gates.gates import Gate, SizedGate
from segcore_gates.policy import Coverage, Defaults
from segcore_gates.rules import ExtraImages, Judge, Level, Metric, Rule, Size, Thin

__all__ = ["Around", "Refuse", "check_class_names", "resolve_rules"]

_Path = tuple[str | int, ...]
_T = TypeVar("_T")

Refuse = Callable[[str, _Path, str], None]
"""Takes the code, the path and the message of a problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a section of a policy is read in.

    Attributes
    ----------
    ontology : Ontology
        The classes the policy is judged by.
    document : YamlDocument
        Of the policy.
    rules : tuple of Rule
        Of its gates.
    defaults : Defaults
    refuse : callable
        Takes the code, the path and the message of a problem.
    located : callable
        The file that a text of the policy names, at the path given: variables replaced, relative to the
        policy's folder; None where that was refused.
    named : callable
        The input that a text of the policy names, likewise.
    """

    ontology: Ontology
    document: YamlDocument
    rules: tuple[Rule, ...]
    defaults: Defaults
    refuse: Refuse
    located: Callable[[str, _Path], Path | None]
    named: Callable[[object, _Path], Spec | None]

    def read(self, text: str, path: _Path, read: Callable[[Path], _T]) -> _T | None:
        """What ``read`` makes of the file that a text names; None where either was refused."""
        file = self.located(text, path)
        if file is None:
            return None
        try:
            return read(file)
        except UsageError as error:
            self.refuse("policy.bad_value", path, printable(str(error), limit=400))
            return None


_DEFAULT: Final = "default"
_MAX_RULES: Final = 100_000


def check_class_names(document: YamlDocument, ontology: Ontology, refuse: Refuse) -> None:
    """Refuse every name in the gates that is neither a class of the ontology nor a group.

    Works on the document, not on the models, so that names are checked in gates that hold other
    errors too.
    """
    gates = document.value.get("gates") if isinstance(document.value, dict) else None
    groups = document.value.get("groups") if isinstance(document.value, dict) else None
    known = frozenset(ontology.names) | frozenset(groups if isinstance(groups, dict) else ())
    for gate_id, gate in gates.items() if isinstance(gates, dict) else ():
        if not isinstance(gate, dict):
            continue
        for path, named in _naming(gate_id, gate):
            if isinstance(named, dict):
                for name in named:
                    if name != _DEFAULT and name not in known:
                        _refuse_name(name, (*path, name), ontology, refuse)
            elif isinstance(named, list):
                for i, item in enumerate(named):
                    at = (*path, i)
                    if not isinstance(item, (dict, list)) and (name := document.text(at)) not in known:
                        _refuse_name(name, at, ontology, refuse)


def _naming(gate_id: str, gate: Mapping[str, object]) -> Iterator[tuple[_Path, object]]:
    """The values in a gate that name classes."""
    for key in ("min", "max", "warn_below", "warn_above", "classes"):
        yield ("gates", gate_id, key), gate.get(key)
    sizes = gate.get("sizes")
    for size, limits in sizes.items() if isinstance(sizes, dict) else ():
        yield ("gates", gate_id, "sizes", size), limits


def _refuse_name(name: str, path: _Path, ontology: Ontology, refuse: Refuse) -> None:
    shown = printable(name, limit=40)
    if (index := ontology.index(name)) is not None:
        own = ontology.names[index]
        refuse("policy.unknown_class", path, f"{shown!r} is an alias of class {own!r}: write {own}")
        return
    hint = did_you_mean(name, ontology.names)
    refuse("policy.unknown_class", path, f"class {shown!r} is not in the ontology{hint}")


def resolve_rules(
    gates: Mapping[str, Gate],
    *,
    coverage: Coverage,
    defaults: Defaults,
    ontology: Ontology,
    document: YamlDocument,
    refuse: Refuse,
    groups: Groups | None = None,
) -> tuple[Rule, ...]:
    """The rules of a policy: coverage, then the gates as written, classes in ontology order."""
    of_classes = [gate for gate in gates.values() if isinstance(gate, ClassGate)]
    known = resolve_groups(groups or {}, of_classes, ontology, refuse)
    rules = [_coverage_rule(coverage, defaults, document)]
    for gate_id, gate in gates.items():
        path = ("gates", gate_id)
        if gate.needs_things and (unsaid := _unsaid(ontology)):
            problem = f"{gate.metric} is about things and stuff, and {unsaid}"
            refuse("policy.bad_value", (*path, "metric"), problem)
        if isinstance(gate, BatchGate):
            if gate.warn_below is not None and gate.warn_below < gate.min:
                refuse(
                    "policy.threshold", (*path, "warn_below"), _below_floor(gate.warn_below, gate.min)
                )
            rules.append(
                _rule(
                    gate_id,
                    gate,
                    defaults,
                    coverage,
                    class_name=None,
                    limits={"minimum": gate.min, "warn_below": gate.warn_below},
                    line=document.line((*path, "min")),
                )
            )
        else:
            rules += _class_rules(gate_id, gate, defaults, coverage, ontology, known, document, refuse)
        if len(rules) > _MAX_RULES:
            refuse("limits.entries", path, f"the gates so far give more than {_MAX_RULES} rules")
            break
    return tuple(rules)


def _class_rules(
    gate_id: str,
    gate: ClassGate,
    defaults: Defaults,
    coverage: Coverage,
    ontology: Ontology,
    groups: Groups,
    document: YamlDocument,
    refuse: Refuse,
) -> Iterator[Rule]:
    path: _Path = ("gates", gate_id)
    together = named_groups(gate, groups)
    if together and not gate.takes_groups:
        problem = f"{gate.metric} of several classes is no sum: name the classes of {_listed(together)}"
        refuse("policy.bad_value", path, problem)
    judged = (*_judged_classes(gate, ontology, (*path, "classes"), refuse), *together)
    if not gate.takes_stuff:
        members = {name for group in judged for name in groups.get(group, (group,))}
        _refuse_stuff(gate, members, ontology, (*path, "classes"), refuse)
    for limits in _limits(gate, path, refuse):
        for name, hard, soft, line in limits.by_class(judged, (*ontology.names, *groups), refuse):
            yield _rule(
                gate_id,
                gate,
                defaults,
                coverage,
                class_name=name,
                members=groups.get(name, ()),
                size=limits.size,
                limits=limits.fields(hard, soft),
                line=document.line(line),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """Limits of one gate, for all sizes or one: by class, at ``path``; ``most`` for those of ``max``."""

    path: _Path
    hard: PerClass
    soft_path: _Path
    soft: PerClass
    most: bool
    size: Size | None

    def fields(self, hard: float, soft: float | None) -> dict[str, float | None]:
        """As a rule has them."""
        if self.most:
            return {"minimum": 0.0, "warn_below": None, "maximum": hard, "warn_above": soft}
        return {"minimum": hard, "warn_below": soft}

    def by_class(
        self, judged: tuple[str, ...], known: tuple[str, ...], refuse: Refuse
    ) -> Iterator[tuple[str, float, float | None, _Path]]:
        """The limits of each class, and the place of the one that decides."""
        hard, soft = self.hard, self.soft
        if _DEFAULT in soft and _DEFAULT in hard and self._never_warns(soft[_DEFAULT], hard[_DEFAULT]):
            problem = self._says(soft[_DEFAULT], hard[_DEFAULT])
            refuse("policy.threshold", (*self.soft_path, _DEFAULT), problem)
        left_out = frozenset(known).difference(judged)
        for path, limits in ((self.path, hard), (self.soft_path, soft)):
            for name in limits:
                if name in left_out:
                    problem = (
                        f"class {name!r} has a limit here but is not among the classes of this gate"
                    )
                    refuse("policy.bad_value", (*path, name), problem)
        if _DEFAULT not in hard and (uncovered := [name for name in judged if name not in hard]):
            problem = f"no limit for {_listed(uncovered)}: name them, add default, or narrow the gate "
            refuse("policy.uncovered_class", self.path, f"{problem}with classes")
        for name in judged:
            key = name if name in hard else _DEFAULT
            if key not in hard:
                continue
            wanted, warned = hard[key], soft.get(name, soft.get(_DEFAULT))
            if warned is not None and self._never_warns(warned, wanted):
                if name in soft:
                    refuse("policy.threshold", (*self.soft_path, name), self._says(warned, wanted))
                warned = None
            yield name, wanted, warned, (*self.path, key)

    def _never_warns(self, soft: float, hard: float) -> bool:
        return soft > hard if self.most else soft < hard

    def _says(self, soft: float, hard: float) -> str:
        if self.most:
            return f"warn_above {soft:.10g} lies above max {hard:.10g} and would never warn"
        return _below_floor(soft, hard)


def _limits(gate: ClassGate, path: _Path, refuse: Refuse) -> Iterator[_Limits]:
    """Of all sizes, then by size."""
    most = "max" in type(gate).model_fields
    key, soft_key = ("max", "warn_above") if most else ("min", "warn_below")
    hard, soft = getattr(gate, key), getattr(gate, soft_key) or {}

    def limits(at: _Path, hard: PerClass, soft: PerClass, size: Size | None) -> _Limits:
        soft_at = (*path, soft_key)
        return _Limits(path=at, hard=hard, soft_path=soft_at, soft=soft, most=most, size=size)

    if hard is not None:
        yield limits((*path, key), hard, soft, None)
    sizes = gate.sizes.given() if isinstance(gate, SizedGate) and gate.sizes is not None else {}
    if hard is None and not sizes:
        refuse("policy.missing_key", path, f"the key {key!r} is missing, or 'sizes' with a limit")
    if hard is None and soft:
        problem = f"{soft_key} goes with {key}, and there is none"
        refuse("policy.bad_value", (*path, soft_key), problem)
    for size, floors in sizes.items():
        yield limits((*path, "sizes", size.value), floors, {}, size)


def _judged_classes(gate: ClassGate, ontology: Ontology, path: _Path, refuse: Refuse) -> tuple[str, ...]:
    """The classes of one gate, in ontology order."""
    if gate.classes == "all":
        if _DEFAULT in ontology.names:
            problem = "a class called 'default' cannot be told from the limit of all others: rename it"
            refuse("policy.bad_value", path, problem)
        return ontology.names
    if isinstance(gate.classes, tuple):
        named: set[str] = set()
        for i, name in enumerate(gate.classes):
            if name in named:
                refuse("policy.bad_value", (*path, i), f"class '{printable(name)}' is named twice")
            named.add(name)
        return tuple(name for name in ontology.names if name in named)
    unsaid = _unsaid(ontology)
    if unsaid and not gate.needs_things:
        refuse("policy.bad_value", path, unsaid)
    wanted = gate.classes == "things"
    names = tuple(c.name for c in ontology.classes if c.thing is wanted)
    if not names and not unsaid:
        refuse("policy.bad_value", path, f"the ontology has no {gate.classes}")
    return names


def _refuse_stuff(
    gate: ClassGate, judged: Collection[str], ontology: Ontology, path: _Path, refuse: Refuse
) -> None:
    """An error for classes of stuff, as the metric is about objects."""
    stuff = [c.name for c in ontology.classes if c.thing is False and c.name in judged]
    if not stuff:
        return
    problem = f"{gate.metric} is about objects, and the ontology calls {_listed(stuff)} stuff"
    advice = "gate stuff with iou or pq"
    if gate.classes == "all":
        advice = f"write `classes: things`, and {advice}"
    refuse("policy.bad_value", path, f"{problem}: {advice}")


def _unsaid(ontology: Ontology) -> str:
    """Which classes are neither things nor stuff; empty for none."""
    names = [c.name for c in ontology.classes if c.thing is None]
    return f"the ontology does not say thing: true or false for {_listed(names)}" if names else ""


def _coverage_rule(coverage: Coverage, defaults: Defaults, document: YamlDocument) -> Rule:
    return Rule(
        id="coverage",
        gate="coverage",
        metric=Metric.COVERAGE,
        class_name=None,
        minimum=coverage.gold_images,
        warn_below=None,
        severity=Level.ERROR,
        judge=Judge.ESTIMATE,
        confidence=defaults.confidence,
        support_images=0,
        support_instances=0,
        thin=Thin.WARN,
        absent=Level.ERROR,
        extra_images=coverage.extra_images,
        sampled_from=coverage.sampled_from,
        line=document.line(("coverage", "gold_images")),
    )


def _rule(
    gate_id: str,
    gate: BatchGate | ClassGate,
    defaults: Defaults,
    coverage: Coverage,
    *,
    class_name: str | None,
    members: tuple[str, ...] = (),
    size: Size | None = None,
    limits: Mapping[str, Any],
    line: int,
) -> Rule:
    judge = gate.judge or defaults.judge
    support = defaults.support
    if gate.support is not None:
        support = support.model_copy(
            update={key: getattr(gate.support, key) for key in gate.support.model_fields_set}
        )
    name = gate_id if size is None else f"{gate_id}@{size.value}"  # [class] last, as pytest has it
    return Rule(
        id=name if class_name is None else f"{name}[{class_name}]",
        gate=gate_id,
        metric=Metric(gate.metric),
        class_name=class_name,
        members=members,
        sampled_from=coverage.sampled_from,
        severity=gate.severity or defaults.severity,
        judge=judge,
        confidence=gate.confidence or defaults.confidence,
        support_images=support.images,
        support_instances=support.instances,
        thin=gate.thin or defaults.thin or (Thin.ERROR if judge is Judge.BOUND else Thin.WARN),
        absent=gate.absent or defaults.absent,
        absent_size=gate.sizes.absent
        if size is not None and isinstance(gate, SizedGate) and gate.sizes is not None
        else None,
        extra_images=ExtraImages.ALLOW,
        line=line,
        size=size,
        **limits,
        **gate.settings(),
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(printable(name, limit=40) for name in names[:5]) + more


def _below_floor(warn_below: float, minimum: float) -> str:
    return f"warn_below {warn_below:.10g} lies below min {minimum:.10g} and would never warn"
