"""The width of the band that counts as boundary."""

from __future__ import annotations

import pytest

from segcore.dilation import Dilation
from segcore.errors import UsageError


@pytest.mark.parametrize(
    ("given", "size", "width_px"),
    [
        ("0.02", (480, 640), 16),  # the diagonal is 800
        (0.005, (1024, 2048), 11),  # 2289.7 * .005 = 11.4
        (0.02, (1024, 2048), 46),
        ("5px", (1024, 2048), 5),
        ("5 px", (8, 8), 5),
        (0.02, (3, 4), 1),  # 0.1: never less than one pixel
        (0.5, (3, 4), 2),  # 2.5: halves to even, as the reference implementation
        (1, (3, 4), 5),
    ],
)
def test_a_share_is_of_the_diagonal_and_px_are_pixels(
    given: float | str, size: tuple[int, int], width_px: int
) -> None:
    height, width = size

    found = Dilation.parse(given).of(height=height, width=width)

    assert found == width_px


@pytest.mark.parametrize(
    "given", ["wide", "", "0", 0, -0.1, 1.5, "0px", "nan", "5 px px", "inf", "-3px"]
)
def test_what_is_neither_is_refused(given: float | str) -> None:
    with pytest.raises(UsageError, match="a dilation"):
        Dilation.parse(given)


def test_both_and_neither_are_refused() -> None:
    with pytest.raises(UsageError, match="not both"):
        Dilation()
    with pytest.raises(UsageError, match="not both"):
        Dilation(share=0.02, px=3)


def test_it_is_written_as_it_is_read() -> None:
    assert [str(Dilation.parse(given)) for given in ("0.02", "5px")] == ["0.02", "5px"]
