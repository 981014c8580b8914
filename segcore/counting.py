"""The images of a batch counted one by one, in this process or in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from segcore import kernels
from segcore.annotation import ImageAnnotation, Regions
from segcore.faults import Fault
from segcore.measures.measured import Measured
from segcore.pairing import Unit
from segcore.side import ReadCounts
from segcore.sources import Source

__all__ = ["Counted", "Job", "Plan", "count"]

_CHUNK = 16
"""Images a worker counts before it reports back."""

Tally = TypeVar("Tally")
Table = TypeVar("Table", bound=Sized)


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
    """

    measure: Callable[[ImageAnnotation, ImageAnnotation | None], Measured[Tally]]
    tabulate: Callable[[list[tuple[str, Tally]]], Table]
    join: Callable[[Sequence[Table]], Table]


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
    """What one chunk of images gave; the faults are those of gold, of delivery and of the pair."""

    images: int
    table: Table
    read: tuple[ReadCounts, ReadCounts]
    faults: tuple[tuple[Fault, ...], tuple[Fault, ...], tuple[Fault, ...]]
    gold_crowd: int


def count(
    job: Job[Tally, Table], units: list[Unit], *, jobs: int, backend: str | None
) -> Iterator[Counted[Table]]:
    """Count chunk by chunk; what comes out is in the order of the keys."""
    chunks = [units[i : i + _CHUNK] for i in range(0, len(units), _CHUNK)]
    if jobs == 1 and backend is None:
        yield from (_count(job, chunk) for chunk in chunks)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=jobs, backend=backend, return_as="generator")
    yield from parallel(delayed(_count_in_worker)(job, chunk) for chunk in chunks)


_open_job: list[Job[Any, Any]] = []
"""The job this worker process works on: its sources stay open from one chunk to the next."""


def _count_in_worker(job: Job[Tally, Table], chunk: list[Unit]) -> Counted[Table]:
    if not _open_job or _open_job[0].token != job.token:
        _open_job[:] = [job]
    return _count(_open_job[0], chunk)


def _count(job: Job[Tally, Table], chunk: list[Unit]) -> Counted[Table]:
    logs = job.gold.faults, job.delivery.faults
    known = tuple(len(log) for log in logs)
    read = ReadCounts(), ReadCounts()
    pair_faults: list[Fault] = []
    tallies: list[tuple[str, Tally]] = []
    gold_crowd = 0
    for unit in chunk:
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
            _prepare(gold, delivery, images=job.images)
        measured = job.plan.measure(gold, delivery)
        pair_faults += measured.faults
        if unit.first:
            gold_crowd += measured.gold_crowd
            read[0].rejected += measured.rejected[0]
        read[1].rejected += measured.rejected[1]
        tallies.append((unit.key, measured.tally))
    new = tuple(tuple(log)[n:] for log, n in zip(logs, known, strict=True))
    return Counted(
        images=len(chunk),
        table=job.plan.tabulate(tallies),
        read=read,
        faults=(new[0], new[1], tuple(pair_faults)),
        gold_crowd=gold_crowd,
    )


def _prepare(gold: ImageAnnotation, delivery: ImageAnnotation | None, *, images: int) -> None:
    """Tell the kernels what is ahead, from the first pair of a chunk."""
    sides = [annotation.content for annotation in (gold, delivery) if annotation is not None]
    dense = any(not isinstance(content, Regions) for content in sides)
    runs = sum(len(content.starts) for content in sides if isinstance(content, Regions))
    kernels.prepare(gold.height * gold.width * images if dense else 0, runs * images)
