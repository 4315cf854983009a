"""Signing in, out and up, and setting a password: only by the pages that are offered."""

from __future__ import annotations

import re

import pytest
from allauth.account import app_settings
from django.test import Client
from django.urls import NoReverseMatch, reverse

from teams.models import OutgoingMail, Team, User

PASSWORD = "correct horse battery"


def sign_in(client: Client, email: str, password: str, **more: str):
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def test_signs_in_with_an_address_in_any_case_and_goes_where_one_wanted(client, alice, team):
    wanted = f"/t/{team.slug}/credits/"
    asked = client.get(wanted)
    assert asked.status_code == 302
    assert asked["Location"] == f"/accounts/login/?next={wanted}"

    answer = sign_in(client, "Alice@Example.COM", PASSWORD, next=wanted)

    assert answer.status_code == 302
    assert answer["Location"] == wanted
    assert client.get(wanted).status_code == 200


def test_unknown_address_and_wrong_password_get_the_same_answer(client, alice):
    unknown = sign_in(client, "nobody@example.com", PASSWORD)
    wrong = sign_in(client, alice.email, "not the password")

    for answer in (unknown, wrong):
        assert answer.context["form"].non_field_errors() == [
            "The e-mail address or the password is not right."
        ]
    assert "_auth_user_id" not in client.session


def test_the_sixth_wrong_password_is_not_even_tried(client, alice):
    for _ in range(5):
        sign_in(client, alice.email, "not the password")

    answer = sign_in(client, alice.email, PASSWORD)

    assert answer.context["form"].non_field_errors() == [
        "Too many tries. Wait a few minutes, then try again."
    ]
    assert "_auth_user_id" not in client.session


def test_an_account_that_is_switched_off_cannot_sign_in(client, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)

    answer = sign_in(client, alice.email, PASSWORD)

    assert answer["Location"] == reverse("account_inactive")
    assert client.get(answer["Location"]).status_code == 200
    assert "_auth_user_id" not in client.session


def test_signing_out_asks_first_and_needs_a_post(client, alice):
    client.force_login(alice)
    assert "Sign out?" in client.get("/accounts/logout/").content.decode()
    assert "_auth_user_id" in client.session

    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"

    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed(client, db):
    page = client.get("/accounts/signup/")
    assert "Accounts are made by invitation" in page.content.decode()

    client.post(
        "/accounts/signup/",
        {"name": "Eve", "team_name": "Eve", "email": "eve@example.com", "password1": PASSWORD},
    )

    assert not User.objects.exists()
    assert not Team.objects.exists()


def test_open_sign_up_makes_an_account_with_its_own_team(client, db, settings):
    settings.SIGNUP_OPEN = True

    answer = client.post(
        "/accounts/signup/",
        {
            "name": "Eve Example",
            "team_name": "Eve & Co",
            "email": "Eve@example.com",
            "password1": PASSWORD,
        },
    )

    assert answer.status_code == 302, answer.context["form"].errors
    user = User.objects.get()
    assert (user.email, user.name) == ("eve@example.com", "Eve Example")
    team = Team.objects.get()
    assert (team.name, team.slug) == ("Eve & Co", "eve-co")
    assert team.memberships.get().role == "owner"
    assert team.credit_account.posted == 0
    assert client.get(f"/t/{team.slug}/credits/").status_code == 200


def test_open_sign_up_refuses_an_address_that_has_an_account(client, alice, settings):
    settings.SIGNUP_OPEN = True

    answer = client.post(
        "/accounts/signup/",
        {"name": "Eve", "team_name": "Eve", "email": "ALICE@example.com", "password1": PASSWORD},
    )

    assert answer.context["form"].errors == {
        "email": ["This address has an account. Sign in, or reset the password."]
    }
    assert list(User.objects.values_list("email", flat=True)) == ["alice@example.com"]
    assert not Team.objects.exists()


def test_a_reset_mail_leads_to_a_new_password_once(client, alice):
    answer = client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    assert answer["Location"] == reverse("account_reset_password_done")
    mail = OutgoingMail.objects.get()
    assert mail.recipients == ["alice@example.com"]
    assert mail.subject == "Set a new password for Diptych"
    (link,) = re.findall(
        r"http://127\.0\.0\.1:8000(/accounts/password/reset/key/\S+)", mail.message
    )

    form = client.get(link, follow=True)
    assert "Set a password" in form.content.decode()
    new = "a new horse battery"
    done = client.post(
        form.redirect_chain[-1][0], {"password1": new, "password2": new}, follow=True
    )

    assert "Your password is set" in done.content.decode()
    assert sign_in(Client(), alice.email, new).status_code == 302
    used = Client().get(link, follow=True)
    assert "This link no longer works" in used.content.decode()


def test_the_reset_link_never_follows_the_asked_host(client, alice, settings):
    settings.ALLOWED_HOSTS = ["*"]

    client.post("/accounts/password/reset/", {"email": alice.email}, HTTP_HOST="evil.example")

    message = OutgoingMail.objects.get().message
    assert "evil.example" not in message
    assert "http://127.0.0.1:8000/accounts/password/reset/key/" in message


def test_a_reset_for_an_unknown_address_looks_the_same(client, db):
    answer = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})

    assert answer["Location"] == reverse("account_reset_password_done")
    assert "/accounts/password/reset/key/" not in OutgoingMail.objects.get().message


def test_changing_the_password_needs_the_old_one_and_is_told_by_mail(client, alice):
    client.force_login(alice)
    new = "a new horse battery"
    refused = client.post(
        "/accounts/password/change/", {"oldpassword": "x", "password1": new, "password2": new}
    )
    assert refused.context["form"].errors == {"oldpassword": ["This is not your current password."]}
    assert not OutgoingMail.objects.exists()

    answer = client.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new}
    )

    assert answer["Location"] == "/me/"
    alice.refresh_from_db()
    assert alice.check_password(new)
    assert OutgoingMail.objects.get().subject == "Your Diptych password was changed"
    assert client.get("/me/").status_code == 200, "still signed in"


@pytest.mark.parametrize(
    "name",
    ["account_email", "account_set_password", "account_confirm_email", "mfa_trust"],
)
def test_what_is_not_offered_has_no_address(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/inactive/",
        "/accounts/password/reset/",
        "/accounts/password/reset/sent/",
        "/accounts/password/reset/key/abc-nonsense/",
        "/accounts/password/reset/done/",
    ],
)
def test_every_page_for_visitors_stands(client, db, path):
    page = client.get(path)

    assert page.status_code == 200
    assert page.content.decode().count("<h1") == 1
    assert " style=" not in page.content.decode()


@pytest.mark.parametrize("path", ["login", "signup", "password/reset"])
def test_the_address_has_one_name_and_no_second_one_inside(path, client, db, settings):
    settings.SIGNUP_OPEN = True

    page = client.get(f"/accounts/{path}/").content.decode()

    assert page.count(">E-mail address<") == 1
    assert "placeholder=" not in page


def test_sign_in_tells_the_first_operator_how_to_begin(client, db):
    hint = "No account exists yet. Create one on the server:"
    page = client.get("/accounts/login/").content.decode()
    assert hint in page
    assert "manage.py create_team" in page

    User.objects.create_user("mia@example.com", PASSWORD)

    assert hint not in client.get("/accounts/login/").content.decode()


def test_too_many_requests_get_a_page(client, db):
    for _ in range(31):
        answer = client.post("/accounts/login/", {"login": "x", "password": "y"})
    assert answer.status_code == 429
    assert "Wait a minute, then try again." in answer.content.decode()
    assert app_settings.RATE_LIMITS["login"] == "30/m/ip"
