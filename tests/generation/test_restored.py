"""Restoring a backup never sends again what waited when it was made."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from generation.models import Job, State
from teams.models import CreditAccount
from tests.factories import deliver_swap, launch_swap, make_team


@pytest.fixture
def team(db, settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()
    return make_team(credits_=200)


def test_waiting_jobs_are_cancelled_at_no_charge_and_others_stay(team, capsys):
    waiting = [launch_swap(team), launch_swap(team)]
    delivered = launch_swap(team)
    deliver_swap(team, job=delivered)
    delivered.refresh_from_db()
    spent = 200 - CreditAccount.objects.get(team=team).posted
    assert CreditAccount.objects.get(team=team).held > 0

    call_command("cancel_waiting")

    assert capsys.readouterr().out == "2 waiting jobs were cancelled at no charge.\n"
    for job in waiting:
        job.refresh_from_db()
        assert (job.state, job.captured) == (State.CANCELLED, 0)
        assert job.events.filter(actor="restore").exists()
    assert Job.objects.get(pk=delivered.pk).state == delivered.state
    account = CreditAccount.objects.get(team=team)
    assert (account.posted, account.held) == (200 - spent, 0)

    call_command("cancel_waiting")
    assert capsys.readouterr().out == "0 waiting jobs were cancelled at no charge.\n"
