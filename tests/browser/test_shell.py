"""The shell's behaviour: shortcuts, menus, theme, toasts, search, the connection."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.factories import make_product


@pytest.fixture
def products_url(live_server, live_team):
    return live_server.url + reverse("catalog:product_list", args=[live_team.slug])


@pytest.fixture
def products_page(sign_in, alice, products_url, product):
    page = sign_in(alice)
    page.goto(products_url)
    return page


def test_g_then_a_letter_goes_to_a_section(products_page, live_team):
    products_page.keyboard.press("g")
    products_page.keyboard.press("c")
    products_page.wait_for_url(f"**{reverse('generation:credits', args=[live_team.slug])}")
    title = products_page.get_by_role("heading", level=1)
    assert title.inner_text() == "Credits"
    products_page.keyboard.press("g")
    products_page.keyboard.press("p")
    products_page.wait_for_url(f"**{reverse('catalog:product_list', args=[live_team.slug])}")
    assert title.inner_text() == "Products"


def test_shortcuts_are_silent_while_typing(products_page, products_url):
    products_page.keyboard.press("/")
    search = products_page.get_by_role("searchbox")
    expect(search).to_be_focused()
    products_page.keyboard.type("gcn?")
    expect(search).to_have_value("gcn?")
    expect(products_page.locator("#help")).to_be_hidden()
    assert "/new" not in products_page.url


def test_shortcuts_can_be_switched_off(sign_in, alice, products_url, product):
    alice.shortcuts_enabled = False
    alice.save()
    page = sign_in(alice)
    page.goto(products_url)
    for key in ("?", "n", "/"):
        page.keyboard.press(key)
    expect(page.locator("#help")).to_be_hidden()
    expect(page.get_by_role("searchbox")).not_to_be_focused()
    assert page.url == products_url


def test_every_shortcut_that_the_help_names_acts(products_page, live_team):
    products_page.keyboard.press("?")
    named = products_page.locator("#help [data-keys=page] dt").all_inner_texts()
    assert "New product" in named
    products_page.keyboard.press("n")  # Silent in a dialog.
    expect(products_page.locator("#help")).to_be_visible()
    products_page.keyboard.press("Escape")
    expect(products_page.locator("#help")).to_be_hidden()
    products_page.keyboard.press("n")
    products_page.wait_for_url(f"**{reverse('catalog:product_create', args=[live_team.slug])}")


def test_j_and_k_walk_through_the_products(sign_in, alice, products_url, product, live_team):
    make_product(live_team, "Newer")
    page = sign_in(alice)
    page.goto(products_url)
    focused = "document.activeElement.textContent.trim()"
    for key, name in (("j", "Newer"), ("j", "Linen shirt"), ("k", "Newer")):
        page.keyboard.press(key)
        assert page.evaluate(focused) == name
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Newer")


def test_the_search_narrows_the_list_in_place_and_back_restores_it(products_page, live_team):
    make_product(live_team, "Wool coat")
    products_page.get_by_role("searchbox").press_sequentially("wool")
    expect(products_page.locator(".product-card__name")).to_have_text(["Wool coat"])
    expect(products_page.get_by_role("searchbox")).to_be_focused()
    expect(products_page.get_by_role("searchbox")).to_have_value("wool")
    assert "q=wool" in products_page.url
    products_page.get_by_role("link", name="Wool coat").click()
    products_page.wait_for_selector("h1:has-text('Wool coat')")
    products_page.go_back()
    expect(products_page.locator(".product-card__name")).to_have_text(["Wool coat"])


def test_menus_open_by_keyboard_and_give_the_focus_back(products_page):
    button = products_page.locator("[popovertarget=user-menu]")
    button.focus()
    products_page.keyboard.press("Enter")
    expect(products_page.locator("#user-menu")).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    products_page.keyboard.press("ArrowDown")
    expect(products_page.locator("#user-menu a").first).to_be_focused()
    products_page.keyboard.press("Escape")
    expect(products_page.locator("#user-menu")).to_be_hidden()
    expect(button).to_be_focused()


def test_the_theme_changes_at_once_and_is_kept(products_page, alice):
    products_page.locator("[popovertarget=user-menu]").click()
    with products_page.expect_response("**/me/theme"):
        products_page.get_by_role("button", name="Dark", exact=True).click()
    expect(products_page.locator("html")).to_have_attribute("data-theme", "dark")
    products_page.reload()
    expect(products_page.locator("html")).to_have_attribute("data-theme", "dark")
    alice.refresh_from_db()
    assert alice.theme == "dark"


def test_a_lost_connection_is_said(products_page):
    bar = products_page.locator("#offline")
    expect(bar).to_be_hidden()
    products_page.context.set_offline(True)
    expect(bar).to_have_text("You are offline. What you do now is not saved.")
    products_page.context.set_offline(False)
    expect(bar).to_be_hidden()


def test_the_message_of_a_lost_request_goes_once_it_worked(products_page, live_team, allowed):
    allowed += ["ERR_INTERNET_DISCONNECTED", "htmx"]
    make_product(live_team, "Wool coat")
    search = products_page.get_by_role("searchbox")
    toast = products_page.locator(".toast--error")
    products_page.context.set_offline(True)
    search.press_sequentially("woo")
    expect(toast).to_have_text("No connection. Nothing was charged. Try again.")
    products_page.context.set_offline(False)
    search.press_sequentially("l")
    expect(products_page.locator(".product-card__name")).to_have_text(["Wool coat"])
    expect(toast).to_have_count(0)


def test_a_page_whose_token_is_worn_out_offers_to_reload(
    sign_in, alice, live_server, product, photo, allowed
):
    allowed += ["403", "Response Status Error"]
    page = sign_in(alice)
    page.goto(live_server.url + product.get_absolute_url())
    # The same as a sign-in in another tab: the page's own tokens match the cookie no more.
    page.evaluate("""() => {
      document.body.setAttribute("hx-headers", "{}");
      for (const input of document.querySelectorAll("[name=csrfmiddlewaretoken]")) input.value = "";
    }""")
    page.get_by_role("button", name="Actions for front.jpg").click()
    page.get_by_role("button", name="Remove photo").click()
    toast = page.locator(".toast--error")
    expect(toast).to_contain_text("This page is out of date. Reload it.")
    toast.get_by_role("link", name="Reload").click()
    expect(toast).to_have_count(0)
    page.get_by_role("button", name="Actions for front.jpg").click()
    page.get_by_role("button", name="Remove photo").click()
    expect(page.locator(".tile")).to_have_count(0)


def test_a_failed_request_says_so_with_its_number(products_page, allowed):
    allowed += ["500", "Response Status Error"]
    products_page.route(
        re.compile("q=wool"),
        lambda route: route.fulfill(status=500, headers={"X-Request-ID": "abc123"}, body="oh"),
    )
    products_page.get_by_role("searchbox").press_sequentially("wool")
    toast = products_page.locator(".toast--error")
    expect(toast).to_contain_text("Could not load this part. Try again.")
    expect(toast).to_contain_text("abc123")
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_archiving_can_be_undone_from_its_message(sign_in, alice, live_server, product):
    page = sign_in(alice)
    page.goto(live_server.url + product.get_absolute_url())
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Archive…").click()
    page.get_by_role("button", name="Cancel").click()
    product.refresh_from_db()
    assert product.archived_at is None
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Archive…").click()
    page.get_by_role("button", name="Archive product").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Linen shirt")
    product.refresh_from_db()
    assert product.archived_at is None
