"""What is counted of an image in semantic view: its pixels, and where asked for its outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segcore.surface_tally import SurfaceTable, SurfaceTally
from segcore.tally import Tally, TallyTable

__all__ = ["SemanticTable", "SemanticTally"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SemanticTally:
    """The counts of one image.

    Attributes
    ----------
    pixels : Tally
    boundary : Tally or None
        Of the pixels in the bands inside the outlines: what lies in no band of a class counts as
        "other", and what lies in none on either side is not counted.
    surfaces : SurfaceTally or None
    """

    pixels: Tally
    boundary: Tally | None = None
    surfaces: SurfaceTally | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SemanticTable:
    """The counts of many images: the tables of :class:`SemanticTally`."""

    pixels: TallyTable
    boundary: TallyTable | None
    surfaces: SurfaceTable | None

    @classmethod
    def from_tallies(
        cls,
        tallies: Sequence[tuple[str, SemanticTally]],
        *,
        num_classes: int,
        keep_cells: bool,
        boundary: bool,
        surfaces: bool,
    ) -> SemanticTable:
        """The tables of image keys and counts, given in any order.

        An image whose outlines were not counted is refused by a fault, and has no row there.
        """
        bands = [(key, tally.boundary) for key, tally in tallies if tally.boundary is not None]
        outlines = [(key, tally.surfaces) for key, tally in tallies if tally.surfaces is not None]
        return cls(
            pixels=TallyTable.from_tallies(
                ((key, tally.pixels) for key, tally in tallies),
                num_classes=num_classes,
                keep_cells=keep_cells,
            ),
            boundary=TallyTable.from_tallies(bands, num_classes=num_classes, keep_cells=keep_cells)
            if boundary
            else None,
            surfaces=SurfaceTable.from_tallies(outlines) if surfaces else None,
        )

    @classmethod
    def joined(
        cls, tables: Sequence[SemanticTable], *, num_classes: int, boundary: bool, surfaces: bool
    ) -> SemanticTable:
        """Several as one; their keys follow one another in order."""
        bands = [table.boundary for table in tables if table.boundary is not None]
        outlines = [table.surfaces for table in tables if table.surfaces is not None]
        return cls(
            pixels=TallyTable.joined([table.pixels for table in tables], num_classes=num_classes),
            boundary=TallyTable.joined(bands, num_classes=num_classes) if boundary else None,
            surfaces=SurfaceTable.joined(outlines) if surfaces else None,
        )

    def __len__(self) -> int:
        return len(self.pixels)
