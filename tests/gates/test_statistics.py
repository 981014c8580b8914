"""The bounds of a pooled IoU, against published vectors, scipy and brute force."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from segcore_gates.statistics import Sample, holm

FOUR_FIFTHS = Fraction("0.8")

MIXED_I = [950, 180, 40, 3900, 0, 610, 77, 1500, 260, 88, 720, 430, 55, 990, 2100, 310, 64, 140, 800, 37]
MIXED_U = [
    1000,
    210,
    55,
    4200,
    120,
    640,
    90,
    1580,
    300,
    95,
    760,
    470,
    80,
    1010,
    2250,
    350,
    90,
    150,
    850,
    52,
]


def textbook_statistic(intersection, union, threshold):
    """T with the hypothetical miss, written down from its definition."""
    i = np.append(np.asarray(intersection, float), 0.0)
    u = np.append(np.asarray(union, float), math.sqrt(np.mean(np.square(np.asarray(union, float)))))
    d = i - threshold * u
    return d.mean() / (d.std(ddof=1) / math.sqrt(len(d)))


images = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(1, 10**6), min_size=n, max_size=n),
        st.lists(st.floats(0, 1), min_size=n, max_size=n),
    )
)


def as_counts(drawn):
    union, shares = drawn
    return [round(s * u) for s, u in zip(shares, union, strict=True)], union


def test_thirty_equal_images_at_nine_tenths_certify_four_fifths():
    sample = Sample([90] * 30, [100] * 30)

    assert sample.statistic(FOUR_FIFTHS) == pytest.approx(2.444444, abs=1e-6)
    assert sample.critical(0.95) == pytest.approx(1.697261, abs=1e-6)
    assert sample.lower(0.95) == pytest.approx(0.821692, abs=1e-6)
    assert sample.certifies(FOUR_FIFTHS, 0.95)


def test_thirteen_perfect_images_certify_four_fifths_and_twelve_do_not():
    thirteen, twelve = Sample([100] * 13, [100] * 13), Sample([100] * 12, [100] * 12)

    assert thirteen.statistic(FOUR_FIFTHS) == pytest.approx(1.8)
    assert thirteen.critical(0.95) == pytest.approx(1.770933, abs=1e-6)
    assert thirteen.lower(0.95) == pytest.approx(0.802076, abs=1e-6)
    assert thirteen.certifies(FOUR_FIFTHS, 0.95)
    assert twelve.statistic(FOUR_FIFTHS) == pytest.approx(1.6)
    assert twelve.critical(0.95) == pytest.approx(1.782288, abs=1e-6)
    assert not twelve.certifies(FOUR_FIFTHS, 0.95)


def test_a_good_estimate_on_unequal_images_is_not_yet_evidence():
    sample = Sample(MIXED_I, MIXED_U)

    assert float(sample.value) == pytest.approx(0.923286, abs=1e-6)
    assert sample.effective_images == pytest.approx(6.99, abs=5e-3)
    assert sample.statistic(FOUR_FIFTHS) == pytest.approx(0.645314, abs=1e-6)
    assert sample.critical(0.95) == pytest.approx(1.724718, abs=1e-6)
    assert sample.lower(0.95) == pytest.approx(0.681132, abs=1e-6)
    assert sample.upper(0.95) == pytest.approx(0.939349, abs=1e-6)
    assert not sample.certifies(FOUR_FIFTHS, 0.95)
    assert not sample.below(FOUR_FIFTHS, 0.95)


@pytest.mark.parametrize(
    ("threshold", "fewest"),
    [("0.5", 6), ("0.7", 9), ("0.8", 13), ("0.85", 18), ("0.9", 27), ("0.95", 53)],
)
def test_perfect_images_certify_from_the_published_number_on(threshold, fewest):
    t = Fraction(threshold)

    passing = [n for n in range(1, 60) if Sample([100] * n, [100] * n).certifies(t, 0.95)]

    assert passing == list(range(fewest, 60))


def test_the_textbook_formula_gives_the_same_statistic():
    rng = np.random.default_rng(3)
    for _ in range(50):
        union = rng.integers(1, 10**6, rng.integers(2, 40))
        intersection = rng.integers(0, union + 1)

        ours = Sample(intersection, union).statistic(FOUR_FIFTHS)

        assert ours == pytest.approx(textbook_statistic(intersection, union, 0.8), rel=1e-9)


@settings(max_examples=400, deadline=None)
@given(drawn=images, threshold=st.integers(1, 100))
def test_the_lower_bound_reaches_a_threshold_exactly_where_the_test_does(drawn, threshold):
    intersection, union = as_counts(drawn)
    t = Fraction(threshold, 100)
    sample = Sample(intersection, union)

    certified = sample.certifies(t, 0.95)
    lower = sample.lower(0.95)

    if abs(lower - t) > 1e-9:  # at the very bound the last bit of a square root decides
        assert certified == (lower >= t)
        assert certified == (sample.statistic(t) >= sample.critical(0.95))


@settings(max_examples=300, deadline=None)
@given(drawn=images, threshold=st.integers(1, 100))
def test_below_is_exactly_where_the_upper_bound_is_below_the_threshold(drawn, threshold):
    intersection, union = as_counts(drawn)
    t = Fraction(threshold, 100)
    sample = Sample(intersection, union)

    below = sample.below(t, 0.95)
    upper = sample.upper(0.95)

    if abs(upper - t) > 1e-6:
        assert below == (upper < t and sample.images >= 5)


@settings(max_examples=300, deadline=None)
@given(drawn=images)
def test_the_estimate_lies_between_its_bounds(drawn):
    intersection, union = as_counts(drawn)
    sample = Sample(intersection, union)

    lower, upper = sample.lower(0.95), sample.upper(0.95)

    assert 0 <= lower <= float(sample.value) + 1e-9
    assert float(sample.value) <= upper + 1e-6
    assert upper <= 1


@settings(max_examples=100, deadline=None)
@given(drawn=images, seed=st.randoms(use_true_random=False))
def test_the_order_of_the_images_changes_no_bit(drawn, seed):
    intersection, union = as_counts(drawn)
    order = list(range(len(union)))
    seed.shuffle(order)

    straight = Sample(intersection, union)
    shuffled = Sample([intersection[k] for k in order], [union[k] for k in order])

    assert straight.lower(0.95) == shuffled.lower(0.95)
    assert straight.upper(0.95) == shuffled.upper(0.95)
    assert straight.p_below(FOUR_FIFTHS) == shuffled.p_below(FOUR_FIFTHS)


def test_the_lower_bound_solves_the_textbook_equation():
    critical = stats.t.ppf(0.95, len(MIXED_I))

    root = optimize.brentq(lambda t: textbook_statistic(MIXED_I, MIXED_U, t) - critical, 0.01, 0.92)

    assert Sample(MIXED_I, MIXED_U).lower(0.95) == pytest.approx(root, abs=1e-9)


def test_images_that_do_not_vary_leave_no_doubt_above():
    sample = Sample([90] * 30, [100] * 30)

    assert sample.upper(0.95) == 0.9
    assert sample.below(Fraction("0.91"), 0.95)
    assert not sample.below(Fraction("0.9"), 0.95)
    assert sample.p_below(Fraction("0.91")) == 0.0
    assert sample.p_below(Fraction("0.89")) == 1.0


def test_images_that_are_all_missed_have_bounds_of_zero():
    sample = Sample([0] * 8, [100] * 8)

    assert (sample.lower(0.95), sample.upper(0.95)) == (0.0, 0.0)
    assert sample.below(FOUR_FIFTHS, 0.95)
    assert not sample.certifies(FOUR_FIFTHS, 0.95)


def test_no_image_gives_no_number():
    sample = Sample([], [])

    assert sample.value is None
    assert sample.effective_images is None
    assert sample.statistic(FOUR_FIFTHS) is None
    assert sample.critical(0.95) is None
    assert sample.lower(0.95) is None
    assert sample.upper(0.95) is None
    assert sample.p_below(FOUR_FIFTHS) is None
    assert sample.images_needed(FOUR_FIFTHS, 0.95) is None
    assert not sample.certifies(FOUR_FIFTHS, 0.95)
    assert not sample.below(FOUR_FIFTHS, 0.95)


def test_one_perfect_image_excludes_nothing():
    sample = Sample([100], [100])

    assert (sample.lower(0.95), sample.upper(0.95)) == (0.0, 1.0)
    assert not sample.certifies(Fraction("0.1"), 0.95)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_fewer_than_five_images_never_prove_a_failure(n):
    sample = Sample([10] * n, [100] * n)

    assert not sample.below(FOUR_FIFTHS, 0.95)
    assert sample.p_below(FOUR_FIFTHS) is None


def test_the_p_value_is_that_of_a_one_sided_t_test():
    differences = np.array(MIXED_I) - 0.95 * np.array(MIXED_U)

    expected = stats.ttest_1samp(differences, 0, alternative="less").pvalue

    assert Sample(MIXED_I, MIXED_U).p_below(Fraction("0.95")) == pytest.approx(expected, rel=1e-9)


def test_counts_beyond_64_bits_when_squared_stay_exact():
    n, side = 4000, 1 << 28

    sample = Sample([side - 1] * n, [side] * n)

    assert sample.value == Fraction(side - 1, side)
    assert sample.effective_images == n
    assert sample.upper(0.95) == pytest.approx((side - 1) / side, abs=1e-15)


def test_an_estimate_below_the_threshold_needs_no_number_of_images():
    assert Sample([70] * 9, [100] * 9).images_needed(FOUR_FIFTHS, 0.95) is None


def test_the_images_needed_are_more_than_there_are():
    i, u = np.array(MIXED_I, float), np.array(MIXED_U, float)
    spread, size = (i - 0.8 * u).std(ddof=1) / u.mean(), np.sqrt((u**2).mean()) / u.mean()
    above = i.sum() / u.sum() - 0.8

    needed = Sample(MIXED_I, MIXED_U).images_needed(FOUR_FIFTHS, 0.95)

    def enough(n):
        sd = np.sqrt((n + 1) * spread**2 + (above + 0.8 * size) ** 2)
        wanted = stats.t.ppf(0.95, n) * sd + stats.norm.ppf(0.8) * np.sqrt(n) * spread
        return n * above - 0.8 * size >= wanted

    assert enough(needed)
    assert not enough(needed - 1)
    assert needed > len(MIXED_I)


def test_holm_multiplies_by_the_number_still_standing_and_never_decreases():
    # .01 x 3 = .03; .04 x 2 = .08; .03 sorted second: .03 x 2 = .06; .04 last: max(.06, .04) = .06
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_both_columns_have_one_entry_an_image():
    with pytest.raises(ValueError, match="2 images, union has 1"):
        Sample([1, 2], [3])
