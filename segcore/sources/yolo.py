"""``yolo:dir``: YOLO segmentation labels, one text file an image.

A line is ``class x1 y1 x2 y2 ...``, shares of the width and the height.  The class names are those
of ``data.yaml`` or ``classes.txt`` below the folder, or of ``names=FILE``; with ``ontology=FILE`` the
names are looked up there, and where there are none the numbers are its ids.  An image without a label
file has no object.

The format does not hold the size of an image.  It is read from the headers of the images, and taken
from the gold where there are none; ``sizes=gold`` always takes it from there, ``size=WxH`` states it
for all.  ``split=val`` takes one split of ``data.yaml``, ``confidence=last`` reads the number at the
end of each line as a score.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, Regions
from segcore.errors import RefusedFileError, SpecError
from segcore.faults import Fault, FaultLog
from segcore.files import open_file
from segcore.fingerprint import Fingerprint, FingerprintBuilder
from segcore.image_header import read_size
from segcore.limits import MAX_ENTRY_FAULTS, MAX_LABEL_BYTES, MAX_PIXELS
from segcore.masks.polygons import rasterize_polygons
from segcore.ontology import UNKNOWN, Ontology
from segcore.sources.base import Source
from segcore.sources.coco_entries import EntryFaults, TooManyFaultsError
from segcore.sources.keyed_files import gone, read_entry
from segcore.sources.spec import Spec
from segcore.sources.yolo_dataset import NAME_FILES
from segcore.sources.yolo_files import YoloFiles, find_files
from segcore.sources.yolo_labels import Line, count_lines, read_lines
from segcore.wording import did_you_mean, printable, show

__all__ = ["YoloFolder", "open_source"]

_SIZE: Final = re.compile(r"([1-9][0-9]{0,8})x([1-9][0-9]{0,8})")
_SIZES: Final = ("gold", "images")
_SPLITS: Final = ("test", "train", "val")

Size = tuple[int, int]
"""Height and width in pixels."""


class YoloFolder(Source):
    """YOLO label files below one folder, at any depth.

    Parameters
    ----------
    spec : Spec
    size : (int, int) or None
        Height and width of all images, where the user states them.
    """

    when_empty = "no label file named *.txt, and no image"

    def __init__(self, spec: Spec, *, size: Size | None) -> None:
        self.spec = spec
        self.name = str(spec)
        self.faults = FaultLog()
        self._size = size
        self._from_gold = spec.options.get("sizes") == "gold"
        self._confidence = "confidence" in spec.options
        self._gold: Source | None = None
        self._files: YoloFiles | None = None
        self._own: Ontology | None = None
        self._classes: npt.NDArray[np.int32] | None = None

    def __getstate__(self) -> dict[str, object]:
        """Without what a worker process can find again, so that jobs stay small."""
        return self.__dict__ | {"_files": None}

    @property
    def ontology(self) -> Ontology | None:
        """The classes of the spec's own file, else those the folder names; None without either."""
        self._table()
        return self._own

    def resolve(self, *, ontology: Ontology | None, gold: Source | None = None) -> Source:  # noqa: ARG002
        """A source that can ask the gold how large its images are."""
        if gold is None or self._size is not None:
            return self
        other = copy.copy(self)
        other.faults = FaultLog(self.faults)
        other._gold = gold
        return other

    def keys(self) -> tuple[str, ...]:
        """The names of images and labels without folders and extension, sorted."""
        return self._listing().keys

    def annotation_count(self, key: str) -> int:
        """How many lines the file of this image holds, sound or not; 0 where it cannot be read."""
        entry = self._listing().labels.get(key)
        data = (
            None
            if entry is None
            else read_entry(entry, key=key, limit=MAX_LABEL_BYTES, faults=FaultLog())
        )
        return 0 if data is None else count_lines(data)

    @property
    def conventions(self) -> Mapping[str, str]:
        """Where the sizes of the images come from."""
        if self._size is not None:
            text = f"stated: {self._size[1]} x {self._size[0]}"
        elif self._from_gold:
            text = "those of the gold"
        else:
            text = "from the headers of the images, those of the gold where there is no image"
        return {"image_sizes": text}

    def digest(self) -> str | None:
        """None: each image carries the digest of its own file."""
        return None

    def image_size(self, key: str) -> Size | None:
        """Height and width, where they can be known."""
        return self._known_size(key, FaultLog())

    def fingerprint(self) -> Fingerprint:
        """The names, and the sizes of the images that lie beside the labels."""
        files = self._listing()
        found = FingerprintBuilder(self.name)
        for key, entry in files.labels.items():
            found.add_file(entry.path, image=key)
        for key, entry in files.images.items():
            size, _ = self._header_size(entry.location)
            if size is not None:
                found.add_size(*size, image=key)
        if files.dataset.ontology is not None:
            found.list_classes(files.dataset.ontology, ids=True)
        return found.fingerprint()

    def read(self, key: str) -> ImageAnnotation | None:
        """The regions of one image, in the order of the lines."""
        files = self._listing()
        entry = files.labels.get(key)
        if entry is None and key not in files.keys:  # a worker lists the folder again
            self.faults.add(gone(self.spec.location, key=key))
            return None
        data, file = b"", self.spec.location
        if entry is not None:
            file = entry.location
            read = read_entry(entry, key=key, limit=MAX_LABEL_BYTES, faults=self.faults)
            if read is None:
                return None
            data = read
        faults = EntryFaults()
        annotation = None
        try:
            annotation = self._read(key, data, file, faults)
        except RefusedFileError as error:
            faults = EntryFaults([error.to_fault(image=key)])
        except TooManyFaultsError:
            pass
        if len(self.faults) + len(faults) > MAX_ENTRY_FAULTS:
            expected, got = f"at most {MAX_ENTRY_FAULTS} faults", "more, which are not named"
            self.faults.add(Fault(code="limits.entries", file=self.name, expected=expected, got=got))
        else:
            self.faults.extend(faults)
        return annotation

    def _read(self, key: str, data: bytes, file: str, faults: EntryFaults) -> ImageAnnotation | None:
        lines = list(read_lines(data, file=file, confidence=self._confidence))
        sizing = FaultLog()
        size = self._known_size(key, sizing)
        if size is None and lines:
            self.faults.extend(sizing)
            return None
        # Without an object the size is that of the other side.
        height, width = size or (0, 0)

        def fault(line: Line, code: str, expected: str, got: str) -> None:
            faults.append(
                Fault(
                    code=code,
                    file=file,
                    image=key,
                    annotation=f"line {line.number}",
                    expected=expected,
                    got=got,
                )
            )

        sound: list[Line] = []
        classes: list[int] = []
        table = self._table()
        for line in lines:
            problems = list(line.problems)
            index = UNKNOWN
            if 0 <= line.class_number < len(table):
                index = int(table[line.class_number])
            if index == UNKNOWN and line.class_number >= 0:
                problems += self._unknown(line.class_number)
            for problem in problems:
                fault(line, *problem)
            if not problems and index != UNKNOWN:
                sound.append(line)
                classes.append(index)
        scale = width, height
        rings = [[[v * scale[i & 1] for i, v in enumerate(line.shares)]] for line in sound]
        masks = rasterize_polygons(rings, height=height, width=width)
        for found in masks.problems:
            # A line is one ring.
            got = found.got.removeprefix("ring 0").removeprefix(": ")
            fault(sound[found.item], found.code, found.expected, got)
        used = np.flatnonzero(~masks.refused)
        kept = masks if len(used) == len(masks) else masks.take(used)
        scores = [sound[i].score for i in used.tolist()]
        content = Regions(
            height=height,
            width=width,
            starts=kept.starts,
            ends=kept.ends,
            offsets=kept.offsets,
            classes=np.array(classes, np.int32)[used],
            crowd=np.zeros(len(used), np.bool_),
            scores=np.array(scores, np.float64) if self._confidence else None,
            ids=tuple(f"line {sound[i].number}" for i in used.tolist()),
        )
        return ImageAnnotation(
            key=key,
            height=height,
            width=width,
            content=content,
            read=len(lines),
            rejected=len(lines) - len(used),
            digest=hashlib.sha256(data).digest(),
            file=file,
        )

    # ---- files

    def _listing(self) -> YoloFiles:
        if self._files is None:
            options = self.spec.options
            self._files = find_files(
                self.spec.location, names=options.get("names"), split=options.get("split")
            )
            self.faults.extend(self._files.faults)
        return self._files

    # ---- classes

    def _table(self) -> npt.NDArray[np.int32]:
        """The class index of every class number; UNKNOWN for numbers without a class."""
        if self._classes is None:
            files = self._listing()
            named = files.dataset.ontology
            if "ontology" in self.spec.options:
                from segcore.ontology_file import load_ontology

                self._own = load_ontology(self.spec.options["ontology"])
                if named is not None:
                    self._classes = self._own.match(named)
                else:
                    highest = max(c.id for c in self._own.classes)
                    table = self._own.lookup(highest + 1)
                    self._classes = np.where(table < 0, np.int32(UNKNOWN), table).astype(np.int32)
            else:
                self._own = named
                self._classes = np.arange(0 if named is None else len(named), dtype=np.int32)
                if named is None and not files.dataset.faults and files.labels:
                    expected = f"{', '.join(NAME_FILES)} below the folder, ?names=FILE or ?ontology=FILE"
                    self.faults.add(Fault(code="yolo.no_names", file=self.name, expected=expected))
        return self._classes

    def _unknown(self, number: int) -> list[tuple[str, str, str]]:
        """Why a class number has no class; nothing where the cause was reported before."""
        named, own = self._listing().dataset.ontology, self._own
        if own is None:
            return []
        if named is not None and number < len(named):
            name = named.names[number]
            got = f"{show(name)}{own.suggest(name)}"
            return [("coco.unknown_class_name", "a class of the ontology", got)]
        known = own.names if named is None else named.names
        expected = "an id of the ontology" if named is None else f"0 to {len(known) - 1}"
        return [("yolo.unknown_class", expected, show(number))]

    # ---- sizes

    def _known_size(self, key: str, faults: FaultLog) -> Size | None:
        """Height and width of one image; None, and a fault, where nobody says."""
        if self._size is not None:
            return self._size
        file, got = self.name, "no image, and no gold to ask"
        image = None if self._from_gold else self._listing().images.get(key)
        size = None
        if image is not None:
            file = image.location
            size, got = self._header_size(file)
        elif self._gold is not None:
            got = "no such image in the gold"
            if key in self._gold_keys():
                size = self._gold.image_size(key)
                got = "the gold does not know it"
        if size is not None and size[0] * size[1] > MAX_PIXELS:
            expected, got = f"at most {MAX_PIXELS} pixels", f"{size[1]} x {size[0]}"
            faults.add(Fault(code="limits.pixels", file=file, image=key, expected=expected, got=got))
            return None
        if size is None:
            expected = "an image beside the labels, ?size=WxH, or ?sizes=gold and a gold"
            faults.add(Fault(code="yolo.no_size", file=file, image=key, expected=expected, got=got))
        return size

    def _header_size(self, file: str) -> tuple[Size | None, str]:
        """Height and width from the header of an image, and why not."""
        try:
            with open_file(file, follow_symlinks=False) as stream:
                return read_size(stream), "an image whose header cannot be read"
        except RefusedFileError as error:
            return None, error.got
        except (SpecError, OSError, ValueError) as error:
            return None, printable(str(error).replace(file, "this file"))

    def _gold_keys(self) -> frozenset[str]:
        return frozenset() if self._gold is None else frozenset(self._gold.keys())


def open_source(spec: Spec) -> Source:
    """Open ``yolo:dir``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown or malformed.
    """
    spec.require_known({"confidence", "names", "ontology", "size", "sizes", "split"})
    options = spec.options
    size = None
    if "size" in options:
        match = _SIZE.fullmatch(options["size"])
        if match is None:
            raise SpecError(f"{spec}: size is WxH in pixels, such as 640x480, got {options['size']!r}")
        size = int(match[2]), int(match[1])
        if size[0] * size[1] > MAX_PIXELS:
            raise SpecError(f"{spec}: size is {options['size']}, the limit is {MAX_PIXELS} pixels")
        if "sizes" in options:
            raise SpecError(f"{spec}: give either size or sizes, not both")
    choices = {"sizes": _SIZES, "split": _SPLITS, "confidence": ("last",)}
    for option, known in choices.items():
        given = options.get(option, known[0])
        if given not in known:
            hint = did_you_mean(given, known)
            raise SpecError(f"{spec}: {option} is one of {', '.join(known)}, got {given!r}{hint}")
    return YoloFolder(spec, size=size)
