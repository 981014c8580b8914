"""Gates on the agreement of annotators, and what people reach beside every threshold."""

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
from segcore_gates.rules import LimitKind, Metric

HEAD = """\
version: 1
gold: png:maria/
delivery: png:li/
ontology: {classes: [{id: 1, name: car}, {id: 2, name: road}], unlabeled: 0}
defaults: {support: {images: 2, instances: 0}}
"""
GATE = """\
gates:
  humans:
    metric: agreement
    annotators: {maria: png:maria/, li: png:li/, tom: png:tom/}
    min: {default: %s}
"""
WITH_FILE = """\
agreement: {file: agree.json}
gates: {class-iou: {metric: iou, min: {default: %s}}}
"""


def draw(folder: Path, name: str, cars: list[int]) -> None:
    """One image of 10 x 2 for each number: that many columns of car from the left, then road."""
    (folder / name).mkdir()
    for place, columns in enumerate(cars):
        values = np.full((2, 10), 2, np.uint8)
        values[:, :columns] = 1
        Image.fromarray(values).save(folder / name / f"{place}.png")


@pytest.fixture
def scene(tmp_path):
    """Car: maria ~ li and maria ~ tom share 3 of 4 columns an image, li ~ tom all 3."""
    draw(tmp_path, "maria", [4] * 4)
    draw(tmp_path, "li", [3] * 4)
    draw(tmp_path, "tom", [3] * 4)
    return tmp_path


def records(folder: Path, text: str) -> dict[str, Record]:
    path = folder / "batch.gate.yaml"
    path.write_text(HEAD + text)
    policy = load_policy(path, environ={})
    batch = PolicyBatch(policy, Evaluations(None))
    return {check.id: judge(check, batch) for check in policy.checks}


def refused(folder: Path, text: str) -> str:
    path = folder / "batch.gate.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(PolicyError) as error:
        load_policy(path, environ={})
    return str(error.value)


def compared(folder: Path) -> None:
    """Write agree.json."""
    ontology = folder / "o.yaml"
    ontology.write_text("classes: [{id: 1, name: car}, {id: 2, name: road}]\nunlabeled: 0\n")
    specs = [f"{name}=png:{folder / name}" for name in ("maria", "li", "tom")]
    assert (
        main(["agree", *specs, "--ontology", str(ontology), "--json", str(folder / "agree.json")]) == 0
    )


def test_agreement_is_the_mean_of_the_pairs_and_passes_from_its_floor_on(scene):
    """(3/4 + 3/4 + 1) / 3 = .8333; of road 6/7, 6/7 and 1."""
    found = records(scene, GATE % "0.83")

    car, road = found["humans[car]"], found["humans[road]"]
    assert (car.metric, car.verdict, car.blocks) == (Metric.AGREEMENT, Verdict.PASS, False)
    assert car.value == pytest.approx((0.75 + 0.75 + 1) / 3)
    assert road.value == pytest.approx((6 / 7 + 6 / 7 + 1) / 3)
    assert (car.images, car.limit_kind, car.limit) == (4, LimitKind.MIN, 0.83)
    assert [row["iou"] for row in car.details] == [0.75, 0.75, 1.0]


def test_below_its_floor_it_fails_and_says_whether_one_annotator_is_why(scene):
    found = records(scene, GATE % "0.9")["humans[car]"]

    assert (found.verdict, found.blocks) == (Verdict.FAIL, True)
    assert found.reason == "annotator maria is against the rest (0.75, who reach 1.00)"
    assert [image.image for image in found.worst] == ["0", "1", "2", "3"]
    assert found.worst[0].value == pytest.approx((0.75 + 0.75 + 1) / 3)
    assert Record.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_everybody_against_everybody_points_to_the_guideline(tmp_path):
    for name, columns in (("maria", 2), ("li", 5), ("tom", 9)):
        draw(tmp_path, name, [columns] * 3)

    found = records(tmp_path, GATE % "0.9")["humans[car]"]

    assert found.reason == "everybody disagrees with everybody: look at the guideline"


def test_its_support_is_the_images_that_two_annotated(scene):
    for name in ("li", "tom"):
        for image in ("1", "2", "3"):
            (scene / name / f"{image}.png").unlink()

    found = records(scene, GATE % "0.5")["humans[car]"]

    assert (found.verdict, found.images, found.images_required) == (Verdict.THIN, 1, 2)


def test_a_class_nobody_has_is_missing(tmp_path):
    for name in ("maria", "li", "tom"):
        draw(tmp_path, name, [0] * 3)

    found = records(tmp_path, GATE % "0.5")["humans[car]"]

    assert (found.verdict, found.value) == (Verdict.MISSING, None)


