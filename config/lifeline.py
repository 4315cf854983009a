"""Ends a process once the one that started it is gone, however that one went.

The supervisor holds the writing end of a pipe and hands the reading end to each child. When the
supervisor dies, even by SIGKILL, the kernel closes the pipe and the children read its end. Works on
every POSIX system; prctl(PR_SET_PDEATHSIG) is Linux alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

#: The environment variable that carries the descriptor's number to a child.
VARIABLE = "DIPTYCH_LIFELINE"
#: Seconds that a process gets to end in order before it is ended.
GRACE_SECONDS = 15.0


def watch(*, grace_seconds: float = GRACE_SECONDS) -> threading.Thread | None:
    """Start watching the supervisor from this process; None where nobody supervises it.

    At the pipe's end this process gets SIGTERM, and after the grace SIGKILL with its whole group.
    """
    value = os.environ.get(VARIABLE, "")
    if not value.isdecimal():
        return None
    descriptor = int(value)
    try:
        os.set_inheritable(descriptor, False)
    except OSError:
        return None  # Inherited the variable, but not the pipe.
    thread = threading.Thread(
        target=_wait_for_end, args=(descriptor, grace_seconds), name="lifeline", daemon=True
    )
    thread.start()
    return thread


def _wait_for_end(descriptor: int, grace_seconds: float) -> None:
    """Block until the other end closes; nothing is ever written."""
    with contextlib.suppress(OSError):
        while os.read(descriptor, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_seconds)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
