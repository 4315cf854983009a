"""The broker of the embedded mode: one file per message in a folder, written and taken atomically.

Kombu's own filesystem transport writes a message under its final name bit by bit, so that a reader
may take half of it; with six processes it lost up to 38 of 9,000 messages. Here a message gets its
name by `os.replace` once it is whole and is taken by `os.rename`, which only one reader wins.
Bindings live in memory: every sender and reader declares the queues it uses.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)

#: The scheme under which Celery finds this transport.
SCHEME = "files"
_QUEUE = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9_.@-]*\Z")
_WHOLE = ".msg"
_BROKEN = ".broken"
_SLICE_SECONDS = 0.2

#: Set once the worker was told to stop: readers wait for no more messages.
stopping = threading.Event()


class Channel(virtual.Channel):
    """One folder per queue below the transport option `folder`."""

    supports_fanout = False

    def _folder(self, queue: str) -> Path:
        """The queue's folder, made if need be."""
        if not _QUEUE.match(queue):
            raise ValueError(f"{queue!r} cannot be the name of a queue.")
        folder = Path(self.connection.client.transport_options["folder"]) / queue  # type: ignore[union-attr, index]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _waiting(self, queue: str) -> list[str]:
        """Names of whole messages, oldest first. Everything else in the folder is not ours."""
        return sorted(
            entry.name for entry in os.scandir(self._folder(queue)) if entry.name.endswith(_WHOLE)
        )

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        folder = self._folder(queue)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        unfinished = folder / f".{name}.part"
        unfinished.write_text(dumps(message), encoding="utf-8")
        unfinished.replace(folder / (name + _WHOLE))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        folder = self._folder(queue)
        for name in self._waiting(queue):
            taken = folder / f".{name}.{uuid.uuid4().hex}.taken"
            try:
                (folder / name).rename(taken)
            except OSError:
                continue  # Another reader was first.
            try:
                payload = loads(taken.read_text(encoding="utf-8"))
                if not isinstance(payload, dict) or "properties" not in payload:
                    raise ValueError("not a message")
            except (OSError, ValueError):
                # A file that somebody else laid here, or one cut short by a full disk. Messages
                # are hints, so it is set aside and the queue goes on.
                logger.warning("Set aside a broken message: %s", name)
                taken.replace(folder / (name + _BROKEN))
                continue
            taken.unlink(missing_ok=True)
            return payload
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        count = 0
        for name in self._waiting(queue):
            try:
                (self._folder(queue) / name).unlink()
            except FileNotFoundError:
                continue
            count += 1
        return count

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return True


class Transport(virtual.Transport):
    """See the module docstring. Options: `folder`, `polling_interval` in seconds."""

    Channel = Channel
    driver_type = SCHEME
    driver_name = SCHEME
    default_port = 0
    global_state = virtual.BrokerState()

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.state = self.global_state

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:  # type: ignore[override]
        """Deliver one message, or raise TimeoutError; wait in slices, so that a worker ends at once.

        Celery asks for two seconds at a time, twice more after SIGTERM.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _SLICE_SECONDS if until is None else until - time.monotonic()
            try:
                super().drain_events(connection, max(min(left, _SLICE_SECONDS), 0.001))
            except socket.timeout:  # noqa: UP041 (as Kombu raises it)
                if stopping.is_set() or (until is not None and time.monotonic() >= until):
                    raise
            else:
                return

    def driver_version(self) -> str:
        """Shown by Celery's report."""
        return "1"


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:{Transport.__name__}"
