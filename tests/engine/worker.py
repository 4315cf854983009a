"""A worker process with nothing but an engine; ends itself by SIGKILL at the point it is told.

Run as `python -m tests.engine.worker`; ENGINE_TEST carries what it needs as JSON.
"""

import json
import os
import random
import signal
import threading
from types import FrameType
from typing import Any
from uuid import UUID

import django


def main() -> None:
    """Run until SIGTERM, or until the point to die at is reached."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.engine.settings"
    django.setup()
    from generation.engine.engine import Engine
    from generation.engine.timing import Timing

    given: dict[str, Any] = json.loads(os.environ["ENGINE_TEST"])
    chance = random.Random(os.getpid())  # noqa: S311

    def observe(point: str, _job: UUID) -> None:
        if point == given["die_at"] or chance.random() < given["die_rate"]:
            os.kill(os.getpid(), signal.SIGKILL)

    over = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        over.set()

    signal.signal(signal.SIGTERM, stop)
    engine = Engine(timing=Timing(**given["timing"]), on_step=observe, with_chores=False)
    engine.start()
    print("ready", flush=True)
    over.wait()
    engine.stop()


if __name__ == "__main__":
    main()
