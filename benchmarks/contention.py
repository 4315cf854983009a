"""Clients that hold credits of one team as quickly as they can, in two ways; run as a process.

`python -m benchmarks.contention` prints one JSON line for each way and number of clients. It
migrates the database of DATABASE_URL and fills it.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

import django

SECONDS = 3.0
ROUNDS = 3
CLIENTS = (8, 32)
PRICE = 4


def main() -> None:
    """Measure both ways in turn, so that a noisy moment of the machine meets both."""
    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", interactive=False, verbosity=0)
    team = make_hot_team()
    connections.close_all()
    ways = {"ledger": _hold, "select_for_update": _select_for_update}
    for clients in CLIENTS:
        took: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(ROUNDS):
            for name in sorted(ways, reverse=turn % 2 == 1):
                took[name] += _race(ways[name], team, clients)
        for name, waits in took.items():
            cuts = statistics.quantiles(waits, n=100)
            figures = {
                "way": name,
                "clients": clients,
                "per_second": len(waits) / (SECONDS * ROUNDS),
                "p50_ms": cuts[49] * 1000,
                "p99_ms": cuts[98] * 1000,
            }
            print(json.dumps(figures), flush=True)


def make_hot_team() -> Any:
    """A team with three grants, more than all clients can hold."""
    from django.db import transaction

    from teams import credits as ledger
    from teams.models import User
    from teams.services import create_team

    owner = User.objects.create_user(f"{uuid.uuid4()}@example.com")
    team = create_team(name="Benchmark", owner=owner, slug=f"b-{uuid.uuid4().hex[:12]}")
    for number in range(3):
        with transaction.atomic():
            ledger.grant(
                team=team, amount=10**8, actor="benchmark", reason="-", key=f"benchmark-{number}"
            )
    return team


def _race(way: Callable[[Any, str], None], team: Any, clients: int) -> list[float]:
    """Seconds that each hold took, of all clients, within SECONDS."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    ready, begin = context.Semaphore(0), context.Event()

    def client() -> None:
        from django.db import connection, transaction

        connection.ensure_connection()
        ready.release()
        begin.wait()
        waits = []
        until = time.perf_counter() + SECONDS
        while (now := time.perf_counter()) < until:
            with transaction.atomic():
                way(team, str(uuid.uuid4()))
            waits.append(time.perf_counter() - now)
        connection.close()
        results.put(waits)

    processes = [context.Process(target=client) for _ in range(clients)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    begin.set()
    waits = [wait for _ in processes for wait in results.get()]
    for process in processes:
        process.join()
    return waits


def _hold(team: Any, job: str) -> None:
    """The product's way."""
    from teams import credits as ledger

    ledger.hold(team=team, member=None, amount=PRICE, job=job, actor="benchmark", price_version="-")


def _select_for_update(team: Any, job: str) -> None:
    """The usual way: lock the row, look, then write. The same rows are written in the end."""
    from django.utils.timezone import now

    from teams import budgets
    from teams.models import CreditAccount, Grant, HoldUse, LedgerEntry

    account = CreditAccount.objects.select_for_update().get(team=team)
    if account.available < PRICE:
        raise RuntimeError("The team cannot pay.")
    account.held += PRICE
    account.seq += 1
    account.save(update_fields=["held", "seq"])
    left = PRICE
    for grant in Grant.objects.filter(account=account).spendable():
        part = min(left, grant.remaining)
        grant.remaining -= part
        grant.save(update_fields=["remaining"])
        HoldUse.objects.create(grant=grant, job=job, amount=part)
        left -= part
        if not left:
            break
    LedgerEntry.objects.create(
        account=account,
        seq=account.seq,
        kind=LedgerEntry.Kind.HOLD,
        d_posted=0,
        d_held=PRICE,
        posted_after=account.posted,
        held_after=account.held,
        job=job,
        key=f"hold:{job}",
        actor="benchmark",
        price_version="-",
    )
    budgets.reserve_all(team=team, member=None, holds=[(job, PRICE)], at=now())


if __name__ == "__main__":
    main()
