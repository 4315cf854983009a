"""Jobs that nobody knows the outcome of: where they are shown, what a person can decide, after asking."""

from __future__ import annotations

import re

import pytest
from django.utils.timezone import now

from generation.models import Job, State
from teams.models import Role
from tests.factories import add_member, launch_swap, make_team, owner_of
from tests.generation.queue_pages import (
    HTMX,
    address,
    make_lost,
    make_running,
    make_unknown,
    row_of,
)


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(db, client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def test_jobs_in_doubt_have_a_tab_and_a_count_of_their_own(team, client):
    unknown, lost = make_unknown(team), make_lost(team)
    launch_swap(team)
    page = client.get(address(team, "queue"))
    assert {tab.name: tab.count for tab in page.context["tabs"]} == {
        "all": 3,
        "running": 0,
        "waiting": 1,
        "doubt": 2,
        "done": 0,
        "failed": 0,
    }
    assert "(1) Queue" in page.text
    shown = client.get(address(team, "queue", show="doubt"))
    assert [row.job for row in shown.context["rows"]] == [lost, unknown]
    assert client.get(address(team, "queue", show="running")).context["rows"] == []


def test_the_queue_says_what_waits_for_a_decision_and_what_for_the_provider(team, client):
    assert "Nothing is in doubt" in client.get(address(team, "queue", show="doubt")).text
    make_unknown(team)
    page = client.get(address(team, "queue")).text
    assert "1 job waits for a decision." in page
    assert "Run again, which may be billed twice, or give up and have the credits back." in page
    assert "The provider is silent" not in page
    make_lost(team)
    since = 0
    page = client.get(address(team, "queue_poll", since=since), headers=HTMX).text
    assert "1 job waits for a decision." in page
    assert "The provider is silent about 1 job." in page

    client.force_login(add_member(team, Role.CREATOR))
    page = client.get(address(team, "queue")).text
    assert "An admin of the team decides: run again, or give up" in page
    assert "Run again, which may be billed twice" not in page


def test_every_page_counts_jobs_in_doubt_apart_from_running_ones(team, client):
    page = client.get(address(team, "approved"))
    assert 'id="nav-in-doubt" title="Jobs in doubt" hidden>0' in page.text
    seen = str(page.context["shell"].figures)
    make_unknown(team)
    answer = client.get(address(team, "pulse", seen=seen), headers=HTMX)
    assert 'id="nav-in-doubt" title="Jobs in doubt" hx-swap-oob="true">1' in answer.text
    assert 'id="nav-running" hx-swap-oob="true" hidden>0' in answer.text
    assert 'data-poll="4000"' in answer.text


def test_rows_in_doubt_say_what_can_be_done(team):
    assert row_of(team, make_unknown(team)).advice == (
        "An admin decides: run it again, or give it up and have the credits back."
    )
    assert row_of(team, make_lost(team)).advice == (
        "It is asked for again every ten minutes. An admin can give it up before."
    )


@pytest.mark.parametrize("action", ["run_again", "give_up"])
def test_what_cannot_be_taken_back_is_asked_once_more(team, client, action):
    job = make_unknown(team)
    page = client.get(address(team, "job_detail", job.pk)).text
    assert " open>" not in page
    assert "may then bill the operator of this installation for both" in page
    assert "its 4 credits come back to the team" in page
    # Every form that acts stands in a dialog; the page itself has links that open it.
    resolve = address(team, "job_resolve", job.pk)
    around = "".join(re.split(r"(?s)<dialog.*?</dialog>", page))
    assert page.count(resolve) == 2
    assert resolve not in around
    assert f"?ask={action}" in around

    asked = client.get(address(team, "job_detail", job.pk, ask=action)).text

    opened = re.findall(r'<dialog class="dialog" id="([\w-]+)"[^>]* open>', asked)
    assert opened == [action.replace("_", "-")]
    job.refresh_from_db()
    assert job.state == State.UNKNOWN


def test_nothing_is_asked_where_nothing_can_be_decided(team, client):
    sent = make_running(team, 5)
    assert " open>" not in client.get(address(team, "job_detail", sent.pk, ask="give_up")).text
    job = make_unknown(team)
    client.force_login(add_member(team, Role.CREATOR))
    page = client.get(address(team, "job_detail", job.pk, ask="give_up")).text
    assert '<dialog class="dialog" id="give-up"' not in page


def test_giving_up_returns_the_credits(team, client):
    job = make_unknown(team)
    client.post(address(team, "job_resolve", job.pk), {"action": "give_up"})
    job.refresh_from_db()
    assert (job.state, job.captured) == (State.FAILED, 0)


def test_running_again_keeps_the_hold(team, client):
    job = make_unknown(team)
    client.post(address(team, "job_resolve", job.pk), {"action": "run_again"})
    job.refresh_from_db()
    assert (job.state, job.captured) == (State.READY, None)


def test_a_decision_is_about_the_submit_that_the_page_told_of(team, client):
    job = make_unknown(team)
    page = client.get(address(team, "job_detail", job.pk)).text
    shown = f'<input type="hidden" name="attempt" value="{job.attempt_count}">'
    assert page.count(shown) == 2
    # Another admin had it sent again meanwhile, and that got no answer either.
    later = job.attempt_count + 1
    Job.objects.filter(pk=job.pk).update(attempt_count=later)
    url = address(team, "job_resolve", job.pk)

    for action in ("run_again", "give_up"):
        stale = client.post(url, {"action": action, "attempt": later - 1})
        assert stale.status_code == 422
        assert "This job has moved on in the meantime. Look at it again." in stale.text

    job.refresh_from_db()
    assert (job.state, job.captured) == (State.UNKNOWN, None)
    assert client.post(url, {"action": "run_again", "attempt": later}).status_code == 302
    job.refresh_from_db()
    assert job.state == State.READY


def test_a_suspended_team_gives_jobs_up_and_has_none_sent_again(team, client):
    job = make_unknown(team)
    team.suspended_at = now()
    team.save(update_fields=["suspended_at"])
    url = address(team, "job_resolve", job.pk)
    page = client.get(address(team, "job_detail", job.pk)).text
    assert 'value="run_again"' not in page

    assert client.post(url, {"action": "run_again"}).status_code == 403
    job.refresh_from_db()
    assert job.state == State.UNKNOWN

    client.post(url, {"action": "give_up"})
    job.refresh_from_db()
    assert job.state == State.FAILED


def test_one_credit_is_told_as_one(team, client):
    job = make_unknown(team)
    page = client.get(address(team, "job_detail", job.pk)).text
    assert "The hold of 4 credits stays." in page
    assert "returns 4 credits to the team" in page
    Job.objects.filter(pk=job.pk).update(price=1, unit_price=1, expected_outputs=1)
    page = client.get(address(team, "job_detail", job.pk)).text
    assert "The hold of 1 credit stays." in page
    assert not re.search(r"\b1 credits", page)


def test_a_task_of_the_operators_account_cannot_be_claimed_by_a_team(team, client):
    job = make_unknown(team)
    assert "remote_id" not in client.get(address(team, "job_detail", job.pk)).text
    answer = client.post(
        address(team, "job_resolve", job.pk), {"action": "paste_id", "remote_id": "193874"}
    )
    assert answer.status_code == 422
    assert "Choose what to do." in answer.text
    job.refresh_from_db()
    assert (job.state, job.remote_id) == (State.UNKNOWN, "")


def test_a_lost_job_can_be_given_up_and_not_run_again(team, client):
    job = make_unknown(team)
    Job.objects.filter(pk=job.pk).update(state=State.LOST, slot=None)
    url = address(team, "job_resolve", job.pk)
    page = client.get(address(team, "job_detail", job.pk)).text
    assert "The provider does not say how this job ended" in page
    assert 'value="give_up"' in page
    assert 'value="run_again"' not in page
    assert client.post(url, {"action": "run_again"}).status_code == 422
    job.refresh_from_db()
    assert job.state == State.LOST

    answer = client.post(url, {"action": "give_up"}, follow=True)

    assert "Given up. 4 credits returned." in answer.text
    job.refresh_from_db()
    assert (job.state, job.captured) == (State.FAILED, 0)
    assert job.attempts.get().suspected_cost == 4


def test_trace_ids_are_for_admins(team, client):
    job = make_unknown(team)
    assert "trace-77" in client.get(address(team, "job_detail", job.pk)).text
    client.force_login(add_member(team, Role.CREATOR))
    page = client.get(address(team, "job_detail", job.pk))
    assert "trace-77" not in page.text
    assert "An admin of the team decides how to go on." in page.text
    answer = client.post(address(team, "job_resolve", job.pk), {"action": "give_up"})
    assert answer.status_code == 403
    job.refresh_from_db()
    assert job.state == State.UNKNOWN
