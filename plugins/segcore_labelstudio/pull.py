"""A pull: the raw export of selected tasks in a folder, complete or not at all.

The folder holds ``listing.json`` (what is to be pulled), ``labeling.xml`` (the labeling
configuration), ``tasks-00001.json`` ... (the raw export, 200 tasks each) and, written last,
``pull.json``.  Without ``pull.json`` it is an interrupted pull: the next one goes on where it
stopped if the project is still the same, and begins again if it is not.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Final

from segcore.documents import parse_json
from segcore.errors import ConnectionFailedError, DocumentError, RefusedFileError
from segcore_labelstudio.connection import Connection, Params, Project
from segcore_labelstudio.json_array import array_items, leading_id
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
from segcore_labelstudio.survey import Seen, Survey

__all__ = ["CHUNK_TASKS", "Progress", "Pulled", "pull"]

CHUNK_TASKS: Final = 200
"""Tasks of one request: their ids must fit into an address, which proxies cut at 8 KB."""

Progress = Callable[[int, int], None]
"""Called with the tasks pulled so far and the tasks there are."""

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
        Tasks of one export request and of one page of the task list.
    progress : callable or None
        See :data:`Progress`.
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
        ids, project = seen.ids, seen.project
        listing = self._listing(seen)
        if content_of(self._folder / _LISTING) != listing:
            self._begin(listing, project)
        before = content_of(self._folder / _MANIFEST)
        pulled_at, known = _understood(before)
        chunks = self._chunks(ids, known)
        if self._requested or self._manifest(project, ids, chunks, pulled_at) != before:
            if self._survey.moved(seen):
                expected = "no change during the pull; run again when nobody works on it"
                raise incomplete(self._place, expected, "tasks or annotations that changed meanwhile")
            pulled_at = now().isoformat(timespec="seconds")
            write_file(self._folder / _MANIFEST, self._manifest(project, ids, chunks, pulled_at))
        return Pulled(
            folder=str(self._folder),
            chunks=tuple(str(self._folder / chunk.name) for chunk in chunks),
            tasks=len(ids),
            label_config=project.label_config,
            requested=self._requested,
        )

    def _listing(self, seen: Seen) -> bytes:
        return _json_bytes(
            {
                "schema": 2,
                **self._source(seen.project),
                "chunk_tasks": self._chunk_tasks,
                "ids": list(seen.ids),
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
        }

    def _begin(self, listing: bytes, project: Project) -> None:
        """Throw away what an earlier pull left, its manifest first."""
        old = [path for path in self._folder.iterdir() if _is_ours(path.name)]
        for path in sorted(old, key=lambda path: (path.name != _MANIFEST, path.name)):
            path.unlink()
        write_file(self._folder / _CONFIG, project.label_config.encode())
        write_file(self._folder / _LISTING, listing)

    def _chunks(self, ids: Sequence[int], known: Mapping[str, str]) -> list[_Chunk]:
        """All chunks; one is verified while the server makes the next."""
        chunks: list[_Chunk] = []
        verifying: Future[_Chunk] | None = None

        def verified() -> None:
            if verifying is not None:
                chunks.append(verifying.result())
                if self._progress is not None:
                    self._progress(sum(chunk.tasks for chunk in chunks), len(ids))

        with ThreadPoolExecutor(max_workers=1) as worker:
            for start in range(0, len(ids), self._chunk_tasks):
                asked = ids[start : start + self._chunk_tasks]
                name = f"tasks-{start // self._chunk_tasks + 1:05}.json"
                try:
                    arrived = self._arrived(name, asked, known.get(name))
                finally:  # a chunk that came stays, and is complained about before the next
                    verified()
                verifying = worker.submit(arrived)
            verified()
        return chunks

    def _arrived(self, name: str, ids: Sequence[int], sha256: str | None) -> Callable[[], _Chunk]:
        """What gives the chunk: it is whole in the folder, or came from the server and is verified."""
        path = self._folder / name
        with suppress(OSError, DocumentError, RefusedFileError):
            if sha256 is None:
                found = self._verified(path, name, ids)
                return lambda: found
            summed = _summed(path, name, ids)  # it was verified before the manifest was written
            if summed.sha256 == sha256:
                return lambda: summed
        with suppress(FileNotFoundError):
            (self._folder / _MANIFEST).unlink()  # no evidence any more
        self._requested += 1
        part = path.with_name(name + PART)
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
        return lambda: self._accepted(part, name, ids)

    def _accepted(self, part: Path, name: str, ids: Sequence[int]) -> _Chunk:
        """The chunk that came as ``part``, under its name."""
        try:
            chunk = self._verified(part, name, ids)
        except DocumentError as error:
            expected = f"the JSON of {len(ids)} tasks in {name}"
            raise incomplete(self._place, expected, error.problem) from None
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

    def _verified(self, path: Path, name: str, ids: Sequence[int]) -> _Chunk:
        """The chunk at ``path``, which holds exactly the tasks ``ids``."""
        asked, got = set(ids), set()
        for id_ in _task_ids(path, name):
            if type(id_) is not int or id_ not in asked:
                raise incomplete(self._place, f"the {len(ids)} tasks asked for", f"task {id_!r} as well")
            if id_ in got:
                raise incomplete(self._place, "every task once", f"task {id_} twice in {name}")
            got.add(id_)
        if missing := sorted(asked - got):
            gone = f"{len(got)} in {name}, without task {missing[0]}"
            raise incomplete(self._place, f"{len(ids)} tasks", gone)
        return _summed(path, name, ids)

    def _manifest(
        self,
        project: Project,
        ids: Sequence[int],
        chunks: Sequence[_Chunk],
        pulled_at: str,
    ) -> bytes:
        manifest = {
            "schema": 1,
            **self._source(project),
            "title": project.title,
            "pulled_at": pulled_at,
            "ids": list(ids),
            "chunks": [
                {"file": chunk.name, "tasks": chunk.tasks, "bytes": chunk.bytes, "sha256": chunk.sha256}
                for chunk in chunks
            ],
        }
        return _json_bytes(manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    name: str
    tasks: int
    bytes: int
    sha256: str


def _understood(manifest: bytes | None) -> tuple[str, dict[str, str]]:
    """When a manifest was written, and the SHA-256 of each chunk; empty where it does not say."""
    try:
        value = parse_json(manifest or b"{}", file=_MANIFEST)
    except DocumentError:
        value = None
    pulled_at = value.get("pulled_at") if isinstance(value, dict) else None
    chunks = value.get("chunks") if isinstance(value, dict) else None
    found = [chunk for chunk in chunks if isinstance(chunk, dict)] if isinstance(chunks, list) else []
    pairs = [(chunk.get("file"), chunk.get("sha256")) for chunk in found]
    known = {file: sha for file, sha in pairs if isinstance(file, str) and isinstance(sha, str)}
    return pulled_at if isinstance(pulled_at, str) else "", known


def _summed(path: Path, name: str, ids: Sequence[int]) -> _Chunk:
    with _reading(path) as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return _Chunk(name=name, tasks=len(ids), bytes=stream.tell(), sha256=sha256)


def _reading(path: Path) -> BufferedReader:
    """The file, never what a link leads to."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    return os.fdopen(fd, "rb")


def _task_ids(path: Path, name: str) -> Iterator[object]:
    """The id of each task of a chunk, as far as a task has one."""
    with _reading(path) as stream:
        for item in array_items(stream, file=name):
            # Label Studio writes the id first.  The rest is parsed when it is read, and what is wrong
            # with it (another id, too) is a fault of the annotations: the task came whole.
            if (found := leading_id(item.data)) is not None:
                yield found
            else:
                task = parse_json(item.data, file=name)
                yield task.get("id") if isinstance(task, dict) else None


def _is_ours(name: str) -> bool:
    stem = name.removesuffix(PART)
    digits = stem.removeprefix("tasks-").removesuffix(".json")
    is_chunk = stem == f"tasks-{digits}.json" and digits.isdecimal()
    return is_chunk or stem in {_MANIFEST, _LISTING, _CONFIG}


def _json_bytes(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()
