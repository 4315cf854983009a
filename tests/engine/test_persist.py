"""A database that fails for a moment while an answer is written: nothing certain becomes unknown."""

import asyncio
import logging

import pytest
from django.db import OperationalError, connection
from django.utils.timezone import now

from generation.engine.claims import claim_to_submit
from generation.engine.context import Context
from generation.engine.submit import submit_job
from generation.engine.threads import Threads
from generation.engine.timing import Timing
from generation.models import Attempt, Job, JobInput, ProviderFile
from generation.providers.base import Submitted
from generation.providers.errors import Busy, ProviderError, Refused
from generation.transitions import advance, end_job
from tests.engine.conftest import spent
from tests.factories import launch_swap, make_photo, make_product

TIMING = Timing()


class Provider:
    """Answers every submit the same way."""

    def __init__(self, answer):
        self.answer = answer
        self.submits = 0

    async def submit(self, order):
        self.submits += 1
        if isinstance(self.answer, ProviderError):
            raise self.answer
        return self.answer

    async def aclose(self):
        """Nothing is open."""


class FailingOnce:
    """Runs the first update of a job and then reports that the database is gone."""

    def __init__(self, error):
        self.error = error
        self.failed = 0

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith('UPDATE "generation_job"') and not self.failed:
            self.failed += 1
            raise self.error
        return result


@pytest.fixture
def claimed(team):
    photo = make_photo(make_product(team), size=(240, 300), with_renditions=False)
    job = launch_swap(team, photo=photo)
    assert advance(job, "queued", "preparing", lease_until=now())
    assert advance(job, "preparing", "ready", lease_until=None, due_at=now())
    ProviderFile.objects.create(account=job.account, sha256="a" * 64, file_key="KEY")
    JobInput.objects.filter(job=job, asset__isnull=False).update(file_key="KEY")
    [claimed] = claim_to_submit(now(), TIMING)
    return claimed


def submit(claimed, provider, failure, scratch):
    """Submit as the engine does, with the failure in the one thread that writes."""

    async def run():
        ctx = Context(
            clock=now,
            timing=TIMING,
            database=Threads(1, "persist-db"),
            slow=Threads(1, "persist-slow"),
            files=Threads(1, "persist-files"),
            connect=lambda _account: provider,
            scratch=scratch,
            reached=lambda _point, _job: None,
            wake=lambda: None,
        )
        await ctx.database.run(lambda: connection.execute_wrappers.append(failure))
        try:
            await submit_job(ctx, claimed)
        finally:
            await asyncio.to_thread(ctx.database.close)
            await asyncio.to_thread(ctx.slow.close)
            await asyncio.to_thread(ctx.files.close)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "state", "outcome", "remote_id", "held"),
    [
        (Submitted("900"), "running", "accepted", "900", 4),
        (Busy("All places are taken."), "ready", "not_taken", "", 4),
        (Refused("Not a person."), "failed", "refused", "", 0),
    ],
)
def test_a_certain_answer_stays_certain_when_the_first_write_is_rolled_back(
    claimed, team, tmp_path, answer, state, outcome, remote_id, held
):
    provider, failure = Provider(answer), FailingOnce(OperationalError("gone"))

    submit(claimed, provider, failure, tmp_path)

    assert failure.failed == 1
    assert provider.submits == 1
    job = Job.objects.get()
    assert (job.state, job.remote_id) == (state, remote_id)
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.remote_id) == (outcome, remote_id)
    assert spent(team) == (100, held)
    assert job.events.filter(state=state).count() == (2 if state == "ready" else 1)


def test_an_answer_that_cannot_be_written_is_in_the_log_and_harms_nothing_else(
    claimed, team, tmp_path, caplog
):
    caplog.set_level(logging.INFO, logger="generation.engine")
    failure = FailingOnce(ValueError("broken"))

    submit(claimed, Provider(Submitted("900")), failure, tmp_path)

    assert Job.objects.get().state == "submitting"
    assert Attempt.objects.get().outcome == "started"
    assert f"Job {claimed.job.pk} is task 900 at the provider." in caplog.messages
    assert f"The answer for {claimed.job.pk} could not be written: 900." in caplog.messages
    assert spent(team) == (100, 4)


@pytest.mark.parametrize("ends", [False, True])
def test_a_move_that_is_rolled_back_leaves_the_job_as_its_row(claimed, team, ends):
    job = claimed.job
    before = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}

    def fail(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "generation_jobevent"'):
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(OperationalError):
        if ends:
            end_job(job, "submitting", "failed", error="Over.")
        else:
            advance(job, "submitting", "running", remote_id="900", lease_until=None)

    assert before == {
        field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields
    }
    assert advance(job, "submitting", "running", remote_id="900", lease_until=None)
