"""manage.py create_team founds a team for known and unknown people, or does nothing."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command

from teams.models import AuditEntry, Invitation, OutgoingMail, Team, User
from teams.services import prove_email


def test_an_unknown_owner_gets_a_link_to_set_a_password(client, db, capsys):
    call_command("create_team", "--name=Nord", "--owner-email=Mia@example.com", "--credits=250")

    team = Team.objects.get()
    assert (team.slug, team.credit_account.posted) == ("nord", 250)
    assert team.memberships.get().role == "owner"
    out = capsys.readouterr().out
    assert "Team Nord: /t/nord/ with 250 credits." in out
    (link,) = re.findall(r"mia@example.com sets a password here: http://127.0.0.1:8000(\S+)", out)
    form = client.get(link, follow=True)
    password = "a new horse battery"
    client.post(form.redirect_chain[-1][0], {"password1": password, "password2": password})
    assert User.objects.get().check_password(password)
    assert AuditEntry.objects.get(action="team.created").actor == "manage.py create_team"


def test_a_known_owner_keeps_the_account(alice, capsys):
    prove_email(alice)

    call_command("create_team", "--name=Nord", "--owner-email=ALICE@example.com")

    assert Team.objects.get().memberships.get().user == alice
    assert User.objects.count() == 1
    assert "password" not in capsys.readouterr().out


def test_an_account_that_never_proved_its_address_gets_an_invitation_instead(
    alice, capsys, settings
):
    settings.EMAIL_HOST = "mail.example.com"

    call_command("create_team", "--name=Nord", "--owner-email=alice@example.com", "--credits=250")

    team = Team.objects.get()
    assert team.credit_account.posted == 250
    assert not team.memberships.exists(), "whoever opened the account may not be its mailbox"
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role) == ("alice@example.com", "owner")
    mail = OutgoingMail.objects.get()
    assert (mail.recipients, mail.subject) == (["alice@example.com"], "Your team Nord on Diptych")
    out = capsys.readouterr().out
    assert "The account of alice@example.com never proved its address." in out
    assert "/invitations/" not in out


def test_without_a_mail_server_the_operator_carries_the_invitation(alice, client, capsys):
    call_command("create_team", "--name=Nord", "--owner-email=alice@example.com")

    out = capsys.readouterr().out
    (path,) = re.findall(r"No mail server is set: http://127.0.0.1:8000(\S+)", out)
    client.force_login(alice)
    client.post(path)
    assert Team.objects.get().memberships.get().role == "owner"
    alice.refresh_from_db()
    assert not alice.email_proved


def test_a_second_team_for_somebody_without_a_password_yet_prints_a_link_again(db, capsys):
    for name in ("Nord", "Sud"):
        call_command("create_team", f"--name={name}", "--owner-email=mia@example.com")

    assert capsys.readouterr().out.count("mia@example.com sets a password here:") == 2
    assert User.objects.get().memberships.count() == 2


def test_names_that_are_alike_get_addresses_of_their_own(alice):
    prove_email(alice)
    for _ in range(3):
        call_command("create_team", "--name=Nord", "--owner-email=alice@example.com", verbosity=0)
    call_command("create_team", "--name=工作室", "--owner-email=alice@example.com", verbosity=0)

    slugs = Team.objects.order_by("created_at").values_list("slug", flat=True)
    assert list(slugs) == ["nord", "nord-2", "nord-3", "team"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--owner-email=nonsense"], "nonsense is not an e-mail address."),
        (
            ["--owner-email=mia@example.com", "--slug=atelier"],
            "This address is taken by another team.",
        ),
        (
            ["--owner-email=mia@example.com", "--credits=-1"],
            "A team cannot start with less than 0 credits.",
        ),
    ],
)
def test_a_refusal_leaves_nothing(options, sentence, team):
    with pytest.raises(CommandError, match=sentence):
        call_command("create_team", "--name=Nord", *options)

    assert list(Team.objects.values_list("slug", flat=True)) == ["atelier"]
    assert User.objects.count() == 1
