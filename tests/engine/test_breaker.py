"""One job that fares badly holds up no others: it is tried less and less, and comes to an end."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils.timezone import now

from generation.engine.claims import claim_to_prepare, claim_to_submit
from generation.engine.prepare import _wait
from generation.engine.submit import record_outcome
from generation.engine.timing import Timing
from generation.models import Attempt, Job, JobInput, Pool, ProviderAccount
from generation.providers.base import Submitted
from generation.providers.errors import (
    AccountClosed,
    Busy,
    Denied,
    NotTaken,
    OutcomeUnknown,
    OutOfCredits,
    TooSoon,
    Unreachable,
)
from generation.providers.registry import is_current
from generation.transitions import advance
from tests.engine.conftest import spent
from tests.engine.fashn import launch_fashn
from tests.factories import make_photo, make_product, make_team, make_user

pytestmark = pytest.mark.django_db
TIMING = Timing()

TROUBLE = NotTaken("FASHN has trouble of its own.", code="InternalServerError")
BARE_403 = Denied("FASHN refuses to serve this account.", code="http_403")
WORDED_403 = Denied("FASHN refuses to serve this account.", code="Forbidden")
STORAGE = NotTaken("The pictures could not be read from the storage.", code="storage")


@pytest.fixture
def team(db, settings):
    settings.SANDBOX, settings.FASHN_SLOTS, settings.ADMINS = True, 6, []
    return make_team(credits_=1000)


@pytest.fixture
def launch(team):
    photo = make_photo(make_product(team), size=(240, 300), with_renditions=False)

    def launch(at, *, ready=True):
        job = launch_fashn(team, photo=photo)
        if ready:
            assert advance(job, "queued", "preparing", lease_until=at)
            assert advance(job, "preparing", "ready", lease_until=None, due_at=at)
            JobInput.objects.filter(job=job, asset__isnull=False).update(file_key="KEY")
        return job

    return launch


def live_through(poison, failure, start):
    """An hour in which the provider takes every job but one; when that one was tried."""
    tried, at = [], start
    while at < start + timedelta(hours=1):
        for claimed in claim_to_submit(at, TIMING):
            if claimed.job == poison:
                tried.append(round((at - start).total_seconds()))
                record_outcome(claimed, failure, at)
            else:
                record_outcome(claimed, Submitted(f"task-{claimed.job.pk}"), at)
                # It ends at once and leaves its place.
                Job.objects.filter(pk=claimed.job.pk).update(state="collecting", slot=None)
        at += timedelta(seconds=1 if at < start + timedelta(seconds=40) else 30)
    poison.refresh_from_db()
    return tried


@pytest.mark.parametrize("failure", [TROUBLE, BARE_403, WORDED_403, STORAGE])
def test_a_job_that_is_never_taken_fails_after_eight_tries_and_costs_nothing(
    team, launch, mailoutbox, failure
):
    make_user("staff@example.com", is_staff=True)
    start = now()
    poison = launch(start)
    for number in range(8):  # More than FASHN has places.
        launch(start + timedelta(seconds=number))

    tried = live_through(poison, failure, start)

    assert len(tried) == 8
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert [pause >= 2 * 3**n for n, pause in enumerate(pauses[:6])] == [True] * 6
    assert (poison.state, poison.error_code) == ("failed", failure.code)
    assert poison.error == f"{failure.message} It was tried 8 times; the credits were returned."
    assert Job.objects.filter(state="collecting").count() == 8
    assert spent(team) == (1000, 8 * poison.price)
    assert Attempt.objects.filter(job=poison, outcome="not_taken").count() == 8
    assert len(mailoutbox) == (1 if isinstance(failure, Denied) else 0)


@pytest.mark.parametrize(
    "failure",
    [
        Busy("Every place is taken.", code="ConcurrencyLimitExceeded"),
        NotTaken("FASHN asks for a pause.", code="RateLimitExceeded"),
        Unreachable("FASHN cannot be reached."),
        AccountClosed("FASHN refuses the key.", code="UnauthorizedAccess"),
        OutOfCredits("No credits left.", code="OutOfCredits"),
        TooSoon("It is called as often as it allows.", code="rate_limited", retry_after=3),
    ],
)
def test_what_is_no_fault_of_the_job_is_never_counted_against_it(team, launch, failure):
    start = now()
    job = launch(start)
    for number in range(12):
        at = start + timedelta(hours=number)
        [claimed] = claim_to_submit(at, TIMING)
        record_outcome(claimed, failure, at)

    job.refresh_from_db()
    assert (job.state, job.step_failures, job.attempt_count) == ("ready", 0, 12)
    assert spent(team) == (1000, job.price)


def test_a_job_that_is_taken_in_the_end_starts_to_count_anew(launch):
    start = now()
    job = launch(start)
    for number in range(7):
        at = start + timedelta(hours=number)
        [claimed] = claim_to_submit(at, TIMING)
        record_outcome(claimed, TROUBLE, at)
    at = start + timedelta(hours=8)
    [claimed] = claim_to_submit(at, TIMING)
    record_outcome(claimed, Submitted("task"), at)

    job.refresh_from_db()
    assert (job.state, job.step_failures) == ("running", 0)


def test_an_upload_that_a_firewall_refuses_each_time_ends_the_job(team, launch):
    job, at = launch(now(), ready=False), now()
    for _ in range(8):
        at += timedelta(hours=1)
        [claimed] = claim_to_prepare(at, TIMING, 1)
        _wait(claimed, BARE_403, at)

    job.refresh_from_db()
    assert (job.state, job.error_code, job.captured) == ("failed", "http_403", 0)
    assert spent(team) == (1000, 0)


def test_our_own_rate_limit_holds_the_pool_back_and_no_trial_follows(launch):
    start = now()
    for _ in range(8):
        launch(start)
    held, also_held, *_rest = claim_to_submit(start, TIMING)
    too_soon = TooSoon("Wait.", code="rate_limited", retry_after=7)

    record_outcome(held, too_soon, start)
    record_outcome(also_held, too_soon, start)

    held.job.refresh_from_db()
    assert held.job.due_at == start + timedelta(seconds=7)
    pool = Pool.objects.select_related("account").get(pk=held.job.pool_id)
    assert pool.busy_until == start + timedelta(seconds=7)
    assert (pool.busy_streak, pool.account.closed_streak) == (0, 0)
    assert claim_to_submit(start + timedelta(seconds=6), TIMING) == []
    assert len(claim_to_submit(start + timedelta(seconds=8), TIMING)) == 2


# --- Successes under way --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure", [BARE_403, Unreachable("away"), OutcomeUnknown("502"), Busy("full")]
)
def test_a_success_that_was_under_way_before_a_failure_opens_nothing(launch, failure):
    start = now()
    for _ in range(4):
        launch(start)
    [failed, under_way, *_rest] = claim_to_submit(start, TIMING)
    answered = start + timedelta(seconds=2)
    record_outcome(failed, failure, answered)
    record_outcome(under_way, Submitted("task-1"), answered + timedelta(seconds=1))

    pool = Pool.objects.select_related("account").get(pk=failed.job.pool_id)
    assert pool.account.closed_streak + pool.busy_streak == 1

    for number, claimed in enumerate(_rest):
        record_outcome(claimed, Submitted(f"task-{number + 2}"), answered)
    later = answered + timedelta(minutes=5)
    launch(start)
    [tried] = claim_to_submit(later, TIMING)
    record_outcome(tried, Submitted("task-9"), later + timedelta(seconds=1))

    pool = Pool.objects.select_related("account").get(pk=failed.job.pool_id)
    assert (pool.account.closed_until, pool.account.closed_streak) == (None, 0)
    assert (pool.busy_until, pool.busy_streak) == (None, 0)


# --- Accounts that new jobs do not go to ----------------------------------------------------------


def test_jobs_of_a_live_account_are_not_sent_while_the_sandbox_stands_in(launch, settings):
    settings.SANDBOX, settings.FASHN_API_KEY = False, "fa-live"
    at = now()
    job, queued = launch(at), launch(at, ready=False)
    account = ProviderAccount.objects.get(pk=job.account_id)
    assert (account.is_sandbox, is_current(account)) == (False, True)
    settings.SANDBOX = True
    later = at + timedelta(seconds=1)

    assert not is_current(account)
    assert claim_to_submit(later, TIMING) == []
    assert claim_to_prepare(later, TIMING, 6) == []
    assert Attempt.objects.count() == 0

    settings.SANDBOX = False
    assert [claimed.job for claimed in claim_to_submit(later, TIMING)] == [job]
    assert claim_to_prepare(later, TIMING, 6) == [queued]


def test_jobs_of_the_sandbox_and_of_a_former_address_wait_as_well(launch, settings):
    at = now()
    job = launch(at)
    settings.SANDBOX, settings.FASHN_API_KEY = False, "fa-live"
    assert claim_to_submit(at, TIMING) == []

    live = launch(at)
    settings.FASHN_BASE_URL = "https://elsewhere.example"
    assert live.account_id != job.account_id
    assert claim_to_submit(at, TIMING) == []
    assert Attempt.objects.count() == 0
