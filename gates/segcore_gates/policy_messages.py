"""pydantic's findings in the words of the person who wrote the policy."""

from __future__ import annotations

import re
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from segcore.documents import YamlDocument
from segcore.wording import did_you_mean, printable
from segcore_gates.gate_base import CeilingGate, ShareCeilingGate
from segcore_gates.gate_values import likely_overlap
from segcore_gates.gates import GATE_MODELS
from segcore_gates.policy import Policy

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["explain"]

_Path = tuple[str | int, ...]

_CEILINGS: Final = frozenset({"max", "warn_above"})
_OF_OBJECTS: Final = frozenset({"curve", "iou", "sizes"})
_LESS_IS_BETTER: Final = {"min": "max", "warn_below": "warn_above"}
_NUMBER_AS_TEXT: Final = re.compile(r"\s*[-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)\s*%?\s*")


def explain(error: ErrorDetails, document: YamlDocument) -> tuple[str, _Path, str]:
    """What one validation error means.

    Returns
    -------
    code : str
        ``policy.*``.
    path : tuple of str or int
        The key in the document.
    message : str
        What is wrong and, where it can be told, what was meant.
    """
    path = _path_in_document(error["loc"])
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path, document)
    if kind == "missing":
        return "policy.missing_key", path[:-1], f"the key {path[-1]!r} is missing"
    if kind == "union_tag_not_found" and isinstance(_value(document, path), dict):
        return "policy.missing_key", path, "the key 'metric' is missing"
    if kind == "union_tag_invalid" and path[0] == "gates" and len(path) == 2:
        return _unknown_metric((*path, "metric"), document)
    if _is_share(path, document) and kind not in {"dict_type", "too_short", "value_error"}:
        return "policy.threshold", path, _share_problem(path, document)
    return "policy.bad_value", path, _value_problem(error, path, document)


def _path_in_document(location: tuple[str | int, ...]) -> _Path:
    """Without the branch names pydantic puts into a path: ``gates, class-iou, iou, min``."""
    steps = [step for i, step in enumerate(location) if not (i == 2 and location[0] == "gates")]
    return tuple(step for step in steps if not (isinstance(step, str) and step.startswith("<")))


def _value(document: YamlDocument, path: _Path) -> Any:
    value: Any = document.value
    for step in path:
        value = value[step]
    return value


def _shown(document: YamlDocument, path: _Path) -> str:
    try:
        return f"'{printable(document.text(path), limit=40)}'"
    except KeyError:
        return "a list" if isinstance(_value(document, path), list) else "a mapping"


def _in_px(path: _Path, document: YamlDocument) -> bool:
    """Whether it is a limit in pixels, or a mapping of them."""
    ceiling = path[0] == "gates" and len(path) > 2 and path[2] in _CEILINGS
    return ceiling and issubclass(GATE_MODELS[_value(document, path[:2])["metric"]], CeilingGate)


def _is_share(path: _Path, document: YamlDocument) -> bool:
    if path[0] == "gates" and len(path) > 2:
        if path[2] in _CEILINGS:
            return not _in_px(path, document)
        inside = {"curve", "sizes"}  # of which the keys below are shares
        return path[2] in {"below_iou", "confidence", "iou", "min", "warn_below"} or (
            path[2] in inside and len(path) > 3 and path[2:] != ("sizes", "absent")
        )
    if path[0] in {"lints", "signals"}:
        return path[-1] in {"iou", "min_gain", "p", "share"}
    if path[0] == "slices":
        return path[2:] == ("max_gap",)
    return path in {("coverage", "gold_images"), ("defaults", "confidence")}


def _model(document: YamlDocument, path: _Path) -> type[BaseModel]:
    """The model of the mapping at ``path``."""
    if path[:1] == ("gates",):
        gate = GATE_MODELS[_value(document, path[:2])["metric"]]
        return _models_at(gate, path[2:])[0]
    return _models_at(Policy, path)[0]


