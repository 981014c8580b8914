"""The pytest plugin: hooks, options and the fixture.

Every session of an environment with segcore loads this module, so it imports pytest and the
standard library only; everything else waits for the first ``*.gate.yaml``.
"""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from segcore.evaluation import MeasuredBatch
    from segcore.ontology import Ontology
    from segcore.sources.spec import Spec
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.policy_file import LoadedPolicy
    from segcore_gates.report import PolicyReport
    from segcore_gates.reporter import Reporter

__all__ = ["COMMAND", "PAYLOAD", "POLICIES", "PUSHING", "Evaluate", "evaluations", "today"]

PAYLOAD = pytest.StashKey[dict[str, Any]]()
"""On an item: what its report carries to the controller, plain JSON values."""

COMMAND = pytest.StashKey[bool]()
"""On the config: ``segcore gate`` runs the session and reports errors itself."""

POLICIES = pytest.StashKey[dict[str, "LoadedPolicy"]]()
"""On the config: the policies this process has read, by node id."""

PUSHING = pytest.StashKey[bool]()
"""On the config: batches are pushed when the session is over."""

_EVALUATIONS = pytest.StashKey["Evaluations"]()
_SHARED = pytest.StashKey[Path]()
_NEEDS = pytest.StashKey[list[str]]()
_REASON = pytest.StashKey[str]()
_INSTALL = 'pip install "segcore[gates]"'

_TODAY = pytest.StashKey[datetime.date]()

_WORKER_KEY = "segcore_directory"
_WORKER_DAY = "segcore_today"


