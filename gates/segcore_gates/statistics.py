"""What a sample of images says about a pooled IoU: bounds, tests and planning.

The estimand is the pooled IoU of one class, ``sum I / sum U`` over the images whose union is not
empty; the image is the sampling unit.  Any other ratio of counts, each summed over images, is
estimated alike: found objects (I) of all that count (U), for one.  Bounds are those of Fieller (1954)
for a ratio of means.
The lower one is computed with one hypothetical miss added, an image of root-mean-square size that
the delivery got entirely wrong, because a small sample that happens to hold no miss cannot tell
how rare misses are.  Everything up to the square root is exact rational arithmetic, so the result
does not depend on machine, file order or rounding, and "the lower bound reaches the threshold" is
the very same statement as "the test statistic reaches its critical value".

Where the images were drawn without replacement from N and only those N matter, the standard error of a
mean of n of them is smaller by the square root of (N - n) / (N - 1) (Cochran, ch. 2; with the sample
variance it is exactly that of (N - n) / N, so this errs on the safe side).  The hypothetical miss stays
whole as long as one image was not looked at, for that one may be a miss; where all were, there is
nothing left to infer.

References: Fieller 1954; Cochran, Sampling Techniques, 3rd ed., ch. 6; Berger 1982 (all classes must
pass, so no correction for passing); Holm 1979 (corrects the claim that a class fails).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul
from typing import TYPE_CHECKING

from segcore import student
from segcore_gates.planning.gold import fewest_whatever, images_until

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MIN_IMAGES_TO_FAIL", "Sample", "holm"]

MIN_IMAGES_TO_FAIL = 5
"""Fewer images than this never prove that a class is below its threshold."""


@dataclass(frozen=True, slots=True)
class _Moments:
    """Means and sample (co)variances of the points (I, U); exact."""

    n: int
    mean_i: Fraction
    mean_u: Fraction
    var_i: Fraction
    var_u: Fraction
    cov: Fraction

    @classmethod
    def of(
        cls,
        n: int,
        i: Fraction,
        u: Fraction,
        ii: Fraction,
        uu: Fraction,
        iu: Fraction,
        *,
        unseen: Fraction,
    ) -> _Moments:
        """From sums and sums of products over ``n`` >= 2 points; variances are those left ``unseen``."""
        scale = unseen / (n * (n - 1))
        return cls(
            n=n,
            mean_i=i / n,
            mean_u=u / n,
            var_i=(n * ii - i * i) * scale,
            var_u=(n * uu - u * u) * scale,
            cov=(n * iu - i * u) * scale,
        )

    def mean_d(self, threshold: Fraction) -> Fraction:
        """Mean of D = I - threshold x U."""
        return self.mean_i - threshold * self.mean_u

    def var_d(self, threshold: Fraction) -> Fraction:
        """Sample variance of D = I - threshold x U."""
        return self.var_i - 2 * threshold * self.cov + threshold * threshold * self.var_u

    def statistic(self, threshold: Fraction) -> float:
        """Student's t of D; infinite where D does not vary, 0 where D is 0 throughout."""
        mean, variance = self.mean_d(threshold), self.var_d(threshold)
        if variance == 0:
            return 0.0 if mean == 0 else math.copysign(math.inf, mean)
        return float(mean) / math.sqrt(variance / self.n)

    def fieller(self, quantile: float) -> tuple[Fraction, Fraction, Fraction, float]:
        """A, B, C and the root of the discriminant of ``A x^2 - 2 B x + C = 0``.

        Its roots are the thresholds where the statistic is plus or minus ``quantile``.
        """
        q = Fraction(quantile) ** 2 / self.n
        a = self.mean_u**2 - q * self.var_u
        b = self.mean_i * self.mean_u - q * self.cov
        c = self.mean_i**2 - q * self.var_i
        return a, b, c, math.sqrt(max(b * b - a * c, Fraction(0)))


