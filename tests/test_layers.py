"""Data goes one way, down; these tests hold the imports to it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "segcore": ROOT / "segcore",
    "segcore_gates": ROOT / "gates" / "segcore_gates",
    "segcore_labelstudio": ROOT / "plugins" / "segcore_labelstudio",
    "segcore_fiftyone": ROOT / "plugins" / "segcore_fiftyone",
}
FORBIDDEN = {
    "segcore": {
        "fiftyone", "label_studio_sdk", "pydantic", "pytest", "_pytest",
        "segcore_gates", "segcore_labelstudio", "segcore_fiftyone", "gates", "plugins",
    },
    "segcore_gates": {
        "fiftyone", "label_studio_sdk", "segcore_labelstudio", "segcore_fiftyone", "gates", "plugins",
    },
    "segcore_labelstudio": {"pytest", "fiftyone", "segcore_fiftyone", "gates", "plugins"},
    "segcore_fiftyone": {"pytest", "label_studio_sdk", "segcore_labelstudio", "gates", "plugins"},
}  # fmt: skip
YAML_READER = "segcore/documents.py"

BREACHES = [
    pytest.param("segcore/tally.py", "import pydantic", id="core imports pydantic"),
    pytest.param("segcore/tally.py", "import segcore_gates.verdict", id="core imports the judge"),
    pytest.param("segcore/tally.py", "import yaml", id="core reads YAML elsewhere"),
    pytest.param(
        "gates/segcore_gates/starter.py", "import segcore_fiftyone", id="judge imports a platform"
    ),
    pytest.param("gates/segcore_gates/starter.py", "import yaml", id="judge reads YAML itself"),
]


def imported(path: Path) -> set[str]:
    """Top-level names a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names


def breaches(packages: dict[str, Path]) -> list[str]:
    """Every import that goes up, as ``file: module``."""
    found = []
    for package, folder in packages.items():
        for path in sorted(folder.rglob("*.py")):
            name = (Path(package) / path.relative_to(folder)).as_posix()
            wrong = imported(path) & FORBIDDEN[package]
            if name != YAML_READER:
                wrong |= imported(path) & {"yaml"}
            found += [f"{name}: {module}" for module in sorted(wrong)]
    return found


def copy_of_the_packages(folder: Path) -> Path:
    for name in ("segcore", "gates", "plugins"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.json")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run_import_linter(folder: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(folder), str(folder / "gates"), str(folder / "plugins")]
    script = (
        f"import sys; sys.path[:0] = {paths!r}\n"
        "from importlinter import cli, configuration\n"
        "configuration.configure()\n"
        "sys.exit(cli.lint_imports(no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


def test_no_package_imports_what_lies_above_it():
    assert breaches(PACKAGES) == []


def test_the_contracts_of_import_linter_are_kept():
    pytest.importorskip("importlinter", reason="missing: import-linter")

    result = run_import_linter(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("file", "line"), BREACHES)
def test_both_checks_see_a_wrong_import(tmp_path, file, line):
    pytest.importorskip("importlinter", reason="missing: import-linter")
    copy = copy_of_the_packages(tmp_path)
    with (copy / file).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")
    packages = {name: copy / path.relative_to(ROOT) for name, path in PACKAGES.items()}
    module = line.split()[-1].partition(".")[0]

    static = breaches(packages)
    linted = run_import_linter(copy)

    assert len(static) == 1
    assert static[0].endswith(f": {module}")
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert module in linted.stdout
