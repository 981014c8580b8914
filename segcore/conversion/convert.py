"""A conversion from end to end; nothing stands at its destination before its loss is known."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segcore import sources
from segcore.annotation import ImageAnnotation
from segcore.conversion.destination import Destination
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.faults import Fault, FaultLog, fault_lines
from segcore.loss import Kind, Loss, measure_loss
from segcore.measures.class_map import ClassMap
from segcore.ontology import Ontology
from segcore.sources import Source, Spec
from segcore.sources.base import Progress
from segcore.wording import printable
from segcore.writers import Target, Writer, scene_of, writer_of

__all__ = ["Conversion", "convert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What was converted, and what became of it.

    Attributes
    ----------
    source : str
        The spec it was read from.
    reading : Spec
        The spec that reads what was written.
    missing : tuple of str
        What the format has no place for, whether this source needs it or not.
    loss : Loss
        What reading it back has shown.
    written : bool
        False where it is lossy and that was not allowed: then nothing stands at the destination.
    warnings : tuple of Fault
        Of the source.
    """

    source: str
    reading: Spec
    missing: tuple[str, ...]
    loss: Loss
    written: bool
    warnings: tuple[Fault, ...] = ()


def convert(
    source: str | Spec | Source,
    destination: str | Spec,
    *,
    ontology: Ontology | str | None = None,
    lossy: bool = False,
    force: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Conversion:
    """Write the annotations of a source in another format.

    They are written into a folder beside the destination, read back as the destination will be read,
    and held against the source, object by object.  Only then the result is moved to where it belongs,
    whole.

    Parameters
    ----------
    source : str, Spec or Source
    destination : str or Spec
        ``FORMAT:LOCATION[?option=value]``, on this machine.
    ontology : Ontology, str or None
        The classes, where the source names none: an ontology file or ``preset:NAME``.
    lossy : bool
        Write a lossy conversion, too.
    force : bool
        Replace what stands at the destination.
    jobs : int
        Processes to read back and compare in.
    progress : callable or None
        Called with images done and images in all, each of which is written and read back.

    Raises
    ------
    InvalidInputError
        The source has faults; all of them are named.
    UsageError
        The destination cannot be written, or its format cannot hold this at all.
    OntologyError
        Nothing says what the classes are.
    """
    spec = Spec.parse(destination) if isinstance(destination, str) else destination
    kind = writer_of(spec)
    opened = sources.open(source)
    place = Destination.of(spec, force=force, source=opened)
    opened.fetch(progress=progress)
    before = opened.resolve(ontology=_ontology(ontology))
    classes = before.ontology
    if classes is None:
        _refuse(before, FaultLog())
        raise OntologyError(
            f"{before.name} names no classes: give an ontology file (--ontology FILE) or preset:NAME"
        )
    with _folder_beside(place.path) as folder:
        writer = kind(Target(spec=spec, folder=folder, ontology=classes))
        warnings = _write(before, classes, writer, progress)
        reading = writer.reading(str(folder / place.path.name))
        loss = _measure(before, reading, jobs=jobs, overlap=writer.keeps.overlap, progress=progress)
        written = lossy or loss.kind is not Kind.LOSSY
        if written:
            place.take(folder)
    return Conversion(
        source=before.name,
        reading=writer.reading(spec.location.rstrip("/")),
        missing=writer.keeps.missing(),
        loss=loss,
        written=written,
        warnings=warnings,
    )


def _write(
    source: Source, classes: Ontology, writer: Writer, progress: Progress | None
) -> tuple[Fault, ...]:
    """Write every image; the warnings of the source."""
    map_ = ClassMap(target=classes, source=classes, file=source.name)
    keys, found = source.keys(), FaultLog()
    source.expect(keys)
    for done, key in enumerate(keys, start=1):
        annotation = source.read(key)
        if annotation is not None:
            found.extend(map_.value_faults(annotation))
            # What is refused is not written: the faults are named together, once all are known.
            if not found.errors and not source.faults.errors:
                _write_one(annotation, classes, writer)
        if progress is not None:
            progress(done, 2 * len(keys))
    if not keys and not source.faults.errors:
        empty = "at least one image"
        found.add(
            Fault(code="delivery.image_match", file=source.name, expected=empty, got=source.when_empty)
        )
    warnings = _refuse(source, found)
    writer.finish()
    return warnings


def _write_one(annotation: ImageAnnotation, classes: Ontology, writer: Writer) -> None:
    scene = scene_of(annotation, classes)
    if writer.needs_size and not (scene.height and scene.width):
        shown = printable(repr(scene.key))
        raise UsageError(
            f"nobody says how large image {shown} is: nothing is drawn in it, and its format keeps "
            f"sizes with what is drawn; {writer.target.spec.format} cannot be written without"
        )
    writer.write(scene)


def _measure(
    before: Source, reading: Spec, *, jobs: int, overlap: bool, progress: Progress | None
) -> Loss:
    """Read back what was written, and compare."""
    after = sources.open(reading).resolve(ontology=None, gold=before)

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(total + done, 2 * total)

    try:
        return measure_loss(before, after, jobs=jobs, overlap=overlap, progress=report)
    except InvalidInputError as error:
        shown = "\n".join(f"  {line}" for line in fault_lines(error.faults)[:5])
        raise UsageError(
            f"what would be written as {reading.format} cannot be read again, so nothing is:\n{shown}"
        ) from None


def _refuse(source: Source, more: FaultLog) -> tuple[Fault, ...]:
    """The warnings of a source, if none of its faults is an error."""
    log = FaultLog(source.faults)
    log.extend(more)
    if log.errors:
        raise InvalidInputError(log.sorted())
    return log.sorted()


def _ontology(given: Ontology | str | None) -> Ontology | None:
    if given is None or isinstance(given, Ontology):
        return given
    from segcore.ontology_file import named_ontology

    return named_ontology(given)


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A folder of the same file system, removed at the end with all that was not moved away."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise UsageError(f"cannot write beside {path}: {error.strerror or error}") from error
    try:
        yield folder
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
