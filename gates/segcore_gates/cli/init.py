"""``segcore init``: a starter policy and ontology for a gold set."""

from __future__ import annotations

import os
import shlex
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
        str | None,
        typer.Option(
            metavar="SPEC", help="The side under test; by default a path from the variable DELIVERY."
        ),
    ] = None,
    ontology: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The classes, where the gold does not name them; or preset:NAME."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> int:
    """Write a starter policy and ontology for a gold set.

    Relative paths are rewritten as seen from DIR, which is how a policy reads them.

    Example: segcore init --gold coco:gold.json --delivery coco:delivery.json
    """
    from segcore.cli.output import write
    from segcore.errors import UsageError
    from segcore.sources import Spec
    from segcore.wording import escaped
    from segcore_gates.cli.schema import packaged_schema
    from segcore_gates.starter import ontology_text, policy_text

    classes = _classes(gold, ontology)
    batch = f"{Spec.parse(gold).format}:${{DELIVERY}}" if delivery is None else delivery
    texts = {
        ONTOLOGY: ontology_text(classes, source=gold),
        POLICY: policy_text(
            gold=_as_seen_from(folder, gold).replace("$", "$$"),  # a path, not a variable
            delivery=_as_seen_from(folder, batch),
            ontology=ONTOLOGY,
            example=classes.names[0],
        ),
        SCHEMA: packaged_schema(),
    }
    present = [str(folder / name) for name, text in texts.items() if _differs(folder / name, text)]
    if present and not force:
        them = "is there already; --force replaces it"
        if len(present) > 1:
            them = "are there already; --force replaces them"
        raise UsageError(f"{', '.join(present)} {them}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write(str(folder / name), text)
        typer.echo(f"wrote {escaped(folder / name)}")
    policy = escaped(shlex.quote(str(folder / POLICY)))
    run = f"segcore gate {policy}" if delivery is not None else f"DELIVERY=PATH segcore gate {policy}"
    typer.echo(f"next: set the thresholds in {policy}, then run: {run}")
    if delivery is None:
        typer.echo(f"PATH is the delivery, seen from the folder of {POLICY}")
    return 0


def _differs(path: Path, text: str) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != text.encode())


def _classes(gold: str, ontology: str | None) -> Ontology:
    import segcore
    from segcore.errors import InvalidInputError, OntologyError

    if ontology is not None:
        from segcore.ontology_file import named_ontology

        return named_ontology(ontology)
    source = segcore.open(gold)
    classes = source.ontology
    if source.faults.errors:
        raise InvalidInputError(source.faults.sorted())
    if classes is None:
        raise OntologyError(f"{gold} stores ids without names: say what they mean with --ontology FILE")
    return classes


def _as_seen_from(folder: Path, spec: str) -> str:
    from segcore.sources import Spec

    parsed = Spec.parse(spec)
    location = parsed.location
    if "://" in location or location.startswith(("/", "~", "$")):
        return spec
    moved = Path(os.path.relpath(location, folder)).as_posix()
    return spec.replace(f":{location}", f":{moved}", 1)
