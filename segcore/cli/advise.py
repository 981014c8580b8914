"""``segcore advise``: boxes, polygons or masks, by what real masks look like."""

from __future__ import annotations

from typing import Annotated

import typer

from segcore.cli import ExitCode

__all__ = ["advise"]


def advise(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="Real masks, such as coco:pilot.json.")],
    *,
    ontology: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The classes, where the masks do not name them, and which are things; or preset:NAME.",
        ),
    ] = None,
    pilot: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="The same images labelled with polygons: measured IoU instead of simulated.",
        ),
    ] = None,
    iou: Annotated[
        float, typer.Option(metavar="IOU", help="What a polygon must reach to capture an object.")
    ] = 0.90,
    vertices: Annotated[
        int, typer.Option(metavar="N", help="The most vertices of a polygon; past it, a mask.")
    ] = 20,
    background: Annotated[
        float, typer.Option(metavar="SHARE", help="The largest share of a box that is background.")
    ] = 0.30,
    served: Annotated[
        float, typer.Option(metavar="SHARE", help="Of the objects of a class, that must be captured.")
    ] = 0.75,
    exact_area: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS", help="Its pixels will be counted: a mask. May be repeated."),
    ] = None,
    smallest: Annotated[
        int, typer.Option(metavar="PX", min=1, help="Smaller connected parts of a label map are specks.")
    ] = 16,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write everything as JSON; - is standard output.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page with the curve of every class.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
) -> int:
    """Say for each class whether boxes, rotated boxes, polygons or masks have to be drawn.

    Measured on real masks: background in boxes, vertices that an IoU takes, thin structures, parts
    and holes; and for the whole semantic, instance or panoptic.

    Example: segcore advise coco:pilot.json --html advice.html
    """
    import segcore
    from segcore.advice import advise as advised
    from segcore.advice.page import page
    from segcore.advice.price_effect import price_effect
    from segcore.advice.settings import Settings
    from segcore.cli.advise_report import report_text
    from segcore.cli.output import STDOUT, json_text, progress, require_destination, write
    from segcore.errors import InvalidInputError, UsageError
    from segcore.faults import fault_lines
    from segcore.pricing.prices import load_prices

    if html == STDOUT:
        raise UsageError("--html needs the name of a file")
    require_destination(json)
    require_destination(html)
    settings = Settings(
        background=background,
        vertices=vertices,
        iou=iou,
        served=served,
        exact_area=frozenset(exact_area or ()),
        smallest_px=smallest,
    )
    try:
        with progress("measuring shapes") as report:
            advice = advised(
                spec, ontology=ontology, pilot=pilot, settings=settings, jobs=jobs, progress=report
            )
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    price = price_effect(advice.classes, load_prices())
    if json is not None:
        more = {
            "tool": {"name": "segcore", "version": segcore.__version__},
            "price": None if price is None else price.to_json(),
        }
        write(json, json_text({**advice.to_json(), **more}))
    if html is not None:
        write(html, page(advice, price=price))
    if json != STDOUT:
        write(STDOUT, report_text(advice, price=price))
    for line in fault_lines(advice.faults, severity=True):
        typer.echo(line, err=True)
    return ExitCode.ACCEPTED
