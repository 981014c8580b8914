"""Pictures of label maps: gold, delivery and where they differ, as small PNG files with a palette.

Everything is drawn from codes: the same codes give the same bytes.
"""

from __future__ import annotations

import enum
import io
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "DIFFERENCE_COLORS",
    "Kind",
    "class_color",
    "difference",
    "difference_png",
    "enlargement",
    "hatched",
    "kind_of",
    "labels_png",
    "reduced",
    "swatch_png",
]

Indices = npt.NDArray[np.uint8]
Color = tuple[int, int, int]

MAX_SIDE_PX: Final = 640
"""Of a picture; a larger one shows of each block of pixels the one with the highest kind."""

MIN_SIDE_PX: Final = 320
"""Smaller pictures are enlarged by a whole number, so that patterns can be seen."""

_PATTERNED: Final = 16
"""Added to a kind where its pattern has the second colour."""

_PERIOD_PX: Final = 12
_STRIPE_PX: Final = 4


class Kind(enum.IntEnum):
    """What a pixel of a difference is; of several in one block the highest is shown."""

    NOTHING = 0
    """Neither side has a class there."""
    OTHER = 1
    """A class that is not looked at, on either side."""
    CORRECT = 2
    IGNORED = 3
    """Gold says ignore: not counted."""
    EXTRA = 4
    """Delivered where gold has no class."""
    MISSED = 5
    """Gold has a class, nothing was delivered."""
    WRONG = 6
    """Both have a class, and not the same."""


DIFFERENCE_COLORS: Final[dict[Kind, tuple[Color, Color]]] = {
    Kind.NOTHING: ((243, 243, 240), (243, 243, 240)),
    Kind.OTHER: ((222, 224, 220), (222, 224, 220)),
    Kind.CORRECT: ((172, 178, 172), (172, 178, 172)),
    Kind.IGNORED: ((255, 255, 255), (120, 120, 120)),
    Kind.EXTRA: ((230, 159, 0), (110, 70, 0)),
    Kind.MISSED: ((0, 95, 165), (150, 205, 240)),
    Kind.WRONG: ((165, 30, 110), (250, 190, 220)),
}
"""Plain and patterned; orange, blue and purple of Okabe and Ito, made to differ in lightness as well."""

_SOFT: Final = {Kind.NOTHING: 0, Kind.OTHER: 40, Kind.CORRECT: 70}
"""How opaque these are over a photo; errors are nearly opaque."""

_CLASS_COLORS: Final[tuple[Color, ...]] = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (213, 94, 0),
    (86, 180, 233),
    (240, 228, 66),
    (110, 80, 160),
)


def difference(
    gold: npt.NDArray[np.unsignedinteger],
    delivery: npt.NDArray[np.unsignedinteger],
    *,
    num_classes: int,
    codes: Collection[int] | None = None,
) -> Indices:
    """The kind of every pixel.

    Parameters
    ----------
    gold, delivery : unsigned (H, W)
        Codes as :mod:`segcore.measures.semantic` has them.
    num_classes : int
        K.
    codes : collection of int or None
        The classes that are looked at; None is all of them.  A pixel of one of them that the other side
        gives to another class is wrong, whichever side has which.

    Returns
    -------
    uint8 (H, W)
        Of :class:`Kind`.
    """
    in_gold, delivered = gold < num_classes, delivery < num_classes
    found = np.full(gold.shape, Kind.NOTHING, np.uint8)
    looked_at = np.ones(gold.shape, np.bool_)
    if codes is not None:
        table = np.zeros(num_classes + 3, np.bool_)
        table[list(codes)] = True
        looked_at = table[gold] | table[delivery]
    same = gold == delivery
    found[(in_gold | delivered) & ~looked_at] = Kind.OTHER
    found[same & in_gold & looked_at] = Kind.CORRECT
    wrong = ~same & looked_at
    found[wrong & ~in_gold] = Kind.EXTRA
    found[wrong & ~delivered] = Kind.MISSED
    found[wrong & in_gold & delivered] = Kind.WRONG
    found[~(in_gold | delivered)] = Kind.NOTHING  # where unlabeled meets void
    found[gold == num_classes + 1] = Kind.IGNORED
    return found


