"""The operator's pages: grants are previewed, confirmed and counted once; records are read-only."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from teams.audit import record
from teams.credits import grant, hold
from teams.models import AuditEntry, Invitation, LedgerEntry, Membership, OutgoingMail, Team, User
from teams.services import create_team_for, prove_email

PASSWORD = "correct horse battery"


@pytest.fixture
def operator(db) -> User:
    return User.objects.create_superuser("operator@example.com", PASSWORD, name="Olga")


@pytest.fixture
def staff(db) -> User:
    """May see teams and nothing more."""
    staff = User.objects.create_user("staff@example.com", PASSWORD, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_team"))
    return staff


def grant_path(team: Team) -> str:
    return f"/admin/teams/team/{team.pk}/grant/"


def filled(**more: str) -> dict[str, str]:
    kept = {"kind": "paid", "priority": "50", "key": str(uuid.uuid4())}
    return {"amount": "50", "reason": "Invoice 7", **kept, **more}


def listed(client: Client, query: str) -> list[str]:
    """The names in the operator's list of teams."""
    answer = client.get(f"/admin/teams/team/{query}")
    return [team.name for team in answer.context["cl"].result_list]


def invitation_link() -> str:
    """The newest invitation's link, as it was mailed."""
    text = OutgoingMail.objects.order_by("-pk")[0].message
    return str(re.findall(r"/invitations/\S+/", text.replace("=\n", ""))[0])


def test_a_grant_is_previewed_confirmed_and_counted_once(client, operator, team):
    with transaction.atomic():
        grant(team=team, amount=200, actor="x", reason="", key="x")
        hold(team=team, member=None, amount=8, job="j", actor="x", price_version="1")
    client.force_login(operator)
    form = filled()
    page = client.get(grant_path(team)).content.decode()
    assert "Atelier has 192 credits available and 8 credits held by unfinished jobs." in page

    preview = client.post(grant_path(team), form).content.decode()
    assert "192 &rarr; 242 credits" in preview
    assert "50 credits, with the reason “Invoice 7”" in preview
    assert form["key"] in preview
    assert LedgerEntry.objects.filter(kind="grant").count() == 1, "a preview moves nothing"

    for _ in range(2):
        answer = client.post(grant_path(team), {**form, "confirm": "1"})
        assert answer["Location"] == f"/admin/teams/team/{team.pk}/change/"

    team.credit_account.refresh_from_db()
    assert team.credit_account.posted == 250
    entry = LedgerEntry.objects.get(reason="Invoice 7")
    assert (entry.kind, entry.d_posted, entry.actor) == ("grant", 50, "operator@example.com")
    audit = AuditEntry.objects.get(action="credits.granted")
    assert (audit.actor, audit.team, audit.data["credits"]) == ("operator@example.com", team, 50)
    messages = client.get(f"/admin/teams/team/{team.pk}/change/").content.decode()
    assert "50 credits granted to Atelier." in messages
    assert "These credits were granted already. Nothing was added." in messages


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "1000001"}, "amount"),
        ({"reason": " "}, "reason"),
        ({"key": "x"}, "key"),
    ],
)
def test_refuses_a_wrong_grant(wrong, field, client, operator, team):
    client.force_login(operator)

    answer = client.post(grant_path(team), {**filled(), **wrong, "confirm": "1"})

    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert not LedgerEntry.objects.exists()


def test_going_back_keeps_what_was_typed(client, operator, team):
    client.force_login(operator)

    page = client.post(grant_path(team), filled(back="1")).content.decode()

    assert 'value="Invoice 7"' in page
    assert "&rarr;" not in page
    assert not LedgerEntry.objects.exists()


def test_granting_needs_its_permission(client, staff, team):
    client.force_login(staff)
    assert (
        "Grant credits" not in client.get(f"/admin/teams/team/{team.pk}/change/").content.decode()
    )
    assert client.get(grant_path(team)).status_code == 403
    assert client.post(grant_path(team), filled(confirm="1")).status_code == 403
    assert not LedgerEntry.objects.exists()

    staff.user_permissions.add(Permission.objects.get(codename="grant_credits"))

    assert client.post(grant_path(team), filled(confirm="1")).status_code == 302
    assert LedgerEntry.objects.get().actor == "staff@example.com"


