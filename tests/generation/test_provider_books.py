"""Balances as they were read, how long they last, and what operators are told about them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from generation.balances import outlook_of, readings_since, steps_of, thin_readings
from generation.engine.provider_books import keep_provider_books, tell_drifts, watch_balances
from generation.models import BalanceReading, ProviderAccount, Reconciliation
from generation.operators.books import lasting
from generation.providers.registry import current_account
from sandbox.app import create_app
from sandbox.server import serve_in_thread
from tests.factories import make_team, make_user
from tests.generation.books import (
    DAY,
    LATER,
    at,
    read_from,
    reading,
    report_of,
    set_balance,
    swap_at,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def sellerpic(settings):
    settings.SANDBOX, settings.ADMINS = True, []
    make_user("staff@example.com", is_staff=True)
    return current_account("sellerpic")


@pytest.fixture
def served(settings, tmp_path):
    """Both providers' own words about their balances: 1,000 credits at each."""
    with (
        create_app(tmp_path / "sandbox", balance=1000, plain=True) as app,
        serve_in_thread(app) as server,
    ):
        settings.SANDBOX, settings.SANDBOX_URL = True, server.url
        yield server.url


def outlook(account):
    account.refresh_from_db()
    since = at(24 * 60) - timedelta(days=90)
    return outlook_of(account, steps_of(readings_since([account], since)[account.pk]))


# Readings --------------------------------------------------------------------------------------


def test_both_providers_tell_their_balance_and_sellerpic_what_was_used(served):
    for provider in ("sellerpic", "fashn"):
        account = current_account(provider)
        read_from(account, 9)
        account.refresh_from_db()
        assert (account.balance_remaining, account.balance_at) == (1000, at(9))

    rows = BalanceReading.objects.order_by("account__provider")
    assert [(row.account.provider, row.remaining, row.total, row.used) for row in rows] == [
        ("fashn", 1000, None, None),
        ("sellerpic", 1000, 1000, 0),
    ]


@pytest.mark.parametrize("provider", ["sellerpic", "fashn"])
def test_what_leaves_the_provider_beside_our_jobs_shows_as_unexplained(served, provider):
    account = current_account(provider)
    read_from(account, 0)
    set_balance(served, provider, 940)
    read_from(account, 24)

    report = report_of(account, DAY, LATER)

    assert (report.expected, report.reported, report.topped_up) == (0, 60, 0)
    assert (report.difference, report.unexplained) == (60, 60)


@pytest.mark.parametrize("provider", ["sellerpic", "fashn"])
def test_what_is_added_at_the_provider_is_no_negative_difference(served, provider):
    account = current_account(provider)
    read_from(account, 0)
    set_balance(served, provider, 1500)
    read_from(account, 24)

    report = report_of(account, DAY, LATER)

    assert (report.reported, report.topped_up, report.difference) == (0, 500, 0)


def test_readings_are_kept_whole_for_two_days_then_hourly_then_daily(sellerpic):
    """And of each hour and day it is the last one that stays, which the reports begin with."""
    today = at(24 * 100)
    spans = [
        (timedelta(hours=1), 6),  # Every ten minutes.
        (timedelta(days=10), 6),
        (timedelta(days=95), 6),
    ]
    for age, count in spans:
        BalanceReading.objects.bulk_create(
            BalanceReading(
                account=sellerpic, remaining=n, at=today - age + timedelta(minutes=10 * n)
            )
            for n in range(count)
        )
    BalanceReading.objects.create(
        account=sellerpic, remaining=99, at=today - timedelta(days=95, hours=-5)
    )

    assert thin_readings(today) == 5 + 6

    rows = BalanceReading.objects.order_by("at").values_list("at", "remaining")
    assert list(rows) == [
        (today - timedelta(days=95, hours=-5), 99),
        (today - timedelta(days=10) + timedelta(minutes=50), 5),
        *((today - timedelta(hours=1) + timedelta(minutes=10 * n), n) for n in range(6)),
    ]
    assert thin_readings(today) == 0


# How long it lasts -----------------------------------------------------------------------------


def test_a_balance_lasts_by_the_quicker_of_two_paces_and_says_which(sellerpic):
    for day in range(31):
        # Five credits a day for 24 days, twenty for the last six.
        reading(sellerpic, 24 * day, 1000 - 5 * day - 15 * max(0, day - 24))

    found = outlook(sellerpic)

    assert found.remaining == 760
    assert [(pace.days, pace.covered, pace.spent) for pace in found.paces] == [
        (7, 7, 125), (30, 30, 240),
    ]  # fmt: skip
    assert (found.days, found.pace.days) == (42, 7)
    assert lasting(found) == (
        "about 42 days at the pace of the last 7 days (17.9 credits a day); "
        "about 95 days at the pace of the last 30 days (8.0 credits a day)."
    )


