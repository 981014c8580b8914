"""The sub-commands, found through the entry-point group ``segcore.commands``.

Each entry point is a plain function with typer annotations.  A command is loaded when it is
called or listed; one that cannot be loaded costs only itself.  A name such as ``push.label-studio``
is the command ``push label-studio``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from segcore import __version__
from segcore.cli import ExitCode
from segcore.cli.failures import extra_providing
from segcore.errors import MissingExtraError, UsageError

__all__ = ["COMMANDS", "run"]

COMMANDS: Final = "segcore.commands"
"""The entry-point group.  A distribution adds a command ``NAME = "package.module:function"``."""

# typer carries its own click since 0.26 and does not export this class
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]


_ANYTHING: Final = {"ignore_unknown_options": True, "allow_extra_args": True}
"""A command that cannot run says so, whatever it is called with."""


_GROUPS: Final = {
    "fiftyone": "Set up FiftyOne.",
    "gates": "Check policies, and write what they hold batches against.",
    "push": "Write results back to the platform the annotations came from.",
    "watch": "Judge again when annotations change on a platform.",
}
"""What the commands of several platforms have in common."""


class _Commands(TyperGroup):
    """A group whose commands are entry points, loaded one at a time."""

    prefix = ""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature of the base class
        own = [name for name in _entry_points() if name.startswith(self.prefix)]
        return sorted({name.removeprefix(self.prefix).partition(".")[0] for name in own})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        name = self.prefix + cmd_name
        found = None if "." in cmd_name else _entry_points().get(name)
        if found is not None:
            return _command(cmd_name, found)
        return _group(cmd_name, name) if cmd_name in self.list_commands(ctx) else None


def _group(name: str, path: str) -> Any:
    """The command ``name`` that has commands of its own: the entry points below ``path``."""

    class Commands(_Commands):
        prefix = f"{path}."

    app = typer.Typer(cls=Commands, add_completion=False, rich_markup_mode=None)
    app.callback(help=_GROUPS.get(path))(_nothing)
    command = typer.main.get_command(app)
    command.name = name
    return command


def _nothing() -> None:
    """All is done by the commands."""


@cache
def _entry_points() -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=COMMANDS):
        others = found.get(point.name, ())
        if all(point.value != other.value for other in others):
            found[point.name] = (*others, point)
    return found


def _command(name: str, points: tuple[EntryPoint, ...]) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    if len(points) > 1:
        listed = ", ".join(sorted(point.value for point in points))
        app.command(name, context_settings=_ANYTHING)(
            _unusable(UsageError(f"two packages provide {name!r}: {listed}"))
        )
    else:
        try:
            app.command(name, no_args_is_help=False)(points[0].load())
        except ImportError as error:
            app.command(name, context_settings=_ANYTHING)(_unusable(_not_loaded(name, error)))
    return typer.main.get_command(app)


def _not_loaded(name: str, error: ImportError) -> UsageError:
    extra = extra_providing(error.name or "")
    if extra is None:
        return UsageError(f"the command {name!r} cannot be loaded: {error}")
    return MissingExtraError(f'the command {name!r} needs {error.name}: pip install "segcore[{extra}]"')


def _unusable(error: UsageError) -> Any:
    def command(context: typer.Context) -> None:  # noqa: ARG001 - typer asks for a parameter
        raise error

    command.__doc__ = f"(not available: {error})"
    return command


def _version(show: bool) -> None:
    if show:
        typer.echo(f"segcore {__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Decide, class by class, whether a delivered batch of segmentation annotations is good enough.

    Start with: segcore demo
    """


def run(words: Sequence[str]) -> int:
    """Run the command ``words`` name and return its exit code.

    Exceptions of the command pass through; a wrong call is reported here.
    """
    app = typer.Typer(cls=_Commands, add_completion=False, rich_markup_mode=None)
    app.callback()(_root)
    command = typer.main.get_command(app)
    try:
        # not command.main(): typer answers a closed pipe with exit code 1, which means rejected here
        with command.make_context("segcore", list(words) or ["--help"]) as context:
            result = command.invoke(context)
    except typer.Exit as leaving:
        # nothing was asked for: help, but not the exit code of an accepted batch
        return leaving.exit_code if words else ExitCode.USAGE
    except typer.Abort:
        raise KeyboardInterrupt from None
    except _ClickError as error:
        return _report_wrong_call(error)
    return result if isinstance(result, int) else ExitCode.ACCEPTED


def _report_wrong_call(error: Any) -> int:
    context = getattr(error, "ctx", None)
    path = "segcore" if context is None else context.command_path
    message = error.format_message()
    if message:
        typer.echo(f"{path}: {message}", err=True)
    typer.echo(f"Try '{path} --help'.", err=True)
    return ExitCode.USAGE
