"""The objects of a long list in a JSON document, column by column, without making them objects.

Making a dict of every annotation takes most of the time of reading a large file.  Where the
compiled kernels are in use, they find the values in the text instead.  Whatever they do not
understand, or json would refuse, is left to :func:`~segcore.strict_json.parse_json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.kernels import JsonSpans, JsonTexts
from segcore.limits import MAX_DOCUMENT_BYTES
from segcore.strict_json import fits

__all__ = ["JsonRows", "as_float"]

_NUMBER_BEGINS: Final = frozenset(b"-0123456789")

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JsonRows:
    """Rows of a document that was found sound as a whole.

    Attributes
    ----------
    data : bytes
        The document.
    fields : dict
        The column of every field; that of an object within a row is called ``outer.inner``.
    """

    data: bytes
    fields: dict[str, int]
    _spans: JsonSpans

    @classmethod
    def find(cls, data: bytes, *, list_name: str, fields: Sequence[str]) -> JsonRows | None:
        """The rows of ``data``, or None where it is to be parsed instead.

        Parameters
        ----------
        data : bytes
            The whole file.
        list_name : str
            The key of the list in the outermost object; empty where the document is the list.
        fields : sequence of str
            What is wanted of a row.  ``outer`` stands before ``outer.inner``.
        """
        kernels.prepare(0, json_bytes=len(data))
        if not kernels.compiled_in_use() or len(data) > MAX_DOCUMENT_BYTES or not fits(data):
            return None
        try:
            if not data.isascii():
                data.decode("utf-8")
        except UnicodeDecodeError:
            return None
        columns = {name: column for column, name in enumerate(fields)}
        spans = kernels.json_spans(
            np.frombuffer(data, np.uint8),
            list_name=list_name.encode(),
            names=[name.rpartition(".")[2].encode() for name in fields],
            parents=[columns.get(name.rpartition(".")[0], -1) for name in fields],
        )
        return None if spans is None else cls(data=data, fields=columns, _spans=spans)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._spans.begins)

    def without_rows(self) -> bytes:
        """The document with an empty list in place of the rows."""
        return self.data[: self._spans.begin] + b"[]" + self.data[self._spans.end :]

    def parsed(self) -> list[Any]:
        """The rows as json gives them."""
        rows: list[Any] = json.loads(self.data[self._spans.begin : self._spans.end].decode())
        return rows

    def has(self, field: str) -> Bools:
        """Which rows have the field: bool (rows,)."""
        present: Bools = self._spans.begins[:, self.fields[field]] > 0
        return present

    def value(self, row: int, field: str) -> Any:
        """One value as json gives it; None where the row has no such field."""
        column = self.fields[field]
        begin, end = int(self._spans.begins[row, column]), int(self._spans.ends[row, column])
        return json.loads(self.data[begin:end].decode()) if begin else None

    def values(self, field: str) -> list[Any]:
        """Those of all rows; what is written alike is parsed once."""
        column, data = self.fields[field], self.data
        known: dict[bytes, Any] = {b"": None}
        found = []
        for begin, end in zip(
            self._spans.begins[:, column].tolist(), self._spans.ends[:, column].tolist(), strict=True
        ):
            text = data[begin:end] if begin else b""
            if text not in known:
                known[text] = json.loads(text.decode())
            found.append(known[text])
        return found

    def integers(self, field: str, *, missing: int | None = None) -> Integers | None:
        """The integers of a field, int64 (rows,), all of at most 2**53; None where one is not.

        ``missing`` stands for those of rows without the field; without it, they must have one.
        """
        values, _, integers = self._numbers(field)
        found = values[:, 0]
        if missing is not None:
            absent = ~self.has(field)
            found[absent], integers[absent] = missing, True
        return found.astype(np.int64) if integers.all() else None

    def numbers(self, field: str) -> Floats:
        """The numbers of a field as float() gives them, float64 (rows,); NaN where it is none."""
        values, exact, _ = self._numbers(field)
        found = values[:, 0]
        data, column = self.data, self.fields[field]
        rows = np.flatnonzero(~exact & self.has(field))
        begins, ends = (at[rows, column].tolist() for at in (self._spans.begins, self._spans.ends))
        found[rows] = [
            as_float(float(data[begin:end])) if data[begin] in _NUMBER_BEGINS else np.nan
            for begin, end in zip(begins, ends, strict=True)
        ]
        return found

    def number_lists(self, field: str, *, length: int) -> tuple[Floats, Bools]:
        """The numbers of lists of one length.

        Returns
        -------
        values : float64 (rows, length)
            NaN where the value is no such list, or the number none.
        integers : bool (rows,)
            Where it is one of integers below 2**53.
        """
        values, exact, integers = self._numbers(field, length=length)
        for row in np.flatnonzero(~exact & self.has(field)).tolist():
            items = self.value(row, field)
            if isinstance(items, list) and len(items) == length:
                values[row] = [as_float(item) for item in items]
        return values, integers

    def texts(self, field: str, rows: Integers, *, where: Bools) -> JsonTexts:
        """The texts of a field in some rows, but for those where ``where`` is False."""
        column = self.fields[field]
        begins, ends = (
            np.where(where, found[rows, column], 0).astype(np.int64)
            for found in (self._spans.begins, self._spans.ends)
        )
        return kernels.json_texts(np.frombuffer(self.data, np.uint8), begins, ends)

    def _numbers(self, field: str, *, length: int = 0) -> tuple[Floats, Bools, Bools]:
        begins = self._spans.begins[:, self.fields[field]].astype(np.int64)
        return kernels.json_numbers(np.frombuffer(self.data, np.uint8), begins, length=length)


def as_float(value: object) -> float:
    """A number as a double, NaN for what is none or beyond 1e300."""
    if (type(value) is float or type(value) is int) and -1e300 < value < 1e300:
        return float(value)
    return float("nan")
