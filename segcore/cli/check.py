"""``segcore check``: everything that is wrong with one source."""

from __future__ import annotations

from typing import Annotated

import typer

from segcore.cli import ExitCode

__all__ = ["check"]


def check(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="What to read, such as png:masks/.")],
    *,
    ontology: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The classes it must fit, and what the values of masks mean; or preset:NAME.",
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write every fault as JSON; - is standard output.")
    ] = None,
) -> int:
    """Find every fault of one source.

    Of a kind with more than ten faults the first five are shown; --json lists them all.  Exit code 3 if
    the source cannot be used.

    Example: segcore check coco:delivery.json --json faults.json
    """
    import segcore
    from segcore.cli.output import STDOUT, json_text, progress, require_destination, write
    from segcore.faults import Severity, fault_lines
    from segcore.wording import escaped

    require_destination(json)
    with progress("checking") as advance:
        report = segcore.check(spec, ontology=ontology, progress=advance)
    errors = sum(fault.severity is Severity.ERROR for fault in report.faults)
    if json is not None:
        document = {
            "schema": 1,
            "outcome": "invalid" if errors else "valid",
            "tool": {"name": "segcore", "version": segcore.__version__},
            "inputs": [report.info.to_json()],
            "counts": {report.info.role: report.counts.to_json()},
            "classes": [] if report.ontology is None else list(report.ontology.names),
            "faults": [fault.to_json() for fault in report.faults],
        }
        write(json, json_text(document))
    lines = fault_lines(report.faults, severity=True)
    if len(lines) < len(report.faults) and json is None:
        lines.append("--json FILE writes them all")
    typer.echo("".join(f"{line}\n" for line in lines), err=True, nl=False)
    if json != STDOUT:
        counts = report.counts
        classes = 0 if report.ontology is None else len(report.ontology)
        ignored = counts.ignored_text()
        typer.echo(
            f"{escaped(spec)}: {_plural(report.info.images, 'image')}, "
            f"{_plural(classes, 'class', 'classes')}, "
            f"{_plural(counts.read, 'annotation')} read, {counts.rejected} rejected"
            f"{escaped(f', {ignored}' if ignored else '')}"
        )
        verdict = "cannot be used" if errors else "can be used"
        warnings = len(report.faults) - errors
        typer.echo(f"{verdict}: {_plural(errors, 'error')}, {_plural(warnings, 'warning')}")
    return ExitCode.INVALID if errors else ExitCode.ACCEPTED


def _plural(n: int, one: str, many: str | None = None) -> str:
    return f"{n} {one if n == 1 else many or f'{one}s'}"
