"""What a reviewer sees after a push: the tab and the difference masks, in a browser."""

from __future__ import annotations

import io
import time

import drawing
import numpy as np
import pytest
from PIL import Image

CONFIG = (
    '<View><Image name="image" value="$image"/><BrushLabels name="brush" toName="image">'
    '<Label value="road" background="#ff0000"/><Label value="car" background="#0000ff"/>'
    "</BrushLabels></View>"
)
"""Red and blue brushes; the images are grey, but for two green pixels."""

GOLD = """
rrrrrrrrrrrrrrrr
rrrrrrrrrrrrrrrr
................
..ccccc.........
..ccccc.........
................
................
................
"""
SHIFTED = """
rrrrrrrrrrrrrrrr
rrrr............
................
.....ccccc......
.....ccccc......
................
................
................
"""
SHIFTED_MISSED = """
................
....rrrrrrrrrrrr
................
..ccc...........
..ccc...........
................
................
................
"""
SHIFTED_EXTRA = """
................
................
................
.......ccc......
.......ccc......
................
................
................
"""
NOTHING = """
................
................
................
................
................
................
................
................
"""
DELIVERIES = {
    "slight": GOLD.replace("ccccc", "ccc.."),  # car 6 of 10 pixels
    "right": GOLD,
    "shifted": SHIFTED,  # car 4 of 16 pixels, road 20 of 32
    "half": GOLD.replace("ccccc", "cc..."),  # car 4 of 10 pixels
}
WORST_FIRST = ("shifted", "half", "slight")

LABELS = {"r": "road", "c": "car"}
ROWS, COLUMNS = 8, 16
MARKS = (6, 1), (6, 14)
"""Row and column of the green pixels, by which the image is found on the canvas, however enlarged."""
DEADLINE_SECONDS = 60


def results(picture, text):
    """The brush regions of a drawing, as a list of results."""
    cells = np.array([list(line) for line in text.split()])
    shapes = [drawing.brush(picture, label, cells == letter) for letter, label in LABELS.items()]
    return [entry for shape in shapes for entry in shape.entries]


@pytest.fixture
def project(sdk, label_studio):
    """A task for each delivery, whose images the server itself holds."""
    made = sdk.projects.create(title="streets", label_config=CONFIG)
    folder = label_studio.folder / "files" / f"browser-{made.id}"
    folder.mkdir()
    sdk.import_storage.local.create(project=made.id, path=str(folder))
    tasks = []
    for name, delivery in DELIVERIES.items():
        pixels = np.full((ROWS, COLUMNS, 3), 160, np.uint8)
        for mark in MARKS:
            pixels[mark] = 0, 255, 0
        # Not compressed: Label Studio takes an image file below 100 bytes for a failed download.
        Image.fromarray(pixels).save(folder / f"{name}.png", compress_level=0)
        url = f"/data/local-files/?d=files/{folder.name}/{name}.png"
        picture = drawing.Picture(url=url, width=COLUMNS, height=ROWS)
        tasks.append(
            {
                "data": {"image": url},
                "annotations": [
                    {"result": results(picture, GOLD), "ground_truth": True, "completed_by": 1},
                    {"result": results(picture, delivery), "ground_truth": False, "completed_by": 1},
                ],
            }
        )
    sdk.projects.import_tasks(id=made.id, request=tasks)
    return made.id


@pytest.fixture
def task_of(rows):
    """A function from the name of a delivery to the number of its task."""

    def number(name):
        (found,) = (
            id_ for id_, data in rows()["tasks"].items() if data["image"].endswith(f"/{name}.png")
        )
        return found

    return number


