"""Asking for the credits of a bad result back; the operator decides in the admin."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from generation.forms import RefundForm
from generation.models import Output
from generation.services.refunds import RefundRefused, ask_refund
from teams.access import Right, team_view
from teams.http import TeamRequest


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(Right.LAUNCH)
def refund_ask(request: TeamRequest, output_id: UUID) -> HttpResponse:
    """One result's form with its picture. The room and the job's page have the same form inside."""
    output = get_object_or_404(
        Output.objects.select_related("job__product", "asset", "refund_request").prefetch_related(
            "asset__renditions"
        ),
        team=request.team,
        pk=output_id,
    )
    form = RefundForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            ask_refund(output=output, by=request.user, reason=form.cleaned_data["reason"])
        except RefundRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("Asked. The operator decides, and you get a mail."))
            return redirect(_back(request, output))
    context = {
        "output": output,
        "job": output.job,
        "form": form,
        "place": "room" if request.POST.get("from") == "room" else "job",
        "back": _back(request, output),
    }
    status = 422 if form.errors else 200
    return TemplateResponse(request, "generation/refund.html", context, status=status)


def _back(request: TeamRequest, output: Output) -> str:
    """Where the form stood."""
    if request.POST.get("from") == "room":
        page = reverse("generation:review_detail", args=[request.team.slug, output.job_id])
        return f"{page}?panel=facts"
    return reverse("generation:job_detail", args=[request.team.slug, output.job_id])
