"""The images of a batch counted one by one, in this process or in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Generic, TypeVar

from segcore import kernels
from segcore.annotation import ImageAnnotation, Regions
from segcore.faults import Fault
from segcore.measures.measured import Measured
from segcore.pairing import Unit
from segcore.region_block import RegionBlock
from segcore.side import ReadCounts
from segcore.sources import Source

__all__ = ["Counted", "Job", "Plan", "count"]

_CHUNKS = 32
"""Chunks of images a worker counts, more or less, each of which it reports."""

_FEWEST_IMAGES, _MOST_IMAGES = 16, 128
"""Of a chunk."""

_HELD_IMAGES = 128
_HELD_RUNS = 1 << 20
"""Images, and runs of their masks, that make a table: fewer tables are joined sooner, but what
their tallies hold stays in memory until then."""

Tally = TypeVar("Tally")
Table = TypeVar("Table", bound=Sized)


BlockMeasure = Callable[[tuple[str, ...], RegionBlock, RegionBlock], Measured[Tally] | None]
"""Keys, gold and delivery of the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[Tally, Table]):
    """What is counted of a pair, and how the tallies of images become one table.  Picklable.

    Attributes
    ----------
    measure : callable
        Counts one image.
    tabulate : callable
        Makes a table of image keys and tallies.
    join : callable
        Makes one table of several, whose keys follow one another.
    measure_block : callable or None
        Counts several images at once, or gives None where one of them has to be looked at by itself.
    """

    measure: Callable[[ImageAnnotation, ImageAnnotation | None], Measured[Tally]]
    tabulate: Callable[[list[tuple[str, Tally]]], Table]
    join: Callable[[Sequence[Table]], Table]
    measure_block: BlockMeasure[Tally] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[Tally, Table]):
    """All a worker needs; ``token`` lets it keep its sources open between chunks."""

    token: str
    gold: Source
    delivery: Source
    plan: Plan[Tally, Table]
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(Generic[Table]):
    """What one chunk of images gave.

    Attributes
    ----------
    images : int
    table : Table or None
        None where the next one will hold these images as well.
    read : ReadCounts
        Of gold and of delivery.
    faults : tuple of Fault
        Of gold, of delivery and of the pair.
    """

    images: int
    table: Table | None
    read: tuple[ReadCounts, ReadCounts]
    faults: tuple[tuple[Fault, ...], tuple[Fault, ...], tuple[Fault, ...]]


