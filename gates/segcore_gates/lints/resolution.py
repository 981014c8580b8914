"""From the section ``lints`` to its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from segcore.lints.names import Lint, LintSettings
from segcore.wording import did_you_mean, printable
from segcore_gates.lints.policy import LintLevel, LintOptions, Lints
from segcore_gates.lints.rules import LintRule
from segcore_gates.rules import Level, Metric, Thin

if TYPE_CHECKING:
    from segcore_gates.resolution import Around

__all__ = ["resolve_lints"]

_DEFAULT: Final = "default"

_SETTING_OF: Final[Mapping[tuple[Lint, str], str]] = {
    (Lint.TINY_MASK, "max_area"): "tiny_px",
    (Lint.SPECK, "max_area"): "speck_px",
    (Lint.HOLE, "max_area"): "hole_px",
    (Lint.OVERLAP, "max_pixels"): "overlap_px",
    (Lint.UNCOVERED, "max_pixels"): "uncovered_px",
    (Lint.DUPLICATE_INSTANCE, "iou"): "duplicate_iou",
    (Lint.TOO_FEW_VERTICES, "min_vertices"): "min_vertices",
    (Lint.TOO_MANY_VERTICES, "max_vertices"): "max_vertices",
    (Lint.WHOLE_IMAGE_MASK, "share"): "whole_share",
    (Lint.SHIFTED, "max_shift"): "shift_px",
    (Lint.SHIFTED, "min_gain"): "shift_gain",
    (Lint.MIRRORED, "min_gain"): "mirror_gain",
    (Lint.SWAPPED_CLASS, "share"): "swap_share",
}
"""The keys of the policy, and what the lints call them."""


def resolve_lints(section: Lints | None, around: Around) -> tuple[LintRule, ...]:
    """The lints of a policy that are not off, in one order whatever that of the policy.

    Parameters
    ----------
    section : Lints or None
    around : Around
        Takes what cannot be meant: a lint of what is refused anyway that is no error, a class that the
        ontology does not have, vertices without a number.
    """
    wanted: dict[Lint, tuple[LintLevel, dict[str, Any]]] = {}
    settings: dict[str, Any] = {}
    for lint in Lint:
        given = None if section is None else getattr(section, lint.value.replace("-", "_"))
        if given is None:
            continue
        options = given if isinstance(given, LintOptions) else LintOptions(severity=given)
        level = options.severity or LintLevel(around.defaults.severity.value)
        if lint.always_refused and level is not LintLevel.ERROR:
            around.refuse(
                "policy.bad_value",
                _path(lint, given),
                f"{lint.value} can only be error: such a delivery is refused whatever the policy says",
            )
        told = {key: value for key, value in options if key != "severity" and value is not None}
        for key, value in told.items():
            settings[_SETTING_OF[lint, key]] = _by_class(lint, key, value, around)
        if lint in _NEEDS_LIMIT and level is not LintLevel.OFF and not told:
            problem = (
                f"{lint.value} needs a number: write {{severity: {level.value}, {_NEEDS_LIMIT[lint]}}}"
            )
            around.refuse("policy.missing_key", ("lints", lint.value), problem)
        wanted[lint] = level, told
    shared = LintSettings(**settings)
    return tuple(
        _rule(lint, level, told, shared, around)
        for lint, (level, told) in wanted.items()
        if level is not LintLevel.OFF
    )


_NEEDS_LIMIT: Final[Mapping[Lint, str]] = {
    Lint.TOO_FEW_VERTICES: "min_vertices: 4",
    Lint.TOO_MANY_VERTICES: "max_vertices: 500",
}
"""Lints that have no number of their own, and how it is written."""


def _rule(
    lint: Lint, level: LintLevel, told: dict[str, Any], settings: LintSettings, around: Around
) -> LintRule:
    return LintRule(
        id=f"lint[{lint.value}]",
        gate="lint",
        metric=Metric.LINT,
        severity=Level(level.value),
        line=around.document.line(("lints", lint.value)),
        thin=Thin.SKIP,  # what a format cannot show keeps no batch from being accepted
        lint=lint,
        told=settings,
        settings=told,
    )


def _path(lint: Lint, given: LintLevel | LintOptions) -> tuple[str | int, ...]:
    if isinstance(given, LintOptions) and given.severity is not None:
        return "lints", lint.value, "severity"
    return "lints", lint.value


def _by_class(lint: Lint, key: str, value: Any, around: Around) -> Any:
    """Vertices as the lints take them; everything else as it is."""
    if key not in {"min_vertices", "max_vertices"}:
        return value
    if isinstance(value, int):
        return {_DEFAULT: value}
    known = around.ontology.names
    for name in value:
        if name != _DEFAULT and name not in known:
            hint = did_you_mean(name, known)
            problem = f"class {printable(name, limit=40)!r} is not in the ontology{hint}"
            around.refuse("policy.unknown_class", ("lints", lint.value, key, name), problem)
    return value
