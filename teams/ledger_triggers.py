"""The triggers by which the database itself keeps the ledger honest, for PostgreSQL and SQLite.

CHECK and UNIQUE constraints (teams/models/) see one row; these see an entry, its predecessor, its
account, the account's grants and what holds took of them together:

- an entry is never updated or deleted (PostgreSQL: nor truncated); nor is a grant or the use of one
  deleted, or given another account, amount or job;
- a new entry continues the one before it, equals the account that it moved, and what is available
  after it is what the account's grants have left;
- a hold took of the account's grants what it holds; a settlement returns exactly what the hold of
  its job took, and spends of its grants what it captures;
- an account starts at zero, stays with its team, and moves its balance and its sequence together,
  by one, only when its newest entry carries the old sequence number;
- grants have more or less left, and uses are written and settled, only within a movement: when the
  account has moved and waits for its entry;
- PostgreSQL only, at commit: no account stays ahead of its entries. SQLite has no trigger that
  waits for the commit; there the next movement is refused and `check_ledger` names the account.

They are installed after every `migrate` (see teams/apps.py) rather than by a migration, because
SQLite drops the triggers of a table that a later migration remakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import transaction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("teams_creditaccount", "teams_ledgerentry", "teams_grant", "teams_holduse")

_ENTRY_FITS_ACCOUNT = """
    EXISTS (SELECT 1 FROM teams_creditaccount a
             WHERE a.id = NEW.account_id AND a.seq = NEW.seq
               AND a.posted = NEW.posted_after AND a.held = NEW.held_after)"""
_ENTRY_CONTINUES = """
    CASE WHEN NEW.seq = 1
         THEN NEW.posted_after = NEW.d_posted AND NEW.held_after = NEW.d_held
         ELSE EXISTS (SELECT 1 FROM teams_ledgerentry e
                       WHERE e.account_id = NEW.account_id AND e.seq = NEW.seq - 1
                         AND e.posted_after + NEW.d_posted = NEW.posted_after
                         AND e.held_after + NEW.d_held = NEW.held_after)
    END"""
_SETTLEMENT_FITS_HOLD = """
    NEW.kind <> 'settle' OR EXISTS (SELECT 1 FROM teams_ledgerentry e
                                     WHERE e.job = NEW.job AND e.kind = 'hold'
                                       AND e.account_id = NEW.account_id
                                       AND e.d_held = -NEW.d_held)"""
_ENTRY_FITS_GRANTS = """
    NEW.posted_after - NEW.held_after = COALESCE((SELECT SUM(g.remaining) FROM teams_grant g
                                                   WHERE g.account_id = NEW.account_id
                                                     AND g.remaining > 0), 0)"""
# Sums of no rows are NULL, and what is neither true nor false raises nothing.
_HOLD_FITS_USES = """
    NEW.kind <> 'hold' OR (SELECT COALESCE(SUM(u.amount), 0) FROM teams_holduse u
                             JOIN teams_grant g ON g.id = u.grant_id
                            WHERE u.job = NEW.job AND u.captured IS NULL
                              AND g.account_id = NEW.account_id) = NEW.d_held"""
_SETTLEMENT_FITS_USES = """
    NEW.kind <> 'settle' OR (SELECT COALESCE(SUM(u.amount), 0) = -NEW.d_held
                                AND COALESCE(SUM(u.captured), 0) = -NEW.d_posted
                                AND COUNT(u.captured) = COUNT(*)
                               FROM teams_holduse u JOIN teams_grant g ON g.id = u.grant_id
                              WHERE u.job = NEW.job AND g.account_id = NEW.account_id)"""
_ACCOUNT_STAYS = "NEW.id = OLD.id AND NEW.team_id = OLD.team_id"
_ACCOUNT_AT_REST = "NEW.posted = OLD.posted AND NEW.held = OLD.held AND NEW.seq = OLD.seq"
_ACCOUNT_STEPS = """
    NEW.seq = OLD.seq + 1 AND (NEW.posted <> OLD.posted OR NEW.held <> OLD.held)
    AND OLD.seq = COALESCE((SELECT MAX(e.seq) FROM teams_ledgerentry e
                             WHERE e.account_id = OLD.id), 0)"""
_GRANT_STAYS = """
    NEW.id = OLD.id AND NEW.account_id = OLD.account_id AND NEW.amount = OLD.amount
    AND NEW.key = OLD.key"""
_GRANT_ACCOUNT_MOVES = """
    EXISTS (SELECT 1 FROM teams_creditaccount a
             WHERE a.id = NEW.account_id
               AND a.seq > COALESCE((SELECT MAX(e.seq) FROM teams_ledgerentry e
                                      WHERE e.account_id = a.id), 0))"""
_USE_STAYS = """
    NEW.id = OLD.id AND NEW.grant_id = OLD.grant_id AND NEW.job = OLD.job
    AND NEW.amount = OLD.amount"""
_USE_ACCOUNT_MOVES = """
    EXISTS (SELECT 1 FROM teams_grant g JOIN teams_creditaccount a ON a.id = g.account_id
             WHERE g.id = NEW.grant_id
               AND a.seq > COALESCE((SELECT MAX(e.seq) FROM teams_ledgerentry e
                                      WHERE e.account_id = a.id), 0))"""

# Each rule: what must hold, and the sentence for when it does not. Both databases share them.
_ENTRY_RULES = (
    (_ENTRY_FITS_ACCOUNT, "ledger: the entry does not equal its account"),
    (_ENTRY_CONTINUES, "ledger: the entry does not continue the one before"),
    (_SETTLEMENT_FITS_HOLD, "ledger: the settlement does not fit the hold of its job"),
    (_HOLD_FITS_USES, "ledger: the hold is not what it took of grants"),
    (_SETTLEMENT_FITS_USES, "ledger: the settlement is not what its grants spent"),
    (_ENTRY_FITS_GRANTS, "ledger: the balance is not what the grants have left"),
)
_ACCOUNT_RULES = (
    (_ACCOUNT_STAYS, "ledger: an account stays with its team"),
    (
        f"({_ACCOUNT_AT_REST}) OR ({_ACCOUNT_STEPS})",
        "ledger: the balance moves only with its next entry",
    ),
)
_NEW_ACCOUNT_RULES = (
    ("NEW.posted = 0 AND NEW.held = 0 AND NEW.seq = 0", "ledger: an account starts at zero"),
)
_NEW_GRANT_RULES = (("NEW.remaining = 0", "ledger: a grant is counted by its entry"),)
_GRANT_RULES = (
    (_GRANT_STAYS, "ledger: a grant keeps its account, amount and key"),
    (
        f"NEW.remaining = OLD.remaining OR {_GRANT_ACCOUNT_MOVES}",
        "ledger: a grant moves only with its account",
    ),
)
_NEW_USE_RULES = (
    (_USE_ACCOUNT_MOVES, "ledger: a grant is used only by a hold"),
    ("NEW.captured IS NULL", "ledger: a use is spent by a settlement"),
)
_USE_RULES = (
    (_USE_STAYS, "ledger: the use of a grant keeps its grant, job and amount"),
    (
        f"OLD.captured IS NULL AND NEW.captured IS NOT NULL AND {_USE_ACCOUNT_MOVES}",
        "ledger: a use is spent once, by a settlement",
    ),
)
_APPEND_ONLY = (("1 = 0", "ledger: entries are never changed or deleted"),)
_KEPT = (("1 = 0", "ledger: grants and their uses are never deleted"),)

_Rules = tuple[tuple[str, str], ...]

#: name, table, event, rules. Names are shared by both databases.
_TRIGGERS: tuple[tuple[str, str, str, _Rules], ...] = (
    ("teams_ledger_entry_insert", "teams_ledgerentry", "INSERT", _ENTRY_RULES),
    ("teams_ledger_entry_update", "teams_ledgerentry", "UPDATE", _APPEND_ONLY),
    ("teams_ledger_entry_delete", "teams_ledgerentry", "DELETE", _APPEND_ONLY),
    ("teams_ledger_account_insert", "teams_creditaccount", "INSERT", _NEW_ACCOUNT_RULES),
    ("teams_ledger_account_update", "teams_creditaccount", "UPDATE", _ACCOUNT_RULES),
    ("teams_ledger_grant_insert", "teams_grant", "INSERT", _NEW_GRANT_RULES),
    ("teams_ledger_grant_update", "teams_grant", "UPDATE", _GRANT_RULES),
    ("teams_ledger_grant_delete", "teams_grant", "DELETE", _KEPT),
    ("teams_ledger_use_insert", "teams_holduse", "INSERT", _NEW_USE_RULES),
    ("teams_ledger_use_update", "teams_holduse", "UPDATE", _USE_RULES),
    ("teams_ledger_use_delete", "teams_holduse", "DELETE", _KEPT),
)
#: PostgreSQL only: name, table, rules.
_TRUNCATIONS: tuple[tuple[str, str, _Rules], ...] = (
    ("teams_ledger_entry_truncate", "teams_ledgerentry", _APPEND_ONLY),
    ("teams_ledger_grant_truncate", "teams_grant", _KEPT),
    ("teams_ledger_use_truncate", "teams_holduse", _KEPT),
)
_COMMIT = "teams_ledger_account_commit"


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, replacing older ones. Safe to repeat."""
    with transaction.atomic(using=connection.alias):
        remove(connection)
        statements = _postgresql() if connection.vendor == "postgresql" else _sqlite()
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away. For migrations and for emptying a test database only."""
    with connection.cursor() as cursor:
        for name, table in _expected(connection).items():
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Name the triggers that are not there or (PostgreSQL) are switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
                " WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid)"
                " AND tgenabled IN ('O', 'A')",
                [list(TABLES)],
            )
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in _expected(connection) if name not in present]


@contextmanager
def triggers_off(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let a test database be emptied: the triggers are away inside, and back after."""
    remove(connection)
    try:
        yield
    finally:
        install(connection)


