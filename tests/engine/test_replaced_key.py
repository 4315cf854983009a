"""A key that an operator replaces in the browser is taken up by the engine that runs."""

from __future__ import annotations

import time

import pytest
from django.utils.timezone import now

from generation.models import Job, Preset, ProviderAccount
from generation.providers.keys import encrypt
from generation.providers.registry import current_account
from sandbox.presets import PRESETS
from teams.models import User
from tests.factories import launch_swap, make_team


def wait_for(seen, seconds=10.0):
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "It never came."
        time.sleep(0.05)


@pytest.fixture
def live(sandbox, settings, transactional_db):
    """A live account whose stored key was revoked; its host is the sandbox on this machine."""
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY = settings.FASHN_API_KEY = ""
    settings.PROVIDER_KEY_SECRETS = ["s" * 40]
    settings.SELLERPIC_BASE_URL = sandbox.url
    account = current_account("sellerpic")
    account.encrypted_key, account.key_set_at = encrypt("revoked-key"), now()
    account.save()
    Preset.objects.create(
        account=account,
        kind=Preset.Kind.MODEL,
        remote_id=PRESETS["SWAP_MODEL"][0].id,
        name="Ada",
    )
    return account


def test_jobs_wait_for_a_key_that_works_and_go_on_within_seconds(live, start_engine, client):
    operator = User.objects.create_superuser("operator@example.com", "x")
    client.force_login(operator)
    job = launch_swap(make_team(credits_=10), model=Preset.objects.get())
    start_engine()
    wait_for(lambda: ProviderAccount.objects.filter(closed_until__gt=now()).exists())
    live.refresh_from_db()
    assert live.closed_reason == "SellerPic refuses the key."
    assert live.key_refused_at is not None

    client.post(
        f"/admin/generation/provideraccount/{live.pk}/key/",
        {"key": "sandbox-operators-own", "replace": "on"},
    )

    wait_for(lambda: Job.objects.filter(pk=job.pk).exclude(remote_id="").exists())
    live.refresh_from_db()
    assert (live.closed_streak, live.key_refused_at) == (0, None)
    assert job.attempts.filter(outcome="accepted").count() == 1
