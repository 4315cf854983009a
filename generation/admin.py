"""The operator's side of jobs: what was sent, what came back, and what a silent provider cost.

Everything is read-only; jobs change by the services alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from generation.models import (
    Attempt,
    Job,
    JobEvent,
    JobInput,
    Output,
    Pool,
    Preset,
    ProviderAccount,
    State,
)
from generation.services import JobMoved, resolve_unknown
from teams.admin import ReadOnlyAdmin
from teams.models import User

if TYPE_CHECKING:  # Generic for mypy only.
    _Inline = admin.TabularInline[Any, Any]
else:
    _Inline = admin.TabularInline


class ReadOnlyInline(_Inline):
    """Rows that belong to a job, to look at."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False


class InputInline(ReadOnlyInline):
    """What went in."""

    model = JobInput
    fields = ("name", "asset", "preset", "sent_sha256", "file_key")


class AttemptInline(ReadOnlyInline):
    """The submits, with the ids that the provider's support asks for."""

    model = Attempt
    fields = (
        "number", "outcome", "remote_id", "trace_id", "error_code", "error", "suspected_cost",
        "started_at", "ended_at",
    )  # fmt: skip


class OutputInline(ReadOnlyInline):
    """What came back."""

    model = Output
    fields = ("index", "state", "remote_id", "error_code", "error", "charged", "verdict")


class EventInline(ReadOnlyInline):
    """The job's history."""

    model = JobEvent
    fields = ("at", "state", "note", "actor")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs of all teams. An unknown one can be decided about here, a lost one given up."""

    list_display = (
        "created_at", "team", "operation", "state", "attempt_count", "price", "captured",
        "error_code", "id",
    )  # fmt: skip
    list_filter = ("state", "operation", "account")
    search_fields = ("id", "team__slug", "remote_id")
    list_select_related = ("team",)
    show_full_result_count = False
    list_per_page = 50
    inlines = (InputInline, AttemptInline, OutputInline, EventInline)
    change_form_template = "admin/generation/job/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the decision about a job that the provider does not answer for."""
        own = path(
            "<uuid:job_id>/resolve/",
            self.admin_site.admin_view(require_POST(self.resolve_view)),
            name="generation_job_resolve",
        )
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The job's page, with the decision for those who may make it."""
        job = self.get_object(request, object_id)  # None for what is no id at all.
        state = job.state if job is not None and _may_resolve(request) else ""
        context = {"may_resolve": state == State.UNKNOWN, "may_give_up": state == State.LOST}
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def resolve_view(self, request: HttpRequest, job_id: Any) -> HttpResponse:
        """Run again, give up, or take a task id from the provider's support."""
        if not _may_resolve(request):
            raise PermissionDenied
        job = get_object_or_404(Job.objects.select_related("team"), pk=job_id)
        action = request.POST.get("action", "")
        operator = cast(User, request.user)
        if action not in ("run_again", "give_up", "paste_id"):
            messages.error(request, _("Choose what to do with this job."))
            return redirect("admin:generation_job_change", job.pk)
        try:
            resolve_unknown(
                job=job,
                by=operator,
                action=action,  # type: ignore[arg-type]
                remote_id=request.POST.get("remote_id", ""),
            )
        except (JobMoved, ValueError) as exc:
            messages.error(request, str(exc))
        else:
            gave_up = action == "give_up"
            messages.success(
                request, _("The job was given up.") if gave_up else _("The job goes on.")
            )
        return redirect("admin:generation_job_change", job.pk)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Submits, to reconcile with the provider's bill."""

    list_display = (
        "started_at", "job", "number", "outcome", "remote_id", "trace_id", "suspected_cost",
        "error_code",
    )  # fmt: skip
    list_filter = ("outcome",)
    search_fields = ("remote_id", "trace_id", "job__id")
    list_select_related = ("job",)
    ordering = ("-started_at",)
    show_full_result_count = False
    list_per_page = 50


class PoolInline(ReadOnlyInline):
    """The account's concurrency pools; their limits come from the settings."""

    model = Pool
    fields = ("name", "slots", "min_poll_seconds", "max_task_seconds", "busy_until")


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ReadOnlyAdmin):
    """Accounts at providers: whether they take jobs, what they have left."""

    list_display = (
        "provider", "base_url", "is_sandbox", "closed_until", "closed_reason",
        "balance_remaining", "balance_at", "presets_synced_at", "presets_error",
    )  # fmt: skip
    inlines = (PoolInline,)


@admin.register(Preset)
class PresetAdmin(ReadOnlyAdmin):
    """The providers' models and scenes as last seen."""

    list_display = ("name", "kind", "account", "remote_id", "seen_at", "withdrawn_at")
    list_filter = ("kind", "account")
    search_fields = ("name", "remote_id")
    list_select_related = ("account",)


def _may_resolve(request: HttpRequest) -> bool:
    return request.user.has_perm("generation.change_job")
