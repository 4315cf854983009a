"""Budgets and requests in the browser: no fault for axe, no sideways scroll, the keyboard's way."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils.timezone import now

from teams import budgets, requests
from teams.budget_changes import set_budget
from teams.budgets import member_status
from teams.models import CreditRequest, Membership, Role, User
from teams.requests import Addressee
from tests.browser.test_pages import LOOKS, walk  # noqa: F401 - a fixture


@pytest.fixture
def mia(live_team, alice):
    """A creator near the end of her month, who asks for more."""
    mia = User.objects.create_user("mia@example.com", name="Mia Moser")
    Membership.objects.create(team=live_team, user=mia, role=Role.CREATOR)
    kai = User.objects.create_user(
        "kai.kellermann-von-der-au@studio.example.com", name="Kai Kellermann von der Au"
    )
    Membership.objects.create(team=live_team, user=kai, role=Role.ADMIN)
    at = now()
    set_budget(team=live_team, member=None, limit=12_000, by=alice, at=at)
    set_budget(team=live_team, member=mia, limit=1000, by=alice, at=at)
    set_budget(team=live_team, member=kai, limit=200, warn_at=50, is_hard=False, by=alice, at=at)
    with transaction.atomic():
        budgets.reserve(team=live_team, member=mia, amount=850, job="job-1", at=at)
        budgets.reserve(team=live_team, member=kai, amount=230, job="job-2", at=at)
        budgets.reserve(team=live_team, member=None, amount=4000, job="job-3", at=at)
    for person, amount, words in (
        (kai, 50, "A few more for the catalogue of the spring collection."),
        (mia, 300, "The spring catalogue has 40 more coats than planned."),
    ):
        asked = requests.ask(
            team=live_team, by=person, addressee=Addressee.ADMINS, amount=amount, reason=words
        )
        if person == kai:
            requests.approve(request=asked, by=alice, amount=40, note="Ten less: use what is left.")
    requests.ask(
        team=live_team,
        by=alice,
        addressee=Addressee.OPERATOR,
        amount=5000,
        reason="Invoice 2026-114",
    )
    return mia


def pages(live_server, team):
    where = f"{live_server.url}/t/{team.slug}/credits/"
    return {"budgets": f"{where}budgets/", "requests": f"{where}requests/"}


@pytest.mark.parametrize(("width", "looks"), LOOKS)
def test_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in,
    alice,
    mia,
    live_server,
    live_team,
    walk,  # noqa: F811
    width,
    looks,
):
    for person in (alice, mia):
        sign_in(person)
        assert walk(pages(live_server, live_team), width, looks) == {}


def test_pages_fit_into_320_pixels(sign_in, alice, mia, live_server, live_team):
    page = sign_in(alice)
    page.set_viewport_size({"width": 320, "height": 640})
    for address in pages(live_server, live_team).values():
        page.goto(address)
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_a_request_is_approved_and_a_notice_put_away_without_a_mouse(
    sign_in, alice, mia, live_server, live_team
):
    page = sign_in(alice)
    page.goto(pages(live_server, live_team)["requests"])
    page.get_by_label("Credits to allow").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("250")
    page.keyboard.press("Tab")
    page.keyboard.type("Fifty less.")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    page.get_by_text("Approved: 250 credits for Mia Moser this month.").wait_for()
    assert CreditRequest.objects.get(asked_by=mia).approved_amount == 250
    standing = member_status(live_team, mia, now())
    assert standing and standing.allowed == 1250
    notice = page.get_by_text("Kai Kellermann von der Au has used 230 of 240 credits")
    notice.wait_for()
    page.locator(".notice--budget").get_by_role("button", name="Dismiss").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert notice.count() == 0


def test_a_wrong_limit_is_told_beside_its_field_and_in_the_summary(
    sign_in, alice, mia, live_server, live_team, allowed
):
    allowed.append("422")
    page = sign_in(alice)
    page.goto(pages(live_server, live_team)["budgets"])

    page.get_by_label("Monthly limit, Mia Moser").fill("-5")
    with page.expect_navigation():
        page.get_by_role("button", name="Save budgets").click()

    summary = page.get_by_role("alert")
    assert summary.evaluate("node => node === document.activeElement")
    summary.get_by_role("link", name="Mia Moser, Monthly limit").click()
    field = page.get_by_label("Monthly limit, Mia Moser")
    assert field.evaluate("node => node === document.activeElement")
    assert field.get_attribute("aria-invalid") == "true"
    told = page.locator(f"#{field.get_attribute('aria-describedby')}")
    assert told.inner_text() == "Ensure this value is greater than or equal to 0."
