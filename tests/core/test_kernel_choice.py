"""Which kernels a process uses, and what the facade refuses before compiled code runs."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from segcore import kernels as k
from segcore.errors import MissingExtraError, UsageError
from segcore.kernels import LabelRuns, choice


def in_a_fresh_process(code: str, **environment: str) -> str:
    """What ``code`` prints in a new interpreter."""
    inherited = {key: value for key, value in os.environ.items() if key != choice.VARIABLE}
    inherited["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return result.stdout.strip()


SHOW = "import sys; print(kernels.active().__name__.rpartition('.')[2], 'numba' in sys.modules)"


def require_numba_for(shown: str) -> None:
    if "compiled" in shown:
        pytest.importorskip("numba", reason="missing: numba")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("", "reference False"),
        ("auto", "reference False"),
        ("numpy", "reference False"),
        ("numba", "compiled True"),
    ],
)
def test_the_environment_chooses_and_numba_is_imported_only_on_demand(wanted: str, shown: str) -> None:
    require_numba_for(shown)

    assert in_a_fresh_process(f"from segcore import kernels; {SHOW}", SEGCORE_KERNELS=wanted) == shown


@pytest.mark.parametrize(
    ("work", "shown"),
    [
        ("10**6, 10**4", "reference False"),
        ("10**12", "compiled True"),
        ("0, 10**10", "compiled True"),
        ("0, object_runs=10**6", "reference False"),
        ("0, object_runs=10**10", "compiled True"),
    ],
)
def test_auto_loads_numba_for_a_large_batch_only(work: str, shown: str) -> None:
    require_numba_for(shown)
    code = f"from segcore import kernels; kernels.prepare({work}); {SHOW}"

    assert in_a_fresh_process(code) == shown


def test_numpy_stays_in_use_however_large_the_batch() -> None:
    code = f"from segcore import kernels; kernels.prepare(10**12); {SHOW}"

    assert in_a_fresh_process(code, SEGCORE_KERNELS="numpy") == "reference False"


def test_without_numba_auto_uses_numpy_and_an_explicit_wish_is_refused() -> None:
    hide = "import sys; sys.modules['numba'] = None; from segcore import kernels\n"
    ask = "try: kernels.use('numba')\nexcept Exception as error: print(type(error).__name__, error)"

    auto = in_a_fresh_process(f"{hide}kernels.prepare(10**12)\nprint(kernels.active().__name__)")
    refused = in_a_fresh_process(hide + ask)

    assert auto == "segcore.kernels.reference"
    assert refused.startswith(MissingExtraError.__name__)
    assert "segcore[fast]" in refused


def test_unknown_kernels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_choice", None)
    monkeypatch.setenv(choice.VARIABLE, "fortran")

    with pytest.raises(UsageError, match=r"SEGCORE_KERNELS='fortran'.*auto, numba or numpy"):
        k.active()
    with pytest.raises(UsageError, match="fortran"):
        k.use("fortran")  # type: ignore[arg-type]


LUT = np.arange(256, dtype=np.int32)
MAP = np.zeros((2, 3), np.uint8)
RUNS = LabelRuns(pixels=6, starts=np.array([0, 2], np.int32), codes=np.array([0, 1], np.int32))
ZERO, ONE = np.zeros(1, np.int32), np.ones(1, np.int32)


def changed(**fields: Any) -> LabelRuns:
    return LabelRuns(**{"pixels": 6, "starts": RUNS.starts, "codes": RUNS.codes} | fields)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            lambda: k.joint_dense(MAP, MAP.T.copy(), LUT, LUT, size=256),
            "differ in shape",
        ),
        (lambda: k.joint_dense(MAP, MAP, LUT, LUT, size=255), "codes from 0 to 254"),
        (lambda: k.joint_dense(MAP, MAP, LUT - 1, LUT, size=256), "codes from 0"),
        (
            lambda: k.joint_dense(MAP, MAP, LUT[:9], LUT, size=256),
            "int32 codes of every",
        ),
        (lambda: k.joint_dense(MAP.T, MAP.T, LUT, LUT, size=256), "C-contiguous"),
        (lambda: k.dense_runs(MAP.astype(np.int64), LUT), "uint8 or uint16"),  # type: ignore[arg-type]
        (lambda: k.dense_runs(MAP[0], LUT), "two dimensions"),
        (lambda: k.joint_runs(RUNS, changed(pixels=7), size=2), "differ in pixels"),
        (lambda: k.joint_runs(RUNS, RUNS, size=1), "codes from 0 to 0"),
        (lambda: k.joint_runs(RUNS, changed(starts=RUNS.starts + 1), size=2), "increase from 0"),
        (lambda: k.joint_runs(RUNS, changed(starts=RUNS.starts * 3), size=2), "stay below 6"),
        (
            lambda: k.joint_runs(RUNS, changed(starts=ZERO[:0], codes=ZERO[:0]), size=2),
            "no run covers",
        ),
        (
            lambda: k.joint_runs_dense(RUNS, MAP[:1], LUT, size=256, runs_are_gold=True),
            "pixels",
        ),
        (lambda: k.decode_counts(MAP[0], np.array([0, 4]), pixels=6), "offsets from 0 to 3"),
        (lambda: k.decode_counts(MAP[0], np.array([0, 4, 3]), pixels=6), "never decrease"),
        (lambda: k.decode_counts(MAP[0], np.array([0, 3]), pixels=np.array([6, 6])), "of 1 masks"),
        (lambda: k.decode_counts(MAP[0], np.array([0, 3]), pixels=1 << 40), "32 bits can hold"),
        (
            lambda: k.paint(ZERO, ONE * 7, np.array([0, 1]), ZERO, ZERO, pixels=6, background=0),
            "lie within 0 to 6",
        ),
        (
            lambda: k.paint(ZERO, ONE, np.array([0, 1]), ZERO[:0], ZERO, pixels=6, background=0),
            "1 regions, 0 priorities",
        ),
        (
            lambda: k.paint(ONE, ONE, np.array([0, 1]), ZERO, ZERO, pixels=6, background=0),
            "not empty",
        ),
    ],
)
def test_arguments_that_would_index_foreign_memory_are_refused(call: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        call()
