"""What a spec gives: the regions of an image, and faults."""

from __future__ import annotations

import segcore
from segcore.annotation import Regions


def regions(spec: str, key: str = "a") -> Regions:
    """The regions of an image."""
    source = segcore.open(spec)
    annotation = source.read(key)
    assert annotation is not None, [*source.faults]
    assert isinstance(annotation.content, Regions)
    return annotation.content


def codes(spec: str) -> list[str]:
    """The codes of all faults."""
    return [fault.code for fault in segcore.check(spec).faults]
