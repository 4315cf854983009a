"""A job from the queue to two stored pictures, through the engine and over real HTTP."""

from dataclasses import replace

from catalog.storage import storage
from config.celery import app
from generation.models import Attempt, JobInput, Output, ProviderFile
from generation.services import cancel_job, recover_output
from teams.models import Team
from tests.engine.conftest import QUICK, spent, wait_for_state, wait_until
from tests.factories import launch_swap, make_photo, make_product, owner_of


def test_a_job_comes_back_as_two_pictures_for_four_credits(sandbox, start_engine, team, tmp_path):
    start_engine()
    job = launch_swap(team, model=sandbox.model())
    assert spent(team) == (100, 4)

    job = wait_for_state(job, "succeeded")

    assert [event.state for event in job.events.all()] == [
        "queued",
        "preparing",
        "ready",
        "submitting",
        "running",
        "collecting",
        "succeeded",
    ]
    assert (job.captured, job.outputs_delivered, job.outputs_waiting) == (4, 2, 2)
    assert (job.slot, job.lease_until, job.error) == (None, None, "")
    assert spent(team) == (96, 0)
    outputs = list(job.outputs.all())
    assert [(o.letter, o.state, o.charged, o.discarded) for o in outputs] == [
        ("A", "delivered", True, False),
        ("B", "delivered", True, False),
    ]
    size = 0
    for output in outputs:
        assert output.asset is not None
        assert output.asset.key == f"t/{team.pk}/out/{job.pk}/{output.index}.png"
        storage().fetch(output.asset.key, tmp_path / "result")
        assert (tmp_path / "result").stat().st_size == output.asset.bytes
        size += output.asset.bytes
    assert Team.objects.get(pk=team.pk).storage_bytes == size
    attempt = Attempt.objects.get(job=job)
    assert (attempt.number, attempt.outcome, attempt.remote_id) == (1, "accepted", job.remote_id)
    assert attempt.trace_id.startswith("sandbox-")
    assert sandbox.stats()["submits"] == 1


def test_a_photo_is_uploaded_once_for_all_its_jobs(sandbox, start_engine, team):
    photo = make_photo(make_product(team), size=(240, 300))
    jobs = [launch_swap(team, photo=photo, model=sandbox.model()) for _ in range(3)]
    start_engine()
    for job in jobs:
        wait_for_state(job, "succeeded")

    file = ProviderFile.objects.get()
    copy = photo.renditions.get(purpose="send-4096px-10485760b")
    assert file.sha256 == copy.sha256
    sent = JobInput.objects.filter(name="model_image").values_list("sent_sha256", "file_key")
    assert set(sent) == {(copy.sha256, file.file_key)}
    assert sandbox.stats()["calls"]["upload"] == {"ok": 1}
    assert spent(team) == (88, 0)


def test_never_more_in_flight_than_the_pool_has_slots(sandbox, start_engine, team, settings):
    settings.SELLERPIC_SLOTS = 2
    photo = make_photo(make_product(team), size=(240, 300))
    jobs = [launch_swap(team, photo=photo, model=sandbox.model()) for _ in range(5)]
    start_engine()
    for job in jobs:
        wait_for_state(job, "succeeded")

    assert sandbox.stats()["max_in_flight"] == {"general": 2}
    assert sandbox.stats()["refused"] == {}


def test_a_cancelled_running_job_settles_and_files_its_results_unseen(sandbox, start_engine, team):
    job = launch_swap(team, model=sandbox.model())
    start_engine()
    wait_for_state(job, "running")

    assert cancel_job(job=job, by=owner_of(team)) is False

    job = wait_for_state(job, "succeeded")
    assert (job.captured, job.outputs_waiting) == (4, 0)
    assert list(job.outputs.values_list("discarded", flat=True)) == [True, True]
    assert recover_output(output=job.outputs.get(index=0)) is True
    job.refresh_from_db()
    assert job.outputs_waiting == 1


def test_stopping_hands_the_lease_over_at_once(sandbox, start_engine, team):
    first, second = start_engine(), start_engine()
    wait_until(lambda: first.is_active or second.is_active)
    active, standby = (first, second) if first.is_active else (second, first)
    assert not standby.is_active

    active.stop()

    wait_until(lambda: standby.is_active, seconds=2)


def test_two_engines_at_once_submit_each_job_once(sandbox, start_engine, team, monkeypatch):
    """The lease keeps one idle; here both believe they hold it, and the rows still keep order."""
    monkeypatch.setattr("generation.engine.engine.hold_lease", lambda *_args: True)
    photo = make_photo(make_product(team), size=(240, 300))
    jobs = [launch_swap(team, photo=photo, model=sandbox.model()) for _ in range(6)]
    start_engine()
    start_engine()
    for job in jobs:
        wait_for_state(job, "succeeded")

    assert Attempt.objects.count() == 6
    assert sandbox.stats()["submits"] == 6
    assert Output.objects.filter(state="delivered").count() == 12
    assert spent(team) == (76, 0)


def test_a_hint_moves_a_job_without_waiting_for_the_next_look(sandbox, start_engine, team):
    """The engine looks at the table by itself only once a minute here."""
    engine = start_engine(timing=replace(QUICK, tick=60, engine_lease=90))
    wait_until(lambda: engine.is_active)
    app.conf.task_always_eager = True
    try:
        job = launch_swap(team, model=sandbox.model())
        job = wait_for_state(job, "succeeded")
    finally:
        app.conf.task_always_eager = False
    assert (job.captured, job.outputs_delivered) == (4, 2)


def test_a_slow_submit_delays_no_other_job(sandbox, start_engine, team):
    photo = make_photo(make_product(team), size=(240, 300))
    start_engine(timing=replace(QUICK, submit=20))
    first = launch_swap(team, photo=photo, model=sandbox.model())
    wait_for_state(first, "running", "collecting", "succeeded")
    sandbox.plan("slow", seconds=2.5)
    slow = wait_for_state(launch_swap(team, photo=photo, model=sandbox.model()), "submitting")
    other = launch_swap(team, photo=photo, model=sandbox.model())

    jobs = [wait_for_state(job, "succeeded") for job in (slow, first, other)]

    answered_at = slow.attempts.get().ended_at
    assert answered_at is not None
    assert [job.finished_at < answered_at for job in jobs[1:] if job.finished_at] == [True, True]


def test_the_history_is_a_chain_without_a_gap(sandbox, start_engine, team):
    sandbox.plan("busy")
    start_engine()
    job = wait_for_state(launch_swap(team, model=sandbox.model()), "succeeded")

    events = list(job.events.all())
    assert [event.before for event in events] == ["", *(event.state for event in events[:-1])]
    [back] = [event for event in events if event.before == "submitting" and event.state == "ready"]
    assert (back.attempt, back.note) == (1, "Every place at SellerPic is taken.")
    assert back.trace_id.startswith("sandbox-")
    assert events[-1].attempt == 2
    assert events[-1].remote_id == job.remote_id
