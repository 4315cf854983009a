"""Provider keys: which one is taken, how they are kept, and how their secrets are rotated."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import MultiFernet
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from generation.engine.breaker import note_failure, note_success
from generation.models import Pool, ProviderAccount
from generation.operators.changes import save_key
from generation.providers.base import Order
from generation.providers.errors import WRONG_ADDRESS, AccountClosed, OutOfCredits, Unreachable
from generation.providers.keys import KeyFrom, encrypt, key_of, rotate_keys, source_of
from generation.providers.registry import client_for
from sandbox.app import create_app
from sandbox.server import serve_in_thread
from teams.models import User
from tests.providers.conftest import answer_of, raw_server

pytestmark = pytest.mark.django_db

OLD, NEW = "old-secret-" + "o" * 32, "new-secret-" + "n" * 32


@pytest.fixture
def account(settings) -> ProviderAccount:
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY = ""
    settings.PROVIDER_KEY_SECRETS = [OLD]
    return ProviderAccount.objects.create(
        provider="sellerpic",
        base_url="https://api.sellerpic.ai",
        encrypted_key=encrypt("sp-stored"),
    )


def rotate() -> str:
    out = StringIO()
    call_command("rotate_provider_keys", stdout=out)
    return out.getvalue()


def test_a_key_of_the_environment_wins_over_a_stored_one(account, settings):
    assert (key_of(account), source_of(account)) == ("sp-stored", KeyFrom.ROW)

    settings.SELLERPIC_API_KEY = "sp-environment"

    assert (key_of(account), source_of(account)) == ("sp-environment", KeyFrom.ENVIRONMENT)


@pytest.mark.parametrize("provider", ["sellerpic", "fashn"])
def test_the_key_of_the_environment_is_never_sent_to_a_host_of_former_settings(settings, provider):
    settings.SANDBOX = False
    settings.PROVIDER_KEY_SECRETS = [OLD]
    settings.SELLERPIC_API_KEY = settings.FASHN_API_KEY = "the-environments-own"
    with raw_server(answer_of(401, "{}")) as (url, seen):
        former = ProviderAccount.objects.create(provider=provider, base_url=url)
        assert (key_of(former), source_of(former)) == ("", KeyFrom.NOWHERE)

        ask_status(former)
        former.encrypted_key = encrypt("stored-for-this-account")
        ask_status(former)

    named = [line for request in seen for line in request.splitlines() if b"uthorization" in line]
    assert [line.split()[-1] for line in named] == [b"no-key", b"stored-for-this-account"]
    assert not any(b"the-environments-own" in request for request in seen)


def ask_status(account: ProviderAccount) -> None:
    async def ask() -> None:
        client = client_for(account)
        try:
            await client.status("77")
        finally:
            await client.aclose()

    with pytest.raises(AccountClosed):
        asyncio.run(ask())


def test_a_key_can_be_stored_for_a_host_of_former_settings(account, settings):
    settings.SELLERPIC_API_KEY = "sp-environment"
    operator = User.objects.create_superuser("operator@example.com", "x")
    with raw_server(answer_of(401, "{}")) as (url, seen):
        ProviderAccount.objects.filter(pk=account.pk).update(base_url=url, encrypted_key="")
        account.refresh_from_db()

        save_key(account, "sp-another", by=operator, even_if_refused=True)

    account.refresh_from_db()
    assert (key_of(account), source_of(account)) == ("sp-another", KeyFrom.ROW)
    assert [b"Bearer sp-another" in request for request in seen] == [True]


def test_the_stored_text_does_not_hold_the_key(account):
    assert "sp-stored" not in account.encrypted_key
    assert encrypt("sp-stored") != account.encrypted_key, "the same key looks different each time"


def test_without_its_secret_a_stored_key_is_none_and_the_log_says_so(account, settings, caplog):
    settings.PROVIDER_KEY_SECRETS = [NEW]

    assert (key_of(account), source_of(account)) == ("", KeyFrom.UNREADABLE)

    assert [record.getMessage() for record in caplog.records] == [
        "The stored key of sellerpic at https://api.sellerpic.ai cannot be read with "
        "PROVIDER_KEY_SECRETS."
    ]


def test_the_log_says_once_that_a_stored_key_is_not_read(account, settings, caplog):
    settings.PROVIDER_KEY_SECRETS = [NEW]

    assert [key_of(account) for _ in range(3)] == ["", "", ""]

    assert len(caplog.records) == 1


@pytest.mark.parametrize("text", ["sp key", "sp-\nkey", "cl\u00e9", ""])
def test_a_malformed_key_of_the_environment_is_none(account, settings, text):
    settings.SELLERPIC_API_KEY = text
    assert (key_of(account), source_of(account)) == ("sp-stored", KeyFrom.ROW)

    account.encrypted_key = ""
    assert (key_of(account), source_of(account)) == ("", KeyFrom.NOWHERE)


def test_the_blanks_that_copying_adds_are_no_part_of_a_key(account, settings):
    settings.SELLERPIC_API_KEY = " sp-environment\r\n"

    assert key_of(account) == "sp-environment"


def test_the_sandbox_needs_no_key(settings):
    settings.FASHN_API_KEY = "fa-environment"
    account = ProviderAccount(provider="fashn", base_url="http://127.0.0.1:1", is_sandbox=True)

    assert (key_of(account), source_of(account)) == ("fa-sandbox", KeyFrom.SANDBOX)


def test_rotation_makes_the_old_secret_needless(account, settings):
    settings.PROVIDER_KEY_SECRETS = [NEW, OLD]
    stored_at = account.key_set_at

    assert rotate() == "Stored keys encrypted with the first secret: 1.\n"

    settings.PROVIDER_KEY_SECRETS = [NEW]
    account.refresh_from_db()
    assert (key_of(account), account.key_set_at) == ("sp-stored", stored_at)


def test_rotation_leaves_what_it_cannot_read_and_says_which(account, settings):
    settings.PROVIDER_KEY_SECRETS = [NEW]

    with pytest.raises(CommandError, match=r"opens the key of sellerpic at https://api\.seller"):
        rotate()

    fresh = ProviderAccount.objects.get(pk=account.pk)
    assert fresh.encrypted_key == account.encrypted_key


def test_rotation_without_a_secret_is_refused(account, settings):
    settings.PROVIDER_KEY_SECRETS = []

    with pytest.raises(CommandError, match="PROVIDER_KEY_SECRETS is empty"):
        rotate()

    assert ProviderAccount.objects.get(pk=account.pk).encrypted_key == account.encrypted_key


def test_rotation_never_undoes_a_key_that_is_written_meanwhile(account, settings, monkeypatch):
    settings.PROVIDER_KEY_SECRETS = [NEW, OLD]
    rotate_token = MultiFernet.rotate

    def replaced_meanwhile(box, token):
        ProviderAccount.objects.update(encrypted_key=encrypt("sp-newer"))
        return rotate_token(box, token)

    monkeypatch.setattr(MultiFernet, "rotate", replaced_meanwhile)

    assert rotate_keys().renewed == 0

    account.refresh_from_db()
    assert key_of(account) == "sp-newer"


def test_what_the_provider_says_to_the_key_is_kept_in_mind(account):
    pool = Pool.objects.create(account=account, name="general")
    first, later = now() - timedelta(hours=2), now() - timedelta(hours=1)

    note_failure(pool, Unreachable("SellerPic cannot be reached."), first)
    note_failure(pool, AccountClosed("Check SELLERPIC_BASE_URL.", code="http_302"), first)
    note_failure(pool, AccountClosed("Check SELLERPIC_BASE_URL.", code=WRONG_ADDRESS), first)
    account.refresh_from_db()
    assert account.key_refused_at is None, "none of them says anything about the key"

    for at in (first, later):
        note_failure(pool, AccountClosed("SellerPic refuses the key.", code="http_401"), at)
    account.refresh_from_db()
    assert account.key_refused_at == first

    note_failure(pool, OutOfCredits("No credits left."), later)
    account.refresh_from_db()
    assert account.key_refused_at is None, "who counts credits has taken the key"

    note_failure(pool, AccountClosed("SellerPic refuses the key.", code="http_401"), now())
    note_success(pool, now() + timedelta(hours=1))
    account.refresh_from_db()
    assert (account.key_refused_at, account.closed_streak) == (None, 0)


def test_an_order_without_a_key_is_refused_and_never_counts_as_lost(account, settings, tmp_path):
    settings.PROVIDER_KEY_SECRETS = []
    with (
        create_app(tmp_path / "sandbox", plain=True) as app,
        serve_in_thread(app) as server,
    ):
        account.base_url = server.url
        order = Order("swapModel", {"model_image": "UPLOAD/x.jpg"}, {"model": "1"})

        async def submit() -> None:
            client = client_for(account)
            try:
                await client.submit(order)
            finally:
                await client.aclose()

        with pytest.raises(AccountClosed, match="SellerPic refuses the key"):
            asyncio.run(submit())
