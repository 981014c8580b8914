"""What an installed segcore checks of a bundle beside what every verifier does."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from segcore import __version__
from segcore.documents import parse_yaml
from segcore.errors import OntologyError, SegcoreError, SpecError, UsageError
from segcore.files import read_bytes
from segcore.ontology import Crowd, LabelClass, Ontology, Overlap
from segcore_gates.evidence.plain import check_json, waiver_json
from segcore_gates.evidence.verifier.container import MAX_BYTES, NoBundleError, RejectedError
from segcore_gates.evidence.verifier.documents import digest
from segcore_gates.evidence.verifier.members import Bundle
from segcore_gates.evidence.verify_file import KNOWN, joined
from segcore_gates.looks import with_looks
from segcore_gates.policy_file import LoadedPolicy, load_policy
from segcore_gates.resolution import Around
from segcore_gates.sections import resolve_sections

if TYPE_CHECKING:
    from segcore_gates.rules import Check

__all__ = ["Remarks", "bundle_bytes", "bundle_digest", "policy_remarks"]


_BY_FILES: Final = {"format": "format-lock"}
"""Sections of a policy that rest on files, with what their checks are called."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """What there is to say: problems reject a bundle, notes do not."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]


def bundle_bytes(file: str) -> bytes:
    """The bytes of a file that may be a bundle.

    Raises
    ------
    SpecError, RefusedFileError
        It cannot be read, is no regular file, or is larger than any bundle.
    """
    return read_bytes(file, limit=2 * MAX_BYTES)


def bundle_digest(file: str) -> str:
    """The digest of an earlier bundle, of which only the form is looked at.

    Raises
    ------
    UsageError
        It is no bundle, or was changed.
    """
    try:
        return Bundle(bundle_bytes(file)).digest
    except (NoBundleError, RejectedError, KeyError, TypeError) as error:
        raise UsageError(f"{file}: no evidence that could be followed: {error}") from None
    except SpecError as error:
        raise UsageError(str(error)) from None


def policy_remarks(bundle: Bundle) -> Remarks:
    """Whether the rules are those of the policy, and the verifier inside is one that is known.

    Both need segcore: YAML cannot be read with the standard library, and a copy cannot vouch for itself.
    """
    version = str(bundle.manifest["versions"].get("segcore"))
    problems, notes = [], []
    inside = digest(bundle.members["verify.py"])
    known = digest(joined()) if version == __version__ else KNOWN.get(version)
    if known is None:
        notes.append(f"its verify.py is said to be of segcore {version}, which this one does not know")
    elif inside != known:
        problems.append(f"its verify.py is not that of segcore {version}: do not run it")
    try:
        differing, unsaid = _differing(bundle)
    except (SegcoreError, KeyError, TypeError, ValueError) as error:
        problems.append(f"policy.yaml gives no rules: {error}")
        return Remarks(tuple(problems), tuple(notes))
    if version != __version__:
        unsaid += [f"segcore {version} may have read this in another way: {one}" for one in differing]
        differing = []
    return Remarks((*problems, *differing), (*notes, *unsaid))


def _differing(bundle: Bundle) -> tuple[list[str], list[str]]:
    """In what the checks of a bundle are not those of the policy in it, and what could not be said."""
    stated = {rule["id"]: rule for rule in bundle.rules["rules"]}
    by_files = {name: rule for name, rule in stated.items() if rule["gate"] in _BY_FILES.values()}
    policy = _policy(bundle)
    resolved = {check.id: check_json(check) for check in _checks(bundle, policy)}
    found = []
    if [name for name in stated if name not in by_files] != list(resolved):
        found.append("policy.yaml gives other checks than rules.json")
    found += [
        f"{name}: policy.yaml says otherwise than rules.json"
        for name, rule in resolved.items()
        if stated.get(name, rule) != rule
    ]
    for section, gate in _BY_FILES.items():
        written = getattr(policy.policy, section, None) is not None
        if written is not any(rule["gate"] == gate for rule in by_files.values()):
            found.append(f"policy.yaml and rules.json do not agree on whether there is a {section}")
    if [waiver_json(waiver) for waiver in policy.policy.waivers] != bundle.rules["waivers"]:
        found.append("policy.yaml gives other waivers than rules.json")
    notes = []
    if by_files:
        names = ", ".join(list(by_files)[:5]) + (", ..." if len(by_files) > 5 else "")
        notes.append(f"not compared with the policy, since the files they rest on are not here: {names}")
    return found, notes


def _checks(bundle: Bundle, policy: LoadedPolicy) -> tuple[Check, ...]:
    """The checks that need no further file."""

    def refuse(code: str, path: tuple[str | int, ...], message: str) -> None:
        raise UsageError(f"{code}: {'.'.join(map(str, path))}: {message}")

    around = Around(
        ontology=policy.ontology,
        document=parse_yaml(bundle.members["policy.yaml"], file="policy.yaml"),
        rules=with_looks(policy.rules, policy.policy.looks, refuse),
        defaults=policy.policy.defaults,
        refuse=refuse,
        located=lambda text, _: Path(text),
    )
    without_files = {section: None for section in _BY_FILES if hasattr(policy.policy, section)}
    return resolve_sections(policy.policy.model_copy(update=without_files), around)


class _Anything(Mapping[str, str]):
    """Every variable, since where files lie does not matter here."""

    def __getitem__(self, name: str) -> str:
        return name

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _policy(bundle: Bundle) -> LoadedPolicy:
    """The policy inside, without the files that its sections name: they are not there."""
    with tempfile.TemporaryDirectory(prefix="segcore-verify-") as folder:
        path = Path(folder, "policy.yaml")
        path.write_bytes(bundle.members["policy.yaml"])
        return load_policy(
            path,
            environ=_Anything(),
            sections=False,
            today=datetime.date.fromisoformat(bundle.run["day"]),
            ontology=_ontology(bundle.ontology),
        )


def _ontology(told: Mapping[str, Any]) -> Ontology:
    try:
        return Ontology(
            tuple(
                LabelClass(
                    id=one["id"],
                    name=one["name"],
                    color=None if one["color"] is None else tuple(one["color"]),
                    thing=one["thing"],
                    aliases=tuple(one["aliases"]),
                )
                for one in told["classes"]
            ),
            ignore=tuple(told["ignore"]),
            unlabeled=tuple(told["unlabeled"]),
            overlap=Overlap(told["overlap"]),
            crowd=Crowd(told["crowd"]),
        )
    except OntologyError as error:
        raise UsageError(f"ontology.json: {error}") from None
