"""An accepted batch as later ones are compared with it: values only; the file is elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from segcore import __version__
from segcore_gates.rules import Metric

if TYPE_CHECKING:
    from segcore.ontology import Ontology
    from segcore_gates.regression.image_sums import Row

__all__ = [
    "HISTORY",
    "KIND",
    "METRICS",
    "SCHEMA",
    "Accepted",
    "AcceptedRule",
    "Baseline",
    "ontology_digest",
    "written",
]

SCHEMA: Final = 1
"""Of the file.  It changes when an older segcore could not read it."""

KIND: Final = "segcore baseline"

METRICS: Final = 1
"""Of the numbers.  It changes when a metric gives another value for the same annotations, so that a
baseline of before cannot be compared."""

HISTORY: Final = 20
"""Accepted batches that a baseline remembers, itself included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRule:
    """What one gate measured of one class.

    Attributes
    ----------
    gate : str
        As rules have it, with its size band: ``f1@small``.
    class_name : str or None
        None for metrics with one value for the batch.
    metric : Metric
    settings : mapping
        See :attr:`segcore_gates.rules.Rule.settings`.
    value : Fraction or None
        Over all images; None where neither side has the class.
    columns : tuple of str
        What is kept of each image (see :mod:`segcore_gates.regression.image_sums`); empty where only
        the value is known.
    images : mapping of str to tuple of int
        By gold image; those without the class on either side are left out.
    """

    gate: str
    class_name: str | None
    metric: Metric
    settings: Mapping[str, Any]
    value: Fraction | None
    columns: tuple[str, ...] = ()
    images: Mapping[str, Row]

    def to_json(self) -> dict[str, Any]:
        """Plain values, exact."""
        return {
            "gate": self.gate,
            "class": self.class_name,
            "metric": self.metric.value,
            "settings": dict(self.settings),
            "value": written(self.value),
            "columns": list(self.columns),
            "images": [[key, *row] for key, row in self.images.items()],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One line of the history.

    Attributes
    ----------
    delivery : str
        What the policy named.
    delivery_sha256, policy_sha256 : str
    outcome : str
        ``accept``, unless it was accepted despite its outcome.
    values : mapping of str to Fraction or None
        By rule.
    """

    delivery: str
    delivery_sha256: str
    policy_sha256: str
    outcome: str
    values: Mapping[str, Fraction | None]

    def to_json(self) -> dict[str, Any]:
        """Plain values, exact."""
        return {
            "delivery": self.delivery,
            "delivery_sha256": self.delivery_sha256,
            "policy_sha256": self.policy_sha256,
            "outcome": self.outcome,
            "values": {rule: written(value) for rule, value in self.values.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The last batch that was accepted.

    Attributes
    ----------
    version : str
        Of the segcore that wrote it.
    metrics : int
        See :data:`METRICS`.
    policy_name : str or None
    policy_sha256 : str
    outcome : str
        What the gate said.
    despite : str
        Why it was accepted all the same; empty where the gate accepted it.
    inputs : mapping of str to mapping
        ``gold`` and ``delivery``: spec, number of images and digest.
    ontology_sha256 : str
        See :func:`ontology_digest`.
    classes : tuple of str
    gold_images : mapping of str to str
        Digest of the gold of each image, see :mod:`segcore_gates.regression.gold_images`.
    rules : mapping of str to AcceptedRule
        By the id of the rule.
    history : tuple of Accepted
        The oldest first; the last one is this batch.
    """

    version: str = __version__
    metrics: int = METRICS
    policy_name: str | None
    policy_sha256: str
    outcome: str
    despite: str = ""
    inputs: Mapping[str, Mapping[str, Any]]
    ontology_sha256: str
    classes: tuple[str, ...]
    gold_images: Mapping[str, str]
    rules: Mapping[str, AcceptedRule]
    history: tuple[Accepted, ...]

    def trend(self, rule: str) -> tuple[tuple[str, Fraction], ...]:
        """What the accepted batches had by one rule, the oldest first, each with its delivery."""
        values = ((batch.delivery, batch.values.get(rule)) for batch in self.history)
        return tuple((delivery, value) for delivery, value in values if value is not None)

    def to_json(self) -> dict[str, Any]:
        """The document but for its checksum."""
        return {
            "kind": KIND,
            "schema": SCHEMA,
            "metrics": self.metrics,
            "tool": {"name": "segcore", "version": self.version},
            "policy": {"name": self.policy_name, "sha256": self.policy_sha256},
            "outcome": self.outcome,
            "despite": self.despite,
            "inputs": {role: dict(info) for role, info in self.inputs.items()},
            "ontology": {"sha256": self.ontology_sha256, "classes": list(self.classes)},
            "gold_images": [list(image) for image in self.gold_images.items()],
            "rules": {rule: found.to_json() for rule, found in self.rules.items()},
            "history": [batch.to_json() for batch in self.history],
        }


def written(value: Fraction | None) -> str | None:
    """``9/10``; None stays."""
    return None if value is None else str(value)


def ontology_digest(ontology: Ontology) -> str:
    """SHA-256 of everything an ontology says."""
    said = {
        "classes": [
            [c.id, c.name, list(c.color) if c.color else None, c.thing, list(c.aliases)]
            for c in ontology.classes
        ],
        "ignore": list(ontology.ignore),
        "unlabeled": list(ontology.unlabeled),
        "overlap": ontology.overlap.value,
        "crowd": ontology.crowd.value,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
