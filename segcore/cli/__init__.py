"""The ``segcore`` command: exit codes and errors here, the sub-commands from entry points.

Exit codes: 0 accepted, 1 rejected, 2 not enough evidence, 3 the input is invalid, 4 usage or
policy error, 5 internal error.  130 and 141 are what a shell expects after Ctrl-C and a closed
pipe, so that neither is read as a verdict.
"""

from __future__ import annotations

import enum
import io
import os
import sys
from collections.abc import Sequence

from segcore import __version__

__all__ = ["ExitCode", "main"]


class ExitCode(enum.IntEnum):
    """What ``segcore`` tells the shell."""

    ACCEPTED = 0
    REJECTED = 1
    INSUFFICIENT = 2
    INVALID = 3
    USAGE = 4
    INTERNAL = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    args : sequence of str, optional
        Arguments without the program name; those of the process by default.

    Returns
    -------
    int
        An :class:`ExitCode`.
    """
    words = list(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name outside the locale must not end a run
    debug = _take_debug(words)
    try:
        if words == ["--version"]:
            sys.stdout.write(f"segcore {__version__}\n")
            code = int(ExitCode.ACCEPTED)
        else:
            from segcore.cli.commands import run

            code = run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # what is left in the buffer has no reader either; without this the interpreter complains at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        from segcore.cli.failures import explain

        code, message = explain(error)
        sys.stderr.write(f"segcore: {message}\n")
    return code


def _take_debug(words: list[str]) -> bool:
    """Remove ``--debug`` wherever it stands before ``--``; what follows belongs to pytest."""
    end = words.index("--") if "--" in words else len(words)
    own = words[:end]
    if "--debug" not in own:
        return False
    words[:end] = [word for word in own if word != "--debug"]
    return True
