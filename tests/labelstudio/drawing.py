"""Drawing with a known hand: shapes as Label Studio stores them, and the masks they stand for.

Everything is written through Label Studio's own SDK, and every mask is kept as it was drawn, so that
scores can be computed from NumPy arrays without a line of segcore.
"""

from __future__ import annotations

import base64
import io
import json
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

LABELS = ("road", "car", "sign")
BACKGROUND = -1

_SHAPES = ("Brush", "Polygon", "Rectangle", "Ellipse", "Bitmask", "Vector")
_CHOICES = "".join(f'<Label value="{label}"/>' for label in LABELS)
CONFIG = "".join(
    [
        '<View><Image name="image" value="$image"/><Image name="pages" valueList="$pages"/>',
        *(f'<{s}Labels name="{s.lower()}" toName="image">{_CHOICES}</{s}Labels>' for s in _SHAPES),
        f'<Labels name="label" toName="image">{_CHOICES}</Labels>',
        '<Brush name="pen" toName="image"/><MagicWand name="wand" toName="image"/>',
        f'<BrushLabels name="page-brush" toName="pages">{_CHOICES}</BrushLabels>',
        '<TextArea name="note" toName="image" perRegion="true"/></View>',
    ]
)
"""A labeling configuration with every control that draws an area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image of a task: which tag shows it, and which item of the tag."""

    url: str
    width: int
    height: int
    tag: str = "image"
    item: int | None = None

    @property
    def key(self) -> str:
        """The file name, without the prefix of an upload."""
        name = PurePosixPath(self.url).stem
        return name[9:] if "/upload/" in self.url else name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """One drawn region: its label, the pixels it covers, and the entries of `result` that say so."""

    label: str
    mask: np.ndarray
    entries: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One annotation of a task: what an author drew on each of its pictures."""

    author: str
    shapes: Mapping[str, Sequence[Shape]] = field(default_factory=dict)
    kind: str = "annotation"
    """`annotation`, `ground truth`, `cancelled` or `draft`."""

    @property
    def regions(self) -> int:
        """How many shapes there are, on all pictures."""
        return sum(len(shapes) for shapes in self.shapes.values())


def disk(picture: Picture, x: float, y: float, outer: float, inner: float = 0) -> np.ndarray:
    """A disk of a radius, or a ring, around (x, y)."""
    column, row = _centres(picture)
    distance = np.hypot(column - x, row - y)
    return (distance <= outer) & (distance >= inner)


def fading(picture: Picture, x: int, y: int) -> np.ndarray:
    """A square of 16 x 16 pixels that holds every alpha once, 0 to 255: uint8."""
    alpha = np.zeros((picture.height, picture.width), np.uint8)
    alpha[y : y + 16, x : x + 16] = np.arange(256).reshape(16, 16)
    return alpha


def box(picture: Picture, x: int, y: int, width: int, height: int) -> np.ndarray:
    """An upright rectangle of whole pixels."""
    mask = np.zeros((picture.height, picture.width), np.bool_)
    mask[y : y + height, x : x + width] = True
    return mask


def brush(picture: Picture, label: str, mask: np.ndarray) -> Shape:
    """Strokes of a brush, encoded by the SDK: a mask, or alpha of which 128 and more belong to it."""
    control = "brush" if picture.tag == "image" else "page-brush"
    drawn = mask if mask.dtype == np.bool_ else mask >= 128
    return _shape(picture, label, drawn, (control, "brushlabels", _strokes(mask)))


def brush_from_file(picture: Picture, label: str, mask: np.ndarray) -> Shape:
    """Strokes the SDK reads from a picture of the mask."""
    from label_studio_sdk.converter.brush import image2rle

    codes, *_ = image2rle(io.BytesIO(_png(mask.astype(np.uint8) * 255)))
    strokes = {"format": "rle", "rle": [int(code) for code in codes]}
    return _shape(picture, label, mask, ("brush", "brushlabels", strokes))


def brush_with_label_apart(picture: Picture, label: str, mask: np.ndarray) -> Shape:
    """A region of `Labels` and `Brush`: the entries share an id, and each repeats the strokes."""
    strokes = _strokes(mask)
    return _shape(picture, label, mask, ("pen", "brush", strokes), ("label", "labels", strokes))


def magic_wand(picture: Picture, label: str, mask: np.ndarray) -> Shape:
    """A region the magic wand selected, with a note of the annotator."""
    strokes = _strokes(mask)
    note = ("note", "textarea", strokes | {"text": ["a note"]})
    return _shape(
        picture, label, mask, ("wand", "magicwand", strokes), ("label", "labels", strokes), note
    )


def bitmask(picture: Picture, label: str, mask: np.ndarray) -> Shape:
    """A bitmask: a PNG in the region whose alpha is the mask."""
    pixels = np.repeat((mask.astype(np.uint8) * 255)[..., None], 4, axis=2)
    url = "data:image/png;base64," + base64.b64encode(_png(pixels)).decode()
    return _shape(picture, label, mask, ("bitmask", "bitmasklabels", {"imageDataURL": url}))


def polygon(picture: Picture, label: str, points: Sequence[tuple[float, float]]) -> Shape:
    """A polygon through points in pixels."""
    value = {"points": [[*_percent(picture, x, y)] for x, y in points], "closed": True}
    return _shape(picture, label, _filled(picture, points), ("polygon", "polygonlabels", value))


def closed_vector(picture: Picture, label: str, points: Sequence[tuple[float, float]]) -> Shape:
    """A closed vector of straight lines through points in pixels."""
    vertices = []
    for i, (x, y) in enumerate(points):
        x_percent, y_percent = _percent(picture, x, y)
        before = f"v{i - 1}" if i else None
        vertices.append(
            {"id": f"v{i}", "x": x_percent, "y": y_percent, "prevPointId": before, "isBezier": False}
        )
    value = {"vertices": vertices, "closed": True}
    return _shape(picture, label, _filled(picture, points), ("vector", "vectorlabels", value))


def rectangle(
    picture: Picture, label: str, x: float, y: float, width: float, height: float, degrees: float = 0
) -> Shape:
    """A rectangle, turned clockwise around its first corner (x, y); lengths in pixels."""
    turn = np.radians(degrees)
    along = width * np.array([np.cos(turn), np.sin(turn)])
    down = height * np.array([-np.sin(turn), np.cos(turn)])
    corners = np.array([x, y]) + np.array([0 * along, along, along + down, down])
    x_percent, y_percent = _percent(picture, x, y)
    width_percent, height_percent = _percent(picture, width, height)
    value = {
        "x": x_percent, "y": y_percent, "width": width_percent, "height": height_percent,
        "rotation": degrees,
    }  # fmt: skip
    return _shape(picture, label, _filled(picture, corners), ("rectangle", "rectanglelabels", value))


def ellipse(
    picture: Picture,
    label: str,
    x: float,
    y: float,
    radius_x: float,
    radius_y: float,
    degrees: float = 0,
) -> Shape:
    """An ellipse around (x, y), turned clockwise: the pixels whose centres it holds."""
    turn, (column, row) = np.radians(degrees), _centres(picture)
    along = (column - x) * np.cos(turn) + (row - y) * np.sin(turn)
    across = (row - y) * np.cos(turn) - (column - x) * np.sin(turn)
    mask = (along / radius_x) ** 2 + (across / radius_y) ** 2 <= 1
    x_percent, y_percent = _percent(picture, x, y)
    radius_x_percent, radius_y_percent = _percent(picture, radius_x, radius_y)
    value = {
        "x": x_percent, "y": y_percent, "radiusX": radius_x_percent, "radiusY": radius_y_percent,
        "rotation": degrees,
    }  # fmt: skip
    return _shape(picture, label, mask, ("ellipse", "ellipselabels", value))


@dataclass(kw_only=True)
class Project:
    """A project of a live server, and what was drawn in it."""

    sdk: Any = field(repr=False)
    url: str
    token: str = field(repr=False)
    id: int
    users: Mapping[str, int]
    """User ids; `gold` is the administrator."""
    pictures: dict[str, Picture] = field(default_factory=dict)
    sheets: dict[str, list[tuple[Sheet, tuple[str, ...]]]] = field(default_factory=dict)
    """What was drawn on the pictures of a task, in the order of writing, by the task's first picture."""
    tasks: dict[str, int] = field(default_factory=dict)

    @classmethod
    def create(cls, sdk: Any, server: Any, *, title: str, authors: Iterable[str] = ()) -> Project:
        """A new project with the configuration above, and users who may annotate in it."""
        project = sdk.projects.create(title=title, label_config=CONFIG)
        known = {user.email: user.id for user in sdk.users.list()}
        users = {"gold": sdk.users.whoami().id}
        for author in authors:
            email = f"{author}@example.com"
            user = known.get(email) or sdk.users.create(email=email, username=author).id
            users[author] = user
        return cls(sdk=sdk, url=server.url, token=server.token, id=project.id, users=users)

    def add_task(self, pictures: Sequence[Picture], *sheets: Sheet, **columns: object) -> int:
        """Write a task and, one after the other, its annotations and drafts."""
        (image,) = (p.url for p in pictures if p.tag == "image")
        pages = [p.url for p in pictures if p.tag == "pages"]
        task = self.sdk.tasks.create(project=self.id, data={"image": image, "pages": pages, **columns})
        keys = tuple(p.key for p in pictures)
        self.pictures |= {p.key: p for p in pictures}
        self.tasks |= dict.fromkeys(keys, task.id)
        for sheet in sheets:
            result = [e for shapes in sheet.shapes.values() for shape in shapes for e in shape.entries]
            self.sheets.setdefault(keys[0], []).append((sheet, keys))
            if sheet.kind == "draft":
                self._post(f"api/tasks/{task.id}/drafts", {"result": result, "lead_time": 3})
                continue
            self.sdk.annotations.create(
                id=task.id,
                result=result,
                completed_by=self.users[sheet.author],
                ground_truth=sheet.kind == "ground truth",
                was_cancelled=sheet.kind == "cancelled",
                lead_time=12.5,
            )
        return int(task.id)

    def gold(self) -> dict[str, np.ndarray]:
        """Class indices of every picture with a ground truth: int (H, W), -1 where nothing was drawn."""
        return self._painted({"ground truth"}, None)

    def delivery(self, author: str | None = None) -> dict[str, np.ndarray]:
        """The same of the last annotation of each task, by anyone or by one author."""
        return self._painted({"annotation"}, author)

    def export(self, kind: str = "JSON") -> bytes:
        """The bytes of an export of the whole project."""
        path = f"api/projects/{self.id}/export?exportType={kind}&download_all_tasks=true"
        return self._send(urllib.request.Request(self.url + path))

    def _painted(self, kinds: set[str], author: str | None) -> dict[str, np.ndarray]:
        painted = {}
        for sheets in self.sheets.values():
            for sheet, keys in sheets:
                if sheet.kind in kinds and author in {None, sheet.author}:
                    for key in keys:
                        painted[key] = paint(self.pictures[key], sheet.shapes.get(key, ()))
        return painted

    def _post(self, path: str, body: object) -> None:
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        self._send(request)

    def _send(self, request: urllib.request.Request) -> bytes:
        request.add_header("Authorization", f"Token {self.token}")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            content: bytes = answer.read()
            return content


