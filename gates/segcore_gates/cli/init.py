"""``segcore init``: a starter policy and ontology for a gold set."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from segcore.ontology import Ontology
    from segcore_gates.proposals import Proposal

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
    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What limits are proposed: driving, medical, fashion, retail, aerial, defect, strict, "
            "standard or lenient.",
        ),
    ] = "standard",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> int:
    """Measure a gold set, and write an ontology and a policy with proposed limits.

    Every class that the gold holds gets a limit, with a comment that says where it comes from and what
    so many images can prove. Relative paths are rewritten as seen from DIR, which is how a policy reads
    them.

    Example: segcore init --gold coco:gold.json --delivery coco:delivery.json --preset driving
    """
    from segcore.cli.output import write
    from segcore.errors import UsageError
    from segcore.sources import Spec
    from segcore.wording import did_you_mean, escaped
    from segcore_gates.cli.schema import packaged_schema
    from segcore_gates.presets import PRESETS
    from segcore_gates.starter import ontology_text, policy_text

    if preset not in PRESETS:
        known = f"{did_you_mean(preset, PRESETS)} (there are {', '.join(PRESETS)})"
        raise UsageError(f"--preset: there is no preset {escaped(preset)!r}{known}")
    classes = _classes(gold, ontology)
    proposals = _proposals(gold, delivery, classes, preset)
    batch = f"{Spec.parse(gold).format}:${{DELIVERY}}" if delivery is None else delivery
    texts = {
        ONTOLOGY: ontology_text(classes, source=gold),
        POLICY: policy_text(
            gold=_as_seen_from(folder, gold).replace("$", "$$"),  # a path, not a variable
            delivery=_as_seen_from(folder, batch),
            ontology=ONTOLOGY,
            example=classes.names[0],
            proposals=proposals,
            preset=preset,
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
    typer.echo(f"next: check the thresholds in {policy}, which are proposals, then run: {run}")
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


def _proposals(gold: str, delivery: str | None, classes: Ontology, preset: str) -> tuple[Proposal, ...]:
    """Of what was measured: the gold, and the delivery where there is one."""
    import segcore
    from segcore.errors import SegcoreError
    from segcore.wording import escaped
    from segcore_gates.proposals import gold_images, propose

    if delivery is not None and "$" not in delivery:
        try:
            found = segcore.evaluate(gold, delivery, ontology=classes)
        except SegcoreError as error:
            first = escaped(str(error).splitlines()[0] if str(error) else type(error).__name__)
            typer.echo(f"the delivery was not measured: {first}")
        else:
            return propose(
                [(c.name, c.support_images) for c in found.classes],
                preset=preset,
                delivered=[c.iou for c in found.classes],
            )
    source = segcore.open(gold)
    source.fetch()
    return propose(gold_images(source.resolve(ontology=classes), classes), preset=preset)


def _as_seen_from(folder: Path, spec: str) -> str:
    from segcore.sources import Spec

    parsed = Spec.parse(spec)
    location = parsed.location
    if "://" in location or location.startswith(("/", "~", "$")):
        return spec
    moved = Path(os.path.relpath(location, folder)).as_posix()
    return spec.replace(f":{location}", f":{moved}", 1)
