"""Pairing: which delivered annotation is held against which gold image."""

from __future__ import annotations

from typing import NamedTuple

from segcore.evaluation import Images
from segcore.faults import Fault
from segcore.side import Side

__all__ = ["Unit", "pair", "units_of"]


def pair(sides: tuple[Side, Side]) -> Images:
    """Which gold images were delivered; faults about the others go to the delivery's side."""
    gold, delivery = (side.source.keys() for side in sides)
    image_of = sides[1].source.image_of
    delivered, wanted = frozenset(map(image_of, delivery)), frozenset(gold)
    paired = tuple(key for key in delivery if image_of(key) in wanted)
    images = Images(
        gold=len(gold),
        paired=paired,
        missing_in_delivery=tuple(key for key in gold if key not in delivered),
        extra_in_delivery=tuple(key for key in delivery if image_of(key) not in wanted),
        image_keys={key: image for key in paired if (image := image_of(key)) != key},
    )
    log, name = sides[1].faults, sides[1].source.name
    if not images.paired and any(side.source.faults.errors for side in sides):
        return images  # a document that cannot be read misses every image: its fault says so
    if not images.paired:
        expected = f"images such as {gold[0]!r}" if gold else f"gold images in {sides[0].source.name}"
        got = f"images such as {delivery[0]!r}" if delivery else sides[1].source.when_empty
        log.add(Fault(code="delivery.image_match", file=name, expected=expected, got=got))
    for key in images.missing_in_delivery:
        log.add(Fault(code="delivery.missing_image", file=name, image=key))
    for key in images.extra_in_delivery:
        log.add(Fault(code="delivery.extra_image", file=name, image=key))
    return images


class Unit(NamedTuple):
    """A gold image against one annotation of it, or against none.

    ``first`` tells the one unit of an image that counts what was read of the gold.
    """

    key: str
    image: str
    delivered: bool
    first: bool


def units_of(images: Images, sides: tuple[Side, Side]) -> list[Unit]:
    """What to count, sorted by key."""
    image_of = sides[1].source.image_of
    keys = [(key, image_of(key), True) for key in images.paired]
    keys += [(key, key, False) for key in images.missing_in_delivery]
    units: list[Unit] = []
    seen: set[str] = set()
    for key, image, delivered in sorted(keys):
        units.append(Unit(key, image, delivered, first=image not in seen))
        seen.add(image)
    return units
