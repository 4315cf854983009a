"""What becomes of a job and its credits when the provider fails in each of its ways."""

from dataclasses import replace
from datetime import timedelta

from django.utils.timezone import now

from generation.models import Attempt, Job, Pool, ProviderAccount
from generation.services import resolve_unknown
from tests.engine.conftest import QUICK, spent, wait_for_state, wait_until
from tests.factories import launch_swap, owner_of


def test_one_of_two_pictures_fails_and_half_is_settled(sandbox, start_engine, team):
    sandbox.plan("one_fails")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "partial")

    assert (job.captured, job.outputs_delivered, job.outputs_waiting) == (2, 1, 1)
    assert spent(team) == (98, 0)
    good, failed = job.outputs.all()
    assert (good.state, good.charged) == ("delivered", True)
    assert (failed.state, failed.charged, failed.error_code) == ("failed", False, "50001")
    assert failed.error == "The image could not be generated."


def test_all_pictures_fail_and_nothing_is_settled(sandbox, start_engine, team):
    sandbox.plan("all_fail")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "failed")

    assert (job.captured, job.error_code) == (0, "50001")
    assert spent(team) == (100, 0)
    assert list(job.outputs.values_list("state", "error_code")) == [("failed", "50001")] * 2


def test_a_full_provider_is_asked_again_and_costs_nothing(sandbox, start_engine, team):
    sandbox.plan("busy")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "succeeded")

    assert list(Attempt.objects.filter(job=job).values_list("outcome", "error_code")) == [
        ("not_taken", "30003"),
        ("accepted", ""),
    ]
    assert spent(team) == (96, 0)
    assert Pool.objects.get(name="general").busy_streak == 0


def test_a_lost_answer_keeps_the_hold_and_is_never_sent_again_by_itself(
    sandbox, start_engine, team
):
    sandbox.plan("lost_answer")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "unknown")
    wait_until(lambda: sandbox.stats()["tasks"][0]["items"][0]["status"] == "SUCCESS")

    job.refresh_from_db()
    assert job.state == "unknown"
    assert job.slot is not None, "the task may still be running there"
    assert sandbox.stats()["submits"] == 1
    assert spent(team) == (100, 4)
    assert Attempt.objects.get(job=job).outcome == "unknown"


def test_an_unknown_job_can_be_run_again_under_the_same_hold(sandbox, start_engine, team):
    sandbox.plan("lost_answer")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "unknown")

    resolve_unknown(job=job, by=owner_of(team), action="run_again")

    job = wait_for_state(job, "succeeded")
    assert sandbox.stats()["submits"] == 2
    assert list(job.attempts.values_list("outcome", "suspected_cost")) == [
        ("unknown", 4),
        ("accepted", 0),
    ]
    assert spent(team) == (96, 0)


def test_a_pasted_task_id_brings_the_results_of_a_lost_answer(sandbox, start_engine, team):
    sandbox.plan("lost_answer")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "unknown")

    task = sandbox.stats()["tasks"][0]["id"]
    resolve_unknown(job=job, by=owner_of(team), action="paste_id", remote_id=f" {task} ")

    job = wait_for_state(job, "succeeded")
    assert sandbox.stats()["submits"] == 1
    assert spent(team) == (96, 0)


def test_a_mistyped_task_id_leaves_the_job_where_the_right_one_can_be_pasted(
    sandbox, start_engine, team
):
    sandbox.plan("lost_answer")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "unknown")

    resolve_unknown(job=job, by=owner_of(team), action="paste_id", remote_id="nonsense")

    wait_until(lambda: job.events.filter(note="The provider knows no task nonsense.").exists())
    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("unknown", "")
    task = sandbox.stats()["tasks"][0]["id"]
    resolve_unknown(job=job, by=owner_of(team), action="paste_id", remote_id=task)
    job = wait_for_state(job, "succeeded")
    assert spent(team) == (96, 0)


def test_a_dead_download_link_is_renewed(sandbox, start_engine, team):
    sandbox.plan("dead_link", times=2)
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "partial", "succeeded")

    charged = 2 * job.outputs_delivered
    assert job.captured == charged
    assert spent(team) == (100 - charged, 0)


def test_links_that_stay_dead_are_not_charged(sandbox, start_engine, team):
    sandbox.plan("dead_link", times=None)
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "failed")

    assert (job.captured, job.outputs_delivered) == (0, 0)
    assert spent(team) == (100, 0)
    assert Attempt.objects.get(job=job).suspected_cost == 4


def test_a_result_that_is_no_picture_is_not_charged(sandbox, start_engine, team):
    sandbox.plan("garbage_image")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "failed")

    failed = job.outputs.get(error_code="not_a_picture", index=0)
    assert failed.error == (
        "The provider sent a picture that cannot be read. Nothing was charged for it."
    )
    assert job.error_code == "not_a_picture"
    assert spent(team) == (100, 0)
    assert not team.assets.filter(kind="result").exists()


def test_a_closed_account_stops_all_submits_until_it_opens(sandbox, start_engine, team):
    sandbox.plan("out_of_credits", times=None)
    start_engine()
    jobs = [launch_swap(team, model=sandbox.model()) for _ in range(3)]
    wait_until(lambda: ProviderAccount.objects.get().closed_until is not None)
    # A job that was not prepared yet when the account closed stays queued.
    wait_until(lambda: Job.objects.filter(state__in=["queued", "ready"]).count() == 3)

    account = ProviderAccount.objects.get()
    assert account.closed_until is not None
    assert account.closed_until > now() + timedelta(seconds=20)
    assert account.closed_reason == "The account at SellerPic has no credits left."
    assert sandbox.stats()["submits"] <= 3
    assert spent(team) == (100, 12)

    sandbox.clear()
    ProviderAccount.objects.update(closed_until=now())
    for job in jobs:
        wait_for_state(job, "succeeded")
    account.refresh_from_db()
    assert account.closed_until is None
    assert (account.closed_streak, account.closed_reason) == (0, "")
    assert spent(team) == (88, 0)


def test_files_that_the_provider_forgot_are_uploaded_again(sandbox, start_engine, team):
    import httpx

    engine = start_engine()
    first = wait_for_state(launch_swap(team, model=sandbox.model()), "succeeded")
    httpx.post(f"{sandbox.url}/__sandbox__/reset", json={}).raise_for_status()
    photo = first.inputs.get(name="model_image").asset

    job = wait_for_state(launch_swap(team, photo=photo, model=sandbox.model()), "succeeded")

    assert [event.state for event in job.events.all()].count("preparing") == 2 + 1
    assert spent(team) == (92, 0)
    assert engine.is_active


def test_a_task_that_the_provider_denies_is_lost_and_found_again(sandbox, start_engine, team):
    sandbox.plan("status_404", times=3)
    start_engine(timing=replace(QUICK, not_found=0.1, lost_probe=0.5))
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "succeeded")

    assert [event.state for event in job.events.all()][-4:] == [
        "running",
        "lost",
        "collecting",
        "succeeded",
    ]
    assert spent(team) == (96, 0)
