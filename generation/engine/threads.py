"""Runs blocking work for the event loop in threads that own their database connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """A fixed number of threads. Every call begins and ends without a stale connection."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in a thread and wait for its result."""

        def clean() -> R:
            close_old_connections()
            try:
                return call(*args, **kwargs)
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(self._pool, clean)

    def close(self) -> None:
        """End the threads, each closing its connections. Waits for work in hand."""
        meeting = threading.Barrier(self._size)

        def leave() -> None:
            # Waiting for the others makes sure that every thread gets one of these calls.
            with suppress(threading.BrokenBarrierError):
                meeting.wait(timeout=60)
            connections.close_all()

        for future in [self._pool.submit(leave) for _ in range(self._size)]:
            future.result()
        self._pool.shutdown()
