"""The ``verify.py`` of a bundle: the modules of the verifier, joined into one file."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Final

__all__ = ["KNOWN", "joined"]

_MODULES: Final = (
    "container",
    "documents",
    "student_t",
    "binomial",
    "ratios",
    "tables",
    "measures",
    "verdicts",
    "members",
    "verification",
    "command",
)
"""In an order in which each needs only those before it."""

_PACKAGE: Final = "segcore_gates.evidence.verifier"
_OWN_IMPORT: Final = re.compile(rf"^from {re.escape(_PACKAGE)}\S* import (\([^)]*\)|.*)\n", re.MULTILINE)
_FUTURE: Final = "from __future__ import annotations\n"
_EXPORTS: Final = re.compile(r"^__all__ = \[[^]]*\]\n", re.MULTILINE)

_HEAD: Final = '''\
#!/usr/bin/env python3
"""Verify a segcore evidence bundle: python3 -I verify.py BUNDLE [--previous EARLIER].

The standard library of Python 3.9 or later is all it needs.  It checks that every member is the one that
was written and computes the verdicts again from the counts, with mathematics of its own.  Whoever forges
a bundle can change this copy too: get it from where you trust it, such as ``segcore verify``.
"""

from __future__ import annotations
'''

KNOWN: Final[dict[str, str]] = {}
"""Digests of the ``verify.py`` of earlier versions, by version."""


@cache
def joined() -> bytes:
    """The file; the same bytes wherever this version is installed."""
    parts = [_HEAD]
    for name in _MODULES:
        text = files(_PACKAGE).joinpath(f"{name}.py").read_text("utf-8")
        for cut in (_OWN_IMPORT, _EXPORTS):
            text = cut.sub("", text)
        parts.append(f"\n# ---- {name}\n\n{text.replace(_FUTURE, '')}")
    text = "".join(parts).replace("\r\n", "\n")
    return re.sub(r"\n{4,}", "\n\n\n", text).encode()


def digest() -> str:
    """SHA-256 of :func:`joined`."""
    return hashlib.sha256(joined()).hexdigest()
