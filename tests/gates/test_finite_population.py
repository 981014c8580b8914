"""Gold drawn from a population with an end: what was not looked at is all that is left to infer."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_batches import bound, cars, coverage, rule, seen
from scipy import stats

from segcore.errors import UsageError
from segcore_gates.errors import PolicyError
from segcore_gates.hypergeometric import at_most
from segcore_gates.policy_file import load_policy
from segcore_gates.proportion import Proportion
from segcore_gates.records import Verdict
from segcore_gates.rules import Metric
from segcore_gates.statistics import Sample
from segcore_gates.verdict import verdict

FOUR_FIFTHS = Fraction(4, 5)
ALPHA = 0.05


def fieller(i: list[float], u: list[float], quantile: float, shrunk: float) -> list[float]:
    """The roots of Fieller's quadratic with variances times ``shrunk``, by NumPy alone."""
    x, y = np.array(i, float), np.array(u, float)
    (vx, c), (_, vy) = np.cov(x, y, ddof=1) * shrunk
    q = quantile**2 / len(x)
    roots = np.roots(
        [y.mean() ** 2 - q * vy, -2 * (x.mean() * y.mean() - q * c), x.mean() ** 2 - q * vx]
    )
    return sorted(roots.real.tolist())


def test_the_standard_error_shrinks_by_the_root_of_what_was_not_looked_at():
    i, u = [95, 80, 99, 60, 90, 100, 91, 97], [100, 90, 110, 80, 95, 104, 100, 99]
    shrunk = (40 - 8) / (40 - 1)
    miss = math.sqrt(sum(x * x for x in u) / 8)

    sample = Sample(i, u).drawn_from(40, drawn=8)

    lower = fieller([*i, 0], [*u, miss], float(stats.t.ppf(0.95, 8)), shrunk)[0]
    upper = fieller(i, u, float(stats.t.ppf(0.95, 7)), shrunk)[1]
    assert sample.lower(0.95) == pytest.approx(lower, rel=1e-9)
    assert sample.upper(0.95) == pytest.approx(upper, rel=1e-9)


def test_the_bounds_lie_within_those_of_a_population_without_an_end_and_close_in():
    endless = Sample([90, 70, 88, 60, 95], [100] * 5)
    few = endless.drawn_from(10, drawn=5)
    many = endless.drawn_from(10_000, drawn=5)

    assert endless.lower(0.95) < many.lower(0.95) < few.lower(0.95) < float(endless.value)
    assert float(endless.value) < few.upper(0.95) < many.upper(0.95) < endless.upper(0.95)


def test_as_long_as_one_image_was_not_looked_at_it_may_be_a_miss():
    almost = Sample([100] * 39, [100] * 39).drawn_from(40, drawn=39)

    assert almost.lower(0.95) <= 39 / 40
    assert not almost.certifies(Fraction(98, 100), 0.95)
    assert almost.certifies(Fraction(90, 100), 0.95)


def test_where_all_images_were_looked_at_the_value_is_all_there_is():
    sample = Sample([90, 70], [100, 100]).drawn_from(2, drawn=2)

    assert sample.lower(0.95) == sample.upper(0.95) == 0.8
    assert sample.certifies(FOUR_FIFTHS, 0.95)
    assert not sample.certifies(FOUR_FIFTHS + Fraction(1, 10**9), 0.95)
    assert sample.below(FOUR_FIFTHS + Fraction(1, 10**9), 0.95)
    assert sample.p_below(FOUR_FIFTHS) == 1.0


def test_fewer_images_are_needed_of_a_population_with_an_end_and_never_more_than_it_has():
    i, u = [90, 70, 88, 60, 95, 99, 84], [100] * 7
    endless = Sample(i, u).images_needed(FOUR_FIFTHS, 0.95)
    few = Sample(i, u).drawn_from(60, drawn=7).images_needed(FOUR_FIFTHS, 0.95)

    assert endless is not None
    assert few is not None
    assert few < endless
    assert few <= 60


@given(st.integers(1, 400), st.data())
def test_the_hypergeometric_tail_is_that_of_scipy(population, data):
    images = data.draw(st.integers(1, population))
    among = data.draw(st.integers(0, population))
    bad = data.draw(st.integers(-1, images))

    expected = stats.hypergeom.cdf(bad, population, among, images)

    assert at_most(bad, images, among, population) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_the_hypergeometric_tail_of_large_populations_is_that_of_scipy():
    for population, images, among, bad in [(10**6, 5000, 50_000, 230), (10**5, 300, 5000, 8)]:
        expected = stats.hypergeom.cdf(bad, population, among, images)

        assert at_most(bad, images, among, population) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("images", "population"), [(10, 12), (10, 40), (30, 60), (59, 400)])
@pytest.mark.parametrize("limit", [Fraction(1, 20), Fraction(1, 10), Fraction(1, 3)])
def test_a_share_beyond_the_limit_is_kept_by_at_most_one_in_twenty_whatever_part_holds_the_class(
    images, population, limit
):
    """By enumeration: every number of images of the class, the least number of bad ones too many."""
    kept = [bad for bad in range(images + 1) if Proportion(bad, images, population).keeps(limit, 0.95)]
    most = max(kept, default=-1)

    for of_class in range(images, population + 1):
        too_many = math.floor(limit * of_class) + 1
        wrongly = stats.hypergeom.cdf(most, of_class, min(too_many, of_class), images)

        assert wrongly <= ALPHA + 1e-12 or too_many > of_class


