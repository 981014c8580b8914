"""A batch from end to end, on sources small enough to count by hand."""

from __future__ import annotations

import gc
import hashlib
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import segcore
from segcore.annotation import ImageAnnotation, LabelMap, Region, Regions, RunMask
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.faults import FaultLog
from segcore.ontology import LabelClass, Ontology
from segcore.sources import Source

ONTOLOGY = Ontology(
    (LabelClass(id=0, name="sky"), LabelClass(id=1, name="car")), ignore=(255,), unlabeled=(254,)
)
SYMBOLS = {"s": 0, "c": 1, ".": 254, "?": 255, "!": 77}


def labels(drawing: str) -> np.ndarray:
    """``s`` sky, ``c`` car, ``.`` unlabeled, ``?`` ignore, ``!`` a value nobody declared."""
    return np.array([[SYMBOLS[x] for x in row] for row in drawing.split()], np.uint8)


class Drawn(Source):
    """A source of label maps or regions held in memory: what a third party would write."""

    def __init__(self, images, *, ontology=ONTOLOGY, name="drawn:"):
        self.images, self.name, self.faults = images, name, FaultLog()
        self._ontology = ontology

    @property
    def ontology(self):
        return self._ontology

    def keys(self):
        return tuple(sorted(self.images))

    def read(self, key):
        held = self.images[key]
        if isinstance(held, Regions):
            return ImageAnnotation(
                key=key, height=held.height, width=held.width, content=held, read=len(held)
            )
        content = LabelMap(values=held, lookup=self._ontology.lookup(256))
        return ImageAnnotation(key=key, height=held.shape[0], width=held.shape[1], content=content)

    def annotation_count(self, key):
        held = self.images[key]
        return len(held) if isinstance(held, Regions) else 1

    def digest(self):
        return hashlib.sha256(repr([(key, self._held(key)) for key in self.keys()]).encode()).hexdigest()

    def _held(self, key):
        held = self.images[key]
        if isinstance(held, Regions):
            return [getattr(held, name).tolist() for name in ("starts", "ends", "offsets", "classes")]
        return held.tolist()


def drawn(**drawings):
    return Drawn({key: labels(drawing) for key, drawing in drawings.items()})


def test_gold_that_is_delivered_again_is_said_aloud():
    found = segcore.evaluate(drawn(a="sc", b="cc"), drawn(a="sc", b="cc"))

    assert [(f.code, f.severity.value) for f in found.faults] == [("delivery.same_as_gold", "warning")]
    assert segcore.evaluate(drawn(a="sc"), drawn(a="ss")).faults == ()


def regions(*pairs, shape, crowd=()):
    """Regions from (class index, rows of 0 and 1)."""
    made = [
        Region(class_index=c, mask=RunMask.from_array(mask), crowd=i in crowd, id=i + 1)
        for i, (c, mask) in enumerate(pairs)
    ]
    return Regions.from_regions(made, height=shape[0], width=shape[1])


def mask(drawing: str) -> np.ndarray:
    return np.array([[x == "#" for x in row] for row in drawing.split()])


def test_the_confusion_counts_every_pixel_the_gold_does_not_ignore():
    gold = drawn(a="sscc ss.? cc??")
    delivery = drawn(a="sccc ss.s .c?c")

    found = segcore.evaluate(gold, delivery)

    #           delivered: sky car other
    assert found.confusion.tolist() == [[3, 1, 0], [0, 3, 1], [0, 0, 1]]


def test_scores_follow_from_the_confusion_by_hand():
    found = segcore.evaluate(drawn(a="ssss cc.."), drawn(a="sscc c.c."))

    sky, car = found.classes
    assert (sky.intersection, sky.union, sky.iou) == (2, 4, 0.5)
    assert (car.intersection, car.union, car.iou) == (1, 5, 0.2)
    assert (sky.precision, sky.recall, sky.dice) == (1.0, 0.5, 4 / 6)
    assert (car.precision, car.recall, car.dice) == (1 / 4, 1 / 2, 2 / 6)
    assert found.mean_iou == pytest.approx(0.35, abs=1e-15)
    assert found.pixel_accuracy == 3 / 6
    assert found.frequency_weighted_iou == pytest.approx((4 * 0.5 + 2 * 0.2) / 6, abs=1e-15)


