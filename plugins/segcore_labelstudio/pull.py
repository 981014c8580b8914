"""A pull: the raw export of selected tasks in a folder, complete or not at all.

The folder holds ``listing.json`` (what is to be pulled), ``labeling.xml`` (the labeling
configuration), ``tasks-00001.json`` ... (the raw export, 200 numbers of tasks each) and, written last,
``pull.json``.  Without ``pull.json`` it is an interrupted pull.

What an earlier pull left, complete or not, is held against the server's list of tasks, and only the
chunks with a task that is not the same any more are asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from segcore.documents import parse_json
from segcore.errors import ConnectionFailedError, DocumentError
from segcore.sources.base import Progress
from segcore_labelstudio.chunks import (
    Chunk,
    chunk_name,
    is_chunk_name,
    marked_chunk,
    same_chunk,
    verified_chunk,
)
from segcore_labelstudio.connection import Connection, Params, Project
from segcore_labelstudio.listing import PAGE_TASKS, Selection, incomplete, place_of
from segcore_labelstudio.private_files import (
    PART,
    content_of,
    locked,
    opened_for_writing,
    sync_folder,
    usable_folder,
    write_all,
    write_file,
)
from segcore_labelstudio.survey import Marks, Seen, Survey

__all__ = ["CHUNK_TASKS", "Pulled", "pull"]

CHUNK_TASKS: Final = 200
"""Numbers of tasks of one request: they must fit into an address, which proxies cut at 8 KB."""

RECENT: Final = timedelta(seconds=60)
"""A pull that ended so short a time ago is used again where the last changes are the same.

The list of all tasks, which shows every change, costs half a pull: too much for the delivery of a
project whose gold was pulled a moment before.
"""

_MANIFEST, _LISTING, _CONFIG = "pull.json", "listing.json", "labeling.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A complete pull.

    Attributes
    ----------
    folder : str
    chunks : tuple of str
        Paths of the files that each hold an array of tasks, in the order of the task ids.
    tasks : int
        How many tasks they hold in all.
    label_config : str
        The labeling configuration, XML.
    requested : int
        How many chunks were asked of the server; the others were there from an earlier pull.
    """

    folder: str
    chunks: tuple[str, ...]
    tasks: int
    label_config: str
    requested: int


