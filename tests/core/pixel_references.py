"""The kernels' work done in per-pixel Python, and inputs that try it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segcore.kernels import LabelRuns

either_kind = pytest.mark.parametrize(
    "kind", ["reference", "compiled"], ids=["numpy", "numba"], indirect=True
)
relaxed = settings(deadline=None, max_examples=150)

SIDES = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 9, 16, 17])
IDENTITY = np.arange(256, dtype=np.int32).clip(max=3)


def label_runs(codes: list[int]) -> LabelRuns:
    """Runs of codes listed position by position."""
    starts = [i for i, code in enumerate(codes) if i == 0 or code != codes[i - 1]]
    return LabelRuns(
        pixels=len(codes),
        starts=np.array(starts, np.int32),
        codes=np.array([codes[i] for i in starts], np.int32),
    )


def expanded(runs: LabelRuns) -> list[int]:
    """The code of every position."""
    ends = [*runs.starts.tolist()[1:], runs.pixels]
    result: list[int] = []
    for start, end, code in zip(runs.starts.tolist(), ends, runs.codes.tolist(), strict=False):
        assert start == len(result)
        result += [code] * (end - start)
    return result


def counted(gold: list[int], delivery: list[int], size: int) -> np.ndarray:
    """The joint table, pixel by pixel."""
    table = np.zeros((size, size), np.int64)
    for g, d in zip(gold, delivery, strict=True):
        table[g, d] += 1
    return table


def columns(array: np.ndarray) -> list[int]:
    """Values in column-major order."""
    return [int(array[y, x]) for x in range(array.shape[1]) for y in range(array.shape[0])]


def assert_same(a: Any, b: Any) -> None:
    """Equal values and equal dtypes, field by field."""
    assert type(a) is type(b)
    for name in a.__slots__:
        left, right = getattr(a, name), getattr(b, name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, name
            np.testing.assert_array_equal(left, right, err_msg=name)
        else:
            assert left == right, name


def maps(shape: tuple[int, int], dtype: type) -> st.SearchStrategy[np.ndarray]:
    """Label maps with short runs, with long ones, and with any value."""
    short = hnp.arrays(dtype, shape, elements=st.integers(0, 2))
    long = hnp.arrays(dtype, shape, elements=st.integers(0, 3), fill=st.integers(0, 3))
    any_value = hnp.arrays(dtype, shape, elements=st.integers(0, np.iinfo(dtype).max))
    return short | long | any_value


@st.composite
def map_pairs(draw: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two maps of one shape and the codes (0 to 4) of their values."""
    shape = draw(st.tuples(SIDES, SIDES))
    values, codes = [], []
    for _ in range(2):
        dtype = draw(st.sampled_from([np.uint8, np.uint16]))
        values.append(draw(maps(shape, dtype)))
        rng = np.random.default_rng(draw(st.integers(0, 5)))
        codes.append(rng.integers(0, 5, np.iinfo(dtype).max + 1).astype(np.int32))
    return values[0], values[1], codes[0], codes[1]
