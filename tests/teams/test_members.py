"""Members and invitations: links work once, owners stay, and strangers see nothing."""

from __future__ import annotations

import hashlib
import re
import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from teams.models import AuditEntry, Invitation, Membership, OutgoingMail, Role, Team, User
from teams.services import TeamRefused, change_role

PASSWORD = "correct horse battery"
MEMBERS = "/t/atelier/members/"


def invite(client: Client, email: str = "mia@example.com", role: str = "creator") -> str:
    """The path of the link that the page shows."""
    answer = client.post(f"{MEMBERS}invite", {"email": email, "role": role})
    assert answer.status_code == 200, answer.context["form"].errors
    (path,) = re.findall(
        r'value="http://127\.0\.0\.1:8000(/invitations/[^"]+/)"', answer.content.decode()
    )
    return str(path)


def mailed_path() -> str:
    """The path of the link in the only mail."""
    (path,) = re.findall(r"http://127\.0\.0\.1:8000(/\S+)", OutgoingMail.objects.get().message)
    return str(path)


@pytest.fixture
def owner(client: Client, alice: User, team: Team) -> Client:
    """Alice's browser."""
    client.force_login(alice)
    return client


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", MEMBERS),
        ("post", f"{MEMBERS}invite"),
        ("post", f"{MEMBERS}1/role"),
        ("post", f"{MEMBERS}1/remove"),
        ("post", f"{MEMBERS}invitations/1/revoke"),
    ],
)
def test_only_managers_of_this_team_get_in(method, path, client, team, bob, charlie):
    data = {"email": "x@example.com", "role": "viewer"}
    for person, status in ((None, 302), (bob, 403), (charlie, 404)):
        client.logout()
        if person:
            client.force_login(person)
        assert getattr(client, method)(path, data).status_code == status

    assert Invitation.objects.count() == 0
    assert Membership.objects.count() == 2


def test_the_page_names_everybody_and_what_they_are(owner, bob):
    page = owner.get(MEMBERS).content.decode()

    assert "Alice Archer" in page
    assert "bob@example.com" in page
    assert re.search(r'<option value="reviewer" selected>Reviewer</option>', page)
    assert " style=" not in page


def test_an_invitation_is_mailed_and_its_secret_kept_nowhere(owner):
    path = invite(owner)

    secret = path.split("/")[2]
    invitation = Invitation.objects.get()
    assert invitation.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert (invitation.email, invitation.role) == ("mia@example.com", "creator")
    mail = OutgoingMail.objects.get()
    assert mail.recipients == ["mia@example.com"]
    assert mail.subject == "Alice Archer invites you to Atelier on Diptych"
    assert f"http://127.0.0.1:8000{path}" in mail.message
    again = owner.get(MEMBERS).content.decode()
    assert secret not in again
    assert "mia@example.com" in again
    assert AuditEntry.objects.get(action="invitation.created").data == {"role": "creator"}


def test_with_a_mail_server_only_the_mailbox_gets_the_link(owner, settings):
    settings.EMAIL_HOST = "mail.example.com"

    page = owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})

    assert "The link was mailed to mia@example.com." in page.content.decode()
    assert "/invitations/" not in page.content.decode().replace("/members/invitations/", "")
    assert not Invitation.objects.get().link_shown


@pytest.mark.parametrize(("mail_server", "proved"), [("mail.example.com", True), ("", False)])
def test_a_link_proves_the_address_only_if_nobody_else_saw_it(mail_server, proved, owner, settings):
    settings.EMAIL_HOST = mail_server
    owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})

    Client().post(mailed_path(), {"name": "Mia", "password": PASSWORD})

    assert User.objects.get(email="mia@example.com").email_proved is proved


def test_a_link_to_another_address_proves_nothing(owner, charlie, settings):
    settings.EMAIL_HOST = "mail.example.com"
    owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})
    guest = Client()
    guest.force_login(charlie)

    guest.post(mailed_path())

    assert membership_of(charlie).role == "viewer"
    charlie.refresh_from_db()
    assert not charlie.email_proved


