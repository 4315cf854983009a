"""Marks of a budget: told once a month, by mail to those concerned and by a line in the shell."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_string, policy

import pytest
import time_machine
from django.db import transaction

from teams import budgets
from teams.budget_alerts import notices_for
from teams.budget_changes import allow_more, set_budget
from teams.budgets import BudgetExceeded
from teams.models import BudgetPeriod, Membership, OutgoingMail, Role, Team, User

NOVEMBER = datetime(2026, 11, 15, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 2, 12, tzinfo=UTC)


def reserve(team: Team, member: User | None, amount: int, job: str, at=NOVEMBER) -> None:
    with transaction.atomic():
        budgets.reserve(team=team, member=member, amount=amount, job=job, at=at)


def mails() -> list[tuple[str, str]]:
    """Reader and subject of every mail, oldest first."""
    return [(mail.recipients[0], mail.subject) for mail in OutgoingMail.objects.order_by("pk")]


def body(mail: OutgoingMail) -> str:
    return str(message_from_string(mail.message, policy=policy.default).get_content())


def test_each_mark_is_mailed_once_a_month(team, mia, alice):
    set_budget(team=team, member=mia, limit=100, by=alice, at=NOVEMBER)
    reserve(team, mia, 79, "job-1")
    assert mails() == []

    reserve(team, mia, 1, "job-2")
    near = [
        ("alice@example.com", "Mia Moser has used 80 % of their budget in Atelier"),
        ("mia@example.com", "You have used 80 % of your budget in Atelier"),
    ]
    assert mails() == near
    reserve(team, mia, 5, "job-3")
    assert mails() == near

    reserve(team, mia, 15, "job-4")
    full = [
        ("alice@example.com", "Mia Moser's budget in Atelier is used up"),
        ("mia@example.com", "Your budget in Atelier is used up"),
    ]
    assert mails() == near + full
    with transaction.atomic():
        budgets.give_back(job="job-4", captured=0)
    reserve(team, mia, 15, "job-5")
    assert mails() == near + full

    reserve(team, mia, 80, "job-6", at=DECEMBER)
    assert mails() == near + full + near


def test_both_marks_at_once_are_one_mail(team, mia, alice):
    set_budget(team=team, member=None, limit=100, by=alice, at=NOVEMBER)

    reserve(team, mia, 100, "job-1")

    assert mails() == [("alice@example.com", "The budget of Atelier is used up")]
    assert body(OutgoingMail.objects.get()) == (
        "Atelier has used 100 of 100 credits (100 %) for November.\n"
        "\n"
        "Launches are refused until 1 Dec 2026, or until the limit is raised.\n"
        "\n"
        "Change the limit here:\n"
        "http://127.0.0.1:8000/t/atelier/credits/budgets/\n"
    )


def test_a_soft_limit_says_that_launches_go_on(team, mia, alice):
    set_budget(team=team, member=mia, limit=100, warn_at=50, is_hard=False, by=alice, at=NOVEMBER)

    reserve(team, mia, 120, "job-1")

    assert [subject for _reader, subject in mails()] == [
        "Mia Moser's budget in Atelier is used up",
        "Your budget in Atelier is used up",
    ]
    text = body(OutgoingMail.objects.get(recipients=["mia@example.com"]))
    assert "You have used 120 of 100 credits (120 %) for November in Atelier." in text
    assert "The limit only warns: launches go on. The next month begins on 1 Dec 2026." in text


def test_a_refused_launch_mails_nothing(team, mia, alice):
    set_budget(team=team, member=None, limit=100, by=alice, at=NOVEMBER)
    set_budget(team=team, member=mia, limit=10, by=alice, at=NOVEMBER)

    with pytest.raises(BudgetExceeded):
        reserve(team, mia, 90, "job-1")

    assert mails() == []
    assert not BudgetPeriod.objects.exclude(warned_at=None).exists()


def test_a_mark_that_a_higher_limit_moved_away_counts_anew(team, mia, alice):
    set_budget(team=team, member=None, limit=100, by=alice, at=NOVEMBER)
    reserve(team, mia, 100, "job-1")

    set_budget(team=team, member=None, limit=200, by=alice, at=NOVEMBER)
    reserve(team, mia, 60, "job-2")
    assert [subject for _reader, subject in mails()] == [
        "The budget of Atelier is used up",
        "Atelier has used 80 % of its budget",
    ]

    allow_more(team=team, member=None, amount=100, at=NOVEMBER)
    reserve(team, mia, 60, "job-3")
    assert [subject for _reader, subject in mails()][2:] == ["Atelier has used 84 % of its budget"]


def test_a_limit_set_below_what_was_used_is_told_at_once(team, mia, alice):
    set_budget(team=team, member=None, limit=100, by=alice, at=NOVEMBER)
    reserve(team, mia, 50, "job-1")

    set_budget(team=team, member=None, limit=40, by=alice, at=NOVEMBER)

    assert mails() == [("alice@example.com", "The budget of Atelier is used up")]


# --- In the shell -----------------------------------------------------------------------------


def texts(user: User, at=NOVEMBER, dismissed=()) -> list[str]:
    membership = Membership.objects.select_related("team").get(user=user)
    return [notice.text for notice in notices_for(membership, at, dismissed)]


def test_the_shell_tells_each_what_concerns_them(team, mia, alice, bob):
    kai = User.objects.create_user("kai@example.com", name="Kai Keller")
    Membership.objects.create(team=team, user=kai, role=Role.CREATOR)
    set_budget(team=team, member=None, limit=2000, by=alice, at=NOVEMBER)
    set_budget(team=team, member=mia, limit=1000, by=alice, at=NOVEMBER)
    set_budget(team=team, member=kai, limit=800, by=alice, at=NOVEMBER)
    reserve(team, mia, 900, "job-1")
    reserve(team, kai, 800, "job-2")

    of_team = "The team has used 1,700 of its 2,000 credits for November."
    assert texts(alice) == [of_team, "2 members are near or at the end of their budgets."]
    assert texts(mia) == ["You have used 900 of your 1,000 credits for November.", of_team]
    assert texts(kai) == [
        "Your budget for November is used up: 800 of 800 credits.",
        of_team,
    ]
    assert texts(bob) == []
    assert texts(mia, at=DECEMBER) == []


def test_the_shell_forgets_what_is_no_longer_so(team, mia, alice):
    set_budget(team=team, member=mia, limit=10, by=alice, at=NOVEMBER)
    reserve(team, mia, 9, "job-1")
    assert texts(alice) == ["Mia Moser has used 9 of 10 credits for November."]

    with transaction.atomic():
        budgets.give_back(job="job-1", captured=0)

    assert (texts(alice), texts(mia)) == ([], [])


def test_the_shell_asks_once_and_never_for_those_without_money(
    team, mia, bob, alice, django_assert_num_queries
):
    for member in (None, mia, alice):
        set_budget(team=team, member=member, limit=10, by=alice, at=NOVEMBER)
        reserve(team, member, 9 if member is None else 0, f"job-{member}")
    for person, queries in ((alice, 1), (mia, 1), (bob, 0)):
        membership = Membership.objects.select_related("team", "user").get(user=person)
        with django_assert_num_queries(queries):
            notices_for(membership, NOVEMBER)


@time_machine.travel(NOVEMBER, tick=False)
def test_a_notice_stays_away_until_there_is_something_new(client, team, mia, alice):
    set_budget(team=team, member=mia, limit=10, by=alice, at=NOVEMBER)
    reserve(team, mia, 9, "job-1")
    client.force_login(mia)
    page = "/t/atelier/credits/budgets/"
    told = "You have used 9 of your 10 credits for November."
    assert told in client.get(page).content.decode()
    (notice,) = notices_for(Membership.objects.get(user=mia), NOVEMBER)

    answer = client.post("/t/atelier/credits/notices/dismiss", {"key": notice.key, "next": page})
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert told not in client.get(page).content.decode()

    reserve(team, mia, 1, "job-2")
    assert "Your budget for November is used up" in client.get(page).content.decode()


def test_the_line_about_the_others_has_a_key_of_its_own_for_each_case(team, alice):
    membership = Membership.objects.select_related("team").get(user=alice)
    keys = []
    for number in range(30):
        person = User.objects.create_user(f"p{number}@example.com")
        Membership.objects.create(team=team, user=person, role=Role.CREATOR)
        set_budget(team=team, member=person, limit=10, by=alice, at=NOVEMBER)
        reserve(team, person, 10, f"job-{number}")
        keys.append(notices_for(membership, NOVEMBER)[0].key)

    assert len(set(keys)) == 30
    assert {len(key) for key in keys} == {32}
    assert notices_for(membership, NOVEMBER, dismissed=keys) == []


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", ""])
def test_dismissing_leads_to_no_other_host(elsewhere, client, team, mia):
    client.force_login(mia)

    answer = client.post("/t/atelier/credits/notices/dismiss", {"key": "1-near", "next": elsewhere})

    assert (answer.status_code, answer["Location"]) == (302, "/t/atelier/credits/budgets/")
