"""The check of the form of a delivery, before anything of it is measured."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segcore.errors import InvalidInputError, NoSuchFileError, RefusedFileError, UsageError
from segcore.files import read_bytes
from segcore.fingerprint import Fingerprint, FormatField
from segcore.limits import MAX_DOCUMENT_BYTES
from segcore.wording import printable
from segcore_gates.consequence import record_of, with_consequence
from segcore_gates.errors import PolicyError
from segcore_gates.format_lock.differences import Difference, differences
from segcore_gates.format_lock.lock_file import read_lock
from segcore_gates.records import DETAILS, FOUND, Plain, Record, Verdict
from segcore_gates.rules import Check, Level, LimitKind, Metric

if TYPE_CHECKING:
    from segcore_gates.format_lock.policy import FormatSection
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.resolution import Around

__all__ = ["FormatLockRule", "judge_format", "resolve_format"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatLockRule(Check):
    """The delivery has the form that was locked.

    Attributes
    ----------
    file : str
        The lock, as the policy names it.
    locked : Fingerprint
        What it says.
    fields : tuple of FormatField
        What is compared; the lock has all of them.
    """

    file: str
    locked: Fingerprint
    fields: tuple[FormatField, ...]

    @property
    def limit(self) -> tuple[LimitKind, float]:
        """No field may differ."""
        return LimitKind.MAX, 0.0


def resolve_format(section: FormatSection | None, around: Around) -> tuple[FormatLockRule, ...]:
    """The rule of a section, with the lock it names read; none where there is no usable one."""
    path = ("format", "lock")
    if section is None or (place := around.located(section.lock, path)) is None:
        return ()
    file, policy = str(place), around.document.file
    try:
        locked = read_lock(read_bytes(file, limit=MAX_DOCUMENT_BYTES, follow_symlinks=True), file=file)
    except NoSuchFileError:
        command = f"segcore gates lock {shlex.quote(policy)}"
        problem = f"there is no lock {printable(file, limit=200)}"
        around.refuse("policy.bad_value", path, f"{problem}: write it with `{command}` and review it")
        return ()
    except RefusedFileError as e:
        around.refuse("policy.bad_value", path, f"{file}: expected {e.expected}, got {e.got}")
        return ()
    except PolicyError as e:
        for found in e.problems:
            around.refuse(found.code, path, str(found))
        return ()
    except UsageError as e:
        around.refuse("policy.bad_value", path, printable(str(e), limit=400))
        return ()
    fields = _fields(section, locked, around)
    return (
        FormatLockRule(
            id="format-lock",
            gate="format-lock",
            metric=Metric.FORMAT_LOCK,
            severity=Level.ERROR,
            line=around.document.line(path),
            file=section.lock,
            locked=locked,
            fields=fields,
        ),
    )


def _fields(section: FormatSection, locked: Fingerprint, around: Around) -> tuple[FormatField, ...]:
    """What is compared, in the order of reports; what the lock does not have is refused."""
    given = locked.fields if section.fields is None else section.fields
    for i, field in enumerate(given):
        path = ("format", "fields", i)
        if field in given[:i]:
            around.refuse("policy.bad_value", path, f"{field.value} is named twice")
        elif field not in locked.fields:
            known = ", ".join(f.value for f in locked.fields) or "nothing"
            problem = f"the lock says nothing of {field.value}; it has {known}"
            around.refuse("policy.bad_value", path, problem)
    return tuple(field for field in FormatField if field in given)


def judge_format(rule: FormatLockRule, batch: PolicyBatch, strict: bool) -> Record:
    """Compare the form of the delivery with the lock.

    Raises
    ------
    InvalidInputError
        The delivery was refused, so that its form cannot be taken.
    """
    _, delivery = batch.sources()
    found = delivery.fingerprint()
    if delivery.faults.errors:
        # Whoever measures it names every fault of both sides, in the same words for every check.
        batch.evaluation(batch.policy.rules[0])
        raise InvalidInputError(delivery.faults.sorted())
    rows = differences(rule.locked, found, fields=rule.fields)
    differing = list(dict.fromkeys(row.field.value for row in rows))
    reason = ""
    if differing:
        verb = "differs" if len(differing) == 1 else "differ"
        reason = f"{_and(differing)} {verb} from {printable(rule.file, limit=200)}"
    record = record_of(
        rule,
        Verdict.FAIL if rows else Verdict.PASS,
        reason,
        value=float(len(differing)),
        unit=FOUND,
        images=len(delivery.keys()),
        details=tuple(map(_row, rows[:DETAILS])),
        details_total=len(rows),
    )
    return with_consequence(rule, record, strict=strict)


def _row(found: Difference) -> dict[str, Plain]:
    return {
        "field": found.field.value,
        "expected": found.expected,
        "got": found.got,
        "images": found.images,
        "image": found.image,
    }


def _and(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
