"""What an operator does to one team's credits: grants with dates, adjustments, credits back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from teams.models import AuditEntry, Grant, LedgerEntry, OutgoingMail, PendingAdjustment, Team, User
from teams.templatetags.ledger import MINUS
from tests.teams.operator_pages import (
    PASSWORD,
    audited,
    available,
    give,
    key,
    make_operator,
    moved,
    spend,
    told,
)

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
JOB = str(uuid.UUID(int=7))


@pytest.fixture
def olga(db) -> User:
    return make_operator(
        "olga@example.com", "grant_credits", "adjust_credits", "refund_credits", "view_grant"
    )


@pytest.fixture
def otto(db) -> User:
    return make_operator("otto@example.com", "adjust_credits", "view_pendingadjustment")


@pytest.fixture
def form() -> dict[str, str]:
    return {
        "amount": "50",
        "kind": "promotional",
        "priority": "10",
        "reason": "Welcome",
        "reference": "T-9",
        "key": key(),
    }


def at(team: Team, name: str) -> str:
    return f"/admin/teams/team/{team.pk}/{name}/"


def change(team: Team) -> str:
    return at(team, "change")


# --- Grants -----------------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_a_grant_has_a_kind_days_priority_and_reference(client, olga, team, form):
    Team.objects.update(time_zone="Europe/Zurich")
    give(team, 200)
    client.force_login(olga)
    form |= {"last_day": "2026-12-31"}

    preview = client.post(at(team, "grant"), form).content.decode()
    assert "200 &rarr; 250 credits" in preview
    assert "31 Dec 2026 (Europe/Zurich)" in preview
    for shown in ("Promotional", "T-9", "<dd>10</dd>"):
        assert shown in preview
    client.post(at(team, "grant"), {**form, "confirm": "1"})

    given = Grant.objects.get(reason="Welcome")
    assert (given.kind, given.amount, given.remaining) == ("promotional", 50, 50)
    assert (given.priority, given.reference, given.actor) == (10, "T-9", "olga@example.com")
    assert given.effective_at == NOON
    assert given.expires_at == datetime(2026, 12, 31, 23, 59, 59, tzinfo=ZoneInfo("Europe/Zurich"))
    assert available(team) == 250
    assert LedgerEntry.objects.get(reason="Welcome").reference == "T-9"


@time_machine.travel(NOON, tick=False)
def test_a_grant_that_begins_later_changes_no_balance_yet(client, olga, team, form):
    Team.objects.update(time_zone="Europe/Zurich")
    client.force_login(olga)
    form |= {"begins": "2026-07-01"}

    preview = client.post(at(team, "grant"), form).content.decode()
    assert "&rarr;" not in preview
    assert "50 credits from 1 Jul 2026 on" in preview
    client.post(at(team, "grant"), {**form, "confirm": "1"})

    given = Grant.objects.get()
    assert given.effective_at == datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Zurich"))
    assert (given.posted_at, available(team), moved()) == (None, 0, [])
    assert told(client, change(team)) == ["50 credits for Atelier from 1 Jul 2026 on."]


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("days", "field", "words"),
    [
        ({"begins": "2026-06-09"}, "begins", "This day is over."),
        ({"last_day": "2026-06-09"}, "last_day", "This day is over."),
        (
            {"begins": "2026-07-02", "last_day": "2026-07-01"},
            "last_day",
            "This is before the first day.",
        ),
        ({"last_day": "9999-12-31"}, "last_day", "Give a day between the years 2000 and 2999."),
    ],
)
def test_refuses_days_that_make_no_sense(days, field, words, client, olga, team, form):
    client.force_login(olga)

    answer = client.post(at(team, "grant"), {**form, **days, "confirm": "1"})

    assert answer.context["form"].errors == {field: [words]}
    assert not Grant.objects.exists()


def test_a_closed_team_is_granted_nothing(client, olga, team, form):
    Team.objects.update(suspended_at=NOON, closed_at=NOON)
    client.force_login(olga)
    assert "Grant credits" not in client.get(change(team)).content.decode()

    preview = client.post(at(team, "grant"), form).content.decode()
    assert "This team is closed: it cannot be granted anything." in preview
    client.post(at(team, "grant"), {**form, "confirm": "1"})

    assert told(client, change(team)) == ["This team is closed."]
    assert (moved(), audited()) == ([], [])


# --- Ending and withdrawing -----------------------------------------------------------------------


def test_a_grant_is_ended_after_a_preview(client, olga, team):
    give(team, 200)
    give(team, 30, priority=1)
    spend(team, 12, JOB)
    grant = Grant.objects.get(amount=30)
    client.force_login(olga)
    path = f"/admin/teams/grant/{grant.pk}/end/"
    assert "Left" in client.get(path).content.decode()

    preview = client.post(path, {"reason": "By mistake"}).content.decode()
    assert "218 &rarr; 200 credits" in preview
    assert "18 credits taken back, with the reason “By mistake”." in preview
    assert available(team) == 218
    for _ in range(2):
        client.post(path, {"reason": "By mistake", "confirm": "1"})

    assert (available(team), moved()[-1]) == (200, ("expire", -18))
    assert told(client, f"/admin/teams/grant/{grant.pk}/change/") == [
        "The grant has ended: 18 credits of Atelier were taken back.",
        "This grant has ended already.",
    ]
    assert audited() == [("credits.grant_ended", "olga@example.com")]


@time_machine.travel(NOON, tick=False)
def test_a_grant_that_has_not_begun_is_withdrawn(client, olga, team, form):
    client.force_login(olga)
    client.post(at(team, "grant"), {**form, "begins": "2026-07-01", "confirm": "1"})
    grant = Grant.objects.get()
    page = client.get(f"/admin/teams/grant/{grant.pk}/change/").content.decode()
    assert "Withdraw it" in page
    assert "End it now" not in page
    client.post(f"/admin/teams/grant/{grant.pk}/end/", {"reason": "x", "confirm": "1"})

    for _ in range(2):
        client.post(f"/admin/teams/grant/{grant.pk}/withdraw/", {"reason": "Wrong team"})

    grant.refresh_from_db()
    assert (grant.voided_at, grant.posted_at) == (NOON, None)
    assert [action for action, _actor in audited()] == [
        "credits.granted",
        "credits.grant_withdrawn",
    ]
    assert (
        told(client, "/admin/teams/grant/")
        == [
            "50 credits for Atelier from 1 Jul 2026 on.",
            "This grant has not begun. It can be withdrawn.",
            "The grant was withdrawn.",
            "This grant was withdrawn already.",
        ][1:]
    )


# --- Adjustments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "after"), [("50", 250), ("-50", 150), ("-200", 0)])
def test_a_balance_is_corrected_once(amount, after, client, olga, team):
    give(team, 200)
    client.force_login(olga)
    form = {"amount": amount, "reason": "Invoice 7", "reference": "R-1", "key": key()}

    preview = client.post(at(team, "correct"), form).content.decode()
    assert f"200 &rarr; {after} credits" in preview
    assert available(team) == 200
    for _ in range(2):
        client.post(at(team, "correct"), {**form, "confirm": "1"})

    assert available(team) == after
    entry = LedgerEntry.objects.get(kind="adjust")
    assert (entry.d_posted, entry.reason, entry.reference) == (int(amount), "Invoice 7", "R-1")
    assert audited() == [("credits.adjusted", "olga@example.com")]
    assert told(client, change(team))[-1] == "This adjustment was sent already. Nothing was added."


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "Enter how many credits to add or to take away."),
        ("-201", "Only 200 credits can be taken away."),
        ("1000001", "Ensure this value is less than or equal to 1000000."),
    ],
)
def test_refuses_a_wrong_adjustment(amount, words, client, olga, team):
    give(team, 200)
    client.force_login(olga)
    form = {"amount": amount, "reason": "Invoice 7", "key": key()}

    answer = client.post(at(team, "correct"), form)

    assert answer.context["form"].errors == {"amount": [words]}
    client.post(at(team, "correct"), {**form, "confirm": "1"})
    assert (available(team), moved()) == (200, [("grant", 200)])


def test_a_large_adjustment_waits_for_a_second_operator(client, olga, otto, team, settings):
    settings.ADJUSTMENT_NEEDS_TWO = 100
    give(team, 200)
    client.force_login(olga)
    form = {"amount": "-101", "reason": "Invoice 7", "reference": "", "key": key()}

    preview = client.post(at(team, "correct"), form).content.decode()
    assert "Nothing changes before a second operator approves it." in preview
    assert "Ask a second operator" in preview
    for _ in range(2):
        client.post(at(team, "correct"), {**form, "confirm": "1"})

    asked = PendingAdjustment.objects.get()
    assert (asked.amount, asked.state, asked.asked_by) == (-101, "pending", "olga@example.com")
    assert available(team) == 200
    mail = OutgoingMail.objects.get()
    assert mail.recipients == ["otto@example.com"]
    assert f"/admin/teams/pendingadjustment/{asked.pk}/change/" in mail.message.replace("=\n", "")

    decide = f"/admin/teams/pendingadjustment/{asked.pk}/decide/"
    client.post(decide, {"decision": "approve"})
    asked.refresh_from_db()
    assert (asked.state, available(team)) == ("pending", 200), "nobody approves their own"

    client.force_login(otto)
    page = client.get(f"/admin/teams/pendingadjustment/{asked.pk}/change/").content.decode()
    assert "200 → 99 credits" in page
    assert "Approve the adjustment" in page
    for _ in range(2):
        client.post(decide, {"decision": "approve"})

    asked.refresh_from_db()
    assert (asked.state, asked.decided_by) == ("approved", "otto@example.com")
    assert (available(team), moved()) == (99, [("grant", 200), ("adjust", -101)])
    assert told(client, f"/admin/teams/pendingadjustment/{asked.pk}/change/") == [
        f"The balance of Atelier was adjusted: {MINUS}101.",
        "otto@example.com has approved this adjustment already.",
    ]
    assert audited() == [
        ("credits.adjustment_asked", "olga@example.com"),
        ("credits.adjusted", "otto@example.com"),
    ]


def test_a_adjustment_of_the_set_amount_needs_nobody_else(client, olga, team, settings):
    settings.ADJUSTMENT_NEEDS_TWO = 100
    client.force_login(olga)

    client.post(at(team, "correct"), {"amount": "100", "reason": "x", "key": key(), "confirm": "1"})

    assert (available(team), PendingAdjustment.objects.count()) == (100, 0)


def test_a_declined_adjustment_never_counts(client, olga, otto, team, settings):
    settings.ADJUSTMENT_NEEDS_TWO = 1
    client.force_login(olga)
    form = {"amount": "50", "reason": "x", "key": key(), "confirm": "1"}
    client.post(at(team, "correct"), form)
    asked = PendingAdjustment.objects.get()
    client.force_login(otto)

    for decision in ("decline", "approve"):
        client.post(f"/admin/teams/pendingadjustment/{asked.pk}/decide/", {"decision": decision})
    client.force_login(olga)
    client.post(at(team, "correct"), form)

    asked.refresh_from_db()
    assert (asked.state, asked.decided_by, moved()) == ("declined", "otto@example.com", [])
    assert PendingAdjustment.objects.count() == 1


def test_a_adjustment_that_is_no_longer_covered_still_waits(client, olga, otto, team, settings):
    settings.ADJUSTMENT_NEEDS_TWO = 1
    give(team, 50)
    client.force_login(olga)
    client.post(at(team, "correct"), {"amount": "-50", "reason": "x", "key": key(), "confirm": "1"})
    asked = PendingAdjustment.objects.get()
    spend(team, 4, JOB)
    client.force_login(otto)

    client.post(f"/admin/teams/pendingadjustment/{asked.pk}/decide/", {"decision": "approve"})

    asked.refresh_from_db()
    assert (asked.state, asked.decided_at, available(team)) == ("pending", None, 46)
    assert told(client, f"/admin/teams/pendingadjustment/{asked.pk}/change/") == [
        "Only 46 credits can be taken away. The adjustment still waits."
    ]
    assert ("credits.adjusted", "otto@example.com") not in audited()


# --- Credits back ---------------------------------------------------------------------------------


def test_what_a_job_spent_is_given_back_once(client, olga, team):
    give(team, 20)
    spend(team, 8, JOB, captured=6)
    client.force_login(olga)
    form = {"job": JOB, "amount": "4", "reason": "Blurred", "reference": "", "key": key()}

    preview = client.post(at(team, "credit-back"), form).content.decode()
    assert "14 &rarr; 18 credits" in preview
    assert "4 credits back, with the reason “Blurred”." in preview
    for _ in range(2):
        client.post(at(team, "credit-back"), {**form, "confirm": "1"})

    assert available(team) == 18
    entry = LedgerEntry.objects.get(kind="refund")
    assert (entry.d_posted, entry.job, entry.reason) == (4, JOB, "Blurred")
    assert told(client, change(team))[-1] == (
        "These credits were given back already. Nothing was added."
    )
    assert audited() == [("credits.refunded", "olga@example.com")]
    answer = client.post(at(team, "credit-back"), {**form, "amount": "3", "key": key()})
    assert answer.context["form"].errors == {
        "amount": ["This job spent 2 credits that did not come back yet."]
    }


def test_a_job_is_named_by_its_first_eight_letters_as_in_the_ledger(client, olga, team):
    give(team, 20)
    spend(team, 8, JOB)
    client.force_login(olga)

    def sent(job: str, **more: str):
        form = {"job": job, "amount": "4", "reason": "Blurred", "key": key(), **more}
        return client.post(at(team, "credit-back"), form)

    assert sent("soon").context["form"].errors == {
        "job": ["Give the job's number, or its first eight letters: 0a1b2c3d."]
    }
    assert sent("ffffffff").context["form"].errors == {
        "job": ["No job of this team has a number that begins so."]
    }
    assert JOB in sent(f" Job {JOB[:8]}").content.decode()
    assert sent(JOB[:8], confirm="1").status_code == 302
    assert (available(team), LedgerEntry.objects.get(kind="refund").job) == (16, JOB)

    other = f"{JOB[:9]}9999-8999-8999-899999999999"
    spend(team, 1, other)
    [said] = sent(JOB[:8]).context["form"].errors["job"]
    assert said.startswith("Several jobs of this team begin so. Give the whole number: ")
    assert JOB in said
    assert other in said


def test_a_job_of_another_team_gives_nothing_back(client, olga, team, charlie):
    from teams.services import create_team

    other = create_team(name="Other", owner=charlie)
    give(other, 20)
    spend(other, 8, JOB)
    client.force_login(olga)
    form = {"job": JOB, "amount": "4", "reason": "x", "key": key()}

    answer = client.post(at(team, "credit-back"), form)
    client.post(at(team, "credit-back"), {**form, "confirm": "1"})

    words = "This job spent no credits, or got all of them back."
    assert answer.context["form"].errors == {"job": [words]}
    assert told(client, change(team)) == [words]
    assert (available(team), available(other)) == (0, 12)


# --- Who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "form"),
    [
        ("grant_credits", "grant"),
        ("adjust_credits", "correct"),
        ("refund_credits", "credit-back"),
        ("suspend_team", "suspend"),
        ("close_team", "close"),
    ],
)
def test_each_form_needs_its_own_permission(permission, form, client, team):
    every = ["grant_credits", "adjust_credits", "refund_credits", "suspend_team", "close_team"]
    others = make_operator("others@example.com", *(name for name in every if name != permission))
    client.force_login(others)
    link = f'href="{at(team, form)}"'
    assert link not in client.get(change(team)).content.decode()
    assert client.get(at(team, form)).status_code == 403
    filled = {"amount": "1", "reason": "x", "job": JOB, "key": key(), "confirm": "1"}
    assert client.post(at(team, form), filled).status_code == 403
    assert not AuditEntry.objects.exclude(action="team.created").exists()

    client.force_login(make_operator("one@example.com", permission))

    assert link in client.get(change(team)).content.decode()
    assert client.get(at(team, form)).status_code == 200


def test_ending_and_withdrawing_a_grant_need_their_permissions(client, team):
    give(team, 10)
    grant = Grant.objects.get()
    client.force_login(make_operator("a@example.com", "grant_credits", "view_grant"))
    assert client.post(f"/admin/teams/grant/{grant.pk}/end/", {"reason": "x"}).status_code == 403
    assert "End it now" not in client.get(f"/admin/teams/grant/{grant.pk}/change/").content.decode()
    client.force_login(make_operator("b@example.com", "adjust_credits", "view_grant"))
    withdraw = f"/admin/teams/grant/{grant.pk}/withdraw/"
    assert client.post(withdraw, {"reason": "x"}).status_code == 403
    assert available(team) == 10


def test_deciding_about_a_adjustment_needs_the_permission(client, olga, team, settings):
    settings.ADJUSTMENT_NEEDS_TWO = 1
    client.force_login(olga)
    client.post(at(team, "correct"), {"amount": "5", "reason": "x", "key": key(), "confirm": "1"})
    asked = PendingAdjustment.objects.get()
    client.force_login(make_operator("c@example.com", "grant_credits", "view_pendingadjustment"))

    decide = f"/admin/teams/pendingadjustment/{asked.pk}/decide/"
    assert client.post(decide, {"decision": "approve"}).status_code == 403

    page = client.get(f"/admin/teams/pendingadjustment/{asked.pk}/change/").content.decode()
    assert "Approve the adjustment" not in page
    assert moved() == []


# --- Standing -------------------------------------------------------------------------------------


@pytest.fixture
def chief(db) -> User:
    return User.objects.create_superuser("chief@example.com", PASSWORD)


def test_a_team_is_suspended_resumed_and_closed_with_a_reason(client, chief, team):
    client.force_login(chief)
    assert (
        "This field is required."
        in client.post(at(team, "suspend"), {"reason": ""}).content.decode()
    )

    client.post(at(team, "suspend"), {"reason": "Unpaid"})
    team.refresh_from_db()
    assert (team.suspended_at is not None, team.suspended_reason) == (True, "Unpaid")
    page = client.get(change(team)).content.decode()
    assert "<strong>Suspended</strong>: Unpaid" in page
    client.post(at(team, "suspend"), {"reason": "Again"})
    assert told(client, change(team)) == ["This team is suspended already."]

    client.post(at(team, "resume"), {"reason": "Paid"})
    team.refresh_from_db()
    assert team.suspended_at is None
    client.post(at(team, "close"), {"reason": "Left"})
    team.refresh_from_db()
    assert team.closed_at is not None
    rows = AuditEntry.objects.filter(team=team).order_by("pk")
    assert [(row.action, row.data.get("reason")) for row in rows][1:] == [
        ("team.suspended", "Unpaid"),
        ("team.resumed", "Paid"),
        ("team.closing", "Left"),
        ("team.closed", None),
    ]


def test_a_closed_team_is_opened_by_who_may_close(client, team):
    Team.objects.update(suspended_at=NOON, closed_at=NOON)
    client.force_login(make_operator("d@example.com", "suspend_team"))
    assert client.post(at(team, "resume"), {"reason": "x"}).status_code == 403
    team.refresh_from_db()
    assert team.closed_at == NOON

    client.force_login(make_operator("e@example.com", "close_team"))
    client.post(at(team, "resume"), {"reason": "x"})

    team.refresh_from_db()
    assert (team.closed_at, team.suspended_at) == (None, None)
