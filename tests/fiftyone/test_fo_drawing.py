"""Drawing without a database: against plain NumPy, and on documents nobody checked."""

from __future__ import annotations

import zlib
from io import BytesIO

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.faults import CODES
from segcore.masks.batch import MaskBatch
from segcore.ontology import LabelClass, Ontology
from segcore_fiftyone.detections import draw_detections
from segcore_fiftyone.objects import draw_objects
from segcore_fiftyone.polylines import draw_polylines
from segcore_fiftyone.stored import decode_array

WIDTH, HEIGHT = 13, 9


def stored(array: np.ndarray) -> bytes:
    """As FiftyOne writes it."""
    stream = BytesIO()
    np.save(stream, array)
    return zlib.compress(stream.getvalue())


def canvas(batch: MaskBatch, item: int) -> np.ndarray:
    mask = np.zeros(HEIGHT * WIDTH, bool)
    lo, hi = batch.offsets[item], batch.offsets[item + 1]
    starts, ends = batch.starts[lo:hi].tolist(), batch.ends[lo:hi].tolist()
    assert all(a < b for a, b in zip(starts, ends, strict=True))
    assert all(b < a for b, a in zip(ends, starts[1:], strict=False)), "runs that touch are one"
    for a, b in zip(starts, ends, strict=True):
        mask[a:b] = True
    return mask.reshape(HEIGHT, WIDTH, order="F")


@st.composite
def patches(draw: st.DrawFn) -> tuple[int, int, np.ndarray]:
    """A place that may be off the image, and a mask with at least one pixel."""
    rows, columns = draw(st.integers(1, HEIGHT + 1)), draw(st.integers(1, WIDTH + 1))
    x, y = draw(st.integers(-columns, WIDTH)), draw(st.integers(-rows, HEIGHT))
    bits = draw(st.integers(1, (1 << rows * columns) - 1))
    mask = np.array([bits >> i & 1 for i in range(rows * columns)], bool).reshape(rows, columns)
    return x, y, mask


@settings(max_examples=60, deadline=None)
@given(st.lists(patches(), min_size=1, max_size=4))
def test_masks_in_boxes_of_whole_pixels_are_pasted_and_cut_at_the_border(placed):
    documents, expected = [], []
    for x, y, mask in placed:
        rows, columns = mask.shape
        frame = np.zeros((5 * HEIGHT, 5 * WIDTH), bool)
        frame[2 * HEIGHT + y :, 2 * WIDTH + x :][:rows, :columns] = mask
        expected.append(frame[2 * HEIGHT : 3 * HEIGHT, 2 * WIDTH : 3 * WIDTH])
        where = [x / WIDTH, y / HEIGHT, columns / WIDTH, rows / HEIGHT]
        documents.append({"bounding_box": where, "mask": stored(mask)})

    batch = draw_detections(documents, height=HEIGHT, width=WIDTH)

    assert [canvas(batch, i).tolist() for i in range(len(placed))] == [m.tolist() for m in expected]
    assert batch.refused.tolist() == [not m.any() for m in expected]
    assert {p.code for p in batch.problems} <= {"seg.empty"}


corners = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH), st.integers(1, HEIGHT)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(corners, min_size=1, max_size=5), min_size=1, max_size=3))
def test_rectangles_of_whole_pixels_change_the_parity_of_what_they_cover(drawn):
    documents, expected = [], []
    for rectangles in drawn:
        mask, points = np.zeros((HEIGHT, WIDTH), bool), []
        for x, y, w, h in rectangles:
            mask[y : y + h, x : x + w] ^= True
            edges = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
            points.append([[px / WIDTH, py / HEIGHT] for px, py in edges])
        documents.append({"closed": True, "filled": True, "points": points})
        expected.append(mask)

    batch = draw_polylines(documents, height=HEIGHT, width=WIDTH)

    assert [canvas(batch, i).tolist() for i in range(len(drawn))] == [m.tolist() for m in expected]
    assert batch.refused.tolist() == [not m.any() for m in expected]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=50)
    | st.just(stored(np.ones((2, 3), bool)))
    | st.just(stored(np.full((1, 1), 300))),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
boxes = st.lists(st.floats(-5, 5), min_size=4, max_size=4)
FIELDS = ("_id", "attributes", "closed", "confidence", "filled", "iscrowd", "label", "mask", "points")
documents = values | st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(FIELDS, values), "bounding_box": boxes | values, "mask_path": values}
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["Detections", "Polylines"]), st.lists(documents, max_size=4))
def test_whatever_the_database_holds_is_drawn_or_a_fault(kind, found):
    ontology = Ontology((LabelClass(id=1, name="car"),))

    drawn = draw_objects(found, kind=kind, ontology=ontology, height=HEIGHT, width=WIDTH)

    refused = {p.item for p in drawn.problems if CODES[p.code][0] == "error"}
    assert len(drawn.regions) == len(found) - len(refused)
    assert all(len(p.expected) <= 120 and len(p.got) <= 120 for p in drawn.problems)
    assert all((p.expected + p.got).isprintable() for p in drawn.problems)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["?", "u1", "<u2", ">u2", "<i4", ">i8"]),
    st.integers(1, 7), st.integers(1, 7), st.booleans(), st.integers(0, 1 << 32),
)  # fmt: skip
def test_an_array_comes_back_as_numpy_reads_it(dtype, height, width, by_columns, seed):
    array = np.random.default_rng(seed).integers(0, 2, (height, width)).astype(dtype)
    if by_columns:
        array = np.asfortranarray(array)

    again = decode_array(stored(array))

    assert np.array_equal(again, array)
    assert again.flags.c_contiguous
    assert again.dtype.isnative
