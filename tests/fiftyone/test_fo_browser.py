"""The panel in the App itself, in a browser: what a reviewer sees and clicks."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import pytest
import streets
from app import App

playwright = pytest.importorskip("playwright.sync_api", reason="missing: playwright")

SHOTS = os.environ.get("SEGCORE_SCREENSHOTS")
"""A folder to keep pictures of the pages in."""

CLICKS = 10
DEADLINE_SECONDS = 60
SETTLE_MS = 3000

POPUPS = "localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')"


@pytest.fixture(scope="module")
def app(fo, plugin, tmp_path_factory):
    server = App(tmp_path_factory.mktemp("app"))
    yield server
    server.stop()


@pytest.fixture
def city(fo, dataset, tmp_path, plugin):
    """A function that makes the streets, with a policy and scores; colours are those of the classes.

    Each test has a name of its own for it: the server remembers the view and the panels of a name.
    """

    def make(name):
        made = dataset(name)
        streets.fill(fo, made, tmp_path)
        colors = [
            {"intTarget": i, "color": f"#{bytes(color).hex()}"}
            for i, color in enumerate(streets.OVERLAYS)
        ]
        made.app_config.color_scheme = fo.ColorScheme(
            color_by="value", default_mask_targets_colors=colors, opacity=0.8
        )
        made.save()
        return made

    return make


@pytest.fixture
def visit(fo, app, page):
    """A function that opens a dataset with a panel beside its samples; page errors fail the test."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(POPUPS)
    page.set_viewport_size({"width": 1400, "height": 900})

    def go(dataset, panel, **state):
        samples, other = fo.Panel(type="Samples", pinned=True), fo.Panel(type=panel, state=state)
        dataset.save_workspace(
            "review",
            fo.Space(
                children=[
                    fo.Space(children=[samples], active_child=samples.component_id),
                    fo.Space(children=[other], active_child=other.component_id),
                ],
                orientation="horizontal",
            ),
            overwrite=True,
        )
        page.goto(f"{app.url}/datasets/{dataset.name}?workspace=review")
        page.locator('[data-cy="looker"]').first.wait_for()

    yield go
    assert [
        error for error in errors if error != "entry is loading"
    ] == []  # the grid of the App says so


