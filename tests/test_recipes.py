"""The recipes for CI do what they say: the action, the hooks, the snippets of docs/ci.md line by line.

Everything is run by bash in a temporary folder with the packaged sample, as the services would run it.
Their install steps are the one exception: there is no network, so ``pip`` is a stand-in that writes down
what it was asked for, and the segcore that is installed beside these tests is the one that runs.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "gates" / "segcore_gates" / "sample"
BIN = Path(sys.executable).parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}

RECIPE = re.compile(r"^<!-- recipe: (?P<name>[\w-]+) -->\n```\w+\n(?P<text>.*?)^```$", re.M | re.S)
RECIPES = {
    match["name"]: match["text"]
    for match in RECIPE.finditer((ROOT / "docs" / "ci.md").read_text(encoding="utf-8"))
}

PASSING = """\
version: 1
gold: coco:gold.json
delivery: coco:delivery.json
ontology: ontology.yaml
gates: {class-iou: {metric: iou, min: {default: 0.1}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A checkout of somebody's, and what the service gives to its steps."""

    folder: Path
    tools: Path

    def run(self, script: str, *, bash: tuple[str, ...] = ("-e",), **variables: str) -> Any:
        """One script, with ``pip`` replaced by the stand-in."""
        path = os.pathsep.join([str(self.tools), str(BIN), os.environ["PATH"]])
        return subprocess.run(
            ["bash", *bash, "-c", script],
            cwd=self.folder,
            env={**os.environ, "PATH": path, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> list[str]:
        """What pip was asked for."""
        return (self.tools / "pip.log").read_text().splitlines()


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The sample, whose own policy fails, with a policy that passes."""
    if not (BIN / "segcore").exists():
        pytest.skip("missing: the segcore command is not installed")
    for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    folder, tools = tmp_path / "checkout", tmp_path / "tools"
    shutil.copytree(SAMPLE, folder)
    (folder / "passing.gate.yaml").write_text(PASSING)
    tools.mkdir()
    pip = tools / "pip"
    pip.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {shlex.quote(str(tools / "pip.log"))}\n')
    pip.chmod(0o755)
    return Job(folder=folder, tools=tools)


# ---- the action


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    code: int
    outputs: dict[str, str]
    summary: str
    shown: str


def act(job: Job, **inputs: str) -> Acted:
    """Run the steps as GitHub runs those of a composite action, up to the first that fails."""
    for name, given in ACTION["inputs"].items():
        assert not (given.get("required") and name not in inputs)
    values = {name: given.get("default", "") for name, given in ACTION["inputs"].items()} | inputs
    output, summary = job.tools / "output", job.tools / "summary"
    output.touch()
    summary.touch()
    code, shown = 0, ""
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "text of the workflow would be run"
        variables = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: values[m[1]], text)
            for name, text in step["env"].items()
        }
        done = job.run(
            step["run"],
            bash=("--noprofile", "--norc", "-eo", "pipefail"),
            GITHUB_ACTIONS="true",
            GITHUB_ACTION_PATH=str(ROOT),
            GITHUB_OUTPUT=str(output),
            GITHUB_STEP_SUMMARY=str(summary),
            GITHUB_WORKSPACE=str(job.folder),
            **variables,
        )
        code, shown = done.returncode, shown + done.stdout + done.stderr
        if code:
            break
    found = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return Acted(code=code, outputs=found, summary=summary.read_text(), shown=shown)


def test_the_action_accepts_a_good_batch_and_writes_the_summary(job):
    done = act(job, policies="passing.gate.yaml")

    assert done.code == 0, done.shown
    assert done.outputs == {"exit-code": "0", "report": "gate-report"}
    assert "passing.gate.yaml: ACCEPT" in done.summary
    assert {file.name for file in (job.folder / "gate-report").iterdir()} == {
        "image-class.csv",
        "junit.xml",
        "report.html",
        "report.json",
        "summary.md",
    }


def test_the_action_fails_with_a_bad_batch_and_says_where(job):
    done = act(job, policies="batch.gate.yaml", report="out")

    assert done.code == 1
    assert done.outputs == {"exit-code": "1", "report": "out"}
    assert "batch.gate.yaml: REJECT" in done.summary
    assert "::error file=batch.gate.yaml,line=" in done.shown
    assert json.loads((job.folder / "out" / "report.json").read_text())["outcome"] == "reject"


def test_the_action_keeps_the_exit_code_of_what_cannot_be_judged(job):
    (job.folder / "delivery.json").write_text("no JSON")

    done = act(job, policies="passing.gate.yaml")

    assert (done.code, done.outputs["exit-code"]) == (3, "3")


def test_the_action_installs_its_own_checkout_with_the_extras(job):
    act(job, policies="passing.gate.yaml", extras="gates,fast")

    assert job.installed() == [f"install --disable-pip-version-check {ROOT}[gates,fast]"]


def test_the_action_takes_several_policies_and_patterns_and_names_with_spaces(job):
    (job.folder / "more").mkdir()
    text = PASSING.replace("coco:", "coco:../").replace("ontology.yaml", "../ontology.yaml")
    for name in ("a b.gate.yaml", "-c.gate.yaml"):
        (job.folder / "more" / name).write_text(text)
    (job.folder / "-d.gate.yaml").write_text(PASSING)

    done = act(job, policies="more/*.gate.yaml\n-d.gate.yaml")

    assert done.code == 0, done.shown
    report = json.loads((job.folder / "gate-report" / "report.json").read_text())
    assert sorted(one["policy"]["path"] for one in report["policies"]) == [
        "-d.gate.yaml",
        "more/-c.gate.yaml",
        "more/a b.gate.yaml",
    ]


@pytest.mark.parametrize(
    "text", ["$(touch owned)", "`touch owned`", "x; touch owned", '"; touch owned; "']
)
def test_the_action_runs_nothing_that_a_workflow_passes_in(job, text):
    done = act(job, policies=text, report=text, push=text)

    assert done.code == 4
    assert not list(job.folder.rglob("owned"))


def test_the_action_without_a_policy_is_a_wrong_call(job):
    assert act(job, policies="").code == 4


def test_the_action_pushes_only_where_it_is_asked_to(job):
    text = PASSING + "push: {label-studio: {project: 7}}\n"
    (job.folder / "passing.gate.yaml").write_text(text)
    os.environ.pop("LABEL_STUDIO_URL", None)

    silent = act(job, policies="passing.gate.yaml")
    asked = act(job, policies="passing.gate.yaml", push="true")

    assert silent.code == 0, silent.shown
    assert "not pushed" not in silent.shown
    assert asked.code == 4
    assert "label-studio: not pushed:" in asked.shown


def test_the_action_uploads_nothing_and_uses_no_other_action():
    assert all(set(step) <= {"name", "id", "shell", "env", "run"} for step in ACTION["runs"]["steps"])


def test_the_page_names_every_input_of_the_action_with_its_default():
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| .* \| (.*?) \|$", text, re.M))

    shown = {name: rows.get(name) for name in ACTION["inputs"]}

    wanted = {
        n: "required" if g.get("required") else f"`{g['default']}`" for n, g in ACTION["inputs"].items()
    }
    assert shown == wanted


def test_the_workflow_of_the_page_passes_inputs_that_exist():
    [own] = [
        step
        for step in yaml.safe_load(RECIPES["github"])["jobs"]["gate"]["steps"]
        if "segcore@" in step["uses"]
    ]

    assert set(own["with"]) <= set(ACTION["inputs"])


# ---- GitLab


def gitlab(job: Job) -> int:
    """The script lines of the job, each as GitLab's runner does: the first that fails ends it."""
    [recipe] = yaml.safe_load(RECIPES["gitlab"]).values()
    for line in recipe["script"]:
        done = job.run(line)
        if done.returncode:
            return int(done.returncode)
    return 0


def test_the_gitlab_job_accepts_a_good_batch_and_leaves_its_artifacts(job):
    (job.folder / "passing.gate.yaml").replace(job.folder / "batch.gate.yaml")
    [recipe] = yaml.safe_load(RECIPES["gitlab"]).values()

    code = gitlab(job)

    assert code == 0
    assert job.installed() == ["install segcore[gates]"]
    assert all((job.folder / path).is_dir() for path in recipe["artifacts"]["paths"])
    suite = ET.parse(job.folder / recipe["artifacts"]["reports"]["junit"]).find(".//testsuite")
    assert suite is not None
    assert (suite.get("failures"), suite.get("tests")) == ("0", "12")


def test_the_gitlab_job_fails_with_a_bad_batch_and_leaves_its_artifacts_all_the_same(job):
    [recipe] = yaml.safe_load(RECIPES["gitlab"]).values()

    code = gitlab(job)

    assert code == 1
    assert recipe["artifacts"]["when"] == "always"
    suite = ET.parse(job.folder / recipe["artifacts"]["reports"]["junit"]).find(".//testsuite")
    assert suite is not None
    assert int(suite.get("failures", "0")) > 0


# ---- pre-commit


def hooked(job: Job, name: str, *files: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a hook on those of the changed files it is for: its entry, then their names."""
    hook = HOOKS[name]
    chosen = [file for file in files if re.search(hook["files"], file)]
    assert chosen, "pre-commit would skip the hook"
    assert hook["require_serial"], "else pre-commit would split the files over several calls"
    return job.run(shlex.join([*shlex.split(hook["entry"]), *chosen]), **variables)


def test_the_gate_hook_passes_with_a_good_batch_and_fails_with_a_bad_one(job):
    changed = ("ontology.yaml", "passing.gate.yaml")

    good = hooked(job, "segcore-gate", *changed)
    bad = hooked(job, "segcore-gate", *changed, "batch.gate.yaml")

    assert good.returncode == 0, good.stdout + good.stderr
    assert bad.returncode == 1
    assert "REJECT" in bad.stdout


def test_the_policy_hook_passes_with_policies_that_can_be_used_whatever_they_would_decide(job):
    (job.folder / "delivery.json").unlink()

    done = hooked(job, "segcore-policy", "passing.gate.yaml", "batch.gate.yaml")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "passing.gate.yaml: 12 checks\nbatch.gate.yaml: 13 checks\n"


def test_the_policy_hook_fails_with_every_problem_of_every_policy(job):
    (job.folder / "a.gate.yml").write_text(PASSING.replace("0.1", "95"))
    (job.folder / "b.gate.yaml").write_text(PASSING.replace("metric", "metrik"))

    done = hooked(job, "segcore-policy", "a.gate.yml", "b.gate.yaml", "passing.gate.yaml")

    assert done.returncode == 4
    assert "a.gate.yml:5: gates.class-iou.min.default: 95 is not a share" in done.stderr
    assert "b.gate.yaml:5: gates.class-iou: the key 'metric' is missing" in done.stderr
    assert done.stdout == "passing.gate.yaml: 12 checks\n"


def test_the_policy_hook_needs_no_variables_of_a_batch_and_the_gate_does(job):
    text = PASSING.replace("coco:delivery.json", "coco:${BATCH}.json")
    (job.folder / "passing.gate.yaml").write_text(text)

    checked = hooked(job, "segcore-policy", "passing.gate.yaml")
    unset = hooked(job, "segcore-gate", "passing.gate.yaml")
    judged = hooked(job, "segcore-gate", "passing.gate.yaml", BATCH="delivery")

    assert [done.returncode for done in (checked, unset, judged)] == [0, 4, 0]


def test_the_policy_hook_misses_a_lock_that_is_not_there(job):
    (job.folder / "passing.gate.yaml").write_text(PASSING + "format: {lock: none.json}\n")

    done = hooked(job, "segcore-policy", "passing.gate.yaml")

    assert done.returncode == 4
    assert "segcore gates lock passing.gate.yaml" in done.stderr


def test_a_hook_installs_what_the_gates_need():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    for hook in HOOKS.values():
        assert hook["language"] == "python"
        assert hook["additional_dependencies"] == project["optional-dependencies"]["gates"]


def test_the_page_uses_hooks_that_exist():
    [repository] = yaml.safe_load(RECIPES["pre-commit"])["repos"]

    assert {hook["id"] for hook in repository["hooks"]} == set(HOOKS)


# ---- tox


def tox(job: Job) -> list[int]:
    """The commands of the environment, one after the other, as tox splits and runs them."""
    recipe = configparser.ConfigParser(interpolation=None)
    recipe.read_string(RECIPES["tox"])
    section = recipe["testenv:gate"]
    assert section["deps"] == "segcore[gates]", "installed already: there is no network"
    codes: list[int] = []
    for line in section["commands"].strip().splitlines():
        codes.append(job.run(shlex.join(shlex.split(line))).returncode)
        if codes[-1]:
            break
    return codes


def test_the_tox_environment_passes_with_a_good_batch(job):
    (job.folder / "passing.gate.yaml").replace(job.folder / "batch.gate.yaml")

    assert tox(job) == [0, 0]
    assert (job.folder / "gate-report" / "report.json").is_file()


def test_the_tox_environment_fails_with_a_bad_batch_and_before_it_with_a_bad_policy(job):
    assert tox(job) == [0, 1]

    (job.folder / "batch.gate.yaml").write_text("version: 2\n")

    assert tox(job) == [4]


def test_the_page_has_every_recipe():
    assert set(RECIPES) == {"github", "gitlab", "pre-commit", "tox"}