class Sample:
    """The images of one class.

    Parameters
    ----------
    intersection, union : int64 (n,) or sequence of int
        Pixels, or objects, per image, ``0 <= intersection <= union`` and ``union > 0``: images where
        neither side has the class do not belong here.  A missing image has intersection 0 and its gold
        pixels as union.

    Attributes
    ----------
    images : int
        How many there are.
    unseen : Fraction
        By which the variance of a mean is smaller than in an endless population, see :meth:`drawn_from`;
        1 for one without an end, 0 where every image was looked at.
    population : int or None
        How many images may hold the class, looked at or not; None is without an end.
    """

    __slots__ = ("_i", "_ii", "_iu", "_u", "_uu", "images", "population", "unseen")

    def __init__(
        self,
        intersection: npt.NDArray[np.int64] | Sequence[int],
        union: npt.NDArray[np.int64] | Sequence[int],
    ) -> None:
        i, u = _integers(intersection), _integers(union)
        if len(i) != len(u):
            raise ValueError(f"intersection has {len(i)} images, union has {len(u)}")
        self.images = len(u)
        self.unseen = Fraction(1)
        self.population: int | None = None
        self._i, self._u = sum(i), sum(u)
        # Python integers: the squares of image sizes overflow int64 after a hundred images.
        self._ii, self._uu, self._iu = sum(map(mul, i, i)), sum(map(mul, u, u)), sum(map(mul, i, u))

    def drawn_from(self, population: int, *, drawn: int) -> Sample:
        """The same images, drawn without replacement, with all others of the class that were drawn.

        Parameters
        ----------
        population : int
            How many there are of all images, with the class or without: N.
        drawn : int
            How many were drawn of all images, ``1 <= drawn <= population``: n.  An image without the
            class adds nothing to either sum, so the factor is the same for every class.
        """
        found = copy.copy(self)
        found.unseen = Fraction(population - drawn, max(population - 1, 1))
        found.population = self.images + population - drawn
        return found

    @property
    def value(self) -> Fraction | None:
        """The pooled IoU; None for no image."""
        return Fraction(self._i, self._u) if self._u else None

    @property
    def effective_images(self) -> float | None:
        """How many images of equal size would weigh the same, (sum U)^2 / sum U^2; None for no image."""
        return self._u**2 / self._uu if self._uu else None

    def _real(self) -> _Moments:
        i, u, ii, uu, iu = map(Fraction, (self._i, self._u, self._ii, self._uu, self._iu))
        return _Moments.of(self.images, i, u, ii, uu, iu, unseen=self.unseen)

    def _augmented(self) -> _Moments:
        size = Fraction(math.sqrt(Fraction(self._uu, self.images)))
        return _Moments.of(
            self.images + 1,
            Fraction(self._i),
            self._u + size,
            Fraction(self._ii),
            self._uu + size * size,
            Fraction(self._iu),
            unseen=self.unseen,
        )

    def statistic(self, threshold: Fraction) -> float | None:
        """T: Student's t of ``I - threshold x U`` with the hypothetical miss; None for no image."""
        return self._augmented().statistic(threshold) if self.images else None

    def critical(self, confidence: float) -> float | None:
        """What :meth:`statistic` must reach to certify a threshold; None for no image."""
        return student.quantile(confidence, self.images) if self.images else None

    def certifies(self, threshold: Fraction, confidence: float) -> bool:
        """Whether the true IoU is at least ``threshold``, at this one-sided confidence.

        The error is about 1 - confidence; where misses strike the largest objects it was measured up to
        three times that.  False for no image.
        """
        value = self.value
        if value is None or not self.unseen:
            return value is not None and value >= threshold
        points = self._augmented()
        mean, variance = points.mean_d(threshold), points.var_d(threshold)
        quantile = Fraction(student.quantile(confidence, points.n - 1))
        return mean >= 0 and mean * mean * points.n >= quantile * quantile * variance

    def lower(self, confidence: float) -> float | None:
        """The largest threshold :meth:`certifies` holds for; 0.0 for none, None for no image."""
        value = self.value
        if value is None or not self.unseen:
            return None if value is None else float(value)
        points = self._augmented()
        _, b, c, root = points.fieller(student.quantile(confidence, points.n - 1))
        # The smaller root in the form that is stable and right for either sign of A.
        return float(c) / (float(b) + root) if c > 0 else 0.0

    def upper(self, confidence: float) -> float | None:
        """The smallest threshold the true IoU is below, at this one-sided confidence.

        1.0 where the images exclude nothing (always for one image), None for no image.
        """
        value = self.value
        if value is None or not self.unseen:
            return None if value is None else float(value)
        if self.images == 1:
            return 1.0
        a, b, _, root = self._real().fieller(student.quantile(confidence, self.images - 1))
        return min((float(b) + root) / float(a), 1.0) if a > 0 else 1.0

    def below(self, threshold: Fraction, confidence: float) -> bool:
        """Whether the upper bound is below ``threshold``; never with fewer than five images."""
        value = self.value
        if value is not None and not self.unseen:
            return value < threshold
        if self.images < MIN_IMAGES_TO_FAIL:
            return False
        points = self._real()
        quantile = student.quantile(confidence, self.images - 1)
        mean, variance = points.mean_d(threshold), points.var_d(threshold)
        excluded = mean < 0 and mean * mean * points.n > Fraction(quantile) ** 2 * variance
        return excluded and points.fieller(quantile)[0] > 0

    def p_below(self, threshold: Fraction) -> float | None:
        """P value of "the true IoU is at least ``threshold``"; None with fewer than five images."""
        value = self.value
        if value is not None and not self.unseen:
            return float(value >= threshold)
        if self.images < MIN_IMAGES_TO_FAIL:
            return None
        return student.tail(-self._real().statistic(threshold), self.images - 1)

    def images_needed(self, threshold: Fraction, confidence: float, *, power: float = 0.8) -> int | None:
        """Roughly how many images certify ``threshold`` with this power, were the estimate the truth.

        None where no number would: the estimate is not above the threshold, or there is no image.
        """
        value = self.value
        if value is None or not self.unseen or value <= threshold or not 0 < threshold < 1:
            return None
        if self.images < 2:
            return max(fewest_whatever(float(threshold), confidence), self.images + 1)
        points = self._real()
        tau = math.sqrt(points.var_d(threshold) / self.unseen) / float(points.mean_u)
        spread_u = points.var_u / self.unseen * (self.images - 1) / self.images
        size = math.sqrt(1 + spread_u / points.mean_u**2)
        needed = images_until(
            floor=float(threshold),
            above=float(value - threshold),
            spread=tau,
            size=size,
            confidence=confidence,
            power=power,
        )
        if self.population is not None:  # as many as there are prove it (Cochran, ch. 4)
            needed = math.ceil(needed / (1 + needed / self.population))
        return max(needed, self.images + 1)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P values adjusted for having been looked at together (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return tuple(adjusted)


def _integers(values: npt.NDArray[np.int64] | Sequence[int]) -> list[int]:
    tolist = getattr(values, "tolist", None)
    return list(values) if tolist is None else list(tolist())
