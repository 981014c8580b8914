"""The exceptions segcore raises for reasons a caller can act on.

::

    SegcoreError
    ├── UsageError                 a spec, an option or a call is wrong          (exit 4)
    │   ├── SpecError              a source spec cannot be understood
    │   │   └── NoSuchFileError    what it names does not exist
    │   ├── OntologyError          an ontology is missing, broken or ambiguous
    │   └── MissingExtraError      an optional dependency is not installed
    ├── ConnectionFailedError      a server cannot be reached, refuses or answers nonsense (exit 4)
    ├── DocumentError              a JSON or YAML document was refused           (a fault of its owner)
    ├── RefusedFileError           a file was refused before it was read         (a fault of its owner)
    ├── RefusedMaskError           the bytes of a mask were refused              (a fault of its owner)
    └── InvalidInputError          annotations were refused; carries the faults  (exit 3)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segcore.evaluation import InputInfo, SideCounts
    from segcore.faults import Fault

__all__ = [
    "ConnectionFailedError",
    "DocumentError",
    "InvalidInputError",
    "MissingExtraError",
    "NoSuchFileError",
    "OntologyError",
    "RefusedFileError",
    "RefusedMaskError",
    "SegcoreError",
    "SpecError",
    "UsageError",
    "counted_faults",
]


class SegcoreError(Exception):
    """Base of every exception segcore raises on purpose; ``str()`` is ready to print."""


class UsageError(SegcoreError):
    """What was asked for cannot be done as asked."""


class SpecError(UsageError):
    """A source spec is malformed, names an unknown format or carries an unknown option."""


class NoSuchFileError(SpecError):
    """There is no such file."""


class OntologyError(UsageError):
    """The classes are not known, not well defined, or not the ones asked for.

    Attributes
    ----------
    problems : tuple of DocumentError
        What is wrong with the ontology file, in the order of the file; empty where the classes
        do not come from a file.
    """

    def __init__(self, message: str, problems: Sequence[DocumentError] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message)


class MissingExtraError(UsageError):
    """A feature needs an optional dependency that is not installed."""


class ConnectionFailedError(SegcoreError):
    """A server cannot be reached, refuses the request, or its answer cannot be used.

    Nothing is said about annotations: this is neither a fault of the input nor a verdict.

    Attributes
    ----------
    status : int or None
        The HTTP status, where there was an answer.
    unsure : bool
        A write was sent and nobody knows whether it was carried out; look before it is repeated.
    """

    def __init__(self, message: str, *, status: int | None = None, unsure: bool = False) -> None:
        self.status = status
        self.unsure = unsure
        super().__init__(message)

    def __reduce__(self) -> tuple[Callable[..., ConnectionFailedError], tuple[str]]:
        # Exceptions are pickled by their message; worker processes must hand this one back whole.
        again = partial(ConnectionFailedError, status=self.status, unsure=self.unsure)
        return again, (str(self),)


class DocumentError(SegcoreError):
    """A JSON or YAML document was refused.

    Attributes
    ----------
    code : str
        ``json.*`` for JSON, ``policy.*`` for YAML (see :mod:`segcore.faults`).
    file : str
        The document as the user named it.
    line : int or None
        1-based line, where it is known.
    problem : str
        What is wrong, in one sentence, without the place.
    others : tuple of DocumentError
        What else is wrong with the same document.
    """

    def __init__(
        self,
        code: str,
        problem: str,
        *,
        file: str,
        line: int | None = None,
        others: Sequence[DocumentError] = (),
    ) -> None:
        self.code = code
        self.file = file
        self.line = line
        self.problem = problem
        self.others = tuple(others)
        place = file if line is None else f"{file}:{line}"
        super().__init__("\n".join([f"{place}: {problem}", *map(str, self.others)]))

    @property
    def problems(self) -> tuple[DocumentError, ...]:
        """Everything that is wrong with the document, in the order of the file."""
        return (self, *self.others)

    def __reduce__(self) -> tuple[Callable[..., DocumentError], tuple[str, str]]:
        # Exceptions are pickled by their message; worker processes must hand this one back whole.
        again = partial(DocumentError, file=self.file, line=self.line, others=self.others)
        return again, (self.code, self.problem)


class RefusedFileError(SegcoreError):
    """A file was refused before its content was looked at.

    Attributes
    ----------
    code : str
        ``path.*`` or ``limits.*`` (see :mod:`segcore.faults`).
    file : str
        The file as the user named it, or below the folder the user named.
    expected, got : str
        Short and printable.
    """

    def __init__(self, code: str, *, file: str, expected: str, got: str) -> None:
        self.code = code
        self.file = file
        self.expected = expected
        self.got = got
        super().__init__(str(self.to_fault()))

    def __reduce__(self) -> tuple[Callable[..., RefusedFileError], tuple[()]]:
        # Exceptions are pickled by their message; worker processes must hand this one back whole.
        again = partial(
            RefusedFileError, self.code, file=self.file, expected=self.expected, got=self.got
        )
        return again, ()

    def to_fault(self, *, image: str | None = None) -> Fault:
        """The record of the contract, told apart by the ``image`` key where there is one."""
        from segcore.faults import Fault

        return Fault(code=self.code, file=self.file, image=image, expected=self.expected, got=self.got)


class RefusedMaskError(SegcoreError):
    """The bytes of one mask cannot be read as class ids; they do not know their file.

    Attributes
    ----------
    code : str
        ``mask.*`` or ``limits.*`` (see :mod:`segcore.faults`).
    expected, got : str
        Short and printable.
    also : tuple of RefusedMaskError
        What else is wrong with the same mask.
    """

    def __init__(
        self, code: str, expected: str, got: str, also: Sequence[RefusedMaskError] = ()
    ) -> None:
        self.code = code
        self.expected = expected
        self.got = got
        self.also = tuple(also)
        super().__init__(code, expected, got, self.also)

    def to_faults(self, *, file: str, image: str | None = None) -> list[Fault]:
        """The records of the contract, with the place only the caller knows."""
        from segcore.faults import Fault

        return [
            Fault(code=e.code, file=file, image=image, expected=e.expected, got=e.got)
            for e in (self, *self.also)
        ]

    def __str__(self) -> str:
        return f"{self.code}: expected {self.expected}, got {self.got}"


class InvalidInputError(SegcoreError):
    """Annotations were refused.

    Attributes
    ----------
    faults : tuple of Fault
        Everything that is wrong with the input, errors and warnings, in a stable order.
    inputs : tuple of InputInfo
        What was read.
    counts : dict of str to SideCounts
        What became of the annotations of either side.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        inputs: Sequence[InputInfo] = (),
        counts: Mapping[str, SideCounts] | None = None,
    ) -> None:
        from segcore.faults import Severity, fault_lines

        self.faults = tuple(faults)
        self.inputs = tuple(inputs)
        self.counts = dict(counts or {})
        errors = [fault for fault in self.faults if fault.severity is Severity.ERROR]
        lines = [f"the input is invalid: {counted_faults(len(errors))}"]
        shown = fault_lines(errors)
        lines += [f"  {line}" for line in shown]
        if len(shown) < len(errors):
            lines.append("--json FILE writes them all")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
        """Exceptions with keyword arguments do not pickle by themselves."""
        return _rebuild_invalid_input, (self.faults, self.inputs, self.counts)

    def to_json(self) -> dict[str, object]:
        """The document every command with ``--json`` writes for an invalid input."""
        return {
            "schema": 1,
            "outcome": "invalid",
            "inputs": [info.to_json() for info in self.inputs],
            "counts": {side: counts.to_json() for side, counts in self.counts.items()},
            "faults": [fault.to_json() for fault in self.faults],
        }


def counted_faults(n: int) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{n} fault" if n == 1 else f"{n} faults"


def _rebuild_invalid_input(
    faults: Sequence[Fault], inputs: Sequence[InputInfo], counts: Mapping[str, SideCounts]
) -> InvalidInputError:
    return InvalidInputError(faults, inputs=inputs, counts=counts)
