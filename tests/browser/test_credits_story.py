"""The whole story of credits in a browser: granted, limited, asked for, spent in part, and added up."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils.timezone import localtime, now
from playwright.sync_api import expect

from generation.models import Job
from teams.budgets import member_status
from teams.models import (
    AuditEntry,
    Budget,
    CreditRequest,
    LedgerEntry,
    OutgoingMail,
    Role,
    Team,
    User,
)
from teams.templatetags.ledger import MINUS, NONE
from tests.conftest import PASSWORD
from tests.engine.conftest import sandbox, spent, start_engine, wait_for_state  # noqa: F401
from tests.factories import add_member, make_user
from tests.second_factor import code_for, set_up

pytestmark = pytest.mark.usefixtures("decoded_here")


@dataclass(frozen=True)
class Story:
    """The browser, who sits at it, and where the team's pages are."""

    page: Any
    address: str
    team: Team

    def open(self, name: str, *args: Any, query: str = "") -> None:
        """Go to a page of the team."""
        self.page.goto(self.address + reverse(name, args=[self.team.slug, *args]) + query)

    def press(self, name: str) -> None:
        """Click a button."""
        self.page.get_by_role("button", name=name).click()

    def sees(self, text: str, *, at: str = "body") -> None:
        """The text is there, or comes."""
        expect(self.page.locator(at)).to_contain_text(text)


@pytest.fixture
def story(page, live_server, live_team, settings, allowed) -> Story:
    settings.STAFF_NEED_2FA = True
    settings.EMAIL_BACKEND = "teams.outbox.OutboxBackend"
    allowed.append("422")
    return Story(page, live_server.url, live_team)


@pytest.fixture
def secret(transactional_db) -> str:
    """Of the app that makes the codes of Olga, the operator."""
    olga = User.objects.create_superuser("olga@example.com", PASSWORD, name="Olga Operator")
    return set_up(olga)


@pytest.fixture
def kai(live_team) -> User:
    """An admin of the team."""
    return add_member(live_team, Role.ADMIN, make_user("kai@example.com", name="Kai Kern"))


@pytest.fixture
def mia(live_team) -> User:
    """A creator of the team."""
    return add_member(live_team, Role.CREATOR, make_user("mia@example.com", name="Mia Moser"))


@pytest.fixture
def work_off(start_engine):  # noqa: F811
    """Lets a worker run until a job has ended in a state. Before, what a launch holds stands still."""

    def work(job: Job, state: str) -> Job:
        engine = start_engine()
        ended = wait_for_state(job, state)
        engine.stop()
        return ended

    return work


