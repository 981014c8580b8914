"""What every task says of a batch: its images, its inputs, and how it is cut down to some images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from segcore import __version__
from segcore.errors import UsageError
from segcore.faults import Fault
from segcore.ontology import Ontology
from segcore.wording import show

__all__ = ["Images", "InputInfo", "MeasuredBatch", "SideCounts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Which images were judged, each tuple sorted by key.

    Attributes
    ----------
    gold : int
        Number of gold images.
    paired, extra_in_delivery : tuple of str
        Delivered keys; several may belong to one gold image (see :meth:`Source.image_of`).
    missing_in_delivery : tuple of str
        Gold keys.
    image_keys : mapping of str to str
        The gold image of each key of ``paired`` that is not called like it.
    """

    gold: int
    paired: tuple[str, ...]
    missing_in_delivery: tuple[str, ...]
    extra_in_delivery: tuple[str, ...]
    image_keys: Mapping[str, str] = field(default_factory=dict)

    def restricted_to(self, keys: Set[str]) -> Images:
        """Those of some keys; extra images, which are in no table, are none of them."""
        paired = tuple(key for key in self.paired if key in keys)
        missing = tuple(key for key in self.missing_in_delivery if key in keys)
        images = {self.image_keys.get(key, key) for key in paired}
        return Images(
            gold=len(images.union(missing)),
            paired=paired,
            missing_in_delivery=missing,
            extra_in_delivery=(),
            image_keys={key: self.image_keys[key] for key in paired if key in self.image_keys},
        )

    def to_json(self) -> dict[str, Any]:
        """The ``images`` block of the contract."""
        return {
            "paired": len(self.paired),
            "missing_in_delivery": list(self.missing_in_delivery),
            "extra_in_delivery": list(self.extra_in_delivery),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InputInfo:
    """One input, as it was read.

    Attributes
    ----------
    role : str
        ``gold`` or ``delivery``.
    spec : str
        What the user named.
    images : int
        Images the input holds.
    sha256 : str
        Hash of the bytes the numbers come from.
    """

    role: str
    spec: str
    images: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """The record of the contract."""
        return {"role": self.role, "spec": self.spec, "images": self.images, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCounts:
    """What became of one input's annotations: ``read == used + rejected + sum(ignored)``.

    Attributes
    ----------
    read, used, rejected : int
    ignored : mapping of str to int
        How many were left out for which reason.
    """

    read: int
    used: int
    rejected: int
    ignored: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.read != self.used + self.rejected + sum(self.ignored.values()):
            raise AssertionError(f"annotations went astray: {self}")

    def ignored_text(self) -> str:
        """What was ignored, the most first: ``3 ignored (stuff class)``; empty for nothing."""
        ranked = sorted(self.ignored.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{n} ignored ({reason})" for reason, n in ranked if n)

    def to_json(self) -> dict[str, Any]:
        """The record of the contract."""
        return {
            "annotations_read": self.read,
            "used": self.used,
            "rejected": self.rejected,
            "ignored": dict(sorted(self.ignored.items())),
        }


class _Table(Protocol):
    """What is kept of the images of a batch."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The images, sorted."""

    def take(self, images: npt.NDArray[np.int64], /) -> Any:
        """The same of some images, by their places, rising."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredBatch(ABC):
    """What every evaluation says, whatever its task.

    Attributes
    ----------
    ontology : Ontology
        The classes, in the order of every table.
    images : Images
        What was paired, missing and extra.
    inputs : tuple of InputInfo
    counts : mapping of str to SideCounts
        ``gold`` and ``delivery``.
    faults : tuple of Fault
        Warnings only: an input with errors is never evaluated.
    conventions : mapping of str to str
        The rules behind the numbers, for the reader of a report.
    task : str
        By which it was measured.
    tallies : TallyTable or InstanceTable
        What is kept of each image.
    annotators : mapping of str to tuple of str
        Who drew what was delivered, by key of the delivery; without those nobody knows.
    """

    ontology: Ontology
    images: Images
    inputs: tuple[InputInfo, ...]
    counts: Mapping[str, SideCounts]
    faults: tuple[Fault, ...]
    conventions: Mapping[str, str]
    task: str
    tallies: _Table
    annotators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def restricted_to(self, keys: Iterable[str]) -> Self:
        """The evaluation of some of the images, as if the batch held no others.

        Everything that is derived from the counts follows.  ``inputs``, ``counts`` and ``faults``
        still tell what was read, and stay those of the whole batch; ``conventions`` says so.

        Parameters
        ----------
        keys : iterable of str
            Of ``images.paired`` and ``images.missing_in_delivery``, in any order; none gives an
            evaluation without an image.

        Raises
        ------
        UsageError
            A key is none of the batch, or in semantic view the confusion of each image was not kept
            (``keep_cells``).
        """
        wanted = frozenset(keys)
        known = self.tallies.keys
        if strangers := wanted.difference(known):
            named = ", ".join(map(show, sorted(strangers)[:3]))
            raise UsageError(f"{len(strangers)} of these images are not in the batch: {named}")
        note = f"{len(wanted)} of the {len(known)} images of the batch; inputs and faults are of all"
        tables = {name: table for name, table in self._tables().items() if table is not None}
        return replace(
            self,
            images=self.images.restricted_to(wanted),
            conventions={**self.conventions, "restricted": note},
            annotators={key: who for key, who in self.annotators.items() if key in wanted},
            **{name: table.take(_places(table.keys, wanted)) for name, table in tables.items()},
        )

    def _tables(self) -> Mapping[str, _Table | None]:
        """All that is kept by image, by the names of the attributes."""
        return {"tallies": self.tallies}

    @property
    @abstractmethod
    def classes(self) -> tuple[Any, ...]:
        """The scores of every class, in ontology order."""

    @abstractmethod
    def table(self) -> dict[str, list[Any]]:
        """Image x class counts as columns, one row for every class an image holds on either side."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The document ``segcore score --json`` writes: plain values, undefined ones None."""

    def document(self, task: str, **scores: Any) -> dict[str, Any]:
        """The document of a task: what all have in common, and ``scores``."""
        return {
            "schema": 1,
            "outcome": "scored",
            "task": task,
            "tool": {"name": "segcore", "version": __version__},
            "inputs": [info.to_json() for info in self.inputs],
            "images": self.images.to_json(),
            "counts": {side: counts.to_json() for side, counts in self.counts.items()},
            **scores,
            "faults": [fault.to_json() for fault in self.faults],
            "conventions": dict(self.conventions),
        }


def _places(keys: tuple[str, ...], wanted: Set[str]) -> npt.NDArray[np.int64]:
    return np.array([place for place, key in enumerate(keys) if key in wanted], np.int64)
