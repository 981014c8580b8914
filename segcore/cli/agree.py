"""``segcore agree``: how far several annotators of the same images agree."""

from __future__ import annotations

from typing import Annotated

import typer

from segcore.cli import ExitCode

__all__ = ["agree"]


def agree(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...",
            help="Who is compared: NAME=SPEC an annotator, or one input with several annotations of "
            "an image.",
        ),
    ],
    *,
    ontology: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The classes, where the inputs do not name them; or preset:NAME."
        ),
    ] = None,
    boundary: Annotated[
        str,
        typer.Option(metavar="WIDTH", help="How wide boundaries are: a share of the diagonal, or 5px."),
    ] = "0.02",
    agree_at: Annotated[
        float,
        typer.Option(
            metavar="IOU",
            help="From here on two annotators agree on a class: the threshold of your policy.",
        ),
    ] = 0.75,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write everything as JSON, which a policy can name; - is standard output.",
        ),
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page that needs nothing else.")
    ] = None,
) -> int:
    """Compare the annotators of the same images, class by class.

    IoU and boundary IoU of every two, Krippendorff's alpha, majority and STAPLE, matched objects,
    whether the guideline or one annotator is why they disagree, drift, and how far people agree at
    all: no threshold above that can be met.

    Example: segcore agree maria=png:maria/ li=png:li/ --ontology ontology.yaml --json agree.json
    """
    from segcore.agreement import agree as compare
    from segcore.cli.agree_report import report_text
    from segcore.cli.output import STDOUT, json_text, progress, require_destination, write
    from segcore.errors import InvalidInputError, UsageError
    from segcore.faults import fault_lines

    if html == STDOUT:
        raise UsageError("a page is written to a file: --html FILE")
    require_destination(json)
    require_destination(html)
    try:
        with progress("reading and counting") as report:
            found = compare(
                specs,
                ontology=ontology,
                dilation=boundary,
                agree_at=agree_at,
                progress=report,
            )
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    if json is not None:
        write(json, json_text(found.to_json()))
    if html is not None:
        from segcore.cli.agree_page import page_text

        write(html, page_text(found))
    if json != STDOUT:
        write(STDOUT, report_text(found))
    for line in fault_lines(found.faults, severity=True):
        typer.echo(line, err=True)
    return ExitCode.ACCEPTED