def test_an_account_opened_under_a_foreign_address_never_gets_that_persons_team(
    owner, settings, capsys
):
    """An admin joins as somebody else; later the operator founds the real person's team."""
    path = invite(owner, email="ceo@example.com")
    impostor = Client()
    impostor.post(path, {"name": "Not the CEO", "password": PASSWORD})
    settings.EMAIL_HOST = "mail.example.com"
    OutgoingMail.objects.all().delete()

    call_command("create_team", "--name=Nord", "--owner-email=ceo@example.com", "--credits=250")

    assert impostor.get("/t/nord/credits/").status_code == 404
    ceo = User.objects.get(email="ceo@example.com")
    link = mailed_path()
    real = Client()
    assert "Set your own password" in real.get(link).content.decode()
    OutgoingMail.objects.all().delete()
    real.post("/accounts/password/reset/", {"email": "ceo@example.com"})
    form = real.get(mailed_path(), follow=True)
    new = "a new horse battery"
    real.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    real.post("/accounts/login/", {"login": "ceo@example.com", "password": new})
    assert real.post(link)["Location"] == "/t/nord/products/"

    ceo.refresh_from_db()
    assert ceo.email_proved
    assert ceo.memberships.get(team__slug="nord").role == "owner"
    assert impostor.get("/t/nord/credits/").status_code == 302, "signed out by the new password"


def test_a_new_person_joins_with_name_and_password(owner):
    path = invite(owner, role="reviewer")
    guest = Client()
    assert "Join Atelier" in guest.get(path).content.decode()

    answer = guest.post(path, {"name": "Mia Meier", "password": PASSWORD})

    assert answer["Location"] == "/t/atelier/products/"
    mia = User.objects.get(email="mia@example.com")
    assert (mia.name, mia.check_password(PASSWORD)) == ("Mia Meier", True)
    assert membership_of(mia).role == "reviewer"
    assert guest.get("/me/").status_code == 200, "signed in"
    assert AuditEntry.objects.get(action="invitation.accepted").actor == "mia@example.com"


def test_a_link_works_once(owner):
    path = invite(owner)
    Client().post(path, {"name": "Mia", "password": PASSWORD})

    for answer in (
        Client().get(path),
        Client().post(path, {"name": "Eve", "password": PASSWORD}),
        owner.post(path),
    ):
        assert answer.status_code == 404
        assert "This invitation no longer works" in answer.content.decode()

    assert sorted(User.objects.values_list("email", flat=True)) == [
        "alice@example.com",
        "mia@example.com",
    ]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": "Mia", "password": "short"}, "password"),
        ({"name": "Mia", "password": "12345678901"}, "password"),
        ({"name": "Mia", "password": "mia@example.com"}, "password"),
        ({"name": "", "password": PASSWORD}, "name"),
    ],
)
def test_a_weak_password_does_not_use_the_link_up(data, field, owner):
    path = invite(owner)

    answer = Client().post(path, data)

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert Invitation.objects.open().count() == 1
    assert User.objects.count() == 1


def test_a_person_with_an_account_signs_in_to_join(owner, charlie):
    path = invite(owner, email="Charlie@Example.com")
    guest = Client()
    page = guest.get(path).content.decode()
    assert f"/accounts/login/?next={path}" in page
    taken_over = guest.post(path, {"name": "Eve", "password": PASSWORD})
    assert taken_over.status_code == 422
    assert "has an account. Sign in with it to join." in taken_over.content.decode()
    assert "_auth_user_id" not in guest.session

    guest.force_login(charlie)
    assert guest.post(path)["Location"] == "/t/atelier/products/"

    assert membership_of(charlie).role == "creator"


def test_who_is_a_member_already_keeps_the_role(owner, bob, team):
    path = invite(owner, email="robert@example.com", role="admin")
    guest = Client()
    guest.force_login(bob)

    guest.post(path)

    assert membership_of(bob).role == "reviewer"


@pytest.mark.parametrize("end", ["too old", "taken back", "replaced"])
def test_a_link_that_ended_lets_nobody_in(end, owner):
    path = invite(owner)
    invitation = Invitation.objects.get()
    if end == "too old":
        Invitation.objects.update(expires_at=now() - timedelta(seconds=1))
    elif end == "taken back":
        owner.post(f"{MEMBERS}invitations/{invitation.pk}/revoke")
        assert AuditEntry.objects.filter(action="invitation.revoked").count() == 1
    else:
        invite(owner)

    assert Client().post(path, {"name": "Mia", "password": PASSWORD}).status_code == 404

    assert User.objects.count() == 1


def test_refuses_to_invite_a_member(owner, bob):
    answer = owner.post(f"{MEMBERS}invite", {"email": "BOB@example.com", "role": "viewer"})

    assert answer.status_code == 422
    assert answer.context["form"].errors == {
        "email": ["bob@example.com is already a member of this team."]
    }
    assert not Invitation.objects.exists()
    assert not OutgoingMail.objects.exists()


