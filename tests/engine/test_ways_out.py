"""Every unfinished state has a way out: when nobody answers, when answers are odd, when rows are."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from asgiref.sync import sync_to_async
from django.utils.timezone import now

from generation.engine import sweep
from generation.engine.context import Context
from generation.engine.poll import due_polls, poll_job
from generation.engine.prepare import _set_ready, _wait
from generation.engine.sweep import sweep_jobs
from generation.engine.threads import Threads
from generation.engine.timing import Timing
from generation.models import Attempt, Job, Pool, ProviderAccount
from generation.providers.base import ItemState, RemoteItem, TaskStatus
from generation.providers.errors import Busy, NotTaken
from generation.transitions import advance
from tests.engine.conftest import spent
from tests.factories import launch_swap, make_presets, make_team

TIMING = Timing(poll=0.05)


class Here:
    """Runs what threads would run where it is called."""

    async def run(self, call, *args, **kwargs):
        return await sync_to_async(call)(*args, **kwargs)


def context(client):
    return Context(
        clock=now,
        timing=TIMING,
        database=cast(Threads, Here()),
        slow=cast(Threads, Here()),
        files=cast(Threads, Here()),
        connect=lambda account: client,
        scratch=Path("/tmp"),  # noqa: S108 - nothing is written
        reached=lambda point, job_id: None,
        wake=lambda: None,
    )


@pytest.fixture
def team(transactional_db):
    return make_team(credits_=100)


@pytest.fixture
def model(team):
    return make_presets(1)[0]


def make_running(job, slot=0, remote_id="900"):
    assert advance(job, "queued", "submitting", slot=slot, attempt_count=1, submitted_at=now())
    Attempt.objects.create(job=job, number=1, request_hash="x", outcome="accepted")
    assert advance(job, "submitting", "running", remote_id=remote_id, due_at=now())
    return Job.objects.select_related("pool", "account", "team").get(pk=job.pk)


def make_unknown(job, slot, task):
    assert advance(job, "queued", "submitting", slot=slot, attempt_count=1, submitted_at=now())
    Attempt.objects.create(job=job, number=1, request_hash="x", outcome="accepted", remote_id=task)
    assert advance(job, "submitting", "unknown", due_at=now() + timedelta(hours=1))
    return job


# --- Polls ------------------------------------------------------------------------------------


class Odd:
    """A provider whose status call does something that nobody foresaw."""

    def __init__(self, answer):
        self.answer = answer

    async def status(self, remote_id):
        return await self.answer()


async def explode():
    raise KeyError("resultList")


async def hang():
    await asyncio.sleep(30)


async def say_what_cannot_be_stored():
    return TaskStatus((RemoteItem("1", ItemState.SUCCEEDED, error=cast(str, object())),))


@pytest.mark.parametrize("answer", [explode, hang, say_what_cannot_be_stored])
def test_a_poll_that_goes_wrong_in_an_unforeseen_way_counts_as_silence(team, model, answer):
    job = make_running(launch_swap(team, model=model))

    asyncio.run(poll_job(context(Odd(answer)), job))

    job.refresh_from_db()
    assert (job.state, job.step_failures) == ("running", 1)
    assert job.due_at > now()
    assert due_polls(now())[0] == []


def test_a_task_that_only_ever_brings_surprises_is_lost_when_its_time_is_over(team, model):
    job = make_running(launch_swap(team, model=model))
    Job.objects.update(submitted_at=now() - timedelta(seconds=901))
    job.refresh_from_db()
    job = Job.objects.select_related("pool", "account", "team").get(pk=job.pk)

    asyncio.run(poll_job(context(Odd(explode)), job))

    job.refresh_from_db()
    assert (job.state, job.slot) == ("lost", None)


# --- The sweep --------------------------------------------------------------------------------


def test_a_lost_job_of_a_provider_that_is_gone_for_good_ends_after_a_week(team, model):
    job = make_running(launch_swap(team, model=model))
    assert advance(job, "running", "lost", slot=None)
    start = job.submitted_at

    sweep_jobs(start + timedelta(days=6, hours=23), TIMING)
    job.refresh_from_db()
    assert job.state == "lost"
    sweep_jobs(start + timedelta(days=7), TIMING)

    job.refresh_from_db()
    assert (job.state, job.error_code, job.captured) == ("failed", "lost", 0)
    assert spent(team) == (100, 0)
    assert Attempt.objects.get(job=job).suspected_cost == 4


def test_a_task_id_on_the_attempt_that_another_job_has_is_not_adopted(team, model, caplog):
    make_running(launch_swap(team, model=model), remote_id="900")
    job = make_unknown(launch_swap(team, model=model), 1, "900")
    other = make_unknown(launch_swap(team, model=model), 2, "901")

    sweep_jobs(now(), TIMING)

    job.refresh_from_db()
    other.refresh_from_db()
    assert (job.state, job.remote_id) == ("unknown", "")
    assert (other.state, other.remote_id) == ("running", "901")
    assert caplog.records == []


def test_two_unknown_jobs_with_one_task_id_stop_nobody_else(team, model, caplog):
    twins = [make_unknown(launch_swap(team, model=model), n, "900") for n in (0, 1)]
    old = launch_swap(team, model=model)
    Job.objects.filter(pk=old.pk).update(created_at=now() - timedelta(days=8))

    sweep_jobs(now(), TIMING)

    states = sorted(Job.objects.get(pk=job.pk).state for job in twins)
    assert states == ["running", "unknown"]
    old.refresh_from_db()
    assert old.state == "failed"
    assert [str(record.args[0]) for record in caplog.records] == [
        str(job.pk) for job in twins if Job.objects.get(pk=job.pk).state == "unknown"
    ]


def test_one_bad_row_does_not_stop_the_sweep_of_the_others(team, model, monkeypatch, caplog):
    bad, good = (launch_swap(team, model=model) for _ in range(2))
    for job in (bad, good):
        assert advance(job, "queued", "preparing", lease_until=now())

    def advance_all_but_one(job, *args, **kwargs):
        if job == bad:
            raise ValueError("a row that nobody foresaw")
        return advance(job, *args, **kwargs)

    monkeypatch.setattr(sweep, "advance", advance_all_but_one)
    sweep_jobs(now() + timedelta(seconds=1), TIMING)

    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.state, bad.state) == ("queued", "preparing")
    assert str(bad.pk) in caplog.text


# --- Preparing --------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Busy("full"), NotTaken("slow down", retry_after=20)])
def test_an_upload_that_is_asked_to_wait_pauses_the_pool(team, model, failure):
    job = launch_swap(team, model=model)
    assert advance(job, "queued", "preparing", lease_until=now())
    at = now()

    _wait(job, failure, at)

    pool = Pool.objects.get(name="general")
    assert pool.busy_until is not None
    assert pool.busy_until >= at + timedelta(seconds=failure.retry_after or 2)
    assert (job.state, job.step_failures) == ("queued", 0)
    assert ProviderAccount.objects.get(pk=pool.account_id).closed_until is None


@pytest.mark.parametrize(("attempts", "left"), [(0, 0), (1, 2)])
def test_failures_of_a_preparation_are_forgotten_before_the_first_submit_only(
    team, model, attempts, left
):
    job = launch_swap(team, model=model)
    assert advance(job, "queued", "preparing", step_failures=2, attempt_count=attempts)

    _set_ready(job, {}, now())

    job.refresh_from_db()
    assert (job.state, job.step_failures) == ("ready", left)
