"""A worker killed by SIGKILL at every point of a job: the job ends, and is paid for once."""

import signal

import pytest

from generation.models import Attempt, Output
from generation.services import resolve_unknown
from teams.ledger_check import find_differences
from tests.engine.conftest import spent, wait_for_state
from tests.factories import launch_swap, owner_of


def kill_worker_at(point, job, start_worker):
    worker = start_worker(die_at=point)
    assert worker.wait(timeout=40) == -signal.SIGKILL
    job.refresh_from_db()
    return job


@pytest.mark.parametrize(
    ("point", "state_then", "outputs_then"),
    [
        ("preparing", "preparing", 0),
        ("uploaded", "preparing", 0),
        ("polled", "running", 0),
        ("stored", "collecting", 0),
        ("collected", "collecting", 0),
        ("settling", "collecting", 0),
    ],
)
def test_a_killed_worker_costs_time_only(
    sandbox, start_worker, start_engine, team, point, state_then, outputs_then
):
    job = kill_worker_at(point, launch_swap(team, model=sandbox.model()), start_worker)
    assert job.state == state_then
    assert Output.objects.filter(job=job, state="delivered").count() == outputs_then
    assert spent(team) == (100, 4)

    start_engine()

    job = wait_for_state(job, "succeeded")
    assert spent(team) == (96, 0)
    assert list(find_differences()) == []
    assert Attempt.objects.filter(job=job).count() == 1
    assert sandbox.stats()["submits"] == 1
    assert Output.objects.filter(job=job, state="delivered").count() == 2


@pytest.mark.parametrize(("point", "posts_then"), [("claimed", 0), ("answered", 1)])
def test_a_submit_that_died_is_in_doubt_and_never_repeated_by_itself(
    sandbox, start_worker, start_engine, team, point, posts_then
):
    """Nobody can tell the two points apart from the rows, so both wait for a person."""
    job = kill_worker_at(point, launch_swap(team, model=sandbox.model()), start_worker)
    assert (job.state, job.slot) == ("submitting", 0)
    assert sandbox.stats()["submits"] == posts_then

    start_engine()

    job = wait_for_state(job, "unknown")
    assert sandbox.stats()["submits"] == posts_then
    assert spent(team) == (100, 4)

    resolve_unknown(job=job, by=owner_of(team), action="run_again")

    job = wait_for_state(job, "succeeded")
    assert spent(team) == (96, 0)
    assert list(find_differences()) == []
    assert Attempt.objects.filter(job=job).count() == 2
    assert sandbox.stats()["submits"] == posts_then + 1


def test_a_worker_that_is_asked_to_stop_stores_the_answer_of_its_submit(
    sandbox, start_worker, start_engine, team
):
    sandbox.plan("slow", seconds=2)
    job = launch_swap(team, model=sandbox.model())
    worker = start_worker()
    wait_for_state(job, "submitting")

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=20) == 0
    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("running", sandbox.stats()["tasks"][0]["id"])
    start_engine()
    wait_for_state(job, "succeeded")
    assert spent(team) == (96, 0)