def test_a_class_neither_side_holds_is_undefined_and_left_out_of_the_mean():
    found = segcore.evaluate(drawn(a="ss"), drawn(a="ss"))

    sky, car = found.classes
    assert (car.iou, car.dice, car.precision, car.recall, car.mean_image_iou) == (None,) * 5
    assert found.mean_iou == sky.iou == 1.0
    assert found.to_json()["mean"] == {"iou": 1.0, "classes": 1}


def test_a_class_only_the_delivery_holds_scores_zero():
    found = segcore.evaluate(drawn(a="ss"), drawn(a="sc"))

    assert found.classes[1].iou == 0.0
    assert found.classes[1].support_images == 0


def test_a_gold_image_that_was_not_delivered_counts_as_missed_and_is_named():
    found = segcore.evaluate(drawn(a="sc", b="cc"), drawn(a="sc"))

    assert found.images.missing_in_delivery == ("b",)
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 2], [0, 0, 0]]
    assert [(f.code, f.image) for f in found.faults] == [("delivery.missing_image", "b")]


def test_a_missing_image_given_as_regions_counts_as_missed_too():
    gold = Drawn(
        {"a": regions((0, mask("#. ..")), shape=(2, 2)), "b": regions((1, mask("## ..")), shape=(2, 2))}
    )

    found = segcore.evaluate(gold, Drawn({"a": gold.images["a"]}))

    assert found.confusion.tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 5]]


def test_an_image_the_gold_does_not_hold_is_reported_and_not_scored():
    found = segcore.evaluate(drawn(a="s"), drawn(a="s", z="c"))

    assert found.images.extra_in_delivery == ("z",)
    assert found.confusion.sum() == 1
    assert found.counts["delivery"].ignored == {"image not in gold": 1}


def test_a_delivery_of_other_images_is_refused_and_not_scored_as_zero():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s"), drawn(b="s"))

    assert [f.code for f in refused.value.faults if f.severity == "error"] == ["delivery.image_match"]


def test_a_size_mismatch_is_a_named_fault_and_not_a_resize():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="ss ss", b="s"), drawn(a="s s", b="s"))

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("delivery.size_mismatch", "a")
    assert (fault.expected, fault.got) == ("2 x 2", "1 x 2")


def test_ignore_in_a_delivery_over_counted_gold_is_wrong_and_said_aloud():
    found = segcore.evaluate(drawn(a="ss?"), drawn(a="s??"))

    assert found.classes[0].iou == 0.5
    assert [(f.code, f.got) for f in found.faults] == [("mask.vendor_void", "1 px of ignore")]


@pytest.mark.parametrize("side", ["gold", "delivery"])
def test_a_value_nobody_declared_refuses_the_input(side):
    good, bad = drawn(a="ss"), drawn(a="s!")

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(*((bad, good) if side == "gold" else (good, bad)))

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("mask.unknown_value", "a")
    assert "77" in fault.got


def test_classes_are_matched_by_name_and_never_by_id():
    swapped = Ontology((LabelClass(id=0, name="car"), LabelClass(id=1, name="sky")))
    delivery = Drawn({"a": np.array([[1, 0]], np.uint8)}, ontology=swapped)

    found = segcore.evaluate(drawn(a="sc"), delivery)

    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_class_may_be_delivered_under_an_alias():
    target = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="car", aliases=("auto",))))
    vendor = Ontology((LabelClass(id=7, name="auto"),))
    delivery = Drawn({"a": regions((0, mask(".#")), shape=(1, 2))}, ontology=vendor)

    found = segcore.evaluate(drawn(a="sc"), delivery, ontology=target)

    assert found.confusion.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_a_delivered_class_the_ontology_does_not_have_names_the_annotation():
    vendor = Ontology((LabelClass(id=7, name="carr"),))
    delivery = Drawn({"a": regions((0, mask(".#")), shape=(1, 2))}, ontology=vendor)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="sc"), delivery)

    (fault,) = refused.value.faults
    assert (fault.code, fault.image, fault.annotation) == ("coco.unknown_class_name", "a", 1)
    assert "did you mean 'car'" in fault.got