def paint(picture: Picture, shapes: Iterable[Shape]) -> np.ndarray:
    """Class indices int (H, W): where shapes overlap, the smallest owns the pixel."""
    canvas = np.full((picture.height, picture.width), BACKGROUND)
    for shape in sorted(shapes, key=lambda shape: -np.count_nonzero(shape.mask)):
        canvas[shape.mask] = LABELS.index(shape.label)
    return canvas


def overlaps(
    gold: Mapping[str, np.ndarray], delivery: Mapping[str, np.ndarray]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Intersection and union in pixels by picture and label, where either side holds the label.

    A picture that was not delivered counts with nothing on it; one that has no gold does not count.
    """
    counted = {}
    for key, wanted in gold.items():
        found = delivery.get(key, np.full_like(wanted, BACKGROUND))
        for i, label in enumerate(LABELS):
            union = np.count_nonzero((wanted == i) | (found == i))
            if union:
                counted[key, label] = (np.count_nonzero((wanted == i) & (found == i)), union)
    return counted


def iou_by_label(counted: Mapping[tuple[str, str], tuple[int, int]]) -> dict[str, float]:
    """IoU of each label over all pictures."""
    scores = {}
    for label in LABELS:
        pairs = [counts for (_, name), counts in counted.items() if name == label]
        if pairs:
            scores[label] = sum(i for i, _ in pairs) / sum(u for _, u in pairs)
    return scores


_made = 0


def _shape(
    picture: Picture, label: str, mask: np.ndarray, *parts: tuple[str, str, Mapping[str, Any]]
) -> Shape:
    global _made
    _made += 1
    entries = []
    for control, kind, value in parts:
        labels = {kind: [label]} if kind.endswith("labels") else {}
        entry = {
            "id": f"region{_made:04}", "from_name": control, "to_name": picture.tag, "type": kind,
            "origin": "manual", "original_width": picture.width, "original_height": picture.height,
            "image_rotation": 0, "value": {**value, **labels},
        }  # fmt: skip
        entries.append(entry if picture.item is None else entry | {"item_index": picture.item})
    return Shape(label=label, mask=mask, entries=entries)


def _strokes(mask: np.ndarray) -> dict[str, Any]:
    from label_studio_sdk.converter.brush import mask2rle

    alpha = mask.astype(np.uint8) * 255 if mask.dtype == np.bool_ else mask
    return {"format": "rle", "rle": [int(code) for code in mask2rle(alpha)]}


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _percent(picture: Picture, x: float, y: float) -> tuple[float, float]:
    return float(x) * 100 / picture.width, float(y) * 100 / picture.height


def _centres(picture: Picture) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(picture.width) + 0.5, np.arange(picture.height)[:, None] + 0.5


def _filled(picture: Picture, points: Sequence[tuple[float, float]] | np.ndarray) -> np.ndarray:
    ring = np.asarray(points, np.float64).ravel().tolist()
    codes = coco_mask.frPyObjects([ring], picture.height, picture.width)
    return coco_mask.decode(codes)[..., 0].astype(np.bool_)
