"""Jobs of all teams: what was sent, what came back, and what becomes of a silent one."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from generation.admin.inlines import AttemptInline, EventInline, InputInline, OutputInline
from generation.models import Job, State
from generation.services import JobMoved, resolve_unknown
from teams.admin import ReadOnlyAdmin
from teams.models import User


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs of all teams. An unknown one can be decided about here, a lost one given up."""

    list_display = (
        "created_at", "team", "operation", "offer", "state", "attempt_count", "price", "captured",
        "error_code", "remote_id", "id",
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
        state = job.state if job is not None and may_resolve(request) else ""
        context = {"may_resolve": state == State.UNKNOWN, "may_give_up": state == State.LOST}
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def resolve_view(self, request: HttpRequest, job_id: Any) -> HttpResponse:
        """Run again, give up, or take a task id from the provider's support."""
        if not may_resolve(request):
            raise PermissionDenied
        job = get_object_or_404(Job.objects.select_related("team"), pk=job_id)
        action = request.POST.get("action", "")
        operator = cast(User, request.user)
        if request.POST.get("back") == "providers":
            after = redirect("admin:generation_provideraccount_page")
        else:
            after = redirect("admin:generation_job_change", job.pk)
        if action not in ("run_again", "give_up", "paste_id"):
            messages.error(request, _("Choose what to do with this job."))
            return after
        try:
            resolve_unknown(
                job=job,
                by=operator,
                action=action,  # type: ignore[arg-type]
                remote_id=request.POST.get("remote_id", ""),
                attempt=_number(request.POST.get("attempt", "")),
            )
        except (JobMoved, ValueError) as exc:
            messages.error(request, str(exc))
        else:
            messages.success(request, _DONE[action])
        return after


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


_DONE = {
    "run_again": gettext_lazy("The job goes on."),
    "give_up": gettext_lazy("The job was given up."),
    "paste_id": gettext_lazy(
        "The provider is asked about this task. If it knows it, the job goes on within seconds; "
        "otherwise its history says so."
    ),
}


def may_resolve(request: HttpRequest) -> bool:
    """Whether this operator may decide about jobs that a provider does not answer for."""
    return request.user.has_perm("generation.change_job")
