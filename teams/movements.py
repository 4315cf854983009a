"""Moves a team's account and appends the entry that says so. No other module writes the two tables.

A movement has three steps, always in this order and in one transaction: the account's row, which
stays locked until the commit; the grants, and what holds take of them (`teams/grants.py`); the
entry. The database's triggers refuse any other order (`teams/ledger_triggers.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import ngettext

from teams.models import CreditAccount, Grant, LedgerEntry, Team


class InsufficientCredits(Exception):
    """The team cannot pay. Nothing was written. Its text is a sentence for people."""

    def __init__(self, *, needed: int, available: int) -> None:
        super().__init__(
            ngettext(
                "This needs %(needed)d credit and the team has %(available)d available.",
                "This needs %(needed)d credits and the team has %(available)d available.",
                needed,
            )
            % {"needed": needed, "available": available}
        )
        self.needed = needed
        self.available = available


class AlreadyPosted(Exception):
    """The key was used before: these credits are counted.

    `entry` is what it stands for, `grant` the credits that it gave; either may be missing: a grant
    that begins later has no entry yet, and taking credits away gives none.
    """

    def __init__(self, key: str, *, entry: LedgerEntry | None, grant: Grant | None) -> None:
        super().__init__(f"{key} already stands for {entry or grant}")
        self.entry = entry
        self.grant = grant


@dataclass(frozen=True, slots=True)
class Movement:
    """An account that moved and waits for its entry: the row's id, number and balance since."""

    account_id: int
    seq: int
    posted: int
    held: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """What one hold found: its entry, or None where the planned grants had too little left.

    Then `movement` waits for its entry and `taken` (grant id: credits) was taken already.
    """

    movement: Movement
    entry: LedgerEntry | None
    taken: Mapping[int, int]


def post(
    *,
    team: Team,
    kind: LedgerEntry.Kind,
    d_posted: int,
    d_held: int,
    key: str,
    actor: str,
    allot: Callable[[int], object],
    job: str = "",
    reason: str = "",
    reference: str = "",
    price_version: str = "",
    needed: int | None = None,
) -> LedgerEntry:
    """Move the team's account by (d_posted, d_held) credits and append the entry that says so.

    The account moves by one conditional UPDATE: whoever would overspend changes no row. The UPDATE
    also locks the account's row until the transaction ends, so that entries chain without gaps and
    grants need no lock of their own. `allot` gets the account's id and moves its grants by the
    same number of credits. `needed` is what must be available, where that is more than this takes.

    Raises InsufficientCredits with nothing written, and IntegrityError when the key was used
    before, the entry has a shape its kind does not allow or the grants moved by another amount;
    the caller's transaction is lost then.
    """
    movement = _move(team, d_posted, d_held, d_held - d_posted if needed is None else needed)
    allot(movement.account_id)
    return append(
        movement,
        kind=kind,
        d_posted=d_posted,
        d_held=d_held,
        key=key,
        actor=actor,
        job=job,
        reason=reason,
        reference=reference,
        price_version=price_version,
    )


def append(
    movement: Movement,
    *,
    kind: LedgerEntry.Kind,
    d_posted: int,
    d_held: int,
    key: str,
    actor: str,
    job: str = "",
    reason: str = "",
    reference: str = "",
    price_version: str = "",
) -> LedgerEntry:
    """Write the entry of a movement: its last step."""
    return LedgerEntry.objects.create(
        account_id=movement.account_id,
        seq=movement.seq,
        kind=kind,
        d_posted=d_posted,
        d_held=d_held,
        posted_after=movement.posted,
        held_after=movement.held,
        job=job,
        key=key,
        actor=actor,
        reason=reason,
        reference=reference,
        price_version=price_version,
    )


def lock_account(team: Team) -> CreditAccount:
    """The account as it stands, kept from everybody else until the transaction ends."""
    require_transaction()
    return CreditAccount.objects.select_for_update().get(team=team)


def require_transaction() -> None:
    """Refuse to move credits where half a movement could be committed."""
    if not connection.in_atomic_block:
        raise RuntimeError("Credits move only inside a transaction.")


def _move(team: Team, d_posted: int, d_held: int, needed: int) -> Movement:
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE teams_creditaccount SET posted = posted + %s, held = held + %s, seq = seq + 1"
            " WHERE team_id = %s AND posted - held >= %s RETURNING id, seq, posted, held",
            [d_posted, d_held, _id_of(team), needed],
        )
        row = cursor.fetchone()
    if row is None:
        raise refusal(team, needed)
    return Movement(*row)


