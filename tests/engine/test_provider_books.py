"""The engine reads balances and makes up days; jobs through the sandbox add up to the credit."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.utils.timezone import now

from generation.models import Attempt, BalanceReading, Job, ProviderAccount, Reconciliation
from generation.providers.registry import current_account
from tests.engine.conftest import QUICK, wait_for_state, wait_until
from tests.engine.fashn import launch_fashn
from tests.factories import launch_swap
from tests.generation.books import read_from, report_of, set_balance

READ_OFTEN = dataclasses.replace(QUICK, balance_every=0.2)


@pytest.mark.parametrize("provider", ["sellerpic", "fashn"])
def test_jobs_and_what_leaves_beside_them_add_up_to_what_the_sandbox_charged(
    sandbox, start_engine, team, provider
):
    account = current_account(provider)
    today = datetime.now(UTC).date()
    read_from(account, 0, day=today)
    if provider == "fashn":
        job = launch_fashn(team, num_images=2)
    else:
        sandbox.plan("one_fails")
        job = launch_swap(team, model=sandbox.model())

    start_engine()
    job = wait_for_state(job, "succeeded", "partial")
    # In the sandbox somebody takes 30 more.
    set_balance(sandbox.url, provider, 10_000 - 30)
    read_from(account, 24, day=today)
    report = report_of(account, today, now() + timedelta(days=2))

    stats = httpx.get(f"{sandbox.url}/__sandbox__/stats").json()["accounts"][provider]
    [charged] = {figures["charged"] for figures in stats.values() if figures["charged"]}
    assert (job.state, charged) == (("succeeded", 2) if provider == "fashn" else ("partial", 2))
    assert (report.expected, report.reported, report.difference) == (2, 32, 30)
    assert (report.suspected, report.unexplained, job.captured) == (0, 30, 2)
    told = Attempt.objects.get(job=job).provider_charged
    assert told == (2 if provider == "fashn" else None)


def test_the_engine_keeps_readings_and_makes_up_the_days_that_it_missed(
    sandbox, start_engine, team
):
    account = current_account("sellerpic")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    read_from(account, 1, day=yesterday)
    set_balance(sandbox.url, "sellerpic", 9_990)
    read_from(account, 2, day=yesterday)
    clock = [datetime.combine(yesterday, datetime.min.time(), UTC) + timedelta(hours=30)]

    start_engine(with_chores=True, timing=READ_OFTEN, clock=lambda: clock[0])

    wait_until(Reconciliation.objects.exists)
    wait_until(lambda: BalanceReading.objects.filter(account__provider="fashn").count() >= 2)
    report = Reconciliation.objects.get()
    assert (report.account, report.day, report.reported) == (account, yesterday, 10)
    assert ProviderAccount.objects.get(pk=account.pk).balance_remaining == 9_990
    newest = BalanceReading.objects.filter(account=account).latest("pk")
    assert (newest.at, newest.used) == (clock[0], 0)
    assert not Job.objects.exists()
