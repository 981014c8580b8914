"""``segcore loss``: what a conversion lost that somebody else made."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from segcore.cli import ExitCode

__all__ = ["loss"]


def loss(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="The annotations as they were.")],
    after: Annotated[
        str | None, typer.Argument(metavar="[AFTER]", help="The same after a conversion.")
    ] = None,
    *,
    through: Annotated[
        str | None,
        typer.Option(
            metavar="EXPORTER",
            help="Instead of AFTER: label-studio-coco or fiftyone-coco, what the platform would export.",
        ),
    ] = None,
    ontology: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The classes, where BEFORE names none; or preset:NAME."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write everything as JSON; - is standard output.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
) -> int:
    """Measure what was lost between two sources of the same annotations, by class and object size.

    Such as an export of a platform, or a file that went through somebody's script.  Images are paired by
    key and classes by name; each object is looked for where it lay.  Exit code 0 whatever was lost.

    Example: segcore loss label-studio-export:tasks.json coco:export/result.json --json loss.json

    Example: segcore loss coco:gold.json --through label-studio-coco
    """
    import tempfile
    from pathlib import Path

    import segcore
    from segcore.cli.loss_report import ceilings_text, loss_text
    from segcore.cli.output import STDOUT, json_text, progress, require_destination, write
    from segcore.errors import InvalidInputError, UsageError
    from segcore.loss import measure_loss
    from segcore.loss.ceilings import measure_ceilings
    from segcore.loss.exporters import exporter_of, readable
    from segcore.ontology_file import named_ontology

    require_destination(json)
    if (after is None) is (through is None):
        raise UsageError("say AFTER, or --through an exporter")
    left_out = 0
    try:
        with progress("comparing") as report, tempfile.TemporaryDirectory(prefix="segcore-") as folder:
            first = segcore.open(before)
            first.fetch(progress=report)
            classes = None if ontology is None else named_ontology(ontology)
            first = first.resolve(ontology=classes)
            if after is not None:
                second = segcore.open(after)
                second.fetch(progress=report)
                second = second.resolve(ontology=first.ontology, gold=first)
            else:
                exported = exporter_of(f"{through}")(first, Path(folder))
                second, left_out = readable(exported, gold=first)
            found = measure_loss(first, second, jobs=jobs, progress=report)
            ceilings = measure_ceilings(first, second, ontology=classes, jobs=jobs)
            inputs = [
                {"role": role, "spec": spec, "images": len(source.keys()), "sha256": sha256}
                for role, spec, source, sha256 in (
                    ("before", before, first, ceilings.sha256 or first.digest()),
                    ("after", after or through, second, second.digest()),
                )
            ]
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    if json is not None:
        document: dict[str, Any] = {
            "schema": 1,
            "tool": {"name": "segcore", "version": segcore.__version__},
            "inputs": inputs,
            "refused_when_read": left_out,
            **found.to_json(),
            **ceilings.to_json(),
        }
        write(json, json_text(document))
    if json != STDOUT:
        write(STDOUT, loss_text(found))
        write(STDOUT, ceilings_text(ceilings))
        if left_out:
            typer.echo(
                f"{left_out} exported annotations hold no mask anybody can read; they count as lost"
            )
    return ExitCode.ACCEPTED