@pytest.fixture
def visit(page, project, label_studio, rows):
    """A function that opens the tab of a push, or one of its tasks, as the administrator."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    login = label_studio.url + "user/login/"
    page.request.get(login)
    (token,) = (c["value"] for c in page.context.cookies() if c["name"] == "csrftoken")
    who = {"email": label_studio.email, "password": label_studio.password}
    answer = page.request.post(login, form={**who, "csrfmiddlewaretoken": token}, max_redirects=0)
    assert answer.status == 302, answer.text()

    def go(task=None):
        ((tab, _),) = [row for row in rows()["tabs"] if row[1]["title"] == "segcore: failing"]
        address = f"{label_studio.url}projects/{project}/data?tab={tab}"
        page.goto(address if task is None else f"{address}&task={task}")
        return page

    yield go
    assert errors == []


def listed(page):
    """The numbers of the tasks in the open tab, from top to bottom, and the title of the tab."""
    page.get_by_test_id("table-row").first.wait_for()
    boxes = page.get_by_test_id("table-row").get_by_role("checkbox").all()
    numbers = [int(box.get_attribute("aria-label").removeprefix("Select Task ")) for box in boxes]
    return page.locator(".lsf-tabs-dm__item_active").inner_text().strip(), numbers


def choose(page, version):
    """Open one of the predictions of a task."""
    page.locator(".lsf-annotation-button").filter(has_text=version).click()
    page.mouse.move(0, 0)  # what the button tells of itself would lie on the image


def drawn(page):
    """The canvas as text: the colour in the middle of each pixel of the image."""
    page.add_style_tag(content=".lsf-toolbar { visibility: hidden }")  # it floats above the image
    canvas = Image.open(io.BytesIO(page.locator(".konvajs-content").screenshot())).convert("RGB")
    red, green, blue = np.moveaxis(np.asarray(canvas, dtype=int), 2, 0)
    marked = np.clip(green - red, 0, None)
    half = canvas.width // 2
    if not marked[:, :half].any() or not marked[:, half:].any():
        return "no image"
    (y, left), (_, right) = middle(marked[:, :half]), middle(marked[:, half:])
    (row, first), (_, last) = MARKS
    size = (right + half - left) / (last - first)
    x = (left + (np.arange(COLUMNS) - first) * size).astype(int)
    y = (y + (np.arange(ROWS) - row) * size).astype(int)
    at = np.ix_(y, x)
    letters = np.select([red[at] > blue[at] + 30, blue[at] > red[at] + 30], ["r", "c"], ".")
    return "\n" + "\n".join("".join(line) for line in letters) + "\n"


def middle(weights):
    """The row and the column of the centre of mass."""
    total = weights.sum()
    return tuple(
        (weights.sum(axis=1 - i) * np.arange(n)).sum() / total for i, n in enumerate(weights.shape)
    )


def drawn_at_last(page, expected):
    """What is drawn as soon as it is what is expected, or when time is up."""
    end = time.monotonic() + DEADLINE_SECONDS
    while (found := drawn(page)) != expected and time.monotonic() < end:
        page.wait_for_timeout(100)
    return found


@pytest.mark.parametrize("options", [["--columns"], []], ids=["columns", "no columns"])
def test_the_tab_opens_on_the_failing_tasks_and_a_second_push_changes_nothing(
    options, push, rows, task_of, visit
):
    failing = [task_of(name) for name in WORST_FIRST]
    expected = failing if options else sorted(failing)
    images = {task: data["image"] for task, data in rows()["tasks"].items()}

    push(*options)
    first, seen_first = rows(), listed(visit())
    push(*options)
    second, seen_second = rows(), listed(visit())

    assert seen_first == seen_second == ("segcore: failing", expected)
    assert second == first
    assert {name: len(found) for name, found in second.items()} == {
        "tasks": 4,
        "tabs": 2,
        "predictions": 4,
    }
    assert {task: data["image"] for task, data in second["tasks"].items()} == images


def test_difference_masks_are_drawn_where_pixels_differ_and_nowhere_else(push, task_of, visit):
    push()
    page = visit(task_of("shifted"))

    choose(page, "segcore/missed")
    assert drawn_at_last(page, SHIFTED_MISSED) == SHIFTED_MISSED

    page.get_by_label("Hide all regions").click()
    assert drawn_at_last(page, NOTHING) == NOTHING

    choose(page, "segcore/extra")
    assert drawn_at_last(page, SHIFTED_EXTRA) == SHIFTED_EXTRA
