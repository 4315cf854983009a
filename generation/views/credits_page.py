"""The credits page: what a team has, what it spent on what, and what the month will come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from catalog.models import Product
from generation.ledger_list import ledger_page, people_of
from generation.models import Preset, UsageDay
from generation.operations import OPERATIONS
from generation.providers.registry import LABELS
from generation.spending import PERIODS, TOP, Series, Share, Spending, shares
from generation.usage import day_of
from generation.views.usage_chart import draw
from teams import budget_status
from teams.access import Right, team_view
from teams.http import TeamRequest
from teams.models import CreditAccount, Grant, LedgerEntry, Team, User

LATEST_ENTRIES = 10
GRANTS_SHOWN = 20
ENDS_SOON = timedelta(days=30)
"""Grants that end within this time are announced at the head of the page."""

Dimension = UsageDay.Dimension


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table of what credits were spent on."""

    label: str
    share: Share
    url: str = ""


@dataclass(frozen=True, slots=True)
class Legend:
    """One colour of the chart: its number, its operation, and what that cost."""

    number: int
    label: str
    total: int


@dataclass(frozen=True, slots=True)
class Ending:
    """Credits that are lost at a moment unless they are spent before."""

    amount: int
    at: datetime


@require_GET
@team_view(Right.SEE_MONEY)
def credits_page(request: TeamRequest) -> HttpResponse:
    """Figures, usage of the last ?days= by ?by=, grants in force, the newest entries."""
    team, account, at = request.team, request.team.credit_account, now()
    context: dict[str, object] = {"team": team, "account": account}
    if not account.seq and not _awaited(account).exists():
        admins = budget_status.managers(team)
        context |= {"admins": admins, "is_admin": request.user in admins}
        return TemplateResponse(request, "generation/credits.html", context)
    today = day_of(team, at)
    days = _asked_days(request)
    by = _asked_dimension(request)
    spending = Spending(team, today, days)
    usage, month = spending.usage(), spending.month()
    found = shares(team, by, today, days)
    grants = list(Grant.objects.filter(account=account).spendable()[: GRANTS_SHOWN + 1])
    latest = LedgerEntry.objects.filter(account=account).order_by("-seq")
    page = ledger_page(latest, size=LATEST_ENTRIES)
    context |= {
        "has_entries": True,
        "month": month,
        "credited_back": _credited_back(account, today, team),
        "runs_out": month.runs_out(account.available, today),
        "standings": budget_status.outlook(team, request.user, at),
        "periods": PERIODS,
        "days": days,
        "usage": usage,
        "chart": draw(usage),
        "legend": _legend(usage.series),
        "by": by,
        "dimensions": Dimension.choices,
        "lines": _lines(team, by, found),
        # A job may end between the two readings; then the parts are more than the whole.
        "rest": max(0, usage.total - sum(share.captured for share in found)),
        "top": TOP,
        "grants": grants[:GRANTS_SHOWN],
        "more_grants": len(grants) > GRANTS_SHOWN,
        "awaited": list(_awaited(account)[:GRANTS_SHOWN]),
        "endings": _endings(grants, at),
        "rows": page.rows,
        "people": people_of(team, (row.entry for row in page.rows)),
    }
    return TemplateResponse(request, "generation/credits.html", context)


def _awaited(account: CreditAccount) -> QuerySet[Grant]:
    """Grants that begin later."""
    waiting = Grant.objects.filter(account=account, posted_at=None, voided_at=None)
    return waiting.order_by("effective_at", "pk")


def _asked_days(request: TeamRequest) -> int:
    asked = request.GET.get("days", "")
    return next((days for days in PERIODS if str(days) == asked), 30)


def _asked_dimension(request: TeamRequest) -> str:
    asked = request.GET.get("by", "")
    return asked if asked in Dimension.values else Dimension.OPERATION.value


def _credited_back(account: CreditAccount, today: date, team: Team) -> int:
    """Credits of whatever month that came back in this one: usage tells of none of them."""
    starts = datetime.combine(
        today.replace(day=1), datetime.min.time(), budget_status.zone_of(team)
    )
    # Newest first and no further than the month: their own index has the few, in this order. The
    # condition on d_held is true of all of them, and is that index's own.
    back = LedgerEntry.objects.filter(account=account, kind=LedgerEntry.Kind.REFUND, d_held=0)
    rows = back.order_by("-seq").values_list("d_posted", "at").iterator(chunk_size=100)
    return sum(amount for amount, _at in takewhile(lambda row: row[1] >= starts, rows))


def _endings(grants: Sequence[Grant], at: datetime) -> list[Ending]:
    """What ends soon, day by day, the soonest first."""
    sums: dict[date, Ending] = {}
    for grant in grants:
        end = grant.expires_at
        if end is not None and end <= at + ENDS_SOON:
            day = localtime(end).date()
            before = sums.get(day)
            amount = grant.remaining + (before.amount if before else 0)
            sums[day] = Ending(amount, min(end, before.at) if before else end)
    return [sums[day] for day in sorted(sums)]


def _legend(series: Sequence[Series]) -> list[Legend]:
    return [
        Legend(number, operation_label(entry.name) if entry.name else _("Others"), entry.total)
        for number, entry in enumerate(series, start=1)
    ]


def operation_label(name: str) -> str:
    """An operation in words; its name where this version no longer knows it."""
    known = OPERATIONS.get(name)
    return str(known.label) if known else name


def _lines(team: Team, by: str, found: Sequence[Share]) -> list[Line]:
    """The values' names, in one query or none."""
    values = [share.value for share in found]
    if by == Dimension.OPERATION:
        return [Line(operation_label(share.value), share) for share in found]
    if by == Dimension.PROVIDER:
        return [Line(LABELS.get(share.value, share.value), share) for share in found]
    if by == Dimension.MEMBER:
        users = User.objects.in_bulk([int(value) for value in values if value.isdigit()])
        names = {str(pk): (user.get_full_name(), "") for pk, user in users.items()}
    elif by == Dimension.PRODUCT:
        products = Product.objects.filter(team=team).in_bulk(_ids(values))
        names = {
            str(pk): (row.name, reverse("catalog:product_detail", args=[team.slug, pk]))
            for pk, row in products.items()
        }
    else:
        presets = Preset.objects.in_bulk(_ids(values))
        names = {str(pk): (str(row), "") for pk, row in presets.items()}
    gone = _("Somebody who left") if by == Dimension.MEMBER else _("No longer kept")
    lines = []
    for share in found:
        label, url = names.get(share.value, (gone, ""))
        lines.append(Line(label, share, url))
    return lines


def _ids(values: Sequence[str]) -> list[UUID]:
    return [UUID(value) for value in values]
