"""What a provider says that a task cost it: kept for the operator's books, never a team's money."""

from __future__ import annotations

from generation.models import Attempt, Job

_MOST = 2**31 - 1


def note_charge(job: Job, task: str, charged: int | None) -> None:
    """Keep the provider's figure on the attempt of that task, whatever became of the job since."""
    if charged is not None and task:
        Attempt.objects.filter(job=job, remote_id=task).update(provider_charged=min(charged, _MOST))
