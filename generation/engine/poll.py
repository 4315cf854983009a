"""Asks how running tasks stand, and lost ones now and then."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from generation.engine.charges import note_charge
from generation.engine.context import Context, logger
from generation.engine.hints import called_for, confirm_hint, hinted_jobs
from generation.engine.timing import Timing, back_off, poll_interval, seconds
from generation.models import Attempt, Job, Output, State
from generation.providers.base import ItemState, RemoteItem, TaskStatus
from generation.providers.errors import NotFound, ProviderError, Unreachable
from generation.providers.registry import has_webhooks
from generation.transitions import advance, changing, end_job, lock, move
from generation.webhooks import due_when_called

MOST_RUNS = 3
"""Tasks of one job that may fail for free by a passing cause; after the last the job fails."""

MOST_DENIALS = 3
"""Answers in a row that there is no such task, until a running one counts as lost."""

_DENIED = "not_found"
"""Marks a running job whose last answer was such a one; `step_failures` counts them."""
_AT_ONCE = 200


class Due(NamedTuple):
    """Jobs whose status is to be asked now.

    `are_more` tells that others are due for which there was no room, `following` the seconds until
    the next one is due after now; None: there is none.
    """

    jobs: list[Job]
    are_more: bool
    following: float | None


def due_polls(
    now: datetime,
    room: int = _AT_ONCE,
    working: Mapping[int, int] | None = None,
    busy: Collection[UUID] = (),
) -> Due:
    """What is to be asked now: up to `room` of each account, those longest due first.

    `working` are the questions under way by account id, which take of its room: a provider that
    hangs holds up no other. Jobs in `busy` are left alone. Unknown jobs whose task a webhook named
    come first, then running ones that were called for (`webhooks.take_hint` dates them back).
    """
    asked = Job.objects.unfinished().filter(state__in=[State.RUNNING, State.LOST])
    due = asked.filter(due_at__lte=now)
    ranked = due.exclude(pk__in=busy).annotate(
        place=Window(RowNumber(), partition_by=F("account_id"), order_by=[F("due_at"), F("id")])
    )
    ranked = ranked.filter(place__lte=room + 1).order_by("due_at", "id")
    hinted = [job for job in hinted_jobs(now) if job.pk not in busy]
    begun, jobs, are_more = Counter(working or {}), [], False
    for job in [*hinted, *ranked.select_related("pool", "account", "team")]:
        if begun[job.account_id] < room:
            begun[job.account_id] += 1
            jobs.append(job)
        else:
            are_more = True
    dates = asked.filter(due_at__gt=now).order_by("due_at").values_list("due_at", flat=True)
    following = dates.first()
    return Due(jobs, are_more, (following - now).total_seconds() if following is not None else None)


async def poll_job(ctx: Context, job: Job) -> None:
    """Ask once and record the answer; a failed question is asked again later."""
    if job.state in (State.UNKNOWN, State.READY):
        await confirm_hint(ctx, job)
        return
    before = job.state
    await _ask(ctx, job)
    if job.state != before:  # Its place is free, or its results can be fetched.
        ctx.wake()


async def _ask(ctx: Context, job: Job) -> None:
    asked_at = ctx.clock()
    try:
        async with asyncio.timeout(ctx.timing.poll):
            status = await ctx.client(job.account).status(job.remote_id)
    except NotFound as exc:
        logger.warning("The provider does not know task %s of %s.", job.remote_id, job.pk)
        await ctx.database.run(record_not_found, job, exc, ctx.clock(), ctx.timing, asked_at)
        return
    except ProviderError as exc:
        await ctx.database.run(record_silence, job, exc, ctx.clock(), ctx.timing, asked_at)
        return
    except TimeoutError:
        silence = Unreachable(_("The provider did not answer in time."))
        await ctx.database.run(record_silence, job, silence, ctx.clock(), ctx.timing, asked_at)
        return
    except Exception:
        await _record_surprise(ctx, job, asked_at)
        return
    ctx.reached("polled", job.pk)
    spare = copy(job)
    try:
        await ctx.database.run(record_status, job, status, ctx.clock(), ctx.timing, asked_at)
    except (OperationalError, InterfaceError):
        raise  # The database is away, and the answer will be the same when it is back.
    except Exception:
        await _record_surprise(ctx, spare, asked_at)


async def _record_surprise(ctx: Context, job: Job, asked_at: datetime) -> None:
    """An answer that nobody foresaw: as good as none, or the job would be asked for on every turn."""
    logger.exception("The status of %s could not be read.", job.pk)
    silence = Unreachable(_("The provider's answer could not be read."))
    await ctx.database.run(record_silence, job, silence, ctx.clock(), ctx.timing, asked_at)


def record_status(
    job: Job,
    status: TaskStatus,
    now: datetime,
    timing: Timing,
    asked_at: datetime | None = None,
) -> None:
    """Move on a job whose items all ended; otherwise say when to ask next.

    `asked_at` is when the question was sent: a webhook that came after it calls for another.
    """
    # Whatever became of the job meanwhile: what its task cost is known from here alone.
    note_charge(job, job.remote_id, status.charged)
    if status.is_final and _may_list_more(job, status):
        wait = poll_interval(_age(job, now), job.pool.min_poll_seconds)
        _ask_again(job, now, wait, asked_at, remote_items=_described(status))
    elif status.is_final:
        _end_at_provider(job, status, now, timing)
    elif job.state == State.LOST:
        _count_probe(job, now, timing)
    elif _is_too_old(job, now):
        _lose(job, _("The provider did not finish in time."), now, timing, seen_running_at=now)
    else:
        wait = poll_interval(_age(job, now), job.pool.min_poll_seconds)
        _ask_again(
            job,
            now,
            wait,
            asked_at,
            seen_running_at=now,
            step_failures=0,
            error_code="",
        )


def record_not_found(
    job: Job,
    failure: NotFound,
    now: datetime,
    timing: Timing,
    asked_at: datetime | None = None,
) -> None:
    """The provider answers that there is no such task.

    It may not know yet what it took a moment ago, so a running one is asked for twice more, half a
    minute in all; then for a day, without a slot.
    """
    if job.state == State.LOST:
        _count_probe(job, now, timing)
        return
    denials = job.step_failures + 1 if job.error_code == _DENIED else 1
    if denials >= MOST_DENIALS or _is_too_old(job, now):
        _lose(job, failure.message, now, timing)
        return
    wait = max(job.pool.min_poll_seconds, back_off(denials - 1, first=timing.not_found, most=60.0))
    _ask_again(
        job,
        now,
        wait,
        asked_at,
        step_failures=denials,
        error_code=_DENIED,
    )


def record_silence(
    job: Job,
    failure: ProviderError,
    now: datetime,
    timing: Timing,
    asked_at: datetime | None = None,
) -> None:
    """No usable answer: ask later. A lost job's day of answered probes does not run on."""
    if job.state == State.RUNNING and _is_too_old(job, now):
        _lose(job, failure.message, now, timing)
        return
    longest = timing.lost_probe if job.state == State.LOST else 60.0
    wait = max(job.pool.min_poll_seconds, back_off(job.step_failures, first=1.0, most=longest))
    _ask_again(
        job,
        now,
        wait,
        asked_at,
        step_failures=min(job.step_failures + 1, 1000),
        error_code="" if job.error_code == _DENIED else job.error_code,
    )


