"""Class names as names of fields: what MongoDB, FiftyOne and its views take without a surprise.

A field name of FiftyOne has no dot (it would be a path), no ``$`` and no ``_`` at its begin; ``id``
means the ObjectId of a document; and a field of an embedded document hides a method of the same name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from segcore.errors import UsageError
from segcore.ontology import LabelClass
from segcore.wording import printable

__all__ = ["MAX_LENGTH", "RESERVED", "class_fields", "require_key"]

MAX_LENGTH: Final = 100
"""Characters of a field name, and of a key."""

RESERVED: Final = frozenset(
    {
        "STRICT", "clean", "clear_field", "copy", "fancy_repr", "field_names", "field_to_mongo",
        "field_to_python", "from_dict", "from_json", "get_field", "get_text_score", "has_field", "id",
        "iter_fields", "merge", "my_metaclass", "pk", "set_field", "to_dict", "to_json", "to_mongo",
        "validate",
    }
)  # fmt: skip
"""Attributes of ``fiftyone.DynamicEmbeddedDocument`` and names that FiftyOne reads as another thing."""


def class_fields(classes: Sequence[LabelClass]) -> tuple[str, ...]:
    """The name of the field of each class, in the order given.

    Letters and digits of any script stay, everything between them becomes one ``_``; the same class name
    gives the same field, whatever the other classes are.  A class without a letter or digit is called
    by its id: ``class_7``.

    Raises
    ------
    UsageError
        Two classes would share a field, or a name is longer than :data:`MAX_LENGTH`.
    """
    owners: dict[str, LabelClass] = {}
    for c in classes:
        field = _field(c)
        if len(field) > MAX_LENGTH:
            raise UsageError(
                f"class {printable(c.name)!r} gives a field of {len(field)} characters, at most "
                f"{MAX_LENGTH} are allowed; give it a shorter name in the ontology"
            )
        other = owners.setdefault(field, c)
        if other is not c:
            raise UsageError(
                f"the classes {printable(other.name)!r} and {printable(c.name)!r} would share the field "
                f"{field!r}; rename one of them in the ontology (its old name can stay as an alias)"
            )
    return tuple(owners)


def _field(c: LabelClass) -> str:
    # One spelling for what looks the same: an accent may be a character of its own.
    text = unicodedata.normalize("NFKC", c.name)
    field = re.sub(r"[\W_]+", "_", text).strip("_")
    if not field:
        return f"class_{c.id}"
    if field[0].isdigit():
        return f"class_{field}"
    return f"{field}_" if field in RESERVED else field


def require_key(key: str) -> str:
    """``key``, if fields and runs can be called after it.

    Raises
    ------
    UsageError
        It is not made of ASCII letters, digits and ``_``, beginning with a letter, or it is too long.
    """
    if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{MAX_LENGTH - 1}}}", key):
        raise UsageError(
            f"a key begins with a letter and goes on with letters, digits and _ (at most {MAX_LENGTH}), "
            f"got {printable(key)!r}"
        )
    return key
