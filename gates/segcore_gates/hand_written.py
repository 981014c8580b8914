"""Evaluations for hand-written tests: the batch of a policy, or two specs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from segcore.errors import UsageError

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation
    from segcore.ontology import Ontology
    from segcore.sources.spec import Spec
    from segcore_gates.evaluations import Evaluations

__all__ = ["evaluate_for"]


def evaluate_for(
    evaluations: Evaluations,
    gold: Spec | str | os.PathLike[str],
    delivery: Spec | str | None,
    *,
    ontology: Ontology | str | None,
    folder: Path,
) -> Evaluation:
    """What the fixture ``segcore_evaluation`` returns.

    Parameters
    ----------
    evaluations : Evaluations
        Of the session.
    gold, delivery
        Two specs; or a policy file and None.
    ontology
        For two specs; a policy brings its own.
    folder : Path
        What relative paths start from.

    Raises
    ------
    UsageError
        The arguments do not fit together.
    """
    from segcore_gates.policy_file import load_policy

    if delivery is None:
        if ontology is not None:
            raise UsageError("a policy brings its own ontology: leave `ontology` out")
        loaded = load_policy(folder / os.fspath(gold))  # type: ignore[arg-type] - a policy is a path
        return evaluations.get(loaded.gold, loaded.delivery, ontology=loaded.ontology)
    found = str(folder / ontology) if isinstance(ontology, str) else ontology
    return evaluations.get(_below(gold, folder), _below(delivery, folder), ontology=found)
