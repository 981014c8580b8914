"""Bundles of small batches, and what a forger can make of one."""

from __future__ import annotations

import json
from pathlib import Path

from segcore_gates.evaluations import Evaluations
from segcore_gates.evidence.bundle import evidence_of
from segcore_gates.evidence.verifier.container import packed, unpacked
from segcore_gates.evidence.verifier.documents import canonical, digest
from segcore_gates.evidence.verifier.members import HASHED
from segcore_gates.judging import judge
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.report import Inputs, PolicyReport

RUN = {"at": "2026-11-24T10:00:00+00:00", "seconds": 1.5}


def evidence(path: Path, *, strict=False, previous=None, run=RUN, environ=None, only=None) -> bytes:
    """The bundle of the batch of a policy; ``only`` says how many of its checks are run."""
    evaluations = Evaluations(None)
    policy = load_policy(path, environ=environ or {}, open_source=evaluations.open)
    batch = PolicyBatch(policy, evaluations)
    records = tuple(judge(check, batch, strict=strict) for check in policy.checks[:only])
    report = PolicyReport(
        path=path.name,
        file=str(path),
        name=policy.policy.name,
        sha256=policy.sha256,
        rules=len(policy.checks),
        records=records,
        inputs=Inputs.of(batch.evaluation(policy.rules[0])),
        waivers=tuple(record.waiver for record in records if record.waiver is not None),
    )
    return evidence_of(report, policy, evaluations, run=run, strict=strict, previous=previous)


def documents(data: bytes) -> dict[str, dict]:
    return {
        name: json.loads(member) for name, member in unpacked(data).items() if name.endswith(".json")
    }


def sealed(members: dict[str, bytes]) -> bytes:
    """A bundle of these members in which every digest fits: what forging without a signature can do."""
    manifest = json.loads(members["manifest.json"])
    manifest["members"] = {
        name: {"sha256": digest(members[name]), "size": len(members[name])} for name in HASHED
    }
    text = canonical(manifest)
    return packed(
        {
            **members,
            "manifest.json": text,
            "manifest.sha256": f"{digest(text)}  manifest.json\n".encode(),
        }
    )


def forged(data: bytes, change) -> bytes:
    """The bundle with its documents changed by a function, and records and report kept alike."""
    members, told = unpacked(data), documents(data)
    change(told)
    told["report.json"]["gates"] = told["records.json"]["records"]
    told["manifest.json"]["outcome"] = told["report.json"]["outcome"]
    told["run.json"]["sha256"] = digest(canonical(told["run.json"]["run"]))
    return sealed({**members, **{name: canonical(value) for name, value in told.items()}})


def record_of(told: dict[str, dict], check_id: str) -> dict:
    return next(one for one in told["records.json"]["records"] if one["id"] == check_id)


def rule_of(told: dict[str, dict], check_id: str) -> dict:
    return next(one for one in told["rules.json"]["rules"] if one["id"] == check_id)
