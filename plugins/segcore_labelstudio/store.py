"""Files of tasks: walked through once, then read again task by task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from segcore.documents import parse_json
from segcore.errors import DocumentError, RefusedFileError, SpecError
from segcore.faults import Fault, FaultLog
from segcore.files import open_file
from segcore.limits import MAX_ENTRY_FAULTS
from segcore_labelstudio.json_array import ArrayItem, array_items, leading_id

__all__ = ["Place", "Task", "TaskStore"]

Task = dict[str, object]
"""A task as the file holds it: nothing about its values is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a task stands.

    Attributes
    ----------
    file : int
        Position in :attr:`TaskStore.files`.
    offset, length : int
        Its bytes in the file.
    line : int
        The 1-based line it begins in.
    digest : bytes
        SHA-256 of the bytes, so that a file that changes meanwhile is noticed.
    """

    file: int
    offset: int
    length: int
    line: int
    digest: bytes = field(repr=False)


class TaskStore:
    """Files that each hold one JSON array of tasks, such as an export of a project.

    Constructing it reads nothing.  Of all that it read it keeps only the faults.

    Parameters
    ----------
    files : sequence of str
        Paths or URLs, in the order in which they are read.
    names : sequence of str or None
        What faults and records call them, where that is something else.
    """

    def __init__(self, files: Sequence[str], *, names: Sequence[str] | None = None) -> None:
        self.files = tuple(files if names is None else names)
        self._paths = tuple(files)
        self.faults = FaultLog()

    def tasks(self) -> Iterator[tuple[Place, Task]]:
        """Every task that is valid JSON, in the order of the files.

        What is wrong with the others, or with a file, is added to :attr:`faults`.

        Raises
        ------
        SpecError
            A file does not exist or cannot be read.
        """
        for number, file in enumerate(self.files):
            try:
                with open_file(self._paths[number]) as stream:
                    for item in array_items(stream, file=file):
                        task = self._parsed(item, file)
                        if task is not None:
                            yield _place(number, item), task
                        elif len(self.faults) >= MAX_ENTRY_FAULTS:
                            expected = f"at most {MAX_ENTRY_FAULTS} faults"
                            got = "more, which are not named"
                            self.faults.add(
                                Fault(code="limits.entries", file=file, expected=expected, got=got)
                            )
                            return
            except DocumentError as error:
                self._refuse(error, file)
            except RefusedFileError as error:
                self.faults.add(error.to_fault())
            except OSError as error:
                raise SpecError(f"cannot read {file}: {error.strerror or error}") from None

    def task(self, place: Place) -> Task:
        """One task again.

        Raises
        ------
        SpecError
            The file is not there any more, or it changed since it was walked through.
        """
        file = self.files[place.file]
        try:
            with open_file(self._paths[place.file]) as stream:
                stream.seek(place.offset)
                data = stream.read(place.length)
        except (OSError, RefusedFileError) as error:
            raise SpecError(f"cannot read {file} again: {error}") from None
        if hashlib.sha256(data).digest() != place.digest:
            raise SpecError(f"{file} changed while it was read")
        task = parse_json(data, file=file)
        if not isinstance(task, dict):  # the very bytes were an object before
            raise SpecError(f"{file} changed while it was read")
        return task

    def _parsed(self, item: ArrayItem, file: str) -> Task | None:
        try:
            task = parse_json(item.data, file=file)
        except DocumentError as error:
            self._refuse(error, file, task_id=leading_id(item.data), line=item.line)
            return None
        return task if isinstance(task, dict) else None

    def _refuse(
        self, error: DocumentError, file: str, *, task_id: int | None = None, line: int = 0
    ) -> None:
        # Within a task lines are counted from its own first one.
        place = (error.line or 1) + line - 1 if line else error.line
        got = error.problem if place is None else f"line {place}: {error.problem}"
        self.faults.add(Fault(code=error.code, file=file, image_id=task_id, got=got))


def _place(number: int, item: ArrayItem) -> Place:
    return Place(
        file=number,
        offset=item.offset,
        length=len(item.data),
        line=item.line,
        digest=hashlib.sha256(item.data).digest(),
    )
