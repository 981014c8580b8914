"""Run Datumaro on a data set and write down what it made of it: a program of its own.

Datumaro reads files with libraries that may crash, hang or take all memory on broken ones, and some of
its formats hold pickles.  So it runs apart, with limits, and may neither connect to anything, nor
start anything, nor build objects from a pickle that are not arrays.  It needs nothing of segcore, so
that Datumaro may live in an environment of its own.

Called with a JSON object: ``path``, ``format``, ``answer`` (the file to write), ``memory_bytes`` and
``answer_bytes``.  The answer is lines of JSON: one of ``labels``, ``item``, ``problem``, ``log``,
``missing``, ``formats``, ``refused`` each, and ``end`` with the number of items.
"""

from __future__ import annotations

import os
import sys

# The folder of this file holds a datumaro.py that is not Datumaro.
_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
sys.path[:] = [path for path in sys.path if path != _HERE]

import json  # noqa: E402
import logging  # noqa: E402
import math  # noqa: E402
import numbers  # noqa: E402
from typing import Any, TextIO  # noqa: E402

__all__ = ["main"]

_FORBIDDEN = frozenset(
    {
        "ftplib.connect", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn",
        "os.system", "pty.spawn", "smtplib.connect", "socket.bind", "socket.connect",
        "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "urllib.Request",
    }
)  # fmt: skip
_ARRAYS = frozenset(
    {
        ("_codecs", "encode"), ("numpy", "dtype"), ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
        ("numpy.core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "scalar"),
    }
)  # fmt: skip
_AREAS = frozenset({"ellipse", "mask", "polygon"})
_MAX_LOGS = 1000
_MAX_TEXT = 1000


def main(argument: str) -> None:
    """Write the answer to one question (see the module)."""
    question = json.loads(argument)
    _limit(question["memory_bytes"], question["answer_bytes"])
    with open(question["answer"], "w", encoding="ascii") as stream:  # noqa: PTH123
        answer = _Answer(stream)
        try:
            import datumaro
        except ImportError as error:
            answer.write("missing", str(error))
            return
        sys.addaudithook(_refuse)
        logging.getLogger().addHandler(_Log(answer))
        environment = datumaro.Environment()
        known = sorted(environment.importers)
        if question["format"] not in known:
            answer.write("formats", known)
            return
        try:
            _import(datumaro, question["path"], question["format"], answer)
        except Exception as error:  # whatever a plugin raises on a broken file
            answer.write("refused", _causes(error))


def _limit(memory_bytes: int, answer_bytes: int) -> None:
    import resource

    for what, limit in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_FSIZE, answer_bytes)):
        resource.setrlimit(what, (limit, resource.getrlimit(what)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN or (event == "pickle.find_class" and arguments[:2] not in _ARRAYS):
        shown = ".".join(map(str, arguments[:2])) if event == "pickle.find_class" else event
        raise PermissionError(f"{shown} is not allowed while a data set is read")


class _Answer:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.logs = 0

    def write(self, kind: str, value: object) -> None:
        self._stream.write(json.dumps({kind: value}) + "\n")

    def write_log(self, text: str) -> None:
        self.logs += 1
        if self.logs <= _MAX_LOGS:
            self.write("log", text[:_MAX_TEXT])


class _Log(logging.Handler):
    """What Datumaro only mentions: files it skips, annotations it drops."""

    def __init__(self, answer: _Answer) -> None:
        super().__init__(logging.WARNING)
        self._answer = answer

    def emit(self, record: logging.LogRecord) -> None:
        self._answer.write_log(record.getMessage())


def _import(datumaro: Any, path: str, format_: str, answer: _Answer) -> None:
    from datumaro.components.importer import ImportErrorPolicy

    class Policy(ImportErrorPolicy):  # type: ignore[misc]
        """Go on after a broken item, and name it."""

        def _handle_item_error(self, error: Exception) -> None:
            answer.write("problem", f"{_id_of(error)}: {_causes(error)}")

        _handle_annotation_error = _handle_item_error

    dataset = datumaro.Dataset.import_from(path, format_, error_policy=Policy())
    labels = dataset.categories().get(datumaro.AnnotationType.label)
    names = [[label.name, label.parent] for label in labels] if labels is not None else []
    answer.write("labels", names)
    count = 0
    for item in dataset:
        size = getattr(item.media, "size", None)
        said = {
            "id": item.id,
            "subset": item.subset,
            "path": getattr(item.media, "path", None),
            "size": None if size is None else [int(side) for side in size],
            "annotations": [_annotation(annotation) for annotation in item.annotations],
        }
        attributes = {
            str(name): value
            for name, value in (getattr(item, "attributes", None) or {}).items()
            if isinstance(value, (str, bool, int)) or (type(value) is float and math.isfinite(value))
        }
        answer.write("item", said | ({"attributes": attributes} if attributes else {}))
        count += 1
    answer.write("end", count)


def _annotation(annotation: Any) -> dict[str, Any]:
    kind = annotation.type.name
    found: dict[str, Any] = {"type": kind}
    if kind not in _AREAS:
        return found
    attributes = annotation.attributes
    score = attributes.get("score")
    found |= {
        "id": _integer(annotation.id),
        "group": _integer(annotation.group),
        "label": None if annotation.label is None else int(annotation.label),
        "z_order": _integer(annotation.z_order),
        "crowd": bool(attributes.get("is_crowd", False)),
        "score": float(score) if _is_number(score) else None,
    }
    try:
        found |= _shape(annotation, kind)
    except Exception as error:  # masks are decoded only here
        found["refused"] = _causes(error)
    return found


def _shape(annotation: Any, kind: str) -> dict[str, Any]:
    if kind != "mask":
        # NaN and infinity are no JSON: written out they are refused like any other text.
        points = [float(number) for number in annotation.points]
        return {"points": [number if math.isfinite(number) else str(number) for number in points]}
    rle = getattr(annotation, "rle", None)
    if rle is None:
        import numpy as np
        from pycocotools import mask as coco_mask

        pixels = np.asarray(annotation.image)
        if pixels.ndim != 2:
            raise ValueError(f"a mask of {pixels.ndim} dimensions")
        rle = coco_mask.encode(np.asfortranarray(pixels != 0, np.uint8))
    counts = rle["counts"]
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    return {"rle": {"size": [int(side) for side in rle["size"]], "counts": counts}}


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _integer(value: Any) -> int:
    return int(value) if value is not None else 0


def _id_of(error: Exception) -> str:
    """Which item, as the plugin names it: some give the id of an annotation."""
    item = getattr(error, "item_id", None)
    return f"item {item[0]}" if isinstance(item, (list, tuple)) and item else f"item {item}"


def _causes(error: BaseException) -> str:
    """An exception and what caused it, the cause first: the rest only says that the import failed."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 5:
        parts.append(f"{type(seen).__name__}: {seen}"[:_MAX_TEXT])
        seen = seen.__cause__
    return "; ".join(reversed(parts))[:_MAX_TEXT]


if __name__ == "__main__":
    main(sys.argv[1])
