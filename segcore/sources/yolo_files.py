"""Which files of a YOLO data set are labels, and which are their images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from segcore.errors import RefusedFileError, SpecError
from segcore.faults import Fault
from segcore.files import Entry, composed, list_files, read_bytes
from segcore.image_header import IMAGE_SUFFIXES
from segcore.limits import MAX_FOLDER_ENTRIES, MAX_LABEL_BYTES
from segcore.sources.coco_document import image_key
from segcore.sources.keyed_files import one_file_a_key
from segcore.sources.yolo_dataset import LIST_NAMES, NAME_FILES, Dataset, read_dataset
from segcore.wording import printable

__all__ = ["YoloFiles", "find_files"]

_LABEL_SUFFIX: Final = ".txt"
_LISTS: Final = frozenset({"test.txt", "train.txt", "val.txt", "valid.txt"})
"""Lists of images, which stand beside the labels where these have no folder of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloFiles:
    """What was found below one folder.

    Attributes
    ----------
    keys : tuple of str
        Image keys, sorted: images, and labels without one.
    labels, images : dict of str to Entry
        By key; the files of a key that several files share are left out.
    dataset : Dataset
    faults : tuple of Fault
    """

    keys: tuple[str, ...]
    labels: dict[str, Entry]
    images: dict[str, Entry]
    dataset: Dataset
    faults: tuple[Fault, ...] = field(repr=False)


def find_files(location: str, *, names: str | None, split: str | None) -> YoloFiles:
    """Look through a folder.

    Labels are the ``.txt`` files below folders called ``labels``, or all of them where no folder is
    called so; images those below folders called ``images``, or all.

    Parameters
    ----------
    location : str
    names : str or None
        The file with the class names; None looks for it.
    split : str or None
        Take only this split of ``data.yaml``.

    Raises
    ------
    SpecError
        There is no such folder, or no such split.
    """
    entries, found_faults = list_files(location, suffix="")
    # Images are looked at for their size only: links to them are not followed, but no fault either.
    faults = [
        fault
        for fault in found_faults
        if not (fault.code == "path.symlink" and fault.file.lower().endswith(IMAGE_SUFFIXES))
    ]
    named = [entry for entry in entries if _name(entry) in NAME_FILES]
    dataset = read_dataset(named, names=names)
    faults += dataset.faults
    texts = [entry for entry in entries if _name(entry).lower().endswith(_LABEL_SUFFIX)]
    labels = _below("labels", texts)
    if labels is texts:
        labels = [entry for entry in texts if _name(entry) not in _LISTS]
    labels = [entry for entry in labels if _name(entry) not in LIST_NAMES]
    images = [entry for entry in entries if _name(entry).lower().endswith(IMAGE_SUFFIXES)]
    images = _below("images", images)
    listed: set[str] = set()
    if split is not None:
        chosen = _Split(location, split, dataset, [*labels, *images], texts)
        labels, images, listed = chosen.of(labels), chosen.of(images), chosen.listed
        faults += chosen.faults
    by_key = []
    refused: set[str] = set()
    for files, suffix in ((labels, _LABEL_SUFFIX), (images, "the extension")):
        found: dict[str, list[Entry]] = {}
        for entry in files:
            found.setdefault(_key(entry.path), []).append(entry)
        unique, more = one_file_a_key(found, suffix=suffix)
        faults += more
        refused |= found.keys() - unique.keys()
        by_key.append(unique)
    keys = (by_key[0].keys() | by_key[1].keys() | listed) - refused
    return YoloFiles(
        keys=tuple(sorted(keys)),
        labels=by_key[0],
        images=by_key[1],
        dataset=dataset,
        faults=tuple(faults),
    )


def _name(entry: Entry) -> str:
    return entry.path.rpartition("/")[2]


def _key(path: str) -> str:
    """The name of a file without folders and extension."""
    return composed(path.rpartition("/")[2].rpartition(".")[0])


def _below(folder: str, entries: list[Entry]) -> list[Entry]:
    """Those below a folder of this name; the very same list where there is none."""
    return [entry for entry in entries if folder in entry.path.split("/")[:-1]] or entries


class _Split:
    """The files of one split."""

    def __init__(
        self, location: str, name: str, dataset: Dataset, entries: list[Entry], texts: list[Entry]
    ) -> None:
        self.faults: list[Fault] = []
        self.listed: set[str] = set()
        self._folders: list[str] = []
        given = dataset.splits.get(name)
        if not given:
            known = ", ".join(sorted(dataset.splits)) or "none"
            where = dataset.file or "a data.yaml"
            raise SpecError(f"yolo:{location}: no split {name!r} in {where} (it has: {known})")
        lists = {entry.path: entry for entry in texts}
        for forms in given:
            for path in forms:
                if path in lists:
                    self._take_list(lists[path])
                    break
                if any(_inside(entry.path, path) for entry in entries):
                    self._folders.append(path)
                    break
        if not (self._folders or self.listed or self.faults):
            shown = printable(", ".join(forms[0] for forms in given), limit=200)
            raise SpecError(
                f"yolo:{location}: split {name!r} is {shown}, and nothing is there below this folder"
            )

    def of(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those that belong to the split."""
        return [
            entry
            for entry in entries
            if _key(entry.path) in self.listed
            or any(_inside(entry.path, folder) for folder in self._folders)
        ]

    def _take_list(self, entry: Entry) -> None:
        file = entry.location
        try:
            data = read_bytes(file, limit=MAX_LABEL_BYTES)
        except RefusedFileError as error:
            self.faults.append(error.to_fault())
            return
        except SpecError as error:
            got = printable(str(error).replace(file, "this file"))
            expected = "a readable file"
            self.faults.append(Fault(code="path.not_regular", file=file, expected=expected, got=got))
            return
        if data.count(b"\n") > MAX_FOLDER_ENTRIES:
            expected = f"at most {MAX_FOLDER_ENTRIES} images"
            self.faults.append(Fault(code="limits.entries", file=file, expected=expected, got="more"))
            return
        for line in data.decode("utf-8", "backslashreplace").split("\n"):
            key = image_key(line.strip())
            if key is not None:
                self.listed.add(key)
            elif line.strip():
                got = printable(repr(line.strip()))
                self.faults.append(
                    Fault(code="path.unsafe", file=file, expected="the path of an image", got=got)
                )


def _inside(path: str, folder: str) -> bool:
    """Whether a file lies below an image folder, or below the folder of its labels."""
    if folder == ".":
        return True
    if path.startswith(f"{folder}/"):
        return True
    parts = folder.split("/")
    if "images" not in parts:
        return False
    last = len(parts) - 1 - parts[::-1].index("images")
    parts[last] = "labels"
    return path.startswith("/".join(parts) + "/")
