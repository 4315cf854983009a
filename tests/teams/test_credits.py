"""Credits move in whole steps: granted once per key, held before, settled after."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from teams import ledger_triggers
from teams.credits import AlreadyPosted, InsufficientCredits, grant, hold, settle
from teams.ledger_check import find_differences
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


def test_check_ledger_finds_nothing_wrong(ten, capsys):
    hold(team=ten, member=None, amount=4, job="a", actor="alice", price_version="7")

    call_command("check_ledger")

    assert capsys.readouterr().out == "The ledger adds up.\n"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            "UPDATE teams_creditaccount SET posted = 99",
            ["atelier: the account holds 99 posted and 4 held; its entries add up to 10 and 4."],
        ),
        (
            "UPDATE teams_ledgerentry SET d_posted = 8 WHERE seq = 1",
            ["atelier: entry 1 says 10 posted and 0 held; the entries up to it add up to 8 and 0."],
        ),
        (
            "DELETE FROM teams_ledgerentry WHERE seq = 2",
            [
                "atelier: the account counts 2 entries, there are 1.",
                "atelier: the account holds 10 posted and 4 held; its entries add up to 10 and 0.",
            ],
        ),
        (
            "UPDATE teams_ledgerentry SET seq = 3 WHERE seq = 2",
            [
                "atelier: the account counts 2 entries, there are 1.",
                "atelier: the account holds 10 posted and 4 held; its entries add up to 10 and 0.",
                "atelier: the account counts 2 entries, there is an entry 3.",
            ],
        ),
        ("DELETE FROM teams_ledgerentry", ["atelier: the account has a balance and no entries."]),
    ],
    ids=["balance", "entry", "newest entry gone", "entry moved", "all entries gone"],
)
def test_check_ledger_names_what_was_done_behind_it(damage, said, ten, capsys):
    hold(team=ten, member=None, amount=4, job="a", actor="alice", price_version="7")
    ledger_triggers.remove(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # A table with waiting checks cannot be altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(damage)

    assert list(find_differences()) == said
    with pytest.raises(CommandError) as failed:
        call_command("check_ledger")
    assert failed.value.returncode == 1
    out = capsys.readouterr().out
    assert "The trigger teams_ledger_entry_update is missing: run `manage.py migrate`." in out
    for sentence in said:
        assert sentence in out


def test_check_ledger_misses_an_account(ten):
    Team.objects.create(name="Bare", slug="bare")

    assert list(find_differences()) == ["bare: the team has no credit account."]
