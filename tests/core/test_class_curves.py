"""Precision over recall of one class: by hand, recall by recall, and the two kinds alike."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore import kernels
from segcore.kernels import ClassCurves, compiled, reference

RECALLS = np.linspace(0.0, 1.0, 101)


@pytest.fixture(scope="session", params=["reference", "compiled"], ids=["numpy", "numba"])
def kind(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"segcore.kernels.{request.param}")


def curves(kind: ModuleType, states: list[int], *, wanted: int, one_point: bool = False) -> ClassCurves:
    """Of objects in order of confidence, in one size band at one threshold."""
    return kind.class_curves(
        np.array([[states]], np.uint8).reshape(1, 1, -1),
        np.arange(len(states)),
        np.zeros(len(states), np.int64),
        np.zeros((1, len(states)), np.bool_),
        np.array([wanted]),
        RECALLS,
        np.array([1]),
        one_point=one_point,
    )


def test_right_wrong_right_of_four_by_hand(kind):
    """Precision 1 up to recall .25, then 2/3 up to .5: of 101 recalls 26 and 25."""
    found = curves(kind, [1, 0, 1], wanted=4)

    assert found.terms.tolist() == [[[26 * 1.0, 0.0, 25 * (2 / 3)]]]
    assert (found.found.tolist(), found.limited.tolist()) == ([[2]], [[2]])


def test_a_later_better_precision_holds_for_lower_recalls(kind):
    """Wrong, right, right: 2/3 throughout, though the first right one stands at 1/2."""
    found = curves(kind, [0, 1, 1], wanted=2)

    assert found.terms.sum() == pytest.approx(101 * 2 / 3, abs=1e-12)


def test_objects_matched_with_ignored_ones_do_not_count(kind):
    assert curves(kind, [2, 1], wanted=1).terms.tolist() == [[[0.0, 101.0]]]


def test_equally_sure_objects_are_one_point(kind):
    """Recall .5 at precision 1/3: of 101 recalls 51."""
    found = curves(kind, [0, 1, 0], wanted=2, one_point=True)

    assert found.terms.tolist() == [[[51 * (1 / 3)]]]


def test_a_class_without_delivered_objects_has_no_point(kind):
    found = curves(kind, [], wanted=2)

    assert found.terms.shape == (1, 1, 0)
    assert (found.found.tolist(), found.limited.tolist()) == ([[0]], [[0]])


def test_more_found_than_there_are_is_refused_before_it_indexes_foreign_memory(kind):
    with pytest.raises(ValueError, match="more objects were found"):
        curves(kind, [1, 1], wanted=1)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"rows": np.array([2])}, "objects that there are"),
        ({"places": np.zeros(3, np.int64)}, "in each band"),
        ({"outside": np.zeros((2, 2), np.bool_)}, "in each band"),
        ({"wanted": np.array([1, 1])}, "in each band"),
        ({"limits": np.empty(0, np.int64)}, "a limit"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(broken, message):
    sound = {
        "states": np.zeros((1, 1, 2), np.uint8),
        "rows": np.arange(2),
        "places": np.zeros(2, np.int64),
        "outside": np.zeros((1, 2), np.bool_),
        "wanted": np.array([1]),
        "recalls": RECALLS,
        "limits": np.array([1]),
    }

    with pytest.raises(ValueError, match=message):
        kernels.class_curves(**sound | broken, one_point=False)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_curves_of_both_kinds_are_equal_bit_for_bit(seed, one_point):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(0, 60))
    states = rng.choice(np.array([0, 0, 1, 2], np.uint8), (4, 10, size))
    rows = rng.permutation(size)[: rng.integers(0, size + 1)]
    found = (states[:, :, rows] == 1).sum(axis=(1, 2))
    case = {
        "states": states,
        "rows": rows,
        "places": rng.integers(0, 130, size),
        "outside": rng.random((4, size)) < 0.3,
        "wanted": found + rng.integers(0, 2, 4),
        "recalls": RECALLS,
        "limits": np.array([1, 10, 100]),
        "one_point": one_point,
    }

    one, other = (module.class_curves(**case) for module in (reference, compiled))

    for a, b in zip(one, other, strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=30), st.integers(1, 5))
def test_terms_add_up_to_the_precisions_at_all_recalls(kind, states, missed):
    wanted = states.count(1) + missed
    right = np.cumsum(np.array(states) == 1)
    counted = right + np.cumsum(np.array(states) == 0)
    reached = right / wanted
    precision = right / np.maximum(counted, 1)
    expected = sum(max(precision[reached >= r], default=0.0) for r in RECALLS)

    found = curves(kind, states, wanted=wanted)

    assert found.terms.sum() == pytest.approx(expected, abs=1e-9)
