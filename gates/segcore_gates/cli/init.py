"""``segcore init``: a starter policy and ontology for a gold set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from segcore.ontology import Ontology

__all__ = ["init"]

POLICY: Final = "batch.gate.yaml"
ONTOLOGY: Final = "ontology.yaml"
SCHEMA: Final = "gate.schema.json"


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")] = Path(),
    *,
    gold: Annotated[str, typer.Option(metavar="SPEC", help="The trusted side: coco:gold.json.")],
    delivery: Annotated[
        str, typer.Option(metavar="SPEC", help="The side under test; by default the variable DELIVERY.")
    ] = "coco:${DELIVERY}",
    ontology: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The classes, where the gold does not name them; or preset:NAME."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> int:
    """Write a starter policy and ontology for a gold set.

    Paths in the specs are meant as seen from DIR, as they will stand in the policy.

    Example: segcore init --gold coco:gold.json --delivery coco:delivery.json
    """
    from segcore.cli.output import json_text, printable, write
    from segcore.errors import UsageError
    from segcore_gates.schema import editor_schema
    from segcore_gates.starter import ontology_text, policy_text

    classes = _classes(gold, ontology, folder)
    texts = {
        ONTOLOGY: ontology_text(classes, source=gold),
        POLICY: policy_text(gold=gold, delivery=delivery, ontology=ONTOLOGY),
        SCHEMA: json_text(editor_schema()),
    }
    present = [str(folder / name) for name in texts if (folder / name).exists()]
    if present and not force:
        raise UsageError(f"{', '.join(present)} is there already; --force replaces it")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write(str(folder / name), text)
        typer.echo(f"wrote {printable(folder / name)}")
    typer.echo(f"next: set the thresholds in {POLICY}, then run: segcore gate {printable(folder / POLICY)}")
    return 0
