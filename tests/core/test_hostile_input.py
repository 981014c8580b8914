"""What a hostile file may cost, and input that changes while it is read."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segcore
from segcore.cli import output
from segcore.documents import parse_document, parse_json
from segcore.errors import DocumentError, OntologyError, RefusedMaskError, SpecError
from segcore.masks import png
from segcore.ontology import LabelClass, Ontology
from segcore.ontology_file import load_ontology

CLASSES = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="car")))


def dataset(*names: str) -> dict[str, Any]:
    return {
        "images": [
            {"id": i, "file_name": name, "height": 10, "width": 12}
            for i, name in enumerate(names, start=1)
        ],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "segmentation": [[2, 2, 8, 2, 8, 8, 2, 8]]}
            for i in range(1, len(names) + 1)
        ],
    }


def written(path: Path, document: object) -> str:
    path.write_text(json.dumps(document))
    return f"coco:{path}"


def save_mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(path)


# ---- what a document may cost


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
def test_a_small_json_document_nested_too_deeply_is_refused(opening: bytes) -> None:
    closing = b"}" if opening == b'{"a":' else b"]"
    fits, too_deep = (opening * n + b"1" + closing * n for n in (64, 900))

    parse_document(fits, file="o.json")
    with pytest.raises(DocumentError, match="deeper than 64 levels") as caught:
        parse_document(too_deep, file="o.json")

    assert caught.value.code == "json.too_deep"


def test_a_json_document_of_very_many_values_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 3 containers of 64 bytes and 2 commas of 32 bytes
    monkeypatch.setattr("segcore.strict_json.MAX_DOCUMENT_MEMORY", 3 * 64 + 2 * 32 - 1)

    assert parse_json(b"[[], 0]", file="f") == [[], 0]
    with pytest.raises(DocumentError) as caught:
        parse_json(b"[[], [], 0]", file="f")

    assert caught.value.code == "limits.bytes"


def test_memory_that_runs_out_while_json_is_parsed_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("segcore.strict_json.json.loads", out_of_memory)

    with pytest.raises(DocumentError, match="more memory than there is"):
        parse_json(b"[]", file="f")


def test_memory_that_runs_out_while_a_mask_is_decoded_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError

    save_mask(tmp_path / "a.png")
    monkeypatch.setattr(png, "_decode_fast", out_of_memory)

    with pytest.raises(RefusedMaskError) as caught:
        png.decode_indices((tmp_path / "a.png").read_bytes())

    assert (caught.value.code, caught.value.got) == ("limits.pixels", "2 x 1, 8-bit gray")


@pytest.mark.parametrize("broken", ["images", "annotations", "categories"])
def test_a_document_of_nothing_but_faults_is_refused_as_a_whole(
    broken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("segcore.sources.coco_entries.MAX_ENTRY_FAULTS", 3)
    document = dataset("a.jpg")
    document[broken] += [None] * 10

    report = segcore.check(written(tmp_path / "d.json", document))

    found = sorted(fault.code for fault in report.faults)
    assert found == ["coco.bad_structure"] * 3 + ["limits.entries"]
    annotations = 11 if broken == "annotations" else 1
    assert (report.counts.read, report.counts.rejected) == (annotations, annotations)


def test_detections_that_are_nothing_but_faults_are_refused_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("segcore.sources.coco_entries.MAX_ENTRY_FAULTS", 3)
    written(tmp_path / "g.json", dataset("a.jpg"))

    report = segcore.check(f"{written(tmp_path / 'd.json', [None] * 10)}?gt={tmp_path / 'g.json'}")

    assert sorted({fault.code for fault in report.faults}) == ["coco.bad_structure", "limits.entries"]
    assert (report.counts.read, report.counts.rejected) == (10, 10)


def test_a_file_name_that_every_fault_would_repeat_is_refused(tmp_path: Path) -> None:
    fits = segcore.check(written(tmp_path / "a.json", dataset("x" * 1020 + ".jpg")))
    too_long = segcore.check(written(tmp_path / "b.json", dataset("x" * 1021 + ".jpg")))

    assert fits.faults == ()
    (fault,) = too_long.faults
    assert (fault.code, fault.image, fault.image_id) == ("path.unsafe", None, 1)
    assert len(str(fault)) < 400


def test_a_category_name_that_every_table_would_repeat_is_refused(tmp_path: Path) -> None:
    document = dataset("a.jpg")
    document["categories"][0]["name"] = "x" * 1025

    (fault,) = segcore.check(written(tmp_path / "d.json", document)).faults

    assert (fault.code, fault.got) == ("coco.bad_type", "1025")
    assert fault.expected == "categories[0].name: at most 1024 characters"


def test_an_ontology_has_no_more_classes_than_a_confusion_can_hold(tmp_path: Path) -> None:
    file = tmp_path / "o.yaml"
    file.write_text("classes:\n" + "".join(f"- {{id: {i}, name: c{i}}}\n" for i in range(4097)))

    with pytest.raises(OntologyError, match="4097 classes, the limit is 4096") as caught:
        load_ontology(str(file))

    assert [problem.code for problem in caught.value.problems] == ["limits.entries"]


def test_an_ontology_has_no_endless_names(tmp_path: Path) -> None:
    file = tmp_path / "o.yaml"
    file.write_text(f"classes: [{{id: 0, name: {'x' * 1025}}}]")

    with pytest.raises(OntologyError, match="a name of 1025 characters, the limit is 1024"):
        load_ontology(str(file))


def test_no_name_is_suggested_for_a_name_that_is_expensive_to_compare() -> None:
    ontology = Ontology((LabelClass(id=0, name="a" * 100), LabelClass(id=1, name="b" * 101)))

    assert ontology.suggest("a" * 99 + "x") == f", did you mean {'a' * 100!r}?"
    assert ontology.suggest("a" * 101) == ""
    assert ontology.suggest("b" * 100) == ""


def test_json_has_one_line_for_each_item_of_a_list() -> None:
    text = output.json_text({"b": [{"y": 1, "x": [2, 3]}, {}], "a": {"k": []}, "c": {}, "d": "\x1b\xe9"})

    assert text == (
        '{\n  "a": {\n    "k": []\n  },\n  "b": [\n    {"x": [2, 3], "y": 1},\n    {}\n  ],\n'
        '  "c": {},\n  "d": "\\u001b\\u00e9"\n}\n'
    )


# ---- names that look the same


def test_an_accent_may_stand_alone_or_on_its_letter(tmp_path: Path) -> None:
    """File systems differ: the same name comes back from some of them with its accents taken off."""
    gold = written(tmp_path / "g.json", dataset("caf\xe9.jpg"))
    delivery = written(tmp_path / "d.json", dataset("cafe\u0301.jpg"))

    evaluation = segcore.evaluate(gold, delivery)

    assert evaluation.images.paired == ("caf\xe9",)
    assert evaluation.classes[0].iou == 1.0


def test_mask_files_pair_with_either_way_of_writing_an_accent(tmp_path: Path) -> None:
    save_mask(tmp_path / "g" / "caf\xe9.png")
    save_mask(tmp_path / "d" / "cafe\u0301.png")

    evaluation = segcore.evaluate(f"png:{tmp_path / 'g'}", f"png:{tmp_path / 'd'}", ontology=CLASSES)

    assert evaluation.images.paired == ("caf\xe9",)


def test_two_names_that_look_the_same_are_one_image_delivered_twice(tmp_path: Path) -> None:
    report = segcore.check(written(tmp_path / "d.json", dataset("caf\xe9.jpg", "cafe\u0301.jpg")))

    (fault,) = report.faults
    assert (fault.code, fault.image) == ("delivery.duplicate_image", "caf\xe9")
    assert fault.got == r"'caf\xe9.jpg' (id 1), 'cafe\u0301.jpg' (id 2)"
    assert (report.counts.read, report.counts.rejected) == (2, 2)


# ---- input that changes while it is read


def test_a_mask_that_is_gone_when_a_worker_looks_is_a_fault(tmp_path: Path) -> None:
    save_mask(tmp_path / "a.png")
    source = segcore.open(f"png:{tmp_path}", ontology=CLASSES)
    assert source.keys() == ("a",)
    (tmp_path / "a.png").unlink()

    worker = pickle.loads(pickle.dumps(source))

    assert worker.read("a") is None
    assert worker.annotation_count("a") == 1
    assert [(fault.code, fault.image) for fault in worker.faults] == [("path.not_regular", "a")]


def test_a_document_that_is_another_when_a_worker_reads_it_is_refused(tmp_path: Path) -> None:
    spec = written(tmp_path / "d.json", dataset("a.jpg"))
    source = segcore.open(spec)
    assert source.keys() == ("a",)
    written(tmp_path / "d.json", dataset("b.jpg"))

    worker = pickle.loads(pickle.dumps(source))

    with pytest.raises(SpecError, match="changed while it was read"):
        worker.read("a")


def test_faults_found_while_counting_name_the_file_of_the_mask(tmp_path: Path) -> None:
    save_mask(tmp_path / "a.png")
    one_class = Ontology((LabelClass(id=0, name="sky"),))

    (fault,) = segcore.check(f"png:{tmp_path}", ontology=one_class).faults

    assert (fault.code, fault.file) == ("mask.unknown_value", str(tmp_path / "a.png"))