class Evaluate(Protocol):
    """What the fixture ``segcore_evaluation`` is."""

    def __call__(
        self,
        gold: Spec | str | os.PathLike[str],
        delivery: Spec | str | None = None,
        *,
        ontology: Ontology | str | None = None,
        task: str = "semantic",
    ) -> MeasuredBatch:
        """Evaluate a policy's batch, or two specs."""
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the ini value."""
    group = parser.getgroup("segcore", "segmentation quality gates")
    group.addoption("--gate-report", metavar="PATH", help="write every verdict to PATH as JSON")
    group.addoption(
        "--gate-strict", action="store_true", help="let warnings and thin evidence fail the gates too"
    )
    parser.addini(
        "gate_files",
        "file name patterns collected as segmentation quality gates",
        type="args",
        default=["*.gate.yaml", "*.gate.yml"],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; on the controller also what gathers verdicts and serves the workers."""
    config.addinivalue_line("markers", "gate: a segmentation quality gate collected from a policy file")
    if hasattr(config, "workerinput"):
        if _WORKER_KEY in config.workerinput:
            config.stash[_SHARED] = Path(config.workerinput[_WORKER_KEY])
            config.stash[_TODAY] = datetime.date.fromisoformat(config.workerinput[_WORKER_DAY])
        return
    config.pluginmanager.register(_Controller(config), "segcore-controller")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Sharing(), "segcore-sharing")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the workers shared."""
    if not hasattr(config, "workerinput") and (directory := config.stash.get(_SHARED, None)):
        shutil.rmtree(directory, ignore_errors=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect policies."""
    if not any(fnmatch(file_path.name, pattern) for pattern in parent.config.getini("gate_files")):
        return None
    try:
        from segcore_gates.collection import GateFile
    except ModuleNotFoundError as error:
        needs = f"{file_path.name} needs {error.name}, which is not installed: {_INSTALL}"
        if hasattr(parent.config, "workerinput"):  # a worker's usage error would reach nobody
            missing: pytest.Collector = _Unavailable.from_parent(parent, path=file_path)
            missing.stash[_REASON] = needs
            return missing
        parent.config.stash.setdefault(_NEEDS, []).append(needs)
        return None
    collector: pytest.Collector = GateFile.from_parent(parent, path=file_path)
    return collector


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to pass over policies because the extra is missing."""
    if needs := session.config.stash.get(_NEEDS, None):
        raise pytest.UsageError("\n".join(needs))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a gate's report carry its record: report attributes cross from worker to controller."""
    report = yield
    _attach(item, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a policy that cannot be read."""
    report = yield
    _attach(collector, report)
    return report


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count warnings, waivers and thin evidence apart from passes."""
    payload = getattr(report, "segcore_gate", None)
    if payload is None or report.when != "call" or not report.passed:
        return None
    found = payload["record"]["verdict"]
    if found == "PASS":
        return None
    letter = "w" if found == "WAIVED" else found[0]
    return found.lower(), letter, (found, {"yellow": True})


@pytest.fixture
def segcore_evaluation(request: pytest.FixtureRequest) -> Evaluate | MeasuredBatch:
    """Evaluate a batch for hand-written tests, once per session and shared by all workers.

    Call it with a policy or with two specs; paths are relative to the test file::

        def test_cars_are_no_trucks(segcore_evaluation):
            evaluation = segcore_evaluation("batch.gate.yaml")
            car, truck = map(evaluation.ontology.index, ["car", "truck"])

            assert evaluation.confusion[car, truck] < 1000

        def test_road(segcore_evaluation):
            evaluation = segcore_evaluation("png:gold", "png:delivery", ontology="ontology.yaml")

            assert evaluation.classes[0].iou > 0.9

    ``task="instance"`` gives the objects instead of the pixels.

    With ``@pytest.mark.parametrize("segcore_evaluation", ["a.gate.yaml"], indirect=True)`` it is the
    evaluation itself.
    """
    from segcore_gates.hand_written import evaluate_for

    def evaluate(
        gold: Spec | str | os.PathLike[str],
        delivery: Spec | str | None = None,
        *,
        ontology: Ontology | str | None = None,
        task: str = "semantic",
    ) -> MeasuredBatch:
        return evaluate_for(
            evaluations(request.config),
            gold,
            delivery,
            ontology=ontology,
            folder=request.path.parent,
            task=task,
        )

    param = getattr(request, "param", None)
    if param is None:
        return evaluate
    return evaluate(*param) if isinstance(param, tuple | list) else evaluate(param)


def evaluations(config: pytest.Config) -> Evaluations:
    """The evaluations of this session."""
    if _EVALUATIONS not in config.stash:
        from segcore_gates.evaluations import Evaluations

        config.stash[_EVALUATIONS] = Evaluations(
            config.stash.get(_SHARED, None), progress=config.stash.get(COMMAND, False)
        )
    return config.stash[_EVALUATIONS]


def today(config: pytest.Config) -> datetime.date:
    """The day by which the waivers of this session expire, the same in every process."""
    if _TODAY not in config.stash:
        from segcore_gates import day

        config.stash[_TODAY] = day.today()
    return config.stash[_TODAY]


def _attach(
    node: pytest.Item | pytest.Collector, report: pytest.CollectReport | pytest.TestReport
) -> None:
    if (payload := node.stash.get(PAYLOAD, None)) is not None:
        report.segcore_gate = payload  # type: ignore[union-attr]
        del node.stash[PAYLOAD]


class _Unavailable(pytest.File):
    """A policy that cannot be collected because the extra is missing."""

    def collect(self) -> Generator[pytest.Item, None, None]:
        """Say so."""
        raise self.CollectError(self.stash[_REASON])
        yield


class _Sharing:
    """Gives the workers one folder and one day; registered only where pytest-xdist knows the hook."""

    def pytest_configure_node(self, node: Any) -> None:
        """Make the folder for the first worker: 0700, removed at the end."""
        stash = node.config.stash
        if _SHARED not in stash:
            stash[_SHARED] = Path(tempfile.mkdtemp(prefix="segcore-gates-"))
        node.workerinput[_WORKER_KEY] = str(stash[_SHARED])
        node.workerinput[_WORKER_DAY] = today(node.config).isoformat()


class _Controller:
    """Gathers verdicts where they are reported; loads nothing until there is one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = time.time()
        self._reporter: Reporter | None = None
        self._all: dict[str, list[pytest.TestReport]] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a policy that cannot be read."""
        if (payload := getattr(report, "segcore_gate", None)) is not None:
            self._get().add_broken(payload)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a verdict."""
        if (payload := getattr(report, "segcore_gate", None)) is not None:
            self._get().add(payload)

    def pytest_sessionfinish(self) -> None:
        """Write the JSON report, and let the terminal explain once what fails many classes."""
        path: str | None = self._config.getoption("--gate-report")
        if self._reporter is not None or path is not None:
            self._get().write(path)
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if self._reporter is None or terminal is None:
            return
        from segcore_gates.reporter import told_once

        for outcome in ("failed", "error"):
            if outcome in terminal.stats:
                self._all[outcome] = terminal.stats[outcome]
                terminal.stats[outcome] = told_once(terminal.stats[outcome])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the tables and tell GitHub; silent where no gate ran."""
        terminalreporter.stats.update(self._all)  # explained by now; listed and counted each
        if self._reporter is not None:
            self._reporter.show(terminalreporter)

    def reports(self) -> list[PolicyReport]:
        """What every policy came to so far."""
        return [] if self._reporter is None else self._reporter.reports()

    def _get(self) -> Reporter:
        if self._reporter is None:
            from segcore_gates.reporter import Reporter

            self._reporter = Reporter(self._config, began=self._began)
        return self._reporter
