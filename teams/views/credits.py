"""The credits page: what a team has, what it spent, and every movement behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils.timezone import get_current_timezone, localtime
from django.views.decorators.http import require_GET

from teams.access import team_view
from teams.http import TeamRequest
from teams.models import LedgerEntry, Membership
from teams.spending import draw_days

ENTRIES_PER_PAGE = 50
CHART_DAYS = 30


@require_GET
@team_view()
def credits_page(request: TeamRequest) -> HttpResponse:
    """Figures, a chart of the last 30 days, and the ledger: `?kind=`, older pages by `?before=`."""
    account = request.team.credit_account
    entries = LedgerEntry.objects.for_team(request.team)
    today = localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    recent = entries.since(today - timedelta(days=CHART_DAYS - 1))
    context = {
        "team": request.team,
        "account": account,
        "spent_this_month": entries.since(today.replace(day=1)).spent(),
        "chart": draw_days(
            recent.spent_by_day(get_current_timezone()), until=today.date(), days=CHART_DAYS
        ),
        "chart_days": CHART_DAYS,
        "kinds": LedgerEntry.Kind,
        "has_entries": account.seq > 0,
        **_ledger_page(request),
    }
    return TemplateResponse(request, "teams/credits.html", context)


def _ledger_page(request: TeamRequest) -> dict[str, Any]:
    entries = LedgerEntry.objects.for_team(request.team)
    kind = request.GET.get("kind", "")
    if kind in LedgerEntry.Kind.values:
        entries = entries.filter(kind=kind)
    else:
        kind = ""
    before = request.GET.get("before", "")
    # Keyset paging: a movement's number is its place, and asking costs the same on every page.
    is_number = before.isascii() and before.isdigit() and len(before) < 19
    if is_number:
        entries = entries.filter(seq__lt=int(before))
    page = list(entries[: ENTRIES_PER_PAGE + 1])
    more = len(page) > ENTRIES_PER_PAGE
    page = page[:ENTRIES_PER_PAGE]
    return {
        "entries": page,
        "people": Membership.objects.names_in(request.team, {entry.actor for entry in page}),
        "kind": kind,
        "older": page[-1].seq if more else None,
        "is_first_page": not is_number,
    }
