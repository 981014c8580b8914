"""Small CVAT documents, written line by line so that tests know the line of everything."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import segcore

SQUARE: Final = "2,2;8,2;8,8;2,8"
"""6 x 6 pixels: columns and rows 2 to 7."""

LABELS: Final = ("car", "dog")


def shape(name: str = "polygon", *, inner: str = "", **attributes: object) -> str:
    """One element of an image; without attributes a square car."""
    given = attributes or {"label": "car", "points": SQUARE}
    words = "".join(f' {key}="{value}"' for key, value in given.items())
    return f"<{name}{words}>{inner}</{name}>"


def polygon(points: str = SQUARE, label: str = "car", **attributes: object) -> str:
    return shape("polygon", label=label, points=points, **attributes)


def mask(rle: str, left: int, top: int, width: int, height: int, label: str = "car") -> str:
    return shape("mask", label=label, rle=rle, left=left, top=top, width=width, height=height)


def image(*shapes: str, name: str = "a.jpg", size: tuple[int, int] = (20, 10), extra: str = "") -> str:
    """An image of 20 x 10 pixels (width x height), its shapes one a line."""
    head = f'<image id="7" name="{name}" width="{size[0]}" height="{size[1]}"{extra}>'
    return "\n".join([head, *shapes, "</image>"])


def document(*images: str, labels: Iterable[str] = LABELS, meta: str = "") -> str:
    """A task: line 1 holds everything before the first image, which begins in line 2."""
    named = "".join(f"<label><name>{name}</name></label>" for name in labels)
    task = f"<task><labels>{named}</labels>{meta}</task>"
    head = f"<annotations><version>1.1</version><meta>{task}</meta>"
    return "\n".join([head, *images, "</annotations>\n"])


def written(folder: Path, text: str | bytes, name: str = "c.xml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def checked(folder: Path, text: str, options: str = "") -> segcore.CheckReport:
    return segcore.check(f"cvat:{written(folder, text)}{options}")


def ellipse(**changes: object) -> str:
    return shape("ellipse", label="car", **({"cx": 5, "cy": 5, "rx": 3, "ry": 2} | changes))
