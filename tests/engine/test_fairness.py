"""Whose turn it is, in exact order: few in flight first, people before batches, then age."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from generation.engine.breaker import note_failure
from generation.engine.claims import claim_to_prepare, claim_to_submit
from generation.engine.timing import Timing
from generation.models import Job, JobInput, Pool, ProviderFile
from generation.providers.errors import Unreachable
from generation.transitions import advance
from tests.engine.fashn import launch_fashn
from tests.factories import launch_swap, make_photo, make_presets, make_product, make_team

pytestmark = pytest.mark.django_db
TIMING = Timing()


@pytest.fixture
def launch(db, settings):
    """Launches jobs a second apart; they stand ready unless told otherwise."""
    settings.SELLERPIC_SLOTS = 10
    start, count, photos = now() - timedelta(minutes=10), [0], {}
    model = make_presets(1)[0]

    def launch(team, *, is_batch=False, ready=True):
        if team not in photos:
            photos[team] = make_photo(make_product(team), size=(240, 300), with_renditions=False)
        job = launch_swap(team, photo=photos[team], model=model)
        count[0] += 1
        Job.objects.filter(pk=job.pk).update(
            created_at=start + timedelta(seconds=count[0]), is_batch=is_batch
        )
        if ready:
            assert advance(job, "queued", "preparing", lease_until=now())
            assert advance(job, "preparing", "ready", lease_until=None, due_at=start)
            JobInput.objects.filter(job=job, asset__isnull=False).update(file_key="KEY")
            ProviderFile.objects.update_or_create(
                account=job.account,
                sha256="a" * 64,
                defaults={"file_key": "KEY", "uploaded_at": now()},
            )
        return job

    return launch


def claimed_in_order():
    return [entry.job for entry in claim_to_submit(now(), TIMING)]


def test_within_a_team_people_go_before_batches_and_the_oldest_first(launch):
    team = make_team(credits_=100)
    batch = [launch(team, is_batch=True) for _ in range(2)]
    people = [launch(team) for _ in range(2)]

    assert claimed_in_order() == [*people, *batch]


def test_teams_take_turns_and_in_each_round_people_go_before_batches(launch):
    one, two, three = (make_team(credits_=100) for _ in range(3))
    first = [launch(one) for _ in range(3)]
    second = [launch(two, is_batch=True) for _ in range(2)]
    third = [launch(three), launch(three, is_batch=True)]

    assert claimed_in_order() == [
        first[0],
        third[0],
        second[0],
        first[1],
        second[1],
        third[1],
        first[2],
    ]


def test_a_team_with_jobs_in_flight_waits_for_the_others(launch, settings):
    settings.SELLERPIC_SLOTS = 2
    busy, idle = (make_team(credits_=100) for _ in range(2))
    ahead = [launch(busy) for _ in range(4)]
    assert claimed_in_order() == ahead[:2]
    late = [launch(idle) for _ in range(2)]
    settings.SELLERPIC_SLOTS = 4
    Pool.objects.filter(name="general").update(slots=4)

    assert claimed_in_order() == late


def test_preparing_follows_the_same_turns(launch):
    one, two = (make_team(credits_=100) for _ in range(2))
    batch = [launch(one, is_batch=True, ready=False) for _ in range(2)]
    person = launch(one, ready=False)
    other = launch(two, ready=False)

    assert claim_to_prepare(now(), TIMING, 10) == [person, other, batch[0], batch[1]]


def test_slots_are_numbers_that_no_two_jobs_have(launch):
    team = make_team(credits_=100)
    for _ in range(12):
        launch(team)

    slots = [job.slot for job in claimed_in_order()]

    assert slots == list(range(10))
    assert claimed_in_order() == []


def test_a_paused_account_and_a_closed_one_take_no_job(launch):
    job = launch(make_team(credits_=100))
    launch(job.team, ready=False)
    job.account.is_paused = True
    job.account.save()
    assert claimed_in_order() == []
    assert claim_to_prepare(now(), TIMING, 10) == []
    job.account.is_paused = False
    job.account.closed_until = now() + timedelta(seconds=30)
    job.account.save()
    assert claimed_in_order() == []
    assert claim_to_prepare(now(), TIMING, 10) == []


def test_one_submit_tries_a_closed_account_whatever_its_pools(launch):
    team = make_team(credits_=100)
    for _ in range(2):
        launch(team)
    other = launch(team)
    edits = Pool.objects.get(name="instruct_edit", account=other.account)
    Job.objects.filter(pk=other.pk).update(pool=edits)
    at = now()
    note_failure(Pool.objects.select_related("account").get(name="general"), Unreachable("x"), at)

    tried = claim_to_submit(at + timedelta(seconds=5), TIMING)

    assert len(tried) == 1
    assert claim_to_submit(at + timedelta(seconds=5), TIMING) == []


def test_a_lowered_limit_is_kept_while_jobs_run_in_higher_places(launch, settings):
    settings.SELLERPIC_SLOTS = 6
    team = make_team(credits_=100)
    jobs = [launch(team) for _ in range(12)]
    assert claimed_in_order() == jobs[:6]
    Job.objects.filter(slot__lt=3).update(state="collecting", slot=None)
    settings.SELLERPIC_SLOTS = 4
    Pool.objects.filter(name="general").update(slots=4)

    assert claimed_in_order() == [jobs[6]]
    assert Job.objects.filter(slot__isnull=False).count() == 4
    Pool.objects.filter(name="general").update(slots=2)
    assert claimed_in_order() == []


def test_a_prepared_batch_does_not_keep_a_person_waiting(launch, settings):
    settings.SELLERPIC_SLOTS = 3
    team = make_team(credits_=100)
    for _ in range(3):
        launch(team, is_batch=True)
    batch = launch(team, is_batch=True, ready=False)
    people = [launch(team, ready=False) for _ in range(4)]

    assert claim_to_prepare(now(), TIMING, 10) == people[:3]
    batch.refresh_from_db()
    assert batch.state == "queued"


def test_each_account_has_a_room_of_its_own_for_preparations(launch):
    team = make_team(credits_=100)
    jobs = [launch(team, ready=False) for _ in range(3)]
    photo = jobs[0].inputs.get(name="model_image").asset
    other = launch_fashn(team, photo=photo)

    assert claim_to_prepare(now(), TIMING, 2, {jobs[0].account_id: 1}) == [jobs[0], other]
