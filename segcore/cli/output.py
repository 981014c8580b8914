"""What the commands print and write: printable text, tables, progress, files whole or absent."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from segcore.errors import UsageError
from segcore.wording import escaped

__all__ = [
    "csv_text",
    "json_text",
    "move",
    "progress",
    "require_destination",
    "share",
    "table_text",
    "write",
]

STDOUT: Final = "-"
"""The file name that means standard output."""

PATIENCE_S: Final = 2.0
"""Work shorter than this shows no progress bar."""

_CANNOT_SYNC: Final = frozenset({errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EPERM})
"""What file systems say that have no such thing, and folders that may be written and not listed."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def share(value: float | None) -> str:
    """A share with four digits, or a dash where it is undefined."""
    return "-" if value is None else f"{value:.4f}"


def table_text(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, notes: Sequence[str] = ()
) -> str:
    """A table for the terminal, first column left, the others right, every cell made printable.

    Returns
    -------
    str
        With colours only where standard output is a terminal that takes them.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(
            Text(heading), justify="right" if i else "left", overflow="fold", no_wrap=bool(i)
        )
    for row in rows:
        table.add_row(*(Text(escaped(cell)) for cell in row))
    terminal = sys.stdout.isatty()
    # as wide as it is, on a terminal too: rich cuts columns, and a number that is cut is a wrong one
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=400)
    console.print(table)
    for note in notes:
        console.print(Text(escaped(note)), soft_wrap=True)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def json_text(document: Mapping[str, Any]) -> str:
    """Canonical JSON: sorted keys, ASCII, no NaN, a line feed at the end.

    A key a line, and of a list an item a line: a fault, a class or a row of a matrix each.
    """
    return "".join(_json_parts(document, "\n")) + "\n"


def _json_parts(value: object, margin: str) -> Iterator[str]:
    # With an indent json.dumps does without its compiled half and takes four times as long.
    inner = f"{margin}  "
    if isinstance(value, Mapping) and value:
        for i, key in enumerate(sorted(value)):
            yield f"{',' if i else '{'}{inner}{json.dumps(key)}: "
            yield from _json_parts(value[key], inner)
        yield f"{margin}}}"
    elif isinstance(value, (list, tuple)) and value:
        for i, item in enumerate(value):
            yield f"{',' if i else '['}{inner}"
            yield json.dumps(item, sort_keys=True, allow_nan=False)
        yield f"{margin}]"
    else:
        yield json.dumps(value, sort_keys=True, allow_nan=False)


def csv_text(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV as RFC 4180 has it; None is an empty cell.

    Text that a spreadsheet would run as a formula is preceded by an apostrophe; numbers are not.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(headings)
    for row in rows:
        writer.writerow([_neutral(cell) if isinstance(cell, str) else cell for cell in row])
    return stream.getvalue()


def _neutral(cell: str) -> str:
    cell = escaped(cell)
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def require_destination(file: str | None) -> None:
    """Refuse a destination that cannot be written, before the work is done.

    Raises
    ------
    UsageError
        ``file`` is a folder, or lies in a folder that does not exist.
    """
    if file is None or file == STDOUT:
        return
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"cannot write {file}: it is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {file}: there is no folder {path.parent}; make it first")


def write(file: str, text: str | bytes) -> None:
    """Write ``text``, as UTF-8, or bytes; ``file`` is the old one or the whole new one, never a part.

    ``-`` is standard output, for text.  A device or pipe is written to, not replaced.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    if file == STDOUT and isinstance(text, str):
        sys.stdout.write(text)
        return
    path = Path(os.path.realpath(file))
    data = text.encode("utf-8") if isinstance(text, str) else text
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path, data)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error


def _replace(path: Path, data: bytes) -> None:
    # A process number is not enough: on a shared folder each container has a process 1.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def move(file: Path, target: Path) -> None:
    """Move a file of the same file system so that ``target`` is the old one or the whole new one.

    Raises
    ------
    OSError
        The file cannot be moved.
    """
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
    file.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names of a folder outlive a power failure, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:  # the file itself is written
            raise


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on standard error for work that takes longer than two seconds.

    Yields
    ------
    callable (done, total) or None
        None where standard error is not a terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(escaped(what), total=None)
    began = time.monotonic()

    def report(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        if not bar.live.is_started and done < total and time.monotonic() - began > PATIENCE_S:
            bar.start()

    try:
        yield report
    finally:
        bar.stop()
