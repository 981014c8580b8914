"""From what was measured to what is said about it, and to what becomes of the batch."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from segcore_gates.evidence.verifier.binomial import SharePoints
from segcore_gates.evidence.verifier.documents import rational
from segcore_gates.evidence.verifier.measures import Measured, has_bound, measure, recomputed
from segcore_gates.evidence.verifier.ratios import RatioPoints, adjusted
from segcore_gates.evidence.verifier.tables import BatchCounts

__all__ = ["Said", "adjusted_in_gates", "beyond", "consequence", "interval", "judged", "outcome_of"]

_AT_LEAST = {"min", "warn_below"}


class Said:
    """What the table says a record must hold."""

    def __init__(self, verdict: str, found: Measured, *, kind: str, limit: str) -> None:
        self.verdict, self.found, self.kind, self.limit = verdict, found, kind, limit
        self.blocks = False


def beyond(value: Fraction | float, kind: str, limit: str) -> bool:
    """Whether a limit is broken; a float stands for what it is to twelve decimals."""
    exact = value if isinstance(value, Fraction) else Fraction(f"{value:.12f}")
    return exact < rational(limit) if kind in _AT_LEAST else exact > rational(limit)


def adjusted_in_gates(rules: list[dict[str, Any]], counts: BatchCounts) -> dict[str, float]:
    """P values of all rules with a bound, adjusted for those of the same gate."""
    gates: dict[str, dict[str, float]] = {}
    for rule in rules:
        if rule["judge"] == "bound" and recomputed(rule):
            points = measure(rule, counts).points
            p = None if points is None else points.p_value(rational(_limit(rule)[1]))
            if p is not None:
                gates.setdefault(rule["gate"], {})[rule["id"]] = float(p)
    return {rule_id: p for gate in gates.values() for rule_id, p in adjusted(gate).items()}


def judged(rule: dict[str, Any], counts: BatchCounts, p: float | None) -> Said:
    """A rule by the counts, before its consequence.

    Parameters
    ----------
    p : float or None
        Its entry of :func:`adjusted_in_gates`.
    """
    if rule["metric"] == "coverage":
        return _covered(rule, counts)
    found = measure(rule, counts)
    kind, limit = _limit(rule)
    said = Said("PASS", found, kind=kind, limit=limit)
    if found.error:
        said.verdict = "ERROR"
    elif found.absent:
        said.verdict = "MISSING"
        level = (rule["absent_size"] if found.of_size else None) or rule["absent"]
        said.blocks = level == "error"
    elif rule["judge"] == "bound" and not has_bound(rule):
        said.verdict, found.value = "ERROR", None
    elif found.settled:
        met = found.value is not None and not beyond(found.value, kind, limit)
        said.verdict = "PASS" if met else "FAIL"
    elif rule["judge"] == "bound" and rule["looks"] and counts.gold not in rule["looks"]:
        said.verdict = "THIN"
    elif rule["judge"] == "bound" and found.points is not None and not found.points.all_seen:
        _by_bound(rule, said, p)
    else:
        _by_estimate(rule, said)
    return said


def _covered(rule: dict[str, Any], counts: BatchCounts) -> Said:
    kind, limit = _limit(rule)
    if not counts.gold:
        return Said("MISSING", Measured(None, 0), kind=kind, limit=limit)
    share = Fraction(counts.gold - len(counts.missing), counts.gold)
    verdict = "FAIL" if beyond(share, kind, limit) else "PASS"
    if counts.extra and rule["extra_images"] == "error":
        verdict = "FAIL"
    elif counts.extra and rule["extra_images"] == "warn" and verdict == "PASS":
        verdict = "WARN"
    return Said(verdict, Measured(share, counts.gold), kind=kind, limit=limit)


def _by_estimate(rule: dict[str, Any], said: Said) -> None:
    value = said.found.value
    soft_kind, soft = _soft_limit(rule)
    if value is None or beyond(value, said.kind, said.limit):
        said.verdict = "FAIL"
    elif _thin(rule, said.found):
        said.verdict = "THIN"
    elif soft is not None and beyond(value, soft_kind, soft):
        said.verdict, said.kind, said.limit = "WARN", soft_kind, soft


def _by_bound(rule: dict[str, Any], said: Said, p: float | None) -> None:
    points = said.found.points
    soft_kind, soft = _soft_limit(rule)
    if _keeps(points, said.limit, rule):
        if _thin(rule, said.found):
            said.verdict = "THIN"
        elif soft is not None and not _keeps(points, soft, rule):
            said.verdict, said.kind, said.limit = "WARN", soft_kind, soft
    elif _breaks(points, said.limit, rule) and p is not None and p <= float(_alpha(rule)):
        said.verdict = "FAIL"
    else:
        said.verdict = "THIN"


def _keeps(points: Any, limit: str, rule: dict[str, Any]) -> bool:
    if isinstance(points, SharePoints):
        return points.keeps(rational(limit), _alpha(rule))
    holds: bool = points.certifies(rational(limit), float(rule["confidence"]))
    return holds


def _breaks(points: Any, limit: str, rule: dict[str, Any]) -> bool:
    if isinstance(points, SharePoints):
        return points.breaks(rational(limit), _alpha(rule))
    holds: bool = points.excludes(rational(limit), float(rule["confidence"]))
    return holds


def interval(rule: dict[str, Any], points: Any) -> tuple[float, float] | None:
    """Both bounds that the record of a rule shows; none where nothing is left to infer."""
    if points is None or points.all_seen:
        return None
    if isinstance(points, SharePoints):
        return points.interval(_alpha(rule))
    return points.interval(float(rule["confidence"])) if isinstance(points, RatioPoints) else None


def consequence(rule: dict[str, Any], verdict: str, *, blocks: bool, strict: bool) -> tuple[str, bool]:
    """What a verdict becomes by the severity of its rule, and whether it blocks the batch."""
    if verdict in {"FAIL", "MISSING", "WARN"} and (rule["severity"] == "warn" or verdict == "WARN"):
        return "WARN", strict
    if verdict == "MISSING":
        return verdict, blocks or strict
    if verdict == "THIN":
        error = rule["thin"] == "error" and rule["severity"] == "error"
        return verdict, rule["thin"] != "skip" and (strict or error)
    return verdict, verdict not in {"PASS", "WAIVED"}


def outcome_of(records: list[dict[str, Any]], rules: int) -> str:
    """What the batch comes to."""
    blocking = {record["verdict"] for record in records if record["blocks"]}
    if blocking & {"FAIL", "MISSING", "WARN"}:
        return "reject"
    if "ERROR" in blocking:
        return "error"
    return "insufficient" if blocking or not records or len(records) < rules else "accept"


def _thin(rule: dict[str, Any], found: Measured) -> bool:
    few = found.images is not None and found.images < rule["support_images"]
    return few or (found.instances is not None and found.instances < rule["support_instances"])


def _alpha(rule: dict[str, Any]) -> Fraction:
    return 1 - rational(rule["confidence"])


def _limit(rule: dict[str, Any]) -> tuple[str, str]:
    return ("min", rule["minimum"]) if rule["maximum"] is None else ("max", rule["maximum"])


def _soft_limit(rule: dict[str, Any]) -> tuple[str, str | None]:
    if rule["maximum"] is None:
        return "warn_below", rule["warn_below"]
    return "warn_above", rule["warn_above"]
