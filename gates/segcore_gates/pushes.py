"""Where a policy pushes to: platforms found by name, and what they are given.

A platform registers in the entry-point group ``segcore.pushes``; the name of the entry point is the
key below ``push:`` of a policy, its value a function ``(options: Mapping[str, object]) -> Push`` that
checks the options (see :func:`problems_of`).  It is called whenever such a policy is read, also where
nothing is pushed, so it imports no client and asks no server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, Protocol

from segcore.errors import UsageError
from segcore.wording import did_you_mean, printable, show
from segcore_gates.errors import OptionProblem, PushOptionsError

if TYPE_CHECKING:
    from segcore_gates.judged import JudgedBatch
    from segcore_gates.session import SessionResult

__all__ = ["Attempt", "Push", "Pushed", "configure", "platforms", "problems_of", "push_all"]

_GROUP: Final = "segcore.pushes"

_VERDICTS: Final = frozenset({0, 1, 2})
"""Exit codes that say something about the batch."""

_KINDS: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What was done.

    Attributes
    ----------
    says : str
        In one line.
    notes : tuple of str
        What a reader might look for on the platform and not find.
    shows_objects : bool
        Whether the objects are shown by which gates on objects and segments fail, beside the pixels
        (see :meth:`JudgedBatch.failing_objects`).
    """

    says: str
    notes: tuple[str, ...] = ()
    shows_objects: bool = False


class Push(Protocol):
    """A platform with its options."""

    def __call__(self, batch: JudgedBatch) -> Pushed:
        """Show on the platform what is wrong with a batch; a batch that passes is shown as such.

        Whatever the verdict is, it stays: an error raised here is told apart from it.
        """


@cache
def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=_GROUP)}


def platforms() -> tuple[str, ...]:
    """The platforms that can be pushed to, sorted."""
    return tuple(sorted(_registered()))


def configure(name: str, options: Mapping[str, object]) -> Push:
    """A platform with the options of a policy.

    Raises
    ------
    PushOptionsError
        There is no such platform, it needs something that is not installed, or it does not take
        these options; carries all problems.
    """
    entry = _registered().get(name)
    if entry is None:
        known = platforms()
        message = (
            f"unknown platform '{printable(name)}'{did_you_mean(name, known)} "
            f"(known: {', '.join(known) or 'none'})"
        )
        raise PushOptionsError([OptionProblem(code="policy.unknown_key", key=None, message=message)])
    try:
        parse = entry.load()
    except ImportError as error:
        from segcore.cli.failures import extra_providing

        extra = extra_providing(error.name or "")
        message = f"the platform {name!r} " + (
            f"cannot be loaded: {error}"
            if extra is None
            else f'needs {error.name}: pip install "segcore[{extra}]"'
        )
        raise PushOptionsError(
            [OptionProblem(code="policy.bad_value", key=None, message=message)]
        ) from None
    try:
        push: Push = parse(options)
    except PushOptionsError:
        raise
    except UsageError as error:
        message = printable(str(error), limit=400)
        raise PushOptionsError([OptionProblem(key=None, message=message)]) from None
    return push


def problems_of(
    options: Mapping[str, object],
    kinds: Mapping[str, type | tuple[type, ...]],
    *,
    required: tuple[str, ...] = (),
) -> list[OptionProblem]:
    """The options a platform does not know or that are of another kind than it takes.

    Parameters
    ----------
    options : mapping of str to object
        As the policy has them: text, numbers, truth values, lists, mappings.
    kinds : mapping of str to type, or tuple of types
        ``bool``, ``int``, ``float`` and ``str`` by name of the option; a truth value is no number.
    required : tuple of str
        Names that must be there.
    """
    problems = [
        OptionProblem(code="policy.missing_key", key=None, message=f"the key {key!r} is missing")
        for key in required
        if key not in options
    ]
    for key, value in options.items():
        if key not in kinds:
            message = f"unknown key '{printable(key)}'{did_you_mean(key, kinds)}"
            problems.append(OptionProblem(code="policy.unknown_key", key=key, message=message))
            continue
        kind = kinds[key]
        allowed = kind if isinstance(kind, tuple) else (kind,)
        if type(value) not in allowed or value == "":
            listed = " or ".join(_KINDS[one] for one in allowed)
            problems.append(OptionProblem(key=key, message=f"expected {listed}, got {show(value)}"))
    return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A push of one policy to one platform.

    Attributes
    ----------
    policy : str
        Its path, as the report has it.
    platform : str
    result : Pushed or Exception
        What was done, or why it was not.
    """

    policy: str
    platform: str
    result: Pushed | Exception


def push_all(session: SessionResult) -> Iterator[Attempt]:
    """Push what the policies of a session ask for, one after the other.

    A batch that could not be judged is not pushed, and nothing is where the session itself broke.
    One that fails to be pushed does not keep the others from it.
    """
    from segcore_gates.judged import judged_in

    judged = [report for report in session.reports if report.exit_code in _VERDICTS]
    if session.exit_code not in _VERDICTS and len(judged) == len(session.reports):
        return
    for report in judged:
        for platform in report.pushes:
            result: Pushed | Exception
            try:
                batch = judged_in(session, report)
                pushed = batch.policy.push[platform](batch)
                beside = batch.beside_objects if pushed.shows_objects else batch.beside_pixels
                result = replace(pushed, notes=(*pushed.notes, *beside))
            except Exception as error:
                result = error
            yield Attempt(policy=report.path, platform=platform, result=result)
