"""The runs of colours: pixel by pixel, and the two kinds of kernels against each other."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segcore import kernels
from segcore.kernels import reference, reference_segments

relaxed = settings(deadline=None, max_examples=150)


@pytest.fixture(scope="session", params=["reference", "compiled"], ids=["numpy", "numba"])
def kind(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"segcore.kernels.{request.param}")


def expected(pixels: np.ndarray) -> tuple[list[int], list[int]]:
    """One pixel after the other."""
    starts, colors = [], []
    for at, (red, green, blue) in enumerate(pixels.reshape(-1, 3).tolist()):
        color = red + 256 * green + 65536 * blue
        if not colors or colors[-1] != color:
            starts.append(at)
            colors.append(color)
    return starts, colors


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    """Few colours that may differ in one byte only, in runs of any length, over words of any number."""
    shape = draw(st.tuples(st.integers(0, 9), st.integers(0, 40)))
    palette = draw(hnp.arrays(np.uint8, (3, 3), elements=st.sampled_from([0, 1, 255])))
    which = draw(hnp.arrays(np.int8, shape, elements=st.integers(0, 2), fill=st.just(0)))
    return np.ascontiguousarray(palette[which])


@relaxed
@given(pixels=images())
def test_color_runs_are_those_counted_pixel_by_pixel(kind, pixels):
    starts, colors = kind.color_runs(pixels)

    assert (starts.tolist(), colors.tolist()) == expected(pixels)
    assert (starts.dtype, colors.dtype) == (np.int32, np.uint32)


@pytest.mark.parametrize("change", range(72))
def test_a_change_is_found_at_every_place_of_a_word(kind, change):
    flat = np.zeros(72 * 5, np.uint8)
    flat[72 + change] = 1

    starts, _ = kind.color_runs(flat.reshape(1, -1, 3))

    pixel = (72 + change) // 3
    assert starts.tolist() == [0, pixel, pixel + 1]


def test_images_of_many_blocks_give_the_same_runs_in_both_kinds(monkeypatch):
    compiled = importlib.import_module("segcore.kernels.compiled")
    monkeypatch.setattr(reference_segments, "BLOCK_BYTES", 240)
    rng = np.random.default_rng(5)
    # More runs than the compiled kernel has room for at first, and stretches without any.
    pixels = rng.integers(0, 2, (200, 301, 3), np.uint8)
    pixels[60:120] = 7

    found, twin = reference.color_runs(pixels), compiled.color_runs(pixels)

    assert all(np.array_equal(a, b) for a, b in zip(found, twin, strict=True))
    assert found[0].tolist() == expected(pixels)[0]


@relaxed
@given(
    colors=hnp.arrays(
        np.uint32, st.integers(0, 60), elements=st.integers(0, 30) | st.integers(0, 2**24 - 1)
    ),
    ids=st.sets(st.integers(1, 30) | st.integers(1, 2**24 - 1), max_size=40),
)
def test_runs_are_numbered_by_the_place_of_their_color_among_the_ids(kind, colors, ids):
    known = sorted(ids)
    starts = (np.arange(len(colors)) ** 2).astype(np.int32)
    pixels = len(colors) ** 2

    numbers, areas, strangers = kind.number_runs(
        starts, colors, np.array(known, np.uint32), pixels=pixels
    )

    places = {own_id: n for n, own_id in enumerate(known, 1)}
    lengths = [2 * n + 1 for n in range(len(colors))]
    assert numbers.tolist() == [places.get(color, 0) for color in colors.tolist()]
    assert areas.tolist() == [
        sum(n for n, color in zip(lengths, colors.tolist(), strict=True) if color == own_id)
        for own_id in known
    ]
    assert strangers.tolist() == [
        i for i, color in enumerate(colors.tolist()) if color and color not in ids
    ]
    assert [array.dtype for array in (numbers, areas, strangers)] == [np.int32, np.int64, np.int64]


def test_ids_that_do_not_increase_are_a_mistake_of_the_caller():
    runs = np.zeros(1, np.int32), np.zeros(1, np.uint32)

    with pytest.raises(ValueError, match="increase"):
        kernels.number_runs(*runs, np.array([5, 5], np.uint32), pixels=1)
    with pytest.raises(ValueError, match="increase"):
        kernels.number_runs(*runs, np.array([0, 5], np.uint32), pixels=1)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 3), np.uint8),
        np.zeros((2, 3, 4), np.uint8),
        np.zeros((2, 3, 3), np.uint16),
        np.zeros((2, 6, 3), np.uint8)[:, ::2],
    ],
    ids=["two dimensions", "four channels", "16 bits", "not contiguous"],
)
def test_arrays_of_another_kind_are_a_mistake_of_the_caller(pixels):
    with pytest.raises(ValueError, match="expected"):
        kernels.color_runs(pixels)
