"""What operators do with a provider: pause it, write its key unseen; and who may."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils.timezone import now

from generation.models import ProviderAccount
from generation.operators.changes import Trial, Verdict
from generation.providers.keys import encrypt, key_of
from generation.providers.registry import current_account
from teams.models import AuditEntry, User
from tests.generation.providers_page import PAGE, do, words

pytestmark = pytest.mark.django_db

GOOD_KEY = "sandbox-operators-own-0123456789"
OTHER_KEY = "sandbox-operators-other-0123456789"
BAD_KEY = "wrong-key-0123456789"


# --- Pause ------------------------------------------------------------------------------------


def test_pausing_and_resuming_is_told_and_kept_in_the_audit_trail(client, read):
    account = current_account()
    read()

    assert do(client, account, "pause") == ["SellerPic is paused. What it has is still collected."]
    account.refresh_from_db()
    assert account.is_paused
    assert "SellerPic, sandbox Paused by operator@example.com on" in read()

    assert do(client, account, "resume") == ["SellerPic takes jobs again."]
    account.refresh_from_db()
    assert not account.is_paused
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "actor", "subject")) == [
        ("provider.paused", "operator@example.com", str(account)),
        ("provider.resumed", "operator@example.com", str(account)),
    ]


def test_pausing_twice_is_one_pause(client, read):
    account = current_account()
    read()

    do(client, account, "pause")
    do(client, account, "pause")

    assert AuditEntry.objects.filter(action="provider.paused").count() == 1


def test_a_closed_account_is_tried_at_once_and_alone(client, read):
    account = current_account()
    closed = {"closed_until": now() + timedelta(minutes=9), "closed_streak": 4}
    ProviderAccount.objects.filter(pk=account.pk).update(closed_reason="Away.", **closed)
    read()

    assert do(client, account, "try") == ["The next job tries SellerPic now."]

    account.refresh_from_db()
    assert (account.closed_until, account.closed_streak) == (None, 4)


# --- Keys -------------------------------------------------------------------------------------


def test_a_key_that_works_is_stored_encrypted_and_opens_the_account(client, read, live, caplog):
    ProviderAccount.objects.filter(pk=live.pk).update(
        closed_until=now() + timedelta(minutes=9), closed_streak=2, key_refused_at=now()
    )
    read()

    told = do(client, live, "key", key=f"  {GOOD_KEY}\n")

    assert told == ["The key was stored and works; 180 credits are left at SellerPic."]
    live.refresh_from_db()
    assert key_of(live) == GOOD_KEY
    assert GOOD_KEY not in live.encrypted_key
    assert (live.balance_remaining, live.key_refused_at, live.closed_until) == (180, None, None)
    assert live.closed_streak == 2, "the next job tries alone"
    assert now() - live.key_set_at < timedelta(minutes=1)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor) == ("provider.key_stored", "operator@example.com")
    assert entry.data == {"trial": "works"}
    assert re.search(r"Stored on [^.]+, encrypted\. Accepted by the provider on", read())
    assert GOOD_KEY not in caplog.text


def test_no_page_shows_a_key_or_a_part_of_it(client, read, live):
    read()
    do(client, live, "key", key=GOOD_KEY)

    token = ProviderAccount.objects.get(pk=live.pk).encrypted_key
    for path in ("page/", "", f"{live.pk}/change/", f"{live.pk}/history/"):
        html = client.get(f"/admin/generation/provideraccount/{path}").content.decode()
        assert "operators-own" not in html, path
        assert token[:20] not in html, path
    assert 'autocomplete="off"' in client.get(PAGE).content.decode()


def test_a_refused_key_is_not_stored_unless_the_operator_says_so(client, read, live):
    read()
    do(client, live, "key", key=GOOD_KEY)

    assert do(client, live, "key", key=BAD_KEY, replace="on") == [
        "SellerPic refuses the key. Nothing was saved."
    ]
    live.refresh_from_db()
    assert (key_of(live), live.key_refused_at) == (GOOD_KEY, None)
    assert AuditEntry.objects.count() == 1

    assert do(client, live, "key", key=BAD_KEY, replace="on", even_if_refused="on") == [
        "The key was stored although it does not work: SellerPic refuses the key."
    ]
    live.refresh_from_db()
    assert key_of(live) == BAD_KEY
    assert live.key_refused_at == live.key_set_at
    assert AuditEntry.objects.order_by("-pk")[0].data == {"trial": "refused"}


def test_a_key_that_cannot_be_tried_is_stored_and_said_to_be_untried(client, read, live, settings):
    read()
    account = ProviderAccount.objects.create(provider="sellerpic", base_url="http://127.0.0.1:9")

    told = do(client, account, "key", key=GOOD_KEY)

    assert told == ["The key was stored and could not be tried: SellerPic cannot be reached."]
    account.refresh_from_db()
    assert key_of(account) == GOOD_KEY
    assert "encrypted. Not tried yet." in read()


def test_a_stored_key_is_written_over_only_when_that_is_confirmed(client, read, live):
    read()
    do(client, live, "key", key=GOOD_KEY)
    page = client.get(PAGE).content.decode()
    assert f'<input type="checkbox" id="replace-{live.pk}" name="replace" required>' in page
    asked = [
        "There is a stored key already. Tick “Replace the stored key” to write over it. "
        "Nothing was saved."
    ]

    assert do(client, live, "key", key=OTHER_KEY) == asked
    assert do(client, live, "key", key=OTHER_KEY, even_if_refused="on") == asked

    live.refresh_from_db()
    assert key_of(live) == GOOD_KEY
    assert AuditEntry.objects.count() == 1

    do(client, live, "key", key=OTHER_KEY, replace="on")
    live.refresh_from_db()
    assert key_of(live) == OTHER_KEY


def test_a_key_that_another_operator_stored_meanwhile_is_not_written_over(
    client, read, live, monkeypatch
):
    read()
    other = encrypt(OTHER_KEY)

    def try_slowly(account, key):
        ProviderAccount.objects.filter(pk=account.pk).update(encrypted_key=other)
        return Trial(Verdict.WORKS)

    monkeypatch.setattr("generation.operators.changes.try_key", try_slowly)

    told = do(client, live, "key", key=GOOD_KEY)

    assert "Nothing was saved." in told[0]
    live.refresh_from_db()
    assert key_of(live) == OTHER_KEY
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "key", ["", "   ", "two words here", "schl\u00fcssel-123", "k" * 401, "a\tb"]
)
def test_what_can_be_no_key_is_refused(client, read, live, key):
    read()

    assert do(client, live, "key", key=key) == [
        "That is no key: paste it whole, without blanks. Nothing was saved."
    ]

    live.refresh_from_db()
    assert (live.encrypted_key, live.key_set_at) == ("", None)


def test_where_the_environment_gives_the_key_or_no_secret_is_set_none_is_stored(
    client, read, live, settings
):
    settings.SELLERPIC_API_KEY = "sp-of-the-environment"
    read()
    assert do(client, live, "key", key=GOOD_KEY) == [
        "The environment gives a key, and it wins. Nothing was saved."
    ]

    settings.SELLERPIC_API_KEY, settings.PROVIDER_KEY_SECRETS = "", []
    assert do(client, live, "key", key=GOOD_KEY) == [
        "PROVIDER_KEY_SECRETS is empty, so that no key can be stored."
    ]

    assert not AuditEntry.objects.exists()
    assert not ProviderAccount.objects.exclude(encrypted_key="").exists()


def test_the_sandbox_takes_no_key(client, read):
    read()

    assert do(client, current_account(), "key", key=GOOD_KEY) == [
        "The sandbox has a key of its own."
    ]


def test_a_stored_key_is_removed(client, read, live):
    read()
    do(client, live, "key", key=GOOD_KEY)

    assert do(client, live, "remove-key") == ["The stored key was removed."]

    live.refresh_from_db()
    assert (live.encrypted_key, live.key_set_at, key_of(live)) == ("", None, "")
    assert AuditEntry.objects.order_by("-pk")[0].action == "provider.key_removed"
    assert do(client, live, "remove-key") == ["There was no stored key."]


def test_the_key_of_the_environment_is_said_not_to_be_sent_to_a_former_address(
    read, live, settings
):
    read()
    settings.SELLERPIC_API_KEY = "sp-environment-0123456789"
    settings.SELLERPIC_BASE_URL = "https://api.example.com"

    text = read()
    assert text.count("From the environment (SELLERPIC_API_KEY).") == 1
    assert (
        "None. The one in SELLERPIC_API_KEY is not sent to this address. "
        "Write one here, if jobs that were sent there are to be finished."
    ) in text

    settings.PROVIDER_KEY_SECRETS = []
    text = read()
    assert "Set PROVIDER_KEY_SECRETS so that a key for it can be written here." in text
    assert "Set SELLERPIC_API_KEY" not in text


# --- Balance ----------------------------------------------------------------------------------


def test_the_balance_is_read_at_once_and_stands_there_with_its_time(client, read, live):
    assert "Read SellerPic's balance now" not in read(), "there is no key to ask with"
    do(client, live, "key", key=GOOD_KEY)
    old = now() - timedelta(minutes=9)
    ProviderAccount.objects.filter(pk=live.pk).update(
        balance_remaining=3, balance_at=old, key_refused_at=old
    )
    text = read()
    assert re.search(r"Balance 3 credits of 180, as of [^(]+ \( 9 minutes ago \)", text)
    assert "Read SellerPic's balance now" in text

    assert do(client, live, "balance") == ["180 credits left at SellerPic."]

    live.refresh_from_db()
    assert (live.balance_remaining, live.balance_total, live.key_refused_at) == (180, 180, None)
    assert live.balance_at > old + timedelta(minutes=8)
    assert re.search(r"180 credits of 180, as of [^(]+ \( just now \)", read())


def test_a_balance_that_is_not_told_leaves_the_one_from_before(client, read, live):
    read()
    assert do(client, live, "balance") == [
        "The balance at SellerPic was not read: There is no key to ask with."
    ]
    do(client, live, "key", key=BAD_KEY, even_if_refused="on")
    old = now() - timedelta(minutes=9)
    ProviderAccount.objects.filter(pk=live.pk).update(
        balance_remaining=3, balance_at=old, key_refused_at=None
    )

    assert do(client, live, "balance") == [
        "The balance at SellerPic was not read: SellerPic refuses the key."
    ]

    live.refresh_from_db()
    assert (live.balance_remaining, live.balance_at) == (3, old)
    assert live.key_refused_at is not None
    assert "Refused by the provider on" in read()


# --- Who may ----------------------------------------------------------------------------------


def test_each_act_is_by_post_and_needs_its_permission(client, live):
    looks = User.objects.create_user("looks@example.com", "x", is_staff=True)
    looks.user_permissions.set(Permission.objects.filter(codename="view_provideraccount"))
    client.force_login(looks)
    text = words(client.get(PAGE))
    assert "Takes no jobs: there is no key." in text
    assert "You may not see jobs." in text
    assert "Pause" not in text and "New key" not in text

    for action in ("key", "remove-key", "balance", "pause", "resume", "try"):
        address = f"/admin/generation/provideraccount/{live.pk}/{action}/"
        assert client.post(address, {"key": GOOD_KEY}).status_code == 403, action
    operator = User.objects.create_superuser("operator@example.com", "x")
    client.force_login(operator)
    for action in ("key", "remove-key", "balance", "pause", "resume", "try"):
        address = f"/admin/generation/provideraccount/{live.pk}/{action}/"
        assert client.get(address).status_code == 405, action

    live.refresh_from_db()
    assert (live.encrypted_key, live.is_paused) == ("", False)


def test_it_is_for_staff_who_may_see_accounts(client):
    client.force_login(User.objects.create_user("staff@example.com", "x", is_staff=True))
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()

    client.force_login(User.objects.create_user("person@example.com", "x"))
    assert client.get(PAGE).status_code in (302, 403)
