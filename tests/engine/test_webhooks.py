"""Calls of the provider over real HTTP: results at once, lost ids found again, nothing believed."""

from __future__ import annotations

import time

import pytest
from django.utils.timezone import now

from generation.models import Attempt, Job
from teams.ledger_check import find_differences
from tests.engine.conftest import spent, wait_for_state, wait_until
from tests.engine.fashn import launch_fashn

PAUSE = 60.0


@pytest.fixture
def called(sandbox, live_server, settings):
    """An installation that the provider can call, and that asks by itself once a minute only."""
    settings.WEBHOOK_BASE_URL = live_server.url
    settings.FASHN_MIN_POLL_SECONDS = PAUSE
    return sandbox


def test_a_call_brings_the_results_home_at_once(called, start_engine, team):
    start_engine()
    began = time.monotonic()
    job = wait_for_state(launch_fashn(team), "succeeded")

    assert time.monotonic() - began < PAUSE / 2
    attempt = job.attempts.get()
    [submit] = called.calls("submit")
    assert submit["query"]["webhook_url"].endswith(f"/hooks/fashn/{attempt.webhook_token}")
    assert len(attempt.webhook_token) >= 43
    assert len(called.calls("status")) == 1
    assert spent(team) == (98, 0)


def test_the_result_is_stored_right_after_the_call(called, start_engine, team):
    start_engine()
    job = wait_for_state(launch_fashn(team), "succeeded")

    told = job.attempts.get().hint_due_at
    assert told is not None
    assert job.finished_at is not None
    assert (job.finished_at - told).total_seconds() < 5, "well under a second on an idle machine"


def test_a_second_call_does_no_harm(called, start_engine, team):
    called.plan("duplicate", times=None)
    start_engine()

    job = wait_for_state(launch_fashn(team), "succeeded")

    assert job.attempts.count() == 1
    assert len(called.calls("status")) <= 2
    assert spent(team) == (98, 0)
    assert list(find_differences()) == []


def test_a_call_before_the_answer_is_not_forgotten(called, start_engine, team):
    called.plan("early")
    start_engine()
    began = time.monotonic()

    job = wait_for_state(launch_fashn(team), "succeeded")

    assert time.monotonic() - began < PAUSE / 2
    assert spent(team) == (98, 0)
    assert job.attempts.get().hinted_remote_id == job.remote_id


def test_asking_is_the_net_where_no_call_comes(called, start_engine, team, settings):
    settings.FASHN_MIN_POLL_SECONDS = 0.3
    called.plan("none", times=None)
    start_engine()

    wait_for_state(launch_fashn(team), "succeeded")

    assert spent(team) == (98, 0)


def test_a_call_names_the_task_of_a_lost_answer_and_nothing_is_sent_again(
    called, start_engine, team
):
    called.plan("lost_answer", provider="fashn")
    start_engine()

    job = wait_for_state(launch_fashn(team), "succeeded")

    assert [event.state for event in job.events.all()][-4:] == [
        "unknown",
        "running",
        "collecting",
        "succeeded",
    ]
    found = job.events.get(before="unknown")
    assert (found.note, found.remote_id) == (
        "The provider called and named the task.",
        job.remote_id,
    )
    attempt = job.attempts.get()
    assert (attempt.outcome, attempt.remote_id, attempt.provider_charged) == (
        "accepted",
        job.remote_id,
        2,
    )
    assert attempt.hinted_remote_id == ""
    assert len(called.calls("submit")) == 1
    assert spent(team) == (98, 0)
    assert list(find_differences()) == []


def hint(job, task):
    from generation.webhooks import take_hint

    token = job.attempts.get().webhook_token
    Attempt.objects.filter(job=job).update(hint_due_at=None)
    take_hint(token, f'{{"id": "{task}"}}'.encode())


def test_a_task_that_the_provider_does_not_know_is_no_proof(called, start_engine, team, caplog):
    called.plan("none", times=None)
    called.plan("lost_answer", provider="fashn")
    start_engine()
    job = wait_for_state(launch_fashn(team), "unknown")

    hint(job, "no-such-task")

    wait_until(lambda: job.attempts.get().hinted_remote_id == "")
    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("unknown", "")
    assert "may have is none of ours" in caplog.text
    assert spent(team) == (100, 2)


def test_a_task_of_another_job_is_no_proof(called, start_engine, team, caplog):
    start_engine()
    other = wait_for_state(launch_fashn(team), "succeeded")
    called.plan("none", times=None)
    called.plan("lost_answer", provider="fashn")
    job = wait_for_state(launch_fashn(team), "unknown")

    hint(job, other.remote_id)

    wait_until(lambda: job.attempts.get().hinted_remote_id == "")
    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("unknown", "")
    assert "another job's" in caplog.text


def test_a_provider_that_is_away_is_asked_about_the_named_task_later(
    called, start_engine, team, settings
):
    settings.FASHN_MIN_POLL_SECONDS = 0.3
    called.plan("none", times=None)
    called.plan("lost_answer", provider="fashn")
    start_engine()
    job = wait_for_state(launch_fashn(team), "unknown")
    task = called.calls("submit")[0]["task"]
    called.plan("bad_gateway", on="status", times=1)

    hint(job, task)

    wait_until(lambda: Attempt.objects.filter(job=job, hint_due_at__gt=now()).exists())
    attempt = job.attempts.get()
    assert attempt.hinted_remote_id == task
    assert Job.objects.get(pk=job.pk).state == "unknown"
    Attempt.objects.update(hint_due_at=job.submitted_at)

    wait_for_state(job, "succeeded")
    assert spent(team) == (98, 0)


def test_no_address_is_told_to_a_provider_that_calls_nobody(called, start_engine, team):
    job = launch_fashn(team, "segment_by_prompt", offer="sellerpic", prompt="the shirt")
    start_engine()

    wait_for_state(job, "succeeded")

    assert job.attempts.get().webhook_token == ""
