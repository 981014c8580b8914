"""Which images a pilot takes: rare classes first, the rest at random, by a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["RANDOM", "RULE", "Drawing", "draw"]

RANDOM = "random"
"""Why an image is in a pilot that no class needed."""

RULE = (
    "of the classes that no drawn image holds, the one in the fewest candidates (then by name) takes "
    "the candidate that holds the most such classes; those left are filled up at random. Ties, and "
    "what is random, go by SHA-256 of seed and key"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The images of a pilot.

    Attributes
    ----------
    images : tuple of (str, str)
        Key, and why: the class that took it, or :data:`RANDOM`; in the order they were drawn.
    support : mapping of str to (int, int)
        Of each class, candidates that hold it and those of them that were drawn; the rarest first.
    """

    images: tuple[tuple[str, str], ...]
    support: Mapping[str, tuple[int, int]]

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Classes that no drawn image holds."""
        return tuple(name for name, (_, drawn) in self.support.items() if drawn == 0)


def draw(
    candidates: Mapping[str, Collection[str]], *, images: int, at_random: int = 0, seed: int
) -> Drawing:
    """Draw a pilot; see :data:`RULE`.

    Parameters
    ----------
    candidates : mapping of str to collection of str
        The classes each image holds, by key; in any order.
    images : int
        How many to draw; all, where there are fewer.
    at_random : int
        How many of them no class may take.
    seed : int
    """
    chance = {key: hashlib.sha256(f"{seed}\n{key}".encode()).digest() for key in candidates}
    order = sorted(candidates, key=lambda key: chance[key])
    holding: dict[str, list[str]] = {}
    for key in order:
        for name in candidates[key]:
            holding.setdefault(name, []).append(key)
    rare_first = sorted(holding, key=lambda name: (len(holding[name]), name))
    wanted = min(images, len(order))
    drawn: dict[str, str] = {}
    uncovered = set(rare_first)
    for name in rare_first:
        if len(drawn) >= wanted - at_random:
            break
        if name not in uncovered:
            continue
        # max keeps the first of equals, and these are in the order of chance
        key = max(holding[name], key=lambda key: len(uncovered.intersection(candidates[key])))
        drawn[key] = name
        uncovered.difference_update(candidates[key])
    for key in order:
        if len(drawn) >= wanted:
            break
        drawn.setdefault(key, RANDOM)
    support = {
        name: (len(holding[name]), sum(key in drawn for key in holding[name])) for name in rare_first
    }
    return Drawing(images=tuple(drawn.items()), support=support)
