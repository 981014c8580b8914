"""Polygons drawn with too few or too many points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segcore.annotation import Outlines
from segcore.lints.findings import Found, LintFinding

__all__ = ["vertex_limits"]


def vertex_limits(
    key: str,
    outlines: Outlines,
    found: Found,
    *,
    names: Sequence[str],
    limits: Mapping[str, int],
    most: bool,
) -> None:
    """Annotations whose longest ring has too few points, or too many.

    Parameters
    ----------
    key : str
        The image.
    outlines : Outlines
    found : Found
    names : sequence of str
        Of the classes of the source.
    limits : mapping of str to int
        By class name; ``default`` is for the others.
    most : bool
        Whether the limits are the most points, not the fewest.
    """
    of_class = [limits.get(name, limits.get("default", -1)) for name in names]
    chosen = np.flatnonzero((outlines.vertices > 0) & (outlines.classes >= 0))
    for i in chosen.tolist():
        index, vertices = int(outlines.classes[i]), int(outlines.vertices[i])
        limit = of_class[index]
        if limit < 0:
            continue
        found.look(1)
        if vertices > limit if most else vertices < limit:
            found.add(
                LintFinding(
                    image=key,
                    annotation=outlines.ids[i],
                    class_name=names[index],
                    what=f"the polygon has too {'many' if most else 'few'} points",
                    expected=f"{'at most' if most else 'at least'} {limit}",
                    got=f"{vertices}",
                )
            )
