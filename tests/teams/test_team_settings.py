"""A team is renamed by those who manage it; anybody may leave, but never the last owner."""

from __future__ import annotations

import pytest
from django.test import Client

from teams.models import AuditEntry, Membership, Role, Team, User

SETTINGS = "/t/atelier/settings/"
LEAVE = "/t/atelier/leave/"


@pytest.fixture
def owner(client: Client, alice: User, team: Team) -> Client:
    """Alice's browser."""
    client.force_login(alice)
    return client


def test_name_and_time_zone_are_saved_and_audited(owner, team):
    assert 'value="Atelier"' in owner.get(SETTINGS).content.decode()

    for _ in range(2):
        answer = owner.post(SETTINGS, {"name": "Atelier Nord", "time_zone": "Europe/Zurich"})

    assert answer["Location"] == SETTINGS, "the address stays"
    team.refresh_from_db()
    assert (team.name, team.time_zone, team.slug) == ("Atelier Nord", "Europe/Zurich", "atelier")
    entry = AuditEntry.objects.get(action="team.changed")
    assert (entry.actor, entry.subject) == ("alice@example.com", "Atelier Nord")
    assert entry.data == {
        "former_name": "Atelier",
        "time_zone": "Europe/Zurich",
        "former_time_zone": "UTC",
    }


@pytest.mark.parametrize(
    ("wrong", "field"), [({"name": " "}, "name"), ({"time_zone": "Mars/Olympus"}, "time_zone")]
)
def test_nonsense_is_refused_and_shown_nowhere(wrong, field, owner, team):
    answer = owner.post(SETTINGS, {"name": "Nord", "time_zone": "UTC", **wrong})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    team.refresh_from_db()
    assert (team.name, team.time_zone) == ("Atelier", "UTC")
    assert not AuditEntry.objects.filter(action="team.changed").exists()


def test_only_managers_of_this_team_get_in(client, team, bob, charlie):
    for person, status in ((bob, 403), (charlie, 404)):
        client.force_login(person)
        assert client.get(SETTINGS).status_code == status
        assert client.post(SETTINGS, {"name": "x", "time_zone": "UTC"}).status_code == status
    assert client.post(LEAVE).status_code == 404

    team.refresh_from_db()
    assert team.name == "Atelier"


def test_a_member_leaves_after_being_asked(client, team, bob):
    client.force_login(bob)
    assert f'href="{LEAVE}"' in client.get("/me/").content.decode()
    assert "<h1>Leave Atelier?</h1>" in client.get(LEAVE).content.decode()
    assert Membership.objects.filter(user=bob).exists(), "asking takes nobody out"

    answer = client.post(LEAVE)

    assert answer["Location"] == "/"
    assert not Membership.objects.filter(user=bob).exists()
    assert client.get("/t/atelier/credits/").status_code == 404
    entry = AuditEntry.objects.get(action="member.left")
    assert (entry.actor, entry.subject) == ("bob@example.com", "bob@example.com")


def test_the_last_owner_cannot_leave(owner, alice):
    page = owner.post(LEAVE, follow=True).content.decode()

    assert "A team needs an owner. Make somebody else an owner first." in page
    assert Membership.objects.get(user=alice).role == "owner"


def test_an_owner_leaves_once_there_is_another(owner, alice, bob):
    Membership.objects.filter(user=bob).update(role=Role.OWNER)

    owner.post(LEAVE)

    assert list(Membership.objects.values_list("user__email", flat=True)) == ["bob@example.com"]
