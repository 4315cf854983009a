"""The product's Celery worker with an engine of one's own; the chaos test and the benchmarks run it."""

from __future__ import annotations

import warnings
from typing import Any


def run_worker(*, concurrency: int, **options: Any) -> None:
    """Run a worker until SIGTERM whose engine takes these `options`. Wants `django.setup()` before.

    Time runs far faster for such an engine than for FASHN, so its client keeps to no rate.
    """
    from celery.exceptions import SecurityWarning
    from django.conf import settings

    from config import lifeline
    from config.celery import app
    from generation.engine.bootstep import EngineStep
    from generation.engine.engine import Engine
    from generation.models import ProviderAccount
    from generation.providers.base import Provider
    from generation.providers.fashn import Fashn
    from generation.providers.keys import key_of
    from generation.providers.registry import client_for

    def connect(account: ProviderAccount) -> Provider:
        if account.provider != "fashn":
            return client_for(account)
        return Fashn(
            account.base_url,
            api_key=key_of(account),
            file_hosts=settings.FASHN_FILE_HOSTS,
            is_sandbox=True,
            limited=False,
        )

    class GivenEngine(EngineStep):
        def start(self, parent: Any) -> None:
            self._engine = Engine(connect=connect, with_chores=False, **options)
            self._engine.start()

    app.steps["worker"].discard("generation.engine.bootstep.EngineStep")
    app.steps["worker"].add(GivenEngine)
    lifeline.watch(grace_seconds=5)
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.worker_main(
        ["--quiet", "worker", "--pool=threads", f"--concurrency={concurrency}", "--queues=default",
         "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )  # fmt: skip
