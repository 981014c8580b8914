"""Put the plugin where FiftyOne looks for plugins."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segcore.documents import parse_yaml
from segcore.errors import DocumentError, UsageError
from segcore_fiftyone.library import load_fiftyone

__all__ = ["FOLDER", "NAME", "Installed", "install"]

NAME: Final = "@segcore/segcore"
"""What FiftyOne calls the plugin."""

FOLDER: Final = Path(__file__).with_name("plugin")
"""The plugin: a folder of this package."""

_MANIFEST: Final = "fiftyone.yml"
_OURS: Final = frozenset({"__init__.py", "__pycache__", _MANIFEST, "requirements.txt"})
_MAX_MANIFEST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What was done.

    Attributes
    ----------
    path : Path
        Where FiftyOne finds the plugin.
    says : str
        In one line.
    notes : tuple of str
        Why FiftyOne may load another one all the same.
    """

    path: Path
    says: str
    notes: tuple[str, ...] = ()


def install(*, copied: bool = False) -> Installed:
    """Link the plugin into FiftyOne's plugins folder, or copy it.

    An earlier link or copy of it is replaced; anything else of its name is not.

    Raises
    ------
    MissingExtraError
        FiftyOne is not installed.
    UsageError
        Something else is there, or the folder cannot be written.
    """
    folder = Path(load_fiftyone().config.plugins_dir)
    path = folder / "segcore"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not _is_free(path) and not _is_ours(path):
            raise UsageError(
                f"{path} is there and is not the plugin of segcore; move it out of the way first"
            )
        done = _put(path, copied=copied)
    except OSError as error:
        raise UsageError(f"the plugin cannot be installed: {error}") from None
    others = _others(folder, path)
    return Installed(
        path=path,
        says=f"{done}: {path}" + ("" if copied else f" -> {FOLDER}"),
        notes=tuple(f"{other} has the same name, and FiftyOne may load it instead" for other in others),
    )


def _put(path: Path, *, copied: bool) -> str:
    if not copied and path.is_symlink() and path.readlink() == FOLDER:
        return "linked already"
    # Made aside and moved there at once: an App that is running loads whatever it sees.
    with tempfile.TemporaryDirectory(prefix=".segcore-", dir=path.parent) as aside:
        new, old = Path(aside, "new"), Path(aside, "old")
        if copied:
            shutil.copytree(FOLDER, new, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            new.symlink_to(FOLDER, target_is_directory=True)
        if not _is_free(path):
            path.rename(old)
        new.rename(path)
    return "copied" if copied else "linked"


def _is_free(path: Path) -> bool:
    return not os.path.lexists(path)


def _is_ours(path: Path) -> bool:
    """Whether it is a link to the plugin, or a copy without anything added to it."""
    if path.is_symlink():
        # A link to a segcore that is gone, as after a new virtual environment, is ours by its target.
        return _name(path) == NAME or (
            not path.exists() and path.readlink().parts[-2:] == FOLDER.parts[-2:]
        )
    return _name(path) == NAME and {entry.name for entry in path.iterdir()} <= _OURS


def _name(folder: Path) -> object:
    """What the manifest of a plugin says; None without one that can be read."""
    try:
        data = (folder / _MANIFEST).read_bytes()
        document = parse_yaml(data[:_MAX_MANIFEST_BYTES], file=_MANIFEST).value
    except (DocumentError, OSError):
        return None
    return document.get("name") if isinstance(document, dict) else None


def _others(folder: Path, path: Path) -> list[Path]:
    """Other plugins of this name below the folder."""
    manifests = sorted([*folder.glob(f"*/{_MANIFEST}"), *folder.glob(f"*/*/{_MANIFEST}")])
    return [m.parent for m in manifests if m.parent != path and _name(m.parent) == NAME]
