"""The operator's balances at providers: kept as they were read, thinned with age, and their pace.

A rise between two readings is credit that was added; a fall is use. Where the provider tells what
was used as well (SellerPic), both are known apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db import transaction
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber, TruncDay, TruncHour

from generation.models import BalanceReading, ProviderAccount
from generation.providers.base import Balance

EVERY_READING = timedelta(days=2)
"""How long every reading is kept; then the last of each hour."""
HOURLY = timedelta(days=90)
"""How long the last reading of each hour is kept; then the last of each day (UTC), for good."""
PACES = (7, 30)
"""Days back over which use is counted to foretell how long a balance lasts."""

_AT_ONCE = 900
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What happened between two readings, in the provider's credits.

    `spent` is None where the balance rose and nobody tells what was used meanwhile; `added` is
    then the least that was added.
    """

    begin: datetime
    end: datetime
    remaining: int
    spent: int | None
    added: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Use over the last `days` days, or over all of those that readings cover: `covered` days."""

    days: int
    covered: float
    spent: int

    @property
    def daily(self) -> float:
        """Credits a day."""
        return self.spent / self.covered


@dataclass(frozen=True, slots=True)
class Outlook:
    """How long a balance lasts. `days` goes by `pace`, the quicker one; None: no end is in sight."""

    remaining: int
    days: int | None = None
    pace: Pace | None = None
    paces: tuple[Pace, ...] = ()

    def is_low(self, limit: int) -> bool:
        """Whether it lasts for fewer than `limit` days; an empty one lasts for none."""
        days = 0 if self.remaining <= 0 else self.days
        return days is not None and days < limit


def note_balance(account_id: int, balance: Balance, at: datetime) -> None:
    """Keep what a provider told: on the account, and as a reading of its own."""
    with transaction.atomic():
        ProviderAccount.objects.filter(pk=account_id).update(
            balance_remaining=balance.remaining, balance_total=balance.total, balance_at=at
        )
        keep_reading(account_id, balance, at)


def keep_reading(account_id: int, balance: Balance, at: datetime) -> None:
    """Keep a reading beside those from before."""
    BalanceReading.objects.create(
        account_id=account_id,
        at=at,
        remaining=balance.remaining,
        total=balance.total or None,
        used=balance.used,
    )


def thin_readings(at: datetime) -> int:
    """Drop readings that are old and not the last of their hour or day. How many went.

    Not all at once after a long pause; the next calls take the rest.
    """
    hourly = BalanceReading.objects.filter(at__lt=at - EVERY_READING, at__gte=at - HOURLY)
    daily = BalanceReading.objects.filter(at__lt=at - HOURLY)
    return _keep_last(hourly, TruncHour("at", tzinfo=UTC)) + _keep_last(
        daily, TruncDay("at", tzinfo=UTC)
    )


def steps_of(readings: Sequence[BalanceReading], *, since: datetime | None = None) -> list[Step]:
    """The steps between readings, the oldest first.

    `since` is when the present key was stored. It may be that of another account there, so that
    the step that leads to it is left out.
    """
    return [
        _step(before, after)
        for before, after in pairwise(readings)
        if since is None or not before.at < since <= after.at
    ]


def readings_since(
    accounts: Collection[ProviderAccount], since: datetime
) -> dict[int, list[BalanceReading]]:
    """Readings by account, the oldest first. One query."""
    found: dict[int, list[BalanceReading]] = defaultdict(list)
    rows = BalanceReading.objects.filter(account__in=accounts, at__gte=since)
    for reading in rows.order_by("at", "pk"):
        found[reading.account_id].append(reading)
    return found


def outlook_of(account: ProviderAccount, steps: Iterable[Step]) -> Outlook | None:
    """How long the balance lasts at the pace of the last days; None: it was never read.

    A pace counts from a day of readings on, the longer one once it tells more than the shorter.
    Credits that were added meanwhile are left out of it.
    """
    if account.balance_remaining is None:
        return None
    since = account.key_set_at  # Before it the key may have been another account's.
    known = [step for step in steps if since is None or step.begin >= since]
    paces: list[Pace] = []
    for days in PACES:
        pace = _pace(known, days)
        if pace is not None and (not paces or pace.covered > paces[-1].covered):
            paces.append(pace)
    remaining = account.balance_remaining
    used = [pace for pace in paces if pace.spent > 0]
    if not used:
        return Outlook(remaining, paces=tuple(paces))
    quickest = max(used, key=lambda pace: pace.daily)
    return Outlook(remaining, max(0, int(remaining / quickest.daily)), quickest, tuple(paces))


def _pace(steps: Sequence[Step], days: int) -> Pace | None:
    if not steps:
        return None
    begin = steps[-1].end - timedelta(days=days)
    counted = [step for step in steps if step.begin >= begin]
    if not counted:
        return None
    covered = (counted[-1].end - counted[0].begin) / _DAY
    if covered < 1:
        return None
    return Pace(days, covered, sum(step.spent or 0 for step in counted))


def _step(before: BalanceReading, after: BalanceReading) -> Step:
    change = after.remaining - before.remaining
    spent: int | None = None
    added = 0
    if before.used is not None and after.used is not None and after.used >= before.used:
        spent = after.used - before.used
        added = change + spent
    if spent is None or added < 0:
        # Nothing told what was used, or more went than was used: what is gone is gone.
        spent, added = (None, change) if change > 0 else (-change, 0)
    return Step(before.at, after.at, after.remaining, spent, added)


def _keep_last(rows: QuerySet[BalanceReading], span: TruncHour | TruncDay) -> int:
    place = Window(
        RowNumber(),
        partition_by=[F("account_id"), span],
        order_by=[F("at").desc(), F("pk").desc()],
    )
    earlier = rows.order_by().annotate(place=place).filter(place__gt=1)
    dropped = list(earlier.values_list("pk", flat=True)[:_AT_ONCE])
    BalanceReading.objects.filter(pk__in=dropped).delete()
    return len(dropped)
