"""Detections with instance masks: which pixels they cover, and the size of their image."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
from object_labels import BLOB, HEIGHT, WIDTH, box, masks, problems, rows
from PIL import Image

import segcore
from segcore.errors import InvalidInputError, OntologyError
from segcore.ontology import LabelClass, Ontology
from segcore_fiftyone.source import FiftyOneSource

# ---- detections


@pytest.mark.parametrize(
    ("x", "y", "drawn"),
    [
        pytest.param(2, 1, ["..........", "...##.....", "..##......", *5 * [".........."]], id="inside"),
        pytest.param(-1, 0, ["##........", "#.........", *6 * [".........."]], id="over the left edge"),
        pytest.param(
            8, 2, ["..........", "..........", ".........#", "........##", *4 * [".........."]],
            id="over the right edge",
        ),
        pytest.param(3, -1, ["...##.....", *7 * [".........."]], id="over the top"),
        pytest.param(0, 7, [*7 * [".........."], ".##......."], id="over the bottom"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kept", ["a file", "the database"])
def test_an_instance_mask_lies_where_its_box_is_and_ends_at_the_border(
    fo, street, tmp_path, x, y, drawn, kept
):
    where = {"mask": BLOB}
    if kept == "a file":
        where = {"mask_path": scenes.png(tmp_path / "m.png", BLOB.astype(np.uint8) * 255)}
    one = fo.Detection(label="car", bounding_box=box(x, y, 3, 2), **where)
    made = street(found=fo.Detections(detections=[one]), one=one.copy())

    assert masks(made) == [drawn]
    assert masks(made, "one") == [drawn]


@pytest.mark.parametrize("width", [97, 100, 640, 1023, 1920])
def test_a_mask_comes_back_from_the_box_fiftyone_made_for_it(fo, dataset, tmp_path, width):
    rng = np.random.default_rng(width)
    whole = [np.zeros((60, width), bool) for _ in range(25)]
    for mask in whole:
        x, y = rng.integers(0, width - 20), rng.integers(0, 40)
        mask[y : y + rng.integers(1, 20), x : x + rng.integers(1, 20)] = True
        mask ^= mask & (rng.random(mask.shape) < 0.3)
    whole = [mask for mask in whole if mask.any()]
    made = dataset()
    found = fo.Detections(detections=[fo.Detection.from_mask(mask, label="car") for mask in whole])
    scenes.add_samples(fo, made, tmp_path, {"a": {"found": found}}, (60, width))

    annotation = FiftyOneSource.of(made, "found").read(made.first().id)

    assert [r.mask.to_array().tolist() for r in annotation.content] == [m.tolist() for m in whole]
    assert problems(made) == []


def test_a_mask_is_where_fiftyone_draws_it_where_its_own_numbers_are_exact(fo, street, detections):
    # Eighths and tenths of these sizes are whole pixels in binary too.
    items = [("car", [0.5, 0.25, 0.3, 0.25], BLOB), ("sign", [0.0, 0.5, 0.3, 0.25], ~BLOB)]
    made = street(found=detections(*items))
    theirs = [
        d.to_segmentation(frame_size=(WIDTH, HEIGHT)).mask > 0 for d in made.first()["found"].detections
    ]

    assert masks(made) == [rows(mask) for mask in theirs]


def test_a_mask_over_the_full_height_is_one_run_of_columns(fo, street, detections):
    made = street(found=detections(("car", box(2, 0, 3, 8), np.ones((8, 3), bool))))

    (region,) = FiftyOneSource.of(made, "found").read(made.first().id).content

    assert (region.mask.starts.tolist(), region.mask.ends.tolist()) == ([16], [40])


def test_a_mask_of_another_size_than_its_box_is_scaled_by_pixel_centres_and_reported(
    fo, street, detections
):
    made = street(found=detections(("car", box(1, 2, 6, 4), BLOB), ("car", box(6, 6, 1.5, 1), BLOB)))

    assert masks(made) == [
        ["..........", "..........", "...####...", "...####...", ".####.....", ".####.....",
         "..........", ".........."],
        # Centres 6.5 and, at the edge, not 7.5: a third of the width is the first column.
        [*6 * [".........."], "......#...", ".........."],
    ]  # fmt: skip
    assert problems(made) == [("fo.scaled_mask", "3 x 2"), ("fo.scaled_mask", "3 x 2")]


def test_regions_that_overlap_are_painted_by_the_rule_of_every_source(fo, street, detections):
    large, small = np.ones((4, 4), bool), np.ones((2, 2), bool)
    made = street(
        gold=detections(("car", box(0, 0, 4, 4), large), ("sign", box(2, 2, 2, 2), small)),
        found=detections(("sign", box(2, 2, 2, 2), small), ("car", box(0, 0, 4, 4), large)),
    )

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.ontology.names == ("car", "sign")
    assert evaluation.confusion.tolist() == [[12, 0, 0], [0, 4, 0], [0, 0, 64]]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"mask": None}, "seg.missing", id="a box alone"),
        pytest.param({"mask": np.zeros((2, 3), bool)}, "seg.empty", id="an empty mask"),
        pytest.param({"mask": np.ones((2, 3), np.float32)}, "fo.bad_array", id="a mask of fractions"),
        pytest.param({"mask": np.ones((2, 3, 3), np.uint8)}, "fo.bad_array", id="a mask of colours"),
        pytest.param({"mask": None, "mask_path": "/nowhere/m.png"}, "path.not_regular", id="no file"),
        pytest.param({"bounding_box": []}, "fo.bad_box", id="no box"),
        pytest.param({"bounding_box": [0, 0, float("nan"), 1]}, "fo.bad_box", id="a box that is none"),
        pytest.param({"bounding_box": [0, 0, 0, 1]}, "fo.bad_box", id="a box without width"),
        pytest.param({"bounding_box": [0, 0, 1e300, 1]}, "fo.bad_box", id="a box without end"),
        pytest.param({"bounding_box": [1.5, 0, 0.3, 0.25]}, "seg.empty", id="outside the image"),
        pytest.param({"label": None}, "fo.missing_field", id="no label"),
        pytest.param({"label": "cat"}, "coco.unknown_class_name", id="a label that is no class"),
        pytest.param({"iscrowd": "yes"}, "coco.iscrowd", id="a crowd that is none"),
    ],
)
def test_a_detection_that_has_no_place_on_the_image_is_a_fault_and_the_others_are_read(
    fo, street, fields, code
):
    sound = {"label": "car", "bounding_box": box(2, 1, 3, 2), "mask": BLOB}
    wrong = fo.Detection(**(sound | fields))
    made = street(found=fo.Detections(detections=[wrong, fo.Detection(**sound)]))
    classes = Ontology((LabelClass(id=1, name="car"),))
    source = FiftyOneSource.of(made, "found", key="stem", ontology=classes)

    report = segcore.check(source)

    (fault,) = report.faults
    assert (fault.code, fault.annotation, fault.image) == (code, wrong.id, "a")
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (2, 1, 1)


def test_crowds_of_a_coco_import_are_crowds(fo, street, detections):
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    made = street(
        gold=detections(("car", box(0, 0, WIDTH, HEIGHT), everywhere), iscrowd=1),
        found=detections(("car", box(0, 0, 3, 2), BLOB)),
    )

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.confusion.sum() == 0
    assert evaluation.counts["gold"].ignored == {"crowd region": 1}


def test_nothing_detected_is_an_image_without_regions_and_none_is_not_delivered(fo, street, detections):
    made = street(gold=detections(("car", box(0, 0, 3, 2), BLOB)), found=fo.Detections())
    made.add_sample_field("never", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)

    empty = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert empty.images.paired == (made.first().id,)
    assert empty.confusion.tolist() == [[0, 4], [0, 76]]
    assert FiftyOneSource.of(made, "never").keys() == ()


def test_a_saved_view_that_shows_some_objects_delivers_those(fo, street, detections):
    made = street(found=detections(("car", box(0, 0, 3, 2), BLOB), ("sign", box(3, 3, 3, 2), BLOB)))
    made.save_view("signs", made.filter_labels("found", fo.ViewField("label") == "sign"))

    source = FiftyOneSource.of(made.load_saved_view("signs"), "found")

    (region,) = source.read(made.first().id).content
    assert rows(region.mask.to_array())[3] == "....##...."
    assert source.annotation_count(made.first().id) == 1


# ---- what labels are classes


def test_classes_are_those_of_the_field_else_the_labels_in_use(fo, street, detections):
    made = street(found=detections(("sign", box(0, 0, 3, 2), BLOB), ("car", box(3, 3, 3, 2), BLOB)))
    in_use = FiftyOneSource.of(made, "found").ontology.names
    made.default_classes = ["tree", "car"]
    by_default = FiftyOneSource.of(made, "found").ontology.names
    made.classes = {"found": ["car", "sign"]}

    assert in_use == ("car", "sign")
    assert by_default == ("tree", "car")
    assert FiftyOneSource.of(made, "found").ontology.names == ("car", "sign")


def test_a_misspelt_label_of_a_delivery_is_named_with_the_class_it_resembles(fo, street, detections):
    made = street(
        gold=detections(("car", box(0, 0, 3, 2), BLOB)), found=detections(("Car", box(0, 0, 3, 2), BLOB))
    )

    with pytest.raises(InvalidInputError) as error:
        segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    (fault,) = error.value.faults
    assert (fault.code, fault.got) == ("coco.unknown_class_name", "'Car', did you mean 'car'?")


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        pytest.param(["car", " "], "a label is text", id="a blank name"),
        pytest.param([f"c{i}" for i in range(5000)], "at most 4096", id="too many"),
    ],
)
def test_classes_that_cannot_be_counted_are_refused(street, detections, classes, said):
    made = street(found=detections(("car", box(0, 0, 3, 2), BLOB)))
    made.default_classes = classes

    with pytest.raises(OntologyError, match=said):
        segcore.check(FiftyOneSource.of(made, "found"))


# ---- the size of the image


def test_the_size_is_that_of_the_metadata_else_of_the_file(fo, street, detections):
    made = street(found=detections(("car", [0.5, 0.5, 0.3, 0.25], BLOB)))
    from_file = FiftyOneSource.of(made, "found").read(made.first().id)
    made.set_values("metadata", [fo.ImageMetadata(width=20, height=16)])

    from_metadata = FiftyOneSource.of(made, "found").read(made.first().id)

    assert (from_file.width, from_file.height) == (WIDTH, HEIGHT)
    assert (from_metadata.width, from_metadata.height) == (20, 16)


def test_a_picture_that_lies_on_its_side_has_the_size_fiftyone_computes(
    fo, street, tmp_path, detections
):

    made = street(found=detections(("car", [0.5, 0.5, 0.3, 0.25], BLOB)))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.new("L", (30, 20)).save(path, exif=exif)
    sample = made.first()
    sample.filepath = str(path)
    sample.save()
    ours = FiftyOneSource.of(made, "found").read(sample.id)

    made.compute_metadata(overwrite=True, progress=False)

    theirs = made.first().metadata
    assert (ours.width, ours.height) == (theirs.width, theirs.height) == (20, 30)


@pytest.mark.parametrize("there", ["nothing", "no image"])
def test_where_nobody_knows_the_size_labels_relative_to_it_are_refused(
    fo, street, tmp_path, detections, there
):
    made = street(found=detections(("car", box(0, 0, 3, 2), BLOB)))
    path = tmp_path / "gone.png"
    if there == "no image":
        path.write_bytes(b"not an image")
    sample = made.first()
    sample.filepath = str(path)
    sample.save()

    report = segcore.check(FiftyOneSource.of(made, "found"))

    assert [(f.code, f.image_id) for f in report.faults] == [("fo.no_size", sample.id)]
    assert report.counts.rejected == 1
