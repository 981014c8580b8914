"""What a YOLO data set says about itself, in ``data.yaml`` or ``classes.txt``: names and splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from posixpath import normpath
from typing import Final

from segcore.documents import YamlDocument, parse_yaml
from segcore.errors import DocumentError, RefusedFileError, SpecError
from segcore.faults import Fault
from segcore.files import Entry, read_bytes
from segcore.limits import MAX_CLASSES, MAX_NAME_LENGTH, MAX_YAML_BYTES
from segcore.ontology import LabelClass, Ontology
from segcore.sources.coco_entries import is_plain, repeated
from segcore.wording import printable, show

__all__ = ["LIST_NAMES", "NAME_FILES", "YAML_FILES", "Dataset", "read_dataset"]

YAML_FILES: Final = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
LIST_NAMES: Final = ("classes.txt", "obj.names", "classes.names")
NAME_FILES: Final = (*YAML_FILES, *LIST_NAMES)
"""Files that say what class numbers mean, in the order they are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What the files beside the labels say.

    Attributes
    ----------
    ontology : Ontology or None
        The classes by number; None where no file names them, or not usably.
    file : str
        The file that names them; empty where there is none.
    splits : dict of str to tuple
        The folders or lists of images of each split; for each the forms it may be meant in, the
        likeliest first.
    faults : tuple of Fault
    """

    ontology: Ontology | None = None
    file: str = ""
    splits: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def read_dataset(entries: Sequence[Entry], *, names: str | None) -> Dataset:
    """Look for the class names.

    Parameters
    ----------
    entries : sequence of Entry
        All files of the data set.
    names : str or None
        The file that holds them; None looks for one of :data:`NAME_FILES`, and takes that with the
        shortest path.

    Raises
    ------
    SpecError
        The file named by the user cannot be read.
    """
    if names is not None:
        try:
            data = read_bytes(names, limit=MAX_YAML_BYTES, follow_symlinks=True)
        except RefusedFileError as error:
            return Dataset(file=names, faults=(error.to_fault(),))
        return _parsed(data, file=names)
    candidates = [entry for entry in entries if _file_name(entry) in NAME_FILES]
    if not candidates:
        return Dataset()
    order = {name: i for i, name in enumerate(NAME_FILES)}
    candidates.sort(key=lambda e: (e.path.count("/"), order[_file_name(e)], e.path))
    found = [_read(entry) for entry in candidates]
    first = found[0]
    faults = [fault for dataset in found for fault in dataset.faults]
    for other in found[1:]:
        if first.ontology is None or other.ontology is None:
            continue
        if first.ontology.names != other.ontology.names:
            faults.append(_bad(other.file, f"the names in {first.file}"[-80:], "other names"))
    splits = next((dataset.splits for dataset in found if dataset.splits), {})
    return Dataset(ontology=first.ontology, file=first.file, splits=splits, faults=tuple(faults))


def _file_name(entry: Entry) -> str:
    return entry.path.rpartition("/")[2]


def _read(entry: Entry) -> Dataset:
    file = entry.location
    try:
        data = read_bytes(file, limit=MAX_YAML_BYTES)
    except RefusedFileError as error:
        return Dataset(file=file, faults=(error.to_fault(),))
    except SpecError as error:  # gone since it was listed, or not for us to read
        got = printable(str(error).replace(file, "this file"))
        fault = Fault(code="path.not_regular", file=file, expected="a readable file", got=got)
        return Dataset(file=file, faults=(fault,))
    return _parsed(data, file=file)


def _parsed(data: bytes, *, file: str) -> Dataset:
    if file.lower().endswith((".yaml", ".yml")):
        return _from_yaml(data, file=file)
    return _from_list(data, file=file)


def _bad(file: str, expected: str, got: str) -> Fault:
    return Fault(code="yolo.bad_names", file=file, expected=expected, got=got)


# ---- classes.txt


def _from_list(data: bytes, *, file: str) -> Dataset:
    """One name a line; the first is number 0."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte 0x{data[error.start]:02x}"
        return Dataset(file=file, faults=(_bad(file, "UTF-8 text, one name a line", got),))
    lines = [line.strip() for line in islice(text.rstrip().split("\n"), MAX_CLASSES + 1)]
    ontology, faults = _ontology(lines, file=file)
    return Dataset(ontology=ontology, file=file, faults=faults)


