"""The budgets page: one table of limits, saved whole or not at all, and what members see of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.db import transaction

from teams import budgets
from teams.budget_changes import set_budget
from teams.models import AuditEntry, Budget, Membership, Role, User

PAGE = "/t/atelier/credits/budgets/"
NOVEMBER = datetime(2026, 11, 15, 12, tzinfo=UTC)


def values(alice: User, mia: User, **changes: str) -> dict[str, str]:
    """The form as the page shows it without any budget, with some fields changed."""
    form: dict[str, str] = {}
    for prefix in ("team", f"member{alice.pk}", f"member{mia.pk}"):
        form |= {f"{prefix}-limit": "", f"{prefix}-warn_at": "80", f"{prefix}-is_hard": "on"}
    return {**form, **changes}


def limits() -> dict[str, tuple[int, int, bool]]:
    rows = Budget.objects.select_related("member")
    return {str(b.member or "team"): (b.limit, b.warn_at, b.is_hard) for b in rows}


def test_all_limits_are_saved_by_one_form(client, team, mia, alice):
    client.force_login(alice)
    page = client.get(PAGE)
    assert [str(row.member) for row in page.context["rows"]] == [
        "None",
        "Alice Archer",
        "Mia Moser",
    ]

    sent = values(alice, mia, **{"team-limit": "1000", f"member{mia.pk}-limit": "200"})
    del sent[f"member{mia.pk}-is_hard"]
    sent[f"member{mia.pk}-warn_at"] = "50"
    answer = client.post(f"{PAGE}save", sent, follow=True)

    assert limits() == {"team": (1000, 80, True), "Mia Moser": (200, 50, False)}
    assert "2 budgets changed." in answer.content.decode()
    assert AuditEntry.objects.filter(action="budget.set").count() == 2

    sent["team-limit"] = ""
    client.post(f"{PAGE}save", sent)
    assert limits() == {"Mia Moser": (200, 50, False)}


def test_one_wrong_field_and_nothing_is_saved(client, team, mia, alice):
    client.force_login(alice)
    sent = values(
        alice,
        mia,
        **{"team-limit": "1000", f"member{mia.pk}-limit": "-1", f"member{mia.pk}-warn_at": "101"},
    )

    answer = client.post(f"{PAGE}save", sent)

    assert answer.status_code == 422
    assert limits() == {}
    html = answer.content.decode()
    for field in ("limit", "warn_at"):
        assert f'id="id_member{mia.pk}-{field}_error"' in html
        assert f'<a href="#id_member{mia.pk}-{field}">' in html
    assert 'value="1000"' in html


@time_machine.travel(NOVEMBER, tick=False)
def test_the_page_shows_this_month_in_words(client, team, mia, alice):
    set_budget(team=team, member=None, limit=1000, by=alice, at=NOVEMBER)
    set_budget(team=team, member=mia, limit=200, by=alice, at=NOVEMBER)
    with transaction.atomic():
        budgets.reserve(team=team, member=mia, amount=170, job="job", at=NOVEMBER)
    client.force_login(alice)

    html = client.get(PAGE).content.decode()

    assert "What November may cost. The next month begins on 1 Dec 2026, UTC time." in html
    assert "170 of 1,000 credits (17 %)" in html
    assert "170 of 200 credits (85 %)" in html
    assert '<span class="badge badge--warning">30 left</span>' in html
    assert '<progress class="progress progress--warning" max="100" value="85"' in html
    assert "Alice Archer, and the member whose budget it is." in html


@time_machine.travel(NOVEMBER, tick=False)
def test_a_member_sees_their_own_budget_and_the_teams(client, team, mia, alice):
    set_budget(team=team, member=alice, limit=77, by=alice, at=NOVEMBER)
    client.force_login(mia)
    html = client.get(PAGE).content.decode()
    assert "No budget limits you" in html
    assert "Budgets are set by Alice Archer." in html

    set_budget(team=team, member=mia, limit=200, is_hard=False, by=alice, at=NOVEMBER)
    html = client.get(PAGE).content.decode()

    assert "Your budget" in html
    assert "0 of 200 credits (0 %)" in html
    assert "It only warns: launches go on." in html
    assert "of 77" not in html
    assert "<form class=" not in html.partition("<main")[2]


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", "save")])
def test_the_page_is_closed_to_strangers_and_reviewers(method, path, client, team, bob, charlie):
    for person, status in ((bob, 403), (charlie, 404)):
        client.force_login(person)
        assert getattr(client, method)(PAGE + path).status_code == status


def test_a_creator_changes_no_limit(client, team, mia, alice):
    client.force_login(mia)

    answer = client.post(f"{PAGE}save", values(alice, mia, **{f"member{mia.pk}-limit": "9999"}))

    assert (answer.status_code, limits()) == (403, {})


def test_the_page_costs_the_same_however_many_members(
    client, team, mia, alice, django_assert_num_queries, django_assert_max_num_queries
):
    client.force_login(alice)
    set_budget(team=team, member=mia, limit=10, by=alice, at=NOVEMBER)
    with django_assert_max_num_queries(16) as few:
        client.get(PAGE)
    for number in range(5):
        person = User.objects.create_user(f"p{number}@example.com", name=f"Person {number}")
        Membership.objects.create(team=team, user=person, role=Role.CREATOR)
        set_budget(team=team, member=person, limit=10, by=alice, at=NOVEMBER)
    with django_assert_num_queries(len(few)):
        client.get(PAGE)
