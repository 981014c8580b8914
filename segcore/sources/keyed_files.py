"""Folders that hold one file for each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segcore.errors import RefusedFileError, SpecError
from segcore.faults import Fault, FaultLog
from segcore.files import Entry, composed, read_bytes
from segcore.image_attributes import FOLDER, Attributes, merged
from segcore.wording import printable

__all__ = ["folders_of", "gone", "one_file_a_key", "read_entry"]


def one_file_a_key(
    found: Mapping[str, Sequence[Entry]], *, suffix: str
) -> tuple[dict[str, Entry], list[Fault]]:
    """The files whose image key no other has.

    Parameters
    ----------
    found : mapping of str to sequence of Entry
        The files by image key, at least one each.
    suffix : str
        What is left of the name where the key is empty, for the fault.

    Returns
    -------
    files : dict of str to Entry
        Sorted by key.
    faults : list of Fault
        One for every key of several files, and one for every file without a name.
    """
    unique: dict[str, Entry] = {}
    faults: list[Fault] = []
    for key in sorted(found):
        first, *others = found[key]
        if key and not others:
            unique[key] = first
            continue
        if not key:
            expected, got = f"a name in front of {suffix}", printable(repr(suffix))
            faults += [
                Fault(code="path.unsafe", file=e.location, expected=expected, got=got)
                for e in found[key]
            ]
            continue
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        paths = [entry.path for entry in found[key]]
        twins = len(set(map(composed, paths))) < len(paths)
        # Twins look the same: their letters are written out.
        also = printable(ascii(paths[1]) if twins else paths[1])
        faults.append(
            Fault(
                code="delivery.duplicate_image" if twins else "delivery.ambiguous_image",
                file=first.location,
                image=key,
                expected="one file an image",
                got=f"also {also}{more}",
            )
        )
    return unique, faults


def folders_of(entry: Entry | None) -> Attributes:
    """The names of the folders a listed file lies in, below the one that was listed, as attributes."""
    return merged([(FOLDER, [] if entry is None else entry.path.split("/")[:-1])])


def read_entry(entry: Entry, *, key: str, limit: int, faults: FaultLog) -> bytes | None:
    """The content of one file of a listed folder; None, and a fault, where it cannot be read."""
    file = entry.location
    try:
        return read_bytes(file, limit=limit)
    except RefusedFileError as error:
        faults.add(error.to_fault(image=key))
    except SpecError as error:
        # It was there when the folder was listed: gone since then, or not for us to read.
        faults.add(gone(file, key=key, got=printable(str(error).replace(file, "this file"))))
    return None


def gone(file: str, *, key: str, got: str = "no such file any more") -> Fault:
    """The fault of a file that was listed and cannot be read."""
    expected = "a readable file"
    return Fault(code="path.not_regular", file=file, image=key, expected=expected, got=got)
