"""The labeling configuration of a project: which tags show images, which draw, with which labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat  # DOCTYPE, and with it every entity of one's own, is refused below

from segcore.errors import RefusedFileError, SpecError
from segcore.files import read_bytes
from segcore.limits import MAX_CLASSES, MAX_DOCUMENT_DEPTH, MAX_NAME_LENGTH, MAX_YAML_BYTES
from segcore.ontology import LabelClass, Ontology
from segcore.sources.coco_entries import is_plain
from segcore.wording import printable

__all__ = ["Control", "ImageTag", "Labeling", "load_labeling", "parse_labeling"]

_VARIABLE: Final = re.compile(r"\$([^\s/?#&]+)")
_LABEL_TAGS: Final = frozenset(
    {
        "bitmasklabels",
        "brushlabels",
        "ellipselabels",
        "labels",
        "polygonlabels",
        "rectanglelabels",
        "vectorlabels",
    }
)
"""Tags whose labels are classes of areas; the others (key points, text, sound) have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTag:
    """An ``Image`` tag.

    Attributes
    ----------
    name : str
        What ``to_name`` of a region says.
    field : str
        The key of ``task.data``.
    is_list : bool
        Whether the field holds several images, told apart by ``item_index``.
    """

    name: str
    field: str
    is_list: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A tag that annotators use.

    Attributes
    ----------
    name : str
        What ``from_name`` of a region says.
    kind : str
        The tag in lower case: ``brushlabels``, ``choices`` ...
    to_names : tuple of str
        The tags it works on.
    labels : tuple of (str, str or None)
        Value and alias of each label, in order.
    dynamic : bool
        Whether its labels come from the tasks.
    """

    name: str
    kind: str
    to_names: tuple[str, ...]
    labels: tuple[tuple[str, str | None], ...] = ()
    dynamic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeling:
    """A labeling configuration.

    Attributes
    ----------
    images : tuple of ImageTag
        In the order of the configuration.
    controls : mapping of str to Control
        By name, in the order of the configuration.
    """

    images: tuple[ImageTag, ...]
    controls: Mapping[str, Control] = field(default_factory=dict)

    def ontology(self) -> Ontology | None:
        """The labels that areas of images can have, in order, with ids from 0.

        A label of several tags is one class.  A result names a label by its alias where it has
        one, so the alias is kept.

        Returns
        -------
        Ontology or None
            None where labels come from the tasks, or where there is none.

        Raises
        ------
        OntologyError
            An alias is the name or the alias of another label as well.
        """
        shown = {image.name for image in self.images}
        aliases: dict[str, list[str]] = {}
        for control in self.controls.values():
            if control.kind not in _LABEL_TAGS or not shown.intersection(control.to_names):
                continue
            if control.dynamic:
                return None
            for value, alias in control.labels:
                known = aliases.setdefault(value, [])
                if alias is not None and alias != value and alias not in known:
                    known.append(alias)
        classes = (
            LabelClass(id=i, name=name, aliases=tuple(others))
            for i, (name, others) in enumerate(aliases.items())
        )
        return Ontology(tuple(classes)) if aliases else None


def load_labeling(location: str) -> Labeling:
    """Read a labeling configuration from a file.

    Raises
    ------
    SpecError
        There is no such file, or see :func:`parse_labeling`.
    """
    try:
        data = read_bytes(location, limit=MAX_YAML_BYTES, follow_symlinks=True)
    except RefusedFileError as error:
        raise SpecError(f"the labeling configuration cannot be read: {error}") from None
    return parse_labeling(data, file=location)


def parse_labeling(data: bytes | str, *, file: str) -> Labeling:
    """Read a labeling configuration (XML).

    Parameters
    ----------
    data : bytes or str
        What Label Studio shows under Settings, Labeling Interface, Code.
    file : str
        What errors call it.

    Raises
    ------
    SpecError
        It is too large, no well-formed XML, has a document type or entities of its own, has no
        ``Image`` tag, a tag without a name, two of one name or an unusable label.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_YAML_BYTES:
        problem = f"{len(raw)} bytes, the limit is {MAX_YAML_BYTES}"
        raise SpecError(f"the labeling configuration {file} is too large: {problem}")
    reader = _Reader(file)
    parser = expat.ParserCreate("utf-8" if isinstance(data, str) else None)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    reader.parser = parser
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        problem = expat.ErrorString(error.code)
        raise SpecError(f"{file}:{error.lineno}: not well-formed XML: {problem}") from None
    except (ValueError, LookupError) as error:  # an encoding that expat cannot read
        raise SpecError(f"{file}: not readable as XML: {printable(str(error))}") from None
    return reader.labeling()


