"""Looks into what webhooks told: when to ask about a task, and which task an unknown job may have.

A webhook proves nothing. What it names is asked for, and taken only once the provider knows it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from generation.engine.charges import note_charge
from generation.engine.context import Context, logger
from generation.engine.timing import seconds
from generation.models import Attempt, Job, State
from generation.providers.base import TaskStatus
from generation.providers.errors import NotTaken, ProviderError, Refused
from generation.transitions import advance, changing, lock, record_event

_AT_ONCE = 50
_LATER = 30.0
"""Seconds until the provider is asked again about a task that it gave no word of."""

_WITHOUT_TASK = (State.UNKNOWN, State.READY)


def hinted_jobs(now: datetime) -> list[Job]:
    """Unknown jobs whose latest attempt was called for with a task id, where a look is due.

    So are jobs that are to be sent once more: the first task, if there is one, saves the second.
    """
    is_unknown = Q(job__state=State.UNKNOWN)
    goes_again = Q(job__state=State.READY, outcome=Attempt.Outcome.UNKNOWN)
    hinted = Attempt.objects.filter(
        is_unknown | goes_again, hinted_remote_id__gt="", remote_id="", hint_due_at__lte=now
    )
    jobs = hinted.filter(number=F("job__attempt_count")).values("job_id")[:_AT_ONCE]
    return list(
        Job.objects.filter(pk__in=[row["job_id"] for row in jobs], state__in=_WITHOUT_TASK)
        .select_related("pool", "account", "team")
        .order_by("due_at")
    )


def called_for(job: Job, *, since: datetime) -> datetime | None:
    """When to look into a webhook that came after `since`; None: there was none."""
    calls = Attempt.objects.filter(job=job, number=job.attempt_count, hint_due_at__gte=since)
    return calls.values_list("hint_due_at", flat=True).first()


async def confirm_hint(ctx: Context, job: Job) -> None:
    """Ask for the task that a webhook named, and take the job on if the provider knows it."""
    attempt = await ctx.database.run(_hinted_attempt, job)
    if attempt is None:
        return
    try:
        async with asyncio.timeout(ctx.timing.poll):
            status = await ctx.client(job.account).status(attempt.hinted_remote_id)
    except Refused as exc:
        logger.warning("A task that %s may have is none of ours: %s", job.pk, exc.message)
        await ctx.database.run(_note_stranger, job, attempt, ctx.clock())
    except Exception as exc:
        if not isinstance(exc, ProviderError | TimeoutError):
            logger.exception("The task that a webhook of %s named could not be read.", job.pk)
        pause = (exc.retry_after or 0) if isinstance(exc, NotTaken) else 0
        await ctx.database.run(_look_later, attempt, ctx.clock() + seconds(max(pause, _LATER)))
    else:
        try:
            await ctx.persist(_adopt, job, attempt, status, ctx.clock())
        except (OperationalError, InterfaceError):
            raise  # The database is away; the hint is there when it is back.
        except Exception:
            logger.exception("%s could not be given its task.", job.pk)
            await ctx.database.run(_look_later, attempt, ctx.clock() + seconds(_LATER))
        ctx.wake()


def _hinted_attempt(job: Job) -> Attempt | None:
    attempts = Attempt.objects.filter(job=job, number=job.attempt_count, remote_id="")
    return attempts.exclude(hinted_remote_id="").first()


@transaction.atomic
def _note_stranger(job: Job, attempt: Attempt, now: datetime) -> None:
    """Tell in the history that the provider knows no such task; the job stays as it is."""
    lock(job)
    _forget_hint(attempt)
    note = _("The provider knows no task %(task)s.") % {"task": attempt.hinted_remote_id}
    record_event(job, before=job.state, note=note, at=now)


def _forget_hint(attempt: Attempt) -> None:
    # The same id alone: another may have been told since.
    hinted = Attempt.objects.filter(pk=attempt.pk, hinted_remote_id=attempt.hinted_remote_id)
    hinted.update(hinted_remote_id="")


def _look_later(attempt: Attempt, at: datetime) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(hint_due_at=at)


def _adopt(job: Job, attempt: Attempt, status: TaskStatus, now: datetime) -> None:
    """Give the job its task. An id that another job has is nobody's proof."""
    task = attempt.hinted_remote_id
    others = Job.objects.filter(pool_id=job.pool_id, remote_id=task).exclude(pk=job.pk)
    try:
        with changing(job):
            lock(job)
            # While the provider was asked, the slot may have been freed, or a person decided.
            job.refresh_from_db(fields=["state", "slot", "version", "lease_until", "attempt_count"])
            if job.state not in _WITHOUT_TASK or job.attempt_count != attempt.number:
                return
            if not others.exists():
                _take_on(job, attempt, status, now)
                return
    except IntegrityError:
        if not others.exists():  # Another constraint than the one on task ids.
            raise
    logger.warning("A webhook of %s named task %s, which is another job's.", job.pk, task)
    _forget_hint(attempt)


def _take_on(job: Job, attempt: Attempt, status: TaskStatus, now: datetime) -> None:
    task = attempt.hinted_remote_id
    moved = advance(
        job,
        job.state,
        State.RUNNING if job.slot is not None else State.LOST,
        at=now,
        note=_("The provider called and named the task."),
        trace_id=status.trace_id,
        remote_id=task,
        due_at=now,
        step_failures=0,
        error="",
        error_code="",
    )
    if not moved:
        return
    Attempt.objects.filter(pk=attempt.pk).update(
        remote_id=task,
        hinted_remote_id="",
        outcome=Attempt.Outcome.ACCEPTED,
        trace_id=status.trace_id[:100],
        suspected_cost=0,
        ended_at=now,
    )
    note_charge(job, task, status.charged)
