"""How many holds and settlements one team's account takes per second, and how many clients share it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

from django.core.management import call_command
from django.db import transaction

from benchmarks import postgresql
from benchmarks.contention import make_hot_team
from benchmarks.figures import Figure
from teams import credits as ledger

JOBS = 500


def run() -> Iterator[Figure]:
    """One client on the database of the settings, then many on PostgreSQL."""
    yield from _alone()
    if url := os.environ.get("DATABASE_URL"):
        yield from _together(url)
        return
    with postgresql.throwaway() as url:
        if url:
            yield from _together(url)
        else:
            print("  PostgreSQL is not installed: what many clients do was left out.")


def _alone() -> Iterator[Figure]:
    """Each job is one hold and one settlement, each in its own transaction, triggers included."""
    call_command("migrate", interactive=False, verbosity=0)
    team = make_hot_team()
    jobs = [str(uuid.uuid4()) for _ in range(JOBS)]
    common: Any = {"team": team, "actor": "benchmark", "price_version": "-"}

    started = time.perf_counter()
    for job in jobs:
        with transaction.atomic():
            ledger.hold(member=None, amount=4, job=job, **common)
    held = time.perf_counter()
    for job in jobs:
        with transaction.atomic():
            ledger.settle(held=4, captured=4, job=job, **common)
    settled = time.perf_counter()

    yield Figure("ledger_holds_per_second", JOBS / (held - started), "", 100, True)
    yield Figure("ledger_settlements_per_second", JOBS / (settled - held), "", 100, True)


def _together(url: str) -> Iterator[Figure]:
    """Holds on one team by many processes, beside the usual way to do it in the same run."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.contention"],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    rates: dict[tuple[str, int], float] = {}
    for line in done.stdout.splitlines():
        found = json.loads(line)
        way, clients = found["way"], found["clients"]
        rates[way, clients] = found["per_second"]
        stem = f"{way}_{clients}"
        yield Figure(f"{stem}_holds_per_second", found["per_second"], digits=0)
        yield Figure(f"{stem}_hold_p50", found["p50_ms"], "ms")
        yield Figure(f"{stem}_hold_p99", found["p99_ms"], "ms")
    for clients, goal in ((8, 1.0), (32, 1.5)):
        ratio = rates["ledger", clients] / rates["select_for_update", clients]
        yield Figure(f"ledger_vs_select_for_update_{clients}", ratio, "", goal, True)
