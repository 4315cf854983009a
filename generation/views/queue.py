"""The queue, kept up to date by delta polling, and the page of one job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from catalog.keyset import by_time, capped_count, keyset_page
from generation import services
from generation.figures import IN_DOUBT
from generation.forms import ResolveForm
from generation.models import Job, Output, State
from generation.views.cost import bill_of_retry
from generation.views.rows import (
    DONE,
    FAILED,
    RUNNING,
    WAITING,
    JobRow,
    attempts_of,
    job_rows,
    jobs_for_rows,
)
from generation.views.timeline import timeline_of
from teams.access import Right, may, team_view
from teams.credits import InsufficientCredits
from teams.http import TeamRequest
from teams.models import LedgerEntry, Membership, Team
from teams.rates import rate_limited
from teams.templatetags.ui import credits as in_credits

ROWS_SHOWN = 30
#: `since` is told in microseconds from here on: a whole number survives every URL.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
#: A transaction may commit later than its `changed_at`; polls look back that far each time.
OVERLAP = timedelta(seconds=3)
DELTA_ROWS = 60
RETRIES_PER_MINUTE = 60
NEWEST_ATTEMPTS = 20

TABS: dict[str, tuple[object, tuple[State, ...]]] = {
    "all": (gettext_lazy("All"), ()),
    "running": (gettext_lazy("Running"), RUNNING),
    "waiting": (gettext_lazy("Waiting"), WAITING),
    "doubt": (gettext_lazy("In doubt"), IN_DOUBT),
    "done": (gettext_lazy("Done"), DONE),
    "failed": (gettext_lazy("Failed"), FAILED),
}


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the queue; `count` stops at 1,001."""

    name: str
    label: object
    count: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """Jobs that wait for a person's decision, and those that the provider is silent about."""

    undecided: int
    silent: int


@require_safe
@team_view(Right.VIEW)
def queue(request: TeamRequest) -> TemplateResponse:
    """The team's jobs, newest first; ?show= picks a tab, ?after= a page."""
    show = _shown_tab(request)
    since = now()
    jobs = jobs_for_rows(request.team)
    states = TABS[show][1]
    if states:
        jobs = jobs.filter(state__in=states)
    if show in ("running", "waiting", "doubt"):  # Few of many: the partial index finds them.
        jobs = jobs.unfinished()
    page = keyset_page(
        jobs, by_time("created_at"), after=request.GET.get("after", ""), size=ROWS_SHOWN
    )
    context = {
        "rows": job_rows(page.rows, request.team),
        "next_cursor": page.after,
        "is_first_page": not request.GET.get("after"),
        "show": show,
        "may_launch": may(request.membership, Right.LAUNCH),
        "may_cancel": may(request.membership, Right.CANCEL),
        **_heads(request.team, show),
        "since": (since - EPOCH) // MICROSECOND,
    }
    return TemplateResponse(request, "generation/queue.html", context)


@require_GET
@team_view(Right.VIEW)
def queue_poll(request: TeamRequest) -> HttpResponse:
    """Rows that changed after ?since= (microseconds), with the counters; 204 when none did."""
    show = _shown_tab(request)
    try:
        # Not before 1970: what is subtracted from it below must stay in the calendar.
        since = EPOCH + max(0, int(request.GET.get("since", ""))) * MICROSECOND
    except (ValueError, OverflowError):
        since = now()
    asked_at = now()
    changed = list(
        jobs_for_rows(request.team)
        .filter(changed_at__gt=since - OVERLAP)
        .order_by("-created_at", "-id")[:DELTA_ROWS]
    )
    if not changed:
        return HttpResponse(status=204)
    states = TABS[show][1]
    rows = job_rows(changed, request.team)
    context = {
        "rows": [(row, not states or row.job.state in states) for row in rows],
        "show": show,
        "may_launch": may(request.membership, Right.LAUNCH),
        "may_cancel": may(request.membership, Right.CANCEL),
        **_heads(request.team, show),
        "since": (asked_at - EPOCH) // MICROSECOND,
    }
    return TemplateResponse(request, "generation/_queue_delta.html", context)


