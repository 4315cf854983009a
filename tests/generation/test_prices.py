"""The operator's prices: by date, previewed, never changed once they count; launches say what counts."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.urls import reverse
from django.utils.timezone import localtime, now

from generation.models import Job, PriceRule
from generation.operations import OPERATIONS, Ask
from generation.operators.price_rules import RuleRefused, add_rule
from generation.operators.price_table import asks_of
from generation.prices import prices_at
from generation.transitions import end_job
from teams.models import AuditEntry, LedgerEntry
from tests.factories import (
    launch_swap,
    make_photo,
    make_presets,
    make_product,
    make_team,
    make_user,
    owner_of,
)

PAGE = "/admin/generation/pricerule/page/"
NEW = "/admin/generation/pricerule/new/"
HTMX = {"HX-Request": "true"}
BODY = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)
SWAP = "swap_model/sellerpic"


def words(answer) -> str:
    """What the whole page says, without tags; dashes as hyphens."""
    text = unescape(BODY.sub(" ", answer.content.decode())).replace("\N{EN DASH}", "-")
    return re.sub(r"\s+", " ", text)


def rule(offer="", *, days=0.0, **figure) -> PriceRule:
    """A rule that counts since or from that many days on."""
    at = now() + timedelta(days=days)
    return PriceRule.objects.create(offer=offer, effective_at=at, actor="tests", **figure)


def unit(operation="swap_model", offer="sellerpic", *, days=0.0, **options) -> int:
    """Credits for one result at that moment."""
    row = OPERATIONS[operation]
    found = row.offer(offer)
    assert found
    ask = Ask({**found.defaults(), **options})
    return prices_at(now() + timedelta(days=days)).quote(operation, found, ask).unit


def filled(**changes) -> dict[str, str]:
    form = {"offer": SWAP, "way": "percent", "figure": "150", "reason": "Spring", **changes}
    return {name: str(value) for name, value in form.items()}


def set_price(client, **changes):
    return client.post(NEW, {**filled(**changes), "confirm": "1"})


# --- Which price counts -------------------------------------------------------------------------


def test_without_a_rule_the_formula_counts(db):
    assert (unit(), unit("swap_model", "fashn")) == (2, 1)
    assert unit("swap_model", "fashn", resolution="4k", generation_mode="quality") == 5


def test_the_latest_rule_in_force_counts_and_that_of_the_offer_before_that_of_all(db):
    rule("", days=-3, percent=200)
    assert (unit(), unit("swap_model", "fashn")) == (4, 2)
    rule(SWAP, days=-9, unit=7)
    assert (unit(), unit("swap_model", "fashn")) == (7, 2)
    rule(SWAP, days=-5, percent=110)
    assert unit() == 3, "2.2 credits, rounded up"
    rule(SWAP, days=2, unit=9)
    assert (unit(), unit(days=1.9), unit(days=2.1)) == (3, 3, 9)
    assert (unit(days=-4), unit(days=-6), unit(days=-10)) == (3, 7, 2)
    withdrawn = rule(SWAP, days=-1, unit=50)
    PriceRule.objects.filter(pk=withdrawn.pk).update(withdrawn_at=now())
    assert unit() == 3
    rule(SWAP, percent=100)
    assert unit() == 2


@pytest.mark.parametrize(
    ("percent", "formula", "price"),
    [(100, 3, 3), (150, 3, 5), (101, 1, 2), (50, 1, 1), (33, 3, 1), (0, 3, 0), (1000, 3, 30)],
)
def test_a_share_is_rounded_up_to_whole_credits(percent, formula, price, db):
    rule("", percent=percent)
    modes = {1: "fast", 3: "quality"}
    assert unit("swap_model", "fashn", generation_mode=modes[formula]) == price


def test_of_two_rules_of_one_moment_the_later_written_counts(db):
    at = now()
    for figure in (5, 6):
        PriceRule.objects.create(offer=SWAP, unit=figure, effective_at=at, actor="x")
    assert unit() == 6


def test_a_rule_that_is_neither_share_nor_amount_is_refused(db):
    person = make_user()
    for percent, figure in ((None, None), (100, 4)):
        with pytest.raises(RuleRefused):
            add_rule(
                offer="", percent=percent, unit=figure, effective_at=None, reason="", by=person
            )
    assert not PriceRule.objects.exists()


def test_every_combination_that_a_price_depends_on_is_found():
    def of(operation, offer):
        found = OPERATIONS[operation].offer(offer)
        assert found
        return {words: found.price.unit(ask) for words, ask in asks_of(found)}

    assert of("swap_model", "sellerpic") == {"": 2}
    swap = of("swap_model", "fashn")
    assert len(swap) == 18
    assert next(iter(swap.items())) == ("About 1 MP, Fast", 1)
    assert swap["About 16 MP, Quality, with face reference"] == 8
    video = of("animate", "sellerpic")
    assert video == {"5 seconds": 10, "10 seconds": 15}


# --- Launches -----------------------------------------------------------------------------------


@pytest.fixture
def studio(db, client):
    """A team with 20 credits, what the form needs, and its owner signed in."""

    class Studio:
        team = make_team(credits_=20)

        def __init__(self) -> None:
            self.photo = make_photo(make_product(self.team))
            [self.face] = make_presets(1)
            client.force_login(owner_of(self.team))

        def page(self) -> str:
            answer = client.get(reverse("generation:studio", args=[self.team.slug]))
            return str(answer.text)

        def launch(self, **changes):
            form = {
                "operation": "swap_model",
                "request_key": str(uuid.uuid4()),
                "model_image": self.photo.pk,
                "model": self.face.pk,
                **changes,
            }
            return client.post(
                reverse("generation:job_create", args=[self.team.slug]), form, headers=HTMX
            )

    return Studio()


def shown_price(html: str) -> str:
    [price] = re.findall(r'<input type="hidden" name="price" value="(\d+)"', html)
    return str(price)


def test_a_job_is_held_at_the_price_that_counts_and_keeps_it(studio):
    made = rule(SWAP, percent=150)
    page = studio.page()
    assert shown_price(page) == "6"
    assert "14 left after" in page

    assert studio.launch(price="6").status_code == 200

    job = Job.objects.get()
    assert (job.unit_price, job.price) == (3, 6)
    assert job.price_version == f"rule-{made.pk}/sellerpic-2025-08-15"
    assert LedgerEntry.objects.get(kind="hold").price_version == job.price_version
    rule(SWAP, unit=9)
    assert end_job(job, "queued", "failed", captured=0)
    job.refresh_from_db()
    assert (job.unit_price, job.price) == (3, 6)
    studio.team.credit_account.refresh_from_db()
    assert studio.team.credit_account.available == 20


def test_an_amount_is_the_version_by_itself(studio):
    made = rule(SWAP, unit=1)
    studio.launch()
    assert Job.objects.get().price_version == f"rule-{made.pk}"


def test_a_launch_at_another_price_than_shown_is_refused_and_shows_the_new_one(studio):
    price = shown_price(studio.page())
    assert price == "4"
    rule(SWAP, unit=3)

    answer = studio.launch(price=price)

    assert answer.status_code == 422
    text = words(answer)
    assert "The price has changed: this costs 6 credits now, not 4. Nothing was started." in text
    assert "14 left after" in text
    card = re.search(r'id="price-swap_model" hx-swap-oob="true">([^<]+)<', answer.text)
    assert card and card[1] == "6 credits"
    assert not Job.objects.exists()
    assert not LedgerEntry.objects.exclude(kind="grant").exists()

    assert studio.launch(price=shown_price(answer.text)).status_code == 200
    assert Job.objects.get().price == 6


def test_a_lower_price_is_asked_about_as_well(studio):
    rule(SWAP, unit=1)

    answer = studio.launch(price="4")

    assert answer.status_code == 422
    assert "this costs 2 credits now, not 4" in words(answer)
    assert not Job.objects.exists()


@pytest.mark.parametrize("price", ["-1", "four", "4.5"])
def test_a_price_that_is_none_is_refused(price, studio):
    answer = studio.launch(price=price)
    assert answer.status_code == 422
    assert "The form is incomplete. Reload the page and launch again." in words(answer)
    assert not Job.objects.exists()


def test_the_same_key_returns_its_job_whatever_the_price_is_now(studio):
    key = str(uuid.uuid4())
    studio.launch(price="4", request_key=key)
    rule(SWAP, unit=3)

    assert studio.launch(price="4", request_key=key).status_code == 200
    assert Job.objects.get().price == 4


def test_a_face_reference_that_costs_more_is_in_the_price_that_is_shown(studio, client, settings):
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY, settings.FASHN_API_KEY = "", "fa-key"
    query = {"model_image": studio.photo.pk}
    url = reverse("generation:studio_cost", args=[studio.team.slug])
    assert shown_price(client.get(url, query).text) == "2"

    dear = client.get(url, {**query, "face_reference": studio.photo.pk}).text

    assert shown_price(dear) == "8"
    answer = studio.launch(face_reference=studio.photo.pk, model="", price="2")
    assert "this costs 8 credits now, not 2" in words(answer)
    assert studio.launch(face_reference=studio.photo.pk, model="", price="8").status_code == 200
    assert Job.objects.get().price == 8


def test_trying_again_costs_what_counts_now_and_is_refused_at_another_price(studio, client):
    job = launch_swap(studio.team, photo=studio.photo, model=studio.face)
    assert end_job(job, "queued", "failed", captured=0, error="No.")
    rule(SWAP, unit=3)
    page = reverse("generation:job_detail", args=[studio.team.slug, job.pk])
    for url in (page, reverse("generation:queue", args=[studio.team.slug])):
        text = client.get(url).text
        assert shown_price(text) == "6"
        assert "Try again · 6 credits" in re.sub(r"<svg.*?</svg>", "", text)
    rule(SWAP, unit=4)
    retry = reverse("generation:job_retry", args=[studio.team.slug, job.pk])

    answer = client.post(retry, {"from": "job", "price": "6"}, follow=True)

    assert "this costs 8 credits now, not 6" in words(answer)
    assert Job.objects.count() == 1
    client.post(retry, {"from": "job", "price": shown_price(answer.text)})
    assert Job.objects.get(retry_of=job).price == 8


def test_the_list_of_operations_tells_the_prices_of_teams(db):
    rule(SWAP, unit=7)
    out = StringIO()
    call_command("list_operations", "swap_model", stdout=out)
    assert "--offer sellerpic  (SellerPic, 2 x 7 credits as it stands)" in out.getvalue()
    assert "--offer fashn  (FASHN, 2 x 1 credits as it stands)" in out.getvalue()


# --- The operator's pages -----------------------------------------------------------------------


def test_the_table_tells_both_prices_their_source_the_margin_and_what_comes(client, operator):
    client.force_login(operator)
    page = words(client.get(PAGE))
    assert "There is none: all prices are the providers' own." in page
    row = (
        "Swap fashion model SellerPic 2 results usually 2 2 - none New rule"
        " SellerPic, Swap Fashion Model sellerpic-2025-08-15"
    )
    assert row in page
    rule(SWAP, percent=150, reason="Autumn")
    rule("", unit=1)
    soon = rule(SWAP, days=7, unit=1)

    page = words(client.get(PAGE))

    assert "2 results usually 3 2 +1 (+50 %) 150 % of the provider's price From " in page
    assert ": 1 credit per result New rule SellerPic, Swap Fashion Model" in page
    assert "About 16 MP, Quality, with face reference 1 8 \N{MINUS SIGN}7 " in page
    assert "18 prices by settings: teams 1, provider 1 - 8" in page
    assert "FASHN 2 results usually 1 1 - below with some settings 1 credit per result" in page
    assert "All offers without a rule of their own 1 credit per result" in page
    assert "Counts Autumn tests" in page
    assert f'action="/admin/generation/pricerule/{soon.pk}/withdraw/"' in client.get(PAGE).text


def test_a_rule_is_previewed_then_added_and_counts_from_then_on(client, operator):
    client.force_login(operator)
    assert f'<option value="{SWAP}" selected>' in client.get(f"{NEW}?offer={SWAP}").text

    preview = words(client.post(NEW, filled()))

    assert "Swap fashion model, SellerPic: 150 % of the provider's price From now on." in preview
    assert "It changes the price of 1 offer" in preview
    assert "Swap fashion model, SellerPic 2 3 2 " in preview
    assert not PriceRule.objects.exists(), "a preview writes nothing"
    assert unit() == 2

    answer = set_price(client)

    assert answer["Location"] == PAGE
    made = PriceRule.objects.get()
    assert (made.offer, made.percent, made.unit, made.reason, made.actor) == (
        SWAP, 150, None, "Spring", "operator@example.com",
    )  # fmt: skip
    assert unit() == 3
    act = AuditEntry.objects.get(action="price.set")
    assert (act.actor, act.subject, act.data["percent"], act.data["rule"], act.address) == (
        "operator@example.com", SWAP, 150, made.pk, "127.0.0.1",
    )  # fmt: skip
    page = words(client.get(PAGE))
    assert "Added. Swap fashion model, SellerPic: 150 % of the provider's price." in page


def test_a_rule_for_all_leaves_offers_with_their_own_alone_in_its_preview(client, operator):
    rule(SWAP, unit=9)
    client.force_login(operator)

    preview = words(client.post(NEW, filled(offer="", figure="200")))

    assert "Swap fashion model, SellerPic" not in preview
    assert "Swap fashion model, FASHN 1 - 8 2 - 16 1 - 8" in preview
    cheap = words(client.post(NEW, filled(offer="", way="unit", figure="1")))
    assert "Swap fashion model, FASHN 1 - 8 1 below the provider 1 - 8" in cheap


def test_a_form_that_is_sent_twice_adds_one_rule(client, operator):
    client.force_login(operator)
    set_price(client)

    answer = set_price(client)

    said = "The rule before it says the same: 150 % of the provider's price."
    assert said in words(answer)
    assert PriceRule.objects.count() == 1
    assert AuditEntry.objects.filter(action="price.set").count() == 1


def test_going_back_from_the_preview_keeps_what_was_typed(client, operator):
    client.force_login(operator)
    page = client.post(NEW, {**filled(), "back": "1"}).text
    assert 'value="Spring"' in page
    assert 'name="confirm"' not in page
    assert not PriceRule.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"offer": "swap_model/nobody"}, "offer"),
        ({"figure": "-1"}, "figure"),
        ({"figure": ""}, "figure"),
        ({"figure": "1001"}, "figure"),
        ({"way": "unit", "figure": "10001"}, "figure"),
        ({"way": "other"}, "way"),
        ({"reason": " "}, "reason"),
        ({"effective_at": "2020-01-01T10:00"}, "effective_at"),
        ({"effective_at": "soon"}, "effective_at"),
    ],
)
def test_a_wrong_rule_is_refused(wrong, field, client, operator):
    client.force_login(operator)
    for step in ({}, {"confirm": "1"}):
        answer = client.post(NEW, {**filled(**wrong), **step})
        assert answer.status_code == 200
        assert field in answer.context["form"].errors
    assert not PriceRule.objects.exists()
    assert not AuditEntry.objects.filter(action="price.set").exists()


def test_a_rule_of_the_future_can_be_withdrawn_and_one_that_counts_cannot(client, operator):
    client.force_login(operator)
    when = localtime(now() + timedelta(days=3)).replace(second=0, microsecond=0)
    set_price(client, effective_at=f"{when:%Y-%m-%dT%H:%M}")
    coming = PriceRule.objects.get()
    assert coming.effective_at == when
    assert (unit(), unit(days=4)) == (2, 3)
    withdraw = f"/admin/generation/pricerule/{coming.pk}/withdraw/"

    answer = client.post(withdraw, follow=True)

    assert "The rule was withdrawn. It never counted." in words(answer)
    assert unit(days=4) == 2
    again = client.post(withdraw, follow=True)
    assert "This rule was withdrawn already." in words(again)
    assert AuditEntry.objects.filter(action="price.withdrawn").count() == 1

    counting = rule(SWAP, days=-1, unit=5)
    answer = client.post(f"/admin/generation/pricerule/{counting.pk}/withdraw/", follow=True)
    assert "This rule counts already. Add another one that follows it." in words(answer)
    counting.refresh_from_db()
    assert counting.withdrawn_at is None
    assert unit() == 5


def test_prices_need_their_permissions(client, team, alice):
    made = rule(SWAP, days=1, unit=5)
    withdraw = f"/admin/generation/pricerule/{made.pk}/withdraw/"
    clerk = make_user("clerk@example.com", is_staff=True)
    client.force_login(clerk)
    assert client.get(PAGE).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_pricerule"))
    page = client.get(PAGE)
    assert page.status_code == 200
    assert "New rule" not in words(page)
    assert client.get(NEW).status_code == 403
    assert set_price(client).status_code == 403
    assert client.post(withdraw).status_code == 403
    assert client.post(f"/admin/generation/pricerule/{made.pk}/change/").status_code == 403
    client.force_login(alice)
    assert set_price(client, follow=True).status_code == 302
    assert client.get(PAGE).status_code == 302
    assert [(row.pk, row.withdrawn_at) for row in PriceRule.objects.all()] == [(made.pk, None)]

    clerk.user_permissions.add(Permission.objects.get(codename="add_pricerule"))
    client.force_login(clerk)

    assert set_price(client)["Location"] == PAGE
    assert client.post(withdraw)["Location"] == PAGE
    assert client.get(withdraw).status_code == 405


def test_the_page_reads_in_a_constant_number_of_queries(client, operator, count_queries):
    client.force_login(operator)
    client.get(PAGE)
    few = count_queries(lambda: client.get(PAGE))
    for number in range(5):
        rule(SWAP, days=-number, unit=number)
        rule("", days=number + 1, unit=number)
    assert count_queries(lambda: client.get(PAGE)) == few
