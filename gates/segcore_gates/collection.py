"""One policy file becomes pytest items: one item a check."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from segcore.errors import (
    DocumentError,
    InvalidInputError,
    RefusedFileError,
    SegcoreError,
    counted_faults,
)
from segcore.wording import escaped, escaped_lines
from segcore_gates.consequence import errored
from segcore_gates.hand_written import seen_from_here
from segcore_gates.judging import judge
from segcore_gates.looks import sampling_of
from segcore_gates.metrics import view_of
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.pytest_plugin import COMMAND, PAYLOAD, POLICIES, PUSHING, evaluations, today
from segcore_gates.records import Record
from segcore_gates.report import Failure, FailureKind, Inputs
from segcore_gates.rules import Rule
from segcore_gates.text import explain, refusal_lines, relative

if TYPE_CHECKING:
    from segcore_gates.policy_file import LoadedPolicy
    from segcore_gates.rules import Check

__all__ = ["GateBlockedError", "GateFile", "GateItem"]


class GateBlockedError(Exception):
    """A gate keeps the batch from being accepted."""

    def __init__(self, record: Record) -> None:
        self.record = record
        super().__init__(f"{record.id}: {record.verdict.value}")


class GateFile(pytest.File):
    """A policy."""

    _batch: PolicyBatch | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._said: set[str] = set()

    def collect(self) -> Iterator[GateItem]:
        """One item a check, in the order of the policy; no image is read."""
        try:
            loaded = load_policy(
                seen_from_here(self.path),
                environ=os.environ,
                open_source=evaluations(self.config).open,
                today=today(self.config),
            )
        except SegcoreError as error:
            refused = Inputs.refused(error) if isinstance(error, InvalidInputError) else None
            kind = FailureKind.POLICY if refused is None else FailureKind.INVALID
            raise self.CollectError(self._note(kind, str(error), refused)) from None
        except Exception as error:
            self._note(FailureKind.INTERNAL, f"internal error: {type(error).__name__}: {error}", None)
            raise
        self.config.stash.setdefault(POLICIES, {})[self.nodeid] = loaded
        for index, check in enumerate(loaded.checks):
            yield GateItem.from_parent(
                self, name=escaped(check.id), check=check, loaded=loaded, index=index
            )

    def _note(self, kind: FailureKind, message: str, inputs: Inputs | None) -> str:
        """Let the report of the collection carry the failure; the message, made printable."""
        message = escaped_lines(message)
        self.stash[PAYLOAD] = {
            "path": self.nodeid,
            "inputs": inputs and inputs.to_json(),
            "failure": Failure(kind=kind, message=message).to_json(),
        }
        return message

    def batch(self, loaded: LoadedPolicy) -> PolicyBatch:
        """The batch, evaluated in each view by whoever asks first in this session."""
        if self._batch is None:
            self._batch = PolicyBatch(
                loaded,
                evaluations(self.config),
                keep_sources=bool(loaded.push) and self.config.stash.get(PUSHING, False),
            )
        return self._batch

    def first_time(self, what: str) -> bool:
        """True once: what concerns several items is told in full by one of them."""
        first = what not in self._said
        self._said.add(what)
        return first


class GateItem(pytest.Item):
    """A check."""

    def __init__(
        self,
        *,
        check: Check,
        loaded: LoadedPolicy,
        index: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._check, self._loaded, self._index = check, loaded, index
        self.add_marker("gate")

    def reportinfo(self) -> tuple[Path, int, str]:
        """Place in the policy, for ``-v`` and editors."""
        return self.path, self._check.line - 1, f"gate {self.name}"

    def setup(self) -> None:
        """Judge; what goes wrong here is an error, not a failed gate."""
        try:
            self._record = judge(
                self._check,
                self._file.batch(self._loaded),
                strict=bool(self.config.getoption("--gate-strict")),
            )
        except Exception as problem:
            error = problem
        else:
            return
        kind, short, lines = _told(error)
        message = "\n".join([short, *(f"  {escaped(line)}" for line in lines)])
        inputs = Inputs.refused(error) if isinstance(error, InvalidInputError) else Inputs()
        self._publish(errored(self._check, short), inputs, Failure(kind=kind, message=message))
        if not self._file.first_time(message):
            pytest.fail(f"{short} (see the first error of {escaped(self.path.name)})", pytrace=False)
        if kind is FailureKind.INTERNAL and COMMAND not in self.config.stash:
            raise error
        # As a section, because in CI pytest repeats the message of every error in its summary.
        self.add_report_section("setup", "details", "\n".join(map(escaped, lines)))
        pytest.fail(short, pytrace=False)

    def runtest(self) -> None:
        """Publish the verdict, and fail if it blocks."""
        self._publish(self._record, self._inputs(), None)
        if self._record.blocks:
            raise GateBlockedError(self._record)

    def _inputs(self) -> Inputs | None:
        """What the batch was read from, where this check made it known; a metric always does."""
        if not isinstance(self._check, Rule):
            return None
        return Inputs.of(self._file.batch(self._loaded).evaluation(self._check))

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,
    ) -> Any:
        """A block without a traceback for a gate that blocks."""
        if isinstance(excinfo.value, GateBlockedError):
            here = os.fspath(self.config.invocation_params.dir)
            policy = relative(os.fspath(self.path), here)
            return explain(excinfo.value.record, policy=policy, node_id=f"{policy}::{self.name}")
        return super().repr_failure(excinfo, style)

    @property
    def _file(self) -> GateFile:
        return self.getparent(GateFile)  # type: ignore[return-value]

    def _publish(self, record: Record, inputs: Inputs | None, failure: Failure | None) -> None:
        loaded = self._loaded
        view, first = "", inputs is not None and failure is not None
        if isinstance(self._check, Rule):
            view = str(view_of(self._check) or self._file.batch(loaded).view(self._check))
            published = self._file.stash.setdefault(_PUBLISHED, set())
            first = view not in published
            published.add(view)
        self.stash[PAYLOAD] = {
            "path": self._file.nodeid,
            "file": os.fspath(self._file.path),
            "pushes": list(loaded.push),
            "name": loaded.policy.name,
            "sha256": loaded.sha256,
            "rules": len(loaded.checks),
            "sampling": sampling_of(loaded.policy),
            "waivers": [waiver.to_json() for waiver in loaded.waivers.values()],
            "index": self._index,
            "record": record.to_json(),
            "view": view,
            "inputs": inputs.to_json() if inputs is not None and first else None,
            "failure": None if failure is None else failure.to_json(),
        }
        interval = record.interval
        properties = {
            "gate": record.id,
            "metric": record.metric.value,
            "class": record.class_name,
            "verdict": record.verdict.value,
            "value": record.value,
            "limit": record.limit,
            "unit": record.unit or None,
            "lower": None if interval is None else interval.lower,
            "upper": None if interval is None else interval.upper,
            "images": record.images,
            "reason": record.reason or None,
            **{k: v for k, v in record.settings.items() if not isinstance(v, (dict, list))},
        }
        self.user_properties += [
            (f"segcore.{key}", escaped(value) if isinstance(value, str) else value)
            for key, value in properties.items()
            if value is not None
        ]


_PUBLISHED = pytest.StashKey[set[str]]()


def _told(error: Exception) -> tuple[FailureKind, str, list[str]]:
    """What kind of failure it is, in one line, and the details."""
    if isinstance(error, InvalidInputError):
        faults = [fault.to_json() for fault in error.faults]
        refusing = sum(fault["severity"] == "error" for fault in faults)
        return (
            FailureKind.INVALID,
            f"the input is invalid: {counted_faults(refusing)}",
            refusal_lines(faults),
        )
    if isinstance(error, DocumentError | RefusedFileError):
        return FailureKind.INVALID, "the input is invalid", str(error).splitlines()
    if isinstance(error, SegcoreError):
        return FailureKind.USAGE, "the batch cannot be evaluated", str(error).splitlines()
    return FailureKind.INTERNAL, "internal error", [f"{type(error).__name__}: {error}"]