def _ask_again(
    job: Job, now: datetime, wait: float, asked_at: datetime | None, **changes: Any
) -> None:
    """Set the next question; earlier if the provider called while this one was under way."""
    due_at = now + seconds(wait)
    with changing(job):
        if not advance(job, job.state, job.state, due_at=due_at, **changes):
            return
        if has_webhooks(job.account):
            called_at = called_for(job, since=asked_at or now)
            if called_at is not None and called_at < due_at:
                move(job, job.state, due_at=due_when_called(called_at, now))


@transaction.atomic
def _end_at_provider(job: Job, status: TaskStatus, now: datetime, timing: Timing) -> None:
    lock(job)
    items = _described(status)
    if any(item.state is ItemState.SUCCEEDED for item in status.items):
        advance(
            job,
            job.state,
            State.COLLECTING,
            at=now,
            slot=None,
            lease_until=None,
            due_at=now,
            remote_items=items,
            remote_ended_at=now,
            step_failures=0,
            trace_id=status.trace_id,
        )
        return
    first = status.items[0]
    attempts = Attempt.objects.filter(job=job, remote_id=job.remote_id)
    attempts.update(error_code=first.error_code[:40] or "all_failed", error=first.error[:300])
    if _may_run_again(job, status):
        _run_again(job, first, status.trace_id, now, timing)
        return
    ended = end_job(
        job,
        job.state,
        State.FAILED,
        at=now,
        remote_items=items,
        remote_ended_at=now,
        error_code=first.error_code[:40] or "all_failed",
        error=(first.error or _("The provider could not make these pictures."))[:300],
        trace_id=status.trace_id,
    )
    if ended:
        for index, item in enumerate(status.items):
            Output.objects.filter(job=job, index=index).update(
                remote_id=item.remote_id[:80],
                error_code=item.error_code[:40],
                error=item.error[:300],
            )