def _expected(connection: BaseDatabaseWrapper) -> dict[str, str]:
    names = {name: table for name, table, _event, _rules in _TRIGGERS}
    if connection.vendor == "postgresql":
        names |= {name: table for name, table, _rules in _TRUNCATIONS}
        names[_COMMIT] = "teams_creditaccount"
    return names


def _sqlite() -> Iterator[str]:
    for name, table, event, rules in _TRIGGERS:
        body = " ".join(
            f"SELECT RAISE(ABORT, '{sentence}') WHERE NOT ({rule});" for rule, sentence in rules
        )
        yield f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN {body} END"


def _postgresql() -> Iterator[str]:
    for name, table, event, rules in _TRIGGERS:
        yield _function(name, rules, "RETURN NEW;")
        yield (
            f"CREATE TRIGGER {name} BEFORE {event} ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {name}()"
        )
    for name, table, rules in _TRUNCATIONS:
        yield _function(name, rules, "RETURN NULL;")
        yield (
            f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
    entry_follows = (
        "EXISTS (SELECT 1 FROM teams_ledgerentry e WHERE e.account_id = NEW.id AND e.seq = NEW.seq)"
    )
    sentence = "ledger: the balance moved without an entry"
    yield _function(_COMMIT, ((entry_follows, sentence),), "RETURN NULL;")
    yield (
        f"CREATE CONSTRAINT TRIGGER {_COMMIT} AFTER UPDATE OF seq ON teams_creditaccount"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.seq <> OLD.seq)"
        f" EXECUTE FUNCTION {_COMMIT}()"
    )


def _function(name: str, rules: _Rules, ending: str) -> str:
    # SQLSTATE 23000 makes psycopg, and so Django, raise IntegrityError as on SQLite.
    body = " ".join(
        f"IF NOT ({rule}) THEN RAISE EXCEPTION '{sentence}'"
        " USING ERRCODE = 'integrity_constraint_violation'; END IF;"
        for rule, sentence in rules
    )
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} {ending} END $$"
