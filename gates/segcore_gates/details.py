"""The small table that some records carry, as lines and as cells."""

from __future__ import annotations

from typing import Final

from segcore.wording import escaped
from segcore_gates.records import Plain, Record

__all__ = ["detail_cells", "details_lines"]

_ROWS: Final = 10


def detail_cells(record: Record) -> list[tuple[str, ...]]:
    """The heading, then every row that the record carries, as text that is not escaped.

    Returns
    -------
    list of tuple of str
        Empty where there are no details.
    """
    if not record.details:
        return []
    return [tuple(record.details[0]), *(tuple(map(_text, row.values())) for row in record.details)]


def details_lines(record: Record, *, rows: int = _ROWS) -> list[str]:
    """The first rows below their heading, for a terminal; escaped.

    Parameters
    ----------
    record : Record
        One that has details.
    rows : int
        The most that are shown; how many there are besides is said.
    """
    heading, *cells = detail_cells(record)
    shown = [heading, *cells[:rows]]
    texts = [[escaped(cell) for cell in row] for row in shown]
    wide = [max(map(len, column)) for column in zip(*texts, strict=True)]
    numeric = [not isinstance(value, str) for value in record.details[0].values()]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, wide, numeric, strict=True)
        ).rstrip()
        for row in texts
    ]
    more = record.details_total - min(rows, len(cells))
    return [f"  {line}" for line in lines] + ([f"  and {more} more"] if more > 0 else [])


def _text(value: Plain) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
