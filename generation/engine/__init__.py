"""What workers do: fit, upload, submit, poll and collect jobs, all derived from the rows.

Read `engine.py` for the loops, one module each for the steps, and docs/engine.md for the whole.
"""

from __future__ import annotations

from typing import Protocol


class _Wakeable(Protocol):
    def wake(self) -> None: ...


_running: list[_Wakeable] = []


def wake_running_engine() -> None:
    """Wake the engine of this process, if there is one. Callable from any thread."""
    for engine in list(_running):
        engine.wake()


def register(engine: _Wakeable) -> None:
    """Name an engine as running in this process."""
    _running.append(engine)


def unregister(engine: _Wakeable) -> None:
    """Forget an engine that stops."""
    if engine in _running:
        _running.remove(engine)
