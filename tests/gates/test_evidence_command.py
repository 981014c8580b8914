"""``segcore gate --evidence`` and ``segcore verify``, seen from outside."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from evidence_bundles import documents, evidence, sealed
from rectangles import CLASSES

from segcore_gates.evidence.reading import policy_remarks
from segcore_gates.evidence.verifier.container import packed, unpacked
from segcore_gates.evidence.verifier.documents import canonical
from segcore_gates.evidence.verifier.verification import verified
from segcore_gates.evidence.verify_file import joined

COMMANDS = {
    "gate": "import sys; from segcore.cli import main; sys.exit(main())",
    # an environment of a checkout may not know the entry point yet
    "verify": "import sys, typer; from segcore_gates.cli.verify import verify; app = typer.Typer()\n"
    "app.command()(verify); sys.exit(app(sys.argv[2:], standalone_mode=False))",
}


def run(folder, command, *words, env=None):
    return subprocess.run(
        [sys.executable, "-c", COMMANDS[command], command, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )


def alone(folder, *words):
    """The copy in the bundle, as someone runs it who has nothing but Python."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", *words],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def bundled(tmp_path, write_batch):
    """A folder with a batch, its evidence and the verifier that is in it."""
    data = evidence(write_batch(tmp_path))
    (tmp_path / "batch.zip").write_bytes(data)
    (tmp_path / "verify.py").write_bytes(unpacked(data)["verify.py"])
    return tmp_path


# -- writing --------------------------------------------------------------------------------------


def test_a_rejected_batch_has_evidence_and_its_digest_is_told(tmp_path, write_batch):
    write_batch(tmp_path)

    result = run(tmp_path, "gate", "batch.gate.yaml", "--evidence", "batch.zip")

    data = (tmp_path / "batch.zip").read_bytes()
    assert result.returncode == 1, result.stderr
    assert f"evidence: batch.zip sha256 {hashlib.sha256(data).hexdigest()}" in result.stdout
    assert verified(data).problems == []
    assert documents(data)["manifest.json"]["outcome"] == "reject"


def test_the_same_batch_gives_the_same_bytes_but_for_the_run(tmp_path, write_batch):
    path = write_batch(tmp_path)

    one, other = evidence(path), evidence(path, run={"at": "2027-01-01T00:00:00+00:00", "seconds": 9.0})

    differing = [name for name, data in unpacked(one).items() if unpacked(other)[name] != data]
    assert evidence(path) == one
    assert differing == ["run.json"]


def test_workers_another_folder_and_another_time_zone_change_nothing(tmp_path, write_batch, xdist):
    folders = tmp_path / "here", tmp_path / "far" / "away"
    for folder in folders:
        write_batch(folder)
    tokyo = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C"}

    run(folders[0], "gate", "batch.gate.yaml", "--evidence", "e.zip", env={"TZ": "UTC"})
    run(tmp_path, "gate", str(folders[1] / "batch.gate.yaml"), "--evidence", "e.zip", "--", "-n", "2",
        env=tokyo)  # fmt: skip

    one = unpacked((folders[0] / "e.zip").read_bytes())
    other = unpacked((tmp_path / "e.zip").read_bytes())
    assert {**one, "run.json": b""} == {**other, "run.json": b""}


def test_a_bundle_holds_no_gold_and_no_place_on_a_machine(tmp_path, write_batch):
    folder = tmp_path / "someone" / "private"
    path = write_batch(folder)
    path.write_text(path.read_text().replace("coco:delivery.json", "coco:${WHERE}/delivery.json"))

    data = evidence(path, environ={"WHERE": str(folder)})

    told = documents(data)
    assert str(tmp_path).encode() not in data
    assert b"private" not in data
    assert b"segmentation" not in data.replace(unpacked(data)["verify.py"], b"")
    specs = [info["spec"] for info in told["manifest.json"]["inputs"]]
    assert specs == ["coco:gold.json", "coco:${WHERE}/delivery.json"]
    gold = hashlib.sha256((folder / "gold.json").read_bytes()).hexdigest()
    assert told["manifest.json"]["inputs"][0]["sha256"] == gold


def test_of_an_input_that_was_refused_the_faults_are_the_evidence(tmp_path, write_batch):
    write_batch(tmp_path)
    broken = json.loads((tmp_path / "delivery.json").read_text())
    broken["annotations"][3]["segmentation"] = [[0, 0, 1, 1]]
    (tmp_path / "delivery.json").write_text(json.dumps(broken))

    result = run(tmp_path, "gate", "batch.gate.yaml", "--evidence", "batch.zip")

    data = (tmp_path / "batch.zip").read_bytes()
    faults = documents(data)["faults.json"]["faults"]
    assert result.returncode == 3
    assert [(fault["code"], fault["file"]) for fault in faults] == [
        ("poly.too_few_points", "delivery.json")
    ]
    assert verified(data).problems == []
    assert verified(data).recomputed == []
    assert run(tmp_path, "verify", "batch.zip").returncode == 0