def test_a_value_of_a_class_the_evaluation_does_not_have_is_refused_too():
    vendor = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="tram")))
    delivery = Drawn({"a": np.array([[0, 1]], np.uint8)}, ontology=vendor)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="sc"), delivery)

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("mask.unknown_value", "a")
    assert "1 (1 px)" in fault.got


BIG, SMALL = "#### #### ####", ".... .##. ...."


@pytest.mark.parametrize(
    ("rule", "order", "cars"),
    [
        ("smallest", "big first", 2),
        ("smallest", "small first", 2),
        ("last", "big first", 2),
        ("last", "small first", 0),
    ],
)
def test_the_overlap_rule_says_who_owns_a_contested_pixel(rule, order, cars):
    pairs = [(0, mask(BIG)), (1, mask(SMALL))]
    held = regions(*(pairs if order == "big first" else pairs[::-1]), shape=(3, 4))

    found = segcore.evaluate(drawn(a="ssss sccs ssss"), Drawn({"a": held}), overlap=rule)

    assert found.classes[1].delivery_pixels == cars
    assert found.classes[0].delivery_pixels == 12 - cars


def test_the_overlap_rule_error_names_image_pixel_and_annotations():
    held = regions((0, mask(BIG)), (1, mask(SMALL)), shape=(3, 4))

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="ssss sccs ssss"), Drawn({"a": held}), overlap="error")

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("semantic.overlap", "a")
    assert fault.got == "2 px shared, first at x=1 y=1 by annotations [1, 2]"


def test_the_overlap_rule_error_sees_a_class_hidden_between_two_of_another():
    held = regions((1, mask("##")), (0, mask("#.")), (1, mask("##")), shape=(1, 2))

    with pytest.raises(InvalidInputError, match="1 px shared"):
        segcore.evaluate(drawn(a="cc"), Drawn({"a": held}), overlap="error")


def test_regions_of_one_class_may_overlap_under_any_rule():
    held = regions((0, mask(BIG)), (0, mask(SMALL)), shape=(3, 4))

    found = segcore.evaluate(drawn(a="ssss ssss ssss"), Drawn({"a": held}), overlap="error")

    assert found.classes[0].iou == 1.0


def test_gold_crowd_is_ignored_but_where_an_ordinary_region_covers_it():
    gold = Drawn({"a": regions((1, mask("###.")), (1, mask("#...")), shape=(1, 4), crowd={0})})
    delivery = drawn(a="ccs.")

    ignored = segcore.evaluate(gold, delivery)
    counted = segcore.evaluate(gold, delivery, crowd="class")

    assert ignored.confusion.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert counted.confusion.tolist() == [[0, 0, 0], [1, 2, 0], [0, 0, 1]]
    assert ignored.counts["gold"].ignored == {"crowd region": 1}
    assert ignored.classes[1].support_instances == 1


@given(
    hnp.arrays(np.uint8, (5, 4), elements=st.sampled_from([0, 1, 254])),
    hnp.arrays(np.uint8, (5, 4), elements=st.sampled_from([0, 1, 254])),
)
@settings(max_examples=60, deadline=None)
def test_dense_and_region_inputs_in_any_mix_give_the_same_confusion(gold, delivery):
    def as_regions(values):
        return regions(*((c, values == c) for c in (0, 1)), shape=values.shape)

    dense = segcore.evaluate(Drawn({"a": gold}), Drawn({"a": delivery})).confusion

    expected = np.zeros((3, 3), np.int64)
    np.add.at(expected, (np.minimum(gold, 2).ravel(), np.minimum(delivery, 2).ravel()), 1)
    assert np.array_equal(dense, expected)
    for g in (gold, as_regions(gold)):
        for d in (delivery, as_regions(delivery)):
            assert np.array_equal(segcore.evaluate(Drawn({"a": g}), Drawn({"a": d})).confusion, expected)


def batch(n=40):
    rng = np.random.default_rng(3)
    gold = {f"i{i:02d}": rng.choice(np.array([0, 1, 254, 255], np.uint8), (6, 7)) for i in range(n)}
    delivery = {
        key: np.where(rng.random((6, 7)) < 0.8, v, np.uint8(1)).astype(np.uint8)
        for key, v in gold.items()
    }
    return gold, delivery


