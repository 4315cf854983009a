"""The provider's balance is read again at once when a job is refused for want of credits."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta

from django.utils.timezone import now

from generation.models import Attempt, ProviderAccount
from tests.engine.conftest import QUICK
from tests.engine.fashn import launch_fashn
from tests.factories import make_team


def wait_for(seen, seconds=10.0):
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "It never came."
        time.sleep(0.05)


def read_since(moment):
    return ProviderAccount.objects.filter(provider="fashn", balance_at__gt=moment).exists()


def test_a_balance_is_read_at_once_when_the_provider_says_that_no_credits_are_left(
    sandbox, start_engine
):
    started = now()
    start_engine(with_chores=True, timing=dataclasses.replace(QUICK, balance_doubt_every=0.1))
    wait_for(lambda: read_since(started))
    sandbox.plan("out_of_credits", times=None, provider="fashn")

    job = launch_fashn(make_team(credits_=100))

    wait_for(lambda: job.attempts.filter(outcome="not_taken").exists())
    refused = Attempt.objects.filter(job=job).latest("started_at")
    wait_for(lambda: read_since(refused.started_at))
    account = ProviderAccount.objects.get(provider="fashn")
    assert (account.closed_code, account.key_refused_at) == ("OutOfCredits", None)
    # Both providers at the start and this one again: once for a refusal, and not on and on.
    time.sleep(0.3)
    assert [call["provider"] for call in sandbox.calls("usage")].count("fashn") == 2
    assert account.closed_until is not None
    assert account.closed_until > now() + timedelta(seconds=20)
