"""``segcore schema``: what editors need to help with a policy."""

from __future__ import annotations

import typer

__all__ = ["schema"]


def schema() -> int:
    """Print the JSON Schema of policy files.

    Editors read it through the first line of a policy,
    ``# yaml-language-server: $schema=gate.schema.json``.

    Example: segcore schema > gate.schema.json
    """
    from segcore.cli.output import json_text
    from segcore_gates.schema import editor_schema

    typer.echo(json_text(editor_schema()), nl=False)
    return 0
