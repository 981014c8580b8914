"""Policy files: read, resolved and checked, with every problem in one error."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from segcore.documents import YamlDocument, key_path, parse_yaml
from segcore.errors import (
    DocumentError,
    InvalidInputError,
    OntologyError,
    RefusedFileError,
    UsageError,
)
from segcore.files import read_bytes
from segcore.limits import MAX_YAML_BYTES
from segcore.ontology import Ontology
from segcore.ontology_file import named_ontology, ontology_from_document
from segcore.sources import Source, Spec
from segcore.wording import printable
from segcore_gates import day
from segcore_gates.errors import PolicyError, PolicyProblem, PushOptionsError
from segcore_gates.looks import with_looks
from segcore_gates.policy import GATE_ID, Coverage, Defaults, Policy, pin_of, usable_gates
from segcore_gates.policy_messages import explain
from segcore_gates.policy_paths import PolicyPaths
from segcore_gates.pushes import Push, configure
from segcore_gates.resolution import Around, check_class_names, resolve_rules
from segcore_gates.rules import Check, Rule
from segcore_gates.sections import resolve_sections
from segcore_gates.slices.attribute_file import AttributeTable, load_attributes
from segcore_gates.slices.policy import as_read
from segcore_gates.waivers.resolution import resolve_waivers
from segcore_gates.waivers.waiver import Waiver

__all__ = ["LoadedPolicy", "load_policy"]

_Path = tuple[str | int, ...]

_GATE_ID: Final = re.compile(GATE_ID)
_MAX_PROBLEMS: Final = 100
_RESERVED: Final = frozenset({"coverage", "lint", "signal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """A policy that can be judged by.

    Attributes
    ----------
    path : Path
        The file.
    policy : Policy
        What it says.
    ontology : Ontology
        The classes it is judged by, its own or those of the gold.
    checks : tuple of Check
        All that is judged, in the order it is judged and reported in.
    gold, delivery : Spec
        Variables replaced, paths relative to the working directory.
    gold_sha256, delivery_sha256 : str or None
        The pins: what the input's digest must begin with.
    sha256 : str
        Of the policy's bytes.
    push : Mapping of str to Push
        The platforms that are pushed to, by name, with their options.
    attributes : AttributeTable or None
        What the policy itself says of the images.
    waivers : Mapping of str to Waiver
        By the id of the check that each of them excuses.
    files : Mapping of str to Path
        Other files that it names, by the key that does: ``regression.baseline``.
    today : date
        The day by which waivers expire.
    """

    path: Path
    policy: Policy
    ontology: Ontology
    checks: tuple[Check, ...]
    gold: Spec
    delivery: Spec
    gold_sha256: str | None
    delivery_sha256: str | None
    sha256: str
    push: Mapping[str, Push] = field(default_factory=dict)
    attributes: AttributeTable | None = None
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    today: datetime.date = field(default_factory=day.today)
    _document: YamlDocument = field(repr=False)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The metrics among the checks: coverage, the gates as written, classes in ontology order."""
        return tuple(check for check in self.checks if isinstance(check, Rule) and check.of_batch)

    def line(self, path: _Path = ()) -> int:
        """The 1-based line of a key, or of its nearest ancestor that is written."""
        return self._document.line(path)


def load_policy(
    path: Path,
    *,
    environ: Mapping[str, str],
    open_source: Callable[[Spec], Source] | None = None,
    sections: bool = True,
    today: datetime.date | None = None,
    ontology: Ontology | None = None,
) -> LoadedPolicy:
    """Read and check one policy file.

    Parameters
    ----------
    path : Path
        A ``*.gate.yaml`` file; paths in it are relative to its folder.
    environ : Mapping of str to str
        The variables that paths may use as ``${NAME}``.
    open_source : callable or None
        Opens the gold where it has to name the classes; None is :func:`segcore.open`.
    sections : bool
        False for whoever writes what a section names: the files of sections are not read, and the
        checks are those of the gates.
    today : date or None
        The day by which waivers expire; None is :func:`segcore_gates.day.today`.
    ontology : Ontology or None
        The classes, where they are known already.

    Raises
    ------
    PolicyError
        The policy, or the ontology it names, cannot be used; carries all problems.
    SpecError
        There is no such file.
    InvalidInputError
        The policy has no ontology and the gold, which would have to name the classes, is faulty.
    """
    file = str(path)
    try:
        data = read_bytes(file, limit=MAX_YAML_BYTES, follow_symlinks=True)
        document = parse_yaml(data, file=file)
    except RefusedFileError as e:
        message = f"expected {e.expected}, got {e.got}"
        problem = PolicyProblem(code=e.code, file=file, line=None, path="", message=message)
        raise PolicyError([problem]) from None
    except DocumentError as e:
        raise PolicyError(map(_from_document_error, e.problems)) from None
    loader = _Loader(path, document, environ, open_source, today or day.today())
    return loader.load(hashlib.sha256(data).hexdigest(), sections=sections, ontology=ontology)


