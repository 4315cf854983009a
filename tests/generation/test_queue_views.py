"""The queue: tabs, words, credits, delta polling, cancelling and trying again."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from generation.models import Job, ProviderAccount, State
from generation.views.queue import EPOCH, MICROSECOND
from teams.models import Role
from tests.factories import (
    add_member,
    deliver_swap,
    launch_swap,
    make_team,
    make_user,
    owner_of,
)
from tests.generation.queue_pages import HTMX, address, make_running, row_of


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(db, client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def microseconds(moment):
    return (moment - EPOCH) // MICROSECOND


def test_tabs_count_and_filter(team, client):
    launch_swap(team)
    done, failed = deliver_swap(team), deliver_swap(team, delivered=0)
    page = client.get(address(team, "queue"))
    assert {tab.name: tab.count for tab in page.context["tabs"]} == {
        "all": 3,
        "running": 0,
        "waiting": 1,
        "doubt": 0,
        "done": 1,
        "failed": 1,
    }
    assert "(1) Queue" in page.text
    shown = client.get(address(team, "queue", show="done")).context["rows"]
    assert [row.job for row in shown] == [done]
    shown = client.get(address(team, "queue", show="failed")).context["rows"]
    assert [row.job for row in shown] == [failed]


def test_credits_are_told_in_words(team):
    assert row_of(team, launch_swap(team)).credits == "4 credits held"
    assert row_of(team, deliver_swap(team)).credits == "4 credits spent"
    assert row_of(team, deliver_swap(team, delivered=1)).credits == "2 credits spent, 2 returned"
    assert row_of(team, deliver_swap(team, delivered=0)).credits == "4 credits returned"


def test_progress_is_time_and_stops_at_95_percent(team):
    job = make_running(team, 12)
    ProviderAccount.objects.update(is_sandbox=False)
    early = row_of(team, job).progress
    assert (early.elapsed, early.typical, early.percent, early.is_late) == (12, 60, 20, False)
    Job.objects.update(submitted_at=now() - timedelta(seconds=75))
    late = row_of(team, Job.objects.get()).progress
    assert (late.elapsed, late.percent, late.is_late) == (75, 95, True)


def test_the_sandbox_is_not_as_slow_as_a_provider(team):
    progress = row_of(team, make_running(team, 4)).progress
    assert (progress.elapsed, progress.typical, progress.percent) == (4, 10, 40)


def test_pages_of_the_queue_follow_one_another_without_gap(team, client, monkeypatch):
    monkeypatch.setattr("generation.views.queue.ROWS_SHOWN", 2)
    jobs = [launch_swap(team).pk for _ in range(5)]
    seen, after = [], ""
    while True:
        page = client.get(address(team, "queue", after=after))
        seen += [row.job.pk for row in page.context["rows"]]
        after = page.context["next_cursor"]
        if not after:
            break
    assert seen == jobs[::-1]
    assert client.get(address(team, "queue", after="nonsense")).status_code == 200


def test_the_queue_reads_in_a_constant_number_of_queries(team, client, count_queries):
    deliver_swap(team)
    few = count_queries(lambda: client.get(address(team, "queue")))
    for _ in range(4):
        deliver_swap(team)
    assert count_queries(lambda: client.get(address(team, "queue"))) == few


def test_a_poll_without_news_is_empty(team, client):
    launch_swap(team)
    Job.objects.update(changed_at=now() - timedelta(seconds=30))
    answer = client.get(address(team, "queue_poll", since=microseconds(now())), headers=HTMX)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_poll_brings_changed_rows_counters_and_the_next_question(team, client):
    old, new = launch_swap(team), launch_swap(team)
    Job.objects.update(changed_at=now() - timedelta(seconds=30))
    since = microseconds(now())
    deliver_swap(team, job=new)
    answer = client.get(address(team, "queue_poll", since=since, show="waiting"), headers=HTMX)
    assert answer.status_code == 200
    assert f'id="job-{new.pk}"' in answer.text
    assert f'id="job-{old.pk}"' not in answer.text
    assert "data-fits" not in answer.text
    assert "Ready for review" in answer.text
    assert 'id="queue-tabs"' in answer.text
    assert "<title>(1) Queue" in answer.text
    assert f"since={since}" not in answer.text


def test_a_poll_looks_back_three_seconds(team, client):
    job = launch_swap(team)
    Job.objects.update(changed_at=now() - timedelta(seconds=2))
    answer = client.get(address(team, "queue_poll", since=microseconds(now())), headers=HTMX)
    assert f'id="job-{job.pk}"' in answer.text


def test_an_idle_queue_asks_slowly_for_jobs_that_start_elsewhere(team, client):
    job = launch_swap(team)
    assert 'data-poll="1500"' in client.get(address(team, "queue")).text
    deliver_swap(team, job=job)
    assert 'data-poll="10000"' in client.get(address(team, "queue")).text


def test_rows_name_the_model_and_the_scene(team, client):
    row = row_of(team, launch_swap(team))
    assert row.settings_text
    assert row.settings_text in client.get(address(team, "queue")).text


def test_reviewers_are_not_led_to_the_studio(team, client):
    assert 'data-go="s"' in client.get(address(team, "queue")).text
    client.force_login(add_member(team, Role.REVIEWER))
    for page in (address(team, "queue"), reverse("teams:profile")):
        assert 'data-go="s"' not in client.get(page).text


def test_cancelling_returns_the_credits_and_the_row(team, client):
    job = launch_swap(team)
    headers = {**HTMX, "HX-Target": f"job-{job.pk}"}
    answer = client.post(address(team, "job_cancel", job.pk), headers=headers)
    assert "4 credits returned" in answer.text
    assert "Cancelled. 4 credits returned." in answer["HX-Trigger"]
    assert Job.objects.get().state == State.CANCELLED


def test_trying_again_twice_makes_one_new_job(team, client):
    failed = deliver_swap(team, delivered=0)
    for _ in range(2):
        assert client.post(address(team, "job_retry", failed.pk)).status_code == 302
    assert Job.objects.filter(retry_of=failed).count() == 1
    assert row_of(team, failed).can_retry is False


def test_trying_again_without_credits_says_so(db, client):
    team = make_team(credits_=4)
    client.force_login(owner_of(team))
    job = launch_swap(team)
    deliver_swap(team, job=job, delivered=0)
    launch_swap(team)
    answer = client.post(address(team, "job_retry", job.pk), follow=True)
    assert "This needs 4 credits and the team has 0 available." in answer.text
    assert not Job.objects.filter(retry_of=job).exists()


def test_viewers_read_the_queue_and_change_nothing(team, client):
    job = launch_swap(team)
    client.force_login(add_member(team, Role.VIEWER))
    page = client.get(address(team, "queue"))
    assert page.status_code == 200
    assert address(team, "job_cancel", job.pk) not in page.text
    assert client.post(address(team, "job_cancel", job.pk)).status_code == 403
    job.refresh_from_db()
    assert job.state == State.QUEUED


def test_jobs_of_other_teams_are_not_found(team, client):
    foreign = launch_swap(make_team())
    for name in ("job_detail",):
        assert client.get(address(team, name, foreign.pk)).status_code == 404
    for name in ("job_cancel", "job_retry", "job_resolve"):
        assert client.post(address(team, name, foreign.pk)).status_code == 404
    assert client.get(address(team, "job_detail", uuid4())).status_code == 404
    client.force_login(make_user())
    for name in ("queue", "queue_poll"):
        assert client.get(address(team, name)).status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == State.QUEUED


def test_results_put_aside_are_called_so_at_the_end(team, client):
    job = deliver_swap(team)
    job.outputs.update(discarded=True)
    Job.objects.update(outputs_waiting=0, discard_requested_at=now())
    row = row_of(team, job)
    assert (row.state_label, row.tone, row.can_review) == ("Put aside", "neutral", False)
