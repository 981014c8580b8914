"""``segcore init``, ``demo`` and ``schema``: files a person starts from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.cli import main
from segcore.documents import parse_yaml
from segcore.ontology import LabelClass, Ontology
from segcore.ontology_file import load_ontology, ontology_from_document
from segcore_gates.cli import demo as demo_module
from segcore_gates.starter import ontology_text, policy_text

SAMPLE = Path(__file__).resolve().parents[2] / "gates" / "segcore_gates" / "sample"

names = st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable() and s == s.strip())


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("gold.json", "delivery.json"):
        (tmp_path / "data" / name).write_bytes((SAMPLE / name).read_bytes())
    return tmp_path


def test_init_writes_a_policy_that_gates(project, capsys):
    words = ["--gold", "coco:data/gold.json", "--delivery", "coco:data/delivery.json"]

    assert main(["init", "gates", *words]) == 0
    assert sorted(p.name for p in Path("gates").iterdir()) == [
        "batch.gate.yaml", "gate.schema.json", "ontology.yaml",
    ]  # fmt: skip
    assert main(["gate", "gates/batch.gate.yaml", "--json", "report.json"]) == 1

    ids = [record["id"] for record in json.loads(Path("report.json").read_text())["gates"]]
    assert "certified[person]" in ids
    assert "class-iou[cell phone]" in ids


def test_init_writes_the_classes_of_the_gold(project):
    main(["init", "--gold", "coco:data/gold.json"])

    written = load_ontology("ontology.yaml")

    categories = json.loads(Path("data/gold.json").read_text())["categories"]
    assert [(c.id, c.name) for c in written.classes] == [(c["id"], c["name"]) for c in categories]


def test_init_never_replaces_a_file_unasked(project, capsys):
    Path("batch.gate.yaml").write_text("mine")

    assert main(["init", "--gold", "coco:data/gold.json"]) == 4
    assert Path("batch.gate.yaml").read_text() == "mine"
    assert not Path("ontology.yaml").exists()
    assert "batch.gate.yaml" in capsys.readouterr().err

    assert main(["init", "--gold", "coco:data/gold.json", "--force"]) == 0
    assert Path("batch.gate.yaml").read_text() != "mine"


def test_init_names_what_is_left_to_say(project, capsys):
    Path("masks").mkdir()

    main(["init", "gates", "--gold", "png:masks", "--ontology", "preset:voc"])

    assert "run: DELIVERY=PATH segcore gate gates/batch.gate.yaml" in capsys.readouterr().out
    policy = Path("gates/batch.gate.yaml").read_text()
    assert 'delivery: "png:${DELIVERY}"' in policy
    assert "# background: 0.90" in policy


def test_init_minds_only_files_it_would_change(project, capsys):
    main(["init", "--gold", "coco:data/gold.json"])
    Path("ontology.yaml").unlink()

    assert main(["init", "--gold", "coco:data/gold.json"]) == 0


def test_init_asks_for_the_classes_where_the_gold_names_none(project, capsys):
    Path("masks").mkdir()

    assert main(["init", "--gold", "png:masks"]) == 4
    assert "--ontology" in capsys.readouterr().err

    assert main(["init", "--gold", "png:masks", "--ontology", "preset:voc"]) == 0
    assert load_ontology("ontology.yaml").names[1] == "aeroplane"


def test_init_of_a_broken_gold_names_its_faults(project, capsys):
    Path("data/gold.json").write_text("{}")

    assert main(["init", "--gold", "coco:data/gold.json"]) == 3
    assert not Path("batch.gate.yaml").exists()


@given(
    names=st.lists(names, min_size=3, max_size=3, unique=True),
    color=st.tuples(*[st.integers(0, 255)] * 3),
    thing=st.booleans() | st.none(),
)
def test_any_class_survives_being_written_and_read(names, color, thing):
    first = LabelClass(id=0, name=names[0], color=color, thing=thing, aliases=(names[1],))
    ontology = Ontology((first, LabelClass(id=1, name=names[2])), ignore=(255,), unlabeled=(253, 254))

    text = ontology_text(ontology, source="coco:gold.json")

    assert ontology_from_document(parse_yaml(text.encode(), file="ontology.yaml")) == ontology


MISREAD = [
    "no",
    "on",
    "null",
    "123",
    "1e3",
    "a: b",
    "a #b",
    "{x}",
    "- x",
    "'",
    '"',
    "\u00e9",
    "~",
    "0x1f",
    "1_0",
]


@pytest.mark.parametrize("name", MISREAD)
def test_a_name_yaml_would_misread_is_quoted(name):
    ontology = Ontology((LabelClass(id=0, name=name),))

    text = ontology_text(ontology, source="coco:gold.json")

    assert ontology_from_document(parse_yaml(text.encode(), file="o.yaml")) == ontology


def test_a_starter_policy_quotes_its_specs():
    text = policy_text(
        gold='coco:a "b".json', delivery="coco:${DELIVERY}", ontology="ontology.yaml", example="no"
    )

    document = parse_yaml(text.encode(), file="batch.gate.yaml").value
    assert document["gold"] == 'coco:a "b".json'
    assert document["delivery"] == "coco:${DELIVERY}"
    assert '# "no": 0.90' in text


def test_the_demo_rejects_the_sample_and_says_that_this_is_right(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["demo"]) == 0

    out = capsys.readouterr().out
    assert "REJECT" in out
    assert "class-iou[person]" in out
    assert "the rejection is the expected outcome" in out
    assert f"report: segcore-demo{os.sep}report" in out
    report = json.loads(Path("segcore-demo/report/report.json").read_text())
    assert report["outcome"] == "reject"


def test_the_numbers_of_the_demo_are_those_of_pycocotools(tmp_path, monkeypatch):
    """Computed with pycocotools (decode), numpy (paint, smallest last) and plain sums."""
    monkeypatch.chdir(tmp_path)

    main(["demo"])

    records = json.loads(Path("segcore-demo/report/report.json").read_text())["gates"]
    values = {record["id"]: record["value"] for record in records}
    assert values["class-iou[person]"] == 1638442 / 2973613
    assert values["class-iou[clock]"] == 4195 / 5585
    assert values["mean-iou"] == pytest.approx(0.6572425630284823, rel=1e-15)


def test_the_demo_can_be_run_again_but_keeps_what_was_changed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "d"]) == 0
    assert main(["demo", "d"]) == 0
    policy = Path("d/batch.gate.yaml")
    policy.write_text(policy.read_text().replace("0.70", "0.50"))

    assert main(["demo", "d"]) == 4

    assert "0.50" in policy.read_text()
    assert "batch.gate.yaml" in capsys.readouterr().err
    assert main(["demo", "d", "--force"]) == 0


def test_a_demo_that_is_judged_otherwise_is_an_internal_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo_module, "FAILING", frozenset({"class-iou[car]"}))

    assert main(["demo"]) == 5

    assert "class-iou[person]" in capsys.readouterr().err


def test_the_sample_names_its_licence_and_what_was_changed():
    text = (SAMPLE / "ATTRIBUTION.md").read_text()

    assert "CC BY 4.0" in text
    assert "What was changed" in text


def test_schema_prints_the_schema_that_is_packaged(capsys):
    assert main(["schema"]) == 0

    packaged = SAMPLE.parent / "gate.schema.json"
    assert json.loads(capsys.readouterr().out) == json.loads(packaged.read_text())
