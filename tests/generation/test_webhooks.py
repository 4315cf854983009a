"""What a provider's call changes: when the task is asked for next, and nothing else."""

import json
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from generation.engine.hints import hinted_jobs
from generation.engine.poll import due_polls, record_status
from generation.engine.submit import record_outcome
from generation.engine.timing import Timing
from generation.models import Attempt, Job
from generation.providers.base import ItemState, RemoteItem, Submitted, TaskStatus
from generation.providers.errors import OutcomeUnknown
from generation.providers.registry import current_account
from generation.transitions import advance
from generation.webhooks import take_hint, webhook_url
from tests.factories import launch_swap, make_team

pytestmark = pytest.mark.django_db
HINT = "generation.tasks.wake_engine.delay"
TOKEN = "tokenoftheattempt-0123456789_abcdefghijklmn"
RUNNING = TaskStatus(())


@pytest.fixture
def job(db, settings):
    """A job at FASHN whose only attempt is being sent."""
    settings.SANDBOX, settings.FASHN_MIN_POLL_SECONDS = True, 3
    job = at_fashn(launch_swap(make_team()))
    assert advance(job, "queued", "submitting", slot=0, attempt_count=1, submitted_at=now())
    Attempt.objects.create(job=job, number=1, request_hash="x", webhook_token=TOKEN)
    return job


def at_fashn(job):
    account = current_account("fashn")
    Job.objects.filter(pk=job.pk).update(account=account, pool=account.pools.get(), offer="fashn")
    return fresh(job)


def fresh(job):
    return Job.objects.select_related("pool", "account", "team").get(pk=job.pk)


def run(job, task="task-1", due_in=60):
    """As if the provider had taken it, to be asked about a minute later."""
    attempts = Attempt.objects.filter(job=job, number=1)
    attempts.update(remote_id=task, outcome="accepted")
    due_at = now() + timedelta(seconds=due_in)
    assert advance(job, "submitting", "running", remote_id=task, due_at=due_at)
    return fresh(job)


def doubt(job):
    assert advance(job, "submitting", "unknown", due_at=now() + timedelta(minutes=15))
    return fresh(job)


def call(body=b"{}", token=TOKEN):
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    client = Client(enforce_csrf_checks=True)
    with patch(HINT) as hint:
        answer = client.post(f"/hooks/fashn/{token}", body, content_type="application/json")
    assert (answer.status_code, answer.content) == (204, b"")
    return hint.call_count


def attempt():
    return Attempt.objects.get(webhook_token=TOKEN)


# --- Whoever calls --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    ["0bc0c924-346a-4e13-9078-8b1289ea234b", "x", "x" * 500, TOKEN[:-1], "%00" * 30, TOKEN.upper()],
)
def test_a_stranger_is_answered_alike_and_changes_nothing(job, token):
    before = Job.objects.values().get(pk=job.pk)

    assert call({"id": "task-9", "status": "completed"}, token) == 0

    assert Job.objects.values().get(pk=job.pk) == before
    assert (attempt().hinted_remote_id, attempt().hint_due_at) == ("", None)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[" * 60000, b'"text"', b'{"id": 5}', b'{"id": "a b"}', b'{"id": ""}'],
)
def test_a_body_that_names_no_task_is_a_hint_all_the_same(job, body):
    job = run(job)

    assert call(body) == 1

    assert attempt().hinted_remote_id == ""
    assert fresh(job).due_at <= now()


def test_a_body_is_read_up_to_a_bound_only(job):
    assert call(b'{"id": "task-9", "x": "' + b"a" * 4_000_000 + b'"}') == 1

    assert attempt().hinted_remote_id == ""


def test_only_a_post_is_taken(job):
    assert Client().get(f"/hooks/fashn/{TOKEN}").status_code == 405
    assert attempt().hint_due_at is None


def test_a_flood_of_calls_is_one_look_in_each_pause_and_one_query_each(job):
    job = run(job)
    start = now()
    assert call() == 1
    due = [fresh(job).due_at]
    # The engine asks and finds it running.
    record_status(fresh(job), RUNNING, now(), Timing(), asked_at=now())

    with CaptureQueriesContext(connection) as captured:
        hints = sum(call() for _ in range(20))
    due.append(fresh(job).due_at)

    assert hints == 1
    assert due[0] <= now()
    assert due[1] == attempt().hint_due_at
    assert due[1] >= start + timedelta(seconds=3)
    writes = [q["sql"] for q in captured if q["sql"].startswith(("UPDATE", "INSERT"))]
    assert len(writes) == 2
    assert len(captured) <= 20 + 8


# --- Running, lost, not answered yet ---------------------------------------------------------------


def test_a_running_task_is_asked_for_at_once(job):
    job = run(job)
    assert due_polls(now())[0] == []

    assert call({"id": "task-1", "status": "completed"}) == 1

    assert due_polls(now())[0] == [job]
    assert attempt().hinted_remote_id == ""
    assert fresh(job).state == "running"


def test_a_call_never_puts_a_question_off(job):
    job = run(job, due_in=-5)

    call()

    assert fresh(job).due_at <= job.due_at


def test_a_task_that_was_called_for_goes_before_all_that_are_due_anyway(job):
    waiting = run(job, due_in=-8)
    other = at_fashn(launch_swap(waiting.team))
    assert advance(other, "queued", "submitting", slot=1, attempt_count=1, submitted_at=now())
    Attempt.objects.create(job=other, number=1, request_hash="x", webhook_token=TOKEN[::-1])
    other = run(other, task="task-2", due_in=60)
    assert due_polls(now(), 1).jobs == [waiting]

    call({"id": "task-2", "status": "completed"}, TOKEN[::-1])

    assert due_polls(now(), 1).jobs == [other]
    assert due_polls(now(), 2).jobs == [other, waiting]


