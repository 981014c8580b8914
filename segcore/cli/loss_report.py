"""What a conversion lost, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from segcore.cli.output import share, table_text
from segcore.loss import Loss
from segcore.loss.ceilings import Ceilings
from segcore.wording import escaped

__all__ = ["ceilings_text", "loss_text"]

_HEADINGS = (
    *("class", "size", "objects", "exact", "mean IoU", "least"),
    *("lost", "merged", "split", "holes filled"),
)


def loss_text(loss: Loss, *, missing: Sequence[str] = ()) -> str:
    """What it is called, what is gone, and the classes and sizes that changed.

    Parameters
    ----------
    loss : Loss
    missing : sequence of str
        What the format has no place for.
    """
    total = loss.total()
    lines = [
        f"{loss.kind.value}: {loss.images} image{'s' * (loss.images != 1)}, "
        f"{total.objects} object{'s' * (total.objects != 1)}, "
        f"{total.exact} of them run for run the same\n"
    ]
    lines += [f"  {problem}\n" for problem in loss.problems()]
    if missing:
        lines.append(f"  the format has no place for: {', '.join(missing)}\n")
    lines += [f"  left behind: {escaped(name)} ({n})\n" for name, n in loss.left_behind.items()]
    if rows := _rows(loss):
        notes = [
            "Classes and sizes with an object that changed, the worst first. IoU (computed) of each",
            "object with what it is found again as when read back, 0 where it is lost.",
            "Sizes by pixels, as COCO has them: small below 32 x 32, large from 96 x 96.",
        ]
        lines += ["\n", table_text(_HEADINGS, rows, notes=notes)]
    return "".join(lines)


def ceilings_text(found: Ceilings) -> str:
    """What is left of each class, the least first; a line where that could not be measured."""
    if found.refused is not None:
        return f"\nno ceilings: {escaped(found.refused)}\n"
    below = [(iou, name) for name, iou, _ in found.classes if iou is not None and iou < 1]
    if not below:
        return ""
    notes = [
        "The IoU of each class before and after, over all pixels: what a delivery without a mistake",
        "scores once it went through the same conversion. Classes that are not listed keep 1.",
    ]
    rows = [[name, share(iou)] for iou, name in sorted(below)]
    return "\n" + table_text(("class", "ceiling"), rows, notes=notes)


def _rows(loss: Loss) -> list[list[str]]:
    """The classes and sizes with an object that changed, the worst on top."""
    rows = sorted(loss.rows.items(), key=lambda item: (item[1].mean_iou or 0.0, item[0][0], item[0][1]))
    return [
        [
            loss.names[index],
            size.value,
            *(f"{n}" for n in (row.objects, row.exact)),
            share(row.mean_iou),
            share(row.least_iou),
            *(f"{n}" for n in (row.lost, row.merged, row.split, row.holes_filled)),
        ]
        for (index, size), row in rows
        if row.exact < row.objects
    ]
