"""``segcore plan``: how much gold or how many samples a decision takes, and what they let through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["plan"]


def plan(
    gold: Annotated[
        str | None, typer.Argument(metavar="[GOLD]", help="With --floor: a pilot's gold, to measure.")
    ] = None,
    delivery: Annotated[
        str | None, typer.Argument(metavar="[DELIVERY]", help="What was delivered for it.")
    ] = None,
    *,
    floor: Annotated[
        float | None, typer.Option(metavar="IOU", help="Gold images until a class is certified.")
    ] = None,
    expected: Annotated[
        float | None, typer.Option(metavar="IOU", help="The IoU you expect; not needed with a pilot.")
    ] = None,
    spread: Annotated[
        str,
        typer.Option(
            metavar="KIND|NUMBER",
            help="How much images differ: tight, blunder, typical, heavy, or 0.37.",
        ),
    ] = "typical",
    bad_share: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Units to look at so that more bad ones than this are seen."),
    ] = None,
    good_share: Annotated[
        float, typer.Option(metavar="SHARE", help="What an honest vendor has; for the producer's risk.")
    ] = 0.01,
    aql: Annotated[
        float | None,
        typer.Option(metavar="PER CENT", help="The single plan of ISO 2859-1; needs --lot."),
    ] = None,
    lot: Annotated[
        int | None, typer.Option(metavar="N", help="Units in the lot; else without an end.")
    ] = None,
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="Of the decision.")] = 0.95,
    power: Annotated[
        float, typer.Option(metavar="SHARE", help="The chance to certify a class that is good.")
    ] = 0.8,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as JSON; - is standard output.")
    ] = None,
) -> int:
    """Plan the gold or the sample before anything is delivered, with the risk of either side.

    One of --floor (gold images a class needs), --bad-share (a sample of images or objects that are good
    or bad) and --aql (a plan of ISO 2859-1).  Every figure says where it comes from.

    Example: segcore plan --floor 0.85 --expected 0.93

    Example: segcore plan --bad-share 0.05 --lot 4000
    """
    from segcore.cli.output import STDOUT, json_text, require_destination, write
    from segcore.errors import UsageError
    from segcore_gates.planning import documents

    chosen = [x for x in (floor, bad_share, aql) if x is not None]
    if len(chosen) != 1:
        raise UsageError("say one of --floor, --bad-share and --aql")
    _require_shares(confidence=confidence, power=power, good_share=good_share, bad_share=bad_share)
    _require_shares(floor=floor, expected=expected)
    if lot is not None and lot < 1:
        raise UsageError("--lot must be at least 1")
    if (gold is None) is not (delivery is None) or (gold is not None and floor is None):
        raise UsageError("a pilot is GOLD and DELIVERY, with --floor")
    require_destination(json)
    if floor is not None and gold is not None and delivery is not None:
        found = documents.measured(gold, delivery, floor=floor, confidence=confidence, power=power)
    elif floor is not None:
        if expected is None:
            raise UsageError("--floor needs --expected, or a pilot: GOLD and DELIVERY")
        found = documents.assumed(
            floor=floor, expected=expected, spread=spread, confidence=confidence, power=power
        )
    elif bad_share is not None:
        found = documents.attributes(limit=bad_share, good=good_share, lot=lot, confidence=confidence)
    else:
        if lot is None or aql is None:
            raise UsageError("--aql needs --lot: the standard's sample goes by the size of the lot")
        found = documents.by_aql(lot=lot, aql=aql)
    if json is not None:
        write(json, json_text(found.document))
    if json != STDOUT:
        typer.echo(_text(found.headings, found.rows, found.notes), nl=False)
    return 0


def _text(headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    from segcore.cli.output import table_text

    return table_text(headings, rows, notes=notes)


def _require_shares(**given: Any) -> None:
    from segcore.errors import UsageError

    for name, value in given.items():
        if value is not None and not 0 < value < 1:
            hint = f"; did you mean {value / 100:g}?" if 1 < value < 100 else ""
            raise UsageError(f"--{name.replace('_', '-')} must be between 0 and 1, not {value:g}{hint}")