def test_a_call_while_the_question_is_under_way_brings_another_at_once(job):
    job = run(job, due_in=-1)
    asked_at = now()
    call({"id": "task-1", "status": "completed"})

    record_status(job, RUNNING, now(), Timing(), asked_at=asked_at)

    assert due_polls(now())[0] == [job]

    record_status(fresh(job), RUNNING, now(), Timing(), asked_at=now())
    assert due_polls(now())[0] == []


def test_a_call_before_the_answer_of_the_submit_makes_the_first_question_due(job):
    assert call({"id": "task-1", "status": "completed"}) == 1
    assert attempt().hinted_remote_id == "task-1"

    from generation.engine.claims import Claimed
    from generation.operations import OPERATIONS

    offer = OPERATIONS["swap_model"].offer("fashn")
    assert offer is not None
    record_outcome(
        Claimed(fresh(job), attempt(), offer, {}, {}), Submitted("task-1", "task-1"), now()
    )

    assert fresh(job).state == "running"
    assert due_polls(now())[0] == [job]


def test_a_lost_task_is_asked_for_and_calls_do_not_shorten_its_day(job):
    job = run(job)
    assert advance(job, "running", "lost", slot=None, due_at=now() + timedelta(minutes=10))

    call()
    [asked] = due_polls(now())[0]
    record_status(asked, RUNNING, now(), Timing(), asked_at=now())

    after = fresh(job)
    assert (after.state, after.lost_probes) == ("lost", 0)
    assert after.due_at > now() + timedelta(minutes=9)


def test_calls_after_the_end_change_nothing(job):
    job = run(job)
    item = RemoteItem("task-1/0", ItemState.FAILED, "PoseError", "No person was found.")
    record_status(job, TaskStatus((item,), lists_all=True), now(), Timing())
    before = Job.objects.values().get(pk=job.pk)
    assert before["state"] == "failed"

    assert call({"id": "task-1", "status": "failed"}) == 0

    assert Job.objects.values().get(pk=job.pk) == before


# --- Unknown ---------------------------------------------------------------------------------------


def test_an_unknown_job_whose_task_was_named_is_looked_into(job):
    job = doubt(job)
    assert hinted_jobs(now()) == []

    assert call({"id": "task-1", "status": "completed"}) == 1

    assert hinted_jobs(now()) == [job]
    assert due_polls(now())[0] == [job]
    assert (fresh(job).state, fresh(job).remote_id) == ("unknown", "")


def test_a_call_that_came_while_the_answer_was_awaited_is_not_forgotten(job):
    call({"id": "task-1", "status": "completed"})

    from generation.engine.claims import Claimed
    from generation.operations import OPERATIONS

    offer = OPERATIONS["swap_model"].offer("fashn")
    assert offer is not None
    record_outcome(
        Claimed(fresh(job), attempt(), offer, {}, {}), OutcomeUnknown("No answer."), now()
    )

    assert fresh(job).state == "unknown"
    assert hinted_jobs(now()) == [job]


def test_a_call_for_an_attempt_that_was_given_up_is_kept_for_the_books_alone(job):
    job = doubt(job)
    assert advance(job, "unknown", "ready", slot=None)
    assert advance(job, "ready", "submitting", slot=0, attempt_count=2)
    Attempt.objects.create(job=job, number=2, request_hash="x", webhook_token=TOKEN[::-1])
    before = Job.objects.values().get(pk=job.pk)

    assert call({"id": "task-1", "status": "completed"}) == 1

    assert attempt().hinted_remote_id == "task-1"
    assert attempt().hint_due_at is None
    assert Job.objects.values().get(pk=job.pk) == before
    assert hinted_jobs(now()) == []


def test_a_call_that_names_the_task_of_a_job_to_be_sent_again_is_looked_into(job):
    job = doubt(job)
    Attempt.objects.update(outcome="unknown")
    assert advance(job, "unknown", "ready", slot=None)

    assert call({"id": "task-1", "status": "completed"}) == 1

    assert hinted_jobs(now()) == [job]

    Attempt.objects.update(outcome="not_taken")
    assert hinted_jobs(now()) == []


def plan_of(look):
    """What SQLite says it would do for the first query of a look."""
    with CaptureQueriesContext(connection) as captured:
        look()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + captured[0]["sql"])
        return " ".join(str(row) for row in cursor.fetchall())


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Other databases plan by what rows say.")
def test_attempts_are_found_by_their_partial_indexes(job):
    assert "generation_attempt_hinted" in plan_of(lambda: hinted_jobs(now()))
    stranger = "a" * 43
    assert "generation_attempt_webhook_token_once" in plan_of(lambda: take_hint(stranger, b"{}"))


# --- Addresses -------------------------------------------------------------------------------------


def test_an_installation_without_an_address_asks_for_no_calls(job, settings):
    settings.WEBHOOK_BASE_URL = ""
    assert webhook_url(attempt()) == ""
    settings.WEBHOOK_BASE_URL = "https://diptych.example"
    assert webhook_url(attempt()) == f"https://diptych.example/hooks/fashn/{TOKEN}"
    assert webhook_url(Attempt(webhook_token="")) == ""
