"""``segcore init`` measures a gold set and proposes limits, each with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcore.cli import main
from segcore_gates.planning.gold import fewest_perfect
from segcore_gates.policy_file import load_policy
from segcore_gates.presets import PRESETS, kind_of
from segcore_gates.proposals import propose

SAMPLE = Path(__file__).resolve().parents[2] / "gates" / "segcore_gates" / "sample"


@pytest.mark.parametrize(
    ("name", "preset", "iou"),
    [
        ("road", "driving", 0.93),
        ("Car", "driving", 0.93),
        ("cars", "driving", 0.93),
        ("sidewalk", "driving", 0.85),
        ("person", "driving", 0.85),
        ("traffic light", "driving", 0.70),
        ("traffic-sign", "driving", 0.70),
        ("lane_marking", "driving", 0.75),
        ("carpet", "driving", 0.80),
        ("left lung", "medical", 0.82),
        ("GTV tumour", "medical", 0.60),
        ("Submandibular gland", "medical", 0.67),
        ("larynx", "medical", None),
        ("upper dress", "fashion", 0.92),
        ("hair", "fashion", 0.75),
        ("shoe", "fashion", 0.88),
        ("anything", "retail", 0.90),
        ("weed", "aerial", 0.75),
        ("scratch", "defect", 0.65),
        ("x", "strict", 0.90),
        ("x", "standard", 0.80),
        ("x", "lenient", 0.70),
    ],
)
def test_a_class_gets_the_limit_of_its_kind(name, preset, iou):
    assert kind_of(name, preset).iou == iou


def test_as_few_images_prove_a_floor_as_the_documentation_says():
    assert [fewest_perfect(t, 0.95) for t in (0.5, 0.7, 0.8, 0.85, 0.9, 0.95)] == [6, 9, 13, 18, 27, 53]


def test_a_class_is_judged_by_the_bound_only_if_the_gold_has_images_enough():
    few, many = propose([("a", 51), ("b", 52), ("absent", 0)], preset="standard")

    assert (few.provable, many.provable) == (False, True)
    assert many.why == "proposal: standard; 52 gold images, 13 prove it at best"


def test_what_few_images_can_prove_is_said_beside_the_number():
    (few,) = propose([("a", 12)], preset="standard", delivered=[0.5])

    assert few.why == (
        "proposal: standard; 12 gold images, prove 0.79 at most, 13 are the fewest for this; "
        "delivered: 0.5000"
    )


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("gold.json", "delivery.json"):
        (tmp_path / name).write_bytes((SAMPLE / name).read_bytes())
    return tmp_path


@pytest.mark.parametrize("preset", PRESETS)
def test_what_every_preset_writes_can_be_loaded(project, preset):
    assert main(["init", preset, "--gold", "coco:gold.json", "--preset", preset]) == 0

    path = Path(preset, "batch.gate.yaml")
    loaded = load_policy(path, environ={"DELIVERY": "delivery.json"})
    beside = [line[4:] for line in path.read_text().splitlines() if line.startswith("  # beside-")]
    uncommented = path.read_text() + "".join(f"  {line}\n" for line in beside)
    path.write_text(uncommented)
    with_all = load_policy(path, environ={"DELIVERY": "delivery.json"})

    assert len(loaded.rules) == 1 + 11
    assert len(with_all.policy.gates) == len(loaded.policy.gates) + len(beside)


def test_init_proposes_by_the_images_of_the_gold_and_what_was_delivered(project):
    main(["init", "--gold", "coco:gold.json", "--delivery", "coco:delivery.json"])

    text = Path("batch.gate.yaml").read_text()
    rules = {rule.id: rule for rule in load_policy(Path("batch.gate.yaml"), environ={}).rules}

    assert "# PROPOSALS, by the preset standard and the gold as it is" in text
    person = next(line for line in text.splitlines() if line.strip().startswith("person:"))
    assert "proposal: standard; 55 gold images, 13 prove it at best; delivered: 0.5510" in person
    assert rules["certified[person]"].judge == "bound"
    assert rules["class-iou[car]"].judge == "estimate"


def test_init_counts_label_maps_as_their_values_say(project):
    Path("masks").mkdir()
    for k in range(3):
        values = np.zeros((4, 4), np.uint8)
        values[0, 0] = 2 if k else 0
        Image.fromarray(values).save(f"masks/{k}.png")
    Path("o.yaml").write_text("classes: [{id: 0, name: road}, {id: 1, name: car}, {id: 2, name: sky}]\n")

    main(["init", "p", "--gold", "png:masks", "--ontology", "o.yaml"])

    text = Path("p/batch.gate.yaml").read_text()
    assert "classes: [road, sky]" in text
    assert "road: 0.80" in text
    assert "3 gold images" in text
    assert "2 gold images" in text


def test_a_delivery_that_is_not_there_yet_is_left_out_of_the_proposal(project, capsys):
    assert main(["init", "--gold", "coco:gold.json", "--delivery", "coco:later.json"]) == 0

    assert "the delivery was not measured" in capsys.readouterr().out
    assert "delivered:" not in Path("batch.gate.yaml").read_text()


def test_an_unknown_preset_is_refused_with_the_likely_one(project, capsys):
    assert main(["init", "--gold", "coco:gold.json", "--preset", "drivng"]) == 4

    assert "did you mean 'driving'?" in capsys.readouterr().err


def test_init_of_a_faulty_gold_writes_nothing(project):
    document = json.loads(Path("gold.json").read_text())
    document["annotations"][0]["category_id"] = 999
    Path("gold.json").write_text(json.dumps(document))

    assert main(["init", "--gold", "coco:gold.json"]) == 3
    assert not Path("batch.gate.yaml").exists()
