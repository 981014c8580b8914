"""``voc:dir?view=object``: the objects of a VOC folder, from its object masks and its class masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, LabelMap, Regions
from segcore.errors import RefusedMaskError, SpecError
from segcore.faults import Fault
from segcore.files import Entry, below, composed, list_files
from segcore.limits import MAX_MASK_BYTES
from segcore.masks.batch import union_of_runs
from segcore.masks.colors import ColorTable
from segcore.masks.objects import NumberedRuns, numbered_runs
from segcore.masks.png import decode_colors, decode_indices
from segcore.masks.png_chunks import ColorType, parse_png
from segcore.masks.values import summary, value_faults
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED
from segcore.sources.keyed_files import gone, read_entry
from segcore.sources.spec import Spec
from segcore.sources.voc import CLASS_FOLDER, VocFolder
from segcore.sources.voc_labels import VOC_PALETTE, VOC_VOID

__all__ = ["VocObjects"]

_OBJECT_FOLDER: Final = "SegmentationObject"
_T = TypeVar("_T")
_Numbers = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


class VocObjects(VocFolder):
    """The objects of a VOC folder.

    An object is what shares a number above 0 in the object mask; pixels that are void in either mask
    belong to none, and where nothing else is left of an object it is void itself.

    Parameters
    ----------
    spec : Spec
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec, folder=_OBJECT_FOLDER)
        self._class_files: dict[str, Entry] | None = None

    @property
    def conventions(self) -> Mapping[str, str]:
        """What becomes of VOC's borders."""
        return {"voc_void": "pixels that are 255 in a VOC mask belong to no object"}

    def annotation_count(self, key: str) -> int:  # noqa: ARG002
        """1: how many objects a mask holds shows only when it is read."""
        return 1

    def read(self, key: str) -> ImageAnnotation | None:
        """The objects of one image, by their numbers; None, and a fault, where a mask was refused."""
        self._required_ontology()
        entry, class_entry = self._listing().get(key), self._pairs().get(key)
        if entry is None or class_entry is None:  # a worker lists the folders again
            self.faults.add(gone(self.spec.location, key=key))
            return None
        digest = hashlib.sha256()
        numbers = self._mask(entry, key, _decode_numbers, digest.update)
        classes = self._mask(class_entry, key, self._decode, digest.update)
        if numbers is None or classes is None:
            return None
        if numbers.shape != classes.values.shape:
            height, width = classes.values.shape
            got = f"{numbers.shape[1]} x {numbers.shape[0]} px"
            self._fault("voc.size_mismatch", entry, key, None, f"{width} x {height} px", got)
            return None
        try:
            runs = numbered_runs(numbers, classes)
        except RefusedMaskError as error:
            self.faults.extend(error.to_faults(file=entry.location, image=key))
            return None
        return self._annotation(key, entry, class_entry, classes, runs, digest.digest())

    def _mask(
        self, entry: Entry, key: str, decode: Callable[[bytes], _T], digest: Callable[[bytes], None]
    ) -> _T | None:
        data = read_entry(entry, key=key, limit=MAX_MASK_BYTES, faults=self.faults)
        if data is None:
            return None
        digest(data)
        try:
            return decode(data)
        except RefusedMaskError as error:
            self.faults.extend(error.to_faults(file=entry.location, image=key))
            return None

    def _annotation(
        self,
        key: str,
        entry: Entry,
        class_entry: Entry,
        classes: LabelMap,
        runs: NumberedRuns,
        digest: bytes,
    ) -> ImageAnnotation | None:
        height, width = classes.values.shape
        pixels = runs.pixels()
        if any(UNKNOWN in found for found in pixels.values()):
            values = ImageAnnotation(
                key=key, height=height, width=width, content=classes, file=class_entry.location
            )
            ontology = self._required_ontology()
            self.faults.extend(value_faults(values, ontology=ontology, file=self.name))
            return None
        self._look_for_unnumbered(pixels.pop(0, {}), class_entry, key)
        pixels.pop(VOC_VOID, None)
        class_of: dict[int, int] = {}
        read = 0
        for number, found in pixels.items():
            seen = {index: n for index, n in found.items() if index != IGNORE}
            read += bool(seen)
            if len(seen) > 1:
                shown = summary({self._class_name(index): n for index, n in seen.items()})
                self._fault("voc.object_classes", entry, key, number, "one class", shown)
            elif seen and self._is_background(index := next(iter(seen))):
                got = summary({self._class_name(index): seen[index]})
                expected = "a class that has objects"
                self._fault("voc.background_object", entry, key, number, expected, got)
            elif seen:
                class_of[number] = next(iter(seen))
        content = _regions(runs, class_of, height=height, width=width)
        return ImageAnnotation(
            key=key,
            height=height,
            width=width,
            content=content,
            read=read,
            rejected=read - len(class_of),
            digest=digest,
            file=entry.location,
        )

    def _look_for_unnumbered(self, found: Mapping[int, int], entry: Entry, key: str) -> None:
        """A fault for pixels of classes that have objects, but belong to none."""
        ontology = self._required_ontology()
        lost = {
            self._class_name(index): n
            for index, n in found.items()
            if index >= 0
            and not self._is_background(index)
            and ontology.classes[index].thing is not False
        }
        if lost:
            expected = "a number in the object mask for every pixel of a class"
            self._fault("voc.no_object", entry, key, None, expected, summary(lost))

    def _is_background(self, index: int) -> bool:
        return index == UNLABELED or index in self._labels().background

    def _class_name(self, index: int) -> str:
        return "unlabeled" if index < 0 else self._required_ontology().classes[index].name

    def _fault(
        self, code: str, entry: Entry, key: str, number: int | None, expected: str, got: str
    ) -> None:
        self.faults.add(
            Fault(
                code=code,
                file=entry.location,
                image=key,
                annotation=number,
                expected=expected,
                got=got,
            )
        )

    # ---- pairs of masks

    def _by_key(self, entries: list[Entry], faults: list[Fault]) -> dict[str, Entry]:
        """The object masks that have a class mask of the same path."""
        objects = super()._by_key(entries, faults)
        pairs = self._pairs()
        for key in sorted({*objects, *pairs} - ({*objects} & {*pairs})):
            there, other = (objects, CLASS_FOLDER) if key in objects else (pairs, _OBJECT_FOLDER)
            if "set" in self.spec.options and key not in objects:
                continue  # of another set, or missing and named as such
            expected, got = f"{there[key].path} in {other} as well", "no such file"
            place = there[key].location
            faults.append(Fault(code="voc.no_pair", file=place, image=key, expected=expected, got=got))
            self._unplaced += 1
        return {key: entry for key, entry in objects.items() if key in pairs}

    def _files_of(self, key: str, entry: Entry) -> tuple[Entry, ...]:
        return entry, self._pairs()[key]

    def _pairs(self) -> dict[str, Entry]:
        """The class masks by the key of their path."""
        if self._class_files is None:
            folder = below(self.spec.location, CLASS_FOLDER)
            try:
                entries, _ = list_files(folder, suffix=self.suffix)
            except SpecError as error:
                raise SpecError(f"{error} (an object has the class of its pixels there)") from None
            found: dict[str, list[Entry]] = {}
            for entry in entries:
                key = self._key(entry.path.rpartition("/")[2])
                if key:
                    found.setdefault(composed(key), []).append(entry)
            self._class_files = {key: same[0] for key, same in found.items() if len(same) == 1}
        return self._class_files

    def __getstate__(self) -> dict[str, object]:
        """Without what a worker process can find again."""
        return super().__getstate__() | {"_class_files": None}


