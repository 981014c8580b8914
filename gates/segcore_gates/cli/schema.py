"""``segcore schema``: what editors need to help with a policy."""

from __future__ import annotations

from importlib.resources import files

import typer

__all__ = ["packaged_schema", "schema"]


def schema() -> int:
    """Print the JSON Schema of policy files.

    Editors read it through the first line of a policy,
    ``# yaml-language-server: $schema=gate.schema.json``.

    Example: segcore schema > gate.schema.json
    """
    typer.echo(packaged_schema(), nl=False)
    return 0


def packaged_schema() -> str:
    """The text of the schema file, as it was generated from the policy's models."""
    return (files("segcore_gates") / "gate.schema.json").read_text(encoding="utf-8")
