"""The files a new project begins with: an ontology and a policy, as text a person will edit."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from segcore.ontology import LabelClass, Ontology

__all__ = ["ontology_text", "policy_text"]

MODELINE: Final = "# yaml-language-server: $schema=gate.schema.json"
"""What tells an editor where the schema of the policy is."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*( [A-Za-z0-9_-]+)*")
_RESERVED: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def ontology_text(ontology: Ontology, *, source: str) -> str:
    """An ontology file with the classes of ``ontology``, in their order.

    Parameters
    ----------
    source : str
        The spec the classes were read from; named in the first line.
    """
    lines = [
        f"# The classes of {_quoted(source)}; their order is the order of every report.",
        "classes:",
    ]
    lines += [f"  - {_class(c)}" for c in ontology.classes]
    for key, values in (("ignore", ontology.ignore), ("unlabeled", ontology.unlabeled)):
        if values:
            lines.append(f"{key}: [{', '.join(str(v) for v in values)}]")
    return "\n".join(lines) + "\n"


def policy_text(*, gold: str, delivery: str, ontology: str, example: str) -> str:
    """A policy with one gate: every class must reach an IoU of 0.85; others are comments.

    Parameters
    ----------
    gold, delivery : str
        Specs, relative to the folder of the policy.
    ontology : str
        File name of the ontology, beside the policy.
    example : str
        The class that shows how one class gets a limit of its own.
    """
    return "\n".join(
        (
            MODELINE,
            "version: 1",
            "",
            f"gold: {_quoted(gold)}",
            f"delivery: {_quoted(delivery)}",
            f"ontology: {_scalar(ontology)}",
            "",
            "gates:",
            "  class-iou:",
            "    metric: iou",
            "    min:",
            "      default: 0.85                  # every class, unless it is named below",
            f"      {f'# {_scalar(example)}: 0.90':<29}  # a class that matters more",
            "  # boundary:                        # outlines, which IoU of large objects hardly sees",
            "  #   metric: boundary-iou",
            "  #   dilation: 0.02                 # width of the band, a share of the diagonal",
            "  #   min: {default: 0.70}",
            "  # found:                           # objects, where both sides tell them apart",
            "  #   metric: f1",
            "  #   iou: 0.5",
            "  #   min: {default: 0.85}",
            "",
        )
    )


def _class(c: LabelClass) -> str:
    fields = [f"id: {c.id}", f"name: {_scalar(c.name)}"]
    if c.color is not None:
        fields.append('color: "#{:02x}{:02x}{:02x}"'.format(*c.color))
    if c.thing is not None:
        fields.append(f"thing: {'true' if c.thing else 'false'}")
    if c.aliases:
        fields.append(f"aliases: [{', '.join(_scalar(alias) for alias in c.aliases)}]")
    return "{" + ", ".join(fields) + "}"


def _scalar(text: str) -> str:
    """``text`` as a YAML scalar that is safe inside ``{...}``: plain, or quoted where it must be."""
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _RESERVED
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    r"""``text`` double-quoted; JSON's escapes are YAML's, and what is not printable becomes ``\U``."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