def pull(
    connection: Connection,
    selection: Selection,
    folder: str | os.PathLike[str],
    *,
    chunk_tasks: int = CHUNK_TASKS,
    page_tasks: int = PAGE_TASKS,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Pulled:
    """Bring the selected tasks into ``folder``, or find them there unchanged.

    Parameters
    ----------
    connection : Connection
    selection : Selection
    folder : path
        Created with access for its owner only.  One folder belongs to one selection of one server.
    chunk_tasks, page_tasks : int
        Numbers of tasks of one export request, tasks of one page of the task list.
    progress : callable or None
        Called with the tasks pulled so far and the tasks there are.
    sleep, now : callable
        The clock.

    Returns
    -------
    Pulled
        Exactly the tasks of the selection, each once, as they were before and after.

    Raises
    ------
    RefusedFileError
        ``ls.incomplete_pull``: tasks are missing, repeated or were not asked for, or the project
        changed meanwhile.
    ConnectionFailedError
        The server cannot be reached, refuses, or stops in the middle.  What was pulled so far stays.
    SpecError
        The folder cannot be used, or another pull uses it.
    """
    place = Path(folder)
    with usable_folder(place), locked(place, sleep=sleep):
        return _Pull(connection, selection, place, chunk_tasks, page_tasks, progress).run(now)


class _Pull:
    def __init__(
        self,
        connection: Connection,
        selection: Selection,
        folder: Path,
        chunk_tasks: int,
        page_tasks: int,
        progress: Progress | None,
    ) -> None:
        self._connection = connection
        self._selection = selection
        self._folder = folder
        self._chunk_tasks = chunk_tasks
        self._survey = Survey(connection, selection, page_tasks=page_tasks)
        self._progress = progress
        self._place = place_of(connection, selection)
        self._requested = 0

    def run(self, now: Callable[[], datetime]) -> Pulled:
        seen = self._survey.look()
        listing, earlier = self._listing(seen), _Earlier.of(self._folder)
        known = seen.known
        kept: dict[str, Chunk] = {}
        is_recent = earlier.listing == listing and earlier.is_recent(now())
        if is_recent:
            found = earlier.chunks.items()
            kept = {name: chunk for name, chunk in found if same_chunk(self._folder / name, chunk)}
        else:
            if earlier.has_chunks and earlier.says(self._source(seen.project)):
                marks, kept = self._compared(seen, earlier)
                known = frozenset(marks) if marks else known
            self._begin(listing, seen.project, kept)
        chunks = self._chunks(seen, known, kept)
        if self._requested or not is_recent:
            if self._survey.moved(seen):
                expected = "no change during the pull; run again when nobody works on it"
                raise incomplete(self._place, expected, "tasks or annotations that changed meanwhile")
            if (tasks := sum(chunk.tasks for chunk in chunks)) != seen.total:
                raise incomplete(self._place, f"{seen.total} tasks", f"{tasks} in all; run again")
            pulled_at = now().isoformat(timespec="seconds")
            write_file(self._folder / _MANIFEST, self._manifest(seen.project, chunks, pulled_at))
        return Pulled(
            folder=str(self._folder),
            chunks=tuple(str(self._folder / chunk.name) for chunk in chunks),
            tasks=seen.total,
            label_config=seen.project.label_config,
            requested=self._requested,
        )

    def _listing(self, seen: Seen) -> bytes:
        return _json_bytes(
            {
                "schema": 3,
                **self._source(seen.project),
                "total": seen.total,
                "totals": seen.project.totals,
                "between": [seen.ids[0], seen.ids[-1]] if seen.known is None else None,
                "ids": None if seen.known is None else sorted(seen.known),
                "updated_at": seen.times,
            }
        )

    def _source(self, project: Project) -> dict[str, object]:
        return {
            "server": self._connection.url,
            "project": project.id,
            "view": self._selection.view,
            "filters": self._selection.filters,
            "label_config_sha256": hashlib.sha256(project.label_config.encode()).hexdigest(),
            "chunk_tasks": self._chunk_tasks,
        }

    def _compared(self, seen: Seen, earlier: _Earlier) -> tuple[Marks, dict[str, Chunk]]:
        """The marks of all tasks, and the chunks of an earlier pull that have the same."""
        parts = self._parts(seen.ids)
        with ThreadPoolExecutor(max_workers=1) as worker:  # while the server makes the list
            found = worker.submit(
                lambda: {name: marked_chunk(self._folder / name, name) for name, _ in parts}
            )
            marks = self._survey.marks(seen)
        kept: dict[str, Chunk] = {}
        for name, asked in parts:
            chunk, there = found.result()[name] or (None, {})
            now = {id_: marks[id_] for id_ in asked if id_ in marks}
            is_same = marks and now == there and None not in now.values()
            if chunk is not None and is_same and earlier.chunks.get(name, chunk) == chunk:
                kept[name] = chunk
        return marks, kept

    def _begin(self, listing: bytes, project: Project, kept: Mapping[str, Chunk]) -> None:
        """Throw away what an earlier pull left and is not kept, its manifest first."""
        old = [path for path in self._folder.iterdir() if _is_ours(path.name) and path.name not in kept]
        for path in sorted(old, key=lambda path: (path.name != _MANIFEST, path.name)):
            path.unlink()
        write_file(self._folder / _CONFIG, project.label_config.encode())
        write_file(self._folder / _LISTING, listing)

    def _parts(self, ids: Sequence[int]) -> list[tuple[str, Sequence[int]]]:
        """The name of every chunk and what it is asked for."""
        starts = range(0, len(ids), self._chunk_tasks)
        return [(chunk_name(i), ids[at : at + self._chunk_tasks]) for i, at in enumerate(starts)]

    def _chunks(
        self, seen: Seen, known: frozenset[int] | None, kept: Mapping[str, Chunk]
    ) -> list[Chunk]:
        """All chunks; one is verified while the server makes the next."""
        chunks: list[Chunk] = []
        verifying: Future[Chunk] | None = None

        def verified() -> None:
            if verifying is not None:
                chunks.append(verifying.result())
                if self._progress is not None:
                    self._progress(sum(chunk.tasks for chunk in chunks), seen.total)

        with ThreadPoolExecutor(max_workers=1) as worker:
            for name, asked in self._parts(seen.ids):
                there = None if known is None else [id_ for id_ in asked if id_ in known]
                found = kept.get(name)
                try:
                    if found is None:
                        self._fetch(name, there or asked)
                finally:  # a chunk that came stays, and is complained about before the next
                    verified()
                verifying = worker.submit(self._accepted, name, asked, there, found)
            verified()
        return chunks

    def _fetch(self, name: str, ids: Sequence[int]) -> None:
        """The chunk, as a part that is not verified yet."""
        with suppress(FileNotFoundError):
            (self._folder / _MANIFEST).unlink()  # no evidence any more
        self._requested += 1
        part = self._folder / (name + PART)
        try:
            self._connection.read(lambda _: self._download(part, ids))
        except ConnectionFailedError as error:
            if error.status != 404:
                raise
            raise ConnectionFailedError(
                f"{error}\nLabel Studio Enterprise exports snapshots only: make one of type JSON and "
                "read it as label-studio-export:FILE",
                status=404,
            ) from None

    def _accepted(
        self, name: str, asked: Sequence[int], known: Sequence[int] | None, found: Chunk | None
    ) -> Chunk:
        """The chunk: what was found of an earlier pull, or the part that came, under its name."""
        if found is not None:
            return found
        part = self._folder / (name + PART)
        allowed = None if known is None else frozenset(known)
        project, place = self._selection.project, self._place
        try:
            chunk = verified_chunk(part, name, asked=asked, known=allowed, project=project, place=place)
        except DocumentError as error:
            n = len(asked) if known is None else len(known)
            raise incomplete(place, f"the JSON of {n} tasks in {name}", error.problem) from None
        part.replace(self._folder / name)
        sync_folder(self._folder)
        return chunk

    def _download(self, part: Path, ids: Sequence[int]) -> None:
        # Not the SDK's exports.download_sync: its ids= is ignored by the server, which reads ids[].
        params: Params = {"exportType": "JSON", "download_all_tasks": "true", "ids[]": ids}
        place = f"api/projects/{self._selection.project}/export"
        with opened_for_writing(part) as fd, self._connection.stream(place, params) as pieces:
            for piece in pieces:
                write_all(fd, piece)
            os.fsync(fd)

    def _manifest(self, project: Project, chunks: Sequence[Chunk], pulled_at: str) -> bytes:
        manifest = {
            "schema": 2,
            **self._source(project),
            "title": project.title,
            "pulled_at": pulled_at,
            "chunks": [
                {"file": chunk.name, "tasks": chunk.tasks, "bytes": chunk.bytes, "sha256": chunk.sha256}
                for chunk in chunks
            ],
        }
        return _json_bytes(manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """What an earlier pull left in the folder: nothing of it is sure."""

    listing: bytes | None
    source: Mapping[str, object]
    pulled_at: datetime | None
    chunks: Mapping[str, Chunk]
    has_chunks: bool

    @classmethod
    def of(cls, folder: Path) -> _Earlier:
        listing = content_of(folder / _LISTING)
        manifest = _object(content_of(folder / _MANIFEST))
        listed = manifest.get("chunks")
        chunks = [_chunk(entry) for entry in listed] if isinstance(listed, list) else []
        return cls(
            listing=listing,
            source=_object(listing),
            pulled_at=_moment(manifest.get("pulled_at")),
            chunks={chunk.name: chunk for chunk in chunks if chunk is not None},
            has_chunks=any(is_chunk_name(path.name) for path in folder.iterdir()),
        )

    def says(self, source: Mapping[str, object]) -> bool:
        """Whether it was the same selection, configured alike."""
        return all(name in self.source and self.source[name] == source[name] for name in source)

    def is_recent(self, now: datetime) -> bool:
        """Whether it was complete a moment ago."""
        return self.pulled_at is not None and timedelta(0) <= now - self.pulled_at < RECENT


def _object(data: bytes | None) -> Mapping[str, object]:
    try:
        value = parse_json(data or b"{}", file=_MANIFEST)
    except DocumentError:
        return {}
    return value if isinstance(value, dict) else {}


def _moment(text: object) -> datetime | None:
    with suppress(ValueError):
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return found if found is None or found.tzinfo is not None else None
    return None


def _chunk(entry: object) -> Chunk | None:
    if not isinstance(entry, dict):
        return None
    name, tasks = entry.get("file"), entry.get("tasks")
    size, sha256 = entry.get("bytes"), entry.get("sha256")
    if not isinstance(name, str) or not is_chunk_name(name) or not isinstance(sha256, str):
        return None
    if type(tasks) is not int or type(size) is not int:
        return None
    return Chunk(name=name, tasks=tasks, bytes=size, sha256=sha256)


def _is_ours(name: str) -> bool:
    stem = name.removesuffix(PART)
    return is_chunk_name(stem) or stem in {_MANIFEST, _LISTING, _CONFIG}


def _json_bytes(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()
