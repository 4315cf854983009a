"""Launching: all or nothing, once per request key, and every refusal says what to do."""

import threading
import uuid
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils.timezone import now

from generation.models import Job, JobInput, Output, Preset
from generation.services import LaunchRefused, cancel_job, launch_job, retry_job
from teams.credits import InsufficientCredits
from teams.models import CreditAccount, LedgerEntry
from tests.factories import (
    deliver_swap,
    launch_swap,
    make_photo,
    make_presets,
    make_product,
    make_team,
    owner_of,
)

HINT = "generation.tasks.wake_engine.delay"


@pytest.fixture
def team(db):
    return make_team(credits_=10)


@pytest.fixture
def photo(team):
    return make_photo(make_product(team), size=(240, 300), with_renditions=False)


def balance(team):
    account = CreditAccount.objects.get(team=team)
    return account.posted, account.held


def nothing_happened(team):
    return (
        not Job.objects.exists()
        and not JobInput.objects.exists()
        and not Output.objects.exists()
        and balance(team) == (10, 0)
    )


def test_holds_the_price_and_wakes_the_engine_after_the_commit(
    team, photo, django_capture_on_commit_callbacks
):
    with patch(HINT) as hint, django_capture_on_commit_callbacks(execute=True):
        job = launch_swap(team, photo=photo)
        assert hint.call_count == 0, "woken before the transaction committed"

    hint.assert_called_once_with()
    assert (job.state, job.price, job.unit_price, job.expected_outputs) == ("queued", 4, 2, 2)
    assert job.price_version == "sellerpic-2025-08-15"
    assert balance(team) == (10, 4)
    hold = LedgerEntry.objects.get(job=str(job.pk))
    assert (hold.kind, hold.d_held, hold.actor) == ("hold", 4, owner_of(team).email)
    assert list(job.outputs.values_list("index", "state")) == [(0, "expected"), (1, "expected")]
    assert sorted(job.inputs.values_list("name", flat=True)) == ["model", "model_image"]


def test_a_dead_broker_does_not_turn_a_launch_into_an_error(
    team, photo, django_capture_on_commit_callbacks
):
    with (
        patch(HINT, side_effect=OSError("no broker")),
        django_capture_on_commit_callbacks(execute=True),
    ):
        job = launch_swap(team, photo=photo)

    assert Job.objects.get() == job


def test_the_same_request_key_is_the_same_job(team, photo):
    key, model = uuid.uuid4(), make_presets(1)[0]

    first = launch_swap(team, photo=photo, model=model, request_key=key)
    second = launch_swap(team, photo=photo, model=model, request_key=key)

    assert first == second
    assert balance(team) == (10, 4)


@pytest.mark.django_db(transaction=True)
def test_ten_clicks_at_once_are_one_job(team, photo):
    key, model, by = uuid.uuid4(), make_presets(1)[0], owner_of(team)
    started, jobs = threading.Barrier(10), []

    def click():
        started.wait()
        try:
            jobs.append(launch_swap(team, photo=photo, model=model, by=by, request_key=key))
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(jobs) == 10
    assert len(set(jobs)) == 1
    assert Job.objects.count() == 1
    assert balance(team) == (10, 4)


@pytest.mark.django_db(transaction=True)
def test_ten_jobs_at_once_never_hold_more_than_the_team_has(team, photo):
    model, by = make_presets(1)[0], owner_of(team)
    started, refusals = threading.Barrier(10), []

    def launch():
        started.wait()
        try:
            launch_swap(team, photo=photo, model=model, by=by)
        except InsufficientCredits as refusal:
            refusals.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=launch) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (Job.objects.count(), len(refusals)) == (2, 8)
    assert balance(team) == (10, 8)


def test_a_team_that_cannot_pay_leaves_no_trace(photo, django_capture_on_commit_callbacks):
    team = photo.team
    model = make_presets(1)[0]
    launch_swap(team, photo=photo, model=model)
    launch_swap(team, photo=photo, model=model)

    with (
        patch(HINT) as hint,
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(InsufficientCredits, match="4 credits and the team has 2 available"),
    ):
        launch_swap(team, photo=photo, model=model)

    hint.assert_not_called()
    assert Job.objects.count() == 2
    assert JobInput.objects.count() == 4
    assert balance(team) == (10, 8)


def test_an_unknown_operation_is_refused(team, photo):
    with pytest.raises(LaunchRefused) as refusal:
        launch_job(
            team=team,
            by=owner_of(team),
            operation="teleport",
            request_key=uuid.uuid4(),
            product=photo.product,
            inputs={},
        )

    assert refusal.value.field == "operation"
    assert nothing_happened(team)


def foreign_photo(photo):
    return make_photo(make_product(make_team()), size=(240, 300), with_renditions=False)


def photo_of_another_product(photo):
    return make_photo(make_product(photo.team), size=(240, 300), with_renditions=False)


def archived(photo):
    photo.archived_at = now()
    return photo


def too_narrow(photo):
    photo.width, photo.height = 300, 9000
    return photo


