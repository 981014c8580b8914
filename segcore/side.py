"""One side of a batch while it is read: what was found, rejected, left out, and the digest of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from segcore.annotation import ImageAnnotation
from segcore.evaluation import InputInfo, SideCounts
from segcore.faults import Fault, FaultLog
from segcore.sources import Source

__all__ = ["ReadCounts", "Side"]


@dataclass(slots=True)
class ReadCounts:
    """What was read of one input, in the order of its keys."""

    annotations: int = 0
    rejected: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    digests: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, source: Source, key: str, annotation: ImageAnnotation | None) -> None:
        """Add what :meth:`Source.read` gave; None is an image that was refused as a whole."""
        if annotation is None:
            n = source.annotation_count(key)
            self.annotations += n
            self.rejected += n
            return
        self.annotations += annotation.read
        self.rejected += annotation.rejected
        if annotation.digest:
            self.digests.append((key, annotation.digest))


class Side:
    """One input while its batch is counted."""

    def __init__(self, role: str, source: Source) -> None:
        self.role = role
        self.source = source
        self.faults = FaultLog()
        self._digest = hashlib.sha256()
        self._annotations = 0
        self._rejected = 0
        self._ignored: Counter[str] = Counter()

    def take(self, read: ReadCounts, faults: Sequence[Fault]) -> None:
        """Add what a chunk gave; chunks come in the order of their keys."""
        self._annotations += read.annotations
        self._rejected += read.rejected
        self._ignored.update(read.ignored)
        for key, digest in read.digests:
            self._digest.update(key.encode() + b"\0" + digest)
        self.faults.extend(faults)

    def leave_out(self, keys: Sequence[str], reason: str) -> None:
        """Images that are not read at all."""
        n = sum(self.source.annotation_count(key) for key in keys)
        self._annotations += n
        self._ignored[reason] += n

    def info(self) -> InputInfo:
        """The input as reports name it, once all of it was read."""
        digest = self.source.digest() or self._digest.hexdigest()
        return InputInfo(
            role=self.role, spec=self.source.name, images=len(self.source.keys()), sha256=digest
        )

    def repeats(self, other: Side) -> bool:
        """Whether both hold the same bytes and mean the same; False where nothing was digested."""
        read = self.info().sha256
        meant = self.source.ontology == other.source.ontology
        return meant and read == other.info().sha256 != hashlib.sha256().hexdigest()

    def counts(self) -> SideCounts:
        """What became of the annotations taken so far."""
        left_out = self._ignored + Counter(self.source.left_out)
        read = self._annotations + self.source.unplaced + sum(self.source.left_out.values())
        rejected = self._rejected + self.source.unplaced
        ignored = {str(reason): n for reason, n in sorted(left_out.items()) if n}
        used = read - rejected - sum(ignored.values())
        return SideCounts(read=read, used=used, rejected=rejected, ignored=ignored)
