"""YOLO folders that are refused, and what a hostile one may cost."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_readings import codes, regions
from yolo_files import RING, write

import segcore
from segcore.errors import SpecError


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("0", "poly.too_few_points"),
        ("0 0.1 0.2", "poly.too_few_points"),
        ("0 0.5 0.5 0.2 0.2", "yolo.box"),
        ("0 0.5 0.5 0.2 0.2 0.9", "yolo.box"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "poly.odd_length"),
        ("0 0.1 0.1 0.2 0.2 0.3 nan", "poly.not_finite"),
        ("0 0.1 0.1 0.2 0.2 0.3 -inf", "poly.not_finite"),
        ("0 0.1 0.1 0.2 0.2 0.3 1e400", "poly.not_finite"),
        ("0 0.1 0.1 0.2 0.2 0.3 1.02", "yolo.not_normalized"),
        ("0 0.1 0.1 0.2 0.2 0.3 -0.02", "yolo.not_normalized"),
        ("0 0.1 0.1 0.5 0.1 0.3 0.1", "poly.zero_area"),
        ("0 0.1 0.1 0.2 0.2 0.3 0,5", "yolo.bad_number"),
        ("0 0.1 0.1 0.2 0.2 0.3 1_0", "yolo.bad_number"),
        ("0 0.1 0.1 0.2 0.2 0.3 0." + "3" * 80, "yolo.bad_number"),
        ("car " + RING, "yolo.bad_number"),
        ("\xe9 " + RING, "yolo.bad_number"),
        ("0.5 " + RING, "yolo.bad_class"),
        ("-1 " + RING, "yolo.bad_class"),
        ("nan " + RING, "yolo.bad_class"),
        ("1e400 " + RING, "yolo.bad_class"),
        ("2 " + RING, "yolo.unknown_class"),
        ("1e300 " + RING, "yolo.unknown_class"),
        ("0 " + "0.5 " * 200_002, "poly.too_many_points"),
        ("0 " + "0.500000000000000000000000000000 " * 200_002, "poly.too_many_points"),
    ],
)
def test_a_faulty_line_is_refused_and_the_others_are_used(line: str, found: str, tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": f"0 {RING}\n{line}\n"}) + "?size=20x10"

    report = segcore.check(spec)

    (fault,) = report.faults
    assert (fault.code, fault.image, fault.annotation) == (found, "a", "line 2")
    assert fault.file == str(tmp_path / "a.txt")
    assert len(fault.expected + fault.got) <= 200
    assert (fault.expected + fault.got).isprintable()
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (2, 1, 1)
    assert regions(spec).ids == ("line 1",)


def test_a_score_must_be_finite(tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": f"0 {RING} nan\n0 {RING} 0.5\n0 0.5 0.5 0.2 0.2 0.5"})

    assert codes(f"{spec}?size=20x10&confidence=last") == ["results.bad_score", "yolo.box"]


@pytest.mark.parametrize(
    ("file", "text", "got"),
    [
        ("data.yaml", "names: [car, dog]\nnc: 3", "3"),
        ("data.yaml", "names: {0: car, 2: dog}", "no key 1"),
        ("data.yaml", "names: {}", "{}"),
        ("data.yaml", "names: []", "none"),
        ("data.yaml", "nc: 2", "no such key"),
        ("data.yaml", "names: car", "'car'"),
        ("data.yaml", "names: [car, [dog]]", "no text"),
        ("data.yaml", "names: [car, car]", "classes 0, 1"),
        ("data.yaml", "names: [car, ' ']", "' '"),
        ("data.yaml", "names: &a [car]\nothers: *a", "anchors"),
        ("data.yaml", "[car, dog]", "['car', 'dog']"),
        ("data.yaml", "names: [car", "line"),
        ("classes.txt", "car\n\ndog", "''"),
        ("classes.txt", "car\ncar\ncar\ncar\n", "and more"),
        ("classes.txt", "\x1b[31m", "x1b"),
        ("classes.txt", "", "''"),
    ],
)
def test_names_that_cannot_be_used_are_refused(file: str, text: str, got: str, tmp_path: Path) -> None:
    spec = write(tmp_path, {file: text, "a.txt": f"0 {RING}\n1 {RING}"}, names=None)

    report = segcore.check(f"{spec}?size=20x10")

    assert {fault.code for fault in report.faults} == {"yolo.bad_names"}
    assert any(got in fault.got for fault in report.faults)
    assert {fault.file for fault in report.faults} == {str(tmp_path / file)}
    assert (report.counts.read, report.counts.rejected) == (2, 2)


def test_two_files_that_name_the_classes_differently_are_a_fault(tmp_path: Path) -> None:
    same = write(tmp_path / "s", {"data.yaml": "names: [car, dog]", "labels/a.txt": ""})
    other = write(tmp_path / "o", {"data.yaml": "names: [dog, car]", "labels/a.txt": ""})

    assert codes(same) == []
    assert codes(other) == ["yolo.bad_names"]
    assert codes(f"{other}?names={tmp_path / 'o' / 'classes.txt'}") == []


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    spec = write(tmp_path, {"classes.txt": b"caf\xe9", "a.txt": f"0 {RING}"}, names=None)

    assert codes(f"{spec}?size=20x10") == ["yolo.bad_names"]


def test_too_many_names_are_one_fault(tmp_path: Path) -> None:
    names = "\n".join(f"c{i}" for i in range(4097))

    assert codes(write(tmp_path, {"a.txt": ""}, names=names)) == ["limits.entries"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("?size=640", "size is WxH in pixels, such as 640x480, got '640'"),
        ("?size=0x5", "size is WxH"),
        ("?size=99999x99999", "the limit is"),
        ("?size=20x10&sizes=gold", "either size or sizes"),
        ("?sizes=golds", "sizes is one of gold, images, got 'golds', did you mean 'gold'"),
        ("?split=validation", "split is one of test, train, val"),
        ("?confidence=first", "confidence is one of last"),
        ("?suffix=.txt", "unknown option 'suffix'"),
        ("?names=nowhere.yaml", "no such file: nowhere.yaml"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: str, message: str, tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": ""})

    with pytest.raises(SpecError, match=message):
        segcore.check(f"{spec}{options}")


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0"])
def test_an_image_without_a_readable_header_has_no_size(content: bytes, tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": f"0 {RING}", "a.jpg": content})

    report = segcore.check(spec)

    (fault,) = report.faults
    assert (fault.code, fault.file) == ("yolo.no_size", str(tmp_path / "a.jpg"))
    assert fault.got == "an image whose header cannot be read"
    assert (report.counts.read, report.counts.rejected) == (1, 1)


def test_an_image_of_more_pixels_than_the_limit_is_refused(tmp_path: Path) -> None:
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0" + bytes(9)
    spec = write(tmp_path, {"a.txt": f"0 {RING}", "a.png": header})

    assert codes(spec) == ["limits.pixels"]


def test_faults_without_end_are_named_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcore.sources.yolo.MAX_ENTRY_FAULTS", 5)
    spec = write(tmp_path, {f"{name}.txt": "x\n" * 4 for name in "abc"})

    report = segcore.check(f"{spec}?size=20x10")

    found = [fault.code for fault in report.faults]
    assert (found.count("yolo.bad_number"), found.count("limits.entries")) == (4, 1)
    assert (report.counts.read, report.counts.rejected) == (12, 12)


def test_one_file_of_nothing_but_faults_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcore.sources.coco_entries.MAX_ENTRY_FAULTS", 3)
    monkeypatch.setattr("segcore.sources.yolo.MAX_ENTRY_FAULTS", 3)
    spec = write(tmp_path, {"a.txt": "x\n" * 10})

    report = segcore.check(f"{spec}?size=20x10")

    assert [fault.code for fault in report.faults] == ["limits.entries"]
    assert (report.counts.read, report.counts.rejected) == (10, 10)


def test_a_file_of_too_many_lines_is_not_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcore.sources.yolo_labels.MAX_ANNOTATIONS", 5)
    spec = write(tmp_path, {"a.txt": "\n" * 6})

    assert codes(f"{spec}?size=20x10") == ["limits.annotations"]


def test_a_file_of_too_many_bytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcore.sources.yolo.MAX_LABEL_BYTES", 20)
    spec = write(tmp_path, {"a.txt": f"0 {RING}"})

    assert codes(f"{spec}?size=20x10") == ["limits.bytes"]


def test_a_file_that_is_gone_when_a_worker_looks_is_a_fault(tmp_path: Path) -> None:
    spec = write(tmp_path, {"a.txt": f"0 {RING}"})
    source = segcore.open(f"{spec}?size=20x10")
    assert source.keys() == ("a",)
    (tmp_path / "a.txt").unlink()

    worker = pickle.loads(pickle.dumps(source))

    assert worker.read("a") is None
    assert worker.annotation_count("a") == 0
    assert [(fault.code, fault.image) for fault in worker.faults] == [("path.not_regular", "a")]


WORDS = st.sampled_from(
    [b"0", b"1", b"2", b"0.5", b"0.25", b"0.75", b"1.0", b"nan", b"x", b"-1", b"1e9", b""]
)
LINES = st.lists(st.lists(WORDS, max_size=12).map(b" ".join), max_size=6).map(b"\n".join)


@given(LINES | st.binary(max_size=80), st.sampled_from(["", "&confidence=last"]))
@settings(max_examples=150, deadline=None)
def test_no_file_crashes_and_every_line_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, options: str
) -> None:
    spec = write(tmp_path_factory.mktemp("any"), {"a.txt": content})

    counts = segcore.check(f"{spec}?size=20x10{options}").counts

    lines = [line for line in content.replace(b"\r", b"\n").split(b"\n") if line.strip()]
    assert counts.read == len(lines)
    assert counts.read == counts.used + counts.rejected


@given(
    st.binary(max_size=60) | st.text(alphabet="names: [car]{}0-\n,&*!'\"", max_size=40).map(str.encode)
)
@settings(max_examples=100, deadline=None)
def test_no_file_of_names_crashes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for file in ("data.yaml", "classes.txt"):
        spec = write(tmp_path_factory.mktemp("any"), {file: content, "a.txt": f"0 {RING}"}, names=None)

        report = segcore.check(f"{spec}?size=20x10")

        assert report.counts.read == 1
        assert (report.counts.used == 1) == (report.faults == ())
