"""What an installed segcore checks of a bundle beside what every verifier does."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segcore import __version__
from segcore.errors import OntologyError, SegcoreError, SpecError, UsageError
from segcore.files import read_bytes
from segcore.ontology import Crowd, LabelClass, Ontology, Overlap
from segcore_gates.evidence.plain import check_json, waiver_json
from segcore_gates.evidence.verifier.container import MAX_BYTES, NoBundleError, RejectedError
from segcore_gates.evidence.verifier.documents import digest
from segcore_gates.evidence.verifier.members import Bundle
from segcore_gates.evidence.verify_file import KNOWN, joined
from segcore_gates.policy_file import load_policy

__all__ = ["Remarks", "bundle_bytes", "bundle_digest", "policy_remarks"]


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
    stated = {rule["id"]: rule for rule in bundle.rules["rules"]}
    try:
        resolved, waivers = _resolved(bundle)
    except (SegcoreError, KeyError, TypeError, ValueError) as error:
        problems.append(f"policy.yaml gives no rules: {error}")
        return Remarks(tuple(problems), tuple(notes))
    if list(stated) != list(resolved):
        problems.append("policy.yaml gives other rules than rules.json")
    if waivers != bundle.rules["waivers"]:
        problems.append("policy.yaml gives other waivers than rules.json")
    differing = [name for name, rule in resolved.items() if stated.get(name, rule) != rule]
    if differing and version != __version__:
        notes.append(f"segcore {version} resolved the policy, and this one differs in {len(differing)}")
    else:
        problems += [f"{name}: policy.yaml says otherwise than rules.json" for name in differing]
    return Remarks(tuple(problems), tuple(notes))


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


def _resolved(bundle: Bundle) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """The checks by their ids, and the waivers, as the policy inside gives them."""
    with tempfile.TemporaryDirectory(prefix="segcore-verify-") as folder:
        path = Path(folder, "policy.yaml")
        path.write_bytes(bundle.members["policy.yaml"])
        policy = load_policy(
            path,
            environ=_Anything(),
            today=datetime.date.fromisoformat(bundle.run["day"]),
            ontology=_ontology(bundle.ontology),
        )
    checks = {check.id: check_json(check) for check in policy.checks}
    return checks, [waiver_json(waiver) for waiver in policy.waivers.values()]


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
