"""How fast a hint gets from a request to a worker by the embedded broker."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator

from kombu import Connection

from benchmarks.figures import Figure, percentile
from config import transport

MESSAGES = 200
BURST = 2000


def run() -> Iterator[Figure]:
    """Single messages with pauses, then a burst, through a folder of files."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"folder": folder, "polling_interval": 0.1}
        with Connection(
            f"{transport.SCHEME}://localhost/", transport_options=options
        ) as connection:
            delays: list[float] = []
            done = threading.Event()

            def read() -> None:
                with connection.clone() as own, own.SimpleQueue("default") as queue:
                    while not done.is_set():
                        try:
                            message = queue.get(timeout=0.5)
                        except queue.Empty:
                            continue
                        message.ack()
                        delays.append(time.time() - message.payload)

            reader = threading.Thread(target=read)
            reader.start()
            with connection.SimpleQueue("default") as queue:
                for _ in range(MESSAGES):
                    queue.put(time.time())
                    time.sleep(0.013)
                _wait_for(delays, MESSAGES)
                single = list(delays)
                started = time.perf_counter()
                for _ in range(BURST):
                    queue.put(time.time())
                sent = time.perf_counter() - started
                _wait_for(delays, MESSAGES + BURST)
                drained = time.perf_counter() - started
            done.set()
            reader.join()
    yield Figure("broker_hint_ms_p50", percentile(single, 0.5) * 1000, "ms", target=80)
    yield Figure("broker_hint_ms_p95", percentile(single, 0.95) * 1000, "ms", target=150)
    yield Figure("broker_sent_per_second", BURST / sent, "", target=1000, higher_is_better=True)
    yield Figure("broker_sent_and_read_per_second", BURST / drained)


def _wait_for(delays: list[float], count: int) -> None:
    until = time.monotonic() + 120
    while len(delays) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(delays)} of {count} messages arrived.")
        time.sleep(0.005)
