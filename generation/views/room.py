"""The review room as a person sees it: one job's panes, its neighbours, what can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import F, Prefetch, prefetch_related_objects
from django.shortcuts import get_object_or_404
from django.utils.timezone import now

from catalog.keyset import by_time, capped_count, neighbours
from catalog.models import Asset
from generation.forms import DecisionForm
from generation.models import Decision, Job, Output
from generation.models.jobs import JobQuerySet
from generation.views.rows import JobRow, job_rows, jobs_for_rows
from teams.access import Right, may
from teams.http import TeamRequest
from teams.models import Team, User

STRIP_BEFORE = 6
STRIP_AFTER = 18
PREFETCH_AFTER = 2
#: The shape of the boxes where no photo gives one: width by height.
_NO_PHOTO = 4 / 5
#: By how much two shapes may differ before a rim is seen.
_SAME_SHAPE = 0.01
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
    ratio: float = _NO_PHOTO
    conflict: str = ""
    form: DecisionForm | None = None

    @property
    def is_picture(self) -> bool:
        """Whether there is something to look at."""
        return self.output.asset is not None

    @property
    def fills_its_box(self) -> bool:
        """Whether the picture has the shape of the room's boxes, which is the original's.

        Only then what shows through it can lie under the whole box.
        """
        asset = self.output.asset
        if asset is None or not asset.height or not self.ratio:
            return False
        return abs(asset.width / asset.height / self.ratio - 1) < _SAME_SHAPE

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
        """Every decision about the job with its result's letter, the latest first."""
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


def reviewable(team: Team) -> JobQuerySet:
    """Jobs with the pictures of their results."""
    jobs: JobQuerySet = jobs_for_rows(team).prefetch_related(
        Prefetch(
            "outputs",
            Output.objects.select_related("asset", "decided_by", "job", "refund_request__asked_by"),
        ),
        "outputs__asset__renditions",
    )
    return jobs


def reviewed_job(team: Team, job_id: UUID) -> Job:
    """A job of the team with its results and every decision; Http404 if there is none such."""
    jobs = reviewable(team).prefetch_related(
        Prefetch("outputs__decisions", Decision.objects.select_related("by").order_by("at", "pk"))
    )
    return get_object_or_404(jobs, pk=job_id)


def open_room(
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
        waiting.exclude(pk=job.pk),
        job,
        by_time("finished_at", descending=False),
        before=STRIP_BEFORE,
        after=STRIP_AFTER,
    )
    behind = [other for other in around if _place(other) > _place(job)]
    ahead = [other for other in around if _place(other) < _place(job)]
    oldest = None
    if not behind:
        oldest = waiting.exclude(pk=job.pk).order_by("finished_at", "pk").first()
    rows = job_rows([*ahead, job, *behind], team)
    photo = rows[len(ahead)].photo
    panes = [
        Pane(
            output=output,
            job=job,
            decisions=list(output.decisions.all()),
            user=user,
            may_decide=may_decide,
            ratio=photo.width / photo.height if photo and photo.height else _NO_PHOTO,
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
