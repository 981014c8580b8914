"""Classes that are delivered under the names of others, read from the confusion of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segcore.lints.findings import Found, LintFinding

__all__ = ["swapped"]


def swapped(
    confusion: npt.NDArray[np.int64],
    images: npt.NDArray[np.int64],
    names: Sequence[str],
    *,
    share: float,
    fewest: int,
) -> Found:
    """Gold classes nearly all of whose pixels are delivered as one other class.

    Parameters
    ----------
    confusion : int64 (K + 1, K + 1)
        Pixels, rows gold, columns delivery; the last row and column are "other".
    images : int64 (K,)
        Gold images that hold each class.
    names : sequence of str
        Of the classes, in that order.
    share : float
        Of the gold pixels of a class.
    fewest : int
        In fewer images nothing is said about a class.
    """
    k = len(names)
    found = Found()
    total = confusion.sum(axis=1)
    wrong = confusion[:k, :k].copy()
    np.fill_diagonal(wrong, 0)
    judged = (images >= fewest) & (total[:k] > 0)
    found.look(int(judged.sum()))
    goes = np.where(
        judged & (wrong.max(axis=1, initial=0) >= share * total[:k]), wrong.argmax(axis=1), -1
    )
    for a in np.flatnonzero(goes >= 0).tolist():
        b = int(goes[a])
        both = goes[b] == a
        if both and b < a:
            continue  # told with the other
        what = (
            f"{names[a]} and {names[b]} are swapped"
            if both
            else f"{names[a]} is delivered as {names[b]}"
        )
        got = f"{_share(wrong[a, b], total[a])} of {names[a]} delivered as {names[b]}"
        if both:
            got += f", {_share(wrong[b, a], total[b])} of {names[b]} as {names[a]}"
        expected = f"less than {_share(share, 1)}"
        found.add(LintFinding(class_name=names[a], what=what, expected=expected, got=got))
    return found


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}".replace("%", " %")
