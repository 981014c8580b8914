"""Where a conversion goes: checked before the work is done, taken over whole at its end."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segcore.errors import SpecError, UsageError
from segcore.sources import Source, Spec
from segcore.wording import printable

__all__ = ["Destination"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(?:://|::)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The place of a conversion.

    Attributes
    ----------
    path : Path
        The file or folder the spec names.
    force : bool
        Whether what stands there is replaced.
    """

    path: Path
    force: bool

    @classmethod
    def of(cls, spec: Spec, *, force: bool, source: Source) -> Destination:
        """The place a spec names.

        Raises
        ------
        SpecError
            It is not on this machine, or has no name.
        UsageError
            Something stands there, or there is no folder for it; or it is the source itself.
        """
        if _SCHEME.match(spec.location):
            raise SpecError(f"{spec}: conversions are written to this machine, and copied from there")
        path = Path(spec.location)
        if path.name in ("", ".", ".."):
            raise SpecError(f"{spec}: name a new file or folder, not one that is there anyhow")
        found = cls(path=path, force=force)
        if not path.parent.is_dir():
            shown = printable(str(path.parent), limit=400)
            raise UsageError(f"cannot write {path}: there is no folder {shown}; make it first")
        read = _location_of(source)
        if read is not None:
            here, there = (os.path.realpath(place) for place in (path, read))
            if os.path.commonpath([here, there]) in (here, there):
                raise UsageError(
                    f"cannot write {path}: the source is {printable(read, limit=400)}, and one would "
                    "lie in the other; name another place"
                )
        found.require_free([path])
        return found

    def require_free(self, paths: list[Path]) -> None:
        """Refuse to replace anything unless it was asked for.

        Raises
        ------
        UsageError
            One of the paths exists.
        """
        if self.force:
            return
        for path in paths:
            if os.path.lexists(path):
                raise UsageError(f"cannot write {path}: it exists; --force replaces it")

    def take(self, folder: Path) -> None:
        """Move everything that stands in ``folder`` to this place; all of it, or none.

        Raises
        ------
        UsageError
            Something came to stand there meanwhile.
        OSError
            It cannot be moved.
        """
        # What the spec names goes last: where it is, the rest is.
        made = sorted(folder.iterdir(), key=lambda path: (path.name == self.path.name, path.name))
        targets = [self.path.parent / path.name for path in made]
        self.require_free(targets)
        old = Path(tempfile.mkdtemp(dir=folder))  # no name that what was made could have
        moved: list[tuple[Path, Path]] = []
        try:
            for path, target in zip(made, targets, strict=True):
                if os.path.lexists(target):
                    target.rename(old / target.name)
                    moved.append((old / target.name, target))
                path.rename(target)
                moved.append((target, path))
        except OSError:
            for now, before in reversed(moved):
                now.rename(before)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _location_of(source: Source) -> str | None:
    """The local path a source reads, where it has one."""
    location = source.name.partition(":")[2].partition("?")[0]
    return location if location and os.path.lexists(location) else None
