"""A real Label Studio server for the tests that ask for one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what these tests share: live_server, drawing, ...

import exports
import fake_server
import live_server

from segcore.cli import main

pytest.register_assert_rewrite("drawn_shapes")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Send all tests of the live server to the same worker, so that one server is started, not many."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if "label_studio" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("label-studio"))


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live_server.LiveServer]:
    """A running server, shared by all tests: each makes projects of its own and looks at no others."""
    if not live_server.installed():
        pytest.skip("missing: label-studio server (make test installs it)")
    with pytest.MonkeyPatch.context() as patch:
        # Clients honour a proxy of the machine even for loopback unless they are told not to.
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        server = live_server.start(tmp_path_factory.mktemp("label-studio"))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def connected(label_studio):
    """A function from a key to Label Studio's own client: the writer that is independent of ours."""
    sdk = pytest.importorskip("label_studio_sdk", reason="missing: label-studio-sdk")
    import httpx

    with httpx.Client(timeout=60, follow_redirects=True) as client:
        yield lambda key: sdk.LabelStudio(
            base_url=label_studio.url, api_key=key, httpx_client=client, max_retries=0
        )


@pytest.fixture(scope="session")
def sdk(connected, label_studio):
    """The administrator's client."""
    return connected(label_studio.token)


@pytest.fixture
def serve():
    """A function that starts a server of ours that misbehaves in one way."""
    servers = []

    def start(fault="", **options):
        servers.append(fake_server.FakeLabelStudio(fault=fault, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connect():
    """A function from a server to a connection that waits without waiting; ``waits`` says how long."""
    from segcore_labelstudio.connection import Connection

    opened = []

    def to(server, *, key=fake_server.KEY, **options):
        waits: list[float] = []
        connection = Connection(server.url, key, sleep=waits.append, **options)
        connection.waits = waits
        opened.append(connection)
        return connection

    yield to
    for connection in opened:
        connection.close()


@pytest.fixture
def pull_from(tmp_path):
    """A function that pulls from a server into a folder, 50 tasks per request, 100 per page."""
    import pulls

    from segcore_labelstudio.connection import Connection
    from segcore_labelstudio.pull import pull

    def run(server, folder="pulled", *, selection=pulls.WHOLE, **options):
        with Connection(server.url, fake_server.KEY, sleep=lambda _: None) as connection:
            return pull(
                connection,
                selection,
                tmp_path / folder,
                chunk_tasks=50,
                page_tasks=100,
                sleep=lambda _: None,
                **options,
            )

    return run


@pytest.fixture
def live(shared_data):
    """A function that opens one of the real exports."""

    def opened(name, query=""):
        return exports.source_of(shared_data("label-studio-live") / name, query)

    return opened


@pytest.fixture
def export(tmp_path):
    """A function that writes tasks to a file and opens it."""

    def opened(tasks, query=""):
        file = tmp_path / "export.json"
        file.write_text(json.dumps(tasks), encoding="utf-8")
        return exports.source_of(file, query)

    return opened


@pytest.fixture
def push_words(project, label_studio, monkeypatch, capsys):
    """A function that pushes to ``project``, a fixture of the module, and gives what was printed."""
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)

    def run(*words):
        code = main(["push", "label-studio", "--project", str(project), *words])
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return run


@pytest.fixture
def push(project, push_words):
    """The same with the ground truths as gold and a limit for every class."""
    gold = f"label-studio:{project}?annotations=ground-truth"
    return lambda *words, below="0.8": push_words("--gold", gold, "--below", below, *words)


@pytest.fixture
def rows(project, sdk):
    """A function that reads everything a push to ``project`` could have changed."""
    return lambda: {
        "tasks": {t.id: t.data for t in sdk.tasks.list(project=project)},
        "tabs": [(v.id, v.data) for v in sdk.views.list(project=project)],
        "predictions": sorted(
            (p.id, p.task, p.model_version, p.score, str(p.result))
            for p in sdk.predictions.list(project=project)
        ),
    }