def test_members_and_visitors_do_not_get_in(client, alice, team):
    visitor = client.get(grant_path(team))
    assert visitor.status_code == 302
    assert visitor["Location"].startswith("/admin/login/?next=")
    login = client.get(visitor["Location"])
    assert login["Location"] == f"/accounts/login/?next={grant_path(team).replace('/', '%2F')}"

    client.force_login(alice)
    assert client.post(grant_path(team), filled(confirm="1"), follow=True).status_code == 403

    assert not LedgerEntry.objects.exists()


def test_the_admin_has_no_sign_in_of_its_own(client, operator):
    answer = client.post("/admin/login/", {"username": operator.email, "password": PASSWORD})

    assert answer["Location"] == "/accounts/login/?next=%2Fadmin%2Flogin%2F"
    assert "_auth_user_id" not in client.session


@pytest.fixture
def records(team, alice):
    grant(team=team, amount=10, actor="x", reason="Start", key="x")
    record(team=team, actor=alice, action="test.done")
    OutgoingMail.objects.create(recipients=["a@example.com"], subject="S", message="secret link")
    return {
        "creditaccount": team.credit_account.pk,
        "ledgerentry": LedgerEntry.objects.get().pk,
        "auditentry": AuditEntry.objects.latest("pk").pk,
        "outgoingmail": OutgoingMail.objects.get().pk,
    }


