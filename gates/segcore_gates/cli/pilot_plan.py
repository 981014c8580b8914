"""``segcore pilot plan``: draw the images of a pilot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["pilot_plan"]

_FOLDER = "images:"
_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def pilot_plan(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC", help="What to draw from, with any labels there are; or images:FOLDER."
        ),
    ],
    *,
    images: Annotated[int, typer.Option(metavar="N", min=1, help="How many to draw.")] = 25,
    at_random: Annotated[
        int, typer.Option(metavar="N", min=0, help="How many of them no class may take.")
    ] = 0,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Draw the same again; else a new one is made.")
    ] = None,
    ontology: Annotated[
        str | None, typer.Option(metavar="FILE", help="The classes, where the input names none.")
    ] = None,
    out: Annotated[
        str, typer.Option(metavar="FILE", help="Where the plan goes; - is standard output.")
    ] = "pilot.json",
) -> int:
    """Draw the images of a pilot so that every class is in it, the rarest first, and commit to them.

    Labels of any kind help, those of a model too: they only say which image holds which class.  Give the
    vendor the hash before the images, and keep the plan.

    Example: segcore pilot plan coco:prelabels.json --images 25 --out pilot.json
    """
    import secrets

    from segcore.cli.output import STDOUT, json_text, require_destination, table_text, write
    from segcore.errors import UsageError
    from segcore_gates.pilot.drawing import draw
    from segcore_gates.pilot.plan_file import plan_document

    require_destination(out)
    if at_random > images:
        raise UsageError(f"--at-random {at_random} is more than --images {images}")
    candidates = _of_folder(spec) if spec.startswith(_FOLDER) else _held_by(spec, ontology)
    if not candidates:
        raise UsageError(f"{spec} holds no image to draw")
    chosen = secrets.randbits(63) if seed is None else seed
    drawing = draw(candidates, images=images, at_random=at_random, seed=chosen)
    document = plan_document(drawing, candidates, spec=spec, seed=chosen)
    write(out, json_text(document))
    if out == STDOUT:
        return 0
    rows = [
        [entry["class"], f"{entry['candidates']}", f"{entry['drawn']}", _share(entry)]
        for entry in document["classes"]
    ]
    drawn = len(drawing.images)
    by_class = sum(why != "random" for _, why in drawing.images)
    notes = [
        f"{drawn} of {len(candidates)} images drawn: {by_class} for a class, "
        f"{drawn - by_class} at random",
        f"none bad among {drawn} still allows {_share(document)} bad images at 95 % confidence "
        "(1 - 0.05^(1/n), computed); 59 allow 5 %, 149 allow 2 %, 299 allow 1 %",
        "images drawn for a class are no random sample: they do not tell how often something goes wrong",
        f"commit to it: SHA-256 {document['sha256']}",
    ]
    if drawing.uncovered:
        notes.insert(1, f"in no drawn image: {', '.join(drawing.uncovered)}; raise --images")
    if rows:
        typer.echo(
            table_text(["class", "candidates", "drawn", "bad share that passes"], rows, notes=notes),
            nl=False,
        )
    else:
        typer.echo("\n".join(notes))
    return 0


def _share(entry: Mapping[str, float | None]) -> str:
    value = entry["bad_share_that_passes"]
    return "-" if value is None else f"{value:.1%}"


def _of_folder(spec: str) -> dict[str, Collection[str]]:
    """The images of a folder, of which nobody knows what they hold."""
    from segcore.errors import UsageError

    folder = Path(spec.removeprefix(_FOLDER))
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    found: dict[str, Collection[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            if path.stem in found:
                raise UsageError(f"{folder} holds two images called {path.stem!r}: keys must differ")
            found[path.stem] = ()
    return found


def _held_by(spec: str, ontology: str | None) -> dict[str, Collection[str]]:
    """The classes every image of a source holds."""
    import segcore
    from segcore.cli.output import progress
    from segcore.errors import InvalidInputError
    from segcore.ontology_file import named_ontology
    from segcore_gates.proposals import classes_of

    source = segcore.open(spec)
    with progress("reading") as report:
        source.fetch(progress=report)
        source = source.resolve(ontology=None if ontology is None else named_ontology(ontology))
        keys = source.keys()
        source.expect(keys)
        found: dict[str, Collection[str]] = {}
        for key in keys:
            names = () if source.ontology is None else source.ontology.names
            found[key] = tuple(names[index] for index in classes_of(source, key))
    if source.faults.errors:
        raise InvalidInputError(source.faults.sorted())
    return found
