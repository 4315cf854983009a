"""Pending invitations: sent again, taken back, expired; and a members page for many people."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_string

import pytest
from django.test import Client
from django.utils.timezone import now

from catalog.models import Product
from generation.models import Decision, Job, Output
from teams.models import AuditEntry, Invitation, Membership, OutgoingMail, Role, Team, User
from tests.factories import add_member, deliver_swap, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

MEMBERS = "/t/atelier/members/"
PASSWORD = "correct horse battery"


@pytest.fixture
def owner(client: Client, alice: User, team: Team) -> Client:
    """Alice's browser."""
    client.force_login(alice)
    return client


def link_on(answer) -> str:
    (path,) = re.findall(r'value="http://127\.0\.0\.1:8000(/\S+)"', answer.content.decode())
    return str(path)


def test_an_invitation_sent_again_has_a_new_link_and_all_its_days(owner):
    old = link_on(owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"}))
    first = Invitation.objects.get()
    Invitation.objects.update(expires_at=now() + timedelta(hours=1))

    answer = owner.post(f"{MEMBERS}invitations/{first.pk}/resend")

    new = link_on(answer)
    assert new != old
    assert Client().get(old).status_code == 404
    assert Client().get(new).status_code == 200
    again = Invitation.objects.open().get()
    assert (again.email, again.role) == ("mia@example.com", "viewer")
    assert again.expires_at > now() + timedelta(days=6, hours=23)
    assert OutgoingMail.objects.count() == 2
    assert AuditEntry.objects.filter(action="invitation.created").count() == 2


def test_an_expired_invitation_is_shown_as_such_and_can_be_sent_again(owner):
    owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})
    late = now() - timedelta(days=1)
    Invitation.objects.update(expires_at=late)

    page = owner.get(MEMBERS).content.decode()
    assert f"Expired on {late:%-d %B %Y}" in page or "Expired on" in page
    owner.post(f"{MEMBERS}invitations/{Invitation.objects.get().pk}/resend")

    assert Invitation.objects.open().count() == 1
    assert Invitation.objects.pending().count() == 1, "the former one is off the list"


def test_the_list_says_until_when_a_link_works(owner):
    owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})

    page = owner.get(MEMBERS).content.decode()

    assert "Pending invitations" in page
    assert Invitation.objects.get().expires_at.strftime('datetime="%Y-%m-%dT%H:%M:%S') in page
    assert "Works until" in page


@pytest.mark.parametrize("end", ["used", "taken back", "another team's"])
def test_what_is_not_pending_is_not_sent_again(end, owner, charlie):
    owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})
    invitation = Invitation.objects.get()
    if end == "used":
        Invitation.objects.update(accepted_at=now(), accepted_by=charlie)
    elif end == "taken back":
        owner.post(f"{MEMBERS}invitations/{invitation.pk}/revoke")
    else:
        Invitation.objects.update(team=make_team("Other"))
    OutgoingMail.objects.all().delete()

    answer = owner.post(f"{MEMBERS}invitations/{invitation.pk}/resend", follow=True)

    if end == "another team's":
        assert answer.status_code == 404
    else:
        assert "already used or taken back" in answer.content.decode()
    assert Invitation.objects.count() == 1
    assert not OutgoingMail.objects.exists()


def test_an_admin_does_not_send_an_owners_invitation_again(client, owner, team, bob):
    owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "owner"})
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    admin = Client()
    admin.force_login(bob)
    invitation = Invitation.objects.get()
    path = f"{MEMBERS}invitations/{invitation.pk}/resend"
    assert path not in admin.get(MEMBERS).content.decode()

    page = admin.post(path, follow=True).content.decode()

    assert "Only an owner can add, change or remove owners." in page
    assert Invitation.objects.open().get() == invitation


def test_sending_again_counts_against_the_limit_of_invitations(owner):
    owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})
    for _ in range(29):
        newest = Invitation.objects.pending().get()
        owner.post(f"{MEMBERS}invitations/{newest.pk}/resend")
    newest = Invitation.objects.pending().get()

    answer = owner.post(f"{MEMBERS}invitations/{newest.pk}/resend", follow=True)

    assert "Too many invitations in one hour." in answer.content.decode()
    assert Invitation.objects.pending().get() == newest


def test_a_mailed_invitation_names_the_team_and_its_end(owner, settings):
    settings.EMAIL_HOST = "mail.example.com"
    answer = owner.post(f"{MEMBERS}invite", {"email": "mia@example.com", "role": "viewer"})

    mail = message_from_string(OutgoingMail.objects.get().message)
    text = str(mail.get_payload())
    assert "Atelier" in text
    assert "7 days" in text
    assert "invitation-link" not in answer.content.decode(), "the mailbox alone sees the link"


def names_on(answer) -> list[str]:
    return [member.user.name for member in answer.context["memberships"]]