@pytest.mark.parametrize(
    ("floor", "expected"), [("0.8", Verdict.PASS), ("0.9", Verdict.FAIL), ("0.7", Verdict.PASS)]
)
def test_under_bound_the_bounds_by_the_images_decide(scene, floor, expected):
    """All four images are alike, so that both bounds are the value: .8333."""
    found = records(scene, GATE % floor + "    judge: bound\n")["humans[car]"]

    assert found.verdict is expected
    assert found.interval.lower == pytest.approx(found.value)
    assert found.interval.effective_images == pytest.approx(4)


def test_without_annotators_those_of_the_delivery_are_compared(scene, capsys):
    text = "gates: {humans: {metric: agreement, min: {default: 0.5}}}\n"
    path = scene / "batch.gate.yaml"
    path.write_text(HEAD + text)

    assert main(["gate", str(path), "--json", str(scene / "gate.json")]) == 4

    report = json.loads((scene / "gate.json").read_text())
    (car, _) = [gate for gate in report["gates"] if gate["gate"] == "humans"]
    assert car["verdict"] == "ERROR"
    assert "agreement needs two annotators or more, found 1" in capsys.readouterr().err


def test_a_gate_on_agreement_of_one_annotator_is_refused(scene):
    text = "gates: {humans: {metric: agreement, annotators: {a: png:maria/}, min: {default: 0.5}}}\n"

    assert "annotators" in refused(scene, text)


def test_what_people_reach_stands_beside_the_threshold_everywhere(scene, capsys):
    compared(scene)
    path = scene / "batch.gate.yaml"
    path.write_text(HEAD + WITH_FILE % "0.95")
    capsys.readouterr()

    main(["gate", str(path), "--report", str(scene / "report"), "--json", str(scene / "gate.json")])

    printed = capsys.readouterr().out
    warning = "WARNING: class-iou[car] asks for 0.95, and 3 people reach 0.8333 with each other"
    assert "0.95 (people 0.83)" in printed
    assert warning in printed
    pages = [file for file in (scene / "report").rglob("*") if file.suffix in {".html", ".md"}]
    assert {file.suffix for file in pages} == {".html", ".md"}
    for file in pages:
        text = file.read_text().replace("\\", "")
        assert "0.95 (people 0.83)" in text, file
        assert "WARNING: class-iou[car]" in text, file
    report = json.loads((scene / "gate.json").read_text())
    human = next(gate["human_ceiling"] for gate in report["gates"] if gate["id"] == "class-iou[car]")
    assert human["value"] == pytest.approx(0.8333, abs=1e-4)
    assert human["exceeded"] is True
    assert (human["threshold"], human["annotators"]) == (0.95, 3)


def test_a_threshold_that_people_reach_is_not_warned_of(scene):
    compared(scene)

    found = records(scene, WITH_FILE % "0.8")

    assert found["class-iou[car]"].human["exceeded"] is False
    assert found["coverage"].human is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 1, "outcome": "invalid"}', '{"schema": 2}', "\xff"]
)
def test_a_file_that_is_none_is_an_error_of_the_policy(scene, text):
    (scene / "agree.json").write_text(text, encoding="latin-1")

    message = refused(scene, WITH_FILE % "0.8")

    assert "agree.json" in message
    assert "agreement.file" in message or "agreement" in message


def test_a_file_that_is_not_there_is_an_error_of_the_policy(scene):
    assert "agree.json" in refused(scene, WITH_FILE % "0.8")


def test_a_folder_called_like_the_beginning_of_a_word_changes_no_word_of_the_evidence(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("b", "maria"):
        draw(tmp_path, name, [4] * 3)
    gate = "gates: {outlines: {metric: boundary-iou, dilation: 1px, min: {default: 0.5}}}\n"
    Path("batch.gate.yaml").write_text(HEAD.replace("png:li/", "png:b/") + gate)

    assert main(["gate", "batch.gate.yaml", "--evidence", "batch.zip"]) == 0
    assert main(["verify", "batch.zip"]) == 0


def test_the_evidence_of_such_a_policy_still_verifies(scene, capsys):
    compared(scene)
    path = scene / "batch.gate.yaml"
    both = (WITH_FILE % "0.95").replace("gates: {", "gates:\n  ").replace("}}}\n", "}}\n")
    path.write_text(HEAD + both + "\n".join((GATE % "0.9").splitlines()[1:]) + "\n")
    bundle = scene / "batch.zip"

    assert main(["gate", str(path), "--evidence", str(bundle)]) == 1

    capsys.readouterr()
    assert main(["verify", str(bundle)]) == 0
    said = capsys.readouterr().out
    assert "the bundle is whole" in said
    assert "not compared" not in said


@pytest.mark.parametrize("text", [WITH_FILE % "0.9", GATE % "0.9"])
def test_the_evidence_of_a_file_or_a_gate_alone_verifies(scene, text):
    compared(scene)
    path, bundle = scene / "batch.gate.yaml", scene / "batch.zip"
    path.write_text(HEAD + text)

    assert main(["gate", str(path), "--evidence", str(bundle)]) == 1

    assert main(["verify", str(bundle)]) == 0
