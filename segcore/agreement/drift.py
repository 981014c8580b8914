"""Does an annotator change over time: a control chart of how well they agree with the others.

Of every image the chart takes one number: the mean IoU of the annotator with the others there.  With
three or more annotators the mean of all pairs of that image is taken off it, so that a hard image,
on which nobody agrees, is not held against anybody.  In the order the annotator drew them, the first
images are the baseline: a third of them, at least ten.  Their mean and standard deviation s make the
limits of an exponentially weighted moving average over the images behind them, which starts at
that mean and alarms where it lies more than three of its own standard deviations off: s times the
root of (l / (2 - l)) (1 - (1 - l)^2t), with the weight l = 0.2 of the newest (Roberts, Technometrics 1,
1959; Lucas and Saccucci, Technometrics 32, 1990).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = ["Drift", "Moment", "ewma"]

WEIGHT: Final = 0.2
LIMIT: Final = 3.0
BASELINE: Final = 10
"""The least number of images in the baseline, and behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One image of the chart.

    Attributes
    ----------
    at : str
        When it was drawn: ISO 8601, in UTC.
    image : str
    value : float
    """

    at: str
    image: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What the chart says.

    Attributes
    ----------
    images : int
        With a time and a number.
    baseline : int
        0 where there are too few images for a chart; the others are then None.
    mean, deviation : float or None
        Of the baseline.
    last : float or None
        The moving average behind the last image.
    alarm : str or None
        The image at which it first left the limits.
    alarm_at : str or None
        When that was drawn.
    falling : bool or None
        Whether it left them downwards.
    """

    images: int
    baseline: int = 0
    mean: float | None = None
    deviation: float | None = None
    last: float | None = None
    alarm: str | None = None
    alarm_at: str | None = None
    falling: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def ewma(moments: Sequence[Moment]) -> Drift:
    """The chart of one annotator.

    Parameters
    ----------
    moments : sequence of Moment
        In any order.
    """
    ordered = sorted(moments, key=lambda moment: (moment.at, moment.image))
    n = len(ordered)
    if n < 2 * BASELINE:
        return Drift(images=n)
    baseline = max(BASELINE, n // 3)
    first = [moment.value for moment in ordered[:baseline]]
    mean, deviation = statistics.fmean(first), statistics.stdev(first)
    level, alarm = mean, None
    for step, moment in enumerate(ordered[baseline:], start=1):
        level = WEIGHT * moment.value + (1 - WEIGHT) * level
        spread = math.sqrt(WEIGHT / (2 - WEIGHT) * (1 - (1 - WEIGHT) ** (2 * step)))
        # what only rounding moves is no drift
        if alarm is None and abs(level - mean) > LIMIT * deviation * spread + 1e-12:
            alarm = moment, level < mean
    return Drift(
        images=n,
        baseline=baseline,
        mean=mean,
        deviation=deviation,
        last=level,
        alarm=None if alarm is None else alarm[0].image,
        alarm_at=None if alarm is None else alarm[0].at,
        falling=None if alarm is None else alarm[1],
    )
