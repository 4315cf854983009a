"""Balances, days and reports: no fault for axe, no sideways scroll, a way from page to report."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from generation.models import BalanceReading, Reconciliation
from generation.providers.registry import current_account, prepare_accounts
from generation.reconciliation import make_due_reports
from teams.models import User
from tests.browser.test_admin_pages import CUT, PAGE, SHAPES, TOO_WIDE
from tests.factories import make_team
from tests.generation.books import fashn_at

LIST = "/admin/generation/reconciliation/"


@pytest.fixture
def operator(transactional_db, files):
    return User.objects.create_superuser("operator@example.com", "x", name="Olga Operator")


@pytest.fixture
def month(operator):
    """Thirty days of use, filled up once, a day unread, and jobs that were charged otherwise."""
    prepare_accounts()
    account = current_account("fashn")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    left, readings = 900, []
    for number in range(30 * 4):
        moment = today - timedelta(days=30) + timedelta(hours=6 * number)
        left -= (number * 7) % 19
        left += 1200 if number == 70 else 0
        if number not in range(41, 45):
            readings.append(BalanceReading(account=account, at=moment, remaining=left))
    readings.append(BalanceReading(account=account, at=today, remaining=left))
    BalanceReading.objects.bulk_create(readings)
    account.balance_remaining, account.balance_at = left, today
    account.save()
    team = make_team("Atelier", credits_=400)
    day = (today - timedelta(days=4)).date()
    fashn_at(team, 9, charged=5, day=day)
    fashn_at(team, 10, charged=None, delivered=1, suspected=1, day=day)
    make_due_reports(today + timedelta(hours=1))
    return Reconciliation.objects.get(account=account, day=day)


@pytest.mark.parametrize(("scheme", "width"), SHAPES)
def test_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in, operator, live_server, month, faults, scheme, width
):
    unread = Reconciliation.objects.filter(reported=None).latest("day")
    page = sign_in(operator)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 860})
    wrong = {}
    for path in (PAGE, LIST, f"{LIST}{month.pk}/change/", f"{LIST}{unread.pk}/change/"):
        page.goto(live_server.url + path)
        if path == PAGE:
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        if found := faults():
            wrong[path] = found
        if wide := page.evaluate(TOO_WIDE):
            wrong[f"{path} is too wide"] = wide
        if width == 1280 and (cut := page.evaluate(CUT)):
            wrong[f"{path} is cut"] = cut
    assert wrong == {}


def test_the_way_from_a_marked_day_to_its_jobs_and_to_the_file(
    sign_in, operator, live_server, month
):
    page = sign_in(operator)
    page.goto(live_server.url + PAGE)
    section = page.get_by_role("region", name="FASHN, sandbox", exact=True)
    expect(section.get_by_role("img", name="Balance at FASHN over 30 days")).to_be_visible()
    section.get_by_text("The last 30 days, day by day").press("Enter")
    label = f"{month.day.day} {month.day:%b %Y}"
    section.get_by_role("link", name=label, exact=True).press("Enter")

    expect(page.locator("#content-main")).to_contain_text("credits are unexplained")
    expect(page.get_by_role("region", name="Charged otherwise: 3")).to_contain_text("5")
    assert json.dumps(month.details).count('"told"') == 2

    page.goto(live_server.url + LIST)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename.startswith("reconciliation-")
