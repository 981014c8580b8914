"""``push: fiftyone:`` of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from segcore.errors import UsageError
from segcore_fiftyone.limits import Limits
from segcore_fiftyone.sending import Destination, Sent
from segcore_gates.errors import OptionProblem, PushOptionsError
from segcore_gates.pushes import Pushed, problems_of

if TYPE_CHECKING:
    from segcore_gates.judged import JudgedBatch

__all__ = ["NAME", "PolicyPush", "configure", "send_judged"]

NAME: Final = "fiftyone"
"""The key below ``push``."""

_KINDS: Final[Mapping[str, type]] = {"dataset": str, "key": str, "join": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPush:
    """The dataset a policy pushes to.

    Attributes
    ----------
    destination : Destination
    """

    destination: Destination

    def __call__(self, batch: JudgedBatch) -> Pushed:
        """Write the scores of the batch, the verdict of each class, and which samples fail."""
        sent = send_judged(self.destination, batch)
        return Pushed(says=sent.says, notes=sent.notes)


def configure(options: Mapping[str, object]) -> PolicyPush:
    """Check the options of a policy; FiftyOne is not imported.

    Raises
    ------
    PushOptionsError
        An option is unknown or missing, or has a value that is not allowed.
    """
    problems = problems_of(options, _KINDS, required=("dataset",))
    given: dict[str, Any] = dict(options)
    if not problems:
        try:
            return PolicyPush(destination=Destination(**given))
        except UsageError as error:
            problems.append(OptionProblem(key="key", message=str(error)))
    raise PushOptionsError(problems)


def send_judged(destination: Destination, batch: JudgedBatch, *, dry_run: bool = False) -> Sent:
    """Push a batch that was judged; see :func:`segcore_fiftyone.sending.send`."""
    from segcore_fiftyone.sending import send

    names = batch.evaluation.ontology.names
    return send(
        destination,
        batch.evaluation,
        gold=batch.gold,
        delivery=batch.delivery,
        limits=Limits.by_policy(batch.policy.rules, batch.records, names),
        policy=str(batch.policy.path),
        dry_run=dry_run,
    )