@pytest.mark.parametrize("model", ["creditaccount", "ledgerentry", "auditentry", "outgoingmail"])
def test_records_are_read_only(model, client, operator, records):
    client.force_login(operator)
    base = f"/admin/teams/{model}/"
    pk = records[model]

    assert client.get(base).status_code == 200
    page = client.get(f"{base}{pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert "secret link" not in page.content.decode()
    assert client.get(f"{base}add/").status_code == 403
    assert client.post(f"{base}{pk}/change/", {}).status_code == 403
    assert client.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403

    assert LedgerEntry.objects.count() == 1
    assert OutgoingMail.objects.count() == 1


def test_the_ledger_is_found_from_the_team(client, operator, team, records):
    client.force_login(operator)
    page = client.get(f"/admin/teams/team/{team.pk}/change/").content.decode()
    assert "10 available, 0 held" in page
    (link,) = re.findall(r'href="(/admin/teams/ledgerentry/\?[^"]+)"', page)

    assert "Start" in client.get(link).content.decode()


def test_a_team_is_founded_with_account_owner_and_mail(client, operator):
    client.force_login(operator)

    answer = client.post(
        "/admin/teams/team/add/",
        {"name": "Nord", "slug": "", "owner_email": "New@example.com"},
    )

    team = Team.objects.get()
    assert answer["Location"] == f"/admin/teams/team/{team.pk}/change/"
    assert (team.slug, team.credit_account.posted) == ("nord", 0)
    owner = team.memberships.get()
    assert (owner.user.email, owner.role) == ("new@example.com", "owner")
    mail = OutgoingMail.objects.get()
    assert mail.recipients == ["new@example.com"]
    assert "/accounts/password/reset/key/" in mail.message
    assert AuditEntry.objects.get().actor == "operator@example.com"
    assert client.get("/admin/teams/team/").status_code == 200


def test_an_unproved_account_is_invited_to_own_the_team(client, operator, alice, settings):
    settings.EMAIL_HOST = "mail.example.com"
    client.force_login(operator)

    page = client.post(
        "/admin/teams/team/add/",
        {"name": "Nord", "slug": "", "owner_email": "alice@example.com"},
        follow=True,
    ).content.decode()

    assert "an invitation to own the team was mailed there" in page
    assert "/invitations/" not in page
    assert not Team.objects.get().memberships.exists()
    assert OutgoingMail.objects.get().recipients == ["alice@example.com"]


def test_a_team_whose_owner_never_came_is_seen_and_gets_another(
    client, operator, alice, charlie, settings
):
    settings.EMAIL_HOST = "mail.example.com"
    prove_email(charlie)
    founded = create_team_for(name="Nord", owner_email=alice.email, actor=operator)
    team, link = founded.team, invitation_link()
    client.force_login(operator)
    change = f"/admin/teams/team/{team.pk}/change/"
    page = client.get(change).content.decode()
    assert "Nobody owns this team yet: alice@example.com was invited and can accept until" in page

    Invitation.objects.update(expires_at=now() - timedelta(hours=1))
    assert "Nobody owns this team: the invitation of alice@example.com ended on" in client.get(
        change
    ).content.decode().replace("&#x27;", "'")
    assert listed(client, "?owned=no") == ["Nord"]
    form = client.get(f"/admin/teams/team/{team.pk}/owner/")
    assert 'value="alice@example.com"' in form.content.decode()

    client.post(f"/admin/teams/team/{team.pk}/owner/", {"owner_email": "alice@example.com"})
    assert not team.memberships.exists(), "an address that was never proved is invited again"
    assert Invitation.objects.open().get().email == "alice@example.com"
    assert invitation_link() != link

    answer = client.post(
        f"/admin/teams/team/{team.pk}/owner/", {"owner_email": "Charlie@example.com"}, follow=True
    )
    assert "Charlie Cole owns the team now." in answer.content.decode()
    member = team.memberships.get()
    assert (member.user, member.role) == (charlie, "owner")
    assert not Invitation.objects.open().exists(), "the former invitation would make a second owner"
    assert AuditEntry.objects.filter(action="owner.named").count() == 2
    assert (listed(client, "?owned=no"), listed(client, "?owned=yes")) == ([], ["Nord"])


def test_a_team_with_an_owner_gets_no_other_from_the_operator(client, operator, team, staff):
    client.force_login(operator)
    assert (
        "Name an owner" not in client.get(f"/admin/teams/team/{team.pk}/change/").content.decode()
    )

    page = client.post(
        f"/admin/teams/team/{team.pk}/owner/", {"owner_email": "new@example.com"}
    ).content.decode()

    assert "This team has an owner. Owners can add further owners." in page
    assert team.memberships.get().user.email == "alice@example.com"
    assert not User.objects.filter(email="new@example.com").exists()
    assert not OutgoingMail.objects.exists()
    client.force_login(staff)
    assert client.get(f"/admin/teams/team/{team.pk}/owner/").status_code == 403


def test_a_changed_address_is_to_be_proved_anew(client, operator, alice):
    prove_email(alice)
    client.force_login(operator)
    path = f"/admin/teams/user/{alice.pk}/change/"
    fields = {"name": "Alice", "time_zone": "", "theme": "system", "is_active": "on"}

    client.post(path, {**fields, "email": "alice@example.com"})
    alice.refresh_from_db()
    assert alice.email_proved

    client.post(path, {**fields, "email": "ceo@example.com"})
    alice.refresh_from_db()
    assert (alice.email, alice.email_proved) == ("ceo@example.com", False)


def test_a_taken_address_founds_nothing(client, operator, team):
    client.force_login(operator)

    answer = client.post(
        "/admin/teams/team/add/",
        {"name": "Nord", "slug": "atelier", "owner_email": "new@example.com"},
    )

    assert answer.context["form"].errors == {"slug": ["This address is taken by another team."]}
    assert Team.objects.count() == 1
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_person_is_added_by_address(client, operator):
    client.force_login(operator)

    client.post(
        "/admin/teams/user/add/",
        {
            "email": "Mia@Example.com",
            "name": "Mia",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )

    mia = User.objects.get(email="mia@example.com")
    assert mia.check_password(PASSWORD)
    assert client.get(f"/admin/teams/user/{mia.pk}/change/").status_code == 200
    assert client.get("/admin/teams/user/?q=mia").status_code == 200


def test_only_superusers_edit_people(client, staff, operator):
    staff.user_permissions.add(
        *Permission.objects.filter(codename__in=["change_user", "add_user", "view_user"])
    )
    client.force_login(staff)

    assert client.get("/admin/teams/user/").status_code == 200
    assert client.post(f"/admin/teams/user/{staff.pk}/change/", {}).status_code == 403
    assert client.post(f"/admin/teams/user/{operator.pk}/password/", {}).status_code == 403
    assert client.post("/admin/teams/user/add/", {}).status_code == 403


def test_a_mail_that_was_given_up_can_be_sent_again(client, operator):
    mail = OutgoingMail.objects.create(
        recipients=["a@example.com"], subject="S", message="", attempts=8, given_up_at=now()
    )
    client.force_login(operator)
    page = client.get(f"/admin/teams/outgoingmail/{mail.pk}/change/").content.decode()
    assert "Send again" in page
    listed_mails = client.get("/admin/teams/outgoingmail/").content.decode()
    assert '<td class="field-to">a@example.com</td>' in listed_mails
    assert client.get(f"/admin/teams/outgoingmail/{mail.pk}/again/").status_code == 403

    client.post(f"/admin/teams/outgoingmail/{mail.pk}/again/")

    mail.refresh_from_db()
    assert (mail.given_up_at, mail.attempts) == (None, 0)


def test_the_admin_pages_carry_no_inline_code(client, operator, team):
    client.force_login(operator)
    for path in ("/admin/", f"/admin/teams/team/{team.pk}/change/", grant_path(team)):
        page = client.get(path).content.decode()
        assert " style=" not in page
        assert " onclick=" not in page
        assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))[^>]*>\s*\S", page)


