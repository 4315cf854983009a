"""The approved gallery: pictures to use, their files, and taking an approval back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from catalog.keyset import by_time, keyset_page
from catalog.models import Product
from catalog.storage import storage
from catalog.words import search_words
from generation import services
from generation.filenames import result_name
from generation.models import Output
from generation.operations import OPERATIONS
from teams.access import Right, may, team_view
from teams.http import TeamRequest
from teams.models import Team

PICTURES_SHOWN = 24


@require_safe
@team_view(Right.VIEW)
def approved(request: TeamRequest) -> HttpResponse:
    """Approved results, the latest decision first; ?q= finds products."""
    words = search_words(request.GET.get("q", ""))
    outputs = _approved(request.team)
    if words:
        products = Product.objects.filter(team=request.team).matching(words)
        outputs = outputs.filter(job__product__in=products)
    page = keyset_page(
        outputs, by_time("decided_at"), after=request.GET.get("after", ""), size=PICTURES_SHOWN
    )
    context = {
        "outputs": [(output, _operation_label(output)) for output in page.rows],
        "next_cursor": page.after,
        "is_first_page": not request.GET.get("after"),
        "words": words,
        "may_decide": may(request.membership, Right.REVIEW),
    }
    fragment = request.htmx and not request.htmx.history_restore_request
    template = "generation/_approved_grid.html" if fragment else "generation/approved.html"
    response = TemplateResponse(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@team_view(Right.VIEW)
def output_download(request: TeamRequest, output_id: UUID) -> HttpResponse:
    """The file as the provider delivered it, under a name that says what it shows."""
    output = get_object_or_404(
        Output.objects.select_related("job__product", "asset"),
        team=request.team,
        pk=output_id,
        asset__isnull=False,
    )
    return redirect(storage().url(_asset(output).key, filename=result_name(output)))


@require_POST
@team_view(Right.REVIEW)
def output_withdraw(request: TeamRequest, output_id: UUID) -> HttpResponse:
    """Take an approval back, whoever gave it: the result counts as rejected from now on."""
    output = get_object_or_404(Output, team=request.team, pk=output_id)
    undo = reverse("generation:output_undo", args=[request.team.slug, output.pk]) + "?back=approved"
    tone, text = "positive", _("Approval withdrawn.")
    try:
        if output.verdict != Output.Verdict.APPROVED:
            raise services.DecidedByOther(output)
        services.decide_output(
            output=output,
            by=request.user,
            verdict=Output.Verdict.REJECTED,
            comment=_("Approval withdrawn."),
        )
    except services.DecidedByOther:
        tone, text, undo = "negative", _("This result is not approved any more."), ""
    if request.htmx:
        response = HttpResponse()
        return trigger_client_event(
            response, "toast", {"text": text, "tone": tone, "undo_url": undo}
        )
    if undo:
        messages.success(request, text, extra_tags=f"undo:{undo}")
    else:
        messages.error(request, text)
    return redirect("generation:approved", request.team.slug)


def _asset(output: Output) -> Any:
    return output.asset


def _approved(team: Team) -> QuerySet[Output]:
    return (
        Output.objects.filter(team=team, verdict=Output.Verdict.APPROVED)
        .select_related("job__product", "asset", "decided_by")
        .prefetch_related("asset__renditions")
    )


def _operation_label(output: Output) -> str:
    operation = OPERATIONS.get(output.job.operation)
    return str(operation.label) if operation else output.job.operation
