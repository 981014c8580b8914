"""What a wheel and an sdist hold, built from this checkout without a network."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["segcore", "segcore_fiftyone", "segcore_gates", "segcore_labelstudio"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="missing: hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def metadata_file(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = (n for n in wheel.namelist() if n.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel):
    top = {name.partition("/")[0] for name in wheel.namelist()}

    assert sorted(name for name in top if not name.endswith(".dist-info")) == PACKAGES


def test_the_wheel_holds_every_file_git_knows_below_the_packages(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "segcore", "gates", "plugins"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")

    wanted = {
        line.removeprefix("gates/").removeprefix("plugins/") for line in tracked.stdout.splitlines()
    }

    assert wanted
    assert sorted(wanted - set(wheel.namelist())) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_it_is_typed(wheel, package):
    assert f"{package}/py.typed" in wheel.namelist()


@pytest.mark.parametrize(
    "name", ["gold.json", "delivery.json", "ontology.yaml", "batch.gate.yaml", "ATTRIBUTION.md"]
)
def test_the_sample_is_in_the_wheel(wheel, name):
    assert f"segcore_gates/sample/{name}" in wheel.namelist()


@pytest.mark.parametrize("name", ["__init__.py", "fiftyone.yml", "requirements.txt"])
def test_the_plugin_of_fiftyone_is_in_the_wheel(wheel, name):
    assert f"segcore_fiftyone/plugin/{name}" in wheel.namelist()


def test_the_schema_of_policies_is_in_the_wheel(wheel):
    assert "segcore_gates/gate.schema.json" in wheel.namelist()


@pytest.mark.parametrize("name", ["cityscapes", "coco", "voc", "ade20k"])
def test_the_ontology_presets_are_in_the_wheel(wheel, name):
    assert any(Path(n).name == f"{name}.yaml" for n in wheel.namelist() if n.startswith("segcore/"))


def test_every_entry_point_names_something_that_is_there(wheel):
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str
    parser.read_string(metadata_file(wheel, "entry_points.txt"))

    assert {"console_scripts", "pytest11", "segcore.commands", "segcore.sources"} <= set(
        parser.sections()
    )
    for group in parser.sections():
        for value in parser[group].values():
            module, _, attribute = value.partition(":")
            paths = [f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"]
            (path,) = (p for p in paths if p in wheel.namelist())
            source = wheel.read(path).decode()
            found = re.search(rf"^(def {attribute}\(|class {attribute}\b)", source, re.MULTILINE)
            assert not attribute or found, value


def test_the_metadata_is_what_an_index_asks_for(wheel):
    fields = Parser().parsestr(metadata_file(wheel, "METADATA"))

    assert fields["Name"] == "segcore"
    assert fields["License-Expression"] == "Apache-2.0"
    assert sorted(fields.get_all("License-File")) == ["LICENSE", "NOTICE"]
    assert fields["Description-Content-Type"] == "text/markdown"
    assert {"gates", "fast"} <= set(fields.get_all("Provides-Extra"))
    assert fields.get_payload().startswith("# segcore")


def test_the_lowest_versions_tox_installs_are_those_the_package_promises():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["gates"]]
    text = (ROOT / "tests" / "constraints-lowest.txt").read_text()

    constrained = [line for line in text.splitlines() if not line.startswith("#")]

    promised = [requirement.replace(">=", "==") for requirement in requirements]
    assert sorted(constrained, key=str.casefold) == sorted(promised, key=str.casefold)
