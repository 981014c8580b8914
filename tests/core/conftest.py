"""What the tests of the core share."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from segcore import kernels

if TYPE_CHECKING:
    import fsspec

    from segcore.sources.coco import CocoSource

# The helpers of this folder are plain modules; their assertions explain themselves as those of a test.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite(
    "coco_files",
    "fault_inputs",
    "format_faults",
    "instance_scenes",
    "mask_batches",
    "mask_files",
    "panoptic_scenes",
    "pixel_references",
    "png_writer",
    "spec_readings",
    "voc_scenes",
)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., CocoSource]:
    """A function that writes a COCO document and opens it."""

    def write_and_open(document: Any, name: str = "delivery.json", **options: str) -> CocoSource:
        from segcore.sources.coco import open_source
        from segcore.sources.spec import Spec

        path = tmp_path / name
        if isinstance(document, bytes):
            path.write_bytes(document)
        else:
            path.write_text(document if isinstance(document, str) else json.dumps(document))
        return open_source(Spec(format="coco", location=str(path), options=options))

    return write_and_open


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> ModuleType:
    """The module of one kind of kernels; a test of the compiled ones is skipped without numba."""
    return importlib.import_module(f"segcore.kernels.{request.param}")


@pytest.fixture(scope="session")
def compiled() -> ModuleType:
    """The module of the compiled kernels."""
    return importlib.import_module("segcore.kernels.compiled")


@pytest.fixture(params=["numpy", "numba"])
def either_kind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Work with the one kind of kernels, then with the other."""
    if request.param == "numba":
        pytest.importorskip("numba", reason="missing: numba")
    kernels.use(request.param)
    yield
    kernels.use("auto")


DECODERS = ["deflate", "kornia_rs", "Pillow"]
"""The first takes what it can and leaves the rest to the next."""


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All ways to decode; each must give the same pixels and the same faults."""
    for missing in DECODERS[: DECODERS.index(request.param)]:
        monkeypatch.setitem(sys.modules, missing, None)
    return str(request.param)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """A file system in memory, emptied after the test."""
    import fsspec

    fs = fsspec.filesystem("memory")
    yield fs
    for path in fs.ls("/", detail=False):
        fs.rm(path, recursive=True)
