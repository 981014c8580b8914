"""``segcore convert``: annotations in another format, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from segcore.cli import ExitCode

if TYPE_CHECKING:
    from segcore.conversion import Conversion
    from segcore.loss import Loss

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
    from segcore.cli.output import table_text
    from segcore.wording import escaped

    loss = found.loss
    total = loss.total()
    lines = [
        f"{loss.kind.value}: {loss.images} image{'s' * (loss.images != 1)}, "
        f"{total.objects} object{'s' * (total.objects != 1)}, "
        f"{total.exact} of them run for run the same\n"
    ]
    lines += [f"  {problem}\n" for problem in loss.problems()]
    if found.missing:
        lines.append(f"  the format has no place for: {', '.join(found.missing)}\n")
    lines += [f"  left behind: {escaped(name)} ({n})\n" for name, n in loss.left_behind.items()]
    if rows := _rows(loss):
        notes = [
            "Classes and sizes with an object that changed, the worst first. IoU (computed) of each",
            "object with what it is found again as when read back, 0 where it is lost.",
            "Sizes by pixels, as COCO has them: small below 32 x 32, large from 96 x 96.",
        ]
        lines += ["\n", table_text(_HEADINGS, rows, notes=notes)]
    if found.written:
        lines.append(f"\nwritten; read it as {escaped(found.reading)}\n")
    return "".join(lines)


_HEADINGS = (
    *("class", "size", "objects", "exact", "mean IoU", "least"),
    *("lost", "merged", "split", "holes filled"),
)


def _rows(loss: Loss) -> list[list[str]]:
    """The classes and sizes with an object that changed, the worst on top."""
    from segcore.cli.output import share

    rows = sorted(loss.rows.items(), key=lambda item: (item[1].mean_iou or 0.0, item[0][0], item[0][1]))
    return [
        [
            loss.names[index],
            size.value,
            *(f"{n}" for n in (row.objects, row.exact)),
            share(row.mean_iou),
            share(row.least_iou),
            *(f"{n}" for n in (row.lost, row.merged, row.split, row.holes_filled)),
        ]
        for (index, size), row in rows
        if row.exact < row.objects
    ]
