"""Proves the ledger by adding it up: every entry, account, grant and use, in the database itself.

The triggers keep the rules while rows are written; this finds what was done to the tables without
them, and shows that nothing was. Each rule is a query that returns what breaks it, so that a sound
ledger costs no row of traffic. All read one moment of the database, without a lock, beside the
living system.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from teams import ledger_triggers
from teams.models import LedgerCheck, LedgerEntry

#: Sentences that are kept of one check; a further one tells how many there are.
MOST_KEPT = 100

#: What others know that must fit the ledger: each yields sentences, and reads the same moment.
further_checks: list[Callable[[], Iterator[str]]] = []

# What does not continue the entry before it; asked once for both of its sentences.
_CHAIN = """
    SELECT t.slug, e.seq, e.before, e.posted_after, e.held_after, e.posted + e.d_posted,
           e.held + e.d_held
      FROM (SELECT account_id, seq, d_posted, d_held, posted_after, held_after,
                   COALESCE(LAG(seq) OVER own, 0) AS before,
                   COALESCE(LAG(posted_after) OVER own, 0) AS posted,
                   COALESCE(LAG(held_after) OVER own, 0) AS held
              FROM teams_ledgerentry WINDOW own AS (PARTITION BY account_id ORDER BY seq)) e
      JOIN teams_creditaccount a ON a.id = e.account_id JOIN teams_team t ON t.id = a.team_id
     WHERE e.seq <> e.before + 1 OR e.posted_after <> e.posted + e.d_posted
        OR e.held_after <> e.held + e.d_held"""
_RULES: tuple[tuple[str, str], ...] = (
    (
        "SELECT t.slug FROM teams_team t LEFT JOIN teams_creditaccount a ON a.team_id = t.id"
        " WHERE a.id IS NULL",
        "{}: the team has no credit account.",
    ),
    (
        """
        SELECT t.slug, a.seq, COALESCE(e.count, 0), COALESCE(e.last, 0)
          FROM teams_creditaccount a JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN (SELECT account_id, COUNT(*) AS count, MAX(seq) AS last
                       FROM teams_ledgerentry GROUP BY account_id) e ON e.account_id = a.id
         WHERE a.seq <> COALESCE(e.count, 0) OR a.seq <> COALESCE(e.last, 0)""",
        "{}: the account counts {} entries, there are {}, the last of which is number {}.",
    ),
    (
        """
        SELECT t.slug, a.posted, a.held, COALESCE(e.posted, 0), COALESCE(e.held, 0)
          FROM teams_creditaccount a JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN (SELECT account_id, SUM(d_posted) AS posted, SUM(d_held) AS held
                       FROM teams_ledgerentry GROUP BY account_id) e ON e.account_id = a.id
         WHERE a.posted <> COALESCE(e.posted, 0) OR a.held <> COALESCE(e.held, 0)""",
        "{}: the account holds {} posted and {} held; its entries add up to {} and {}.",
    ),
    (
        """
        SELECT t.slug, s.seq, -s.d_held
          FROM teams_ledgerentry s
          JOIN teams_creditaccount a ON a.id = s.account_id JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN teams_ledgerentry h
            ON h.job = s.job AND h.kind = 'hold' AND h.account_id = s.account_id
         WHERE s.kind = 'settle' AND (h.id IS NULL OR h.d_held <> -s.d_held OR h.seq > s.seq)""",
        "{}: entry {} settles {} credits that were not held.",
    ),
    (
        """
        SELECT t.slug, r.job, r.amount, COALESCE(-s.d_posted, 0)
          FROM (SELECT account_id, job, SUM(d_posted) AS amount FROM teams_ledgerentry
                 WHERE kind = 'refund' GROUP BY account_id, job) r
          JOIN teams_creditaccount a ON a.id = r.account_id JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN teams_ledgerentry s
            ON s.job = r.job AND s.kind = 'settle' AND s.account_id = r.account_id
         WHERE r.amount > COALESCE(-s.d_posted, 0)""",
        "{}: job {} was credited back {} credits and had spent {}.",
    ),
    (
        """
        SELECT t.slug, a.posted - a.held, COALESCE(g.remaining, 0)
          FROM teams_creditaccount a JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN (SELECT account_id, SUM(remaining) AS remaining
                       FROM teams_grant GROUP BY account_id) g ON g.account_id = a.id
         WHERE a.posted - a.held <> COALESCE(g.remaining, 0)""",
        "{}: {} credits are available, and the grants have {} left.",
    ),
    (
        """
        SELECT t.slug, a.held, COALESCE(u.amount, 0)
          FROM teams_creditaccount a JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN (SELECT g.account_id, SUM(u.amount) AS amount
                       FROM teams_holduse u JOIN teams_grant g ON g.id = u.grant_id
                      WHERE u.captured IS NULL GROUP BY g.account_id) u ON u.account_id = a.id
         WHERE a.held <> COALESCE(u.amount, 0)""",
        "{}: {} credits are held, and {} of the grants are in use.",
    ),
    # Jobs that were settled before there were grants have no uses.
    (
        """
        SELECT t.slug, h.job, h.d_held, COALESCE(u.amount, 0)
          FROM teams_ledgerentry h
          JOIN teams_creditaccount a ON a.id = h.account_id JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN teams_ledgerentry s ON s.job = h.job AND s.kind = 'settle'
          LEFT JOIN (SELECT job, SUM(amount) AS amount, SUM(captured) AS captured,
                            COUNT(captured) AS settled, COUNT(*) AS count
                       FROM teams_holduse GROUP BY job) u ON u.job = h.job
         WHERE h.kind = 'hold' AND (
               (u.job IS NULL AND s.id IS NULL) OR u.amount <> h.d_held
               OR (s.id IS NULL AND u.settled > 0)
               OR (s.id IS NOT NULL AND (u.settled < u.count OR u.captured <> -s.d_posted)))""",
        "{}: job {} held {} credits, and its grants say {} or spent something else.",
    ),
    (
        """
        SELECT t.slug, u.job, u.amount
          FROM teams_holduse u JOIN teams_grant g ON g.id = u.grant_id
          JOIN teams_creditaccount a ON a.id = g.account_id JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN teams_ledgerentry h
            ON h.job = u.job AND h.kind = 'hold' AND h.account_id = g.account_id
         WHERE h.id IS NULL""",
        "{}: job {} uses {} credits of a grant without holding any.",
    ),
    (
        """
        SELECT t.slug, g.id, g.amount
          FROM teams_grant g
          JOIN teams_creditaccount a ON a.id = g.account_id JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN teams_ledgerentry e ON e.account_id = g.account_id AND e.key = g.key
         WHERE (g.posted_at IS NULL AND e.id IS NOT NULL)
            OR (g.posted_at IS NOT NULL AND (e.id IS NULL OR e.d_posted < g.amount
                OR (e.kind <> 'refund' AND e.d_posted <> g.amount)))""",
        "{}: grant {} of {} credits does not fit its entry.",
    ),
    (
        """
        SELECT t.slug, e.seq, e.d_posted
          FROM teams_ledgerentry e
          JOIN teams_creditaccount a ON a.id = e.account_id JOIN teams_team t ON t.id = a.team_id
          LEFT JOIN teams_grant g ON g.account_id = e.account_id AND g.key = e.key
         WHERE g.id IS NULL AND (e.kind = 'grant' OR (e.kind = 'adjust' AND e.d_posted > 0))""",
        "{}: entry {} brought {} credits without a grant.",
    ),
    (
        """
        SELECT t.slug, g.id, g.amount, g.remaining, u.amount
          FROM teams_grant g
          JOIN teams_creditaccount a ON a.id = g.account_id JOIN teams_team t ON t.id = a.team_id
          JOIN (SELECT grant_id, SUM(amount) AS amount FROM teams_holduse
                 WHERE captured IS NULL GROUP BY grant_id) u ON u.grant_id = g.id
         WHERE g.remaining + u.amount > g.amount""",
        "{}: grant {} of {} credits has {} left and {} held.",
    ),
)


def find_differences(*, further: bool = True) -> list[str]:
    """Name everything that does not add up, one sentence each; nothing means that all does.

    `further` asks those who know the jobs as well.
    """
    found = [
        f"The trigger {name} is missing: run `manage.py migrate`."
        for name in ledger_triggers.missing(connection)
    ]
    with one_moment():
        found += _broken_links()
        for query, sentence in _RULES:
            found += name_rows(query, sentence)
        for check in further_checks if further else ():
            found += check()
    return found


def check_now() -> LedgerCheck:
    """Check everything and keep what was found. Call it outside a transaction."""
    began = time.monotonic()
    entries = LedgerEntry.objects.count()
    differences = find_differences()
    kept = differences[:MOST_KEPT]
    if len(differences) > MOST_KEPT:
        kept.append(f"… and {len(differences) - MOST_KEPT} more.")
    return LedgerCheck.objects.create(
        seconds=time.monotonic() - began, entries=entries, differences=kept
    )


def _broken_links() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN)
        for team, seq, before, posted, held, posted_sum, held_sum in cursor.fetchall():
            if seq != before + 1:
                yield f"{team}: entry {before + 1} is missing."
            if (posted, held) != (posted_sum, held_sum):
                yield (
                    f"{team}: entry {seq} says {posted} posted and {held} held;"
                    f" the entries up to it add up to {posted_sum} and {held_sum}."
                )


def name_rows(query: str, sentence: str) -> Iterator[str]:
    """Run a query for what breaks a rule, and put each of its rows into words."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        for row in cursor.fetchall():
            yield sentence.format(*row)


@contextmanager
def one_moment() -> Iterator[None]:
    """Let all queries read one state of the database, without keeping anybody from writing."""
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Sorting a million rows on disk takes three times as long.
            cursor.execute("SET LOCAL work_mem = '64MB'")
            yield
        return
    # Django begins every transaction as a writer.
    _execute("BEGIN DEFERRED")
    try:
        yield
    finally:
        _execute("ROLLBACK")


def _execute(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
