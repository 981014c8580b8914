"""From an exception to an exit code and to the line a person reads."""

from __future__ import annotations

import re
from importlib import metadata

from segcore.cli import ExitCode
from segcore.errors import DocumentError, InvalidInputError, SegcoreError
from segcore.wording import escaped_lines

__all__ = ["explain", "extra_providing"]


def explain(error: Exception) -> tuple[int, str]:
    """The exit code of ``error`` and what to print.

    Exceptions segcore raises on purpose carry a message that is ready to print; anything else is
    an internal error, shown in one line.
    """
    if isinstance(error, InvalidInputError):
        return ExitCode.INVALID, escaped_lines(str(error))
    if isinstance(error, DocumentError) and not error.code.startswith("policy."):
        return ExitCode.INVALID, escaped_lines(str(error))
    if isinstance(error, SegcoreError):
        return ExitCode.USAGE, escaped_lines(str(error))
    if isinstance(error, ModuleNotFoundError) and (extra := extra_providing(error.name or "")):
        return ExitCode.USAGE, f'{error.name} is not installed; pip install "segcore[{extra}]"'
    summary = escaped_lines(f"{type(error).__name__}: {error}".partition("\n")[0])
    return ExitCode.INTERNAL, (
        f"internal error: {summary}\n"
        "This is a fault of segcore, not of your data. Run again with --debug and report what it prints."
    )


def extra_providing(module: str, *, distribution: str = "segcore") -> str | None:
    """The extra of ``distribution`` that installs ``module``; None where no extra does.

    Of several, the one that installs least: ``gates`` rather than ``all``.  Read from the installed
    metadata, so that the core need not know who uses what.
    """
    wanted = _normal(module.partition(".")[0])
    try:
        requirements = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    extras: dict[str, set[str]] = {}
    for requirement in requirements:
        found = re.match(r"([A-Za-z0-9._-]+).*?\bextra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        if found:
            extras.setdefault(found[2], set()).add(_normal(found[1]))
    providing = [extra for extra, packages in extras.items() if wanted in packages]
    return min(providing, key=lambda extra: (len(extras[extra]), extra), default=None)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).casefold()
