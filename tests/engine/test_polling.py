"""How a task is asked for: fairly between accounts, and more than once before it is given up."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from generation.engine.claims import claim_to_prepare
from generation.engine.collect import claim_to_collect
from generation.engine.poll import due_polls, record_not_found, record_silence, record_status
from generation.engine.timing import Timing
from generation.models import Attempt, Job
from generation.providers.base import ItemState, RemoteItem, TaskStatus
from generation.providers.errors import NotFound, Unreachable
from generation.transitions import advance
from tests.engine.fashn import launch_fashn
from tests.factories import launch_swap, make_photo, make_presets, make_product, make_team

pytestmark = pytest.mark.django_db
TIMING = Timing()
DENIED = NotFound("There is no such task.")
RUNNING = TaskStatus((RemoteItem("1", ItemState.RUNNING),))
GOOD, BAD = (RemoteItem("1", ItemState.SUCCEEDED), RemoteItem("2", ItemState.FAILED, "E7", "No."))


@pytest.fixture
def team(db):
    return make_team(credits_=100)


@pytest.fixture
def photo(team):
    return make_photo(make_product(team), size=(240, 300), with_renditions=False)


@pytest.fixture
def job(team, photo, settings):
    """A job whose task runs at a provider that may be asked as often as one likes."""
    settings.SELLERPIC_MIN_POLL_SECONDS = 3
    return run(launch_swap(team, photo=photo))


def run(job, slot=0, **changes):
    at = now()
    assert advance(job, "queued", "submitting", slot=slot, attempt_count=1, submitted_at=at)
    Attempt.objects.create(
        job=job, number=1, request_hash="x", outcome="accepted", remote_id=f"900{slot}"
    )
    assert advance(job, "submitting", "running", remote_id=f"900{slot}", due_at=at, **changes)
    return fresh(job)


def fresh(job):
    return Job.objects.select_related("pool", "account", "team").get(pk=job.pk)


# --- A task that is denied --------------------------------------------------------------------


def test_a_task_is_lost_once_it_was_denied_three_times_within_half_a_minute(job):
    at = now()
    record_not_found(job, DENIED, at, TIMING)
    assert (job.state, job.slot, job.due_at) == ("running", 0, at + timedelta(seconds=10))
    at = job.due_at
    record_not_found(job, DENIED, at, TIMING)
    assert (job.state, job.slot, job.due_at) == ("running", 0, at + timedelta(seconds=20))

    record_not_found(job, DENIED, job.due_at, TIMING)

    job = fresh(job)
    assert (job.state, job.slot, job.error) == ("lost", None, "There is no such task.")


@pytest.mark.parametrize(
    "between",
    [
        lambda job, at: record_status(job, RUNNING, at, TIMING),
        lambda job, at: record_silence(job, Unreachable("down"), at, TIMING),
    ],
)
def test_denials_count_in_a_row_only(job, between):
    for _ in range(4):
        record_not_found(job, DENIED, now(), TIMING)
        record_not_found(job, DENIED, now(), TIMING)
        between(job, now())

    assert (fresh(job).state, fresh(job).error_code) == ("running", "")


def test_silence_before_a_denial_does_not_count_as_one(job):
    for _ in range(5):
        record_silence(job, Unreachable("down"), now(), TIMING)

    record_not_found(job, DENIED, now(), TIMING)

    assert (fresh(job).state, fresh(job).step_failures) == ("running", 1)


def test_a_denied_task_beyond_its_time_is_lost_at_once(job):
    record_not_found(job, DENIED, job.submitted_at + timedelta(seconds=901), TIMING)

    assert fresh(job).state == "lost"


# --- A list that is shorter than asked ----------------------------------------------------------


@pytest.mark.parametrize("first", [GOOD, BAD])
def test_an_item_that_is_not_listed_yet_is_asked_for_once_more(job, first):
    at = now()
    record_status(job, TaskStatus((first,)), at, TIMING)
    job = fresh(job)
    assert (job.state, job.slot, job.due_at) == ("running", 0, at + timedelta(seconds=3))

    record_status(job, TaskStatus((first, GOOD)), at + timedelta(seconds=3), TIMING)

    job = fresh(job)
    assert (job.state, len(job.remote_items)) == ("collecting", 2)


def test_a_list_that_stays_short_is_taken_as_it_is(job):
    record_status(job, TaskStatus((GOOD,)), now(), TIMING)
    record_status(job, TaskStatus((GOOD,)), now(), TIMING)

    job = fresh(job)
    assert (job.state, len(job.remote_items)) == ("collecting", 1)


def test_an_item_that_turns_out_to_run_is_waited_for(job):
    record_status(job, TaskStatus((GOOD,)), now(), TIMING)
    record_status(job, TaskStatus((GOOD, RUNNING.items[0])), now(), TIMING)
    assert fresh(job).state == "running"

    record_status(job, TaskStatus((GOOD, BAD)), now(), TIMING)

    assert fresh(job).state == "collecting"


def test_a_list_that_is_whole_by_the_providers_word_is_not_asked_for_again(job):
    record_status(job, TaskStatus((BAD,), lists_all=True), now(), TIMING)

    assert (fresh(job).state, fresh(job).error_code) == ("failed", "E7")


# --- Rooms ------------------------------------------------------------------------------------


@pytest.fixture
def five(team, photo):
    """Four jobs at one provider, and one at another that came last."""
    model = make_presets(1)[0]
    return [
        *(launch_swap(team, photo=photo, model=model) for _ in range(4)),
        launch_fashn(team, photo=photo),
    ]


def test_questions_to_one_provider_take_no_room_of_another(five):
    jobs = [run(job, slot) for slot, job in enumerate(five)]
    busy = {jobs[0].account_id: 1}

    due = due_polls(now(), 2, busy, {jobs[0].pk})

    assert (due.jobs, due.are_more) == ([jobs[1], jobs[4]], True)
    due = due_polls(now(), 2, {jobs[0].account_id: 2}, {jobs[0].pk, jobs[1].pk})
    assert (due.jobs, due.are_more) == ([jobs[4]], True)
    due = due_polls(now(), 4)
    assert (due.jobs, due.are_more) == (jobs, False)


def test_preparations_for_one_provider_take_no_room_of_another(five):
    working = {five[0].account_id: 1}

    assert claim_to_prepare(now(), TIMING, 2, working) == [five[0], five[4]]
    assert claim_to_prepare(now(), TIMING, 2, {five[0].account_id: 2}) == []


def test_results_of_one_provider_take_no_room_of_another(five):
    for slot, job in enumerate(five):
        job = run(job, slot)
        assert advance(job, "running", "collecting", slot=None, remote_ended_at=now())

    working = {five[0].account_id: 1}
    assert claim_to_collect(now(), TIMING, 2, working) == [five[0], five[4]]
    assert claim_to_collect(now(), TIMING, 2, {five[0].account_id: 2}) == []
    assert claim_to_collect(now(), TIMING, 9) == [five[1], five[2], five[3]]
