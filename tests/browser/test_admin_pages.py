"""The operator's own pages in Django's admin: no fault for axe, no sideways scroll."""

from __future__ import annotations

import pytest
from django.urls import reverse

from teams.credits import grant
from teams.models import User
from teams.services import create_team_for, invite_member


@pytest.fixture
def operator(live_team):
    return User.objects.create_superuser("operator@example.com", name="Olga Orlova")


@pytest.fixture
def addresses(live_server, live_team, alice, operator):
    grant(team=live_team, amount=100, actor=operator.email, reason="R" * 200, key="pages")
    invite_member(team=live_team, by=alice, email="new@example.com", role="creator")
    unowned = create_team_for(name="Nord", owner_email=alice.email, actor=operator).team
    lists = ("team", "ledgerentry", "creditaccount", "user", "invitation", "outgoingmail")
    paths = {
        **{name: reverse(f"admin:teams_{name}_changelist") for name in lists},
        "add": reverse("admin:teams_team_add"),
        "team page": reverse("admin:teams_team_change", args=[live_team.pk]),
        "grant": reverse("admin:teams_team_grant", args=[live_team.pk]),
        "owner": reverse("admin:teams_team_owner", args=[unowned.pk]),
    }
    return {name: live_server.url + path for name, path in paths.items()}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_operators_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in, operator, addresses, faults, scheme, width
):
    page = sign_in(operator)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 860})
    wrong = {}

    def look(name):
        if found := faults():
            wrong[name] = found
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong[f"{name} scrolls"] = True

    for name, address in addresses.items():
        page.goto(address)
        look(name)
    page.goto(addresses["grant"])
    page.get_by_label("Credits to grant").fill("50")
    page.get_by_label("Reason").fill("x" * 120)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Grant 50 credits").wait_for()
    look("preview")
    assert wrong == {}
