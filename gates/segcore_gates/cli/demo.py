"""``segcore demo``: the packaged sample delivery, gated."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from segcore.cli import ExitCode

__all__ = ["demo"]

POLICY: Final = "batch.gate.yaml"
FILES: Final = (POLICY, "ontology.yaml", "gold.json", "delivery.json", "ATTRIBUTION.md")
SCHEMA: Final = "gate.schema.json"

PASSING: Final = "mean-iou"
FAILING: Final = frozenset({"class-iou[person]"})
"""What the sample was made to show: the mean passes, and one class that matters does not."""


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the sample and its report go.")
    ] = Path("segcore-demo"),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace files that were changed.")] = False,
) -> int:
    """Gate the packaged sample delivery.

    The sample holds a class that fails, so the expected outcome is a rejection; exit code 0 says
    that it was judged as it should be.

    Example: segcore demo my-demo
    """
    from segcore.wording import escaped
    from segcore_gates.cli.gate import gate

    _copy_sample(folder, force=force)
    report = folder / "report"
    policy = folder / POLICY
    code = gate([str(policy)], report=str(report))
    document = json.loads((report / "report.json").read_text(encoding="utf-8"))
    records = {record["id"]: record for record in document["gates"]}
    failed = frozenset(id_ for id_, record in records.items() if record["verdict"] == "FAIL")
    mean = records.get(PASSING)
    typer.echo(f"\nreport: {escaped(report)}\nto look at: {escaped(report / 'report.html')}")
    as_made = code == ExitCode.REJECTED and failed == FAILING
    if mean is None or mean["verdict"] != "PASS" or not as_made:
        found = ", ".join(sorted(failed)) or "no gate"
        typer.echo(
            f"segcore demo: expected {', '.join(sorted(FAILING))} to fail and {PASSING} to pass, "
            f"but {escaped(found)} failed (exit code {code}); please report this",
            err=True,
        )
        return ExitCode.INTERNAL
    typer.echo(_in_plain_words(mean, records[min(FAILING)], policy))
    return ExitCode.ACCEPTED


def _copy_sample(folder: Path, *, force: bool) -> None:
    from segcore.cli.output import write
    from segcore.errors import UsageError
    from segcore_gates.cli.schema import packaged_schema

    sample = files("segcore_gates") / "sample"
    texts = {name: (sample / name).read_text(encoding="utf-8") for name in FILES}
    texts[SCHEMA] = packaged_schema()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    changed = [path for name, text in texts.items() if _differs(path := folder / name, text)]
    if changed and not force:
        names = ", ".join(map(str, changed))
        raise UsageError(
            f"{names} is not as the sample has it: name another folder, or replace it with --force"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write(str(folder / name), text)


def _differs(path: Path, text: str) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != text.encode())


def _in_plain_words(mean: dict[str, Any], worst: dict[str, Any], policy: Path) -> str:
    return (
        "The sample was judged as it should be: the rejection is the expected outcome.\n"
        f"Its mean IoU of {mean['value']:.4f} passes the {mean['limit']['applied']:.2f} asked for, "
        f"but {worst['class']} reaches {worst['value']:.4f} of {worst['limit']['applied']:.2f}: "
        "a mean does not show a class that fails.\n"
        f"Change a threshold in {policy} and run: segcore gate {policy}"
    )
