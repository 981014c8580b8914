"""What the documentation says is true: examples run, tables are up to date, links lead somewhere.

A fenced block is run if the line above it is ``<!-- run -->``; the blocks of a page run one after the
other in a folder that holds the packaged sample.  ``<!-- run: exit=1 -->`` expects that exit code,
``<!-- run: file=NAME -->`` writes the block to a file.  In ``console`` blocks lines that begin with
``$`` are commands, the others their output, in which ``...`` stands for anything.
"""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "gates" / "segcore_gates" / "sample"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BIN = Path(sys.executable).parent

BLOCK = re.compile(
    r"^<!-- run(?:: (?P<options>.*?))? -->\n```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
LINK = re.compile(r"(?<!\\)\]\((?!https?:|#)([^)#]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    kind: str
    text: str
    options: dict[str, str]


def blocks(text: str) -> list[Block]:
    found = []
    for match in BLOCK.finditer(text):
        pairs = (match["options"] or "").split()
        options = dict(pair.split("=", 1) for pair in pairs)
        found.append(Block(kind=match["kind"], text=match["text"], options=options))
    return found


def pages_that_run() -> list[Path]:
    return [page for page in PAGES if blocks(page.read_text(encoding="utf-8"))]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "110", "PY_COLORS": "0", "PYTHONSAFEPATH": "1"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        environment.pop(name, None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def run_console(block: Block, folder: Path) -> None:
    expected_code = int(block.options.get("exit", "0"))
    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
        command, _, wanted = part.partition("\n")
        result = run(["bash", "-c", command], folder)
        output = result.stdout + result.stderr
        assert result.returncode == expected_code, f"{command}\n{output}"
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert not wanted or doctest.OutputChecker().check_output(wanted, output, flags), (
            f"{command}\n--- expected\n{wanted}\n--- got\n{output}"
        )


def run_block(block: Block, folder: Path) -> None:
    if "file" in block.options:
        (folder / block.options["file"]).write_text(block.text, encoding="utf-8")
    elif block.kind == "console":
        run_console(block, folder)
    elif block.kind == "python":
        result = run([sys.executable, "-c", block.text], folder)
        assert result.returncode == 0, f"{block.text}\n{result.stderr}"
    else:
        raise AssertionError(f"a {block.kind} block needs file=NAME")


@pytest.fixture
def sample(tmp_path):
    if not (BIN / "segcore").exists():
        pytest.skip("missing: the segcore command is not installed")
    folder = tmp_path / "sample"
    shutil.copytree(SAMPLE, folder)
    return folder


@pytest.mark.parametrize("page", pages_that_run(), ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_and_print_what_it_says(page, sample):
    for block in blocks(page.read_text(encoding="utf-8")):
        run_block(block, sample)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(Block(kind="console", text="$ echo a\nb\n", options={}), id="other output"),
        pytest.param(Block(kind="console", text="$ exit 1\n", options={}), id="other exit code"),
        pytest.param(Block(kind="python", text="assert 1 == 2\n", options={}), id="failing assertion"),
        pytest.param(Block(kind="yaml", text="a: 1\n", options={}), id="nothing to do"),
    ],
)
def test_an_example_that_is_not_true_is_noticed(block, tmp_path):
    with pytest.raises(AssertionError):
        run_block(block, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_every_page_is_found_from_the_readme(page):
    assert f"(docs/{page.name})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_fault_codes_is_up_to_date():
    tool = ROOT / "tests" / "tools" / "make_errors_page.py"
    spec = importlib.util.spec_from_file_location("make_errors_page", tool)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

    assert text == module.page(), f"run python {tool.relative_to(ROOT)}"


def test_the_policy_page_names_every_key_of_the_schema():
    from segcore_gates.schema import editor_schema

    text = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")

    missing = {key for key in keys(editor_schema()) - ONTOLOGY_KEYS if f"`{key}`" not in text}

    assert missing == set()


ONTOLOGY_KEYS = {
    "classes",
    "preset",
    "ignore",
    "unlabeled",
    "overlap",
    "crowd",
    "id",
    "color",
    "thing",
    "aliases",
}
"""Described on the page about the ontology."""


def keys(schema: object) -> set[str]:
    """Every property name a JSON Schema defines."""
    if isinstance(schema, list):
        return set().union(*map(keys, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties")
    found = set(own) if isinstance(own, dict) else set()
    return found.union(*map(keys, schema.values()))
