"""The command of a verifier: what it prints, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from segcore_gates.evidence.verifier.container import MAX_BYTES, NoBundleError, RejectedError
from segcore_gates.evidence.verifier.verification import Verification, verified

__all__ = ["lines_of", "main"]

_USAGE = "usage: python3 -I verify.py BUNDLE [--previous EARLIER]"


def lines_of(found: Verification) -> list[str]:
    """What a verifier says of a bundle that is whole."""
    bundle = found.bundle
    parts = [
        ("recomputed from counts", found.recomputed, ""),
        ("limit checked against the recorded value", found.limited, _named(found.limited)),
        ("without a value", found.unjudged, _named(found.unjudged)),
    ]
    counted = [f"{what}: {len(ids)}{names}" for what, ids, names in parts if ids]
    return [
        f"bundle: sha256 {bundle.digest}",
        "policy: sha256 {}".format(bundle.manifest["policy"]["sha256"]),
        "outcome: {}".format(bundle.manifest["outcome"]),
        *counted,
        found.chain,
        *[f"WRONG: {printable_line(problem)}" for problem in found.problems],
    ]


def _named(ids: Sequence[str]) -> str:
    shown = ", ".join(printable_line(one) for one in ids[:5])
    return " ({}{})".format(shown, ", ..." if len(ids) > 5 else "") if ids else ""


def printable_line(text: str) -> str:
    """Text of a bundle without control characters and without an end; names come from vendors."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:400])
    return shown.encode("ascii", "backslashreplace").decode("ascii")


def main(arguments: Sequence[str]) -> int:
    """Verify a file; 0 if it holds, 1 if not, 3 if it is no bundle, 4 for a wrong call."""
    words = list(arguments)
    earlier: str | None = None
    if len(words) == 3 and "--previous" in words[:2]:
        at = words.index("--previous")
        earlier = words[at + 1]
        del words[at : at + 2]
    if len(words) != 1 or words[0].startswith("-"):
        return _say([_USAGE], 4)
    try:
        data = _bytes(words[0])
        found = verified(data, previous=None if earlier is None else _bytes(earlier))
    except OSError as error:
        return _say([f"cannot read: {error}"], 3)
    except NoBundleError as error:
        return _say([f"no evidence bundle: {error}"], 3)
    except RejectedError as error:
        return _say([f"REJECTED: {printable_line(str(error))}"], 1)
    end = "REJECTED" if found.problems else "the bundle is whole and its verdicts follow from its counts"
    return _say([*lines_of(found), end], 1 if found.problems else 0)


def _bytes(path: str) -> bytes:
    with open(path, "rb") as stream:  # noqa: PTH123 - Python 3.9 and no import more than needed
        return stream.read(2 * MAX_BYTES + 1)


def _say(lines: Sequence[str], code: int) -> int:
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
