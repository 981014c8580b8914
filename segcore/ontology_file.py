"""Ontologies as people write them: a YAML or JSON file, a mapping in a policy, or a preset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeVar

from segcore.documents import YamlDocument, key_path, parse_document
from segcore.errors import DocumentError, OntologyError, RefusedFileError, SpecError
from segcore.files import read_bytes
from segcore.limits import MAX_CLASSES, MAX_NAME_LENGTH, MAX_YAML_BYTES
from segcore.ontology import Crowd, LabelClass, Ontology, Overlap
from segcore.wording import did_you_mean, printable

__all__ = ["load_ontology", "named_ontology", "ontology_from_document", "preset", "presets"]

_E = TypeVar("_E", bound=Enum)
_Path = tuple[str | int, ...]

_KEYS: Final = ("classes", "crowd", "ignore", "overlap", "preset", "unlabeled")
_CLASS_KEYS: Final = ("aliases", "color", "id", "name", "thing")
_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_MAX_ID: Final = 65535
_MAX_PROBLEMS: Final = 50


def load_ontology(location: str) -> Ontology:
    """Read an ontology file.

    Parameters
    ----------
    location : str
        A path, or a URL any fsspec file system understands.  JSON where it ends in ``.json`` or
        holds an object, YAML otherwise.

    Raises
    ------
    OntologyError
        There is no such file, it is not a strict YAML or JSON document, or its content is not
        an ontology; all problems at once, each with its line.
    """
    try:
        data = read_bytes(location, limit=MAX_YAML_BYTES, follow_symlinks=True)
    except (SpecError, RefusedFileError) as e:
        raise OntologyError(f"the ontology cannot be read: {e}") from None
    try:
        document = parse_document(data, file=location)
    except DocumentError as e:
        raise OntologyError(str(e), e.problems) from None
    return ontology_from_document(document)


def named_ontology(text: str) -> Ontology:
    """The ontology ``text`` names: ``preset:NAME``, or else a file.

    Raises
    ------
    OntologyError
        See :func:`load_ontology` and :func:`preset`.
    """
    name = text.removeprefix("preset:")
    return load_ontology(text) if name == text else preset(name)


@cache
def preset(name: str) -> Ontology:
    """The ontology of a well-known data set: ``cityscapes``, ``coco``, ``voc`` or ``ade20k``.

    Raises
    ------
    OntologyError
        There is no such preset.
    """
    if name not in presets():
        raise OntologyError(_unknown_preset(name))
    data = files("segcore").joinpath("presets", f"{name}.yaml").read_bytes()
    return ontology_from_document(parse_document(data, file=f"{name}.yaml"))


def presets() -> tuple[str, ...]:
    """The names :func:`preset` takes, sorted."""
    return ("ade20k", "cityscapes", "coco", "voc")


def ontology_from_document(document: YamlDocument, path: _Path = ()) -> Ontology:
    """The ontology that stands at ``path`` of a document.

    Raises
    ------
    OntologyError
        It is not an ontology; all problems at once, each with its line.
    """
    reader = _Reader(document)
    ontology = reader.read(path)
    if ontology is None or reader.problems:
        problems = sorted(reader.problems, key=lambda e: e.line or 0)
        raise OntologyError("\n".join(map(str, problems)), problems)
    return ontology


class _Reader:
    """Turns one document into an ontology and keeps every problem it meets."""

    def __init__(self, document: YamlDocument) -> None:
        self.problems: list[DocumentError] = []
        self._document = document

    def read(self, path: _Path) -> Ontology | None:
        value = self._value(path)
        if not isinstance(value, dict):
            self._refuse(path, "expected the keys classes, ignore and unlabeled, or preset")
            return None
        self._known_keys(path, value, _KEYS)
        ignore = self._values((*path, "ignore")) if "ignore" in value else None
        unlabeled = self._values((*path, "unlabeled")) if "unlabeled" in value else None
        overlap = self._choice((*path, "overlap"), Overlap) if "overlap" in value else None
        crowd = self._choice((*path, "crowd"), Crowd) if "crowd" in value else None
        base = self._preset((*path, "preset")) if "preset" in value else None
        if "classes" in value:
            classes = self._classes((*path, "classes"))
            base = Ontology(classes) if classes and not self.problems else None
            if "preset" in value:
                self._refuse((*path, "classes"), "give either preset or classes, not both")
        elif "preset" not in value:
            problem = "give classes: [{id: 0, name: road}, ...], or preset: " + " | ".join(presets())
            self._refuse(path, problem, "policy.missing_key")
        if base is None:
            return None
        ignore = base.ignore if ignore is None else ignore
        unlabeled = base.unlabeled if unlabeled is None else unlabeled
        self._unique_values(path, base, ignore, unlabeled)
        if self.problems:
            return None
        return Ontology(
            base.classes, ignore, unlabeled, overlap=overlap or base.overlap, crowd=crowd or base.crowd
        )

    def _classes(self, path: _Path) -> tuple[LabelClass, ...]:
        value = self._value(path)
        if not isinstance(value, list) or not value:
            self._refuse(path, "expected a list of classes, each {id: 0, name: road}")
            return ()
        if len(value) > MAX_CLASSES:
            self._refuse(path, f"{len(value)} classes, the limit is {MAX_CLASSES}", "limits.entries")
            return ()
        seen: dict[tuple[str, object], int] = {}
        read = (self._class((*path, i), seen) for i in range(len(value)))
        return tuple(c for c in read if c is not None)

    def _class(self, path: _Path, seen: dict[tuple[str, object], int]) -> LabelClass | None:
        value = self._value(path)
        if not isinstance(value, dict):
            self._refuse(path, "expected a class such as {id: 0, name: road}")
            return None
        self._known_keys(path, value, _CLASS_KEYS)
        for key in ("id", "name"):
            if key not in value:
                self._refuse(path, f"the class has no {key}", "policy.missing_key")
        class_id = self._id((*path, "id")) if "id" in value else None
        name = self._name((*path, "name")) if "name" in value else None
        color = self._color((*path, "color")) if "color" in value else None
        thing = value.get("thing")
        if not isinstance(thing, bool) and "thing" in value:
            self._refuse((*path, "thing"), "expected true (countable) or false (stuff)")
            thing = None
        aliases = self._aliases((*path, "aliases")) if "aliases" in value else {}
        for what, item, at in [
            ("id", class_id, (*path, "id")),
            ("name", name, (*path, "name")),
            ("color", color and value["color"].lower(), (*path, "color")),
            *(("name", alias, at) for at, alias in aliases.items()),
        ]:
            if item is None:
                continue
            line = self._document.line(at)
            if (what, item) in seen:
                place = f"; line {seen[what, item]} has it already" if line else ""
                shown = item if isinstance(item, int) else f"'{printable(str(item))}'"
                self._refuse(at, f"{what} {shown} is used twice{place}")
            seen.setdefault((what, item), line)
        if class_id is None or name is None:
            return None
        return LabelClass(
            id=class_id, name=name, color=color, thing=thing, aliases=tuple(aliases.values())
        )

    def _aliases(self, path: _Path) -> dict[_Path, str]:
        value = self._value(path)
        if not isinstance(value, list):
            self._refuse(path, "expected a list of names")
            return {}
        names = {(*path, i): self._name((*path, i)) for i in range(len(value))}
        return {at: name for at, name in names.items() if name is not None}

    def _name(self, path: _Path) -> str | None:
        try:
            name = self._document.text(path)
        except KeyError:
            self._refuse(path, "expected a name")
            return None
        if not name.strip():
            self._refuse(path, "the name is empty")
        elif len(name) > MAX_NAME_LENGTH:
            self._refuse(path, f"a name of {len(name)} characters, the limit is {MAX_NAME_LENGTH}")
        elif name != name.strip() or not name.isprintable():
            self._refuse(
                path, f"'{printable(name)}' begins or ends with a space or holds a control character"
            )
        else:
            return name
        return None

    def _color(self, path: _Path) -> tuple[int, int, int] | None:
        value = self._value(path)
        if value is None:
            self._refuse(path, 'no value; write the color in quotes, "#0000ff": # begins a comment')
        elif not isinstance(value, str) or not _COLOR.fullmatch(value):
            self._refuse(path, f'expected a color such as "#0000ff", got {self._shown(path)}')
        else:
            return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)
        return None

    def _id(self, path: _Path) -> int | None:
        value = self._value(path)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_ID:
            self._refuse(path, f"expected a mask value from 0 to {_MAX_ID}, got {self._shown(path)}")
            return None
        return value

    def _values(self, path: _Path) -> tuple[int, ...]:
        value = self._value(path)
        paths = [(*path, i) for i in range(len(value))] if isinstance(value, list) else [path]
        read = [self._id(at) for at in paths]
        return tuple(item for item in read if item is not None)

    def _unique_values(
        self, path: _Path, base: Ontology, ignore: Iterable[int], unlabeled: Iterable[int]
    ) -> None:
        owners = {c.id: f"class {c.name!r}" for c in base.classes}
        for key, values in (("ignore", ignore), ("unlabeled", unlabeled)):
            for value in values:
                if value in owners:
                    self._refuse((*path, key), f"value {value} is {owners[value]} already")
                owners.setdefault(value, key)

    def _choice(self, path: _Path, kind: type[_E]) -> _E | None:
        value = self._value(path)
        allowed = [member.value for member in kind]
        if value in allowed:
            return kind(value)
        self._refuse(path, f"expected {' or '.join(allowed)}, got {self._shown(path)}")
        return None

    def _preset(self, path: _Path) -> Ontology | None:
        value = self._value(path)
        if value in presets():
            return preset(value)
        self._refuse(path, _unknown_preset(value if isinstance(value, str) else self._shown(path)))
        return None

    def _known_keys(self, path: _Path, value: dict[str, object], known: tuple[str, ...]) -> None:
        for key in value:
            if key not in known:
                problem = f"unknown key '{printable(key)}'{did_you_mean(key, known)}"
                self._refuse((*path, key), problem, "policy.unknown_key")

    def _value(self, path: _Path) -> Any:
        value: Any = self._document.value
        for step in path:
            value = value[step]
        return value

    def _shown(self, path: _Path) -> str:
        try:
            return f"'{printable(self._document.text(path), limit=40)}'"
        except KeyError:
            return "a list or mapping"

    def _refuse(self, path: _Path, problem: str, code: str = "policy.bad_value") -> None:
        where = key_path(path)
        line = self._document.line(path) or None
        problem = f"{where}: {problem}" if where else problem
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(DocumentError(code, problem, file=self._document.file, line=line))


def _unknown_preset(name: str) -> str:
    hint = did_you_mean(name, presets())
    return f"there is no preset '{printable(name, limit=40)}'{hint} (there are {', '.join(presets())})"
