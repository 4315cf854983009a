"""The only ways a job changes its state: one conditional UPDATE, its event, and its settlement.

`advance` moves an unfinished job on, `end_job` finishes it and settles its hold in the same
transaction. Both tell by their answer whether they were first; a caller that was not stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from generation.models import Job, JobEvent, Output, State
from generation.usage import record_settlement
from teams.credits import settle

ENGINE = "engine"
"""The actor of everything that no person did."""

_TRIES = 8


@contextmanager
def changing(job: Job) -> Iterator[None]:
    """A transaction that, when it fails, leaves `job` as it was as well as its row.

    A move copies its changes onto the job before the commit, which may yet fail. A second try with
    a job that stands where the first one meant to bring it would find nobody to move.
    """
    before = dict(job.__dict__)
    try:
        with transaction.atomic():
            yield
    except BaseException:
        job.__dict__.update(before)
        for name in set(job.__dict__) - set(before):
            del job.__dict__[name]
        raise


def advance(
    job: Job,
    before: str,
    after: str,
    *,
    note: str = "",
    actor: str = ENGINE,
    at: datetime | None = None,
    trace_id: str = "",
    task: str | None = None,
    **changes: Any,
) -> bool:
    """Move a job from `before` to the unfinished state `after` and write its event.

    `task` is the provider's id that the event names; None: the one that the job has then. False:
    somebody else moved it first, and nothing was written. Where the state stays the same no event
    is written.
    """
    with changing(job):
        if not move(job, before, state=after, **changes):
            return False
        if after != before:
            record_event(
                job, before=before, note=note, actor=actor, at=at, trace_id=trace_id, task=task
            )
    return True


def end_job(
    job: Job,
    before: str,
    after: str,
    *,
    captured: int = 0,
    note: str = "",
    actor: str = ENGINE,
    at: datetime | None = None,
    trace_id: str = "",
    **changes: Any,
) -> bool:
    """Finish a job: settle its hold at `captured` credits and close outputs that never came.

    Everything happens in one transaction, the caller's if there is one. False: somebody else was
    first, and nothing was written.
    """
    with changing(job):
        moved = move(
            job,
            before,
            state=after,
            slot=None,
            lease_until=None,
            captured=captured,
            finished_at=at or now(),
            **changes,
        )
        if not moved:
            return False
        job.outputs.filter(state=Output.State.EXPECTED).update(
            state=Output.State.FAILED, error_code=job.error_code, error=job.error
        )
        if job.price:
            settle(
                team=job.team,
                held=job.price,
                captured=captured,
                job=str(job.pk),
                actor=actor,
                price_version=job.price_version,
            )
        record_settlement(job, captured)
        record_event(
            job, before=before, note=note or job.error, actor=actor, at=at, trace_id=trace_id
        )
    return True


def lock(job: Job) -> None:
    """Keep everybody else from changing the job until the transaction ends.

    Whoever writes a job and its attempt locks the job first: in two orders they would wait for each
    other for ever. Learns of a wish to discard on the way. SQLite locks everything at BEGIN.
    """
    row = Job.objects.select_for_update().filter(pk=job.pk).values_list("discard_requested_at")
    job.discard_requested_at = row.get()[0]


def move(job: Job, before: str, **changes: Any) -> bool:
    """`Job.objects.move`, tried again when only something beside the step changed.

    A person's wish to discard the results bumps the version while a step is under way. The step
    still owns the job as long as state, attempt and lease are those it knew.
    """
    for _ in range(_TRIES):
        if Job.objects.move(job, before, **changes):
            return True
        fresh = (
            Job.objects.filter(
                pk=job.pk,
                state=before,
                attempt_count=job.attempt_count,
                lease_until=job.lease_until,
            )
            .values("version", "discard_requested_at")
            .first()
        )
        if fresh is None or fresh["version"] == job.version:
            return False
        job.version = fresh["version"]
        job.discard_requested_at = fresh["discard_requested_at"]
    return False


def record_event(
    job: Job,
    *,
    before: str = "",
    note: str = "",
    actor: str = ENGINE,
    at: datetime | None = None,
    trace_id: str = "",
    task: str | None = None,
) -> None:
    """Append a step to the job's history, in the state it has now.

    `before` is the state it comes from, `trace_id` what the provider calls its answer, `task` the
    provider's id of the task where it is not the job's present one.
    """
    JobEvent.objects.create(
        job=job,
        before=before,
        state=State(job.state),
        attempt=job.attempt_count or None,
        remote_id=job.remote_id if task is None else task,
        trace_id=trace_id[:100],
        note=note[:300],
        actor=actor[:254],
        at=at or now(),
    )
