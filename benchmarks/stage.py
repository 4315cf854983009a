"""What a benchmark runs on: a sandbox, the product's processes, a team with photos, and jobs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management import call_command
from django.utils.timezone import now

from catalog.models import Asset
from generation.models import EngineLease, Job, Pool, ProviderAccount
from generation.providers.registry import prepare_accounts
from generation.services import launch_job
from generation.tasks import send_wake_hint
from teams.models import Team
from tests.factories import make_photo, make_product, make_team, owner_of

_LONGEST = 600
"""Seconds after which a run that does not end is given up."""


_ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "replace_background": ("product_image", {}),
    "swap_model": ("model_image", {"num_images": 1}),
}
"""By operation: the name of its one picture, and the options that make it one result."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took: seconds of processor, of its own and of its children's, and memory."""

    own_seconds: float
    child_seconds: float
    peak_mb: float


@contextmanager
def sandbox(*, seconds: tuple[float, float], sellerpic: int = 10, fashn: int = 6) -> Iterator[str]:
    """A sandbox that takes `seconds` (least, most) for a result; yields its address."""
    told = json.dumps({"seconds": seconds, "sellerpic": sellerpic, "fashn": fashn})
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.provider", told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    reads, writes = process.stdout, process.stdin
    if reads is None or writes is None:
        raise RuntimeError("The sandbox's pipes were asked for.")
    try:
        url = reads.readline().strip()
        settings.SANDBOX_URL = url
        yield url
    finally:
        writes.close()
        process.wait()
        reads.close()


@contextmanager
def processes(*commands: list[str], **told: Any) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of the product under the benchmark's settings and `told`; ended by SIGTERM."""
    told = {"SANDBOX_URL": settings.SANDBOX_URL, **told}
    for name, value in told.items():
        setattr(settings, name, value)
    prepare_accounts()  # The limits of the settings go into the rows of the pools.
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "BENCH": json.dumps(told),
    }
    started = [
        subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, *command], env=environment, start_new_session=True
        )
        for command in commands
    ]
    try:
        yield started
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait()


@contextmanager
def worker(speed: float, **told: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose engine is active."""
    began = now()
    with processes(["-m", "benchmarks.worker", str(speed)], **told) as (process,):
        wait_until(lambda: EngineLease.objects.filter(beat_at__gte=began).exists(), 60)
        yield process


def make_studio() -> tuple[Team, Asset]:
    """A team with credits enough, and its photo."""
    call_command("migrate", interactive=False, verbosity=0)
    team = make_team(credits_=10_000_000)
    return team, make_photo(make_product(team), size=(240, 300), with_renditions=False)


def order(team: Team, photo: Asset, operation: str, offer: str) -> Job:
    """Launch one job with one result."""
    name, options = _ORDERS[operation]
    return launch_job(
        team=team,
        by=owner_of(team),
        operation=operation,
        offer=offer,
        request_key=uuid.uuid4(),
        product=photo.product,
        inputs={name: photo},
        options=options,
    )


def order_at_both(team: Team, photo: Asset, sellerpic: int, fashn: int) -> list[Job]:
    """So many jobs at either provider, in turns."""
    jobs = []
    for number in range(max(sellerpic, fashn)):
        if number < sellerpic:
            jobs.append(order(team, photo, "replace_background", "sellerpic-colour"))
        if number < fashn:
            jobs.append(order(team, photo, "swap_model", "fashn"))
    return jobs


def open_accounts(*, is_paused: bool) -> None:
    """Let both providers take jobs, or none, and wake the engine."""
    ProviderAccount.objects.update(is_paused=is_paused, closed_until=None, closed_streak=0)
    Pool.objects.update(busy_until=None, busy_streak=0)
    send_wake_hint()


def wait_for_end(jobs: list[Job]) -> None:
    """Wait until all of them succeeded."""
    ids = {job.pk for job in jobs}
    wait_until(lambda: not Job.objects.unfinished().filter(pk__in=ids).exists(), _LONGEST, 0.5)
    states = set(Job.objects.filter(pk__in=ids).values_list("state", flat=True))
    if states != {"succeeded"}:
        raise RuntimeError(f"Not every job succeeded: {states}.")


Spans = dict[str, tuple[float, float]]
"""When each task was taken and when its last result was made, by the provider's id of it."""


def spans_at_provider(url: str, key: str = "") -> dict[str, Spans]:
    """The tasks at either provider; those of one key if it is given."""
    stats = httpx.get(f"{url}/__sandbox__/stats", timeout=60).json()
    return {
        provider: {
            task["id"]: (task["created_at"], max(item["ends_at"] for item in task["items"]))
            for name, figures in accounts.items()
            if key in ("", name)
            for task in figures["tasks"]
        }
        for provider, accounts in stats["accounts"].items()
    }


def delays(url: str, jobs: list[Job]) -> list[float]:
    """Seconds from the provider's last stroke to the job's reviewable result."""
    found = spans_at_provider(url)
    spans = {**found["sellerpic"], **found["fashn"]}
    rows = Job.objects.filter(pk__in=[job.pk for job in jobs])
    return [
        finished.timestamp() - spans[remote_id][1]
        for remote_id, finished in rows.values_list("remote_id", "finished_at")
        if finished is not None
    ]


def usage(pid: int) -> Usage:
    """What a running process has taken so far, by Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, child = (sum(map(int, fields[at : at + 2])) for at in (11, 13))
    ticks = os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0])
    return Usage(own / ticks, child / ticks, peak / 1024)


class MemoryWatch:
    """The most memory that a process and all below it hold at once, each page counted once (PSS)."""

    def __init__(self, *pids: int) -> None:
        self.peak_mb = 0.0
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            held = sum(_pss(pid) for root in self._pids for pid in family(root))
            self.peak_mb = max(self.peak_mb, held / 1024)


def family(pid: int) -> list[int]:
    """The process and all that it began, and they in turn."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    except OSError:
        return found  # It ended meanwhile.
    return found


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(text.partition("\nPss:")[2].split()[0])


def wait_until(condition: Any, seconds: float, pause: float = 0.1) -> None:
    """Wait for something that another process brings about. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("The benchmark's processes did not get there in time.")
        time.sleep(pause)


def answers(port: int) -> bool:
    """Whether the web server is up."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