def _models_at(model: type[BaseModel], path: _Path) -> list[type[BaseModel]]:
    """The models that the mapping at ``path`` inside of ``model`` may be one of."""
    kinds: list[Any] = [model]
    for step in path:
        kinds = [kind for outer in kinds for kind in _inside(outer, step)]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _inside(kind: Any, step: str | int) -> list[Any]:
    """What may stand at a key of a model or a mapping, or at a place of a list."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field for name, field in kind.model_fields.items()}
        return _alternatives(fields[str(step)].annotation) if step in fields else []
    inner = get_args(kind)
    return _alternatives(inner[-1 if get_origin(kind) is dict else 0]) if inner else []


def _alternatives(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return [kind for part in get_args(annotation) for kind in _alternatives(part)]
    return [annotation]


def _unknown_key(path: _Path, document: YamlDocument) -> tuple[str, _Path, str]:
    key = str(path[-1])
    model = _model(document, path[:-1])
    hint = did_you_mean(key, [field.alias or name for name, field in model.model_fields.items()])
    others = [metric for metric, other in GATE_MODELS.items() if key in other.model_fields]
    if others and path[0] == "gates" and len(path) == 3:
        own = _value(document, path[:-1])["metric"]
        hint = f": {own} has none ({_and(others)} {'has' if len(others) == 1 else 'have'})"
        if issubclass(GATE_MODELS[own], CeilingGate) and key in _LESS_IS_BETTER:
            hint = f": less {own} is better, so write {_LESS_IS_BETTER[key]}, in pixels"
        if issubclass(GATE_MODELS[own], ShareCeilingGate) and key in _LESS_IS_BETTER:
            hint = f": less {own} is better, so write {_LESS_IS_BETTER[key]}, a share"
        if own == "bad-image-share" and key in _OF_OBJECTS:
            hint = f": {own} is about pixels; of objects gate good-object-share, recall or f1"
    return "policy.unknown_key", path, f"unknown key '{printable(key)}'{hint}"


def _unknown_metric(path: _Path, document: YamlDocument) -> tuple[str, _Path, str]:
    metric = _value(document, path)
    known = _and(list(GATE_MODELS))
    hint = did_you_mean(metric, GATE_MODELS) if isinstance(metric, str) else ""
    return "policy.bad_value", path, f"unknown metric {_shown(document, path)}{hint} (there are {known})"


def _and(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _share_problem(path: _Path, document: YamlDocument) -> str:
    value = _value(document, path)
    wanted = {
        "confidence": "a share between 0.5 and 1 (neither of them itself)",
        "gold_images": "all, or a share between 0 and 1",
        "below_iou": "a share above 0, up to 1",
        "max_gap": "a share above 0, up to 1",
        "iou": "a share above 0, up to 1",
        "min_gain": "a share above 0, up to 1",
        "p": "a share above 0, up to 1",
        "share": "a share above 0, up to 1",
    }.get(str(path[-1]), "a share between 0 and 1")
    if isinstance(value, str) and _NUMBER_AS_TEXT.fullmatch(value):
        number = float(value.strip().rstrip("% ").replace(",", "."))
        meant = number / 100 if "%" in value or number > 1 else number
        reason = "is text, not a number"
        if "," in value:
            reason += " (numbers are written with a point)"
        elif "%" not in value:
            reason += " (numbers are written without quotes)"
        return f"'{printable(value)}' {reason}; {_meant(meant, wanted)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        written = printable(document.text(path), limit=40)
        if 10 <= value <= 100:
            return f"{written} is not {wanted}; {_meant(value / 100, wanted)}"
        return f"{written} is not {wanted}"
    if isinstance(value, dict) and path[0] == "gates" and len(path) == 3 and "iou" not in str(path[2]):
        metric = _value(document, path[:2])["metric"]
        return f"{metric} has one limit, not one for each class: write a number"
    return f"expected {wanted}, got {_shown(document, path)}"


def _meant(number: float, wanted: str) -> str:
    return f"did you mean {number:.10g}?" if 0 <= number <= 1 else f"expected {wanted}"


def _value_problem(error: ErrorDetails, path: _Path, document: YamlDocument) -> str:
    kind, context = error["type"], error.get("ctx", {})
    value = _value(document, path)
    got = f"got {_shown(document, path)}"
    if path == ("version",):
        return f"this version of segcore reads policies of version 1, {got}"
    if kind == "value_error" and path[0] == "gates" and path[2:] == ("iou",):
        return f"{context['error']}, {got}{likely_overlap(value)}"
    if kind == "value_error":
        return f"{context['error']}" if isinstance(value, dict) else f"{context['error']}, {got}"
    if kind in {"literal_error", "enum"}:
        allowed = re.findall(r"'([^']*)'", context["expected"])
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        return f"expected {' or '.join(allowed)}, {got}{hint}"
    in_px = _in_px(path, document)
    if (in_px and len(path) > 3) or (path[0] == "gates" and path[2:] == ("tolerance_px",)):
        return f"expected a number of pixels, 0 or more, {got}"
    if path[0] == "waivers" and path[-1] == "floor":
        return f"expected a number, 0 or more, {got}"
    if path[:2] == ("regression", "max_drop") and len(path) == 3:
        return f"expected a number, 0 or more, in the unit of the gates, {got}"
    drops = path == ("regression", "max_drop")
    if kind == "dict_type" and (drops or in_px or _is_share(path, document)):
        example = "0.01" if drops else "5" if in_px else "0.85"
        written = document.text(path) if isinstance(value, (int, float)) else example
        return (
            f"limits are given by class: write {path[-1]}: {{default: {printable(written, limit=40)}}}"
        )
    if kind == "too_short":
        return "it is empty: name at least one" if value else "it is empty"
    if kind in {"int_type", "greater_than_equal"}:
        return f"expected a whole number, {context.get('ge', 0)} or more, {got}"
    if kind == "string_pattern_mismatch" and path[-1] != "sha256":
        return f"expected text, {got}"
    if kind == "string_pattern_mismatch":
        return f"expected 12 to 64 hex digits (0-9, a-f), {got}"
    if kind in {"string_type", "string_too_short"}:
        return f"expected text, {got}"
    if kind == "tuple_type":
        return f"expected a list, {got}"
    if kind in {"dict_type", "model_type", "model_attributes_type", "union_tag_not_found"}:
        return f"expected keys and values, {got}"
    if kind == "union_tag_invalid" and path[-1] == "classes":
        return f"expected all, things, stuff or a list of names, {got}"
    if kind == "union_tag_invalid":
        return f"expected text or keys and values, {got}"
    return f"{error['msg']}, {got}"
