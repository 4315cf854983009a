"""Submits, to reconcile with the provider's bill."""

from __future__ import annotations

from django.contrib import admin

from generation.models import Attempt
from teams.admin import ReadOnlyAdmin


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Submits of all teams, the newest first. The address of its webhook is a secret."""

    list_display = (
        "started_at", "job", "number", "outcome", "remote_id", "trace_id", "provider_charged",
        "suspected_cost", "error_code",
    )  # fmt: skip
    list_filter = ("outcome", "job__account")
    search_fields = ("remote_id", "trace_id", "job__id")
    list_select_related = ("job",)
    exclude = ("webhook_token",)
    ordering = ("-started_at",)
    show_full_result_count = False
    list_per_page = 50
