"""What has to happen to jobs once a database is put back to an earlier state."""

from __future__ import annotations

from django.utils.translation import gettext as _

from generation.models import Job, State
from generation.transitions import end_job

#: Not sent yet, as far as this database knows.
WAITING = (State.QUEUED, State.PREPARING, State.READY)


def cancel_waiting_jobs(*, actor: str) -> int:
    """Cancel every job that waits to be sent, at no charge; returns how many.

    After a restore nobody knows which of them were sent, and paid, after the backup was made. People
    launch again what they still want; jobs at the provider go on. No worker may run meanwhile.
    """
    cancelled = 0
    for job in list(Job.objects.filter(state__in=WAITING).order_by("created_at")):
        note = _("Cancelled after a backup was restored: it may have been sent since.")
        cancelled += end_job(job, job.state, State.CANCELLED, note=note, actor=actor)
    return cancelled
