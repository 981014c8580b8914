"""``datumaro:dir?format=NAME``: whatever else Datumaro imports (extra ``datumaro``).

Datumaro runs in a process of its own, with limits on memory and time: where it crashes, hangs or
refuses the data set, that is a fault.  What it gives back is checked like any other input.  What it
leaves out without a word nobody sees: formats that segcore reads itself are read better so.

Masks, polygons and ellipses are offered; annotations of one group and label are one object, as
Datumaro defines groups.  ``subset=NAME`` reads one subset, ``ontology=FILE`` gives other classes,
matched by name, ``timeout=SECONDS`` is how long to wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import ImageAnnotation, Regions
from segcore.errors import MissingExtraError, SpecError
from segcore.faults import Fault, FaultLog
from segcore.fingerprint import Category, Fingerprint, FingerprintBuilder, FormatField
from segcore.image_attributes import Attributes
from segcore.limits import MAX_DOCUMENT_BYTES, MAX_IMPORT_MEMORY
from segcore.ontology_file import load_ontology
from segcore.sources.datumaro_answer import DatumaroImage, DatumaroIndex, DatumaroShape, index_answer
from segcore.sources.datumaro_shapes import draw_shapes, size_of
from segcore.sources.indexed import IndexedSource
from segcore.sources.spec import Spec
from segcore.wording import did_you_mean, printable

__all__ = ["DatumaroSource", "open_source"]

PYTHON: Final = "SEGCORE_DATUMARO_PYTHON"
"""The variable that names a Python with Datumaro, where that is not in this environment."""

_SECONDS: Final = 1800
_KEPT_VARIABLES: Final = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR")
_STDERR_SHOWN: Final = 200


def open_source(spec: Spec) -> DatumaroSource:
    """Open ``datumaro:dir?format=NAME``; nothing is read yet.

    Raises
    ------
    SpecError
        An option is unknown or malformed, or there is no format.
    """
    spec.require_known({"format", "ontology", "subset", "timeout"})
    if "format" not in spec.options:
        raise SpecError(
            f"{spec}: say which format with ?format=NAME, such as cityscapes or open_images "
            "(a name that does not exist lists all)"
        )
    seconds = spec.options.get("timeout", str(_SECONDS))
    if not (seconds.isascii() and seconds.isdigit() and 0 < int(seconds) < 1_000_000):
        raise SpecError(f"{spec}: timeout is a number of seconds, got {seconds!r}")
    return DatumaroSource(spec, seconds=int(seconds))


class DatumaroSource(IndexedSource):
    """A data set that Datumaro reads.

    Parameters
    ----------
    spec : Spec
    seconds : int
        How long Datumaro may take.
    """

    when_empty = "no item"

    def __init__(self, spec: Spec, *, seconds: int = _SECONDS) -> None:
        self.name = str(spec)
        self.faults = FaultLog()
        self._spec = spec
        self._seconds = seconds
        self._answer: str | None = None
        self._problem: Fault | None = None
        self._index: DatumaroIndex | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The answer stays on disk as long as the source lives: a worker need not run Datumaro again.
        return self.__dict__ | {"_index": None}

    @property
    def conventions(self) -> Mapping[str, str]:
        """How annotations become objects."""
        return {"datumaro_groups": "annotations of one label in one Datumaro group are one object"}

    def image_size(self, key: str) -> tuple[int, int] | None:
        """Height and width, where Datumaro knows them."""
        return size_of(self._opened().images[key])

    def attributes(self, key: str) -> Attributes:
        """What Datumaro says of the item, and its subset."""
        return self._opened().images[key].attributes

    def digest(self) -> str:
        """SHA-256 (hex) of what Datumaro made of the data set."""
        return self._opened().digest

    def fingerprint(self) -> Fingerprint:
        """Sizes, kinds of annotations and labels as Datumaro gives them; its labels have no ids."""
        index = self._opened()
        name = f"{self._spec.format}/{self._spec.options['format']}"
        found = FingerprintBuilder(name, FormatField.ENCODING)
        for key, image in index.images.items():
            size = size_of(image)
            if size is not None:
                found.add_size(*size, image=key)
            for shape in image.shapes:
                found.add(FormatField.ENCODING, shape.entry["type"], image=key)
        if index.labels:
            found.list_categories(Category(name=label) for label in index.labels)
        return found.fingerprint()

    def read(self, key: str) -> ImageAnnotation | None:
        """The objects of one item, by z order; None, and a fault, where its size is not known."""
        image = self._opened().images[key]
        size = size_of(image)
        if size is None and image.shapes:
            expected = "the image in the data set, or masks of one size"
            self.faults.add(self._fault("datumaro.no_size", image, None, expected, "neither"))
            return None
        height, width = size or (0, 0)
        sound = [shape for shape in image.shapes if shape.class_index >= 0]
        masks = draw_shapes([shape.entry for shape in sound], height=height, width=width)
        for problem in masks.problems:
            shape = sound[problem.item]
            self.faults.add(self._fault(problem.code, image, shape, problem.expected, problem.got))
        used = np.flatnonzero(~masks.refused)
        owners, first = _owners([sound[i] for i in used.tolist()])
        kept = masks.take(used).united(owners, owners=len(first), pixels=height * width)
        scores = None
        if self._opened().scored:
            scores = np.array([shape.entry["score"] for shape in first], np.float64)
        content = Regions(
            height=height,
            width=width,
            starts=kept.starts,
            ends=kept.ends,
            offsets=kept.offsets,
            classes=np.fromiter((shape.class_index for shape in first), np.int32, len(first)),
            crowd=np.fromiter((shape.entry["crowd"] for shape in first), np.bool_, len(first)),
            scores=scores,
            ids=tuple(shape.id for shape in first),
            parts=np.bincount(owners, minlength=len(first)),
        )
        return ImageAnnotation(
            key=key,
            height=height,
            width=width,
            content=content,
            read=len(image.shapes),
            rejected=len(image.shapes) - len(used),
            file=self._spec.location,
        )

    def _fault(
        self, code: str, image: DatumaroImage, shape: DatumaroShape | None, expected: str, got: str
    ) -> Fault:
        return Fault(
            code=code,
            file=self._spec.location,
            image=image.key,
            annotation=None if shape is None else shape.id,
            expected=expected,
            got=got,
        )

    # ---- opening

    def _opened(self) -> DatumaroIndex:
        if self._index is None:
            location, options = self._spec.location, self._spec.options
            ontology = load_ontology(options["ontology"]) if "ontology" in options else None
            lines = self._lines()
            if self._problem is not None:
                self.faults.add(self._problem)
                self._index = DatumaroIndex(ontology=ontology)
                return self._index
            self._index = index_answer(
                lines, file=location, ontology=ontology, subset=options.get("subset")
            )
            self.faults.extend(self._index.faults)
        return self._index

    def _lines(self) -> list[bytes]:
        """The answer of Datumaro, which is asked where there is none on this machine."""
        if self._answer is None or not Path(self._answer).is_file():
            folder = tempfile.mkdtemp(prefix="segcore-datumaro-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._answer = str(Path(folder) / "answer.jsonl")
            self._problem = self._ask(folder)
        lines = Path(self._answer).read_bytes().splitlines() if self._problem is None else []
        for name in ("missing", "formats"):
            for line in lines[:1]:
                if line.startswith(b'{"' + name.encode()):
                    self._refuse(name, line)
        return lines

    def _refuse(self, name: str, line: bytes) -> None:
        value = json.loads(line)[name]
        if name == "missing":
            raise MissingExtraError(
                f"{self.name} needs Datumaro ({printable(value, limit=200)}): "
                f"pip install 'segcore[datumaro]', or set {PYTHON} to a Python that has it"
            )
        wanted = self._spec.options["format"]
        raise SpecError(
            f"{self.name}: Datumaro has no format {wanted!r}{did_you_mean(wanted, value)} "
            f"(it has {', '.join(value)})"
        )

    def _ask(self, folder: str) -> Fault | None:
        """Let Datumaro write its answer; a fault where it did not come to an end."""
        location = self._spec.location
        if "://" in location or not Path(location).exists():
            raise SpecError(f"{self.name}: no such file or folder on this machine")
        question = {
            "path": str(Path(location).absolute()),
            "format": self._spec.options["format"],
            "answer": self._answer,
            "memory_bytes": MAX_IMPORT_MEMORY,
            "answer_bytes": MAX_DOCUMENT_BYTES,
        }
        child = Path(__file__).with_name("datumaro_child.py")
        python = os.environ.get(PYTHON) or sys.executable
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        with (Path(folder) / "stderr").open("w+b") as stderr:
            try:
                done = subprocess.run(  # noqa: S603  (our own program)
                    [python, str(child), json.dumps(question)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    cwd=folder,
                    env={**environment, "PYTHONSAFEPATH": "1"},
                    timeout=self._seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return self._crashed(f"an answer within {self._seconds} seconds", "none")
            except OSError as error:
                raise MissingExtraError(f"{self.name}: cannot run {python}: {error.strerror}") from None
            if done.returncode == 0:
                return None
            stderr.seek(0)
            said = stderr.read()[-4096:].decode("utf-8", "replace").strip().rpartition("\n")[2]
        if done.returncode < 0:
            with contextlib.suppress(ValueError):
                said = signal.Signals(-done.returncode).name
        return self._crashed("a whole answer", printable(said, limit=_STDERR_SHOWN))

    def _crashed(self, expected: str, got: str) -> Fault:
        return Fault(code="datumaro.crashed", file=self._spec.location, expected=expected, got=got)


def _owners(shapes: Sequence[DatumaroShape]) -> tuple[npt.NDArray[np.int64], list[DatumaroShape]]:
    """Which object each annotation belongs to, and the first annotation of each."""
    heads: dict[tuple[int, int, bool], int] = {}
    owners: list[int] = []
    first: list[DatumaroShape] = []
    for shape in shapes:
        same = (shape.group, shape.class_index, shape.entry["crowd"])
        owner = heads.setdefault(same, len(first)) if shape.group else len(first)
        if owner == len(first):
            first.append(shape)
        owners.append(owner)
    return np.array(owners, np.int64), first
