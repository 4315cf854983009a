"""Jobs at FASHN: one task with all results, calls back, failures that are free."""

import pytest
from django.utils.timezone import now

from generation.models import Attempt, Job, Output, ProviderAccount
from generation.services import cancel_job, resolve_unknown
from teams.ledger_check import find_differences
from teams.models import OutgoingMail
from tests.engine.conftest import spent, wait_for_state, wait_until
from tests.engine.fashn import launch_fashn
from tests.factories import make_mask, make_photo, make_product, make_user, owner_of


def runtime_error(sandbox, name, times=1):
    sandbox.plan("runtime_error", name=name, times=times)


def moves(job):
    return [(event.before, event.state) for event in job.events.all()]


# --- The way through -------------------------------------------------------------------------------


def test_a_job_comes_back_as_two_pictures_and_keeps_what_the_provider_charged(
    sandbox, start_engine, team
):
    job = launch_fashn(team)
    assert (job.offer, job.account.provider, spent(team)) == ("fashn", "fashn", (100, 2))
    assert job.seed is not None
    start_engine()

    job = wait_for_state(job, "succeeded")

    assert (job.captured, job.outputs_delivered, job.slot) == (2, 2, None)
    assert spent(team) == (98, 0)
    attempt = Attempt.objects.get(job=job)
    assert attempt.provider_charged == 2
    assert (attempt.remote_id, attempt.trace_id) == (job.remote_id, job.remote_id)
    assert attempt.webhook_token == "", "no address is set to be called at"
    [call] = sandbox.calls("submit")
    assert call["body"]["inputs"]["seed"] == job.seed
    assert call["body"]["inputs"]["num_images"] == 2
    assert call["query"] == {}
    assert moves(job) == [
        ("", "queued"),
        ("queued", "preparing"),
        ("preparing", "ready"),
        ("ready", "submitting"),
        ("submitting", "running"),
        ("running", "collecting"),
        ("collecting", "succeeded"),
    ]
    last = job.events.last()
    assert last is not None
    assert (last.attempt, last.remote_id) == (1, job.remote_id)


def test_a_mask_is_sent_with_the_very_pixels_of_its_picture(sandbox, start_engine, team):
    photo = make_photo(make_product(team), size=(2400, 3000), with_renditions=False)
    job = launch_fashn(
        team,
        "edit",
        photo=photo,
        inputs={"image": photo, "mask": make_mask(photo)},
        prompt="a red scarf",
        num_images=1,
    )
    start_engine()

    wait_for_state(job, "succeeded")

    picture = photo.renditions.get(purpose__startswith="send-2000px")
    mask = job.inputs.get(name="mask").asset
    assert mask is not None
    fitted = mask.renditions.get(purpose__startswith="mask-")
    assert (picture.width, picture.height) == (fitted.width, fitted.height) == (1600, 2000)
    sent = dict(job.inputs.values_list("name", "sent_sha256"))
    assert sent == {"image": picture.sha256, "mask": fitted.sha256}


def test_a_video_comes_back_as_one(sandbox, start_engine, team):
    job = launch_fashn(team, "animate", duration=5, resolution="480p")
    start_engine()

    job = wait_for_state(job, "succeeded")

    [output] = job.outputs.all()
    assert output.asset is not None
    assert (output.asset.format, job.captured) == ("mp4", 1)
    assert output.asset.key == f"t/{team.pk}/out/{job.pk}/0.mp4"


# --- Failures --------------------------------------------------------------------------------------


def test_a_passing_failure_is_run_again_under_the_same_hold(sandbox, start_engine, team):
    runtime_error(sandbox, "ThirdPartyError", times=2)
    start_engine()

    job = wait_for_state(launch_fashn(team), "succeeded")

    attempts = list(job.attempts.values_list("number", "outcome", "error_code"))
    assert attempts == [
        (1, "accepted", "ThirdPartyError"),
        (2, "accepted", "ThirdPartyError"),
        (3, "accepted", ""),
    ]
    assert job.attempts.values("remote_id").distinct().count() == 3
    assert moves(job).count(("running", "ready")) == 2
    again = job.events.filter(before="running", state="ready").first()
    assert again is not None
    assert (again.attempt, again.remote_id) == (1, job.attempts.get(number=1).remote_id)
    assert "it is tried again" in again.note
    assert len(sandbox.calls("submit")) == 3
    assert spent(team) == (98, 0)
    assert list(find_differences()) == []


def test_a_failure_that_does_not_pass_ends_after_three_tasks_and_costs_nothing(
    sandbox, start_engine, team
):
    runtime_error(sandbox, "UnavailableError", times=None)
    start_engine()

    job = wait_for_state(launch_fashn(team), "failed")

    assert (job.error_code, job.captured, job.attempt_count) == ("UnavailableError", 0, 3)
    assert spent(team) == (100, 0)
    assert len(sandbox.calls("submit")) == 3
    assert set(job.attempts.values_list("suspected_cost", flat=True)) == {0}
    assert (
        list(job.outputs.values_list("state", "error_code")) == [("failed", "UnavailableError")] * 2
    )


