"""``labelme:dir``: one LabelMe JSON an image.

The key of an image is the name of its JSON file, as in LabelMe's own converters.  The labels found
are the classes, sorted by name, unless ``ontology=FILE`` or the caller gives others; ``__ignore__``
is ignored and ``_background_`` unlabeled unless a class is called so.  Shapes of one label and one
``group_id`` are one object, which stands where its first shape does.  ``lines=draw`` gives lines and
points the width LabelMe's ``shape_to_mask`` gives them, ``lines=skip`` leaves them out.
"""

from __future__ import annotations

import copy
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from segcore.annotation import ImageAnnotation, Regions
from segcore.documents import parse_json
from segcore.errors import DocumentError, SpecError
from segcore.faults import Fault, FaultLog
from segcore.files import Entry, composed, list_files
from segcore.fingerprint import Fingerprint, FingerprintBuilder, FormatField
from segcore.image_attributes import TAG, Attributes, merged
from segcore.limits import MAX_CLASSES, MAX_ENTRY_FAULTS, MAX_MASK_BYTES
from segcore.masks.batch import union_of_runs
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED, LabelClass, Ontology
from segcore.sources.base import Source
from segcore.sources.coco_entries import EntryFaults, TooManyFaultsError
from segcore.sources.keyed_files import folders_of, gone, one_file_a_key, read_entry
from segcore.sources.labelme_document import (
    add_shapes,
    flags_of,
    name_problem,
    size_of,
    structure_problem,
)
from segcore.sources.labelme_drawing import LINE_WIDTH_PX, POINT_RADIUS_PX, draw_shapes
from segcore.sources.labelme_shapes import Problem, Shape, is_label, objects_of, read_shape
from segcore.sources.spec import Spec
from segcore.wording import did_you_mean, show

__all__ = ["LabelmeFolder", "Lines", "open_source"]

_SUFFIX: Final = ".json"
_SPECIAL: Final = {"__ignore__": IGNORE, "_background_": UNLABELED}
_SKIPPED: Final = "line or point"


class Lines(enum.StrEnum):
    """What becomes of lines and points, which have no area."""

    REFUSE = "refuse"
    """Each is a fault."""
    DRAW = "draw"
    """They are drawn as wide as LabelMe's ``shape_to_mask`` draws them."""
    SKIP = "skip"
    """They are left out, and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What stands in one file."""

    value: dict[str, Any]
    digest: bytes
    file: str

    @property
    def entries(self) -> list[Any]:
        """The list ``shapes``."""
        shapes: list[Any] = self.value["shapes"]
        return shapes


