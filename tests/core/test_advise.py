"""``segcore advise``: what has to be drawn, class by class, on small scenes and on real data."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from advice_scenes import disc, turned_rectangle
from PIL import Image

import segcore
from segcore.advice import advise
from segcore.advice.page import page
from segcore.advice.price_effect import price_effect
from segcore.advice.settings import Settings
from segcore.cli import main
from segcore.errors import InvalidInputError, UsageError
from segcore.ontology import LabelClass, Ontology
from segcore.pricing.geometry import Geometry
from segcore.pricing.prices import load_prices

CAMVID = [
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
    "bicyclist",
]  # fmt: skip
THINGS = {"pole", "sign", "car", "pedestrian", "bicyclist"}


@pytest.fixture
def label_maps(tmp_path):
    """A function that writes label maps, and the ontology of their classes; a spec and the ontology."""

    def write(maps, *, things):
        (tmp_path / "masks").mkdir(exist_ok=True)
        for key, values in maps.items():
            Image.fromarray(values.astype(np.uint8)).save(tmp_path / "masks" / f"{key}.png")
        classes = tuple(LabelClass(id=i, name=n, thing=t) for i, (n, t) in enumerate(things.items(), 1))
        return f"png:{tmp_path / 'masks'}", Ontology(classes, unlabeled=(0,))

    return write


def coco_file(folder, objects, *, size=(120, 120), name="gold.json"):
    """A COCO file of one image; ``objects`` are (class, polygons)."""
    names = sorted({c for c, _ in objects})
    annotations = [
        {
            "id": i,
            "image_id": 1,
            "category_id": names.index(c) + 1,
            "iscrowd": 0,
            "segmentation": rings,
            "bbox": [0, 0, 1, 1],
            "area": 1,
        }
        for i, (c, rings) in enumerate(objects, 1)
    ]
    for one in annotations:
        del one["bbox"], one["area"]
    path = folder / name
    path.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.jpg", "height": size[0], "width": size[1]}],
                "categories": [{"id": i, "name": n} for i, n in enumerate(names, 1)],
                "annotations": annotations,
            }
        )
    )
    return f"coco:{path}"


def square(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def by_name(advice):
    return {c.name: c for c in advice.classes}


def test_each_shape_gets_the_cheapest_that_captures_it(label_maps):
    size = 300
    straight = np.zeros((size, size), np.uint8)
    straight[50:120, 40:200] = 1
    turned = turned_rectangle(200, 60, 20, size=size) * 2
    ring = disc(100, size=size, hole=40) * 3
    comb = np.zeros((size, size), np.uint8)
    comb[50:250:8, 50:250] = comb[50:250:8, 50:250] + 4
    for row in range(1, 4):
        comb[50 + row : 250 : 8, 50:250] = 4
    comb[50:250, 50:54] = 4
    maps = {"a": straight, "b": turned, "c": ring, "d": comb}
    spec, ontology = label_maps(maps, things=dict.fromkeys(["door", "bar", "ring", "comb"], True))

    found = by_name(advise(spec, ontology=ontology))

    assert found["door"].geometry is Geometry.BOX
    assert found["bar"].geometry is Geometry.ROTATED_BOX
    assert found["ring"].geometry is Geometry.POLYGON
    assert 6 <= found["ring"].vertices <= 24
    assert found["comb"].geometry is Geometry.MASK
    assert found["comb"].vertices is None


def test_connected_parts_of_a_label_map_are_its_objects_but_stuff_is_one(label_maps):
    values = np.zeros((60, 60), np.uint8)
    values[2:12, 2:12] = values[20:30, 20:30] = 1
    values[40, 40] = 1
    values[2:12, 40:50] = values[30:40, 2:12] = 2
    spec, ontology = label_maps({"a": values}, things={"car": True, "grass": False})

    advice = advise(spec, ontology=ontology)

    found = by_name(advice)
    assert (found["car"].objects, found["car"].told) == (2, False)
    assert (found["grass"].objects, found["grass"].parts_share) == (1, 1.0)
    assert advice.left_out["specks"] == 1
    assert advice.task == "semantic"
    assert "does not tell objects apart" in advice.evidence[0]


def test_stuff_is_never_advised_as_boxes(label_maps):
    values = np.ones((40, 40), np.uint8)
    spec, ontology = label_maps({"a": values}, things={"sky": False})

    (sky,) = advise(spec, ontology=ontology).classes

    assert (sky.geometry, sky.vertices) == (Geometry.POLYGON, 4)
    assert sky.over_share == 0.0


def test_objects_that_touch_ask_for_instances(tmp_path):
    touching = [("cell", square(10, 10, 20)), ("cell", square(30, 10, 20))]
    apart = [("cell", square(10, 10, 20)), ("cell", square(60, 10, 20))]

    merged = advise(coco_file(tmp_path, touching, name="touching.json"))
    single = advise(coco_file(tmp_path, apart, name="apart.json"))

    assert (merged.task, merged.classes[0].merged_share) == ("instance", 1.0)
    assert (single.task, single.classes[0].merged_share) == ("semantic", 0.0)


def test_a_class_whose_pixels_are_counted_gets_masks(tmp_path):
    spec = coco_file(tmp_path, [("leaf", square(10, 10, 20))])

    (leaf,) = advise(spec, settings=Settings(exact_area=frozenset({"leaf"}))).classes

    assert leaf.geometry is Geometry.MASK
    assert "counted" in " ".join(leaf.evidence)


def test_a_pilot_labelled_both_ways_counts_more_than_the_simulation(tmp_path):
    sail = [[10, 10, 90, 10, 10, 90]]
    gold = coco_file(tmp_path, [("kite", sail)])
    good = coco_file(tmp_path, [("kite", sail)], name="good.json")
    bad = coco_file(tmp_path, [("kite", [[10, 10, 50, 10, 10, 90]])], name="bad.json")

    drawn_well = advise(gold, pilot=good).classes[0]
    drawn_badly = advise(gold, pilot=bad).classes[0]

    assert drawn_well.drawn == "polygon(3)"
    assert drawn_well.measured.iou == 1.0
    assert drawn_badly.geometry is Geometry.MASK
    assert drawn_badly.measured.iou == pytest.approx(0.5, abs=0.02)
    assert drawn_badly.measured.vertices == 3


def test_images_that_the_pilot_has_not_do_not_count_and_images_it_left_empty_do(tmp_path):
    """Two images with a square each; the pilot has drawn the first."""
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 40, "height": 40} for i in (1, 2)]
    ring = [[2, 2, 12, 2, 12, 12, 2, 12]]
    squares = [
        {"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "bbox": [2, 2, 10, 10], "area": 100}
        | {"segmentation": ring}
        for i in (1, 2)
    ]

    def written(name, images, annotations):
        document = {"categories": [{"id": 1, "name": "car"}], "images": images}
        (tmp_path / name).write_text(json.dumps({**document, "annotations": annotations}))
        return f"coco:{tmp_path / name}"

    gold = written("gold.json", images, squares)
    part = written("part.json", images[:1], squares[:1])
    empty = written("empty.json", images, squares[:1])
    other = written("other.json", [{**images[0], "file_name": "9.jpg"}], squares[:1])

    assert advise(gold, pilot=part).classes[0].measured.iou == 1.0
    assert advise(gold, pilot=empty).classes[0].measured.iou == 0.5
    with pytest.raises(InvalidInputError, match="no delivered image matches"):
        advise(gold, pilot=other)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_advice_does_not_depend_on_the_number_of_processes(label_maps, jobs):
    generator = np.random.default_rng(0)
    maps = {f"{i}": generator.integers(0, 3, (20, 20)) for i in range(5)}
    spec, ontology = label_maps(maps, things={"a": True, "b": None})

    one = advise(spec, ontology=ontology, settings=Settings(smallest_px=2))
    other = advise(spec, ontology=ontology, settings=Settings(smallest_px=2), jobs=jobs)

    assert json.dumps(one.to_json(), sort_keys=True) == json.dumps(other.to_json(), sort_keys=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iou": 90}, "did you mean 0.9"),
        ({"background": 0}, "between 0 and 1"),
        ({"vertices": 2}, "3 to 128"),
        ({"vertices": 500}, "3 to 128"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Settings(**settings)


def test_a_class_that_does_not_exist_is_refused(tmp_path):
    spec = coco_file(tmp_path, [("leaf", square(10, 10, 20))])

    with pytest.raises(UsageError, match=r"no class 'leef', did you mean 'leaf'"):
        advise(spec, settings=Settings(exact_area=frozenset({"leef"})))


def test_an_invalid_input_is_refused_with_its_faults(tmp_path, capsys):
    spec = coco_file(tmp_path, [("leaf", [[1, 2, 3]])])

    with pytest.raises(InvalidInputError):
        advise(spec)

    assert main(["advise", spec, "--json", str(tmp_path / "out.json")]) == 3
    assert json.loads((tmp_path / "out.json").read_text())["outcome"] == "invalid"
    assert "poly." in capsys.readouterr().err


def test_the_command_writes_a_table_json_and_a_page(tmp_path, capsys):
    name = "<script>alert(1)</script>"
    spec = coco_file(tmp_path, [(name, square(10, 10, 20)), ("b", square(60, 60, 9))])

    code = main(["advise", spec, "--json", str(tmp_path / "a.json"), "--html", str(tmp_path / "a.html")])

    written = json.loads((tmp_path / "a.json").read_text())
    text = (tmp_path / "a.html").read_text()
    assert code == 0
    assert "all together: semantic" in capsys.readouterr().out
    assert written["schema"] == 1
    assert {c["name"]: c["advice"]["geometry"] for c in written["classes"]} == {name: "box", "b": "box"}
    assert "<script>alert" not in text
    assert text.count("<svg") == 2
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", text)


def test_the_price_effect_is_what_the_objects_cost_beside_masks(tmp_path):
    sail = [[10, 10, 90, 10, 10, 90]]
    spec = coco_file(tmp_path, [("a", square(10, 10, 20)), ("a", square(60, 60, 9)), ("b", sail)])

    effect = price_effect(advise(spec).classes, load_prices())

    # two squares as boxes, one triangle at 3 to 5.5 boxes; masks are 10 to 15 boxes
    assert (effect.low, effect.high) == (2 + 3, 2 + 5.5)
    assert (effect.mask_low, effect.mask_high) == (3 * 10, 3 * 15)
    assert effect.sources[0] == "the unit"
    assert all(effect.sources)


def test_the_same_advice_is_the_same_page(tmp_path):
    spec = coco_file(tmp_path, [("a", square(10, 10, 20))])

    assert page(advise(spec)) == page(advise(spec))


def test_the_advice_on_coco_and_its_curve(shared_data):
    file = shared_data("coco_val2014_100") / "instances_val2014_100.json"
    advice = advise(f"coco:{file}")

    found = by_name(advice)
    assert len(advice.classes) + len(advice.absent) == 80
    assert sum(c.objects for c in advice.classes) == 839 - 9
    assert advice.left_out["crowds"] == 9
    assert advice.task == "instance"
    assert {found[n].geometry for n in ("tv", "microwave", "refrigerator", "bus")} == {Geometry.BOX}
    assert found["person"].geometry is Geometry.POLYGON
    assert 8 <= found["person"].vertices <= 16
    for c in advice.classes:
        means = [p.mean_iou for p in c.curve]
        assert means == sorted(means)
        assert means[-1] > 0.95


def test_the_background_of_boxes_is_that_of_pycocotools(shared_data):
    from pycocotools import mask as peer

    file = shared_data("coco_val2014_100") / "instances_val2014_100.json"
    source = segcore.open(f"coco:{file}")
    document = json.loads(file.read_text())
    person = next(c["id"] for c in document["categories"] if c["name"] == "person")
    sizes = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    shares = []
    for one in document["annotations"]:
        if one["category_id"] == person and not one["iscrowd"]:
            rle = peer.merge(peer.frPyObjects(one["segmentation"], *sizes[one["image_id"]]))
            _, _, width, height = peer.toBbox(rle)
            shares.append(1 - float(peer.area(rle)) / (width * height))

    found = by_name(advise(source))["person"]

    assert found.objects == len(shares)
    assert found.background_share == pytest.approx(np.median(shares))
    assert found.over_share == pytest.approx(np.mean(np.array(shares) > 0.3))


def test_the_advice_on_camvid(shared_data):
    folder = shared_data("camvid_segnet") / "testannot"
    classes = tuple(LabelClass(id=i, name=n, thing=n in THINGS) for i, n in enumerate(CAMVID))

    advice = advise(f"png:{folder}", ontology=Ontology(classes, ignore=(11,)))

    found = by_name(advice)
    assert list(found) == CAMVID
    assert advice.task == "semantic"
    assert found["tree"].geometry is Geometry.MASK
    assert found["building"].geometry is Geometry.MASK
    assert found["road"].geometry is Geometry.POLYGON
    assert found["sign"].geometry is Geometry.BOX
    assert found["pole"].thin_share > 0.5
    assert found["road"].objects == 30


def test_a_browser_shows_the_page_and_asks_for_nothing(page, tmp_path):
    """A sail by three corners; the page loads nothing, runs nothing and says nothing."""
    spec = coco_file(tmp_path, [("<b>kite</b>", [[10, 10, 90, 10, 10, 90]])])
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    assert main(["advise", spec, "--html", str(tmp_path / "advice.html")]) == 0
    page.goto((tmp_path / "advice.html").as_uri())

    assert [url for url in asked if not url.startswith("data:")] == [page.url]
    assert said == []
    assert page.evaluate("document.scripts.length") == 0
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_text("<b>kite</b>").count() > 0
    assert page.locator("svg").count() > 0
