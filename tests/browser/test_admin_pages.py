"""The operator's pages about jobs and providers: no fault for axe, no sideways scroll, usable by keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from generation.models import Attempt, Pool, ProviderAccount
from generation.providers.keys import encrypt
from generation.providers.registry import current_account, prepare_accounts
from generation.transitions import advance
from teams.models import User
from tests.factories import deliver_swap, launch_swap, make_team

PAGE = "/admin/generation/provideraccount/page/"
#: Both schemes and both widths; the team's pages are asked in every combination.
SHAPES = [("light", 1280), ("dark", 390)]
#: What reaches beyond the window without a box of its own to scroll in. The document's own width
#: does not tell it, since Django's frame scrolls as a whole.
TOO_WIDE = """() => [...document.querySelectorAll('#content *')].filter((element) => {
  if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let box = element.parentElement; box; box = box.parentElement)
    if (box.closest('#content') && getComputedStyle(box).overflowX !== 'visible') return false;
  return true;
}).map((element) => `${element.tagName} ${element.className}`).slice(0, 5)"""

#: Pages whose tables are there as a whole on a wide window.
WHOLE = ("providers", "unknown job", "lost job", "attempts")
CUT = """() => [...document.querySelectorAll('.results, .provider-table, .inline-group')]
  .filter((box) => box.scrollWidth > box.clientWidth)
  .map((box) => `${box.id || box.className}: ${box.scrollWidth - box.clientWidth} px`)"""


@pytest.fixture
def operator(transactional_db, files):
    return User.objects.create_superuser("operator@example.com", "x", name="Olga Operator")


@pytest.fixture
def busy(operator, settings):
    """Both providers with something to tell: traffic, failures, silent jobs, a pause, a stored key."""
    settings.PROVIDER_KEY_SECRETS = ["s" * 40]
    prepare_accounts()
    team = make_team("Atelier of a name that goes on", credits_=400)
    for number, (outcome, code) in enumerate(
        [("accepted", ""), ("accepted", ""), ("not_taken", "30003"), ("refused", "http_400")]
    ):
        job = deliver_swap(team)
        Attempt.objects.create(
            job=job, number=1, request_hash="x", outcome=outcome, error_code=code,
            remote_id=f"1963000000000000{number}", provider_charged=4,
            ended_at=now(), error="The request was refused." if code else "",
        )  # fmt: skip
    unknown, lost = launch_swap(team), launch_swap(team)
    for job in (unknown, lost):
        assert advance(job, "queued", "submitting", slot=0, attempt_count=1)
        Attempt.objects.create(
            job=job, number=1, request_hash="x", outcome="unknown", trace_id="trace-0123456789",
            error="SellerPic did not answer in time.", suspected_cost=4,
        )  # fmt: skip
        assert advance(job, "submitting", "unknown", slot=None)
    assert advance(lost, "unknown", "lost", remote_id="1963000000000000999")
    launch_swap(team)
    Pool.objects.filter(name="general").update(busy_until=now() + timedelta(minutes=3))
    live = ProviderAccount.objects.get(provider="sellerpic", is_sandbox=False)
    live.encrypted_key, live.key_set_at = encrypt("sp-stored"), now()
    live.key_refused_at = now()
    live.save()
    account = current_account("fashn")
    account.closed_until = now() + timedelta(minutes=7)
    account.closed_reason, account.closed_code = "FASHN has trouble of its own.", "http_502"
    account.closed_streak = 3
    account.balance_remaining, account.balance_total, account.balance_at = 1880, 2000, now()
    account.save()
    return {
        "index": "/admin/",
        "providers": PAGE,
        "accounts": "/admin/generation/provideraccount/",
        "account": f"/admin/generation/provideraccount/{live.pk}/change/",
        "jobs": "/admin/generation/job/",
        "unknown job": f"/admin/generation/job/{unknown.pk}/change/",
        "lost job": f"/admin/generation/job/{lost.pk}/change/",
        "attempts": "/admin/generation/attempt/",
        "presets": "/admin/generation/preset/",
    }


@pytest.mark.parametrize(("scheme", "width"), SHAPES)
def test_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in, operator, live_server, busy, faults, scheme, width
):
    page = sign_in(operator)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 860})
    wrong = {}
    for name, path in busy.items():
        page.goto(live_server.url + path)
        if name == "providers":
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        if found := faults():
            wrong[name] = found
        if wide := page.evaluate(TOO_WIDE):
            wrong[f"{name} is too wide"] = wide
        if width == 1280 and name in WHOLE and (cut := page.evaluate(CUT)):
            wrong[f"{name} is cut"] = cut
    assert wrong == {}


def test_an_operator_pauses_a_provider_and_resumes_it_by_the_keyboard(
    sign_in, operator, live_server, busy
):
    page = sign_in(operator)
    page.goto(live_server.url + PAGE)
    section = page.get_by_role("region", name="SellerPic, sandbox", exact=True)

    section.get_by_role("button", name="Pause SellerPic").press("Enter")
    expect(section).to_contain_text("Paused by operator@example.com on")
    section.get_by_role("button", name="Resume SellerPic").press("Enter")

    expect(section).to_contain_text("Takes jobs.")
    assert not ProviderAccount.objects.filter(is_paused=True).exists()


def test_a_key_is_typed_unseen_and_said_to_be_untried_where_nobody_knows_it(
    sign_in, operator, live_server, busy, settings
):
    # Our own server stands there, and knows nothing of credits.
    settings.FASHN_BASE_URL = live_server.url
    ProviderAccount.objects.filter(provider="fashn", is_sandbox=False).update(
        base_url=live_server.url
    )
    page = sign_in(operator)
    page.goto(live_server.url + PAGE)
    section = page.get_by_role("region", name="FASHN, live", exact=True)
    section.get_by_text("Write FASHN's key").press("Enter")
    field = section.get_by_label("New key")
    assert field.get_attribute("type") == "password"

    field.fill("fa-0123456789-abcdef")
    section.get_by_role("button", name="Try and store").click()

    expect(page.locator(".messagelist")).to_contain_text(
        "The key was stored and could not be tried"
    )
    assert "fa-0123456789" not in page.content()


def test_a_silent_job_is_given_up_on_the_page(sign_in, operator, live_server, busy):
    page = sign_in(operator)
    page.goto(live_server.url + PAGE)
    article = page.get_by_role("article").filter(has_text="Provider is silent")
    article.get_by_text("Decide", exact=True).press("Enter")
    article.get_by_text("Give up …").press("Enter")

    article.get_by_role("button", name="Give up and return the credits").press("Enter")

    expect(page.locator(".messagelist")).to_contain_text("The job was given up.")
    expect(page.get_by_role("article")).to_have_count(1)
