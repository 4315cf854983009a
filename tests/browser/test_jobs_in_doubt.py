"""Jobs in doubt in a browser: seen everywhere, decided only after asking, with and without a script."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from generation.models import Job, State
from teams.credits import grant
from tests.generation.queue_pages import make_lost, make_unknown


@pytest.fixture
def doubtful(live_team):
    """A job whose submit got no answer, and one that the provider is silent about."""
    with transaction.atomic():
        grant(team=live_team, amount=40, actor="tests", reason="For tests", key="doubt")
    return make_unknown(live_team), make_lost(live_team)


def where(live_server, team, name, *args):
    return live_server.url + reverse(f"generation:{name}", args=[team.slug, *args])


def test_a_decision_is_asked_for_once_more_by_keys_alone(
    live_server, live_team, alice, doubtful, sign_in, faults
):
    unknown, _lost = doubtful
    page = sign_in(alice)
    page.goto(where(live_server, live_team, "approved"))
    expect(page.locator("#nav-in-doubt")).to_contain_text("2")
    page.goto(where(live_server, live_team, "queue"))
    expect(page.locator("#queue-notice")).to_contain_text("1 job waits for a decision.")
    page.locator("#tab-doubt").click()
    expect(page.locator("#jobs > li")).to_have_count(2)
    page.locator(f"#resolve-{unknown.pk}").press("Enter")

    asking = page.locator("#run-again")
    page.locator("#ask-run-again").press("Enter")
    expect(asking).to_be_visible()
    expect(asking.get_by_text("Leave it")).to_be_focused()
    assert faults() == []
    page.keyboard.press("Enter")
    expect(asking).to_be_hidden()
    expect(page.locator("#ask-run-again")).to_be_focused()
    page.locator("#ask-run-again").press("Enter")
    page.keyboard.press("Escape")
    expect(asking).to_be_hidden()
    assert Job.objects.get(pk=unknown.pk).state == State.UNKNOWN

    page.locator("#ask-run-again").press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#job")).to_contain_text("Waiting for a free place")
    assert Job.objects.get(pk=unknown.pk).state == State.READY


def test_without_a_script_an_address_asks(live_server, live_team, alice, doubtful, browser):
    _unknown, lost = doubtful
    client = Client()
    client.force_login(alice)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 700})
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    page.goto(where(live_server, live_team, "job_detail", lost.pk))
    page.locator("#ask-give-up").click()
    asking = page.locator("#give-up")
    expect(asking).to_be_in_viewport(ratio=1)
    asking.get_by_text("Keep waiting").click()
    expect(asking).to_be_hidden()
    assert Job.objects.get(pk=lost.pk).state == State.LOST
    page.locator("#ask-give-up").click()
    asking.get_by_role("button", name="Give up").click()
    expect(page.locator("#job")).to_contain_text("4 credits returned")
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_pages_of_jobs_in_doubt_have_no_faults(
    live_server, live_team, alice, doubtful, sign_in, faults, scheme, width
):
    unknown, lost = doubtful
    page = sign_in(alice)
    page.set_viewport_size({"width": width, "height": 860})
    page.emulate_media(color_scheme=scheme)
    for address in (
        where(live_server, live_team, "queue") + "?show=doubt",
        where(live_server, live_team, "job_detail", unknown.pk),
        where(live_server, live_team, "job_detail", lost.pk) + "?ask=give_up",
    ):
        page.goto(address)
        page.wait_for_load_state("load")
        assert faults() == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
