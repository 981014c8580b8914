"""The one form a bundle may have as a file: a zip without compression, dates, comments or gaps.

A zip says most things twice, in front of a member and in the directory at its end, and readers differ
in whom they believe.  So nothing is believed here: members are read in order, put together again, and
the outcome has to be the file, byte by byte.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

__all__ = ["MAX_BYTES", "NoBundleError", "RejectedError", "packed", "unpacked"]

MAX_BYTES = 1 << 29
"""Of a bundle, which is also what its members hold: nothing is compressed."""

_MAX_MEMBERS = 64
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}(\.[a-z0-9]{1,16}){1,2}")
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION, _DATE = 20, 0x21  # zip 2.0, the first of January 1980


class NoBundleError(Exception):
    """The file is something else."""


class RejectedError(Exception):
    """The file is a bundle and not as it was written."""


def packed(members: Mapping[str, bytes]) -> bytes:
    """The file that holds these members; the same ones give the same bytes, on every machine.

    Raises
    ------
    ValueError
        A name is none that a bundle may hold, or it is all too large.
    """
    parts, directory, offset = [], [], 0
    for name in sorted(members):
        data = members[name]
        if not _NAME.fullmatch(name):
            raise ValueError(f"no name of a member: {name!r}")
        about = (_VERSION, 0, 0, 0, _DATE, zlib.crc32(data), len(data), len(data), len(name), 0)
        encoded = name.encode("ascii")
        header = _LOCAL.pack(b"PK\3\4", *about) + encoded
        central = _CENTRAL.pack(b"PK\1\2", _VERSION, *about, 0, 0, 0, 0, offset) + encoded
        parts += [header, data]
        directory.append(central)
        offset += len(header) + len(data)
        if offset > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
    entries = b"".join(directory)
    count = len(directory)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(entries), offset, 0)
    return b"".join([*parts, entries, end])


def unpacked(data: bytes) -> dict[str, bytes]:
    """The members of a bundle, by name.

    Raises
    ------
    NoBundleError
        It does not begin like a zip, or it is too large.
    RejectedError
        It is not what :func:`packed` makes of its members.
    """
    if not data.startswith(b"PK\3\4") or len(data) > 2 * MAX_BYTES:
        raise NoBundleError(f"it is no zip file of at most {MAX_BYTES} bytes")
    members: dict[str, bytes] = {}
    at = 0
    while data.startswith(b"PK\3\4", at):
        begins = at + _LOCAL.size
        if begins > len(data) or len(members) == _MAX_MEMBERS:
            raise RejectedError("the container is cut short, or holds too many members")
        size, length, extra = _LOCAL.unpack_from(data, at)[-3:]
        named, at = begins + length, begins + length + extra + size
        name = data[begins:named].decode("latin-1")
        if at > len(data) or not _NAME.fullmatch(name) or name in members:
            raise RejectedError("the container holds a member of a bad name or size, or one twice")
        members[name] = data[named + extra : at]
    if packed(members) != data:
        raise RejectedError("the container is not in the form that a bundle is written in")
    return members
