"""The worst images: gold, delivery and their difference side by side."""

from __future__ import annotations

import base64
from typing import Final

from segcore.page.markup import Markup, element, joined, name
from segcore_gates.html.content import MAX_PICTURES, BatchContent, Panel, Picture
from segcore_gates.html.overlays import Kind, swatch_png
from segcore_gates.records import measured

__all__ = ["gallery"]

_KINDS: Final = (
    (Kind.CORRECT, "right", "both sides have the class"),
    (Kind.MISSED, "missed", "gold has a class, nothing was delivered: stripes rising to the right"),
    (Kind.EXTRA, "extra", "delivered where gold has no class: stripes falling to the right"),
    (Kind.WRONG, "wrong class", "both have a class, and not the same: dots"),
    (Kind.OTHER, "other class", "a class that this gate does not judge, on either side"),
    (Kind.IGNORED, "ignored", "gold says ignore, nothing is counted: a chequer"),
    (Kind.NOTHING, "nothing", "neither side has a class"),
)


def gallery(content: BatchContent, *, anchor: str) -> Markup | None:
    """The pictures of a batch with a legend; None without any."""
    if not content.pictures:
        return None
    said = [
        "The three worst images of every gate that is not passed. Colours of classes are those of the "
        "ontology, where it has some; the class a gate judges is in full colour, others are pale."
    ]
    if content.pictures_wanted > MAX_PICTURES:
        said.append(f"The gates name {content.pictures_wanted} images; {MAX_PICTURES} are shown.")
    if content.with_photos and not all(picture.photo for picture in content.pictures):
        said.append(
            "An image without a photo below it has none of its name and size in the folder given."
        )
    return element(
        "section",
        element("h3", "Worst images", id=f"{anchor}-h"),
        element("p", " ".join(said)),
        _legend(),
        [_figure(picture) for picture in content.pictures],
        class_="gallery",
        id=anchor,
        aria_labelledby=f"{anchor}-h",
    )


def _legend() -> Markup:
    items = [
        element(
            "li",
            element("img", src=_png(swatch_png(kind)), width=24, height=24, alt=""),
            " ",
            element("strong", word),
            f": {meaning}",
        )
        for kind, word, meaning in _KINDS
    ]
    return element("ul", items, class_="legend", aria_label="What the differences show")


def _figure(picture: Picture) -> Markup:
    wanted = picture.wanted
    photo = None
    if picture.photo is not None:
        data = base64.b64encode(picture.photo).decode("ascii")
        photo = f"--photo: url(data:image/jpeg;base64,{data})"
    return element(
        "figure",
        element("figcaption", _caption(picture)),
        element("div", [_panel(picture, panel) for panel in picture.panels], class_="panels"),
        element(
            "ul",
            [
                element("li", element("span", class_="dot", style=f"--c: rgb{color}"), name(known))
                for known, color in picture.legend
            ],
            class_="classes",
            aria_label="Classes in this image, the largest first",
        ),
        style=photo,
        data_image=wanted.image,
        data_class=wanted.class_name,
    )


def _caption(picture: Picture) -> Markup:
    wanted = picture.wanted
    missed, extra, wrong = picture.lost_px
    facts = [f"{picture.width} x {picture.height} px"]
    facts += [f"{missed} px missed", f"{extra} px extra", f"{wrong} px wrong class"]
    if picture.step > 1:
        facts.append(
            f"reduced by {picture.step}: a point of the difference shows the worst of its pixels"
        )
    if not picture.delivered:
        facts.insert(0, "not delivered")
    why = [
        element("span", f"{id_} ", element("strong", measured(value, unit)), class_="why", data_id=id_)
        for id_, value, unit in wanted.why
    ]
    looked_at = name(wanted.class_name) if wanted.class_name is not None else "all classes"
    return joined(
        element("strong", name(wanted.image)),
        ", ",
        looked_at,
        element("br"),
        joined(*why),
        f" {wanted.reason}" if wanted.reason else None,
        element("br"),
        ", ".join(facts),
        f", annotator {wanted.annotator}" if wanted.annotator else None,
    )


def _panel(picture: Picture, panel: Panel) -> Markup:
    wanted = picture.wanted
    missed, extra, wrong = picture.lost_px
    subject = wanted.class_name if wanted.class_name is not None else "all classes"
    alt = f"{panel.kind} of {wanted.image}, {subject}"
    if panel.kind == "difference":
        alt += f": {missed} pixels missed, {extra} extra, {wrong} of a wrong class"
    image = element(
        "img",
        src=_png(panel.png),
        alt=alt,
        data_panel=panel.kind,
        data_scale=panel.scale,
        class_="on-photo" if picture.photo else None,
    )
    return element("div", element("span", panel.kind, class_="label", aria_hidden="true"), image)


def _png(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
