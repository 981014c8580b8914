"""One task: which of its annotations counts, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from segcore.faults import Fault
from segcore.limits import MAX_NAME_LENGTH
from segcore.sources.coco_entries import is_id, is_plain
from segcore.wording import show
from segcore_labelstudio.images import TaskImage, UnknownImageError, task_images
from segcore_labelstudio.labeling import Labeling
from segcore_labelstudio.options import Options, Which
from segcore_labelstudio.results import RegionGroup, group_results, unsupported_type

__all__ = ["Chosen", "TaskPlan", "attributes_of", "plan_task"]

_MAX_ANNOTATIONS: Final = 10_000
_MAX_RESULT: Final = 100_000
"""Annotations of one task and entries of one result: far above what people draw."""

Attribute = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An annotation that counts.

    Attributes
    ----------
    at : int
        Its position in ``task["annotations"]``.
    id : int
    annotator : str or None
        Whose delivery it is, where every annotator's counts.
    groups : list of RegionGroup
        Its regions.
    drawn_by : str or None
        Who drew it: an address, else a number; None where it does not say.
    """

    at: int
    id: int
    groups: list[RegionGroup]
    annotator: str | None = None
    drawn_by: str | None = None


@dataclass(slots=True, kw_only=True)
class TaskPlan:
    """What one task gives.

    Attributes
    ----------
    id : int or None
        None where the task has none that is usable.
    images : tuple of TaskImage
        Empty where they cannot be told.
    chosen : list of Chosen
        The annotations that count; none where nothing is delivered.
    left_out : Counter of str
        Regions that do not count, by reason.
    unplaced : int
        Regions of annotations that were refused as a whole.
    faults : list of Fault
    """

    id: int | None = None
    images: tuple[TaskImage, ...] = ()
    chosen: list[Chosen] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unplaced: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """An annotation that may count; ``updated`` is None where it does not say when."""

    at: int
    annotation: Mapping[str, object]
    id: int
    updated: datetime | None
    groups: list[RegionGroup]


def plan_task(
    task: Mapping[str, object], *, file: str, labeling: Labeling | None, options: Options
) -> TaskPlan:
    """Decide what of a task counts.

    Parameters
    ----------
    task : mapping
        As the file holds it.
    file : str
        What faults call the file.
    labeling : Labeling or None
    options : Options

    Returns
    -------
    TaskPlan
        Nothing raises: what is wrong with the task is among the faults.
    """
    return _Planner(task, file, options).plan(labeling)


