"""``segcore accept``: make an accepted batch the one that later batches are compared with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from segcore.wording import escaped, escaped_lines

if TYPE_CHECKING:
    from segcore_gates.regression.accepting import Change, Stored

__all__ = ["accept", "gates_accept"]


_Policy = Annotated[str, typer.Argument(metavar="POLICY", help="The policy file.")]
_Despite = Annotated[
    str,
    typer.Option(
        metavar="REASON",
        help="Accept a batch that its gates do not accept; the reason is kept in the file.",
    ),
]


def gates_accept(policy: _Policy, *, despite: _Despite = "") -> int:
    """Judge a batch and, if it is accepted, write the baseline: segcore accept by its other name.

    Example: segcore gates accept vendor-a.gate.yaml
    """
    return accept(policy, despite=despite)


def accept(policy: _Policy, *, despite: _Despite = "") -> int:
    """Judge a batch and, if it is accepted, write the baseline of the policy.

    The file is the one that `regression: {baseline: FILE}` names. A batch that is not accepted leaves
    it as it is, and the exit code is that of segcore gate.

    Example: segcore accept vendor-a.gate.yaml
    """
    import os
    from pathlib import Path

    from segcore.errors import UsageError
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.hand_written import seen_from_here
    from segcore_gates.policy_file import load_policy
    from segcore_gates.regression.accepting import accept_batch, baseline_path, why_not
    from segcore_gates.regression.baseline_file import read_baseline
    from segcore_gates.session import run_gates

    if despite and not despite.strip():
        raise UsageError("--despite needs a reason, such as --despite 'first batch, agreed with ...'")
    if Path(policy).is_file():
        # what cannot be written is told before the batch is judged
        opened = Evaluations(None).open
        loaded = load_policy(seen_from_here(Path(policy)), environ=os.environ, open_source=opened)
        read_baseline(baseline_path(loaded))
    result = run_gates([policy], pushing=True)
    if result.error is not None:
        raise result.error
    for report in result.reports:
        if report.failure is not None:
            typer.echo(f"{escaped(report.path)}: {escaped_lines(report.failure.message)}", err=True)
        reason = why_not(report, despite=despite.strip())
        if reason:
            typer.echo(f"segcore accept: nothing was written: {escaped(reason)}", err=True)
            return result.exit_code or report.exit_code
        sys.stdout.write(_told(accept_batch(result, report, despite=despite.strip())))
        return 0
    return result.exit_code


def _told(stored: Stored) -> str:
    """What was written, and what changed against the batch accepted before."""
    from segcore.cli.output import table_text

    baseline, before = stored.baseline, stored.before
    notes = [f"accepted: {baseline.inputs['delivery']['spec']}, written to {stored.path}"]
    if baseline.despite:
        notes.append(f"despite {baseline.outcome}: {baseline.despite}")
    if before is not None:
        replaced = before.history[-1].delivery if before.history else "the baseline of before"
        notes.append(f"it replaces {replaced}")
    rows = [_row(change) for change in stored.changes]
    return table_text(("gate", "before", "now", "change", ""), rows, notes=notes)


def _row(change: Change) -> tuple[str, ...]:
    from segcore_gates.records import measured

    before, now = (
        "-" if value is None else measured(float(value), change.unit)
        for value in (change.before, change.now)
    )
    moved = ""
    if change.before is not None and change.now is not None and not change.note:
        by = float(change.now - change.before)
        moved = f"{by:+.2f} px" if change.unit else f"{by:+.4f}"
    return change.rule, before, now, moved, change.note