@pytest.mark.parametrize(("images", "population"), [(10, 12), (10, 40), (30, 60)])
@pytest.mark.parametrize("limit", [Fraction(1, 20), Fraction(1, 3)])
def test_a_share_at_the_limit_is_broken_by_at_most_one_in_twenty(images, population, limit):
    broken = [b for b in range(images + 1) if Proportion(b, images, population).breaks(limit, 0.95)]
    fewest = min(broken, default=images + 1)

    for of_class in range(images, population + 1):
        wrongly = stats.hypergeom.sf(fewest - 1, of_class, math.floor(limit * of_class), images)

        assert wrongly <= ALPHA + 1e-12


def test_the_bounds_of_a_share_say_the_same_as_its_tests():
    for bad, images, population in product((0, 1, 5), (10, 20), (20, 33, 400)):
        sample = Proportion(bad, images, population)
        lower, upper = sample.lower(0.95), sample.upper(0.95)

        for k in range(population + 1):
            limit = Fraction(k, population)
            assert sample.keeps(limit, 0.95) == (upper <= float(limit))
            assert sample.breaks(limit, 0.95) == (lower > float(limit))


def test_a_share_of_all_images_has_no_error():
    sample = Proportion(1, 20).drawn_from(20, drawn=20)

    assert sample.lower(0.95) == sample.upper(0.95) == 0.05
    assert sample.keeps(Fraction(1, 20), 0.95)
    assert not sample.breaks(Fraction(1, 20), 0.95)
    assert sample.breaks(Fraction(49, 1000), 0.95)


def test_fewer_good_images_prove_a_share_of_few():
    assert Proportion(0, 30).fewest(Fraction(1, 20), 0.95) == 59
    few = Proportion(0, 30, 100)
    fewest = few.fewest(Fraction(1, 20), 0.95)

    assert fewest == 45  # C(95, 45) / C(100, 45) = 0.0462, and with 44 it is 0.0509
    assert stats.hypergeom.pmf(0, 100, 5, 45) <= ALPHA < stats.hypergeom.pmf(0, 100, 5, 44)


def test_the_judge_goes_by_the_population_of_the_policy():
    images = cars(*[(100, 100)] * 12)

    endless = verdict(bound(), images)
    few = verdict(bound(sampled_from=24), images)

    assert endless.verdict is Verdict.THIN
    assert seen(few) == (Verdict.PASS, False)
    assert few.interval is not None
    assert few.interval.population == 24


def test_gold_of_all_images_is_judged_by_its_value_and_has_no_interval():
    at = verdict(bound(sampled_from=2), cars((90, 100), (70, 100)))
    below = verdict(bound(sampled_from=2), cars((90, 100), (69, 100)))

    assert seen(at) == (Verdict.PASS, False)
    assert at.interval is None
    assert seen(below) == (Verdict.FAIL, True)
    assert below.reason == "below the floor of 0.80"


def test_shares_of_bad_images_go_by_the_population_too():
    misses = {"metric": Metric.BAD_IMAGE_SHARE, "minimum": 0.0, "maximum": 0.05, "below_iou": 0.5}
    images = cars(*[(100, 100)] * 45)

    endless = verdict(bound(**misses), images)
    few = verdict(bound(**misses, sampled_from=100), images)

    assert endless.verdict is Verdict.THIN
    assert few.verdict is Verdict.PASS
    assert few.interval is not None
    assert few.interval.upper == 0.05


@pytest.mark.parametrize("of_rule", [rule, bound, coverage])
def test_more_gold_than_it_was_drawn_from_is_refused(of_rule):
    with pytest.raises(UsageError, match=r"sampled_from: 1 is less than the 2 images of the gold"):
        verdict(of_rule(sampled_from=1), cars((9, 10), (9, 10)))


def test_the_interval_of_the_report_names_the_population_and_comes_back():
    record = verdict(rule(sampled_from=40), cars(*[(9, 10), (8, 10)] * 4))

    told = record.to_json()

    assert told["interval"]["population"] == 40
    assert type(record).from_json(told).interval == record.interval


def test_the_policy_tells_from_how_many_images_gold_was_drawn(tmp_path, write_batch, policy_text):
    path = write_batch(tmp_path, policy=f"{policy_text}coverage: {{sampled_from: 4000}}\n")

    loaded = load_policy(path, environ={})

    assert {one.sampled_from for one in loaded.rules} == {4000}


@pytest.mark.parametrize("written", ["0", "-1", "2.5", "all", "true"])
def test_what_is_no_number_of_images_is_refused(tmp_path, write_batch, policy_text, written):
    path = write_batch(tmp_path, policy=f"{policy_text}coverage: {{sampled_from: {written}}}\n")

    with pytest.raises(PolicyError, match="expected a whole number"):
        load_policy(path, environ={})


def test_a_seed_may_be_kept_in_a_policy_and_changes_nothing(tmp_path, write_batch, policy_text):
    seeded = policy_text.replace("defaults: {", "defaults: {seed: 7, ")

    with_seed = load_policy(write_batch(tmp_path, policy=seeded), environ={})
    without = load_policy(write_batch(tmp_path, policy=policy_text), environ={})

    assert with_seed.policy.defaults.seed == 7
    assert with_seed.rules == without.rules


def test_a_batch_of_more_gold_than_was_drawn_from_is_a_usage_error(batch):
    policy = batch.path / "batch.gate.yaml"
    policy.write_text(policy.read_text() + "coverage: {sampled_from: 1}\n")

    result = batch.runpytest()

    assert result.ret != 0
    result.stdout.fnmatch_lines(["*coverage.sampled_from: 1 is less than the 2 images of the gold*"])
