"""Photos beside a batch, by image key: untrusted files, shown small or not at all."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import Final

from segcore.errors import SegcoreError
from segcore.files import Entry, list_files, read_bytes
from segcore.limits import MAX_MASK_BYTES

__all__ = ["Photos"]

_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp")
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_QUALITY: Final = 80


class Photos:
    """The photos below a folder, found by the name without its extension.

    Parameters
    ----------
    folder : str
        Links, special files and unsafe names are passed over; so are names that occur twice.

    Raises
    ------
    SpecError
        There is no such folder.
    """

    def __init__(self, folder: str) -> None:
        found: dict[str, list[Entry]] = {}
        for entry in list_files(folder, suffix="")[0]:
            path = PurePosixPath(entry.path)
            if path.suffix.lower() in _SUFFIXES:
                for key in {path.stem, str(path.with_suffix(""))}:
                    found.setdefault(key, []).append(entry)
        self._entries = {key: entries[0] for key, entries in found.items() if len(entries) == 1}

    def jpeg(self, key: str, *, height: int, width: int, side_px: int) -> bytes | None:
        """The photo of an image with no side longer than ``side_px``.

        None where there is none, it cannot be read, or it is not as large as the masks.
        """
        from PIL import Image

        entry = self._entries.get(key)
        if entry is None:
            return None
        try:
            data = read_bytes(entry.location, limit=MAX_MASK_BYTES)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as photo:
                if photo.size != (width, height):
                    return None
                shown = photo.convert("RGB")
        except (SegcoreError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None
        shown.thumbnail((side_px, side_px))
        stream = io.BytesIO()
        shown.save(stream, "JPEG", quality=_QUALITY)
        return stream.getvalue()
