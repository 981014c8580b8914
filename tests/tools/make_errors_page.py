"""Write ``docs/errors.md`` from the fault codes.  ``tests/test_docs.py`` holds the page up to date.

Usage: python tests/tools/make_errors_page.py
"""

from __future__ import annotations

from pathlib import Path

from segcore.faults import CODES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"

HEAD = """\
# Errors

## Exit codes

| code | meaning |
|---:|---|
| 0 | accepted |
| 1 | rejected: a gate failed |
| 2 | not enough evidence |
| 3 | the input is invalid |
| 4 | usage or policy error; or a gate that cannot be judged as written, such as AP without scores |
| 5 | internal error: a fault of segcore, not of your data |

130 is Ctrl-C and 141 a closed pipe, as everywhere. Errors go to standard error and show no traceback
without `--debug`. Names that come from files are printed with control characters escaped.

## Faults

A fault is one thing wrong with an input: code, file, image, annotation, what was expected and what was
found. `error` refuses the input, `warning` is reported. Nothing is repaired, and all faults of an input
are reported in one run. Scripts may rely on the codes. `--json` lists every fault; the terminal shows of
a code with more than ten faults the first five, and a line that counts the others and names some images.
"""


def page() -> str:
    families = dict.fromkeys(code.partition(".")[0] for code in CODES)
    return "\n".join([HEAD, *(section(family) for family in families)])


def section(family: str) -> str:
    rows = [
        f"| `{code}` | {severity.value} | {meaning} |"
        for code, (severity, meaning) in CODES.items()
        if code.startswith(f"{family}.")
    ]
    return "\n".join(
        [f"### `{family}.`", "", "| code | severity | meaning |", "|---|---|---|", *rows, ""]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
