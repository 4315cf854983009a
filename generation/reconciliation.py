"""Each day's accounts with every provider: what it should have charged, and what its balance says.

A day reaches from the last reading before it to the last reading within it, so that days adjoin
and nothing counts twice. A day without a reading is left open; the next one that was read covers
it. Everything is in the provider's credits, the operator's money; a team's never moves by it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Min
from django.db.models.functions import TruncDate

from generation.balances import steps_of
from generation.models import BalanceReading, ProviderAccount, Reconciliation
from generation.provider_charges import (
    Charge,
    Doubt,
    charges_between,
    doubts_between,
    under_way_at,
)
from generation.providers.registry import is_current

SETTLING = timedelta(hours=1)
"""How long after its end a day is made up: what ended within it has been seen by then."""
LEFT_OPEN = timedelta(days=30)
"""For how long back a day that was not read gets a row that says so."""
MOST_JOBS = 100
"""Jobs named for one cause in one report, those with the largest amounts; the rest is summed."""

_MOST_REPORTS = 100


class NotOver(Exception):
    """The day is not over, or not for long enough to be made up."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The figures of one account over one span, before they are a row."""

    expected: int
    reported: int
    topped_up: int
    suspected: int
    unexplained: int


def make_due_reports(at: datetime) -> list[Reconciliation]:
    """Make up every day that is over and has no report, the oldest first; at most 100 at a time.

    Repeating it makes nothing twice, whoever else does it meanwhile.
    """
    reports: list[Reconciliation] = []
    for account in ProviderAccount.objects.order_by("pk"):
        for day in _missing_days(account, at)[: _MOST_REPORTS - len(reports)]:
            report = make_report(account, day, at)
            if report is not None:
                reports.append(report)
    return reports


def make_report(account: ProviderAccount, day: date, at: datetime) -> Reconciliation | None:
    """The report of one day (UTC), made now if there is none. None: nothing was read up to its end.

    Raises NotOver.
    """
    if day > last_day(at):
        raise NotOver(f"{day} is not over, or ended less than an hour ago.")
    made = Reconciliation.objects.filter(account=account, day=day).first()
    if made is not None:
        return made
    begin = datetime.combine(day, time(), UTC)
    readings = _readings(account, begin, begin + timedelta(days=1))
    if not readings:
        return None
    values = _values(account, readings)
    with transaction.atomic():
        report, _created = Reconciliation.objects.get_or_create(
            account=account, day=day, defaults={**values, "made_at": at}
        )
    return report


def last_day(at: datetime) -> date:
    """The last day (UTC) that can be made up."""
    return (at.astimezone(UTC) - SETTLING).date() - timedelta(days=1)


def _missing_days(account: ProviderAccount, at: datetime) -> list[date]:
    """Days without a report, from the first reading on. An account out of use ends with its last.

    Of days long ago only those that were read: a pause of months leaves no row for each of them.
    """
    span = BalanceReading.objects.filter(account=account).aggregate(Min("at"), Max("at"))
    if span["at__min"] is None:
        return []
    first, last = span["at__min"].astimezone(UTC).date(), last_day(at)
    if not is_current(account):
        last = min(last, span["at__max"].astimezone(UTC).date())
    made = set(
        Reconciliation.objects.filter(account=account, day__gte=first).values_list("day", flat=True)
    )
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    missing = [day for day in days if day not in made]
    long_ago = last - LEFT_OPEN
    if not missing or missing[0] >= long_ago:
        return missing
    read = set(
        BalanceReading.objects.filter(
            account=account, at__lt=datetime.combine(long_ago, time(), UTC)
        )
        .order_by()
        .annotate(day=TruncDate("at", tzinfo=UTC))
        .values_list("day", flat=True)
        .distinct()
    )
    return [day for day in missing if day >= long_ago or day in read]


