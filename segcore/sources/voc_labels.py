"""The classes of a VOC folder: the preset, an ontology file, or ``labelmap.txt``.

``labelmap.txt`` is what CVAT and Datumaro write beside masks of classes that are not those of VOC:
a line ``name:r,g,b:parts:actions`` for each label.  Its masks are coloured; parts and actions are
not needed here.  Where no line has a colour the labels have those of the VOC palette, in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from segcore.faults import Fault
from segcore.limits import MAX_CLASSES, MAX_NAME_LENGTH
from segcore.masks.colors import hex_color
from segcore.ontology import IGNORE, UNLABELED, LabelClass, Ontology
from segcore.sources.coco_entries import EntryFaults, TooManyFaultsError, is_plain
from segcore.wording import show

__all__ = ["VOC_PALETTE", "VOC_VOID", "VocClasses", "read_labelmap"]


def _palette() -> tuple[int, ...]:
    """The 256 colours of VOC, packed: the bits of an index dealt to red, green and blue by turns."""
    colors = []
    for index in range(256):
        red = green = blue = 0
        for bit in range(8):
            three = index >> 3 * bit
            red |= (three & 1) << 7 - bit
            green |= (three >> 1 & 1) << 7 - bit
            blue |= (three >> 2 & 1) << 7 - bit
        colors.append(red << 16 | green << 8 | blue)
    return tuple(colors)


VOC_PALETTE: Final = _palette()
VOC_VOID: Final = 255
"""The index of the border between objects, and of its colour in the palette."""

_BLACK: Final = 0
_VOID_COLOR: Final = VOC_PALETTE[VOC_VOID]
_BACKGROUND: Final = frozenset({"background", "_background_"})
_COLOR: Final = re.compile(r"\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class VocClasses:
    """What the values of class masks mean.

    Attributes
    ----------
    ontology : Ontology or None
        None where ``labelmap.txt`` has no sound line.
    background : frozenset of int
        Class indices that are no object.
    colored : bool
        Palette masks are read by their colours, not their indices.
    special : dict of int to int
        Packed colours that mean UNLABELED or IGNORE.
    faults : tuple of Fault
    """

    ontology: Ontology | None
    background: frozenset[int]
    colored: bool = False
    special: dict[int, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @classmethod
    def of(cls, ontology: Ontology) -> VocClasses:
        """The classes of an ontology, of which VOC's 0 is the background."""
        taken = {_packed(c.color) for c in ontology.classes if c.color is not None}
        return cls(
            ontology=ontology,
            background=frozenset(i for i, c in enumerate(ontology.classes) if c.id == 0),
            special=_special(taken),
        )


def read_labelmap(data: bytes, *, file: str) -> VocClasses:
    """The classes of a ``labelmap.txt``; the id of a label is its place in the file, from 0.

    A label called ``ignored`` with the colour of VOC's border is void, as Datumaro writes it.
    """
    faults = EntryFaults()
    try:
        text = data.decode("utf-8-sig")
        lines = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1)]
        labels = _labels([(n, line) for n, line in lines if line and line[0] != "#"], file, faults)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got = f"byte 0x{data[error.start]:02x} in line {line}"
        faults.append(Fault(code="voc.labelmap", file=file, expected="UTF-8 text", got=got))
        labels = []
    except TooManyFaultsError:
        labels = []
    void = tuple(c.id for c in labels if c.name == "ignored" and _packed(c.color) == _VOID_COLOR)
    classes = tuple(c for c in labels if c.id not in void)
    if not classes:
        if not faults:
            expected = "name:r,g,b:parts:actions on every line"
            faults.append(Fault(code="voc.labelmap", file=file, expected=expected, got="no label"))
        return VocClasses(ontology=None, background=frozenset(), faults=tuple(faults))
    ontology = Ontology(classes, ignore=void)
    return VocClasses(
        ontology=ontology,
        background=frozenset(
            i for i, c in enumerate(classes) if c.name in _BACKGROUND or _packed(c.color) == _BLACK
        ),
        colored=True,
        special=_special({_packed(c.color) for c in classes}),
        faults=tuple(faults),
    )


def _labels(lines: list[tuple[int, str]], file: str, faults: list[Fault]) -> list[LabelClass]:
    def fault(line: int, expected: str, got: str) -> None:
        got = f"{got} in line {line}"
        faults.append(Fault(code="voc.labelmap", file=file, expected=expected, got=got))

    if len(lines) > MAX_CLASSES:
        expected, got = f"at most {MAX_CLASSES} labels", f"{len(lines)}"
        faults.append(Fault(code="limits.entries", file=file, expected=expected, got=got))
        return []
    parts = [line.split(":") for _, line in lines]
    by_order = all(len(part) < 2 or not part[1].strip() for part in parts)
    if by_order and len(lines) > len(VOC_PALETTE):
        n = lines[len(VOC_PALETTE)][0]
        fault(n, "colours: the VOC palette has no more than 256", "no colour")
        return []
    labels: list[LabelClass] = []
    names: dict[str, int] = {}
    colors: dict[int, int] = {}
    for at, ((n, line), part) in enumerate(zip(lines, parts, strict=True)):
        name = part[0].strip()
        if len(part) != 4:
            fault(n, "name:r,g,b:parts:actions", show(line))
        elif not name or not is_plain(name) or len(name) > MAX_NAME_LENGTH:
            fault(n, f"a printable name of at most {MAX_NAME_LENGTH} characters", show(name))
        elif name in names:
            fault(n, f"one label {show(name)}", f"another in line {names[name]}, again")
        else:
            names[name] = n
            color = VOC_PALETTE[at] if by_order else _color(part[1])
            if color is None:
                fault(n, "a colour such as 128,0,0", show(part[1]))
            elif color in colors:
                expected = f"one label with the colour {hex_color(color)}"
                fault(n, expected, f"another in line {colors[color]}, again")
            else:
                colors[color] = n
                labels.append(LabelClass(id=at, name=name, color=_unpacked(color)))
    return labels


def _color(text: str) -> int | None:
    match = _COLOR.fullmatch(text)
    if match is None or max(parts := [int(match[i]) for i in (1, 2, 3)]) > 255:
        return None
    return parts[0] << 16 | parts[1] << 8 | parts[2]


def _special(taken: set[int | None]) -> dict[int, int]:
    """What black and the colour of the border mean, where no class has them."""
    return {c: m for c, m in ((_BLACK, UNLABELED), (_VOID_COLOR, IGNORE)) if c not in taken}


def _packed(color: tuple[int, int, int] | None) -> int | None:
    return None if color is None else color[0] << 16 | color[1] << 8 | color[2]


def _unpacked(color: int) -> tuple[int, int, int]:
    return color >> 16, color >> 8 & 255, color & 255
