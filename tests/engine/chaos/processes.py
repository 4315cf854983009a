"""The processes that the chaos test runs: workers and a web server, killed and started again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from generation.engine.timing import Timing

TIMING = Timing(
    tick=0.2,
    sweep_every=0.2,
    engine_lease=1.0,
    order=2.0,
    submit=2.0,
    poll=3.0,
    lease_margin=0.5,
    lost_probe=0.7,
    lost_probes=6,
    run_again=0.3,
    fetch_again=0.2,
    drain=3.0,
)
"""Everything quick. A submit's lease is 4.5 s, and six answered probes make a day."""


class Fleet:
    """Workers and a web server. Kills one of them now and then, and starts what is gone again.

    No more die than about `deaths`, so that a slow machine does not spend its time on new processes.
    """

    def __init__(
        self, given: dict[str, Any], *, workers: int, deaths: int, seed: int, logs: Path
    ) -> None:
        self.killed = {"worker": 0, "web": 0}
        self._deaths = deaths
        self._chance = random.Random(seed)  # noqa: S311
        self._given = {**given, "timing": dataclasses.asdict(TIMING), "web_port": _free_port()}
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._names = ["web", *(f"worker-{number}" for number in range(workers))]
        self._next_kill = 0.0

    def __enter__(self) -> Self:
        self.mend()
        self._plan_kill()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._running.values():
            _kill(process)

    def mend(self) -> None:
        """Start whatever is gone. A worker that ended by itself died at a step, by SIGKILL too."""
        for name in self._names:
            process = self._running.get(name)
            if process is not None:
                if process.poll() is None:
                    continue
                code = process.returncode
                assert code == -signal.SIGKILL, f"{name} ended with {code}; see {self._logs}"
                self.killed[name.partition("-")[0]] += 1
                _kill(process)  # What it left behind in its group.
            self._running[name] = self._start(name)

    def strike(self) -> None:
        """Kill one process if it is time to: a worker two times out of three."""
        if time.monotonic() < self._next_kill or self._has_killed_enough:
            return
        workers = [name for name in self._names if name != "web"]
        victim = "web" if self._chance.random() < 1 / 3 else self._chance.choice(workers)
        _kill(self._running[victim])
        self._plan_kill()

    @property
    def _has_killed_enough(self) -> bool:
        return sum(self.killed.values()) >= self._deaths

    def _plan_kill(self) -> None:
        self._next_kill = time.monotonic() + self._chance.uniform(0.8, 2.4)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        command = (
            [str(Path("manage.py").resolve()), "web"]
            if name == "web"
            else ["-m", "tests.engine.chaos.worker"]
        )
        given = {**self._given, "seed": self._chance.getrandbits(32)}
        if self._has_killed_enough:
            given["die_rate"] = 0.0
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.engine.chaos.settings",
            "ENGINE_TEST": json.dumps(given),
        }
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and its children at once, as when a machine fails."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
