"""An installation from before there were grants keeps every credit, and every unfinished job."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from teams import ledger_triggers
from teams.credits import grant, hold, refund, settle
from teams.ledger_check import find_differences
from teams.models import CreditAccount, Grant, HoldUse

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("teams", "0003_teams_that_are_closing")]
AFTER = [("teams", "0004_grants_of_older_balances")]


def migrate(target: list[tuple[str, str]]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(target)


def forget_grants() -> None:
    """Leave the ledger as it was written before there were grants."""
    with ledger_triggers.triggers_off(connection):
        HoldUse.objects.all().delete()
        Grant.objects.all().delete()


def take(team, job: str, amount: int) -> None:
    hold(team=team, member=None, amount=amount, job=job, actor="alice", price_version="1")


@pytest.fixture
def old_balance(team):
    """30 granted in two parts; 4 of 8 held credits spent, 12 and 6 held: 8 are available."""
    with transaction.atomic():
        grant(team=team, amount=10, actor="operator", reason="First", key="1")
        grant(team=team, amount=20, actor="operator", reason="Second", key="2")
        take(team, "spent", 8)
        settle(team=team, held=8, captured=4, job="spent", actor="engine", price_version="1")
        take(team, "open", 12)
        take(team, "later", 6)
    migrate(BEFORE)
    forget_grants()
    yield team
    # Whatever a test left undone.
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("teams"))


def test_every_credit_is_in_a_grant_and_every_hold_has_its_uses(old_balance):
    with ledger_triggers.triggers_off(connection):
        migrate(AFTER)

    account = CreditAccount.objects.get()
    assert (account.posted, account.held, account.available) == (26, 18, 8)
    assert list(Grant.objects.order_by("pk").values_list("key", "amount", "remaining")) == [
        ("grant:1", 10, 0),
        ("grant:2", 20, 8),
    ]
    assert sorted(HoldUse.objects.values_list("job", "grant__key", "amount", "captured")) == [
        ("later", "grant:2", 6, None),
        ("open", "grant:1", 6, None),
        ("open", "grant:2", 6, None),
    ]
    assert find_differences(further=False) == []


def test_what_was_held_before_is_settled_and_refunded_after(old_balance):
    with ledger_triggers.triggers_off(connection):
        migrate(AFTER)

    with transaction.atomic():
        settle(team=old_balance, held=12, captured=7, job="open", actor="e", price_version="1")
        back = {"team": old_balance, "actor": "operator", "reason": "Blurred"}
        refund(amount=2, job="spent", key="a", **back)
        refund(amount=7, job="open", key="b", **back)

    assert list(Grant.objects.order_by("pk").values_list("key", "amount", "remaining")) == [
        ("grant:1", 10, 6),
        ("grant:2", 20, 14),
        ("refund:a", 2, 2),
    ]
    assert find_differences(further=False) == []


def test_accounts_that_have_grants_are_left_alone(team):
    with transaction.atomic():
        grant(team=team, amount=10, actor="operator", reason="First", key="1")
        take(team, "open", 4)
    before = list(Grant.objects.values()), list(HoldUse.objects.values())
    migrate(BEFORE)
    with ledger_triggers.triggers_off(connection):
        migrate(AFTER)
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("teams"))

    assert (list(Grant.objects.values()), list(HoldUse.objects.values())) == before


def test_an_account_without_entries_gets_no_grant(team):
    migrate(BEFORE)
    with ledger_triggers.triggers_off(connection):
        migrate(AFTER)
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("teams"))

    assert not Grant.objects.exists()