def _regions(runs: NumberedRuns, class_of: Mapping[int, int], *, height: int, width: int) -> Regions:
    """The objects by their numbers, and behind them the void pixels, where there are any."""
    void = (runs.classes == IGNORE) | (runs.numbers == VOC_VOID)
    kept = np.isin(runs.numbers, list(class_of)) & ~void
    sizes = np.unique(runs.numbers[kept], return_counts=True)[1]
    owner = np.zeros(int(np.count_nonzero(void)), np.int64)
    starts, ends, _ = union_of_runs(
        runs.starts[void], runs.ends[void], owner, owners=1, pixels=height * width
    )
    some = 1 if len(starts) else 0
    sizes = np.append(sizes, [len(starts)] * some)
    return Regions(
        height=height,
        width=width,
        starts=np.concatenate([runs.starts[kept], starts]),
        ends=np.concatenate([runs.ends[kept], ends]),
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]).astype(np.int64),
        classes=np.array([*class_of.values(), *[IGNORE] * some], np.int32),
        crowd=np.zeros(len(class_of) + some, np.bool_),
        ids=(*class_of, *["void"] * some),
        parts=np.array([*[1] * len(class_of), *[0] * some], np.int64),
    )


def _decode_numbers(data: bytes) -> _Numbers:
    """The object numbers of one object mask: the index, or the place of a colour in the VOC palette."""
    if parse_png(data).color_type not in (ColorType.RGB, ColorType.RGBA):
        return decode_indices(data)
    table = ColorTable(codes=dict(zip(VOC_PALETTE, range(256), strict=True)))
    return table.codes_of(decode_colors(data), whose="VOC palette")