class _Planner:
    def __init__(self, task: Mapping[str, object], file: str, options: Options) -> None:
        self._task = task
        self._file = file
        self._options = options
        self._plan = TaskPlan()

    def plan(self, labeling: Labeling | None) -> TaskPlan:
        plan, task = self._plan, self._task
        given = task.get("id")
        if is_id(given):
            plan.id = given
        else:
            self._fault("ls.missing_field", "id: the number of the task", _shown(task, "id"))
        problem = self._find_images(labeling)
        annotations = task.get("annotations")
        if not isinstance(annotations, list):
            expected = "annotations: a list, as in the native JSON export"
            self._fault("ls.missing_field", expected, _shown(task, "annotations"))
            return plan
        if len(annotations) > _MAX_ANNOTATIONS:
            expected = f"at most {_MAX_ANNOTATIONS} annotations of a task"
            self._fault("limits.annotations", expected, f"{len(annotations)}")
            return plan
        candidates = self._candidates(annotations)
        self._count_apart("drafts", "draft")
        self._count_apart("predictions", "prediction")
        # Whoever asks for one annotator's work learns from the pairing what that one left out.
        asked = self._options.annotator is None or not annotations
        if not candidates and asked and self._options.which is not Which.GROUND_TRUTH:
            self._fault("ls.no_annotation", "", f"{len(annotations)} annotations")
        for owner, theirs in self._by_delivery(candidates).items():
            chosen = self._latest(theirs, owner)
            if chosen is None:
                continue
            if plan.images and plan.id is not None:
                plan.chosen.append(chosen)
                continue
            plan.unplaced += len(chosen.groups)
            if problem is not None:
                self._fault(problem.code, problem.expected, problem.got)
            for group in chosen.groups:
                for unsupported in filter(None, map(unsupported_type, group.entries)):
                    self._fault(*unsupported, group.id)
        return plan

    def _find_images(self, labeling: Labeling | None) -> UnknownImageError | None:
        """Note the images of the task; what is wrong with them matters only if they are delivered."""
        plan = self._plan
        try:
            plan.images = task_images(
                self._task.get("data"),
                task_id=plan.id or 0,
                labeling=labeling,
                image_field=self._options.image,
                key_field=self._options.key,
            )
        except UnknownImageError as problem:
            return problem
        return None

    def _by_delivery(self, candidates: list[_Candidate]) -> dict[str | None, list[_Candidate]]:
        """The candidates of each delivery: one, or one for each annotator."""
        found: dict[str | None, list[_Candidate]] = {}
        for candidate in candidates:
            owner = None
            if self._options.which is Which.ALL:
                owner = next(iter(_names_of(candidate.annotation)), "unknown")
            found.setdefault(owner, []).append(candidate)
        return found

    def _candidates(self, annotations: list[object]) -> list[_Candidate]:
        """The annotations that may count; the others are counted and named."""
        found: list[_Candidate] = []
        for at, annotation in enumerate(annotations):
            if not isinstance(annotation, dict):
                got = show(annotation)
                self._fault("ls.missing_field", f"annotations[{at}]: an object", got)
                continue
            result = annotation.get("result")
            groups: list[RegionGroup] = []
            if isinstance(result, list) and len(result) <= _MAX_RESULT:
                groups = group_results(result)
            if not self._is_sound(annotation, at):
                self._plan.unplaced += len(groups)
                continue
            reason = self._reason(annotation)
            if reason is None:
                found.append(
                    _Candidate(
                        at=at,
                        annotation=annotation,
                        id=annotation["id"],
                        updated=_updated(annotation),
                        groups=groups,
                    )
                )
            else:
                self._plan.left_out[reason] += len(groups)
        return found

    def _is_sound(self, annotation: Mapping[str, object], at: int) -> bool:
        """Whether what decides about an annotation has the right types."""
        before = len(self._plan.faults)
        own = annotation.get("id")
        name = own if is_id(own) else f"annotations[{at}]"
        if not is_id(own):
            got = _shown(annotation, "id")
            self._fault("ls.missing_field", "id: the number of the annotation", got, name)
        result = annotation.get("result")
        if not isinstance(result, list):
            self._fault("ls.missing_field", "result: a list", _shown(annotation, "result"), name)
        elif len(result) > _MAX_RESULT:
            expected = f"at most {_MAX_RESULT} entries of a result"
            self._fault("limits.annotations", expected, f"{len(result)}", name)
        for flag in ("was_cancelled", "ground_truth"):
            if not isinstance(annotation.get(flag), bool | None):
                got = show(annotation[flag])
                self._fault("ls.missing_field", f"{flag}: true or false", got, name)
        return len(self._plan.faults) == before

    def _reason(self, annotation: Mapping[str, object]) -> str | None:
        """Why an annotation does not count; None where it may."""
        options = self._options
        mine = options.annotator is None or options.annotator in _names_of(annotation)
        starred = bool(annotation.get("ground_truth"))
        wanted = starred == (options.which is Which.GROUND_TRUTH)
        if annotation.get("was_cancelled"):
            if mine and (wanted or starred):
                self._fault("ls.cancelled", "", "", annotation["id"])
            return "cancelled annotation"
        if not mine:
            return "other annotator"
        if wanted:
            return None
        if starred:
            self._fault("ls.ground_truth_in_delivery", "", "", annotation["id"])
            return "ground truth in delivery"
        return "not ground truth"

    def _latest(self, candidates: list[_Candidate], owner: str | None) -> Chosen | None:
        """The candidate that counts; None where it cannot be told, and a fault."""
        plan = self._plan
        regions = sum(len(candidate.groups) for candidate in candidates)
        names = show([candidate.id for candidate in candidates])
        if len(candidates) > 1 and self._options.which is Which.GROUND_TRUTH:
            self._fault("ls.ambiguous_gold", "one ground truth", f"annotations {names}")
            plan.unplaced += regions
            return None
        undated = [candidate for candidate in candidates if candidate.updated is None]
        if len(candidates) > 1 and undated:
            for candidate in undated:
                got = _shown(candidate.annotation, "updated_at")
                expected = "updated_at: a date and time, to find the latest"
                self._fault("ls.missing_field", expected, got, candidate.id)
            plan.unplaced += regions
            return None
        latest = max(candidates, key=lambda candidate: (candidate.updated or _NEVER, candidate.id))
        if len(candidates) > 1:
            got = f"annotations {names}"
            self._fault("ls.multiple_annotations", "one annotation", got, latest.id)
            plan.left_out["superseded annotation"] += regions - len(latest.groups)
        return Chosen(
            at=latest.at,
            id=latest.id,
            groups=latest.groups,
            annotator=owner,
            drawn_by=next(reversed(_names_of(latest.annotation)), None),
        )

    def _count_apart(self, name: str, reason: str) -> None:
        """Count the regions of drafts or predictions, where the file holds more than their ids."""
        entries = self._task.get(name)
        for entry in entries if isinstance(entries, list) else []:
            result = entry.get("result") if isinstance(entry, dict) else None
            if isinstance(result, list) and len(result) <= _MAX_RESULT:
                self._plan.left_out[reason] += len(group_results(result))

    def _fault(self, code: str, expected: str, got: str, annotation: object = None) -> None:
        own = annotation if isinstance(annotation, int | str) else None
        self._plan.faults.append(
            Fault(
                code=code,
                file=self._file,
                image=self._plan.images[0].key if len(self._plan.images) == 1 else None,
                image_id=self._plan.id,
                annotation=own,
                expected=expected,
                got=got,
            )
        )


