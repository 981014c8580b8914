"""Connected parts held as runs are those SciPy labels, whatever the order of the lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lint_scenes import CAR, found, regions, shapes
from scipy import ndimage

from segcore.annotation import RunMask
from segcore.lints import parts as parts_module
from segcore.lints.layers import Runs
from segcore.lints.parts import connected_parts, gaps

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.booleans())


def runs_of(*masks):
    found = [RunMask.from_array(mask) for mask in masks]
    return Runs(
        starts=np.concatenate([mask.starts for mask in found]).astype(np.int64),
        ends=np.concatenate([mask.ends for mask in found]).astype(np.int64),
        owner=np.repeat(np.arange(len(found)), [len(mask.starts) for mask in found]),
    )


def labelled(mask, *, diagonal):
    """Area, whether it touches the border, of every part; by SciPy, in the order of first pixels."""
    labels, count = ndimage.label(mask.T, structure=np.ones((3, 3)) if diagonal else None)
    framed = np.pad(labels, 1)
    inner = framed.copy()
    inner[2:-2, 2:-2] = 0
    return [(int((labels == i).sum()), bool((inner == i).any())) for i in range(1, count + 1)]


@pytest.mark.parametrize("diagonal", [False, True])
@given(masks=st.lists(MASKS, min_size=1, max_size=3), at_once=st.sampled_from([1, 3, 1 << 21]))
def test_parts_are_those_of_scipy(diagonal, masks, at_once):
    masks = [mask for mask in masks if mask.shape == masks[0].shape]
    height, width = masks[0].shape

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "_MAX_PIECES", at_once)
        parts = connected_parts(runs_of(*masks), line=height, lines=width, diagonal=diagonal)

    for i, mask in enumerate(masks):
        own = parts.owner == i
        got = list(zip(parts.areas_px[own].tolist(), parts.open[own].tolist(), strict=True))
        assert got == labelled(mask, diagonal=diagonal)


@given(MASKS)
def test_gaps_are_what_a_mask_leaves_in_the_lines_from_its_first_to_its_last(mask):
    height = len(mask)
    free = gaps(runs_of(mask), line=height)
    expected = np.zeros_like(mask)
    columns = np.flatnonzero(mask.any(axis=0))
    if len(columns):
        inside = slice(columns[0], columns[-1] + 1)
        expected[:, inside] = ~mask[:, inside]

    flat = np.zeros(mask.size, np.bool_)
    for start, end in zip(free.starts, free.ends, strict=True):
        flat[start:end] = True

    assert np.array_equal(flat.reshape(mask.shape, order="F"), expected)


@given(MASKS)
def test_holes_are_those_of_scipy(mask):
    labels, count = ndimage.label(~mask)
    border = set(labels[0]) | set(labels[-1]) | set(labels[:, 0]) | set(labels[:, -1])
    holes = [int((labels == i).sum()) for i in range(1, count + 1) if i not in border]

    result = found("hole", regions(a=shapes((CAR, mask))), hole_px=100)

    assert result.found == min(len(holes), 1)
    if len(holes) == 1:
        assert result.findings[0].got.startswith(f"{holes[0]} px")
    elif holes:
        assert result.findings[0].what == f"{len(holes)} small holes are filled by nothing"


def test_a_spiral_is_one_part():
    size = 41
    mask = np.zeros((size, size), np.bool_)
    x = y = 0
    dx, dy, mask[0, 0] = 1, 0, True
    for length in range(size - 1, 0, -2):
        for _ in range(2):
            for _ in range(length):
                x, y = x + dx, y + dy
                mask[y, x] = True
            dx, dy = -dy, dx
    assert ndimage.label(mask)[1] == 1

    parts = connected_parts(runs_of(mask), line=size, lines=size, diagonal=False)

    assert parts.areas_px.tolist() == [int(mask.sum())]
