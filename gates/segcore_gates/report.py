"""The machine-readable report: what a policy came to, as one JSON document."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from segcore import __version__
from segcore_gates.looks import Sampling
from segcore_gates.records import Outcome, Record, outcome, outcome_of_all

if TYPE_CHECKING:
    from segcore.errors import InvalidInputError
    from segcore.evaluation import MeasuredBatch

__all__ = ["Failure", "FailureKind", "Inputs", "PolicyReport", "document"]

SCHEMA = 1


class FailureKind(enum.StrEnum):
    """Why nothing could be judged."""

    INVALID = "invalid"
    """The input was refused; its faults say why."""
    POLICY = "policy"
    """The policy file is broken."""
    USAGE = "usage"
    """An input cannot be opened, a class list is missing, and the like."""
    INTERNAL = "internal"
    """A fault of segcore itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a policy could not be judged; ``message`` is ready to print after escaping."""

    kind: FailureKind
    message: str

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return {"kind": self.kind.value, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was read, as plain JSON values, so that it crosses from worker to controller."""

    inputs: Sequence[Mapping[str, Any]] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Any] | None = None
    conventions: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(cls, evaluation: MeasuredBatch) -> Inputs:
        """Of a batch that was evaluated."""
        return cls(
            inputs=[info.to_json() for info in evaluation.inputs],
            counts={side: counts.to_json() for side, counts in evaluation.counts.items()},
            images=evaluation.images.to_json(),
            conventions=dict(evaluation.conventions),
            faults=[fault.to_json() for fault in evaluation.faults],
        )

    @classmethod
    def refused(cls, error: InvalidInputError) -> Inputs:
        """Of a batch that was refused."""
        return cls(
            inputs=[info.to_json() for info in error.inputs],
            counts={side: counts.to_json() for side, counts in error.counts.items()},
            faults=[fault.to_json() for fault in error.faults],
        )

    @classmethod
    def of_all(cls, views: Mapping[str, Inputs]) -> Inputs:
        """Of a batch that was evaluated in several views, by their names.

        What was read is what the first of them read.  Conventions on which they differ are named with
        the view; each fault is there once.
        """
        if len(views) < 2:
            return next(iter(views.values()), cls())
        first = next(iter(views.values()))
        said: dict[str, dict[str, str]] = {}
        for name, one in views.items():
            for topic, text in one.conventions.items():
                said.setdefault(topic, {})[name] = text
        faults = {
            json.dumps(fault, sort_keys=True): fault for one in views.values() for fault in one.faults
        }
        return cls(
            inputs=first.inputs,
            counts=first.counts,
            images=first.images,
            conventions={
                topic if len(set(texts.values())) == 1 else f"{topic} ({name})": text
                for topic, texts in said.items()
                for name, text in texts.items()
            },
            faults=list(faults.values()),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; the inverse of ``Inputs(**...)``."""
        return {
            "inputs": list(self.inputs),
            "counts": dict(self.counts),
            "images": None if self.images is None else dict(self.images),
            "conventions": dict(self.conventions),
            "faults": list(self.faults),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """What one policy came to.

    Attributes
    ----------
    path : str
        The policy file, relative to the root of the session.
    file : str
        The same as an absolute path; empty if it could not be read.
    pushes : tuple of str
        The platforms it names below ``push``.
    name : str or None
        What the policy calls itself.
    sha256 : str or None
        Of the policy file; None if it could not be read.
    rules : int
        Rules the policy has.
    records : tuple of Record
        Of the rules that ran, in policy order.
    inputs : Inputs
    failure : Failure or None
        Why nothing was judged.
    waivers : tuple of mapping
        Of the policy, as written there, with what became of each.
    sampling : Sampling
        How the gold was drawn.
    """

    path: str
    file: str = ""
    pushes: tuple[str, ...] = ()
    name: str | None = None
    sha256: str | None = None
    rules: int = 0
    records: tuple[Record, ...] = ()
    inputs: Inputs = field(default_factory=Inputs)
    failure: Failure | None = None
    waivers: tuple[Mapping[str, Any], ...] = ()
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def not_run(self) -> int:
        """Rules that were deselected or never reached."""
        return self.rules - len(self.records)

    @property
    def outcome(self) -> Outcome:
        """Accepted only if every rule of the policy was judged and none blocks."""
        if self.failure is not None:
            return Outcome.INVALID if self.failure.kind is FailureKind.INVALID else Outcome.ERROR
        found = outcome(self.records)
        return Outcome.INSUFFICIENT if found is Outcome.ACCEPT and self.not_run else found

    @property
    def exit_code(self) -> int:
        """Exit code of ``segcore gate`` for this policy alone."""
        internal = self.failure is not None and self.failure.kind is FailureKind.INTERNAL
        if self.outcome is Outcome.ERROR and not internal:
            return 4  # the policy asks for what cannot be judged; segcore is sound
        return self.outcome.exit_code

    def to_json(self) -> dict[str, Any]:
        """Everything but the ``run`` block."""
        return {
            **self.inputs.to_json(),
            "outcome": self.outcome.value,
            "policy": {"path": self.path, "name": self.name, "sha256": self.sha256},
            "gates": [record.to_json() for record in self.records],
            "not_run": self.not_run,
            "waivers": [dict(waiver) for waiver in self.waivers],
            **self.sampling.to_json(),
            "error": None if self.failure is None else self.failure.to_json(),
        }


def document(reports: Sequence[PolicyReport], *, run: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON document of a session.

    Parameters
    ----------
    reports : sequence of PolicyReport
        One: its fields stand at the top.  Several, or none: they stand below ``policies``.
    run : mapping
        Whatever differs from run to run (time, duration); nothing outside of it does.
    """
    head = {"schema": SCHEMA, "tool": {"name": "segcore", "version": __version__}, "run": dict(run)}
    if len(reports) == 1:
        return {**head, **reports[0].to_json()}
    overall = outcome_of_all(report.outcome for report in reports)
    return {**head, "outcome": overall.value, "policies": [report.to_json() for report in reports]}