def keep(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def bars(page, name="IoU"):
    """What is drawn for each class, from top to bottom: its IoU, or another mark."""
    page.locator(".js-plotly-plot .barlayer >> visible=true").first.wait_for()
    return dict(page.evaluate(DRAWN, name))


def bars_at_last(page, name, expected):
    """What is drawn as soon as it is what is expected, or when time is up."""
    end = time.monotonic() + DEADLINE_SECONDS
    while (found := bars(page, name)) != expected and time.monotonic() < end:
        page.wait_for_timeout(100)
    return found


def click_bar(page, name):
    """Click the bar of a class as a hand does: Plotly looks at where the pointer was before."""
    box = page.evaluate(BOX, list(bars(page)).index(name))
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.move(box["x"], box["y"], steps=5)
    page.wait_for_timeout(300)
    page.mouse.click(box["x"], box["y"])


DRAWN = """name => {
    const plots = [...document.querySelectorAll('.js-plotly-plot')].filter(e => e.offsetParent);
    const found = plots.flatMap(p => p.data).find(trace => trace.name === name);
    return found ? found.y.map((label, i) => [label, found.x[i]]) : [];
}"""
BADGES = """() => [...document.querySelectorAll('[data-cy="looker"]')].map(looker => {
    const box = looker.getBoundingClientRect();
    return [Math.round(box.top), box.left, looker.querySelector('[data-cy^="tag-"]').title];
})"""
BOX = """row => {
    const box = document.querySelectorAll('.js-plotly-plot .barlayer .point path')[row]
        .getBoundingClientRect();
    return {x: box.x + box.width / 2, y: box.y + box.height / 2};
}"""


def go_back(page):
    """Click the arrow until it is gone: one click may come while the page is still being drawn."""
    back = page.get_by_test_id("ArrowBackIcon")
    for _ in range(CLICKS):
        back.click()
        try:
            back.wait_for(state="hidden", timeout=SETTLE_MS)
        except playwright.TimeoutError:
            continue
        return
    raise AssertionError("the arrow does not lead back")


def worst_first(name):
    """The numbers of the streets with a class on either side, lowest IoU first, and their IoU."""
    values = {n: streets.iou(streets.counts([n]))[name] for n in range(streets.IMAGES)}
    held = {n: value for n, value in values.items() if value is not None}
    return sorted(held.items(), key=lambda item: item[1])


def evaluate(dataset):
    from segcore_fiftyone.backend import SegcoreEvaluationConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.evaluate_segmentations(
            "guess",
            gt_field="truth",
            eval_key="eval",
            method=SegcoreEvaluationConfig,
            ignore=streets.VOID,
            below=0.7,
        )


def judge(dataset, tmp_path):
    """Run a policy on the streets, as the operator does."""
    from segcore_fiftyone.cli.push import push

    policy = tmp_path / "batch.gate.yaml"
    policy.write_text(streets.POLICY.format(name=dataset.name))
    push(policy=str(policy), dataset=dataset.name, key="gate")


def badges(page, n):
    """What the n samples of the grid are marked with, in reading order: path and value."""
    page.wait_for_function("n => document.querySelectorAll('[data-cy^=\"tag-\"]').length === n", arg=n)
    found = page.evaluate(BADGES)
    return [title.partition(": ")[::2] for _, _, title in sorted(found)]


def test_bars_are_the_numbers_and_a_click_shows_the_worst_first(city, visit, page, tmp_path):
    dataset = city("streets")
    judge(dataset, tmp_path)
    visit(dataset, "segcore_panel")

    wanted = streets.iou(streets.counts())
    shown = bars_at_last(page, "IoU", wanted)
    keep(page, "panel")

    assert shown == wanted
    assert list(shown)[:2] == ["person", "car"]  # they fail

    click_bar(page, "person")
    page.get_by_text("Worst IoU of person first").wait_for()
    order = worst_first("person")
    page.locator(f'[data-cy="entry-counts"]:has-text("{len(order)} samples")').wait_for()
    found = badges(page, len(order))
    page.mouse.move(5, 600)
    page.get_by_text("Worst IoU of person first").wait_for(state="hidden")
    keep(page, "worst")

    assert {path for path, _ in found} == {"gate_iou.person"}
    assert [float(value) for _, value in found] == [value for _, value in order]


def test_slices_are_listed_and_drawn_beside_the_whole(city, visit, page, tmp_path):
    dataset = city("streets-by-day")
    judge(dataset, tmp_path)
    visit(dataset, "segcore_panel")
    bars(page)

    page.get_by_text("all samples", exact=True).click()
    page.get_by_role("option", name="tags").click()
    row = page.locator("tr", has=page.get_by_text("night", exact=True))
    row.locator("button").click()
    page.locator('[data-cy="entry-counts"]:has-text("6 samples")').wait_for()
    night = streets.iou(streets.counts(range(3, streets.IMAGES, 4)))
    found = bars_at_last(page, "slice", night)
    keep(page, "slices")

    assert found == night
    assert bars(page) == streets.iou(streets.counts())


def test_the_stock_panel_shows_every_class_and_opens_twice(city, visit, page):
    dataset = city("streets-evaluated")
    evaluate(dataset)
    visit(dataset, "model_evaluation_panel_builtin")

    for _ in range(2):
        page.get_by_text("eval", exact=True).first.click()
        for name, value in streets.iou(streets.counts()).items():
            row = page.locator("tr", has=page.get_by_text(f"IoU {name}", exact=True))
            row.get_by_text(f"{value:.3f}", exact=True).wait_for()
        keep(page, "stock")
        go_back(page)
