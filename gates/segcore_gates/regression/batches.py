"""A batch as a baseline sees it: its gold images, and what each gate counts in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import segcore
from segcore.errors import UsageError
from segcore.sources import Source
from segcore_gates.limits import exact
from segcore_gates.metrics import METRICS
from segcore_gates.regression.baseline import AcceptedRule, ontology_digest
from segcore_gates.regression.gold_images import gold_digests
from segcore_gates.regression.image_sums import SUMS, added

if TYPE_CHECKING:
    from segcore.evaluation import InputInfo, MeasuredBatch
    from segcore.ontology import Ontology
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.rules import Rule

__all__ = ["ComparedBatch"]


@dataclass(slots=True)
class _Known:
    """What all classes of a batch ask for, without the batch itself."""

    digests: dict[str, str] = field(default_factory=dict)
    ontology_sha256: str = ""
    image_of: Callable[[str], str] | None = None
    gold_images: frozenset[str] | None = None


_KNOWN: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


class ComparedBatch:
    """The batch of a policy, counted by gold image.

    Parameters
    ----------
    batch : PolicyBatch
        What is found is kept as long as it lives.
    rule : Rule
        Any that is judged: its evaluation says what was read.
    """

    def __init__(self, batch: PolicyBatch, rule: Rule) -> None:
        self._batch, self._rule = batch, rule
        self._known = _KNOWN.setdefault(batch, _Known())

    @property
    def _evaluation(self) -> MeasuredBatch:
        return self._batch.evaluation(self._rule)

    @property
    def ontology(self) -> Ontology:
        """The classes of the policy."""
        return self._batch.policy.ontology

    @property
    def ontology_sha256(self) -> str:
        """See :func:`ontology_digest`."""
        known = self._known
        known.ontology_sha256 = known.ontology_sha256 or ontology_digest(self.ontology)
        return known.ontology_sha256

    @property
    def inputs(self) -> Mapping[str, InputInfo]:
        """What was read, ``gold`` and ``delivery``."""
        return {info.role: info for info in self._evaluation.inputs}

    @property
    def gold_images(self) -> frozenset[str]:
        """The images of the gold."""
        if self._known.gold_images is None:
            images = self._evaluation.images
            delivered = map(self._image_of(), images.paired)
            self._known.gold_images = frozenset((*delivered, *images.missing_in_delivery))
        return self._known.gold_images

    def _image_of(self) -> Callable[[str], str]:
        """What gives the gold image of a key of the evaluation."""
        if self._known.image_of is None:
            self._known.image_of = _image_of(self._batch, self._evaluation)
        return self._known.image_of

    def digests(self, images: Collection[str]) -> Mapping[str, str]:
        """The digests of the gold of some images; each is read once."""
        known = self._known.digests
        unread = [image for image in images if image not in known]
        if unread:
            known |= gold_digests(self._batch.sources()[0], self.ontology, unread)
        return {image: known[image] for image in sorted(images)}

    def measured(self, rule: Rule) -> AcceptedRule:
        """What a gate counts.

        Raises
        ------
        UsageError
            The metric says that it cannot be judged.
        """
        evaluation = self._batch.evaluation(rule)
        how = METRICS[rule.metric]
        how.view(rule).require(evaluation, what=rule.id)
        finding = how.find(rule, evaluation)
        if finding.error:
            raise UsageError(f"{rule.id}: {finding.error}")
        empty = AcceptedRule(
            gate=rule.id.removesuffix(f"[{rule.class_name}]"),
            class_name=rule.class_name,
            metric=rule.metric,
            settings=rule.settings,
            value=None if finding.value is None else exact(finding.value),
            images={},
        )
        sums = SUMS.get(rule.metric)
        if sums is None:
            return empty
        rows = sums.rows(rule, evaluation, self._image_of())
        value = sums.value(added(rows.values(), size=len(sums.columns)))
        return replace(empty, value=value, columns=sums.columns, images=rows)


def _image_of(batch: PolicyBatch, evaluation: MeasuredBatch) -> Callable[[str], str]:
    if type(segcore.open(batch.policy.delivery)).image_of is Source.image_of:
        return _itself
    missing = frozenset(evaluation.images.missing_in_delivery)
    delivery = batch.sources()[1]
    return lambda key: key if key in missing else delivery.image_of(key)


def _itself(key: str) -> str:
    return key
