"""An export as a source: images, classes, keys, and what is refused."""

from __future__ import annotations

import copy
import json
import pickle
from collections import Counter

import pytest
from exports import box, codes, pixels, source_of, task

import segcore
from segcore.annotation import Regions
from segcore.batch import check
from segcore.errors import InvalidInputError, OntologyError, SpecError


def test_regions_come_in_the_order_of_the_result_with_classes_and_ids(export):
    source = export([task(1, box(2, "b", id="x"), box(0, "a", id="y"))])

    annotation = source.read("1")

    assert isinstance(annotation.content, Regions)
    assert source.ontology is not None
    assert source.ontology.names == ("a", "b")
    assert annotation.content.ids == ("x", "y")
    assert annotation.content.classes.tolist() == [1, 0]
    assert pixels(annotation, 0) == [[0, 0, 1, 0], [0, 0, 1, 0]]
    assert pixels(annotation, 1) == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert (annotation.read, annotation.rejected) == (2, 0)
    assert annotation.file.endswith("export.json")


def test_nothing_drawn_is_an_image_of_unknown_size_and_no_annotation_is_no_image(export):
    source = export([task(1), {**task(2), "annotations": []}, task(3, box(0))])

    empty = source.read("1")

    assert source.keys() == ("1", "3")
    assert (empty.height, empty.width, len(empty.content), empty.read) == (0, 0, 0, 0)
    assert codes(source) == {"ls.no_annotation": 1}


def test_nothing_drawn_misses_all_of_the_gold_and_an_undelivered_image_is_named(export, tmp_path):
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps([task(1, box(0)), task(2, box(1))]), encoding="utf-8")

    evaluation = segcore.evaluate(source_of(gold), export([task(1), {**task(2), "annotations": []}]))

    assert evaluation.classes[0].gold_pixels == 4
    assert evaluation.classes[0].delivery_pixels == 0
    assert evaluation.images.missing_in_delivery == ("2",)


def test_two_tasks_that_show_one_image_are_refused(export):
    source = export([task(1, box(0), image="a/x.png"), task(2, box(0), image="b/x.jpg"), task(3)])

    assert source.keys() == ("3",)
    [fault] = source.faults
    assert (fault.code, fault.image, fault.got) == ("delivery.ambiguous_image", "x", "tasks [1, 2]")
    assert source.unplaced == 2


def test_another_field_can_be_the_key(export):
    tasks = [task(1, box(0), image="a/x.png"), task(2, box(0), image="b/x.png")]
    for made, name in zip(tasks, ("left", "right"), strict=True):
        made["data"]["name"] = name

    source = export(tasks, "?key=name")

    assert source.keys() == ("left", "right")
    assert codes(source) == {}


def test_a_task_that_stands_twice_is_refused(export):
    source = export([task(1, box(0)), task(2), task(1, box(0))])

    assert source.keys() == ("2",)
    [fault] = source.faults
    assert (fault.code, fault.image_id) == ("delivery.duplicate_image", 1)
    assert source.unplaced == 2


def test_regions_that_lie_in_no_image_of_their_task_are_refused(export):
    source = export([task(1, box(0, id="a"), box(1, id="b", item_index=1), box(1, id="c", to_name=1))])

    report = check(source)

    assert Counter((f.code, f.annotation) for f in report.faults) == {
        ("ls.unknown_control", "b"): 1,
        ("ls.missing_field", "c"): 1,
    }
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (3, 1, 2)


def test_two_image_tags_need_the_configuration(export, tmp_path):
    config = tmp_path / "config.xml"
    config.write_text(
        '<View><Image name="l" value="$left"/><Image name="r" value="$right"/>'
        '<RectangleLabels name="box" toName="l,r"><Label value="car"/></RectangleLabels></View>',
        encoding="utf-8",
    )
    made = task(1, box(0, id="a", to_name="l"), box(1, id="b", to_name="r"))
    made["data"] = {"left": "l.png", "right": "r.png"}

    known, unknown = export([made], f"?config={config}"), export([made], "?image=left")

    assert [(a.key, a.content.ids) for a in map(known.read, known.keys())] == [
        ("l", ("a",)),
        ("r", ("b",)),
    ]
    assert check(unknown).counts.rejected == 2
    assert codes(unknown) == {"ls.unknown_control": 2}


