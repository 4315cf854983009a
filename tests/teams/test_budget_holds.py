"""Budgets with the ledger: what holds and settlements move, and many of them at once."""

from __future__ import annotations

import threading
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection, transaction

from teams import budgets
from teams.budget_changes import Limits, allow_more, remove_budget, set_budget, set_budgets
from teams.budget_status import used_by_person
from teams.budgets import BudgetExceeded
from teams.credits import grant, hold, refund, settle
from teams.models import (
    Budget,
    LedgerEntry,
    Membership,
    OutgoingMail,
    Team,
    User,
)
from teams.services import remove_member
from tests.teams.test_budgets import FIRST, NOVEMBER, reserve, used


def fill(team: Team, amount: int) -> None:
    with transaction.atomic():
        grant(team=team, amount=amount, actor="setup", reason="Start", key="start")


def launch(team: Team, member: User, amount: int, job: str) -> None:
    with transaction.atomic():
        hold(
            team=team,
            member=member,
            amount=amount,
            job=job,
            actor=member.email,
            price_version="test",
        )


def end(team: Team, held: int, captured: int, job: str) -> None:
    with transaction.atomic():
        settle(
            team=team, held=held, captured=captured, job=job, actor="engine", price_version="test"
        )


def test_a_refused_hold_leaves_no_trace_in_the_ledger(team, mia):
    fill(team, 100)
    Budget.objects.create(team=team, limit=1000)
    Budget.objects.create(team=team, member=mia, limit=5)
    launch(team, mia, 4, "job-1")
    entries = list(LedgerEntry.objects.values_list("key", flat=True))
    mails = OutgoingMail.objects.count()

    with pytest.raises(BudgetExceeded, match="has 1 of 5 left"):
        launch(team, mia, 4, "job-2")

    account = team.credit_account
    account.refresh_from_db()
    assert (account.posted, account.held) == (100, 4)
    assert list(LedgerEntry.objects.values_list("key", flat=True)) == entries
    assert {amount for (_whose, _month), amount in used(team).items()} == {4}
    assert OutgoingMail.objects.count() == mails


def test_a_settlement_returns_the_rest_to_the_budget(team, mia):
    fill(team, 100)
    Budget.objects.create(team=team, member=mia, limit=5)
    launch(team, mia, 4, "job-1")

    end(team, held=4, captured=2, job="job-1")

    (standing,) = budgets.outlook(team, mia, LedgerEntry.objects.get(kind="hold").at)
    assert (standing.used, standing.left, standing.percent) == (2, 3, 40)


def test_a_new_budget_counts_what_its_month_has_seen(team, mia, alice):
    fill(team, 100)
    launch(team, mia, 8, "done")
    end(team, held=8, captured=6, job="done")
    launch(team, mia, 4, "open")
    launch(team, alice, 10, "of-alice")
    at = LedgerEntry.objects.get(key="hold:open").at

    set_budget(team=team, member=mia, limit=50, by=alice, at=at)
    set_budget(team=team, member=None, limit=90, by=alice, at=at)

    (of_team, of_mia) = budgets.outlook(team, mia, at)
    assert (of_team.used, of_mia.used) == (20, 10)
    end(team, held=4, captured=0, job="open")
    (of_team, of_mia) = budgets.outlook(team, mia, at)
    assert (of_team.used, of_mia.used) == (16, 6)


def test_what_a_month_has_seen_is_that_of_the_teams_zone_less_what_was_credited_back(
    team, mia, alice
):
    Team.objects.filter(pk=team.pk).update(time_zone="Europe/Zurich")
    team.refresh_from_db()
    zurich = ZoneInfo("Europe/Zurich")
    with time_machine.travel(datetime(2026, 10, 31, 23, 59, tzinfo=zurich), tick=False):
        fill(team, 100)
        launch(team, mia, 32, "in-october")
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=zurich), tick=False):
        launch(team, mia, 16, "credited-back")
        launch(team, alice, 2, "of-alice")
    with time_machine.travel(datetime(2026, 11, 30, 23, 59, tzinfo=zurich), tick=False):
        end(team, held=16, captured=12, job="credited-back")
        end(team, held=32, captured=32, job="in-october")
        launch(team, mia, 1, "late")
    with time_machine.travel(datetime(2026, 12, 1, tzinfo=zurich), tick=False):
        launch(team, mia, 4, "in-december")
        with transaction.atomic():
            for job, amount in (("credited-back", 5), ("in-october", 8)):
                refund(team=team, amount=amount, job=job, key=job, actor="op", reason="Hands")

    assert used_by_person(team, date(2026, 10, 1)) == {mia.email: 24}
    assert used_by_person(team, FIRST) == {mia.email: 8, alice.email: 2}
    assert used_by_person(team, date(2026, 12, 1)) == {mia.email: 4}


