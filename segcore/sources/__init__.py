"""Sources: where annotations come from.

A format registers in the entry-point group ``segcore.sources``; the name of the entry point is
the format of the spec, its value a function ``(spec: Spec) -> Source``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from segcore.errors import SpecError
from segcore.ontology import Ontology
from segcore.sources.base import Source
from segcore.sources.spec import Spec
from segcore.wording import did_you_mean

__all__ = ["Source", "Spec", "formats", "open"]

_GROUP = "segcore.sources"


@cache
def _registered() -> dict[str, EntryPoint]:
    # Looking through every installed distribution takes milliseconds: once a process is enough.
    return {entry.name: entry for entry in entry_points(group=_GROUP)}


def formats() -> tuple[str, ...]:
    """The formats that can be opened, sorted."""
    return tuple(sorted(_registered()))


def open(spec: str | Spec | Source, *, ontology: Ontology | None = None) -> Source:  # noqa: A001
    """Open the annotations a spec names.  Nothing is read yet.

    Parameters
    ----------
    spec : str, Spec or Source
        ``FORMAT:LOCATION[?key=value&...]``, or a source, which is passed through.
    ontology : Ontology or None
        The classes to use where the input names none (PNG masks store only ids).

    Returns
    -------
    Source
        What is wrong with the input is collected in its ``faults``.

    Raises
    ------
    SpecError
        The spec is malformed, its format unknown, or the location does not exist.
    """
    if isinstance(spec, Source):
        source = spec
    else:
        parsed = Spec.parse(spec) if isinstance(spec, str) else spec
        entry = _registered().get(parsed.format)
        if entry is None:
            known = formats()
            hint = did_you_mean(parsed.format, known)
            raise SpecError(
                f"{str(parsed)!r}: unknown format {parsed.format!r}{hint} (known: {', '.join(known)})"
            )
        source = entry.load()(parsed)
    return source if ontology is None else source.resolve(ontology=ontology)
