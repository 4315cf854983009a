"""Review: the pairs that wait, and the room where a person decides about one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import F, Prefetch, prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import (
    HttpResponseClientRedirect,
    HttpResponseLocation,
    trigger_client_event,
)

from catalog.models import Asset
from generation import services
from generation.forms import DecisionForm
from generation.models import Decision, Job, Output
from generation.models.jobs import JobQuerySet
from generation.views.keyset import capped_count, keyset_page, neighbours
from generation.views.rows import JobRow, job_rows, jobs_for_rows
from teams.access import Right, may, team_view
from teams.http import TeamRequest
from teams.models import Team, User

PAIRS_SHOWN = 24
STRIP_BEFORE = 6
STRIP_AFTER = 18
PREFETCH_AFTER = 2
#: The undo button offers one's own latest decision that long.
UNDO_OFFERED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pane:
    """One result in the room, with who decided what about it."""

    output: Output
    job: Job
    decisions: list[Decision]
    user: User
    may_decide: bool
    conflict: str = ""
    form: DecisionForm | None = None

    @property
    def is_picture(self) -> bool:
        """Whether there is something to look at."""
        return self.output.asset is not None

    @property
    def is_decided(self) -> bool:
        """Whether anybody decided."""
        return self.output.verdict != Output.Verdict.WAITING

    @property
    def is_mine(self) -> bool:
        """Whether the asker decided."""
        return self.output.decided_by_id == self.user.pk

    @property
    def is_asking(self) -> bool:
        """Whether the request for changes stays open, because it was refused."""
        return bool(self.form and self.form.errors)

    @property
    def asked_reasons(self) -> list[str]:
        """Reasons that a refused request for changes had picked."""
        return list(self.form["reasons"].value() or []) if self.is_asking and self.form else []

    @property
    def asked_comment(self) -> str:
        """Comment that a refused request for changes had written."""
        return str(self.form["comment"].value() or "") if self.is_asking and self.form else ""


@dataclass(frozen=True, slots=True)
class Room:
    """Everything the room shows for one job."""

    row: JobRow
    panes: list[Pane]
    strip: list[JobRow]
    left: int
    previous: Job | None
    next: Job | None
    next_waiting: Job | None
    undo: Decision | None
    may_decide: bool
    prefetch: list[Asset]

    @property
    def job(self) -> Job:
        """The job that is reviewed."""
        return self.row.job

    @property
    def pictures(self) -> int:
        """How many results there are to look at."""
        return sum(pane.is_picture for pane in self.panes)

    @property
    def has_refused_form(self) -> bool:
        """Whether a request for changes was refused and stays open."""
        return any(pane.is_asking for pane in self.panes)

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """What a request for changes may be about."""
        return [(reason.value, str(reason.label)) for reason in Decision.Reason]

    @property
    def decisions(self) -> list[tuple[str, Decision]]:
        """Every decision about the pair with its result's letter, the latest first."""
        made = [(pane.output.letter, d) for pane in self.panes for d in pane.decisions]
        return sorted(made, key=lambda entry: (entry[1].at, entry[1].pk), reverse=True)

    @property
    def first_open(self) -> str:
        """Letter of the pane that has the focus at first: the first undecided picture."""
        pictures = [pane for pane in self.panes if pane.is_picture]
        undecided = [pane for pane in pictures if not pane.is_decided]
        for pane in [*undecided, *pictures]:
            return pane.output.letter
        return ""


@require_safe
@team_view(Right.VIEW)
def review_list(request: TeamRequest) -> TemplateResponse:
    """The contact sheet: pairs that wait for a decision, those that wait longest first."""
    page = keyset_page(
        _reviewable(request.team).awaiting_review(),
        field="finished_at",
        after=request.GET.get("after", ""),
        size=PAIRS_SHOWN,
        newest_first=False,
    )
    context = {
        "rows": job_rows(page.rows, request.team),
        "next_cursor": page.next_cursor,
        "is_first_page": not request.GET.get("after"),
        "left": capped_count(Job.objects.for_team(request.team).awaiting_review()),
        "may_decide": may(request.membership, Right.REVIEW),
    }
    return TemplateResponse(request, "generation/review_list.html", context)


