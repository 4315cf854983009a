"""How a task ends at the provider: fewer or more results than asked, free failures, its cost."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from generation.engine.collect import Result, finish_job
from generation.engine.poll import record_status
from generation.engine.timing import Timing
from generation.models import Attempt, Job
from generation.providers.base import ItemState, RemoteItem, TaskStatus
from generation.transitions import advance, end_job
from tests.engine.conftest import spent
from tests.factories import launch_swap, make_team

pytestmark = pytest.mark.django_db
TIMING = Timing(run_again=5)
GOOD, BAD = ItemState.SUCCEEDED, ItemState.FAILED


@pytest.fixture
def team(db):
    return make_team(credits_=100)


@pytest.fixture
def job(team):
    """A job whose task is running at the provider."""
    return taken(launch_swap(team), 1)


def taken(job, number):
    if number == 1:
        assert advance(job, "queued", "preparing")
        assert advance(job, "preparing", "ready")
    task = f"task-{number}"
    assert advance(job, "ready", "submitting", slot=0, attempt_count=number, submitted_at=now())
    Attempt.objects.create(
        job=job, number=number, request_hash="x", outcome="accepted", remote_id=task
    )
    assert advance(job, "submitting", "running", remote_id=task)
    return fresh(job)


def fresh(job):
    return Job.objects.select_related("pool", "account", "team").get(pk=job.pk)


def status(*states, **more):
    items = (RemoteItem(f"task/{n}", state, "E7", "No.") for n, state in enumerate(states))
    return TaskStatus(tuple(items), "trace", **{"lists_all": True, **more})


def test_one_failed_item_stands_for_all_that_were_asked_for(team, job):
    record_status(job, status(BAD), now(), TIMING)

    assert (job.state, job.captured, job.slot) == ("failed", 0, None)
    assert (
        list(job.outputs.values_list("state", "error_code", "error"))
        == [("failed", "E7", "No.")] * 2
    )
    assert spent(team) == (100, 0)


def test_more_failed_items_than_were_asked_for_do_no_harm(team, job):
    record_status(job, status(BAD, BAD, BAD, BAD), now(), TIMING)

    assert (job.state, job.outputs.count()) == ("failed", 2)
    assert spent(team) == (100, 0)


def finish(job, *states):
    """As if the files of the good ones had been stored."""
    record_status(job, status(*states), now(), TIMING)
    assert job.state == "collecting"
    results = [
        Result(
            n,
            RemoteItem(f"task/{n}", state),
            asset=stored(job, n) if state is GOOD else None,
            error="" if state is GOOD else "No.",
        )
        for n, state in enumerate(states)
    ]
    assert finish_job(job, results, now(), lambda _point, _job: None)
    return fresh(job)


def stored(job, index):
    from catalog.models import Asset

    return Asset(
        team=job.team,
        kind=Asset.Kind.RESULT,
        key=f"t/{job.team_id}/out/{job.pk}/{index}.png",
        name="result.png",
        format="png",
        bytes=100,
        width=10,
        height=10,
        sha256=str(index) * 64,
    )


def test_a_list_that_is_shorter_than_asked_is_settled_by_what_it_holds(team, job):
    done = finish(job, GOOD)

    assert (done.state, done.captured, done.outputs_delivered) == ("partial", 2, 1)
    assert list(done.outputs.values_list("state", "charged")) == [
        ("delivered", True),
        ("failed", False),
    ]
    assert done.outputs.get(index=1).error == "The provider made fewer results than asked for."
    assert spent(team) == (98, 0)


def test_results_beyond_those_asked_for_are_kept_free_of_charge(team, job):
    done = finish(job, GOOD, GOOD, BAD, GOOD)

    assert (done.state, done.captured, done.outputs_delivered) == ("succeeded", 4, 3)
    assert list(done.outputs.values_list("state", "charged")) == [
        ("delivered", True),
        ("delivered", True),
        ("failed", False),
        ("delivered", False),
    ]
    assert spent(team) == (96, 0)


# --- Run again -------------------------------------------------------------------------------------


def test_a_free_and_passing_failure_goes_back_to_ready_under_the_same_hold(team, job):
    at = now()

    record_status(job, status(BAD, charged=0, may_run_again=True), at, TIMING)

    job = fresh(job)
    assert (job.state, job.slot, job.remote_id, job.submitted_at) == ("ready", None, "", None)
    assert job.due_at == at + timedelta(seconds=5)
    assert spent(team) == (100, 4)
    step = job.events.last()
    assert step is not None
    assert (step.before, step.state, step.attempt) == ("running", "ready", 1)
    assert (step.remote_id, step.trace_id) == ("task-1", "trace")
    assert step.note == "No. Nothing was charged; it is tried again."
    assert Attempt.objects.get(job=job).error_code == "E7"


def test_the_third_such_task_is_the_last_and_pauses_grow(team, job):
    at = now()
    for number, pause in ((1, 5), (2, 10)):
        record_status(job, status(BAD, may_run_again=True), at, TIMING)
        assert fresh(job).due_at == at + timedelta(seconds=pause)
        job = taken(fresh(job), number + 1)

    record_status(job, status(BAD, may_run_again=True), at, TIMING)

    assert (job.state, job.error_code, job.error) == ("failed", "E7", "No.")
    assert job.attempts.count() == 3
    assert spent(team) == (100, 0)


def test_a_failure_that_was_charged_is_not_run_again(team, job):
    record_status(job, status(BAD, charged=2, may_run_again=True), now(), TIMING)

    assert job.state == "failed"
    assert Attempt.objects.get(job=job).provider_charged == 2


def test_one_success_among_failures_is_collected_and_nothing_run_again(team, job):
    record_status(job, status(GOOD, BAD, may_run_again=True), now(), TIMING)

    assert job.state == "collecting"


def test_a_lost_job_whose_task_failed_for_free_is_run_again(team, job):
    assert advance(job, "running", "lost", slot=None, lost_probes=7)

    record_status(fresh(job), status(BAD, may_run_again=True), now(), TIMING)

    assert (fresh(job).state, fresh(job).lost_probes) == ("ready", 0)
    assert spent(team) == (100, 4)


def test_a_wish_to_put_the_results_aside_that_came_meanwhile_is_heeded(team, job):
    assert Job.objects.move(fresh(job), "running", discard_requested_at=now())

    record_status(job, status(BAD, may_run_again=True), now(), TIMING)

    assert fresh(job).state == "failed"
    assert spent(team) == (100, 0)


# --- What the provider charged ---------------------------------------------------------------------


def test_a_cost_that_is_told_after_the_end_is_kept_on_the_attempt_it_belongs_to(team, job):
    asked = fresh(job)
    assert end_job(job, "running", "failed", error="Given up.")

    record_status(asked, status(GOOD, GOOD, charged=3), now(), TIMING)

    assert Attempt.objects.get(job=job).provider_charged == 3
    assert (fresh(job).state, fresh(job).captured) == ("failed", 0)


def test_a_cost_is_kept_on_the_attempt_whose_task_was_asked_for(team, job):
    asked = fresh(job)
    record_status(job, status(BAD, may_run_again=True), now(), TIMING)
    taken(fresh(job), 2)

    record_status(asked, status(charged=1), now(), TIMING)

    assert list(job.attempts.values_list("provider_charged", flat=True)) == [1, None]
    assert fresh(job).remote_id == "task-2"


def test_a_figure_beyond_any_account_is_kept_as_far_as_it_goes(team, job):
    record_status(job, status(GOOD, charged=2**53), now(), TIMING)

    assert Attempt.objects.get(job=job).provider_charged == 2**31 - 1
