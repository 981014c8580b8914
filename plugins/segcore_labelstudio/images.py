"""The images a task shows, and the key each one is paired by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from segcore.files import composed
from segcore.limits import MAX_NAME_LENGTH
from segcore.sources.coco_document import image_key
from segcore.sources.coco_entries import is_plain
from segcore.wording import show
from segcore_labelstudio.labeling import ImageTag, Labeling

__all__ = ["TaskImage", "UnknownImageError", "key_of_url", "task_images"]

_UNRESOLVED: Final = "$undefined$"
"""Where an upload stands in a project that has no labeling configuration yet."""

_MAX_IMAGES: Final = 10_000
_UPLOAD: Final = re.compile(r"(?:^|/)upload/\d+/[0-9a-f]{8}-([^/]+)$")
_LOCAL_FILES: Final = "/data/local-files"
_SUFFIXES: Final = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"}
)


class UnknownImageError(Exception):
    """Why the images of a task cannot be told.

    Attributes
    ----------
    code, expected, got : str
        As in :class:`segcore.faults.Fault`.
    """

    def __init__(self, code: str, expected: str, got: str) -> None:
        self.code = code
        self.expected = expected
        self.got = got
        super().__init__(code, expected, got)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskImage:
    """One image of a task.

    Attributes
    ----------
    key : str
        What gold and delivery are paired by.
    to_name : str or None
        The ``Image`` tag that shows it; None where no configuration tells, and whatever tag the
        regions name is the only one.
    item : int
        Its ``item_index`` among the images of the tag.
    """

    key: str
    to_name: str | None
    item: int = 0


def task_images(
    data: object,
    *,
    task_id: int,
    labeling: Labeling | None,
    image_field: str | None,
    key_field: str | None,
) -> tuple[TaskImage, ...]:
    """The images of one task, in the order of the configuration.

    Parameters
    ----------
    data : object
        What the task holds under ``data``.
    task_id : int
        Names an image that has no name.
    labeling : Labeling or None
        Says which fields hold images; without it ``image_field`` does, or else the only field
        that looks like an image.
    image_field, key_field : str or None
        The options ``image`` and ``key``.

    Raises
    ------
    UnknownImageError
        A field is missing, has the wrong type or names no file.
    """
    if not isinstance(data, dict):
        raise UnknownImageError("ls.missing_field", "data: an object", show(data))
    fields: list[tuple[str | None, str]]
    if labeling is None:
        fields = [(None, image_field or _only_image_field(data))]
    else:
        fields = [(tag.name, _field_of(tag, data, labeling)) for tag in labeling.images]
    stem = None if key_field is None else _named_key(data, key_field)
    images: list[TaskImage] = []
    for to_name, field in fields:
        value = data.get(field)
        is_list = isinstance(value, list)
        urls = value if isinstance(value, list) else [value]
        if len(urls) > _MAX_IMAGES:
            raise UnknownImageError("limits.entries", f"at most {_MAX_IMAGES} images", f"{len(urls)}")
        for item, url in enumerate(urls):
            if not isinstance(url, str) or not url:
                where = f"data.{field}[{item}]" if is_list else f"data.{field}"
                got = show(url) if field in data else "no such key"
                raise UnknownImageError("ls.missing_field", f"{where}: the URL of an image", got)
            key = key_of_url(url) if stem is None else None
            if key is None:
                parts = [stem or f"task-{task_id}"]
                parts += [str(to_name)] if len(fields) > 1 else []
                parts += [str(item)] if is_list else []
                key = "-".join(parts)
            images.append(TaskImage(key=key, to_name=to_name, item=item))
    if not images:
        raise UnknownImageError("ls.missing_field", "at least one image", "an empty list")
    return tuple(images)


def key_of_url(url: str) -> str | None:
    """The name of the image behind a URL: no folders, no query, no extension, no upload prefix.

    Returns
    -------
    str or None
        None for a ``data:`` URI, which has no name.

    Raises
    ------
    UnknownImageError
        It names no file, or one with control characters, or climbs out of its folder.
    """
    if url[:5].lower() == "data:":
        return None
    path = url
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("", "http", "https"):
        try:
            parts = urlsplit(url)
            path = unquote(parts.path, errors="strict")
            if parts.path.rstrip("/").endswith(_LOCAL_FILES):
                path = parse_qs(parts.query, errors="strict", max_num_fields=100).get("d", [""])[-1]
        except ValueError:  # a broken host, or bytes that are no text
            path = ""
    if not is_plain(url):  # splitting drops control characters without a word
        path = ""
    if (upload := _UPLOAD.search(path)) is not None:
        path = upload[1]
    key = image_key(path)
    if key is None:
        raise UnknownImageError("path.unsafe", "a URL that ends in a usable file name", show(url))
    return key


def _named_key(data: dict[str, object], field: str) -> str:
    value = data.get(field)
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not text.strip():
        got = show(value) if field in data else "no such key"
        raise UnknownImageError("ls.missing_field", f"data.{field}: the key of the image", got)
    if len(text) > MAX_NAME_LENGTH or not is_plain(text):
        expected = f"data.{field}: plain text of at most {MAX_NAME_LENGTH} characters"
        raise UnknownImageError("path.unsafe", expected, show(text))
    return composed(text)


def _field_of(tag: ImageTag, data: dict[str, object], labeling: Labeling) -> str:
    if tag.field not in data and len(labeling.images) == 1 and _UNRESOLVED in data:
        return _UNRESOLVED
    return tag.field


def _only_image_field(data: dict[str, object]) -> str:
    fields = [field for field, value in data.items() if _looks_like_image(value)]
    for usual in ("image", "images"):
        if usual in data:
            return usual
    if len(fields) != 1:
        expected = "one field of data with an image; say which: ?image=FIELD"
        raise UnknownImageError("ls.missing_field", expected, show(sorted(fields)))
    return fields[0]


def _looks_like_image(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(url, str) and _looks_like_image(url) for url in value)
    if not isinstance(value, str):
        return False
    if value[:11].lower() == "data:image/":
        return True
    name = value[-MAX_NAME_LENGTH:].partition("?")[0] if _LOCAL_FILES not in value else value
    return PurePosixPath(name.lower()).suffix in _SUFFIXES
