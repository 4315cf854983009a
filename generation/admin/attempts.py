"""Submits, to reconcile with the provider's bill."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from generation.admin.inlines import outcome_of
from generation.models import Attempt
from teams.admin import ReadOnlyAdmin


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Submits of all teams, the newest first. The address of its webhook is a secret."""

    list_display = (
        "started_at", "submit", "ended", "remote_id", "trace_id", "provider_charged",
        "suspected_cost",
    )  # fmt: skip
    list_filter = ("outcome", "job__account")
    search_fields = ("remote_id", "trace_id", "job__id")
    list_select_related = ("job",)
    exclude = ("webhook_token",)
    ordering = ("-started_at",)
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description=gettext_lazy("submit"), ordering="job")
    def submit(self, attempt: Attempt) -> str:
        """Of which job, by the beginning of its id, and which of its submits."""
        job = attempt.job
        return f"{job.operation} {str(job.pk)[:8]}, {attempt.number}"

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def ended(self, attempt: Attempt) -> str:
        """How it ended, with the provider's code."""
        return outcome_of(attempt)
