"""Moves credits, by the verbs that the rest of the product knows.

Every function runs inside the caller's transaction, so that a job and its money move together.
Locks are taken in one order: the account's row, its grants, budgets. All amounts are whole credits
of the team.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum
from django.utils.timezone import now

from teams import budgets, grants, movements
from teams.budgets import BudgetExceeded
from teams.models import CreditAccount, Grant, LedgerEntry, Team, User
from teams.movements import AlreadyPosted, InsufficientCredits, post

__all__ = [
    "AlreadyPosted",
    "BudgetExceeded",
    "InsufficientCredits",
    "RefundTooLarge",
    "adjust",
    "grant",
    "hold",
    "hold_all",
    "post",
    "refund",
    "settle",
]


class RefundTooLarge(Exception):
    """More than a job spent, less what it got back. Nothing was written. `left` is what remains."""

    def __init__(self, *, amount: int, left: int) -> None:
        super().__init__(f"{amount} credits of which {left} can be returned")
        self.left = left


# --- Jobs ---------------------------------------------------------------------------------------


def hold(
    *, team: Team, member: User | None, amount: int, job: str, actor: str, price_version: str
) -> LedgerEntry:
    """Reserve the price of a job before the provider is called. `member` pays by their budget.

    Raises InsufficientCredits with nothing written, or BudgetExceeded with the transaction marked
    to be rolled back.
    """
    (entry,) = hold_all(team=team, member=member, holds=[(job, amount, price_version)], actor=actor)
    return entry


def hold_all(
    *, team: Team, member: User | None, holds: Sequence[tuple[str, int, str]], actor: str
) -> list[LedgerEntry]:
    """Reserve the prices of several jobs, in order: all of them or none.

    `holds` are (job, amount, price version). Raises what `hold` raises; the numbers are then those
    of all jobs together.
    """
    movements.require_transaction()
    at = now()
    needed = sum(amount for _job, amount, _version in holds)
    entries = []
    for job, amount, version in holds:
        # Whoever finds too little for all of them finds it before the first is written.
        entries.append(_reserve(team, job, amount, needed, actor, version, at))
        needed -= amount
    try:
        budgets.reserve_all(
            team=team,
            member=member,
            holds=[(job, amount) for job, amount, _version in holds],
            at=at,
        )
    except BudgetExceeded:
        # The budgets' rows come last in the order of locks, when the account has moved.
        transaction.set_rollback(True)
        raise
    return entries


def settle(
    *, team: Team, held: int, captured: int, job: str, actor: str, price_version: str
) -> LedgerEntry:
    """Spend `captured` of a job's `held` credits and return the rest to the grants they came from.

    What returns to a grant that ended meanwhile ends with it, by a further entry. Never refused for
    want of credits: 0 <= captured <= held, and the hold is already counted.
    """
    if not 0 <= captured <= held:
        raise ValueError(f"captured {captured} of {held} held credits")
    at = now()
    ended: dict[int, datetime | None] = {}
    entry = post(
        team=team,
        kind=LedgerEntry.Kind.SETTLE,
        d_posted=-captured,
        d_held=-held,
        key=f"settle:{job}",
        job=job,
        actor=actor,
        price_version=price_version,
        allot=lambda _account: ended.update(grants.settle_uses(job, captured, at)),
    )
    for grant_id, ended_at in ended.items():
        grants.end_grant(team=team, grant_id=grant_id, at=at, returned_by=job, ended_at=ended_at)
    budgets.give_back(job=job, captured=captured)
    return entry


def refund(
    *,
    team: Team,
    amount: int,
    job: str,
    key: str,
    actor: str,
    reason: str,
    reference: str = "",
) -> LedgerEntry:
    """Give back `amount` of the credits that a job spent, once per `key`.

    They return to the grants that the job was paid from, to the one that ends last first; what a
    grant that is over would get comes as a grant of its own, for RETURNED_CREDITS_DAYS days.
    Raises RefundTooLarge with nothing written, and AlreadyPosted as `grant` does.
    """
    if amount <= 0:
        raise ValueError(f"a refund of {amount} credits")
    key = f"refund:{key}"
    account = movements.lock_account(team)
    _refuse_a_repeat(account, key)
    spent, returned = _spent_on(account, job)
    if amount > spent - returned:
        raise RefundTooLarge(amount=amount, left=spent - returned)
    back = Grant(
        account=account,
        kind=Grant.Kind.RETURNED,
        key=key,
        actor=actor,
        reason=reason,
        reference=reference,
    )
    entry = post(
        team=team,
        kind=LedgerEntry.Kind.REFUND,
        d_posted=amount,
        d_held=0,
        key=key,
        job=job,
        actor=actor,
        reason=reason,
        reference=reference,
        allot=lambda _account: grants.return_spent(back, amount, returned, job, now()),
    )
    budgets.credit_back(job=job, amount=amount)
    return entry


def _spent_on(account: CreditAccount, job: str) -> tuple[int, int]:
    """Credits that a job spent, and those of them that were credited back."""
    entries = LedgerEntry.objects.filter(account=account, job=job, kind__in=["settle", "refund"])
    moved = dict(entries.order_by().values_list("kind").annotate(Sum("d_posted")))
    return -moved.get("settle", 0), moved.get("refund", 0)


def _reserve(
    team: Team, job: str, amount: int, needed: int, actor: str, version: str, at: datetime
) -> LedgerEntry:
    hold: Any = {
        "job": job,
        "key": f"hold:{job}",
        "actor": actor,
        "price_version": version,
    }
    moved: Any = {"kind": LedgerEntry.Kind.HOLD, "d_posted": 0, "d_held": amount}
    if connection.vendor != "postgresql":
        # Nobody else writes since the transaction began, so that the purse stays as it was read.
        shares = grants.open_purse(team, at).plan(amount)
        return post(
            team=team, needed=needed, allot=lambda _id: grants.take(shares, job), **moved, **hold
        )
    paid: Any = {"team": team, "amount": amount, "needed": needed, "at": at, **hold}
    reserved = movements.reserve_at_once(**paid)
    if reserved is None and grants.end_what_is_over(team, at):
        reserved = movements.reserve_at_once(**paid)
    if reserved is None:
        raise movements.refusal(team, needed)
    if reserved.entry is not None:
        return reserved.entry
    # Somebody was quicker with these grants. From here on the account is ours, and nobody is.
    grants.put_back(reserved.taken)
    purse = grants.Purse(team)
    purse.read()
    grants.take(purse.plan(amount), job)
    return movements.append(reserved.movement, **moved, **hold)


# --- By operators ---------------------------------------------------------------------------------


def grant(
    *,
    team: Team,
    amount: int,
    actor: str,
    reason: str,
    key: str,
    kind: Grant.Kind = Grant.Kind.PAID,
    reference: str = "",
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
    priority: int = 50,
) -> Grant:
    """Give the team credits, once per `key`, however often a form is sent.

    They are counted at once, or when they take effect. Raises AlreadyPosted when the key was used
    before, with nothing written; the caller's transaction stays usable.
    """
    if amount <= 0:
        raise ValueError(f"a grant of {amount} credits")
    at = now()
    with transaction.atomic():
        account = movements.lock_account(team)
        _refuse_a_repeat(account, f"grant:{key}")
        given = Grant.objects.create(
            account=account,
            kind=kind,
            amount=amount,
            priority=priority,
            effective_at=effective_at or at,
            expires_at=expires_at,
            key=f"grant:{key}",
            actor=actor,
            reason=reason,
            reference=reference,
        )
        if given.effective_at <= at:
            grants.begin_grant(team=team, grant=given)
    return given


def adjust(
    *, team: Team, amount: int, actor: str, reason: str, key: str, reference: str = ""
) -> LedgerEntry:
    """Correct a balance by `amount` credits, below zero to take them away, once per `key`.

    What is added never ends; what is taken is taken from the grants in the order of holds. Raises
    InsufficientCredits where less is available, and AlreadyPosted as `grant` does.
    """
    if not amount:
        raise ValueError("an adjustment of 0 credits")
    key = f"adjust:{key}"
    with transaction.atomic():
        account = movements.lock_account(team)
        _refuse_a_repeat(account, key)
        said: Any = {"key": key, "actor": actor, "reason": reason, "reference": reference}

        def allot(_account: int) -> None:
            if amount < 0:
                grants.take_away(team, -amount)
                return
            grants.fill(Grant.objects.create(account=account, amount=amount, **said), now())

        return post(
            team=team,
            kind=LedgerEntry.Kind.ADJUST,
            d_posted=amount,
            d_held=0,
            allot=allot,
            **said,
        )


def _refuse_a_repeat(account: CreditAccount, key: str) -> None:
    entry = LedgerEntry.objects.filter(account=account, key=key).first()
    given = Grant.objects.filter(account=account, key=key).first()
    if entry or given:
        raise AlreadyPosted(key, entry=entry, grant=given)
