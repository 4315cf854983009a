"""Fills a database with sound books, by SQL alone, and times what proves them; also a process.

`python -m benchmarks.books` migrates the database of DATABASE_URL, fills it, and prints the seconds
that the check takes.
"""

from __future__ import annotations

import json
import time
from typing import Any

import django
from django.db import connection, transaction

TEAMS = 100

_SERIES = "WITH RECURSIVE job (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM job WHERE number < {jobs})"
# Beside a series of jobs, every account that is to be filled with the one grant it got.
_ACCOUNTS = """
      FROM job, teams_creditaccount a JOIN teams_grant g ON g.account_id = a.id
     WHERE a.seq = 1 AND g.reason = 'books'"""
_TEXT = {
    "sqlite": "printf('%08x-0000-4000-8000-%012x', a.id, job.number)",
    "postgresql": "lpad(to_hex(a.id), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(job.number), 12, '0')",
}
_KEY = {
    "sqlite": "printf('%08x000040008000%012x', a.id, job.number)",
    "postgresql": "({text})::uuid",
}


def fill(entries: int) -> None:
    """Give TEAMS teams so many entries together, each with its jobs, holds, settlements and uses.

    Half of every price was spent. Written past the ledger's verbs and triggers, which take a
    transaction for each; what is written would have passed them.
    """
    from generation.models import Job
    from teams import ledger_triggers
    from teams.credits import grant
    from tests.factories import deliver_swap, make_team

    jobs = entries // TEAMS // 2
    template = deliver_swap(make_team(credits_=8))
    for _ in range(TEAMS):
        with transaction.atomic():
            grant(
                team=make_team(credits_=0),
                amount=4 * jobs,
                actor="benchmark",
                reason="books",
                key="books",
            )
    with ledger_triggers.triggers_off(connection), transaction.atomic():
        _write_entries(jobs)
        _write_jobs(Job, template, jobs)
        _run("UPDATE teams_grant SET remaining = amount - 2 * %s WHERE reason = 'books'", jobs)
        _run(
            "UPDATE teams_creditaccount SET seq = 1 + 2 * %s, posted = posted - 2 * %s"
            " WHERE id IN (SELECT account_id FROM teams_grant WHERE reason = 'books')",
            jobs,
            jobs,
        )
    _run("ANALYZE")


def _write_entries(jobs: int) -> None:
    series, text = _SERIES.format(jobs=jobs), _TEXT[connection.vendor]
    columns = (
        "account_id, seq, kind, d_posted, d_held, posted_after, held_after, job, key, actor,"
        " reason, reference, price_version, at"
    )
    for kind, d_posted, d_held, offset, posted, held in (
        ("hold", 0, 4, 0, "g.amount - 2 * (job.number - 1)", 4),
        ("settle", -2, -4, 1, "g.amount - 2 * job.number", 0),
    ):
        _run(
            f"INSERT INTO teams_ledgerentry ({columns}) {series}"
            f" SELECT a.id, 2 * job.number + {offset}, '{kind}', {d_posted}, {d_held}, {posted},"
            f" {held}, {text}, '{kind}:' || {text}, 'engine', '', '', '2026-11', g.created_at"
            f" {_ACCOUNTS}"
        )
    _run(
        f"INSERT INTO teams_holduse (grant_id, job, amount, captured) {series}"
        f" SELECT g.id, {text}, 4, 2 {_ACCOUNTS}"
    )


def _write_jobs(model: Any, template: Any, jobs: int) -> None:
    """Copies of a job that delivered, one for each hold."""
    key = _KEY[connection.vendor].format(text=_TEXT[connection.vendor])
    own = {
        "id": key,
        "request_key": key,
        "team_id": "a.team_id",
        "price": "4",
        "captured": "2",
        "remote_id": "''",
    }
    columns = [field.column for field in model._meta.concrete_fields]
    values = [own.get(column, f"old.{column}") for column in columns]
    _run(
        f"INSERT INTO generation_job ({', '.join(columns)}) {_SERIES.format(jobs=jobs)}"
        f" SELECT {', '.join(values)} {_ACCOUNTS.replace('FROM job,', 'FROM generation_job old, job,')}"
        " AND old.id = %s",
        model._meta.pk.get_db_prep_value(template.pk, connection),
    )


def _run(statement: str, *params: Any) -> None:
    # Without parameters a per cent sign of the statement is one.
    with connection.cursor() as cursor:
        if params:
            cursor.execute(statement.replace("%0", "%%0"), params)
        else:
            cursor.execute(statement)


def time_check(entries: int) -> tuple[float, float]:
    """Seconds that filling and checking take. Raises AssertionError where the books are not sound."""
    from django.core.management import call_command

    from teams.ledger_check import find_differences

    call_command("migrate", interactive=False, verbosity=0)
    began = time.perf_counter()
    fill(entries)
    filled = time.perf_counter()
    found = find_differences()
    checked = time.perf_counter()
    assert found == [], found[:3]  # noqa: S101
    return filled - began, checked - filled


if __name__ == "__main__":
    django.setup()
    print(json.dumps(time_check(1_000_000)))
