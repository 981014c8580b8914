"""Gathers the verdicts of a session on the controller and hands them to whoever reads them."""

from __future__ import annotations

import copy
import datetime
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from segcore.cli.output import json_text, write
from segcore.errors import UsageError
from segcore.wording import escaped_lines
from segcore_gates.groups import grouped, listed
from segcore_gates.looks import Sampling
from segcore_gates.records import Outcome, Record, Verdict
from segcore_gates.report import Failure, FailureKind, Inputs, PolicyReport, document
from segcore_gates.text import relative, remarks, summary_line, table

__all__ = ["Reporter", "told_once"]

_RED = frozenset({Verdict.FAIL, Verdict.MISSING, Verdict.ERROR})


class Reporter:
    """The verdicts of one session, which began at ``began`` (seconds since the epoch)."""

    def __init__(self, config: pytest.Config, *, began: float) -> None:
        self._config = config
        self._policies: dict[str, dict[int, Mapping[str, Any]]] = {}
        self._broken: dict[str, Mapping[str, Any]] = {}
        self._began = began

    def add(self, payload: Mapping[str, Any]) -> None:
        """Note what one item's report carried; a repeated item replaces its first run."""
        items = self._policies.setdefault(payload["path"], {})
        before = items.get(payload["index"])
        if before is not None and payload["inputs"] is None:
            payload = {**payload, "inputs": before["inputs"]}
        items[payload["index"]] = payload

    def add_broken(self, payload: Mapping[str, Any]) -> None:
        """Note a policy that could not be read."""
        self._broken[payload["path"]] = payload

    def reports(self) -> list[PolicyReport]:
        """What every policy came to, by path."""
        found = [_report(path, items) for path, items in self._policies.items()]
        found += [
            PolicyReport(path=path, inputs=_inputs(payload), failure=_failure(payload))
            for path, payload in self._broken.items()
        ]
        return sorted(found, key=lambda report: report.path)

    def write(self, path: str | None) -> None:
        """Write the JSON report, where one was asked for, and GitHub's job summary."""
        reports = self.reports()
        if path is not None:
            target = Path(self._config.invocation_params.dir, path)
            began = datetime.datetime.fromtimestamp(self._began, datetime.UTC)
            run = {
                "at": began.isoformat(timespec="seconds"),
                "seconds": round(time.time() - self._began, 3),
            }
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                write(os.fspath(target), json_text(document(reports, run=run)))
            except (OSError, UsageError) as error:
                pytest.exit(f"--gate-report: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary and reports:
            from segcore_gates.markdown import append_job_summary, markdown

            append_job_summary(summary, markdown(reports))

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """Print a table a policy, worst first, and the annotations GitHub picks up."""
        reports = self.reports()
        for report in reports:
            _show(terminal, report)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from segcore_gates.github import error_commands

            root = os.environ.get("GITHUB_WORKSPACE", os.fspath(self._config.invocation_params.dir))
            prefix = Path(relative(os.fspath(self._config.rootpath), root)).as_posix()
            for line in error_commands(reports, prefix=prefix):
                terminal.write_line(line)


def told_once(reports: Sequence[pytest.TestReport]) -> list[pytest.TestReport]:
    """Failures, or errors, as the terminal explains them: what holds for many gates once.

    The first of a group stands for the others and names some of them; other tests stay as they are.
    """
    by_cause: dict[tuple[str, str], list[tuple[Record, pytest.TestReport]]] = {}
    for report in reports:
        payload = getattr(report, "segcore_gate", {})
        if "record" in payload:
            cause = "" if payload["failure"] is None else payload["failure"]["message"]
            pair = Record.from_json(payload["record"]), report
            by_cause.setdefault((payload["path"], cause), []).append(pair)
    shown = {id(r): r for r in reports if "record" not in getattr(r, "segcore_gate", {})}
    for (_, cause), pairs in by_cause.items():
        of = {record.id: report for record, report in pairs}
        records = [record for record, _ in pairs]
        for first, *others in [records] if cause else grouped(records):
            report = of[first.id]
            shown[id(report)] = told = copy.copy(report)
            if others:
                same = listed(other.id for other in others)
                told.longrepr = f"{report.longrepr}\n  the same holds for {same}"
    return [shown[key] for key in map(id, reports) if key in shown]


def _color(record: Record) -> str:
    if record.verdict is Verdict.PASS:
        return "green"
    return "red" if record.blocks and record.verdict in _RED else "yellow"


def _report(path: str, items: Mapping[int, Mapping[str, Any]]) -> PolicyReport:
    ordered = [items[index] for index in sorted(items)]
    any_item = ordered[0]
    views: dict[str, Inputs] = {}
    for item in ordered:
        if item["inputs"] is not None:
            views.setdefault(item["view"], _inputs(item))
    failed = next((item for item in ordered if item["failure"] is not None), any_item)
    records = tuple(Record.from_json(item["record"]) for item in ordered)
    applied = {record.id: record.waiver for record in records if record.waiver is not None}
    return PolicyReport(
        path=path,
        file=any_item["file"],
        pushes=tuple(any_item["pushes"]),
        name=any_item["name"],
        sha256=any_item["sha256"],
        rules=any_item["rules"],
        records=records,
        inputs=Inputs.of_all(views),
        failure=_failure(failed),
        waivers=tuple(applied.get(given["gate"], given) for given in any_item["waivers"]),
        sampling=Sampling.of(any_item["sampling"], views.values()),
    )


def _inputs(payload: Mapping[str, Any]) -> Inputs:
    return Inputs() if payload["inputs"] is None else Inputs(**payload["inputs"])


def _failure(payload: Mapping[str, Any]) -> Failure | None:
    given = payload["failure"]
    return given and Failure(kind=FailureKind(given["kind"]), message=given["message"])


def _show(terminal: pytest.TerminalReporter, report: PolicyReport) -> None:
    terminal.ensure_newline()
    terminal.section(f"segmentation gates: {escaped_lines(report.path)}", sep="=")
    failure = report.failure
    if failure is None:
        for line, record in table(report, width=terminal.config.get_terminal_writer().fullwidth):
            markup = "bold" if record is None else _color(record)
            terminal.write_line(line, **{markup: True})
        color = {Outcome.ACCEPT: "green", Outcome.INSUFFICIENT: "yellow"}.get(report.outcome, "red")
        terminal.write_line(summary_line(report), bold=True, **{color: True})
        for line in remarks(report):
            terminal.write_line(line, yellow=True)
        return
    terminal.write_line(_failure_line(report, failure), bold=True, red=True)


def _failure_line(report: PolicyReport, failure: Failure) -> str:
    if failure.kind is FailureKind.INVALID:
        return summary_line(report)
    first: Sequence[str] = failure.message.splitlines()
    return f"ERROR  {first[0] if first else failure.kind.value}"
