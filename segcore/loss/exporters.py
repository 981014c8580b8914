"""Platforms' own exporters, so that what they lose can be measured before anybody trusts them.

They register in the entry-point group ``segcore.exporters`` as functions that take a resolved source and
a folder, and write what the platform would export of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from segcore import sources
from segcore.errors import SpecError
from segcore.sources import Source, Spec
from segcore.wording import did_you_mean, printable

__all__ = ["Exporter", "exporter_of", "exporters", "readable"]

Exporter = Callable[[Source, Path], Path]
"""Writes the COCO document of a source into a folder, and names it."""

_GROUP = "segcore.exporters"


@cache
def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=_GROUP)}


def exporters() -> list[str]:
    """Their names, sorted."""
    return sorted(_registered())


def exporter_of(name: str) -> Exporter:
    """The exporter of that name.

    Raises
    ------
    SpecError
        There is none.
    """
    entry = _registered().get(name)
    if entry is None:
        known = exporters()
        hint = did_you_mean(name, known)
        shown = printable(name, limit=60)
        raise SpecError(f"there is no exporter {shown!r}{hint} (there are: {', '.join(known)})")
    found: Exporter = entry.load()
    return found


def readable(file: Path, *, gold: Source) -> tuple[Source, int]:
    """A COCO document that was exported, without the annotations that segcore refuses to read.

    Exporters write polygons of two points or without an area.  Nobody can read a mask from these, so
    they are left out of a copy of the document, counted, and missed when it is compared.

    Parameters
    ----------
    file : Path
        Is rewritten where something is left out.
    gold : Source
        What it was exported from; says which images there are.

    Returns
    -------
    (Source, int)
        The document, resolved, and how many of its annotations were left out.
    """
    document = json.loads(file.read_bytes())
    left_out = 0
    while True:
        source = sources.open(Spec(format="coco", location=str(file))).resolve(
            ontology=gold.ontology, gold=gold
        )
        for key in source.keys():  # noqa: SIM118 - a source, no dict
            source.read(key)
        refused = {str(fault.annotation) for fault in source.faults.errors}
        entries = [e for e in document["annotations"] if str(e.get("id")) not in refused]
        if len(entries) == len(document["annotations"]):
            return source, left_out
        left_out += len(document["annotations"]) - len(entries)
        document["annotations"] = entries
        file.write_text(json.dumps(document), "utf-8")
