"""Which images fail a gate on objects or segments, and which objects are to blame: by hand."""

from __future__ import annotations

import pytest

from segcore_gates.evaluations import Evaluations
from segcore_gates.judged import judged_batch
from segcore_gates.policy_file import load_policy

THINGS = (
    "ontology: {classes: [{id: 1, name: car, thing: true}, {id: 2, name: person, thing: true}, "
    "{id: 3, name: rider, thing: false}]}\n"
)

A, B, C = (0, 0, 40, 40), (100, 0, 20, 20), (0, 100, 100, 100)
"""Gold cars of 1600, 400 and 10000 pixels."""
HALF_A, MOST_OF_C, ELSEWHERE = (0, 0, 24, 40), (0, 100, 80, 100), (200, 200, 30, 30)
"""IoU 0.6 with A, 0.8 with C, none with anything."""

GOLD = [{"car": [A, B, C]}, {"car": [A]}, {"car": [C], "person": [B]}]
DELIVERY = [{"car": [HALF_A, MOST_OF_C, ELSEWHERE]}, {"car": [A]}, {"car": [MOST_OF_C], "person": [B]}]


@pytest.fixture
def failing(tmp_path, write_objects):
    """A function from gates to what fails: rule, image, value, and the areas of the objects to blame."""

    def found(gates, gold=GOLD, delivery=DELIVERY, **options):
        policy = load_policy(write_objects(tmp_path, gold, delivery, gates, **options), environ={})
        return [told(row) for row in judged_batch(policy, Evaluations(None)).failing_objects()]

    return found


def told(row):
    table = row.evaluation.tallies
    gold, delivery = table.gold.areas_px, table.delivery.areas_px
    return (
        row.rule_id,
        row.image,
        round(row.value, 4),
        gold[row.missed].tolist(),
        delivery[row.extra].tolist(),
        sorted(
            (int(gold[g]), int(delivery[d]), round(iou, 4))
            for g, d, iou in zip(row.pairs.gold, row.pairs.delivery, row.pairs.iou.tolist(), strict=True)
        ),
    )


A_PAIR, C_PAIR = (1600, 960, 0.6), (10000, 8000, 0.8)


def gate(metric, keys, limit):
    return f"g: {{metric: {metric}, {keys}, classes: [car], min: {{default: {limit}}}}}"


@pytest.mark.parametrize(
    ("metric", "keys", "limit", "expected"),
    [
        # 2 found, 1 missed, 1 extra: 4/6.  The pairs are found, so they are not to blame.
        ("f1", "iou: 0.5", 0.9, [("001", 0.6667, [400], [900], [])]),
        # 1 found, 2 missed, 2 extra: 2/6.  A is near.
        ("f1", "iou: 0.75", 0.9, [("001", 0.3333, [400], [900], [A_PAIR])]),
        ("recall", "iou: 0.75", 0.9, [("001", 0.3333, [400], [], [A_PAIR])]),
        ("precision", "iou: 0.75", 0.9, [("001", 0.3333, [], [900], [A_PAIR])]),
        # (0.6 + 0.8) / 2, and 0.8 alone.
        (
            "matched-iou",
            "iou: 0.5",
            0.85,
            [("001", 0.7, [], [], [A_PAIR, C_PAIR]), ("003", 0.8, [], [], [C_PAIR])],
        ),
        # 0.9 is asked of 1000 pixels and more, which neither pair has.
        (
            "good-object-share",
            "curve: {100: 0.4, 1000: 0.9}",
            0.9,
            [("001", 0.0, [400], [], [A_PAIR, C_PAIR]), ("003", 0.0, [], [], [C_PAIR])],
        ),
        # Overlaps reached, of ten: 3 by A, 7 by C.  2 (0.3 + 0.7) / 6, and 0.7.
        (
            "ap",
            'iou: "0.5:0.95", scores: equal',
            0.8,
            [("001", 0.3333, [400], [900], [A_PAIR, C_PAIR]), ("003", 0.7, [], [], [C_PAIR])],
        ),
        # (0.3 + 0.7) / 3, and 0.7; what is extra does not lower recall.
        (
            "ar",
            'iou: "0.5:0.95", scores: equal',
            0.8,
            [("001", 0.3333, [400], [], [A_PAIR, C_PAIR]), ("003", 0.7, [], [], [C_PAIR])],
        ),
    ],
)
def test_objects_that_lower_a_metric_are_to_blame_where_an_image_is_below_the_limit(
    failing, metric, keys, limit, expected
):
    assert failing(gate(metric, keys, limit)) == [("g[car]", *row) for row in expected]


