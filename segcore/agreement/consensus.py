"""What the annotators say together: by the most votes, and by STAPLE; and what each adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.agreement.patterns import MISSING, Patterns

__all__ = ["UNDECIDED", "Staple", "majority", "staple"]

UNDECIDED: Final = -2
"""Several values have the most votes."""

MAX_STEPS: Final = 10_000
"""Of expectation maximisation; it converges in tens."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def majority(patterns: Patterns, *, num_values: int) -> Integers:
    """What most annotators say of the pixels of each pattern.

    Everybody who says something has one vote, for a class or for "nobody's pixel".

    Returns
    -------
    int64 (n,)
        The value with the most votes; :data:`UNDECIDED` where several have as many, MISSING where
        nobody says anything.
    """
    rows = np.arange(len(patterns.codes))
    votes = np.zeros((len(rows), num_values), np.int64)
    for column in patterns.codes.T:
        said = column != MISSING
        np.add.at(votes, (rows[said], column[said]), 1)
    most = votes.max(axis=1, initial=0)
    winner = votes.argmax(axis=1)
    tied = (votes == most[:, None]).sum(axis=1) > 1
    return np.where(most == 0, MISSING, np.where(tied, UNDECIDED, winner))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Staple:
    """The consensus on one class by STAPLE.

    Attributes
    ----------
    patterns : Patterns
        What each annotator says: 1, 0 or missing.
    weights : float64 (n,)
        The probability that the pixels of each pattern are of the class.
    sensitivity, specificity : tuple of float
        Of each annotator; NaN for one who says nothing of any pixel.
    steps : int
    converged : bool
    """

    patterns: Patterns
    weights: Floats
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]
    steps: int
    converged: bool

    @property
    def chosen(self) -> npt.NDArray[np.bool_]:
        """Which patterns are of the class: probability .5 or more."""
        return self.weights >= 0.5


def staple(patterns: Patterns, *, tolerance: float = 1e-14) -> Staple | None:
    """Estimate what is true and how good each annotator is, one from the other.

    Simultaneous truth and performance level estimation for a binary mask (Warfield, Zou, Wells, IEEE
    TMI 23(7), 2004), started and ended as ITK's filter does: the first estimate is the share of
    annotators who mark a pixel, the prior its mean, and the end is reached where no sensitivity and no
    specificity moves by more than the root of ``tolerance``.  Pixels are worth their number, and missing
    ones say nothing.

    Parameters
    ----------
    patterns : Patterns
        Of one class: see :meth:`Patterns.of_class`.
    tolerance : float
        Of the squared change.

    Returns
    -------
    Staple or None
        None where nobody marks a pixel, or everybody marks all: there is nothing to estimate.
    """
    said = patterns.codes != MISSING
    marked = patterns.codes == 1
    kept = said.any(axis=1)
    patterns = Patterns(codes=patterns.codes[kept], pixels=patterns.pixels[kept])
    said, marked = said[kept], marked[kept]
    if not marked.any() or (marked == said).all():
        return None
    pixels = patterns.pixels.astype(np.float64)
    weights: Floats = marked.sum(axis=1) / said.sum(axis=1)
    prior = float(pixels @ weights / pixels.sum())
    last: tuple[Floats, Floats] | None = None
    converged, steps = False, 0
    p: Floats = np.zeros(patterns.codes.shape[1])
    q: Floats = p
    while steps < MAX_STEPS and not converged:
        steps += 1
        p = _share(marked, said, pixels * weights)
        q = _share(~marked & said, said, pixels * (1 - weights))
        one = np.where(said, np.where(marked, p, 1 - p), 1.0).prod(axis=1) * prior
        none = np.where(said, np.where(marked, 1 - q, q), 1.0).prod(axis=1) * (1 - prior)
        total = one + none
        weights = np.where(total > 0, one / np.where(total > 0, total, 1.0), weights)
        if last is not None:
            moved = max(float(np.square(p - last[0]).max()), float(np.square(q - last[1]).max()))
            converged = moved <= tolerance
        last = p, q
    silent = ~said.any(axis=0)
    return Staple(
        patterns=patterns,
        weights=weights,
        sensitivity=tuple(np.where(silent, np.nan, p).tolist()),
        specificity=tuple(np.where(silent, np.nan, q).tolist()),
        steps=steps,
        converged=converged,
    )


def _share(right: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], pixels: Floats) -> Floats:
    """The share of weighted pixels each annotator has right; 1 of nothing."""
    whole = pixels @ said
    found: Floats = np.where(whole > 0, (pixels @ right) / np.where(whole > 0, whole, 1.0), 1.0)
    return found
