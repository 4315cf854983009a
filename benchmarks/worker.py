"""The product's Celery worker whose engine lives `speed` times as fast as its own clock says.

Run as `python -m benchmarks.worker <speed>`. Everything that the engine waits for is divided by the
speed: its tick, its pauses and the table of poll intervals. What takes the machine's own time
(database, network, decoding) is as it is, and so are time limits of such steps.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import django


def main(speed: float) -> None:
    """Run until SIGTERM."""
    django.setup()
    from celery.exceptions import SecurityWarning
    from django.conf import settings

    from config import lifeline
    from config.celery import app
    from generation.engine import pace, poll, timing
    from generation.engine.bootstep import EngineStep
    from generation.engine.engine import Engine
    from generation.models import ProviderAccount
    from generation.providers.base import Provider
    from generation.providers.fashn import Fashn
    from generation.providers.keys import key_of
    from generation.providers.registry import client_for

    def poll_interval(age: float, floor: float) -> float:
        return timing.poll_interval(age * speed, floor * speed) / speed

    def first_poll(durations: Sequence[float], floor: float) -> float:
        return timing.first_poll([one * speed for one in durations], floor * speed) / speed

    def connect(account: ProviderAccount) -> Provider:
        """FASHN's client keeps to rates of the wall clock, which runs faster here."""
        if account.provider != "fashn":
            return client_for(account)
        return Fashn(
            account.base_url,
            api_key=key_of(account),
            file_hosts=settings.FASHN_FILE_HOSTS,
            is_sandbox=True,
            limited=False,
        )

    class QuickEngine(EngineStep):
        def start(self, parent: Any) -> None:
            usual = timing.Timing()
            quick = replace(usual, tick=usual.tick / speed, run_again=usual.run_again / speed)
            self._engine = Engine(timing=quick, connect=connect, with_chores=False)
            self._engine.start()

    vars(poll)["poll_interval"] = poll_interval
    vars(pace)["first_poll"] = first_poll
    app.steps["worker"].discard("generation.engine.bootstep.EngineStep")
    app.steps["worker"].add(QuickEngine)
    lifeline.watch(grace_seconds=5)
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.worker_main(
        ["--quiet", "worker", "--pool=threads", "--concurrency=4", "--queues=default",
         "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )  # fmt: skip


if __name__ == "__main__":
    main(float(sys.argv[1]))
