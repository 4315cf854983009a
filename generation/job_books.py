"""Compares jobs with the ledger: holds without a job, and jobs without their hold or settlement.

Registered with `teams.ledger_check`, which must not know of jobs.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

# The ledger keeps a job's id as text; SQLite keeps it in the job's own row without dashes.
_ID = "j.id::text"
_ID_ON_SQLITE = (
    "substr(j.id, 1, 8) || '-' || substr(j.id, 9, 4) || '-' || substr(j.id, 13, 4) || '-' ||"
    " substr(j.id, 17, 4) || '-' || substr(j.id, 21)"
)
_HAS_JOB = "j.id::text = h.job"
_HAS_JOB_ON_SQLITE = "j.id = replace(h.job, '-', '')"

# Which holds are open the uses of grants tell, of which few are; that they tell the truth is proved
# by `teams.ledger_check`.
_HOLD_WITHOUT_JOB = """
    SELECT t.slug, h.seq, h.d_held, h.job
      FROM (SELECT DISTINCT job FROM teams_holduse WHERE captured IS NULL) u
      JOIN teams_ledgerentry h ON h.job = u.job AND h.kind = 'hold'
      JOIN teams_creditaccount a ON a.id = h.account_id JOIN teams_team t ON t.id = a.team_id
      LEFT JOIN generation_job j ON {has_job} AND j.team_id = a.team_id
     WHERE j.id IS NULL"""
# One reading for all that can be wrong with a job: there may be a million.
_JOB_BESIDE_LEDGER = """
    SELECT t.slug, {id}, j.price, COALESCE(h.d_held, 0), j.finished_at IS NOT NULL, j.captured,
           -s.d_posted
      FROM generation_job j JOIN teams_team t ON t.id = j.team_id
      LEFT JOIN teams_ledgerentry h ON h.job = {id} AND h.kind = 'hold'
      LEFT JOIN teams_ledgerentry s
        ON s.job = COALESCE(h.job, {id}) AND s.kind = 'settle'
     WHERE COALESCE(h.d_held, 0) <> j.price
        OR (j.finished_at IS NULL AND s.id IS NOT NULL)
        OR (j.finished_at IS NOT NULL AND j.price > 0
            AND (s.id IS NULL OR s.d_posted <> -j.captured))"""


def find_job_differences() -> Iterator[str]:
    """One sentence for everything about jobs that the ledger tells otherwise."""
    is_sqlite = connection.vendor == "sqlite"
    id_ = _ID_ON_SQLITE if is_sqlite else _ID
    has_job = _HAS_JOB_ON_SQLITE if is_sqlite else _HAS_JOB
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_WITHOUT_JOB.format(has_job=has_job))
        for team, seq, amount, job in cursor.fetchall():
            yield f"{team}: entry {seq} holds {amount} credits for job {job}, which there is not."
        cursor.execute(_JOB_BESIDE_LEDGER.format(id=id_))
        for team, job, price, held, has_ended, captured, settled in cursor.fetchall():
            if held != price:
                yield f"{team}: job {job} costs {price} credits and held {held}."
            if settled is not None and not has_ended:
                yield f"{team}: job {job} was settled and has not ended."
            if has_ended and price and settled is None:
                yield f"{team}: job {job} ended and was never settled."
            if has_ended and settled is not None and settled != captured:
                yield f"{team}: job {job} spent {captured} credits and was settled at {settled}."
