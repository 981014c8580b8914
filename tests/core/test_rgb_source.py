"""Folders of colour PNGs."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mask_files import SKY_CAR, class_indices, codes, save, source
from PIL import Image

from segcore.errors import OntologyError
from segcore.masks.colors import ColorTable
from segcore.ontology import IGNORE, UNLABELED, LabelClass, Ontology


def paint(drawing: str) -> npt.NDArray[np.uint8]:
    colors = {"s": (0, 0, 255), "c": (255, 0, 0), ".": (0, 0, 0), "?": (255, 255, 255), "!": (1, 2, 3)}
    return np.array([[colors[x] for x in row] for row in drawing.split()], np.uint8)


def test_colours_become_classes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("sc cc ss"))

    found = source(f"rgb:{tmp_path}", SKY_CAR).read("a")

    assert class_indices(found).tolist() == [[0, 1], [1, 1], [0, 0]]
    assert found.content.values.dtype == np.uint8
    assert (found.height, found.width) == (3, 2)


@pytest.mark.parametrize("name", ["unlabeled", "ignore"])
def test_black_is_a_fault_unless_the_spec_says_what_it_means(tmp_path: Path, name: str) -> None:
    save(tmp_path / "a.png", paint("s. cc"))
    silent = source(f"rgb:{tmp_path}", SKY_CAR)
    told = source(f"rgb:{tmp_path}?{name}=%23000000", SKY_CAR)
    plain = source(f"rgb:{tmp_path}?{name}=000000", SKY_CAR)

    assert silent.read("a") is None
    (fault,) = silent.faults
    assert (fault.code, fault.image, fault.got) == ("mask.unknown_value", "a", "#000000 (1 px)")
    meaning = {"unlabeled": UNLABELED, "ignore": IGNORE}[name]
    assert class_indices(told.read("a")).tolist() == [[0, meaning], [1, 1]]
    assert class_indices(plain.read("a")).tolist() == [[0, meaning], [1, 1]]


def test_several_colours_may_mean_ignore(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("s.?"))

    found = source(f"rgb:{tmp_path}?ignore=%23000000,%23ffffff", SKY_CAR)

    assert class_indices(found.read("a")).tolist() == [[0, IGNORE, IGNORE]]


def test_a_colour_cannot_be_a_class_and_ignored(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("s"))

    with pytest.raises(OntologyError, match="#ff0000 is the color of class 'car'"):
        source(f"rgb:{tmp_path}?ignore=%23ff0000", SKY_CAR).read("a")


def test_classes_without_colours_are_an_error_of_the_ontology(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("s"))

    with pytest.raises(OntologyError, match="no class of the ontology has a color"):
        source(f"rgb:{tmp_path}", Ontology((LabelClass(id=0, name="sky"),))).read("a")


def test_an_anti_aliased_colour_mask_is_named(tmp_path: Path) -> None:
    drawn = Image.fromarray(np.repeat(np.repeat(paint("sc cs"), 20, axis=0), 20, axis=1))
    drawn.resize((133, 121), Image.Resampling.BILINEAR).save(tmp_path / "a.png")
    found = source(f"rgb:{tmp_path}", SKY_CAR)

    assert found.read("a") is None
    assert codes(found) == [("mask.unknown_value", "a"), ("mask.suspect_blend", "a")]


def test_a_colour_source_works_again_in_a_worker_and_with_other_classes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("sc"))
    found = source(f"rgb:{tmp_path}", SKY_CAR)
    found.read("a")

    again = pickle.loads(pickle.dumps(found))
    swapped = found.resolve(ontology=Ontology(SKY_CAR.classes[::-1]))

    assert class_indices(again.read("a")).tolist() == [[0, 1]]
    assert class_indices(swapped.read("a")).tolist() == [[1, 0]]


def test_more_than_256_colours_need_16_bits() -> None:
    table = ColorTable(codes={color: color for color in range(300)})
    pixels = np.zeros((1, 300, 3), np.uint8)
    pixels[0, :, 1], pixels[0, :, 2] = np.divmod(np.arange(300), 256)

    values, unknown = table.encode(pixels)

    assert values.tolist() == [list(range(300))]
    assert values.dtype == np.uint16
    assert unknown == {}


@settings(max_examples=80, deadline=None)
@given(
    pixels=hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
        elements=st.sampled_from([0, 1, 128, 255]),
    ),
    block=st.integers(1, 100),
)
def test_every_pixel_gets_the_code_of_its_colour(pixels: npt.NDArray[np.uint8], block: int) -> None:
    codes_by_color = {0x000000: 0, 0x010080: 1, 0xFF0000: 2, 0xFFFFFF: 3, 0x800101: 4}
    expected = [[codes_by_color.get(int(bytes(p).hex(), 16), -1) for p in row] for row in pixels]
    strangers = [
        bytes(p).hex() for row in pixels for p in row if int(bytes(p).hex(), 16) not in codes_by_color
    ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segcore.masks.colors._BLOCK_PX", block)
        values, unknown = ColorTable(codes=codes_by_color).encode(pixels)

    known = np.array(expected) >= 0
    assert values[known].tolist() == np.array(expected)[known].tolist()
    assert unknown == {int(color, 16): strangers.count(color) for color in sorted(strangers)}
    assert int(ColorTable(codes=codes_by_color).is_unknown(pixels).sum()) == len(strangers)
    assert list(unknown) == sorted(unknown)