def test_the_same_bytes_come_out_for_any_number_of_jobs_and_any_order():
    gold, delivery = batch()
    shuffled = {key: delivery[key] for key in reversed(delivery)}

    alone = segcore.evaluate(Drawn(gold), Drawn(delivery))
    together = segcore.evaluate(Drawn(gold), Drawn(shuffled), jobs=2, backend="threading")

    assert json.dumps(alone.to_json()) == json.dumps(together.to_json())


SAMPLE = Path(__file__).parent.parent / "data" / "coco_val2014_6"


def test_worker_processes_give_the_same_bytes(tmp_path):
    gold = f"coco:{next(SAMPLE.glob('instances*.json'))}"

    alone = segcore.evaluate(gold, gold)
    together = segcore.evaluate(gold, gold, jobs=2)

    assert alone.mean_iou == 1.0
    assert json.dumps(alone.to_json()) == json.dumps(together.to_json())


def test_the_order_of_images_and_annotations_in_a_file_does_not_matter(tmp_path):
    document = json.loads(next(SAMPLE.glob("instances*.json")).read_text())
    shuffled = {key: value[::-1] for key, value in document.items() if isinstance(value, list)}
    (tmp_path / "gold.json").write_text(json.dumps(document))
    (tmp_path / "shuffled.json").write_text(json.dumps(shuffled))
    keep = [a for a in document["annotations"] if a["id"] % 3]
    (tmp_path / "delivery.json").write_text(json.dumps(document | {"annotations": keep}))
    (tmp_path / "reversed.json").write_text(json.dumps(shuffled | {"annotations": keep[::-1]}))

    one = segcore.evaluate(f"coco:{tmp_path}/gold.json", f"coco:{tmp_path}/delivery.json").to_json()
    two = segcore.evaluate(f"coco:{tmp_path}/shuffled.json", f"coco:{tmp_path}/reversed.json").to_json()

    assert one.pop("inputs") != two.pop("inputs")  # they are other files
    assert one == two
    assert 0 < one["mean"]["iou"] < 1


def test_progress_counts_up_to_all_images():
    gold, delivery = batch()
    seen = []

    segcore.evaluate(
        Drawn(gold), Drawn(delivery), progress=lambda done, total: seen.append((done, total))
    )

    assert seen == [(16, 40), (32, 40), (40, 40)]


def test_the_table_has_a_row_for_every_class_an_image_holds():
    found = segcore.evaluate(drawn(a="sc", b="ss"), drawn(a="ss", b="ss"))

    assert found.table() == {
        "image": ["a", "a", "b"],
        "class": ["sky", "car", "sky"],
        "intersection": [1, 0, 2],
        "union": [2, 1, 2],
        "gold_pixels": [1, 1, 2],
        "delivery_pixels": [2, 0, 2],
        "iou": [0.5, 0.0, 1.0],
        "dice": [2 / 3, 0.0, 1.0],
        "precision": [0.5, None, 1.0],
        "recall": [1.0, 0.0, 1.0],
    }


def test_the_pooled_score_and_the_mean_over_images_are_told_apart():
    found = segcore.evaluate(drawn(a="cccc", b="c..."), drawn(a="cccc", b="...."))

    car = found.classes[1]
    assert car.iou == 4 / 5
    assert car.mean_image_iou == 0.5


def test_every_fault_of_both_inputs_is_reported_in_one_run():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s!", b="ss", c="!!"), drawn(a="ss", b="s", c="ss"))

    found = [(f.code, f.image) for f in refused.value.faults]
    assert found == [
        ("mask.unknown_value", "a"),
        ("delivery.size_mismatch", "b"),
        ("mask.unknown_value", "c"),
    ]


def test_an_invalid_input_has_the_document_of_the_contract():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s!"), drawn(a="ss"))

    found = json.loads(json.dumps(refused.value.to_json()))
    assert (found["schema"], found["outcome"]) == (1, "invalid")
    assert [i["role"] for i in found["inputs"]] == ["gold", "delivery"]
    refused_one = {"annotations_read": 1, "used": 0, "rejected": 1, "ignored": {}}
    assert found["counts"]["gold"] == refused_one
    assert found["counts"]["delivery"] == refused_one | {"used": 1, "rejected": 0}
    assert found["faults"][0]["code"] == "mask.unknown_value"


