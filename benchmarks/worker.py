"""The product's Celery worker whose engine lives `speed` times as fast as its own clock says.

Run as `python -m benchmarks.worker <speed>`. Everything that the engine waits for is divided by the
speed: its tick, its pauses and the table of poll intervals. What takes the machine's own time
(database, network, decoding) is as it is, and so are time limits of such steps.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import django

from tests.engine.celery_worker import run_worker


def main(speed: float) -> None:
    """Run until SIGTERM."""
    django.setup()
    from generation.engine import pace, poll, timing

    def poll_interval(age: float, floor: float) -> float:
        return timing.poll_interval(age * speed, floor * speed) / speed

    def first_poll(durations: Sequence[float], floor: float) -> float:
        return timing.first_poll([one * speed for one in durations], floor * speed) / speed

    vars(poll)["poll_interval"] = poll_interval
    vars(pace)["first_poll"] = first_poll
    usual = timing.Timing()
    quick = replace(
        usual,
        tick=usual.tick / speed,
        sweep_every=usual.sweep_every / speed,
        run_again=usual.run_again / speed,
    )
    run_worker(concurrency=4, timing=quick)


if __name__ == "__main__":
    main(float(sys.argv[1]))
