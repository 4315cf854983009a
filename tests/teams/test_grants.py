"""Grants begin, are used in order, are announced to end, and end; holds and refunds know theirs."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import now

from teams.budgets import BudgetExceeded
from teams.credits import (
    AlreadyPosted,
    InsufficientCredits,
    RefundTooLarge,
    adjust,
    grant,
    hold,
    hold_all,
    refund,
    settle,
)
from teams.grants import expire_now, tend_grants, void
from teams.ledger_check import find_differences
from teams.models import (
    Budget,
    CreditAccount,
    Grant,
    HoldUse,
    LedgerEntry,
    Membership,
    OutgoingMail,
    Role,
    Team,
    User,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def give(team: Team, amount: int, key: str, **fields) -> Grant:
    return grant(team=team, amount=amount, actor="operator", reason="Given", key=key, **fields)


def take(team: Team, amount: int, job: str) -> LedgerEntry:
    return hold(team=team, member=None, amount=amount, job=job, actor="alice", price_version="1")


def end(team: Team, held: int, captured: int, job: str) -> LedgerEntry:
    return settle(
        team=team, held=held, captured=captured, job=job, actor="engine", price_version="1"
    )


def credit_back(team: Team, amount: int, job: str, key: str = "r") -> LedgerEntry:
    return refund(team=team, amount=amount, job=job, key=key, actor="operator", reason="Blurred")


def left() -> dict[str, int]:
    """What each grant has left, by its key without the kind."""
    rows = Grant.objects.order_by("pk").values_list("key", "remaining")
    return {key.partition(":")[2]: remaining for key, remaining in rows}


def uses(job: str) -> list[tuple[str, int, int | None]]:
    rows = HoldUse.objects.filter(job=job).order_by(
        "grant__priority", F("grant__expires_at").asc(nulls_last=True), "-grant__kind"
    )
    return [(use.grant.key.partition(":")[2], use.amount, use.captured) for use in rows]


def end_in_the_past(given: Grant, *, ago: timedelta = DAY) -> None:
    """Let time pass until the grant is over."""
    Grant.objects.filter(pk=given.pk).update(effective_at=now() - 30 * DAY, expires_at=now() - ago)


@pytest.fixture(autouse=True)
def adds_up(db):
    """Whatever a test does, the ledger is sound after it."""
    yield
    if not connection.needs_rollback:
        assert find_differences(further=False) == []


# --- Order ----------------------------------------------------------------------------------------


def test_holds_take_by_priority_then_what_ends_soonest_then_what_was_a_present(team):
    ends = now() + 90 * DAY
    give(team, 10, "never")
    give(team, 10, "late", expires_at=ends)
    give(team, 10, "gift", expires_at=ends, kind=Grant.Kind.PROMOTIONAL)
    give(team, 10, "soon", expires_at=now() + 10 * DAY)
    give(team, 10, "urgent", priority=10)

    steps = []
    for job in "abcde":
        take(team, 9, job)
        steps.append(left())

    assert steps == [
        {"never": 10, "late": 10, "gift": 10, "soon": 10, "urgent": 1},
        {"never": 10, "late": 10, "gift": 10, "soon": 2, "urgent": 0},
        {"never": 10, "late": 10, "gift": 3, "soon": 0, "urgent": 0},
        {"never": 10, "late": 4, "gift": 0, "soon": 0, "urgent": 0},
        {"never": 5, "late": 0, "gift": 0, "soon": 0, "urgent": 0},
    ]


def test_what_is_spent_ends_first_and_what_returns_is_good_for_longest(team):
    give(team, 5, "soon", expires_at=now() + 10 * DAY)
    give(team, 10, "never")
    take(team, 8, "a")

    end(team, 8, 4, "a")

    assert uses("a") == [("soon", 5, 4), ("never", 3, 0)]
    assert left() == {"soon": 1, "never": 10}


# --- Beginning ------------------------------------------------------------------------------------


def test_a_grant_that_begins_later_is_counted_only_then(team):
    given = give(team, 10, "later", effective_at=now() + DAY)

    assert (given.remaining, given.posted_at) == (0, None)
    assert not LedgerEntry.objects.exists()
    with pytest.raises(InsufficientCredits):
        take(team, 1, "a")

    tend_grants(now())
    assert not LedgerEntry.objects.exists()
    tend_grants(now() + DAY)
    tend_grants(now() + DAY)

    assert left() == {"later": 10}
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.d_posted, entry.key, entry.actor) == (
        "grant",
        10,
        "grant:later",
        "operator",
    )


def test_a_grant_that_was_withdrawn_never_begins(team):
    given = give(team, 10, "later", effective_at=now() + DAY)

    assert void(grant=given)
    assert not void(grant=given)
    tend_grants(now() + 2 * DAY)

    assert given.voided_at is not None
    assert not LedgerEntry.objects.exists()


def test_a_grant_in_force_cannot_be_withdrawn(team):
    given = give(team, 10, "now")

    assert not void(grant=given)

    assert left() == {"now": 10}


def test_the_same_key_gives_once_also_before_it_begins(team):
    given = give(team, 10, "k", effective_at=now() + DAY)

    with pytest.raises(AlreadyPosted) as again:
        give(team, 99, "k")

    assert (again.value.grant, again.value.entry) == (given, None)
    assert Grant.objects.get().amount == 10


def test_a_grant_that_was_over_before_anybody_looked_ends_as_it_begins(team):
    give(team, 10, "brief", effective_at=now() + DAY, expires_at=now() + 2 * DAY)

    tend_grants(now() + 3 * DAY)

    assert [entry.kind for entry in LedgerEntry.objects.order_by("seq")] == ["grant", "expire"]
    assert CreditAccount.objects.get().posted == 0


# --- Ending ---------------------------------------------------------------------------------------


def test_only_what_nobody_holds_is_taken_back(team):
    given = give(team, 10, "brief", expires_at=now() + DAY)
    take(team, 4, "a")

    tend_grants(now() + 2 * DAY)
    tend_grants(now() + 2 * DAY)

    entry = LedgerEntry.objects.get(kind="expire")
    assert (entry.d_posted, entry.key, entry.actor) == (-6, f"expire:{given.pk}:end", "clock")
    account = CreditAccount.objects.get()
    assert (account.posted, account.held, account.available) == (4, 4, 0)


def test_an_unspent_hold_of_an_ended_grant_is_spent_as_if_it_had_not_ended(team):
    give(team, 10, "brief", expires_at=now() + DAY)
    take(team, 4, "a")
    tend_grants(now() + 2 * DAY)

    end(team, 4, 4, "a")

    assert uses("a") == [("brief", 4, 4)]
    assert CreditAccount.objects.get().posted == 0
    assert LedgerEntry.objects.filter(kind="expire").count() == 1


def test_what_comes_back_of_a_hold_after_the_end_ends_in_the_same_transaction(team):
    given = give(team, 10, "brief", expires_at=now() + DAY)
    take(team, 4, "a")
    tend_grants(now() + 2 * DAY)
    given.refresh_from_db()
    ended_at = given.expired_at

    end(team, 4, 1, "a")

    newest = LedgerEntry.objects.latest("seq")
    assert (newest.kind, newest.d_posted, newest.job) == ("expire", -3, "a")
    assert newest.key == f"expire:{given.pk}:a"
    given.refresh_from_db()
    assert (given.remaining, given.expired_at) == (0, ended_at)
    assert CreditAccount.objects.get().available == 0


def test_what_comes_back_after_the_end_but_before_the_clock_ends_as_well(team):
    given = give(team, 10, "brief", expires_at=now() + DAY)
    take(team, 4, "a")
    end_in_the_past(given)

    end(team, 4, 0, "a")
    tend_grants(now())

    assert [e.d_posted for e in LedgerEntry.objects.filter(kind="expire")] == [-10]
    assert CreditAccount.objects.get().available == 0


def test_a_hold_never_takes_of_a_grant_that_is_over_although_the_clock_stood_still(team):
    over = give(team, 10, "over", expires_at=now() + DAY)
    give(team, 3, "never")
    end_in_the_past(over)

    take(team, 3, "a")
    with pytest.raises(InsufficientCredits) as refused:
        take(team, 1, "b")

    assert refused.value.available == 0
    assert uses("a") == [("never", 3, None)]


def test_an_operator_ends_a_grant_before_its_time_once(team):
    given = give(team, 10, "never")
    take(team, 4, "a")

    entry = expire_now(grant=given, actor="root@example.com", reason="Charged back")
    again = expire_now(grant=given, actor="root@example.com", reason="Charged back")

    assert entry is not None
    assert (entry.d_posted, entry.actor, entry.reason) == (-6, "root@example.com", "Charged back")
    assert again is None
    assert given.expired_at is not None


def test_a_grant_that_has_not_begun_is_not_ended_but_withdrawn(team):
    given = give(team, 10, "later", effective_at=now() + DAY)

    with pytest.raises(ValueError, match="has not taken effect"):
        expire_now(grant=given, actor="root@example.com", reason="Mistake")

    assert not LedgerEntry.objects.exists()


# --- Announcing -----------------------------------------------------------------------------------


@pytest.fixture
def members(team) -> dict[str, User]:
    """An admin and a creator beside the owner."""
    people = {}
    for name, role in (("ann", Role.ADMIN), ("cleo", Role.CREATOR)):
        people[name] = User.objects.create_user(f"{name}@example.com")
        Membership.objects.create(team=team, user=people[name], role=role)
    return people


def announced() -> list[tuple[str, str]]:
    mails = OutgoingMail.objects.order_by("pk")
    return sorted((mail.recipients[0], mail.subject) for mail in mails)


def test_an_end_is_announced_two_weeks_and_three_days_before_once_each(team, members):
    start = datetime(2027, 3, 1, 12, tzinfo=UTC)
    give(team, 1200, "ends", expires_at=start + 20 * DAY)
    told = "1,200 credits of Atelier can be used until 21 March"
    both = [("alice@example.com", told), ("ann@example.com", told)]

    counts = []
    for day in range(20):
        tend_grants(start + day * DAY)
        tend_grants(start + day * DAY)
        counts.append(OutgoingMail.objects.count())

    assert counts == [0] * 6 + [2] * 11 + [4] * 3
    assert announced() == sorted(both * 2)


def test_ends_that_were_announced_keep_no_later_one_from_being_announced(team, monkeypatch):
    """More grants end soon than are looked at in one go."""
    monkeypatch.setattr("teams.grants._AT_ONCE", 2)
    start = datetime(2027, 3, 1, 12, tzinfo=UTC)
    for number in range(5):
        give(team, 10, str(number), expires_at=start + (5 + number) * DAY)

    for _ in range(4):
        tend_grants(start)

    assert Grant.objects.filter(announced_at=start).count() == 5
    assert OutgoingMail.objects.count() == 3


def test_the_mail_names_each_grant_in_the_teams_time(team):
    Team.objects.filter(pk=team.pk).update(time_zone="Asia/Tokyo")
    start = datetime(2027, 3, 1, 12, tzinfo=UTC)
    give(team, 10, "a", expires_at=start + 2 * DAY)
    give(team, 5, "b", expires_at=start + 13 * DAY, kind=Grant.Kind.PROMOTIONAL)

    tend_grants(start)

    text = OutgoingMail.objects.get().message
    assert "- 10 (Paid), until 3 March 2027, 21:00 JST: Given" in text
    assert "- 5 (Promotional), until 14 March 2027, 21:00 JST: Given" in text
    assert "/t/atelier/credits/" in text


def test_a_grant_with_nothing_left_is_not_announced(team):
    give(team, 10, "ends", expires_at=now() + 2 * DAY)
    take(team, 10, "a")

    tend_grants(now())

    assert announced() == []


def test_no_days_mean_no_announcement(team, settings):
    settings.GRANT_END_NOTICE_DAYS = []
    give(team, 10, "ends", expires_at=now() + 2 * DAY)

    tend_grants(now())

    assert announced() == []


# --- Credited back --------------------------------------------------------------------------------


def test_a_refund_returns_to_the_grants_of_the_job_the_last_to_end_first(team):
    give(team, 5, "soon", expires_at=now() + 10 * DAY)
    give(team, 10, "never")
    take(team, 8, "a")
    end(team, 8, 8, "a")

    credit_back(team, 2, "a", "1")
    assert left() == {"soon": 0, "never": 9}
    credit_back(team, 4, "a", "2")

    assert left() == {"soon": 3, "never": 10}
    assert [e.d_posted for e in LedgerEntry.objects.filter(kind="refund")] == [4, 2]


def test_a_refund_to_a_grant_that_is_over_becomes_one_with_its_own_dates(team):
    given = give(team, 5, "brief", expires_at=now() + DAY)
    give(team, 2, "never")
    take(team, 7, "a")
    end(team, 7, 7, "a")
    end_in_the_past(given)
    tend_grants(now())

    credit_back(team, 6, "a")

    fresh = Grant.objects.get(kind=Grant.Kind.RETURNED)
    assert left() == {"brief": 0, "never": 2, "r": 4}
    assert fresh.expires_at == fresh.effective_at + 90 * DAY


def test_returned_credits_may_be_good_for_ever(team, settings):
    settings.RETURNED_CREDITS_DAYS = 0
    given = give(team, 5, "brief")
    take(team, 5, "a")
    end(team, 5, 5, "a")
    expire_now(grant=given, actor="root", reason="-")

    credit_back(team, 5, "a")

    assert Grant.objects.get(kind=Grant.Kind.RETURNED).expires_at is None


@pytest.mark.parametrize(
    ("before", "amount", "returnable"), [(0, 4, 3), (2, 2, 1), (3, 1, 0)], ids=str
)
def test_no_more_is_credited_back_than_was_spent(before, amount, returnable, team):
    give(team, 10, "x")
    take(team, 4, "a")
    end(team, 4, 3, "a")
    if before:
        credit_back(team, before, "a", "first")
    count = LedgerEntry.objects.count()

    with pytest.raises(RefundTooLarge) as refused:
        credit_back(team, amount, "a", "second")

    assert refused.value.left == returnable
    assert LedgerEntry.objects.count() == count


def test_nothing_is_credited_back_of_a_job_that_is_unfinished(team):
    give(team, 10, "x")
    take(team, 4, "a")

    with pytest.raises(RefundTooLarge):
        credit_back(team, 1, "a")


def test_a_refund_counts_once_per_key(team):
    give(team, 10, "x")
    take(team, 4, "a")
    end(team, 4, 4, "a")
    credit_back(team, 1, "a", "same")

    with pytest.raises(AlreadyPosted):
        credit_back(team, 1, "a", "same")

    assert LedgerEntry.objects.filter(kind="refund").count() == 1


# --- Adjusting ------------------------------------------------------------------------------------


def test_an_adjustment_adds_a_grant_without_end(team):
    entry = adjust(team=team, amount=7, actor="root", reason="Gift", key="k", reference="T-1")

    assert (entry.kind, entry.d_posted, entry.reference) == ("adjust", 7, "T-1")
    given = Grant.objects.get()
    assert (given.remaining, given.expires_at, given.reference) == (7, None, "T-1")


def test_an_adjustment_takes_in_the_order_of_holds(team):
    give(team, 5, "soon", expires_at=now() + 10 * DAY)
    give(team, 10, "never")

    adjust(team=team, amount=-8, actor="root", reason="Mistake", key="k")

    assert left() == {"soon": 0, "never": 7}


def test_an_adjustment_never_takes_what_is_held(team):
    give(team, 10, "x")
    take(team, 8, "a")

    with pytest.raises(InsufficientCredits) as refused:
        adjust(team=team, amount=-3, actor="root", reason="Mistake", key="k")

    assert (refused.value.needed, refused.value.available) == (3, 2)
    assert LedgerEntry.objects.count() == 2


def test_an_adjustment_counts_once_per_key_and_is_of_something(team):
    adjust(team=team, amount=7, actor="root", reason="Gift", key="k")
    with pytest.raises(AlreadyPosted):
        adjust(team=team, amount=7, actor="root", reason="Gift", key="k")
    with pytest.raises(ValueError, match="0 credits"):
        adjust(team=team, amount=0, actor="root", reason="Nothing", key="l")

    assert LedgerEntry.objects.count() == 1


# --- Batches --------------------------------------------------------------------------------------


def test_a_batch_is_held_in_order_in_one_go(team):
    give(team, 5, "soon", expires_at=now() + 10 * DAY)
    give(team, 10, "never")

    entries = hold_all(
        team=team, member=None, holds=[("a", 4, "1"), ("b", 4, "1"), ("c", 4, "2")], actor="alice"
    )

    assert [(e.seq, e.job, e.d_held, e.held_after, e.price_version) for e in entries] == [
        (3, "a", 4, 4, "1"),
        (4, "b", 4, 8, "1"),
        (5, "c", 4, 12, "2"),
    ]
    assert uses("b") == [("soon", 1, None), ("never", 3, None)]
    assert left() == {"soon": 0, "never": 3}


def test_a_batch_that_cannot_be_paid_whole_leaves_no_trace(team):
    give(team, 10, "x")

    with pytest.raises(InsufficientCredits) as refused:
        hold_all(
            team=team,
            member=None,
            holds=[("a", 4, "1"), ("b", 4, "1"), ("c", 4, "1")],
            actor="alice",
        )

    assert (refused.value.needed, refused.value.available) == (12, 10)
    assert LedgerEntry.objects.count() == 1
    assert not HoldUse.objects.exists()
    assert left() == {"x": 10}


def test_a_batch_of_nothing_moves_nothing(team):
    assert hold_all(team=team, member=None, holds=[], actor="alice") == []
    assert not LedgerEntry.objects.exists()


def test_a_batch_beyond_a_budget_leaves_no_trace_even_if_the_refusal_is_caught(team):
    give(team, 100, "x")
    Budget.objects.create(team=team, limit=10)

    with pytest.raises(BudgetExceeded), transaction.atomic():
        hold_all(team=team, member=None, holds=[("a", 6, "1"), ("b", 6, "1")], actor="alice")
    # A caller that goes on as if nothing had been.
    with transaction.atomic(), suppress(BudgetExceeded):
        take(team, 12, "c")

    assert LedgerEntry.objects.count() == 1
    assert left() == {"x": 100}