def in_another_format(photo):
    photo.format = "tiff"
    return photo


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (foreign_photo, "archived"),
        (archived, "archived"),
        (photo_of_another_product, "another product"),
        (too_narrow, "300 by 9000 pixels.*shorter side of 136 pixels.*at least 200"),
        (in_another_format, "JPEG, PNG or WebP"),
    ],
)
def test_a_photo_that_does_not_fit_is_refused_by_name_and_cure(team, photo, change, sentence):
    product = photo.product
    changed = change(photo)

    with pytest.raises(LaunchRefused, match=sentence) as refusal:
        launch_job(
            team=team,
            by=owner_of(team),
            operation="swap_model",
            request_key=uuid.uuid4(),
            product=product,
            inputs={"model_image": changed, "model": make_presets(1)[0]},
        )

    assert refusal.value.field == "model_image"
    assert nothing_happened(team)


def test_inputs_that_are_missing_unknown_or_of_the_wrong_kind_are_refused(team, photo):
    model = make_presets(1)[0]
    scene = make_presets(1, kind=Preset.Kind.SCENE)[0]
    for inputs, field in (
        ({"model_image": photo}, "model"),
        ({"model": model}, "model_image"),
        ({"model_image": photo, "model": scene}, "model"),
        ({"model_image": model, "model": model}, "model_image"),
        ({"model_image": photo, "model": model, "hat": model}, "hat"),
    ):
        with pytest.raises(LaunchRefused) as refusal:
            launch_job(
                team=team,
                by=owner_of(team),
                operation="swap_model",
                request_key=uuid.uuid4(),
                product=photo.product,
                inputs=inputs,
            )
        assert refusal.value.field == field
    assert nothing_happened(team)


def test_a_withdrawn_preset_is_refused(team, photo):
    model = make_presets(1)[0]
    model.withdrawn_at = now()

    with pytest.raises(LaunchRefused, match="no longer offered"):
        launch_swap(team, photo=photo, model=model)

    assert nothing_happened(team)


def test_a_preset_of_the_sandbox_never_reaches_the_live_account(team, photo, settings):
    model = make_presets(1)[0]
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY = "live"

    with pytest.raises(LaunchRefused, match="no longer offered"):
        launch_swap(team, photo=photo, model=model)

    assert nothing_happened(team)


def test_a_full_queue_is_refused(team, photo, settings):
    settings.TEAM_JOBS_UNFINISHED = 1
    model = make_presets(1)[0]
    launch_swap(team, photo=photo, model=model)

    with pytest.raises(LaunchRefused, match="1 unfinished jobs"):
        launch_swap(team, photo=photo, model=model)

    assert Job.objects.count() == 1


def test_a_retry_is_a_job_of_its_own_with_its_own_hold(team, photo):
    first = deliver_swap(team, delivered=0, job=launch_swap(team, photo=photo))
    key = uuid.uuid4()

    second = retry_job(job=first, by=owner_of(team), request_key=key)
    again = retry_job(job=first, by=owner_of(team), request_key=key)

    assert second == again
    assert (second.retry_of, second.state) == (first, "queued")
    assert set(second.inputs.values_list("name", "asset", "preset")) == set(
        first.inputs.values_list("name", "asset", "preset")
    )
    assert balance(team) == (10, 4)


def launch_reframe(team, photo):
    return launch_job(
        team=team,
        by=owner_of(team),
        operation="reframe",
        offer="fashn",
        request_key=uuid.uuid4(),
        product=photo.product,
        inputs={"image": photo},
        options={"aspect_ratio": "16:9", "generation_mode": "quality", "num_images": "1"},
    )


def test_a_retry_draws_a_fresh_seed_and_keeps_offer_and_settings(team, photo):
    first = launch_reframe(team, photo)
    assert cancel_job(job=first, by=owner_of(team))
    Job.objects.filter(pk=first.pk).update(seed=0)
    first.refresh_from_db()

    second = retry_job(job=first, by=owner_of(team), request_key=uuid.uuid4())

    assert (second.offer, second.options, second.price) == ("fashn", first.options, 3)
    assert second.options["generation_mode"] == "quality"
    assert second.seed is not None
    assert 0 < second.seed < 2**32
    assert balance(team) == (10, 3)


def test_a_retry_of_an_offer_that_is_gone_is_refused_with_a_sentence(team, photo, settings):
    job = launch_reframe(team, photo)
    assert cancel_job(job=job, by=owner_of(team))
    Job.objects.filter(pk=job.pk).update(offer="fashn-of-last-year")
    job.refresh_from_db()

    with pytest.raises(LaunchRefused, match="not offered this way now") as refusal:
        retry_job(job=job, by=owner_of(team), request_key=uuid.uuid4())
    assert refusal.value.field == "offer"

    Job.objects.filter(pk=job.pk).update(operation="teleport")
    job.refresh_from_db()
    with pytest.raises(LaunchRefused, match="This operation is not offered"):
        retry_job(job=job, by=owner_of(team), request_key=uuid.uuid4())
    assert Job.objects.count() == 1
    assert balance(team) == (10, 0)


def test_an_unfinished_job_is_not_retried(team, photo):
    job = launch_swap(team, photo=photo)

    with pytest.raises(LaunchRefused, match="still under way"):
        retry_job(job=job, by=owner_of(team), request_key=uuid.uuid4())

    assert Job.objects.count() == 1


def test_a_photo_of_an_unfinished_job_cannot_be_archived(team, photo):
    from catalog.services import PhotoInUse, archive_photo

    job = launch_swap(team, photo=photo)
    with pytest.raises(PhotoInUse, match="once the job has ended"):
        archive_photo(photo=photo, by=None)

    deliver_swap(team, job=job)
    archive_photo(photo=photo, by=None)
    photo.refresh_from_db()
    assert photo.archived_at is not None
