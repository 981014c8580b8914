"""(n) How often the judge accepts a delivery exactly at the limit, and how often it condemns one.

Images are drawn from populations whose pooled IoU is the threshold, and judged by the
very object the gates use.  An IoU at the threshold is the hardest case: certifying it is the error the
confidence speaks of, and condemning it is one, too.

The first five populations are those the rule was chosen on, the others were not looked at for that.
Areas are spread as in COCO, IoUs are an assumption: no vendor's data is in it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

from segcore_gates.proportion import Proportion
from segcore_gates.statistics import Sample

__all__ = ["POPULATIONS", "Population", "draw", "offset_for", "run"]

Floats = npt.NDArray[np.float64]

IMAGES = (25, 50, 100, 300)
LOOKS = (25, 50, 100, 200)
LIMITS = ("0.8", "0.9")
CONFIDENCE = 0.95
ACCEPTED, CONDEMNED = 0.12, 0.08
"""The most of each that is stated in the documentation, whatever the population."""

_PIXELS = 10_000
"""Of an object of median size."""
_SEED = 20_261
_SOLVING = 400_000


@dataclass(frozen=True, kw_only=True)
class Population:
    """How the images of a class differ.

    Attributes
    ----------
    area : float
        Spread of the logarithm of the area.
    iou, size : float
        Spread of the logit of the IoU, and how it grows with the logarithm of the area.
    missed, extra : float
        Shares of images whose object is missed, and that have one only the delivery has.
    where : (float, float)
        Only objects of sizes between these quantiles are missed.
    rough : float
        Share of images with an IoU of .2 to .55 instead.
    people : float
        Spread between the annotators of five images each, of the logit.
    weak : float
        By how much the logit of one image in four is lower.
    tail : bool
        Areas have a Pareto tail of index 2 instead.
    """

    area: float = 1.2
    iou: float = 0.5
    size: float = 0.0
    missed: float = 0.0
    extra: float = 0.0
    where: tuple[float, float] = (0.0, 1.0)
    rough: float = 0.0
    people: float = 0.0
    weak: float = 0.0
    tail: bool = False


POPULATIONS = {
    "tight": Population(area=0.8, iou=0.35),
    "typical": Population(area=1.2, iou=0.7, size=0.25, missed=0.02, extra=0.01),
    "heavy": Population(area=1.6, iou=1.0, size=0.4, missed=0.06, extra=0.03),
    "blunder": Population(area=0.8, iou=0.35, missed=0.04),
    "cluster": Population(area=1.2, iou=0.5, size=0.25, missed=0.02, extra=0.01, people=0.5),
    "wide IoU": Population(area=1.0, iou=1.2),
    "Pareto areas, 2 % missed": Population(iou=0.5, missed=0.02, tail=True),
    "5 % of the largest fifth missed": Population(missed=0.05, where=(0.8, 1.0)),
    "10 % of the largest fifth missed": Population(missed=0.10, where=(0.8, 1.0)),
    "small objects missed": Population(missed=0.10, where=(0.0, 0.5)),
    "8 % rough": Population(area=1.0, iou=0.35, rough=0.08),
    "a weak annotator": Population(weak=1.0),
}


def draw(
    rng: np.random.Generator, population: Population, offset: float, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Intersections and unions of batches of images, in median areas.

    Parameters
    ----------
    rng : Generator
    population : Population
    offset : float
        Where the logit of the IoU has its middle; see :func:`offset_for`.
    shape : (int, int)
        Batches, and images in each.
    """
    quantile = rng.random(shape)
    z = rng.standard_normal(shape)
    logs = _logarithms(population, quantile)
    logit = offset + population.iou * z + population.size * logs
    groups = rng.standard_normal((shape[0], -(-shape[1] // 5)))
    logit += population.people * np.repeat(groups, 5, axis=1)[:, : shape[1]]
    logit -= np.where(rng.random(shape) < 0.25, population.weak, 0.0)
    iou = 1 / (1 + np.exp(-logit))
    chance = rng.random(shape)
    rough = rng.random(shape) < population.rough
    iou = np.where(rough, rng.uniform(0.2, 0.55, shape), iou)
    area = np.exp(logs)
    low, high = population.where
    missed = (chance < population.missed) & (low <= quantile) & (quantile <= high)
    extra = (chance >= population.missed) & (chance < population.missed + population.extra)
    wrong = missed | extra
    return (
        np.where(wrong, 0.0, area * 2 * iou / (1 + iou)),
        np.where(wrong, area, 2 * area / (1 + iou)),
    )


@cache
def offset_for(population: Population, pooled: float) -> float:
    """The offset at which the pooled IoU of the population is ``pooled``.

    Which images are missed, extra or rough is averaged over exactly, areas and IoUs over evenly spaced
    quantiles: what is left to chance is far below the error of the simulation.
    """
    rng = np.random.default_rng(_SEED)
    quantile = (np.arange(_SOLVING) + 0.5) / _SOLVING
    z = rng.permutation(_normal_quantile(quantile)) * math.hypot(population.iou, population.people)
    logs = _logarithms(population, quantile)
    area = np.exp(logs)
    low_quantile, high_quantile = population.where
    inside = (low_quantile <= quantile) & (quantile <= high_quantile)
    wrong = population.missed * inside + population.extra
    steps = ((0.75, 0.0), (0.25, population.weak))
    in_rough = 2 - 2 * math.log(1.55 / 1.2) / 0.35  # the mean of 2 j / (1 + j), j even in .2 to .55

    def found(offset: float) -> float:
        shared = np.zeros_like(area)  # the mean of 2 j / (1 + j); that of 2 / (1 + j) is 2 less it
        for share, lower in steps:
            iou = 1 / (1 + np.exp(-(offset + z + population.size * logs - lower)))
            shared += share * 2 * iou / (1 + iou)
        shared = (1 - population.rough) * shared + population.rough * in_rough
        both = ((1 - wrong) * area * shared).sum()
        either = ((1 - wrong) * area * (2 - shared) + wrong * area).sum()
        return float(both / either)

    low, high = -6.0, 14.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < pooled else (low, middle)
    if high > 13.9:
        raise ValueError(f"no IoU gives {pooled} in this population")
    return low


def _logarithms(population: Population, quantile: Floats) -> Floats:
    """Of areas, in those of the median."""
    if population.tail:
        return -0.5 * np.log1p(-quantile) - 0.5 * math.log(2)
    return population.area * _normal_quantile(quantile)


def _normal_quantile(share: Floats) -> Floats:
    from scipy.special import ndtri

    found: Floats = ndtri(np.clip(share, 1e-12, 1 - 1e-12))
    return found


def _pixels(areas: Floats) -> npt.NDArray[np.int64]:
    return np.rint(areas * _PIXELS).astype(np.int64)


def samples(
    rng: np.random.Generator, population: Population, offset: float, shape: tuple[int, int]
) -> Iterator[Sample]:
    """The images of each batch, as a gate has them."""
    both, either = draw(rng, population, offset, shape)
    for row in zip(_pixels(both), np.maximum(_pixels(either), 1), strict=True):
        yield Sample(*row)


def condemned(sample: Sample, limit: Fraction) -> bool:
    """Whether a class fails that is the only one of its gate."""
    p = sample.p_below(limit)
    return sample.below(limit, CONFIDENCE) and p is not None and p <= 1 - CONFIDENCE


def run(options: argparse.Namespace) -> None:
    batches = 50 if options.quick else 1000
    many = 50 if options.quick else 4000
    worst: dict[str, float] = {"accepted": 0.0, "condemned": 0.0}
    for written in LIMITS:
        limit = Fraction(written)
        print(f"\n### Accepted and condemned at an IoU of exactly {written}, of {many} batches each\n")
        print("| population | " + " | ".join(f"accepted, {n} images" for n in IMAGES) + " | ", end="")
        print(" | ".join(f"condemned, {n}" for n in IMAGES) + " |")
        print("|---|" + "---:|" * (2 * len(IMAGES)))
        for k, (name, population) in enumerate(POPULATIONS.items()):
            offset = offset_for(population, float(limit))
            accepted, failed = [], []
            for n in IMAGES:
                rng = np.random.default_rng([_SEED, k, n, limit.numerator])
                drawn = list(samples(rng, population, offset, (many, n)))
                accepted.append(sum(s.certifies(limit, CONFIDENCE) for s in drawn))
                failed.append(sum(condemned(s, limit) for s in drawn))
            cells = [_share(count, many) for count in (*accepted, *failed)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
            worst["accepted"] = max(worst["accepted"], *(count / many for count in accepted))
            worst["condemned"] = max(worst["condemned"], *(count / many for count in failed))
    print(f"\nAt most {worst['accepted']:.3f} were accepted; stated is about .05, up to {ACCEPTED} in "
          f"adverse populations.  At most {worst['condemned']:.3f} were condemned; stated is up to "
          f"{CONDEMNED}.  Beside each share: its standard error.")  # fmt: skip
    looks(batches)
    drawn_from_few(batches)
    bad_images(batches)


def looks(batches: int) -> None:
    """An extended pilot: accepted at any look."""
    strict = 1 - (1 - CONFIDENCE) / len(LOOKS)
    print(f"\n### Accepted at any look at {', '.join(map(str, LOOKS))} images, at the limit\n")
    print("| population | " + " | ".join(f"{t}{s}" for t in LIMITS for s in ("", ", strict")) + " |")
    print("|---|" + "---:|" * (2 * len(LIMITS)))
    for k, (name, population) in enumerate(POPULATIONS.items()):
        cells = []
        for written in LIMITS:
            limit = Fraction(written)
            rng = np.random.default_rng([_SEED, k, limit.numerator, 5])
            both, either = draw(
                rng, population, offset_for(population, float(limit)), (batches, LOOKS[-1])
            )
            i, u = _pixels(both), np.maximum(_pixels(either), 1)
            seen = [[Sample(i[b, :n], u[b, :n]) for n in LOOKS] for b in range(batches)]
            for confidence in (CONFIDENCE, strict):
                found = sum(any(s.certifies(limit, confidence) for s in one) for one in seen)
                cells.append(_share(found, batches))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def drawn_from_few(batches: int) -> None:
    """A finite population: accepted at the IoU that all of its images together have."""
    shares = (0.1, 0.25, 0.5, 0.9)
    sizes = (60, 400)
    print("\n### Accepted and condemned at the IoU of all N images, of which a share is the gold\n")
    columns = [f"N = {size}, {share:.0%} gold" for size in sizes for share in shares]
    print(f"| population | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for k, (name, population) in enumerate(POPULATIONS.items()):
        offset = offset_for(population, 0.8)
        cells = []
        for size in sizes:
            for share in shares:
                rng = np.random.default_rng([_SEED, k, size, int(100 * share)])
                accepted, failed = _from_few(rng, population, offset, size, round(share * size), batches)
                cells.append(f"{accepted / batches:.3f}, {failed / batches:.3f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _from_few(
    rng: np.random.Generator, population: Population, offset: float, size: int, drawn: int, batches: int
) -> tuple[int, int]:
    both, either = draw(rng, population, offset, (batches, size))
    i, u = _pixels(both), np.maximum(_pixels(either), 1)
    accepted = failed = 0
    for b in range(batches):
        limit = Fraction(int(i[b].sum()), int(u[b].sum()))
        chosen = rng.permutation(size)[:drawn]
        sample = Sample(i[b, chosen], u[b, chosen]).drawn_from(size, drawn=drawn)
        accepted += sample.certifies(limit, CONFIDENCE)
        failed += condemned(sample, limit)
    return accepted, failed


def bad_images(batches: int) -> None:
    """The share of bad images just beyond the limit: to accept it is the error of the exact bound."""
    print("\n### Accepted with a share of bad images just above 0.05\n")
    print("| gold images | of any number | of 400, 21 of them bad |\n|---:|---:|---:|")
    limit = Fraction(1, 20)
    for n in (59, 93, 150, 300):
        rng = np.random.default_rng([_SEED, n])
        endless = rng.binomial(n, 0.05 + 1e-9, batches).tolist()
        finite = rng.hypergeometric(21, 379, n, batches).tolist()
        kept = sum(Proportion(bad, n).keeps(limit, CONFIDENCE) for bad in endless)
        few = sum(Proportion(bad, n, 400).keeps(limit, CONFIDENCE) for bad in finite)
        print(f"| {n} | {_share(kept, batches)} | {_share(few, batches)} |", flush=True)


def _share(count: int, of: int) -> str:
    p = count / of
    return f"{p:.3f} ({math.sqrt(p * (1 - p) / of):.3f})"
