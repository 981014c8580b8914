"""``segcore fiftyone install-plugin``: let the App find segcore."""

from __future__ import annotations

from typing import Annotated

import typer

from segcore.cli import ExitCode
from segcore.wording import escaped

__all__ = ["install_plugin"]


def install_plugin(
    *,
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Copy the files; a link follows upgrades of segcore."),
    ] = False,
) -> int:
    """Put the plugin into FiftyOne's plugins folder.

    That is FIFTYONE_PLUGINS_DIR, or what FiftyOne uses without it.  Where it was copied, run it again
    after an upgrade.

    Example: segcore fiftyone install-plugin
    """
    from segcore_fiftyone.installing import install

    installed = install(copied=copy)
    typer.echo(escaped(installed.says))
    for note in installed.notes:
        typer.echo(escaped(f"note: {note}"), err=True)
    return ExitCode.ACCEPTED
