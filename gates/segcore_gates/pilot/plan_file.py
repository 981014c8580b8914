"""The plan of a pilot as a file: what was drawn from what, by which rule, under one hash.

The hash can be given to a vendor before the list is, so that nobody can say afterwards that the images
were chosen to fit; it covers the seed, without which the list cannot be guessed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segcore import __version__
from segcore.documents import parse_json
from segcore.errors import DocumentError, RefusedFileError, SpecError, UsageError
from segcore.files import read_bytes
from segcore.limits import MAX_DOCUMENT_BYTES
from segcore.wording import printable
from segcore_gates.pilot.drawing import RULE, Drawing

__all__ = ["Plan", "plan_document", "read_plan"]

_KIND = "segcore pilot"
_RISK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan that was read back.

    Attributes
    ----------
    images : tuple of (str, str)
        Key, and why it was drawn.
    candidates : int
        Images it was drawn from.
    sha256 : str
        What it was committed to by.
    """

    images: tuple[tuple[str, str], ...]
    candidates: int
    sha256: str

    @property
    def keys(self) -> frozenset[str]:
        """Of its images."""
        return frozenset(key for key, _ in self.images)


def plan_document(
    drawing: Drawing, candidates: Mapping[str, Any], *, spec: str, seed: int
) -> dict[str, Any]:
    """The file: everything that was decided, what so many images can prove, and the hash over it."""
    listed = "".join(f"{key}\n" for key in sorted(candidates))
    document: dict[str, Any] = {
        "schema": 1,
        "kind": _KIND,
        "tool": {"name": "segcore", "version": __version__},
        "source": spec,
        "rule": RULE,
        "seed": seed,
        "candidates": {
            "images": len(candidates),
            "sha256": hashlib.sha256(listed.encode()).hexdigest(),
        },
        "images": [{"key": key, "why": why} for key, why in drawing.images],
        "classes": [
            {
                "class": name,
                "candidates": there,
                "drawn": drawn,
                "bad_share_that_passes": still_passes(drawn),
            }
            for name, (there, drawn) in drawing.support.items()
        ],
        "uncovered": list(drawing.uncovered),
        "bad_share_that_passes": still_passes(len(drawing.images)),
    }
    return {**document, "sha256": _hash(document)}


def still_passes(images: int) -> float | None:
    """The largest share of bad images of which so many show none one time in twenty."""
    return None if images == 0 else float(1 - _RISK ** (1 / images))


def read_plan(file: str) -> Plan:
    """Read a plan and hold it against its hash.

    Raises
    ------
    UsageError
        It is no plan, or is not what was committed to.
    """
    try:
        data = read_bytes(file, limit=MAX_DOCUMENT_BYTES, follow_symlinks=True)
        value = parse_json(data, file=file)
    except (SpecError, RefusedFileError, DocumentError) as error:
        raise UsageError(f"the plan cannot be used: {error}") from None
    shown = printable(file, limit=200)
    if not isinstance(value, dict) or value.get("kind") != _KIND or value.get("schema") != 1:
        raise UsageError(f"{shown} is no plan of segcore pilot plan")
    stated = value.get("sha256")
    found = _hash({key: item for key, item in value.items() if key != "sha256"})
    if stated != found:
        raise UsageError(
            f"{shown} was changed after it was drawn: it says {printable(f'{stated}', limit=70)}, "
            f"its content is {found}"
        )
    images = tuple((f"{entry['key']}", f"{entry['why']}") for entry in value["images"])
    return Plan(images=images, candidates=int(value["candidates"]["images"]), sha256=found)


def _hash(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
