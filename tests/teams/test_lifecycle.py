"""Suspended teams look and download and start nothing; closing waits for what is under way."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils.timezone import now

from generation.models import Job, PriceRule, State
from generation.preflight import LaunchRefused
from generation.transitions import advance, end_job
from teams.lifecycle import close, finish_closings, resume, suspend
from teams.models import (
    AuditEntry,
    Invitation,
    LedgerEntry,
    Membership,
    OutgoingMail,
    Role,
    Team,
    User,
)
from teams.services import InvitationInvalid, TeamRefused, accept_invitation, invite_member
from tests.factories import (
    add_member,
    deliver_swap,
    launch_swap,
    make_photo,
    make_presets,
    make_product,
    make_team,
    make_user,
    owner_of,
)

pytestmark = pytest.mark.django_db

SUSPENDED = (
    "This team is suspended (Invoice 7 is unpaid). It can look, decide and download, and starts "
    "nothing new. Ask the operator."
)


@pytest.fixture
def busy() -> Team:
    return make_team("Atelier", credits_=100)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def submitted(job: Job) -> Job:
    """The same job once the provider has it."""
    for before, after in (
        (State.QUEUED, State.PREPARING),
        (State.PREPARING, State.READY),
    ):
        assert advance(job, before, after)
    assert advance(job, State.READY, State.SUBMITTING, slot=1, attempt_count=1)
    assert advance(job, State.SUBMITTING, State.RUNNING, remote_id=f"task-{job.pk.hex[:8]}")
    return job


def balance(team: Team) -> tuple[int, int]:
    account = Team.objects.get(pk=team.pk).credit_account
    return account.posted, account.held


def test_a_suspended_team_looks_decides_and_downloads(busy):
    job = deliver_swap(busy)
    output = job.outputs.order_by("index")[0]
    client = signed_in(owner_of(busy))
    here = f"/t/{busy.slug}"

    suspend(team=busy, actor="olga@example.com", reason="Invoice 7 is unpaid")

    page = client.get(f"{here}/products/")
    assert page.status_code == 200
    assert SUSPENDED in page.content.decode()
    assert "Studio" not in page.content.decode(), "no way in where nothing can be launched"
    data = {"verdict": "approved", "version": output.verdict_version}
    decided = client.post(f"{here}/results/{output.pk}/decision", data)
    assert decided.status_code == 302
    assert client.get(f"{here}/results/{output.pk}/download").status_code in (200, 302)
    entry = AuditEntry.objects.get(action="team.suspended")
    assert (entry.actor, entry.data) == ("olga@example.com", {"reason": "Invoice 7 is unpaid"})


def test_a_suspended_team_launches_nothing_and_is_told_why(busy):
    owner = owner_of(busy)
    client = signed_in(owner)
    photo = make_photo(make_product(busy), size=(240, 300))
    suspend(team=busy, actor="olga@example.com", reason="Invoice 7 is unpaid")

    for path in ("studio/", "products/new"):
        page = client.get(f"/t/{busy.slug}/{path}")
        assert page.status_code == 403
        assert SUSPENDED in page.content.decode()
        assert "<h1>This team is suspended</h1>" in page.content.decode()
    assert client.post(f"/t/{busy.slug}/studio/launch", {}).status_code == 403
    with pytest.raises(LaunchRefused) as refused:
        launch_swap(busy, photo=photo)

    assert str(refused.value) == SUSPENDED
    assert not Job.objects.exists()
    assert balance(busy) == (100, 0)


def test_a_launch_that_read_the_team_before_it_was_suspended_is_refused(busy):
    """The team in its hand still says that all is well."""
    photo = make_photo(make_product(busy), size=(240, 300))
    make_presets(1)
    stale = Team.objects.get(pk=busy.pk)
    suspend(team=busy, actor="olga@example.com", reason="Invoice 7 is unpaid")
    assert stale.standing == ""

    with pytest.raises(LaunchRefused):
        launch_swap(stale, photo=photo, by=owner_of(busy))

    assert not Job.objects.exists()
    assert LedgerEntry.objects.for_team(busy).count() == 1, "its grant alone"


def test_jobs_under_way_run_on_and_are_settled_while_suspended(busy):
    job = launch_swap(busy)
    suspend(team=busy, actor="olga@example.com", reason="")

    deliver_swap(busy, job=job)

    assert balance(busy) == (96, 0)


def test_a_suspended_team_cancels_what_waits(busy):
    """Cancelling is free, and sends nothing."""
    waiting, running = launch_swap(busy), submitted(launch_swap(busy))
    failed = deliver_swap(busy, delivered=0)
    client = signed_in(owner_of(busy))
    suspend(team=busy, actor="olga@example.com", reason="")
    here = f"/t/{busy.slug}/jobs"
    page = client.get(f"/t/{busy.slug}/queue/").content.decode()
    assert f"{here}/{waiting.pk}/cancel" in page
    assert f"{here}/{failed.pk}/retry" not in page

    row = client.post(
        f"{here}/{waiting.pk}/cancel",
        headers={"HX-Request": "true", "HX-Target": f"job-{waiting.pk}"},
    )
    client.post(f"{here}/{running.pk}/cancel")

    assert row.status_code == 200
    assert "Try again" not in row.content.decode(), "it would be refused"
    for job in (waiting, running):
        job.refresh_from_db()
    assert (waiting.state, running.state) == (State.CANCELLED, State.RUNNING)
    assert running.discard_requested_at is not None
    assert balance(busy) == (100, 4)


def letters() -> list[tuple[str, str]]:
    mails = OutgoingMail.objects.order_by("pk")
    return sorted((mail.recipients[0], mail.subject) for mail in mails)


def test_owners_are_told_by_mail_what_an_operator_does_to_their_team(busy):
    owner = owner_of(busy)
    add_member(busy, Role.ADMIN)
    operator = make_user("olga@example.com", is_staff=True)
    subjects = []

    for act, reason in ((suspend, "Invoice 7 is unpaid"), (resume, "Paid"), (close, "Fraud")):
        act(team=busy, actor=operator, reason=reason)
        mail = OutgoingMail.objects.latest("pk")
        assert mail.recipients == [owner.email]
        assert f"Reason: {reason}" in mail.message
        assert "The operator" in mail.message
        assert operator.email not in mail.message
        subjects.append(mail.subject)

    assert subjects == [
        "Atelier is suspended",
        "Atelier is at work again",
        "Atelier is being closed",
    ]
    assert OutgoingMail.objects.count() == 3


def test_other_owners_are_told_who_closed_the_team(busy):
    owner, other = owner_of(busy), add_member(busy, Role.OWNER)

    close(team=busy, actor=owner, reason="We merged")

    assert letters() == [(other.email, "Atelier is being closed")]
    assert f"{owner} has closed Atelier." in OutgoingMail.objects.get().message


def test_a_refused_change_of_standing_mails_nobody(busy):
    suspend(team=busy, actor="olga@example.com", reason="x")
    with pytest.raises(TeamRefused):
        suspend(team=busy, actor="olga@example.com", reason="y")

    assert len(letters()) == 1


def test_a_team_at_work_again_launches(busy):
    suspend(team=busy, actor="olga@example.com", reason="x")
    with pytest.raises(TeamRefused, match="suspended already"):
        suspend(team=busy, actor="olga@example.com", reason="y")

    resume(team=busy, actor="olga@example.com", reason="Paid")

    assert busy.standing == ""
    assert launch_swap(busy).state == State.QUEUED
    assert AuditEntry.objects.get(action="team.resumed").data == {"reason": "Paid"}
    with pytest.raises(TeamRefused, match="not suspended"):
        resume(team=busy, actor="olga@example.com")


def test_an_owner_closes_a_team_where_nothing_is_under_way(busy):
    owner = owner_of(busy)
    other = make_team("Other", owner=owner)
    viewer = add_member(busy, Role.VIEWER)
    client = signed_in(owner)
    path = f"/t/{busy.slug}/close/"
    assert "The 100 credits it has left stay" in client.get(path).content.decode()

    wrong = client.post(path, {"name": "atelier"})
    assert wrong.status_code == 422
    assert "This is not the name of the team." in wrong.content.decode()
    assert Team.objects.get(pk=busy.pk).standing == ""
    answer = client.post(path, {"name": "Atelier", "reason": "We merged"})

    assert answer["Location"] == "/"
    closed = Team.objects.get(pk=busy.pk)
    assert closed.closed_at is not None
    assert client.get(f"/t/{busy.slug}/products/").status_code == 404
    assert signed_in(viewer).get(f"/t/{busy.slug}/products/").status_code == 404
    assert client.get("/")["Location"] == f"/t/{other.slug}/products/"
    assert "Atelier" not in client.get("/me/").content.decode()
    assert balance(busy) == (100, 0), "its books stay"
    assert Membership.objects.filter(team=busy).count() == 2
    assert list(
        AuditEntry.objects.filter(action__startswith="team.clos").values_list("action", "actor")
    ) == [("team.closed", owner.email), ("team.closing", owner.email)]


def test_closing_cancels_what_waits_and_waits_for_what_is_at_the_provider(busy):
    waiting, running = launch_swap(busy), submitted(launch_swap(busy))
    assert balance(busy) == (100, 8)

    assert not close(team=busy, actor="olga@example.com", reason="Fraud")

    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.state, running.state) == (State.CANCELLED, State.RUNNING)
    assert balance(busy) == (100, 4)
    assert busy.closing_at is not None
    assert busy.closed_at is None
    page = signed_in(owner_of(busy)).get(f"/t/{busy.slug}/queue/")
    assert "This team is being closed. Download what you need" in page.content.decode()
    assert finish_closings(now()) == 0

    assert end_job(running, State.RUNNING, State.FAILED, captured=0)
    assert finish_closings(now()) == 1

    assert finish_closings(now()) == 0
    busy.refresh_from_db()
    assert busy.closed_at is not None
    assert balance(busy) == (100, 0)
    call_command("check_ledger")


def test_closing_goes_on_after_a_crash_between_its_steps(busy):
    """The process died right after it had written that the team is being closed."""
    job = launch_swap(busy)
    at = now()
    Team.objects.filter(pk=busy.pk).update(suspended_at=at, closing_at=at)

    assert finish_closings(now()) == 1

    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert balance(busy) == (100, 0)


def test_nobody_joins_a_team_that_is_being_closed(busy, charlie):
    owner = owner_of(busy)
    _invitation, link = invite_member(team=busy, by=owner, email="x@example.com", role=Role.VIEWER)
    submitted(launch_swap(busy))

    close(team=busy, actor=owner)

    assert not Invitation.objects.open().exists()
    path = link.removeprefix("http://127.0.0.1:8000")
    assert signed_in(charlie).post(path).status_code == 404
    assert not Membership.objects.filter(user=charlie).exists()
    Invitation.objects.update(revoked_at=None)
    secret = path.strip("/").split("/")[-1]
    with pytest.raises(InvitationInvalid):
        accept_invitation(secret=secret, user=charlie)
    assert not Membership.objects.filter(user=charlie).exists()


def test_a_team_is_closed_once(busy):
    close(team=busy, actor="olga@example.com")

    with pytest.raises(TeamRefused, match="being closed already"):
        close(team=busy, actor="olga@example.com")

    assert AuditEntry.objects.filter(action="team.closed").count() == 1


def test_the_operator_brings_a_closed_team_back_with_all_it_had(busy):
    deliver_swap(busy)
    close(team=busy, actor="olga@example.com")

    resume(team=busy, actor="olga@example.com", reason="By mistake")

    client = signed_in(owner_of(busy))
    assert client.get(f"/t/{busy.slug}/products/").status_code == 200
    assert (busy.suspended_at, busy.closing_at, busy.closed_at) == (None, None, None)
    assert balance(busy) == (96, 0)


@pytest.mark.django_db(transaction=True)
def test_no_job_that_costs_nothing_slips_past_a_suspension():
    """It holds no credits, and waits for the lock of the account all the same."""
    team = make_team("Race", credits_=0)
    photo, model = make_photo(make_product(team), size=(240, 300)), make_presets(1)[0]
    PriceRule.objects.create(percent=0, actor="olga@example.com")
    refused: list[str] = []

    def launch() -> None:
        try:
            launch_swap(team, photo=photo, model=model)
        except LaunchRefused as exc:
            refused.append(str(exc))
        finally:
            connection.close()

    thread = threading.Thread(target=launch)
    with transaction.atomic():
        suspend(team=Team.objects.get(pk=team.pk), actor="olga@example.com", reason="Fraud")
        thread.start()
        thread.join(0.2)
    thread.join()

    assert not Job.objects.exists()
    assert len(refused) == 1


@pytest.mark.django_db(transaction=True)
def test_no_launch_slips_through_while_a_team_is_being_closed():
    """Launches and a closing at once: whatever was launched is cancelled, nothing stays held."""
    team = make_team("Race", credits_=1000)
    photos = [make_photo(make_product(team), size=(240, 300)) for _ in range(6)]
    model = make_presets(1)[0]
    owner = owner_of(team)
    barrier, refused = threading.Barrier(len(photos) + 1), []

    def launch(photo) -> None:
        try:
            barrier.wait()
            launch_swap(team, photo=photo, model=model, by=owner, request_key=uuid.uuid4())
        except LaunchRefused as exc:
            refused.append(str(exc))
        finally:
            connection.close()

    def shut() -> None:
        try:
            barrier.wait()
            close(team=Team.objects.get(pk=team.pk), actor=owner)
        finally:
            connection.close()

    threads = [threading.Thread(target=launch, args=(photo,)) for photo in photos]
    threads.append(threading.Thread(target=shut))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finish_closings(now())

    team.refresh_from_db()
    assert team.closed_at is not None
    jobs = list(Job.objects.for_team(team))
    assert len(jobs) + len(refused) == 6
    assert {job.state for job in jobs} <= {State.CANCELLED}
    assert balance(team) == (1000, 0)
