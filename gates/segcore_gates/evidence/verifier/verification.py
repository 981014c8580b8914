"""A bundle, verdict by verdict."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from segcore_gates.evidence.verifier.container import RejectedError
from segcore_gates.evidence.verifier.measures import recomputed
from segcore_gates.evidence.verifier.members import Bundle
from segcore_gates.evidence.verifier.tables import BatchCounts
from segcore_gates.evidence.verifier.verdicts import (
    Said,
    adjusted_in_gates,
    beyond,
    consequence,
    interval,
    judged,
    outcome_of,
)

__all__ = ["Verification", "verified"]

_BLOCKING = {"PASS": False, "WAIVED": False, "FAIL": True, "ERROR": True}


class Verification:
    """What a verifier has to say.

    Attributes
    ----------
    bundle : Bundle
    problems : list of str
        What is wrong with the verdicts; empty if nothing is.
    recomputed, limited, unjudged : list of str
        The ids of the verdicts that were computed again from the counts, of those of which the value
        that was recorded was held against its limit, and of those that have no value.
    chain : str
    """

    def __init__(self, bundle: Bundle, chain: str) -> None:
        self.bundle, self.chain = bundle, chain
        self.problems: list[str] = []
        self.recomputed: list[str] = []
        self.limited: list[str] = []
        self.unjudged: list[str] = []


def verified(data: bytes, *, previous: bytes | None = None) -> Verification:
    """Check a bundle.

    Parameters
    ----------
    data : bytes
        The file.
    previous : bytes, optional
        The bundle it has to follow.

    Raises
    ------
    NoBundleError
        It is something else.
    RejectedError
        Its members are not what they were, contradict one another, or cannot be.
    """
    bundle = Bundle(data)
    found = Verification(bundle, bundle.require_previous(previous))
    try:
        _verify(bundle, found)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError) as error:
        raise RejectedError(f"a member is not of its form: {error!r}") from None
    return found


def _verify(bundle: Bundle, found: Verification) -> None:
    rules, records = bundle.rules["rules"], bundle.records
    by_id = {rule["id"]: rule for rule in rules}
    order = [rule["id"] for rule in rules]
    told = [record["id"] for record in records]
    if len(by_id) != len(rules) or told != [one for one in order if one in set(told)]:
        found.problems.append("the records are not those of the rules, in their order")
        return
    if bundle.manifest["outcome"] == "invalid":
        _require_refusal(bundle, found)
        found.unjudged = told
        return
    counts = BatchCounts(bundle.counts, [c["name"] for c in bundle.ontology["classes"]])
    metrics = [rule for rule in rules if rule["kind"] == "metric"]
    p_values = adjusted_in_gates(metrics, counts)
    for record in records:
        rule = by_id[record["id"]]
        said = None
        if rule["kind"] == "metric" and (rule["metric"] == "coverage" or recomputed(rule)):
            said = judged(rule, counts, p_values.get(rule["id"]))
        for problem in _compared(rule, record, said, bundle, found):
            found.problems.append("{}: {}".format(record["id"], problem))
    outcome = outcome_of(records, len(rules))
    if outcome != bundle.manifest["outcome"]:
        found.problems.append(f"the verdicts come to {outcome!r}, the manifest says otherwise")
    if bundle.report["not_run"] != len(rules) - len(records):
        found.problems.append("another number of rules was not run")


def _require_refusal(bundle: Bundle, found: Verification) -> None:
    refused = any(fault["severity"] == "error" for fault in bundle.report["faults"])
    # What was judged before the input was refused, such as pixels of masks that overlap, has a verdict.
    if not refused or not any(record["verdict"] == "ERROR" for record in bundle.records):
        found.problems.append("an input is said to be invalid, and no fault or no verdict says so")


def _compared(
    rule: dict[str, Any],
    record: dict[str, Any],
    said: Said | None,
    bundle: Bundle,
    found: Verification,
) -> list[str]:
    """What is wrong with one record."""
    problems = [
        f"its {name} is not that of its rule"
        for name, own in (("metric", "metric"), ("severity", "severity"), ("line", "policy_line"))
        if rule[name] != record[own]
    ]
    strict = bundle.rules["strict"]
    if said is None:
        value = record["value"]
        (found.unjudged if value is None else found.limited).append(record["id"])
        return problems + _limits_kept(rule, record, strict)
    found.recomputed.append(record["id"])
    verdict, blocks = consequence(rule, said.verdict, blocks=said.blocks, strict=strict)
    verdict, blocks = _excused(rule, said, verdict, blocks, bundle)
    limit = {"kind": said.kind, "applied": said.limit}
    support = record["support"]
    recorded_limit = {"kind": record["limit"]["kind"], "applied": str(record["limit"]["applied"])}
    for name, recorded, own in (
        ("class", record["class"], rule["class"]),
        ("judge", record["judge"], rule["judge"]),
        ("verdict", record["verdict"], verdict),
        ("consequence", record["blocks"], blocks),
        ("limit", recorded_limit, limit),
        ("images", support["images"], said.found.images),
        ("instances", support["instances"], said.found.instances),
        ("images required", support["images_required"], rule["support_images"]),
        ("instances required", support["instances_required"], rule["support_instances"]),
    ):
        if recorded != own:
            problems.append(f"{name}: recorded {recorded}, by the counts {own}")
    if not _near(record["value"], said.found.value, 1e-12):
        problems.append("value: recorded {}, by the counts {}".format(record["value"], said.found.value))
    if said.verdict not in {"ERROR", "MISSING"}:
        problems += _interval_kept(rule, record, said)
    return problems


def _interval_kept(rule: dict[str, Any], record: dict[str, Any], said: Said) -> list[str]:
    bounds, recorded = interval(rule, said.found.points), record["interval"]
    if bounds is None or recorded is None:
        return [] if bounds is recorded else ["an interval is recorded, or should be"]
    points = said.found.points
    pairs = (
        (recorded["lower"], bounds[0]),
        (recorded["upper"], bounds[1]),
        (recorded["effective_images"], points.effective_images if points else None),
        (recorded["images"], points.images if points else None),
        (recorded.get("population"), points.population if points else None),
    )
    if recorded["confidence"] != float(rule["confidence"]):
        return ["its interval is of another confidence"]
    if all(_near(one, other, 1e-8) for one, other in pairs):
        return []
    return ["interval: recorded {} to {}, by the counts {} to {}".format(*map(str, pairs[0]), *pairs[1])]


def _excused(
    rule: dict[str, Any], said: Said, verdict: str, blocks: bool, bundle: Bundle
) -> tuple[str, bool]:
    """What a waiver makes of a verdict."""
    waiver = next((w for w in bundle.rules["waivers"] if w["gate"] == rule["id"]), None)
    if waiver is None or verdict == "ERROR":
        return verdict, blocks
    value = said.found.value
    hard = said.kind in {"min", "max"} and verdict in {"FAIL", "WARN"} and value is not None
    if not hard or not beyond(value or Fraction(0), said.kind, said.limit):
        idle = bundle.rules["strict"] and verdict == "PASS"
        return ("WARN", True) if idle else (verdict, blocks)
    expired = bundle.run["day"] > waiver["until"]
    if expired or beyond(value or Fraction(0), said.kind, waiver["floor"]):
        return verdict, blocks
    return "WAIVED", False


def _limits_kept(rule: dict[str, Any], record: dict[str, Any], strict: bool) -> list[str]:
    """What a record may say whose value cannot be computed again."""
    verdict, value, limit = record["verdict"], record["value"], record["limit"]
    problems = []
    if verdict in _BLOCKING and record["blocks"] is not _BLOCKING[verdict]:
        problems.append("its verdict has another consequence")
    if verdict == "WARN" and record["blocks"] and not strict:
        problems.append("a warning does not block")
    if verdict == "FAIL" and rule["severity"] == "warn":
        problems.append("a rule that warns does not fail")
    if value is None:
        return problems + (["a verdict without a value"] if verdict in {"PASS", "WAIVED"} else [])
    broken = beyond(value, limit["kind"], str(limit["applied"]))
    if broken and verdict == "PASS":
        problems.append("it passes beyond its limit")
    if not broken and verdict in {"FAIL", "WAIVED"}:
        problems.append("it fails within its limit")
    return problems


def _near(one: Any, other: Any, slack: float) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, float(other), rel_tol=slack, abs_tol=slack)
