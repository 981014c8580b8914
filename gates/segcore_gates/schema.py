"""The JSON Schema by which editors complete, check and explain a policy while it is typed."""

from __future__ import annotations

import json
from typing import Any, Final

from segcore_gates.policy import GATE_ID, Policy

__all__ = ["editor_schema", "schema_text"]

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def editor_schema() -> dict[str, Any]:
    """The policy as JSON Schema, draft-07 (what yaml-language-server documents).

    pydantic's own schema is a start, not the product: its ``oneOf`` with a discriminator, which
    validators ignore, becomes ``if metric is X then ...``, so that one typo gives one message;
    references are written out, because draft-07 ignores what stands beside a ``$ref``, and
    with it the hover text.  Titles and nulls go.
    """
    raw = Policy.model_json_schema()
    schema = _rewritten(raw, raw.pop("$defs"))
    gates = schema["properties"]["gates"]
    gate = gates.pop("additionalProperties")
    gates |= {
        "additionalProperties": False,
        "patternProperties": {GATE_ID: gate},
        "propertyNames": {"not": {"const": "coverage"}},
    }
    schema["properties"]["slices"] |= {"propertyNames": {"pattern": GATE_ID}}
    return {"$schema": _DRAFT, **schema}


def schema_text() -> str:
    """The schema as ``segcore schema`` prints it and as it is shipped in ``gate.schema.json``."""
    return json.dumps(editor_schema(), indent=2, sort_keys=True) + "\n"


def _rewritten(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_rewritten(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "discriminator" in node:
        return _by_metric(node, definitions)
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        own = {key: value for key, value in node.items() if key != "$ref"}
        return _rewritten({**target, **own}, definitions)
    if "oneOf" in node or {"type": "null"} in node.get("anyOf", ()):
        return _rewritten(_without_null(node), definitions)
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {name: _rewritten(item, definitions) for name, item in value.items()}
        elif key == "default" and isinstance(value, dict):
            kept[key] = {name: item for name, item in value.items() if item is not None}
        elif key != "title" and (key, value) != ("default", None):
            kept[key] = _rewritten(value, definitions)
    return kept


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Alternatives without null; a single one that is left replaces the choice."""
    for key in ("anyOf", "oneOf"):
        if key in node:
            rest = {name: value for name, value in node.items() if name != key}
            kept = [item for item in node[key] if item != {"type": "null"}]
            return {**kept[0], **rest} if len(kept) == 1 else {**rest, "anyOf": kept}
    return node


def _by_metric(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    mapping = node["discriminator"]["mapping"]
    return {
        "type": "object",
        "required": ["metric"],
        "properties": {"metric": {"enum": list(mapping), "description": "What the gate measures."}},
        "allOf": [
            {
                "if": {"required": ["metric"], "properties": {"metric": {"const": metric}}},
                "then": _rewritten({"$ref": reference}, definitions),
            }
            for metric, reference in mapping.items()
        ],
    }