@require_safe
@team_view(Right.VIEW)
def job_detail(request: TeamRequest, job_id: UUID) -> TemplateResponse:
    """One job: what was asked, what happened, what it cost, what came of it."""
    return _job_page(request, _job(request.team, job_id))


@require_GET
@team_view(Right.VIEW)
def job_poll(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """The page's changing part with the shell's figures; 204 while the job is as ?seen= tells."""
    job = get_object_or_404(jobs_for_rows(request.team).prefetch_related(None), pk=job_id)
    if JobRow(job).mark == request.GET.get("seen"):
        return HttpResponse(status=204)
    return _job_page(request, _job(request.team, job_id), template="generation/_job_delta.html")


@require_POST
@team_view(Right.CANCEL)
def job_cancel(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """Stop a waiting job, or put the results of a sent one aside."""
    job = _job(request.team, job_id)
    was_finished = job.is_finished
    if services.cancel_job(job=job, by=request.user):
        text = _("Cancelled. %(credits)s returned.") % {"credits": in_credits(job.price)}
    elif was_finished or job.is_finished:
        text = _("This job had already ended.")
    else:
        text = _("The results will be put aside. Until they are there, you can still keep them.")
    return _after_change(request, job_id, text)


@require_POST
@team_view(Right.CANCEL)
def job_keep(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """Keep the results of a job that was to have them put aside."""
    if services.keep_results(job=_job(request.team, job_id), by=request.user):
        return _after_change(request, job_id, _("The results are kept."))
    return _after_change(request, job_id, _("This job had already ended."), tone="negative")


@require_POST
@team_view(Right.LAUNCH)
def job_retry(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """Launch the same inputs as a new job. A job is retried once, however often this is sent."""
    job = _job(request.team, job_id)
    if rate_limited(request, "retry", RETRIES_PER_MINUTE, 60):
        return _after_change(
            request, job_id, _("Too many launches in a short time. Wait a minute."), tone="negative"
        )
    shown = request.POST.get("price", "")
    try:
        services.retry_job(
            job=job,
            by=request.user,
            request_key=uuid5(job.pk, "retry"),
            shown_price=int(shown) if shown.isdecimal() and len(shown) < 10 else None,
        )
    except (services.LaunchRefused, InsufficientCredits) as refused:
        return _after_change(request, job_id, str(refused), tone="negative")
    return _after_change(request, job_id, _("1 job started."))


@require_POST
@team_view(Right.MANAGE_TEAM)
def job_resolve(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """Say how to go on with a job whose launch got no answer, or give up one whose task is lost."""
    job = _job(request.team, job_id)
    form = ResolveForm(request.POST)
    if form.is_valid():
        if form.cleaned_data["action"] == "run_again" and not may(request.membership, Right.LAUNCH):
            raise PermissionDenied(request.team.standing)  # A suspended team sends nothing.
        try:
            services.resolve_unknown(job=job, by=request.user, **form.cleaned_data)
        except services.JobMoved as moved:
            form.add_error(None, moved.sentence)
        else:
            gave_up = form.cleaned_data["action"] == "give_up"
            messages.success(
                request,
                _("Given up. %(credits)s returned.") % {"credits": in_credits(job.price)}
                if gave_up
                else _("Noted. The job goes on."),
            )
            return redirect("generation:job_detail", request.team.slug, job_id)
    return _job_page(request, _job(request.team, job_id), form=form, status=422)


@require_POST
@team_view(Right.REVIEW)
def output_recover(request: TeamRequest, output_id: UUID) -> HttpResponse:
    """Bring a result that was put aside back to review."""
    output = get_object_or_404(Output, team=request.team, pk=output_id)
    if services.recover_output(output=output):
        messages.success(request, _("The result waits for review again."))
    return redirect("generation:job_detail", request.team.slug, output.job_id)


def _job_page(
    request: TeamRequest,
    job: Job,
    *,
    form: ResolveForm | None = None,
    status: int = 200,
    template: str = "generation/job_detail.html",
) -> TemplateResponse:
    [row] = job_rows([job], request.team)
    manages = may(request.membership, Right.MANAGE_TEAM)
    steps = timeline_of(job)
    attempts = attempts_of(job, newest=NEWEST_ATTEMPTS) if manages else []
    context = {
        "row": row,
        "job": job,
        "outputs": list(job.outputs.all()),
        "steps": steps,
        "people": Membership.objects.names_in(request.team, {step.event.actor for step in steps}),
        "attempts": attempts,
        "attempts_left_out": max(0, job.attempt_count - len(attempts)) if attempts else 0,
        "entries": list(
            LedgerEntry.objects.filter(account__team=request.team, job=str(job.pk)).order_by("seq")
        ),
        "manages": manages,
        "bill": bill_of_retry(request, row) if may(request.membership, Right.LAUNCH) else None,
        "may_launch": may(request.membership, Right.LAUNCH),
        "may_cancel": may(request.membership, Right.CANCEL),
        "may_review": may(request.membership, Right.REVIEW),
        "form": form,
        "ask_run_again": row.needs_decision and request.GET.get("ask") == "run_again",
        "ask_give_up": row.is_in_doubt and request.GET.get("ask") == "give_up",
    }
    return TemplateResponse(request, template, context, status=status)


def _job(team: Team, job_id: UUID) -> Job:
    return get_object_or_404(
        jobs_for_rows(team).prefetch_related(
            Prefetch(
                "outputs",
                Output.objects.select_related("asset", "decided_by", "refund_request__asked_by"),
            ),
            "outputs__asset__renditions",
        ),
        pk=job_id,
    )


def _after_change(
    request: TeamRequest, job_id: UUID, text: str, *, tone: str = "positive"
) -> HttpResponse:
    """The job's row for the queue; without a script, back to where the form stood."""
    if request.htmx and request.htmx.target == f"job-{job_id}":
        [row] = job_rows([get_object_or_404(jobs_for_rows(request.team), pk=job_id)], request.team)
        context = {
            "row": row,
            "may_launch": may(request.membership, Right.LAUNCH),
            "may_cancel": may(request.membership, Right.CANCEL),
        }
        response = TemplateResponse(request, "generation/_job_row.html", context)
        trigger_client_event(response, "toast", {"text": text, "tone": tone})
        return trigger_client_event(response, "queue-changed", {})
    (messages.success if tone == "positive" else messages.error)(request, text)
    page = "job_detail" if request.POST.get("from") == "job" else "queue"
    where = [request.team.slug, job_id] if page == "job_detail" else [request.team.slug]
    address = reverse(f"generation:{page}", args=where)
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def _shown_tab(request: TeamRequest) -> str:
    show = request.GET.get("show", "all")
    return show if show in TABS else "all"


def _heads(team: Team, show: str) -> dict[str, object]:
    """The tabs with their counts, and whether anything will still change by itself."""
    counts = {
        name: capped_count(Job.objects.for_team(team).filter(state__in=states))
        for name, (_label, states) in TABS.items()
        if states
    }
    counts["all"] = sum(counts.values())
    tabs = [Tab(name, TABS[name][0], counts[name], name == show) for name in TABS]
    active = counts["running"] + counts["waiting"]
    return {"tabs": tabs, "active": active, "doubt": _doubt(team) if counts["doubt"] else None}


def _doubt(team: Team) -> Doubt:
    unfinished = Job.objects.for_team(team).unfinished()
    return Doubt(
        undecided=capped_count(unfinished.filter(state=State.UNKNOWN)),
        silent=capped_count(unfinished.filter(state=State.LOST)),
    )