def test_what_only_the_pair_shows_to_be_wrong_is_rejected_and_not_used():
    vendor = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="tram")))
    two = regions((1, mask(".#")), (0, mask("#.")), shape=(1, 2))
    delivery = Drawn({"a": two, "b": two}, ontology=vendor)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="sc", b="scs"), delivery)

    # of image a one region is no class; image b has the wrong size with both its regions
    assert [(f.code, f.image) for f in refused.value.faults] == [
        ("coco.unknown_class_name", "a"),
        ("delivery.size_mismatch", "b"),
    ]
    counts = refused.value.counts["delivery"]
    assert (counts.read, counts.used, counts.rejected) == (4, 1, 3)


def test_a_fault_names_the_file_and_not_the_folder(tmp_path):
    for side, value in (("gold", 0), ("delivery", 77)):
        folder = tmp_path / side / "city"
        folder.mkdir(parents=True)
        Image.fromarray(np.full((2, 2), value, np.uint8)).save(folder / "a.png")

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(f"png:{tmp_path}/gold", f"png:{tmp_path}/delivery", ontology=ONTOLOGY)
    checked = segcore.check(f"png:{tmp_path}/delivery", ontology=ONTOLOGY)

    for faults in (refused.value.faults, checked.faults):
        assert [f.file for f in faults] == [str(tmp_path / "delivery" / "city" / "a.png")]


def test_a_document_that_cannot_be_read_is_one_fault_and_not_one_for_each_image(tmp_path):
    (tmp_path / "broken.json").write_text("{")

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s", b="s", c="s"), f"coco:{tmp_path}/broken.json")

    assert [f.code for f in refused.value.faults] == ["json.syntax"]


def test_an_evaluation_in_this_process_does_not_keep_its_sources():
    gold = drawn(a="s")
    held = weakref.ref(gold)

    segcore.evaluate(gold, drawn(a="s"))
    del gold
    gc.collect()

    assert held() is None


def test_masks_without_classes_ask_for_an_ontology():
    with pytest.raises(OntologyError, match=r"names no classes.*ontology"):
        segcore.evaluate(Drawn({"a": labels("s")}, ontology=None), drawn(a="s"))


@pytest.mark.parametrize(
    "options", [{"task": "semantics"}, {"jobs": 0}, {"overlap": "first"}, {"crowd": "count"}]
)
def test_an_option_out_of_range_is_a_usage_error(options):
    with pytest.raises(UsageError):
        segcore.evaluate(drawn(a="s"), drawn(a="s"), **options)


def test_check_names_undeclared_values_and_counts_what_it_read():
    found = segcore.check(drawn(a="s!", b="ss"))

    assert [(f.code, f.image) for f in found.faults] == [("mask.unknown_value", "a")]
    assert (found.counts.read, found.counts.used, found.counts.rejected) == (2, 1, 1)


# ---- what a source says of itself


class Annotated(Drawn):
    """A source that leaves annotations out and has conventions of its own."""

    alpha = 128

    @property
    def left_out(self):
        return {"draft": 2, "none of these": 0}

    @property
    def conventions(self):
        return {"brush": f"alpha from {self.alpha}"}


def test_what_a_source_leaves_out_is_read_and_ignored():
    images = {"a": labels("sc")}

    found = segcore.evaluate(drawn(a="sc"), Annotated(images))

    assert found.counts["delivery"].to_json() == {
        "annotations_read": 3,
        "used": 1,
        "rejected": 0,
        "ignored": {"draft": 2},
    }
    assert found.counts["gold"].read == 1


def test_the_conventions_of_a_source_are_reported_with_its_side():
    images = {"a": labels("sc")}
    other = Annotated(images, name="other:")
    other.alpha = 1

    one = segcore.evaluate(drawn(a="ss"), Annotated(images)).conventions
    same = segcore.evaluate(Annotated(images), Annotated(images)).conventions
    two = segcore.evaluate(Annotated(images), other).conventions

    assert one["brush"] == "delivery: alpha from 128"
    assert same["brush"] == "alpha from 128"
    assert two["brush"] == "gold: alpha from 128; delivery: alpha from 1"
    assert {"iou", "mean", "unlabeled"} <= set(one)


