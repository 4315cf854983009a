"""Rules that follow from time and from the rows alone: called with the hour they happen at."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils.timezone import now

from generation.engine.breaker import note_failure, note_success, places_open
from generation.engine.claims import claim_to_prepare, claim_to_submit
from generation.engine.poll import due_polls, record_silence, record_status
from generation.engine.submit import record_outcome
from generation.engine.sweep import sweep_jobs, void_leases
from generation.engine.timing import Timing
from generation.models import Attempt, Job, JobInput, Pool, Preset, ProviderAccount, ProviderFile
from generation.providers.base import ItemState, RemoteItem, Submitted, TaskStatus
from generation.providers.errors import AccountClosed, Busy, OutcomeUnknown, Refused, Unreachable
from generation.services import JobMoved, cancel_job, resolve_unknown
from generation.transitions import advance
from tests.engine.conftest import spent
from tests.factories import launch_swap, make_photo, make_presets, make_product, make_team, owner_of

pytestmark = pytest.mark.django_db
TIMING = Timing()
RUNNING = TaskStatus((RemoteItem("1", ItemState.RUNNING),))
DONE = TaskStatus((RemoteItem("1", ItemState.SUCCEEDED), RemoteItem("2", ItemState.FAILED)))


@pytest.fixture
def team(db):
    return make_team(credits_=100)


@pytest.fixture
def photo(team):
    return make_photo(make_product(team), size=(240, 300), with_renditions=False)


def make_ready(job, at=None):
    """As if the photo had been fitted and uploaded."""
    at = at or now()
    assert advance(job, "queued", "preparing", lease_until=at)
    assert advance(job, "preparing", "ready", lease_until=None, due_at=at)
    ProviderFile.objects.update_or_create(
        account=job.account, sha256="a" * 64, defaults={"file_key": "KEY", "uploaded_at": at}
    )
    JobInput.objects.filter(job=job, asset__isnull=False).update(file_key="KEY")
    return job


def claim(job, at=None):
    [claimed] = claim_to_submit(at or now(), TIMING)
    assert claimed.job == job
    return claimed


def run(job, at=None):
    """As if the provider had taken it."""
    at = at or now()
    claimed = claim(make_ready(job, at), at)
    record_outcome(claimed, Submitted("900"), at)
    job.refresh_from_db()
    return Job.objects.select_related("pool", "account", "team").get(pk=job.pk)


# --- Claims -----------------------------------------------------------------------------------


def test_the_next_slot_goes_to_the_team_with_the_fewest_in_flight(team, photo, settings):
    settings.SELLERPIC_SLOTS = 4
    other = make_team(credits_=100)
    model = make_presets(1)[0]
    busy = [make_ready(launch_swap(team, photo=photo, model=model)) for _ in range(6)]
    late = make_photo(make_product(other), size=(240, 300), with_renditions=False)
    few = [make_ready(launch_swap(other, photo=late, model=model)) for _ in range(2)]

    claimed = [entry.job for entry in claim_to_submit(now(), TIMING)]

    assert sorted(claimed, key=str) == sorted([*busy[:2], *few], key=str)
    assert {job.slot for job in claimed} == {0, 1, 2, 3}
    assert claim_to_submit(now(), TIMING) == []


def test_a_long_queue_is_not_prepared_further_ahead_than_a_pool_of_slots(team, photo, settings):
    settings.SELLERPIC_SLOTS = 3
    model = make_presets(1)[0]
    for _ in range(5):
        launch_swap(team, photo=photo, model=model)

    assert len(claim_to_prepare(now(), TIMING, 10)) == 3
    assert claim_to_prepare(now(), TIMING, 10) == []


def test_a_job_whose_file_key_is_too_old_is_prepared_again(team, photo):
    job = make_ready(launch_swap(team, photo=photo))
    later = now() + timedelta(hours=25)

    assert claim_to_submit(later, TIMING) == []
    job.refresh_from_db()
    assert job.state == "preparing"

    sweep_jobs(later, TIMING)
    job.refresh_from_db()
    assert job.state == "queued"


def test_a_job_whose_preset_was_withdrawn_fails_and_returns_its_credits(team, photo):
    job = make_ready(launch_swap(team, photo=photo))
    Preset.objects.update(withdrawn_at=now())

    assert claim_to_submit(now(), TIMING) == []

    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "preset_withdrawn")
    assert spent(team) == (100, 0)


# --- Answers of a submit ----------------------------------------------------------------------


def test_an_answer_after_the_lease_still_finds_its_job(team, photo):
    job = launch_swap(team, photo=photo)
    claimed = claim(make_ready(job))
    sweep_jobs(now() + timedelta(seconds=131), TIMING)
    job.refresh_from_db()
    assert job.state == "unknown"

    record_outcome(claimed, Submitted("900", "trace"), now())
    assert Attempt.objects.get(job=job).remote_id == "900"

    job.refresh_from_db()
    assert (job.state, job.remote_id, job.slot) == ("running", "900", 0)


def test_a_job_whose_answer_came_late_is_not_sent_again_on_request(team, photo):
    job = launch_swap(team, photo=photo)
    claimed = claim(make_ready(job))
    sweep_jobs(now() + timedelta(seconds=131), TIMING)
    record_outcome(claimed, Submitted("900"), now())

    with pytest.raises(JobMoved):
        resolve_unknown(job=job, by=owner_of(team), action="run_again")

    assert claim_to_submit(now(), TIMING) == []
    assert job.attempts.get().suspected_cost == 0


def test_a_late_answer_of_a_job_that_waits_to_be_sent_again_saves_the_second_task(team, photo):
    job = launch_swap(team, photo=photo)
    claimed = claim(make_ready(job))
    sweep_jobs(now() + timedelta(seconds=131), TIMING)
    resolve_unknown(job=job, by=owner_of(team), action="run_again")

    record_outcome(claimed, Submitted("900"), now())

    assert claim_to_submit(now(), TIMING) == []
    job.refresh_from_db()
    assert (job.state, job.remote_id, job.attempt_count) == ("lost", "900", 1)
    assert job.attempts.get().suspected_cost == 0


def test_a_late_answer_for_a_job_without_its_slot_makes_it_lost_and_pollable(team, photo):
    job = launch_swap(team, photo=photo)
    claimed = claim(make_ready(job))
    start = now()
    sweep_jobs(start + timedelta(seconds=131), TIMING)
    sweep_jobs(start + timedelta(seconds=1100), TIMING)
    job.refresh_from_db()
    assert (job.state, job.slot) == ("unknown", None)

    record_outcome(claimed, Submitted("900"), now())

    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("lost", "900")
    assert job in due_polls(now() + timedelta(seconds=1))[0]


@pytest.mark.parametrize(
    ("outcome", "state", "held"),
    [(Busy("full"), "ready", 4), (Refused("no"), "failed", 0), (OutcomeUnknown("?"), "unknown", 4)],
)
def test_a_certain_answer_that_comes_late_still_counts(team, photo, outcome, state, held):
    job = launch_swap(team, photo=photo)
    claimed = claim(make_ready(job))
    sweep_jobs(now() + timedelta(seconds=131), TIMING)

    record_outcome(claimed, outcome, now())

    job.refresh_from_db()
    assert job.state == state
    assert spent(team) == (100, held)


def test_an_answer_to_an_attempt_that_was_run_again_changes_nothing(team, photo):
    job = launch_swap(team, photo=photo)
    first = claim(make_ready(job))
    sweep_jobs(now() + timedelta(seconds=131), TIMING)
    resolve_unknown(job=job, by=owner_of(team), action="run_again")
    second = claim(job)
    record_outcome(second, Submitted("901"), now())

    record_outcome(first, Submitted("900"), now())
    sweep_jobs(now(), TIMING)

    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("running", "901")
    assert list(job.attempts.values_list("remote_id", flat=True)) == ["900", "901"]


def test_a_task_id_that_another_job_has_leaves_the_submit_unknown(team, photo):
    model = make_presets(1)[0]
    run(launch_swap(team, photo=photo, model=model))
    other = launch_swap(team, photo=photo, model=model)
    record_outcome(claim(make_ready(other)), Submitted("900"), now())

    sweep_jobs(now(), TIMING)

    other.refresh_from_db()
    assert (other.state, other.remote_id) == ("unknown", "")


def test_discarding_while_a_submit_is_under_way_loses_neither(team, photo):
    job = launch_swap(team, photo=photo)
    claimed = claim(make_ready(job))

    assert cancel_job(job=job, by=owner_of(team)) is False
    record_outcome(claimed, Submitted("900"), now())

    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("running", "900")
    assert job.discard_requested_at is not None


def test_a_job_that_was_cancelled_while_it_was_refused_a_place_ends_free(team, photo):
    job = launch_swap(team, photo=photo)
    claimed = claim(make_ready(job))
    assert cancel_job(job=job, by=owner_of(team)) is False

    record_outcome(claimed, Busy("full"), now())

    job.refresh_from_db()
    assert (job.state, job.captured, job.error) == ("cancelled", 0, "")
    assert spent(team) == (100, 0)
    states = [(event.before, event.state) for event in job.events.all()][-3:]
    assert states == [
        ("submitting", "submitting"),
        ("submitting", "ready"),
        ("ready", "cancelled"),
    ]
    assert claim_to_submit(now() + timedelta(seconds=60), TIMING) == []


# --- The breaker ------------------------------------------------------------------------------


def test_failures_in_a_row_close_the_account_for_longer_and_longer(team):
    make_presets(1)
    pool = Pool.objects.select_related("account").get(name="general")
    at = now()
    pauses = []
    for _ in range(7):
        note_failure(pool, AccountClosed("Key refused."), at)
        note_failure(pool, AccountClosed("Key refused."), at)  # The same moment counts once.
        until = ProviderAccount.objects.get().closed_until
        assert until is not None
        pauses.append((until - at).total_seconds())
        at = until
    assert pauses == [30, 60, 120, 240, 480, 900, 900]
    assert all(earlier <= later for earlier, later in pairwise(pauses))


def test_after_a_pause_one_submit_tries_before_all_do(team, photo):
    model = make_presets(1)[0]
    for _ in range(3):
        make_ready(launch_swap(team, photo=photo, model=model))
    pool = Pool.objects.select_related("account").get(name="general")
    at = now()
    note_failure(pool, Unreachable("down"), at)
    pool.account.refresh_from_db()
    assert places_open(pool, at) == 0
    assert claim_to_submit(at, TIMING) == []

    at += timedelta(seconds=2)
    [only] = claim_to_submit(at, TIMING)
    assert claim_to_submit(at, TIMING) == []

    record_outcome(only, Submitted("900"), at)
    assert len(claim_to_submit(at, TIMING)) == 2
    assert ProviderAccount.objects.get().closed_streak == 0


def test_a_host_that_answers_nothing_usable_leaves_few_jobs_in_doubt(team, photo):
    model = make_presets(1)[0]
    for _ in range(6):
        make_ready(launch_swap(team, photo=photo, model=model))
    at = now()
    [*first] = claim_to_submit(at, TIMING)
    assert len(first) == 6
    record_outcome(first[0], OutcomeUnknown("502"), at)
    account = ProviderAccount.objects.get()
    assert (account.closed_streak, account.closed_until) == (1, at), "once may be chance"
    for taken in first[1:]:
        record_outcome(taken, Busy("full"), at)

    at += timedelta(seconds=5)
    [tried] = claim_to_submit(at, TIMING)
    assert claim_to_submit(at, TIMING) == []
    record_outcome(tried, OutcomeUnknown("502"), at)
    assert ProviderAccount.objects.get().closed_until == at + timedelta(seconds=2)
    assert claim_to_submit(at + timedelta(seconds=1), TIMING) == []

    at += timedelta(seconds=40)
    [tried] = claim_to_submit(at, TIMING)
    record_outcome(tried, Submitted("900"), at)
    assert ProviderAccount.objects.get().closed_streak == 0
    assert Job.objects.filter(state="unknown").count() == 2
    assert len(claim_to_submit(at, TIMING)) == 3


def test_success_opens_a_busy_pool(team):
    make_presets(1)
    pool = Pool.objects.select_related("account").get(name="general")
    note_failure(pool, Busy("full", retry_after=120), now())
    pool.refresh_from_db()
    assert pool.busy_until is not None
    assert pool.busy_until > now() + timedelta(seconds=100)

    note_success(pool, pool.busy_until)

    pool.refresh_from_db()
    assert pool.busy_until is None
    assert pool.busy_streak == 0


# --- Running, lost, unknown -------------------------------------------------------------------


def test_a_task_beyond_its_time_is_lost_frees_its_slot_and_keeps_its_hold(team, photo):
    start = now()
    job = run(launch_swap(team, photo=photo), start)

    record_status(job, RUNNING, start + timedelta(seconds=899), TIMING)
    assert job.state == "running"
    record_status(job, RUNNING, start + timedelta(seconds=901), TIMING)

    assert (job.state, job.slot) == ("lost", None)
    assert spent(team) == (100, 4)


def test_a_lost_job_is_given_up_after_a_day_of_answered_probes_only(team, photo):
    start = now()
    job = run(launch_swap(team, photo=photo), start)
    at = start + timedelta(seconds=901)
    record_status(job, RUNNING, at, TIMING)
    for _ in range(500):
        record_silence(job, Unreachable("down"), at, TIMING)
    assert (job.state, job.lost_probes) == ("lost", 0)

    for _ in range(143):
        at += timedelta(seconds=600)
        record_status(job, RUNNING, at, TIMING)
    assert (job.state, job.lost_probes) == ("lost", 143)
    record_status(job, RUNNING, at + timedelta(seconds=600), TIMING)

    assert (job.state, job.error_code) == ("failed", "lost")
    assert spent(team) == (100, 0)
    assert Attempt.objects.get(job=job).suspected_cost == 4


def test_a_late_success_brings_a_lost_job_home(team, photo):
    start = now()
    job = run(launch_swap(team, photo=photo), start)
    record_status(job, RUNNING, start + timedelta(seconds=901), TIMING)

    record_status(job, DONE, start + timedelta(hours=5), TIMING)

    assert job.state == "collecting"
    assert [item["state"] for item in job.remote_items] == ["succeeded", "failed"]


def unknown_job(team, photo, at):
    job = launch_swap(team, photo=photo)
    record_outcome(claim(make_ready(job, at), at), OutcomeUnknown("lost"), at)
    job.refresh_from_db()
    assert job.state == "unknown"
    return job


def test_an_unknown_job_keeps_its_slot_as_long_as_its_task_could_run(team, photo):
    start = now()
    job = unknown_job(team, photo, start)

    sweep_jobs(start + timedelta(seconds=899), TIMING)
    job.refresh_from_db()
    assert job.slot == 0
    sweep_jobs(start + timedelta(seconds=901), TIMING)
    job.refresh_from_db()
    assert (job.state, job.slot) == ("unknown", None)
    assert spent(team) == (100, 4)

    sweep_jobs(start + timedelta(hours=24), TIMING)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "unknown")
    assert spent(team) == (100, 0)
    assert Attempt.objects.get(job=job).suspected_cost == 4


def test_the_policy_retry_sends_a_cheap_job_once_more(team, photo, settings):
    settings.UNKNOWN_OUTCOME_POLICY = "retry"
    start = now()
    job = unknown_job(team, photo, start)

    at = start + timedelta(seconds=901)
    sweep_jobs(at, TIMING)
    job.refresh_from_db()
    assert job.state == "ready"

    record_outcome(claim(job, at), OutcomeUnknown("lost"), at)
    sweep_jobs(at + timedelta(seconds=901), TIMING)
    job.refresh_from_db()
    assert (job.state, job.attempt_count) == ("unknown", 2)


def test_the_policy_retry_sends_nothing_that_is_to_be_put_aside(team, photo, settings):
    settings.UNKNOWN_OUTCOME_POLICY = "retry"
    start = now()
    job = unknown_job(team, photo, start)
    assert cancel_job(job=job, by=owner_of(team)) is False

    sweep_jobs(start + timedelta(seconds=901), TIMING)

    job.refresh_from_db()
    assert (job.state, job.attempt_count) == ("unknown", 1)


def test_the_policy_release_returns_the_credits_once_the_task_must_have_ended(
    team, photo, settings
):
    settings.UNKNOWN_OUTCOME_POLICY = "release"
    start = now()
    job = unknown_job(team, photo, start)

    sweep_jobs(start + timedelta(seconds=901), TIMING)

    job.refresh_from_db()
    assert job.state == "failed"
    assert spent(team) == (100, 0)


def test_a_job_that_nobody_could_send_for_a_week_returns_its_credits(team, photo):
    job = launch_swap(team, photo=photo)

    sweep_jobs(now() + timedelta(days=6, hours=23), TIMING)
    job.refresh_from_db()
    assert job.state == "queued"
    sweep_jobs(now() + timedelta(days=7, seconds=1), TIMING)

    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "waited_too_long")
    assert spent(team) == (100, 0)


def test_a_new_engine_takes_over_what_is_free_to_repeat_and_no_submit(team, photo):
    model = make_presets(1)[0]
    preparing = launch_swap(team, photo=photo, model=model)
    [_] = claim_to_prepare(now(), TIMING, 5)
    submitting = launch_swap(team, photo=photo, model=model)
    claim(make_ready(submitting))

    void_leases(now())
    sweep_jobs(now(), TIMING)

    preparing.refresh_from_db()
    submitting.refresh_from_db()
    assert (preparing.state, submitting.state) == ("queued", "submitting")
