"""The second step of signing in: set up, asked for, demanded of operators and owners, reset."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from teams.models import AuditEntry, Membership, Role, Team, User
from teams.second_factor import SecondFactorAdapter, is_set_up
from teams.services import set_password_link
from tests.second_factor import code_for, set_up, sign_in_with_code

PASSWORD = "correct horse battery"
TEAMS = "/admin/teams/team/"


@pytest.fixture
def operator(db: None, settings) -> User:
    settings.STAFF_NEED_2FA = True
    return User.objects.create_superuser("operator@example.com", PASSWORD, name="Olga")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post_password(client: Client, email: str, goal: str = "") -> str:
    """Sign in; returns the address that the answer leads to."""
    data = {"login": email, "password": PASSWORD, "next": goal}
    return str(client.post("/accounts/login/", data)["Location"])


def secret_on(page: str) -> str:
    """The secret as the page shows it, in groups of four."""
    shown = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', page)
    assert shown
    return shown[1].replace(" ", "")


@pytest.mark.django_db(transaction=True)
def test_an_operator_sets_the_second_step_up_on_the_way_into_the_admin(operator):
    client = Client()
    assert post_password(client, "operator@example.com", TEAMS) == TEAMS

    asked = client.get(TEAMS, follow=True).redirect_chain[-1][0]
    assert urlsplit(asked).path == "/accounts/confirm/", "the password once more"
    goal = parse_qs(urlsplit(asked).query)["next"][0]
    assert goal == "/accounts/2fa/app/?next=%2Fadmin%2Fteams%2Fteam%2F"
    page = client.post("/accounts/confirm/", {"password": PASSWORD, "next": goal}, follow=True)
    text = page.content.decode()
    assert "Operators need it to enter the administration." in text
    assert 'src="data:image/svg+xml;base64,' in text
    secret = secret_on(text)

    wrong = client.post("/accounts/2fa/app/", {"code": "000000"})
    assert "This code is not right" in wrong.content.decode()
    assert not is_set_up(operator)
    codes = client.post("/accounts/2fa/app/", {"code": code_for(secret)}, follow=True)

    assert codes.redirect_chain == [("/accounts/2fa/recovery-codes/", 302)]
    assert f'href="{TEAMS}">I have kept them, go on</a>' in codes.content.decode()
    assert len(re.findall(r"<li><code>\d{8}</code></li>", codes.content.decode())) == 10
    assert client.get(TEAMS).status_code == 200
    kept = AuditEntry.objects.filter(action="second_factor.added").values_list("actor", "data")
    assert sorted((actor, data["kind"]) for actor, data in kept) == [
        ("operator@example.com", "recovery_codes"),
        ("operator@example.com", "totp"),
    ]


def test_a_session_from_before_the_set_up_gives_a_code_first(operator):
    """A stolen session of one step does not grow into one of two."""
    before = signed_in(operator)
    secret = set_up(operator)

    asked = before.get(TEAMS, follow=True).redirect_chain[-1][0]
    assert asked == "/accounts/2fa/confirm/?next=%2Fadmin%2Fteams%2Fteam%2F"
    answer = before.post(
        "/accounts/2fa/confirm/", {"code": code_for(secret), "next": TEAMS}, follow=True
    )

    assert answer.redirect_chain == [(TEAMS, 302)]
    assert answer.status_code == 200


def test_nothing_is_changed_in_the_admin_without_the_second_step(operator, team):
    client = signed_in(operator)

    answer = client.post(f"{TEAMS}{team.pk}/change/", {"name": "Mine", "slug": "mine"})

    assert answer.status_code == 302
    assert Team.objects.get().name == "Atelier"


def test_operators_need_no_second_step_where_the_setting_is_off(operator, settings):
    settings.STAFF_NEED_2FA = False

    assert signed_in(operator).get(TEAMS).status_code == 200


def test_people_who_are_no_operators_are_not_led_to_it_by_the_admin(operator, alice):
    assert signed_in(alice).get(TEAMS, follow=True).status_code == 403


def test_the_code_is_asked_for_after_the_password_and_counts_once(operator):
    secret = set_up(operator)
    first, second = Client(), Client()
    assert post_password(first, "operator@example.com", TEAMS) == "/accounts/2fa/code/"
    assert "_auth_user_id" not in first.session

    code = code_for(secret)
    assert first.post("/accounts/2fa/code/", {"code": code})["Location"] == TEAMS
    assert first.get(TEAMS).status_code == 200

    post_password(second, "operator@example.com")
    again = second.post("/accounts/2fa/code/", {"code": code})
    assert "was used already" in again.content.decode()
    assert "_auth_user_id" not in second.session
    assert (
        second.post("/accounts/2fa/code/", {"code": code_for(secret, later=1)}).status_code == 302
    )


def test_a_code_counts_once_however_late_it_is_sent_again(operator, time_machine):
    """The code of half a minute ago is still taken for slow clocks, but not twice."""
    time_machine.move_to("2026-11-21 12:00:10+00:00", tick=False)
    secret = set_up(operator)
    code = code_for(secret)
    first, second = Client(), Client()
    post_password(first, "operator@example.com")
    post_password(second, "operator@example.com")
    assert first.post("/accounts/2fa/code/", {"code": code}).status_code == 302

    time_machine.move_to("2026-11-21 12:00:45+00:00", tick=False)
    answer = second.post("/accounts/2fa/code/", {"code": code})

    assert answer.status_code == 200
    assert "_auth_user_id" not in second.session


def test_a_recovery_code_replaces_the_phone_once(operator):
    set_up(operator)
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    first, second = Client(), Client()
    post_password(first, "operator@example.com")
    post_password(second, "operator@example.com")

    assert first.post("/accounts/2fa/code/", {"code": codes[3]}).status_code == 302
    assert second.post("/accounts/2fa/code/", {"code": codes[3]}).status_code == 200

    left = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    assert left == codes[:3] + codes[4:]


def test_guessing_codes_is_stopped(operator):
    set_up(operator)
    client = Client()
    post_password(client, "operator@example.com")

    for number in range(12):
        page = client.post("/accounts/2fa/code/", {"code": f"{number:06d}"}).content.decode()

    assert "Too many tries." in page


def test_switching_off_takes_the_recovery_codes_along(alice):
    secret = set_up(alice)
    client = signed_in(alice)
    data = {"code": code_for(secret), "next": "/accounts/2fa/app/remove/"}
    client.post("/accounts/2fa/confirm/", data)
    assert (
        "Switch two-step sign-in off?" in client.get("/accounts/2fa/app/remove/").content.decode()
    )

    assert client.post("/accounts/2fa/app/remove/")["Location"] == "/accounts/2fa/"

    assert not Authenticator.objects.exists()
    assert "Set up" in client.get("/accounts/2fa/").content.decode()
    assert AuditEntry.objects.filter(action="second_factor.removed").count() == 2


def test_secrets_are_unreadable_in_the_database_and_outlive_a_change_of_the_key(alice, settings):
    secret = set_up(alice)
    stored = Authenticator.objects.get(type="totp").data["secret"]
    assert secret not in stored
    adapter = SecondFactorAdapter()
    former = settings.SECRET_KEY

    settings.SECRET_KEY = "another-" + "y" * 40
    assert adapter.decrypt(stored) == "", "fits no code, and is no error page"
    settings.SECRET_KEY_FALLBACKS = [former]

    assert adapter.decrypt(stored) == secret


def test_owners_are_led_to_it_where_their_team_needs_it(client, alice, bob, team):
    Team.objects.update(owners_need_2fa=True)
    client.force_login(alice)

    page = client.get("/t/atelier/products/")
    assert page.status_code == 302
    assert page["Location"] == "/accounts/2fa/app/?next=%2Ft%2Fatelier%2Fproducts%2F"
    assert client.post("/t/atelier/products/new", {"name": "Hat"}).status_code == 403
    fragment = client.get("/t/atelier/pulse", headers={"HX-Request": "true"})
    assert unquote(fragment["HX-Redirect"]).startswith("/accounts/2fa/app/")
    assert signed_in(bob).get("/t/atelier/products/").status_code == 200, "no owner"
    assert team.products.count() == 0

    set_up(alice)
    sign_in_with_code(client, alice)
    assert client.get("/t/atelier/products/").status_code == 200


def test_an_owner_may_leave_a_team_that_needs_it_without_it(alice, bob, team):
    """Nobody is kept in a team by a phone they do not have."""
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    Team.objects.update(owners_need_2fa=True)

    assert signed_in(alice).post("/t/atelier/leave/").status_code == 302

    assert not Membership.objects.filter(user=alice).exists()


def test_an_operator_resets_a_lost_second_step(operator, alice):
    set_up(alice)
    set_up(operator)
    client = Client()
    sign_in_with_code(client, operator)
    path = f"/admin/teams/user/{alice.pk}/reset-second-step/"
    assert path in client.get(f"/admin/teams/user/{alice.pk}/change/").content.decode()
    assert client.post(path, {"reason": ""}).status_code == 200
    assert is_set_up(alice)

    assert client.post(path, {"reason": "Lost phone"}).status_code == 302

    assert not Authenticator.objects.filter(user=alice).exists()
    assert is_set_up(operator)
    entry = AuditEntry.objects.get(action="second_factor.reset")
    assert (entry.actor, entry.subject, entry.data, entry.address) == (
        "operator@example.com",
        "alice@example.com",
        {"reason": "Lost phone"},
        "127.0.0.1",
    )


def test_only_who_may_edit_people_may_reset(operator, alice):
    staff = User.objects.create_user("staff@example.com", PASSWORD, is_staff=True)
    set_up(staff)
    set_up(alice)
    client = Client()
    sign_in_with_code(client, staff)

    path = f"/admin/teams/user/{alice.pk}/reset-second-step/"
    assert client.post(path, {"reason": "x"}).status_code == 403

    assert is_set_up(alice)


def test_the_shell_resets_a_lost_second_step(alice, capsys):
    set_up(alice)

    call_command("reset_second_factor", "ALICE@example.com", "--reason=Lost phone")

    assert not is_set_up(alice)
    assert "alice@example.com signs in by password alone now." in capsys.readouterr().out
    entry = AuditEntry.objects.get(action="second_factor.reset")
    assert (entry.actor, entry.address) == ("manage.py reset_second_factor", None)
    with pytest.raises(CommandError, match=r"alice@example.com has no second step\."):
        call_command("reset_second_factor", "alice@example.com")
    with pytest.raises(CommandError, match=r"Nobody has the address x@example.com\."):
        call_command("reset_second_factor", "x@example.com")


def test_proving_the_address_throws_out_the_second_step_of_an_impostor(alice):
    """Somebody opened the account under alice's address and locked it with their phone."""
    set_up(alice)
    assert not alice.email_proved
    real = Client()
    form = real.get(urlsplit(set_password_link(alice)).path, follow=True).redirect_chain[-1][0]

    real.post(form, {"password1": "a new horse battery", "password2": "a new horse battery"})

    assert not is_set_up(alice)
    set_up(alice)
    alice.refresh_from_db()
    another = Client()
    form = another.get(urlsplit(set_password_link(alice)).path, follow=True).redirect_chain[-1][0]
    another.post(form, {"password1": "newer horse battery", "password2": "newer horse battery"})
    assert is_set_up(alice), "once proved, a new password keeps it"


def test_the_mailbox_alone_never_takes_an_operators_second_step_away(alice):
    """Whoever made her an operator vouched for her; her address was never proved."""
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    set_up(alice)
    thief = Client()
    form = thief.get(urlsplit(set_password_link(alice)).path, follow=True).redirect_chain[-1][0]

    thief.post(form, {"password1": "a new horse battery", "password2": "a new horse battery"})

    alice.refresh_from_db()
    assert alice.check_password("a new horse battery")
    assert is_set_up(alice)


def test_no_page_shows_secrets_of_other_people_in_the_admin(operator):
    set_up(operator)
    client = Client()
    sign_in_with_code(client, operator)

    assert client.get("/admin/mfa/authenticator/").status_code == 404