def _described(status: TaskStatus) -> list[dict[str, Any]]:
    """The items as the job keeps them."""
    return [{**asdict(item), "state": item.state.value} for item in status.items]


def _may_list_more(job: Job, status: TaskStatus) -> bool:
    """Whether items are missing that may be listed yet: they are asked for once more, not for ever.

    ASSUMED: SellerPic's pages do not say whether all items are listed from the start.
    """
    is_short = len(status.items) < job.expected_outputs and not status.lists_all
    return is_short and not job.remote_items


def _may_run_again(job: Job, status: TaskStatus) -> bool:
    """Whether another task costs nobody anything and may fare better."""
    if not status.may_run_again or status.charged or job.discard_requested_at is not None:
        return False
    return _failed_runs(job) < MOST_RUNS


def _failed_runs(job: Job) -> int:
    """Tasks of the job that ended without a result."""
    accepted = Attempt.objects.filter(job=job, outcome=Attempt.Outcome.ACCEPTED)
    return accepted.exclude(error_code="").count()


def _run_again(job: Job, failed: RemoteItem, trace_id: str, now: datetime, timing: Timing) -> None:
    """A new attempt under the same hold: see docs/decisions/0008."""
    pause = back_off(_failed_runs(job) - 1, first=timing.run_again, most=60.0)
    advance(
        job,
        job.state,
        State.READY,
        at=now,
        note=_("%(error)s Nothing was charged; it is tried again.") % {"error": failed.error},
        task=job.remote_id,
        trace_id=trace_id,
        slot=None,
        lease_until=None,
        due_at=now + seconds(pause),
        remote_id="",
        submitted_at=None,
        seen_running_at=None,
        remote_items=[],
        step_failures=0,
        lost_probes=0,
        error=failed.error[:300],
        error_code=failed.error_code[:40],
    )


def _lose(job: Job, why: str, now: datetime, timing: Timing, **changes: Any) -> None:
    advance(
        job,
        State.RUNNING,
        State.LOST,
        at=now,
        note=why,
        slot=None,
        due_at=now + seconds(timing.lost_probe),
        lost_probes=0,
        step_failures=0,
        error=why[:300],
        **changes,
    )


@transaction.atomic
def _count_probe(job: Job, now: datetime, timing: Timing) -> None:
    # A webhook brings a question forward, but the day of answers does not pass more quickly.
    called_at = called_for(job, since=job.due_at) if has_webhooks(job.account) else None
    is_called = called_at is not None and called_at <= now
    probes = job.lost_probes + (0 if is_called else 1)
    if probes < timing.lost_probes:
        advance(
            job,
            State.LOST,
            State.LOST,
            due_at=now + seconds(timing.lost_probe),
            lost_probes=probes,
            step_failures=0,
        )
        return
    ended = end_job(
        job,
        State.LOST,
        State.FAILED,
        at=now,
        lost_probes=probes,
        error_code="lost",
        error=_("The provider did not finish within a day. The credits were returned."),
    )
    if ended:
        Attempt.objects.filter(job=job, number=job.attempt_count).update(suspected_cost=job.price)


def _age(job: Job, now: datetime) -> float:
    return (now - (job.submitted_at or job.created_at)).total_seconds()


def _is_too_old(job: Job, now: datetime) -> bool:
    return _age(job, now) > job.pool.max_task_seconds
