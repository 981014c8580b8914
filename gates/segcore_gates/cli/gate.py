"""``segcore gate``: judge a batch by its policy, with pytest underneath."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segcore.cli import ExitCode
from segcore.wording import escaped, escaped_lines

if TYPE_CHECKING:
    from segcore_gates.html.photos import Photos
    from segcore_gates.session import SessionResult

__all__ = ["gate", "judge"]


def gate(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="POLICY...",
            help="Policy files. After --, arguments for pytest: the first begins with a dash.",
            show_default=False,
        ),
    ],
    *,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Write report.html, report.json, image-class.csv and more to this folder.",
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Photos for report.html, found by image key."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the JSON report; - is standard output.")
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write what the verdicts follow from, for segcore verify."),
    ] = None,
    previous: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The evidence of the batch before, which this one follows."),
    ] = None,
    no_push: Annotated[
        bool, typer.Option("--no-push", help="Do not write to the platforms the policies push to.")
    ] = False,
) -> int:
    """Judge a batch by its policy.

    Exit code 0 accepted, 1 rejected, 2 not enough evidence, 3 invalid input, 4 usage or policy error.

    Example: segcore gate batch.gate.yaml --report out -- -n 4
    """
    from segcore.cli.output import STDOUT

    policies, pytest_args = _split(words)
    following = _following(policies, evidence, previous)
    result = judge(
        policies,
        pytest_args=pytest_args,
        report=report,
        json=json,
        images=images,
        pushing=not no_push,
        evidence=evidence,
        previous=following,
    )
    if result.error is not None:
        raise result.error
    for found in result.reports:
        if found.failure is not None:
            typer.echo(_told(found.path, escaped_lines(found.failure.message)), err=True)
    if not result.reports and result.exit_code == ExitCode.INSUFFICIENT:
        typer.echo("segcore gate: no gate was selected, so nothing was judged", err=True)
    return result.exit_code if no_push else _push(result, aside=json == STDOUT)


def _following(policies: Sequence[str], evidence: str | None, previous: str | None) -> str | None:
    """The digest of the bundle that the evidence follows; refuses what cannot be, before any work."""
    from segcore.cli.output import STDOUT, require_destination
    from segcore.errors import UsageError

    if evidence is None:
        if previous is not None:
            raise UsageError("--previous is for --evidence: name a file for the evidence too")
        return None
    if len(policies) != 1 or evidence == STDOUT:
        raise UsageError("--evidence is a file, and of one batch: name one policy")
    require_destination(evidence)
    if previous is None:
        return None
    if Path(previous).exists() and Path(evidence).exists() and Path(previous).samefile(evidence):
        raise UsageError(f"{evidence} is the evidence of the batch before: name another file")
    from segcore_gates.evidence.reading import bundle_digest

    return bundle_digest(previous)


def _push(result: SessionResult, *, aside: bool) -> int:
    """Push what was judged; the exit code: of the verdict, or of a failed push where it accepts.

    With ``aside`` standard output belongs to the JSON report.
    """
    from segcore.cli.failures import explain
    from segcore_gates.pushes import push_all

    failed = []
    for attempt in push_all(result):
        where = f"{escaped(attempt.policy)}: {escaped(attempt.platform)}"
        if isinstance(attempt.result, Exception):
            code, message = explain(attempt.result)
            if code == ExitCode.INTERNAL and result.exit_code == ExitCode.ACCEPTED:
                raise attempt.result  # --debug shows where
            failed.append(code)
            typer.echo(f"{where}: not pushed: {message}", err=True)
            continue
        for note in attempt.result.notes:
            typer.echo(f"{where}: note: {escaped(note)}", err=True)
        typer.echo(f"{where}: {escaped(attempt.result.says)}", err=aside)
    return result.exit_code or max(failed, default=ExitCode.ACCEPTED)


def _told(policy: str, message: str) -> str:
    """``message``, with the policy in front unless it begins with a file and a line itself."""
    where = escaped(policy)
    return message if re.match(r"\S.*?:\d+: ", message) else f"{where}: {message}"


def judge(
    policies: Sequence[str],
    *,
    pytest_args: Sequence[str] = (),
    report: str | None = None,
    json: str | None = None,
    images: str | None = None,
    pushing: bool = False,
    evidence: str | None = None,
    previous: str | None = None,
) -> SessionResult:
    """Run the gates and write what was asked for; other commands judge through this too.

    Parameters
    ----------
    policies, pytest_args, pushing
        See :func:`segcore_gates.session.run_gates`.
    report : str or None
        A folder for report.html, report.json, junit.xml, summary.md and image-class.csv; it is made.
    json : str or None
        A file for the JSON report; ``-`` is standard output, and then pytest prints to standard error.
    images : str or None
        A folder of photos for report.html.
    evidence : str or None
        A file for the evidence of the one policy; see :mod:`segcore_gates.evidence`.
    previous : str or None
        The digest of the evidence that it follows.

    Raises
    ------
    UsageError
        A policy is not a file, or something cannot be written.
    """
    from json import loads

    from segcore.cli.output import STDOUT, require_destination, write
    from segcore_gates.session import run_gates

    require_destination(json)
    photos = _photos(images, report=report)
    broken: Exception | None = None
    with _report_folder(report) as folder:
        document = folder / "report.json"
        with contextlib.redirect_stdout(sys.stderr) if json == STDOUT else contextlib.nullcontext():
            result = run_gates(
                policies,
                pytest_args=pytest_args,
                junit=None if report is None else folder / "junit.xml",
                json=document,
                pushing=pushing or report is not None,
            )
        if document.exists():
            if json is not None:
                write(json, document.read_text("utf-8"))
            if report is not None:
                from segcore_gates.report_files import write_report_files

                try:
                    write_report_files(folder, result, photos=photos)
                except Exception as error:  # the verdicts are written all the same
                    broken = error
                    (Path(report) / "report.html").unlink(missing_ok=True)
            if evidence is not None:
                run = loads(document.read_text("utf-8"))["run"]
                _write_evidence(evidence, result, run=run, previous=previous, aside=json == STDOUT)
    if broken is not None:
        raise broken
    return result


def _write_evidence(
    file: str, result: SessionResult, *, run: Mapping[str, str], previous: str | None, aside: bool
) -> None:
    """Write the evidence of the one report; without a verdict there is none, and it says so."""
    from segcore.cli.output import write
    from segcore_gates.evidence.bundle import evidence_of
    from segcore_gates.evidence.verifier.documents import digest
    from segcore_gates.judged import policy_in
    from segcore_gates.report import FailureKind

    found = result.reports[0] if len(result.reports) == 1 else None
    kinds = {None, FailureKind.INVALID}
    if found is None or not found.file or (found.failure and found.failure.kind) not in kinds:
        typer.echo("no evidence is written: no gate was judged", err=True)
        return
    data = evidence_of(
        found,
        policy_in(result, found),
        result.evaluations,
        run=run,
        strict=result.strict,
        previous=previous,
    )
    write(file, data)
    typer.echo(f"evidence: {escaped(file)} sha256 {digest(data)}", err=aside)


def _photos(folder: str | None, *, report: str | None) -> Photos | None:
    """The photos of a folder; looked for before anything is judged, so that a wrong name ends early."""
    from segcore.errors import UsageError

    if folder is None:
        return None
    if report is None:
        raise UsageError("--images puts photos into report.html: name its folder with --report DIR")
    from segcore_gates.html.photos import Photos

    return Photos(folder)


@contextlib.contextmanager
def _report_folder(report: str | None) -> Iterator[Path]:
    """A folder to write into; what is in it at the end moves to ``report``, each file at once."""
    import tempfile

    from segcore.cli.output import move
    from segcore.errors import UsageError

    try:
        if report is not None:
            Path(report).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".segcore-", dir=report) as name:
            folder = Path(name)
            yield folder
            if report is not None:
                for file in sorted(folder.iterdir()):
                    move(file, Path(report) / file.name)
    except OSError as error:
        raise UsageError(f"cannot write to {report or 'the temporary folder'}: {error}") from error


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Policies, then what begins with a dash and everything after it."""
    first = next((k for k, word in enumerate(words) if word.startswith("-")), len(words))
    return [os.fspath(word) for word in words[:first]], list(words[first:])
