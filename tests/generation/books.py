"""The operator's books with providers as tests write them: readings, and tasks that ended."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from generation.balances import note_balance
from generation.models import Attempt, BalanceReading, Job, ProviderAccount, Reconciliation
from generation.providers.base import Balance
from generation.providers.keys import SANDBOX_KEYS
from generation.providers.registry import client_for
from generation.reconciliation import make_report
from teams.models import Team
from tests.engine.fashn import launch_fashn
from tests.factories import deliver_swap, launch_swap

DAY = date(2026, 11, 10)
LATER = datetime(2026, 11, 11, 1, 0, tzinfo=UTC)
"""The moment from which on that day can be made up."""


def at(hour: float, *, day: date = DAY) -> datetime:
    """A moment of the day; hours below 0 and above 24 are of its neighbours."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


def report_of(account: ProviderAccount, day: date, moment: datetime) -> Reconciliation:
    """The account's report of a day that can be made up."""
    report = make_report(account, day, moment)
    assert report is not None
    return report


def reading(
    account: ProviderAccount,
    hour: float,
    remaining: int,
    used: int | None = None,
    *,
    day: date = DAY,
) -> BalanceReading:
    """What the balance was at that hour."""
    note_balance(account.pk, Balance(remaining, 0, used), at(hour, day=day))
    return BalanceReading.objects.latest("pk")


def read_from(account: ProviderAccount, hour: float, *, day: date = DAY) -> Balance:
    """Ask the provider itself, and keep the answer as of that hour."""

    async def ask() -> Balance:
        client = client_for(account)
        try:
            return await client.balance()
        finally:
            await client.aclose()

    balance = asyncio.run(ask())
    note_balance(account.pk, balance, at(hour, day=day))
    return balance


def set_balance(url: str, provider: str, balance: int) -> None:
    """What the sandbox's account was given in all, from now on."""
    order = {"provider": provider, "account": SANDBOX_KEYS[provider], "balance": balance}
    httpx.post(f"{url}/__sandbox__/balance", json=order).raise_for_status()


def swap_at(team: Team, hour: float, *, delivered: int = 2, **changes: Any) -> Job:
    """A task at SellerPic, at 2 credits for a result, whose end was seen at that hour."""
    return _ended(deliver_swap(team, job=launch_swap(team), delivered=delivered), hour, **changes)


def fashn_at(
    team: Team,
    hour: float,
    *,
    charged: int | None,
    delivered: int = 2,
    suspected: int = 0,
    day: date = DAY,
    **changes: Any,
) -> Job:
    """A task at FASHN, at 1 credit for a result, and what it told that it charged."""
    job = launch_fashn(team, num_images=2)
    job = _ended(deliver_swap(team, job=job, delivered=delivered), hour, day, **changes)
    assert job.submitted_at is not None
    Attempt.objects.create(
        job=job, number=1, request_hash="x", outcome="accepted", remote_id=job.remote_id,
        provider_charged=charged, suspected_cost=suspected, started_at=job.submitted_at,
        ended_at=job.submitted_at,
    )  # fmt: skip
    return job


def _ended(job: Job, hour: float, day: date = DAY, **changes: Any) -> Job:
    end = at(hour, day=day)
    values = {
        "remote_id": f"task-{job.pk}",
        "submitted_at": end - timedelta(minutes=2),
        "seen_running_at": end - timedelta(minutes=1),
        "remote_ended_at": end,
        **changes,
    }
    Job.objects.filter(pk=job.pk).update(**values)
    job.refresh_from_db()
    return job