NOTHING = regions(shape=(0, 0))


def test_an_annotation_of_nothing_has_the_size_of_the_other_side():
    square = regions((1, mask("##. ##.")), shape=(2, 3))

    empty_delivery = segcore.evaluate(Drawn({"a": square}), Drawn({"a": NOTHING}))
    empty_gold = segcore.evaluate(Drawn({"a": NOTHING}), Drawn({"a": square}))
    label_map = segcore.evaluate(drawn(a="scc s.c"), Drawn({"a": NOTHING}))

    #                                          delivered: sky car other
    assert empty_delivery.confusion.tolist() == [[0, 0, 0], [0, 0, 4], [0, 0, 2]]
    assert empty_gold.confusion.tolist() == [[0, 0, 0], [0, 0, 0], [0, 4, 2]]
    assert label_map.confusion.tolist() == [[0, 0, 2], [0, 0, 3], [0, 0, 1]]


def test_two_annotations_of_nothing_agree_on_no_pixel():
    found = segcore.evaluate(
        Drawn({"a": NOTHING, "b": regions((0, mask("#")), shape=(1, 1))}),
        Drawn({"a": NOTHING, "b": regions((0, mask("#")), shape=(1, 1))}),
    )

    assert found.confusion.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert found.images.paired == ("a", "b")


def test_regions_of_another_size_are_still_refused():
    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(
            Drawn({"a": regions((0, mask("#")), shape=(1, 1))}),
            Drawn({"a": regions((0, mask("##")), shape=(1, 2))}),
        )

    assert [f.code for f in caught.value.faults] == ["delivery.size_mismatch"]


class ByAnnotator(Drawn):
    """Keys such as ``a@2``: the image a as annotator 2 saw it."""

    def image_of(self, key):
        return key.partition("@")[0]


def test_several_annotations_of_one_image_count_each_against_its_gold():
    gold = drawn(a="sc", b="cc", c="ss")
    delivery = ByAnnotator({"a@1": labels("sc"), "a@2": labels("ss"), "c@2": labels("sc")})

    found = segcore.evaluate(gold, delivery)

    #                                  delivered: sky car other
    assert found.confusion.tolist() == [[3, 1, 0], [1, 1, 2], [0, 0, 0]]
    assert found.images.gold == 3
    assert found.images.paired == ("a@1", "a@2", "c@2")
    assert found.images.missing_in_delivery == ("b",)
    assert found.counts["gold"].used == 3
    assert found.counts["delivery"].used == 3
    assert found.inputs[0].sha256 == segcore.evaluate(gold, gold).inputs[0].sha256


def test_gold_crowds_and_faults_count_once_however_often_the_gold_is_used():
    square = mask("##")
    gold = Drawn({"a": regions((0, square), (1, square), shape=(1, 2), crowd={1})})
    ghost = Ontology((*ONTOLOGY.classes, LabelClass(id=2, name="ghost")))
    bad = Drawn({"a": regions((2, square), (1, square), shape=(1, 2))}, ontology=ghost)
    twice = ByAnnotator({"a@1": labels("ss"), "a@2": labels("ss")})

    crowd = segcore.evaluate(gold, twice)
    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(bad, twice, ontology=ONTOLOGY)

    assert crowd.counts["gold"].to_json()["ignored"] == {"crowd region": 1}
    assert [f.code for f in caught.value.faults] == ["coco.unknown_class_name"]
    assert caught.value.counts["gold"].rejected == 1


def test_an_annotation_of_an_image_the_gold_does_not_hold_is_extra():
    found = segcore.evaluate(
        drawn(a="sc"), ByAnnotator({"a@1": labels("sc"), "x@1": labels("sc"), "x@2": labels("sc")})
    )

    assert found.images.extra_in_delivery == ("x@1", "x@2")
    assert found.counts["delivery"].to_json()["ignored"] == {"image not in gold": 2}
