"""Re-derives from the rows what died with a process or waited long enough. Runs every few seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from generation.engine.context import logger
from generation.engine.timing import Timing, seconds
from generation.models import Attempt, Job, State
from generation.transitions import advance, end_job, record_event

RETRY_UP_TO_CREDITS = 10
"""With the policy `retry` an unanswered submit is made once more up to this price."""

_AT_ONCE = 200


def sweep_jobs(now: datetime, timing: Timing) -> None:
    """One round of every rule that follows from time alone. A row that fails stops no other."""
    _requeue_abandoned_preparations(now)
    _doubt_abandoned_submits(now)
    adopt_known_tasks(now)
    _settle_unknown(now, timing)
    _end_silent(now, timing)
    _return_old_holds(now, timing)


def void_leases(now: datetime) -> None:
    """Take over from an engine that is gone: its preparations and collections start again at once.

    Doing either twice is free. Submits keep their leases, since their POST may still be under way.
    """
    for job in Job.objects.unfinished().filter(
        state__in=[State.PREPARING, State.COLLECTING], lease_until__gt=now
    ):
        Job.objects.move(job, job.state, lease_until=now)


def adopt_known_tasks(now: datetime, only: UUID | None = None) -> None:
    """A late answer wrote its task id on the attempt: the task is polled after all.

    That saves a job that is to be sent once more its second task, of all jobs or of `only` that
    one. An id that another job has is nobody's proof; such a job stays as it is.
    """
    # A job whose task failed for free waits for another one, too; that task is told from a late one
    # by its error.
    late = Attempt.objects.filter(
        job=OuterRef("pk"),
        number=OuterRef("attempt_count"),
        outcome=Attempt.Outcome.ACCEPTED,
        error_code="",
    )
    latest = Attempt.objects.filter(job=OuterRef("pk"), number=OuterRef("attempt_count"))
    known = (
        Job.objects.unfinished()
        .filter(Q(state=State.UNKNOWN) | Q(Exists(late), state=State.READY, attempt_count__gt=0))
        .annotate(task=Subquery(latest.values("remote_id")[:1]))
        .exclude(task="")
        .exclude(task=None)
        .exclude(Exists(Job.objects.filter(pool=OuterRef("pool"), remote_id=OuterRef("task"))))
    )

    def adopt(job: Job) -> None:
        moved = advance(
            job,
            job.state,
            State.RUNNING if job.slot is not None else State.LOST,
            at=now,
            note=_("The provider's answer came late."),
            remote_id=job.task,  # type: ignore[attr-defined]
            due_at=now,
            step_failures=0,
            error="",
            error_code="",
        )
        if moved:  # What was suspected when it was to be sent once more.
            Attempt.objects.filter(job=job, number=job.attempt_count).update(suspected_cost=0)

    _each(known if only is None else known.filter(pk=only), adopt)


def _requeue_abandoned_preparations(now: datetime) -> None:
    def requeue(job: Job) -> None:
        advance(job, State.PREPARING, State.QUEUED, at=now, lease_until=None, due_at=now)

    _each(Job.objects.unfinished().filter(state=State.PREPARING, lease_until__lte=now), requeue)


def _doubt_abandoned_submits(now: datetime) -> None:
    """The process that sent it died, or hung beyond every time-out: the POST may have been taken."""
    why = _("The answer was lost when the worker stopped.")

    def doubt(job: Job) -> None:
        moved = advance(
            job,
            State.SUBMITTING,
            State.UNKNOWN,
            at=now,
            note=why,
            lease_until=None,
            due_at=now + seconds(job.pool.max_task_seconds),
            error=why,
        )
        if moved:
            Attempt.objects.filter(
                job=job, number=job.attempt_count, outcome=Attempt.Outcome.STARTED
            ).update(outcome=Attempt.Outcome.UNKNOWN, error=why, ended_at=now)

    _each(Job.objects.unfinished().filter(state=State.SUBMITTING, lease_until__lte=now), doubt)


def _settle_unknown(now: datetime, timing: Timing) -> None:
    """Once the task must have ended its slot is freed, and the policy speaks; a day later it is over.

    `ask` waits for a person, `retry` sends cheap jobs once more, `release` returns the credits.
    """
    policy = settings.UNKNOWN_OUTCOME_POLICY

    def settle(job: Job) -> None:
        doubts = Attempt.objects.filter(job=job, outcome=Attempt.Outcome.UNKNOWN).count()
        started = job.submitted_at or job.created_at
        is_wanted = job.discard_requested_at is None
        if policy == "retry" and is_wanted and doubts == 1 and job.price <= RETRY_UP_TO_CREDITS:
            _suspect_cost(job)
            advance(
                job,
                State.UNKNOWN,
                State.READY,
                at=now,
                note=_("Sent again: the first answer never came."),
                slot=None,
                due_at=now,
            )
        elif policy == "release" or now - started >= seconds(timing.unknown_age):
            ended = end_job(
                job,
                State.UNKNOWN,
                State.FAILED,
                at=now,
                error_code="unknown",
                error=_("The provider never answered. The credits were returned."),
            )
            if ended:
                _suspect_cost(job)
        else:
            had_slot = job.slot is not None
            due_at = started + seconds(timing.unknown_age)
            if advance(job, State.UNKNOWN, State.UNKNOWN, slot=None, due_at=due_at) and had_slot:
                note = _("Its place at the provider is free again: a task would have ended by now.")
                record_event(job, before=State.UNKNOWN, note=note, at=now)

    _each(Job.objects.unfinished().filter(state=State.UNKNOWN, due_at__lte=now), settle)


def _end_silent(now: datetime, timing: Timing) -> None:
    """A provider that answers no probe for a week is gone for good, and its tasks with it."""
    start = now - seconds(timing.hold_age)
    silent = Job.objects.filter(
        Q(submitted_at__lte=start) | Q(submitted_at=None, created_at__lte=start), state=State.LOST
    )

    def end(job: Job) -> None:
        ended = end_job(
            job,
            State.LOST,
            State.FAILED,
            at=now,
            error_code="lost",
            error=_("The provider was silent for a week. The credits were returned."),
        )
        if ended:
            _suspect_cost(job)

    _each(silent, end)


def _return_old_holds(now: datetime, timing: Timing) -> None:
    """A job that nobody could send for a week gives its credits back."""
    waiting = Job.objects.unfinished().filter(
        state__in=[State.QUEUED, State.READY], created_at__lte=now - seconds(timing.hold_age)
    )

    def give_back(job: Job) -> None:
        end_job(
            job,
            job.state,
            State.FAILED,
            at=now,
            error_code="waited_too_long",
            error=_("The provider took no jobs for a week. The credits were returned."),
        )

    _each(waiting, give_back)


def _suspect_cost(job: Job) -> None:
    Attempt.objects.filter(job=job, number=job.attempt_count).update(suspected_cost=job.price)


def _each(jobs: QuerySet[Job], step: Callable[[Job], None]) -> None:
    """Take the step for every job, each in a transaction of its own; one that fails is logged."""
    for job in list(jobs.select_related("pool", "team").order_by(F("due_at"))[:_AT_ONCE]):
        try:
            with transaction.atomic():
                step(job)
        except (OperationalError, InterfaceError):
            raise  # The database is away: the next row would fare the same.
        except Exception:
            logger.exception("Sweeping %s failed.", job.pk)