def test_the_former_address_of_a_person_no_longer_signs_in(client, operator, alice):
    EmailAddress.objects.create(user=alice, email="alice@example.com", primary=True)
    client.force_login(operator)
    page = client.get(f"/admin/teams/user/{alice.pk}/change/")
    fields = {
        name: value
        for name, value in page.context["adminform"].form.initial.items()
        if isinstance(value, str) and name != "password"
    }

    answer = client.post(
        f"/admin/teams/user/{alice.pk}/change/",
        {**fields, "email": "archer@example.com", "is_active": "on"},
    )

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    for address, status in (("alice@example.com", 200), ("archer@example.com", 302)):
        tried = Client().post("/accounts/login/", {"login": address, "password": PASSWORD})
        assert tried.status_code == status


def test_a_team_has_a_time_zone_that_exists(client, operator, team):
    client.force_login(operator)
    form = {"name": "Atelier", "slug": "atelier"}

    refused = client.post(
        f"/admin/teams/team/{team.pk}/change/", {**form, "time_zone": "Mars/Olympus"}
    )
    assert refused.context["adminform"].form.errors == {
        "time_zone": ["Enter the name of a time zone, such as Europe/Zurich."]
    }

    client.post(f"/admin/teams/team/{team.pk}/change/", {**form, "time_zone": "Europe/Zurich"})
    team.refresh_from_db()
    assert team.time_zone == "Europe/Zurich"


def test_says_sizes_and_balances_in_peoples_words(client, operator, team):
    Team.objects.update(storage_bytes=3 * 2**20)
    client.force_login(operator)
    page = client.get(reverse("admin:teams_team_change", args=[team.pk])).content.decode()
    assert "3.0\N{NO-BREAK SPACE}MB" in page
    assert "Address:" in page
    assert "The team's pages are at /t/, followed by this." in page
    assert 'data-theme="system"' in page
    page = client.get(reverse("admin:teams_creditaccount_changelist")).content.decode()
    for words in ("Ledger entries", "Held by unfinished jobs"):
        assert words in page


def test_the_way_to_a_teams_own_pages_is_for_its_members(client, operator, team):
    client.force_login(operator)
    page = f"/admin/teams/team/{team.pk}/change/"
    assert "View on site" not in client.get(page).content.decode()

    Membership.objects.create(team=team, user=operator, role="viewer")
    assert "View on site" in client.get(page).content.decode()
