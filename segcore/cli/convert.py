"""``segcore convert``: annotations in another format, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from segcore.cli import ExitCode

if TYPE_CHECKING:
    from segcore.conversion import Conversion

__all__ = ["convert"]


def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="What to read, such as coco:gold.json.")],
    destination: Annotated[
        str, typer.Argument(metavar="DST", help="What to write, such as png:masks or voc:out.")
    ],
    *,
    ontology: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The classes, where the source does not name them; or preset:NAME."
        ),
    ] = None,
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Write it although objects, pixels or flags are lost.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what stands at DST.")] = False,
    json: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the measured loss as JSON; - is standard output."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes to read back and compare in.")
    ] = 1,
) -> int:
    """Convert annotations, and measure what is lost before anything is written.

    The conversion is read back and held against the source, object by object. It is lossless, bounded
    (outlines move, every IoU stays .95 or more) or lossy. A lossy one is refused with exit code 1, and
    nothing is written, unless --lossy says otherwise.

    Example: segcore convert coco:gold.json png:masks --lossy
    """
    import segcore
    from segcore.cli.output import STDOUT, json_text, progress, require_destination, write
    from segcore.conversion import convert as converted
    from segcore.errors import InvalidInputError
    from segcore.faults import fault_lines
    from segcore.loss import Kind

    require_destination(json)
    try:
        with progress("converting and reading back") as report:
            found = converted(
                source,
                destination,
                ontology=ontology,
                lossy=lossy,
                force=force,
                jobs=jobs,
                progress=report,
            )
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    for line in fault_lines(found.warnings, severity=True):
        typer.echo(line, err=True)
    if json is not None:
        document: dict[str, Any] = {
            "schema": 1,
            "tool": {"name": "segcore", "version": segcore.__version__},
            "source": found.source,
            "destination": str(found.reading),
            "written": found.written,
            "format_cannot_hold": list(found.missing),
            **found.loss.to_json(),
        }
        write(json, json_text(document))
    if json != STDOUT:
        write(STDOUT, _text(found))
    if found.written:
        return ExitCode.ACCEPTED
    losses = "; ".join(found.loss.problems())
    typer.echo(
        f"segcore: this conversion is {Kind.LOSSY.value}, so nothing was written: {losses}. "
        "--lossy writes it all the same",
        err=True,
    )
    return ExitCode.REJECTED


def _text(found: Conversion) -> str:
    from segcore.cli.loss_report import loss_text
    from segcore.wording import escaped

    text = loss_text(found.loss, missing=found.missing)
    return text + (f"\nwritten; read it as {escaped(found.reading)}\n" if found.written else "")
