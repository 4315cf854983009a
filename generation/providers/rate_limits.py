"""How often a provider may be called. A call waits for its turn before anything is sent.

Turns are given in the order of asking, by one event loop; each account's client has its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol

from generation.providers.errors import TooSoon


class Clock:
    """Seconds that only ever grow, and a way to let them pass."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Come back after that long."""
        await asyncio.sleep(seconds)


class Limit(Protocol):
    """Says when the next call may be made."""

    def free_at(self, now: float) -> float:
        """The earliest moment of the next call; `now` or earlier where it may be made at once."""
        ...

    def take(self, at: float) -> None:
        """Count a call that is made at that moment, no earlier than `free_at` said."""
        ...


class SlidingWindow:
    """At most `calls` in any `seconds`, as FASHN counts."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._seconds = seconds
        self._taken: deque[float] = deque(maxlen=calls)

    def free_at(self, now: float) -> float:
        """See Limit."""
        if len(self._taken) < (self._taken.maxlen or 0):
            return now
        return self._taken[0] + self._seconds

    def take(self, at: float) -> None:
        """See Limit."""
        self._taken.append(at)


class TokenBucket:
    """`per_second` on average, and up to `burst` at once after a quiet time."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1 / per_second
        self._slack = (burst - 1) * self._interval
        self._full_at = float("-inf")  # When the bucket will be full again.

    def free_at(self, now: float) -> float:
        """See Limit."""
        return max(now, self._full_at - self._slack)

    def take(self, at: float) -> None:
        """See Limit."""
        self._full_at = max(self._full_at, at) + self._interval


class Ahead:
    """A limit of its own for calls that go ahead of those that keep to `common`.

    They count there as well, so that the others make room and both together keep to it on average.
    """

    def __init__(self, own: TokenBucket, common: TokenBucket) -> None:
        self._own, self._common = own, common

    def free_at(self, now: float) -> float:
        """See Limit."""
        return self._own.free_at(now)

    def take(self, at: float) -> None:
        """See Limit."""
        self._own.take(at)
        self._common.take(at)


class Turns:
    """The queue before one limit. Without a limit nobody waits, but for a pause that was asked for.

    `provider` is its name, for the sentence that people read.
    """

    def __init__(self, provider: str, limit: Limit | None, clock: Clock | None = None) -> None:
        self._provider = provider
        self._limit = limit
        self._clock = clock or Clock()
        self._paused_until = float("-inf")

    async def wait(self, *, longest: float) -> None:
        """Wait for a turn. Raises TooSoon, at once, where that would last over `longest` seconds.

        A turn is counted when it is promised: who is cancelled while waiting leaves it unused.
        """
        now = self._clock.now()
        at = max(now, self._paused_until, self._limit.free_at(now) if self._limit else now)
        if at - now > longest:
            raise TooSoon(
                f"{self._provider} is called as often as it allows.",
                code="rate_limited",
                retry_after=at - now,
            )
        if self._limit:
            self._limit.take(at)
        if at > now:
            await self._clock.sleep(at - now)

    def pause(self, seconds: float | None) -> None:
        """Keep back the turns that are asked for from now on, as the provider told."""
        if seconds is not None:
            self._paused_until = max(self._paused_until, self._clock.now() + seconds)
