"""What a writer is: it takes the scenes of a source one by one and leaves files in a folder."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segcore.errors import SpecError, UsageError
from segcore.limits import MAX_NAME_LENGTH
from segcore.ontology import Ontology
from segcore.sources.coco_entries import is_plain
from segcore.sources.spec import Spec
from segcore.wording import did_you_mean, printable
from segcore.writers.scene import Scene

__all__ = ["Keeps", "Target", "Writer", "choice", "file_of", "image_option", "number", "ontology_text"]

_MAX_FILE_NAME_BYTES: Final = 255
_IMAGE_SUFFIXES: Final = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """What a format can hold beside classes and pixels.

    Attributes
    ----------
    objects : bool
        Objects of one class apart from each other.
    overlap : bool
        A pixel may lie in several objects.
    void : bool
        Void apart from what nobody claimed, and the reverse.
    crowd, scores : bool
    """

    objects: bool = True
    overlap: bool = True
    void: bool = False
    crowd: bool = False
    scores: bool = False

    def missing(self) -> tuple[str, ...]:
        """What the format has no place for, in words."""
        words = {
            "objects of one class apart": self.objects,
            "overlapping objects": self.overlap,
            "void beside unlabeled pixels": self.void,
            "crowd flags": self.crowd,
            "scores": self.scores,
        }
        return tuple(word for word, kept in words.items() if not kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be written, and where for the time being.

    Attributes
    ----------
    spec : Spec
        What the user named.
    folder : Path
        An empty folder; what stands in it at the end is moved beside the location of the spec.
    ontology : Ontology
        The classes of the source.
    """

    spec: Spec
    folder: Path
    ontology: Ontology

    @property
    def path(self) -> Path:
        """Where the file or folder of the spec's location is written."""
        return self.folder / Path(self.spec.location).name

    def refuse(self, problem: str, advice: str) -> UsageError:
        """The exception for what the format cannot hold at all."""
        return UsageError(f"{self.spec.format} cannot hold this: {problem}; {advice}")


class Writer(ABC):
    """Writes one format.

    Parameters
    ----------
    target : Target

    Attributes
    ----------
    keeps : Keeps
    needs_size : bool
        Whether an image without a known size cannot be written.
    folder : bool
        Whether the location is a folder; else it is a file.
    """

    keeps: Keeps = Keeps()
    needs_size: bool = True
    folder: bool = True

    def __init__(self, target: Target) -> None:
        self.target = target
        self.ontology = target.ontology

    @abstractmethod
    def write(self, scene: Scene) -> None:
        """Take one image; they come sorted by key.

        Raises
        ------
        UsageError
            The format cannot hold it at all; the message says what to do.
        """

    def finish(self) -> None:  # noqa: B027 - some write nothing but a file an image
        """Write what can only be written once every image is known."""

    @abstractmethod
    def reading(self, location: str) -> Spec:
        """The spec that reads what was written, once it lies at ``location``."""


def file_of(key: str, suffix: str) -> str:
    """The name of the file of one image.

    Raises
    ------
    UsageError
        The key cannot be the name of a file: it would lie elsewhere, or nowhere.
    """
    name = key + suffix
    problem = None
    if "/" in key or "\\" in key or key in ("", ".", ".."):
        problem = "would not lie in the folder that is written"
    elif not is_plain(key):
        problem = "holds control characters"
    elif len(name.encode("utf-8", "surrogatepass")) > _MAX_FILE_NAME_BYTES:
        problem = f"has more than {_MAX_FILE_NAME_BYTES} bytes"
    if problem is None:
        return name
    raise UsageError(f"the image {printable(repr(key))} cannot be a file: its name {problem}; rename it")


def choice(spec: Spec, option: str, known: tuple[str, ...]) -> str:
    """The value of an option; the first of ``known`` where it is not given.

    Raises
    ------
    SpecError
        It is none of them.
    """
    given = spec.options.get(option, known[0])
    if given not in known:
        hint = did_you_mean(given, known)
        raise SpecError(f"{spec}: {option} is one of {', '.join(known)}, got {given!r}{hint}")
    return given


def number(spec: Spec, option: str) -> float:
    """The value of an option in pixels, 0 where it is not given.

    Raises
    ------
    SpecError
        It is no number from 0 to 1000.
    """
    text = spec.options.get(option, "0")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise SpecError(f"{spec}: {option} is a number of pixels from 0 to 1000, got {text!r}")
    return value


def image_option(spec: Spec) -> str:
    """What ends the names of the images, which no mask format keeps; ``.jpg`` if it is not given.

    Raises
    ------
    SpecError
        No image ends so.
    """
    suffix = spec.options.get("image", ".jpg")
    if suffix.lower() not in _IMAGE_SUFFIXES:
        known = ", ".join(_IMAGE_SUFFIXES)
        raise SpecError(f"{spec}: image is the extension of the images, one of {known}, got {suffix!r}")
    return suffix


def ontology_text(ontology: Ontology) -> str:
    """An ontology file with these classes, for masks that store only numbers."""
    lines = ["classes:\n"]
    for c in ontology.classes:
        # JSON strings are YAML strings, whatever a vendor called a class.
        parts = [f"id: {c.id}", f"name: {_quoted(c.name)}"]
        if c.color is not None:
            parts.append('color: "#{:02x}{:02x}{:02x}"'.format(*c.color))
        if c.thing is not None:
            parts.append(f"thing: {str(c.thing).lower()}")
        if c.aliases:
            parts.append(f"aliases: [{', '.join(map(_quoted, c.aliases))}]")
        lines.append(f"  - {{{', '.join(parts)}}}\n")
    for key, values in (("ignore", ontology.ignore), ("unlabeled", ontology.unlabeled)):
        if values:
            lines.append(f"{key}: [{', '.join(map(str, values))}]\n")
    lines.append(f"overlap: {ontology.overlap.value}\n")
    lines.append(f"crowd: {ontology.crowd.value}\n")
    return "".join(lines)


def _quoted(name: str) -> str:
    return json.dumps(name[:MAX_NAME_LENGTH], ensure_ascii=False)
