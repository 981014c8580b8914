"""The file in which a policy says what no source says of its images: a CSV, one image a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segcore.errors import RefusedFileError, SpecError
from segcore.files import composed, read_bytes
from segcore.image_attributes import TAG, text_values
from segcore.sources.coco_document import image_key
from segcore.wording import did_you_mean, printable, show
from segcore_gates.errors import PolicyError, PolicyProblem

__all__ = ["AttributeTable", "load_attributes"]

IMAGE: Final = "image"
"""The column that names the image."""

_MAX_BYTES: Final = 64 << 20
_MAX_COLUMNS: Final = 100
_MAX_PROBLEMS: Final = 20
_SEPARATOR: Final = ";"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTable:
    """What the file says.

    Attributes
    ----------
    file : str
    columns : tuple of str
        The attributes it tells, also of images it says nothing of.
    rows : mapping of str to mapping
        By image as the file names it; attributes without a value are left out.
    lines : mapping of str to int
        Where each image stands.
    """

    file: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, tuple[str, ...]]]
    lines: Mapping[str, int]

    def by_key(self, keys: Iterable[str]) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """The rows by image key.

        A row names a key, or a file whose name without folders and extension is one.

        Parameters
        ----------
        keys : iterable of str
            Of gold and delivery.

        Raises
        ------
        PolicyError
            A row names an image that neither side has, or two rows name one.
        """
        known = frozenset(keys)
        found: dict[str, Mapping[str, tuple[str, ...]]] = {}
        taken: dict[str, int] = {}
        problems = []
        for name, row in self.rows.items():
            stem = image_key(name)
            key = name if name in known or stem is None else stem
            line = self.lines[name]
            if key not in known:
                hint = did_you_mean(key, sorted(known))
                message = f"neither gold nor delivery has an image {show(name)}{hint}"
                problems.append(_problem(self.file, line, message))
            elif key in taken:
                message = f"image {show(name)} is the one of line {taken[key]}"
                problems.append(_problem(self.file, line, message))
            else:
                taken[key] = line
                found[key] = row
        if problems:
            raise PolicyError(_few(problems, self.file))
        return found


def load_attributes(path: Path) -> AttributeTable:
    """Read and check a file of attributes.

    It is UTF-8, separated by commas.  The first line names the columns, one of them ``image``; a cell
    with a semicolon holds several values, an empty one none.

    Raises
    ------
    PolicyError
        It cannot be used; carries all problems, with their lines.
    """
    file = str(path)
    try:
        data = read_bytes(file, limit=_MAX_BYTES, follow_symlinks=True)
        text = data.decode("utf-8-sig")
    except RefusedFileError as error:
        message = f"expected {error.expected}, got {error.got}"
        raise PolicyError([_problem(file, None, message, code=error.code)]) from None
    except SpecError as error:
        message = printable(str(error).removesuffix(f": {file}"), limit=400)
        raise PolicyError([_problem(file, None, message)]) from None
    except UnicodeDecodeError:
        raise PolicyError([_problem(file, None, "the file is not UTF-8 text")]) from None
    return _Reader(file).read(text)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[PolicyProblem] = []
        self._columns: list[str] = []
        self._rows: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._lines: dict[str, int] = {}

    def read(self, text: str) -> AttributeTable:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        begins = 1
        try:
            for cells in reader:
                if not self._columns:
                    self._head(cells, begins)
                elif cells:
                    self._row(cells, begins)
                begins = reader.line_num + 1
        except csv.Error as error:
            self._refuse(begins, f"not a line of CSV: {printable(str(error))}")
        if not self._columns:
            self._refuse(1, "the file is empty: its first line names the columns")
        if self._problems:
            raise PolicyError(_few(self._problems, self._file))
        columns = tuple(name for name in self._columns if name != IMAGE)
        return AttributeTable(file=self._file, columns=columns, rows=self._rows, lines=self._lines)

    def _refuse(self, line: int, message: str) -> None:
        self._problems.append(_problem(self._file, line, message))

    def _head(self, cells: list[str], line: int) -> None:
        names = ["".join(text_values(cell)) for cell in cells]
        names = [TAG if name == "tags" else name for name in names]
        if len(names) > _MAX_COLUMNS:
            self._refuse(line, f"{len(names)} columns, at most {_MAX_COLUMNS} are read")
        if len(names) == 1 and _SEPARATOR in names[0]:
            self._refuse(line, "the columns are separated by semicolons: save the file with commas")
        elif IMAGE not in names:
            hint = did_you_mean(IMAGE, names)
            self._refuse(line, f"no column is called {IMAGE!r}{hint} (there are {', '.join(names)})")
        elif len(names) < 2:
            self._refuse(line, f"there is no column beside {IMAGE!r}")
        for at, name in enumerate(names):
            if not name:
                self._refuse(line, f"column {at + 1} has no name")
            elif name in names[:at]:
                self._refuse(line, f"the column {show(name)} is there twice")
        if self._problems:
            raise PolicyError(self._problems)
        self._columns = names

    def _row(self, cells: list[str], line: int) -> None:
        if len(cells) != len(self._columns):
            self._refuse(line, f"{len(cells)} cells, and there are {len(self._columns)} columns")
            return
        row = dict(zip(self._columns, cells, strict=True))
        image = composed(row.pop(IMAGE).strip())
        if not image:
            self._refuse(line, f"the column {IMAGE!r} is empty")
        elif image in self._rows:
            self._refuse(line, f"image {show(image)} stands in line {self._lines[image]} already")
        else:
            self._lines[image] = line
            values = {name: text_values(cell.split(_SEPARATOR)) for name, cell in row.items()}
            self._rows[image] = {name: held for name, held in values.items() if held}


def _problem(
    file: str, line: int | None, message: str, *, code: str = "policy.bad_value"
) -> PolicyProblem:
    return PolicyProblem(code=code, file=file, line=line, path="", message=message)


def _few(problems: list[PolicyProblem], file: str) -> list[PolicyProblem]:
    more = len(problems) - _MAX_PROBLEMS
    shown = problems[:_MAX_PROBLEMS]
    return [*shown, _problem(file, None, f"and {more} more problems")] if more > 0 else shown