def test_an_input_that_only_some_gates_refuse_is_invalid_evidence(tmp_path, write_objects):
    twice = [{"car": [(0, 0, 40, 40), (20, 0, 40, 40)]}]
    limit = "classes: [car], min: {default: 0.5}"
    gates = f"iou: {{metric: iou, {limit}}}\npq: {{metric: pq, {limit}}}"
    classes = [f"{{id: {k}, name: {n}, thing: true}}" for k, n in enumerate(CLASSES, start=1)]
    things = f"ontology: {{classes: [{', '.join(classes)}]}}\n"
    write_objects(tmp_path, [{"car": [(0, 0, 40, 40)]}], twice, gates, ontology=things)

    result = run(tmp_path, "gate", "batch.gate.yaml", "--evidence", "batch.zip")

    data = (tmp_path / "batch.zip").read_bytes()
    assert result.returncode == 3
    assert verified(data).problems == []
    assert verified(data).unjudged == ["coverage", "iou[car]", "pq[car]"]


def test_without_a_verdict_there_is_no_evidence(tmp_path, write_batch):
    write_batch(tmp_path)
    (tmp_path / "delivery.json").unlink()

    result = run(tmp_path, "gate", "batch.gate.yaml", "--evidence", "batch.zip")

    assert result.returncode == 4
    assert "no evidence is written: no gate was judged" in result.stderr
    assert not (tmp_path / "batch.zip").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("batch.gate.yaml", "other.gate.yaml", "--evidence", "e.zip"), "name one policy"),
        (("batch.gate.yaml", "--evidence", "-"), "--evidence is a file"),
        (("batch.gate.yaml", "--evidence", "nowhere/e.zip"), "there is no folder nowhere"),
        (("batch.gate.yaml", "--previous", "batch.gate.yaml"), "--previous is for --evidence"),
        (("batch.gate.yaml", "--evidence", "e.zip", "--previous", "none.zip"), "no such file: none.zip"),
        (("batch.gate.yaml", "--evidence", "e.zip", "--previous", "gold.json"), "no evidence"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_read(tmp_path, write_batch, words, told):
    write_batch(tmp_path)
    write_batch(tmp_path, name="other.gate.yaml")

    result = run(tmp_path, "gate", *words)

    assert result.returncode == 4
    assert told in result.stderr
    assert result.stdout == ""


def test_the_evidence_of_the_batch_before_is_not_written_over(bundled):
    result = run(
        bundled, "gate", "batch.gate.yaml", "--evidence", "batch.zip", "--previous", "batch.zip"
    )

    assert result.returncode == 4
    assert "is the evidence of the batch before" in result.stderr


def test_with_json_on_standard_output_the_digest_goes_to_standard_error(tmp_path, write_batch):
    write_batch(tmp_path)

    result = run(tmp_path, "gate", "batch.gate.yaml", "--json", "-", "--evidence", "batch.zip")

    assert json.loads(result.stdout)["outcome"] == "reject"
    assert "evidence: batch.zip sha256" in result.stderr


# -- verifying ------------------------------------------------------------------------------------


def test_a_whole_bundle_is_accepted_whatever_became_of_the_batch(bundled):
    result = run(bundled, "verify", "batch.zip")

    assert result.returncode == 0, result.stderr
    assert "outcome: reject" in result.stdout
    assert "recomputed from counts: 3" in result.stdout


def test_python_alone_is_enough(bundled):
    result = alone(bundled, "batch.zip")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == run(bundled, "verify", "batch.zip").stdout


def test_a_changed_byte_has_an_exit_code_of_its_own(bundled):
    data = bytearray((bundled / "batch.zip").read_bytes())
    data[data.index(b'"intersection"') + 20] ^= 1
    (bundled / "changed.zip").write_bytes(data)

    result, lonely = run(bundled, "verify", "changed.zip"), alone(bundled, "changed.zip")

    assert (result.returncode, lonely.returncode) == (1, 1)
    assert result.stderr == lonely.stdout
    assert result.stderr.startswith("REJECTED: ")


@pytest.mark.parametrize("name", ["gold.json", "none.zip", "."])
def test_what_is_no_bundle_has_an_exit_code_of_its_own(bundled, name):
    result = run(bundled, "verify", name)

    assert result.returncode == alone(bundled, name).returncode == 3
    assert "no evidence bundle" in result.stderr


def test_a_pipe_is_no_bundle_and_hangs_nobody(bundled):
    os.mkfifo(bundled / "pipe")

    assert run(bundled, "verify", "pipe").returncode == 3


def test_names_in_a_bundle_do_not_reach_the_terminal_as_they_are(bundled):
    members = unpacked((bundled / "batch.zip").read_bytes())
    told = json.loads(members["records.json"])
    told["records"][1]["id"] = "class\x1b[31m\u202e"
    report = json.loads(members["report.json"])
    report["gates"] = told["records"]
    rules = json.loads(members["rules.json"])
    rules["rules"][1].update(id=told["records"][1]["id"], severity="\x1b[2J")
    changed = {"records.json": told, "report.json": report, "rules.json": rules}
    data = sealed({**members, **{name: canonical(value) for name, value in changed.items()}})
    (bundled / "hostile.zip").write_bytes(data)

    result, lonely = run(bundled, "verify", "hostile.zip"), alone(bundled, "hostile.zip")

    assert result.returncode == lonely.returncode == 1
    for text in (result.stdout, result.stderr, lonely.stdout):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_chain_is_followed_one_bundle_at_a_time(bundled):
    first = (bundled / "batch.zip").read_bytes()
    path = bundled / "batch.gate.yaml"
    second = evidence(path, previous=hashlib.sha256(first).hexdigest())
    third = evidence(path, previous=hashlib.sha256(second).hexdigest())
    for name, data in (("second.zip", second), ("third.zip", third)):
        (bundled / name).write_bytes(data)

    chained = run(bundled, "verify", "third.zip", "--previous", "second.zip")
    skipped = run(bundled, "verify", "third.zip", "--previous", "batch.zip")
    alone_chained = alone(bundled, "--previous", "second.zip", "third.zip")

    assert chained.returncode == alone_chained.returncode == 0
    assert f"chain: it follows the bundle {hashlib.sha256(second).hexdigest()}" in chained.stdout
    assert skipped.returncode == 1
    assert "is not the one that this one follows" in skipped.stderr
    assert run(bundled, "verify", "batch.zip", "--previous", "second.zip").returncode == 1
    assert "chain: not checked" in run(bundled, "verify", "second.zip").stdout


def test_gate_chains_a_bundle_to_the_one_before(bundled):
    result = run(bundled, "gate", "batch.gate.yaml", "--evidence", "next.zip", "--previous", "batch.zip")

    assert result.returncode == 1, result.stderr
    assert run(bundled, "verify", "next.zip", "--previous", "batch.zip").returncode == 0


# -- the copy in the bundle -----------------------------------------------------------------------


def test_a_verifier_that_was_changed_is_found_by_the_installed_one(bundled):
    members = unpacked((bundled / "batch.zip").read_bytes())
    lenient = members["verify.py"].replace(
        b"return _say([*lines_of(found), end], 1", b"return _say([end], 0"
    )
    assert lenient != members["verify.py"]

    (bundled / "lenient.zip").write_bytes(sealed({**members, "verify.py": lenient}))
    result = run(bundled, "verify", "lenient.zip")

    assert result.returncode == 1
    assert "do not run it" in result.stdout


def test_the_verifier_of_a_version_that_is_not_known_is_named(bundled):
    members = unpacked((bundled / "batch.zip").read_bytes())
    manifest = json.loads(members["manifest.json"])
    manifest["versions"]["segcore"] = "99.0"
    data = sealed({**members, "manifest.json": canonical(manifest)})

    remarks = policy_remarks(verified(data).bundle)
    assert remarks.problems == ()
    assert remarks.notes == (
        "its verify.py is said to be of segcore 99.0, which this one does not know",
    )


def test_the_verifier_in_a_bundle_is_one_file_for_python_3_9_that_names_nothing_twice():
    tree = ast.parse(joined(), feature_version=(3, 9))

    named = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    named += [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    imported = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert [name for name, n in Counter(named).items() if n > 1] == []
    assert imported <= sys.stdlib_module_names
    assert len(named) > 50


# -- signing --------------------------------------------------------------------------------------


def test_a_bundle_is_signed_and_its_signature_checked_with_ssh(bundled):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("missing: ssh-keygen (apt install openssh-client)")

    def keygen(*words, stdin=None):
        return subprocess.run(
            ["ssh-keygen", *words],
            cwd=bundled, stdin=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def checked(name):
        with (bundled / name).open("rb") as stream:
            return keygen("-Y", "verify", "-f", "buyers", "-I", "maria@example.com", "-n", "segcore",
                          "-s", "batch.zip.sig", stdin=stream).returncode  # fmt: skip

    assert keygen("-q", "-t", "ed25519", "-N", "", "-f", "key").returncode == 0
    (bundled / "buyers").write_text(f"maria@example.com {(bundled / 'key.pub').read_text()}")
    assert keygen("-Y", "sign", "-n", "segcore", "-f", "key", "batch.zip").returncode == 0
    forgery = packed({**unpacked((bundled / "batch.zip").read_bytes()), "policy.yaml": b"version: 1\n"})
    (bundled / "forged.zip").write_bytes(forgery)

    assert checked("batch.zip") == 0
    assert checked("forged.zip") != 0