# One round trip is all that others wait for. The plan is made from what was committed when the
# statement began; the account and the grants are changed as they are when their turn has come (a
# concurrent change makes PostgreSQL look at the newer row). Where the plan fails by then, use and
# entry are not written. A grant that is over stops everything: it has to end first.
_HOLD = """
    WITH own AS MATERIALIZED (
        SELECT g.id, g.remaining, g.expires_at <= %(at)s AS is_over,
               COALESCE(SUM(g.remaining) OVER (
                   ORDER BY g.priority, g.expires_at NULLS LAST, g.kind DESC, g.id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
          FROM teams_grant g JOIN teams_creditaccount a ON a.id = g.account_id
         WHERE a.team_id = %(team)s AND g.remaining > 0
    ), share AS MATERIALIZED (
        SELECT id, LEAST(remaining, %(amount)s - before)::bigint AS amount
          FROM own WHERE before < %(amount)s
    ), account AS (
        UPDATE teams_creditaccount SET held = held + %(amount)s, seq = seq + 1
         WHERE team_id = %(team)s AND posted - held >= %(needed)s
           AND NOT EXISTS (SELECT 1 FROM own WHERE is_over)
        RETURNING id, seq, posted, held
    ), taken AS (
        UPDATE teams_grant g SET remaining = g.remaining - share.amount
          FROM account, share
         WHERE g.id = share.id AND g.account_id = account.id AND g.remaining >= share.amount
        RETURNING g.id, share.amount
    ), total AS (
        SELECT COALESCE(SUM(amount), 0) AS amount, json_object_agg(id, amount) AS each FROM taken
    ), used AS (
        INSERT INTO teams_holduse (grant_id, job, amount)
        SELECT taken.id, %(job)s, taken.amount FROM taken, total WHERE total.amount = %(amount)s
        RETURNING id
    ), entry AS (
        INSERT INTO teams_ledgerentry (account_id, seq, kind, d_posted, d_held, posted_after,
            held_after, job, key, actor, reason, reference, price_version, at)
        SELECT account.id, account.seq, 'hold', 0, %(amount)s, account.posted, account.held,
               %(job)s, %(key)s, %(actor)s, '', '', %(price_version)s, %(at)s
          FROM account, (SELECT COUNT(*) AS count FROM used) uses WHERE uses.count > 0
        RETURNING id
    )
    SELECT account.id, account.seq, account.posted, account.held, entry.id, total.each
      FROM account CROSS JOIN total LEFT JOIN entry ON TRUE"""


def reserve_at_once(
    *,
    team: Team,
    amount: int,
    needed: int,
    job: str,
    key: str,
    actor: str,
    price_version: str,
    at: datetime,
) -> Reserved | None:
    """PostgreSQL's way to hold: all three steps in one statement.

    None, with nothing written: too little is available, or a grant is over and has to end first.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(
            _HOLD,
            {
                "team": _id_of(team),
                "amount": amount,
                "needed": needed,
                "job": job,
                "key": key,
                "actor": actor,
                "price_version": price_version,
                "at": at,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    *moved, entry_id, taken = row
    movement = Movement(*moved)
    # Django leaves JSON of a bare cursor as it came.
    each = json.loads(taken) if isinstance(taken, str) else taken or {}
    shares = {int(pk): part for pk, part in each.items()}
    if entry_id is None:
        return Reserved(movement, None, shares)
    entry = LedgerEntry(
        pk=entry_id,
        account_id=movement.account_id,
        seq=movement.seq,
        kind=LedgerEntry.Kind.HOLD,
        d_posted=0,
        d_held=amount,
        posted_after=movement.posted,
        held_after=movement.held,
        job=job,
        key=key,
        actor=actor,
        price_version=price_version,
        at=at,
    )
    entry._state.adding, entry._state.db = False, connection.alias
    return Reserved(movement, entry, shares)


def refusal(team: Team, needed: int) -> InsufficientCredits:
    """What to raise where a team has less than it needs."""
    return InsufficientCredits(
        needed=needed, available=CreditAccount.objects.get(team=team).available
    )


def _id_of(team: Team) -> Any:
    """The team's id as the database at hand takes it: SQLite knows no UUIDs."""
    return Team._meta.pk.get_db_prep_value(team.pk, connection)
