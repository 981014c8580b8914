"""What the tests of the core share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from segcore import kernels

sys.path.insert(0, str(Path(__file__).parent))  # instance_scenes


@pytest.fixture(params=["numpy", "numba"])
def either_kind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Once with each kind of kernels."""
    if request.param == "numba":
        pytest.importorskip("numba", reason="missing: numba")
    kernels.use(request.param)
    yield
    kernels.use("auto")
