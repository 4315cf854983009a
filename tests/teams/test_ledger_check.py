"""check_ledger names whatever does not add up, and nothing else."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from generation.models import Job
from teams import ledger_triggers
from teams.credits import adjust, grant, hold, refund, settle
from teams.ledger_check import check_now, find_differences
from teams.models import LedgerCheck, LedgerEntry, Team
from tests.factories import deliver_swap, launch_swap, make_photo, make_product, make_team

JOB = "0b6c8a62-0000-4000-8000-000000000001"


@pytest.fixture
def ten(team: Team) -> Team:
    """The team with 10 credits, 4 of them held for a job."""
    grant(team=team, amount=10, actor="operator", reason="Start", key="start")
    hold(team=team, member=None, amount=4, job=JOB, actor="alice", price_version="7")
    return team


def damage(*statements: str) -> None:
    """What somebody may do who can take the triggers away."""
    ledger_triggers.remove(connection)
    with connection.cursor() as cursor:
        for statement in statements:
            if connection.vendor == "postgresql":  # A table with waiting checks cannot be altered.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(statement)
    ledger_triggers.install(connection)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE teams_creditaccount SET posted = 99",
            [
                "atelier: the account holds 99 posted and 4 held; its entries add up to 10 and 4.",
                "atelier: 95 credits are available, and the grants have 6 left.",
            ],
        ),
        (
            "UPDATE teams_ledgerentry SET d_posted = 8 WHERE seq = 1",
            [
                "atelier: entry 1 says 10 posted and 0 held; the entries up to it add up to 8 and 0.",
                "atelier: the account holds 10 posted and 4 held; its entries add up to 8 and 4.",
                "atelier: grant * of 10 credits does not fit its entry.",
            ],
        ),
        (
            "DELETE FROM teams_ledgerentry WHERE seq = 2",
            [
                "atelier: the account counts 2 entries, there are 1, the last of which is number 1.",
                "atelier: the account holds 10 posted and 4 held; its entries add up to 10 and 0.",
                f"atelier: job {JOB} uses 4 credits of a grant without holding any.",
            ],
        ),
        (
            "UPDATE teams_ledgerentry SET seq = 3 WHERE seq = 2",
            [
                "atelier: entry 2 is missing.",
                "atelier: the account counts 2 entries, there are 2, the last of which is number 3.",
            ],
        ),
        (
            "UPDATE teams_grant SET remaining = 7",
            [
                "atelier: 6 credits are available, and the grants have 7 left.",
                "atelier: grant * of 10 credits has 7 left and 4 held.",
            ],
        ),
        (
            "UPDATE teams_grant SET key = 'another'",
            [
                "atelier: grant * of 10 credits does not fit its entry.",
                "atelier: entry 1 brought 10 credits without a grant.",
            ],
        ),
        (
            "UPDATE teams_holduse SET amount = 3",
            [
                "atelier: 4 credits are held, and 3 of the grants are in use.",
                f"atelier: job {JOB} held 4 credits, and its grants say 3 or spent something else.",
            ],
        ),
        (
            "UPDATE teams_holduse SET captured = 4",
            [
                "atelier: 4 credits are held, and 0 of the grants are in use.",
                f"atelier: job {JOB} held 4 credits, and its grants say 4 or spent something else.",
            ],
        ),
        (
            "DELETE FROM teams_holduse",
            [
                "atelier: 4 credits are held, and 0 of the grants are in use.",
                f"atelier: job {JOB} held 4 credits, and its grants say 0 or spent something else.",
            ],
        ),
    ],
    ids=[
        "balance", "entry", "newest entry gone", "entry moved", "grant", "grant's key",
        "use", "use spent", "use gone",
    ],
)  # fmt: skip
def test_names_what_was_done_behind_it(statement, said, ten):
    assert find_differences(further=False) == []

    damage(statement)

    number = str(ten.credit_account.grants.get().pk)
    assert find_differences(further=False) == [text.replace("*", number) for text in said]


def test_names_a_settlement_of_another_size_than_its_hold(ten):
    settle(team=ten, held=4, captured=4, job=JOB, actor="engine", price_version="7")

    damage("UPDATE teams_ledgerentry SET d_held = 5 WHERE kind = 'hold'")

    assert "atelier: entry 3 settles 4 credits that were not held." in find_differences()


def test_names_more_credited_back_than_was_spent(ten):
    settle(team=ten, held=4, captured=4, job=JOB, actor="engine", price_version="7")
    refund(team=ten, amount=3, job=JOB, key="r", actor="operator", reason="Blurred")

    damage("UPDATE teams_ledgerentry SET d_posted = -2 WHERE kind = 'settle'")

    found = find_differences(further=False)
    assert f"atelier: job {JOB} was credited back 3 credits and had spent 2." in found


def test_names_a_team_without_an_account_and_a_missing_trigger(ten):
    Team.objects.create(name="Bare", slug="bare")
    ledger_triggers.remove(connection)

    found = find_differences(further=False)

    assert "The trigger teams_ledger_entry_update is missing: run `manage.py migrate`." in found
    assert found[-1] == "bare: the team has no credit account."


def test_every_kind_of_movement_adds_up(ten):
    settle(team=ten, held=4, captured=3, job=JOB, actor="engine", price_version="7")
    refund(team=ten, amount=2, job=JOB, key="r", actor="operator", reason="Blurred")
    adjust(team=ten, amount=5, actor="operator", reason="Gift", key="up")
    adjust(team=ten, amount=-8, actor="operator", reason="Mistake", key="down")

    assert find_differences(further=False) == []


# --- Jobs -----------------------------------------------------------------------------------------


@pytest.fixture
def studio(db):
    """A team with 100 credits, a photo, and one job that delivered one of its two results."""
    team = make_team(credits_=100)
    photo = make_photo(make_product(team), size=(240, 300))
    deliver_swap(team, delivered=1, job=launch_swap(team, photo=photo))
    return team, photo


def test_jobs_and_ledger_tell_the_same(studio):
    team, photo = studio
    launch_swap(team, photo=photo)

    assert find_differences() == []


def test_names_a_hold_without_a_job(ten):
    assert find_differences() == [
        f"atelier: entry 2 holds 4 credits for job {JOB}, which there is not."
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit_price": 1, "price": 2}, "job {job} costs 2 credits and held 4."),
        ({"captured": 4}, "job {job} spent 4 credits and was settled at 2."),
        (
            {"state": "running", "captured": None, "finished_at": None, "slot": 1},
            "job {job} was settled and has not ended.",
        ),
    ],
    ids=["price", "captured", "state"],
)
def test_names_a_job_that_tells_something_else(changes, said, studio):
    job = Job.objects.get()
    Job.objects.filter(pk=job.pk).update(**changes)

    assert find_differences() == [f"{job.team.slug}: {said.format(job=job.pk)}"]


def test_names_a_job_that_ended_without_a_settlement(studio):
    team, photo = studio
    job = launch_swap(team, photo=photo)
    Job.objects.filter(pk=job.pk).update(
        state="failed", captured=0, finished_at=job.created_at, slot=None
    )

    assert find_differences() == [f"{team.slug}: job {job.pk} ended and was never settled."]


def test_names_a_job_without_a_hold(studio):
    team, photo = studio
    job = launch_swap(team, photo=photo)
    damage(f"UPDATE teams_ledgerentry SET job = 'x' WHERE job = '{job.pk}'")  # noqa: S608

    assert f"{team.slug}: job {job.pk} costs 4 credits and held 0." in find_differences()


# --- The command and the nightly check ------------------------------------------------------------


def test_the_command_says_that_all_adds_up(studio, capsys):
    call_command("check_ledger")

    assert capsys.readouterr().out == "The ledger adds up.\n"


def test_the_command_names_every_difference_and_fails(ten, capsys):
    with pytest.raises(CommandError, match="does not add up: 1 differences") as failed:
        call_command("check_ledger")

    assert failed.value.returncode == 1
    assert "which there is not." in capsys.readouterr().out


def test_a_check_is_kept_with_what_it_found(ten):
    found = check_now()

    assert LedgerCheck.objects.get() == found
    assert found.entries == 2
    assert found.differences == [
        f"atelier: entry 2 holds 4 credits for job {JOB}, which there is not."
    ]


def test_a_check_keeps_a_hundred_sentences_and_counts_the_rest(db):
    for number in range(103):
        Team.objects.create(name="Bare", slug=f"bare-{number}")

    kept = check_now().differences

    assert len(kept) == 101
    assert kept[-1] == "… and 3 more."


@pytest.mark.django_db(transaction=True)
def test_credits_may_move_while_it_reads(team):
    grant(team=team, amount=500, actor="operator", reason="Start", key="start")
    done = threading.Event()

    def move() -> None:
        try:
            while not done.is_set():
                with transaction.atomic():
                    hold(
                        team=team,
                        member=None,
                        amount=1,
                        job=str(uuid.uuid4()),
                        actor="alice",
                        price_version="1",
                    )
        finally:
            connection.close()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        found = [find_differences(further=False) for _ in range(5)]
    finally:
        done.set()
        mover.join()

    assert found == [[]] * 5
    assert LedgerEntry.objects.filter(kind="hold").exists()
