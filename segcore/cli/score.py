"""``segcore score``: the numbers of every class, without a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from segcore.cli import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segcore.evaluation import Evaluation
    from segcore.faults import Fault

__all__ = ["score"]

MAX_NAMES: Final = 5
"""Image keys named in one line of the summary."""

COLUMNS: Final = (
    ("id", "id"),
    ("name", "name"),
    ("iou", "iou"),
    ("dice", "dice"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("intersection", "intersection"),
    ("union", "union"),
    ("gold_pixels", "gold_pixels"),
    ("delivery_pixels", "delivery_pixels"),
    ("support_images", "support_images"),
    ("support_instances", "support_instances"),
)
"""Columns of the CSV file and the attributes they come from."""


def score(
    gold: Annotated[str, typer.Argument(metavar="GOLD", help="The trusted side: coco:gold.json.")],
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The side under test.")],
    *,
    task: Annotated[str, typer.Option(metavar="TASK", help="What is compared: semantic.")] = "semantic",
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
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write everything as JSON; - is standard output.")
    ] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the table as CSV; - is standard output.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
) -> int:
    """Print the scores of every class.

    IoU, Dice, precision and recall, worst class first; no policy, no verdict.

    Example: segcore score coco:gold.json coco:delivery.json --json scores.json
    """
    import segcore
    from segcore.cli.output import STDOUT, csv_text, json_text, progress, require_destination, write
    from segcore.errors import InvalidInputError, UsageError

    if json == csv == STDOUT:
        raise UsageError("--json and --csv cannot both be written to standard output")
    require_destination(json)
    require_destination(csv)
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
                progress=report,
            )
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    if json is not None:
        write(json, json_text(evaluation.to_json()))
    if csv is not None:
        headings = [heading for heading, _ in COLUMNS]
        write(csv, csv_text(headings, [[getattr(c, a) for _, a in COLUMNS] for c in evaluation.classes]))
    if STDOUT not in (json, csv):
        write(STDOUT, _report(evaluation))
    _print_warnings(evaluation.faults)
    return ExitCode.ACCEPTED


def _report(evaluation: Evaluation) -> str:
    """The table, worst class first; classes that cannot be scored come last."""
    from segcore.cli.output import share, table_text
    from segcore.wording import escaped

    ranked = sorted(
        evaluation.classes, key=lambda c: (c.iou is None, c.iou if c.iou is not None else 0.0)
    )
    rows = [
        (c.name, share(c.iou), share(c.dice), share(c.precision), share(c.recall), str(c.support_images))
        for c in ranked
    ]
    scored = sum(c.iou is not None for c in ranked)
    images = evaluation.images
    notes = [
        "",
        f"mean IoU {share(evaluation.mean_iou)} over {scored} classes, "
        f"pixel accuracy {share(evaluation.pixel_accuracy)}, "
        f"frequency-weighted IoU {share(evaluation.frequency_weighted_iou)}",
        f"images: {len(images.paired)} compared, "
        f"{_named(images.missing_in_delivery, 'missing in the delivery')}, "
        f"{_named(images.extra_in_delivery, 'not in the gold')}",
        *(f"{_words(key)}: {_words(value)}" for key, value in sorted(evaluation.conventions.items())),
    ]
    headings = ("class", "IoU", "Dice", "precision", "recall", "gold images")
    return table_text(headings, rows, notes=[escaped(note) for note in notes])


def _named(keys: Sequence[str], what: str) -> str:
    if not keys:
        return f"0 {what}"
    more = ", ..." if len(keys) > MAX_NAMES else ""
    return f"{len(keys)} {what} ({', '.join(keys[:MAX_NAMES])}{more})"


def _words(value: Any) -> str:
    return str(value).replace("_", " ")


def _print_warnings(faults: Sequence[Fault]) -> None:
    from segcore.wording import escaped

    for fault in faults[:20]:
        typer.echo(f"warning: {escaped(fault)}", err=True)
    if len(faults) > 20:
        typer.echo(f"... and {len(faults) - 20} more warnings; --json FILE holds them all", err=True)
