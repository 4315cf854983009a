"""Requests for credits: asked once, decided once, told to both sides."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_string, policy
from functools import partial

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.utils.timezone import now

from teams import requests
from teams.budget_changes import set_budget
from teams.budgets import member_status, team_status
from teams.models import (
    AuditEntry,
    BudgetPeriod,
    CreditAccount,
    CreditRequest,
    Grant,
    LedgerEntry,
    Membership,
    OutgoingMail,
    Role,
    Team,
    User,
)
from teams.requests import Addressee, Allowed, RequestRefused
from teams.services import remove_member

PAGE = "/t/atelier/credits/requests/"
NOVEMBER = datetime(2026, 11, 15, 12, tzinfo=UTC)


@pytest.fixture
def olga(db: None) -> User:
    """An operator who may grant credits."""
    return User.objects.create_superuser("olga@example.com", name="Olga Operator")


def ask(team: Team, by: User, amount: int = 20, addressee: str = Addressee.ADMINS) -> CreditRequest:
    return requests.ask(
        team=team, by=by, addressee=addressee, amount=amount, reason="The spring catalogue"
    )


def mails() -> list[tuple[str, str]]:
    """Reader and subject of every mail, oldest first."""
    return [(mail.recipients[0], mail.subject) for mail in OutgoingMail.objects.order_by("pk")]


def last_body() -> str:
    mail = OutgoingMail.objects.latest("pk")
    return str(message_from_string(mail.message, policy=policy.default).get_content())


# --- Asking -----------------------------------------------------------------------------------


def test_a_member_asks_the_admins_by_form(client, team, mia, alice):
    client.force_login(mia)

    answer = client.post(f"{PAGE}new", {"amount": "200", "reason": "The spring catalogue"})

    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    asked = CreditRequest.objects.get()
    assert (asked.asked_by, asked.addressee, asked.amount, asked.state) == (
        mia,
        "admins",
        200,
        "open",
    )
    assert mails() == [("alice@example.com", "Mia Moser asks for 200 credits in Atelier")]
    assert last_body() == (
        "Mia Moser asks for 200 credits more for this month:\n\n"
        "The spring catalogue\n\n"
        "Approve or decline here:\n"
        "http://127.0.0.1:8000/t/atelier/credits/requests/\n"
    )
    entry = AuditEntry.objects.get(action="request.made")
    assert (entry.actor, entry.subject, entry.data["amount"]) == (mia.email, mia.email, 200)
    page = client.get(PAGE).content.decode()
    assert "Waiting for an answer" in page
    assert "Send request" not in page


def test_an_admin_asks_the_operator(client, team, alice, olga):
    client.force_login(alice)

    client.post(f"{PAGE}new", {"amount": "1000", "reason": "The spring catalogue"})

    asked = CreditRequest.objects.get()
    assert asked.addressee == "operator"
    assert mails() == [("olga@example.com", "Atelier asks for 1,000 credits")]
    assert "Alice Archer asks for 1,000 credits for the team Atelier:" in last_body()
    assert f"http://127.0.0.1:8000/admin/teams/creditrequest/{asked.pk}/change/" in last_body()


def test_mail_to_operators_reaches_those_who_may_grant_and_no_other_staff(team, alice, olga):
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    grants = User.objects.create_user("grants@example.com", is_staff=True)
    left = User.objects.create_user("left@example.com", is_staff=True, is_active=False)
    permission = Permission.objects.get(codename="grant_credits")
    for person in (grants, left):
        person.user_permissions.add(permission)

    ask(team, alice, addressee=Addressee.OPERATOR)

    assert [reader for reader, _subject in mails()] == ["grants@example.com", "olga@example.com"]
    assert clerk.is_staff


def test_a_second_request_waits_for_the_first(client, team, mia, alice):
    ask(team, mia)
    client.force_login(mia)

    answer = client.post(f"{PAGE}new", {"amount": "5", "reason": "More"})

    assert answer.status_code == 422
    assert CreditRequest.objects.count() == 1
    assert len(mails()) == 1
    with pytest.raises(RequestRefused, match="Withdraw it before you ask again"):
        ask(team, mia)


@pytest.mark.parametrize(
    ("amount", "reason", "field", "sentence"),
    [
        ("", "Why", "amount", "This field is required."),
        ("0", "Why", "amount", "Ensure this value is greater than or equal to 1."),
        ("1000001", "Why", "amount", "Ensure this value is less than or equal to 1000000."),
        ("ten", "Why", "amount", "Enter a whole number."),
        ("10", "", "reason", "This field is required."),
    ],
)
def test_a_wrong_request_is_told_beside_its_field(
    amount, reason, field, sentence, client, team, mia
):
    client.force_login(mia)

    answer = client.post(f"{PAGE}new", {"amount": amount, "reason": reason})

    assert answer.status_code == 422
    assert answer.context["form"].errors == {field: [sentence]}
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert CreditRequest.objects.count() == 0


# --- Deciding ---------------------------------------------------------------------------------


@time_machine.travel(NOVEMBER, tick=False)
def test_an_approval_raises_this_months_budgets_by_what_is_needed(client, team, mia, alice):
    set_budget(team=team, member=mia, limit=10, by=alice, at=NOVEMBER)
    set_budget(team=team, member=None, limit=15, by=alice, at=NOVEMBER)
    asked = ask(team, mia, 20)
    client.force_login(alice)
    assert "Mia Moser asks for 20 credits" in client.get(PAGE).content.decode()

    prefix = str(asked.pk)[:8]
    answer = client.post(
        f"{PAGE}{asked.pk}/decide",
        {
            f"{prefix}-decision": "approve",
            f"{prefix}-amount": "18",
            f"{prefix}-note": "Two less.",
        },
    )

    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    asked.refresh_from_db()
    assert (asked.state, asked.approved_amount, asked.decided_by, asked.note) == (
        "approved",
        18,
        "alice@example.com",
        "Two less.",
    )
    of_mia, of_team = member_status(team, mia, NOVEMBER), team_status(team, NOVEMBER)
    assert of_mia and (of_mia.allowed, of_mia.extra) == (28, 18)
    assert of_team and (of_team.allowed, of_team.extra) == (18, 3)
    assert mails()[-1] == ("mia@example.com", "18 credits approved for Atelier")
    assert last_body() == (
        "Alice Archer has approved 18 of the 20 credits that you asked for in Atelier. They count "
        "for November.\n\n"
        "Two less.\n\n"
        "http://127.0.0.1:8000/t/atelier/credits/requests/\n"
    )
    data = AuditEntry.objects.get(action="request.approved").data
    assert (data["amount"], data["extra_of_member"], data["extra_of_team"]) == (18, 18, 3)


def test_a_declined_request_changes_no_budget(client, team, mia, alice):
    set_budget(team=team, member=mia, limit=10, by=alice, at=now())
    asked = ask(team, mia)
    client.force_login(alice)

    prefix = str(asked.pk)[:8]
    client.post(
        f"{PAGE}{asked.pk}/decide",
        {f"{prefix}-decision": "decline", f"{prefix}-note": "Next month."},
    )

    asked.refresh_from_db()
    assert (asked.state, asked.approved_amount, asked.note) == ("declined", None, "Next month.")
    assert BudgetPeriod.objects.get().extra == 0
    assert mails()[-1] == ("mia@example.com", "Declined: 20 credits for Atelier")
    assert "Alice Archer has declined your request for 20 credits in Atelier." in last_body()
    client.force_login(mia)
    assert "Next month." in client.get(PAGE).content.decode()


def test_an_approval_without_an_amount_is_told_beside_the_field(client, team, mia, alice):
    asked = ask(team, mia)
    client.force_login(alice)

    prefix = str(asked.pk)[:8]
    answer = client.post(
        f"{PAGE}{asked.pk}/decide", {f"{prefix}-decision": "approve", f"{prefix}-amount": ""}
    )

    assert answer.status_code == 422
    assert f'id="id_{prefix}-amount_error"' in answer.content.decode()
    asked.refresh_from_db()
    assert asked.state == "open"


def test_a_request_is_decided_once(team, mia, alice):
    asked = ask(team, mia)
    stale = CreditRequest.objects.get(pk=asked.pk)
    requests.approve(request=asked, by=alice, amount=20)
    written = (OutgoingMail.objects.count(), AuditEntry.objects.count())

    with pytest.raises(RequestRefused, match="Alice Archer has approved this request"):
        requests.decline(request=stale, by=alice)
    with pytest.raises(RequestRefused, match="has approved this request"):
        requests.withdraw(request=stale, by=mia)
    with pytest.raises(RequestRefused, match="has approved this request"):
        requests.approve(request=stale, by=alice, amount=20)

    assert (OutgoingMail.objects.count(), AuditEntry.objects.count()) == written


@pytest.mark.django_db(transaction=True)
def test_two_admins_at_once_add_the_credits_once(team, mia, alice):
    set_budget(team=team, member=mia, limit=10, by=alice, at=now())
    asked = ask(team, mia)
    started, refusals = threading.Barrier(6), []

    def approve() -> None:
        mine = CreditRequest.objects.get(pk=asked.pk)
        started.wait()
        try:
            requests.approve(request=mine, by=alice, amount=20)
        except RequestRefused as refused:
            refusals.append(refused)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refusals) == 5
    assert BudgetPeriod.objects.get().extra == 20


@pytest.mark.django_db(transaction=True)
def test_leaving_and_approving_at_once_wait_for_each_other_in_one_order(team, mia, alice):
    """Both move the request and the budget; in two orders, PostgreSQL would end one of them."""
    started, failures = threading.Barrier(2), []

    def at_once(work: Callable[[], object]) -> None:
        started.wait()
        try:
            work()
        except RequestRefused:
            pass
        except Exception as exc:
            failures.append(exc)
        finally:
            connection.close()

    for _round in range(10):
        membership, _made = Membership.objects.get_or_create(
            team=team, user=mia, defaults={"role": Role.CREATOR}
        )
        set_budget(team=team, member=mia, limit=10, by=alice, at=now())
        asked = ask(team, mia)
        works = (
            partial(requests.approve, request=asked, by=alice, amount=5),
            partial(remove_member, membership=membership, by=alice),
        )
        threads = [threading.Thread(target=at_once, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert failures == []
    assert not CreditRequest.objects.filter(state="open").exists()
    assert not BudgetPeriod.objects.exists()


def test_without_any_budget_an_approval_changes_none(team, mia, alice):
    assert requests.approve(request=ask(team, mia), by=alice, amount=20) == Allowed(0, 0)


def test_nobody_gets_what_an_erased_account_asked_for(team, mia, alice):
    set_budget(team=team, member=None, limit=1, by=alice, at=now())
    asked = ask(team, mia)
    mia.delete()
    asked.refresh_from_db()

    with pytest.raises(RequestRefused, match="no longer in the team"):
        requests.approve(request=asked, by=alice, amount=20)

    assert BudgetPeriod.objects.get().extra == 0
    requests.decline(request=asked, by=alice)
    assert asked.state == "declined"


def test_a_request_is_withdrawn_by_its_asker_alone(client, team, mia, alice):
    asked = ask(team, mia)
    client.force_login(alice)
    assert client.post(f"{PAGE}{asked.pk}/withdraw").status_code == 404

    client.force_login(mia)
    assert client.post(f"{PAGE}{asked.pk}/withdraw").status_code == 302

    asked.refresh_from_db()
    assert (asked.state, asked.decided_by) == ("withdrawn", "mia@example.com")
    ask(team, mia)


def test_who_leaves_the_team_takes_their_requests_back(team, mia, alice):
    asked = ask(team, mia)

    remove_member(membership=Membership.objects.get(user=mia), by=alice)

    asked.refresh_from_db()
    assert (asked.state, asked.decided_by) == ("withdrawn", "alice@example.com")


# --- The operator -----------------------------------------------------------------------------


def test_the_operator_grants_what_a_team_asked_for_once(team, alice, olga):
    asked = ask(team, alice, 500, Addressee.OPERATOR)
    stale = CreditRequest.objects.get(pk=asked.pk)

    given = requests.approve_by_operator(
        request=asked, by=olga, amount=400, note="See invoice", reference="INV-7"
    )

    assert (given.amount, given.reason, given.reference) == (400, "The spring catalogue", "INV-7")
    account = CreditAccount.objects.get(team=team)
    assert (account.available, asked.state, asked.approved_amount) == (400, "approved", 400)
    with pytest.raises(RequestRefused, match="Olga Operator has approved"):
        requests.approve_by_operator(request=stale, by=olga, amount=400)
    assert (Grant.objects.count(), LedgerEntry.objects.count()) == (1, 1)
    assert mails()[-1] == ("alice@example.com", "400 credits approved for Atelier")
    assert last_body() == (
        "The operator has granted Atelier 400 of the 500 credits that Alice Archer asked for.\n\n"
        "See invoice\n\n"
        "http://127.0.0.1:8000/t/atelier/credits/requests/\n"
    )


def test_the_operator_declines_and_all_admins_are_told(team, alice, olga):
    ada = User.objects.create_user("ada@example.com", name="Ada Admin")
    Membership.objects.create(team=team, user=ada, role=Role.ADMIN)
    asked = ask(team, alice, 500, Addressee.OPERATOR)

    requests.decline(request=asked, by=olga)

    assert mails()[1:] == [
        ("alice@example.com", "Declined: 500 credits for Atelier"),
        ("ada@example.com", "Declined: 500 credits for Atelier"),
    ]
    assert LedgerEntry.objects.count() == 0


def test_neither_side_decides_for_the_other(client, team, mia, alice, olga):
    to_operator = ask(team, alice, 500, Addressee.OPERATOR)
    to_admins = ask(team, mia)

    with pytest.raises(RequestRefused, match="Others decide"):
        requests.approve(request=to_operator, by=alice, amount=500)
    with pytest.raises(RequestRefused, match="Others decide"):
        requests.approve_by_operator(request=to_admins, by=olga, amount=500)
    client.force_login(alice)
    assert client.post(f"{PAGE}{to_operator.pk}/decide").status_code == 404

    assert set(CreditRequest.objects.values_list("state", flat=True)) == {"open"}
    assert LedgerEntry.objects.count() == 0
