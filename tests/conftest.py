"""What every test may use: real data that cannot be redistributed, and the rule about skips."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_mask

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("SEGCORE_SHARED_DATA") or ROOT.parent / "shared" / "data")

PEERS = frozenset(
    {
        "cityscapesscripts", "cv2", "fiftyone", "hotcoco", "importlinter", "label_studio_sdk", "numba",
        "krippendorff", "playwright", "sklearn", "SimpleITK",
    }
)  # fmt: skip
"""Modules a test may import without asking: where one is not installed, the test is skipped."""

R = TypeVar("R", pytest.TestReport, pytest.CollectReport)

MISSING_COMPONENT = ("missing:", "could not import")
"""How the reason of a skip begins when something that can be installed is not installed."""


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A function from the name of a data set to its folder.

    The folder lies beside the checkout, or where SEGCORE_SHARED_DATA says.  A test whose data may
    not be redistributed skips where the data set is absent, and says so.
    """

    def folder(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.is_dir():
            pytest.skip(f"missing data: {name} may not be redistributed; set SEGCORE_SHARED_DATA")
        return path

    return folder


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = (
    "--no-sandbox",  # which root may not use, and CI is root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No host but this one, for pages, sockets, workers and the browser itself.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
BROWSER_PATIENCE_MS = 60_000  # where everything works, a page is there after three seconds


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty page of a browser with a new profile, which reaches nothing but this machine.

    Each test starts a browser of its own: while Playwright runs, nothing else in the process can
    use asyncio.
    """
    browsers = [path for path in map(shutil.which, BROWSERS) if path]
    if not browsers:
        pytest.skip("missing: chromium (apt install chromium libatomic1)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers[0], args=BROWSER_FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 800})
            page.set_default_timeout(BROWSER_PATIENCE_MS)
            yield page
        finally:
            browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in PEERS:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), None, f"Skipped: missing: {error.name}")
    return _refuse_missing_component(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _refuse_missing_component((yield))


def _refuse_missing_component(report: R) -> R:
    """Turn "skipped, because a component is missing" into a failure where SEGCORE_REQUIRE is set."""
    if os.environ.get("SEGCORE_REQUIRE") and report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        if reason.startswith(MISSING_COMPONENT):
            report.outcome = "failed"
            report.longrepr = (
                f"{reason}\nSEGCORE_REQUIRE is set: a skip must not hide a missing component"
            )
    return report


@pytest.fixture
def write_shapes(tmp_path: Path) -> Callable[[Mapping[str, npt.NDArray[np.bool_]]], str]:
    """A function that writes a COCO document with an image and a class for every mask; its spec."""

    def write(shapes: Mapping[str, npt.NDArray[np.bool_]]) -> str:
        images, annotations = [], []
        for k, mask in enumerate(shapes.values(), 1):
            rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            height, width = mask.shape
            images.append({"id": k, "file_name": f"{k}.png", "height": height, "width": width})
            annotations.append(
                {
                    "id": k,
                    "image_id": k,
                    "category_id": k,
                    "iscrowd": 0,
                    "area": int(mask.sum()),
                    "bbox": [float(x) for x in coco_mask.toBbox(rle)],
                    "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
                }
            )
        categories = [{"id": k, "name": name} for k, name in enumerate(shapes, 1)]
        document = {"images": images, "annotations": annotations, "categories": categories}
        file = tmp_path / "shapes.json"
        file.write_text(json.dumps(document))
        return f"coco:{file}"

    return write
