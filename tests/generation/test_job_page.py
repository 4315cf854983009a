"""The page of one job: its history, its ledger rows, what can still be done with its results."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils.timezone import now

from generation.models import Attempt, Job, JobEvent, State
from generation.transitions import advance
from teams.models import Role
from tests.factories import add_member, deliver_swap, launch_swap, make_team, make_user, owner_of
from tests.generation.queue_pages import HTMX, address, make_running, make_sending, row_of


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(db, client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def test_the_job_page_follows_its_job_until_it_ends(team, client, count_queries):
    job = make_running(team, 5)
    page = client.get(address(team, "job_detail", job.pk))
    seen = page.context["row"].mark
    assert f"seen={seen}" in page.text
    poll = address(team, "job_poll", job.pk, seen=seen)
    assert client.get(poll, headers=HTMX).status_code == 204
    assert count_queries(lambda: client.get(poll, headers=HTMX)) <= 5
    Job.objects.filter(pk=job.pk).update(slot=None, state="collecting")
    job.refresh_from_db()
    deliver_swap(team, job=job)
    answer = client.get(poll, headers=HTMX)
    assert "4 credits spent" in answer.text
    assert 'id="credit-chip"' in answer.text
    assert "data-poll=" not in answer.text
    foreign = launch_swap(make_team())
    assert client.get(address(team, "job_poll", foreign.pk)).status_code == 404


def test_results_that_are_to_be_put_aside_can_be_kept_while_they_are_made(team, client):
    job = make_running(team, 5)
    page = client.get(address(team, "job_detail", job.pk))
    assert "The provider has this job already" in page.text
    client.post(address(team, "job_cancel", job.pk))
    assert row_of(team, job).state_label == "Results will be put aside"
    page = client.get(address(team, "job_detail", job.pk))
    assert [step.after for step in page.context["steps"]].count("Working") == 1
    client.post(address(team, "job_keep", job.pk))
    job.refresh_from_db()
    assert (job.state, job.discard_requested_at) == (State.RUNNING, None)
    assert row_of(team, job).state_label == "Working"


def test_a_job_cancelled_while_it_waits_did_not_fail_and_took_no_time(team, client):
    job = launch_swap(team)
    client.post(address(team, "job_cancel", job.pk))
    page = client.get(address(team, "job_detail", job.pk))
    assert page.text.count("Cancelled, not charged") == 2
    assert "Failed, not charged" not in page.text
    assert "<dt>Took</dt>" not in page.text


def test_a_job_that_ended_has_no_results_to_keep(team, client):
    job = deliver_swap(team)
    answer = client.post(address(team, "job_keep", job.pk), follow=True)
    assert "This job had already ended." in answer.text
    client.force_login(add_member(team, Role.REVIEWER))
    assert client.post(address(team, "job_keep", job.pk)).status_code == 403


def test_the_job_page_shows_its_history_and_the_ledger_rows_of_this_job(team, client):
    job = deliver_swap(team, delivered=1)
    deliver_swap(team)
    page = client.get(address(team, "job_detail", job.pk))
    assert [(e.kind, e.d_posted, e.d_held) for e in page.context["entries"]] == [
        ("hold", 0, 4),
        ("settle", -2, -4),
    ]
    assert "The missing result was not charged." in page.text
    assert page.context["steps"][-1].event.state == State.PARTIAL


def test_of_a_very_long_history_the_beginning_and_the_end_are_shown(team, client, count_queries):
    job = launch_swap(team)
    page = address(team, "job_detail", job.pk)
    few = count_queries(lambda: client.get(page))
    start = job.events.get().at
    JobEvent.objects.bulk_create(
        JobEvent(
            job=job,
            before="submitting",
            state="ready",
            note=f"Put back {number}.",
            at=start + timedelta(seconds=number),
        )
        for number in range(1, 1001)
    )
    Attempt.objects.bulk_create(
        Attempt(job=job, number=number, request_hash="x", error=f"Refusal {number}.")
        for number in range(1, 501)
    )
    Job.objects.update(attempt_count=500)

    answer = client.get(page)

    shown = [int(number) for number in re.findall(r"Put back (\d+)\.", answer.text)]
    assert shown == [1, 2, 3, 4, *range(961, 1001)]
    told = answer.text.index("956 steps between are left out.")
    assert answer.text.index("Put back 4.") < told < answer.text.index("Put back 961.")
    attempts = [int(number) for number in re.findall(r"Refusal (\d+)\.", answer.text)]
    assert attempts == list(range(481, 501))
    assert "480 earlier attempts are left out." in answer.text
    assert count_queries(lambda: client.get(page)) <= few + 2


def test_every_step_tells_from_where_to_where_when_why_and_by_which_ids(team, client):
    job = make_sending(team, attempt_count=1)
    assert advance(job, "submitting", "ready", slot=None, note="The host is busy.", trace_id="tr-1")
    assert advance(job, "ready", "submitting", slot=1, attempt_count=2)
    assert advance(job, "submitting", "running", remote_id="task-9", trace_id="tr-2")
    assert advance(job, "running", "lost", slot=None, note="Silent for 40 minutes.")
    job.events.update(at=now().replace(year=2026, month=11, day=21, hour=9, minute=5, second=7))
    assert advance(job, "lost", "collecting", at=now())

    page = client.get(address(team, "job_detail", job.pk))

    steps = [(s.before, s.after, s.why, s.facts) for s in page.context["steps"]]
    one, two, task = ("Attempt 1", ""), ("Attempt 2", ""), ("Task", "task-9")
    assert steps == [
        ("Launched", "Waiting", "", []),
        ("Waiting", "Preparing", "", []),
        ("Preparing", "Waiting for a free place", "", []),
        ("Waiting for a free place", "Sending", "", [one]),
        ("Sending", "Waiting for a free place", "The host is busy.", [one, ("Trace", "tr-1")]),
        ("Waiting for a free place", "Sending", "", [two]),
        ("Sending", "Working", "", [two, task, ("Trace", "tr-2")]),
        ("Working", "Provider is silent", "Silent for 40 minutes.", [two, task]),
        ("Provider is silent", "Saving the results", "", [two, task]),
    ]
    assert page.text.count("21 Nov, 09:05:07</time>") == 1
    assert page.text.count(">09:05:07</time>") == 7


def test_the_history_names_people_and_not_their_addresses(team, client):
    carla = add_member(team, Role.CREATOR, make_user("carla@example.com", name="Carla Conti"))
    job = launch_swap(team, by=carla)

    page = client.get(address(team, "job_detail", job.pk)).text

    history = page[page.index("history-title") : page.index("inputs-title")]
    assert "Carla Conti" in history
    assert "carla@example.com" not in page


def test_a_result_that_was_put_aside_can_be_brought_back(team, client):
    job = deliver_swap(team)
    output = job.outputs.get(index=0)
    job.outputs.update(discarded=True)
    Job.objects.update(outputs_waiting=0)
    assert "Put aside" in client.get(address(team, "job_detail", job.pk)).text
    client.post(address(team, "output_recover", output.pk))
    output.refresh_from_db()
    job.refresh_from_db()
    assert (output.discarded, job.outputs_waiting) == (False, 1)
