"""Which provider account new jobs go to, as the settings say."""

import pytest

from generation.models import Pool, ProviderAccount
from generation.providers.registry import current_account

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


def test_an_unknown_provider_is_a_mistake_of_the_program():
    with pytest.raises(LookupError):
        current_account("nobody")
