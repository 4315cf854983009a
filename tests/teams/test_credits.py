"""Credits move in whole steps: granted once per key, held before, settled after."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from teams.credits import AlreadyPosted, InsufficientCredits, grant, hold, settle
from teams.models import CreditAccount, LedgerEntry, Team


def rows() -> list[tuple[object, ...]]:
    return list(
        LedgerEntry.objects.order_by("seq").values_list(
            "seq", "kind", "d_posted", "d_held", "posted_after", "held_after"
        )
    )


@pytest.fixture
def ten(team: Team) -> Team:
    """The team with 10 credits."""
    grant(team=team, amount=10, actor="operator", reason="Start", key="start")
    return team


def test_a_job_is_held_and_settled_for_what_was_delivered(ten):
    hold(team=ten, member=None, amount=4, job="a", actor="alice", price_version="7")
    settle(team=ten, held=4, captured=2, job="a", actor="engine", price_version="7")

    assert rows() == [
        (1, "grant", 10, 0, 10, 0),
        (2, "hold", 0, 4, 10, 4),
        (3, "settle", -2, -4, 8, 0),
    ]
    account = CreditAccount.objects.get()
    assert (account.posted, account.held, account.seq, account.available) == (8, 0, 3, 8)


def test_a_job_that_delivered_nothing_costs_nothing(ten):
    hold(team=ten, member=None, amount=4, job="a", actor="alice", price_version="7")
    settle(team=ten, held=4, captured=0, job="a", actor="engine", price_version="7")

    assert CreditAccount.objects.get().available == 10


def test_a_team_that_cannot_pay_leaves_no_trace(ten):
    hold(team=ten, member=None, amount=8, job="a", actor="alice", price_version="7")
    before = rows()

    with pytest.raises(InsufficientCredits) as refused:
        hold(team=ten, member=None, amount=4, job="b", actor="alice", price_version="7")

    assert str(refused.value) == "This needs 4 credits and the team has 2 available."
    assert (refused.value.needed, refused.value.available) == (4, 2)
    assert rows() == before


def test_a_grant_counts_once_per_key(ten):
    with pytest.raises(AlreadyPosted) as again:
        grant(team=ten, amount=10, actor="operator", reason="Start", key="start")

    assert again.value.entry is not None
    assert again.value.entry.seq == 1
    assert rows() == [(1, "grant", 10, 0, 10, 0)]


@pytest.mark.parametrize("amount", [0, -3])
def test_a_grant_gives_something(amount, ten):
    with pytest.raises(ValueError, match=f"a grant of {amount} credits"):
        grant(team=ten, amount=amount, actor="operator", reason="", key="k")

    assert len(rows()) == 1


@pytest.mark.parametrize("captured", [-1, 5])
def test_a_settlement_stays_within_its_hold(captured, ten):
    hold(team=ten, member=None, amount=4, job="a", actor="alice", price_version="7")

    with pytest.raises(ValueError, match=f"captured {captured} of 4"):
        settle(team=ten, held=4, captured=captured, job="a", actor="x", price_version="7")

    assert len(rows()) == 2


@pytest.mark.parametrize("again", ["hold", "settle"])
def test_a_job_is_held_once_and_settled_once(again, ten):
    hold(team=ten, member=None, amount=4, job="a", actor="alice", price_version="7")
    settle(team=ten, held=4, captured=4, job="a", actor="engine", price_version="7")
    before = rows()

    with pytest.raises(IntegrityError), transaction.atomic():
        if again == "hold":
            hold(team=ten, member=None, amount=4, job="a", actor="alice", price_version="7")
        else:
            settle(team=ten, held=4, captured=4, job="a", actor="engine", price_version="7")

    assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_credits_move_only_inside_a_transaction(team):
    with pytest.raises(RuntimeError, match="only inside a transaction"):
        hold(team=team, member=None, amount=1, job="a", actor="alice", price_version="7")
