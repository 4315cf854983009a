"""Submits one claimed job: exactly one POST, and what each kind of answer means for the row."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError
from django.utils.translation import gettext as _

from catalog.services import forget_copy
from catalog.storage import Missing, StorageError, TooLarge
from generation.engine.breaker import note_doubt, note_failure, note_success
from generation.engine.charges import note_charge
from generation.engine.claims import Claimed
from generation.engine.context import PATIENCE, Context, logger
from generation.engine.faults import MOST_TRIES, may_be_its_own, pause_after, tried_too_often
from generation.engine.links import links_or_data
from generation.engine.pace import first_poll_at
from generation.engine.sweep import adopt_known_tasks
from generation.engine.timing import seconds
from generation.models import Attempt, Job, JobInput, ProviderFile, State
from generation.providers.base import Order, Submitted
from generation.providers.errors import (
    FileGone,
    NotTaken,
    OutcomeUnknown,
    ProviderError,
    Refused,
    TooSoon,
)
from generation.providers.registry import takes_uploads
from generation.transitions import advance, changing, end_job, lock
from generation.webhooks import webhook_url

_GONE_TRIES = 3
"""How often files may be gone, or their order fail to be made, before the job fails."""

_COPY_GONE = "copy_gone"

_STEP_BACK = 1.0
"""Seconds that a job is held back by an answer that may be its own fault."""


async def submit_job(ctx: Context, claimed: Claimed) -> None:
    """Send the job once and record the outcome. Never raises: an unclear outcome is one too.

    An answer that cannot be written until the lease ends is in the log alone, and the sweep takes
    the job for unanswered.
    """
    job = claimed.job
    ctx.reached("claimed", job.pk)
    outcome: Submitted | ProviderError
    try:
        async with asyncio.timeout(ctx.timing.order):
            order = await _order(ctx, claimed)
    except Exception as exc:
        outcome = _not_sent(job, exc)
    else:
        outcome = await _send(ctx, job, order)
    ctx.reached("answered", job.pk)
    task = outcome.remote_id if isinstance(outcome, Submitted) else ""
    if task:  # Before the first write: a task that was paid for can be found whatever happens.
        logger.info("Job %s is task %s at the provider.", job.pk, task)
    now = ctx.clock()
    left = (job.lease_until - now).total_seconds() if job.lease_until is not None else 0
    try:
        await ctx.persist_for(max(left, PATIENCE), record_outcome, claimed, outcome, now)
    except Exception:
        logger.exception(
            "The answer for %s could not be written: %s.", job.pk, task or repr(outcome)
        )


async def _order(ctx: Context, claimed: Claimed) -> Order:
    """What is sent. Pictures become links or data where the provider takes no uploads."""
    job, offer = claimed.job, claimed.offer
    files = claimed.files
    if not takes_uploads(job.account):
        files = await ctx.files.run(links_or_data, files)
    return Order(
        task=offer.task,
        files=files,
        presets=claimed.presets,
        options={**job.options, **offer.constants},
        seed=job.seed,
        outputs=job.expected_outputs,
        webhook_url=webhook_url(claimed.attempt),
    )


async def _send(ctx: Context, job: Job, order: Order) -> Submitted | ProviderError:
    """The one POST. Whatever breaks from here on, the request may be out."""
    try:
        async with asyncio.timeout(ctx.timing.submit):
            return await ctx.client(job.account).submit(order)
    except ProviderError as exc:
        return exc
    except TimeoutError:
        return OutcomeUnknown(_("The provider did not answer in time."))
    except Exception:
        logger.exception("Submitting %s failed unexpectedly.", job.pk)
        return OutcomeUnknown(_("The request broke off on our side; it may have been taken."))


def _not_sent(job: Job, failure: Exception) -> ProviderError:
    """The order could not be made, so nothing was sent: the pictures are fitted anew, or later."""
    if isinstance(failure, Missing):
        return FileGone(_("The copy of a picture is gone."), code=_COPY_GONE)
    if isinstance(failure, TooLarge):  # They were fitted for links, and now they travel as data.
        return FileGone(_("The pictures are too large for one request."), code="too_large")
    logger.error("The order of %s could not be made.", job.pk, exc_info=failure)
    if isinstance(failure, StorageError | TimeoutError | OSError | OperationalError):
        return NotTaken(_("The pictures could not be read from the storage."), code="storage")
    # A mistake of ours that the same job would meet each time.
    return FileGone(_("The order could not be made."), code="no_order")


def record_outcome(claimed: Claimed, outcome: Submitted | ProviderError, now: datetime) -> None:
    """Write the answer on the attempt, always, and move the job if it still waits for it."""
    job = claimed.job
    if isinstance(outcome, Submitted):
        poll_at = first_poll_at(job, now)  # Reads many rows: not while writers wait.
        try:
            with changing(job):
                lock(job)
                _accept(claimed, outcome, now, poll_at)
            return
        except IntegrityError:
            logger.exception("Task %s of %s is another job's.", outcome.remote_id, job.pk)
            outcome = OutcomeUnknown(
                _("The provider named a task that another job has."), trace_id=outcome.trace_id
            )
    with changing(job):
        lock(job)
        _write_attempt(claimed, outcome, now)
        if isinstance(outcome, NotTaken):
            _put_back(claimed, outcome, now)
        elif isinstance(outcome, Refused):
            _refuse(claimed, outcome, now)
        else:
            _doubt(job, outcome, now)


def _accept(claimed: Claimed, taken: Submitted, now: datetime, poll_at: datetime) -> None:
    job, attempt = claimed.job, claimed.attempt
    _close_attempt(attempt, Attempt.Outcome.ACCEPTED, now, taken.trace_id, taken.remote_id)
    note_charge(job, taken.remote_id, taken.charged)
    note_success(job.pool, attempt.started_at)
    # A call that came before the answer: the task may have ended already.
    called_at = Attempt.objects.values_list("hint_due_at", flat=True).get(pk=attempt.pk)
    changes: dict[str, Any] = {
        "remote_id": taken.remote_id,
        "lease_until": None,
        "due_at": min(poll_at, called_at) if called_at is not None else poll_at,
        "step_failures": 0,
        "seen_running_at": None,
        "error": "",
        "error_code": "",
    }
    if advance(job, State.SUBMITTING, State.RUNNING, at=now, trace_id=taken.trace_id, **changes):
        return
    # The lease ran out first. At once, before anybody has a job sent again whose task is known.
    logger.warning("The answer for %s came after its lease was over.", job.pk)
    adopt_known_tasks(now, job.pk)


def _put_back(claimed: Claimed, failure: NotTaken, now: datetime) -> None:
    job = claimed.job
    if isinstance(failure, FileGone):
        gone = Attempt.objects.filter(
            job=job, outcome=Attempt.Outcome.NOT_TAKEN, error_code=failure.code[:40]
        ).count()
        if _forget_files(job, failure) and gone <= _GONE_TRIES:
            _return_to_ready(job, failure, now)
            return
        _refuse(claimed, Refused(failure.message, code=failure.code), now)
        return
    note_failure(job.pool, failure, now)
    # Behind the jobs that wait already: the one place that is open next is for another's try.
    tries, pause = job.step_failures, _STEP_BACK
    if isinstance(failure, TooSoon):
        pause = max(pause, failure.retry_after or 0)
    if may_be_its_own(failure):
        tries += 1
        pause = pause_after(tries)
        if tries >= MOST_TRIES:
            _refuse(claimed, tried_too_often(failure), now)
            return
    _return_to_ready(
        job,
        failure,
        now,
        due_at=now + seconds(pause),
        step_failures=tries,
        error=failure.message[:300],
        error_code=failure.code[:40],
    )


def _return_to_ready(job: Job, failure: NotTaken, now: datetime, **changes: Any) -> None:
    back: dict[str, Any] = {
        "slot": None,
        "lease_until": None,
        "due_at": now,
        "submitted_at": None,
        **changes,
    }
    why: dict[str, Any] = {"note": failure.message, "trace_id": failure.trace_id}
    moved = advance(job, State.SUBMITTING, State.READY, at=now, **why, **back)
    if not moved and _is_still_unknown(job):
        moved = advance(job, State.UNKNOWN, State.READY, at=now, **why, **back)
    if moved and job.discard_requested_at is not None:
        # Nothing is there to be put aside, and nothing needs to be paid any more.
        note = _("It was cancelled before the provider took it.")
        end_job(job, State.READY, State.CANCELLED, at=now, note=note, error="", error_code="")


def _refuse(claimed: Claimed, refusal: ProviderError, now: datetime) -> None:
    job = claimed.job
    ending: dict[str, Any] = {
        "error": refusal.message[:300],
        "error_code": refusal.code[:40],
        "trace_id": refusal.trace_id,
    }
    if end_job(job, State.SUBMITTING, State.FAILED, at=now, **ending):
        return
    if _is_still_unknown(job):
        end_job(job, State.UNKNOWN, State.FAILED, at=now, **ending)


def _doubt(job: Job, doubt: ProviderError, now: datetime) -> None:
    """The slot is kept for as long as the task could be running."""
    note_doubt(job.pool, doubt, now)
    advance(
        job,
        State.SUBMITTING,
        State.UNKNOWN,
        at=now,
        note=doubt.message,
        trace_id=doubt.trace_id,
        lease_until=None,
        due_at=now + seconds(job.pool.max_task_seconds),
        error=doubt.message[:300],
        error_code=doubt.code[:40],
    )


def _is_still_unknown(job: Job) -> bool:
    """Whether a late but certain answer finds the job waiting for this very attempt."""
    fresh = Job.objects.filter(
        pk=job.pk, state=State.UNKNOWN, attempt_count=job.attempt_count
    ).first()
    if fresh is None:
        return False
    job.version, job.lease_until, job.state = fresh.version, fresh.lease_until, fresh.state
    return True


def _forget_files(job: Job, failure: FileGone) -> int:
    inputs = JobInput.objects.filter(job=job, asset__isnull=False)
    keys = list(inputs.values_list("file_key", flat=True))
    ProviderFile.objects.filter(account_id=job.account_id, file_key__in=keys).delete()
    if failure.code == _COPY_GONE:  # Whichever it was: making the others anew costs little.
        for key in keys:
            forget_copy(key)
    return inputs.update(file_key="")


def _write_attempt(claimed: Claimed, outcome: ProviderError, now: datetime) -> None:
    kind = Attempt.Outcome.UNKNOWN
    if isinstance(outcome, NotTaken):
        kind = Attempt.Outcome.NOT_TAKEN
    elif isinstance(outcome, Refused):
        kind = Attempt.Outcome.REFUSED
    _close_attempt(
        claimed.attempt, kind, now, outcome.trace_id, error=outcome.message, code=outcome.code
    )


def _close_attempt(
    attempt: Attempt,
    outcome: Attempt.Outcome,
    now: datetime,
    trace_id: str,
    remote_id: str = "",
    error: str = "",
    code: str = "",
) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(
        outcome=outcome,
        ended_at=now,
        trace_id=trace_id[:100],
        remote_id=remote_id,
        error=error[:300],
        error_code=code[:40],
    )
