"""The pages of people and roles: two-step sign-in by hand, and no fault in any look."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from teams.audit import record
from teams.lifecycle import suspend
from teams.models import Invitation, Membership, Role, User
from teams.services import invite_member
from tests.factories import make_user
from tests.second_factor import code_for, set_up

PASSWORD = "correct horse battery"

#: As in test_pages.py: every rule is asked once a width and once a scheme.
LOOKS: list[tuple[int, dict[str, list[str]]]] = [(1280, {"light": []}), (390, {"dark": []})]


def look(page, faults, name, looks) -> dict[str, object]:
    """What is wrong with the page that is shown, in each scheme."""
    wrong: dict[str, object] = {}
    for scheme, rules in looks.items():
        page.emulate_media(color_scheme=scheme)
        if found := faults(rules):
            wrong[f"{name}, {scheme}"] = found
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong[f"{name}, {scheme}, scrolls"] = True
    return wrong


@pytest.mark.parametrize(("width", "looks"), LOOKS)
def test_somebody_sets_the_second_step_up_and_signs_in_with_it(
    page, live_server, transactional_db, faults, settings, width, looks
):
    """Through every page of it, as an operator on the way into the admin."""
    settings.STAFF_NEED_2FA = True
    User.objects.create_superuser("olga@example.com", PASSWORD, name="Olga Operator")
    page.set_viewport_size({"width": width, "height": 860})
    wrong: dict[str, object] = {}

    def see(name: str) -> None:
        wrong.update(look(page, faults, name, looks))

    page.goto(f"{live_server.url}/accounts/login/?next=/admin/teams/team/")
    page.get_by_label("E-mail address").fill("olga@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/accounts/confirm/**")
    see("password once more")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/accounts/2fa/app/**")
    see("set up")
    assert page.locator("img.qr").evaluate("it => it.decode().then(() => it.naturalWidth)") > 20
    page.get_by_label("Type the code").fill("000000")
    page.get_by_role("button", name="Switch on").click()
    see("wrong code")
    secret = page.locator("#totp-secret").inner_text().replace(" ", "")
    page.get_by_label("Type the code").fill(code_for(secret))
    page.get_by_role("button", name="Switch on").click()
    page.wait_for_url("**/accounts/2fa/recovery-codes/")
    see("recovery codes")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    assert len(waiting.value.path().read_text().split()) == 10
    page.get_by_role("link", name="I have kept them, go on").click()
    page.wait_for_url("**/admin/teams/team/")

    for path in ("", "recovery-codes/new/", "app/remove/", "confirm/"):
        page.goto(f"{live_server.url}/accounts/2fa/{path}")
        see(f"2fa/{path}")

    page.context.clear_cookies()
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_label("E-mail address").fill("olga@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/accounts/2fa/code/")
    see("second step")
    page.get_by_label("Code").fill(code_for(secret, later=1))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live_server.url}/")
    assert page.get_by_role("heading", level=1).is_visible()
    assert wrong == {}


@pytest.mark.parametrize(("width", "looks"), LOOKS)
def test_the_pages_of_a_team_have_no_fault_and_do_not_scroll_sideways(
    sign_in, live_server, live_team, alice, faults, width, looks
):
    for number in range(60):
        person = make_user(f"a.rather.long.address.{number}@shop.example", name=f"Person {number}")
        Membership.objects.create(team=live_team, user=person, role=Role.REVIEWER)
    invite_member(team=live_team, by=alice, email="mia.meier@shop.example", role="viewer")
    invite_member(team=live_team, by=alice, email="tom@shop.example", role="creator")
    late = now() - timedelta(days=1)
    Invitation.objects.filter(email="tom@shop.example").update(expires_at=late)
    for number in range(60):
        record(
            team=live_team,
            actor=alice,
            action="member.role_changed",
            subject=f"a.rather.long.address.{number}@shop.example",
            before="viewer",
            after="reviewer",
        )
    page = sign_in(alice)
    page.set_viewport_size({"width": width, "height": 860})
    wrong: dict[str, object] = {}
    for name in ("members", "roles", "audit", "settings", "close"):
        page.goto(live_server.url + reverse(f"teams:{name}", args=[live_team.slug]))
        wrong |= look(page, faults, name, looks)
    page.goto(live_server.url + reverse("teams:members", args=[live_team.slug]))
    page.get_by_text("What the roles may do").click()
    wrong |= look(page, faults, "members, roles open", looks)
    suspend(team=live_team, actor="olga@example.com", reason="Invoice 7 is unpaid")
    page.goto(live_server.url + reverse("catalog:product_list", args=[live_team.slug]))
    assert "This team is suspended (Invoice 7 is unpaid)." in page.content()
    wrong |= look(page, faults, "suspended", looks)

    assert wrong == {}


def test_an_owner_is_led_to_the_second_step_also_by_a_fragment(
    sign_in, live_server, live_team, alice
):
    """The team begins to demand it while the page is open; the next fragment leaves the page."""
    page = sign_in(alice)
    page.goto(live_server.url + reverse("catalog:product_list", args=[live_team.slug]))
    set_up(alice)
    type(live_team).objects.update(owners_need_2fa=True)

    page.evaluate("htmx.ajax('GET', location.pathname + '?q=hat', {target: '#main'})")

    page.wait_for_url("**/accounts/2fa/confirm/**")
    assert f"next=%2Ft%2F{live_team.slug}%2Fproducts%2F" in page.url
