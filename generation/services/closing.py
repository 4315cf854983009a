"""What becomes of a team's jobs when it is closed; registered with `teams.lifecycle`."""

from __future__ import annotations

from django.utils.translation import gettext as _

from generation.models import Job, State
from generation.transitions import end_job
from teams.models import Team

_UNSENT = (State.QUEUED, State.PREPARING, State.READY)


def cancel_unsent(team: Team, actor: str) -> None:
    """Cancel every job that no provider has yet; each gives its hold back in its own transaction."""
    for job in Job.objects.for_team(team).filter(state__in=_UNSENT).select_related("team"):
        # Whoever moves the job first has it; the worker's sweep comes back to what is left.
        end_job(job, job.state, State.CANCELLED, actor=actor, note=_("The team is being closed."))


def has_unfinished(team: Team) -> bool:
    """Whether a job of the team is under way, free ones included."""
    return Job.objects.for_team(team).unfinished().exists()