# ---- data.yaml


def _from_yaml(data: bytes, *, file: str) -> Dataset:
    try:
        document = parse_yaml(data, file=file)
    except DocumentError as error:
        faults = tuple(
            _bad(file, "a plain YAML mapping", printable(f"line {e.line}: {e.problem}", limit=160))
            for e in error.problems
        )
        return Dataset(file=file, faults=faults)
    value = document.value
    if not isinstance(value, dict):
        return Dataset(file=file, faults=(_bad(file, "a mapping with names", show(value)),))
    names, problem = _names(document, value)
    if problem is not None:
        return Dataset(file=file, splits=_splits(value), faults=(_bad(file, *problem),))
    ontology, faults = _ontology(names, file=file)
    count = value.get("nc")
    if count is not None and (type(count) is not int or count != len(names)):
        fault = _bad(file, f"nc: {len(names)}, the number of names", show(count))
        ontology, faults = None, (*faults, fault)
    return Dataset(ontology=ontology, file=file, splits=_splits(value), faults=faults)


def _names(document: YamlDocument, value: dict[str, object]) -> tuple[list[str], tuple[str, str] | None]:
    """The names by number; else expected and got."""
    names = value.get("names")
    expected = "names: a list, or a mapping with the keys 0, 1, 2 ..."
    if isinstance(names, list):
        steps: Iterable[str | int] = range(len(names))
    elif isinstance(names, dict) and names:
        steps = [str(i) for i in range(len(names))]
        missing = next((step for step in steps if step not in names), None)
        if missing is not None:
            return [], (expected, f"{len(names)} names and no key {missing}")
    else:
        return [], (expected, "no such key" if "names" not in value else show(names))
    try:
        # As it was written: a class may be called no, or 007.
        return [document.text(("names", step)) for step in steps], None
    except KeyError:
        return [], (expected, "a name that is no text")


def _splits(value: dict[str, object]) -> dict[str, tuple[tuple[str, ...], ...]]:
    found = {}
    root = value.get("path")
    for split in ("train", "val", "test"):
        given = value.get(split)
        paths = given if isinstance(given, list) else [given]
        texts = [path for path in paths if isinstance(path, str) and path]
        if texts:
            before = [f"{root}/"] if isinstance(root, str) and root else []
            found[split] = tuple(_forms(text, [*before, ""]) for text in texts)
    return found


def _forms(path: str, prefixes: Sequence[str]) -> tuple[str, ...]:
    """A path as it may be meant: below ``path`` or not, without the ``../`` some exporters write."""
    whole = [normpath(f"{prefix}{path}".replace("\\", "/")) for prefix in prefixes]
    return tuple(dict.fromkeys(form for text in whole for form in (text, text.lstrip("./") or ".")))


# ---- both


def _ontology(names: Sequence[str], *, file: str) -> tuple[Ontology | None, tuple[Fault, ...]]:
    faults: list[Fault] = []
    if len(names) > MAX_CLASSES:
        expected = f"at most {MAX_CLASSES} names"
        return None, (Fault(code="limits.entries", file=file, expected=expected, got="more"),)
    for i, name in enumerate(names):
        if not name.strip() or not is_plain(name) or len(name) > MAX_NAME_LENGTH:
            faults.append(_bad(file, f"a printable name for class {i}", show(name)))
    for name, places in repeated(names).items():
        if name.strip():
            got = ", ".join(map(str, places[:3])) + (" and more" if len(places) > 3 else "")
            faults.append(_bad(file, f"one class called {show(name)[:50]}", f"classes {got}"))
    if not names:
        faults.append(_bad(file, "at least one name", "none"))
    if faults:
        return None, tuple(faults)
    return Ontology(tuple(LabelClass(id=i, name=name) for i, name in enumerate(names))), ()
