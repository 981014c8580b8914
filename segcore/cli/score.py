"""``segcore score``: the numbers of every class, without a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from segcore.cli import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segcore.faults import Fault

__all__ = ["score"]


def score(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="The trusted side: coco:gold.json.")],
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The side under test.")],
    *,
    task: Annotated[
        str,
        typer.Option(
            metavar="TASK",
            help="What is compared: pixels (semantic), objects (instance), or segments of things and "
            "stuff (panoptic).",
        ),
    ] = "semantic",
    ontology: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The classes, where the gold does not name them; or preset:NAME."
        ),
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="Who owns a shared pixel: smallest, last or error."),
    ] = None,
    crowd: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="What a COCO crowd region of the gold is: ignore or class."),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="What ranks objects for AP where the delivery has no scores: equal or area.",
        ),
    ] = None,
    boundary: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTH",
            help="Add boundaries of this width: a share of the diagonal (0.02) or 5px.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            min=0,
            help="Add NSD and boundary F1 at this many pixels, HD95 and ASSD.",
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write everything as JSON; - is standard output.")
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write the numbers of the classes as CSV; - is standard output."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
) -> int:
    """Print the scores of every class.

    IoU, Dice, precision and recall of pixels; AP, F1, missed and extra objects; or panoptic
    quality; worst class first; no policy, no verdict.  Outlines where asked for.

    Example: segcore score coco:gold.json coco:delivery.json --json scores.json
    """
    import segcore
    from segcore.cli.output import STDOUT, csv_text, json_text, progress, require_destination, write
    from segcore.cli.score_report import csv_rows, document, report_text
    from segcore.errors import InvalidInputError, UsageError
    from segcore.surface_scores import Tolerance

    if json == csv == STDOUT:
        raise UsageError("--json and --csv cannot both be written to standard output")
    require_destination(json)
    require_destination(csv)
    if tolerance is not None:
        Tolerance(distance=tolerance)  # refused before the work is done
    try:
        with progress("reading and counting") as report:
            evaluation = segcore.evaluate(
                gold,
                delivery,
                task=task,
                ontology=ontology,
                jobs=jobs,
                overlap=overlap,
                crowd=crowd,
                scores=scores,
                dilation=boundary,
                surfaces=tolerance is not None,
                progress=report,
            )
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    if json is not None or csv is not None:
        found = document(evaluation, tolerance_px=tolerance)
        if json is not None:
            write(json, json_text(found))
        if csv is not None:
            write(csv, csv_text(*csv_rows(found["classes"])))
    if STDOUT not in (json, csv):
        write(STDOUT, report_text(evaluation, tolerance_px=tolerance))
    _print_warnings(evaluation.faults)
    return ExitCode.ACCEPTED


def _print_warnings(faults: Sequence[Fault]) -> None:
    from segcore.faults import fault_lines

    lines = fault_lines(faults, severity=True)
    for line in lines:
        typer.echo(line, err=True)
    if len(lines) < len(faults):
        typer.echo("--json FILE writes all warnings", err=True)
