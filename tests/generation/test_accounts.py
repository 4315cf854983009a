"""Which provider account new jobs go to, as the settings say."""

import asyncio
import json

import pytest

from generation.models import Pool, ProviderAccount
from generation.operations import OPERATIONS
from generation.providers.base import Order
from generation.providers.errors import Busy, Refused, TooSoon
from generation.providers.keys import encrypt
from generation.providers.registry import (
    client_for,
    configured_providers,
    current_account,
    offers_of,
)
from tests.providers.conftest import answer_of, raw_server

pytestmark = pytest.mark.django_db


def test_the_sandbox_and_the_live_host_are_different_accounts(settings):
    settings.SANDBOX, settings.SANDBOX_URL = True, "http://127.0.0.1:9241"
    sandbox = current_account()
    settings.SANDBOX = False
    live = current_account()

    assert (sandbox.base_url, sandbox.is_sandbox) == ("http://127.0.0.1:9241", True)
    assert (live.base_url, live.is_sandbox) == ("https://api.sellerpic.ai", False)
    assert current_account() == live
    assert ProviderAccount.objects.count() == 2
    pools = ["general", "instruct_edit", "segment_by_prompt", "segment_by_type", "video"]
    for account in (sandbox, live):
        assert sorted(account.pools.values_list("name", flat=True)) == pools


def test_a_sandbox_that_moved_to_another_port_is_the_same_account(settings):
    settings.SANDBOX, settings.SANDBOX_URL = True, "http://127.0.0.1:9241"
    before = current_account()
    settings.SANDBOX_URL = "http://127.0.0.1:9242"

    after = current_account()

    assert after == before
    assert ProviderAccount.objects.get().base_url == "http://127.0.0.1:9242"


def test_the_settings_limits_win_over_stored_ones(settings):
    settings.SELLERPIC_SLOTS, settings.SELLERPIC_MIN_POLL_SECONDS = 10, 60
    current_account()
    settings.SELLERPIC_SLOTS, settings.SELLERPIC_MIN_POLL_SECONDS = 3, 5

    current_account()

    general = Pool.objects.get(name="general")
    assert (general.slots, general.min_poll_seconds) == (3, 5)


def test_each_provider_has_its_own_pools(settings):
    settings.SANDBOX, settings.FASHN_SLOTS = True, 6

    fashn = current_account("fashn")

    assert list(fashn.pools.values_list("name", "slots")) == [("all", 6)]
    assert current_account("sellerpic") != fashn


def ask(account, talk):
    """Run one conversation with the account's own client."""

    async def conversation():
        client = client_for(account)
        try:
            await talk(client)
        finally:
            await client.aclose()

    asyncio.run(conversation())


@pytest.fixture
def live_at(settings):
    """Makes the live account at an address, with a key of the environment."""

    def account(url):
        settings.SANDBOX, settings.SELLERPIC_API_KEY = False, "sp-key"
        settings.SELLERPIC_BASE_URL = url
        return current_account("sellerpic")

    return account


def test_what_an_operator_says_of_a_code_holds_for_submits(settings, live_at):
    settings.SELLERPIC_CODES = ["4711=busy", "nonsense"]
    swap = Order("swapModel", {"model_image": "UPLOAD/x.jpg"}, {"model": "1"})

    def told(code):
        body = {"code": code, "data": None, "msg": "oops", "success": False}
        return answer_of(200, json.dumps(body))

    for code, expected in ((4711, Busy), (4712, Refused)):
        with raw_server(told(code)) as (url, seen), pytest.raises(expected) as failure:
            ask(live_at(url), lambda client: client.submit(swap))
        assert (type(failure.value), failure.value.code, len(seen)) == (expected, str(code), 1)


@pytest.mark.parametrize(("per_second", "calls"), [(0.01, 120), (0, 130)])
def test_the_rate_of_the_settings_holds_for_the_live_host(settings, live_at, per_second, calls):
    settings.SELLERPIC_REQUESTS_PER_SECOND = per_second
    usage = json.dumps({"code": 0, "data": {"remaining": 1, "total": 2}, "success": True})

    async def talk(client):
        for _ in range(130):
            await client.balance()

    with raw_server(answer_of(200, usage)) as (url, seen):
        account = live_at(url)
        if per_second:
            with pytest.raises(TooSoon):
                ask(account, talk)
        else:
            ask(account, talk)

    assert len(seen) == calls


def test_who_is_offered_is_found_with_one_question_at_most(settings, django_assert_num_queries):
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY = settings.FASHN_API_KEY = ""
    settings.PROVIDER_KEY_SECRETS = ["s" * 40]
    ProviderAccount.objects.create(
        provider="fashn", base_url=settings.FASHN_BASE_URL, encrypted_key=encrypt("fa-stored")
    )
    ProviderAccount.objects.create(
        provider="sellerpic", base_url="https://old.example", encrypted_key=encrypt("sp-stored")
    )

    with django_assert_num_queries(1):
        configured = configured_providers()
        offered = {
            name: [offer.name for offer in offers_of(row, configured)]
            for name, row in OPERATIONS.items()
        }
    assert configured == ["fashn"], "the other key is for an address of before"
    assert offered["swap_model"] == ["fashn"]
    assert offered["segment_by_prompt"] == []

    settings.SELLERPIC_API_KEY, settings.FASHN_API_KEY = "sp-key", "fa-key"
    with django_assert_num_queries(0):
        assert configured_providers() == ["sellerpic", "fashn"]


def test_an_unknown_provider_is_a_mistake_of_the_program():
    with pytest.raises(LookupError):
        current_account("nobody")
