"""Every page of the product: no fault for axe, no sideways scroll, no console error."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from catalog.services import archive_product
from generation.services import decide_output
from teams.credits import grant
from teams.services import invite_member
from tests.factories import deliver_swap, launch_swap, make_product

#: A width in pixels, and the schemes in which a page of it is looked at, with the rules asked then.
#: Every rule is asked once a width and once a scheme; the other two would find the same again.
LOOKS: list[tuple[int, dict[str, list[str]]]] = [(1280, {"light": []}), (390, {"dark": []})]


@pytest.fixture
def walk(page, faults):
    """Visit pages, each named, in every look of a width, and say what is wrong with them."""

    def walking(addresses, width, looks):
        page.set_viewport_size({"width": width, "height": 860})
        wrong = {}
        for name, address in addresses.items():
            page.emulate_media(color_scheme=next(iter(looks)))
            page.goto(address)
            page.wait_for_load_state("load")
            for scheme, rules in looks.items():
                page.emulate_media(color_scheme=scheme)
                if found := faults(rules):
                    wrong[f"{name}, {scheme}"] = found
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wrong[f"{name}, {scheme}, scrolls"] = True
        return wrong

    return walking


@pytest.fixture
def addresses(live_server, live_team, alice, bob, product, photo):
    with_bob = live_team.memberships.get(user=bob)
    for number in range(6):
        make_product(live_team, f"Coat {number} with a name that goes on for quite a while")
    grant(team=live_team, amount=100, actor="tests", reason="For tests", key="pages")
    job = deliver_swap(live_team, job=launch_swap(live_team, photo=photo, by=alice))
    launch_swap(live_team, photo=photo, by=alice)
    decide_output(output=job.outputs.all()[0], by=alice, verdict="approved")
    slug = live_team.slug
    where = [slug, product.pk]
    bare = make_product(live_team, "Bare").pk
    gone = make_product(live_team, "Gone")
    archive_product(product=gone, by=alice)
    paths = {
        "grid": reverse("catalog:product_list", args=[slug]),
        "table": reverse("catalog:product_list", args=[slug], query={"layout": "table"}),
        "nothing found": reverse("catalog:product_list", args=[slug], query={"q": "zzz"}),
        "new": reverse("catalog:product_create", args=[slug]),
        "product": reverse("catalog:product_detail", args=where),
        "product without photos": reverse("catalog:product_detail", args=[slug, bare]),
        "archived": reverse("catalog:product_list", args=[slug], query={"show": "archived"}),
        "archived product": gone.get_absolute_url(),
        "edit": reverse("catalog:product_edit", args=where),
        "404": "/t/nowhere/products/",
        "studio": reverse("generation:studio", args=[slug]),
        "queue": reverse("generation:queue", args=[slug]),
        "job": reverse("generation:job_detail", args=[slug, job.pk]),
        "review": reverse("generation:review_list", args=[slug]),
        "room": reverse("generation:review_detail", args=[slug, job.pk]),
        "approved": reverse("generation:approved", args=[slug]),
        "credits": reverse("generation:credits", args=[slug]),
        "usage": reverse("generation:credits", args=[slug], query={"days": "90", "by": "product"}),
        "ledger": reverse("generation:credits_ledger", args=[slug]),
        "no entries": reverse("generation:credits_ledger", args=[slug], query={"kind": "expire"}),
        "members": reverse("teams:members", args=[slug]),
        "remove a member": reverse("teams:member_remove", args=[slug, with_bob.pk]),
        "leave": reverse("teams:leave", args=[slug]),
        "profile": reverse("teams:profile"),
        "password": reverse("account_change_password"),
    }
    return {name: live_server.url + path for name, path in paths.items()}


@pytest.fixture
def looked_at_elsewhere(live_server, live_team, addresses):
    """Pages that tests of their own look at, in all looks but the narrowest."""
    slug = live_team.slug
    output = live_team.jobs.exclude(outputs_delivered=0).get().outputs.first()
    paths = {
        "budgets": reverse("teams:credits_budgets", args=[slug]),
        "requests": reverse("teams:credits_requests", args=[slug]),
        "credits back": reverse("generation:output_refund", args=[slug, output.pk]),
        "audit": reverse("teams:audit", args=[slug]),
        "roles": reverse("teams:roles", args=[slug]),
        "settings": reverse("teams:settings", args=[slug]),
        "close": reverse("teams:close", args=[slug]),
        "second step": reverse("mfa_index"),
        "second step's app": reverse("mfa_activate_totp"),
        "password once more": reverse("account_reauthenticate"),
    }
    return {name: live_server.url + path for name, path in paths.items()}


@pytest.mark.parametrize(("width", "looks"), LOOKS)
def test_pages_have_no_fault_and_do_not_scroll_sideways(
    sign_in, alice, addresses, walk, allowed, width, looks
):
    allowed.append("404")
    sign_in(alice)

    assert walk(addresses, width, looks) == {}


@pytest.mark.parametrize(("width", "looks"), LOOKS)
def test_pages_before_signing_in_have_no_fault_and_do_not_scroll_sideways(
    live_server, live_team, alice, walk, allowed, width, looks
):
    allowed.append("404")
    _invitation, link = invite_member(
        team=live_team, by=alice, email="new@example.com", role="creator"
    )
    paths = [
        reverse("account_login"),
        reverse("account_reset_password"),
        reverse("account_reset_password_done"),
        reverse("account_reset_password_from_key", args=["0", "worn-out"]),
        urlsplit(link).path,
        "/invitations/worn-out/",
    ]

    assert walk({path: live_server.url + path for path in paths}, width, looks) == {}


def test_pages_fit_into_320_pixels(sign_in, alice, addresses, looked_at_elsewhere, allowed):
    allowed.append("404")
    page = sign_in(alice)
    page.set_viewport_size({"width": 320, "height": 640})
    wide = []
    for name, address in {**addresses, **looked_at_elsewhere}.items():
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(name)
    assert wide == []


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("letters", ["W" * 120, "Linen " * 20])
def test_a_long_name_never_makes_a_page_scroll_sideways(
    sign_in, alice, live_server, live_team, product, photo, width, letters
):
    product.name, product.sku, product.notes = letters, "S" * 64, "N" * 200
    product.save()
    grant(team=live_team, amount=4, actor=alice.email, reason="R" * 200, key="long")
    job = deliver_swap(live_team, job=launch_swap(live_team, photo=photo, by=alice))
    slug = live_team.slug
    page = sign_in(alice)
    page.set_viewport_size({"width": width, "height": 740})
    wide = []
    for path in (
        reverse("catalog:product_list", args=[slug]),
        reverse("catalog:product_list", args=[slug], query={"layout": "table", "q": letters[:9]}),
        reverse("catalog:product_list", args=[slug], query={"q": "Z" * 120}),
        reverse("catalog:product_edit", args=[slug, product.pk]),
        reverse("teams:members", args=[slug]),
        reverse("generation:credits", args=[slug], query={"by": "product"}),
        reverse("generation:credits_ledger", args=[slug]),
        reverse("generation:job_detail", args=[slug, job.pk]),
        reverse("generation:review_detail", args=[slug, job.pk]),
        product.get_absolute_url(),
    ):
        page.goto(live_server.url + path)
        page.wait_for_load_state("load")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Archive…").click()
    dialog = page.locator("dialog[open]")
    assert dialog.evaluate("box => box.scrollWidth <= box.clientWidth")
    dialog.get_by_role("button", name="Archive product").click()
    page.wait_for_selector(".toast")
    toast = page.locator(".toast").bounding_box()
    if toast["x"] < 0 or toast["x"] + toast["width"] > width:
        wide.append("toast")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wide.append("page with toast")
    assert wide == []


def test_a_phone_shows_every_tab_and_button_whole(sign_in, alice, bob, addresses):
    page = sign_in(alice)
    page.set_viewport_size({"width": 390, "height": 844})
    cut = "box => box.scrollWidth > box.clientWidth"

    page.goto(addresses["queue"])
    assert not page.locator("#queue-tabs").evaluate(cut)
    page.goto(addresses["members"])
    assert not page.locator(".table-wrap").first.evaluate(cut)
    page.goto(addresses["room"])
    last = page.locator(".strip").evaluate("strip => strip.getBoundingClientRect().right")
    assert last == page.locator(".compare").evaluate("box => box.getBoundingClientRect().right")
    page.goto(addresses["job"])
    tops = page.locator(".trio__item").evaluate_all("all => all.map((item) => item.offsetTop)")
    assert len(tops) == 3
    assert len(set(tops)) == 1, "original and both results stand in one row"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_open_menus_and_dialogs_have_no_fault(sign_in, alice, addresses, faults, scheme):
    page = sign_in(alice)
    page.emulate_media(color_scheme=scheme)
    page.goto(addresses["product"])
    for opener in ("user-menu", "product-menu"):
        page.locator(f"[popovertarget={opener}]").click()
        assert page.locator(f"#{opener}").is_visible()
        assert faults() == []
        page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    assert faults() == []


def test_a_refused_form_has_no_fault_and_takes_the_focus(
    sign_in, alice, addresses, faults, allowed
):
    allowed.append("422")
    page = sign_in(alice)
    page.goto(addresses["new"])
    page.get_by_label("SKU").fill("LS-1")
    page.get_by_role("button", name="Create product").click()
    page.wait_for_selector("[role=alert]")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    assert faults() == []


def test_pages_can_be_read_without_scripts(browser, live_server, alice, product, photo):
    from django.test import Client

    client = Client()
    client.force_login(alice)
    context = browser.new_context(java_script_enabled=False)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context.add_cookies([{**cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse("catalog:product_list", args=[product.team.slug]))
    page.get_by_role("link", name="Linen shirt").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Linen shirt"
    assert page.locator(".tile").count() == 1
    context.close()
