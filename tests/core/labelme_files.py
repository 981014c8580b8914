"""LabelMe files for tests, and what LabelMe itself draws."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage
from spec_readings import regions

SQUARE = [[2, 2], [8, 2], [8, 8], [2, 8]]


def shape(label: object = "car", points: object = SQUARE, **more: object) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", **more}


def png(mask: npt.NDArray[Any]) -> str:
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return b64encode(stream.getvalue()).decode()


def write(folder: Path, *shapes: object, name: str = "a", **more: object) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": f"{name}.jpg",
        "imageData": None,
        "imageHeight": 10,
        "imageWidth": 20,
    } | more
    (folder / f"{name}.json").write_text(json.dumps(document))
    return f"labelme:{folder}"


def drawn(spec: str, at: int = 0) -> npt.NDArray[np.bool_]:
    return regions(spec)[at].mask.to_array()


def box(x0: int, y0: int, x1: int, y1: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros((10, 20), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def text(mask: npt.NDArray[np.bool_]) -> str:
    return "\n".join("".join(".#"[int(value)] for value in row) for row in mask)


def pillow(kind: str, points: list[list[float]], *, height: int, width: int) -> npt.NDArray[np.bool_]:
    """What LabelMe's ``shape_to_mask`` draws, said again."""
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    xy = [(x, y) for x, y in points]
    if kind in ("circle", "point"):
        (x, y), radius = xy[0], 5.0 if kind == "point" else float(np.hypot(*np.subtract(*xy[:2])))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    elif kind == "rectangle":
        draw.rectangle(xy, outline=1, fill=1)
    elif kind in ("line", "linestrip"):
        draw.line(xy, fill=1, width=10, joint="curve" if kind == "linestrip" else None)
    else:
        draw.polygon(xy, outline=1, fill=1)
    return np.array(image) > 0


def apart(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> int:
    """By how many pixels either mask must grow to hold the other."""
    near = np.ones((3, 3), np.bool_)
    for grown in range(10):
        if (a & ~b).any() or (b & ~a).any():
            wide = [m if not grown else ndimage.binary_dilation(m, near, grown) for m in (a, b)]
            if (b & ~wide[0]).any() or (a & ~wide[1]).any():
                continue
        return grown
    return 10
