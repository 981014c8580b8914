"""Writes to a dataset: planned, listed, carried out in order."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segcore.errors import SegcoreError
from segcore.wording import printable

__all__ = ["Action", "InjectionError", "Made", "Target", "apply", "counted"]


class InjectionError(SegcoreError):
    """A write to the dataset failed.

    Attributes
    ----------
    done : int
        Actions that were carried out before.
    """

    def __init__(self, message: str, *, done: int = 0) -> None:
        self.done = done
        super().__init__(message)


class Target(enum.StrEnum):
    """What an action changes."""

    RUN = "run"
    FIELD = "field"
    VALUES = "values"
    TAG = "tag"
    INDEX = "index"
    VIEW = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One write.

    Attributes
    ----------
    target : Target
    says : str
        What it does, in one line.
    samples : int
        How many samples it changes.
    write : callable
        Does it.
    """

    target: Target
    says: str
    samples: int = 0
    write: Callable[[], object] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Everything a key has made in a dataset, by name, sorted.

    Attributes
    ----------
    fields, indexes, tags : tuple of str
        Root fields; paths; sample tags.
    views : tuple of (str, str)
        Names of saved views, and the path each is sorted by.
    """

    fields: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    views: tuple[tuple[str, str], ...] = ()

    def __or__(self, other: Made) -> Made:
        """All of both."""
        return Made(
            fields=tuple(sorted({*self.fields, *other.fields})),
            indexes=tuple(sorted({*self.indexes, *other.indexes})),
            tags=tuple(sorted({*self.tags, *other.tags})),
            views=tuple(sorted({*self.views, *other.views})),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "fields": list(self.fields),
            "indexes": list(self.indexes),
            "tags": list(self.tags),
            "views": [list(view) for view in self.views],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Made:
        """The inverse of :meth:`to_json`."""
        return cls(
            fields=tuple(data["fields"]),
            indexes=tuple(data["indexes"]),
            tags=tuple(data["tags"]),
            views=tuple((name, path) for name, path in data["views"]),
        )


def apply(actions: Sequence[Action], *, progress: Callable[[int, int], None] | None = None) -> None:
    """Carry out a plan, in its order.

    Parameters
    ----------
    actions : sequence of Action
    progress : callable or None
        Called with writes done and writes in all.

    Raises
    ------
    InjectionError
        A write failed; the rest is not tried.
    """
    from pymongo.errors import PyMongoError

    for done, action in enumerate(actions):
        try:
            action.write()
        except (PyMongoError, ValueError) as error:
            raise InjectionError(
                f"{action.says}: {printable(str(error), limit=300)}\n{done} of {len(actions)} writes "
                "were done before; run it again to do the rest: what is there already stays",
                done=done,
            ) from error
        if progress is not None:
            progress(done + 1, len(actions))


def counted(n: int, what: str) -> str:
    """``1 sample``, ``2 samples``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
