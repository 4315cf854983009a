"""Whoever launches at the same moment: a team with credits for K jobs gets exactly K holds."""

from __future__ import annotations

import multiprocessing
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils.timezone import now

from teams.credits import InsufficientCredits, grant, hold, hold_all, settle
from teams.ledger_check import find_differences
from teams.models import CreditAccount, Grant, HoldUse, LedgerEntry, Team

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = 4
JOBS = 20
#: Odd parts, so that most holds take of two grants and most plans are stale when they are carried out.
PARTS = (7, 13, 3, 22, 11, 9, 15)
THREADS = 32 if connection.vendor == "postgresql" else 12
PROCESSES = 4


@pytest.fixture
def hot(team: Team) -> Team:
    """A team with credits for exactly JOBS jobs, from grants that end one after the other."""
    assert sum(PARTS) == JOBS * PRICE
    for number, part in enumerate(PARTS):
        ends = now() + timedelta(days=60 - number)
        grant(team=team, amount=part, actor="operator", reason="", key=str(number), expires_at=ends)
    return team


def try_to_hold(team: Team, times: int) -> list[str]:
    outcomes = []
    for _ in range(times):
        try:
            with transaction.atomic():
                hold(
                    team=team,
                    member=None,
                    amount=PRICE,
                    job=str(uuid.uuid4()),
                    actor="alice",
                    price_version="1",
                )
            outcomes.append("held")
        except InsufficientCredits:
            outcomes.append("refused")
    return outcomes


def in_threads(count: int, work: Any) -> None:
    """Run `work(number)` in so many threads that begin together."""
    barrier, failures = threading.Barrier(count), []

    def one(number: int) -> None:
        try:
            barrier.wait(timeout=30)
            work(number)
        except BaseException as exc:
            failures.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def assert_spent_to_the_last_credit() -> None:
    account = CreditAccount.objects.get()
    assert (account.posted, account.held, account.available) == (80, 80, 0)
    assert LedgerEntry.objects.filter(kind="hold").count() == JOBS
    assert set(Grant.objects.values_list("remaining", flat=True)) == {0}
    assert sum(HoldUse.objects.values_list("amount", flat=True)) == 80
    assert find_differences(further=False) == []


def test_threads_on_one_team_hold_exactly_what_it_can_pay(hot):
    outcomes: list[str] = []

    in_threads(THREADS, lambda _number: outcomes.extend(try_to_hold(hot, 2)))

    assert outcomes.count("held") == JOBS
    assert len(outcomes) == THREADS * 2
    assert_spent_to_the_last_credit()


def test_processes_on_one_team_hold_exactly_what_it_can_pay(hot):
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    begin = context.Event()
    # What a process inherits of a connection it must not use.
    connections.close_all()

    def work() -> None:
        begin.wait(30)
        results.put(try_to_hold(hot, 8))
        connections.close_all()

    processes = [context.Process(target=work) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    begin.set()
    outcomes = [outcome for _ in processes for outcome in results.get()]
    for process in processes:
        process.join()

    assert outcomes.count("held") == JOBS
    assert len(outcomes) == PROCESSES * 8
    assert_spent_to_the_last_credit()


def test_batches_beside_each_other_are_held_whole_or_not_at_all(hot):
    """Twelve batches of three jobs, of which six can be paid."""
    held: list[str] = []

    def release(number: int) -> None:
        jobs = [(f"{number}-{part}", PRICE, "1") for part in range(3)]
        try:
            with transaction.atomic():
                entries = hold_all(team=hot, member=None, holds=jobs, actor="alice")
        except InsufficientCredits:
            return
        assert [entry.seq - entries[0].seq for entry in entries] == [0, 1, 2]
        held.extend(entry.job for entry in entries)

    in_threads(12, release)

    assert len(held) == 18
    assert CreditAccount.objects.get().available == 80 - 18 * PRICE
    assert find_differences(further=False) == []


def test_holds_and_settlements_beside_each_other_lose_no_credit(hot):
    """Every thread spends one of four credits a job and gets the rest back, again and again."""

    def work(number: int) -> None:
        for turn in range(3):
            job = f"{number}-{turn}"
            with transaction.atomic():
                hold(team=hot, member=None, amount=PRICE, job=job, actor="alice", price_version="1")
            with transaction.atomic():
                settle(team=hot, held=PRICE, captured=1, job=job, actor="engine", price_version="1")

    in_threads(8, work)

    account = CreditAccount.objects.get()
    assert (account.posted, account.held) == (80 - 24, 0)
    assert sum(Grant.objects.values_list("remaining", flat=True)) == 56
    assert find_differences(further=False) == []


def test_two_settlements_of_one_job_at_once_count_as_one(hot):
    with transaction.atomic():
        hold(team=hot, member=None, amount=PRICE, job="a", actor="alice", price_version="1")
    settled = []

    def work(number: int) -> None:
        try:
            with transaction.atomic():
                settle(team=hot, held=PRICE, captured=number, job="a", actor="e", price_version="1")
            settled.append(number)
        except IntegrityError:
            return

    in_threads(4, work)

    assert len(settled) == 1
    assert CreditAccount.objects.get().posted == 80 - settled[0]
    assert find_differences(further=False) == []
