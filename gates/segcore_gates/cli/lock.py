"""``segcore gates lock``: write down the form a delivery has, to hold later ones against it."""

from __future__ import annotations

import difflib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from segcore.wording import escaped, printable

if TYPE_CHECKING:
    from segcore.fingerprint import Fingerprint
    from segcore_gates.policy_file import LoadedPolicy

__all__ = ["lock"]

_SIDES: Final = ("delivery", "gold")


def lock(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="The policy the lock is for.")],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where it goes; by default format.lock of the policy. - is standard output.",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="SPEC", help="What has the agreed form: delivery, gold, or any source."
        ),
    ] = _SIDES[0],
    force: Annotated[bool, typer.Option("--force", help="Replace a lock that says otherwise.")] = False,
) -> int:
    """Write the format lock of a policy.

    It holds the form of the delivery the policy names, the one that was looked at and found right:
    encoding, image sizes, ids and names of categories ...  A lock that is there and says otherwise is
    only replaced with --force; what changes is printed.

    Example: segcore gates lock batch.gate.yaml
    """
    from segcore.cli.output import STDOUT, require_destination, write
    from segcore.errors import UsageError
    from segcore_gates.format_lock.lock_file import lock_text
    from segcore_gates.policy_file import load_policy

    if not policy.is_file():
        raise UsageError(f"{policy}: there is no such file")
    loaded = load_policy(policy, environ=os.environ, sections=False)
    file = _destination(loaded) if output is None else output
    require_destination(file)
    found = _fingerprint(loaded, source)
    _require_fields(loaded, found, source)
    text = lock_text(found)
    if file == STDOUT:
        write(file, text)
        return 0
    for field in sorted(found.crowded):
        typer.echo(f"{field.value}: too many different values to lock, left out", err=True)
    before = _before(file)
    if before == text:
        typer.echo(f"{escaped(file)} is up to date")
        return 0
    if before is not None:
        typer.echo(_difference(before, text, file), nl=False)
        if not force:
            raise UsageError(f"{file} is there already and says otherwise; --force replaces it")
    write(file, text)
    left_out = found.crowded
    fields = ", ".join(field.value for field in found.fields if field not in left_out)
    typer.echo(f"wrote {escaped(file)}: {fields}")
    if loaded.policy.format is None:
        typer.echo(f"next: add to {escaped(policy)}:")
        typer.echo(f"format: {{lock: {_quoted(os.path.relpath(file, policy.parent))}}}")
    else:
        typer.echo(
            f"next: review it, commit it, then run: segcore gate {escaped(shlex.quote(str(policy)))}"
        )
    return 0


def _require_fields(loaded: LoadedPolicy, found: Fingerprint, source: str) -> None:
    """A lock without what the policy compares would be refused by the next gate; it is not written.

    Raises
    ------
    UsageError
        Such a lock would be the result.
    """
    from segcore.errors import UsageError

    section = loaded.policy.format
    wanted = () if section is None or section.fields is None else section.fields
    lacking = [field.value for field in wanted if field not in found.fields]
    if lacking:
        raise UsageError(
            f"{loaded.path}:{loaded.line(('format', 'fields'))}: format.fields compares "
            f"{', '.join(lacking)}, and {printable(source, limit=200)} does not show it: take it out, "
            "or lock the form of another source with --from SPEC"
        )


def _destination(loaded: LoadedPolicy) -> str:
    """The file that the policy names."""
    from segcore.errors import UsageError
    from segcore_gates.errors import PolicyError, PolicyProblem
    from segcore_gates.policy_paths import PolicyPaths

    section = loaded.policy.format
    if section is None:
        raise UsageError(
            f"{loaded.path} has no key format.lock: say where the lock goes with --output FILE"
        )
    problems: list[PolicyProblem] = []

    def refuse(code: str, path: tuple[str | int, ...], message: str) -> None:
        line = loaded.line(path)
        problem = PolicyProblem(
            code=code, file=str(loaded.path), line=line, path="format.lock", message=message
        )
        problems.append(problem)

    place = PolicyPaths(loaded.path.parent, os.environ, refuse).located(section.lock, ("format", "lock"))
    if place is None:
        raise PolicyError(problems)
    return str(place)


def _fingerprint(loaded: LoadedPolicy, given: str) -> Fingerprint:
    """The form of one side of the policy, or of another source.

    Raises
    ------
    InvalidInputError
        It has faults: the form of a broken input is nothing to hold others against.
    """
    import segcore
    from segcore.errors import InvalidInputError, UsageError

    gold = segcore.open(loaded.gold, ontology=loaded.ontology)
    if given == "gold":
        source = gold
    else:
        spec = loaded.delivery if given == "delivery" else given
        source = segcore.open(spec).resolve(ontology=loaded.ontology, gold=gold)
    source.fetch(progress=None)
    found = source.fingerprint()
    if source.faults.errors:
        raise InvalidInputError(source.faults.sorted())
    if not source.keys():
        raise UsageError(f"{source.name} holds nothing to take a form from: {source.when_empty}")
    return found


def _before(file: str) -> str | None:
    """What is there; None for nothing."""
    from segcore.errors import NoSuchFileError, RefusedFileError, UsageError
    from segcore.files import read_bytes
    from segcore.limits import MAX_DOCUMENT_BYTES

    try:
        return read_bytes(file, limit=MAX_DOCUMENT_BYTES, follow_symlinks=True).decode(
            "utf-8", "replace"
        )
    except NoSuchFileError:
        return None
    except RefusedFileError as error:
        raise UsageError(f"cannot replace {file}: expected {error.expected}, got {error.got}") from None


def _difference(before: str, after: str, file: str) -> str:
    """What changes, as ``diff -u`` shows it, made printable."""
    from segcore.wording import escaped_lines

    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), file, f"{file} (new)", lineterm=""
    )
    return "".join(f"{escaped_lines(line)}\n" for line in lines)


def _quoted(path: str) -> str:
    """A path as a YAML text."""
    import json

    return json.dumps(Path(path).as_posix().replace("$", "$$"))
