"""How many holds and settlements one team's account takes per second."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

from django.core.management import call_command
from django.db import transaction

from benchmarks.figures import Figure
from teams import credits as ledger
from teams.models import User
from teams.services import create_team

JOBS = 500


def run() -> Iterator[Figure]:
    """Each job is one hold and one settlement, each in its own transaction, triggers included."""
    call_command("migrate", interactive=False, verbosity=0)
    owner = User.objects.create_user(f"{uuid.uuid4()}@example.com")
    team = create_team(name="Benchmark", owner=owner, slug=f"b-{uuid.uuid4().hex[:12]}")
    with transaction.atomic():
        ledger.grant(team=team, amount=JOBS * 4, actor="benchmark", reason="-", key="benchmark")
    jobs = [str(uuid.uuid4()) for _ in range(JOBS)]
    common: Any = {"team": team, "actor": "benchmark", "price_version": "-"}

    started = time.perf_counter()
    for job in jobs:
        with transaction.atomic():
            ledger.hold(amount=4, job=job, **common)
    held = time.perf_counter()
    for job in jobs:
        with transaction.atomic():
            ledger.settle(held=4, captured=4, job=job, **common)
    settled = time.perf_counter()

    yield Figure("ledger_holds_per_second", JOBS / (held - started), "", 100, True)
    yield Figure("ledger_settlements_per_second", JOBS / (settled - held), "", 100, True)
