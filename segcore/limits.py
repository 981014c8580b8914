"""Upper bounds on untrusted input, so that a hostile file ends in a fault and not in a dead process.

Far above real deliveries, far below what a CI machine can bear.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_ANNOTATIONS",
    "MAX_DOCUMENT_BYTES",
    "MAX_DOCUMENT_DEPTH",
    "MAX_FOLDER_ENTRIES",
    "MAX_IMAGE_STEPS",
    "MAX_MASK_BYTES",
    "MAX_PIXELS",
    "MAX_RING_POINTS",
    "MAX_RING_STEPS",
    "MAX_YAML_BYTES",
]

MAX_PIXELS: Final = 1 << 28
"""Pixels of one image (268 million, 16384 x 16384)."""

MAX_MASK_BYTES: Final = 256 << 20
"""Bytes of one mask file."""

MAX_DOCUMENT_BYTES: Final = 512 << 20
"""Bytes of one JSON document; reading takes about five times as much memory."""

MAX_YAML_BYTES: Final = 1 << 20
"""Bytes of one YAML document (policies and ontologies are written by people)."""

MAX_DOCUMENT_DEPTH: Final = 64
"""Nesting of one JSON or YAML document."""

MAX_ANNOTATIONS: Final = 5_000_000
"""Annotations of one COCO document."""

MAX_RING_POINTS: Final = 100_000
"""Vertices of one polygon ring."""

MAX_RING_STEPS: Final = 4_000_000
"""Pixel steps along one polygon ring: what its rasterisation costs in memory."""

MAX_IMAGE_STEPS: Final = 16_000_000
"""Pixel steps along all polygon rings of one image: what they cost in time and memory."""

MAX_FOLDER_ENTRIES: Final = 1_000_000
"""Files and folders below one folder."""
