"""The files for people of ``segcore gate --report``: HTML, CSV and Markdown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segcore.errors import SegcoreError
from segcore_gates.html.content import BatchContent, look_at
from segcore_gates.html.page import page
from segcore_gates.image_class import image_class_csv
from segcore_gates.judged import judged_in
from segcore_gates.markdown import accuracy, append_job_summary, markdown

if TYPE_CHECKING:
    from segcore_gates.html.photos import Photos
    from segcore_gates.session import SessionResult

__all__ = ["write_report_files"]


def write_report_files(folder: Path, result: SessionResult, *, photos: Photos | None = None) -> None:
    """Write ``report.html``, ``image-class.csv`` and ``summary.md`` beside ``report.json``.

    What a batch shows beside its verdicts is read again from its inputs; where that cannot be done, the
    page says why, and has the verdicts all the same.

    Parameters
    ----------
    folder : Path
        Holds the ``report.json`` of the session.
    result : SessionResult
        Kept its sources (``pushing=True`` of :func:`segcore_gates.session.run_gates`).
    photos : Photos or None
        Shown below the overlays.
    """
    run: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))["run"]
    contents: dict[str, BatchContent | str] = {}
    for report in result.reports:
        if report.failure is not None or not report.records:
            continue
        try:
            batch = judged_in(result, report)
            contents[report.path] = look_at(batch, report.records, photos=photos)
        except SegcoreError as error:
            contents[report.path] = str(error)
    (folder / "report.html").write_text(page(result.reports, contents, run=run), "utf-8")
    seen = {path: content for path, content in contents.items() if isinstance(content, BatchContent)}
    rows = [(path, content.evaluation) for path, content in seen.items()]
    (folder / "image-class.csv").write_text(image_class_csv(rows), "utf-8", newline="")
    sla = {path: tuple(one.line for one in content.sla) for path, content in seen.items()}
    (folder / "summary.md").write_text(markdown(result.reports, sla=sla), "utf-8")
    job = os.environ.get("GITHUB_STEP_SUMMARY")
    if job and any(sla.values()):
        append_job_summary(job, accuracy(sla))  # the session wrote the rest of it
