"""The ledger of all teams, to look at and to download."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.timezone import get_current_timezone, localdate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.keyset import KeysetAdmin, SpanForm
from teams.models import CreditAccount, LedgerEntry
from teams.templatetags.ledger import signed

_CHUNK = 1000
_JOB = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
#: Spreadsheets take a cell that begins so for a formula; a quote before it makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class LedgerFilters(SpanForm):
    """Which entries are asked for."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("All")), *LedgerEntry.Kind.choices],
    )
    team = forms.SlugField(label=gettext_lazy("Team (its address)"), required=False)
    actor = forms.CharField(label=gettext_lazy("By"), required=False, max_length=254)
    job = forms.CharField(label=gettext_lazy("Job"), required=False, max_length=36)
    key = forms.CharField(label=gettext_lazy("Key"), required=False, max_length=100)
    field_order = ("kind", "team", "actor", "job", "key", "since", "until")

    def clean_team(self) -> CreditAccount | None:
        """The account of the team at that address."""
        slug = self.cleaned_data["team"]
        if not slug:
            return None
        account = CreditAccount.objects.filter(team__slug=slug).first()
        if account is None:
            raise forms.ValidationError(_("No team has this address."))
        return account

    def clean_job(self) -> str:
        """The beginning of a job's id, eight letters or more."""
        text = str(self.cleaned_data["job"]).lower()
        if text and not _JOB.fullmatch(text):
            raise forms.ValidationError(_("Give the job's id, or its first eight letters."))
        return text

    def number(self) -> str:
        """Within one account the entries have numbers of their own, with an index."""
        return "seq" if self.cleaned_data.get("team") else "pk"

    def narrow(self, rows: Any) -> Any:
        """The entries that a valid form asks for, newest first."""
        asked = self.cleaned_data
        if asked["team"]:
            rows = rows.filter(account=asked["team"])
        # The span first: it looks for its place among all rows.
        rows = super().narrow(rows)
        if asked["kind"]:
            rows = rows.filter(kind=asked["kind"])
        if asked["actor"]:
            rows = rows.filter(actor=asked["actor"])
        if asked["job"]:
            # A range, which every database looks up in the index: "g" comes after all digits.
            rows = rows.filter(job__gte=asked["job"], job__lt=asked["job"] + "g")
        if asked["key"]:
            rows = rows.filter(key=asked["key"])
        return rows


@admin.register(LedgerEntry)
class LedgerEntryAdmin(KeysetAdmin):
    """Every movement of credits, newest first."""

    filters = LedgerFilters
    list_display = (
        "at", "team", "number", "kind", "moved", "moved_held", "balance", "held_then", "actor",
        "reason", "reference", "job", "key",
    )  # fmt: skip
    list_select_related = ("account__team",)

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the download."""
        own = path(
            "export/", self.admin_site.admin_view(self.export_view), name="teams_ledgerentry_export"
        )
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with the address of its download."""
        context = {**(extra_context or {}), "export": reverse("admin:teams_ledgerentry_export")}
        return super().changelist_view(request, context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """What the filters ask for, all pages of it, as CSV.

        Read in chunks by number, each by a query of its own: no transaction stays open for as long
        as somebody's line is slow, and an entry that is there never changes.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = LedgerFilters(request.GET)
        if not form.is_valid():
            query = request.GET.urlencode()
            return redirect(f"{reverse('admin:teams_ledgerentry_changelist')}?{query}")
        lines = _lines(form, get_current_timezone())
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        name = f"ledger-{localdate().isoformat()}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response

    @admin.display(description=gettext_lazy("team"))
    def team(self, entry: LedgerEntry) -> str:
        """Whose account moved."""
        address = reverse("admin:teams_team_change", args=[entry.account.team_id])
        return format_html('<a href="{}">{}</a>', address, entry.account.team.slug)

    @admin.display(description=gettext_lazy("no."))
    def number(self, entry: LedgerEntry) -> int:
        """The entry's number in its account."""
        return entry.seq

    @admin.display(description=gettext_lazy("credits"))
    def moved(self, entry: LedgerEntry) -> str:
        """What it added to the balance or took from it."""
        return signed(entry.d_posted)

    @admin.display(description=gettext_lazy("held"))
    def moved_held(self, entry: LedgerEntry) -> str:
        """What it held or released."""
        return signed(entry.d_held)

    @admin.display(description=gettext_lazy("balance then"))
    def balance(self, entry: LedgerEntry) -> str:
        """The balance after it, with what was held."""
        return str(intcomma(entry.posted_after))

    @admin.display(description=gettext_lazy("held then"))
    def held_then(self, entry: LedgerEntry) -> str:
        """What was held after it."""
        return str(intcomma(entry.held_after))


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """The text itself."""
        return text


_HEADS = (
    "time", "team", "number", "kind", "credits", "held", "posted_after", "held_after",
    "available_after", "actor", "reason", "reference", "job", "key", "price_version",
)  # fmt: skip


def _lines(form: LedgerFilters, zone: tzinfo) -> Iterator[str]:
    entries = form.narrow(LedgerEntry.objects.select_related("account__team"))
    number = form.number()
    writer = csv.writer(_Echo())
    # Excel takes a file without it for one in the machine's old code page.
    yield _BOM
    yield writer.writerow(_HEADS)
    below: int | None = None
    while True:
        page = entries if below is None else entries.filter(**{f"{number}__lt": below})
        chunk = list(page[:_CHUNK])
        yield "".join(writer.writerow(_cells(entry, zone)) for entry in chunk)
        if len(chunk) < _CHUNK:
            return
        below = getattr(chunk[-1], number)


def _cells(entry: LedgerEntry, zone: tzinfo) -> list[str | int]:
    return [
        entry.at.astimezone(zone).isoformat(timespec="seconds"),
        entry.account.team.slug,
        entry.seq,
        entry.kind,
        entry.d_posted,
        entry.d_held,
        entry.posted_after,
        entry.held_after,
        entry.available_after,
        _as_text(entry.actor),
        _as_text(entry.reason),
        _as_text(entry.reference),
        _as_text(entry.job),
        _as_text(entry.key),
        _as_text(entry.price_version),
    ]


def _as_text(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
