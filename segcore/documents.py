"""The one reader of documents: JSON and YAML, strictly.

Annotation files come from strangers and policies decide over money.  What two readers could
understand differently (duplicate keys, NaN, aliases, merge keys, tags) is refused with its
place, and a class called ``no`` stays ``no``.  PyYAML is imported here and nowhere else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from segcore.errors import DocumentError
from segcore.limits import MAX_DOCUMENT_DEPTH, MAX_YAML_BYTES
from segcore.strict_json import is_text, looks_like, parse_json
from segcore.wording import printable

if TYPE_CHECKING:
    import yaml

__all__ = ["YamlDocument", "key_path", "parse_document", "parse_json", "parse_yaml"]

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {
    text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED_INT: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_NUMBER_LENGTH: Final = 100
_MAX_PROBLEMS: Final = 50


@dataclass(slots=True)
class _Node:
    """Where a value was written, and how."""

    line: int
    text: str | None = None
    children: dict[str | int, _Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """A YAML document that remembers the line and the text of everything in it.

    Attributes
    ----------
    file : str
        What errors call it.
    value : object
        dict with str keys, list, str, int, float, bool or None.
    """

    file: str
    value: object
    _root: _Node = field(repr=False)

    def line(self, path: tuple[str | int, ...] = ()) -> int:
        """The 1-based line of the key or item at ``path``, or of its nearest known ancestor.

        0 in a document that was read from JSON.
        """
        node = self._root
        for step in path:
            if (child := node.children.get(step)) is None:
                break
            node = child
        return node.line

    def text(self, path: tuple[str | int, ...]) -> str:
        """The scalar at ``path`` as it was written: ``007`` and ``no`` stay what they are.

        Raises
        ------
        KeyError
            There is no scalar at ``path``.
        """
        node = self._root
        for step in path:
            node = node.children[step]
        if node.text is None:
            raise KeyError(path)
        return node.text


def key_path(path: Iterable[str | int]) -> str:
    """``gates.class-iou.min.car``, ``classes[3].name``: a path as people write it."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in path)
    return shown.removeprefix(".")


def parse_document(data: bytes, *, file: str) -> YamlDocument:
    """Read one document that may be JSON (by its suffix, or because it is an object) or YAML.

    Raises
    ------
    DocumentError
        See :func:`parse_json` and :func:`parse_yaml`.
    """
    suffix = PurePosixPath(file).suffix.lower()
    if suffix == ".json" or (suffix not in {".yaml", ".yml"} and data.lstrip().startswith(b"{")):
        if len(data) > MAX_YAML_BYTES:
            raise _too_large(data, file)
        value = parse_json(data, file=file)
        try:
            return YamlDocument(file=file, value=value, _root=_without_lines(value))
        except _TooDeepError:
            problem = f"nested deeper than {MAX_DOCUMENT_DEPTH} levels"
            raise DocumentError("json.too_deep", problem, file=file) from None
    return parse_yaml(data, file=file)


def _without_lines(value: object, depth: int = 0) -> _Node:
    node = _Node(0)
    if isinstance(value, (dict, list)):
        if depth >= MAX_DOCUMENT_DEPTH:
            raise _TooDeepError(0)
        items = value.items() if isinstance(value, dict) else enumerate(value)
        node.children = {step: _without_lines(item, depth + 1) for step, item in items}
    else:
        node.text = value if isinstance(value, str) else json.dumps(value)
    return node