def test_credits_that_are_added_do_not_slow_the_pace(sellerpic):
    reading(sellerpic, 0, 50)
    reading(sellerpic, 24, 20)
    reading(sellerpic, 30, 320)
    reading(sellerpic, 48, 290)

    found = outlook(sellerpic)

    assert [(pace.covered, pace.spent) for pace in found.paces] == [(2, 60)]
    assert lasting(found) == "about 9 days at the pace of the last 2 days (30.0 credits a day)."


def test_without_a_day_of_readings_nothing_is_foretold(sellerpic):
    assert outlook(sellerpic) is None
    reading(sellerpic, 0, 50)
    reading(sellerpic, 23, 1)

    found = outlook(sellerpic)

    assert (found.days, found.is_low(7)) == (None, False)
    assert lasting(found) == "Not known yet: that takes a day of readings."


def test_an_idle_balance_lasts_and_an_empty_one_does_not(sellerpic):
    reading(sellerpic, 0, 50)
    reading(sellerpic, 48, 50)
    assert lasting(outlook(sellerpic)) == "Nothing was used in the last 2 days."
    assert not outlook(sellerpic).is_low(7)

    reading(sellerpic, 50, 0)

    assert lasting(outlook(sellerpic)) == "Nothing is left."
    assert outlook(sellerpic).is_low(7)


# What operators are told -----------------------------------------------------------------------


def test_a_drift_above_the_alarm_is_told_once_for_its_report(sellerpic, mailoutbox, settings):
    team = make_team(credits_=100)
    reading(sellerpic, 0, 200, 0)
    swap_at(team, 9)
    reading(sellerpic, 24, 175, 25)

    keep_provider_books(LATER)
    keep_provider_books(LATER)
    keep_provider_books(LATER + timedelta(minutes=10))

    report = Reconciliation.objects.get(day=DAY)
    assert (report.unexplained, report.alerted_at) == (21, LATER)
    [mail] = [mail for mail in mailoutbox if "unexplained" in mail.subject]
    assert mail.to == ["staff@example.com"]
    assert mail.subject == "SellerPic: 21 credits of 10 Nov 2026 are unexplained"
    assert "went down by 25 credits on 10 Nov 2026 (UTC)" in mail.body
    assert "should have cost 4, and 0 more" in mail.body
    assert mail.body.endswith(
        f"{settings.BASE_URL}/admin/generation/reconciliation/{report.pk}/change/"
    )


def test_a_drift_at_the_alarm_or_below_is_not_told(sellerpic, mailoutbox):
    reading(sellerpic, 0, 200, 0)
    reading(sellerpic, 24, 180, 20)
    report_of(sellerpic, DAY, LATER)

    assert tell_drifts(LATER) == 0
    assert mailoutbox == []
    assert Reconciliation.objects.get().alerted_at is None


def test_a_lower_alarm_brings_up_no_old_reports(sellerpic, mailoutbox, settings):
    reading(sellerpic, 0, 200, 0)
    reading(sellerpic, 24, 180, 20)
    report_of(sellerpic, DAY, LATER)
    settings.RECONCILIATION_ALARM_CREDITS = 5

    assert tell_drifts(LATER + timedelta(days=3)) == 0
    assert tell_drifts(LATER + timedelta(hours=3)) == 1


def test_a_balance_that_runs_low_is_told_once_until_it_rises_again(sellerpic, mailoutbox, settings):
    reading(sellerpic, 0, 100)
    reading(sellerpic, 24, 80)
    reading(sellerpic, 48, 60)
    watch_balances(at(48))
    watch_balances(at(49))

    [mail] = mailoutbox
    assert mail.subject == "The balance at SellerPic lasts for 3 more days"
    assert mail.body.startswith(
        "60 credits are left. At the pace of the last 2 days, 20.0 credits a day."
    )
    page = "/admin/generation/provideraccount/page/"
    assert mail.body.endswith(f"{settings.BASE_URL}{page}#account-{sellerpic.pk}")
    reading(sellerpic, 72, 20)
    watch_balances(at(72))
    assert len(mailoutbox) == 1

    reading(sellerpic, 73, 1020)
    watch_balances(at(73))
    assert ProviderAccount.objects.get(pk=sellerpic.pk).balance_low_at is None
    reading(sellerpic, 97, 40)
    watch_balances(at(97))

    assert [mail.subject for mail in mailoutbox[1:]] == [
        "The balance at SellerPic lasts for less than a day"
    ]


def test_nobody_is_told_of_a_low_balance_where_that_is_switched_off_or_it_is_not_in_use(
    sellerpic, mailoutbox, settings
):
    reading(sellerpic, 0, 100)
    reading(sellerpic, 48, 0)
    settings.BALANCE_LOW_DAYS = 0
    watch_balances(at(48))
    settings.BALANCE_LOW_DAYS, settings.SANDBOX = 7, False
    watch_balances(at(48))
    assert mailoutbox == []

    settings.SANDBOX = True
    watch_balances(at(48))
    assert [mail.subject for mail in mailoutbox] == ["The balance at SellerPic is empty"]
