"""The operator's pages about teams and credits: no fault for axe, no sideways scroll, usable by keys."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils.timezone import localdate, now
from playwright.sync_api import expect

from generation.models import UsageDay
from teams.audit import record
from teams.credits import grant
from teams.models import (
    AuditEntry,
    CreditRequest,
    Grant,
    LedgerCheck,
    LedgerEntry,
    PendingAdjustment,
    Team,
    User,
)
from tests.browser.test_admin_pages import SHAPES, TOO_WIDE
from tests.factories import make_team, owner_of

#: What opens an act's preview: the form's fields, as people fill them in.
PREVIEWS = {
    "grant": {"amount": "50", "reason": "Invoice 2026-117 of a customer with a long name"},
    "correct": {"amount": "-150", "reason": "Granted twice"},
}


@pytest.fixture
def operator(transactional_db, files):
    return User.objects.create_superuser("operator@example.com", "x", name="Olga Operator")


@pytest.fixture
def atelier(operator) -> Team:
    return make_team("Atelier of a name that goes on", credits_=1240)


@pytest.fixture
def busy(operator, atelier, settings):
    """Teams of every standing, grants of every state, open and decided wishes, checks of the books."""
    settings.ADJUSTMENT_NEEDS_TWO = 100
    make_team("Empty", credits_=0)
    shut = make_team("Shut", credits_=3)
    Team.objects.filter(pk=shut.pk).update(
        suspended_at=now(), suspended_reason="Unpaid since March"
    )
    for day in range(9):
        UsageDay.objects.create(
            team=atelier, day=localdate() - timedelta(days=day), dimension="operation",
            value="swap_model", captured=100 + day,
        )  # fmt: skip
    later = grant(
        team=atelier, amount=500, actor=operator.email, reason="Autumn sale", key="later",
        kind=Grant.Kind.PROMOTIONAL, reference="SALE-2026", effective_at=now() + timedelta(days=9),
        expires_at=now() + timedelta(days=40), priority=10,
    )  # fmt: skip
    asked = CreditRequest.objects.create(
        team=atelier, addressee="operator", asked_by=owner_of(atelier), amount=400,
        reason="The catalogue of the spring has twice as many products",
    )  # fmt: skip
    pending = PendingAdjustment.objects.create(
        team=atelier, amount=-150, reason="Granted twice", asked_by="otto@example.com"
    )
    own = PendingAdjustment.objects.create(
        team=atelier, amount=300, reason="Goodwill", asked_by=operator.email
    )
    LedgerCheck.objects.create(seconds=1.2, entries=1234, differences=[])
    record(
        team=atelier, actor=operator, action="credits.granted", subject="Invoice 2026-117",
        credits=1240, kind="paid", grant=1,
    )  # fmt: skip
    AuditEntry.objects.update(address="2001:db8::1:2:3:4")
    team, kept = (
        f"/admin/teams/team/{atelier.pk}",
        Grant.objects.get(reason="For tests", amount=1240),
    )
    return {
        "index": "/admin/",
        "teams": "/admin/teams/team/",
        "team": f"{team}/change/",
        "grant": f"{team}/grant/",
        "correct": f"{team}/correct/",
        "credit back": f"{team}/credit-back/?job={uuid.UUID(int=7)}",
        "owner": f"{team}/owner/",
        "suspend": f"{team}/suspend/",
        "resume": f"/admin/teams/team/{shut.pk}/resume/",
        "close": f"{team}/close/",
        "grants": "/admin/teams/grant/",
        "a grant": f"/admin/teams/grant/{later.pk}/change/",
        "end a grant": f"/admin/teams/grant/{kept.pk}/end/",
        "withdraw a grant": f"/admin/teams/grant/{later.pk}/withdraw/",
        "ledger": "/admin/teams/ledgerentry/?kind=grant&since=2020-01-01",
        "entry": f"/admin/teams/ledgerentry/{LedgerEntry.objects.earliest('pk').pk}/change/",
        "requests": "/admin/teams/creditrequest/",
        "request": f"/admin/teams/creditrequest/{asked.pk}/change/",
        "approve": f"/admin/teams/creditrequest/{asked.pk}/approve/",
        "decline": f"/admin/teams/creditrequest/{asked.pk}/decline/",
        "corrections": "/admin/teams/pendingadjustment/",
        "correction": f"/admin/teams/pendingadjustment/{pending.pk}/change/",
        "own correction": f"/admin/teams/pendingadjustment/{own.pk}/change/",
        "accounts": "/admin/teams/creditaccount/",
        "audit": "/admin/teams/auditentry/",
        "an audit entry": f"/admin/teams/auditentry/{AuditEntry.objects.latest('pk').pk}/change/",
        "people": "/admin/teams/user/",
        "checks": "/admin/teams/ledgercheck/",
    }


def fill(page, fields):
    for name, value in fields.items():
        page.locator(f"#id_{name}").fill(value)
    page.get_by_role("button", name="Preview").click()


@pytest.mark.parametrize(("scheme", "width"), SHAPES)
def test_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in, operator, live_server, busy, faults, scheme, width
):
    page = sign_in(operator)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 860})
    wrong = {}

    def look(name):
        if found := faults():
            wrong[name] = found
        if wide := page.evaluate(TOO_WIDE):
            wrong[f"{name} is too wide"] = wide

    for name, path in busy.items():
        page.goto(live_server.url + path)
        look(name)
        if name in PREVIEWS:
            fill(page, PREVIEWS[name])
            look(f"preview of {name}")
    page.goto(live_server.url + busy["teams"])
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option("grant_to_many")
    page.get_by_role("button", name="Go").click()
    fill(page, PREVIEWS["grant"])
    look("preview of a grant to many")
    assert wrong == {}


def test_a_grant_is_previewed_and_confirmed_by_the_keyboard(
    sign_in, operator, live_server, atelier
):
    page = sign_in(operator)
    page.goto(f"{live_server.url}/admin/teams/team/{atelier.pk}/change/")
    page.get_by_role("link", name="Grant credits").press("Enter")
    page.get_by_label("Credits to grant").fill("50")
    page.get_by_label("Reason").fill("Invoice 7")
    page.get_by_label("Reason").press("Enter")

    expect(page.locator("#content")).to_contain_text("1,240 → 1,290 credits")
    page.get_by_role("button", name="Grant 50 credits").press("Enter")

    expect(page.locator(".messagelist")).to_contain_text("50 credits granted to Atelier")
    assert LedgerEntry.objects.get(reason="Invoice 7").d_posted == 50
