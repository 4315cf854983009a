"""Steering jobs under way: cancelling, and settling what became of one that nobody answers for."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from generation.models import Attempt, Job, State
from generation.tasks import send_wake_hint
from generation.transitions import advance, end_job, lock, record_event
from teams.audit import record
from teams.models import User

_TASK = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""Digits at SellerPic, a UUID with a suffix at FASHN."""


class JobMoved(Exception):
    """The job is no longer in the state that the action needs; nothing was changed."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def cancel_job(*, job: Job, by: User) -> bool:
    """Stop a job, or have its results filed as discarded if it was sent already.

    True: it was stopped and costs nothing. False: the provider is (or may be) working on it, so it
    runs on and settles normally, its results marked as discarded; or it had ended before.
    """
    for _attempt in range(8):
        job.refresh_from_db()
        if job.is_finished or job.discard_requested_at is not None:
            return job.state == State.CANCELLED
        if job.is_cancellable:
            if end_job(job, job.state, State.CANCELLED, actor=by.email):
                return True
            continue
        with transaction.atomic():
            if Job.objects.move(job, job.state, discard_requested_at=now()):
                record_event(
                    job,
                    before=job.state,
                    note=_("The results are to be put aside."),
                    actor=by.email,
                )
                return False
    return False


def keep_results(*, job: Job, by: User) -> bool:
    """Take back the wish to have the results put aside. False: the job had ended before."""
    for _attempt in range(8):
        job.refresh_from_db()
        if job.is_finished:
            return False
        if job.discard_requested_at is None:
            return True
        with transaction.atomic():
            if Job.objects.move(job, job.state, discard_requested_at=None):
                record_event(
                    job,
                    before=job.state,
                    note=_("The results are kept after all."),
                    actor=by.email,
                )
                return True
    return False


def resolve_unknown(
    *,
    job: Job,
    by: User,
    action: Literal["run_again", "give_up", "paste_id"],
    remote_id: str = "",
    attempt: int | None = None,
) -> None:
    """Decide about a job whose submit got no answer, or give up one whose task is lost.

    "run_again" sends it once more under the same hold (the provider may bill both), "give_up" ends
    it and returns the credits, "paste_id" takes the task id from the provider's support: any task
    of the account, so that only an operator may be offered it. The engine asks the provider about
    the task first; one that it does not know changes nothing. `attempt` is the number of the submit
    that the person decides about: a second click, or another person's, must not decide about the
    next one. Raises JobMoved when the job no longer stands where the action applies, ValueError for
    an id that cannot be one.
    """
    remote_id = remote_id.strip()
    if action == "paste_id" and not _TASK.fullmatch(remote_id):
        raise ValueError(_("Paste the task id exactly as the provider gave it."))
    with transaction.atomic():
        lock(job)
        job.refresh_from_db()
        is_the_same = attempt in (None, job.attempt_count)
        if not (
            is_the_same and _applies(action, job.state) and _resolve(job, by, action, remote_id)
        ):
            raise JobMoved(_("This job has moved on in the meantime. Look at it again."))
        task = {"task": remote_id} if action == "paste_id" else {}
        record(
            team=job.team,
            actor=by,
            action="job.resolved",
            subject=str(job.pk),
            decision=action,
            **task,
        )
        transaction.on_commit(send_wake_hint, robust=True)


def _applies(action: str, state: str) -> bool:
    return state == State.UNKNOWN or (state == State.LOST and action == "give_up")


def _resolve(job: Job, by: User, action: str, remote_id: str) -> bool:
    attempts = Attempt.objects.filter(job=job, number=job.attempt_count)
    if action == "paste_id":
        if Job.objects.filter(pool=job.pool_id, remote_id=remote_id).exists():
            raise ValueError(_("Another job has this task id already."))
        record_event(
            job,
            before=job.state,
            note=_("Task id %(task)s given by hand; the provider is asked about it.")
            % {"task": remote_id},
            actor=by.email,
        )
        return bool(attempts.update(hinted_remote_id=remote_id, hint_due_at=now()))
    attempts.update(suspected_cost=job.price)
    if action == "run_again":
        return advance(
            job,
            State.UNKNOWN,
            State.READY,
            actor=by.email,
            note=_("Sent again on request."),
            slot=None,
            due_at=now() - timedelta(seconds=1),
            step_failures=0,
        )
    was_lost = job.state == State.LOST
    return end_job(
        job,
        job.state,
        State.FAILED,
        actor=by.email,
        error_code="given_up",
        error=_("The provider never finished. The credits were returned.")
        if was_lost
        else _("The provider never answered. The credits were returned."),
    )