def reduced(kinds: Indices) -> tuple[Indices, int]:
    """The highest kind of every block, so that no side is longer than 640, and the side of a block."""
    height, width = kinds.shape
    step = -(-max(height, width) // MAX_SIDE_PX)
    if step == 1:
        return kinds, 1
    rows, columns = range(0, height, step), range(0, width, step)
    found: Indices = np.maximum.reduceat(np.maximum.reduceat(kinds, rows, axis=0), columns, axis=1)
    return found, step


def enlargement(height: int, width: int) -> int:
    """How many pixels wide a pixel of a picture of this size is shown."""
    return max(1, MIN_SIDE_PX // max(height, width, 1))


def hatched(kinds: Indices, *, scale: int) -> Indices:
    """Kinds enlarged, with the pattern of each: stripes one way, the other way, dots, a chequer."""
    large = kinds.repeat(scale, axis=0).repeat(scale, axis=1)
    y, x = np.ogrid[: large.shape[0], : large.shape[1]]
    patterns = {
        Kind.MISSED: (x + y) % _PERIOD_PX < _STRIPE_PX,
        Kind.EXTRA: (x - y) % _PERIOD_PX < _STRIPE_PX,
        Kind.WRONG: (x % _PERIOD_PX < _STRIPE_PX) & (y % _PERIOD_PX < _STRIPE_PX),
        Kind.IGNORED: (x // 4 + y // 4) % 2 == 0,
    }
    for kind, pattern in patterns.items():
        large[(large == kind) & pattern] = kind + _PATTERNED
    return large


def kind_of(index: int) -> Kind:
    """The kind that an index of a difference picture stands for."""
    return Kind(index % _PATTERNED)


def difference_png(kinds: Indices, *, on_photo: bool = False) -> tuple[bytes, int]:
    """A PNG of a difference, and how many of its pixels make one of the picture it shows."""
    small, _ = reduced(kinds)
    scale = enlargement(*small.shape)
    return _kinds_png(small, scale=scale, on_photo=on_photo), scale


def _kinds_png(kinds: Indices, *, scale: int, on_photo: bool) -> bytes:
    palette: list[Color] = [(0, 0, 0)] * (2 * _PATTERNED)
    alpha = [255] * (2 * _PATTERNED)
    for kind, (plain, patterned) in DIFFERENCE_COLORS.items():
        palette[kind], palette[kind + _PATTERNED] = plain, patterned
        alpha[kind] = alpha[kind + _PATTERNED] = _SOFT.get(kind, 225)
    return _png(hatched(kinds, scale=scale), palette, alpha if on_photo else None)


def labels_png(
    codes: npt.NDArray[np.unsignedinteger],
    *,
    colors: Sequence[Color],
    ignore: int | None,
    chosen: Collection[int] | None = None,
    on_photo: bool = False,
) -> tuple[bytes, int]:
    """A PNG of the classes of one side, and how many of its pixels make one of the picture.

    Parameters
    ----------
    codes : unsigned (H, W)
    colors : sequence of colours
        Of every class.
    ignore : int or None
        The code of what is ignored.
    chosen : collection of int or None
        The classes that are looked at: the others are pale.
    on_photo : bool
        Let what is below shine through.

    Notes
    -----
    Of a block of pixels the middle one is shown.  A picture has room for 250 classes.
    """
    height, width = codes.shape
    step = -(-max(height, width) // MAX_SIDE_PX)
    small = codes[step // 2 :: step, step // 2 :: step] if step > 1 else codes
    if not small.size:
        small = codes[:1, :1]
    scale = enlargement(*small.shape)
    present = [c for c in np.unique(small).tolist() if c < len(colors)][:250]
    lookup = np.zeros(len(colors) + 3, np.uint8)
    lookup[present] = np.arange(1, len(present) + 1)
    chequer = len(present) + 1, len(present) + 2
    nothing, (plain, dark) = DIFFERENCE_COLORS[Kind.NOTHING][0], DIFFERENCE_COLORS[Kind.IGNORED]
    palette = [
        nothing,
        *(colors[c] if chosen is None or c in chosen else _pale(colors[c]) for c in present),
    ]
    alpha = [0, *(170 if chosen is None or c in chosen else 60 for c in present), 200, 200]
    if ignore is not None:
        lookup[ignore] = chequer[0]
    large = lookup[small].repeat(scale, axis=0).repeat(scale, axis=1)
    y, x = np.ogrid[: large.shape[0], : large.shape[1]]
    large[(large == chequer[0]) & ((x // 4 + y // 4) % 2 == 0)] = chequer[1]
    return _png(large, [*palette, plain, dark], alpha if on_photo else None), scale


def swatch_png(kind: Kind) -> bytes:
    """A sample of a kind for the legend, 24 x 24 pixels."""
    return _kinds_png(np.full((24, 24), kind, np.uint8), scale=1, on_photo=False)


def class_color(index: int, given: Color | None) -> Color:
    """The colour of a class: the ontology's, or one of our own by its place."""
    if given is not None:
        return given
    base = _CLASS_COLORS[index % len(_CLASS_COLORS)]
    darker = 1 - 0.22 * (index // len(_CLASS_COLORS) % 4)
    red, green, blue = (round(channel * darker) for channel in base)
    return red, green, blue


def _pale(color: Color) -> Color:
    red, green, blue = ((channel + 3 * 235) // 4 for channel in color)
    return red, green, blue


def _png(indices: Indices, palette: Sequence[Color], alpha: Sequence[int] | None) -> bytes:
    from PIL import Image

    image = Image.frombuffer(
        "P", (indices.shape[1], indices.shape[0]), indices.tobytes(), "raw", "P", 0, 1
    )
    image.putpalette([channel for color in palette for channel in color])
    stream = io.BytesIO()
    options = {} if alpha is None else {"transparency": bytes(alpha)}
    image.save(stream, "PNG", compress_level=9, **options)
    return stream.getvalue()
