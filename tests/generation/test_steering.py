"""Cancelling, and deciding about a job whose submit got no answer."""

import pytest

from generation.models import Attempt, Job
from generation.services import JobMoved, cancel_job, resolve_unknown
from generation.transitions import advance
from teams.models import AuditEntry, CreditAccount
from tests.factories import deliver_swap, launch_swap, make_team, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(db):
    return make_team(credits_=10)


def balance(team):
    account = CreditAccount.objects.get(team=team)
    return account.posted, account.held


def make_unknown(team, slot=0):
    job = launch_swap(team)
    assert advance(job, "queued", "submitting", slot=3, attempt_count=1)
    Attempt.objects.create(job=job, number=1, request_hash="x")
    assert advance(job, "submitting", "unknown", slot=slot)
    return job


@pytest.mark.parametrize("state", ["queued", "preparing", "ready"])
def test_cancelling_before_sending_returns_the_credits(team, state):
    job = launch_swap(team)
    if state != "queued":
        advance(job, "queued", state)

    assert cancel_job(job=job, by=owner_of(team)) is True

    job.refresh_from_db()
    assert (job.state, job.captured) == ("cancelled", 0)
    assert balance(team) == (10, 0)
    assert set(job.outputs.values_list("state", flat=True)) == {"failed"}
    assert cancel_job(job=job, by=owner_of(team)) is True, "twice does no harm"


def test_cancelling_after_sending_only_discards(team):
    job = launch_swap(team)
    advance(job, "queued", "submitting", slot=0)

    assert cancel_job(job=job, by=owner_of(team)) is False
    assert cancel_job(job=job, by=owner_of(team)) is False

    job.refresh_from_db()
    assert (job.state, job.slot) == ("submitting", 0)
    assert job.discard_requested_at is not None
    assert balance(team) == (10, 4)
    assert job.events.filter(note__contains="put aside").count() == 1


def test_cancelling_an_ended_job_changes_nothing(team):
    job = deliver_swap(team)

    assert cancel_job(job=job, by=owner_of(team)) is False

    job.refresh_from_db()
    assert (job.state, job.discard_requested_at) == ("succeeded", None)
    assert balance(team) == (6, 0)


def test_giving_up_returns_the_credits_and_notes_the_operators_risk(team):
    job = make_unknown(team)

    resolve_unknown(job=job, by=owner_of(team), action="give_up")

    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "given_up")
    assert Attempt.objects.get(job=job).suspected_cost == 4
    assert balance(team) == (10, 0)


def test_a_pasted_id_is_asked_about_before_it_is_believed(team):
    job = make_unknown(team)

    resolve_unknown(job=job, by=owner_of(team), action="paste_id", remote_id="196300123")

    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("unknown", "")
    attempt = Attempt.objects.get(job=job)
    assert (attempt.remote_id, attempt.hinted_remote_id) == ("", "196300123")
    assert attempt.hint_due_at is not None
    assert job.events.last().note == (
        "Task id 196300123 given by hand; the provider is asked about it."
    )


@pytest.mark.parametrize("remote_id", ["", "  ", "a b", "x" * 81, "../1"])
def test_what_cannot_be_a_task_id_is_refused(team, remote_id):
    job = make_unknown(team)

    with pytest.raises(ValueError, match="task id"):
        resolve_unknown(job=job, by=owner_of(team), action="paste_id", remote_id=remote_id)

    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("unknown", "")


def test_an_id_that_another_job_has_is_refused(team):
    other = launch_swap(team)
    Job.objects.filter(pk=other.pk).update(remote_id="7")
    job = make_unknown(team)

    with pytest.raises(ValueError, match="Another job"):
        resolve_unknown(job=job, by=owner_of(team), action="paste_id", remote_id="7")

    job.refresh_from_db()
    assert job.state == "unknown"
    assert Attempt.objects.get(job=job).remote_id == ""


def test_a_job_that_moved_on_is_left_alone(team):
    job = launch_swap(team)

    with pytest.raises(JobMoved):
        resolve_unknown(job=job, by=owner_of(team), action="give_up")

    job.refresh_from_db()
    assert job.state == "queued"
    assert balance(team) == (10, 4)
    assert not AuditEntry.objects.filter(action="job.resolved").exists()


def make_lost(team):
    job = make_unknown(team)
    assert advance(job, "unknown", "lost", slot=None, remote_id="7")
    return job


def test_a_lost_job_can_be_given_up(team):
    job = make_lost(team)

    resolve_unknown(job=job, by=owner_of(team), action="give_up")

    job.refresh_from_db()
    assert (job.state, job.error_code, job.captured) == ("failed", "given_up", 0)
    assert job.error == "The provider never finished. The credits were returned."
    assert Attempt.objects.get(job=job).suspected_cost == 4
    assert balance(team) == (10, 0)


@pytest.mark.parametrize("action", ["run_again", "paste_id"])
def test_a_lost_job_is_neither_run_again_nor_given_another_task(team, action):
    job = make_lost(team)

    with pytest.raises(JobMoved):
        resolve_unknown(job=job, by=owner_of(team), action=action, remote_id="8")

    job.refresh_from_db()
    assert (job.state, job.remote_id) == ("lost", "7")
    assert balance(team) == (10, 4)


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("run_again", {"decision": "run_again"}),
        ("give_up", {"decision": "give_up"}),
        ("paste_id", {"decision": "paste_id", "task": "196300123"}),
    ],
)
def test_every_decision_is_on_the_audit_trail(team, action, data):
    job = make_unknown(team)

    resolve_unknown(job=job, by=owner_of(team), action=action, remote_id="196300123")

    entry = AuditEntry.objects.get(action="job.resolved")
    assert (entry.team, entry.actor) == (team, owner_of(team).email)
    assert (entry.subject, entry.data) == (str(job.pk), data)
