"""What the steps of the engine share: clock, threads, provider clients, a folder for files."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError

from generation.engine.threads import Threads
from generation.engine.timing import Timing
from generation.models import ProviderAccount
from generation.providers.base import Provider

logger = logging.getLogger("generation.engine")

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE = 12.0
"""Seconds that a write which must not be forgotten is tried again."""

Observer = Callable[[str, UUID], None]
"""Told of every point a step reaches; tests end the process there."""


@dataclass
class Context:
    """Lives as long as one run of the engine, inside its event loop."""

    clock: Callable[[], datetime]
    timing: Timing
    database: Threads
    slow: Threads
    files: Threads
    connect: Callable[[ProviderAccount], Provider]
    scratch: Path
    reached: Observer
    wake: Callable[[], None]
    _clients: dict[tuple[int, datetime | None], Provider] = field(default_factory=dict)
    # Nobody needs a lock that nobody holds or waits for.
    _locks: weakref.WeakValueDictionary[str, asyncio.Lock] = field(
        default_factory=weakref.WeakValueDictionary
    )

    async def persist(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Write what must not be forgotten: tried again while the database is away for a moment.

        The call leaves what it is given as it was when it fails; see `transitions.changing`.
        """
        return await self.persist_for(PATIENCE, call, *args, **kwargs)

    async def persist_for(
        self, patience: float, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """`persist` with a last try after `patience` seconds."""
        end = time.monotonic() + patience
        for pause in itertools.chain((0.2, 1.0, 3.0), itertools.repeat(8.0)):
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                return await self.database.run(call, *args, **kwargs)
            except (OperationalError, InterfaceError):
                pause = min(pause, max(0.0, left))
                logger.warning("The database is away; trying again in %.1f s.", pause)
                await asyncio.sleep(pause)
        return await self.database.run(call, *args, **kwargs)

    def client(self, account: ProviderAccount) -> Provider:
        """The one client of the account and its key.

        An operator may replace the key while the engine runs. What was begun with the former key
        goes on with its client, which is closed at the end.
        """
        name = (account.pk, account.key_set_at)
        if name not in self._clients:
            self._clients[name] = self.connect(account)
        return self._clients[name]

    def lock(self, name: str) -> asyncio.Lock:
        """A lock by name, so that the same thing is not done twice at once."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock

    async def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()
