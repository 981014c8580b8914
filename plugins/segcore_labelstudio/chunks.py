"""The files of a pull: each an array of tasks as the server exported it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from segcore.documents import parse_json
from segcore.errors import DocumentError, RefusedFileError
from segcore_labelstudio.json_array import ArrayItem, array_items, leading_id
from segcore_labelstudio.listing import incomplete
from segcore_labelstudio.marks import mark_of_export
from segcore_labelstudio.survey import Marks

__all__ = ["Chunk", "chunk_name", "is_chunk_name", "marked_chunk", "same_chunk", "verified_chunk"]

_PROJECT: Final = re.compile(rb'"project"\s*:\s*(\d{1,18})\s*[,}]')
_TAIL_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One file that is whole; ``sha256`` is in hex."""

    name: str
    tasks: int
    bytes: int
    sha256: str


def chunk_name(number: int) -> str:
    """The name of the file, counted from 0."""
    return f"tasks-{number + 1:05}.json"


def is_chunk_name(name: str) -> bool:
    """Whether a file has the name of one of ours."""
    digits = name.removeprefix("tasks-").removesuffix(".json")
    return name == f"tasks-{digits}.json" and digits.isdecimal()


def verified_chunk(
    path: Path,
    name: str,
    *,
    asked: Collection[int],
    known: Collection[int] | None,
    project: int,
    place: str,
) -> Chunk:
    """The chunk at ``path``, if it holds what was asked for, each task once.

    Parameters
    ----------
    path : Path
    name : str
        What errors call it.
    asked : collection of int
        The ids the server was asked for.
    known : collection of int or None
        Those of them that exist, all of which must be there.  None where nobody knows: then a task
        must say that it belongs to the project, and the caller compares how many came.
    project : int
    place : str
        What errors call the project.

    Raises
    ------
    RefusedFileError
        ``ls.incomplete_pull``
    DocumentError
        The file is no array of tasks.
    """
    allowed = asked if known is None else known
    got: set[int] = set()
    for item, id_ in _tasks(path, name):
        if type(id_) is not int or id_ not in allowed:
            raise incomplete(place, f"the {len(allowed)} tasks asked for", f"task {id_!r} as well")
        if id_ in got:
            raise incomplete(place, "every task once", f"task {id_} twice in {name}")
        if known is None and not _belongs(item, project, name):
            raise incomplete(place, f"tasks of project {project}", f"task {id_} of another in {name}")
        got.add(id_)
    if known is not None and (missing := sorted(set(known) - got)):
        gone = f"{len(got)} in {name}, without task {missing[0]}"
        raise incomplete(place, f"{len(known)} task{'s'[: len(known) != 1]}", gone)
    return _summed(path, name, tasks=len(got))


def same_chunk(path: Path, chunk: Chunk) -> bool:
    """Whether the file is the one it was, byte by byte."""
    with suppress(OSError):
        return _summed(path, chunk.name, tasks=chunk.tasks) == chunk
    return False


def marked_chunk(path: Path, name: str) -> tuple[Chunk, Marks] | None:
    """The chunk at ``path`` and the marks of its tasks; None where it is not whole or not sound."""
    with suppress(OSError, DocumentError, RefusedFileError):
        marks: dict[int, bytes | None] = {}
        for item, id_ in _tasks(path, name):
            if type(id_) is not int or id_ in marks:
                return None
            marks[id_] = mark_of_export(item.data, file=name)
        return _summed(path, name, tasks=len(marks)), marks
    return None


def _summed(path: Path, name: str, *, tasks: int) -> Chunk:
    with _reading(path) as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return Chunk(name=name, tasks=tasks, bytes=stream.tell(), sha256=sha256)


def _reading(path: Path) -> BufferedReader:
    """The file, never what a link leads to."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    return os.fdopen(fd, "rb")


def _tasks(path: Path, name: str) -> Iterator[tuple[ArrayItem, object]]:
    """Each task of a chunk with its id, as far as it has one."""
    with _reading(path) as stream:
        for item in array_items(stream, file=name):
            # Label Studio writes the id first.  The rest is parsed when it is read, and what is wrong
            # with it (another id, too) is a fault of the annotations: the task came whole.
            if (found := leading_id(item.data)) is not None:
                yield item, found
            else:
                task = parse_json(item.data, file=name)
                yield item, task.get("id") if isinstance(task, dict) else None


def _belongs(item: ArrayItem, project: int, name: str) -> bool:
    """Whether a task says that it is one of the project."""
    # Label Studio writes it behind the annotations and the data, which may be large.
    said = _PROJECT.findall(item.data[-_TAIL_BYTES:])
    if said and int(said[-1]) == project:
        return True
    task = parse_json(item.data, file=name)
    return isinstance(task, dict) and task.get("project") == project
