"""The database refuses every way round the ledger, whatever SQL is sent to it."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.core.checks import run_checks
from django.db import IntegrityError, connection, transaction

from teams import ledger_triggers
from teams.credits import InsufficientCredits, grant, hold
from teams.ledger_check import find_differences
from teams.models import CreditAccount, Grant, HoldUse, LedgerEntry, Team

JOB = "0b6c8a62-0000-4000-8000-000000000001"


@pytest.fixture
def account(team: Team) -> CreditAccount:
    """10 credits granted, 8 of them held for one job."""
    with transaction.atomic():
        grant(team=team, amount=10, actor="operator", reason="Start", key="start")
        hold(team=team, member=None, amount=8, job=JOB, actor="alice", price_version="1")
    return CreditAccount.objects.get(team=team)


def state() -> tuple[list[tuple[object, ...]], ...]:
    return (
        list(CreditAccount.objects.values_list("posted", "held", "seq")),
        list(LedgerEntry.objects.values_list("seq", "d_posted", "d_held", "reason")),
        list(Grant.objects.values_list("amount", "remaining")),
        list(HoldUse.objects.values_list("job", "amount", "captured")),
    )


def run(*statements: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def entry(seq: int, kind: str, d: tuple[int, int], after: tuple[int, int], job: str = "") -> str:
    values = f"{seq}, '{kind}', {d[0]}, {d[1]}, {after[0]}, {after[1]}, '{job}', 'key-{seq}'"
    return f"""
        INSERT INTO teams_ledgerentry (account_id, seq, kind, d_posted, d_held, posted_after,
            held_after, job, key, actor, reason, price_version, at)
        SELECT id, {values}, 'mallory', '', '', CURRENT_TIMESTAMP FROM teams_creditaccount"""  # noqa: S608


def left(amount: int) -> str:
    return f"UPDATE teams_grant SET remaining = {amount}"  # noqa: S608


def use(amount: int, job: str) -> str:
    return f"INSERT INTO teams_holduse (grant_id, job, amount) SELECT id, '{job}', {amount} FROM teams_grant"  # noqa: S608


SETTLE = (
    "UPDATE teams_creditaccount SET posted = 6, held = 0, seq = 3",
    "UPDATE teams_holduse SET captured = 4",
    left(6),
    entry(3, "settle", (-4, -8), (6, 0), JOB),
)
ATTACKS = [
    (
        "overspend",
        (
            "UPDATE teams_creditaccount SET held = 12, seq = 3",
            entry(3, "hold", (0, 4), (10, 12), "j"),
        ),
        "never_overspent",
    ),
    (
        "hold twice",
        (
            "UPDATE teams_creditaccount SET held = 9, seq = 3",
            left(1),
            use(1, JOB),
            entry(3, "hold", (0, 1), (10, 9), JOB),
        ),
        "holduse_once_per_grant|teams_holduse.job",
    ),
    (
        "settle twice",
        (
            *SETTLE,
            "UPDATE teams_creditaccount SET posted = 5, seq = 4",
            left(5),
            entry(4, "settle", (-1, 0), (5, 0), JOB),
        ),
        "settlement does not fit|settlement is not what",
    ),
    (
        "edit history",
        ("UPDATE teams_ledgerentry SET reason = 'gift' WHERE seq = 1",),
        "never changed or deleted",
    ),
    (
        "delete history",
        ("DELETE FROM teams_ledgerentry WHERE seq = 2",),
        "never changed or deleted",
    ),
    (
        "balance without entry",
        ("UPDATE teams_creditaccount SET held = 0",),
        "only with its next entry",
    ),
    (
        "entry without balance",
        (entry(3, "grant", (5, 0), (15, 8)),),
        "does not equal its account",
    ),
    (
        "sequence without balance",
        ("UPDATE teams_creditaccount SET seq = 3",),
        "only with its next entry",
    ),
    (
        "two movements, one entry",
        (
            "UPDATE teams_creditaccount SET posted = 11, seq = 3",
            "UPDATE teams_creditaccount SET posted = 12, seq = 4",
        ),
        "only with its next entry",
    ),
    (
        "an entry that does not continue",
        (
            "UPDATE teams_creditaccount SET posted = 110, seq = 3",
            entry(3, "grant", (1, 0), (110, 8)),
        ),
        "does not continue",
    ),
    (
        "settle less than the hold",
        (
            "UPDATE teams_creditaccount SET posted = 6, held = 4, seq = 3",
            "UPDATE teams_holduse SET captured = 4",
            entry(3, "settle", (-4, -4), (6, 4), JOB),
        ),
        "settlement does not fit",
    ),
    (
        "settle what was never held",
        (
            "UPDATE teams_creditaccount SET posted = 6, held = 0, seq = 3",
            entry(3, "settle", (-4, -8), (6, 0), "another"),
        ),
        "settlement does not fit",
    ),
    (
        "a kind with the wrong shape",
        (
            "UPDATE teams_creditaccount SET posted = 9, seq = 3",
            left(1),
            entry(3, "grant", (-1, 0), (9, 8)),
        ),
        "shape_fits_kind",
    ),
]
ATTACKS += [
    (
        "hold twice, of no grant",
        (
            "UPDATE teams_creditaccount SET held = 9, seq = 3",
            left(1),
            entry(3, "hold", (0, 1), (10, 9), JOB),
        ),
        "hold is not what it took",
    ),
    (
        "settle without spending",
        (
            "UPDATE teams_creditaccount SET posted = 6, held = 0, seq = 3",
            left(6),
            entry(3, "settle", (-4, -8), (6, 0), JOB),
        ),
        "settlement is not what its grants spent",
    ),
    (
        "a balance that leaves its grants behind",
        (
            "UPDATE teams_creditaccount SET posted = 15, seq = 3",
            entry(3, "grant", (5, 0), (15, 8)),
        ),
        "balance is not what the grants have left",
    ),
    ("a grant without its account", (left(5),), "a grant moves only with its account"),
    (
        "a grant after its entry",
        (*SETTLE, left(5)),
        "a grant moves only with its account",
    ),
    ("a larger grant", ("UPDATE teams_grant SET amount = 99",), "keeps its account, amount"),
    (
        "a grant that begins with credits",
        (
            "INSERT INTO teams_grant (account_id, kind, amount, remaining, priority, effective_at,"
            " posted_at, key, actor, reason, reference, created_at)"
            " SELECT account_id, kind, 5, 5, 50, effective_at, posted_at, 'k', '', '', '',"
            " effective_at FROM teams_grant",
        ),
        "a grant is counted by its entry",
    ),
    ("a grant less", ("DELETE FROM teams_holduse", "DELETE FROM teams_grant"), "never deleted"),
    ("a use without a hold", (use(1, "another"),), "a grant is used only by a hold"),
    (
        "a use that is spent alone",
        ("UPDATE teams_holduse SET captured = 1",),
        "a use is spent once, by a settlement",
    ),
    (
        "a use that is spent twice",
        (*SETTLE, "UPDATE teams_holduse SET captured = 0"),
        "a use is spent once, by a settlement",
    ),
    ("a smaller use", ("UPDATE teams_holduse SET amount = 1",), "keeps its grant, job and amount"),
]
if connection.vendor == "postgresql":  # SQLite has no TRUNCATE and no trigger that waits.
    ATTACKS += [
        (
            "empty the table",
            ("SET CONSTRAINTS ALL IMMEDIATE", "TRUNCATE teams_ledgerentry"),
            "never changed or deleted",
        ),
        (
            "empty the table of grants",
            ("SET CONSTRAINTS ALL IMMEDIATE", "TRUNCATE teams_holduse, teams_grant"),
            "never deleted",
        ),
        (
            "commit without the entry",
            (
                "UPDATE teams_creditaccount SET posted = 11, seq = 3",
                "SET CONSTRAINTS ALL IMMEDIATE",
            ),
            "moved without an entry",
        ),
    ]


@pytest.mark.parametrize(
    ("attack", "statements", "why"), ATTACKS, ids=[attack for attack, _, _ in ATTACKS]
)
def test_refuses(attack, statements, why, account):
    before = state()

    with pytest.raises(IntegrityError, match=why):
        run(*statements)

    assert state() == before


def test_accepts_the_honest_settlement_written_in_sql(account):
    run(*SETTLE)

    assert state()[0] == [(6, 0, 3)]


def test_refuses_an_account_that_starts_with_credits(db):
    team = Team.objects.create(name="Rich", slug="rich")

    with pytest.raises(IntegrityError), transaction.atomic():
        CreditAccount.objects.create(team=team, posted=1000)

    assert not CreditAccount.objects.exists()


def test_refuses_to_move_an_account_to_another_team(account):
    other = Team.objects.create(name="Other", slug="other")

    with pytest.raises(IntegrityError), transaction.atomic():
        CreditAccount.objects.update(team=other)

    account.refresh_from_db()
    assert account.team.slug == "atelier"


@pytest.mark.django_db(transaction=True)
def test_twenty_threads_cannot_spend_ten_credits_on_more_than_five_jobs(team):
    grant(team=team, amount=10, actor="operator", reason="", key="start")
    barrier, outcomes = threading.Barrier(20), []

    def launch() -> None:
        try:
            barrier.wait()
            with transaction.atomic():
                hold(
                    team=team,
                    member=None,
                    amount=2,
                    job=str(uuid.uuid4()),
                    actor="alice",
                    price_version="1",
                )
            outcomes.append("held")
        except InsufficientCredits:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=launch) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["held"] * 5 + ["refused"] * 15
    assert state()[0] == [(10, 10, 6)]
    assert find_differences(further=False) == []


@pytest.mark.django_db(transaction=True)
def test_a_migration_may_remake_the_tables_and_the_triggers_return(account):
    from django.apps import apps
    from django.db.models.signals import post_migrate, pre_migrate

    config = apps.get_app_config("teams")
    said = {"sender": config, "app_config": config, "using": "default", "apps": apps}

    pre_migrate.send(plan=["a migration"], verbosity=0, interactive=False, **said)
    with connection.schema_editor() as editor:
        if connection.vendor == "sqlite":
            editor._remake_table(LedgerEntry)  # type: ignore[attr-defined]
    post_migrate.send(plan=["a migration"], verbosity=0, interactive=False, **said)

    assert ledger_triggers.missing(connection) == []
    assert state()[0] == [(10, 8, 2)]
    with pytest.raises(IntegrityError):
        run("DELETE FROM teams_ledgerentry")


def test_the_system_check_misses_a_trigger(db):
    assert ledger_triggers.missing(connection) == []
    assert run_checks(databases=["default"], tags=["database"]) == []

    ledger_triggers.remove(connection)
    found = run_checks(databases=["default"], tags=["database"])

    assert [message.id for message in found] == ["teams.E001"]
    assert "teams_ledger_entry_delete" in found[0].msg
