"""Masks where FiftyOne keeps them: a file, or an array in the database.

An array is zlib around NumPy's own format, as ``fiftyone.core.fields.ArrayField`` writes it.
FiftyOne inflates whatever is there.  Here the header says how large the array is before anything of
it is kept, and nothing but plain numbers is read.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.errors import RefusedFileError, RefusedMaskError, SpecError
from segcore.files import read_bytes
from segcore.limits import MAX_MASK_BYTES, MAX_PIXELS
from segcore.wording import printable, show

__all__ = ["decode_array", "read_mask_file"]

_HEADER_BYTES: Final = 4096


def decode_array(blob: object) -> npt.NDArray[np.generic]:
    """The array a mask is stored as: booleans or integers, (H, W) or (H, W, 3), not empty.

    Parameters
    ----------
    blob : object
        What the database holds.

    Raises
    ------
    RefusedMaskError
        ``fo.bad_array`` or ``limits.pixels``.
    """
    if not isinstance(blob, bytes):
        raise _refused("a stored array", type(blob).__name__)
    stream = zlib.decompressobj()
    try:
        head = BytesIO(stream.decompress(blob, _HEADER_BYTES))
        shape, is_fortran, dtype = _header(head)
    except (zlib.error, ValueError, TypeError, SyntaxError) as error:
        raise _refused("a stored array", show(str(error))) from None
    if dtype.kind not in "bui":
        raise _refused("integers", f"an array of {dtype}")
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3) or 0 in shape:
        raise _refused("(height, width) or (height, width, 3)", f"shape {shape}")
    if shape[0] * shape[1] > MAX_PIXELS:
        got = f"{shape[1]} x {shape[0]}"
        raise RefusedMaskError("limits.pixels", f"at most {MAX_PIXELS} pixels", got)
    size = int(np.prod(shape)) * dtype.itemsize
    data = head.read()
    try:
        data += (
            stream.decompress(stream.unconsumed_tail, size + 1 - len(data)) if len(data) <= size else b""
        )
    except zlib.error as error:
        raise _refused("a stored array", show(str(error))) from None
    if len(data) != size:
        more = "more" if len(data) > size else f"{len(data)}"
        raise _refused(f"{size} bytes of pixels", more)
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")
    return np.ascontiguousarray(array.astype(dtype.newbyteorder("="), copy=False))


def read_mask_file(path: object) -> bytes:
    """The bytes of a mask the database names by its path: of a regular file, whichever folder it is in.

    Raises
    ------
    RefusedMaskError
        ``path.*`` or ``limits.bytes``.
    """
    if not isinstance(path, str) or not path:
        raise RefusedMaskError("path.not_regular", "mask_path: the path of a file", show(path))
    try:
        return read_bytes(path, limit=MAX_MASK_BYTES, follow_symlinks=True)
    except RefusedFileError as error:
        raise RefusedMaskError(error.code, error.expected, error.got) from None
    except SpecError as error:
        # The end of a path says more than its beginning.
        shown = printable(path if len(path) <= 50 else f"...{path[-47:]}")
        why = "no such file" if str(error).startswith("no such file") else "cannot be read"
        raise RefusedMaskError("path.not_regular", "a readable file", f"{why}: {shown}") from None


def _header(stream: BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    form: Any = np.lib.format
    readers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    version = form.read_magic(stream)
    if version not in readers:
        raise ValueError(f"version {version}")
    shape, is_fortran, dtype = readers[version](stream)
    return shape, is_fortran, dtype


def _refused(expected: str, got: str) -> RefusedMaskError:
    return RefusedMaskError("fo.bad_array", expected, got)
