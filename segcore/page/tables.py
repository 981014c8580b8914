"""Tables as screen readers need them: a caption, and the scope of every head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from segcore.page.markup import Child, Children, Markup, element

__all__ = ["cell", "head", "row", "table"]


def table(
    caption: Child, heads: Sequence[Markup], rows: Iterable[Markup], *, class_: str | None = None
) -> Markup:
    """A table that scrolls by itself where it is wider than the page."""
    inner = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", heads)),
        element("tbody", rows),
        class_=class_,
    )
    return element("div", inner, class_="scroll", tabindex=0)


def head(text: Children, *, right: bool = False) -> Markup:
    """The head of a column."""
    return element("th", text, scope="col", class_="number" if right else None)


def row(name: Child, *cells: Children, **attributes: str | int | float | bool | None) -> Markup:
    """A row, led by its head."""
    return element("tr", element("th", name, scope="row"), cells, **attributes)


def cell(
    content: Children = None,
    *,
    value: float | None = None,
    key: str | None = None,
    right: bool = False,
) -> Markup:
    """A cell; ``value`` is the number it shows, with all its digits, and ``key`` what the number is."""
    return element(
        "td",
        content,
        class_="number" if right else None,
        data_key=key,
        data_value=None if value is None else repr(value),
    )
