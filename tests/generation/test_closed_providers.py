"""What people read while a provider takes no jobs, and what a job's history tells of its attempts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from generation.models import Attempt, ProviderAccount
from generation.transitions import advance
from teams.models import Role
from tests.factories import add_member, launch_swap, make_photo, make_product, make_team, owner_of

pytestmark = pytest.mark.django_db
WAITS = "SellerPic takes no jobs now. Yours wait and go on by themselves; nothing is lost"


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def page(client, team, name, *args):
    return client.get(reverse(f"generation:{name}", args=[team.slug, *args])).content.decode()


def paused():
    return {"is_paused": True}


def closed():
    return {"closed_until": now() + timedelta(minutes=5), "closed_streak": 3}


def open_again():
    return {"closed_until": now() - timedelta(seconds=1), "closed_streak": 3}


@pytest.mark.parametrize(
    ("state", "is_told"), [(paused, True), (closed, True), (open_again, False), (dict, False)]
)
def test_the_queue_says_that_jobs_wait_for_a_closed_provider(client, team, state, is_told):
    launch_swap(team)
    ProviderAccount.objects.update(**state() or {"is_paused": False})

    assert (WAITS in page(client, team, "queue")) is is_told


def test_the_queue_says_that_jobs_of_a_former_account_are_not_sent(client, team, settings):
    launch_swap(team)
    settings.SANDBOX = False

    text = page(client, team, "queue")

    assert "Jobs of yours wait for SellerPic as it was set up before, and are not sent" in text
    assert WAITS not in text


def test_a_team_without_waiting_jobs_is_told_nothing_in_the_queue(client, team):
    launch_swap(make_team())
    assert advance(launch_swap(team), "queued", "submitting", slot=0)
    ProviderAccount.objects.update(is_paused=True)

    assert WAITS not in page(client, team, "queue")


def test_a_poll_brings_the_sentence_and_takes_it_away(client, team):
    job = launch_swap(team)
    ProviderAccount.objects.update(is_paused=True)
    address = reverse("generation:queue_poll", args=[team.slug]) + "?since=0"

    assert WAITS in client.get(address).content.decode()
    assert advance(job, "queued", "submitting", slot=0)
    fragment = client.get(address).content.decode()
    assert WAITS not in fragment
    assert 'id="queue-notice"' in fragment


@pytest.mark.parametrize("state", [paused, closed])
def test_the_studio_says_that_a_launch_will_wait(client, team, state):
    make_photo(make_product(team), size=(240, 300))
    page(client, team, "studio")
    ProviderAccount.objects.update(**state())

    text = page(client, team, "studio")

    assert "The provider takes no jobs now. Yours waits and goes on by itself" in text
    assert 'disabled aria-describedby="launch-reason"' not in text


# --- The history of a job --------------------------------------------------------------------------


@pytest.fixture
def tried_again(team):
    """A job whose first task failed for free, and whose second is running."""
    job = launch_swap(team)
    assert advance(job, "queued", "preparing")
    assert advance(job, "preparing", "ready")
    for number, task in ((1, "task-one"), (2, "task-two")):
        assert advance(job, "ready", "submitting", slot=0, attempt_count=number)
        Attempt.objects.create(job=job, number=number, request_hash="x", remote_id=task)
        assert advance(job, "submitting", "running", remote_id=task, trace_id=f"trace-{number}")
        if number == 1:
            assert advance(
                job,
                "running",
                "ready",
                note="The model was busy. Nothing was charged; it is tried again.",
                task=task,
                slot=None,
                remote_id="",
            )
    return job


@pytest.mark.parametrize("role", [None, Role.REVIEWER])
def test_the_history_tells_attempts_and_the_providers_ids_in_words(client, team, tried_again, role):
    if role is not None:
        client.force_login(add_member(team, role))

    text = page(client, team, "job_detail", tried_again.pk)

    history = text[text.index('class="timeline"') : text.index("</ol>", text.index("timeline"))]
    notes = re.findall(
        r'timeline__note [^"]*">(.*?)</span>(?=<span class="timeline|</li>)', history
    )
    assert [" ".join(re.sub("<.*?>", " ", note).split()) for note in notes] == [
        "Attempt 1",
        "Attempt 1 Task task-one Trace trace-1",
        "The model was busy. Nothing was charged; it is tried again.",
        "Attempt 1 Task task-one",
        "Attempt 2",
        "Attempt 2 Task task-two Trace trace-2",
    ]
