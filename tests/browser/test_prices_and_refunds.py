"""Prices and credits back in a browser: asked, decided, and a price that changed while somebody looked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import expect

from generation.models import Job, PriceRule, RefundRequest
from generation.services.refunds import ask_refund, decline_refund
from teams.credits import grant
from teams.models import User
from tests.browser.test_admin_pages import TOO_WIDE
from tests.factories import deliver_swap, launch_swap, make_presets

WIDTHS = [1280, 390]
TOO_WIDE_ANYWHERE = "document.documentElement.scrollWidth > innerWidth + 1"


@pytest.fixture
def operator(transactional_db, files):
    return User.objects.create_superuser("operator@example.com", "x", name="Olga Operator")


@pytest.fixture
def job(live_team, photo):
    """A delivered job of 4 credits of a team that had 40."""
    with transaction.atomic():
        grant(team=live_team, amount=40, actor="tests", reason="For tests", key="prices")
    return deliver_swap(live_team, job=launch_swap(live_team, photo=photo))


@pytest.fixture
def rules(operator):
    """A rule that counts, one for all, and one to come."""
    for offer, days, figure in (
        ("swap_model/sellerpic", -3, {"percent": 150}),
        ("", -2, {"unit": 1}),
        ("swap_model/sellerpic", 5, {"unit": 4}),
    ):
        PriceRule.objects.create(
            offer=offer,
            effective_at=now() + timedelta(days=days),
            actor="operator@example.com",
            reason="The provider's prices of spring",
            **figure,
        )


def look(page, name: str, faults, too_wide: str, wrong: dict[str, object]) -> None:
    """Ask axe about the page, wide ones light and narrow ones dark, and whether it scrolls."""
    page.emulate_media(color_scheme="light" if page.viewport_size["width"] == 1280 else "dark")
    if found := faults():
        wrong[name] = found
    if wide := page.evaluate(too_wide):
        wrong[f"{name} is too wide"] = wide


@pytest.mark.parametrize("width", WIDTHS)
def test_the_operators_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in, operator, alice, live_server, job, rules, faults, width
):
    wish = ask_refund(
        output=job.outputs.get(index=0), by=alice, reason="The left hand has six fingers."
    )
    page = sign_in(operator)
    page.set_viewport_size({"width": width, "height": 860})
    wrong: dict[str, object] = {}
    for name, path in {
        "prices": "/admin/generation/pricerule/page/",
        "rules": "/admin/generation/pricerule/",
        "new": "/admin/generation/pricerule/new/",
        "queue": "/admin/generation/refundrequest/",
        "wish": f"/admin/generation/refundrequest/{wish.pk}/change/",
    }.items():
        page.goto(live_server.url + path)
        for summary in page.locator("details.price-settings summary").all()[:1]:
            summary.click()
        look(page, f"admin-{name}", faults, TOO_WIDE, wrong)
    page.get_by_role("button", name="Preview").click()
    look(page, "admin-wish-preview", faults, TOO_WIDE, wrong)
    page.goto(f"{live_server.url}/admin/generation/pricerule/new/")
    page.get_by_label("Figure").fill("80")
    page.get_by_label("Reason").fill("A sale")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Add this rule")).to_be_visible()
    look(page, "admin-new-preview", faults, TOO_WIDE, wrong)
    assert wrong == {}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_teams_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in, operator, alice, live_server, live_team, job, faults, width
):
    first = job.outputs.get(index=0)
    page = sign_in(alice)
    page.set_viewport_size({"width": width, "height": 860})
    wrong: dict[str, object] = {}

    def visit(state: str) -> None:
        for name, query in (("job_detail", ""), ("review_detail", "?panel=facts")):
            where = reverse(f"generation:{name}", args=[live_team.slug, job.pk])
            page.goto(live_server.url + where + query)
            for summary in page.locator(".refunds summary").all():
                summary.click()
            look(page, f"{name}-{state}", faults, TOO_WIDE_ANYWHERE, wrong)

    visit("asking")
    page.goto(
        live_server.url + reverse("generation:output_refund", args=[live_team.slug, first.pk])
    )
    look(page, "refund", faults, TOO_WIDE_ANYWHERE, wrong)
    wish = ask_refund(output=first, by=alice, reason="The left hand has six fingers.")
    visit("asked")
    decline_refund(request=wish, by=operator, note="Both hands have five; a shadow looks like one.")
    visit("declined")
    assert wrong == {}


def test_credits_are_asked_back_by_keys_and_come_back(
    sign_in, operator, alice, live_server, live_team, job
):
    page = sign_in(alice)
    room = reverse("generation:review_detail", args=[live_team.slug, job.pk])
    page.goto(f"{live_server.url}{room}?panel=facts")
    page.get_by_text("Ask 2 credits back for result B").press("Enter")
    # Letters are keys of the room, but not while somebody writes.
    page.locator("#refund-B").press_sequentially("axe at the hem")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".refunds")).to_contain_text("2 credits asked back")
    expect(page.locator("#room-panel")).to_be_visible()
    wish = RefundRequest.objects.get()
    assert (wish.output.letter, wish.reason) == ("B", "axe at the hem")
    assert [output.verdict for output in job.outputs.all()] == ["waiting", "waiting"]

    sign_in(operator)
    page.goto(f"{live_server.url}/admin/generation/refundrequest/")
    page.locator(".field-asked_at a").click()
    page.get_by_role("button", name="Preview").press("Enter")
    expect(page.locator("#content-main")).to_contain_text("36 → 38 credits")
    page.get_by_role("button", name="Credit 2 credits back").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("2 credits went back to Atelier.")

    sign_in(alice)
    page.goto(live_server.url + room + "?panel=facts")
    expect(page.locator(".refunds")).to_contain_text("2 credits came back")


def test_a_price_that_changed_while_somebody_looked_is_shown_before_it_is_paid(
    sign_in, alice, live_server, live_team, job, photo, allowed
):
    allowed.append("422")
    [face] = make_presets(1)
    page = sign_in(alice)
    studio = reverse("generation:studio", args=[live_team.slug])
    page.goto(f"{live_server.url}{studio}?photo={photo.pk}&model={face.pk}")
    expect(page.locator("#launch")).to_contain_text("4 credits")
    PriceRule.objects.create(offer="swap_model/sellerpic", unit=3, actor="tests")

    page.locator("#launch-button").click()

    errors = page.get_by_text("The price has changed: this costs 6 credits now, not 4.")
    expect(errors).to_be_visible()
    expect(page.locator("#launch")).to_contain_text("6 credits")
    assert Job.objects.count() == 1
    page.locator("#launch-button").click()
    expect(page.get_by_text("1 job started.")).to_be_visible()
    assert Job.objects.order_by("-created_at")[0].price == 6
