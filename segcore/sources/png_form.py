"""The form of the PNG masks of a folder, from their headers."""

from __future__ import annotations

from typing import Final

from segcore.errors import RefusedFileError, RefusedMaskError, SpecError
from segcore.faults import FaultLog
from segcore.files import Entry, open_file
from segcore.fingerprint import FingerprintBuilder, FormatField
from segcore.limits import MAX_MASK_BYTES
from segcore.masks.png_chunks import parse_png
from segcore.masks.png_header import PngHeader, read_header
from segcore.sources.keyed_files import read_entry

__all__ = ["PNG_FIELDS", "add_png", "add_png_header"]

PNG_FIELDS: Final = (
    FormatField.FILE_SUFFIX,
    FormatField.ENCODING,
    FormatField.BIT_DEPTH,
    FormatField.CHANNELS,
    FormatField.PALETTE,
    FormatField.IMAGE_SIZES,
)
"""What every PNG has."""


def add_png(found: FingerprintBuilder, entry: Entry, *, key: str, faults: FaultLog) -> None:
    """Note the form of one mask; a fault where it cannot be read.

    Parameters
    ----------
    found : FingerprintBuilder
    entry : Entry
    key : str
        The image.
    faults : FaultLog
        Gets the fault that reading the mask would give.
    """
    header = _header(entry)
    if header is None:  # nothing usual: whoever reads all of it says what is wrong
        data = read_entry(entry, key=key, limit=MAX_MASK_BYTES, faults=faults)
        if data is None:
            return
        try:
            header = PngHeader.of(parse_png(data))
        except RefusedMaskError as error:
            faults.extend(error.to_faults(file=entry.location, image=key))
            return
    add_png_header(found, header, key=key)


def add_png_header(found: FingerprintBuilder, header: PngHeader, *, key: str) -> None:
    """Note what the header of a mask says."""
    found.add(FormatField.ENCODING, header.color_type.label, image=key)
    found.add(FormatField.BIT_DEPTH, header.bit_depth, image=key)
    found.add(FormatField.CHANNELS, header.color_type.samples, image=key)
    found.add(FormatField.PALETTE, header.colors, image=key)
    found.add_size(header.height, header.width, image=key)


def _header(entry: Entry) -> PngHeader | None:
    try:
        with open_file(entry.location, follow_symlinks=False) as stream:
            return read_header(stream)
    except (RefusedFileError, SpecError, OSError, ValueError):
        return None
