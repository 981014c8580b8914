"""What starting costs, seen by what is loaded: commands start often, a plugin in every session."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "PIL", "cv2", "deflate", "fsspec", "joblib", "kornia_rs", "numba", "pandas", "pycocotools",
    "pydantic", "scipy", "ssl", "torch",
)  # fmt: skip

CASES = [
    pytest.param("import segcore", (*HEAVY, "numpy", "rich", "typer", "yaml"), id="segcore"),
    pytest.param(
        "from segcore.cli import main; main(['--version'])",
        (*HEAVY, "numpy", "rich", "typer", "yaml", "importlib.metadata"),
        id="segcore --version",
    ),
    pytest.param(
        "from segcore.cli import main; main(['--help'])",
        (*HEAVY, "numpy", "yaml", "pytest"),
        id="segcore --help",
    ),
    pytest.param(
        "import segcore_gates.pytest_plugin",
        (*HEAVY, "numpy", "rich", "typer", "yaml"),
        id="the pytest plugin",
    ),
    pytest.param(
        "import segcore_labelstudio.policy_push",
        (*HEAVY, "httpx", "jwt", "label_studio_sdk", "rich", "typer"),
        id="the options of a push",
    ),
    pytest.param(
        "from segcore.sources import cvat, datumaro, voc, voc_objects",
        (*HEAVY, "datumaro", "yaml"),
        id="CVAT, VOC and the Datumaro bridge",
    ),
    pytest.param("import segcore; segcore.open", HEAVY, id="segcore.open"),
    pytest.param("import segcore; segcore.evaluate", HEAVY, id="segcore.evaluate"),
]


def loaded_by(statement: str) -> set[str]:
    script = f"{statement}\nimport sys; print('\\n'.join(['#modules', *sys.modules]))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.partition("#modules\n")[2].split())


@pytest.mark.parametrize(("statement", "unwanted"), CASES)
def test_starting_loads_nothing_it_does_not_need(statement, unwanted):
    modules = loaded_by(statement)

    assert sorted(modules & set(unwanted)) == []


def test_the_check_sees_a_heavy_import():
    modules = loaded_by("import segcore, pycocotools.mask")

    assert "pycocotools" in modules
