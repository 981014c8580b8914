"""The files a new project begins with: an ontology and a policy, as text a person will edit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from segcore.ontology import LabelClass, Ontology
    from segcore_gates.proposals import Proposal

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


def policy_text(
    *,
    gold: str,
    delivery: str,
    ontology: str,
    example: str,
    proposals: Sequence[Proposal] = (),
    preset: str = "",
) -> str:
    """A policy with what is proposed, or with one gate by which every class must reach an IoU of 0.85.

    Parameters
    ----------
    gold, delivery : str
        Specs, relative to the folder of the policy.
    ontology : str
        File name of the ontology, beside the policy.
    example : str
        The class that shows how one class gets a limit of its own.
    proposals : sequence of Proposal
        Of the classes the gold has.
    preset : str
        Where they come from.
    """
    gates = (
        _proposed(proposals, preset)
        if any(p.kind.iou is not None for p in proposals)
        else _plain(example)
    )
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
            *gates,
            "",
        )
    )


def _plain(example: str) -> tuple[str, ...]:
    return (
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
    )


def _proposed(proposals: Sequence[Proposal], preset: str) -> Iterator[str]:
    """Gates with the limits that are proposed, each with its reason."""
    yield f"  # PROPOSALS, by the preset {preset} and the gold as it is: nobody has agreed to them yet."
    yield "  # Ask for no more than two careful people reach on the same 20 images, less 0.02."
    gated = [p for p in proposals if p.kind.iou is not None]
    proven = [p for p in gated if p.provable]
    yield from _gate("certified", proven, "bound", "the gold has images enough to prove these")
    others = [p for p in gated if not p.provable]
    yield from _gate("class-iou", others, "estimate", "too few gold images to ask for a proof")
    for p in proposals:
        if p.kind.iou is None:
            yield f"  # no limit for {_scalar(p.class_name)}: {p.kind.name}, look at every one"
    beside: dict[str, list[str]] = {}
    for p in gated:
        if p.kind.beside:
            beside.setdefault(p.kind.beside, []).append(_scalar(p.class_name))
    for n, (keys, names) in enumerate(beside.items(), start=1):
        yield f"  # beside-{n}: {{{keys}, classes: [{', '.join(names)}]}}   # proposal"


def _gate(name: str, proposals: Sequence[Proposal], judge: str, why: str) -> Iterator[str]:
    if not proposals:
        return
    yield f"  {name}:"
    yield "    metric: iou"
    yield f"    judge: {judge:<24}  # {why}"
    yield f"    classes: [{', '.join(_scalar(p.class_name) for p in proposals)}]"
    yield "    min:"
    for p in proposals:
        yield f"      {f'{_scalar(p.class_name)}: {p.kind.iou:.2f}':<29}  # {p.why}"


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