def grant_50(story: Story, secret: str) -> None:
    """The operator signs in with a code, and grants after a look at what that will change."""
    page, team = story.page, story.team
    page.goto(f"{story.address}/admin/teams/team/")
    page.get_by_label("E-mail address").fill("olga@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    story.press("Sign in")
    page.get_by_label("Code").fill(code_for(secret))
    story.press("Sign in")
    page.get_by_role("link", name="Atelier").click()
    page.get_by_role("link", name="Grant credits").click()
    page.get_by_label("Credits to grant").fill("50")
    page.get_by_label("Reason").fill("Invoice 2026-117")
    story.press("Preview")
    story.sees("0 → 50 credits", at="#content")
    assert (spent(team), entries(team)) == ((0, 0), [])

    story.press("Grant 50 credits")

    story.sees("50 credits granted to Atelier", at=".messagelist")
    assert (spent(team), entries(team)) == ((50, 0), [("grant", 50, 0, 50)])


def limit_to_6(story: Story, mia: User) -> None:
    """The owner lets the creator spend 6 a month, and not one more."""
    story.open("teams:credits_budgets")
    story.page.get_by_label("Monthly limit, Mia Moser").fill("6")
    story.press("Save budgets")
    story.sees("1 budget changed.")
    budget = Budget.objects.get()
    assert (budget.member, budget.limit, budget.is_hard) == (mia, 6, True)


def allowance(story: Story, person: User) -> tuple[int, int]:
    """What of the month's budget is used, and how much it allows."""
    standing = member_status(story.team, person, now())
    assert standing is not None
    return standing.used, standing.allowed


def told() -> list[str]:
    """Who got a mail, oldest first."""
    return [mail.recipients[0] for mail in OutgoingMail.objects.order_by("pk")]


def entries(team: Team) -> list[tuple[str, int, int, int]]:
    """The ledger, oldest first: kind, what changed in posted and in held, available after it."""
    return [
        (entry.kind, entry.d_posted, entry.d_held, entry.available_after)
        for entry in LedgerEntry.objects.filter(account__team=team).order_by("seq")
    ]


def lines_of_page(page: Any) -> list[tuple[str, str, str, int, int, int]]:
    """The ledger as the page shows it: entry, job, by, credits, held, available."""
    return [
        (
            row.locator(".ledger__what").inner_text(),
            "".join(row.locator(".ledger__for a").all_inner_texts()).removeprefix("Job "),
            row.locator(".ledger__by").inner_text(),
            _number(row.locator(".ledger__credits").inner_text()),
            _number(row.locator(".ledger__held").inner_text()),
            _number(row.locator(".ledger__after").inner_text()),
        )
        for row in page.locator(".ledger tbody tr").all()
    ]


def _number(text: str) -> int:
    return 0 if text == NONE else int(text.replace(MINUS, "-"))


def lines_of_file(text: str) -> list[tuple[str, str, str, int, int, int]]:
    """The same of the exported file."""
    return [
        (
            line["Entry"],
            line["Job"][:8],
            line["By"],
            int(line["Credits"]),
            int(line["Held"]),
            int(line["Available after"]),
        )
        for line in csv.DictReader(io.StringIO(text))
    ]


def test_credits_from_the_grant_to_the_file(
    story, sign_in, secret, alice, kai, mia, photo, sandbox, work_off  # noqa: F811
):  # fmt: skip
    page, team = story.page, story.team
    month = f"{localtime():%B}"
    chosen = f"?photo={photo.pk}&model={sandbox.model().pk}"
    grant_50(story, secret)
    sign_in(alice)
    limit_to_6(story, mia)

    # Two studios are open. A job of 4 fits, comes back whole, and leaves 2.
    sign_in(mia)
    story.open("generation:studio", query=chosen)
    story.sees("46 left after", at="#launch")
    story.sees(f"Your budget for {month}: 2 of 6 left after", at="#launch")
    other = Story(page.context.new_page(), story.address, team)
    other.open("generation:studio", query=chosen)
    other.press("Launch")
    other.sees("1 job started.")
    other.sees("46 available", at="#launch")
    other.sees(
        f"Your budget for {month} has 2 of 6 credits left. "
        "Ask Alice Archer or Kai Kern to raise it.",
        at="#launch",
    )
    expect(other.page.locator("#launch-button")).to_be_disabled()
    other.page.close()
    assert (spent(team), allowance(story, mia)) == ((50, 4), (4, 6))
    whole = work_off(Job.objects.get(), "succeeded")
    assert (whole.captured, spent(team), allowance(story, mia)) == (4, (46, 0), (4, 6))

    # The second is refused with figures and names, and leaves no trace.
    story.press("Launch")
    story.sees(
        f"This needs 4 credits, and your budget for {month} has 2 of 6 left. "
        "Ask Alice Archer or Kai Kern.",
        at="#launch-errors",
    )
    story.sees("46 credits", at="#credit-chip")
    expect(page.locator("#launch-button")).to_be_disabled()
    assert (Job.objects.count(), spent(team), allowance(story, mia)) == (1, (46, 0), (4, 6))
    assert len(entries(team)) == 3

    # So 4 more are asked for, and an admin allows them: to the month, not to the team's credits.
    page.locator("#launch").get_by_role("link", name="Request credits").click()
    story.sees("4 of 6 credits (66 %) · 2 left")
    page.get_by_role("spinbutton", name="Credits").fill("4")
    page.get_by_label("Reason").fill("One more coat for the spring catalogue")
    OutgoingMail.objects.all().delete()
    story.press("Send request")
    story.sees("Sent to the admins of the team. You get a mail with the answer.")
    asked = CreditRequest.objects.get()
    assert (asked.asked_by, asked.state, asked.amount) == (mia, "open", 4)
    assert told() == ["alice@example.com", "kai@example.com"]
    sign_in(kai)
    story.open("teams:credits_requests")
    story.sees("Mia Moser asks for 4 credits")
    story.press("Approve")
    story.sees("Approved: 4 credits for Mia Moser this month.")
    asked.refresh_from_db()
    assert (asked.state, asked.approved_amount, asked.decided_by) == ("approved", 4, kai.email)
    assert told()[2:] == ["mia@example.com"]
    assert (spent(team), allowance(story, mia)) == ((46, 0), (4, 10))

    # Now it fits. The provider makes one result of two, and half of what was held returns.
    sandbox.plan("one_fails")
    sign_in(mia)
    story.open("generation:studio", query=chosen)
    story.sees("42 left after", at="#launch")
    story.sees(f"Your budget for {month}: 2 of 10 left after", at="#launch")
    story.press("Launch")
    story.sees("42 credits", at="#credit-chip")
    page.get_by_role("link", name="View queue").click()
    job = Job.objects.latest("created_at")
    story.sees("4 credits held", at=f"#job-{job.pk}")
    assert (spent(team), allowance(story, mia)) == ((46, 4), (8, 10))
    job = work_off(job, "partial")
    story.sees("2 credits spent, 2 returned", at=f"#job-{job.pk}")
    story.sees("44 credits", at="#credit-chip")
    assert (job.outputs_delivered, job.captured) == (1, 2)
    assert (spent(team), allowance(story, mia)) == ((44, 0), (6, 10))

    # All of it stands in the ledger, in the file as on the page, and adds up.
    story.open("generation:credits")
    figures = page.locator(".stats--four dd").all_inner_texts()
    assert [text.split()[0] for text in figures[:3]] == ["44", "0", "6"]
    story.sees("6 of 10 credits (60 %) · 4 left · 4 of the 10 allowed on request")
    story.open("generation:credits_ledger")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    lines = lines_of_file(waiting.value.path().read_text(encoding="utf-8-sig"))
    first, second = str(whole.pk)[:8], str(job.pk)[:8]
    assert lines == [
        ("Partly spent", second, "Diptych", -2, -4, 44),
        ("Held", second, "Mia Moser", 0, 4, 42),
        ("Spent", first, "Diptych", -4, -4, 46),
        ("Held", first, "Mia Moser", 0, 4, 46),
        ("Granted", "", "The operator", 50, 0, 50),
    ]
    assert lines_of_page(page) == lines
    assert [(posted, held, left) for _kind, posted, held, left in entries(team)] == [
        line[3:] for line in reversed(lines)
    ]
    call_command("check_ledger")  # Raises for a difference.
    assert list(AuditEntry.objects.order_by("pk").values_list("actor", "action")) == [
        ("alice@example.com", "team.created"),
        ("olga@example.com", "credits.granted"),
        ("alice@example.com", "budget.set"),
        ("mia@example.com", "request.made"),
        ("kai@example.com", "request.approved"),
    ]
