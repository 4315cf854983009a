"""A worker killed by SIGKILL at every point of a job at FASHN: it ends, and is paid for once."""

import pytest

from generation.models import Attempt
from generation.services import resolve_unknown
from teams.ledger_check import find_differences
from tests.engine.conftest import spent, wait_for_state
from tests.engine.fashn import launch_fashn
from tests.engine.test_crashes import kill_worker_at
from tests.factories import owner_of


@pytest.mark.parametrize(
    ("point", "state_then"),
    [
        ("preparing", "preparing"),
        ("polled", "running"),
        ("stored", "collecting"),
        ("settling", "collecting"),
    ],
)
def test_a_killed_worker_costs_time_only(
    sandbox, start_worker, start_engine, team, point, state_then
):
    job = kill_worker_at(point, launch_fashn(team), start_worker)
    assert job.state == state_then
    assert spent(team) == (100, 2)

    start_engine()

    job = wait_for_state(job, "succeeded")
    assert spent(team) == (98, 0)
    assert list(find_differences()) == []
    assert job.attempts.get().provider_charged == 2
    assert len(sandbox.calls("submit")) == 1


@pytest.mark.parametrize(("point", "posts_then"), [("claimed", 0), ("answered", 1)])
def test_a_submit_that_died_is_in_doubt_and_never_repeated_by_itself(
    sandbox, start_worker, start_engine, team, point, posts_then
):
    job = kill_worker_at(point, launch_fashn(team), start_worker)
    assert (job.state, job.slot) == ("submitting", 0)

    start_engine()

    job = wait_for_state(job, "unknown")
    assert len(sandbox.calls("submit")) == posts_then
    assert spent(team) == (100, 2)
    resolve_unknown(job=job, by=owner_of(team), action="run_again")
    wait_for_state(job, "succeeded")
    assert spent(team) == (98, 0)
    assert list(Attempt.objects.values_list("suspected_cost", flat=True)) == [2, 0]
