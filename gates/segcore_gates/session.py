"""Run policies in a pytest session of their own, apart from whatever pytest set-up the folder has."""

from __future__ import annotations

import contextlib
import datetime
import glob
import os
import shlex
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segcore.errors import UsageError
from segcore_gates import pytest_plugin
from segcore_gates.evaluations import Evaluations
from segcore_gates.report import FailureKind, PolicyReport

if TYPE_CHECKING:
    from segcore_gates.policy_file import LoadedPolicy

__all__ = ["SessionResult", "run_gates"]

_ENVIRONMENT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
_BAD = (FailureKind.INTERNAL, FailureKind.POLICY, FailureKind.USAGE, FailureKind.INVALID)
_CODES = {FailureKind.INTERNAL: 5, FailureKind.POLICY: 4, FailureKind.USAGE: 4, FailureKind.INVALID: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResult:
    """What a session came to.

    Attributes
    ----------
    reports : tuple of PolicyReport
        By path; empty if pytest did not get as far.
    exit_code : int
        Of ``segcore gate``.
    error : Exception or None
        What broke, if something did that is segcore's own fault.
    policies : mapping of str to LoadedPolicy
        Those this process has read, by the path of their report; with pytest-xdist the workers did.
    evaluations : Evaluations
        Of this process.
    today : date or None
        The day by which its waivers expired.
    strict : bool
        Whether warnings and thin evidence blocked.
    """

    reports: tuple[PolicyReport, ...]
    exit_code: int
    error: Exception | None
    policies: Mapping[str, LoadedPolicy] = field(default_factory=dict)
    evaluations: Evaluations = field(default_factory=lambda: Evaluations(None, progress=True))
    today: datetime.date | None = None
    strict: bool = False


def run_gates(
    policies: Sequence[str | os.PathLike[str]],
    *,
    pytest_args: Sequence[str] = (),
    junit: Path | None = None,
    json: Path | None = None,
    pushing: bool = False,
) -> SessionResult:
    """Judge batches by their policies; pytest prints to standard output.

    Ini files, conftest files and ``PYTEST_ADDOPTS`` of the surroundings do not count: a verdict must not
    depend on them.  Other people's plugins are loaded only if ``pytest_args`` ask for something.

    Parameters
    ----------
    policies : sequence of path
        Policy files, whatever they are called.
    pytest_args : sequence of str
        Further arguments of pytest, such as ``-n 4`` or ``-k person``.
    junit, json : Path or None
        Where to write a JUnit file and the JSON report.
    pushing : bool
        Keep what a push reads again; see :func:`segcore_gates.pushes.push_all`.

    Raises
    ------
    UsageError
        A policy is not a file.
    KeyboardInterrupt
        The session was interrupted.
    """
    paths = [Path(policy) for policy in policies]
    for path in paths:
        if not path.is_file():
            what = "it is a folder: name a policy in it" if path.is_dir() else "there is no such file"
            raise UsageError(f"{path}: {what}")
        if "[" in os.fspath(path):
            raise UsageError(
                f"{path}: pytest takes no path with [ in it; run from the folder, or rename it"
            )
    names = " ".join(shlex.quote(glob.escape(path.name)) for path in paths)
    root = os.path.commonpath([path.absolute().parent for path in paths])
    command = _Command(pushing=pushing)
    args = [
        *("-c", os.devnull, f"--rootdir={root}", "--noconftest", "-p", "no:cacheprovider"),
        *("-q", "--no-header", "-rN", "--capture=no", "-o", f"gate_files={names}"),
        # with plugins pytest would like to rewrite this package, which runs already
        *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
        *([] if junit is None else [f"--junitxml={junit}"]),
        *([] if json is None else [f"--gate-report={json}"]),
        *pytest_args,
        # a path drops the ./ in front, which keeps a name such as -a.gate.yaml from being an option
        *(f".{os.sep}{path}" if str(path).startswith("-") else os.fspath(path) for path in paths),
    ]
    with _environment(autoload=bool(pytest_args)):
        status = int(pytest.main(args, plugins=[command]))
    reports = tuple(command.reports)
    if status == pytest.ExitCode.INTERRUPTED and not any(report.failure for report in reports):
        raise KeyboardInterrupt
    return SessionResult(
        reports=reports,
        exit_code=_exit_code(reports, status),
        error=command.error,
        policies=command.policies,
        evaluations=command.evaluations,
        today=command.today,
        strict=command.strict,
    )


class _Command:
    """Brings the plugin into the session, whether it is installed or not, and the reports out of it."""

    def __init__(self, *, pushing: bool) -> None:
        self._pushing = pushing
        self.reports: list[PolicyReport] = []
        self.error: Exception | None = None
        self.policies: dict[str, LoadedPolicy] = {}
        self.evaluations = Evaluations(None)
        self.today: datetime.date | None = None
        self.strict = False

    def pytest_addoption(self, pluginmanager: pytest.PytestPluginManager) -> None:
        """Register the plugin under the name of its entry point, which is then passed over."""
        if not pluginmanager.has_plugin("segcore"):
            pluginmanager.register(pytest_plugin, "segcore")

    def pytest_configure(self, config: pytest.Config) -> None:
        """Say that the command reports errors itself."""
        config.stash[pytest_plugin.COMMAND] = True
        config.stash[pytest_plugin.PUSHING] = self._pushing

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """Print no block a gate that could not run: the command says why, once, on standard error."""
        errors = terminalreporter.stats.get("error", [])
        shown = [report for report in errors if not hasattr(report, "segcore_gate")]
        terminalreporter.stats["error"] = shown
        yield  # the plugin puts back those that are counted

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep the reports, and what they were made of."""
        controller = session.config.pluginmanager.get_plugin("segcore-controller")
        self.reports = [] if controller is None else controller.reports()
        self.evaluations = pytest_plugin.evaluations(session.config)
        self.today = pytest_plugin.today(session.config)
        self.strict = bool(session.config.getoption("--gate-strict"))
        self.error = self.evaluations.internal_error
        self.policies = session.config.stash.get(pytest_plugin.POLICIES, {})


def _exit_code(reports: Sequence[PolicyReport], status: int) -> int:
    """The worst of all policies; what pytest alone knows counts where no gate objects."""
    if status == pytest.ExitCode.USAGE_ERROR:
        return 4
    if status == pytest.ExitCode.INTERNAL_ERROR:
        return 5
    kinds = {report.failure.kind for report in reports if report.failure is not None}
    for kind in _BAD:
        if kind in kinds:
            return _CODES[kind]
    codes = {report.exit_code for report in reports}
    worst = next((code for code in (5, 4, 1, 2) if code in codes), 0 if reports else 2)
    return 1 if worst == 0 and status == pytest.ExitCode.TESTS_FAILED else worst


@contextlib.contextmanager
def _environment(*, autoload: bool) -> Iterator[None]:
    """Keep pytest's own variables out; without autoload no other plugin is looked for."""
    before = {name: os.environ.pop(name) for name in _ENVIRONMENT if name in os.environ}
    if not autoload:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
        os.environ.update(before)
