"""Prices as public sources state them, and costs that can be worked out by hand."""

from __future__ import annotations

import json

import pytest

from segcore.errors import UsageError
from segcore.pricing.geometry import Geometry
from segcore.pricing.prices import load_prices
from segcore_gates.cli.cost import cost


def square(number, side, *, category=1, image=1, at=2):
    return {
        "id": number, "image_id": image, "category_id": category, "iscrowd": 0, "area": side * side,
        "bbox": [at, at, side, side],
        "segmentation": [[at, at, at + side, at, at + side, at + side, at, at + side]],
    }  # fmt: skip


def triangle(number, side, *, category=2, image=1):
    return square(number, side, category=category, image=image) | {
        "area": side * side / 2,
        "segmentation": [[2, 2, 2 + side, 2, 2, 2 + side]],
    }


@pytest.fixture
def pilot(tmp_path):
    """Two images with three squares and one right triangle of 100 px."""
    document = {
        "images": [{"id": k, "file_name": f"{k}.png", "width": 200, "height": 200} for k in (1, 2)],
        "categories": [{"id": 1, "name": "tile"}, {"id": 2, "name": "flag"}],
        "annotations": [
            square(1, 40),
            square(2, 20, at=100),
            square(3, 50, image=2),
            triangle(4, 100, image=2),
        ],
    }
    file = tmp_path / "pilot.json"
    file.write_text(json.dumps(document))
    return f"coco:{file}"


def told(capsys, spec, **options):
    assert cost(spec, **options, json="-") == 0
    return json.loads(capsys.readouterr().out)


def totals(found):
    return {line["what"]: line["cost"] for line in found["totals"]}


# -- prices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("geometry", "vertices", "assisted", "low", "high"),
    [
        (Geometry.BOX, None, False, 1, 1),
        (Geometry.POLYGON, None, False, 3, 10),  # 3-8 and 3-10: two sources
        (Geometry.POLYGON, 15, False, 4.2, 5.5),  # 4.2 at 15; .22/.04 = 5.5, .55/.12 = 4.6
        (Geometry.POLYGON, 25, False, 6, 8),
        (Geometry.POLYGON, 40, False, 6, 13.75),  # .55/.04 = 13.75
        (Geometry.MASK, None, False, 10, 15),  # 13 by hand: 91 s over 7 s; .20/.02 = 10, 1.50/.10 = 15
        (Geometry.MASK, None, True, 2, 2),
    ],
)
def test_prices_are_those_the_sources_state(geometry, vertices, assisted, low, high):
    found = load_prices().per_object(geometry, vertices, assisted=assisted)

    assert (found.low, found.high) == (low, high)


def test_the_published_ratios_stand_in_cells_of_their_own():
    table = load_prices()
    cells = {cell.id: (cell.low, cell.high) for cell in (*table.objects, *table.images)}

    assert cells["semantic"] == (8, 15)
    assert cells["polygon-15"] == (4.2, 4.2)
    assert cells["polygon-20"] == (6, 8)
    assert cells["polygon"] == (3, 8)
    assert cells["mask"] == (13, 13)


def test_every_cell_names_its_source():
    table = load_prices()

    for cell in (*table.objects, *table.images, *table.shares, *table.rates):
        assert cell.source


def test_own_prices_replace_all_of_their_kind(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(
        "version: 1\n"
        "per_object: [{id: ours, geometry: polygon, low: 2.5, high: 2.5, source: contract of May}]\n"
    )

    table = load_prices(str(file))

    assert table.per_object(Geometry.POLYGON, 15).low == 2.5
    assert table.per_object(Geometry.POLYGON, 15).source == "contract of May"
    assert table.per_object(Geometry.MASK).high == 15


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version: 2\n", "own.yaml:1: version: expected version: 1"),
        ("version: 1\nper_objekt: []\n", "own.yaml:2: per_objekt: unknown key, did you mean 'per_ob"),
        ("version: 1\nshares: [{id: qa, low: .2, high: .1, source: x}]\n", "0.2 is above high, 0.1"),
        ("version: 1\nshares: [{id: qa, low: -1, high: .1, source: x}]\n", "-1 is negative"),
        ("version: 1\nshares: [{id: qa, low: 1, high: 1}]\n", "shares[0].source: expected a text"),
        (
            "version: 1\nper_object: [{id: a, geometry: blob, low: 1, high: 1, source: x}]\n",
            "per_object[0].geometry: expected one of box, rotated-box, polygon, mask",
        ),
        (
            "version: 1\nper_object: [{id: a, geometry: polygon, vertices: [9, 4], low: 1, high: 1, "
            "source: x}]\n",
            "expected [from, to]",
        ),
    ],
)  # fmt: skip
def test_a_price_table_that_cannot_be_meant_is_refused_with_its_line(tmp_path, text, problem):
    file = tmp_path / "own.yaml"
    file.write_text(text)

    with pytest.raises(UsageError) as caught:
        load_prices(str(file))

    assert problem in str(caught.value)


