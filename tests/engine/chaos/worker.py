"""A Celery worker as in real life, but that its engine is quick and may end the process at any step.

Run as `python -m tests.engine.chaos.worker`; ENGINE_TEST carries what it needs as JSON.
"""

import json
import os
import random
import signal
from typing import Any
from uuid import UUID

import django

from tests.engine.celery_worker import run_worker


def main() -> None:
    """Run until SIGTERM, or until a step draws the lot to die."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.engine.chaos.settings"
    django.setup()
    from generation.engine.timing import Timing

    given: dict[str, Any] = json.loads(os.environ["ENGINE_TEST"])
    chance = random.Random(given["seed"])  # noqa: S311

    def observe(_point: str, _job: UUID) -> None:
        if chance.random() < given["die_rate"]:
            os.kill(os.getpid(), signal.SIGKILL)

    run_worker(concurrency=2, timing=Timing(**given["timing"]), on_step=observe)


if __name__ == "__main__":
    main()
