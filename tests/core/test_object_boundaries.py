"""Boundaries of objects, from files to the report, and what they may cost."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from instance_scenes import HEIGHT, WIDTH, dataset, save, segmentation

import segcore
from segcore import kernels, limits
from segcore.annotation import Region, Regions, RunMask
from segcore.cli import main
from segcore.errors import InvalidInputError, UsageError
from segcore.kernels import RegionRuns
from segcore.measures import object_limits

Box = tuple[int, int, int, int]


def entry(number: int, box: Box, *, category: int = 1, crowd: int = 0) -> dict[str, object]:
    return {
        "id": number, "image_id": 1, "category_id": category, "iscrowd": crowd,
        "area": box[2] * box[3], "segmentation": segmentation(box),
    }  # fmt: skip


@pytest.fixture
def batch(tmp_path):
    """Of class 1 a square is delivered 2 px to the right, and another exactly; one of class 2 is missed.

    The bands of the moved square, 2 px wide, have 20^2 - 16^2 = 144 pixels each.  The squares share
    18 x 20 = 360, each inner square shares 16 x 16 = 256 with the other square, the inner ones share
    14 x 16 = 224 with each other: 360 - 256 - 256 + 224 = 72 pixels are in both bands.
    """
    gold = [entry(0, (10, 10, 20, 20)), entry(5, (60, 10, 20, 20)), entry(6, (10, 60, 9, 9), category=2)]
    delivery = [entry(0, (12, 10, 20, 20)), entry(8, (60, 10, 20, 20))]
    return save(tmp_path, dataset(gold, 1), dataset(delivery, 1))


MOVED = 72 / (144 + 144 - 72)


@pytest.mark.usefixtures("either_kind")
def test_boundary_numbers_are_those_counted_by_hand(batch):
    found = segcore.evaluate(*batch, task="instance", dilation="2px", scores="equal")

    one, two, three = (c.boundary for c in found.classes)
    assert one.mean_iou == (MOVED + 1) / 2 < found.classes[0].mean_iou
    # By the smaller of both IoUs only the exact square is found: the moved one has 1 / 3, not 360 / 440.
    assert (one.at50.matched, one.at50.missed, one.at50.extra) == (1, 1, 1)
    assert (found.classes[0].at50.matched, found.classes[0].at50.missed) == (2, 0)
    # Half of what is delivered is right and half of the gold is found, at every threshold.
    assert one.coco.ap == one.coco.ap50 == pytest.approx(0.5 * 51 / 101)
    assert (one.coco.ar, found.classes[0].coco.ap50) == (0.5, 1.0)
    assert (two.coco.ap, two.mean_iou, two.at50.missed) == (0.0, None, 1)
    assert (three.coco.ap, three.mean_iou, three.at50.f1) == (None, None, None)
    overall = found.overall.boundary
    assert (overall.at50.matched, overall.at50.missed, overall.at50.extra) == (1, 2, 1)
    assert overall.mean_iou == (MOVED + 1) / 2
    assert overall.coco.ap == pytest.approx(0.25 * 51 / 101)


def test_every_matched_object_is_listed_with_its_boundary_iou(batch):
    objects = segcore.evaluate(*batch, task="instance", dilation="2px").objects()

    rows = zip(*(objects[c] for c in ("kind", "gold_id", "iou", "boundary_iou")), strict=True)
    assert list(rows) == [
        ("matched", 0, 360 / 440, MOVED),
        ("matched", 5, 1.0, 1.0),
        ("missed", 6, None, None),
    ]


def test_without_scores_boundary_ap_is_undefined_and_the_rest_is_there(batch):
    found = segcore.evaluate(*batch, task="instance", dilation="2px")

    bands = found.overall.boundary
    assert set(bands.coco.to_json().values()) == {None}
    assert (bands.mean_iou, bands.at50.f1) == ((MOVED + 1) / 2, 2 / 5)
    with pytest.raises(UsageError, match=r"scores='equal'"):
        found.boundary_average_precision  # noqa: B018


def test_a_band_wider_than_the_objects_gives_the_numbers_of_the_masks(batch):
    found = segcore.evaluate(*batch, task="instance", dilation=1.0, scores="area")

    for scores in (*found.classes, found.overall):
        assert scores.boundary.coco == scores.coco
        assert (scores.boundary.at50, scores.boundary.at75) == (scores.at50, scores.at75)
        assert scores.boundary.mean_iou == scores.mean_iou
    objects = found.objects()
    assert objects["boundary_iou"] == objects["iou"]


@pytest.mark.usefixtures("either_kind")
def test_the_border_of_the_image_is_an_outline(tmp_path):
    """Gold is the whole image, the delivery lacks its last row.

    In the band of the delivery the row above takes the place of the last; but for its two ends, which
    are at the sides of the image, none of it is in the band of the gold.
    """
    gold, delivery = entry(1, (0, 0, WIDTH, HEIGHT)), entry(1, (0, 0, WIDTH, HEIGHT - 1))
    specs = save(tmp_path, dataset([gold], 1), dataset([delivery], 1))

    found = segcore.evaluate(*specs, task="instance", dilation="1px")

    frame = 2 * (WIDTH + HEIGHT) - 4
    shared = frame - WIDTH
    assert found.overall.boundary.mean_iou == shared / (frame + (frame - 2) - shared)


def test_what_lies_in_a_crowd_is_told_by_the_masks(tmp_path):
    """Far inside a crowd an object shares no boundary with it, and is still not extra."""
    gold = [entry(1, (0, 0, 100, 90), crowd=1), entry(2, (105, 0, 10, 10))]
    delivery = [entry(1, (40, 40, 10, 10)), entry(2, (105, 0, 10, 10))]
    specs = save(tmp_path, dataset(gold, 1), dataset(delivery, 1))

    found = segcore.evaluate(*specs, task="instance", dilation="1px", scores="area")

    bands = found.overall.boundary
    assert found.tallies.boundary_iou(np.array([0]), np.array([0])).tolist() == [0.0]
    assert (bands.at50.matched, bands.at50.extra, bands.coco.ap) == (1, 0, 1.0)


def test_objects_that_share_no_pixel_share_no_boundary(batch):
    table = segcore.evaluate(*batch, task="instance", dilation="2px").tallies

    every = [(g, d) for g in range(3) for d in range(2)]
    gold, delivery = (np.array(side) for side in zip(*every, strict=True))

    assert sorted(table.boundary_iou(gold, delivery).tolist()) == [0.0, 0.0, 0.0, 0.0, MOVED, 1.0]


def test_boundaries_are_counted_alike_in_several_processes(tmp_path):
    gold = dataset([entry(i, (i, 2 * i, 20, 20)) | {"image_id": i} for i in range(1, 36)], 35)
    delivery = dataset([entry(i, (i, i, 22, 20)) | {"image_id": i} for i in range(1, 36)], 35)
    specs = save(tmp_path, gold, delivery)

    one, two = (
        segcore.evaluate(*specs, task="instance", dilation="2px", scores="area", jobs=jobs)
        for jobs in (1, 2)
    )

    assert one.to_json() == two.to_json()
    assert one.objects() == pickle.loads(pickle.dumps(two)).objects()
    assert 0 < one.overall.boundary.mean_iou < one.overall.mean_iou


def test_an_image_that_was_not_delivered_has_its_objects_missed(tmp_path):
    gold = dataset([entry(1, (0, 0, 20, 20)), entry(2, (0, 0, 20, 20)) | {"image_id": 2}], 2)
    delivery = dataset([entry(1, (0, 0, 20, 20))], 1)

    found = segcore.evaluate(*save(tmp_path, gold, delivery), task="instance", dilation="2px")

    bands = found.overall.boundary
    assert (bands.at50.matched, bands.at50.missed, bands.mean_iou) == (1, 1, 1.0)


@pytest.mark.usefixtures("either_kind")
def test_a_band_that_holds_most_of_the_objects_is_one_warning_for_the_batch(tmp_path):
    squares = [entry(1, (0, 0, 40, 40)), entry(2, (50, 50, 40, 40), category=2)]
    more = [entry(3, (70, 0, 40, 40)) | {"image_id": 2}, entry(4, (0, 0, 120, 100), crowd=1)]
    # A delivery of other sizes: the gold alone decides.
    delivery = [entry(1, (0, 0, 3, 3)), entry(2, (0, 0, 120, 100)) | {"image_id": 2}]
    specs = save(tmp_path, dataset([*squares, *more], 2), dataset(delivery, 2))

    wide, fine = (
        segcore.evaluate(*specs, task="instance", dilation=width).faults for width in ("11px", "10px")
    )

    # 40 x 40 - 18 x 18 is 79.75 %, 40 x 40 - 20 x 20 is 75 %; the crowd is all inside.
    (fault,) = [f for f in wide if f.code == "boundary.wide_band"]
    assert (fault.severity.value, fault.file, fault.image) == ("warning", specs[0], None)
    assert (fault.expected, fault.got) == (
        "at most 3/4 of the pixels in the band; try 2px", "79.8 % of 4800 px at 11px",
    )  # fmt: skip
    assert not [f for f in fine if f.code == "boundary.wide_band"]
    plain = segcore.evaluate(*specs, task="instance").faults
    assert not [f for f in plain if f.code == "boundary.wide_band"]


def test_crowds_that_are_objects_count_in_the_share_of_the_band(tmp_path):
    gold = dataset([entry(1, (0, 0, 20, 20)), entry(2, (0, 0, 120, 100), crowd=1)], 1)
    specs = save(tmp_path, gold, gold)

    groups, objects = (
        segcore.evaluate(*specs, task="instance", dilation="10px", crowd=rule).faults
        for rule in ("ignore", "class")
    )

    assert [f.got for f in groups if f.code == "boundary.wide_band"] == ["100.0 % of 400 px at 10px"]
    assert not [f for f in objects if f.code == "boundary.wide_band"]


def test_a_gold_without_an_object_has_no_band_to_warn_of(tmp_path):
    specs = save(tmp_path, dataset([], 1), dataset([entry(1, (0, 0, 3, 3))], 1))

    assert segcore.evaluate(*specs, task="instance", dilation="10px").faults == ()


# ------------------------------------------------------------------------------ only where asked for


def test_outlines_are_left_out_where_they_were_not_asked_for(batch, tmp_path, capsys):
    files = tmp_path / "scores.json", tmp_path / "scores.csv"

    assert main(["score", *batch, "--task", "instance"]) == 0
    assert main(["score", *batch, "--task", "instance", *outputs(*files)]) == 0

    told = capsys.readouterr().out + files[0].read_text() + files[1].read_text()
    assert "boundary" not in told.lower()
    found = segcore.evaluate(*batch, task="instance")
    assert found.overall.boundary is None
    assert "boundary_iou" not in found.objects()
    with pytest.raises(UsageError, match=r"dilation=0\.02"):
        found.boundary_matching  # noqa: B018


def outputs(json_file, csv_file) -> list[str]:
    return ["--json", str(json_file), "--csv", str(csv_file)]


def test_the_command_prints_and_writes_boundaries_where_asked(batch, tmp_path, capsys):
    files = tmp_path / "scores.json", tmp_path / "scores.csv"
    options = ["--task", "instance", "--scores", "equal", "--boundary", "2px"]

    assert main(["score", *batch, *options, *outputs(*files)]) == 0

    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0].split()[6:10] == ["boundary", "AP", "boundary", "IoU"]
    row = next(line for line in lines if line.startswith("class 1"))
    assert row.split()[7:9] == ["0.2525", f"{(MOVED + 1) / 2:.4f}"]
    assert "boundary: pixels of a mask within 2 px of one outside it or outside the image" in shown
    document = json.loads(files[0].read_text())
    first = document["classes"][0]
    assert document == segcore.evaluate(
        *batch, task="instance", scores="equal", dilation="2px"
    ).to_json()  # fmt: skip
    assert {"boundary_ap", "boundary_ap50", "boundary_ap75", "boundary_ap_small"} <= {*first}
    assert first["f1_at_boundary_iou"] == {"0.5": 0.5, "0.75": 0.5}
    assert first["mean_boundary_iou"] == document["overall"]["mean_boundary_iou"] == (MOVED + 1) / 2
    written = next(csv.DictReader(files[1].read_text().splitlines()))
    assert float(written["boundary_ap"]) == first["boundary_ap"]
    assert float(written["f1_at_boundary_iou_0.75"]) == 0.5
    assert float(written["mean_boundary_iou"]) == first["mean_boundary_iou"]


def test_the_report_names_a_share_of_the_diagonal(batch):
    found = segcore.evaluate(*batch, task="instance", dilation=0.02)

    assert "within 0.02 of the diagonal" in found.conventions["boundary"]


@pytest.mark.parametrize("width", ["0", "2", "-1", "5 m", "nan"])
def test_a_width_that_is_none_is_refused_by_the_command(batch, width, capsys):
    assert main(["score", *batch, "--task", "instance", "--boundary", width]) == 4

    assert "dilation" in capsys.readouterr().err


# ------------------------------------------------------------------------------ what it may cost


@settings(deadline=None, max_examples=150)
@given(
    hnp.arrays(np.bool_, st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9)))
    | st.integers(3, 12).map(lambda n: np.ones((2, n, n), np.bool_)),
    st.integers(1, 3),
    st.sampled_from([0, limits.MAX_BOUNDARY_RUNS]),
)
def test_no_band_has_more_runs_than_the_limit_counts(masks, width_px, limit):
    height, width = masks.shape[1:]
    regions = Regions.from_regions(
        [Region(class_index=0, mask=RunMask.from_array(mask)) for mask in masks],
        height=height,
        width=width,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MAX_BOUNDARY_RUNS", limit)  # with 0 the count is the close one
        most = object_limits._band_runs(regions, width_px)

    found = kernels.boundary_runs(
        RegionRuns(regions.starts, regions.ends, regions.offsets, np.array([0, len(regions)])),
        heights=np.array([height]),
        widths_px=np.array([width_px]),
    )

    assert (np.diff(found.offsets) <= most).all()


@pytest.mark.parametrize(
    ("limit", "value", "got", "side"),
    [
        # A square of 20 counts its 20 runs and one more inside the band for each; that of 9 likewise.
        ("MAX_BOUNDARY_RUNS", 97, "98", "gold"),
        ("MAX_BOUNDARY_RUNS", 98, None, None),
        # All of these are compared once; the moved square of 40 twice, since two begin in its columns.
        ("MAX_BOUNDARY_STEPS", 217, "218", "delivery"),
        ("MAX_BOUNDARY_STEPS", 218, None, None),
    ],
)
def test_more_boundary_than_can_be_compared_is_a_fault(batch, monkeypatch, limit, value, got, side):
    monkeypatch.setattr(limits, "MAX_BOUNDARY_RUNS", 98)
    monkeypatch.setattr(limits, limit, value)
    if got is None:
        assert segcore.evaluate(*batch, task="instance", dilation="1px").overall.boundary is not None
        return

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(*batch, task="instance", dilation="1px")

    (fault,) = caught.value.faults
    assert (fault.code, fault.image, fault.got) == ("limits.annotations", "001", got)
    assert caught.value.counts[side].rejected == caught.value.counts[side].read
    assert segcore.evaluate(*batch, task="instance").overall.at50.matched == 2  # masks alone are fine


def test_a_mask_of_a_few_bytes_with_a_boundary_in_every_column_of_a_long_image_is_a_fault(tmp_path):
    height, width = 3, 4_000_000
    whole = {"size": [height, width], "counts": [0, height * width]}
    document = {
        "images": [{"id": 1, "file_name": "long.png", "height": height, "width": width}],
        "categories": [{"id": 1, "name": "road"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": height * width}
            | {"segmentation": whole}
            for i in range(1, 1000)
        ],
    }
    specs = save(tmp_path, document, document)

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(*specs, task="instance", dilation="1px")

    assert "limits.annotations" in {fault.code for fault in caught.value.faults}