def test_invitations_are_limited(owner):
    for number in range(30):
        invite(owner, email=f"p{number}@example.com")

    answer = owner.post(f"{MEMBERS}invite", {"email": "p@example.com", "role": "viewer"})

    assert answer.status_code == 429
    assert Invitation.objects.count() == 30


def test_an_invitation_of_another_team_cannot_be_taken_back(owner, charlie):
    other = Team.objects.create(name="Other", slug="other")
    invitation = Invitation.objects.create(
        team=other, email="x@example.com", secret_hash="x", expires_at=now() + timedelta(days=1)
    )

    assert owner.post(f"{MEMBERS}invitations/{invitation.pk}/revoke").status_code == 404

    assert Invitation.objects.open().count() == 1


def test_a_role_is_changed_and_holds_at_once(owner, bob):
    other = Client()
    other.force_login(bob)
    assert other.get(MEMBERS).status_code == 403

    owner.post(f"{MEMBERS}{membership_of(bob).pk}/role", {"role": "admin"})

    assert other.get(MEMBERS).status_code == 200
    entry = AuditEntry.objects.get(action="member.role_changed")
    assert (entry.subject, entry.data) == (
        "bob@example.com",
        {"before": "reviewer", "after": "admin"},
    )


def test_the_last_owner_stays(owner, alice, bob):
    mine = membership_of(alice).pk

    for path, data in (
        (f"{MEMBERS}{mine}/role", {"role": "viewer"}),
        (f"{MEMBERS}{mine}/remove", {}),
    ):
        page = owner.post(path, data, follow=True).content.decode()
        assert "A team needs an owner. Make somebody else an owner first." in page

    assert membership_of(alice).role == "owner"
    assert not AuditEntry.objects.filter(action__startswith="member.").exists()


def test_an_admin_cannot_touch_owners(client, alice, bob):
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    client.force_login(bob)
    owners, own = membership_of(alice).pk, membership_of(bob).pk

    page = client.get(MEMBERS).content.decode()
    assert 'value="owner"' not in page
    assert f"{MEMBERS}{owners}/remove" not in page
    for path, data in (
        (f"{MEMBERS}{owners}/role", {"role": "viewer"}),
        (f"{MEMBERS}{owners}/remove", {}),
        (f"{MEMBERS}{own}/role", {"role": "owner"}),
    ):
        page = client.post(path, data, follow=True).content.decode()
        assert "Only an owner can add, change or remove owners." in page
    assert client.post(f"{MEMBERS}invite", {"email": "x@e.com", "role": "owner"}).status_code == 422

    assert membership_of(alice).role == "owner"
    assert membership_of(bob).role == "admin"
    assert not Invitation.objects.exists()


def test_a_removed_member_is_out_with_every_link_they_made(owner, bob):
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    other = Client()
    other.force_login(bob)
    path = invite(other)

    owner.post(f"{MEMBERS}{membership_of(bob).pk}/remove")

    assert other.get("/t/atelier/credits/").status_code == 404
    assert Client().get(path).status_code == 404
    assert AuditEntry.objects.get(action="member.removed").subject == "bob@example.com"


def test_a_member_is_removed_without_scripts_by_a_page_that_asks(owner, bob):
    path = f"{MEMBERS}{membership_of(bob).pk}/remove"
    assert f'href="{path}"' in owner.get(MEMBERS).content.decode()

    page = owner.get(path).content.decode()

    assert "<h1>Remove Bob Baker?</h1>" in page
    assert '<form class="form" method="post">' in page
    assert membership_of(bob).role == "reviewer", "asking removes nobody"


def test_who_gives_up_managing_is_led_away(owner, alice, bob):
    Membership.objects.filter(user=bob).update(role=Role.OWNER)

    answer = owner.post(f"{MEMBERS}{membership_of(alice).pk}/role", {"role": "viewer"})

    assert answer["Location"] == "/"


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_once_leave_one(alice, team, bob):
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    pairs = [(alice, membership_of(bob)), (bob, membership_of(alice))]
    barrier, refused = threading.Barrier(2), []

    def demote(by: User, membership: Membership) -> None:
        try:
            barrier.wait()
            change_role(membership=membership, by=by, role=Role.VIEWER)
        except TeamRefused as exc:
            refused.append(exc.sentence)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert sorted(Membership.objects.values_list("role", flat=True)) == ["owner", "viewer"]
