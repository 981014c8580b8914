"""The mathematics of the verifier, which shares nothing with the judge, beside SciPy."""

from __future__ import annotations

from fractions import Fraction

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segcore_gates.evidence.verifier.binomial import DrawnShare, SharePoints, at_most
from segcore_gates.evidence.verifier.ratios import RatioPoints, adjusted
from segcore_gates.evidence.verifier.student_t import t_above, t_quantile


@given(st.floats(-40, 40), st.integers(1, 400))
def test_the_tail_of_student_is_that_of_scipy(t, degrees):
    assert t_above(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 30, 99, 1000])
@pytest.mark.parametrize("confidence", [0.6, 0.9, 0.95, 0.99, 0.999])
def test_the_quantile_of_student_is_that_of_scipy(confidence, degrees):
    assert t_quantile(confidence, degrees) == pytest.approx(stats.t.ppf(confidence, degrees), rel=1e-9)


@given(st.integers(1, 60), st.data())
def test_the_binomial_is_that_of_scipy(images, data):
    bad = data.draw(st.integers(0, images))
    share = Fraction(data.draw(st.integers(0, 100)), 100)

    expected = stats.binom.cdf(bad, images, float(share))

    assert float(at_most(bad, images, share)) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize(("bad", "images"), [(0, 20), (1, 20), (7, 50), (49, 50), (50, 50), (3, 2000)])
def test_the_bounds_of_a_share_are_those_of_clopper_and_pearson(bad, images):
    lower, upper = SharePoints(bad, images).interval(Fraction(1, 20))

    assert lower == pytest.approx(stats.beta.ppf(0.05, bad, images - bad + 1) if bad else 0.0, rel=1e-9)
    above = stats.beta.ppf(0.95, bad + 1, images - bad) if bad < images else 1.0
    assert upper == pytest.approx(above, rel=1e-9)


LARGE = (
    (950, 180, 40, 3900, 0, 610, 77, 1500, 260, 88, 720, 430, 55, 990, 2100, 310, 64, 140, 800, 37),
    (1000, 210, 55, 4200, 120, 640, 90, 1580, 300, 95, 760, 470, 80, 1010, 2250, 350, 90, 150, 850, 52),
)


@pytest.mark.parametrize(
    ("points", "certified", "lower"),
    [
        ([(90, 100)] * 30, True, 0.821692),
        ([(100, 100)] * 13, True, 0.802076),
        ([(100, 100)] * 12, False, None),
        (list(zip(*LARGE, strict=True)), False, 0.681132),
    ],
)
def test_the_bound_of_a_ratio_is_that_of_the_published_vectors(points, certified, lower):
    sample = RatioPoints(points)

    assert sample.certifies(Fraction(4, 5), 0.95) is certified
    if lower is not None:
        assert sample.interval(0.95)[0] == pytest.approx(lower, abs=5e-7)


def test_p_values_are_adjusted_by_holm():
    # Holm 1979: .01 x 4, .013 x 3, then .04 x 2 and .05 x 1, never falling
    found = adjusted({"d": 0.05, "a": 0.01, "c": 0.04, "b": 0.013})

    assert found == pytest.approx({"a": 0.04, "b": 0.04, "c": 0.08, "d": 0.08})


@given(st.integers(1, 40), st.data())
def test_bounds_of_a_finite_population_are_those_of_all_its_samples(images, data):
    population = images + data.draw(st.integers(1, 60))
    bad = data.draw(st.integers(0, images))
    allowed = data.draw(st.integers(0, population - 1))
    share, alpha = Fraction(allowed, population), Fraction(1, 20)
    points = DrawnShare(bad, images, population)

    few = float(stats.hypergeom.cdf(bad, population, allowed, images))
    many = float(stats.hypergeom.sf(bad - 1, population, allowed + 1, images))

    hypothesis.assume(min(abs(few - 0.05), abs(many - 0.05)) > 1e-9)
    assert points.keeps(share, alpha) is (
        allowed >= population - images + bad or (allowed > bad and few <= 0.05)
    )
    assert points.breaks(share, alpha) is (bad > 0 and (allowed < bad or many < 0.05))
