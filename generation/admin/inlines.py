"""Tables of rows that belong to another one, to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from generation.models import Attempt, JobEvent, JobInput, Output, Pool

if TYPE_CHECKING:  # Generic for mypy only.
    _Inline = admin.TabularInline[Any, Any]
else:
    _Inline = admin.TabularInline


def outcome_of(attempt: Attempt) -> str:
    """How a submit ended, with the provider's code where there is one."""
    label = attempt.get_outcome_display()
    return f"{label} ({attempt.error_code})" if attempt.error_code else label


class ReadOnlyInline(_Inline):
    """Rows that belong to a job or an account."""

    template = "admin/generation/inline.html"
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False


class CappedInline(ReadOnlyInline):
    """The first and the newest rows of a job, which may have very many."""

    first = 5
    newest = 45
    left_out = 0
    order: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows to show; `left_out` tells the template how many there are between them."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        job = match.kwargs.get("object_id", "") if match is not None else ""
        of_job = rows.filter(job=job).order_by(*self.order)
        total = of_job.count()
        self.left_out = max(0, total - self.first - self.newest)
        if not self.left_out:
            return rows
        shown = [
            *of_job.values_list("pk", flat=True)[: self.first],
            *of_job.reverse().values_list("pk", flat=True)[: self.newest],
        ]
        return rows.filter(pk__in=shown)


class InputInline(ReadOnlyInline):
    """What went in."""

    model = JobInput
    fields = ("name", "asset", "preset", "sent_sha256", "file_key")


class AttemptInline(CappedInline):
    """The submits, with the ids that the provider's support asks for."""

    model = Attempt
    order = ("number",)
    fields = readonly_fields = (
        "number", "ended", "error", "task", "trace_id", "provider_charged", "suspected_cost",
        "started_at", "ended_at",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("outcome"))
    def ended(self, attempt: Attempt) -> str:
        """How it ended, with the provider's code."""
        return outcome_of(attempt)

    @admin.display(description=gettext_lazy("task id"))
    def task(self, attempt: Attempt) -> str:
        """The provider's id of the task, or the one that a call told and nobody confirmed."""
        if attempt.remote_id or not attempt.hinted_remote_id:
            return attempt.remote_id or "-"
        return _("%(task)s (told by a call, not confirmed)") % {"task": attempt.hinted_remote_id}


class OutputInline(ReadOnlyInline):
    """What came back."""

    model = Output
    fields = ("index", "state", "remote_id", "error_code", "error", "charged", "verdict")


class EventInline(CappedInline):
    """The job's history: from which state to which, by which submit, and who did it."""

    model = JobEvent
    order = ("at", "pk")
    fields = ("at", "before", "state", "attempt", "remote_id", "trace_id", "note", "actor")


class PoolInline(ReadOnlyInline):
    """The account's concurrency pools; their limits come from the settings."""

    model = Pool
    fields = ("name", "slots", "min_poll_seconds", "max_task_seconds", "busy_until")
