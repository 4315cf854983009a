"""How long the proof of the whole ledger takes at a million entries, jobs and grants included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks import postgresql
from benchmarks.books import time_check
from benchmarks.figures import Figure

ENTRIES = 1_000_000
GOAL = 20
"""Seconds on two cores."""


def run() -> Iterator[Figure]:
    """On the database of the settings; without one, on SQLite and on a PostgreSQL for it alone."""
    yield from _figures("", *time_check(ENTRIES))
    if os.environ.get("DATABASE_URL"):
        return
    with postgresql.throwaway() as url:
        if not url:
            print("  PostgreSQL is not installed: it was left out.")
            return
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.books"],
            env={
                **os.environ,
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            },
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        yield from _figures("_postgresql", *json.loads(done.stdout))


def _figures(suffix: str, filling: float, checking: float) -> Iterator[Figure]:
    yield Figure(f"ledger_fill_million{suffix}", filling, "s")
    yield Figure(f"ledger_check_million{suffix}", checking, "s", GOAL)
