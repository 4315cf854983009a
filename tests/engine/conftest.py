"""A sandbox over real HTTP, engines in this process and in others, all quick."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as live_settings
from django.db import connection

from generation.engine.engine import Engine
from generation.engine.timing import Timing
from generation.models import Job, Preset
from sandbox.app import create_app
from sandbox.presets import PRESETS
from sandbox.server import serve_in_thread
from teams.models import CreditAccount, LedgerEntry, Team
from tests.factories import make_presets, make_team

QUICK = Timing(
    tick=0.1,
    sweep_every=0.1,
    engine_lease=1.0,
    order=1.0,
    submit=3,
    lease_margin=0.5,
    drain=3,
    run_again=0.2,
    link_tries=2,
    fetch_again=0.1,
)


@dataclass(frozen=True)
class ServedSandbox:
    """The emulated provider and its control API."""

    url: str

    def plan(self, kind: str, **options: Any) -> None:
        """Script a fault."""
        answer = httpx.post(f"{self.url}/__sandbox__/faults", json={"kind": kind, **options})
        assert answer.status_code == 200, answer.text

    def clear(self) -> None:
        """Forget scripted faults."""
        httpx.delete(f"{self.url}/__sandbox__/faults").raise_for_status()

    def stats(self) -> dict[str, Any]:
        """What the provider saw."""
        stats: dict[str, Any] = httpx.get(f"{self.url}/__sandbox__/stats").json()
        return stats

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """What was asked of either provider, oldest first."""
        answer = httpx.get(f"{self.url}/__sandbox__/log", params={"operation": operation})
        calls: list[dict[str, Any]] = answer.json()["calls"]
        return calls

    def model(self) -> Preset:
        """A row for a face that the sandbox offers."""
        known = Preset.objects.filter(remote_id=PRESETS["SWAP_MODEL"][0].id).first()
        if known is None:
            known = make_presets(1)[0]
            known.remote_id = PRESETS["SWAP_MODEL"][0].id
            known.save()
        return known


@pytest.fixture(autouse=True)
def all_decoded_here(decoded_here: None) -> None:
    """Engines of this process start no children; the workers of the tests do."""


@pytest.fixture
def sandbox(tmp_path: Path, settings: Any) -> Iterator[ServedSandbox]:
    """The providers that new jobs go to. A picture takes a third of a second, and is a plain copy."""
    with (
        create_app(tmp_path / "sandbox", seconds=(0.2, 0.4), balance=10_000, plain=True) as app,
        serve_in_thread(app) as server,
    ):
        settings.SANDBOX = True
        settings.SANDBOX_URL = server.url
        settings.SELLERPIC_MIN_POLL_SECONDS = 0.2
        settings.FASHN_MIN_POLL_SECONDS = 0.2
        yield ServedSandbox(server.url)


@pytest.fixture
def start_engine(sandbox: ServedSandbox, transactional_db: None) -> Iterator[Callable[..., Engine]]:
    """Starts engines, and stops them when the test is over."""
    started: list[Engine] = []

    def start(**options: Any) -> Engine:
        options.setdefault("timing", QUICK)
        options.setdefault("with_chores", False)
        engine = Engine(**options)
        engine.start()
        started.append(engine)
        return engine

    yield start
    for engine in started:
        engine.stop()


@pytest.fixture
def start_worker(
    sandbox: ServedSandbox, transactional_db: None
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes with an engine on this test's database; kills what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def start(die_at: str = "", die_rate: float = 0.0) -> subprocess.Popen[str]:
        given = {
            "database": str(connection.settings_dict["NAME"]),
            "sandbox_url": sandbox.url,
            "slots": live_settings.SELLERPIC_SLOTS,
            "timing": dataclasses.asdict(QUICK),
            "die_at": die_at,
            "die_rate": die_rate,
        }
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.worker"],
            env={**os.environ, "ENGINE_TEST": json.dumps(given)},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait()
        assert worker.stdout is not None
        worker.stdout.close()


@pytest.fixture
def team(transactional_db: None) -> Team:
    """A team with 100 credits."""
    return make_team("Atelier", credits_=100)


def wait_until(condition: Callable[[], Any], *, seconds: float = 30) -> None:
    """Wait for something that another thread or process brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.05)


def wait_for_state(job: Job, *states: str, seconds: float = 30) -> Job:
    """Wait until the job stands in one of the states; return it as it is now."""

    def stands() -> bool:
        job.refresh_from_db()
        assert not job.is_finished or job.state in states, f"{job.state}: {job.error}"
        return job.state in states

    wait_until(stands, seconds=seconds)
    return job


def spent(team: Team) -> tuple[int, int]:
    """Credits posted and held, after checking that the ledger adds up to them.

    Every finished job has one hold and one settlement, every unfinished one its hold; those that
    cost nothing have neither.
    """
    account = CreditAccount.objects.get(team=team)
    entries = list(LedgerEntry.objects.filter(account=account))
    assert account.posted == sum(entry.d_posted for entry in entries)
    assert account.held == sum(entry.d_held for entry in entries)
    jobs = Job.objects.for_team(team).filter(price__gt=0)
    holds = sorted(entry.job for entry in entries if entry.kind == "hold")
    settled = sorted(entry.job for entry in entries if entry.kind == "settle")
    assert holds == sorted(str(job.pk) for job in jobs)
    assert settled == sorted(str(job.pk) for job in jobs if job.is_finished)
    assert account.held == sum(job.price for job in jobs if not job.is_finished)
    captured = sum(-entry.d_posted for entry in entries if entry.kind == "settle")
    assert captured == sum(job.captured or 0 for job in jobs)
    return account.posted, account.held