def test_many_members_come_in_pages_by_rank_and_name(owner, team, django_assert_max_num_queries):
    people = [
        User.objects.create(email=f"p{number:03d}@example.com", name=f"Person {number:03d}")
        for number in range(120)
    ]
    Membership.objects.bulk_create(
        Membership(team=team, user=person, role=Role.ADMIN if number % 2 else Role.VIEWER)
        for number, person in enumerate(people)
    )
    seen, path = [], MEMBERS
    for _page in range(5):
        with django_assert_max_num_queries(20):
            answer = owner.get(path)
        seen += names_on(answer)
        if answer.context["next_after"] is None:
            break
        path = f"{MEMBERS}?after={answer.context['next_after']}"

    assert seen == [
        "Alice Archer",
        *(f"Person {number:03d}" for number in range(1, 120, 2)),
        *(f"Person {number:03d}" for number in range(0, 120, 2)),
    ]
    assert "First page" in answer.content.decode()


def test_people_of_the_same_name_are_all_listed(owner, team):
    for number in range(60):
        make = User.objects.create(email=f"m{number:02d}@example.com", name="Mia")
        Membership.objects.create(team=team, user=make, role=Role.VIEWER)

    first = owner.get(MEMBERS)
    second = owner.get(f"{MEMBERS}?after={first.context['next_after']}")

    listed = [*first.context["memberships"], *second.context["memberships"]]
    assert len({member.pk for member in listed}) == len(listed) == 61


def test_members_are_found_by_name_and_address(owner, team):
    for name in ("Mia Meier", "Tom Tanner", *(f"P{number}" for number in range(9))):
        add_member(team, user=make_user(f"{name.split()[0].lower()}@shop.example", name=name))
    assert "Find among 12 members" in owner.get(MEMBERS).content.decode()

    assert names_on(owner.get(f"{MEMBERS}?q=meier")) == ["Mia Meier"]
    assert names_on(owner.get(f"{MEMBERS}?q=TOM@shop")) == ["Tom Tanner"]
    page = owner.get(f"{MEMBERS}?q=nobody").content.decode()
    assert "Nobody matches" in page


def test_nonsense_in_the_address_shows_the_first_page(owner):
    for query in ("after=x", "after=-1", "after=99999999999999999999", "after=²", "q=%00"):
        assert owner.get(f"{MEMBERS}?{query}").status_code == 200


def test_a_removed_members_work_stays():
    team = make_team("Atelier", credits_=100)
    mia = add_member(team, Role.CREATOR)
    job = deliver_swap(team)
    Job.objects.filter(pk=job.pk).update(requested_by=mia)
    output = job.outputs.order_by("index")[0]
    work = Client()
    work.force_login(mia)
    data = {"verdict": "approved", "version": output.verdict_version}
    assert work.post(f"/t/{team.slug}/results/{output.pk}/decision", data).status_code == 302
    client = Client()
    client.force_login(owner_of(team))
    membership = Membership.objects.get(team=team, user=mia)

    client.post(f"/t/{team.slug}/members/{membership.pk}/remove")

    assert not Membership.objects.filter(user=mia).exists()
    assert User.objects.filter(pk=mia.pk).exists()
    assert Product.objects.filter(team=team).count() == 1
    assert Job.objects.get(pk=job.pk).requested_by == mia
    assert Output.objects.get(pk=output.pk).decided_by == mia
    assert Decision.objects.filter(output=output, by=mia).count() == 1
    page = client.get(f"/t/{team.slug}/jobs/{job.pk}/").content.decode()
    assert mia.get_full_name() in page


def test_the_roles_page_shows_the_table_of_rights_to_everybody(client, team, bob):
    client.force_login(bob)

    page = client.get("/t/atelier/roles/").content.decode()

    assert "You are in Atelier as: Reviewer." in page
    row = re.search(r"<tr><th[^>]*>Launch and repeat jobs.*?</tr>", page, re.DOTALL)
    assert row
    assert re.findall(r'aria-label="(yes|no)"', row[0]) == ["yes", "yes", "yes", "no", "no"]


def test_owners_alone_decide_about_the_second_step_of_owners(owner, alice, bob, team):
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    admin = Client()
    admin.force_login(bob)
    data = {"name": "Atelier", "time_zone": "UTC", "owners_need_2fa": "on"}
    assert "owners_need_2fa" not in admin.get("/t/atelier/settings/").content.decode()
    admin.post("/t/atelier/settings/", data)
    assert not Team.objects.get(pk=team.pk).owners_need_2fa

    answer = owner.post("/t/atelier/settings/", data, follow=True)

    assert Team.objects.get(pk=team.pk).owners_need_2fa
    assert answer.redirect_chain[1][0].startswith("/accounts/2fa/app/"), "they themselves first"
    entry = AuditEntry.objects.get(action="team.second_factor")
    assert (entry.actor, entry.data) == ("alice@example.com", {"owners_need_it": True})
