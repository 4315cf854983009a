"""Pauses submits where the next one would fare like the last: account closed, host down, busy."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q
from django.utils import timezone

from generation.engine.alerts import alert_operators
from generation.engine.timing import back_off, seconds
from generation.models import Job, Pool, ProviderAccount, State
from generation.providers.errors import (
    AccountClosed,
    NotTaken,
    ProviderError,
    TooSoon,
    Unreachable,
)
from generation.providers.keys import note_key
from generation.providers.registry import is_current
from teams.models import Team


def note_failure(pool: Pool, failure: NotTaken, now: datetime) -> None:
    """Pause the account or the pool after a submit that was not taken.

    Of several submits that fail together only the first counts, so that ten places at once do not
    make a short break a long one. Where only an operator can open the account again they are told.
    """
    if isinstance(failure, TooSoon):
        # Our own limit, which nobody there knows of: no trial follows. But without the pause every
        # ready job would be claimed and refused in turn.
        until = now + seconds(failure.retry_after or 1)
        Pool.objects.filter(Q(busy_until=None) | Q(busy_until__lt=until), pk=pool.pk).update(
            busy_until=until
        )
        return
    if isinstance(failure, AccountClosed):
        note_key(pool.account_id, failure, now)
        if _close_account(pool.account_id, failure, now, first=30, most=900):
            alert_operators(pool.account, failure, now)
    elif isinstance(failure, Unreachable):
        _close_account(pool.account_id, failure, now, first=1, most=60)
    else:
        _pause_pool(pool, failure, now)


def note_doubt(pool: Pool, doubt: ProviderError, now: datetime) -> None:
    """Send one at a time after a submit that nobody answered, and pause after the second in a row.

    A host that answers nothing usable would otherwise turn a whole queue into jobs that nobody
    knows the outcome of, each perhaps billed.
    """
    # A closing without a pause: its time tells which successes were under way before it.
    first = ProviderAccount.objects.filter(pk=pool.account_id, closed_streak=0).update(
        closed_until=now,
        closed_reason=doubt.message[:200],
        closed_code=doubt.code[:40],
        closed_streak=1,
    )
    if not first:
        _close_account(pool.account_id, doubt, now, first=1, most=60)


def note_success(pool: Pool, started_at: datetime) -> None:
    """Open everything again: the provider took a task that was sent at `started_at`.

    One that was under way when the account closed proves nothing: while a job that closes it comes
    back again and again, good ones beside it would undo every pause.
    """
    # Nothing starts within a pause, so what started before its end started before the closing.
    ProviderAccount.objects.filter(
        Q(closed_until=None) | Q(closed_until__lte=started_at),
        pk=pool.account_id,
        closed_streak__gt=0,
    ).update(
        closed_until=None,
        closed_reason="",
        closed_code="",
        closed_streak=0,
        key_refused_at=None,
    )
    Pool.objects.filter(
        Q(busy_until=None) | Q(busy_until__lte=started_at), pk=pool.pk, busy_streak__gt=0
    ).update(busy_until=None, busy_streak=0)


def places_open(pool: Pool, now: datetime) -> int:
    """How many submits may start now as far as the account goes: none, one to try, or all.

    None where new jobs go elsewhere: what waits from before SANDBOX was set must not be paid for.
    """
    account = pool.account
    if account.is_paused or not is_current(account):
        return 0
    if account.closed_until is not None and account.closed_until > now:
        return 0
    if pool.busy_until is not None and pool.busy_until > now:
        return 0
    return 1 if is_on_trial(pool) else pool.slots


def closed_accounts(team: Team) -> list[ProviderAccount]:
    """Accounts that take no jobs now, as far as jobs of the team wait for them."""
    waiting = (
        Job.objects.for_team(team)
        .unfinished()
        .filter(state__in=[State.QUEUED, State.PREPARING, State.READY])
    )
    at = timezone.now()
    return [
        account
        for account in ProviderAccount.objects.filter(pk__in=waiting.values("account_id"))
        if account.is_paused
        or not is_current(account)
        or (account.closed_until is not None and account.closed_until > at)
    ]


def is_on_trial(pool: Pool) -> bool:
    """Whether the last answer was a failure, so that one submit tries before all do."""
    return bool(pool.account.closed_streak or pool.busy_streak)


def _close_account(
    account_id: int, failure: ProviderError, now: datetime, *, first: float, most: float
) -> bool:
    account = ProviderAccount.objects.get(pk=account_id)
    asked = failure.retry_after or 0 if isinstance(failure, NotTaken) else 0
    pause = max(back_off(account.closed_streak, first=first, most=most), asked)
    closed = ProviderAccount.objects.filter(
        Q(closed_until=None) | Q(closed_until__lte=now), pk=account_id
    ).update(
        closed_until=now + seconds(pause),
        closed_reason=failure.message[:200],
        closed_code=failure.code[:40],
        closed_streak=F("closed_streak") + 1,
    )
    return closed == 1


def _pause_pool(pool: Pool, failure: NotTaken, now: datetime) -> None:
    streak = Pool.objects.values_list("busy_streak", flat=True).get(pk=pool.pk)
    pause = back_off(streak, first=2, most=30)
    Pool.objects.filter(Q(busy_until=None) | Q(busy_until__lte=now), pk=pool.pk).update(
        busy_until=now + seconds(max(pause, failure.retry_after or 0)),
        busy_streak=F("busy_streak") + 1,
    )