@pytest.mark.parametrize("name", ["PoseError", "ContentModerationError", "ImageLoadError"])
def test_a_failure_of_the_picture_is_final(sandbox, start_engine, team, name):
    runtime_error(sandbox, name)
    start_engine()

    job = wait_for_state(launch_fashn(team), "failed")

    assert (job.error_code, job.attempt_count) == (name, 1)
    assert len(sandbox.calls("submit")) == 1
    assert spent(team) == (100, 0)


def test_a_job_that_is_to_be_put_aside_is_not_run_again(sandbox, start_engine, team):
    runtime_error(sandbox, "PipelineError", times=None)
    job = launch_fashn(team)
    start_engine()
    wait_for_state(job, "submitting", "running")

    assert cancel_job(job=job, by=owner_of(team)) is False

    job = wait_for_state(job, "failed")
    assert (job.attempt_count, job.captured) == (1, 0)
    assert spent(team) == (100, 0)


def test_an_account_without_credits_waits_and_its_operators_are_told_once(
    sandbox, start_engine, team, settings
):
    settings.EMAIL_BACKEND = "teams.outbox.OutboxBackend"
    settings.ADMINS = [("Ops", "ops@example.com")]
    staff = make_user("staff@example.com", is_staff=True)
    make_user("gone@example.com", is_staff=True, is_active=False)
    sandbox.plan("out_of_credits", times=None, provider="fashn")
    start_engine()
    job = launch_fashn(team)
    wait_until(lambda: ProviderAccount.objects.filter(closed_streak=1).exists())
    ProviderAccount.objects.update(closed_until=now())
    wait_until(lambda: ProviderAccount.objects.filter(closed_streak=2).exists())

    account = ProviderAccount.objects.get(provider="fashn")
    assert account.closed_code == "OutOfCredits"
    assert account.alerted_at is not None
    mail = OutgoingMail.objects.get()
    assert mail.recipients == ["ops@example.com", staff.email]
    assert "FASHN takes no jobs" in mail.subject
    assert f"#account-{account.pk}" in mail.message
    assert spent(team) == (100, 2)
    assert len(sandbox.calls("submit")) == 2

    sandbox.clear()
    ProviderAccount.objects.update(closed_until=now())
    wait_for_state(job, "succeeded")
    account = ProviderAccount.objects.get(provider="fashn")
    assert (account.alerted_code, account.closed_streak, account.closed_code) == (
        "OutOfCredits",
        0,
        "",
    )
    assert OutgoingMail.objects.count() == 1


def test_a_full_provider_and_one_that_asks_for_a_pause_cost_nothing(sandbox, start_engine, team):
    sandbox.plan("api_error", code="ConcurrencyLimitExceeded")
    start_engine()
    job = wait_for_state(launch_fashn(team), "succeeded")

    assert list(job.attempts.values_list("outcome", "error_code")) == [
        ("not_taken", "ConcurrencyLimitExceeded"),
        ("accepted", ""),
    ]
    [back] = job.events.filter(before="submitting", state="ready")
    assert back.note == "Every place at FASHN is taken."
    assert spent(team) == (98, 0)


def test_a_lost_answer_is_never_sent_again_and_a_pasted_id_brings_it_home(
    sandbox, start_engine, team
):
    sandbox.plan("lost_answer", provider="fashn")
    start_engine()
    job = wait_for_state(launch_fashn(team), "unknown")
    [call] = sandbox.calls("submit")

    resolve_unknown(job=job, by=owner_of(team), action="paste_id", remote_id=call["task"])

    job = wait_for_state(job, "succeeded")
    assert len(sandbox.calls("submit")) == 1
    assert job.attempts.get().provider_charged == 2
    assert spent(team) == (98, 0)


def test_a_cost_that_the_provider_never_tells_is_left_open(sandbox, start_engine, team):
    sandbox.plan("no_credits_header", times=None)
    start_engine()

    job = wait_for_state(launch_fashn(team), "succeeded")

    assert job.attempts.get().provider_charged is None
    assert spent(team) == (98, 0)


# --- Free, and paused ------------------------------------------------------------------------------


def test_a_job_that_costs_nothing_leaves_no_entry_and_ends_well(sandbox, start_engine, team):
    job = launch_fashn(team, "segment_by_prompt", offer="sellerpic", prompt="the shirt")
    assert job.price == 0
    start_engine()

    job = wait_for_state(job, "succeeded")

    assert (job.captured, job.outputs_delivered) == (0, 1)
    assert spent(team) == (100, 0)
    assert list(find_differences()) == []
    assert Output.objects.get(job=job).state == "delivered"


def test_a_paused_account_takes_no_job_of_any_stage_and_others_go_on(sandbox, start_engine, team):
    job = launch_fashn(team)
    ProviderAccount.objects.filter(provider="fashn").update(is_paused=True)
    other = launch_fashn(team, "segment_by_prompt", offer="sellerpic", prompt="the shirt")
    start_engine()

    wait_for_state(other, "succeeded")

    assert Job.objects.get(pk=job.pk).state == "queued"
    ProviderAccount.objects.filter(provider="fashn").update(is_paused=False)
    wait_for_state(job, "succeeded")