class LabelmeFolder(Source):
    """LabelMe JSON files below one folder, at any depth.

    Parameters
    ----------
    spec : Spec
    lines : Lines
    """

    when_empty = "no file named *.json"

    def __init__(self, spec: Spec, *, lines: Lines) -> None:
        self.spec = spec
        self.name = str(spec)
        self.faults = FaultLog()
        self._lines = lines
        self._given: Ontology | None = None
        self._own: Ontology | None = None
        self._files: dict[str, Entry] | None = None
        self._unplaced = 0
        self._labels: tuple[str, ...] | None = None
        self._skipped = 0

    def __getstate__(self) -> dict[str, object]:
        """Without what a worker process can find again, so that jobs stay small."""
        return self.__dict__ | {"_files": None}

    @property
    def ontology(self) -> Ontology | None:
        """The classes of the spec's own file, else those given, else the labels found."""
        if self._own is None and "ontology" in self.spec.options:
            from segcore.ontology_file import load_ontology

            self._own = load_ontology(self.spec.options["ontology"])
        if self._own is None and self._given is None:
            self._own = self._found()
        return self._given if self._own is None else self._own

    def resolve(self, *, ontology: Ontology | None, gold: Source | None = None) -> Source:  # noqa: ARG002
        """A source that uses ``ontology`` unless the spec names one of its own."""
        if ontology is None or "ontology" in self.spec.options:
            return self
        other = copy.copy(self)
        other.faults = FaultLog(self.faults)
        other._given, other._own = ontology, None
        return other

    def keys(self) -> tuple[str, ...]:
        """The names of the files without folders and extension, sorted."""
        return tuple(self._listing())

    def annotation_count(self, key: str) -> int:
        """How many shapes the file holds, sound or not; 0 where it cannot be read."""
        document = self._document(key, FaultLog())
        return 0 if document is None else sum(not self._skips(entry) for entry in document.entries)

    @property
    def unplaced(self) -> int:
        """0: how many shapes are in files that were refused for their name is not known."""
        return 0

    @property
    def left_out(self) -> Mapping[str, int]:
        """The lines and points that ``lines=skip`` leaves out."""
        if self._lines is Lines.SKIP:
            self._survey()
        return {_SKIPPED: self._skipped} if self._skipped else {}

    @property
    def conventions(self) -> Mapping[str, str]:
        """What was done with lines and points, where they are not refused."""
        texts = {
            Lines.DRAW: f"lines are {LINE_WIDTH_PX} px wide and points have a radius of "
            f"{POINT_RADIUS_PX} px, as LabelMe draws them",
            Lines.SKIP: "lines and points are left out",
        }
        return {"lines": texts[self._lines]} if self._lines in texts else {}

    def digest(self) -> str | None:
        """None: each image carries the digest of its own file."""
        return None

    def attributes(self, key: str) -> Attributes:
        """The flags of the image, each ``true`` or ``false``; those that are true are its tags too."""
        document = self._document(key, FaultLog())
        flags = {} if document is None else flags_of(document.value, [])
        tags = [name for name, held in flags.items() if held]
        return merged([*folders_of(self._listing().get(key)).items(), *flags.items(), (TAG, tags)])

    def annotators(self, key: str) -> tuple[str, ...]:  # noqa: ARG002
        """Nobody: LabelMe does not write down who drew."""
        return ()

    def image_size(self, key: str) -> tuple[int, int] | None:
        """Height and width as the file states them."""
        document = self._document(key, FaultLog())
        return None if document is None else size_of(document.value, [])

    def fingerprint(self) -> Fingerprint:
        """Sizes, kinds of shapes and labels as the files state them."""
        found = FingerprintBuilder(self.name, FormatField.ENCODING, FormatField.LABELS)
        for key, entry in self._listing().items():
            found.add_file(entry.path, image=key)
            document = self._document(key, self.faults)
            size = None if document is None else size_of(document.value, [])
            if document is not None and size is not None:
                found.add_size(*size, image=key)
                shapes = (entry for entry in document.entries if not self._skips(entry))
                add_shapes(found, shapes, image=key)
        return found.fingerprint()

    def read(self, key: str) -> ImageAnnotation | None:
        """The regions of one image, in the order of their first shapes."""
        document = self._document(key, self.faults)
        if document is None:
            return None
        faults = EntryFaults()
        try:
            found = self._read(key, document, faults)
        except TooManyFaultsError:
            found = None
        if len(self.faults) + len(faults) > MAX_ENTRY_FAULTS:
            expected, got = f"at most {MAX_ENTRY_FAULTS} faults", "more, which are not named"
            self.faults.add(Fault(code="limits.entries", file=self.name, expected=expected, got=got))
        else:
            self.faults.extend(faults)
        return found

    def _read(self, key: str, document: _Document, faults: EntryFaults) -> ImageAnnotation | None:
        def fault(code: str, expected: str, got: str, at: int | None = None) -> None:
            annotation = None if at is None else f"shapes[{at}]"
            faults.append(
                Fault(
                    code=code,
                    file=document.file,
                    image=key,
                    annotation=annotation,
                    expected=expected,
                    got=got,
                )
            )

        problems: list[Problem] = []
        size = size_of(document.value, problems)
        attributes = flags_of(document.value, problems)
        if (misnamed := name_problem(document.value, key)) is not None:
            problems.append(misnamed)
        for problem in problems:
            fault(*problem)
        if size is None:
            return None
        height, width = size
        places = [at for at, entry in enumerate(document.entries) if not self._skips(entry)]
        shapes = [read_shape(document.entries[at]) for at in places]
        classes = self._classes(shapes)
        refused: set[int] = set()
        for item, (at, shape) in enumerate(zip(places, shapes, strict=True)):
            own = list(shape.problems)
            if shape.kind is not None and not shape.kind.has_area and self._lines is Lines.REFUSE:
                expected = "a shape with an area (?lines=draw or ?lines=skip reads the others)"
                own.append(("labelme.no_area", expected, f"a {shape.kind.value}"))
            if shape.label is not None and classes[shape.label] == UNKNOWN:
                own += self._unknown(shape.label)
                refused.add(item)
            for problem in own:
                fault(*problem, at=at)
            if own:
                refused.add(item)
        drawable = [Shape() if item in refused else shape for item, shape in enumerate(shapes)]
        drawn = draw_shapes(drawable, height=height, width=width)
        for found in sorted(drawn.problems, key=lambda found: found.item):
            fault(found.code, found.expected, found.got, at=places[found.item])
        refused |= drawn.refused()
        # An object is refused as a whole if one of its shapes is.
        objects = objects_of(shapes)
        broken = np.zeros(max(objects, default=-1) + 1, np.bool_)
        broken[[objects[item] for item in refused]] = True
        number = np.cumsum(~broken) - 1
        owner_of = np.array(objects, np.int64)
        starts, ends, owner = drawn.runs()
        kept = ~broken[owner_of[owner]]
        starts, ends, offsets = union_of_runs(
            starts[kept],
            ends[kept],
            number[owner_of[owner[kept]]],
            owners=int(np.count_nonzero(~broken)),
            pixels=height * width,
        )
        first = np.unique(owner_of, return_index=True)[1][~broken].tolist()
        content = Regions(
            height=height,
            width=width,
            starts=starts,
            ends=ends,
            offsets=offsets,
            classes=np.array([classes[shapes[item].label or ""] for item in first], np.int32),
            crowd=np.zeros(len(first), np.bool_),
            ids=tuple(f"shapes[{places[item]}]" for item in first),
            parts=np.bincount(owner_of, minlength=len(broken))[~broken],
        )
        return ImageAnnotation(
            key=key,
            height=height,
            width=width,
            content=content,
            read=len(shapes),
            rejected=int(np.count_nonzero(broken[owner_of])),
            digest=document.digest,
            file=document.file,
            attributes=attributes,
        )

    # ---- files

    def _listing(self) -> dict[str, Entry]:
        if self._files is None:
            entries, faults = list_files(self.spec.location, suffix=_SUFFIX)
            found: dict[str, list[Entry]] = {}
            for entry in entries:
                name = entry.path.rpartition("/")[2]
                found.setdefault(composed(name[: -len(_SUFFIX)]), []).append(entry)
            self._files, refused = one_file_a_key(found, suffix=_SUFFIX)
            self.faults.extend(faults)
            self.faults.extend(refused)
        return self._files

    def _document(self, key: str, faults: FaultLog) -> _Document | None:
        """The parsed file of one image; None, and a fault, where it cannot be parsed."""
        entry = self._listing().get(key)
        if entry is None:  # a worker lists the folder again
            faults.add(gone(self.spec.location, key=key))
            return None
        data = read_entry(entry, key=key, limit=MAX_MASK_BYTES, faults=faults)
        if data is None:
            return None
        file = entry.location
        try:
            value = parse_json(data, file=file)
        except DocumentError as error:
            got = error.problem if error.line is None else f"line {error.line}: {error.problem}"
            faults.add(Fault(code=error.code, file=file, image=key, got=got))
            return None
        problem = structure_problem(value)
        if problem is not None or not isinstance(value, dict):
            code, expected, got = problem or ("labelme.bad_structure", "", "")
            faults.add(Fault(code=code, file=file, image=key, expected=expected, got=got))
            return None
        return _Document(value=value, digest=hashlib.sha256(data).digest(), file=file)

    def _skips(self, entry: object) -> bool:
        if self._lines is not Lines.SKIP or not isinstance(entry, dict):
            return False
        return entry.get("shape_type") in ("line", "linestrip", "point")

    # ---- classes

    def _survey(self) -> tuple[str, ...]:
        """The usable labels of all files, sorted; counts what is skipped on the way."""
        if self._labels is None:
            labels: set[str] = set()
            for key in self.keys():
                document = self._document(key, FaultLog())  # reading it again reports its faults
                for entry in () if document is None else document.entries:
                    if self._skips(entry):
                        self._skipped += 1
                    elif len(labels) <= MAX_CLASSES and isinstance(entry, dict):
                        label = entry.get("label")
                        if isinstance(label, str) and is_label(label):
                            labels.add(label)
            self._labels = tuple(sorted(labels - set(_SPECIAL)))
        return self._labels

    def _found(self) -> Ontology | None:
        labels = self._survey()
        if len(labels) > MAX_CLASSES:
            expected, got = f"at most {MAX_CLASSES} different labels", "more"
            self.faults.add(Fault(code="limits.entries", file=self.name, expected=expected, got=got))
            return None
        if not labels:
            return None
        return Ontology(tuple(LabelClass(id=i, name=name) for i, name in enumerate(labels)))

    def _classes(self, shapes: list[Shape]) -> dict[str, int]:
        """The class index of every label, UNKNOWN for those that are no class."""
        ontology = self.ontology
        found = {"": UNKNOWN}
        for shape in shapes:
            if shape.label is not None and shape.label not in found:
                at = None if ontology is None else ontology.index(shape.label)
                found[shape.label] = _SPECIAL.get(shape.label, UNKNOWN) if at is None else at
        return found

    def _unknown(self, label: str) -> list[Problem]:
        """Why a label is no class; nothing where the cause was reported before."""
        if self.ontology is None:
            return []
        if self._given is None and "ontology" not in self.spec.options:
            raise SpecError(f"{self.name} changed while it was read")
        got = f"{show(label)}{self.ontology.suggest(label)}"
        return [("coco.unknown_class_name", "a class of the ontology", got)]


def open_source(spec: Spec) -> Source:
    """Open ``labelme:dir``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown or malformed.
    """
    spec.require_known({"lines", "ontology"})
    given = spec.options.get("lines", Lines.REFUSE.value)
    try:
        lines = Lines(given)
    except ValueError:
        known = [member.value for member in Lines]
        hint = did_you_mean(given, known)
        raise SpecError(f"{spec}: lines is one of {', '.join(known)}, got {given!r}{hint}") from None
    return LabelmeFolder(spec, lines=lines)
