"""Places the first status check of a task, from how long the pool's last tasks took."""

from __future__ import annotations

from datetime import datetime

from generation.engine.timing import first_poll, likely_duration, seconds
from generation.models import Job

_REMEMBERED = 200


def first_poll_at(job: Job, now: datetime) -> datetime:
    """When to ask for the first time."""
    return now + seconds(first_poll(recent_durations(job.pool_id), job.pool.min_poll_seconds))


def recent_durations(pool_id: int) -> list[float]:
    """Seconds that the pool's last tasks probably took, newest first."""
    rows = (
        Job.objects.filter(
            pool_id=pool_id, remote_ended_at__isnull=False, submitted_at__isnull=False
        )
        .order_by("-remote_ended_at")
        .values_list("submitted_at", "seen_running_at", "remote_ended_at")[:_REMEMBERED]
    )
    return [
        likely_duration(submitted_at, seen_running_at, ended_at)
        for submitted_at, seen_running_at, ended_at in rows
        if submitted_at is not None and ended_at is not None
    ]
