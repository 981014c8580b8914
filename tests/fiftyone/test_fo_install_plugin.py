"""``segcore fiftyone install-plugin``, and the plugin's folder as FiftyOne's own tools see it."""

from __future__ import annotations

import http.server
import threading
import warnings
import zipfile
from pathlib import Path

import pytest

import segcore
from segcore.documents import parse_yaml
from segcore.errors import UsageError
from segcore_fiftyone.cli.fiftyone import install_plugin
from segcore_fiftyone.installing import FOLDER, NAME

OPERATORS = {"compute_scores", "inject_scores", "remove_scores", "run_policy", "segcore_panel"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plugins(fo, tmp_path, monkeypatch):
    """An empty plugins folder, which is not even there yet."""
    monkeypatch.setattr(fo.config, "plugins_dir", str(tmp_path / "plugins"))
    return tmp_path / "plugins"


def entries(folder):
    """Everything in a folder, and when it was changed."""
    found = {str(p): p.lstat() for p in sorted(folder.rglob("*"))}
    return {path: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found.items()}


def loaded(name=NAME):
    """The operators FiftyOne loads of a plugin, by name."""
    from fiftyone.operators.registry import OperatorRegistry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registry = OperatorRegistry()
    assert registry.list_errors() == []
    return {op.name for op in registry.list_operators() if op.plugin_name == name}


def test_the_plugin_is_linked_where_fiftyone_finds_it(plugins, capsys):
    assert install_plugin() == 0

    path = plugins / "segcore"
    assert path.is_symlink()
    assert path.resolve() == FOLDER.resolve()
    assert capsys.readouterr().out == f"linked: {path} -> {FOLDER}\n"
    assert loaded() == OPERATORS


def test_a_copy_holds_all_files_and_works_without_the_link(plugins, capsys):
    install_plugin(copy=True)

    path = plugins / "segcore"
    assert not path.is_symlink()
    wanted = {p.name: p.read_bytes() for p in FOLDER.iterdir() if p.is_file()}
    assert {p.name: p.read_bytes() for p in path.iterdir()} == wanted
    assert capsys.readouterr().out == f"copied: {path}\n"
    assert loaded() == OPERATORS


def test_a_second_time_changes_nothing_and_says_so(plugins, capsys):
    install_plugin()
    before = entries(plugins)
    capsys.readouterr()

    install_plugin()

    assert entries(plugins) == before
    assert capsys.readouterr().out.startswith("linked already: ")


@pytest.mark.parametrize("copy", [False, True])
def test_an_old_copy_and_an_old_link_are_replaced(plugins, copy):
    install_plugin(copy=not copy)
    if not copy:
        (plugins / "segcore" / "__init__.py").write_text("raise RuntimeError")

    install_plugin(copy=copy)

    assert (plugins / "segcore").is_symlink() == (not copy)
    assert loaded() == OPERATORS
    assert [p.name for p in plugins.iterdir()] == ["segcore"]


def test_a_link_to_an_environment_that_is_gone_is_replaced(plugins):
    plugins.mkdir()
    gone = plugins.parent / "old-venv" / "segcore_fiftyone" / "plugin"
    (plugins / "segcore").symlink_to(gone)

    install_plugin()

    assert (plugins / "segcore").resolve() == FOLDER.resolve()


def foreign_folder(path):
    path.mkdir()
    (path / "fiftyone.yml").write_text("name: '@someone/segcore'\n")


def foreign_file(path):
    path.write_text("notes")


def foreign_link(path):
    path.symlink_to(path.parent.parent / "nowhere")


def changed_copy(path):
    install_plugin(copy=True)
    (path / "mine.py").write_text("# an afternoon of work")


def unreadable_manifest(path):
    path.mkdir()
    (path / "fiftyone.yml").write_text("name: [")


@pytest.mark.parametrize(
    "put", [foreign_folder, foreign_file, foreign_link, changed_copy, unreadable_manifest]
)
@pytest.mark.parametrize("copy", [False, True])
def test_what_somebody_else_put_there_stays(plugins, put, copy):
    plugins.mkdir()
    put(plugins / "segcore")
    before = entries(plugins)

    with pytest.raises(UsageError, match="is not the plugin of segcore"):
        install_plugin(copy=copy)

    assert entries(plugins) == before


def test_a_plugins_folder_that_cannot_be_made_is_a_usage_error(plugins):
    plugins.write_text("a file")

    with pytest.raises(UsageError, match="cannot be installed"):
        install_plugin()


def test_another_plugin_of_the_same_name_is_mentioned(plugins, capsys):
    other = plugins / "@segcore" / "segcore"
    other.mkdir(parents=True)
    (other / "fiftyone.yml").write_text(f'name: "{NAME}"\n')

    install_plugin()

    assert str(other) in capsys.readouterr().err


def test_the_manifest_lists_what_is_registered_and_the_version_of_the_package():
    manifest = parse_yaml((FOLDER / "fiftyone.yml").read_bytes(), file="fiftyone.yml").value

    assert manifest["name"] == NAME
    assert manifest["version"] == segcore.__version__
    assert {*manifest["operators"], *manifest["panels"]} == OPERATORS


@pytest.fixture
def archive(tmp_path):
    """The address of a zip file of the repository's plugin, as a server of archives gives it."""
    site = tmp_path / "site"
    site.mkdir()
    with zipfile.ZipFile(site / "segcore.zip", "w") as made:
        for file in sorted(p for p in FOLDER.iterdir() if p.is_file()):
            made.write(file, f"segcore-main/plugins/segcore_fiftyone/plugin/{file.name}")
        made.write(ROOT / "README.md", "segcore-main/README.md")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(site))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/segcore.zip"
        server.shutdown()


def test_the_same_folder_is_what_fiftyone_plugins_download_takes(plugins, archive):
    import fiftyone.plugins as fop

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fop.download_plugin(archive, plugin_names=[NAME])

    assert list(found) == [NAME]
    assert loaded() == OPERATORS
    assert fop.load_plugin_requirements(NAME) == ["segcore[fiftyone,gates]"]
