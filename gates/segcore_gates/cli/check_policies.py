"""``segcore gates check``: whether policies can be used, without judging anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from segcore.cli import ExitCode
from segcore.wording import escaped

__all__ = ["check_policies"]


def check_policies(
    policies: Annotated[list[Path], typer.Argument(metavar="POLICY...", help="Policy files.")],
) -> int:
    """Check policies without reading a delivery.

    What a policy names beside its inputs is read: ontology, format lock, and the gold where it has to
    name the classes.  Variables that are not set are left as they are written.  Exit code 4 if a
    policy cannot be used.

    Example: segcore gates check batch.gate.yaml
    """
    from segcore.cli.failures import explain
    from segcore.errors import SegcoreError, UsageError
    from segcore_gates.policy_file import load_policy

    codes: list[int] = []
    for policy in policies:
        try:
            if not policy.is_file():
                raise UsageError(f"{policy}: there is no such file")
            checks = len(load_policy(policy, environ=_Variables()).checks)
        except SegcoreError as error:
            code, message = explain(error)
            codes.append(code)
            typer.echo(message, err=True)
        else:
            typer.echo(f"{escaped(policy)}: {checks} checks")
    return max(codes, default=ExitCode.ACCEPTED)


class _Variables(Mapping[str, str]):
    """Those of the environment; where a policy is only looked at, the next batch has no name yet."""

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name) or f"${{{name}}}"

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)
