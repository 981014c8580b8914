"""``segcore watch label-studio``: judge a batch again when its annotations change."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from segcore.cli import ExitCode
from segcore.errors import UsageError
from segcore.wording import printable
from segcore_labelstudio.live import CACHE_VARIABLE
from segcore_labelstudio.watch import HEADER, Changes, Hints, receive

__all__ = ["watch"]

VARIABLE: Final = "SEGCORE_WEBHOOK_SECRET"

_GATE: Final = "import sys; from segcore.cli import main; sys.exit(main(['gate', *sys.argv[1:]]))"
_SAID: Final = {
    ExitCode.ACCEPTED: "accepted",
    ExitCode.REJECTED: "rejected",
    ExitCode.INSUFFICIENT: "not enough evidence",
    ExitCode.INVALID: "the input is invalid",
}


def watch(
    policies: Annotated[
        list[str], typer.Argument(metavar="POLICY...", help="Policy files.", show_default=False)
    ],
    *,
    project: Annotated[int, typer.Option(metavar="ID", help="The project whose events count.")],
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen for webhooks.")
    ] = "127.0.0.1:8765",
    quiet: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Judge after so long without an event.")
    ] = 30,
    longest: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Judge after so long although events come.")
    ] = 600,
    report: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write the reports of the last run to this folder.")
    ] = None,
) -> int:
    """Judge a batch again when annotations of a Label Studio project change.

    The policies are judged once at the start, and again when webhooks have come and then stopped
    coming.  An event only starts the run: what is judged is what the server then says, and of what an
    earlier run pulled only the tasks that changed are pulled again.  The webhook
    must carry the header X-Segcore-Secret with the value of the environment variable
    SEGCORE_WEBHOOK_SECRET.  Ctrl-C ends it.

    Example: segcore watch label-studio batch.gate.yaml --project 12
    """
    secret = os.environ.get(VARIABLE, "")
    if not secret:
        raise UsageError(
            f"set {VARIABLE} to 16 or more characters, and give the webhook the header "
            f"{HEADER} with the same value: without it anybody could start runs"
        )
    host, port = _address(listen)
    hints = Hints(quiet_s=quiet, longest_s=longest)
    with (
        receive(hints, project=project, secret=secret, host=host, port=port) as taken,
        _cache() as cache,
    ):
        _tell(f"listening on http://{host}:{taken}/ for events of project {project}")
        hints.add()
        run(hints, lambda: _judge(policies, report, cache))
    return ExitCode.ACCEPTED


def run(hints: Hints, judge: Callable[[], int], *, runs: int | None = None) -> None:
    """Judge whenever there is something to judge; ``runs`` limits how often, None never ends.

    What came before a run began is judged by it; what comes while it runs starts another.
    """
    done = 0
    changes = hints.take()
    while runs is None or done < runs:
        if done:
            changes = hints.wait()
        _tell(_reason(changes, first=not done))
        code = judge()
        _tell(_SAID.get(ExitCode(code), f"the run failed with exit code {code}"))
        done += 1


@contextmanager
def _cache() -> Iterator[str]:
    """Where the runs keep what they pulled, so that the next one asks only for what changed."""
    if kept := os.environ.get(CACHE_VARIABLE):
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="segcore-watch-", ignore_cleanup_errors=True) as folder:
        yield folder


def _judge(policies: list[str], report: str | None, cache: str) -> int:
    # A process a run: what it pulled is all that is left of one run for the next.
    # -P: it imports nothing from this folder.
    words = [*policies, *([] if report is None else ["--report", report])]
    environment = os.environ | {CACHE_VARIABLE: cache}
    command = [sys.executable, "-P", "-c", _GATE, *words]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603


def _reason(changes: Changes, *, first: bool) -> str:
    if first:
        return "judging what is there"
    if changes.everything:
        return "judging again: annotations changed"
    shown = ", ".join(map(str, changes.tasks[:8])) + (" ..." if len(changes.tasks) > 8 else "")
    n = len(changes.tasks)
    return f"judging again: {n} task{'' if n == 1 else 's'} changed ({shown})"


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise UsageError(f"--listen takes HOST:PORT such as 127.0.0.1:8765, got {printable(listen)!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _tell(line: str) -> None:
    typer.echo(f"segcore watch: {line}", err=True)
