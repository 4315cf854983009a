"""The operator's pages about jobs: read-only, but for the decision about silent providers."""

import re

import pytest
from django.test import Client

from generation.models import Attempt, Job, JobEvent
from generation.transitions import advance
from teams.models import AuditEntry, CreditAccount, User
from tests.factories import deliver_swap, launch_swap, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def unknown(db):
    job = launch_swap(make_team("Atelier", credits_=10))
    assert advance(job, "queued", "submitting", slot=0, attempt_count=1)
    Attempt.objects.create(job=job, number=1, request_hash="x", outcome="unknown")
    assert advance(job, "submitting", "unknown")
    return job


def resolve(client, job, **form):
    return client.post(f"/admin/generation/job/{job.pk}/resolve/", form, follow=True)


def test_jobs_attempts_accounts_and_presets_are_shown_and_not_editable(client, operator):
    job = deliver_swap(make_team())
    client.force_login(operator)
    for page in ("job/", f"job/{job.pk}/change/", "attempt/", "provideraccount/", "preset/"):
        assert client.get(f"/admin/generation/{page}").status_code == 200, page
    assert client.get("/admin/generation/job/add/").status_code == 403
    assert client.post(f"/admin/generation/job/{job.pk}/change/", {}).status_code == 403
    assert client.post(f"/admin/generation/job/{job.pk}/delete/", {}).status_code == 403


def test_a_job_is_shown_with_its_offer_seed_ids_and_history(client, operator, unknown):
    Job.objects.filter(pk=unknown.pk).update(seed=4242424242, remote_id="196300123")
    Attempt.objects.filter(job=unknown).update(
        hinted_remote_id="hinted-7", provider_charged=31, webhook_token="token-of-the-webhook"
    )
    client.force_login(operator)

    page = client.get(f"/admin/generation/job/{unknown.pk}/change/").content.decode()

    for text in ("sellerpic", "4242424242", "196300123", "hinted-7", ">31<"):
        assert text in page, text
    history = page.partition('id="events-group"')[2]
    rows = [re.sub(r"<[^>]+>|\s+", " ", row).split() for row in history.split("<tr")[2:]]
    assert len(rows) == 3
    assert "Waiting Sending 1" in " ".join(rows[1])
    assert "Sending No answer from the provider 1" in " ".join(rows[2])
    assert "sellerpic" in client.get("/admin/generation/job/").content.decode()
    attempt = Attempt.objects.get(job=unknown)
    for path in (f"job/{unknown.pk}/change/", "attempt/", f"attempt/{attempt.pk}/change/"):
        html = client.get(f"/admin/generation/{path}").content.decode()
        assert "token-of-the-webhook" not in html, path


def test_of_a_very_long_history_the_first_and_the_newest_rows_are_shown(client, operator, unknown):
    JobEvent.objects.bulk_create(
        JobEvent(job=unknown, before="ready", state="ready", note=f"Step {number}.")
        for number in range(1, 301)
    )
    Attempt.objects.bulk_create(
        Attempt(job=unknown, number=number, request_hash="x", error=f"Refusal {number}.")
        for number in range(2, 102)
    )
    client.force_login(operator)

    page = client.get(f"/admin/generation/job/{unknown.pk}/change/").content.decode()

    steps = [int(number) for number in re.findall(r"Step (\d+)\.", page)]
    assert steps == [1, 2, *range(256, 301)]
    assert "253 rows between the first and the newest ones are left out." in page
    attempts = [int(number) for number in re.findall(r"Refusal (\d+)\.", page)]
    assert attempts == [2, 3, 4, 5, *range(57, 102)]
    assert "51 rows between the first and the newest ones are left out." in page


def test_the_operator_gives_up_an_unknown_job(client, operator, unknown):
    client.force_login(operator)
    page = client.get(f"/admin/generation/job/{unknown.pk}/change/").content.decode()
    assert "Give up and return the credits" in page

    resolve(client, unknown, action="give_up")

    unknown.refresh_from_db()
    assert unknown.state == "failed"
    account = CreditAccount.objects.get(team=unknown.team)
    assert (account.posted, account.held) == (10, 0)
    entry = AuditEntry.objects.get(action="job.resolved")
    assert (entry.actor, entry.subject) == ("operator@example.com", str(unknown.pk))
    page = client.get(f"/admin/generation/job/{unknown.pk}/change/").content.decode()
    assert "Give up" not in page


def test_the_operator_gives_up_a_lost_job(client, operator, unknown):
    assert advance(unknown, "unknown", "lost", slot=None)
    client.force_login(operator)
    page = client.get(f"/admin/generation/job/{unknown.pk}/change/").content.decode()
    assert "Give up and return the credits" in page
    assert "Take over this task" not in page

    resolve(client, unknown, action="give_up")

    unknown.refresh_from_db()
    assert (unknown.state, unknown.captured) == ("failed", 0)
    assert Attempt.objects.get(job=unknown).suspected_cost == 4


@pytest.mark.parametrize(
    "page", ["job/{pk}/change/", "provideraccount/page/"], ids=["of the job", "of providers"]
)
@pytest.mark.parametrize("state", ["unknown", "lost"])
def test_a_browser_can_send_the_decision_of_a_page(operator, unknown, page, state):
    if state == "lost":
        assert advance(unknown, "unknown", "lost", slot=None)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator)
    html = browser.get(f"/admin/generation/{page.format(pk=unknown.pk)}").content.decode()
    form = html.partition(f'action="/admin/generation/job/{unknown.pk}/resolve/"')[2]
    form = form.partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert {"csrfmiddlewaretoken", "attempt"} <= set(fields)

    stale = resolve(browser, unknown, **fields | {"action": "give_up", "attempt": "7"})
    assert "This job has moved on in the meantime." in stale.content.decode()
    unknown.refresh_from_db()
    assert unknown.state == state

    assert resolve(browser, unknown, **fields, action="give_up").status_code == 200
    unknown.refresh_from_db()
    assert unknown.state == "failed"


def test_the_operator_takes_over_a_task(client, operator, unknown):
    client.force_login(operator)

    resolve(client, unknown, action="paste_id", remote_id="196300123")

    unknown.refresh_from_db()
    assert (unknown.state, unknown.remote_id) == ("unknown", "")
    assert Attempt.objects.get(job=unknown).hinted_remote_id == "196300123"


@pytest.mark.parametrize("job_id", ["xx", "1", "00000000-0000-4000-8000-000000000000"])
def test_an_address_of_no_job_leads_back_to_the_index(client, operator, job_id):
    client.force_login(operator)

    answer = client.get(f"/admin/generation/job/{job_id}/change/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_a_bad_task_id_or_action_changes_nothing(client, operator, unknown):
    client.force_login(operator)

    page = resolve(client, unknown, action="paste_id", remote_id="").content.decode()
    assert "Paste the task id" in page
    resolve(client, unknown, action="explode")

    unknown.refresh_from_db()
    assert unknown.state == "unknown"
    assert not AuditEntry.objects.filter(action="job.resolved").exists()


def test_only_by_post_and_only_with_the_right(client, unknown, operator):
    staff = User.objects.create_user("staff@example.com", "x", is_staff=True)
    client.force_login(staff)
    address = f"/admin/generation/job/{unknown.pk}/resolve/"
    assert client.post(address, {"action": "give_up"}).status_code == 403
    client.force_login(operator)
    assert client.get(address).status_code == 405

    unknown.refresh_from_db()
    assert unknown.state == "unknown"
