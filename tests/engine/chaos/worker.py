"""A Celery worker as in real life, but that its engine is quick and may end the process at any step.

Run as `python -m tests.engine.chaos.worker`; ENGINE_TEST carries what it needs as JSON.
"""

import json
import os
import random
import signal
import warnings
from typing import Any
from uuid import UUID

import django

from config import lifeline


def main() -> None:
    """Run until SIGTERM, or until a step draws the lot to die."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.engine.chaos.settings"
    django.setup()
    from celery.exceptions import SecurityWarning
    from django.conf import settings

    from config.celery import app
    from generation.engine.bootstep import EngineStep
    from generation.engine.engine import Engine
    from generation.engine.timing import Timing
    from generation.models import ProviderAccount
    from generation.providers.base import Provider
    from generation.providers.fashn import Fashn
    from generation.providers.keys import key_of
    from generation.providers.registry import client_for

    given: dict[str, Any] = json.loads(os.environ["ENGINE_TEST"])
    chance = random.Random(given["seed"])  # noqa: S311

    def observe(_point: str, _job: UUID) -> None:
        if chance.random() < given["die_rate"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(account: ProviderAccount) -> Provider:
        """A client that does not keep to FASHN's rates: the test's time runs far faster."""
        if account.provider != "fashn":
            return client_for(account)
        return Fashn(
            account.base_url,
            api_key=key_of(account),
            file_hosts=settings.FASHN_FILE_HOSTS,
            is_sandbox=True,
            limited=False,
        )

    class ObservedEngine(EngineStep):
        def start(self, parent: Any) -> None:
            self._engine = Engine(
                timing=Timing(**given["timing"]),
                connect=connect,
                on_step=observe,
                with_chores=False,
            )
            self._engine.start()

    app.steps["worker"].discard("generation.engine.bootstep.EngineStep")
    app.steps["worker"].add(ObservedEngine)
    lifeline.watch(grace_seconds=5)
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.worker_main(
        ["--quiet", "worker", "--pool=threads", "--concurrency=2", "--queues=default",
         "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )  # fmt: skip


if __name__ == "__main__":
    main()
