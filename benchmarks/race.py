"""Interleaved rounds of several ways to the same answer, and the ratios between them."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from segcore import kernels
from segcore.errors import MissingExtraError
from segcore.kernels import Choice

Way = Callable[[], np.ndarray]


class Watch:
    """CPU and wall time of what runs inside ``with watch:``."""

    def __init__(self) -> None:
        self.cpu_s = self.wall_s = 0.0

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.cpu_s += time.process_time() - self._cpu
        self.wall_s += time.perf_counter() - self._wall


@dataclass(frozen=True, slots=True)
class Parts:
    """A way of which only parts are timed: what comes between them belongs to another step.

    Arrays made just before lie in the cache, as they do in a program; arrays kept from an earlier
    round do not.
    """

    way: Callable[[Watch], np.ndarray]

    def __call__(self) -> np.ndarray:
        return self.way(Watch())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One way, measured."""

    name: str
    cpu_s: float
    wall_s: float
    ratio: float
    """Median over the rounds of CPU time here / CPU time of the base in the same round."""


def race(title: str, ways: dict[str, Way], *, base: str, rounds: int) -> list[Lap]:
    """Run every way once a round, in rotating order, and print a table.

    The first, unmeasured round warms caches and compiles, and gives the answers, which must be
    equal: a way that counts something else is not a competitor but an error.

    Raises
    ------
    SystemExit
        Two ways disagree.
    """
    answers = {name: np.asarray(way()) for name, way in ways.items()}
    for name, answer in answers.items():
        if not np.array_equal(answer, answers[base]):
            sys.exit(f"{title}: {name} and {base} disagree:\n{answer}\n{answers[base]}")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    names = list(ways)
    for i in range(rounds):
        turn = i % len(names)
        for name in names[turn:] + names[:turn]:
            times[name].append(_time(ways[name]))
    laps = [
        Lap(
            name=name,
            cpu_s=statistics.median(cpu for cpu, _ in times[name]),
            wall_s=statistics.median(wall for _, wall in times[name]),
            ratio=statistics.median(
                own / other for (own, _), (other, _) in zip(times[name], times[base], strict=True)
            ),
        )
        for name in names
    ]
    _print(title, sorted(laps, key=lambda lap: lap.ratio), base=base, rounds=rounds)
    return laps


def _time(way: Way) -> tuple[float, float]:
    gc.collect()
    watch = Watch()
    if isinstance(way, Parts):
        way.way(watch)
    else:
        with watch:
            way()
    return watch.cpu_s, watch.wall_s


def _print(title: str, laps: list[Lap], *, base: str, rounds: int) -> None:
    print(f"\n### {title}\n")
    print(f"Median of {rounds} interleaved rounds; `{base}` = 1; all answers equal.\n")
    print("| way | CPU time / base | CPU ms | wall ms |")
    print("|---|---:|---:|---:|")
    for lap in laps:
        print(f"| {lap.name} | {lap.ratio:.3f} | {lap.cpu_s * 1e3:.1f} | {lap.wall_s * 1e3:.1f} |")
    sys.stdout.flush()


def missing(what: str, error: Exception) -> dict[str, Any]:
    """Say that a peer takes no part, and return no way."""
    print(f"(without {what}: {type(error).__name__}: {error})", file=sys.stderr)
    return {}


def kernel_choices() -> tuple[Choice, ...]:
    """The kernels that can be forced here: NumPy's always, numba's where it is installed."""
    try:
        kernels.use("numba")
    except MissingExtraError as error:
        missing("segcore (numba)", error)
        return ("numpy",)
    return "numpy", "numba"
