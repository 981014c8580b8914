"""One value before and now, over the images that both batches have: exact, and image by image."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from segcore import student
from segcore_gates.records import DETAILS, Interval
from segcore_gates.regression.image_sums import ImageSums, Row, added

if TYPE_CHECKING:
    from segcore_gates.records import Plain

__all__ = ["Comparison", "compared_images", "compared_values"]

_FEWEST: Final = 2
"""Images that have a spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of a value.

    Attributes
    ----------
    before, now : Fraction or None
        Over the shared images; None where the class is on neither side.
    drop : Fraction or None
        How much worse it is now, below 0 where it is better; None where one of them is undefined.
    images : int
        Shared images whose gold has the class, of all shared ones where that is not known.
    interval : Interval or None
        Of the drop, for information: the images are taken as a sample.
    details : tuple of mapping
        The images that lost most: ``image``, ``before``, ``now``, ``lost``.
    lost_by : int
        How many images lost anything.
    """

    before: Fraction | None
    now: Fraction | None
    drop: Fraction | None
    images: int
    interval: Interval | None = None
    details: tuple[Mapping[str, Plain], ...] = ()
    lost_by: int = 0


def compared_values(
    before: Fraction | None, now: Fraction | None, *, images: int, less_is_better: bool
) -> Comparison:
    """Two values of which nothing is known image by image."""
    drop = None if before is None or now is None else before - now
    return Comparison(
        before=before,
        now=now,
        drop=-drop if drop is not None and less_is_better else drop,
        images=images,
    )


def compared_images(
    sums: ImageSums,
    before: Mapping[str, Row],
    now: Mapping[str, Row],
    *,
    shared: Collection[str],
    less_is_better: bool,
    confidence: float,
) -> Comparison:
    """Both values over ``shared``, the images that lost, and how sure the drop is.

    Parameters
    ----------
    sums : ImageSums
        Of the metric.
    before, now : mapping of str to tuple of int
        By image; an image without the class on either side is left out.
    shared : collection of str
        Images that both golds have.
    less_is_better : bool
    confidence : float
        Of each bound of the interval by itself.

    Notes
    -----
    What an image lost is how much better the value of now would be if this image were as it was.
    """
    size, sign = len(sums.columns), -1 if less_is_better else 1
    nothing: Row = (0,) * size
    pairs = {
        image: (before.get(image, nothing), now.get(image, nothing))
        for image in sorted(shared)
        if image in before or image in now
    }
    then, today = (added((pair[side] for pair in pairs.values()), size=size) for side in (0, 1))
    values = sums.value(then), sums.value(today)
    if values[0] is None or values[1] is None:
        return Comparison(before=values[0], now=values[1], drop=None, images=_with_gold(pairs))
    lost = []
    for image, (old, new) in pairs.items():
        if old == new:
            continue
        restored = sums.value(tuple(all_ - n + o for all_, n, o in zip(today, new, old, strict=True)))
        if restored is not None and (loss := sign * (restored - values[1])) > 0:
            lost.append((loss, image, sums.value(old), sums.value(new)))
    lost.sort(key=lambda row: (-row[0], row[1]))
    return Comparison(
        before=values[0],
        now=values[1],
        drop=sign * (values[0] - values[1]),
        images=_with_gold(pairs),
        interval=_interval(sums, list(pairs.values()), then, today, sign=sign, confidence=confidence),
        details=tuple(
            {"image": image, "before": _float(old), "now": _float(new), "lost": float(loss)}
            for loss, image, old, new in lost[:DETAILS]
        ),
        lost_by=len(lost),
    )


def _with_gold(pairs: Mapping[str, tuple[Row, Row]]) -> int:
    return sum(new[0] > 0 or old[0] > 0 for old, new in pairs.values())


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _interval(
    sums: ImageSums,
    pairs: list[tuple[Row, Row]],
    then: Row,
    today: Row,
    *,
    sign: int,
    confidence: float,
) -> Interval | None:
    """Student's t on the linearised differences of the two ratios, image by image.

    The ratio ``N / D`` moves with image ``i`` by ``(n_i - N / D * d_i) / mean(d)``; the image is the
    sampling unit and the same one on both sides, so that what is hard in it cancels (Cochran, Sampling
    Techniques, 3rd ed., ch. 6).  None for metrics that are no ratio of sums, and for one image.
    """
    ratio = sums.ratio
    if ratio is None:
        return None
    held = [(ratio(old), ratio(new)) for old, new in pairs]
    n = sum(bool(old[1] or new[1]) for old, new in held)
    totals = ratio(then), ratio(today)
    if n < _FEWEST or not all(whole for _, whole in totals):
        return None
    values = [part / whole for part, whole in totals]
    means = [whole / n for _, whole in totals]
    moved = [
        (old[0] - values[0] * old[1]) / means[0] - (new[0] - values[1] * new[1]) / means[1]
        for old, new in held
    ]
    # they add up to 0, so that their mean square is the variance
    variance = math.fsum(x * x for x in moved) / (n * (n - 1))
    drop = sign * (values[0] - values[1])
    reach = student.quantile(confidence, n - 1) * math.sqrt(variance)
    weights = [new[1] for _, new in held]
    return Interval(
        lower=drop - reach,
        upper=drop + reach,
        confidence=confidence,
        images=n,
        effective_images=sum(weights) ** 2 / sum(weight * weight for weight in weights),
    )