def run_at_once(work, tries: int) -> None:
    started = threading.Barrier(tries)

    def one(number: int) -> None:
        started.wait()
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(tries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_mixed_budgets_under_contention_are_never_passed(team, mia, alice):
    """12 launches each of two members, 4 credits: 5 of Mia's fit hers, 7 in all the team's."""
    fill(team, 1000)
    Budget.objects.create(team=team, limit=30)
    Budget.objects.create(team=team, member=mia, limit=22)
    refusals = []

    def work(number: int) -> None:
        try:
            launch(team, mia if number % 2 else alice, 4, f"job-{number}")
        except BudgetExceeded as refused:
            refusals.append(refused)

    run_at_once(work, 24)

    (of_team, of_mia) = budgets.outlook(team, mia, LedgerEntry.objects.latest("at").at)
    held = LedgerEntry.objects.filter(kind="hold")
    assert (of_team.used, held.count(), len(refusals)) == (28, 7, 17)
    assert of_mia.used == 4 * held.filter(actor=mia.email).count() <= 20
    team.credit_account.refresh_from_db()
    assert team.credit_account.held == 28
    by_person = used_by_person(team, of_team.starts)
    assert (sum(by_person.values()), by_person.get(mia.email, 0)) == (28, of_mia.used)


@pytest.mark.django_db(transaction=True)
def test_the_first_launches_of_a_month_make_its_row_once(team, mia):
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=100)

    # Without the account's lock, so that the rows themselves are fought for.
    run_at_once(lambda number: reserve(team, mia, 1, f"job-{number}"), 12)

    assert used(team) == {("team", FIRST): 12, ("Mia Moser", FIRST): 12}


@pytest.mark.django_db(transaction=True)
def test_a_budget_that_goes_meanwhile_breaks_no_launch(team, mia, alice):
    fill(team, 1000)
    Budget.objects.create(team=team, limit=1000)
    Budget.objects.create(team=team, member=mia, limit=1000)

    def work(number: int) -> None:
        if number == 5:
            remove_budget(team=team, member=mia, by=alice, at=NOVEMBER)
        elif number == 9:
            remove_member(membership=Membership.objects.get(user=mia), by=alice)
        else:
            launch(team, mia, 4, f"job-{number}")

    run_at_once(work, 16)

    assert LedgerEntry.objects.filter(kind="hold").count() == 14
    (of_team,) = budgets.outlook(team, mia, LedgerEntry.objects.latest("at").at)
    assert of_team.used == 56


def run_beside(work) -> tuple[threading.Thread, list[BaseException]]:
    """Begin `work` in a thread of its own, and give it time to wait for what we hold."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as exc:
            failures.append(exc)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.2)
    return thread, failures


@pytest.mark.django_db(transaction=True)
def test_a_delivery_and_a_new_limit_never_wait_for_each_other_in_a_circle(team, alice):
    """A delivery settles, which locks the account, and then counts its files at the team."""
    fill(team, 100)
    launch(team, alice, 4, "job")

    with transaction.atomic():
        end(team, held=4, captured=4, job="job")
        thread, failures = run_beside(
            lambda: set_budget(team=team, member=None, limit=9, by=alice, at=NOVEMBER)
        )
        Team.objects.filter(pk=team.pk).update(storage_bytes=1)
    thread.join()

    assert failures == []
    assert Budget.objects.get().limit == 9
    assert Team.objects.get().storage_bytes == 1


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_new_limits_never_wait_for_each_other_in_a_circle(team, mia, alice):
    """The member's budget is older than the team's; the team's is locked first all the same."""
    of_mia = Budget.objects.create(team=team, member=mia, limit=10)
    of_team = Budget.objects.create(team=team, limit=10)
    wishes = {None: Limits(20), mia: Limits(20)}

    with transaction.atomic():
        Budget.objects.select_for_update(no_key=True).get(pk=of_team.pk)
        thread, failures = run_beside(
            lambda: set_budgets(team=team, by=alice, wishes=wishes, at=NOVEMBER)
        )
        given = allow_more(team=team, member=mia, amount=5, at=NOVEMBER)
    thread.join()

    assert failures == []
    assert given == {"member": 5}
    for budget in (of_mia, of_team):
        budget.refresh_from_db()
        assert budget.limit == 20
