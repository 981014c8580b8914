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
from segcore_gates.policy import Policy
from segcore_gates.policy_file import LoadedPolicy, load_policy
from segcore_gates.policy_paths import PolicyPaths
from segcore_gates.resolution import Around
from segcore_gates.rules import Rule
from segcore_gates.sections import resolve_sections

if TYPE_CHECKING:
    from segcore_gates.rules import Check

__all__ = ["Remarks", "bundle_bytes", "bundle_digest", "policy_remarks"]


_NO_CHECKS: Final = frozenset(
    {
        "version", "name", "gold", "delivery", "ontology", "coverage", "defaults", "groups", "gates",
        "attributes", "waivers", "looks", "push",
    }
)  # fmt: skip
"""The keys of a policy that are no sections with checks of their own."""

_CEILINGS: Final = frozenset({"agreement", "conversion"})
"""Sections that put ceilings beside limits, from files no bundle holds: they decide no verdict."""


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
    with tempfile.TemporaryDirectory(prefix="segcore-verify-") as folder:
        policy, resolved, refused = _resolved(bundle, Path(folder))
    unknown = [name for name in stated if name not in resolved]
    found = [f"{name}: policy.yaml gives no such check" for name in unknown if not refused]
    if refused and not unknown:
        found.append(f"policy.yaml has {', '.join(refused)}, rules.json has no checks of it")
    found += [
        f"{name}: policy.yaml says otherwise than rules.json"
        for name, rule in resolved.items()
        if stated.get(name) != rule
    ]
    if [waiver_json(waiver) for waiver in policy.policy.waivers] != bundle.rules["waivers"]:
        found.append("policy.yaml gives other waivers than rules.json")
    notes = []
    if refused and unknown:
        names = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        notes.append(f"not compared with the policy, since the files they rest on are not here: {names}")
    return found, notes


def _resolved(bundle: Bundle, folder: Path) -> tuple[LoadedPolicy, dict[str, dict[str, Any]], list[str]]:
    """The policy inside, its checks by their ids, and the sections that rest on files.

    Nothing that the policy names is opened: it comes from whoever wrote the bundle.
    """
    path = folder / "policy.yaml"
    path.write_bytes(bundle.members["policy.yaml"])
    policy = load_policy(
        path,
        environ=_Anything(),
        sections=False,
        today=datetime.date.fromisoformat(bundle.run["day"]),
        ontology=_ontology(bundle.ontology),
    )

    def refuse(code: str, path: tuple[str | int, ...], message: str) -> None:
        raise UsageError(f"{code}: {'.'.join(map(str, path))}: {message}")

    written = policy.policy
    rules = tuple(check for check in policy.checks if isinstance(check, Rule))
    around = Around(
        ontology=policy.ontology,
        document=parse_yaml(bundle.members["policy.yaml"], file="policy.yaml"),
        rules=with_looks(rules, written.looks, refuse),
        defaults=written.defaults,
        refuse=refuse,
        located=lambda *_: folder / "not-in-the-bundle",
        named=PolicyPaths(folder, _Anything(), refuse).named,
    )
    sections = [key for key in Policy.model_fields if key not in _NO_CHECKS | _CEILINGS]
    checks: list[Check] = [rule for rule in around.rules if rule.of_batch]
    refused = []
    for section in sections:
        alone = dict.fromkeys({*sections, *_CEILINGS} - {section})
        try:
            checks += resolve_sections(written.model_copy(update=alone), around)
        except UsageError:
            refused.append(section)
    return policy, {check.id: check_json(check) for check in checks}, refused


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
