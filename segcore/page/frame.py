"""The frame of a page: its head, its style, and what lets nothing be loaded or sent."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from segcore import __version__
from segcore.page.markup import Children, Markup, document, element, style_sheet

__all__ = ["footer", "framed"]

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)


def framed(
    *,
    title: str,
    header: Markup,
    main: Children,
    skip: str = "Skip to the results",
    style: str = "",
    run: Mapping[str, Any] | None = None,
) -> str:
    """The text of a page, one file that asks for nothing from anywhere.

    Parameters
    ----------
    title : str
        Of the window; escaped.
    header : Markup
        What stands above the main part.
    main : Children
        The sections of the main part.
    skip : str
        What the link to the main part says, for those who go by the keyboard.
    style : str
        A style sheet of our own, after that of all pages.
    run : mapping or None
        Whatever differs from run to run; it stands in the footer, and nothing else differs.
    """
    css = files("segcore.page").joinpath("page.css").read_text("utf-8")
    return document(
        element(
            "html",
            element(
                "head",
                element("meta", charset="utf-8"),
                element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
                element("meta", name="viewport", content="width=device-width, initial-scale=1"),
                element("meta", name="color-scheme", content="light dark"),
                element("meta", name="referrer", content="no-referrer"),
                element("title", title),
                style_sheet(css + style),
            ),
            element(
                "body",
                element("a", skip, href="#main", class_="skip"),
                header,
                element("main", main, id="main", tabindex=-1),
                footer(run),
            ),
            lang="en",
        )
    )


def footer(run: Mapping[str, Any] | None) -> Markup:
    """Who made the page, and what is different each time; None where nothing is."""
    made = f"Made by segcore {__version__}. The same input gives the same page"
    if run is None:
        return element("footer", element("p", f"{made}."))
    told = [[element("dt", key), element("dd", str(value))] for key, value in sorted(run.items())]
    return element("footer", element("p", f"{made} but for this run:"), element("dl", told, id="run"))
