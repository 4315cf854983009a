"""The audit trail, to look at."""

from __future__ import annotations

from django.contrib import admin

from teams.admin.read_only import ReadOnlyAdmin
from teams.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what of consequence."""

    list_display = ("at", "team", "actor", "action", "subject", "data")
    list_filter = ("action",)
    search_fields = ("actor", "subject", "team__slug")
    list_select_related = ("team",)
