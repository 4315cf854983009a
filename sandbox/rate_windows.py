"""Sliding windows of calls per account: how many are allowed within the last so many seconds."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` within any `seconds`."""

    calls: int
    seconds: float


class RateWindows:
    """Counts calls in memory: a restarted sandbox starts with empty windows.

    `clock` tells seconds. Calls that were refused do not count (ASSUMED).
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def take(self, account: str, operation: str, rate: Rate) -> bool:
        """Count one call; False, and nothing counted, if the window is full."""
        now = self._clock()
        with self._lock:
            calls = self._calls[account, operation]
            while calls and calls[0] <= now - rate.seconds:
                calls.popleft()
            if len(calls) >= rate.calls:
                return False
            calls.append(now)
            return True

    def clear(self) -> None:
        """Forget every call."""
        with self._lock:
            self._calls.clear()
