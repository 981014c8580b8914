"""The HTML report: its numbers are the JSON's, its pictures are the masks, and nothing in it acts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_pages import difference, judged, page_of, parsed, picture
from PIL import Image
from test_report import HOSTILE, hostile, policy, record, refused

import segcore.page
import segcore_gates.html
from segcore_gates.html.overlays import Kind
from segcore_gates.html.page import page
from segcore_gates.html.photos import Photos
from segcore_gates.records import Interval, LimitKind, Verdict
from segcore_gates.report import Failure, FailureKind

PACKAGE = Path(segcore_gates.html.__file__).parent

NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</style><style>*{display:none}</style>",
    "'-->]]><svg onload=alert(3)>",
    "a\x00b\x1b[31mc\r\nd\u202egnp.exe",
    "javascript:alert(4)",
    "&lt;b&gt;&#60;i&#62;",
    "x" * 1000,
]


@pytest.fixture
def masks(tmp_path):
    """A function that writes label maps drawn with letters and a policy; its path."""

    def write(gold, delivery, *, gates="iou: {metric: iou, min: {default: 0.9}}", names="abc"):
        for side, drawings in (("gold", gold), ("delivery", delivery)):
            (tmp_path / side).mkdir()
            for key, drawing in drawings.items():
                rows = [
                    [{".": 254, "?": 255}.get(x, "abc".find(x)) for x in row] for row in drawing.split()
                ]
                Image.fromarray(np.array(rows, np.uint8)).save(tmp_path / side / f"{key}.png")
        classes = [{"id": i, "name": name} for i, name in enumerate(names)]
        document = {"classes": classes, "ignore": 255, "unlabeled": 254}
        (tmp_path / "ontology.yaml").write_text(json.dumps(document))
        path = tmp_path / "batch.gate.yaml"
        path.write_text(
            "version: 1\ngold: png:gold\ndelivery: png:delivery\nontology: ontology.yaml\n"
            "coverage: {gold_images: 0.1}\ndefaults: {support: {images: 1}, absent: warn}\n"
            f"gates:\n  {gates}\n"
        )
        return path

    return write


# ---- numbers


def test_every_value_bound_limit_and_verdict_is_that_of_the_json(tmp_path, write_batch):
    report, content = judged(write_batch(tmp_path))

    root = parsed(page([report], {report.path: content}))

    rows = {row["data-id"]: row for row in root.all("tr", data_id=True)}
    gates = {gate["id"]: gate for gate in report.to_json()["gates"]}
    assert set(rows) == set(gates) == {"coverage", "class-iou[car]", "class-iou[person]"}
    for id_, gate in gates.items():
        shown = {cell["data-key"]: float(cell["data-value"]) for cell in rows[id_].all(data_key=True)}
        wanted = {"value": gate["value"], "limit": gate["limit"]["applied"]}
        wanted["images"] = gate["support"]["images"]
        if gate["interval"]:
            wanted |= {key: gate["interval"][key] for key in ("lower", "upper")}
        assert shown == wanted
        assert rows[id_]["data-verdict"] == gate["verdict"]
        assert gate["verdict"] in rows[id_].text
    assert root.one(id="outcome")["data-outcome"] == report.to_json()["outcome"] == "reject"


def test_text_rounds_the_number_beside_it(tmp_path, write_batch):
    root = parsed(page_of(write_batch(tmp_path)))

    person = root.one("tr", data_id="class-iou[person]")

    assert person.one(data_key="value").text == "0.5000"
    assert person.one(data_key="limit").text == "0.80"


def test_the_confusion_holds_every_pixel_once(masks):
    path = masks({"1": "aab aab"}, {"1": "abb a.b"})

    root = parsed(page_of(path))

    table = root.one("table", class_="heat")
    rows = {
        row.one("th").text: [int(c["data-pixels"]) for c in row.all("td")]
        for row in table.all("tr", data_row=True)
    }
    heads = [head.text for head in table.one("thead").all("th")]
    assert heads == ["gold", "a", "b", "<other>"]
    assert rows == {"a": [2, 1, 1], "b": [0, 2, 0], "<other>": [0, 0, 0]}


def test_of_many_classes_the_thirty_with_the_most_errors_stand_by_themselves(tmp_path):
    from judged_batches import batch

    from segcore.evaluation import Evaluation
    from segcore.ontology import LabelClass, Ontology
    from segcore.tally import Tally, TallyTable
    from segcore_gates.html.heatmap import heatmap

    k = 34
    table = np.zeros((k + 1, k + 1), np.int64)
    for i in range(k):
        table[i, i], table[i, k] = 5, i + 1  # class 33 has the most errors, class 0 the fewest
    ontology = Ontology(tuple(LabelClass(id=i, name=f"c{i}") for i in range(k)))
    tallies = TallyTable.from_tallies([("x", Tally.from_table(table))], num_classes=k)
    evaluation: Evaluation = replace(batch(), ontology=ontology, tallies=tallies)

    root = parsed(heatmap(evaluation, anchor="h"))

    rows = {
        row.one("th").text: [int(c["data-pixels"]) for c in row.all("td")]
        for row in root.all("tr", data_row=True)
    }
    assert list(rows)[:3] == ["c33", "c32", "c31"]
    assert list(rows)[29:] == ["c4", "4 other classes, summed", "<other>"]
    assert rows["4 other classes, summed"] == [0] * 30 + [20, 1 + 2 + 3 + 4]
    assert sum(map(sum, rows.values())) == table.sum()
    assert "The 30 classes with the most wrong pixels" in root.text


def test_what_is_lost_is_split_as_in_the_breakdown(masks):
    path = masks({"1": "aaa... aaa..."}, {"1": "a..... a....a"})
    report, content = judged(path)

    root = parsed(page([report], {report.path: content}))

    (lost,) = [one for one in content.lost.classes if one.name == "a"]
    row = root.one("tr", data_lost=True)
    shown = {cell["data-key"]: float(cell["data-value"]) for cell in row.all("td", data_key=True)}
    assert shown == {**lost.parts, "iou": lost.iou, "iou_if_shifted": lost.iou_if_shifted}
    assert int(row["data-lost"]) == sum(lost.parts.values()) == 5


def test_the_accuracy_of_agreements_is_in_the_summary_and_class_by_class(masks):
    # a: IoU 1 in one image, .5 in the other; b is extra in one: of 3 class images 1 is perfect
    path = masks({"1": "aa", "2": "aa"}, {"1": "aa", "2": "ab"})

    root = parsed(page_of(path))

    assert "SLA accuracy: 33.3 % of the class images: 1 perfect / (1 perfect + 2 errors)" in root.text
    table = root.one("table", class_="sla")
    rows = {
        row["data-class"]: {c["data-key"]: float(c["data-value"]) for c in row.all("td", data_key=True)}
        for row in table.all("tr", data_class=True)
    }
    assert rows == {
        "a": {"share": 0.5, "perfect": 1, "errors": 1},
        "b": {"share": 0.0, "perfect": 0, "errors": 1},
    }


def test_details_of_a_check_are_a_table_and_say_how_many_rows_there_are():
    found = record(details=({"image": "<b>1", "px": 3}, {"image": "2", "px": None}), details_total=7)

    root = parsed(page([policy(found)]))

    table = root.one("table", class_="details")
    assert table.one("caption").text == "2 of 7 rows"
    assert [row.text for row in table.one("tbody").all("tr")] == ["<b>13", "2-"]


def test_a_gate_shows_how_it_moved_since_the_accepted_batch():
    now = record(id="f1@small[car,van]", class_name="car,van")
    moved = record(
        id="regression[f1@small,car,van]",
        gate="regression",
        class_name="car,van",
        limit_kind=LimitKind.MAX_DROP,
        value=-0.0125,
        limit=0.01,
        verdict=Verdict.PASS,
        interval=Interval(lower=-0.02, upper=0.001, confidence=0.95, images=9, effective_images=9.0),
    )

    root = parsed(page([policy(now, moved)]))

    row = root.one("tr", data_id="f1@small[car,van]")
    assert row.one("span", data_drop=True).text == "\N{UPWARDS ARROW} 0.0125 better"
    assert not list(root.one("tr", data_id=moved.id).all("span", data_drop=True))


def test_without_a_regression_there_is_no_column_for_it():
    assert "since accepted" not in page([policy(record())])


def test_waivers_are_shown_as_the_policy_has_them():
    waiver = {"gate": "class-iou[car]", "until": "2027-01-15", "reason": HOSTILE, "by": "<i>maria"}

    root = parsed(page([policy(record(), waivers=(waiver,))]))

    (table,) = [t for t in root.all("table") if t.one("caption").text == "Gates that are excused"]
    assert "2027-01-15" in table.text
    assert not list(table.all("i"))


def test_several_policies_have_a_section_each_and_the_worst_outcome():
    good = policy(record(verdict=Verdict.PASS, blocks=False), path="good.gate.yaml")
    bad = policy(record(), path="bad.gate.yaml")

    root = parsed(page([good, bad]))

    assert [s["data-policy"] for s in root.all("section", data_policy=True)] == [good.path, bad.path]
    assert root.one(id="outcome")["data-outcome"] == "reject"
    ids = [node["id"] for node in root.all(id=True)]
    assert len(ids) == len(set(ids))


def test_what_could_not_be_judged_says_why():
    broken = policy(
        failure=Failure(kind=FailureKind.POLICY, message="batch.gate.yaml:7: gaits: unknown")
    )

    text = parsed(page([broken, refused()])).text

    assert "batch.gate.yaml:7: gaits: unknown" in text
    assert "coco.unknown_class_name" in text


def test_a_batch_that_cannot_be_shown_has_its_verdicts_all_the_same():
    root = parsed(page([policy(record())], {"batch.gate.yaml": "an input changed"}))

    assert "Not shown: an input changed" in root.text
    assert list(root.all("tr", data_id="class-iou[car]"))


def test_the_same_input_gives_the_same_bytes_but_for_the_run(tmp_path, write_batch):
    path = write_batch(tmp_path)

    first, second = page_of(path, run={"at": "10:00"}), page_of(path, run={"at": "11:00"})

    assert first != second
    assert first.replace("10:00", "11:00") == second


# ---- pictures


def test_the_difference_of_a_class_is_drawn_as_its_masks_say(masks):
    path = masks({"1": "aab? aab? aab?"}, {"1": "a.ab a.ab abab"})

    root = parsed(page_of(path))

    figure = root.one("figure", data_image="1", data_class="a")
    panels = {image["data-panel"]: image for image in figure.all("img")}
    assert difference(panels["difference"]) == ["CMWI", "CMWI", "CWWI"]
    assert panels["difference"]["alt"] == (
        "difference of 1, a: 2 pixels missed, 0 extra, 4 of a wrong class"
    )


def test_extra_pixels_and_other_classes_are_told_apart(masks):
    path = masks({"1": "abb. abbb a..."}, {"1": "abba ab.c a..."})

    root = parsed(page_of(path))

    figure = root.one("figure", data_class="a")
    assert difference(figure.one("img", data_panel="difference")) == ["COOE", "COOO", "CNNN"]


def test_gold_and_delivery_have_the_colour_of_the_class_where_it_is(masks):
    path = masks({"1": "aa.. aa.."}, {"1": "a... a..."})

    root = parsed(page_of(path))

    figure = root.one("figure", data_class="a")
    for side, wanted in (("gold", ["##..", "##.."]), ("delivery", ["#...", "#..."])):
        indices, colors, scale = picture(figure.one("img", data_panel=side))
        own = (colors[indices] == (0, 114, 178)).all(axis=2)[::scale, ::scale]
        assert ["".join("#" if x else "." for x in row) for row in own] == wanted
    assert figure.one("span", class_="dot")["style"] == "--c: rgb(0, 114, 178)"


def test_regions_are_drawn_upright(tmp_path, write_batch):
    root = parsed(page_of(write_batch(tmp_path)))

    figure = next(root.all("figure", data_class="person"))

    rows = difference(figure.one("img", data_panel="difference"))
    assert rows == ["OOOOOOOOOO"] * 4 + ["NNNNNNNNNN"] * 2 + ["MMMMMMMMMM"] * 2 + ["CCCCCCCCCC"] * 2


def test_an_image_that_was_not_delivered_is_missed_as_a_whole(masks):
    path = masks({"1": "aa", "2": "aa"}, {"1": "aa"})

    root = parsed(page_of(path))

    figure = root.one("figure", data_image="2")
    assert difference(figure.one("img", data_panel="difference")) == ["MM"]
    assert "not delivered" in figure.text


def test_of_a_large_image_a_point_shows_the_worst_of_its_pixels(masks):
    wide = np.full((4, 1300), "a")
    delivered = wide.copy()
    delivered[3, 1299] = "b"
    drawing = [" ".join("".join(row) for row in side) for side in (wide, delivered)]
    path = masks(
        {"1": drawing[0]},
        {"1": drawing[1]},
        gates="iou: {metric: iou, classes: [a], min: {default: 1.0}}",
    )

    root = parsed(page_of(path))

    image = root.one("figure", data_class="a").one("img", data_panel="difference")
    rows = difference(image)
    assert [len(row) for row in rows] == [434, 434]  # blocks of 3 x 3
    assert rows[1][-1] == "W"
    assert "".join(rows).count("W") == 1


def test_kinds_differ_in_lightness_and_in_pattern():
    from segcore_gates.html.overlays import DIFFERENCE_COLORS, hatched

    grey = {kind: np.dot(DIFFERENCE_COLORS[kind][0], (0.2126, 0.7152, 0.0722)) for kind in Kind}
    drawn = {kind: hatched(np.full((24, 24), kind, np.uint8), scale=1) > Kind.WRONG for kind in Kind}
    errors = (Kind.MISSED, Kind.EXTRA, Kind.WRONG)

    assert abs(grey[Kind.EXTRA] - grey[Kind.MISSED]) > 50
    assert abs(grey[Kind.EXTRA] - grey[Kind.WRONG]) > 50
    patterns = [drawn[kind] for kind in (*errors, Kind.IGNORED)]
    assert all(pattern.any() and not pattern.all() for pattern in patterns)
    assert len({pattern.tobytes() for pattern in patterns}) == 4


def photo(folder, name, size, color=(10, 200, 30)):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", size, color).save(folder / name)


def test_a_photo_of_the_same_size_lies_below(masks, tmp_path):
    path = masks({"1": "aa.. aa.."}, {"1": "a... a..."})
    photo(tmp_path / "photos", "1.png", (4, 2))

    root = parsed(page_of(path, photos=Photos(str(tmp_path / "photos"))))

    figure = root.one("figure", data_class="a")
    assert figure["style"].startswith("--photo: url(data:image/jpeg;base64,")
    assert all(image["class"] == "on-photo" for image in figure.all("img"))


@pytest.mark.parametrize("what", ["other size", "broken", "link", "twice", "elsewhere"])
def test_a_photo_that_cannot_be_trusted_is_left_out(masks, tmp_path, what):
    path = masks({"1": "aa.. aa.."}, {"1": "a... a..."})
    photos = tmp_path / "photos"
    photo(photos, "other.png", (4, 2))
    if what == "other size":
        photo(photos, "1.png", (5, 2))
    elif what == "broken":
        (photos / "1.png").write_bytes((photos / "other.png").read_bytes()[:40])
    elif what == "link":
        (photos / "1.png").symlink_to(photos / "other.png")
    elif what == "twice":
        photo(photos, "1.png", (4, 2))
        photo(photos, "1.jpg", (4, 2))

    root = parsed(page_of(path, photos=Photos(str(photos))))

    assert "style" not in root.one("figure", data_class="a").attributes
    assert "An image without a photo below it" in root.text


# ---- nothing acts


@pytest.mark.parametrize("hostile_name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name_never_becomes_markup(hostile_name):
    from segcore_gates.records import Confusion, WorstImage

    found = record(
        id=f"class-iou[{hostile_name}]",
        class_name=hostile_name,
        reason=hostile_name,
        worst=(WorstImage(image=hostile_name, value=0.1, reason=hostile_name, annotator=hostile_name),),
        confusions=(Confusion(class_name=hostile_name, extra=False, pixels=1, share=1.0),),
        details=({hostile_name: hostile_name},),
        details_total=1,
    )
    plain = record(
        details=({"a": "b"},),
        details_total=1,
        worst=(WorstImage(image="i", value=0.1, reason="r", annotator="x"),),
    )

    texts = page([policy(found, name=hostile_name)]), page([policy(plain, name="p")])

    tags = [[node.tag for node in parsed(text).all()] for text in texts]
    assert tags[0] == tags[1]
    attributes = {key for node in parsed(texts[0]).all() for key in node.attributes}
    assert not [key for key in attributes if key.startswith("on") or key in {"srcdoc", "formaction"}]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", texts[0])


def test_hostile_faults_and_records_of_every_kind_stay_text():
    text = page([policy(hostile()), refused()], {}, run={"at": HOSTILE})

    assert "<script" not in text
    assert not [c for c in ("\x1b", "\r", "\x07", "\u202e") if c in text]


def test_hostile_class_names_stay_text_in_every_part_that_shows_a_batch(masks):
    names = NAMES[:3]
    path = masks({"1": "aabc aabc"}, {"1": "abb. abb."}, names=names)
    plain = page_of(path)

    root = parsed(plain)

    assert not list(root.all("script"))
    assert all(image["src"].startswith("data:image/png;base64,") for image in root.all("img"))
    assert {figure["data-class"] for figure in root.all("figure")} >= set(NAMES[:2])


def test_markup_is_made_in_one_module_only():
    shared = Path(segcore.page.__file__).parent
    for path in [*sorted(PACKAGE.glob("*.py")), *sorted(shared.glob("*.py"))]:
        code = path.read_text(encoding="utf-8")
        if path.name != "markup.py":
            assert "Markup(" not in code, path.name
            assert not re.search(r"[\"'f]</?[a-z]", code), path.name


def test_the_page_forbids_itself_everything_but_its_own_style_and_pictures():
    root = parsed(page([policy(record())]))

    rule = root.one("meta", http_equiv="Content-Security-Policy")["content"]
    assert rule == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not list(root.all("script")) + list(root.all("link")) + list(root.all("iframe"))


# ---- seen in a browser


def gate(folder, *words):
    program = "import sys; from segcore.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, "gate", "batch.gate.yaml", *words],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_browser_asks_for_nothing_and_nothing_acts(masks, page, tmp_path):
    path = masks(
        {"1": "aabc aabc", "2": "aa.."}, {"1": "abb. abb.", "2": "a..."}, names=[NAMES[0], NAMES[1], "c"]
    )
    asked, said, dialogs = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    result = gate(tmp_path, "--report", "out")
    page.goto((tmp_path / "out" / "report.html").as_uri())

    assert result.returncode == 1, result.stderr
    assert path.exists()
    assert [url for url in asked if not url.startswith("data:")] == [page.url]
    assert (said, dialogs) == ([], [])
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.evaluate("document.scripts.length") == 0


def test_a_browser_shows_it_to_those_who_hear_it_and_on_paper(masks, page, tmp_path):
    masks({"1": "aabc aabc", "2": "aa.."}, {"1": "abb. abb.", "2": "a..."})

    gate(tmp_path, "--report", "out")
    page.goto((tmp_path / "out" / "report.html").as_uri())

    assert page.get_by_role("banner").count() == page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).inner_text() == "REJECT"
    names = ["Gates", "Confusion", "Worst images", "Where IoU is lost", "Inputs", "Conventions"]
    assert [page.get_by_role("region", name=name, exact=True).count() for name in names] == [1] * len(
        names
    )
    assert page.get_by_role("table", name="Every gate with its value, limit and verdict").count() == 1
    assert page.evaluate(
        "[...document.querySelectorAll('table')].every(t => t.caption.innerText.trim())"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('th')].every(t => t.scope == 'row' || t.scope == 'col')"
    )
    assert page.get_by_role("img", name="difference of 1, a:").count() == 1
    assert page.evaluate("[...document.querySelectorAll('img')].every(i => i.hasAttribute('alt'))")
    for width in (1400, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    assert page.pdf(format="A4").startswith(b"%PDF-")
    page.emulate_media(media="print")
    assert page.get_by_role("region", name="Gates", exact=True).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_it_stands_on(masks, page, tmp_path, scheme):
    masks({"1": "aabc aabc", "2": "aa.."}, {"1": "abb. abb.", "2": "a..."})
    gate(tmp_path, "--report", "out")
    page.emulate_media(color_scheme=scheme)

    page.goto((tmp_path / "out" / "report.html").as_uri())

    # WCAG 2.1, 1.4.3: 4.5 to 1
    low = page.evaluate(
        """() => {
          const light = c => {
            const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            return .2126 * r + .7152 * g + .0722 * b
          }
          const parse = s => s.match(/[0-9.]+/g).map(Number)
          const below = e => {
            for (; e; e = e.parentElement) {
              const c = parse(getComputedStyle(e).backgroundColor)
              if (c.length == 3 || c[3] > 0) return c.slice(0, 3)
            }
            return [255, 255, 255]
          }
          const found = []
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
          while (walk.nextNode()) {
            const e = walk.currentNode.parentElement
            if (!walk.currentNode.data.trim() || !e.offsetParent) continue
            const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(below(e))]
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
            if (ratio < 4.5) found.push([ratio, walk.currentNode.data.trim().slice(0, 40), e.className])
          }
          return found
        }"""
    )
    assert low == []
