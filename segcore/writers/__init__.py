"""Writers: formats that annotations can be converted to.

A format registers in the entry-point group ``segcore.writers``; the name of the entry point is the
format of the spec, its value a subclass of :class:`Writer`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from segcore.errors import SpecError
from segcore.sources.spec import Spec
from segcore.wording import did_you_mean
from segcore.writers.base import Keeps, Target, Writer
from segcore.writers.scene import Scene, scene_of

__all__ = ["Keeps", "Scene", "Target", "Writer", "formats", "scene_of", "writer_of"]

_GROUP = "segcore.writers"


@cache
def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=_GROUP)}


def formats() -> tuple[str, ...]:
    """The formats that can be written, sorted."""
    return tuple(sorted(_registered()))


def writer_of(spec: Spec) -> type[Writer]:
    """The writer of a format.

    Raises
    ------
    SpecError
        There is none.
    """
    entry = _registered().get(spec.format)
    if entry is None:
        known = formats()
        hint = did_you_mean(spec.format, known)
        why = f"segcore does not write {spec.format!r}{hint} (it writes: {', '.join(known)})"
        raise SpecError(f"{spec}: {why}")
    found: type[Writer] = entry.load()
    return found
