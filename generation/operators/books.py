"""What the providers' page says of balances: how long they last, and the last days' accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from generation.balances import Outlook, Pace, outlook_of, readings_since, steps_of
from generation.models import BalanceReading, ProviderAccount, Reconciliation

DAYS = 30
"""Days shown of each account."""

WIDTH, HEIGHT = 600, 100
"""Of the drawing, in its own units; a page stretches it."""

_BAR = 0.7
_LEAST_SPAN = timedelta(days=1)
"""How much of its day's width a bar takes."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day's use."""

    day: date
    used: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The line of the balance and bars of each day's use, each by a scale of its own.

    `line` are points as SVG writes them, `begin` and `end` the days at both edges.
    """

    line: str
    bars: tuple[Bar, ...]
    most_left: int
    most_used: int
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of the days that were read."""

    expected: int
    reported: int
    topped_up: int
    suspected: int
    difference: int
    unexplained: int


@dataclass(frozen=True, slots=True)
class Books:
    """One account: its outlook in words, its days (the newest first), those that do not add up."""

    lasting: str
    is_low: bool
    reports: tuple[Reconciliation, ...]
    drifting: tuple[Reconciliation, ...]
    totals: Totals
    chart: Chart | None


def books_of(accounts: Sequence[ProviderAccount], at: datetime) -> dict[int, Books]:
    """The books of each account by its id. Two queries."""
    today = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    begin = today - timedelta(days=DAYS)
    readings = readings_since(accounts, begin)
    reports: dict[int, list[Reconciliation]] = {account.pk: [] for account in accounts}
    rows = Reconciliation.objects.filter(account__in=accounts, day__gte=begin.date())
    for report in rows.order_by("-day"):
        reports[report.account_id].append(report)
    return {
        account.pk: _books(account, readings[account.pk], reports[account.pk], begin, at)
        for account in accounts
    }


def is_drifting(report: Reconciliation) -> bool:
    """Whether more of it is unexplained than the operator allows."""
    return (report.unexplained or 0) > settings.RECONCILIATION_ALARM_CREDITS


def lasting(outlook: Outlook) -> str:
    """How long a balance lasts, and by which days' use that is said."""
    if outlook.remaining <= 0:
        return _("Nothing is left.")
    if not outlook.paces:
        return _("Not known yet: that takes a day of readings.")
    if outlook.pace is None or outlook.days is None:
        days = round(outlook.paces[-1].covered)
        return ngettext(
            "Nothing was used in the last day.", "Nothing was used in the last %(n)d days.", days
        ) % {"n": days}
    said = _days_at(outlook.days, outlook.pace)
    others = [
        _days_at(int(outlook.remaining / pace.daily), pace)
        for pace in outlook.paces
        if pace is not outlook.pace and pace.spent
    ]
    return "; ".join([said, *others]) + "."


def _days_at(days: int, pace: Pace) -> str:
    left = (
        ngettext("about %(n)s day", "about %(n)s days", days) % {"n": intcomma(days)}
        if days
        else _("less than a day")
    )
    over = round(pace.covered)
    return ngettext(
        "%(left)s at the pace of the last day (%(daily)s credits a day)",
        "%(left)s at the pace of the last %(n)d days (%(daily)s credits a day)",
        over,
    ) % {"left": left, "n": over, "daily": f"{pace.daily:,.1f}"}


def _books(
    account: ProviderAccount,
    readings: Sequence[BalanceReading],
    reports: Sequence[Reconciliation],
    begin: datetime,
    at: datetime,
) -> Books:
    outlook = outlook_of(account, steps_of(readings))
    read = [report for report in reports if report.reported is not None]
    return Books(
        lasting=lasting(outlook) if outlook is not None else "",
        is_low=outlook is not None and outlook.is_low(settings.BALANCE_LOW_DAYS),
        reports=tuple(reports),
        drifting=tuple(report for report in reports if is_drifting(report)),
        totals=Totals(
            expected=sum(report.expected for report in read),
            reported=sum(report.reported or 0 for report in read),
            topped_up=sum(report.topped_up for report in read),
            suspected=sum(report.suspected for report in read),
            difference=sum(report.difference or 0 for report in read),
            unexplained=sum(report.unexplained or 0 for report in read),
        ),
        chart=_chart(readings, read, begin, at),
    )


def _chart(
    readings: Sequence[BalanceReading],
    reports: Sequence[Reconciliation],
    begin: datetime,
    at: datetime,
) -> Chart | None:
    # What lies in one day is a stroke at the right edge, and no day was made up yet.
    if len(readings) < 2 or readings[-1].at - readings[0].at < _LEAST_SPAN:
        return None
    span = (DAYS + 1) * 86400
    most_left = max(max(reading.remaining for reading in readings), 1)
    most_used = max([report.reported or 0 for report in reports], default=0)
    # The last reading of each unit of the width: more cannot be seen.
    points: dict[int, int] = {}
    for reading in readings:
        points[round((reading.at - begin).total_seconds() * WIDTH / span)] = reading.remaining
    slot = WIDTH / (DAYS + 1)
    bars = [
        _bar(report, (report.day - begin.date()).days * slot, slot, most_used)
        for report in reversed(reports)
        if report.reported
    ]
    return Chart(
        line=" ".join(
            f"{x},{HEIGHT - max(0, left) * HEIGHT / most_left:.1f}" for x, left in points.items()
        ),
        bars=tuple(bars),
        most_left=most_left,
        most_used=most_used,
        begin=begin,
        end=at.astimezone(UTC),
    )


def _bar(report: Reconciliation, left: float, slot: float, most_used: int) -> Bar:
    used = report.reported or 0
    height = used * HEIGHT / most_used
    return Bar(
        day=report.day,
        used=used,
        x=round(left + slot * (1 - _BAR) / 2, 2),
        y=round(HEIGHT - height, 2),
        width=round(slot * _BAR, 2),
        height=round(height, 2),
    )
