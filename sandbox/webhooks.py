"""Tells clients by webhook what has ended, again and again until they say that they have heard."""

from __future__ import annotations

import json
import logging
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox.store import Store, Task

logger = logging.getLogger("sandbox")

RETRY_SECONDS = (10, 30, 60, 90, 110)
"""Pauses before the five repeats at speed 1, five minutes in all (the steps are ASSUMED)."""

ANSWER_SECONDS = 10
"""Longest wait for a webhook's receiver."""

_LOOK_SECONDS = 0.02
"""Pause between two looks at what has ended, while anybody is to be told."""

_SENDERS = 8


class Webhooks:
    """A thread that looks for ended tasks in the store, and senders that post what `describe` says.

    What was sent stands in the store, so a killed process goes on where it was; a receiver may
    hear of a task twice then, as at the vendor. `clock` tells wall-clock seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        speed: float,
        describe: Callable[[Task], dict[str, Any]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._describe = describe
        self._pauses = [seconds / speed for seconds in RETRY_SECONDS]
        # Redirects are not followed and no proxy is asked.
        self._opener = urllib.request.OpenerDirector()
        for handler in (urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
            self._opener.add_handler(handler)
        self._senders = ThreadPoolExecutor(_SENDERS, thread_name_prefix="sandbox-webhook")
        self._in_hand: set[int] = set()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if store.has_open_webhooks():
            self.watch()

    def watch(self) -> None:
        """Look out for the end of tasks from now on."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="sandbox-webhooks", daemon=True
                )
                self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """Stop after the posts in hand; the rest is sent when the folder is opened again."""
        self._closing.set()
        self._wanted.set()
        if self._thread:
            self._thread.join()
        self._senders.shutdown(cancel_futures=True)

    def send_now(self, task: Task) -> None:
        """Post once, wait for the answer whatever it is, and leave it at that."""
        self._post(task)
        self._store.mark_webhook(task.id, tries=1, next_at=0, done=True)

    def _work(self) -> None:
        while not self._closing.is_set():
            self._wanted.wait()
            self._wanted.clear()
            while not self._closing.is_set() and self._store.has_open_webhooks():
                for task in self._store.ended_unsent_webhooks(self._clock()):
                    with self._lock:
                        if task.id in self._in_hand:
                            continue
                        self._in_hand.add(task.id)
                    self._senders.submit(self._tell, task)
                self._closing.wait(_LOOK_SECONDS)

    def _tell(self, task: Task) -> None:
        try:
            # Read again: a reset may have taken it away, another look have sent it meanwhile.
            stored = self._store.task(task.id)
            if stored is None or stored.webhook_tries != task.webhook_tries:
                return
            heard = [self._post(task) for _ in range(int(task.notes.get("webhook_copies", 1)))]
            tries = task.webhook_tries + 1
            done = heard[-1] or tries > len(self._pauses)
            pause = 0 if done else self._pauses[tries - 1]
            self._store.mark_webhook(task.id, tries=tries, next_at=self._clock() + pause, done=done)
        except Exception:
            logger.exception("The webhook of %s could not be sent.", task.remote_name)
        finally:
            with self._lock:
                self._in_hand.discard(task.id)

    def _post(self, task: Task) -> bool:
        """Send once; whether the receiver answered 2xx."""
        body = json.dumps(self._describe(task)).encode()
        try:
            request = urllib.request.Request(  # noqa: S310 - the scheme was checked at submit
                task.webhook_url or "",
                data=body,
                headers={"Content-Type": "application/json", "User-Agent": "sandbox"},
                method="POST",
            )
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                status = int(answer.status)
        except Exception as exc:
            logger.info("webhook of %s: %s", task.remote_name, exc)
            return False
        logger.info("webhook of %s: %s", task.remote_name, status)
        return 200 <= status < 300
