"""Specs: ``FORMAT:LOCATION[?key=value&...]``, the one way to name a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

from segcore.errors import SpecError
from segcore.wording import did_you_mean

__all__ = ["Spec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A parsed spec.

    Attributes
    ----------
    format : str
        ``coco``, ``png``, ``cityscapes`` ...
    location : str
        A path, or a URL any fsspec file system understands.
    options : dict of str
        What came after ``?``.
    """

    format: str
    location: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Split ``text``.

        Raises
        ------
        SpecError
            There is no format or no location, or an option has no value or is given twice.
        """
        format_, colon, rest = text.partition(":")
        if not colon or not format_ or "/" in format_ or "\\" in format_:
            raise SpecError(
                f"{text!r} is not a source: expected FORMAT:LOCATION, "
                "such as coco:gold.json or png:masks/"
            )
        location, _, query = rest.partition("?")
        if not location:
            raise SpecError(f"{text!r} names no location after {format_!r}:")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError:
            raise SpecError(
                f"{text!r}: options are written ?key=value&key=value, got {query!r}"
            ) from None
        options: dict[str, str] = {}
        for key, value in pairs:
            if key in options:
                raise SpecError(f"{text!r}: option {key!r} is given twice")
            if not value:
                raise SpecError(f"{text!r}: option {key!r} has no value")
            options[key] = value
        return cls(format=format_, location=location, options=options)

    def require_known(self, known: Iterable[str]) -> None:
        """Refuse options that are not in ``known``.

        Raises
        ------
        SpecError
            Names the option and the closest known one.
        """
        known = sorted(known)
        for key in self.options:
            if key not in known:
                hint = did_you_mean(key, known)
                listed = ", ".join(known) or "none"
                raise SpecError(f"{self}: unknown option {key!r}{hint} ({self.format} takes: {listed})")

    def __str__(self) -> str:
        query = "&".join(f"{key}={quote(value, safe='/:,')}" for key, value in self.options.items())
        return f"{self.format}:{self.location}" + (f"?{query}" if query else "")
