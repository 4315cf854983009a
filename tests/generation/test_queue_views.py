"""The queue and the page of one job: words, credits, delta polling, steering."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from catalog.services import archive_product
from generation.models import Attempt, Job, JobEvent, ProviderAccount, State
from generation.transitions import advance
from generation.views.queue import EPOCH, MICROSECOND
from generation.views.rows import job_rows, jobs_for_rows
from teams.models import Role
from tests.factories import (
    add_member,
    deliver_swap,
    launch_swap,
    make_photo,
    make_product,
    make_team,
    make_user,
    owner_of,
)

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(db, client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def address(team, name, *args, **query):
    return reverse(f"generation:{name}", args=[team.slug, *args], query=query)


def microseconds(moment):
    return (moment - EPOCH) // MICROSECOND


def make_unknown(team):
    job = launch_swap(team)
    for before, after in [("queued", "preparing"), ("preparing", "ready")]:
        assert advance(job, before, after)
    assert advance(job, "ready", "submitting", slot=1, attempt_count=1)
    Attempt.objects.create(job=job, number=1, request_hash="x", trace_id="trace-77")
    assert advance(job, "submitting", "unknown", error="The connection closed.")
    return job


def make_running(team, seconds):
    job = launch_swap(team)
    for before, after in [("queued", "preparing"), ("preparing", "ready")]:
        assert advance(job, before, after)
    assert advance(job, "ready", "submitting", slot=1)
    started = now() - timedelta(seconds=seconds)
    assert advance(job, "submitting", "running", submitted_at=started, remote_id="7")
    return job


def row_of(team, job):
    [row] = job_rows(list(jobs_for_rows(team).filter(pk=job.pk)), team)
    return row


def test_tabs_count_and_filter(team, client):
    launch_swap(team)
    done, failed = deliver_swap(team), deliver_swap(team, delivered=0)
    page = client.get(address(team, "queue"))
    assert {tab.name: tab.count for tab in page.context["tabs"]} == {
        "all": 3,
        "running": 0,
        "waiting": 1,
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


def test_every_page_asks_for_its_figures_while_a_job_is_unfinished(team, client, count_queries):
    job = launch_swap(team)
    page = client.get(address(team, "approved"))
    assert 'id="pulse" data-poll="4000"' in page.text
    seen = str(page.context["shell"].figures)
    assert seen == "1.0.196"
    assert client.get(address(team, "pulse", seen=seen), headers=HTMX).status_code == 204
    assert count_queries(lambda: client.get(address(team, "pulse", seen=seen))) <= 6
    deliver_swap(team, job=job)
    answer = client.get(address(team, "pulse", seen=seen), headers=HTMX)
    assert answer.status_code == 200
    assert 'id="nav-to-review" hx-swap-oob="true">1' in answer.text
    assert "seen=0.1.196" in answer.text
    assert "data-poll=" not in answer.text
    assert "data-poll=" not in client.get(address(team, "approved")).text


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
    assert [what for what, _note, _event in page.context["steps"]].count("Working") == 1
    client.post(address(team, "job_keep", job.pk))
    job.refresh_from_db()
    assert (job.state, job.discard_requested_at) == (State.RUNNING, None)
    assert row_of(team, job).state_label == "Working"


def test_a_job_that_ended_has_no_results_to_keep(team, client):
    job = deliver_swap(team)
    answer = client.post(address(team, "job_keep", job.pk), follow=True)
    assert "This job had already ended." in answer.text
    client.force_login(add_member(team, Role.REVIEWER))
    assert client.post(address(team, "job_keep", job.pk)).status_code == 403


def test_results_put_aside_are_called_so_at_the_end(team, client):
    job = deliver_swap(team)
    job.outputs.update(discarded=True)
    Job.objects.update(outputs_waiting=0, discard_requested_at=now())
    row = row_of(team, job)
    assert (row.state_label, row.tone, row.can_review) == ("Put aside", "neutral", False)


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


def test_the_job_page_shows_its_history_and_the_ledger_rows_of_this_job(team, client):
    job = deliver_swap(team, delivered=1)
    deliver_swap(team)
    page = client.get(address(team, "job_detail", job.pk))
    assert [(e.kind, e.d_posted, e.d_held) for e in page.context["entries"]] == [
        ("hold", 0, 4),
        ("settle", -2, -4),
    ]
    assert "The missing result was not charged." in page.text
    assert page.context["steps"][-1][2].state == State.PARTIAL


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


def test_the_history_names_people_and_not_their_addresses(team, client):
    carla = add_member(team, Role.CREATOR, make_user("carla@example.com", name="Carla Conti"))
    job = launch_swap(team, by=carla)

    page = client.get(address(team, "job_detail", job.pk)).text

    history = page[page.index("history-title") : page.index("inputs-title")]
    assert "Carla Conti" in history
    assert "carla@example.com" not in page


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


def test_viewers_read_the_queue_and_change_nothing(team, client):
    job = launch_swap(team)
    client.force_login(add_member(team, Role.VIEWER))
    page = client.get(address(team, "queue"))
    assert page.status_code == 200
    assert address(team, "job_cancel", job.pk) not in page.text
    assert client.post(address(team, "job_cancel", job.pk)).status_code == 403
    job.refresh_from_db()
    assert job.state == State.QUEUED


def test_a_product_shows_its_results(team, client):
    product = make_product(team, "Silk blouse")
    job = deliver_swap(team, job=launch_swap(team, photo=make_photo(product)))
    deliver_swap(team)
    page = client.get(address(team, "product_results", product.pk), headers=HTMX)
    assert [row.job for row in page.context["rows"]] == [job]
    assert address(team, "review_detail", job.pk) in page.text
    assert "data-poll=" not in page.text
    bare = make_product(team)
    assert "No results yet" in client.get(address(team, "product_results", bare.pk)).text
    gone = make_product(team)
    make_photo(gone)
    assert "Open studio" in client.get(address(team, "product_results", gone.pk)).text
    archive_product(product=gone, by=owner_of(team))
    assert "Open studio" not in client.get(address(team, "product_results", gone.pk)).text
    foreign = make_product(make_team())
    assert client.get(address(team, "product_results", foreign.pk)).status_code == 404


def test_the_results_of_a_product_follow_its_unfinished_jobs(team, client, count_queries):
    product = make_product(team, "Silk blouse")
    photo = make_photo(product)
    done = deliver_swap(team, job=launch_swap(team, photo=photo))
    job = launch_swap(team, photo=photo)
    page = client.get(address(team, "product_results", product.pk), headers=HTMX)
    [(_name, seen)] = page.context["watched"]
    assert seen.startswith(f"{job.pk}:queued")
    poll = address(team, "product_results_poll", product.pk, seen=seen)
    assert client.get(poll, headers=HTMX).status_code == 204
    few = count_queries(lambda: client.get(poll, headers=HTMX))
    assert few <= 5
    deliver_swap(team, job=job)
    answer = client.get(poll, headers=HTMX)
    assert f'id="made-{job.pk}" hx-swap-oob="true"' in answer.text
    assert f"made-{done.pk}" not in answer.text
    assert "data-poll=" not in answer.text
    made_up = address(team, "product_results_poll", product.pk, seen=["x", "1:2", ""])
    assert client.get(made_up).status_code == 204
