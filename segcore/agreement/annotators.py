"""Who is compared: one side of every input, or several annotators of one input."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from segcore import sources
from segcore.annotation import ImageAnnotation
from segcore.errors import OntologyError, UsageError
from segcore.image_attributes import Attributes
from segcore.ontology import LabelClass, Ontology
from segcore.sources import Source, Spec
from segcore.sources.base import Progress
from segcore.wording import printable

__all__ = [
    "Annotator",
    "AnnotatorView",
    "Input",
    "Specs",
    "annotators_of",
    "open_inputs",
    "shared_ontology",
]

_NAMED: Final = re.compile(r"([^=:?/\\]{1,80})=(.+)", re.DOTALL)

Specs = Sequence[str | Spec | Source] | Mapping[str, str | Spec | Source]
"""What is compared, by the names of the annotators or not."""

MAX_ANNOTATORS: Final = 50
"""Every two are compared, so that work grows with the square."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Input:
    """One thing the user named.

    Attributes
    ----------
    name : str or None
        What its annotator is called, where the user said so.
    spec : str
    source : Source
    """

    name: str | None
    spec: str
    source: Source


class AnnotatorView(Source):
    """The annotations of one annotator, called by the images they are of.

    Parameters
    ----------
    source : Source
    keys : mapping of str to str
        The key of the source by image.
    """

    def __init__(self, source: Source, keys: Mapping[str, str]) -> None:
        self.name = source.name
        self.faults = source.faults
        self._source = source
        self._keys = {image: keys[image] for image in sorted(keys)}

    @property
    def ontology(self) -> Ontology | None:
        """That of the source."""
        return self._source.ontology

    def keys(self) -> tuple[str, ...]:
        """The images."""
        return tuple(self._keys)

    def only(self, images: Iterable[str]) -> AnnotatorView:
        """The same with some of the images."""
        return AnnotatorView(self._source, {image: self._keys[image] for image in images})

    def expect(self, keys: Sequence[str]) -> None:
        """Pass on what is read next."""
        self._source.expect([self._keys[key] for key in keys])

    def read(self, key: str) -> ImageAnnotation | None:
        """The annotation of an image."""
        found = self._source.read(self._keys[key])
        return None if found is None else replace(found, key=key)

    def annotation_count(self, key: str) -> int:
        """See :meth:`Source.annotation_count`."""
        return self._source.annotation_count(self._keys[key])

    def attributes(self, key: str) -> Attributes:
        """See :meth:`Source.attributes`."""
        return self._source.attributes(self._keys[key])

    def digest(self) -> str | None:
        """That of the source."""
        return self._source.digest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Annotator:
    """One person, or one input that stands for one.

    Attributes
    ----------
    name : str
        Printable; different from all others.
    spec : str
        Where the annotations come from.
    input : int
        The place of the input that is.
    view : AnnotatorView
        By image.
    """

    name: str
    spec: str
    input: int
    view: AnnotatorView


def open_inputs(specs: Specs, *, progress: Progress | None = None) -> tuple[Input, ...]:
    """Open what the user named.

    Parameters
    ----------
    specs : sequence of str, Spec or Source, or mapping of them
        By the names of the annotators, or as text: ``maria=png:a/`` is called ``maria``.  What has no
        name is called as its annotators are.
    progress : callable or None
        See :meth:`Source.fetch`.

    Raises
    ------
    SpecError
        One cannot be opened.
    """
    given: list[tuple[str | None, str | Spec | Source]] = (
        [(printable(name), spec) for name, spec in specs.items()]
        if isinstance(specs, Mapping)
        else [(None, spec) for spec in specs]
    )
    found = []
    for name, spec in given:
        if name is None and isinstance(spec, str) and (named := _NAMED.fullmatch(spec)):
            name, spec = printable(named[1].strip()), named[2]
        source = sources.open(spec)
        source.fetch(progress=progress)
        found.append(Input(name=name, spec=source.name, source=source))
    return tuple(found)


def shared_ontology(inputs: Sequence[Input]) -> Ontology:
    """The classes all inputs name together: those of the first, then what others add, by name.

    Raises
    ------
    OntologyError
        None of them names a class.
    """
    known = [given.source.ontology for given in inputs]
    named = [ontology for ontology in known if ontology is not None]
    if not named:
        raise OntologyError(
            f"{inputs[0].spec} names no classes: give an ontology file (--ontology FILE), or "
            "preset:cityscapes, preset:coco, preset:voc, preset:ade20k"
        )
    found = named[0]
    for other in named[1:]:
        found = found.told_by(other)
        new = [c for c in other.classes if all(found.index(n) is None for n in (c.name, *c.aliases))]
        used = {c.id for c in found.classes} | {*found.ignore, *found.unlabeled}
        free = (number for number in range(1 << 20) if number not in used)
        added = (
            LabelClass(id=next(free) if c.id in used else c.id, name=c.name, thing=c.thing) for c in new
        )
        for c in added:
            used.add(c.id)
            found = replace(found, classes=(*found.classes, c))
    return found


def annotators_of(inputs: Sequence[Input]) -> tuple[Annotator, ...]:
    """Everybody who annotated, in the order of the inputs, those of one input by name.

    Raises
    ------
    UsageError
        There are fewer than two, too many, two with one name, or an input that was given a name
        holds several annotations of an image.
    """
    found: list[Annotator] = []
    for at, given in enumerate(inputs):
        source = given.source
        keys = source.keys()
        several = len({source.image_of(key) for key in keys}) < len(keys)
        if given.name is not None and several:
            raise UsageError(
                f"{given.spec} holds several annotations of one image, so {given.name!r} cannot be "
                "the name of all of them: leave the name out, and each annotator keeps their own"
            )
        by_name: dict[str, dict[str, str]] = {}
        for key in keys:
            name = given.name or printable(given.spec)
            if several or (given.name is None and len(inputs) == 1):
                name = next(reversed(source.annotators(key)), "unknown")
            by_name.setdefault(name, {})[source.image_of(key)] = key
        found += [
            Annotator(name=name, spec=given.spec, input=at, view=AnnotatorView(source, by_name[name]))
            for name in sorted(by_name, key=_counting)
        ]
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two annotators are called {twice[0]!r}; write NAME=SPEC to tell them apart")
    if any(given.source.faults.errors for given in inputs):
        return tuple(found)
    if len(found) < 2:
        who = ", ".join(names) or "nobody"
        raise UsageError(
            f"agreement needs two annotators or more, found {len(found)} ({who}); "
            "name several inputs, or every annotation of one, such as label-studio:12?annotations=all"
        )
    if len(found) > MAX_ANNOTATORS:
        raise UsageError(f"{len(found)} annotators are more than the {MAX_ANNOTATORS} that are compared")
    return tuple(found)


def _counting(name: str) -> tuple[int, str]:
    """Numbers of users in their order, before names."""
    return (len(name), name) if name.isdecimal() else (1 << 20, name)