def parse_yaml(data: bytes, *, file: str) -> YamlDocument:
    """Read one YAML document, strictly.

    Scalars follow the YAML 1.2 core schema: only ``true`` and ``false`` are booleans, ``1e3``
    is a number, ``0,8``, ``no`` and ``2027-01-15`` are text.  Keys are always their text.

    Parameters
    ----------
    data : bytes
        The whole file, UTF-8.
    file : str
        What errors call it.

    Raises
    ------
    DocumentError
        ``policy.*`` or ``limits.bytes``: a key twice in one mapping, anchors, aliases, merge
        keys, tags, keys that are not plain text, several documents, numbers that are not
        finite, an empty file, too deep nesting or a syntax error.  All problems found are in
        :attr:`~segcore.errors.DocumentError.problems`.
    """
    import yaml

    if len(data) > MAX_YAML_BYTES:
        raise _too_large(data, file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        hint = looks_like(data)
        problem = (
            f"the file is not UTF-8 text: it looks like {hint}" if hint else "the file is not UTF-8 text"
        )
        raise DocumentError("policy.syntax", problem, file=file, line=line) from None

    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
            if len(builder.problems) >= _MAX_PROBLEMS:
                break
    except yaml.YAMLError as e:
        builder.refuse("policy.syntax", *_explain_yaml(e, text))
    except _TooDeepError as e:
        builder.refuse("policy.syntax", f"nested deeper than {MAX_DOCUMENT_DEPTH} levels", e.line)
    if not builder.problems and builder.value is None:
        builder.refuse("policy.empty", "the file is empty", 1)
    if builder.problems:
        first, *others = builder.problems
        raise DocumentError(first.code, first.problem, file=file, line=first.line, others=others)
    return YamlDocument(file=file, value=builder.value, _root=builder.root)


def _too_large(data: bytes, file: str) -> DocumentError:
    problem = f"the file has {len(data)} bytes, the limit is {MAX_YAML_BYTES}"
    return DocumentError("limits.bytes", problem, file=file)


def _explain_yaml(e: yaml.YAMLError, text: str) -> tuple[str, int | None]:
    """What a PyYAML error means, and the 1-based line it points at."""
    mark: yaml.Mark | None = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
    if mark is None:
        position = getattr(e, "position", 0)
        return "the file holds a character YAML does not allow", text.count("\n", 0, position) + 1
    problem = str(getattr(e, "problem", None) or getattr(e, "context", None))
    if "\\t" in problem:
        problem = "YAML is indented with spaces, not with tabs"
    elif "mapping values are not allowed here" in problem:
        problem = "a value that holds ': ' must be quoted, or the indentation is wrong"
    return f"not valid YAML: {problem}", mark.line + 1


class _TooDeepError(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


@dataclass(slots=True)
class _Frame:
    """One open mapping or sequence; ``step`` is its key or index in the one around it."""

    value: dict[str, object] | list[object]
    node: _Node
    step: str | int
    key: str | None = None
    key_line: int = 0
    key_is_kept: bool = True

    def awaits_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    def next_step(self) -> str | int:
        return len(self.value) if isinstance(self.value, list) else self.key or ""


class _Builder:
    """Builds values from parser events with a stack of its own, so that no input can exhaust ours."""

    def __init__(self, file: str) -> None:
        self.problems: list[DocumentError] = []
        self.documents = 0
        self.value: object = None
        self.root = _Node(1)
        self._file = file
        self._stack: list[_Frame] = []

    def refuse(self, code: str, problem: str, line: int | None) -> None:
        self.problems.append(DocumentError(code, problem, file=self._file, line=line))

    def take(self, event: yaml.Event) -> None:
        import yaml

        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.NodeEvent):
            self._check_node(event, line)
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents == 2:
                self.refuse(
                    "policy.syntax", "the file holds several documents; write one file for each", line
                )
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.AliasEvent):
            self._place(None, _Node(line, ""))
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({}, line)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([], line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop()

    def _check_node(self, event: yaml.NodeEvent, line: int) -> None:
        import yaml

        if event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            problem = f"{sign}{event.anchor}: anchors and aliases are not allowed; write the value out"
            self.refuse("policy.alias", problem, line)
        tag = getattr(event, "tag", None)
        if tag is not None:
            problem = f"tag {printable(tag)}: tags are not allowed; write a plain value"
            self.refuse("policy.tag", problem, line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        text: str = event.value
        plain = event.style is None
        if not is_text(text):
            self.refuse("policy.syntax", f"'{printable(text)}' holds half a surrogate pair", line)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.awaits_key():
            self._key(frame, text, plain=plain, line=line)
            return
        value: object = text
        if plain:
            try:
                value = _resolve(text)
            except ValueError as e:
                self.refuse("policy.syntax", f"{self._where()}{e}", line)
        self._place(value, _Node(line, text))

    def _where(self) -> str:
        """The path of the value that is read now, ready to put before a problem."""
        steps = [frame.step for frame in self._stack[1:]]
        return f"{key_path([*steps, self._stack[-1].next_step()])}: " if self._stack else ""

    def _key(self, frame: _Frame, text: str, *, plain: bool, line: int) -> None:
        frame.key, frame.key_line, frame.key_is_kept = text, line, False
        first = frame.node.children.get(text)
        if plain and text == "<<":
            self.refuse("policy.merge_key", "merge keys (<<) are not allowed; write the keys out", line)
        elif not text:
            self.refuse("policy.bad_key", "an empty key", line)
        elif first is not None:
            problem = f"key '{printable(text)}' is given twice; line {first.line} has it already"
            self.refuse("policy.duplicate_key", problem, line)
        else:
            frame.key_is_kept = True

    def _open(self, value: dict[str, object] | list[object], line: int) -> None:
        if len(self._stack) >= MAX_DOCUMENT_DEPTH:
            raise _TooDeepError(line)
        node = _Node(line)
        if self._stack and self._stack[-1].awaits_key():
            kind = "list" if isinstance(value, list) else "mapping"
            self.refuse("policy.bad_key", f"a {kind} cannot be a key; keys are plain names", line)
        step = self._stack[-1].next_step() if self._stack else ""
        self._place(value, node)
        self._stack.append(_Frame(value, node, step))

    def _place(self, value: object, node: _Node) -> None:
        """Put a value where the innermost open mapping or sequence wants it."""
        if not self._stack:
            self.value, self.root = value, node
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.node.children[len(frame.value)] = node
            frame.value.append(value)
        elif frame.key is None:
            frame.key, frame.key_is_kept = "", False
        else:
            if frame.key_is_kept:
                node.line = frame.key_line
                frame.node.children[frame.key] = node
                frame.value[frame.key] = value
            frame.key = None


def _resolve(text: str) -> object:
    """The value of a plain scalar by the YAML 1.2 core schema; ValueError for unusable numbers."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a usable number; quote it if it is meant as text")
    is_int, is_float = _INT.fullmatch(text), _FLOAT.fullmatch(text)
    if (is_int or is_float or _BASED_INT.fullmatch(text)) is None:
        return text
    if len(text) > _MAX_NUMBER_LENGTH:
        raise ValueError(f"a number of {len(text)} characters; quote it if it is meant as text")
    if is_int:
        return int(text)
    if not is_float:
        return int(text, 0)
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number; quote it if it is meant as text")
    return number
