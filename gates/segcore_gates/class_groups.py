"""Groups of classes: what is too rare to be judged class by class is judged together.

What is counted of the classes of a group, such as intersection and union, is summed image by image; a
pixel of one of them that was delivered as another one is as wrong as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from segcore.ontology import Ontology
from segcore.wording import did_you_mean, printable

if TYPE_CHECKING:
    from segcore_gates.gate_base import ClassGate

__all__ = ["Groups", "named_groups", "resolve_groups"]

Groups = Mapping[str, tuple[str, ...]]
"""The classes of each group, by its name."""

_LIMITS: Final = ("min", "max", "warn_below", "warn_above")


def resolve_groups(
    groups: Groups,
    gates: Iterable[ClassGate],
    ontology: Ontology,
    refuse: Callable[[str, tuple[str | int, ...], str], None],
) -> dict[str, tuple[str, ...]]:
    """The groups of a policy, their classes in ontology order; what is wrong with them is refused."""
    found: dict[str, tuple[str, ...]] = {}
    used = frozenset(name for gate in gates for name in (*_listed(gate), *_limited(gate)))
    for group, names in groups.items():
        shown = printable(group, limit=40)
        if group == "default" or ontology.index(group) is not None:
            problem = (
                f"{shown!r} is the name of a class, or of the limit of all others: rename the group"
            )
            refuse("policy.bad_key", ("groups", group), problem)
        elif group not in used:
            refuse("policy.bad_value", ("groups", group), f"no gate names the group {shown!r}")
        for i, name in enumerate(names):
            if (bad := _bad_member(name, names[:i], groups, ontology)) is not None:
                refuse(bad[0], ("groups", group, i), bad[1])
        found[group] = tuple(name for name in ontology.names if name in names)
    return found


def _bad_member(
    name: str, before: tuple[str, ...], groups: Groups, ontology: Ontology
) -> tuple[str, str] | None:
    shown = printable(name, limit=40)
    if name in before:
        return "policy.bad_value", f"class {shown!r} is named twice"
    if name in ontology.names:
        return None
    if name in groups:
        return "policy.bad_value", f"{shown!r} is a group; a group holds classes"
    index = ontology.index(name)
    known = None if index is None else ontology.names[index]
    hint = did_you_mean(name, ontology.names) if known is None else f": write {known}"
    return "policy.unknown_class", f"class {shown!r} is not in the ontology{hint}"


def named_groups(gate: ClassGate, groups: Groups) -> tuple[str, ...]:
    """The groups that a gate judges, in the order of the policy.

    They are those of its list of classes; a gate on all classes, on things or on stuff judges those it
    has a limit for.
    """
    named = frozenset(_listed(gate) if isinstance(gate.classes, tuple) else _limited(gate))
    return tuple(name for name in groups if name in named)


def _listed(gate: ClassGate) -> Iterator[str]:
    if isinstance(gate.classes, tuple):
        yield from gate.classes


def _limited(gate: ClassGate) -> Iterator[str]:
    for key in _LIMITS:
        yield from getattr(gate, key, None) or ()
    sizes = getattr(gate, "sizes", None)
    for floors in () if sizes is None else sizes.given().values():
        yield from floors
