"""How the gold was drawn: from how many images, and at which numbers of it a batch may be judged.

A pilot that is extended until it passes would pass by chance.  So the numbers of gold images at which it
may be judged by the bound are written down beforehand; with any other nothing is certified, and nothing
is condemned.  The hypothetical miss makes early looks hard, so a few looks hardly add to the error;
``strict`` shares the error among them all the same (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from segcore_gates.rules import Judge, Rule

if TYPE_CHECKING:
    from segcore_gates.policy import Looks, Policy
    from segcore_gates.report import Inputs

__all__ = ["Sampling", "not_a_look", "sampling_of", "with_looks"]


def sampling_of(policy: Policy) -> dict[str, Any]:
    """How a policy says that the gold was drawn, as plain values; see :class:`Sampling`."""
    looks = policy.looks
    return {
        "sampled_from": policy.coverage.sampled_from,
        "at": [] if looks is None else list(looks.at),
        "strict": looks is not None and looks.strict,
    }


def with_looks(
    rules: tuple[Rule, ...],
    looks: Looks | None,
    refuse: Callable[[str, tuple[str | int, ...], str], None],
) -> tuple[Rule, ...]:
    """The rules with the looks of the policy, which are refused where they cannot be meant."""
    if looks is None:
        return rules
    if list(looks.at) != sorted(set(looks.at)):
        refuse("policy.bad_value", ("looks", "at"), "write the numbers of gold images in rising order")
    if all(rule.judge is not Judge.BOUND for rule in rules):
        refuse("policy.bad_value", ("looks",), "no gate has `judge: bound`, and looks are for no other")
    return tuple(
        replace(
            rule,
            looks=looks.at,
            confidence=_shared(rule.confidence, len(looks.at)) if looks.strict else rule.confidence,
        )
        if rule.judge is Judge.BOUND
        else rule
        for rule in rules
    )


def _shared(confidence: float, looks: int) -> float:
    return float(1 - (1 - Fraction(str(confidence))) / looks)


def not_a_look(at: Sequence[int], images: int) -> str:
    """Why nothing is certified with this number of gold images; empty where it may be."""
    if not at or images in at:
        return ""
    before = [n for n in at if n < images]
    after = [n for n in at if n > images]
    if not before:
        return f"the first look is at {after[0]} gold images, and there are {images}"
    if not after:
        return f"the last look was at {before[-1]} gold images, and there are {images}"
    return f"between the looks at {before[-1]} and {after[0]} gold images: there are {images}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What a report says of how the gold was drawn.

    Attributes
    ----------
    sampled_from : int or None
        From how many images; None is without an end.
    at : tuple of int
        The looks; empty is none.
    strict : bool
        Whether they share the error.
    images : int or None
        Of the gold; None where nothing was evaluated.
    """

    sampled_from: int | None = None
    at: tuple[int, ...] = ()
    strict: bool = False
    images: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any], inputs: Iterable[Inputs]) -> Sampling:
        """From what a policy says, and what was read of the gold."""
        read = [info["images"] for one in inputs for info in one.inputs if info["role"] == "gold"]
        return cls(
            sampled_from=given["sampled_from"],
            at=tuple(given["at"]),
            strict=given["strict"],
            images=read[0] if read else None,
        )

    @property
    def look(self) -> int | None:
        """Which look it is, from 1; None between looks."""
        return self.at.index(self.images) + 1 if self.images in self.at else None

    def to_json(self) -> dict[str, Any]:
        """``sampling``, where there is anything to say."""
        if self.sampled_from is None and not self.at:
            return {}
        looks = {"at": list(self.at), "strict": self.strict, "look": self.look} if self.at else None
        return {"sampling": {"sampled_from": self.sampled_from, "looks": looks}}

    def remarks(self) -> list[str]:
        """What to say below the table."""
        lines = []
        if self.sampled_from is not None:
            lines.append(f"bounds are of the {self.sampled_from} images that the gold was drawn from")
        if self.at and self.images is not None:
            schedule = f"{', '.join(map(str, self.at))} gold images{', strict' if self.strict else ''}"
            number = self.look
            if number is None:
                lines.append(
                    f"this is no look, nothing is certified: {not_a_look(self.at, self.images)}"
                )
            else:
                lines.append(f"this is look {number} of {len(self.at)} ({schedule})")
        return lines
