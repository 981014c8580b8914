"""Colours to class codes, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.errors import RefusedMaskError
from segcore.masks.values import BLEND_VALUES, looks_blended, summary

__all__ = ["ColorTable", "hex_color"]

_BLOCK_PX: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class ColorTable:
    """Which code every colour has.

    Parameters
    ----------
    codes : mapping of int to int
        Packed colour (``0xrrggbb``) to a code of 0 or more; at least one.
    """

    codes: Mapping[int, int]
    _colors: npt.NDArray[np.uint32] = field(init=False, repr=False)
    _codes: npt.NDArray[np.unsignedinteger] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        colors = np.array(sorted(self.codes), np.uint32)
        dtype = np.uint8 if max(self.codes.values()) < 256 else np.uint16
        object.__setattr__(self, "_colors", colors)
        object.__setattr__(self, "_codes", np.array([self.codes[int(c)] for c in colors], dtype))

    def encode(
        self, pixels: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.uint8] | npt.NDArray[np.uint16], dict[int, int]]:
        """The code of every pixel, and the pixels of every colour that has none.

        Parameters
        ----------
        pixels : uint8 (H, W, 3)

        Returns
        -------
        codes : uint8 or uint16 (H, W)
            Meaningless where the colour has no code.
        unknown : dict of int to int
            Packed colour to number of pixels, by colour; empty if all are known.
        """
        flat = pixels.reshape(-1, 3)
        codes = np.empty(len(flat), self._codes.dtype)
        strangers: list[npt.NDArray[np.int64]] = []
        # In blocks, because a packed colour takes four bytes and a run ten more.
        for at in range(0, len(flat), _BLOCK_PX):
            packed = pack(flat[at : at + _BLOCK_PX])
            # Masks are made of runs: each colour is looked up once a run, not once a pixel.
            starts = np.flatnonzero(packed[1:] != packed[:-1]) + 1
            starts = np.concatenate([np.zeros(1, np.int64), starts])
            lengths = np.diff(starts, append=len(packed))
            colors = packed[starts]
            slots = self._nearest(colors)
            codes[at : at + len(packed)] = np.repeat(self._codes[slots], lengths)
            strange = self._colors[slots] != colors
            if strange.any():
                strangers.append(_totals(colors[strange].astype(np.int64), lengths[strange]))
        shaped = codes.reshape(pixels.shape[:2])
        if not strangers:
            return shaped, {}
        both = np.concatenate(strangers)
        merged = _totals(both[:, 0], both[:, 1])
        return shaped, dict(zip(merged[:, 0].tolist(), merged[:, 1].tolist(), strict=True))

    def codes_of(
        self, pixels: npt.NDArray[np.uint8], *, whose: str
    ) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """The code of every pixel of a mask whose colours all have one: uint8 or uint16 (H, W).

        Parameters
        ----------
        pixels : uint8 (H, W, 3)
        whose : str
            What says which colours there are, for the message.

        Raises
        ------
        RefusedMaskError
            ``mask.unknown_value`` for colours without a code, and with it ``mask.suspect_blend`` where
            they look like mixtures of their neighbours.
        """
        codes, unknown = self.encode(pixels)
        if not unknown:
            return codes
        found = {hex_color(color): count for color, count in unknown.items()}
        also: list[RefusedMaskError] = []
        if len(unknown) >= BLEND_VALUES and looks_blended(pixels, self.is_unknown(pixels)):
            got = f"{len(unknown)} colours between those of their neighbours"
            also.append(RefusedMaskError("mask.suspect_blend", f"colours of the {whose} only", got))
        expected = f"one of the {len(self.codes)} colours of the {whose}"
        raise RefusedMaskError("mask.unknown_value", expected, summary(found), also=also)

    def is_unknown(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Which pixels have a colour without a code: bool (H, W)."""
        flat = pixels.reshape(-1, 3)
        unknown = np.empty(len(flat), np.bool_)
        for at in range(0, len(flat), _BLOCK_PX):
            packed = pack(flat[at : at + _BLOCK_PX])
            unknown[at : at + _BLOCK_PX] = self._colors[self._nearest(packed)] != packed
        return unknown.reshape(pixels.shape[:2])

    def _nearest(self, colors: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
        """Where each colour would be in the table, which holds it there or not at all."""
        return np.minimum(np.searchsorted(self._colors, colors), len(self._colors) - 1)


def pack(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """``0xrrggbb`` of every pixel: (..., 3) becomes (...)."""
    packed = pixels[..., 0].astype(np.uint32)
    packed <<= 8
    packed |= pixels[..., 1]
    packed <<= 8
    packed |= pixels[..., 2]
    return packed


def hex_color(packed: int) -> str:
    """``#rrggbb``."""
    return f"#{packed:06x}"


def _totals(colors: npt.NDArray[np.int64], pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(n, 2): each colour once, with the sum of its pixels."""
    order = np.argsort(colors, kind="stable")
    colors, pixels = colors[order], pixels[order]
    first = np.flatnonzero(np.diff(colors, prepend=-1))
    return np.stack([colors[first], np.add.reduceat(pixels, first)], axis=1)
