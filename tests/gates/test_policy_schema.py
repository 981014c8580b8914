"""The schema by which editors help: up to date, plain draft-07, and of one mind with the loader."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from segcore.documents import parse_yaml
from segcore_gates.gates import GATE_MODELS
from segcore_gates.schema import editor_schema, schema_text

POLICIES = Path(__file__).resolve().parent.parent / "data" / "policies"

CHECKS = {
    "type", "const", "enum", "not", "anyOf", "allOf", "if", "then", "required", "properties",
    "patternProperties", "additionalProperties", "propertyNames", "minProperties", "items", "minItems",
    "minLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
}  # fmt: skip
"""The draft-07 keywords the evaluator below knows."""
ANNOTATIONS = {"$schema", "default", "description"}

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}

LIMITS = {
    "minimum": lambda v, limit: v >= limit,
    "maximum": lambda v, limit: v <= limit,
    "exclusiveMinimum": lambda v, limit: v > limit,
    "exclusiveMaximum": lambda v, limit: v < limit,
}


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and every schema inside it."""
    yield schema
    for key in ("properties", "patternProperties"):
        for inner in schema.get(key, {}).values():
            yield from subschemas(inner)
    for key in ("not", "if", "then", "items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key])
    for key in ("anyOf", "allOf"):
        for inner in schema.get(key, []):
            yield from subschemas(inner)


def errors(value: Any, schema: dict[str, Any], path: str = "$") -> Iterator[str]:
    """Where ``value`` breaks ``schema``: draft-07, as far as CHECKS go."""
    types = schema.get("type")
    if types is not None and not any(
        TYPES[t](value) for t in ([types] if isinstance(types, str) else types)
    ):
        yield f"{path}: not {types}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{path}: not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: not one of {schema['enum']}"
    if "not" in schema and not list(errors(value, schema["not"])):
        yield f"{path}: forbidden"
    if "anyOf" in schema and all(list(errors(value, inner)) for inner in schema["anyOf"]):
        yield f"{path}: none of the alternatives"
    for inner in schema.get("allOf", []):
        yield from errors(value, inner, path)
    if "if" in schema and not list(errors(value, schema["if"])):
        yield from errors(value, schema["then"], path)
    if isinstance(value, dict):
        yield from object_errors(value, schema, path)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: too few items"
        for i, item in enumerate(value):
            yield from errors(item, schema.get("items", {}), f"{path}[{i}]")
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield f"{path}: too short"
        if not re.search(schema.get("pattern", ""), value):
            yield f"{path}: does not match"
    if TYPES["number"](value):
        for key, holds in LIMITS.items():
            if key in schema and not holds(value, schema[key]):
                yield f"{path}: {key} {schema[key]}"


def object_errors(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}: lacks {key}" for key in schema.get("required", []) if key not in value)
    if len(value) < schema.get("minProperties", 0):
        yield f"{path}: too few keys"
    for key, item in value.items():
        inner = [schema["properties"][key]] if key in schema.get("properties", {}) else []
        inner += [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, key)]
        for one in inner or [schema.get("additionalProperties", True)]:
            if one is False:
                yield f"{path}.{key}: unknown"
            elif one is not True:
                yield from errors(item, one, f"{path}.{key}")
        yield from errors(key, schema.get("propertyNames", {}), f"{path}.{key}")


def policy(name: str) -> Any:
    path = POLICIES / f"{name}.gate.yaml"
    return parse_yaml(path.read_bytes(), file=path.name).value


def test_the_shipped_schema_is_the_one_the_models_give():
    shipped = files("segcore_gates").joinpath("gate.schema.json").read_text(encoding="utf-8")

    assert shipped == schema_text(), "write schema_text() to gates/segcore_gates/gate.schema.json"


def test_the_command_prints_the_shipped_schema(capsys):
    from segcore_gates.cli.schema import schema

    code = schema()

    assert code == 0
    assert capsys.readouterr().out == schema_text()


def test_the_schema_is_plain_draft_07_without_references_nulls_and_titles():
    schema = json.loads(schema_text())

    used = {key for inner in subschemas(schema) for key in inner}

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert used <= CHECKS | ANNOTATIONS
    assert "null" not in schema_text()


def test_every_key_is_explained():
    unexplained = [
        name
        for schema in subschemas(editor_schema())
        for name, inner in schema.get("properties", {}).items()
        if "const" not in inner and not inner.get("description")
    ]

    assert unexplained == []


