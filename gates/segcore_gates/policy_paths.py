"""Where a policy's texts lead: variables replaced, paths seen from its folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from pydantic import ValidationError

from segcore.errors import SpecError
from segcore.sources import Spec
from segcore.wording import printable
from segcore_gates.policy import InputSpec
from segcore_gates.resolution import Refuse

__all__ = ["PolicyPaths"]

_Path = tuple[str | int, ...]

_VARIABLE: Final = re.compile(r"\$(\$|\{([A-Za-z_][A-Za-z0-9_]*)\})?")
_PLATFORMS: Final = frozenset({"fiftyone", "label-studio"})
"""Formats whose location names something on a platform, not a path."""
_PATH_OPTIONS: Final = frozenset({"gt", "masks", "names", "ontology"})


class PolicyPaths:
    """The texts of one policy.

    Parameters
    ----------
    folder : Path
        Of the policy.
    environ : mapping of str to str
        The variables.
    refuse : callable
        Takes what cannot be used.

    Attributes
    ----------
    files : dict of str to Path
        What :meth:`located` found so far, by key.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], refuse: Refuse) -> None:
        self._folder, self._environ, self._refuse = folder, environ, refuse
        self.files: dict[str, Path] = {}

    def spec(self, key: str, raw: dict[str, Any]) -> Spec | None:
        """The input that a key names; None where that was refused."""
        return self.named(raw.get(key), (key,))

    def named(self, given: object, at: _Path) -> Spec | None:
        """The input that a text or a mapping names; None where that was refused."""
        if isinstance(given, str) and given:
            try:
                spec = Spec.parse(given)
            except SpecError as e:
                self._refuse("policy.bad_value", at, printable(str(e), limit=400))
                return None
            paths: dict[str, _Path] = {}
        elif isinstance(given, dict):
            try:
                mapping = InputSpec.model_validate(given)
            except ValidationError:
                return None
            spec = Spec(
                format=mapping.format,
                location=mapping.path,
                options=dict(mapping.__pydantic_extra__ or {}),
            )
            paths = {name: (*at, name) for name in given}
        else:
            return None
        location = self.expand(spec.location, paths.get("path", at))
        options = {
            name: self.expand(option, paths.get(name, at)) for name, option in spec.options.items()
        }
        if location is None or None in options.values():
            return None
        return Spec(
            format=spec.format,
            location=location if spec.format in _PLATFORMS else self.beside(location),
            options={
                name: self.beside(option) if name in _PATH_OPTIONS else option
                for name, option in options.items()
                if option is not None
            },
        )

    def expand(self, text: str, path: _Path) -> str | None:
        """``text`` with its variables replaced; None where one of them cannot be."""
        failed = False

        def replace(match: re.Match[str]) -> str:
            nonlocal failed
            if match[1] == "$":
                return "$"
            if match[2] is None:
                failed = True
                self._refuse(
                    "policy.bad_value", path, "write ${NAME} for a variable and $$ for a dollar sign"
                )
            elif not self._environ.get(match[2]):
                failed = True
                state = "is empty" if match[2] in self._environ else "is not set"
                problem = f"the environment variable {match[2]} {state}"
                self._refuse("policy.unresolved_variable", path, problem)
            return "" if failed else self._environ[match[2]]

        expanded = _VARIABLE.sub(replace, text)
        return None if failed else expanded

    def beside(self, location: str) -> str:
        """A relative path, seen from the policy's folder."""
        if "://" in location or location.startswith("preset:") or PurePath(location).is_absolute():
            return location
        return str(self._folder / location)

    def located(self, text: str, path: _Path) -> Path | None:
        """The file that a text names; None where that was refused."""
        location = self.expand(text, path)
        if location is None:
            return None
        found = Path(self.beside(location))
        self.files[".".join(map(str, path))] = found
        return found
