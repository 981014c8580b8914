"""Markup that cannot be injected into: the one place where text becomes HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from segcore.wording import escaped

__all__ = ["Child", "Children", "Markup", "document", "element", "joined", "name", "style_sheet"]

_LINES: Final = frozenset(
    {"body", "details", "figure", "footer", "li", "main", "section", "table", "tr"}
)
"""Begin on a line of their own, so that two reports can be compared with ``diff``."""


class Markup(str):
    """Text that is HTML already.  Only this module makes it."""

    __slots__ = ()


Child = Markup | str | int | None
"""What stands in an element; text is escaped, None is nothing."""

Children = Child | Iterable["Children"]

_VOID: Final = frozenset({"br", "col", "img", "meta"})


def element(tag: str, *children: Children, **attributes: str | int | float | bool | None) -> Markup:
    """An element with its children and attributes, all text in it escaped.

    Parameters
    ----------
    tag : str
        Of our own making, as the names of the attributes are.
    children : str, int, Markup, None or iterables of them
    attributes : str, number, bool or None
        ``class_`` is class, ``aria_label`` is aria-label; True stands without a value, False and None
        leave the attribute out.
    """
    parts = [tag]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        written = key.removesuffix("_").replace("_", "-")
        parts.append(written if value is True else f'{written}="{_escaped(str(value))}"')
    line = "\n" if tag in _LINES else ""
    opening = f"{line}<{' '.join(parts)}>"
    return Markup(opening) if tag in _VOID else Markup(f"{opening}{joined(*children)}</{tag}>")


def joined(*children: Children) -> Markup:
    """Children one after the other."""
    return Markup("".join(map(_one, children)))


def name(text: object) -> Markup:
    """A name that comes from an input: escaped, and its direction of writing kept to itself."""
    return element("bdi", str(text))


def style_sheet(css: str) -> Markup:
    """A style sheet of our own."""
    return Markup(f"<style>\n{css}</style>")


def document(root: Markup) -> str:
    """The text of a page."""
    return f"<!DOCTYPE html>\n{root}\n"


def _one(child: Children) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int):
        return _escaped(str(child))
    return joined(*child)


def _escaped(text: str) -> str:
    """No markup, no control character, no direction override; the line feeds stay."""
    return "\n".join(html.escape(escaped(line)) for line in text.split("\n"))
