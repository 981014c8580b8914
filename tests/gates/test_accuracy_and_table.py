"""The accuracy that agreements state, and the table of images and classes."""

from __future__ import annotations

import csv
import io

import pytest
from html_pages import judged
from judged_batches import batch, bound, confusion, coverage, mean_iou, rule
from test_report import HOSTILE

from segcore_gates.image_class import image_class_csv
from segcore_gates.markdown import markdown
from segcore_gates.report_files import write_report_files
from segcore_gates.rules import Metric
from segcore_gates.sla import Sla, SlaClass, class_image_limits, of_class_images, of_objects


def test_the_formula_is_that_of_the_published_example():
    # Sama, "Standard SLA": 190 perfect units and 10 errors
    sla = Sla(unit="objects", classes=(SlaClass(name="a", perfect=190, errors=10),))

    assert sla.share == 0.95
    assert sla.line == "95.0 % of the objects: 190 perfect / (190 perfect + 10 errors)"


def test_all_but_one_is_not_rounded_up_to_all():
    sla = Sla(unit="objects", classes=(SlaClass(name="a", perfect=9999, errors=1),))

    assert sla.line.startswith("99.9 %")


def test_without_a_unit_there_is_no_share():
    assert Sla(unit="objects", classes=()).line == "no objects to count"
    assert Sla(unit="objects", classes=()).share is None


def test_a_class_image_is_perfect_where_it_reaches_what_is_asked_exactly():
    # IoU of car: 4/5, 3/4, 0 (extra), and an image without it
    evaluation = batch(
        confusion("ccccc", "cccc."),
        confusion("cccc", "ccc."),
        confusion("....", "cc.."),
        confusion("pppp", "pppp"),
    )

    sla = of_class_images(evaluation, {"car": 0.8})

    assert sla.classes == (SlaClass(name="car", perfect=1, errors=2, limit=0.8),)


def test_an_image_that_was_not_delivered_is_an_error_of_each_of_its_classes():
    evaluation = batch(confusion("cp", "cp"), missing=[("x", "cp")])

    sla = of_class_images(evaluation, {"car": 0.5, "person": 0.5})

    assert (sla.perfect, sla.errors) == (2, 2)


def test_the_gate_on_bad_images_says_what_a_class_image_has_to_reach():
    rules = [
        coverage(),
        mean_iou(),
        rule("car", minimum=0.9),
        rule("person", minimum=0.7),
        bound("car", metric=Metric.BAD_IMAGE_SHARE, below_iou=0.5, maximum=0.1),
    ]

    assert class_image_limits(rules) == {"car": 0.5, "person": 0.7}


def test_objects_that_are_matched_are_perfect_and_missed_and_extra_ones_are_errors(
    tmp_path, write_objects
):
    here, there = (0, 0, 100, 100), (150, 150, 100, 100)
    path = write_objects(
        tmp_path,
        [{"car": [here], "person": [here, there]}],
        [{"car": [here, there], "person": [here]}],
        "f1: {metric: f1, iou: 0.5, min: {default: 0.9}}",
    )

    report, content = judged(path)

    (sla,) = content.sla
    assert sla.unit == "objects"
    assert sla.classes == (
        SlaClass(name="car", perfect=1, errors=1),
        SlaClass(name="person", perfect=1, errors=1),
    )
    text = markdown([report], sla={report.path: [sla.line]})
    assert r"SLA accuracy\: 50.0 % of the objects\: 2 perfect / \(2 perfect \+ 2 errors\)" in text


