"""Review: the jobs that wait, and the room where a person decides about the results of one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import (
    HttpResponseClientRedirect,
    HttpResponseLocation,
    trigger_client_event,
)

from catalog.keyset import by_time, capped_count, keyset_page
from generation import services
from generation.forms import DecisionForm
from generation.models import Job, Output
from generation.views.room import open_room, reviewable, reviewed_job
from generation.views.rows import job_rows
from teams.access import Right, may, team_view
from teams.http import TeamRequest
from teams.models import Team

JOBS_SHOWN = 24
#: A toast about a decision replaces the last one, and goes when that is taken back.
DECISION_TOAST = "decision"


@require_safe
@team_view(Right.VIEW)
def review_list(request: TeamRequest) -> TemplateResponse:
    """The contact sheet: jobs with undecided results, those that wait longest first."""
    page = keyset_page(
        reviewable(request.team).awaiting_review(),
        by_time("finished_at", descending=False),
        after=request.GET.get("after", ""),
        size=JOBS_SHOWN,
    )
    context = {
        "rows": job_rows(page.rows, request.team),
        "next_cursor": page.after,
        "is_first_page": not request.GET.get("after"),
        "left": capped_count(Job.objects.for_team(request.team).awaiting_review()),
        "may_decide": may(request.membership, Right.REVIEW),
    }
    return TemplateResponse(request, "generation/review_list.html", context)


@require_safe
@team_view(Right.VIEW)
def review_detail(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """The room for one job; a job without pictures is shown on its own page."""
    job = reviewed_job(request.team, job_id)
    if not any(output.asset_id for output in job.outputs.all() if not output.discarded):
        page = reverse("generation:job_detail", args=[request.team.slug, job.pk])
        return HttpResponseClientRedirect(page) if request.htmx else redirect(page)
    return _room_answer(request, job)


@require_POST
@team_view(Right.REVIEW)
def output_decide(request: TeamRequest, output_id: UUID) -> HttpResponse:
    """Store one decision. Somebody else's is replaced only after asking (override=1)."""
    output = _output(request.team, output_id)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        if "verdict" in form.errors or "version" in form.errors:
            raise BadRequest("A decision has a verdict and the version that was seen.")
        return _pane_answer(request, output, form=form, status=422)
    wanted = form.cleaned_data
    seen = wanted["version"]
    foreign = output.verdict != Output.Verdict.WAITING and output.decided_by_id != request.user.pk
    if foreign and not (wanted["override"] and seen == output.verdict_version):
        return _pane_answer(request, output, conflict=wanted["verdict"], form=form, status=409)
    try:
        services.decide_output(
            output=output,
            by=request.user,
            verdict=wanted["verdict"],
            reasons=wanted["reasons"],
            comment=wanted["comment"],
            expected_version=seen,
        )
    except services.DecidedByOther:
        fresh = _output(request.team, output_id)
        return _pane_answer(request, fresh, conflict=wanted["verdict"], form=form, status=409)
    except ValueError as refused:
        messages.error(request, str(refused))
        return _to_room(request, output.job_id)
    text = _verdict_text(wanted["verdict"]) % {
        "letter": output.letter,
        "title": output.job.product.name if output.job.product else _("Result"),
    }
    undo = reverse("generation:output_undo", args=[request.team.slug, output.pk])
    return _decided(request, output_id, text, undo)


@require_POST
@team_view(Right.REVIEW)
def output_undo(request: TeamRequest, output_id: UUID) -> HttpResponse:
    """Take back one's own latest decision about a result."""
    output = _output(request.team, output_id)
    text, tone = _("Taken back."), "positive"
    try:
        services.undo_decision(output=output, by=request.user)
    except services.NothingToUndo as nothing:
        text, tone = str(nothing), "negative"
    except services.DecidedByOther as other:
        text, tone = str(other), "negative"
    if not request.htmx:
        (messages.success if tone == "positive" else messages.error)(request, text)
        if request.GET.get("back") == "approved":
            return redirect("generation:approved", request.team.slug)
        return _to_room(request, output.job_id)
    room = reverse("generation:review_detail", args=[request.team.slug, output.job_id])
    if (request.htmx.current_url_abs_path or "").startswith(room):
        response = _pane_answer(request, _output(request.team, output_id))
    else:
        response = HttpResponseLocation(room, target="#room", swap="outerHTML")
    # What was taken back is seen in the pane; only a refusal needs words.
    said = "" if tone == "positive" else text
    trigger_client_event(response, "toast", {"text": said, "tone": tone, "kind": DECISION_TOAST})
    return trigger_client_event(response, "undone", {"output": str(output_id)}, after="settle")


# --- Answers ----------------------------------------------------------------------------------


def _decided(request: TeamRequest, output_id: UUID, text: str, undo: str) -> HttpResponse:
    output = _output(request.team, output_id)
    if not request.htmx:
        messages.success(request, text, extra_tags=f"undo:{undo}")
        following = output.job_id
        if output.job.outputs_waiting == 0:
            room = open_room(request, reviewed_job(request.team, output.job_id))
            following = room.next_waiting.pk if room.next_waiting else output.job_id
        return _to_room(request, following)
    response = _pane_answer(request, output)
    toast = {"text": text, "tone": "positive", "undo_url": undo, "kind": DECISION_TOAST}
    trigger_client_event(response, "toast", toast)
    return trigger_client_event(response, "decided", {"output": str(output.pk)}, after="settle")


def _pane_answer(
    request: TeamRequest,
    output: Output,
    *,
    conflict: str = "",
    form: DecisionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The decided pane with the room's figures; without a script, the whole room."""
    job = reviewed_job(request.team, output.job_id)
    if not request.htmx:
        return _room_answer(request, job, about=output, conflict=conflict, form=form, status=status)
    room = open_room(request, job, about=output, conflict=conflict, form=form)
    pane = next((pane for pane in room.panes if pane.output.pk == output.pk), None)
    if pane is None:
        raise Http404
    context = {"room": room, "pane": pane}
    # Conflicts are swapped in like any form that asks back; 422 is what htmx is told to swap.
    shown = 422 if status == 409 else status
    return TemplateResponse(request, "generation/_room_delta.html", context, status=shown)


def _room_answer(
    request: TeamRequest,
    job: Job,
    *,
    about: Output | None = None,
    conflict: str = "",
    form: DecisionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    room = open_room(request, job, about=about, conflict=conflict, form=form, ahead_of_time=True)
    fragment = request.htmx and not request.htmx.history_restore_request
    template = "generation/_room_loaded.html" if fragment else "generation/review_detail.html"
    context = {
        "room": room,
        "panel": request.GET.get("panel", ""),
        "changes": request.GET.get("changes", ""),
    }
    response = TemplateResponse(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _to_room(request: TeamRequest, job_id: UUID) -> HttpResponse:
    address = reverse("generation:review_detail", args=[request.team.slug, job_id])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def _verdict_text(verdict: str) -> str:
    return {
        Output.Verdict.APPROVED.value: _("%(title)s: %(letter)s approved."),
        Output.Verdict.REJECTED.value: _("%(title)s: %(letter)s rejected."),
        Output.Verdict.CHANGES_REQUESTED.value: _("%(title)s: changes of %(letter)s requested."),
    }[verdict]


def _output(team: Team, output_id: UUID) -> Output:
    return get_object_or_404(
        Output.objects.select_related("job__product", "decided_by"), team=team, pk=output_id
    )
