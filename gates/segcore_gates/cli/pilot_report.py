"""``segcore pilot report``: what a pilot says."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["pilot_report"]


def pilot_report(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="What segcore pilot plan wrote.")],
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="The trusted labels of its images.")],
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="What was delivered for them.")],
    *,
    floor: Annotated[
        float, typer.Option(metavar="IOU", help="What each class will have to reach.")
    ] = 0.85,
    ontology: Annotated[
        str | None, typer.Option(metavar="FILE", help="The classes, where the gold names none.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as JSON; - is standard output.")
    ] = None,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write it as one page.")] = None,
) -> int:
    """Say per class what the pilot measured, what to draw, what it costs, and how much gold is lacking.

    Only images of the plan count; a plan that was changed after it was drawn is refused.

    Example: segcore pilot report pilot.json coco:gold.json coco:delivery.json --floor 0.85
    """
    from segcore.cli.output import STDOUT, json_text, progress, require_destination, table_text, write
    from segcore.errors import InvalidInputError, UsageError
    from segcore_gates.pilot.plan_file import read_plan
    from segcore_gates.pilot.report import measured

    if not 0 < floor < 1:
        raise UsageError(f"--floor must be between 0 and 1, not {floor:g}")
    if html == STDOUT:
        raise UsageError("--html needs the name of a file")
    require_destination(json)
    require_destination(html)
    drawn = read_plan(plan)
    try:
        with progress("measuring the pilot") as report:
            found = measured(drawn, gold, delivery, floor=floor, ontology=ontology, progress=report)
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    if json is not None:
        write(json, json_text(found.to_json()))
    if html is not None:
        write(html, found.page())
    if json != STDOUT:
        write(STDOUT, table_text(found.headings, found.rows(), notes=found.notes()))
    return 0
