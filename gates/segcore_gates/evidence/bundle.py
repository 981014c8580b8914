"""Evidence of one judged batch, written as a file that anybody can check."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from segcore import __version__
from segcore.errors import NoSuchFileError, RefusedFileError, UsageError
from segcore.files import read_bytes
from segcore.limits import MAX_DOCUMENT_BYTES, MAX_YAML_BYTES
from segcore_gates.evidence.counts import counts_of, no_counts
from segcore_gates.evidence.plain import check_json, ontology_json, waiver_json
from segcore_gates.evidence.verifier.container import packed
from segcore_gates.evidence.verifier.documents import canonical, digest
from segcore_gates.evidence.verifier.members import HASHED
from segcore_gates.evidence.verifier.verification import verified
from segcore_gates.evidence.verify_file import joined
from segcore_gates.policy import InputSpec
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.report import FailureKind, document

if TYPE_CHECKING:
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.policy_file import LoadedPolicy
    from segcore_gates.report import PolicyReport

__all__ = ["evidence_of"]

_LIBRARIES: Final = ("numpy", "Pillow")


def evidence_of(
    report: PolicyReport,
    policy: LoadedPolicy,
    evaluations: Evaluations,
    *,
    run: Mapping[str, Any],
    strict: bool = False,
    previous: str | None = None,
) -> bytes:
    """The bundle of a batch that was judged, or whose input was refused.

    Parameters
    ----------
    report : PolicyReport
        What it came to.
    policy : LoadedPolicy
        By which it was judged.
    evaluations : Evaluations
        Of the session; what is not known there is evaluated.
    run : mapping
        What differs from run to run.
    strict : bool
        Whether warnings block.
    previous : str, optional
        SHA-256 of the bundle that this one follows.

    Raises
    ------
    UsageError
        Nothing was judged, the policy or an input changed since, or the bundle would be too large.
    RuntimeError
        The verifier, which computes verdicts in its own way, does not come to the same ones.
    """
    if report.failure is not None and report.failure.kind is not FailureKind.INVALID:
        raise UsageError("nothing was judged, so there is no evidence")
    text = read_bytes(str(policy.path), limit=MAX_YAML_BYTES, follow_symlinks=True)
    if digest(text) != policy.sha256 or policy.sha256 != report.sha256:
        raise UsageError("the policy changed after the batch was judged; run it again")
    told = _Told(policy).document(report)
    ontology = canonical(ontology_json(policy.ontology))
    members = {
        "counts.json": canonical({"schema": 1, **_counts(report, policy, evaluations)}),
        "faults.json": canonical({"faults": told["faults"]}),
        "ontology.json": ontology,
        "policy.yaml": text,
        "records.json": canonical({"records": told["gates"]}),
        "report.json": canonical(told),
        "rules.json": canonical(
            {
                "schema": 1,
                "strict": strict,
                "rules": [check_json(check) for check in policy.checks],
                "waivers": [waiver_json(waiver) for waiver in policy.policy.waivers],
            }
        ),
        "verify.py": joined(),
    }
    manifest = canonical(
        {
            "schema": 1,
            "kind": "segcore evidence",
            "members": {
                name: {"sha256": digest(members[name]), "size": len(members[name])} for name in HASHED
            },
            "inputs": told["inputs"],
            "policy": told["policy"],
            "files": {key: _digest_of(file) for key, file in sorted(policy.files.items())},
            "ontology": {"sha256": digest(ontology)},
            "outcome": told["outcome"],
            "versions": _versions(),
            "previous": None if previous is None else {"sha256": previous},
        }
    )
    members["manifest.json"] = manifest
    members["manifest.sha256"] = f"{digest(manifest)}  manifest.json\n".encode("ascii")
    this_run = {**run, "day": policy.today.isoformat()}  # by which waivers expired
    members["run.json"] = canonical({"run": this_run, "sha256": digest(canonical(this_run))})
    try:
        data = packed(members)
    except ValueError as error:
        raise UsageError(f"the evidence is too large for a bundle: {error}") from None
    if problems := verified(data).problems:
        raise RuntimeError(f"the verifier disagrees: {'; '.join(problems[:5])}")
    return data


def _digest_of(file: Path) -> dict[str, str] | None:
    """Of a file that the policy names; None where there is none, as before the first accepted batch."""
    try:
        return {"sha256": digest(read_bytes(str(file), limit=MAX_DOCUMENT_BYTES, follow_symlinks=True))}
    except NoSuchFileError:
        return None
    except RefusedFileError as error:
        problem = f"{file}: expected {error.expected}, got {error.got}"
        raise UsageError(f"no evidence without the files of the policy: {problem}") from None


def _counts(report: PolicyReport, policy: LoadedPolicy, evaluations: Evaluations) -> dict[str, Any]:
    if report.failure is not None:
        return no_counts()
    batch = PolicyBatch(policy, evaluations)
    found = counts_of(policy.rules, batch.evaluation)
    now = {(info.role, info.sha256) for info in batch.evaluation(policy.rules[0]).inputs}
    if now != {(info["role"], info["sha256"]) for info in report.inputs.inputs}:
        raise UsageError("an input changed after it was judged; run it again")
    return found


def _versions() -> dict[str, str]:
    return {
        "segcore": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{name.lower(): metadata.version(name) for name in _LIBRARIES},
    }


class _Told:
    """The report of a policy with paths as the policy has them: not where they lie on this machine."""

    def __init__(self, policy: LoadedPolicy) -> None:
        written = {"gold": policy.policy.gold, "delivery": policy.policy.delivery}
        self._specs = {
            role: spec if isinstance(spec, str) else f"{spec.format}:{spec.path}{_options(spec)}"
            for role, spec in written.items()
        }
        pairs = []
        for role, spec in (("gold", policy.gold), ("delivery", policy.delivery)):
            location = self._specs[role].partition(":")[2].partition("?")[0]
            if spec.location not in {location, location.rstrip("/")}:
                pairs.append((spec.location, location.rstrip("/") or location))
        folder = str(policy.path.parent)
        if folder != ".":
            pairs.append((f"{folder.rstrip('/')}/", ""))
        # The longest first: a folder of images may lie in that of the policy.
        self._pairs = sorted(pairs, key=lambda pair: -len(pair[0]))

    def document(self, report: PolicyReport) -> dict[str, Any]:
        """The report without its ``run`` block."""
        told = document([report], run={})
        del told["run"]
        told["policy"]["path"] = Path(told["policy"]["path"]).name
        inputs = [
            {**info, "spec": self._specs.get(info["role"], info["spec"])} for info in told["inputs"]
        ]
        return {
            **told,
            "inputs": inputs,
            **{key: self._shortened(told[key]) for key in ("faults", "gates", "error")},
        }

    def _shortened(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._shortened(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._shortened(item) for item in value]
        if not isinstance(value, str):
            return value
        for path, written in self._pairs:
            # written is not a pattern, so nothing in it is replaced
            ends = "" if path.endswith("/") else r"(?![\w-])"
            value = written.join(re.split(rf"(?<![^\s:=&?\"'(]){re.escape(path)}{ends}", value))
        return value


def _options(spec: InputSpec) -> str:
    pairs = [f"{key}={value}" for key, value in (spec.__pydantic_extra__ or {}).items()]
    return f"?{'&'.join(pairs)}" if pairs else ""