@pytest.mark.parametrize(
    "name",
    sorted(path.name.removesuffix(".gate.yaml") for path in POLICIES.glob("positive/*.gate.yaml")),
)
def test_every_good_policy_is_valid(name):
    assert list(errors(policy(f"positive/{name}"), editor_schema())) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("keys", "$.defalts: unknown"),
        ("keys", "$.defaults.confidnce: unknown"),
        ("keys", "$.gates.Class_IoU: unknown"),
        ("keys", "$.gates.coverage: forbidden"),
        ("missing-keys", "$: lacks version"),
        ("missing-keys", "$.gates.a: lacks min"),
        ("missing-keys", "$.gates.b: lacks metric"),
        ("no-gates", "$.gates: too few keys"),
        ("regression-values", "$.regression.max_drop.car: minimum 0"),
        ("bad-images", "$.gates.a: lacks below_iou"),
        ("bad-images", "$.gates.b.min: unknown"),
        ("bad-images", "$.gates.d.max.default: maximum 1"),
        ("bad-images", "$.gates.h.below_iou: unknown"),
        ("objects", "$.gates.a: lacks iou"),
        ("objects", "$.gates.b.iou: none of the alternatives"),
        ("objects", "$.gates.c.iou: none of the alternatives"),
        ("objects", "$.gates.f.scores: not one of ['equal', 'area']"),
        ("objects", "$.gates.g.iou: none of the alternatives"),
        *[("objects", f"$.gates.{gate}.iou: none of the alternatives") for gate in "dexz"],
        *[("objects", f"$.gates.a{gate}.iou: none of the alternatives") for gate in "abcdefg"],
        ("objects", "$.gates.ah.sizes.absent: not one of ['error', 'warn']"),
        ("objects", "$.gates.j.sizes.smal: unknown"),
        ("objects", "$.gates.k.sizes.small.default: maximum 1"),
        ("objects", "$.gates.q.curve.100: maximum 1"),
        ("objects", "$.gates.r.curve: too few keys"),
        ("objects", "$.gates.s.curve.1e2: unknown"),
        ("objects", "$.gates.u.iou: unknown"),
        ("outlines", "$.gates.a: lacks dilation"),
        *[("outlines", f"$.gates.{gate}.dilation: none of the alternatives") for gate in "bcdefghiz"],
        ("outlines", "$.gates.j.tolerance_px: unknown"),
        ("outlines", "$.gates.l: lacks tolerance_px"),
        ("outlines", "$.gates.n.tolerance_px: minimum 0"),
        ("outlines", "$.gates.o.tolerance_px: not number"),
        ("outlines", "$.gates.p.sizes: unknown"),
        ("outlines", "$.gates.q: lacks max"),
        ("outlines", "$.gates.q.min: unknown"),
        ("outlines", "$.gates.r.max.default: minimum 0"),
        ("outlines", "$.gates.s.max: not object"),
        ("outlines", "$.gates.w: lacks dilation"),
        ("outlines", "$.gates.y.dilation: unknown"),
        ("thresholds", "$.gates.a.min.default: maximum 1"),
        ("thresholds", "$.gates.a.min.road: not number"),
        ("thresholds", "$.gates.a.min.no: minimum 0"),
        ("thresholds", "$.gates.b.min: not object"),
        ("thresholds", "$.gates.c.min: not number"),
        ("thresholds", "$.defaults.confidence: exclusiveMaximum 1"),
        ("thresholds", "$.coverage.gold_images: none of the alternatives"),
        ("classes", "$.gates.f.classes: none of the alternatives"),
        ("inputs", "$.version: not 1"),
        ("inputs", "$.gold: none of the alternatives"),
        ("inputs", "$.defaults.support.images: minimum 1"),
        ("inline-ontology", "$.ontology: none of the alternatives"),
        ("push-nowhere", "$.push: too few keys"),
        ("push-options", "$.push.label-studio: not object"),
    ],
)
def test_an_editor_sees_what_the_loader_refuses(name, path):
    assert path in list(errors(policy(f"negative/{name}"), editor_schema()))


def test_a_wrong_metric_gives_one_message_not_one_for_each_metric():
    gates = {"gates": {"a": {"metric": "iuo", "min": {"default": 0.5}}}}
    schema = editor_schema()["properties"]["gates"]

    assert list(errors(gates["gates"], schema)) == [f"$.a.metric: not one of {sorted(GATE_MODELS)}"]
