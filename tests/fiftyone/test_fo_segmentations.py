"""Segmentation fields: what their values mean, wherever their masks are kept."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
from mask_labels import COLORS, CONFUSION, FOUND, GOLD, HEX, NAMES, TARGETS, colored, faults_of, ontology

import segcore
from segcore.errors import InvalidInputError, OntologyError
from segcore.ontology import LabelClass, Ontology
from segcore_fiftyone.source import FiftyOneSource

# ---- where a mask is kept


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(lambda fo, disk, m: disk(m), id="8-bit file"),
        pytest.param(lambda fo, disk, m: disk(m, np.uint16), id="16-bit file"),
        pytest.param(lambda fo, disk, m: disk(m, palette=[*COLORS.values()]), id="palette file"),
        pytest.param(lambda fo, disk, m: fo.Segmentation(mask=m.astype(np.uint8)), id="uint8"),
        pytest.param(lambda fo, disk, m: fo.Segmentation(mask=m.astype(np.uint16)), id="uint16"),
        pytest.param(lambda fo, disk, m: fo.Segmentation(mask=m.astype(">u2")), id="big endian"),
        pytest.param(lambda fo, disk, m: fo.Segmentation(mask=m.astype(np.int64)), id="int64"),
        pytest.param(
            lambda fo, disk, m: fo.Segmentation(mask=np.asfortranarray(m, np.uint8)), id="columns first"
        ),
        pytest.param(
            lambda fo, disk, m: fo.Segmentation(
                mask=m.astype(np.uint8), mask_path=disk(np.zeros_like(m)).mask_path
            ),
            id="both, of which FiftyOne shows the one in the database",
        ),
    ],
)
def test_a_mask_counts_the_same_wherever_it_is_kept(fo, streets, on_disk, stored):
    masks = {"gold": on_disk(GOLD), "found": stored(fo, on_disk, FOUND)}
    made = streets({"a": masks})

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.ontology.names == NAMES
    assert evaluation.confusion.tolist() == CONFUSION


@pytest.mark.parametrize("kept", ["a file", "the database"])
def test_colours_are_the_classes_of_hex_targets(fo, streets, on_disk, kept):
    def label(mask):
        pixels = colored(mask)
        return on_disk(pixels) if kept == "a file" else fo.Segmentation(mask=pixels)

    made = streets({"a": {"gold": label(GOLD), "found": label(FOUND)}}, targets=HEX)

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert sorted(evaluation.ontology.names) == sorted(NAMES)
    in_our_order = [evaluation.ontology.index(name) for name in NAMES]
    assert evaluation.confusion[np.ix_(in_our_order, in_our_order)].tolist() == [
        row[:3] for row in CONFUSION[:3]
    ]


def test_a_palette_mask_of_hex_targets_is_read_by_its_colours(streets, on_disk):
    found = on_disk(FOUND, palette=[*COLORS.values()])
    made = streets({"a": {"gold": on_disk(colored(GOLD)), "found": found}}, targets=HEX)

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.confusion.trace() == 9


def test_the_numbers_are_fiftyones_where_nothing_is_unlisted_or_missing(fo, streets, on_disk):
    rng = np.random.default_rng(5)
    gold, found = ({n: rng.integers(0, 3, (9, 7)) for n in "abc"} for _ in range(2))
    masks = {
        n: {"gold": on_disk(gold[n]), "found": fo.Segmentation(mask=found[n].astype(np.uint8))}
        for n in gold
    }
    made = streets(masks, size=(9, 7))

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    theirs = made.evaluate_segmentations("found", gt_field="gold", mask_targets=TARGETS)
    assert evaluation.confusion[:3, :3].tolist() == theirs.pixel_confusion_matrix.tolist()


# ---- what a value means


def test_zero_is_a_class_255_is_ignored_and_a_missing_prediction_is_a_miss(streets, on_disk, tmp_path):
    gold = {
        "a": scenes.drawn("0011 00iI 22II", i=scenes.IGNORE, I=scenes.IGNORE),
        "b": scenes.drawn("0000 1111 2222"),
    }
    found = {"a": scenes.drawn("0111 0022 2200")}
    masks = {n: {"gold": on_disk(np.where(m < 0, 255, m))} for n, m in gold.items()}
    masks["a"]["found"] = on_disk(found["a"])
    made = streets(masks)

    evaluation = segcore.evaluate(
        FiftyOneSource.of(made, "gold", key="stem"),
        FiftyOneSource.of(made, "found", key="stem"),
        ontology=ontology(*NAMES, ignore=(255,)),
    )

    assert evaluation.images.missing_in_delivery == ("b",)
    expected = scenes.confusion(gold, found, classes=3)
    assert evaluation.confusion.tolist() == expected.tolist()
    assert expected[:, 3].tolist() == [4, 4, 4, 0]


def test_ids_beyond_eight_bits_are_not_wrapped(fo, streets, on_disk):
    wide = np.array([7, 1000, 1255])  # 1255 is 231 in eight bits, 1000 is 232
    made = streets(
        {"a": {"gold": on_disk(wide[GOLD], np.uint16), "found": fo.Segmentation(mask=wide[FOUND])}},
        targets={7: "sky", 1000: "car", 1255: "road"},
    )

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.ontology.names == NAMES
    assert evaluation.confusion.tolist() == CONFUSION


def test_values_no_table_could_hold_mean_what_their_targets_say(fo, streets):
    wide = np.array([-1, 70_000, 1 << 40])
    made = streets(
        {"a": {"gold": fo.Segmentation(mask=wide[GOLD]), "found": fo.Segmentation(mask=wide[FOUND])}},
        targets={-1: "sky", 70_000: "car", 1 << 40: "road"},
    )

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.confusion.tolist() == CONFUSION


def test_a_value_no_table_could_hold_and_nobody_lists_is_a_fault(fo, streets, on_disk):
    found = np.where(FOUND == 2, -7, FOUND)
    made = streets({"a": {"gold": on_disk(GOLD), "found": fo.Segmentation(mask=found)}})

    with pytest.raises(InvalidInputError) as error:
        segcore.evaluate(
            FiftyOneSource.of(made, "gold", key="stem"), FiftyOneSource.of(made, "found", key="stem")
        )

    assert faults_of(error) == [("mask.unknown_value", "a", "-7 (2 px)")]


@pytest.mark.parametrize("kept", ["a file", "the database"])
@pytest.mark.parametrize("side", ["gold", "found"])
def test_a_value_nobody_lists_is_a_fault_and_never_dropped(fo, streets, on_disk, kept, side):
    masks = {"gold": GOLD, "found": FOUND}
    masks[side] = np.where(masks[side] == 2, 9, masks[side])
    labels = {
        field: on_disk(m) if kept == "a file" else fo.Segmentation(mask=m.astype(np.uint8))
        for field, m in masks.items()
    }
    made = streets({"a": labels})

    with pytest.raises(InvalidInputError) as error:
        segcore.evaluate(
            FiftyOneSource.of(made, "gold", key="stem"), FiftyOneSource.of(made, "found", key="stem")
        )

    assert faults_of(error) == [("mask.unknown_value", "a", "9 (2 px)")]
    (fault,) = (f for f in error.value.faults if f.severity == "error")
    assert fault.file == f"{made.name}/{side}"


def test_a_zero_nobody_lists_is_unlabeled_and_said_to_be(streets, on_disk):
    targets = {1: "car", 2: "road"}
    made = streets({"a": {"gold": on_disk(GOLD), "found": on_disk(FOUND)}}, targets=targets)

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.ontology.names == ("car", "road")
    assert evaluation.confusion.tolist() == [[4, 0, 2], [0, 2, 0], [1, 0, 3]]
    assert "0, which they do not list, is unlabeled" in evaluation.conventions["mask targets"]


def test_black_that_nobody_lists_is_unlabeled_too(streets, on_disk):
    black = {**COLORS, 0: (0, 0, 0)}
    targets = {name: label for name, label in HEX.items() if label != "sky"}
    labels = {"gold": on_disk(colored(GOLD, black)), "found": on_disk(colored(FOUND, black))}
    made = streets({"a": labels}, targets=targets)

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.ontology.names == ("road", "car")  # by value: #0000ff, #ff0000
    assert evaluation.confusion.tolist() == [[2, 0, 0], [0, 4, 2], [0, 1, 3]]
    assert "#000000, which they do not list" in evaluation.conventions["mask targets"]


def test_a_colour_nobody_lists_is_a_fault(streets, on_disk):
    pink = colored(FOUND, {**COLORS, 2: (255, 0, 128)})
    made = streets({"a": {"gold": on_disk(colored(GOLD)), "found": on_disk(pink)}}, targets=HEX)

    with pytest.raises(InvalidInputError) as error:
        segcore.evaluate(
            FiftyOneSource.of(made, "gold", key="stem"), FiftyOneSource.of(made, "found", key="stem")
        )

    assert faults_of(error) == [("mask.unknown_value", "a", "#ff0080 (2 px)")]


@pytest.mark.parametrize(
    ("targets", "pixels"),
    [
        pytest.param(HEX, FOUND, id="values where the targets are colours"),
        pytest.param(TARGETS, colored(FOUND), id="colours where the targets are values"),
    ],
)
@pytest.mark.parametrize("kept", ["a file", "the database"])
def test_colours_and_values_are_not_taken_for_each_other(fo, streets, on_disk, targets, pixels, kept):
    label = on_disk(pixels) if kept == "a file" else fo.Segmentation(mask=pixels.astype(np.uint8))
    made = streets({"a": {"found": label}}, targets=targets)

    report = segcore.check(FiftyOneSource.of(made, "found"))

    assert [f.code for f in report.faults] == ["mask.unexpected_mode"]


def test_two_values_with_one_label_are_one_class(streets, on_disk):
    targets = {0: "sky", 1: "vehicle", 2: "vehicle"}
    made = streets({"a": {"gold": on_disk(GOLD), "found": on_disk(FOUND)}}, targets=targets)

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.ontology.names == ("sky", "vehicle")
    assert evaluation.confusion.tolist() == [[3, 1, 0], [2, 6, 0], [0, 0, 0]]
    assert "one class each: vehicle (1, 2)" in evaluation.conventions["mask targets"]


def test_mask_targets_of_the_field_come_before_those_of_the_dataset(streets, on_disk):
    swapped = {1: "sky", 0: "car", 2: "road"}
    made = streets(
        {"a": {"gold": on_disk(GOLD), "found": on_disk(np.array([1, 0, 2])[FOUND])}},
        field_targets={"found": swapped},
    )

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.confusion.tolist() == CONFUSION


def test_targets_with_their_numbers_as_text_are_numbers(streets, on_disk):
    made = streets({"a": {"gold": on_disk(GOLD), "found": on_disk(FOUND)}}, targets=None)
    # As another client may have left them in the database.
    text = {"default_mask_targets": {"0": "sky", "1": "car", "2": "road"}}
    made._doc._collection.update_one({"_id": made._doc.id}, {"$set": text})
    made.reload()

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.confusion.tolist() == CONFUSION


def test_labels_are_found_in_an_ontology_by_name_and_alias_whatever_their_ids(streets, on_disk):
    made = streets({"a": {"gold": on_disk(GOLD), "found": on_disk(FOUND)}})
    given = Ontology(
        (LabelClass(id=0, name="road"), LabelClass(id=1, name="sky"),
         LabelClass(id=2, name="vehicle", aliases=("car",)))
    )  # fmt: skip

    evaluation = segcore.evaluate(
        FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"), ontology=given
    )

    order = [2, 0, 1]  # road, sky, vehicle in the order of NAMES
    assert evaluation.confusion[:3, :3].tolist() == np.array(CONFUSION)[np.ix_(order, order)].tolist()


def test_a_listed_value_the_ontology_ignores_is_ignored_unless_its_label_is_a_class(streets, on_disk):
    gold = np.where(GOLD == 2, 255, GOLD)
    targets = {0: "sky", 1: "car", 255: "void"}
    made = streets({"a": {"gold": on_disk(gold), "found": on_disk(FOUND % 2)}}, targets=targets)
    sides = FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found")

    ignored = segcore.evaluate(*sides, ontology=ontology("sky", "car", ignore=(255,)))
    counted = segcore.evaluate(*sides, ontology=ontology("sky", "car", "void"))

    assert ignored.confusion.tolist() == [[3, 1, 0], [2, 4, 0], [0, 0, 0]]
    assert counted.confusion.tolist() == [[3, 1, 0, 0], [2, 4, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]


def test_without_mask_targets_the_ids_of_the_ontology_are_the_values(streets, on_disk):
    made = streets({"a": {"gold": on_disk(GOLD), "found": on_disk(FOUND)}}, targets=None)

    by_argument = segcore.evaluate(
        FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"), ontology=ontology(*NAMES)
    )
    by_gold = segcore.evaluate(
        FiftyOneSource.of(made, "gold", ontology=ontology(*NAMES)), FiftyOneSource.of(made, "found")
    )

    assert by_argument.confusion.tolist() == CONFUSION
    assert by_gold.confusion.tolist() == CONFUSION


def test_without_mask_targets_and_ontology_nobody_knows_what_a_value_is(streets, on_disk):
    made = streets({"a": {"gold": on_disk(GOLD)}}, targets=None)

    with pytest.raises(OntologyError, match="default_mask_targets"):
        FiftyOneSource.of(made, "gold").read(made.first().id)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        pytest.param({1: "car", "#ff0000": "road"}, "not both", id="values and colours"),
        pytest.param({1: "  "}, "a label is text", id="a blank label"),
        pytest.param({1: "a\x1b[31m"}, "no control characters", id="a label that moves the cursor"),
        pytest.param({1: "x" * 2000}, "at most 1024", id="an endless label"),
        pytest.param({"#FF0000": "car", "#ff0000": "road"}, "two labels", id="one colour, two labels"),
        pytest.param({"1.5": "car"}, "an integer or a colour", id="a fraction"),
    ],
)
def test_mask_targets_that_are_none_are_refused_with_their_reason(streets, on_disk, targets, said):
    made = streets({"a": {"gold": on_disk(GOLD)}}, targets=None)
    raw = {"default_mask_targets": {str(k): v for k, v in targets.items()}}
    made._doc._collection.update_one({"_id": made._doc.id}, {"$set": raw})
    made.reload()

    with pytest.raises(OntologyError, match=said):
        segcore.check(FiftyOneSource.of(made, "gold"))


def test_a_mask_of_booleans_is_zeros_and_ones(fo, streets, on_disk):
    made = streets({"a": {"gold": on_disk(GOLD % 2), "found": fo.Segmentation(mask=FOUND == 1)}})

    evaluation = segcore.evaluate(FiftyOneSource.of(made, "gold"), FiftyOneSource.of(made, "found"))

    assert evaluation.confusion[:2, :2].tolist() == [[5, 1], [2, 4]]