# -- segcore cost ---------------------------------------------------------------------------------


def test_costs_are_objects_times_prices(pilot, capsys):
    found = told(capsys, pilot)

    cost_of = totals(found)
    assert found["objects"] == 4
    assert (cost_of["every object a box"]["low"], cost_of["every object a box"]["high"]) == (4, 4)
    masks = cost_of["every object a mask"]
    assert (masks["low"], masks["high"]) == (40, 60)
    assert cost_of["every object a mask, assisted"]["high"] == 8
    maps = cost_of["every pixel of every image"]
    assert (maps["low"], maps["high"]) == (12, 60)  # 4 boxes, 3 to 15 times


def test_the_cheapest_geometry_is_the_one_that_reaches_the_limit(pilot, capsys, tmp_path):
    (tmp_path / "p.gate.yaml").write_text(
        f"version: 1\ngold: {pilot}\ndelivery: {pilot}\n"
        "gates: {class-iou: {metric: iou, min: {default: 0.9}}}\n"
    )

    found = told(capsys, pilot, policy=tmp_path / "p.gate.yaml")

    tile, flag = found["classes"]
    assert (tile["limit"], tile["cheapest"]["geometry"], tile["cheapest"]["iou"]) == (0.9, "box", 1.0)
    assert flag["ways"][0]["iou"] == pytest.approx(0.5, abs=0.01)  # a triangle fills half of its box
    assert flag["cheapest"]["geometry"] == "polygon"
    # three squares as boxes, and a polygon of few vertices at 3 to 5.5
    assert totals(found)["each class the cheapest way"]["low"] == 6
    assert totals(found)["each class the cheapest way"]["high"] == 8.5


def test_an_order_costs_so_many_times_the_pilot(pilot, capsys):
    found = told(capsys, pilot, images=200)

    assert totals(found)["every object a box"]["low"] == 400


def test_classes_that_failed_are_drawn_again(pilot, capsys, tmp_path):
    report = {"gates": [{"class": "flag", "verdict": "FAIL"}, {"class": "tile", "verdict": "PASS"}]}
    (tmp_path / "r.json").write_text(json.dumps(report))
    (tmp_path / "p.gate.yaml").write_text(
        f"version: 1\ngold: {pilot}\ndelivery: {pilot}\n"
        "gates: {class-iou: {metric: iou, min: {default: 0.9}}}\n"
    )

    found = told(capsys, pilot, policy=tmp_path / "p.gate.yaml", report=str(tmp_path / "r.json"))

    again = totals(found)["rework of what failed"]
    assert (again["low"], again["high"]) == (3, 5.5)


def test_money_is_boxes_at_the_rate_that_was_named(pilot, capsys):
    assert cost(pilot, box_rate="0.05-0.10", currency="EUR") == 0

    assert "EUR 0.20 to 0.40" in capsys.readouterr().out  # four boxes


def test_more_gold_leaves_less_to_pass(pilot, capsys):
    found = told(capsys, pilot)

    shares = {row["images"]: row["bad_share_that_passes"] for row in found["gold"]}
    assert shares[25] == pytest.approx(0.113, abs=0.0005)
    assert shares[59] < 0.05 < 1 - 0.05 ** (1 / 58)
    assert found["gold"][0]["cost"]["low"] == 25 * 2 * 10  # two objects an image, masks from 10 boxes


def test_lead_times_are_priced_only_where_all_images_have_one(pilot):
    with pytest.raises(UsageError, match=r"2 images of .* do not say how long they took"):
        cost(pilot, hourly=30.0)


def test_every_line_of_the_table_names_its_prices_and_every_price_its_source(pilot, capsys):
    assert cost(pilot, currency="AUD") == 0

    out = capsys.readouterr().out
    assert "mask: computed: 91 s over 7 s" in out
    assert "semantic: aitaggers.com.au, semantic-segmentation-services-guide, May 2026" in out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"box_rate": "1"}, "--box-rate needs --currency"),
        ({"currency": "CHF"}, "no rate in CHF, only in AUD, USD"),
        ({"currency": "CHF", "box_rate": "2-1"}, "expected LOW or LOW-HIGH"),
        ({"report": "nothing.json"}, "the report cannot be used"),
        ({"hourly": -1.0}, "--hourly must not be negative"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(pilot, options, problem):
    with pytest.raises(UsageError) as caught:
        cost(pilot, **options)

    assert problem in str(caught.value)
