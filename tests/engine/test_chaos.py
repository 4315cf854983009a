"""Jobs at both providers while calls fail and processes are killed: nothing is lost or paid twice.

`make chaos` runs it with 300 jobs; CHAOS_JOBS and CHAOS_SEED choose others. Faults, victims and
people's decisions follow the seed; what they meet depends on the machine's pace as well.
"""

import os
import random
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings as live_settings
from django.db import connection
from django.utils.timezone import now

from generation.models import Attempt, Job, Output, Pool, State
from generation.services import cancel_job, resolve_unknown
from generation.services.steering import JobMoved
from sandbox.app import create_app
from sandbox.faults import read_order
from sandbox.server import serve_in_thread
from teams.ledger_check import find_differences
from tests.engine.chaos import books as chaos_books
from tests.engine.chaos.faults import FAULTS
from tests.engine.chaos.orders import launch
from tests.engine.chaos.processes import Fleet
from tests.engine.conftest import spent
from tests.factories import make_team, owner_of

pytestmark = pytest.mark.chaos

JOBS = int(os.environ.get("CHAOS_JOBS", "300"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
FASHN_SLOTS = 6
LONGEST_TASK = 6.0
"""Seconds after which a task that did not end counts as lost, and an unknown one's place is free."""


@pytest.fixture
def provider(tmp_path, settings):
    """Both providers, far quicker than in life, in trouble, and without limits of their own.

    The product alone keeps to its numbers of places, so that the sandbox can tell if it does not.
    """
    with (
        create_app(
            tmp_path / "sandbox",
            seed=SEED,
            speed=20,
            seconds=(6, 30),
            balance=1_000_000,
            limits={
                "sellerpic": 10_000,
                "fashn": {"all": 10_000, "run": 100_000, "status": 100_000},
            },
            faults=[read_order(fault) for fault in FAULTS],
            plain=True,
        ) as app,
        serve_in_thread(app) as server,
    ):
        settings.SANDBOX = True
        settings.SANDBOX_URL = server.url
        settings.SELLERPIC_MIN_POLL_SECONDS = 0.2
        settings.FASHN_MIN_POLL_SECONDS = 0.2
        settings.FASHN_SLOTS = FASHN_SLOTS
        yield app


@pytest.fixture
def fleet(provider, transactional_db, tmp_path):
    """Three workers and a web server, each of them mortal."""
    given = {
        "database": str(connection.settings_dict["NAME"]),
        "sandbox_url": live_settings.SANDBOX_URL,
        "slots": live_settings.SELLERPIC_SLOTS,
        "fashn_slots": FASHN_SLOTS,
        "die_rate": 0.005,
    }
    with Fleet(given, workers=3, deaths=JOBS // 5, seed=SEED, logs=tmp_path) as running:
        yield running


class People:
    """Who decides about jobs that nobody knows the outcome of, and changes their mind about others.

    Of every ten in doubt six are sent again, three given up, and one is left as it is.
    """

    def __init__(self, teams, seed):
        self._chance = random.Random(seed)  # noqa: S311
        self._owners = {team.pk: owner_of(team) for team in teams}
        self._decisions = {}
        self.left = set()
        self.decided: Counter[str] = Counter()

    def look(self):
        """Decide about every job that has been in doubt for a second."""
        old = now() - timedelta(seconds=1)
        for job in Job.objects.filter(state="unknown", changed_at__lte=old).select_related("team"):
            name = (job.pk, job.attempt_count)
            if name not in self._decisions:
                choices = ["run_again"] * 6 + ["give_up"] * 3 + ["leave"]
                self._decisions[name] = self._chance.choice(choices)
            if self._decisions[name] == "leave":
                self.left.add(job.pk)
                continue
            try:
                resolve_unknown(job=job, by=self._owners[job.team_id], action=self._decisions[name])
            except JobMoved:
                continue
            self.decided[self._decisions[name]] += 1

    def change_their_minds(self, jobs):
        """Cancel three of a hundred, wherever they stand by now."""
        for job in jobs:
            if self._chance.random() < 0.03:
                job.refresh_from_db()
                cancel_job(job=job, by=self._owners[job.team_id])
                self.decided["cancel"] += 1


def test_nothing_is_lost_or_paid_twice_whatever_is_killed(provider, fleet, capsys):
    chance = random.Random(SEED)  # noqa: S311
    teams = [make_team(credits_=JOBS * 40) for _ in range(3)]
    people = People(teams, SEED)
    began = time.monotonic()
    jobs = launch(teams, JOBS, chance)
    # From here on nothing of the product sets the pools' rows again.
    Pool.objects.update(max_task_seconds=LONGEST_TASK)

    end = began + 60 + JOBS * 1.5
    is_cancelled = False
    while Job.objects.unfinished().exclude(pk__in=people.left, state="unknown").exists():
        assert time.monotonic() < end, "The jobs did not end in time."
        time.sleep(0.2)
        fleet.strike()
        fleet.mend()
        people.look()
        if not is_cancelled and time.monotonic() > began + JOBS / 20:
            people.change_their_minds(jobs)
            is_cancelled = True
    took = time.monotonic() - began
    # What nobody waits for any more is made to its end all the same.
    time.sleep(1.6)
    provider.room.wait_until_drawn()
    at = provider.clock()

    states = chaos_books.counts(Job.objects.values_list("state", flat=True))
    books = chaos_books.read_submits(provider)
    chaos_books.balance(books, at)
    at_once = chaos_books.overlap(books, at)
    stored, wrong = chaos_books.compare_files(provider, books, at)
    orphans = sum(sent.is_orphan for sent in books.sent)
    with capsys.disabled():
        for difference in books.differences:
            print(f"\n  {difference}", end="")
        print(
            f"\nchaos: {connection.vendor} {live_settings.CELERY_BROKER_URL.partition(':')[0]}"
            f" seed={SEED} jobs={len(jobs)} seconds={took:.0f} killed={fleet.killed}"
            f" states={states} people={dict(people.decided)}"
            f" attempts={Attempt.objects.count()} submits={len(books.sent)} orphans={orphans}"
            f" at_once={at_once} results={stored} charged={books.charged}"
            f" told={books.told} settled={books.settled} suspected={books.suspected}"
            f" differences={len(books.differences)}"
        )

    # How many depends on how quick the machine is; at least one was.
    assert fleet.killed["worker"] >= 1
    assert set(states) <= {*State.values} - {"queued", "preparing", "ready", "submitting"}
    assert not {"running", "collecting"} & set(states)
    _assert_sent_once(books)
    assert at_once.get("fashn all", 0) <= FASHN_SLOTS
    assert at_once.get("sellerpic general", 0) <= live_settings.SELLERPIC_SLOTS
    assert at_once.get("sellerpic instruct_edit", 0) <= live_settings.SELLERPIC_EDIT_SLOTS
    assert at_once.get("sellerpic segment_by_prompt", 0) <= live_settings.SELLERPIC_SEGMENT_SLOTS
    _assert_captured_what_was_delivered()
    for team in teams:
        spent(team)
    assert list(find_differences()) == []
    assert wrong == []
    _assert_books_balance(provider, books, at)


def _assert_sent_once(books):
    assert books.strangers == [], "every submit is of an attempt of ours"
    twice = [pk for pk, n in Counter(sent.attempt.pk for sent in books.sent).items() if n > 1]
    assert twice == []


def _assert_captured_what_was_delivered():
    for job in Job.objects.filter(finished_at__isnull=False):
        delivered = Output.objects.filter(job=job, state=Output.State.DELIVERED).count()
        assert job.outputs_delivered == delivered
        assert job.captured == min(delivered, job.expected_outputs) * job.unit_price


def _assert_books_balance(provider, books, at):
    """What was charged is what was booked, but for the differences that have a reason."""
    accounts = provider.store.accounts()
    assert books.charged == sum(provider.store.credits_used(one, at) for one in accounts)
    apart = sum(one.charged - one.booked for one in books.differences)
    assert books.charged == books.booked + apart
    assert [str(one) for one in books.differences if not one.why] == []