def _readings(account: ProviderAccount, begin: datetime, end: datetime) -> list[BalanceReading]:
    """The last reading before the day, where there is one, and those of the day."""
    rows = BalanceReading.objects.filter(account=account)
    before = rows.filter(at__lte=begin).order_by("-at", "-pk").first()
    within = list(rows.filter(at__gt=begin, at__lte=end).order_by("at", "pk"))
    return [before, *within] if before is not None else within


def _values(account: ProviderAccount, readings: Sequence[BalanceReading]) -> dict[str, Any]:
    """The columns of a report. Of a span without an end nothing is known."""
    begin, end = readings[0].at, readings[-1].at
    if len(readings) < 2:
        return {"expected": 0, "reported": None, "difference": None, "unexplained": None}
    charges = charges_between(account, begin, end)
    doubts = doubts_between(account, begin, end)
    under_way = under_way_at(account, end)
    sums = _add_up(account, readings, charges, doubts, under_way)
    return {
        "expected": sums.expected,
        "reported": sums.reported,
        "topped_up": sums.topped_up,
        "suspected": sums.suspected,
        "difference": sums.reported - sums.expected,
        "unexplained": sums.unexplained,
        "details": [
            {"kind": "span", "from": begin.isoformat(), "to": end.isoformat()},
            *_told(charges),
            *_doubted("suspected", doubts),
            *_doubted("under_way", under_way),
            *_doubted("began_before", _early(charges)),
        ],
    }


def _add_up(
    account: ProviderAccount,
    readings: Sequence[BalanceReading],
    charges: Sequence[Charge],
    doubts: Sequence[Doubt],
    under_way: Sequence[Doubt],
) -> Sums:
    """Where the balance rose and nothing tells the use, it is taken to be what was expected then.

    What may have been charged without a result explains a surplus, and what may have been charged
    the day before a shortage, each up to its amount.
    """
    expected = reported = topped_up = 0
    times = [one.at for one in charges]
    for step in steps_of(readings, since=account.key_set_at):
        ended = charges[bisect_right(times, step.begin) : bisect_right(times, step.end)]
        due = sum(one.expected for one in ended)
        expected += due
        reported += due if step.spent is None else step.spent
        topped_up += step.added + (due if step.spent is None else 0)
    suspected = sum(doubt.amount for doubt in (*doubts, *under_way))
    difference = reported - expected
    if difference > 0:
        unexplained = max(0, difference - suspected)
    else:
        unexplained = min(0, difference + sum(doubt.amount for doubt in _early(charges)))
    return Sums(expected, reported, topped_up, suspected, unexplained)


def _early(charges: Sequence[Charge]) -> list[Doubt]:
    return [Doubt(one.job, one.expected) for one in charges if one.began_before and one.expected]


def _told(charges: Sequence[Charge]) -> list[dict[str, Any]]:
    """The jobs for which the provider told another figure than the table, or than the team paid."""
    differing = [one for one in charges if one.difference]
    differing.sort(key=lambda one: (-abs(one.difference), one.at))
    rows: list[dict[str, Any]] = [
        {
            "kind": "told",
            "job": str(one.job),
            "expected": one.expected,
            "told": one.told,
            "captured": one.captured,
            "difference": one.difference,
        }
        for one in differing[:MOST_JOBS]
    ]
    return rows + _left_out("told", [one.difference for one in differing[MOST_JOBS:]])


def _doubted(kind: str, doubts: Sequence[Doubt]) -> list[dict[str, Any]]:
    largest = sorted(doubts, key=lambda doubt: -doubt.amount)
    rows: list[dict[str, Any]] = [
        {"kind": kind, "job": str(doubt.job), "amount": doubt.amount}
        for doubt in largest[:MOST_JOBS]
    ]
    return rows + _left_out(kind, [doubt.amount for doubt in largest[MOST_JOBS:]])


def _left_out(kind: str, amounts: Sequence[int]) -> list[dict[str, Any]]:
    if not amounts:
        return []
    return [{"kind": "left_out", "of": kind, "jobs": len(amounts), "amount": sum(amounts)}]