_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _updated(annotation: Mapping[str, object]) -> datetime | None:
    text = annotation.get("updated_at")
    if not isinstance(text, str) or len(text) > 64:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _names_of(annotation: Mapping[str, object]) -> tuple[str, ...]:
    """What the annotator of an annotation may be called in a spec."""
    given = annotation.get("completed_by")
    if isinstance(given, dict):
        named = (given.get("id"), given.get("email"))
        return tuple(str(name) for name in named if is_id(name) or isinstance(name, str))
    return (str(given),) if is_id(given) else ()


def attributes_of(annotation: Mapping[str, object], *, task_id: int) -> dict[str, Attribute]:
    """Who drew an annotation and when; None for what is not there or has the wrong type."""
    user = annotation.get("completed_by")
    annotator = user.get("id") if isinstance(user, dict) else user
    email = user.get("email") if isinstance(user, dict) else None
    lead_time = annotation.get("lead_time")
    found: dict[str, Attribute] = {
        "task": task_id,
        "annotation": _id_or_none(annotation.get("id")),
        "annotator": _id_or_none(annotator),
        "annotator_email": _text_or_none(email),
        "updated_by": _id_or_none(annotation.get("updated_by")),
        "created_at": _text_or_none(annotation.get("created_at")),
        "updated_at": _text_or_none(annotation.get("updated_at")),
        "lead_time_s": _seconds_or_none(lead_time),
        "ground_truth": bool(annotation.get("ground_truth")),
    }
    return found if email is not None else {k: v for k, v in found.items() if k != "annotator_email"}


def _id_or_none(value: object) -> int | None:
    return value if is_id(value) else None


def _text_or_none(value: object) -> str | None:
    sound = isinstance(value, str) and len(value) <= MAX_NAME_LENGTH and is_plain(value)
    return str(value) if sound else None


def _seconds_or_none(value: object) -> float | None:
    if (type(value) is float or type(value) is int) and 0 <= value < 1e12:
        return float(value)
    return None


def _shown(mapping: Mapping[str, object], name: str) -> str:
    return show(mapping[name]) if name in mapping else "no such key"
