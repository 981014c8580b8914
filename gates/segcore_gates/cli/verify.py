"""``segcore verify``: check the evidence of a batch."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["verify"]


def verify(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="What segcore gate --evidence wrote.")],
    *,
    previous: Annotated[
        str | None, typer.Option(metavar="FILE", help="The evidence of the batch before.")
    ] = None,
) -> int:
    """Check that a bundle is whole and that its verdicts follow from its counts.

    This runs the installed verifier and not the copy in the bundle, which whoever forges one can change.
    Exit code 0 it holds, 1 it does not, 3 it is no bundle.

    Example: segcore verify batch.zip --previous earlier.zip
    """
    from segcore.cli import ExitCode
    from segcore.errors import RefusedFileError, SpecError
    from segcore_gates.evidence.reading import bundle_bytes, policy_remarks
    from segcore_gates.evidence.verifier.command import lines_of, printable_line
    from segcore_gates.evidence.verifier.container import NoBundleError, RejectedError
    from segcore_gates.evidence.verifier.verification import verified

    try:
        data = bundle_bytes(bundle)
        found = verified(data, previous=None if previous is None else bundle_bytes(previous))
        remarks = policy_remarks(found.bundle)
    except (NoBundleError, SpecError, RefusedFileError) as error:
        typer.echo(f"no evidence bundle: {printable_line(str(error))}", err=True)
        return ExitCode.INVALID
    except RejectedError as error:
        typer.echo(f"REJECTED: {printable_line(str(error))}", err=True)
        return ExitCode.REJECTED
    for line in lines_of(found):
        typer.echo(line)
    for note in remarks.notes:
        typer.echo(f"note: {printable_line(note)}")
    for problem in remarks.problems:
        typer.echo(f"WRONG: {printable_line(problem)}")
    if found.problems or remarks.problems:
        typer.echo("REJECTED")
        return ExitCode.REJECTED
    typer.echo("the bundle is whole and its verdicts follow from its counts")
    return ExitCode.ACCEPTED