def test_a_gate_that_passes_blames_nothing(failing):
    # 5 found, 1 missed, 1 extra in all images: 8/10.
    assert failing(gate("f1", "iou: 0.5", 0.8)) == []


def test_an_image_at_the_limit_does_not_fail(failing):
    # 1 of 2, 1 of 2 and 1 of 3; in the batch 3 of 7.
    gold = [{"car": [A, B]}, {"car": [A, C]}, {"car": [A, B, C]}]

    rows = failing(gate("recall", "iou: 0.5", 0.5), gold, [{"car": [A]}] * 3)

    assert [(row[1], row[2]) for row in rows] == [("003", 0.3333)]


def test_a_size_band_blames_objects_of_its_size_only(failing):
    # Small are B of 400 pixels, the 900 that are extra, and of the medium A the 960 that are drawn.
    gates = "g: {metric: f1, iou: 0.75, classes: [car], sizes: {small: {default: 0.5}}}"

    assert failing(gates) == [("g@small[car]", "001", 0.0, [400], [900], [A_PAIR])]


def test_boundaries_that_do_not_fit_make_a_pair(failing):
    # Bands of one pixel: of C 396, of its part 356, of which 80 + 80 + 98 are shared; 258 / 494 = 0.522.
    gates = "g: {metric: f1, iou: 0.75, dilation: 1px, classes: [car], min: {default: 0.9}}"

    (_, last) = failing(gates)

    assert last[1:5] == ("003", 0.0, [], [])
    assert last[5] == [(10000, 8000, 0.5223)]


def test_a_class_on_one_side_only_is_to_blame_as_a_whole(failing):
    gates = (
        gate("matched-iou", "iou: 0.5", 0.5) + "\n" + gate("recall", "iou: 0.5", 0.5).replace("g:", "h:")
    )

    only_gold = failing(gates, [{"car": [A]}], [{"person": [B]}])
    only_delivered = failing(gates, [{"person": [B]}], [{"car": [A], "person": [B]}])

    assert only_gold == [(f"{g}[car]", "001", 0.0, [1600], [], []) for g in "gh"]
    assert only_delivered == [(f"{g}[car]", "001", 0.0, [], [1600], []) for g in "gh"]


def test_where_nothing_is_found_the_iou_of_what_is_found_blames_all(failing):
    rows = failing(gate("matched-iou", "iou: 0.5", 0.5), [{"car": [A]}], [{"car": [ELSEWHERE]}])

    assert rows == [("g[car]", "001", 0.0, [1600], [900], [])]


def test_an_image_that_was_not_delivered_misses_all_its_objects(failing):
    rows = failing(gate("f1", "iou: 0.5", 0.9), [{"car": [A]}] * 2, [{"car": [A]}])

    assert rows == [("g[car]", "002", 0.0, [1600], [], [])]


def test_crowds_and_what_lies_in_them_are_not_to_blame(failing):
    crowd = (100, 100, 100, 100)
    inside = (110, 110, 20, 20)

    rows = failing(
        gate("f1", "iou: 0.5", 0.9), [{"car": [A, B]}], [{"car": [A, inside]}], crowds=[crowd]
    )

    # 1 found, 1 missed: 2/3.
    assert rows == [("g[car]", "001", 0.6667, [400], [], [])]


