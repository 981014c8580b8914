"""What a conversion leaves of each class, beside the gates: ``conversion: {loss: loss.json}``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcore.cli import main
from segcore_gates.errors import PolicyError
from segcore_gates.evaluations import Evaluations
from segcore_gates.judging import judge
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Record, Verdict

CLASSES = "classes: [{id: 1, name: car}, {id: 2, name: road}]\nunlabeled: 0\n"
POLICY = """\
version: 1
gold: png:gold/
delivery: png:delivery/
ontology: {classes: [{id: 1, name: car}, {id: 2, name: road}], unlabeled: 0}
defaults: {support: {images: 2, instances: 0}}
conversion: {loss: loss.json}
gates:
  class-iou: {metric: iou, min: {default: 0.5, car: %s}}
  mean: {metric: mean-iou, min: 0.1}
"""


def draw(folder: Path, name: str, columns: int) -> None:
    """Four images of 10 x 2: car from the left, then road."""
    (folder / name).mkdir()
    for place in range(4):
        values = np.full((2, 10), 2, np.uint8)
        values[:, :columns] = 1
        Image.fromarray(values).save(folder / name / f"{place}.png")


def measure(folder: Path, *, gold: str = "gold", classes: str = CLASSES) -> None:
    """Write loss.json."""
    (folder / "o.yaml").write_text(classes)
    sides = [f"png:{folder / gold}", f"png:{folder / 'converted'}"]
    given = ["--ontology", str(folder / "o.yaml"), "--json", str(folder / "loss.json")]
    assert main(["loss", *sides, *given]) == 0


@pytest.fixture
def scene(tmp_path):
    """Car keeps 4 of 5 columns through the conversion, road grows from 5 to 6; delivered are 3 and 7."""
    for name, columns in (("gold", 5), ("converted", 4), ("delivery", 3)):
        draw(tmp_path, name, columns)
    measure(tmp_path)
    return tmp_path


def policy_file(folder: Path, car: str) -> Path:
    path = folder / "batch.gate.yaml"
    path.write_text(POLICY % car)
    return path


def records(folder: Path, car: str = "0.7") -> dict[str, Record]:
    policy = load_policy(policy_file(folder, car), environ={})
    batch = PolicyBatch(policy, Evaluations(None))
    return {check.id: judge(check, batch) for check in policy.checks}


def refused(path: Path) -> PolicyError:
    with pytest.raises(PolicyError) as error:
        load_policy(path, environ={})
    return error.value


def test_the_file_holds_the_iou_of_each_class_with_itself(scene):
    document = json.loads((scene / "loss.json").read_text())

    assert document["ceilings"] == [
        {"class": "car", "iou": pytest.approx(4 / 5), "gold_px": 4 * 10},
        {"class": "road", "iou": pytest.approx(5 / 6), "gold_px": 4 * 10},
    ]
    assert document["no_ceilings"] is None


def test_a_miss_is_divided_between_the_conversion_and_the_annotator(scene):
    """Car 3/5 of a ceiling of 4/5; road 5/7 of 5/6, which passes."""
    found = records(scene)

    car, road = found["class-iou[car]"], found["class-iou[road]"]
    assert (car.verdict, car.value) == (Verdict.FAIL, pytest.approx(0.6))
    told = car.to_json()["conversion_ceiling"]
    assert told == {"value": pytest.approx(0.8), "annotators_share": pytest.approx(0.2)}
    assert (road.verdict, road.conversion) == (Verdict.PASS, pytest.approx(5 / 6))
    assert Record.from_json(json.loads(json.dumps(car.to_json()))) == car


def test_what_is_not_the_iou_of_a_class_has_no_ceiling(scene):
    found = records(scene)

    assert found["mean"].conversion is None
    assert "conversion_ceiling" not in found["mean"].to_json()


def test_terminal_summary_and_page_say_it_of_what_fails_alone(scene, capsys, monkeypatch):
    policy, summary = policy_file(scene, "0.7"), scene / "out.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    capsys.readouterr()

    assert main(["gate", str(policy), "--report", str(scene / "out")]) == 1

    said = "conversion ceiling 0.8000, annotator's share 0.2000"
    printed = capsys.readouterr().out
    assert printed.count(said) == 2  # the block of the failure, and its row
    assert printed.count("conversion ceiling") == 2
    assert summary.read_text().count(said) == 1
    assert (scene / "out" / "report.html").read_text().count("conversion ceiling 0.8000") == 1


def test_the_evidence_of_a_batch_with_ceilings_verifies(scene):
    bundle = scene / "batch.evidence"

    assert main(["gate", str(policy_file(scene, "0.7")), "--evidence", str(bundle)]) == 1

    assert main(["verify", str(bundle)]) == 0


def test_a_threshold_at_the_ceiling_can_be_met_and_one_above_it_is_an_error_at_its_line(scene):
    assert records(scene, "0.8")["class-iou[car]"].verdict is Verdict.FAIL

    error = refused(policy_file(scene, "0.81"))
    text = str(error)

    line = 1 + (POLICY % "0.81").splitlines().index(
        "  class-iou: {metric: iou, min: {default: 0.5, car: 0.81}}"
    )
    assert f"batch.gate.yaml:{line}" in text
    assert [problem.code for problem in error.problems] == ["policy.above_ceiling"]
    assert "0.81 of car cannot be reached: the conversion leaves 0.8000 at most (loss.json)" in text


def test_a_soft_limit_and_a_default_above_a_ceiling_are_errors_too(scene):
    soft = str(refused(policy_file(scene, "0.7}, warn_below: {default: 0.9, car: 0.75")))

    assert "0.9 of road cannot be reached: the conversion leaves 0.8333 at most" in soft
    assert "of car" not in soft

    path = policy_file(scene, "0.7")
    path.write_text(path.read_text().replace("{default: 0.5, car: 0.7}", "{default: 0.9}"))
    error = refused(path)
    assert [problem.code for problem in error.problems] == ["policy.above_ceiling"]
    assert "0.9 of car, road cannot be reached: the conversion leaves 0.8000 of car" in str(error)


def test_ceilings_of_another_gold_judge_nothing(scene, capsys):
    draw(scene, "other", 6)
    measure(scene, gold="other")
    capsys.readouterr()

    assert main(["gate", str(policy_file(scene, "0.6"))]) == 4

    printed = capsys.readouterr()
    assert "loss.json was measured on another gold" in printed.out + printed.err


def test_ceilings_of_other_classes_judge_nothing(scene, capsys):
    """Measured with the values of car and road swapped: 4 x 8 px of car instead of 4 x 12."""
    for image in range(4):
        values = np.full((2, 10), 2, np.uint8)
        values[:, :6] = 1
        Image.fromarray(values).save(scene / "gold" / f"{image}.png")
    measure(scene, classes="classes: [{id: 2, name: car}, {id: 1, name: road}]\nunlabeled: 0\n")
    capsys.readouterr()

    assert main(["gate", str(policy_file(scene, "0.6"))]) == 4

    printed = capsys.readouterr()
    assert "it counts 32 gold px of car, this policy 48" in printed.out + printed.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "loss.json"),
        ("[]", "is not what segcore loss --json writes"),
        ('{"schema": 1, "no_ceilings": "objects overlap"}', "holds no ceilings: objects overlap"),
        (
            '{"schema": 1, "no_ceilings": null, "inputs": [{"role": "before", "sha256": "0"}],'
            ' "ceilings": [{"class": "car", "iou": 2, "gold_px": 1}]}',
            "is not what segcore loss --json writes",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_its_line(scene, text, said):
    (scene / "loss.json").write_text(text)

    found = str(refused(policy_file(scene, "0.7")))

    assert said in found
    assert "batch.gate.yaml:6" in found


def test_overlap_that_the_classes_do_not_settle_leaves_no_ceilings(tmp_path, capsys):
    """Two classes on one pixel: no label map, so no IoU of classes; the loss of objects is measured."""
    square = {"iscrowd": 0, "image_id": 1, "bbox": [0, 0, 4, 4], "area": 16}
    square["segmentation"] = [[0, 0, 4, 0, 4, 4, 0, 4]]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 8}],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "road"}],
        "annotations": [{**square, "id": 1, "category_id": 1}, {**square, "id": 2, "category_id": 2}],
    }
    file, classes = tmp_path / "gold.json", tmp_path / "o.yaml"
    file.write_text(json.dumps(document))
    classes.write_text(CLASSES + "overlap: error\n")
    given = ["--ontology", str(classes), "--json", str(tmp_path / "loss.json")]

    assert main(["loss", f"coco:{file}", f"coco:{file}", *given]) == 0

    found = json.loads((tmp_path / "loss.json").read_text())
    assert (found["kind"], found["ceilings"]) == ("lossless", [])
    assert found["no_ceilings"]
    assert "no ceilings: " in capsys.readouterr().out