class _Reader:
    """Takes the tags as they come; of the nesting only the surrounding control counts."""

    def __init__(self, file: str) -> None:
        self.parser: expat.XMLParserType | None = None
        self._file = file
        self._images: list[ImageTag] = []
        self._controls: dict[str, Control] = {}
        self._open: list[str | None] = []
        self._count = 0

    def doctype(self, *_: object) -> None:
        raise self._error("a labeling configuration has no DOCTYPE, and no entities of its own")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DOCUMENT_DEPTH:
            raise self._error(f"nested deeper than {MAX_DOCUMENT_DEPTH} levels")
        kind, name, to_name = tag.lower(), attributes.get("name"), attributes.get("toName")
        self._open.append(None)
        if kind == "image":
            self._image(self._name(tag, name), attributes)
        elif kind == "label":
            self._label(attributes)
        elif to_name is not None:
            self._control(kind, self._name(tag, name), to_name, attributes)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def labeling(self) -> Labeling:
        if not self._images:
            raise SpecError(f"{self._file}: the labeling configuration has no Image tag")
        return Labeling(images=tuple(self._images), controls=self._controls)

    def _image(self, name: str, attributes: dict[str, str]) -> None:
        text, is_list = attributes.get("valueList"), True
        if text is None:
            text, is_list = attributes.get("value", ""), False
        found = _VARIABLE.search(text)
        if found is None:
            raise self._error(f"the Image tag {name!r} names no field of the tasks (value='$image')")
        if any(image.name == name for image in self._images):
            raise self._error(f"two Image tags are called {name!r}")
        self._images.append(ImageTag(name=name, field=found[1], is_list=is_list))

    def _control(self, kind: str, name: str, to_name: str, attributes: dict[str, str]) -> None:
        if name in self._controls:
            raise self._error(f"two tags are called {name!r}")
        self._controls[name] = Control(
            name=name,
            kind=kind,
            to_names=tuple(to_name.replace(",", " ").split()),
            dynamic=attributes.get("value", "").startswith("$"),
        )
        self._open[-1] = name

    def _label(self, attributes: dict[str, str]) -> None:
        owner = next((name for name in reversed(self._open) if name is not None), None)
        if owner is None:
            return
        value, alias = attributes.get("value"), attributes.get("alias") or None
        if value is None or not _is_name(value) or not (alias is None or _is_name(alias)):
            limit = f"plain text of at most {MAX_NAME_LENGTH} characters"
            raise self._error(f"a Label of {owner!r} has no usable value or alias ({limit})")
        self._count += 1
        if self._count > MAX_CLASSES:
            raise self._error(f"more than {MAX_CLASSES} labels")
        control = self._controls[owner]
        self._controls[owner] = Control(
            name=owner,
            kind=control.kind,
            to_names=control.to_names,
            labels=(*control.labels, (value, alias)),
            dynamic=control.dynamic,
        )

    def _name(self, tag: str, name: str | None) -> str:
        if name is None or not _is_name(name):
            raise self._error(f"a tag {printable(tag)} has no usable name")
        return name

    def _error(self, problem: str) -> SpecError:
        line = 1 if self.parser is None else self.parser.CurrentLineNumber
        return SpecError(f"{self._file}:{line}: {printable(problem, limit=200)}")


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_NAME_LENGTH and is_plain(text)
