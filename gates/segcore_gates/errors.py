"""The judge's own exceptions; they join the core's tree below :class:`segcore.errors.UsageError`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from segcore.errors import UsageError

__all__ = ["OptionProblem", "PolicyError", "PolicyProblem", "PushOptionsError"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """One thing wrong with a policy or with the ontology it names.

    Attributes
    ----------
    code : str
        ``policy.*`` (see :data:`segcore.faults.CODES`).
    file : str
        The file as the user named it.
    line : int or None
        1-based; None where the file keeps no lines.
    path : str
        ``gates.class-iou.min.car``; empty where the file as a whole is meant.
    message : str
        What is wrong and what to do about it.
    """

    code: str
    file: str
    line: int | None
    path: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class PolicyError(UsageError):
    """A policy cannot be used; ``str()`` is one ``file:line: key.path: message`` per line.

    Attributes
    ----------
    problems : tuple of PolicyProblem
        Everything that is wrong with it, by line.
    """

    def __init__(self, problems: Iterable[PolicyProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[Callable[..., PolicyError], tuple[tuple[PolicyProblem, ...]]]:
        # Exceptions are pickled by their message; worker processes must hand this one back whole.
        return PolicyError, (self.problems,)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionProblem:
    """One thing wrong with the options a policy gives to a platform.

    Attributes
    ----------
    key : str or None
        The option; None where the options as a whole are meant.
    message : str
        What is wrong and what to do about it.
    code : str
        ``policy.*`` (see :data:`segcore.faults.CODES`).
    """

    key: str | None
    message: str
    code: str = "policy.bad_value"

    @property
    def steps(self) -> tuple[str, ...]:
        """The way from the options to what is meant."""
        return () if self.key is None else (self.key,)


class PushOptionsError(UsageError):
    """A platform does not take the options a policy gives it.

    Attributes
    ----------
    problems : tuple of OptionProblem
        Everything that is wrong with them.
    """

    def __init__(self, problems: Iterable[OptionProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(f"{p.key}: {p.message}" if p.key else p.message for p in self.problems)
        )

    def __reduce__(self) -> tuple[Callable[..., PushOptionsError], tuple[tuple[OptionProblem, ...]]]:
        # Exceptions are pickled by their message; worker processes must hand this one back whole.
        return PushOptionsError, (self.problems,)