def _from_document_error(e: DocumentError) -> PolicyProblem:
    return PolicyProblem(code=e.code, file=e.file, line=e.line, path="", message=e.problem)


class _Loader:
    def __init__(
        self,
        path: Path,
        document: YamlDocument,
        environ: Mapping[str, str],
        open_source: Callable[[Spec], Source] | None,
        today: datetime.date,
    ) -> None:
        self._open_source = open_source
        self._today = today
        self._path = path
        self._document = document
        self._problems: dict[PolicyProblem, None] = {}
        self._paths = PolicyPaths(path.parent, environ, self.refuse)

    def load(self, sha256: str, *, sections: bool, ontology: Ontology | None) -> LoadedPolicy:
        value = self._document.value
        if not isinstance(value, dict):
            self.refuse("policy.bad_value", (), "a policy holds the keys version, gold, delivery, gates")
            raise self._error()
        for gate_id in value["gates"] if isinstance(value.get("gates"), dict) else ():
            self._check_gate_id(gate_id)
        raw = self._prepared(value)
        policy = self._validated(raw)
        gold, delivery = self._paths.spec("gold", raw), self._paths.spec("delivery", raw)
        push = self._push(raw.get("push"))
        attributes = self._attributes(raw.get("attributes") if sections else None)
        ontology = ontology or self._ontology(raw, gold)
        checks: tuple[Check, ...] = ()
        waivers: dict[str, Waiver] = {}
        if ontology is not None:
            check_class_names(self._document, ontology, self.refuse)
            rules = resolve_rules(
                policy.gates if policy is not None else usable_gates(raw),
                coverage=policy.coverage if policy is not None else Coverage(),
                defaults=policy.defaults if policy is not None else Defaults(),
                ontology=ontology,
                document=self._document,
                refuse=self.refuse,
                groups=policy.groups if policy is not None else {},
            )
            around = Around(
                ontology=ontology,
                document=self._document,
                rules=rules,
                defaults=policy.defaults if policy is not None else Defaults(),
                refuse=self.refuse,
                located=self._paths.located,
                named=self._paths.named,
            )
            checks = rules
            if policy is not None and sections:
                rules = with_looks(rules, policy.looks, self.refuse)
                checks = resolve_sections(policy, replace(around, rules=rules))
                waivers = resolve_waivers(policy.waivers, checks, today=self._today, refuse=self.refuse)
        if self._problems or policy is None or gold is None or delivery is None or ontology is None:
            raise self._error()
        return LoadedPolicy(
            path=self._path,
            policy=policy,
            ontology=ontology,
            checks=checks,
            gold=gold,
            delivery=delivery,
            gold_sha256=pin_of(policy.gold),
            delivery_sha256=pin_of(policy.delivery),
            sha256=sha256,
            push=push,
            attributes=attributes,
            waivers=waivers,
            files=self._paths.files,
            today=self._today,
            _document=self._document,
        )

    def refuse(self, code: str, path: _Path, message: str) -> None:
        problem = PolicyProblem(
            code=code,
            file=self._document.file,
            line=self._document.line(path),
            path=key_path(path),
            message=message,
        )
        self._problems[problem] = None
        if len(self._problems) >= _MAX_PROBLEMS:
            raise self._error()

    def _error(self) -> PolicyError:
        own = self._document.file
        return PolicyError(sorted(self._problems, key=lambda p: (p.file != own, p.file, p.line or 0)))

    def _check_gate_id(self, gate_id: str) -> None:
        path = ("gates", gate_id)
        if gate_id in _RESERVED:
            self.refuse(
                "policy.bad_key", path, f"{gate_id!r} is the name of a built-in rule: choose another"
            )
        elif not _GATE_ID.fullmatch(gate_id):
            problem = "a gate is named with small letters, digits and single dashes, such as class-iou"
            self.refuse("policy.bad_key", path, problem)

    def _prepared(self, value: dict[str, Any]) -> dict[str, Any]:
        """What is written, with text where text is meant: a class called 123, a checksum of digits."""
        self._refuse_nothing(value, ())
        raw = dict(value)
        for key in ("name", "gold", "delivery", "groups"):
            if key in raw:
                raw[key] = self._as_text((key,))
        if isinstance(raw.get("slices"), dict):
            raw["slices"] = as_read(raw["slices"], self._as_text)
        if isinstance(raw.get("gates"), dict):
            raw["gates"] = {
                gate_id: {**gate, "classes": self._as_text(("gates", gate_id, "classes"))}
                if isinstance(gate, dict) and "classes" in gate
                else gate
                for gate_id, gate in raw["gates"].items()
            }
        if isinstance(raw.get("regression"), dict) and "of" in raw["regression"]:
            raw["regression"] = {**raw["regression"], "of": self._as_text(("regression", "of"))}
        if isinstance(raw.get("waivers"), list):
            raw["waivers"] = [
                {
                    key: value if key == "floor" else self._as_text(("waivers", i, key))
                    for key, value in entry.items()
                }
                if isinstance(entry, dict)
                else entry
                for i, entry in enumerate(raw["waivers"])
            ]
        return raw

    def _refuse_nothing(self, value: object, path: _Path) -> None:
        """An empty value could mean 'off' or 'the default', so it means neither."""
        if value is None:
            hint = (
                " (a decimal comma? numbers are written with a point)" if str(path[-1]).isdigit() else ""
            )
            self.refuse("policy.bad_value", path, f"the key has no value{hint}")
        elif isinstance(value, dict) and path != ("ontology",):
            for key, item in value.items():
                self._refuse_nothing(item, (*path, key))
        elif isinstance(value, list):
            for i, item in enumerate(value):
                self._refuse_nothing(item, (*path, i))

    def _as_text(self, path: _Path) -> object:
        value: Any = self._document.value
        for step in path:
            value = value[step]
        if isinstance(value, dict):
            return {key: self._as_text((*path, key)) for key in value}
        if isinstance(value, list):
            return [self._as_text((*path, i)) for i in range(len(value))]
        return None if value is None else self._document.text(path)

    def _validated(self, raw: dict[str, Any]) -> Policy | None:
        try:
            return Policy.model_validate(raw)
        except ValidationError as e:
            refused = {problem.path for problem in self._problems}
            for error in e.errors(include_url=False):
                code, path, message = explain(error, self._document)
                if key_path(path) not in refused or code == "policy.missing_key":
                    self.refuse(code, path, message)
        return None

    def _push(self, given: object) -> dict[str, Push]:
        """The platforms below ``push``; those with problems are left out."""
        found: dict[str, Push] = {}
        for name, options in given.items() if isinstance(given, dict) else ():
            if not isinstance(options, dict):
                continue
            path = ("push", name)
            known = {
                key: self._paths.expand(value, (*path, key)) if isinstance(value, str) else value
                for key, value in options.items()
            }
            known = {key: value for key, value in known.items() if value is not None}
            try:
                found[name] = configure(name, known)
            except PushOptionsError as e:
                for problem in e.problems:
                    # An option without a usable value was refused already, and is not missing.
                    if problem.code != "policy.missing_key" or known.keys() == options.keys():
                        self.refuse(problem.code, (*path, *problem.steps), problem.message)
        return found

    def _attributes(self, given: object) -> AttributeTable | None:
        """The file of attributes; None where there is none, or it was refused."""
        path = self._paths.located(given, ("attributes",)) if isinstance(given, str) and given else None
        try:
            return None if path is None else load_attributes(path)
        except PolicyError as error:
            self._problems |= dict.fromkeys(error.problems)
            return None

    def _ontology(self, raw: dict[str, Any], gold: Spec | None) -> Ontology | None:
        given = raw.get("ontology")
        try:
            if isinstance(given, dict):
                return ontology_from_document(self._document, ("ontology",))
            if isinstance(given, str):
                location = self._paths.expand(given, ("ontology",))
                return None if location is None else named_ontology(self._paths.beside(location))
        except OntologyError as e:
            self._problems |= dict.fromkeys(map(_from_document_error, e.problems))
            if not e.problems:
                self.refuse("policy.bad_value", ("ontology",), printable(str(e), limit=400))
            return None
        return None if "ontology" in raw or gold is None else self._ontology_of_gold(gold)

    def _ontology_of_gold(self, gold: Spec) -> Ontology | None:
        import segcore

        try:
            source = (self._open_source or segcore.open)(gold)
            ontology = source.ontology
        except UsageError as e:
            self.refuse("policy.bad_value", ("gold",), printable(str(e), limit=400))
            return None
        if ontology is None:
            if source.faults.errors:
                raise InvalidInputError(source.faults.sorted())
            problem = (
                f"the gold ({printable(str(gold), limit=200)}) names no classes: add the key 'ontology'"
            )
            self.refuse("policy.missing_key", (), problem)
        return ontology