def count(
    job: Job[Tally, Table], units: list[Unit], *, jobs: int, backend: str | None
) -> Iterator[Counted[Table]]:
    """Count chunk by chunk; what comes out is in the order of the keys."""
    size = min(max(_FEWEST_IMAGES, len(units) // (_CHUNKS * jobs)), _MOST_IMAGES)
    if jobs == 1 and backend is None:
        yield from _count(job, units, size)
        return
    from joblib import Parallel, delayed

    chunks = [units[i : i + size] for i in range(0, len(units), size)]
    parallel = Parallel(n_jobs=jobs, backend=backend, return_as="generator")
    for counted in parallel(delayed(_count_in_worker)(job, chunk) for chunk in chunks):
        yield from counted


_open_job: list[Job[Any, Any]] = []
"""The job this worker process works on: its sources stay open from one chunk to the next."""


def _count_in_worker(job: Job[Tally, Table], chunk: list[Unit]) -> list[Counted[Table]]:
    if not _open_job or _open_job[0].token != job.token:
        _open_job[:] = [job]
    return list(_count(_open_job[0], chunk, len(chunk)))


def _count(job: Job[Tally, Table], units: list[Unit], size: int) -> Iterator[Counted[Table]]:
    """Count and report up to ``size`` images at a time; several times may make a table."""
    _expect(job, units)
    held: list[tuple[str, Tally]] = []
    done = images = runs = 0
    while done < len(units):
        counted, tallies, more = _read(job, units[done : done + size])
        held += tallies
        done, images, runs = done + counted.images, images + counted.images, runs + more
        if done == len(units) or images >= _HELD_IMAGES or runs >= _HELD_RUNS:
            counted = replace(counted, table=job.plan.tabulate(held))
            held, images, runs = [], 0, 0
        yield counted


def _expect(job: Job[Tally, Table], units: list[Unit]) -> None:
    """Tell the sources what they will be asked for."""
    job.gold.expect([unit.image for unit in units])
    job.delivery.expect([unit.key for unit in units if unit.delivered])


def _read(
    job: Job[Tally, Table], chunk: list[Unit]
) -> tuple[Counted[Table], list[tuple[str, Tally]], int]:
    """Measure a chunk, or the first of it where its masks are large.

    What it gave without a table, the tallies, and how many runs were read.
    """
    logs = job.gold.faults, job.delivery.faults
    known = tuple(len(log) for log in logs)
    read = ReadCounts(), ReadCounts()
    pair_faults: list[Fault] = []
    tallies: list[tuple[str, Tally]] = []
    runs = 0
    at = 0
    while at < len(chunk) and runs < _HELD_RUNS:
        several = _read_block(job, chunk[at:])
        if several is not None:
            keys, sides, block = several
            for counts, side, ignored in zip(read, sides, block.ignored, strict=True):
                counts.annotations += len(side.classes)
                counts.ignored.update(ignored)
                runs += len(side.starts)
            if not tallies:
                kernels.prepare(0, object_runs=runs * job.images // len(keys))
            tallies.append((keys[0], block.tally))
            at += len(keys)
            continue
        unit = chunk[at]
        at += 1
        gold = job.gold.read(unit.image)
        if unit.first:
            read[0].add(job.gold, unit.image, gold)
        delivery = None
        if unit.delivered:
            delivery = job.delivery.read(unit.key)
            read[1].add(job.delivery, unit.key, delivery)
        if gold is None or (unit.delivered and delivery is None):
            continue
        if not tallies:
            _prepare(job, gold, delivery)
        runs += _runs(gold) + (0 if delivery is None else _runs(delivery))
        measured = job.plan.measure(gold, delivery)
        pair_faults += measured.faults
        if unit.first:
            read[0].rejected += measured.rejected[0]
            read[0].ignored.update(measured.ignored[0])
            read[0].annotations += measured.more[0]
        read[1].rejected += measured.rejected[1]
        read[1].ignored.update(measured.ignored[1])
        read[1].annotations += measured.more[1]
        tallies.append((unit.key, measured.tally))
        del gold, delivery  # the maps of the next pair take their place in memory and in the cache
    new = tuple(tuple(log)[n:] for log, n in zip(logs, known, strict=True))
    counted: Counted[Table] = Counted(
        images=at,
        table=None,
        read=read,
        faults=(new[0], new[1], tuple(pair_faults)),
    )
    return counted, tallies, runs


def _read_block(
    job: Job[Tally, Table], units: list[Unit]
) -> tuple[tuple[str, ...], tuple[RegionBlock, RegionBlock], Measured[Tally]] | None:
    """The first of ``units`` at once, as many as possible: keys, sides, tally."""
    measure = job.plan.measure_block
    if measure is None:
        return None
    plain = list(takewhile(lambda unit: unit.delivered and unit.first, units))
    gold = job.gold.read_block([unit.image for unit in plain]) if plain else None
    if gold is None:
        return None
    delivery = job.delivery.read_block([unit.key for unit in plain[: len(gold)]])
    if delivery is None:
        return None
    gold = gold.part(0, len(delivery))
    keys = tuple(unit.key for unit in plain[: len(delivery)])
    found = measure(keys, gold, delivery)
    return None if found is None else (keys, (gold, delivery), found)


def _runs(annotation: ImageAnnotation) -> int:
    return len(annotation.content.starts) if isinstance(annotation.content, Regions) else 0


def _prepare(job: Job[Tally, Table], gold: ImageAnnotation, delivery: ImageAnnotation | None) -> None:
    """Tell the kernels what is ahead, from the first pair of a chunk."""
    sides = [annotation.content for annotation in (gold, delivery) if annotation is not None]
    dense = any(not isinstance(content, Regions) for content in sides)
    pixels = gold.height * gold.width * job.images if dense else 0
    runs = job.images * (_runs(gold) + (0 if delivery is None else _runs(delivery)))
    if job.plan.measure_block is None:
        kernels.prepare(pixels, runs)
    else:
        kernels.prepare(pixels, object_runs=runs)
