"""The credits page: exact figures, the month and its forecast, the drawing, what credits went to."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from generation.models import UsageDay
from generation.spending import Day, Forecast, Series, Spending, Usage, shares
from generation.views.usage_chart import draw
from teams.credits import grant, hold, refund, settle
from teams.models import Budget, BudgetPeriod, Grant, Role, Team
from tests.factories import add_member, deliver_swap, make_presets, make_product, make_user

PAGE = "/t/atelier/credits/"
TODAY = date(2026, 6, 15)
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def at(month: int, day: int, hour: int = 12) -> time_machine.travel:
    return time_machine.travel(datetime(2026, month, day, hour, tzinfo=UTC), tick=False)


def use(team: Team, day: date, captured: int, value: str = "swap_model", **fields) -> UsageDay:
    fields = {"dimension": "operation", "outputs": 1, "jobs": 1, **fields}
    return UsageDay.objects.create(team=team, day=day, captured=captured, value=value, **fields)


def spend(team: Team, amount: int, *, held: int | None = None) -> str:
    job = str(uuid.uuid4())
    with transaction.atomic():
        hold(
            team=team, member=None, amount=held or amount, job=job, actor="alice@example.com",
            price_version="1",
        )  # fmt: skip
        settle(
            team=team, held=held or amount, captured=amount, job=job, actor="engine",
            price_version="1",
        )  # fmt: skip
    return job


@pytest.fixture
def history(team: Team) -> Team:
    """200 granted in May; 6 spent in May, 6 in June of which 1 came back, 8 held."""
    with at(5, 20):
        grant(team=team, amount=200, actor="operator", reason="Invoice 7", key="x")
        spend(team, 6, held=8)
        use(team, date(2026, 5, 20), 6)
    with at(6, 2):
        job = spend(team, 4)
        use(team, date(2026, 6, 2), 4)
    with at(6, 10):
        spend(team, 2, held=4)
        use(team, date(2026, 6, 10), 2, value="edit")
        with transaction.atomic():
            refund(team=team, amount=1, job=job, key="r", actor="operator", reason="Six fingers")
        with transaction.atomic():
            hold(team=team, member=None, amount=8, job=str(uuid.uuid4()), actor="x", price_version="")  # fmt: skip
    return team


def text_of(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())


# --- Figures ----------------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_says_what_the_team_has_holds_and_spent(client, alice, history):
    client.force_login(alice)

    page = client.get(PAGE)
    text = text_of(page.content)

    assert "Available 181 credits" in text
    assert "Held by unfinished jobs 8 credits" in text
    assert "Spent this month 6 credits" in text
    assert "1 was credited back, and is not deducted here" in text
    assert "Spent in 30 days: 12 credits" in text
    assert " style=" not in page.content.decode()


@time_machine.travel(NOON, tick=False)
def test_the_forecast_is_what_was_spent_and_the_mean_of_full_days_for_each_day_left(
    client, alice, history
):
    # 26 full days since 20 May cost 12; 15 days are left: 6 + 12 * 15 / 26 = 12.9.
    client.force_login(alice)

    text = text_of(client.get(PAGE).content)

    assert "Forecast to 30 Jun 13 credits" in text
    assert "about 0 a day, the mean of 26 full days, for 15 days left" in text


def test_the_forecast_takes_four_whole_weeks_and_leaves_today_out(team):
    use(team, TODAY - timedelta(days=200), 999)
    use(team, TODAY - timedelta(days=29), 999)
    for back in range(1, 29):
        use(team, TODAY - timedelta(days=back), 10)
    use(team, TODAY, 70)

    month = Spending(team, TODAY, 14).month()

    assert month == Forecast(
        spent=14 * 10 + 70, ends=date(2026, 6, 30), days_left=15, mean_of=280, mean_days=28
    )
    assert (month.per_day, month.total) == (10, 210 + 150)
    assert month.runs_out(95, TODAY) == date(2026, 6, 24)
    assert month.runs_out(10_000, TODAY) is None


@pytest.mark.parametrize(("days", "total"), [(6, None), (7, 7 + 15)])
def test_there_is_no_forecast_before_seven_full_days(days, total, team):
    for back in range(1, days + 1):
        use(team, TODAY - timedelta(days=back), 1)

    month = Spending(team, TODAY, 30).month()

    assert month.total == total


def test_a_team_that_spent_nothing_has_no_forecast(team):
    month = Spending(team, date(2026, 12, 31), 30).month()

    assert (month.spent, month.total, month.days_left) == (0, None, 0)
    assert month.ends == date(2026, 12, 31)
    assert month.runs_out(100, TODAY) is None


@time_machine.travel(NOON, tick=False)
def test_shows_the_budgets_of_the_team_and_of_the_person(client, alice, history):
    of_team = Budget.objects.create(team=history, limit=100, warn_at=80)
    of_alice = Budget.objects.create(team=history, member=alice, limit=10)
    Budget.objects.create(team=history, member=add_member(history), limit=7777)
    for budget, used in ((of_team, 90), (of_alice, 10)):
        BudgetPeriod.objects.create(budget=budget, starts=date(2026, 6, 1), used=used)
    client.force_login(alice)

    text = text_of(client.get(PAGE).content)

    assert "Budget for June 90 of 100 credits (90 %) 10 left" in text
    assert "Your budget for June 10 of 10 credits (100 %) Used up" in text
    assert "7,777" not in text


# --- Grants -----------------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_lists_grants_in_force_and_says_what_ends_and_what_comes(client, alice, history):
    common = {"team": history, "actor": "operator", "reason": ""}
    soon = datetime(2026, 6, 28, 20, tzinfo=UTC)
    grant(**common, amount=50, key="a", kind=Grant.Kind.PROMOTIONAL, expires_at=soon)
    grant(**common, amount=20, key="b", expires_at=soon - timedelta(hours=5))
    grant(**common, amount=9, key="c", expires_at=datetime(2026, 7, 16, tzinfo=UTC))
    grant(**common, amount=70, key="d", effective_at=datetime(2026, 7, 1, 12, tzinfo=UTC))
    client.force_login(alice)

    text = text_of(client.get(PAGE).content)

    assert "70 credits end on 28 June unless they are used before." in text
    assert "16 July" not in text
    assert "Promotional 15 Jun 2026 28 Jun 2026 50 50" in text
    assert "Paid 15 Jun 2026 16 Jul 2026 9 9" in text
    assert "Paid Invoice 7 20 May 2026 Never 181 200" in text
    assert "70 more credits come on 1 Jul 2026." in text


def test_a_team_that_waits_for_its_first_grant_sees_when_it_comes(client, alice, team):
    with at(6, 15):
        grant(
            team=team, amount=70, actor="operator", reason="", key="d",
            effective_at=datetime(2026, 7, 1, 12, tzinfo=UTC),
        )  # fmt: skip
        client.force_login(alice)
        text = text_of(client.get(PAGE).content)

    assert "70 more credits come on 1 Jul 2026." in text
    assert "No credits yet" not in text


def test_a_team_without_credits_is_told_whom_to_ask(client, alice, team):
    mia = add_member(team, Role.CREATOR)
    add_member(team, Role.ADMIN, make_user(name="Ada Stone"))
    client.force_login(mia)

    text = text_of(client.get(PAGE).content)

    assert "No credits yet \N{EN DASH} ask an admin" in text
    assert "Alice Archer, Ada Stone can ask for some" in text


def test_an_admin_without_credits_is_sent_to_the_operator(client, alice, team):
    client.force_login(alice)

    text = text_of(client.get(PAGE).content)

    assert "No credits yet Jobs are paid" in text
    assert "Ask the operator of this installation" in text


# --- Who sees it ------------------------------------------------------------------------------


def test_only_roles_that_see_money_get_it(client, alice, history, bob, charlie):
    addresses = [PAGE, f"{PAGE}ledger/", f"{PAGE}ledger.csv"]
    for address in addresses:
        assert client.get(address).status_code == 302
    for person, status in ((alice, 200), (bob, 403), (charlie, 404)):
        client.force_login(person)
        assert [client.get(address).status_code for address in addresses] == [status] * 3
    client.force_login(add_member(history, Role.CREATOR))
    assert client.get(PAGE).status_code == 200


def test_the_shell_tells_reviewers_nothing_of_credits(client, history, bob):
    client.force_login(bob)

    page = client.get("/t/atelier/queue/").content.decode()

    assert "credit-chip" not in page
    assert PAGE not in page


# --- Usage ------------------------------------------------------------------------------------


def test_stacks_the_dearest_operations_and_puts_the_rest_together(team):
    for number, name in enumerate("abcdefg"):
        use(team, TODAY, 10 + number, value=name)
    use(team, TODAY - timedelta(days=13), 100, value="a")
    use(team, TODAY - timedelta(days=14), 1000, value="b")
    use(team, TODAY + timedelta(days=1), 1000, value="b")
    use(team, TODAY, 0, value="free")

    usage = Spending(team, TODAY, 14).usage()

    assert usage.series == (
        Series("a", 110), Series("g", 16), Series("f", 15), Series("e", 14), Series("d", 13),
        Series("", 12 + 11),
    )  # fmt: skip
    assert len(usage.days) == 14
    assert usage.days[-1] == Day(TODAY, (10, 16, 15, 14, 13, 23))
    assert usage.days[0] == Day(TODAY - timedelta(days=13), (100, 0, 0, 0, 0, 0))
    assert [bar.day.day for bar in draw(usage).busy] == [TODAY, TODAY - timedelta(days=13)]
    assert usage.total == 191


def test_a_sixth_operation_needs_no_rest(team):
    for number, name in enumerate("abcdef"):
        use(team, TODAY, 10 - number, value=name)

    assert [entry.name for entry in Spending(team, TODAY, 14).usage().series] == list("abcdef")


def test_bars_stand_on_the_line_below_a_round_top():
    days = (Day(TODAY - timedelta(days=1), (0, 0)), Day(TODAY, (90, 43)))
    chart = draw(Usage(days, (Series("a", 90), Series("b", 43))))

    assert [(line.value, line.place) for line in chart.lines] == [
        (0, "100.000%"), (50, "66.667%"), (100, "33.333%"), (150, "0.000%"),
    ]  # fmt: skip
    assert chart.bars[0].segments == ()
    lower, upper = chart.bars[1].segments
    assert (lower.number, lower.y, lower.height) == (1, "40.000%", "60.000%")
    assert (upper.number, upper.y, upper.height) == (2, "11.333%", "28.667%")
    assert (chart.bars[1].x, chart.bars[1].width) == ("56.000%", "38.000%")
    assert chart.dearest == days[1]


@pytest.mark.parametrize(
    ("highest", "lines"),
    [(0, [0, 1]), (1, [0, 1]), (4, [0, 1, 2, 3, 4]), (5, [0, 2, 4, 6]), (1300, [0, 500, 1000, 1500])],
)  # fmt: skip
def test_lines_stand_at_round_amounts(highest, lines):
    chart = draw(Usage((Day(TODAY, (highest,)),), (Series("a", highest),)))

    assert [line.value for line in chart.lines] == lines


@pytest.mark.parametrize(("count", "labels"), [(14, 5), (30, 5), (90, 5)])
def test_labels_name_today_and_lean_inwards_at_the_edges(count, labels):
    days = tuple(Day(TODAY - timedelta(days=count - 1 - n), (1,)) for n in range(count))

    marks = draw(Usage(days, (Series("a", count),))).labels

    assert len(marks) == labels
    assert marks[-1].value == TODAY
    if count == 90:
        assert (marks[-1].anchor, marks[-1].place) == ("end", "100.000%")


@time_machine.travel(NOON, tick=False)
def test_the_drawing_has_a_title_a_description_a_legend_and_a_table(client, alice, history):
    client.force_login(alice)

    page = client.get(PAGE, {"days": "14"})
    html = page.content.decode()
    text = text_of(page.content)

    assert page.context["days"] == 14
    assert '<svg class="chart__plot" role="img" aria-labelledby="chart-title chart-desc">' in html
    assert "Credits spent per day in the last 14 days, by operation" in text
    assert (
        "6 credits in all, at most 4 on one day, 2 Jun 2026. "
        "Swap fashion model: 4; Edit by instruction: 2." in text
    )
    assert "10 Jun 2026 0 2 2 2 Jun 2026 4 0 4 Together 4 2 6" in text
    assert html.count('<rect class="series-') == 2


@pytest.mark.parametrize(("asked", "days"), [("90", 90), ("7", 30), ("x", 30), ("", 30)])
def test_other_periods_than_those_offered_show_thirty_days(asked, days, client, alice, history):
    client.force_login(alice)

    assert client.get(PAGE, {"days": asked}).context["days"] == days


@time_machine.travel(datetime(2026, 6, 9, 23, 30, tzinfo=UTC), tick=False)
def test_days_are_those_of_the_team_and_not_of_the_person(client, alice, team):
    Team.objects.update(time_zone="Europe/Zurich")
    team.refresh_from_db()
    alice.time_zone = "America/New_York"
    alice.save()
    grant(team=team, amount=50, actor="operator", reason="", key="x")
    deliver_swap(team)
    client.force_login(alice)

    chart = client.get(PAGE).context["chart"]

    assert [(bar.day.day, bar.day.total) for bar in chart.busy] == [(date(2026, 6, 10), 4)]


# --- What credits went to ---------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_names_members_products_presets_and_providers(client, alice, team):
    grant(team=team, amount=50, actor="operator", reason="", key="x")
    [face] = make_presets(1)
    shirt = make_product(team, "Linen shirt")
    gone = uuid.uuid4()
    for dimension, value, captured in (
        ("operation", "swap_model", 9),
        ("member", str(alice.pk), 6),
        ("member", "987654", 3),
        ("product", str(shirt.pk), 5),
        ("product", str(gone), 3),
        ("preset", str(face.pk), 7),
        ("provider", "fashn", 9),
        ("provider", "sellerpic", 0),
    ):
        use(team, TODAY, captured, dimension=dimension, value=value, outputs=2)
    client.force_login(alice)

    def rows(by):
        page = client.get(PAGE, {"by": by})
        lines = [(line.label, line.share.captured) for line in page.context["lines"]]
        return lines, page.context["rest"]

    assert rows("operation") == ([("Swap fashion model", 9)], 0)
    assert rows("nonsense") == rows("operation")
    assert rows("member") == ([("Alice Archer", 6), ("Somebody who left", 3)], 0)
    assert rows("product") == ([("Linen shirt", 5), ("No longer kept", 3)], 1)
    assert rows("preset") == ([(face.name, 7)], 2)
    assert rows("provider") == ([("FASHN", 9), ("SellerPic", 0)], 0)
    html = client.get(PAGE, {"by": "product"}).content.decode()
    assert f'<a class="link" href="/t/atelier/products/{shirt.pk}/">Linen shirt</a>' in html


def test_the_ten_dearest_of_a_period_come_with_their_sums(team):
    for number in range(12):
        use(
            team, TODAY - timedelta(days=number % 5), 100 - number, f"v{number}", dimension="preset"
        )
    use(team, TODAY - timedelta(days=29), 50, "v0", dimension="preset", outputs=4)
    use(team, TODAY - timedelta(days=30), 1000, "v11", dimension="preset")

    found = shares(team, "preset", TODAY, 30)

    assert [share.value for share in found] == [f"v{number}" for number in range(10)]
    assert (found[0].captured, found[0].outputs, found[0].jobs) == (150, 5, 2)


def test_days_before_yesterday_are_summed_once_a_day(team, django_assert_num_queries):
    use(team, TODAY - timedelta(days=5), 5)
    use(team, TODAY - timedelta(days=1), 3)
    with django_assert_num_queries(2):
        assert shares(team, "operation", TODAY, 14)[0].captured == 8
    use(team, TODAY, 1)

    with django_assert_num_queries(1):
        assert shares(team, "operation", TODAY, 14)[0].captured == 9
    with django_assert_num_queries(2):
        assert shares(team, "operation", TODAY + timedelta(days=1), 14)[0].captured == 9
    with django_assert_num_queries(2):
        assert shares(team, "operation", TODAY, 30)[0].captured == 9


@time_machine.travel(NOON, tick=False)
def test_the_page_asks_no_more_of_a_large_team(client, alice, team, count_queries):
    grant(team=team, amount=10_000, actor="operator", reason="", key="first")
    spend(team, 1)
    use(team, TODAY, 1)
    client.force_login(alice)
    few = count_queries(lambda: client.get(PAGE, {"by": "product", "days": "90"}))
    for number in range(30):
        grant(team=team, amount=5, actor=f"op{number}@example.com", reason="", key=f"g{number}")
        spend(team, 1)
        product = make_product(team)
        use(team, TODAY - timedelta(days=number), 1, str(product.pk), dimension="product")
        use(team, TODAY - timedelta(days=number + 1), 1, f"op{number}")
    client.get(PAGE, {"by": "product", "days": "90"})

    many = count_queries(lambda: client.get(PAGE, {"by": "product", "days": "90"}))

    assert many <= few + 1  # Products have names to be read.
    assert many <= 24
