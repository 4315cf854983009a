"""The ledger's own page, and the same entries as a file for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import tzinfo

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone, translation
from django.utils.timezone import get_current_timezone, localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from generation.ledger_list import LedgerFilters, LedgerRow, ledger_page, people_of, rows_of
from teams.access import Right, team_view
from teams.http import TeamRequest
from teams.models import LedgerEntry, Team
from teams.templatetags.ledger import actor_name

ENTRIES_PER_PAGE = 50
_CHUNK = 1000
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
#: Spreadsheets take a cell that begins so for a formula; a quote before it makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@require_GET
@team_view(Right.SEE_MONEY)
def credits_ledger(request: TeamRequest) -> HttpResponse:
    """Entries, newest first: ?kind=, ?by=, ?since=, ?until=, ?job=; pages by ?before= and ?after=."""
    filters = LedgerFilters(request.GET, team=request.team)
    page = ledger_page(
        filters.entries(),
        before=request.GET.get("before", ""),
        after=request.GET.get("after", ""),
        size=ENTRIES_PER_PAGE,
    )
    context = {
        "team": request.team,
        "account": request.team.credit_account,
        "filters": filters,
        "page": page,
        "rows": page.rows,
        "people": people_of(request.team, (row.entry for row in page.rows)),
    }
    status = 200 if filters.is_valid() else 422
    return TemplateResponse(request, "generation/credits_ledger.html", context, status=status)


@require_GET
@team_view(Right.SEE_MONEY)
def credits_csv(request: TeamRequest) -> HttpResponseBase:
    """What the filters of the page ask for, all pages of it, oldest entry last.

    Read in chunks by number, each by a query of its own: no transaction stays open for as long as
    somebody's line is slow, and an entry that is there never changes.
    """
    filters = LedgerFilters(request.GET, team=request.team)
    if not filters.is_valid():
        return HttpResponse(
            _("These filters do not fit together. Go back and change them."),
            status=422,
            content_type="text/plain; charset=utf-8",
        )
    lines = _lines(
        request.team, filters.entries(), get_current_timezone(), translation.get_language() or "en"
    )
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"credits-{request.team.slug}-{localdate().isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """The text itself."""
        return text


def _lines(
    team: Team, entries: QuerySet[LedgerEntry], zone: tzinfo, language: str
) -> Iterator[str]:
    writer = csv.writer(_Echo())
    # Excel takes a file without it for one in the machine's old code page.
    yield _BOM
    # Sent after the view is through, when the request's time zone and language are forgotten.
    with translation.override(language):
        yield writer.writerow(_heads())
    below: int | None = None
    while True:
        chunk = list((entries if below is None else entries.filter(seq__lt=below))[:_CHUNK])
        with timezone.override(zone), translation.override(language):
            people = people_of(team, chunk)
            text = [writer.writerow(_cells(row, people, zone)) for row in rows_of(chunk)]
        yield "".join(text)
        if len(chunk) < _CHUNK:
            return
        below = chunk[-1].seq


def _heads() -> list[str]:
    return [
        _("Number"), _("Time"), _("Kind"), _("Entry"), _("Details"), _("Job"), _("By"),
        _("Credits"), _("Held"), _("Posted after"), _("Held after"), _("Available after"),
        _("Price list"),
    ]  # fmt: skip


def _cells(row: LedgerRow, people: dict[str, str], zone: tzinfo) -> list[str | int]:
    entry = row.entry
    return [
        entry.seq,
        entry.at.astimezone(zone).isoformat(timespec="seconds"),
        entry.kind,
        _as_text(row.title),
        _as_text(row.details),
        _as_text(entry.job),
        _as_text(actor_name(entry.actor, people)),
        entry.d_posted,
        entry.d_held,
        entry.posted_after,
        entry.held_after,
        entry.available_after,
        _as_text(entry.price_version),
    ]


def _as_text(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
