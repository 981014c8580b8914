"""Files and folders of untrusted input: regular files only, limited, never a link, never a wait.

A local path is checked before and after it is opened, so that neither a pipe nor a device can
block the run.  A location with a scheme (``s3://``, ``memory://``, ``simplecache::https://``)
goes through fsspec, which is imported only then.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit

from segcore.errors import MissingExtraError, NoSuchFileError, RefusedFileError, SpecError
from segcore.faults import Fault
from segcore.limits import MAX_FOLDER_ENTRIES
from segcore.wording import printable

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Entry", "below", "composed", "list_files", "open_file", "read_bytes"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(?:://|::)")
_OPEN_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A regular file below a listed folder.

    Attributes
    ----------
    folder : str
        As it was given.
    path : str
        Relative to the folder, with ``/`` between its parts.
    """

    folder: str
    path: str

    @property
    def location(self) -> str:
        """What :func:`read_bytes` takes and faults name."""
        return below(self.folder, self.path)


def composed(name: str) -> str:
    """``name`` with composed letters (Unicode NFC): some systems take every accent off its letter."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def read_bytes(location: str, *, limit: int, follow_symlinks: bool = False) -> bytes:
    """The whole content of one regular file.

    Parameters
    ----------
    location : str
        A local path, or a URL any fsspec file system understands.
    limit : int
        The most bytes the file may have.
    follow_symlinks : bool
        True for a document the user names; False for the files of a delivered folder.

    Raises
    ------
    SpecError
        There is no such file, or it cannot be opened.
    RefusedFileError
        It is a link, not a regular file, or larger than ``limit``.
    """
    path = _local_path(location)
    if path is None:
        return _read_remote(location, limit=limit)
    try:
        fd, size = _open_regular(path, location, limit=limit, follow_symlinks=follow_symlinks)
        try:
            data = _read_all(fd, size=size, limit=limit)
        finally:
            os.close(fd)
    except FileNotFoundError:
        raise NoSuchFileError(f"no such file: {printable(location, limit=400)}") from None
    except (OSError, ValueError) as error:
        raise _unreadable(location, error) from None
    if len(data) > limit:
        raise _too_large(location, limit=limit, got=f"more than {limit} bytes")
    return data


def open_file(location: str, *, follow_symlinks: bool = True) -> BinaryIO:
    """One regular file, to be read block by block; it may be of any size.

    Parameters
    ----------
    location : str
        A local path, or a URL any fsspec file system understands.
    follow_symlinks : bool
        True for a document the user names; False for the files of a delivered folder.

    Returns
    -------
    BinaryIO
        Seekable; the caller closes it.

    Raises
    ------
    SpecError
        There is no such file, or it cannot be opened.
    RefusedFileError
        It is a link that is not followed, or not a regular file.
    """
    path = _local_path(location)
    if path is None:
        return _open_remote(location)
    try:
        fd, _ = _open_regular(path, location, limit=None, follow_symlinks=follow_symlinks)
        return os.fdopen(fd, "rb")
    except FileNotFoundError:
        raise NoSuchFileError(f"no such file: {printable(location, limit=400)}") from None
    except (OSError, ValueError) as error:
        raise _unreadable(location, error) from None


def list_files(folder: str, *, suffix: str) -> tuple[list[Entry], list[Fault]]:
    """Every regular file below ``folder`` whose name ends with ``suffix``, at any depth.

    Parameters
    ----------
    folder : str
        A local folder, or a URL any fsspec file system understands.
    suffix : str
        Such as ``.png``; upper and lower case are the same.

    Returns
    -------
    entries : list of Entry
        Sorted by path.
    faults : list of Fault
        Links, special files and unsafe names, which are left out; sorted.  Too many entries give
        one fault and no entries.

    Raises
    ------
    SpecError
        There is no such folder, or it is a file.
    """
    root = _local_path(folder)
    walked = _walk_remote(folder) if root is None else _walk_local(root, folder)
    suffix = suffix.lower()
    entries: list[Entry] = []
    faults: list[Fault] = []
    for count, (path, problem) in enumerate(walked, start=1):
        if count > MAX_FOLDER_ENTRIES:
            limit = f"at most {MAX_FOLDER_ENTRIES} files and folders"
            return [], [Fault(code="limits.entries", file=folder, expected=limit, got="more")]
        if not _is_safe(path):
            name = path.rstrip("/").rpartition("/")[2]
            problem = ("path.unsafe", "a printable UTF-8 name", printable(name))
        if problem is not None:
            code, expected, got = problem
            location = printable(below(folder, path).rstrip("/"), limit=400)
            faults.append(Fault(code=code, file=location, expected=expected, got=got))
        elif path.lower().endswith(suffix):
            entries.append(Entry(folder=folder, path=path))
    entries.sort(key=lambda entry: entry.path)
    faults.sort(key=Fault.sort_key)
    return entries, faults


_Problem = tuple[str, str, str]
_Found = tuple[str, _Problem | None]
"""Relative path, and (code, expected, got) where it is not a regular file."""

_LINK: Final = ("path.symlink", "a regular file or folder", "a symbolic link")


def _walk_local(root: str, folder: str) -> Iterator[_Found]:
    pending = [""]
    while pending:
        parent = pending.pop()
        try:
            scan = os.scandir(os.path.join(root, parent))  # noqa: PTH118  (a hot loop)
        except (OSError, ValueError) as error:
            if parent == "":
                raise _not_a_folder(folder, error) from None
            got = printable(getattr(error, "strerror", None) or "unreadable")
            yield parent, ("path.not_regular", "a readable folder", got)
            continue
        with scan:
            for item in scan:
                path = parent + item.name
                if item.is_symlink():
                    yield path, _LINK
                elif item.is_dir(follow_symlinks=False):
                    pending.append(f"{path}/")
                    # Folders count towards the limit of entries; the suffix never fits the slash.
                    yield f"{path}/", None
                elif item.is_file(follow_symlinks=False):
                    yield path, None
                else:
                    yield path, ("path.not_regular", "a regular file", _kind_of(item))


def _kind_of(item: os.DirEntry[str]) -> str:
    try:
        return _kind(item.stat(follow_symlinks=False).st_mode)
    except OSError:  # it is gone since it was listed
        return "nothing any more"


def _open_regular(
    path: str, location: str, *, limit: int | None, follow_symlinks: bool
) -> tuple[int, int]:
    """A descriptor of a regular file, and its size in bytes."""
    # Looked at first: opening a device can already have an effect.
    status = os.stat(path, follow_symlinks=follow_symlinks)  # noqa: PTH116  (a hot path)
    _require_regular(status, location, limit=limit)
    fd = os.open(path, _OPEN_FLAGS | (0 if follow_symlinks else _NO_FOLLOW))
    try:
        status = os.fstat(fd)
        _require_regular(status, location, limit=limit)
    except RefusedFileError:
        os.close(fd)
        raise
    return fd, status.st_size


def _require_regular(status: os.stat_result, location: str, *, limit: int | None = None) -> None:
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        raise RefusedFileError(
            "path.symlink", file=location, expected="a regular file", got="a symbolic link"
        )
    if not stat.S_ISREG(mode):
        raise RefusedFileError(
            "path.not_regular", file=location, expected="a regular file", got=_kind(mode)
        )
    if limit is not None and status.st_size > limit:
        raise _too_large(location, limit=limit, got=f"{status.st_size} bytes")


def _read_all(fd: int, *, size: int, limit: int) -> bytes:
    # One byte more than expected, so that the end of the file shows in the first read.
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    parts, total = [data], len(data)
    while parts[-1] and total <= limit:
        parts.append(os.read(fd, min(1 << 20, limit + 1 - total)))
        total += len(parts[-1])
    return b"".join(parts)


def _kind(mode: int) -> str:
    names = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for is_kind, name in names if is_kind(mode)), "a special file")


def _too_large(location: str, *, limit: int, got: str) -> RefusedFileError:
    return RefusedFileError("limits.bytes", file=location, expected=f"at most {limit} bytes", got=got)


def _is_safe(path: str) -> bool:
    if path.isascii():
        return path.isprintable() and ".." not in path.split("/")
    return ".." not in path.split("/") and not any(
        unicodedata.category(c) in _UNSAFE_CATEGORIES or c in _DIRECTION_CONTROLS for c in path
    )


def _unreadable(location: str, error: Exception) -> SpecError:
    why = printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, limit=200)
    return SpecError(f"cannot read {printable(location, limit=400)}: {why}")


def _not_a_folder(folder: str, error: Exception) -> SpecError:
    shown = printable(folder, limit=400)
    if isinstance(error, FileNotFoundError):
        return SpecError(f"no such folder: {shown}")
    if isinstance(error, NotADirectoryError):
        return SpecError(f"not a folder: {shown} (a folder of files is expected here)")
    return _unreadable(folder, error)


def _local_path(location: str) -> str | None:
    """The path of a local location, None where fsspec has to be asked."""
    if _SCHEME.match(location) is None:
        return location
    if location.startswith("file://") and "::" not in location:
        from urllib.request import url2pathname  # loads ssl

        return url2pathname(urlsplit(location).path)
    return None


# ---- fsspec


def _file_system(location: str) -> tuple[AbstractFileSystem, str]:
    import fsspec.core

    try:
        return fsspec.core.url_to_fs(location)  # type: ignore[no-any-return]
    except ImportError as error:
        raise MissingExtraError(
            f"cannot read {printable(location, limit=400)}: {printable(str(error), limit=200)}"
        ) from None
    except Exception as error:  # each file system has exceptions of its own
        raise _unreadable(location, error) from None


def _read_remote(location: str, *, limit: int) -> bytes:
    fs, path = _file_system(location)
    try:
        info = fs.info(path)
        kind, size = info.get("type", "file"), info.get("size")
        data = b""
        if kind == "file" and not (size is not None and size > limit):
            with fs.open(path, "rb") as stream:
                data = stream.read(limit + 1)
    except FileNotFoundError:
        raise NoSuchFileError(f"no such file: {printable(location, limit=400)}") from None
    except Exception as error:  # each file system has exceptions of its own
        raise _unreadable(location, error) from None
    if kind != "file":
        got = "a folder" if kind == "directory" else printable(str(kind))
        raise RefusedFileError("path.not_regular", file=location, expected="a regular file", got=got)
    if (size is not None and size > limit) or len(data) > limit:
        raise _too_large(location, limit=limit, got=f"{size or 'more'} bytes")
    return data


def _open_remote(location: str) -> BinaryIO:
    fs, path = _file_system(location)
    try:
        kind = fs.info(path).get("type", "file")
        if kind == "file":
            return fs.open(path, "rb")  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise NoSuchFileError(f"no such file: {printable(location, limit=400)}") from None
    except Exception as error:  # each file system has exceptions of its own
        raise _unreadable(location, error) from None
    got = "a folder" if kind == "directory" else printable(str(kind))
    raise RefusedFileError("path.not_regular", file=location, expected="a regular file", got=got)


def _walk_remote(folder: str) -> Iterator[_Found]:
    fs, root = _file_system(folder)
    try:
        if not fs.isdir(root):
            problem = NotADirectoryError() if fs.exists(root) else FileNotFoundError()
            raise _not_a_folder(folder, problem)
        found: dict[str, dict[str, object]] = fs.find(root, withdirs=False, detail=True)
    except SpecError:
        raise
    except Exception as error:  # each file system has exceptions of its own
        raise _not_a_folder(folder, error) from None
    prefix = root.rstrip("/") + "/"
    for full, info in sorted(found.items()):
        path = full.removeprefix(prefix)
        problem_: _Problem | None = None
        if info.get("islink"):
            problem_ = _LINK
        elif info.get("type", "file") != "file":
            problem_ = ("path.not_regular", "a regular file", printable(str(info.get("type"))))
        yield path, problem_


def below(folder: str, path: str) -> str:
    """``folder/path``; in a chain such as ``zip://a::s3://b.zip`` the first path grows."""
    links = folder.split("::")
    i = next((i for i, link in enumerate(links) if "://" in link), len(links) - 1)
    links[i] = f"{links[i].rstrip('/')}/{path}" if not links[i].endswith("://") else links[i] + path
    return "::".join(links)
