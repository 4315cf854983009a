"""What the steps of the engine share: clock, threads, provider clients, a folder for files."""

from __future__ import annotations

import asyncio
import logging
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

Observer = Callable[[str, UUID], None]
"""Told of every point a step reaches; tests end the process there."""


@dataclass
class Context:
    """Lives as long as one run of the engine, inside its event loop."""

    clock: Callable[[], datetime]
    timing: Timing
    database: Threads
    slow: Threads
    connect: Callable[[ProviderAccount], Provider]
    scratch: Path
    reached: Observer
    wake: Callable[[], None]
    _clients: dict[int, Provider] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def persist(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Write what must not be forgotten: tried again while the database is away for a moment."""
        for pause in (0.2, 1.0, 3.0, 8.0):
            try:
                return await self.database.run(call, *args, **kwargs)
            except (OperationalError, InterfaceError):
                logger.warning("The database is away; trying again in %s s.", pause)
                await asyncio.sleep(pause)
        return await self.database.run(call, *args, **kwargs)

    def client(self, account: ProviderAccount) -> Provider:
        """The one client of the account."""
        if account.pk not in self._clients:
            self._clients[account.pk] = self.connect(account)
        return self._clients[account.pk]

    def lock(self, name: str) -> asyncio.Lock:
        """A lock by name, so that the same thing is not done twice at once."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()
