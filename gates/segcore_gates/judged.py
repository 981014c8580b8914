"""A batch together with its verdicts, for whoever shows elsewhere what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from segcore.errors import UsageError
from segcore_gates.hand_written import seen_from_here
from segcore_gates.judging import judge
from segcore_gates.metrics import METRICS
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.records import Record, Verdict
from segcore_gates.rules import Metric
from segcore_gates.verdict import Evaluated

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation
    from segcore.sources import Source
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.failing_images import FailingImage
    from segcore_gates.policy_file import LoadedPolicy
    from segcore_gates.report import PolicyReport
    from segcore_gates.rules import Rule
    from segcore_gates.session import SessionResult

__all__ = [
    "JudgedBatch",
    "Judging",
    "coverage_fails",
    "image_limits",
    "judged_batch",
    "judged_in",
    "policy_in",
]

_P = TypeVar("_P")
_NAMES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedBatch:
    """A batch that was judged by a policy.

    Attributes
    ----------
    policy : LoadedPolicy
    evaluation : Evaluation
        In semantic view, whatever the rules look at.
    records : tuple of Record
        One for each rule of the policy, in its order.
    gold, delivery : Source
        What was evaluated; images can be read again without opening anything again.
    seen : callable
        The evaluation of a rule's view.

    Notes
    -----
    Platforms show pixels, and some of them objects too.  :attr:`beside_pixels` and
    :attr:`beside_objects` say which rules fail for another reason, so that none of them goes unsaid.
    """

    policy: LoadedPolicy
    evaluation: Evaluation
    records: tuple[Record, ...]
    gold: Source
    delivery: Source
    seen: Evaluated

    @property
    def judges_objects(self) -> bool:
        """Whether the policy has gates on objects or segments."""
        return any(METRICS[rule.metric].objects for rule in self.policy.rules if rule.metric in METRICS)

    def failing_objects(self) -> Iterator[FailingImage]:
        """Where the gates on objects and segments fail that do, and by which objects.

        By rule, class and image; an image may come several times.
        """
        from segcore_gates.failing_images import failing_images

        for rule, record in zip(self.policy.rules, self.records, strict=True):
            counts = METRICS[rule.metric].objects if rule.metric in METRICS else None
            if counts is not None and record.verdict is Verdict.FAIL:
                yield from failing_images(rule, self.seen(rule), counts)

    @property
    def beside_pixels(self) -> tuple[str, ...]:
        """What a reader has to know who sees the pixels only; one line, or none."""
        return self._beside("pixels", [record.id for record in self._blocking()])

    @property
    def beside_objects(self) -> tuple[str, ...]:
        """The same for one who sees the objects that fail as well."""
        unseen = [record.id for record in self._blocking() if not _shows_objects(record)]
        return self._beside("pixels and objects", unseen)

    def _blocking(self) -> list[Record]:
        """What blocks and is about something else than pixels."""
        found = [record for record in self.records if record.blocks and record.metric in METRICS]
        return [record for record in found if not METRICS[record.metric].judges_pixels]

    @staticmethod
    def _beside(what: str, failing: Sequence[str]) -> tuple[str, ...]:
        if not failing:
            return ()
        shown = ", ".join(failing[:_NAMES]) + (", ..." if len(failing) > _NAMES else "")
        gates = "1 gate blocks" if len(failing) == 1 else f"{len(failing)} gates block"
        return (f"what is shown are {what}; {gates} for another reason: {shown}",)


def _shows_objects(record: Record) -> bool:
    """Whether objects say why a rule fails."""
    how = METRICS.get(record.metric)
    return how is not None and how.objects is not None and record.verdict is Verdict.FAIL


def image_limits(
    rules: Sequence[Rule], records: Sequence[Record], names: Sequence[str]
) -> dict[str, float]:
    """What makes an image one to look at: the classes that fail a batch have the limit that they fail.

    Parameters
    ----------
    rules, records
        Of a policy and of the judge, in the same order.
    names : sequence of str
        The classes of the evaluation, which a gate on their mean judges.

    Returns
    -------
    dict of str to float
        The least IoU a class may have in one image, by name; 0.0, below which nothing is, for the
        other classes that the policy judges, also where it judges objects and not pixels.
    """
    limits: dict[str, float] = {}
    for rule, record in zip(rules, records, strict=True):
        if rule.metric is Metric.COVERAGE:
            continue
        fails = METRICS[rule.metric].judges_pixels and record.verdict is Verdict.FAIL
        least = rule.minimum if rule.below_iou is None else rule.below_iou
        limit = least if fails else 0.0
        for name in names if rule.class_name is None else rule.members or (rule.class_name,):
            limits[name] = max(limits.get(name, 0.0), limit)
    return limits


def coverage_fails(rules: Sequence[Rule], records: Sequence[Record]) -> bool:
    """Whether too few of the gold images were delivered."""
    pairs = zip(rules, records, strict=True)
    return any(r.metric is Metric.COVERAGE and found.verdict is Verdict.FAIL for r, found in pairs)


def judged_batch(policy: LoadedPolicy, evaluations: Evaluations) -> JudgedBatch:
    """Judge a batch by all rules of its policy.

    Raises
    ------
    UsageError
        An input is not the one the policy pins, or cannot be opened.
    InvalidInputError
        An input was refused.
    """
    batch = PolicyBatch(policy, evaluations, keep_sources=True)
    evaluation, gold, delivery = batch.pixels()
    records = tuple(judge(rule, batch) for rule in policy.rules)
    return JudgedBatch(
        policy=policy,
        evaluation=evaluation,
        records=records,
        gold=gold,
        delivery=delivery,
        seen=batch.evaluation,
    )


class Judging:
    """A policy file, and the batch that it judges, which is evaluated when it is asked for.

    Parameters
    ----------
    path : str
        Errors name the file as it is seen from here.
    jobs : int
        Processes to evaluate in.
    progress : bool
        Show a bar on a terminal.

    Raises
    ------
    PolicyError
        The policy is not sound.
    """

    def __init__(self, path: str, *, jobs: int = 1, progress: bool = True) -> None:
        from segcore_gates.evaluations import Evaluations
        from segcore_gates.policy_file import load_policy

        self._evaluations = Evaluations(None, progress=progress, jobs=jobs)
        self.policy = load_policy(
            seen_from_here(Path(path)), environ=os.environ, open_source=self._evaluations.open
        )

    def push_of(self, name: str, kind: type[_P]) -> _P | None:
        """What the policy says about a platform, if anything."""
        found = self.policy.push.get(name)
        return found if isinstance(found, kind) else None

    def batch(self) -> JudgedBatch:
        """The batch and its verdicts; see :func:`judged_batch`."""
        return judged_batch(self.policy, self._evaluations)


def judged_in(session: SessionResult, report: PolicyReport) -> JudgedBatch:
    """The batch of one policy of a session.

    Where a worker of pytest-xdist evaluated it, it is evaluated again: the sources were the worker's.

    Raises
    ------
    UsageError
        What is evaluated now is not what was judged.
    """
    policy = policy_in(session, report)
    batch = judged_batch(policy, session.evaluations)
    before = _digests(report.inputs.inputs)
    now = _digests([info.to_json() for info in batch.evaluation.inputs])
    if policy.sha256 != report.sha256 or now != before:
        raise UsageError("the policy or an input changed after it was judged; run it again")
    return batch


def policy_in(session: SessionResult, report: PolicyReport) -> LoadedPolicy:
    """The policy of a report; read again where a worker of pytest-xdist had read it."""
    from segcore_gates.policy_file import load_policy

    policy = session.policies.get(report.path)
    if policy is not None:
        return policy
    path = seen_from_here(Path(report.file))
    opened = session.evaluations.open
    return load_policy(path, environ=os.environ, open_source=opened, today=session.today)


def _digests(inputs: Sequence[Mapping[str, object]]) -> list[tuple[object, object]]:
    return [(info["role"], info["sha256"]) for info in inputs]
