"""Evaluations for hand-written tests: the batch of a policy, or two specs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from segcore.errors import UsageError
from segcore.sources.spec import Spec

if TYPE_CHECKING:
    from segcore.evaluation import MeasuredBatch
    from segcore.ontology import Ontology
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.policy_file import LoadedPolicy

__all__ = ["evaluate_for", "require_pins", "seen_from_here"]


def evaluate_for(
    evaluations: Evaluations,
    gold: Spec | str | os.PathLike[str],
    delivery: Spec | str | None,
    *,
    ontology: Ontology | str | None,
    folder: Path,
    task: str = "semantic",
) -> MeasuredBatch:
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
    task : str
        As :func:`segcore.evaluate` has it.  An evaluation that the gates of a policy count anyway is not
        made again.

    Raises
    ------
    UsageError
        The arguments do not fit together.
    """
    from segcore_gates.policy_file import load_policy
    from segcore_gates.views import View, fewest

    view = View(task=task)
    if delivery is None:
        if ontology is not None:
            raise UsageError("a policy brings its own ontology: leave `ontology` out")
        if isinstance(gold, Spec):
            raise UsageError(f"{gold} needs a delivery: call with a policy file or with two specs")
        path = seen_from_here(folder / os.fspath(gold))
        loaded = load_policy(path, environ=os.environ, open_source=evaluations.open)
        from segcore_gates.metrics import view_of

        more = (other for check in loaded.checks for other in check.views)
        counted = fewest([*map(view_of, loaded.rules), *more, view])[view]
        found = evaluations.get(loaded.gold, loaded.delivery, ontology=loaded.ontology, view=counted)
        require_pins(loaded, found)
        return found
    sides = (
        Spec.parse(os.fspath(side)) if not isinstance(side, Spec) else side for side in (gold, delivery)
    )
    classes = _beside(ontology, folder) if isinstance(ontology, str) else ontology
    gold, delivery = (_spec_beside(side, folder) for side in sides)
    return evaluations.get(gold, delivery, ontology=classes, view=view)


def require_pins(loaded: LoadedPolicy, evaluation: MeasuredBatch) -> None:
    """Refuse inputs other than the ones the policy was written for.

    Raises
    ------
    UsageError
        The digest of an input does not begin with the one the policy pins.
    """
    pins = {"gold": loaded.gold_sha256, "delivery": loaded.delivery_sha256}
    for info in evaluation.inputs:
        pin = pins.get(info.role)
        if pin is not None and not info.sha256.startswith(pin.lower()):
            raise UsageError(
                f"{loaded.path}: the {info.role} is not the one the policy pins: expected sha256 {pin}, "
                f"got {info.sha256}; review what changed, then update the pin"
            )


def _spec_beside(spec: Spec, folder: Path) -> Spec:
    return Spec(
        format=spec.format,
        location=_beside(spec.location, folder),
        options={key: _beside(value, folder) for key, value in spec.options.items()},
    )


def _beside(text: str, folder: Path) -> str:
    """The path below ``folder`` if there is one; project numbers, URLs and presets stay as they are."""
    path = folder / text
    return os.fspath(seen_from_here(path)) if path.exists() else text


def seen_from_here(path: Path) -> Path:
    """Relative to the working directory if it is below, so that reports read the same elsewhere."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
