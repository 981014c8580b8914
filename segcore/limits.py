"""Upper bounds on untrusted input, so that a hostile file ends in a fault and not in a dead process.

Far above real deliveries, far below what a CI machine can bear.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_ANNOTATIONS",
    "MAX_BOUNDARY_RUNS",
    "MAX_BOUNDARY_STEPS",
    "MAX_CLASSES",
    "MAX_DOCUMENT_BYTES",
    "MAX_DOCUMENT_DEPTH",
    "MAX_DOCUMENT_MEMORY",
    "MAX_ENTRY_FAULTS",
    "MAX_FOLDER_ENTRIES",
    "MAX_IMAGE_BITMASK_PIXELS",
    "MAX_IMAGE_RUNS",
    "MAX_IMAGE_SEGMENTS",
    "MAX_IMAGE_STEPS",
    "MAX_IMPORT_MEMORY",
    "MAX_LABEL_BYTES",
    "MAX_MASK_BYTES",
    "MAX_NAME_LENGTH",
    "MAX_OBJECT_PAIRS",
    "MAX_PIXELS",
    "MAX_RING_POINTS",
    "MAX_RING_STEPS",
    "MAX_SURFACE_PIXELS",
    "MAX_YAML_BYTES",
]

MAX_PIXELS: Final = 1 << 28
"""Pixels of one image (268 million, 16384 x 16384)."""

MAX_MASK_BYTES: Final = 256 << 20
"""Bytes of one mask file."""

MAX_LABEL_BYTES: Final = 64 << 20
"""Bytes of one YOLO label file; reading takes about ten times as much memory."""

MAX_DOCUMENT_BYTES: Final = 512 << 20
"""Bytes of one JSON document; reading takes about five times as much memory."""

MAX_DOCUMENT_MEMORY: Final = 4 << 30
"""Bytes the values of one JSON document may take: ``[],`` takes twenty times what it is long."""

MAX_YAML_BYTES: Final = 1 << 20
"""Bytes of one YAML document (policies and ontologies are written by people)."""

MAX_DOCUMENT_DEPTH: Final = 64
"""Nesting of one JSON or YAML document."""

MAX_ANNOTATIONS: Final = 5_000_000
"""Annotations of one COCO document."""

MAX_ENTRY_FAULTS: Final = 500_000
"""Faults of the entries of one COCO document: an entry may be two bytes, its fault a thousand."""

MAX_CLASSES: Final = 4096
"""Classes of one ontology; all of ADE20K are 3688.  A confusion takes memory by their square."""

MAX_NAME_LENGTH: Final = 1024
"""Characters of the name of an image or a class; every fault of an image repeats its name."""

MAX_OBJECT_PAIRS: Final = 1 << 22
"""Pairs of gold and delivered objects of one image that may overlap: what comparing them costs."""

MAX_BOUNDARY_RUNS: Final = 1 << 23
"""Runs of the boundaries of all objects of one side of an image: a few bytes of a file may hold an
object whose boundary has runs in every column."""

MAX_BOUNDARY_STEPS: Final = 1 << 30
"""Runs of boundaries compared in one image."""

MAX_RING_POINTS: Final = 100_000
"""Vertices of one polygon ring."""

MAX_RING_STEPS: Final = 4_000_000
"""Pixel steps along one polygon ring: what its rasterisation costs in memory."""

MAX_IMAGE_STEPS: Final = 16_000_000
"""Pixel steps along all polygon rings of one image: what they cost in time and memory."""

MAX_IMAGE_RUNS: Final = 16_000_000
"""Runs of all brush masks of one image, and of a mask that is taken as segments: a mask of stripes is
a few bytes in its file."""

MAX_IMAGE_SEGMENTS: Final = 65535
"""Segments of one panoptic mask: what 16 bits can number."""

MAX_IMAGE_BITMASK_PIXELS: Final = 1 << 32
"""Pixels of all bitmask files of one image: an empty one is a thousandth of that in its file."""

MAX_IMPORT_MEMORY: Final = 8 << 30
"""Bytes of memory that Datumaro may take to import a data set."""

MAX_FOLDER_ENTRIES: Final = 1_000_000
"""Files and folders below one folder."""

MAX_SURFACE_PIXELS: Final = 1 << 23
"""Surface pixels of all classes of one image and side: what measuring their distances costs."""
