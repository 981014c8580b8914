"""What of a delivery is not as it was locked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from segcore.fingerprint import MAX_VALUES, Category, Fingerprint, FormatField, Found, Value
from segcore.wording import printable

__all__ = ["Difference", "differences", "value_text"]

_NOTHING: Final = "none"
_CELL: Final = 80
_LISTED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was locked.

    Attributes
    ----------
    field : FormatField
    expected, got : str
        As people write them; short and printable.
    images : int or None
        How many images of the delivery have what was not expected; None where it is no matter of images.
    image : str or None
        The first of them.
    """

    field: FormatField
    expected: str
    got: str
    images: int | None = None
    image: str | None = None


def differences(
    locked: Fingerprint, found: Fingerprint, *, fields: Iterable[FormatField]
) -> list[Difference]:
    """Everything that differs, field by field.

    Sets: every value of the delivery must be among the locked ones; fewer are fine.  Categories: the
    same on both sides, none less and none more.

    Parameters
    ----------
    locked, found : Fingerprint
        Of the lock, and of the delivery.
    fields : iterable of FormatField
        Those that are compared; the lock has all of them.
    """
    wanted = frozenset(fields)
    rows: list[Difference] = []
    for field in FormatField:
        if field not in wanted:
            continue
        if field not in found.fields:
            expected = _locked_text(field, locked)
            rows.append(_difference(field, expected, f"{_NOTHING}: the delivery does not say"))
        elif field.of_categories:
            categories = locked.categories or (), found.categories or ()
            rows += _CATEGORIES[field](*categories, wanted)
        else:
            rows += _values(field, locked.values[field], found)
    return rows


def value_text(value: Value) -> str:
    """A value as people write it: ``640 x 480``, ``256 colours: #000000 #800000 ...``."""
    if isinstance(value, (str, int)):
        return f"{value}" if value != "" else _NOTHING
    sides = [str(part) for part in value]
    if value and isinstance(value[0], int):
        return " x ".join(sides)
    if not value:
        return "no palette"
    colors = "1 colour" if len(value) == 1 else f"{len(value)} colours"
    return f"{colors}: {' '.join(sides[:5])}{' ...' if len(value) > 5 else ''}"


def _difference(
    field: FormatField, expected: str, got: str, *, images: int | None = None, image: str | None = None
) -> Difference:
    return Difference(
        field=field,
        expected=printable(expected, limit=_CELL),
        got=printable(got, limit=_CELL),
        images=images,
        image=image,
    )


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _LISTED
    return " or ".join(texts[:_LISTED]) + (f" or {more} more" if more > 0 else "") or _NOTHING


def _locked_text(field: FormatField, locked: Fingerprint) -> str:
    if field.of_categories:
        count = len(locked.categories or ())
        return "1 category" if count == 1 else f"{count} categories"
    return _listed([value_text(v.value) for v in locked.values[field]])


# ---- sets


def _values(field: FormatField, locked: Sequence[Found], found: Fingerprint) -> Iterator[Difference]:
    known = {v.value: None for v in locked}
    for one in found.values[field]:
        if one.value not in known:
            expected, got = _texts(list(known), one.value)
            yield _difference(field, expected, got, images=one.images or None, image=one.image)
    if field in found.crowded:
        expected = _listed([value_text(value) for value in known])
        yield _difference(field, expected, f"more than {MAX_VALUES} different values")


def _texts(known: list[Value], got: Value) -> tuple[str, str]:
    """Expected and got; of two palettes of one length, where they begin to differ."""
    expected = known[0] if len(known) == 1 else ""
    if isinstance(expected, tuple) and isinstance(got, tuple) and len(expected) == len(got) > 2:
        for at, (color, other) in enumerate(zip(expected, got, strict=True)):
            if color != other:
                place = f"at {at} of {len(got)} colours"
                return f"{color} {place}", f"{other} {place}"
    return _listed([value_text(value) for value in known]), value_text(got)


# ---- categories

_Categories = tuple[Category, ...]


