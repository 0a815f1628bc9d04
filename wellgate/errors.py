"""The ways a run may stop on purpose, and their exit codes. Messages name files, lines and ids, never record text."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable

OK, CRASHED, INPUT_WRONG, GATE_SAID_NO = 0, 1, 2, 3
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)


class InputError(Exception):
    """The recipe or the data is wrong: one clear line (or several), exit code 2."""


class Crashed(Exception):
    """A launched process died for a reason that it has printed itself: exit code 1."""


class GateRefusal(Exception):
    """The gate said no, or its evidence is incomplete: exit code 3."""


def guarded(work: Callable[[], int]) -> int:
    """Run, and turn what stops on purpose into one clear line and its exit code."""
    try:
        return work()
    except InputError as error:
        print(f"wellgate: {error}", file=sys.stderr)
        return INPUT_WRONG
    except GateRefusal as error:
        print(f"wellgate: {error}", file=sys.stderr)
        return GATE_SAID_NO
    except Crashed as error:
        print(f"wellgate: {error}", file=sys.stderr)
        return CRASHED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read this has seen enough
        return OK
    except OSError as error:
        if error.errno not in NO_ROOM:
            return crashed(error)
        place = f" at {error.filename}" if error.filename else ""
        print(
            f"wellgate: {error.strerror}{place}; make room or set runs_dir, and run again: completed stages are kept",
            file=sys.stderr,
        )
        return INPUT_WRONG
    except KeyboardInterrupt:
        print("wellgate: interrupted; run again to go on from here", file=sys.stderr)
        return CRASHED
    except Exception as error:
        return crashed(error)


def crashed(error: Exception) -> int:
    """Say where a bug struck, but not the library's message: it may quote a record. WELLGATE_DEBUG=1 shows it."""
    if os.environ.get("WELLGATE_DEBUG"):
        raise error
    places = "".join(traceback.format_tb(error.__traceback__))
    print(
        f"{places}wellgate: crashed with {type(error).__name__}; its message is withheld, it may quote a record"
        " (WELLGATE_DEBUG=1 shows it). Completed stages are kept.",
        file=sys.stderr,
    )
    return CRASHED
