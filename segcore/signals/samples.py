"""Signals that come from numbers of images: how long they took, how good they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from segcore.lints.findings import KEPT, LintFinding
from segcore.signals.mann_whitney import p_larger
from segcore.signals.names import Signal, SignalResult

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation

__all__ = ["care", "image_ious", "too_fast"]


def too_fast(
    times: Mapping[str, float], *, floor_s: float, percentile: float, why_not: str
) -> SignalResult:
    """Images at or below a percentile of the batch that are also below a floor.

    Parameters
    ----------
    times : mapping of str to float
        Seconds for 1000 annotated pixels, by image.
    floor_s : float
        The floor.
    percentile : float
        In percent; with few images that is the fastest of them.
    why_not : str
        Why there is no time, where there is none.
    """
    values = np.array(list(times.values()), np.float64)
    findings: list[LintFinding] = []
    below = 0
    if len(values):
        reached = float(np.percentile(values, percentile, method="lower"))
        below = int(np.count_nonzero(values < floor_s))
        fast = sorted((t, key) for key, t in times.items() if t <= reached and t < floor_s)
        findings = [
            LintFinding(
                image=key,
                what="the image was drawn faster than can be",
                expected=f"{floor_s:.10g} s for 1000 px or more",
                got=f"{t:.3g} s for 1000 px",
            )
            for t, key in fast
        ]
    said = f"{below} of {len(values)} images are below the floor" if findings else ""
    return SignalResult(
        signal=Signal.LEAD_TIME,
        found=len(findings),
        findings=tuple(findings[:KEPT]),
        examined=len(values),
        subject="images",
        said=said,
        not_applicable="" if len(values) else why_not,
    )


def care(
    values: Mapping[str, float],
    gold: Collection[str],
    *,
    p: float,
    fewest: int,
    what: str,
    unit: str,
    why_not: str,
) -> SignalResult:
    """Whether the values of images of the gold tend to be larger than those of the others.

    Parameters
    ----------
    values : mapping of str to float
        By image.
    gold : collection of str
        The images that are of the gold.
    p : float
        Below it they are.
    fewest : int
        Images either side needs.
    what, unit : str
        What it means, and of what the values are.
    why_not : str
        Why there is no value, where there is none.
    """
    first = np.array([value for key, value in values.items() if key in gold], np.float64)
    second = np.array([value for key, value in values.items() if key not in gold], np.float64)
    missing = why_not if not len(values) else ""
    if not missing and min(len(first), len(second)) < fewest:
        missing = (
            f"it needs {fewest} images of the gold and {fewest} others, "
            f"and there are {len(first)} and {len(second)}"
        )
    findings: tuple[LintFinding, ...] = ()
    said = ""
    if not missing:
        found = p_larger(first, second)
        medians = (
            f"median {np.median(first):.4g}{unit and f' {unit}'} in {len(first)} images of the gold"
        )
        others = f"{np.median(second):.4g} in {len(second)} others"
        said = f"p = {found:.2g} by Mann and Whitney"
        if found < p:
            findings = (
                LintFinding(what=what, expected=f"p of {p:.10g} or more", got=f"{medians}, {others}"),
            )
    return SignalResult(
        signal=Signal.GOLD_FAVOURED,
        found=len(findings),
        findings=findings,
        examined=len(first) + len(second),
        subject="images",
        said=said,
        not_applicable=missing,
    )


def image_ious(evaluation: Evaluation) -> dict[str, float]:
    """The IoU of every delivered image, pooled over its classes."""
    rows = evaluation.tallies
    union = rows.gold_pixels + rows.delivery_pixels - rows.intersection
    n = len(rows.keys)
    both = np.bincount(rows.images, rows.intersection, minlength=n)
    either = np.bincount(rows.images, union, minlength=n)
    missing = frozenset(evaluation.images.missing_in_delivery)
    return {
        key: float(both[i] / either[i])
        for i, key in enumerate(rows.keys)
        if either[i] and key not in missing
    }