def _ids(locked: _Categories, found: _Categories, _: frozenset[FormatField]) -> Iterator[Difference]:
    before, after = _by_name(locked), _by_name(found)
    for name in before:
        if name in after and before[name] != after[name]:
            yield _category(
                FormatField.CATEGORY_IDS, f"{_joined(before[name])} for {name}", _joined(after[name])
            )
    left, right = ({c.id: c for c in side} for side in (locked, found))
    for own_id, category in left.items():
        if own_id not in right and category.name not in after:
            yield _category(FormatField.CATEGORY_IDS, f"{own_id} for {category.name}", _NOTHING)
    for own_id, category in right.items():
        if own_id not in left and category.name not in before:
            yield _category(FormatField.CATEGORY_IDS, _NOTHING, f"{own_id} for {category.name}")


def _names(
    locked: _Categories, found: _Categories, wanted: frozenset[FormatField]
) -> Iterator[Difference]:
    before, after = _by_name(locked), _by_name(found)
    renamed = {c.id: c.name for c in found if c.id is not None and c.name not in before}
    told: set[str] = set()
    for category in locked:
        if category.name not in after:
            got = renamed.get(category.id, _NOTHING) if category.id is not None else _NOTHING
            told.add(got)
            yield _category(FormatField.CATEGORY_NAMES, _named(category), got)
    for category in found:
        if category.name not in before and category.name not in told:
            yield _category(FormatField.CATEGORY_NAMES, _NOTHING, _named(category))
    if FormatField.CATEGORY_IDS in wanted:
        return  # which says where a name has moved
    by_id = {c.id: c.name for c in found if c.id is not None}
    for category in locked:
        other = by_id.get(category.id) if category.id is not None else None
        if other is not None and other != category.name and other in before and category.name in after:
            yield _category(FormatField.CATEGORY_NAMES, _named(category), other)


def _order(locked: _Categories, found: _Categories, _: frozenset[FormatField]) -> Iterator[Difference]:
    before, after = _by_name(locked), _by_name(found)
    left = [c.name for c in locked if c.name in after]
    right = [c.name for c in found if c.name in before]
    pairs = enumerate(zip(left, right, strict=False), 1)
    for place, (expected, got) in pairs:
        if expected != got:
            where = f"at place {place}"
            yield _category(FormatField.CATEGORY_ORDER, f"{expected} {where}", f"{got} {where}")
            return  # all behind it is out of place too


def _colors(
    locked: _Categories, found: _Categories, wanted: frozenset[FormatField]
) -> Iterator[Difference]:
    left, right = ({c.name: c.color for c in side} for side in (locked, found))
    yield from _parts(FormatField.CATEGORY_COLORS, left, right, wanted)


def _kinds(
    locked: _Categories, found: _Categories, wanted: frozenset[FormatField]
) -> Iterator[Difference]:
    left, right = ({c.name: c.kind for c in side} for side in (locked, found))
    yield from _parts(FormatField.CATEGORY_KINDS, left, right, wanted)


def _parts(
    field: FormatField,
    left: Mapping[str, str | None],
    right: Mapping[str, str | None],
    wanted: frozenset[FormatField],
) -> Iterator[Difference]:
    """What differs in one part of the categories; those on one side only are a matter of their names."""
    names = FormatField.CATEGORY_NAMES in wanted
    for name in {**left, **right}:
        if (name in left and name in right) or not names:
            expected, got = left.get(name), right.get(name)
            if expected != got:
                yield _category(field, f"{expected or _NOTHING} for {name}", got or _NOTHING)


_CATEGORIES: Final = {
    FormatField.CATEGORY_IDS: _ids,
    FormatField.CATEGORY_NAMES: _names,
    FormatField.CATEGORY_ORDER: _order,
    FormatField.CATEGORY_COLORS: _colors,
    FormatField.CATEGORY_KINDS: _kinds,
}


def _category(field: FormatField, expected: str, got: str) -> Difference:
    return _difference(field, expected, got)


def _by_name(categories: _Categories) -> dict[str, tuple[int | None, ...]]:
    """The ids of every name: a data set may give one name to several."""
    found: dict[str, tuple[int | None, ...]] = {}
    for category in categories:
        found[category.name] = (*found.get(category.name, ()), category.id)
    return {name: tuple(sorted(ids, key=str)) for name, ids in found.items()}


def _joined(ids: tuple[int | None, ...]) -> str:
    return " and ".join(map(str, ids))


def _named(category: Category) -> str:
    return category.name if category.id is None else f"{category.name} (id {category.id})"
