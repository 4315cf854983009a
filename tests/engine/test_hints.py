"""A task that is named late: by a call or by its own answer, while the job moved on meanwhile."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError
from django.utils.timezone import now

from generation.engine import hints
from generation.engine.context import Context
from generation.engine.hints import hinted_jobs
from generation.engine.poll import due_polls, poll_job
from generation.engine.sweep import sweep_jobs
from generation.engine.threads import Threads
from generation.engine.timing import Timing
from generation.models import Attempt, Job
from generation.providers.base import TaskStatus
from generation.services import resolve_unknown
from generation.transitions import advance
from tests.engine.conftest import spent
from tests.engine.fashn import launch_fashn
from tests.factories import make_photo, make_product, make_team, owner_of

TIMING = Timing()
LONGEST = 1800
"""Seconds that a task at FASHN may take."""


class Here:
    """Runs what threads would run where it is called."""

    async def run(self, call, *args, **kwargs):
        return await sync_to_async(call)(*args, **kwargs)


class Knows:
    """A provider that knows every task, and answers once something else has happened."""

    def __init__(self, meanwhile=lambda: None):
        self.meanwhile = meanwhile
        self.asked = []

    async def status(self, remote_id):
        self.asked.append(remote_id)
        await sync_to_async(self.meanwhile)()
        return TaskStatus((), remote_id, charged=2)


@pytest.fixture
def team(transactional_db):
    return make_team(credits_=100)


@pytest.fixture
def job(team):
    """An unknown job in slot 0, whose task a webhook named."""
    photo = make_photo(make_product(team), size=(240, 300), with_renditions=False)
    job = launch_fashn(team, photo=photo)
    assert advance(job, "queued", "submitting", slot=0, attempt_count=1, submitted_at=now())
    Attempt.objects.create(
        job=job,
        number=1,
        request_hash="x",
        outcome="unknown",
        hinted_remote_id="task-1",
        hint_due_at=now(),
    )
    assert advance(job, "submitting", "unknown", due_at=now() + timedelta(seconds=LONGEST))
    return job


def fresh(job):
    return Job.objects.select_related("pool", "account", "team").get(pk=job.pk)


def look(provider):
    """The engine asks about the one job that is due."""
    ctx = Context(
        clock=now,
        timing=TIMING,
        database=cast(Threads, Here()),
        slow=cast(Threads, Here()),
        files=cast(Threads, Here()),
        connect=lambda account: provider,
        scratch=Path("/tmp"),  # noqa: S108 - nothing is written
        reached=lambda point, job_id: None,
        wake=lambda: None,
    )
    [job] = due_polls(now()).jobs
    asyncio.run(poll_job(ctx, job))


def last_event(job):
    event = job.events.last()
    return event.before, event.state, event.remote_id, event.note


# --- While the provider is asked ---------------------------------------------------------------


def test_a_slot_that_is_freed_meanwhile_does_not_lose_the_named_task(job):
    look(Knows(lambda: sweep_jobs(now() + timedelta(seconds=LONGEST + 1), TIMING)))

    job = fresh(job)
    assert (job.state, job.slot, job.remote_id) == ("lost", None, "task-1")
    attempt = job.attempts.get()
    assert (attempt.outcome, attempt.remote_id, attempt.hinted_remote_id) == (
        "accepted",
        "task-1",
        "",
    )
    assert attempt.provider_charged == 2


def test_a_job_that_is_given_up_meanwhile_stays_so(team, job):
    look(Knows(lambda: resolve_unknown(job=fresh(job), by=owner_of(team), action="give_up")))

    job = fresh(job)
    assert (job.state, job.error_code, job.remote_id) == ("failed", "given_up", "")
    assert job.attempts.get().remote_id == ""
    assert spent(team) == (100, 0)


def test_a_job_that_was_sent_again_meanwhile_does_not_get_the_first_task(team, job):
    def send_again():
        moved = fresh(job)
        resolve_unknown(job=moved, by=owner_of(team), action="run_again")
        assert advance(moved, "ready", "submitting", slot=1, attempt_count=2)
        Attempt.objects.create(job=moved, number=2, request_hash="x", outcome="unknown")
        assert advance(moved, "submitting", "unknown")

    look(Knows(send_again))

    job = fresh(job)
    assert (job.state, job.remote_id, job.attempt_count) == ("unknown", "", 2)
    assert list(job.attempts.values_list("remote_id", flat=True)) == ["", ""]


def test_a_failure_of_another_kind_does_not_pass_for_another_jobs_task(job, monkeypatch, caplog):
    def refuse(*args, **changes):
        raise IntegrityError("generation_job_slot_fits_state")

    monkeypatch.setattr(hints, "advance", refuse)
    at = now()

    look(Knows())

    job = fresh(job)
    attempt = job.attempts.get()
    assert (job.state, attempt.hinted_remote_id) == ("unknown", "task-1")
    assert attempt.hint_due_at is not None
    assert attempt.hint_due_at >= at + timedelta(seconds=29)
    assert hinted_jobs(at + timedelta(seconds=25)) == []
    assert "another job's" not in caplog.text


# --- Once a person had it sent again -----------------------------------------------------------


def test_a_task_that_is_named_before_the_job_is_sent_again_saves_the_second_one(team, job):
    resolve_unknown(job=job, by=owner_of(team), action="run_again")
    assert job.attempts.get().suspected_cost == 2
    provider = Knows()

    look(provider)

    job = fresh(job)
    assert provider.asked == ["task-1"]
    assert (job.state, job.remote_id, job.attempt_count) == ("lost", "task-1", 1)
    assert job.attempts.get().suspected_cost == 0
    assert last_event(job) == (
        "ready",
        "lost",
        "task-1",
        "The provider called and named the task.",
    )
    assert spent(team) == (100, 2)
    assert due_polls(now()).jobs == [job]


def test_an_answer_before_the_job_is_sent_again_saves_the_second_one(team, job):
    resolve_unknown(job=job, by=owner_of(team), action="run_again")
    Attempt.objects.update(remote_id="task-1", outcome="accepted", hinted_remote_id="")

    sweep_jobs(now(), TIMING)

    job = fresh(job)
    assert (job.state, job.remote_id, job.attempt_count) == ("lost", "task-1", 1)
    assert job.attempts.get().suspected_cost == 0
    assert last_event(job)[3] == "The provider's answer came late."
    assert due_polls(now()).jobs == [job]


def test_a_task_that_failed_for_free_is_not_taken_for_a_late_one(job):
    assert advance(job, "unknown", "ready", slot=None)
    Attempt.objects.update(remote_id="task-1", outcome="accepted", error_code="PipelineError")

    sweep_jobs(now(), TIMING)

    assert fresh(job).state == "ready"


# --- The slot of an unknown job ----------------------------------------------------------------


def test_the_history_tells_once_that_the_slot_of_an_unknown_job_was_freed(job):
    at = now() + timedelta(seconds=LONGEST + 1)
    sweep_jobs(at, TIMING)
    sweep_jobs(at + timedelta(seconds=1), TIMING)

    job = fresh(job)
    assert (job.state, job.slot) == ("unknown", None)
    assert last_event(job) == (
        "unknown",
        "unknown",
        "",
        "Its place at the provider is free again: a task would have ended by now.",
    )
    assert job.events.filter(before="unknown", state="unknown").count() == 1
