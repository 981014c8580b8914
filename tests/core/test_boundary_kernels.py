"""Bands and surfaces of label maps, and distances: against windows, OpenCV and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from boundary_peers import mask_to_boundary
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from segcore.kernels import NOWHERE, CodedPixels, band, squared_distances, surface
from segcore.kernels.bands import BLOCK_PX

relaxed = settings(deadline=None, max_examples=150)


@st.composite
def label_maps(draw, largest=24):
    """Maps of up to three codes: noise, patches, and sizes around those of words and blocks."""
    height, width = draw(st.tuples(st.integers(1, largest), st.integers(1, largest)))
    scale = draw(st.sampled_from([1, 1, 3, 7]))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    small = draw(hnp.arrays(dtype, (height, width), elements=st.integers(0, 2), fill=st.just(1)))
    return np.kron(small, np.ones((scale, scale), dtype))


def drawn(text):
    return np.array([[int(c) for c in line] for line in text.split()], np.uint8)


def rows_of(flags):
    return ["".join("#" if x else "." for x in row) for row in flags]


# ------------------------------------------------------------------------------ bands


def test_the_band_of_one_pixel_holds_both_sides_of_every_border_and_the_border_of_the_image():
    codes = drawn("""
        0000000
        0000000
        0000000
        0001110
        0001110
        0001110
        0000000
    """)

    found = rows_of(band(codes, width_px=1))

    assert found == ["#######", "#.....#", "#.#####", "#.#####", "#.##.##", "#.#####", "#######"]


def test_distance_is_counted_along_diagonals_too():
    codes = np.zeros((9, 9), np.uint8)
    codes[4, 4] = 1

    found = band(codes, width_px=2)

    assert rows_of(found[2:7, 2:7]) == ["#####"] * 5
    assert band(codes, width_px=1)[3:6, 3:6].all()
    assert not band(codes, width_px=1)[2, 2]


@relaxed
@given(label_maps(), st.integers(1, 20))
def test_the_band_is_what_a_window_around_each_pixel_says(codes, width_px):
    height, width = codes.shape
    padded = np.pad(codes.astype(int), width_px, constant_values=-1)  # no code: the outside

    expected = np.zeros(codes.shape, bool)
    for y in range(height):
        for x in range(width):
            window = padded[y : y + 2 * width_px + 1, x : x + 2 * width_px + 1]
            expected[y, x] = (window != codes[y, x]).any()

    assert np.array_equal(band(codes, width_px=width_px), expected)


@relaxed
@given(label_maps(), st.integers(1, 20))
def test_for_the_mask_of_each_code_it_is_the_boundary_of_boundary_iou_api(codes, width_px):
    found = band(codes, width_px=width_px)

    for code in range(3):
        mask = codes == code
        assert np.array_equal(found & mask, mask_to_boundary(mask, width_px))


@pytest.mark.parametrize("width", [62, 63, 64, 65, 127, 128, 129, 1000])
@pytest.mark.parametrize("width_px", [1, 2, 11, 31, 32, 33, 46])
def test_words_and_blocks_leave_no_trace(width, width_px):
    height = BLOCK_PX // width + 3 if width == 1000 else 130
    codes = np.ones((height, width), np.uint8)
    codes[::61, ::59] = 2
    codes[height // 2 :, width // 2 :] = 3

    found = band(codes, width_px=width_px)

    for code in (1, 2, 3):
        mask = codes == code
        assert np.array_equal(found & mask, mask_to_boundary(mask, width_px))


def test_a_map_no_larger_than_twice_the_width_is_all_band_and_an_empty_one_has_none():
    assert band(np.zeros((4, 900), np.uint8), width_px=2).all()
    assert not band(np.zeros((5, 900), np.uint8), width_px=2).all()
    assert band(np.zeros((9, 9), np.uint8), width_px=10**9).all()
    assert band(np.zeros((0, 7), np.uint8), width_px=1).shape == (0, 7)


def test_a_width_below_a_pixel_is_refused():
    with pytest.raises(ValueError, match="1 or more, got 0"):
        band(np.zeros((4, 4), np.uint8), width_px=0)


# ------------------------------------------------------------------------------ surfaces


@relaxed
@given(label_maps())
def test_the_surface_is_what_an_erosion_with_a_cross_takes_away(codes):
    found = surface(codes)

    for code in range(3):
        mask = codes == code
        assert np.array_equal(found & mask, mask & ~ndimage.binary_erosion(mask))


def test_an_empty_map_has_no_surface():
    assert surface(np.zeros((0, 3), np.uint8)).shape == (0, 3)
    assert surface(np.zeros((3, 0), np.uint8)).shape == (3, 0)


# ------------------------------------------------------------------------------ distances


def coded(codes, *, without=None):
    """All pixels of a map, but those of one code."""
    positions = np.flatnonzero(codes != without) if without is not None else np.arange(codes.size)
    return CodedPixels(
        shape=codes.shape, positions=positions, codes=codes.reshape(-1)[positions].astype(np.int32)
    )


def distances_by_scipy(pixels, others):
    """A transform of the whole image for each code."""
    found = np.full(len(pixels), NOWHERE, np.int64)
    for code in np.unique(pixels.codes):
        away = np.ones(pixels.shape, bool)
        away.reshape(-1)[others.positions[others.codes == code]] = False
        if not away.all():
            rows, columns = ndimage.distance_transform_edt(
                away, return_distances=False, return_indices=True
            )
            y, x = np.indices(pixels.shape)
            squared = ((y - rows) ** 2 + (x - columns) ** 2).reshape(-1)
            mine = pixels.codes == code
            found[mine] = squared[pixels.positions[mine]]
    return found


def test_distances_go_to_the_nearest_pixel_of_the_same_code():
    here = coded(drawn("1002 0000 0000"), without=0)
    there = coded(drawn("2000 0000 0011"), without=0)

    assert squared_distances(here, there).tolist() == [2**2 + 2**2, 3**2]
    assert squared_distances(there, here).tolist() == [3**2, 2**2 + 2**2, 2**2 + 3**2]


def test_a_code_that_the_other_side_lacks_is_nowhere():
    here, there = coded(drawn("12"), without=0), coded(drawn("11"), without=0)

    assert squared_distances(here, there).tolist() == [0, NOWHERE]
    assert squared_distances(here, coded(drawn("00"), without=0)).tolist() == [NOWHERE, NOWHERE]
    assert squared_distances(coded(drawn("00"), without=0), here).tolist() == []


def test_distances_of_maps_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        squared_distances(coded(drawn("11")), coded(drawn("1 1")))


@st.composite
def sparse_pairs(draw):
    """Two sets of coded pixels, near each other or far apart."""
    shape = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    sides = []
    for _ in range(2):
        codes = rng.integers(1, 4, shape)
        codes[rng.random(shape) > draw(st.sampled_from([1, 0.3, 0.02, 0.002]))] = 0
        y, x = (draw(st.integers(0, size)) for size in shape)
        codes[: y // 2], codes[:, : x // 2] = 0, 0
        sides.append(coded(codes[:: draw(st.sampled_from([1, -1]))], without=0))
    return tuple(sides)


@relaxed
@given(sparse_pairs())
def test_distances_are_those_of_a_euclidean_distance_transform(pair):
    here, there = pair

    assert np.array_equal(squared_distances(here, there), distances_by_scipy(here, there))


def circle(size, radius):
    angle = np.linspace(0, 2 * np.pi, 20 * radius)
    codes = np.zeros((size, size), np.uint8)
    y, x = (np.rint(size // 2 + radius * f(angle)).astype(int) for f in (np.sin, np.cos))
    codes[y, x] = 1
    return codes


HOSTILE = {
    "checkerboard beside a line": (np.indices((200, 300)).sum(0) % 2, np.eye(200, 300, 99)),
    "noise left and right": (
        np.pad(np.random.default_rng(1).integers(1, 90, (150, 150)), ((0, 0), (0, 150))),
        np.pad(np.random.default_rng(2).integers(1, 90, (150, 150)), ((0, 0), (150, 0))),
    ),
    "disc inside a circle": (circle(301, 12) | circle(301, 3), circle(301, 149)),
    "one long row": (np.arange(9000)[None] % 2, (np.arange(9000)[None] > 8990).astype(int)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_maps_made_to_be_slow_give_the_same_distances(case):
    here, there = (coded(codes.astype(np.int64), without=0) for codes in HOSTILE[case])

    assert np.array_equal(squared_distances(here, there), distances_by_scipy(here, there))
    assert np.array_equal(squared_distances(there, here), distances_by_scipy(there, here))


def test_many_pixels_around_few_points_are_looked_at_in_parts(monkeypatch):
    from segcore.kernels import nearest

    here, there = coded(circle(101, 9), without=0), coded(circle(101, 50), without=0)
    expected = distances_by_scipy(here, there)

    for most in (1, 2, 7, 100):
        monkeypatch.setattr(nearest, "MAX_PAIRS", most)
        assert np.array_equal(squared_distances(here, there), expected)
