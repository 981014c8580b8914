"""What a bundle holds, and that its members say the same of one another."""

from __future__ import annotations

from typing import Any

from segcore_gates.evidence.verifier.container import NoBundleError, RejectedError, unpacked
from segcore_gates.evidence.verifier.documents import canonical, digest, parsed

__all__ = ["HASHED", "MEMBERS", "Bundle"]

HASHED = (
    "counts.json",
    "faults.json",
    "ontology.json",
    "policy.yaml",
    "records.json",
    "report.json",
    "rules.json",
    "verify.py",
)
"""Whose digests are in the manifest."""

MEMBERS = (*HASHED, "manifest.json", "manifest.sha256", "run.json")
"""All of them.  run.json, which tells one run from the next, carries a digest of its own."""

_KIND = "segcore evidence"
_SCHEMA = 1


class Bundle:
    """A bundle whose members are those that were written.

    Attributes
    ----------
    digest : str
        Of the file.
    members : dict of str to bytes
    manifest, run, rules, counts, report : dict
    records : list of dict
    """

    def __init__(self, data: bytes) -> None:
        self.digest = digest(data)
        self.members = unpacked(data)
        if "manifest.json" not in self.members:
            raise NoBundleError("it holds no manifest.json")
        self._require_members()
        self.manifest: dict[str, Any] = self._object("manifest.json")
        if self.manifest.get("kind") != _KIND or self.manifest.get("schema") != _SCHEMA:
            raise NoBundleError("its manifest is none that this verifier knows")
        self._require_digests()
        self.run: dict[str, Any] = self._run()
        self.rules: dict[str, Any] = self._object("rules.json")
        self.counts: dict[str, Any] = self._object("counts.json")
        self.ontology: dict[str, Any] = self._object("ontology.json")
        self.report: dict[str, Any] = self._object("report.json")
        self.records: list[dict[str, Any]] = self._object("records.json")["records"]
        self._require_agreement()

    def _object(self, name: str) -> dict[str, Any]:
        return parsed(self.members[name], name)

    def _require_members(self) -> None:
        missing = [name for name in MEMBERS if name not in self.members]
        further = [name for name in self.members if name not in MEMBERS]
        for what, names in (("missing", missing), ("not part of a bundle", further)):
            if names:
                raise RejectedError("{}: {}".format(what, ", ".join(names)))

    def _require_digests(self) -> None:
        """Every member is the one that was hashed."""
        manifest = digest(self.members["manifest.json"])
        if self.members["manifest.sha256"] != (manifest + "  manifest.json\n").encode("ascii"):
            raise RejectedError("manifest.sha256 is not the digest of manifest.json")
        stated = self.manifest["members"]
        if sorted(stated) != sorted(HASHED):
            raise RejectedError("the manifest does not name the members of a bundle")
        for name in HASHED:
            data = self.members[name]
            if stated[name] != {"sha256": digest(data), "size": len(data)}:
                raise RejectedError(f"{name} is not what the manifest says it is")

    def _run(self) -> dict[str, Any]:
        found = self._object("run.json")
        if found.keys() != {"run", "sha256"} or found["sha256"] != digest(canonical(found["run"])):
            raise RejectedError("run.json is not what its own digest says it is")
        run: dict[str, Any] = found["run"]
        return run

    def _require_agreement(self) -> None:
        """What is said twice is said alike."""
        faults = self._object("faults.json")["faults"]
        said = {
            "the policy's digest": (self.manifest["policy"], self.report["policy"]),
            "the policy's bytes": (
                self.manifest["policy"]["sha256"],
                digest(self.members["policy.yaml"]),
            ),
            "the ontology's digest": (
                self.manifest["ontology"]["sha256"],
                digest(self.members["ontology.json"]),
            ),
            "the inputs": (self.manifest["inputs"], self.report["inputs"]),
            "the outcome": (self.manifest["outcome"], self.report["outcome"]),
            "the records": (self.records, self.report["gates"]),
            "the faults": (faults, self.report["faults"]),
        }
        for what, (one, other) in said.items():
            if one != other:
                raise RejectedError(f"{what}: two members disagree")

    def require_previous(self, previous: bytes | None) -> str:
        """That the bundle follows another one; what is known of the chain.

        Raises
        ------
        RejectedError
            It follows another one than that.
        """
        stated = self.manifest["previous"]
        if previous is None:
            if stated is None:
                return "chain: it names no earlier bundle"
            return "chain: not checked, it follows the bundle {} (--previous)".format(stated["sha256"])
        earlier = Bundle(previous)
        if stated != {"sha256": earlier.digest}:
            raise RejectedError("the earlier bundle is not the one that this one follows")
        return f"chain: it follows the bundle {earlier.digest}"