def test_pixels_have_no_objects():
    with pytest.raises(TypeError, match="no objects"):
        of_objects(batch(confusion("c", "c")))


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_class_in_every_image_is_a_row_the_most_lost_first():
    evaluation = batch(
        confusion("cccc", "cc.."),  # car loses 2 of 4
        confusion("cp", "pp"),  # car loses 1 of 1, person 1 of 2
        missing=[("x", "ppp")],
    )

    rows = read(image_class_csv([("a.gate.yaml", evaluation)]))

    columns = ("image", "class", "lost_px", "rank_of_lost_px", "rank_of_iou_in_class", "delivered")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("x", "person", "3", "1", "1", "no"),
        ("000", "car", "2", "2", "2", "yes"),
        ("001", "car", "1", "3", "1", "yes"),
        ("001", "person", "1", "3", "2", "yes"),
    ]
    assert {row["policy"] for row in rows} == {"a.gate.yaml"}
    assert [float(row["share_of_lost_px_of_class"]) for row in rows] == [3 / 4, 2 / 3, 1 / 3, 1 / 4]
    assert [(row["intersection"], row["union"], row["gold_pixels"]) for row in rows[:2]] == [
        ("0", "3", "3"),
        ("2", "4", "4"),
    ]


def test_a_name_is_no_formula_in_a_spreadsheet():
    text = image_class_csv([("=cmd|' /C calc'!A0", batch(confusion("c", "c")))])

    assert read(text)[0]["policy"].startswith("'=")


def test_a_batch_without_a_class_has_a_heading_only():
    assert read(image_class_csv([])) == []
    assert image_class_csv([]).startswith("policy,image,class,")


def test_the_summary_says_what_was_taken_for_what_and_what_a_check_found():
    from test_report import policy, record

    found = record(id="lint[speck]", details=({"image": HOSTILE, "px": 3},) * 9, details_total=40)

    text = markdown([policy(record(), found)])

    assert r"class\-iou\[car\]\: 31 % of missed car pixels went to truck" in text
    assert "(and 35 more rows)" in text
    rows = [line for line in text.splitlines() if line.endswith("| 3 |")]
    assert len(rows) == 5
    assert "<script>" not in text


def test_several_policies_are_in_one_report_and_in_the_summary_of_the_job(
    tmp_path, write_batch, monkeypatch
):
    from segcore_gates.cli.gate import judge

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "job.md"))
    first, second = (write_batch(tmp_path, name=f"{name}.gate.yaml") for name in "ab")

    judge([str(first), str(second)], report=str(tmp_path / "out"))

    page = (tmp_path / "out" / "report.html").read_text()
    rows = read((tmp_path / "out" / "image-class.csv").read_text())
    job = (tmp_path / "job.md").read_text().splitlines()
    line = r"SLA accuracy: 50.0 % of the class images\: 2 perfect / \(2 perfect \+ 2 errors\)"
    assert [page.count(f'data-policy="{name}.gate.yaml"') for name in "ab"] == [1, 1]
    assert [sum(row["policy"] == f"{name}.gate.yaml" for row in rows) for name in "ab"] == [4, 4]
    assert [f"- {name}.gate.yaml: {line}" in job for name in "ab"] == [True, True]


def test_what_breaks_the_page_leaves_the_verdicts(tmp_path, write_batch, monkeypatch):
    from segcore_gates import report_files
    from segcore_gates.cli.gate import judge

    def broken(*_, **__):
        raise RuntimeError("no page today")

    write_batch(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("of an older run")
    monkeypatch.setattr(report_files, "write_report_files", broken)

    with pytest.raises(RuntimeError, match="no page today"):
        judge([str(tmp_path / "batch.gate.yaml")], report=str(tmp_path / "out"))

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["junit.xml", "report.json"]


def test_an_input_that_changed_after_it_was_judged_is_said_instead_of_shown(tmp_path, write_batch):
    from segcore_gates.session import run_gates

    path = write_batch(tmp_path)
    result = run_gates([str(path)], json=tmp_path / "report.json")
    (tmp_path / "delivery.json").write_text((tmp_path / "gold.json").read_text())

    write_report_files(tmp_path, result)

    page = (tmp_path / "report.html").read_text()
    assert "Not shown: " in page
    assert 'data-id="class-iou[person]"' in page
