"""A real FiftyOne with its own MongoDB for the tests that ask for one."""

from __future__ import annotations

import asyncio
import atexit
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what these tests share: mongod, scenes

import mask_labels
import mongod
import numpy as np
import object_labels
import scenes


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Send all tests of FiftyOne to the same worker: its import takes seconds, its database is one."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if "fo" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("fiftyone"))


@pytest.fixture(scope="session")
def fo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module ``fiftyone``, which knows neither the user's settings nor another database."""
    if mongod.binary() is None:
        pytest.skip("missing: mongod (make test installs it)")
    folder = tmp_path_factory.mktemp("fiftyone")
    server = mongod.start(folder)
    chosen = mongod.settings(folder, server.uri)
    with pytest.MonkeyPatch.context() as patch:
        try:
            # For the processes that are started from here; this one may have imported it already.
            for name, value in chosen.items():
                patch.setenv(f"FIFTYONE_{name.upper()}", value)
            with warnings.catch_warnings(), pytest.MonkeyPatch.context() as home:
                home.setenv("HOME", str(folder))
                # Deprecations inside of FiftyOne and of what it stands on, at import and at connecting.
                warnings.simplefilter("ignore")
                fiftyone = pytest.importorskip("fiftyone", reason="missing: fiftyone")
                for name, value in chosen.items():
                    if hasattr(fiftyone.config, name):
                        setattr(fiftyone.config, name, value != "false" and (value == "true" or value))
                assert fiftyone.list_datasets() == [], "this is not the database of these tests"
            import fiftyone.core.odm.database as database

            # At exit it would look for a server that is gone by then, for as long as it waits.
            atexit.unregister(database._delete_non_persistent_datasets_if_allowed)
            yield fiftyone
        finally:
            server.stop()


@pytest.fixture
def dataset(fo: Any) -> Iterator[Callable[..., Any]]:
    """A function that makes an empty dataset, which is deleted after the test."""
    made = []

    def make(name: str | None = None) -> Any:
        made.append(fo.Dataset(name, persistent=True))
        return made[-1]

    yield make
    for each in made:
        if not each.deleted:
            each.delete()


@pytest.fixture
def streets(fo, dataset, tmp_path):
    """A function: masks by image name and field -> a dataset whose mask targets are TARGETS."""

    def make(labels, *, size=mask_labels.SIZE, targets=mask_labels.TARGETS, field_targets=None):
        made = dataset()
        scenes.add_samples(fo, made, tmp_path, labels, size)
        made.default_mask_targets = targets or {}
        made.mask_targets = field_targets or {}
        made.save()
        return made

    return make


@pytest.fixture
def on_disk(fo, tmp_path):
    """A function from pixels to a label whose mask is a file."""
    made = []

    def write(pixels, dtype=np.uint8, **options):
        path = tmp_path / "masks" / f"{len(made)}.png"
        made.append(scenes.png(path, np.asarray(pixels, dtype), **options))
        return fo.Segmentation(mask_path=made[-1])

    return write


@pytest.fixture
def street(fo, dataset, tmp_path):
    """A function: the labels of one image, by field -> a dataset, whose metadata are not computed."""

    def make(**fields):
        made = dataset()
        size = (object_labels.HEIGHT, object_labels.WIDTH)
        scenes.add_samples(fo, made, tmp_path, {"a": fields}, size)
        return made

    return make


@pytest.fixture
def detections(fo):
    """A function from (label, box, mask) each to detections."""

    def label(*items, **options):
        return fo.Detections(
            detections=[
                fo.Detection(label=name, bounding_box=where, mask=mask, **options)
                for name, where, mask in items
            ]
        )

    return label


@pytest.fixture
def polylines(fo):
    """A function from (label, shape, ...) each to polylines."""

    def label(*items, closed=True, filled=True):
        return fo.Polylines(
            polylines=[
                fo.Polyline(label=name, points=points, closed=closed, filled=filled)
                for name, *points in items
            ]
        )

    return label


@pytest.fixture(scope="session")
def plugin(fo: Any) -> Path:
    """The plugin in the plugins folder of FiftyOne."""
    from segcore_fiftyone.installing import install

    return install().path


@pytest.fixture
def run(fo, plugin):
    """A function that runs an operator on a dataset and gives the result of the execution."""
    from fiftyone.operators.executor import execute_or_delegate_operator

    def execute(name, dataset, params=None, *, expect_error=False, **request):
        uri = f"@segcore/segcore/{name}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of FiftyOne itself
            result = asyncio.run(
                execute_or_delegate_operator(
                    uri,
                    {
                        "dataset_name": dataset.name,
                        "operator_uri": uri,
                        "params": params or {},
                        **request,
                    },
                )
            )
        assert bool(result.error) == expect_error, result.error
        dataset.reload()
        return result

    return execute


@pytest.fixture
def panel(run):
    """A function that sends an event to the panel of a dataset; what the browser is told, by name."""

    def event(dataset, method, *, state=None, view=None, **params):
        result = run(
            "segcore_panel",
            dataset,
            {"panel_id": "p", "panel_state": state or {}, "__method__": method, **params},
            view=view and view._serialize(),
        )
        told = {}
        for request in result.executor._requests:
            told.setdefault(request.operator_uri.removeprefix("@voxel51/operators/"), []).append(
                request.params
            )
        return told

    return event