def test_where_no_image_is_below_the_limit_each_with_something_to_blame_fails(failing):
    # F1 is 4/5 in two images.  AP: 5 of 6 delivered are right and 5 of 6 found, so 84 of 101 recalls are
    # reached, at a precision of 5/6: 0.69.
    gold = [{"car": [A, C]}, {"car": [A, B, C]}, {"car": [B]}]
    delivery = [{"car": [A, C, ELSEWHERE]}, {"car": [A, C]}, {"car": [B]}]

    rows = failing(gate("ap", 'iou: "0.5", scores: equal', 0.75), gold, delivery)

    assert rows == [
        ("g[car]", "001", 0.8, [], [900], []),
        ("g[car]", "002", 0.8, [400], [], []),
    ]


# ---- segments


GROUND, PART = (0, 200, 300, 100), (0, 200, 200, 100)
SCENE = [{"car": [A, B], "rider": [GROUND]}, {"car": [A], "rider": [GROUND]}]
DRAWN = [
    {"car": [HALF_A, (250, 200, 30, 30)], "rider": [PART]},
    {"car": [A], "rider": [GROUND]},
]
"""Of the first image B is missed, a car of 900 pixels is extra, a third of the ground not drawn."""

GROUND_PAIR = (30000, 20000, 0.6667)


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        # Cars 2 x 0.6 / (2 + 1 + 1), ground 2/3.
        (
            "{metric: pq, min: {default: 0.9}}",
            [
                ("g[car]", "001", 0.3, [400], [900], [A_PAIR]),
                ("g[rider]", "001", 0.6667, [], [], [GROUND_PAIR]),
            ],
        ),
        ("{metric: rq, min: {default: 0.9}}", [("g[car]", "001", 0.5, [400], [900], [])]),
        (
            "{metric: sq, min: {default: 0.9}}",
            [
                ("g[car]", "001", 0.6, [], [], [A_PAIR]),
                ("g[rider]", "001", 0.6667, [], [], [GROUND_PAIR]),
            ],
        ),
        (
            "{metric: mean-pq, min: 0.9}",
            [
                ("g", "001", 0.3, [400], [900], [A_PAIR]),
                ("g", "001", 0.6667, [], [], [GROUND_PAIR]),
            ],
        ),
        (
            "{metric: mean-pq, classes: stuff, min: 0.9}",
            [("g", "001", 0.6667, [], [], [GROUND_PAIR])],
        ),
    ],
)
def test_segments_are_to_blame_class_by_class(failing, gates, expected):
    assert failing(f"g: {gates}", SCENE, DRAWN, ontology=THINGS) == expected


def test_segments_mostly_in_void_are_not_to_blame(failing):
    # 400 of the 600 pixels of the second car lie above the ground, where gold says nothing.
    drawn = [{"car": [A, (250, 180, 20, 30)], "rider": [(0, 210, 300, 90)]}]

    rows = failing(
        "g: {metric: pq, min: {default: 0.95}}", [{"car": [A, B], "rider": [GROUND]}], drawn,
        ontology=THINGS,
    )  # fmt: skip

    assert rows == [
        # 2 x 1 / (2 + 1), and 27000 of 30000.
        ("g[car]", "001", 0.6667, [400], [], []),
        ("g[rider]", "001", 0.9, [], [], [(30000, 27000, 0.9)]),
    ]


# ---- what is said of the rest


def test_what_blocks_and_is_neither_pixels_nor_objects_is_named(tmp_path, write_objects):
    gates = "\n".join([
        gate("f1", "iou: 0.75", 0.9),
        gate("ap", 'iou: "0.5"', 0.9).replace("g:", "unscored:"),
        gate("nsd", "tolerance_px: 1", 0.99).replace("g:", "outline:"),
        "pixels: {metric: iou, classes: [car], min: {default: 0.99}}",
    ])  # fmt: skip
    policy = load_policy(write_objects(tmp_path, GOLD, DELIVERY, gates), environ={})

    judged = judged_batch(policy, Evaluations(None))

    assert judged.beside_pixels == (
        "what is shown are pixels; 3 gates block for another reason: "
        "g[car], unscored[car], outline[car]",
    )
    assert judged.beside_objects == (
        "what is shown are pixels and objects; 2 gates block for another reason: unscored[car], "
        "outline[car]",
    )
    assert {row.rule_id for row in judged.failing_objects()} == {"g[car]"}
