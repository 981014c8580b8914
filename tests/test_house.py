"""The rules of this test suite and of the benchmarks hold themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
CONFTEST = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")

SKIPPING = {
    "in a test": "import pytest\ndef test_it(): pytest.skip({reason!r})",
    "in a fixture": (
        "import pytest\n@pytest.fixture\ndef it(): pytest.skip({reason!r})\ndef test_it(it): pass"
    ),
    "in a module": "import pytest\npytest.skip({reason!r}, allow_module_level=True)",
    "by a mark": "import pytest\n@pytest.mark.skip(reason={reason!r})\ndef test_it(): pass",
}


@pytest.fixture
def suite(pytester):
    pytester.makeconftest(CONFTEST.replace('pytest_plugins = ["pytester"]', ""))
    return pytester


@pytest.mark.parametrize("where", SKIPPING)
@pytest.mark.parametrize(
    "reason", ["missing: numba", "could not import 'numba': No module named 'numba'"]
)
def test_a_skip_for_a_missing_component_fails_where_components_are_required(
    suite, monkeypatch, where, reason
):
    suite.makepyfile(SKIPPING[where].format(reason=reason))
    monkeypatch.setenv("SEGCORE_REQUIRE", "1")

    result = suite.runpytest_inprocess("-p", "no:cacheprovider")

    assert result.ret != 0
    result.assert_outcomes(**{"failed": 1} if where in {"in a test"} else {"errors": 1})


@pytest.mark.parametrize("where", SKIPPING)
def test_a_skip_for_a_missing_component_is_a_skip_elsewhere(suite, monkeypatch, where):
    suite.makepyfile(SKIPPING[where].format(reason="missing: numba"))
    monkeypatch.delenv("SEGCORE_REQUIRE", raising=False)

    result = suite.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(skipped=1)


@pytest.mark.parametrize(
    ("required", "outcome"),
    [pytest.param("", "skipped", id="elsewhere"), pytest.param("1", "failed", id="CI")],
)
def test_a_test_whose_peer_is_absent_is_skipped_but_never_where_components_are_required(
    suite, monkeypatch, required, outcome
):
    suite.makepyfile("def test_it(): raise ModuleNotFoundError('No module named', name='hotcoco.mask')")
    monkeypatch.setenv("SEGCORE_REQUIRE", required)

    result = suite.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(**{outcome: 1})


def test_a_module_of_our_own_that_is_absent_is_a_failure(suite, monkeypatch):
    suite.makepyfile(
        "def test_it(): raise ModuleNotFoundError('No module named', name='segcore.nothing')"
    )
    monkeypatch.delenv("SEGCORE_REQUIRE", raising=False)

    result = suite.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(failed=1)


def test_absent_data_is_a_skip_even_where_components_are_required(suite, monkeypatch):
    suite.makepyfile("def test_it(shared_data): shared_data('camvid_segnet')")
    monkeypatch.setenv("SEGCORE_REQUIRE", "1")
    monkeypatch.setenv("SEGCORE_SHARED_DATA", str(suite.path / "nowhere"))

    result = suite.runpytest_inprocess("-p", "no:cacheprovider", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*missing data: camvid_segnet*"])


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import race, scenes

    return race, scenes


def test_a_benchmark_of_unequal_answers_ends_the_run(benchmarks):
    race, _ = benchmarks

    with pytest.raises(SystemExit, match="b and a disagree"):
        race.race("sums", {"a": lambda: np.array([1]), "b": lambda: np.array([2])}, base="a", rounds=1)


def test_a_benchmark_scene_is_the_same_every_time(benchmarks):
    _, scenes = benchmarks
    size = scenes.Size(pairs=1, height=64, width=128)

    gold, delivery = scenes.pair(size, 3)
    again = scenes.pair(size, 3)

    assert np.array_equal(gold, again[0])
    assert np.array_equal(delivery, again[1])
    assert 0.05 < (gold == size.ignore).mean() < 0.5
    assert 0.5 < (gold == delivery)[gold != size.ignore].mean() < 1
    assert delivery.max() < size.classes


def test_every_part_of_the_benchmarks_without_a_server_runs_and_agrees_with_its_peers(tmp_path):
    pytest.importorskip("hotcoco", reason="missing: hotcoco")
    pytest.importorskip("sklearn", reason="missing: scikit-learn")
    words = ["--quick", "--rounds", "1", "--only", "a,b,c,d,e,i,k", "--data", str(tmp_path / "scenes")]

    result = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT, env={**os.environ, "PYTHONSAFEPATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("all answers equal") == 12
    for peer in ("np.bincount", "hotcoco", "scikit-learn", "cityscapesscripts", "pycocotools"):
        assert f"| {peer}" in result.stdout
    assert "### Growth with classes" in result.stdout
