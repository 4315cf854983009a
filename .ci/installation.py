"""A running `make run` in a clone: how it starts, what it says, which processes it has, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Installation:
    """A running `make run` in a clone, with what it says."""

    def __init__(self, checkout: Path, port: int) -> None:
        self.checkout = checkout
        self.port = port
        self.started = time.monotonic()
        self.ready_seconds = 0.0
        self.said = checkout.parent / f"output-{time.monotonic_ns()}"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "DATA_DIR", "MODE"}
            and not name.startswith(("VIRTUAL_ENV", "MAKE", "DJANGO_"))
        }
        with self.said.open("w") as output:
            self.process = subprocess.Popen(
                ["make", "run"],
                cwd=checkout,
                env=self.environment | {"PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        """Everything it has said so far."""
        return self.said.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Until it prints its block; the network may be slow at the first start."""
        until = time.monotonic() + 600
        while "Diptych is ready" not in self.output():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"`make run` did not become ready:\n{self.output()}")
            time.sleep(0.05)
        self.ready_seconds = time.monotonic() - self.started

    def password(self) -> str:
        """The demo password, as the block shows it."""
        match = re.search(r"demo@diptych\.example\s+password (\S+)", self.output())
        assert match, self.output()
        return match[1]

    def stop(self) -> None:
        """Ctrl-C, as a terminal sends it; nobody may be left."""
        everybody = descendants(self.process.pid)
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)
        assert "Diptych has stopped." in self.output(), self.output()
        left = [pid for pid in everybody if is_alive(pid)]
        assert not left, f"Processes are left: {left}"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0, "The port still answers."
        print(f"Stopped in {time.monotonic() - started:.1f} s, no process left.")


@contextmanager
def installation(checkout: Path) -> Iterator[Installation]:
    """Start on a free port; stop in order, or by force after a failure."""
    running = Installation(checkout, free_port())
    try:
        yield running
        running.stop()
    except BaseException:
        print(running.output(), file=sys.stderr)
        for log in sorted(checkout.glob("var/logs/*.log")):
            tail = log.read_text(encoding="utf-8").splitlines()[-40:]
            print(f"--- {log.name}", *tail, sep="\n", file=sys.stderr)
        raise
    finally:
        for pid in [*descendants(running.process.pid), running.process.pid]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        running.process.wait()


def free_port() -> int:
    """A port whose neighbour is free as well, for the sandbox."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def processes() -> list[tuple[int, int, str]]:
    """Every process of this machine: id, parent's id, command line."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
    rows = (line.split(None, 2) for line in listed.stdout.splitlines())
    return [(int(row[0]), int(row[1]), row[2] if len(row) > 2 else "") for row in rows]


def descendants(pid: int) -> list[int]:
    """The children of a process and theirs."""
    table = processes()

    def below(parent: int) -> list[int]:
        children = [child for child, of, _ in table if of == parent]
        return children + [deeper for child in children for deeper in below(child)]

    return below(pid)


def is_alive(pid: int) -> bool:
    """Whether it runs; one that ended and was not reaped does not."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def kill_worker(running: Installation) -> int:
    """SIGKILL the worker process; the supervisor starts another, and no job is lost."""
    ours = set(descendants(running.process.pid))
    for pid, _, command in processes():
        if pid in ours and command.endswith("manage.py worker"):
            os.kill(pid, signal.SIGKILL)
            return pid
    raise AssertionError("No worker is running.")
