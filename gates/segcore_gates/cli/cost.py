"""``segcore cost``: what a scene costs by what is drawn, and the cheapest way that meets a policy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from segcore.pricing.prices import Prices
    from segcore.pricing.report import CostReport, Money

__all__ = ["cost"]


def cost(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="Masks of a pilot: how dense the scene is.")
    ],
    *,
    ontology: Annotated[
        str | None, typer.Option(metavar="FILE", help="The classes, where the masks do not name them.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="POLICY", help="Its IoU gates say what has to be reached.")
    ] = None,
    prices: Annotated[
        str | None, typer.Option(metavar="FILE", help="Your own prices, in place of the packaged cells.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Images of the order; else those measured.")
    ] = None,
    box_rate: Annotated[
        str | None, typer.Option(metavar="LOW[-HIGH]", help="What you pay for one box; with --currency.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="NAME", help="AUD and USD have rates in the table.")
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="JSON of segcore gate: what failed is drawn again."),
    ] = None,
    hourly: Annotated[
        float | None, typer.Option(metavar="RATE", help="Price the lead times that the input states.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as JSON; - is standard output.")
    ] = None,
) -> int:
    """Price a scene as boxes, rotated boxes, polygons and masks, each figure with its source.

    Prices are ranges in boxes, since sources disagree; in money only at a rate you name.  With a policy:
    the cheapest geometry that reaches the IoU of each class, at best.

    Example: segcore cost coco:pilot.json --policy batch.gate.yaml --images 5000 --currency AUD
    """
    from segcore.advice import advise
    from segcore.cli.output import STDOUT, json_text, progress, require_destination, write
    from segcore.errors import InvalidInputError, UsageError
    from segcore.pricing.estimate import estimate
    from segcore.pricing.prices import load_prices
    from segcore.pricing.report import CostReport

    require_destination(json)
    table = load_prices(prices)
    money = _money(table, box_rate, currency)
    limits = {} if policy is None else _limits(policy)
    failing = None if report is None else _failing(report)
    if hourly is not None and hourly < 0:
        raise UsageError("--hourly must not be negative")
    try:
        with progress("measuring shapes") as advance:
            advice = advise(spec, ontology=ontology, progress=advance)
    except InvalidInputError as error:
        if json is not None:
            write(json, json_text(error.to_json()))
        raise
    found = estimate(advice, table, limits)
    told = CostReport(
        estimate=found,
        prices=table,
        images=images or found.images,
        money=money,
        failing=failing,
        hours=None if hourly is None else _hours(spec, ontology),
        hourly=hourly,
    )
    if json is not None:
        write(json, json_text(told.to_json([info.to_json() for info in advice.inputs])))
    if json != STDOUT:
        typer.echo(_text(told), nl=False)
    return 0


def _text(told: CostReport) -> str:
    from segcore.cli.output import table_text
    from segcore.pricing.report import shown

    first = table_text(told.headings(), told.rows(), notes=told.notes())
    lines = [[name, shown(price), told.in_money(price), source] for name, price, source in told.lines()]
    heading = f"{told.images} images" if told.images != told.estimate.images else "the images measured"
    totals = table_text([heading, "boxes", "money", "prices"], lines, notes=told.sources())
    gold = table_text(
        ["gold images", "boxes, as masks", "money", "bad images that still pass"],
        [[f"{n}", shown(p), told.in_money(p), f"{share:.1%}"] for n, p, share in told.gold()],
        notes=[
            "bad images that still pass: the largest share of which one batch in twenty shows none in "
            "so many; computed: 1 - 0.05^(1/n), of images drawn at random",
        ],
    )
    return f"{first}\n{totals}\n{gold}"


def _money(table: Prices, box_rate: str | None, currency: str | None) -> Money | None:
    from segcore.errors import UsageError
    from segcore.pricing.prices import Cell, PriceRange
    from segcore.pricing.report import Money
    from segcore.wording import printable

    if currency is None:
        if box_rate is not None:
            raise UsageError("--box-rate needs --currency")
        return None
    name = printable(currency, limit=20)
    if box_rate is None:
        found = table.rate(currency)
        if found is None:
            known = ", ".join(sorted({cell.currency for cell in table.rates}))
            raise UsageError(
                f"the table has no rate in {name}, only in {known}: say --box-rate LOW-HIGH"
            )
        return Money(rate=found, currency=name)
    low, _, high = box_rate.partition("-")
    try:
        numbers = float(low), float(high or low)
    except ValueError:
        numbers = (-1.0, -1.0)
    if not 0 <= numbers[0] <= numbers[1] < float("inf"):
        raise UsageError(f"--box-rate {printable(box_rate, limit=40)}: expected LOW or LOW-HIGH")
    cell = Cell(id="own", low=numbers[0], high=numbers[1], source="--box-rate", currency=currency)
    rate = PriceRange(low=cell.low, high=cell.high, cells=(cell,))
    return Money(rate=rate, currency=name)


def _limits(policy: Path) -> dict[str, float]:
    """The IoU each class has to reach, by the gates on the IoU of pixels."""
    from segcore.errors import UsageError
    from segcore_gates.policy_file import load_policy
    from segcore_gates.rules import Metric

    if not policy.is_file():
        raise UsageError(f"{policy}: there is no such file")
    loaded = load_policy(policy, environ=os.environ, sections=False)
    found: dict[str, float] = {}
    for rule in loaded.rules:
        if rule.metric is Metric.IOU and rule.class_name is not None and not rule.members:
            limit = float(rule.limit[1])
            found[rule.class_name] = max(limit, found.get(rule.class_name, 0.0))
    if not found:
        raise UsageError(f"{policy} has no gate on the IoU of a class")
    return found


def _failing(file: str) -> tuple[str, ...]:
    """The classes of which a gate of a report failed."""
    from segcore.documents import parse_json
    from segcore.errors import DocumentError, RefusedFileError, SpecError, UsageError
    from segcore.files import read_bytes
    from segcore.limits import MAX_DOCUMENT_BYTES

    try:
        data = read_bytes(file, limit=MAX_DOCUMENT_BYTES, follow_symlinks=True)
        value = parse_json(data, file=file)
    except (SpecError, RefusedFileError, DocumentError) as error:
        raise UsageError(f"the report cannot be used: {error}") from None
    reports = value.get("policies", [value]) if isinstance(value, dict) else []
    names: dict[str, None] = {}
    for one in reports if isinstance(reports, list) else []:
        gates = one.get("gates") if isinstance(one, dict) else None
        if not isinstance(gates, list):
            raise UsageError(f"{file} is no report of segcore gate --json")
        for gate in gates:
            if isinstance(gate, dict) and gate.get("verdict") == "FAIL":
                name = gate.get("class")
                if isinstance(name, str):
                    names[name] = None
    if not reports:
        raise UsageError(f"{file} is no report of segcore gate --json")
    return tuple(names)


def _hours(spec: str, ontology: str | None) -> float:
    """What all images took; an input that does not say it of each of them cannot be priced by it."""
    import segcore
    from segcore.errors import UsageError
    from segcore.lead_time import lead_time_s
    from segcore.ontology_file import named_ontology

    source = segcore.open(spec, ontology=None if ontology is None else named_ontology(ontology))
    total, without = 0.0, []
    for key in source.keys():  # noqa: SIM118 - a source, no dict
        annotation = source.read(key)
        seconds = None if annotation is None else lead_time_s(annotation, source)
        if seconds is None:
            without.append(key)
        else:
            total += seconds
    if without:
        raise UsageError(
            f"--hourly: {len(without)} images of {spec} do not say how long they took, such as "
            f"{without[0]}"
        )
    return total / 3600
