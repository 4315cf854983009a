"""The audit trail of all teams, to look at."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.keyset import KeysetAdmin, SpanForm
from teams.models import AuditEntry, Team
from teams.templatetags.ledger import NONE
from teams.templatetags.people import action_words, details


class AuditFilters(SpanForm):
    """Which entries are asked for."""

    team = forms.SlugField(label=gettext_lazy("Team (its address)"), required=False)
    actor = forms.CharField(label=gettext_lazy("By"), required=False, max_length=254)
    action = forms.CharField(label=gettext_lazy("Action"), required=False, max_length=50)
    address = forms.GenericIPAddressField(label=gettext_lazy("Address"), required=False)
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=254)
    field_order = ("team", "actor", "action", "subject", "address", "since", "until")

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.fields["action"].widget.attrs["placeholder"] = "credits."

    def clean_team(self) -> Team | None:
        """The team at that address."""
        slug = self.cleaned_data["team"]
        team = Team.objects.filter(slug=slug).first() if slug else None
        if slug and team is None:
            raise forms.ValidationError(_("No team has this address."))
        return team

    def narrow(self, rows: Any) -> Any:
        """The entries that a valid form asks for, newest first. An action by how it begins."""
        rows, asked = super().narrow(rows), self.cleaned_data
        if asked["team"]:
            rows = rows.filter(team=asked["team"])
        if asked["actor"]:
            rows = rows.filter(actor__icontains=asked["actor"])
        if asked["action"]:
            rows = rows.filter(action__startswith=asked["action"])
        if asked["subject"]:
            rows = rows.filter(subject__icontains=asked["subject"])
        if asked["address"]:
            rows = rows.filter(address=asked["address"])
        return rows


@admin.register(AuditEntry)
class AuditEntryAdmin(KeysetAdmin):
    """Who did what of consequence, when, and from which address."""

    filters = AuditFilters
    list_display = ("at", "actor", "what", "subject", "team_link", "address", "more")
    list_select_related = ("team",)
    fields = ("at", "actor", "what", "subject", "team", "address", "more")

    @admin.display(description=gettext_lazy("action"))
    def what(self, entry: AuditEntry) -> str:
        """The action as people read it, with its word for the filter."""
        words = action_words(entry.action)
        return format_html('{} <span class="quiet">{}</span>', words, entry.action)

    @admin.display(description=gettext_lazy("team"))
    def team_link(self, entry: AuditEntry) -> str:
        """Which team it was about."""
        return entry.team.slug if entry.team else NONE

    @admin.display(description=gettext_lazy("details"))
    def more(self, entry: AuditEntry) -> str:
        """What it says beside the subject."""
        return ", ".join(f"{name}: {value}" for name, value in details(entry)) or NONE
