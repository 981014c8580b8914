"""Semantic, instance or panoptic: what the masks as a whole say."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.advice.advice import ClassAdvice
from segcore.advice.settings import Settings

__all__ = ["Coverage", "task_advice"]

_MERGED = 0.02
"""Below this share of objects that touch their like, connected parts can be counted instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the images has a class.

    Attributes
    ----------
    claimed_px, pixels : int
    """

    claimed_px: int
    pixels: int

    @property
    def share(self) -> float:
        """0 where there is no pixel."""
        return self.claimed_px / self.pixels if self.pixels else 0.0


def task_advice(
    classes: tuple[ClassAdvice, ...], coverage: Coverage, settings: Settings
) -> tuple[str, tuple[str, ...]]:
    """``semantic``, ``instance`` or ``panoptic``, and why, in words.

    Which question the model has to answer cannot be seen in masks; what each view would lose can.
    """
    countable = [c for c in classes if c.thing is not False]
    stuff = [c.name for c in classes if c.thing is False]
    told = [c for c in countable if c.told]
    covered = f"{coverage.share:.0%} of the pixels have a class"
    if not told:
        evidence = [f"the input does not tell objects apart; {covered}"]
        if things := [c.name for c in classes if c.thing]:
            evidence.append(
                f"{_named(things)} can be counted by the ontology, but here only connected parts can: "
                "if the model has to count, label instances of these"
            )
        return "semantic", tuple(evidence)
    objects = sum(c.objects for c in told)
    merged = sum(round(c.merged_share * c.objects) for c in told)
    share = merged / objects
    touching = (
        f"{merged} of {objects} objects ({share:.0%}) touch another of their class: a map of classes "
        "makes one of them"
    )
    worst = sorted(told, key=lambda c: (-round(c.merged_share * c.objects), c.name))[:3]
    mostly = [f"{c.name} {c.merged_share:.0%}" for c in worst if c.merged_share > 0]
    evidence = [touching + (f"; most in {', '.join(mostly)}" if mostly else ""), covered]
    everywhere = coverage.share >= settings.covered
    if stuff and everywhere:
        evidence.append(f"stuff is labelled beside objects, almost everywhere: {_named(stuff)}")
        return "panoptic", tuple(evidence)
    if stuff:
        evidence.append(f"stuff is labelled too, but not everywhere: {_named(stuff)}")
    if share <= _MERGED:
        evidence.append("hardly any touch, so the connected parts of a map of classes count them too")
        return "semantic", tuple(evidence)
    if not stuff:
        evidence.append("no class is said to be stuff: nothing asks for panoptic")
    return "instance", tuple(evidence)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