@require_safe
@team_view(Right.VIEW)
def review_detail(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """The room for one job; a job without pictures is shown on its own page."""
    job = _reviewed_job(request.team, job_id)
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
    text = _verdict_text(wanted["verdict"]) % {"letter": output.letter}
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
    trigger_client_event(response, "toast", {"text": text, "tone": tone})
    return trigger_client_event(response, "undone", {"output": str(output_id)}, after="settle")


# --- Answers ----------------------------------------------------------------------------------


def _decided(request: TeamRequest, output_id: UUID, text: str, undo: str) -> HttpResponse:
    output = _output(request.team, output_id)
    if not request.htmx:
        messages.success(request, text, extra_tags=f"undo:{undo}")
        following = output.job_id
        if output.job.outputs_waiting == 0:
            room = _room(request, _reviewed_job(request.team, output.job_id))
            following = room.next_waiting.pk if room.next_waiting else output.job_id
        return _to_room(request, following)
    response = _pane_answer(request, output)
    trigger_client_event(response, "toast", {"text": text, "tone": "positive", "undo_url": undo})
    return trigger_client_event(
        response,
        "decided",
        {"output": str(output.pk), "complete": output.job.outputs_waiting == 0},
        after="settle",
    )


def _pane_answer(
    request: TeamRequest,
    output: Output,
    *,
    conflict: str = "",
    form: DecisionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The decided pane with the room's figures; without a script, the whole room."""
    job = _reviewed_job(request.team, output.job_id)
    if not request.htmx:
        return _room_answer(request, job, about=output, conflict=conflict, form=form, status=status)
    room = _room(request, job, about=output, conflict=conflict, form=form)
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
    room = _room(request, job, about=about, conflict=conflict, form=form, ahead_of_time=True)
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
        Output.Verdict.APPROVED.value: _("%(letter)s approved."),
        Output.Verdict.REJECTED.value: _("%(letter)s rejected."),
        Output.Verdict.CHANGES_REQUESTED.value: _("Changes requested for %(letter)s."),
    }[verdict]


# --- Reads ------------------------------------------------------------------------------------


def _reviewable(team: Team) -> JobQuerySet:
    """Jobs with the pictures of their results."""
    jobs: JobQuerySet = jobs_for_rows(team).prefetch_related(
        Prefetch("outputs", Output.objects.select_related("asset", "decided_by", "job")),
        "outputs__asset__renditions",
    )
    return jobs


def _reviewed_job(team: Team, job_id: UUID) -> Job:
    jobs = _reviewable(team).prefetch_related(
        Prefetch("outputs__decisions", Decision.objects.select_related("by").order_by("at", "pk"))
    )
    return get_object_or_404(jobs, pk=job_id)


def _output(team: Team, output_id: UUID) -> Output:
    return get_object_or_404(
        Output.objects.select_related("job", "decided_by"), team=team, pk=output_id
    )


def _room(
    request: TeamRequest,
    job: Job,
    *,
    about: Output | None = None,
    conflict: str = "",
    form: DecisionForm | None = None,
    ahead_of_time: bool = False,
) -> Room:
    """The room as the asker sees it; `about` is the result that a conflict or a form concerns.

    `ahead_of_time` also reads the pictures of the neighbours, for the browser to fetch early.
    """
    team, user = request.team, request.user
    may_decide = may(request.membership, Right.REVIEW)
    waiting = jobs_for_rows(team).awaiting_review()
    around = neighbours(
        waiting.exclude(pk=job.pk), job, field="finished_at", before=STRIP_BEFORE, after=STRIP_AFTER
    )
    behind = [other for other in around if _place(other) > _place(job)]
    ahead = [other for other in around if _place(other) < _place(job)]
    oldest = None
    if not behind:
        oldest = waiting.exclude(pk=job.pk).order_by("finished_at", "pk").first()
    rows = job_rows([*ahead, job, *behind], team)
    panes = [
        Pane(
            output=output,
            job=job,
            decisions=list(output.decisions.all()),
            user=user,
            may_decide=may_decide,
            conflict=conflict if about is not None and output.pk == about.pk else "",
            form=form if about is not None and output.pk == about.pk else None,
        )
        for output in job.outputs.all()
        if not output.discarded
    ]
    return Room(
        row=rows[len(ahead)],
        panes=panes,
        strip=rows,
        left=capped_count(Job.objects.for_team(team).awaiting_review()),
        previous=ahead[-1] if ahead else None,
        next=behind[0] if behind else None,
        next_waiting=behind[0] if behind else oldest,
        undo=_latest_own_decision(team, user) if may_decide else None,
        may_decide=may_decide,
        prefetch=_pictures_of([*behind[:PREFETCH_AFTER], *ahead[-1:]]) if ahead_of_time else [],
    )


def _pictures_of(jobs: list[Job]) -> list[Asset]:
    """Source photos and results of some jobs, in the order in which they will be wanted."""
    results = Output.objects.filter(discarded=False).select_related("asset")
    prefetch_related_objects(jobs, Prefetch("outputs", results), "outputs__asset__renditions")
    return [
        asset
        for job in jobs
        for asset in [
            *(entry.asset for entry in job.inputs.all()),
            *(output.asset for output in job.outputs.all()),
        ]
        if asset is not None
    ]


def _place(job: Job) -> tuple[object, UUID]:
    return (job.finished_at, job.pk)


def _latest_own_decision(team: Team, user: User) -> Decision | None:
    """The decision that the undo button takes back: one's own latest that still holds."""
    return (
        Decision.objects.filter(
            by=user,
            output__team=team,
            output__decided_by=user,
            output__decided_at=F("at"),
            undoes=None,
            undone_by=None,
            at__gt=now() - UNDO_OFFERED,
        )
        .select_related("output")
        .order_by("-at", "-pk")
        .first()
    )
