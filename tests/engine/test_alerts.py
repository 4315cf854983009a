"""Operators are told that a provider takes no jobs until they act, and not too often."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils.timezone import now

from generation.engine.breaker import note_failure, note_success
from generation.models import Pool, ProviderAccount
from generation.providers.errors import AccountClosed, Busy, OutOfCredits, Unreachable
from generation.providers.registry import current_account
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def fail(db, settings):
    """Fails a submit at the end of each pause."""
    settings.SANDBOX, settings.ADMINS = True, []
    current_account("fashn")
    at = [now()]

    def fail(failure):
        pool = Pool.objects.select_related("account").get(account__provider="fashn")
        until = pool.account.closed_until
        at[0] = max(at[0], until) if until is not None else at[0] + timedelta(seconds=1)
        note_failure(pool, failure, at[0])

    return fail


@pytest.mark.parametrize(
    "failure",
    [
        OutOfCredits("The account at FASHN has no credits left.", code="OutOfCredits"),
        AccountClosed("FASHN refuses the key.", code="UnauthorizedAccess"),
    ],
)
def test_one_mail_in_six_hours_for_closings_of_one_kind(
    fail, mailoutbox, failure, client, settings
):
    make_user("staff@example.com", is_staff=True)
    fail(failure)
    fail(failure)
    fail(failure)

    [mail] = mailoutbox
    assert mail.to == ["staff@example.com"]
    assert mail.subject == "FASHN takes no jobs"
    assert mail.body.startswith(failure.message)
    assert "no team is charged" in mail.body
    account = ProviderAccount.objects.get(provider="fashn")
    page = f"{settings.BASE_URL}/admin/generation/provideraccount/page/#account-{account.pk}"
    assert mail.body.endswith(f"What to do about it: {page}")

    pool = Pool.objects.get(account__provider="fashn")
    for _ in range(5):
        note_success(pool, now() + timedelta(hours=1))
        assert ProviderAccount.objects.get(provider="fashn").closed_streak == 0
        fail(failure)
    assert len(mailoutbox) == 1

    ProviderAccount.objects.update(alerted_at=F("alerted_at") - timedelta(hours=7))
    fail(failure)
    assert len(mailoutbox) == 2

    client.force_login(make_user("root@example.com", is_staff=True, is_superuser=True))
    answer = client.get(page.removeprefix(settings.BASE_URL).partition("#")[0])
    assert f'id="account-{account.pk}"' in answer.content.decode()


def test_another_reason_is_told_at_once(fail, mailoutbox):
    make_user("staff@example.com", is_staff=True)
    fail(OutOfCredits("No credits.", code="OutOfCredits"))
    fail(AccountClosed("FASHN refuses the key.", code="UnauthorizedAccess"))
    fail(AccountClosed("FASHN refuses the key.", code="UnauthorizedAccess"))

    assert [mail.body.partition("\n")[0] for mail in mailoutbox] == [
        "No credits.",
        "FASHN refuses the key.",
    ]


def test_a_provider_that_is_away_or_full_is_no_reason_to_write(fail, mailoutbox):
    make_user("staff@example.com", is_staff=True)
    fail(Unreachable("FASHN cannot be reached."))
    fail(Busy("Every place is taken."))
    assert mailoutbox == []

    fail(OutOfCredits("No credits."))
    assert len(mailoutbox) == 1, "what only an operator can mend is told although it closed before"


def test_without_anybody_to_write_to_the_log_alone_tells(fail, mailoutbox, caplog):
    fail(AccountClosed("FASHN refuses the key."))

    assert mailoutbox == []
    assert "takes no jobs: FASHN refuses the key." in caplog.text
    account = ProviderAccount.objects.get(provider="fashn")
    assert account.closed_streak == 1
