"""A folder of our own: files that are whole or not there, for their owner only."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from segcore.errors import RefusedFileError, SpecError
from segcore.files import read_bytes
from segcore.limits import MAX_DOCUMENT_BYTES
from segcore.wording import printable

__all__ = [
    "PART",
    "content_of",
    "locked",
    "opened_for_writing",
    "sync_folder",
    "usable_folder",
    "write_all",
    "write_file",
]

PART: Final = ".part"
"""What the name of a file ends with until it is whole."""

_LOCK: Final = "lock"
_LOCK_TRIES: Final = 600


@contextmanager
def usable_folder(folder: Path) -> Iterator[None]:
    """A folder of ours; what goes wrong with its files is said with its name."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise SpecError(f"{printable(str(folder), limit=400)} is not a folder")
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            raise SpecError(f"{printable(str(folder), limit=400)} belongs to another user")
        folder.chmod(0o700)
        yield
    except OSError as error:
        why = printable(error.strerror or type(error).__name__, limit=200)
        raise SpecError(f"cannot write {printable(str(folder), limit=400)}: {why}") from None


@contextmanager
def locked(folder: Path, *, sleep: Callable[[float], None]) -> Iterator[None]:
    """Alone in the folder; a lock dies with its process, so a killed pull blocks nobody."""
    with opened_for_writing(folder / _LOCK) as fd:
        if sys.platform != "win32":
            import fcntl

            for _ in range(_LOCK_TRIES):
                with suppress(BlockingIOError):
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                sleep(1.0)
            else:
                raise SpecError(f"another pull uses {printable(str(folder), limit=400)}")
        yield


@contextmanager
def opened_for_writing(path: Path) -> Iterator[int]:
    """The descriptor of an empty file; never one a link leads to."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    fd = os.open(path, flags, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole: after a crash it is the old one or the new one."""
    part = path.with_name(path.name + PART)
    with opened_for_writing(part) as fd:
        write_all(fd, data)
        os.fsync(fd)
    part.replace(path)
    sync_folder(path.parent)


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``; the system may take it in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names of a folder outlive a crash, where the system can."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def content_of(path: Path) -> bytes | None:
    """The file, None where it is not there or not to be trusted."""
    try:
        return read_bytes(str(path), limit=MAX_DOCUMENT_BYTES)
    except (SpecError, RefusedFileError):
        return None
