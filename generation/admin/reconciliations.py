"""Each day's accounts with providers: a list to filter and to take along, and each day's report."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from generation.models import Reconciliation
from generation.operators.books import is_drifting
from generation.operators.page import label_of
from teams.admin import ReadOnlyAdmin

_COLUMNS = (
    "expected", "reported", "topped_up", "difference", "suspected", "unexplained",
)  # fmt: skip


class FindingFilter(admin.SimpleListFilter):
    """Days that do not add up."""

    title = gettext_lazy("finding")
    parameter_name = "finding"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What can be wrong with a day."""
        return [
            ("alarm", _("Unexplained, above the alarm")),
            ("unexplained", _("Anything unexplained")),
            ("unread", _("Not read")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Reconciliation]
    ) -> QuerySet[Reconciliation]:
        """The chosen days."""
        match self.value():
            case "alarm":
                return queryset.filter(unexplained__gt=settings.RECONCILIATION_ALARM_CREDITS)
            case "unexplained":
                return queryset.filter(unexplained__isnull=False).exclude(unexplained=0)
            case "unread":
                return queryset.filter(reported=None)
        return queryset


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """Reports of all days, the newest first. Made by the workers and never changed."""

    list_display = ("day", "provider", *_COLUMNS)
    list_filter = (FindingFilter, "account")
    list_select_related = ("account",)
    date_hierarchy = "day"
    ordering = ("-day", "account_id")
    fields = ("day", "account", *_COLUMNS, "made_at", "alerted_at")
    change_list_template = "admin/generation/reconciliation/change_list.html"
    change_form_template = "admin/generation/reconciliation/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Django's pages, and the list as a file."""
        own = path(
            "csv/",
            self.admin_site.admin_view(require_GET(self.csv_view)),
            name="generation_reconciliation_csv",
        )
        return [own, *super().get_urls()]

    @admin.display(description=gettext_lazy("provider"), ordering="account")
    def provider(self, report: Reconciliation) -> str:
        """The account, as people know it."""
        return _account_name(report)

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """What the filters of the list ask for, as a file for spreadsheets."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:generation_reconciliation_changelist"))
        reports = cast("QuerySet[Reconciliation]", rows).select_related("account")
        lines = _lines(reports.iterator(chunk_size=500))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        name = f"reconciliation-{now().date().isoformat()}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One day's report, with the jobs behind its figures."""
        report = self.get_object(request, object_id)  # None for what is no id at all.
        context: dict[str, Any] = {"subtitle": None}
        if report is not None:
            context |= {
                "title": _("%(provider)s, %(day)s")
                % {"provider": _account_name(report), "day": report.day.isoformat()},
                "report": report,
                "findings": findings_of(report),
                "span": _span(report),
                "is_drifting": is_drifting(report),
                "alarm": settings.RECONCILIATION_ALARM_CREDITS,
                "may_see_jobs": request.user.has_perm("generation.view_job"),
            }
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )


def findings_of(report: Reconciliation) -> dict[str, dict[str, Any]]:
    """The entries of a report by their kind, with what was left out of each and their sum."""
    found: dict[str, dict[str, Any]] = {}
    for kind in ("told", "suspected", "under_way", "began_before"):
        entries = [entry for entry in report.details if entry.get("kind") == kind]
        more = next(
            (e for e in report.details if e.get("kind") == "left_out" and e.get("of") == kind), None
        )
        amounts = [entry.get("difference", entry.get("amount", 0)) for entry in entries]
        if entries:
            total = sum(amounts) + (more["amount"] if more else 0)
            found[kind] = {"entries": entries, "more": more, "total": total}
    return found


def _span(report: Reconciliation) -> dict[str, Any] | None:
    span = next((entry for entry in report.details if entry.get("kind") == "span"), None)
    if span is None:
        return None
    return {"begin": parse_datetime(span["from"]), "end": parse_datetime(span["to"])}


def _account_name(report: Reconciliation) -> str:
    name = label_of(report.account)
    return _("%(name)s, sandbox") % {"name": name} if report.account.is_sandbox else name


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """The text itself."""
        return text


def _lines(reports: Iterable[Reconciliation]) -> Iterator[str]:
    """The file, line by line. Its heads are names of fields, in every language."""
    writer = csv.writer(_Echo())
    yield writer.writerow(("day", "provider", "address", "sandbox", *_COLUMNS, "made_at"))
    for report in reports:
        account = report.account
        row = [getattr(report, name) for name in _COLUMNS]
        made_at = report.made_at.isoformat(timespec="seconds")
        where = (account.provider, account.base_url, int(account.is_sandbox))
        yield writer.writerow((report.day.isoformat(), *where, *row, made_at))
