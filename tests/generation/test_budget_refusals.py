"""A launch that a budget forbids: refused with a sentence wherever it is asked for, and no trace."""

from __future__ import annotations

import io
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.timezone import now

from config.celery import app
from generation.engine.heartbeat import hold_lease
from generation.models import Job, JobInput, Output
from generation.services import LaunchRefused
from teams.budget_changes import set_budget
from teams.budgets import member_status
from teams.credits import refund
from teams.models import BudgetUse, CreditAccount, LedgerEntry, OutgoingMail, Role
from tests.factories import (
    add_member,
    deliver_swap,
    draw_photo,
    launch_swap,
    make_photo,
    make_presets,
    make_product,
    make_team,
    make_user,
)


@pytest.fixture
def team(db, settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()
    return make_team(credits_=100, owner=make_user("ada@example.com", name="Ada Stone"))


@pytest.fixture
def mia(team):
    """A creator whose month allows 6 credits: one job of 4, and no second."""
    mia = add_member(team, Role.CREATOR, make_user("mia@example.com", name="Mia Moser"))
    ada = team.memberships.get(role=Role.OWNER).user
    set_budget(team=team, member=mia, limit=6, by=ada, at=now())
    return mia


@pytest.fixture
def tasks_at_once():
    """No worker takes tasks here."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


REFUSAL = "This needs 4 credits, and your budget for {month} has 2 of 6 left. Ask Ada Stone."


def sentence():
    return REFUSAL.format(month=f"{now():%B}")


def written():
    return (
        Job.objects.count(),
        JobInput.objects.count(),
        Output.objects.count(),
        LedgerEntry.objects.count(),
        BudgetUse.objects.count(),
        OutgoingMail.objects.count(),
        list(CreditAccount.objects.values_list("posted", "held", "seq")),
    )


def test_the_service_refuses_and_writes_nothing(team, mia):
    launch_swap(team, by=mia)
    photo = make_photo(make_product(team), size=(240, 300), with_renditions=False)
    [face] = make_presets(1)
    before = written()

    with pytest.raises(LaunchRefused) as refused:
        launch_swap(team, photo=photo, model=face, by=mia)

    assert (refused.value.sentence, refused.value.field) == (sentence(), "")
    assert written() == before


def test_the_studio_tells_it_above_the_form(team, mia, client):
    launch_swap(team, by=mia)
    photo = make_photo(make_product(team), size=(240, 300))
    [face] = make_presets(1)
    client.force_login(mia)
    before = written()

    answer = client.post(
        reverse("generation:job_create", args=[team.slug]),
        {
            "operation": "swap_model",
            "request_key": uuid.uuid4(),
            "model_image": photo.pk,
            "model": face.pk,
        },
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 422
    assert sentence() in answer.text
    chip = answer.text[answer.text.index('id="credit-chip"') :]
    assert "96 credits" in chip[: chip.index("</a>")], "the balance that the sentence speaks of"
    assert written() == before


def test_trying_again_tells_it(team, mia, client):
    failed = deliver_swap(team, delivered=0, job=launch_swap(team, by=mia))
    launch_swap(team, by=mia)
    client.force_login(mia)
    before = written()

    answer = client.post(reverse("generation:job_retry", args=[team.slug, failed.pk]), follow=True)

    assert sentence() in answer.text
    assert written() == before


@pytest.mark.django_db(transaction=True)
def test_the_shell_command_tells_it(team, mia, tmp_path, tasks_at_once):
    """It launches as the owner of the team; its photo is checked by a task, and kept."""
    hold_lease("a worker", now())
    ada = team.memberships.get(role=Role.OWNER).user
    set_budget(team=team, member=None, limit=3, by=ada, at=now())
    [face] = make_presets(1)
    photo = draw_photo(tmp_path / "coat.jpg", size=(240, 300))

    with pytest.raises(CommandError) as refused:
        call_command(
            "run_job",
            "--team",
            team.slug,
            "--image",
            str(photo),
            "--preset",
            face.remote_id,
            "--out",
            str(tmp_path / "out"),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
        )

    assert "the budget of the team for" in str(refused.value)
    assert "has 3 of 3 left. You can raise it on the Budgets page." in str(refused.value)
    assert not Job.objects.exists()


def test_a_partial_success_and_a_credit_back_free_the_budget(team, mia):
    job = deliver_swap(team, delivered=1, job=launch_swap(team, by=mia))
    standing = member_status(team, mia, now())
    assert standing and (standing.used, standing.left) == (2, 4)

    refund(
        team=team, amount=2, job=str(job.pk), key="output-1", actor="operator", reason="Wrong hands"
    )

    standing = member_status(team, mia, now())
    assert standing and (standing.used, standing.left) == (0, 6)
