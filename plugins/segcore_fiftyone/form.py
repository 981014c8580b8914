"""The form of a label field: its type, its masks, its classes."""

from __future__ import annotations

from io import BytesIO

from segcore.errors import RefusedMaskError
from segcore.fingerprint import Category, Fingerprint, FingerprintBuilder, FormatField
from segcore.masks.png_header import read_header
from segcore.sources.png_form import add_png_header
from segcore_fiftyone.field import LabelField
from segcore_fiftyone.rows import Row
from segcore_fiftyone.stored import read_mask_file

__all__ = ["fingerprint_of"]


def fingerprint_of(field: LabelField, *, name: str) -> Fingerprint:
    """The form of a field; what cannot be read is left out, and refused where it is read.

    Parameters
    ----------
    field : LabelField
    name : str
        The spec of its source.
    """
    found = FingerprintBuilder(name, FormatField.ENCODING)
    for key, row in field.rows.by_key.items():
        if row.mask_path is not None:
            _add_file(found, row, key=key)
            continue
        found.add(FormatField.ENCODING, f"{field.kind} in the database", image=key)
        if row.width and row.height:
            found.add_size(row.height, row.width, image=key)
    _add_categories(found, field)
    return found.fingerprint()


def _add_file(found: FingerprintBuilder, row: Row, *, key: str) -> None:
    """Note the kind of a mask on disk."""
    found.add_file(row.mask_path or "", image=key)
    try:
        header = read_header(BytesIO(read_mask_file(row.mask_path)))
    except RefusedMaskError:
        return
    if header is not None:
        add_png_header(found, header, key=key)


def _add_categories(found: FingerprintBuilder, field: LabelField) -> None:
    """Mask targets have ids, or colours; classes of objects have neither."""
    if field.targets is not None:
        targets = field.targets
        found.list_categories(
            Category(
                name=label,
                id=None if targets.colored else value,
                color=targets.shown(value) if targets.colored else None,
            )
            for value, label in targets.labels.items()
        )
    elif field.kind != "Segmentation" and field.classes is not None:
        if field.samples.classes(field.options.field):
            found.list_classes(field.classes, ids=False)
        else:
            for label in field.classes.names:
                found.add(FormatField.LABELS, label)
