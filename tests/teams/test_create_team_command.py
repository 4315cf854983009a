"""manage.py create_team founds a team for known and unknown people, or does nothing."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command

from teams.models import AuditEntry, Team, User


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
    call_command("create_team", "--name=Nord", "--owner-email=ALICE@example.com")

    assert Team.objects.get().memberships.get().user == alice
    assert User.objects.count() == 1
    assert "password" not in capsys.readouterr().out


def test_names_that_are_alike_get_addresses_of_their_own(alice):
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