def test_a_label_outside_the_classes_is_refused_with_a_hint(export, tmp_path):
    ontology = tmp_path / "ontology.yaml"
    ontology.write_text("classes:\n  - {id: 0, name: car}\n", encoding="utf-8")
    source = export([task(1, box(0, "cra"), box(1, "car", id="r2"))], f"?ontology={ontology}")

    annotation = source.read("1")

    assert annotation.content.ids == ("r2",)
    assert annotation.rejected == 1
    [fault] = source.faults
    assert (fault.code, fault.got) == ("coco.unknown_class_name", "'cra', did you mean 'car'?")


def test_a_source_travels_to_a_worker_small_and_reads_the_same(export):
    source = export([task(i, box(0)) for i in range(500)])
    source.keys()

    data = pickle.dumps(source)
    again = pickle.loads(data)

    assert len(data) < 2000
    assert again.keys() == source.keys()
    assert again.read("7").digest == source.read("7").digest


def test_a_delivery_of_nothing_but_ground_truths_says_which_option_reads_them(export):
    starred = [task(1, box(0), ground_truth=True)]

    report = check(export(starred))

    [empty] = [fault for fault in report.faults if fault.code == "delivery.image_match"]
    assert "annotations=ground-truth" in empty.got


def test_the_digest_is_of_what_counts_however_it_is_written_and_of_nothing_else(export, tmp_path):
    made = task(1, box(0), image="é.png")
    pretty = tmp_path / "pretty.json"
    turned = dict(reversed(made.items()))
    pretty.write_text(json.dumps([turned], indent=2, ensure_ascii=False), encoding="utf-8")
    other = copy.deepcopy(made)
    other["annotations"][0]["result"][0]["id"] = "r2"
    reviewed = copy.deepcopy(made) | {"predictions": [7], "updated_at": "2026-11-23T10:00:00Z"}
    reviewed["data"]["segcore_iou"] = 0.5

    digest = export([made]).read("é").digest

    assert digest == source_of(pretty).read("é").digest
    assert digest != export([other]).read("é").digest
    assert digest == export([reviewed]).read("é").digest


def test_a_file_that_is_no_export_is_refused_as_input(tmp_path, export):
    broken = tmp_path / "broken.json"
    broken.write_text('{"images": [], "annotations": []}', encoding="utf-8")

    with pytest.raises(InvalidInputError, match=r"json\.syntax.*native JSON export"):
        segcore.evaluate(export([task(1, box(0))]), source_of(broken))


def test_an_export_in_which_nobody_drew_anything_names_no_class(export):
    source = export([task(1)])

    assert source.ontology is None
    with pytest.raises(OntologyError, match="names no classes"):
        segcore.evaluate(source, source)


def test_unknown_options_and_missing_files_are_refused(tmp_path):
    with pytest.raises(SpecError, match="did you mean 'annotator'"):
        source_of("f.json", "?anotator=1")
    with pytest.raises(SpecError, match="no such file"):
        source_of(tmp_path / "none.json").keys()


def test_too_many_labels_are_a_fault(export, monkeypatch):
    monkeypatch.setattr("segcore_labelstudio.index.MAX_CLASSES", 2)
    source = export([task(1, *(box(0, f"c{i}", id=f"r{i}") for i in range(3)))])

    report = check(source)

    assert Counter(f.code for f in report.faults) == {
        "limits.entries": 1,
        "coco.unknown_class_name": 1,
    }


def test_an_export_with_too_many_faults_is_not_read_to_its_end(export, monkeypatch):
    monkeypatch.setattr("segcore_labelstudio.index.MAX_ENTRY_FAULTS", 3)

    source = export([{"id": i} for i in range(1, 100)])

    assert source.keys() == ()
    assert codes(source) == {"ls.missing_field": 4, "limits.entries": 1}


def test_an_export_tells_shapes_sizes_and_the_labels_in_use(export):
    brush = {**box(0, "b", id="y"), "type": "brushlabels"}
    brush["value"] = {"format": "rle", "rle": [0], "brushlabels": ["b"]}
    source = export([task(1, box(0, "a"), brush), task(2, box(0, "a", width=8, height=4))])

    found = source.fingerprint().to_json()

    assert found == {
        "format": ["label-studio-export"],
        "encoding": ["brush", "rectangle"],
        "image_sizes": [[4, 2], [8, 4]],
        "labels": ["a", "b"],
    }


def test_the_labels_of_the_configuration_are_categories_in_its_order(export, tmp_path):
    config = tmp_path / "config.xml"
    config.write_text(
        '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
        '<Label value="b"/><Label value="a"/></RectangleLabels></View>'
    )
    source = export([task(1, box(0, "a"))], f"?config={config}")

    found = source.fingerprint().to_json()

    assert found["categories"] == [{"name": "b"}, {"name": "a"}]
    assert found["labels"] == ["a"]
