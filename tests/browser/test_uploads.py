"""Uploading in a browser: picker, drop and paste, several at once, refusals, duplicates, removal."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from playwright.sync_api import expect

from catalog.models import Asset, Upload
from tests.factories import draw_photo

# Hands files to the page the way a drop or a paste does; the browser offers no other way to a test.
HAND_OVER = """([kind, files]) => {
  const transfer = new DataTransfer();
  for (const [name, type, data] of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  const init = { bubbles: true, cancelable: true };
  if (kind === "paste") document.body.dispatchEvent(new ClipboardEvent("paste", { ...init, clipboardData: transfer }));
  else for (const name of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(name, { ...init, dataTransfer: transfer }));
}"""


@pytest.fixture
def product_page(sign_in, alice, live_server, product, worker):
    page = sign_in(alice)
    page.goto(live_server.url + product.get_absolute_url())
    return page


def choose(page, *paths):
    page.locator("input[type=file]").set_input_files([str(path) for path in paths])


def told(path, kind="image/jpeg"):
    return [path.name, kind, base64.b64encode(path.read_bytes()).decode()]


def test_three_files_at_once_of_which_one_is_no_picture(product_page, product, tmp_path):
    good = [draw_photo(tmp_path / f"good-{n}.jpg", seed=n * 9) for n in range(2)]
    fake = tmp_path / "fake.jpg"
    fake.write_bytes(b"not a picture at all " * 50)
    choose(product_page, good[0], fake, good[1])
    expect(product_page.locator(".tile[id^=photo-]")).to_have_count(2, timeout=15_000)
    refused = product_page.locator(".upload[data-state=refused]")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("fake.jpg")
    expect(product_page.locator("[data-summary]")).to_have_text("2 of 3 uploaded, 1 not")
    assert sorted(Asset.objects.values_list("name", flat=True)) == ["good-0.jpg", "good-1.jpg"]
    product.refresh_from_db()
    assert product.photo_count == 2
    refused.get_by_role("button", name="Cancel fake.jpg").click()
    expect(refused).to_have_count(0)
    product_page.reload()
    expect(product_page.locator(".tile")).to_have_count(2)


def test_the_first_photo_opens_the_way_to_the_studio_and_its_removal_closes_it(
    product_page, tmp_path
):
    way = product_page.get_by_role("link", name="Open in studio")
    blank = product_page.locator("#product-results").get_by_role("link", name="Open studio")
    expect(product_page.locator("#product-results .blank")).to_be_visible()
    expect(way).to_have_count(0)
    expect(blank).to_have_count(0)
    choose(product_page, draw_photo(tmp_path / "one.jpg", seed=3))
    expect(way).to_be_visible(timeout=15_000)
    expect(blank).to_be_visible()
    product_page.get_by_role("button", name="Actions for one.jpg").click()
    product_page.get_by_role("button", name="Remove photo").click()
    expect(way).to_have_count(0)
    expect(blank).to_have_count(0)


def test_photos_chosen_together_keep_their_order_and_the_first_is_main(product_page, tmp_path):
    paths = [draw_photo(tmp_path / f"{n}.jpg", seed=n * 9) for n in range(5)]
    # The first takes longest, and its check ends after others.
    large = draw_photo(paths[0], seed=1, size=(4000, 5000))
    choose(product_page, large, *paths[1:])
    expect(product_page.locator(".tile[id^=photo-]")).to_have_count(5, timeout=30_000)
    names = product_page.locator(".tile[id^=photo-] .tile__text > :first-child")
    order = [path.name for path in paths]
    expect(names).to_have_text(order)
    main = product_page.locator(".tile[data-main]")
    expect(main).to_have_count(1)
    expect(main).to_contain_text("0.jpg")
    product_page.reload()
    expect(names).to_have_text(order)
    expect(main).to_contain_text("0.jpg")


def test_the_same_photo_twice_is_named_and_linked(product_page, tmp_path):
    first = draw_photo(tmp_path / "first.jpg", seed=5)
    choose(product_page, first)
    expect(product_page.locator(".tile[id^=photo-]")).to_have_count(1, timeout=15_000)
    again = tmp_path / "again.jpg"
    again.write_bytes(first.read_bytes())
    choose(product_page, again)
    twin = product_page.locator(".upload[data-duplicate]")
    expect(twin).to_contain_text("Already here: first.jpg", timeout=15_000)
    expect(twin.get_by_role("link", name="first.jpg")).to_be_visible()
    assert Asset.objects.count() == 1


def test_photos_arrive_by_drop_and_by_paste(product_page, tmp_path):
    dropped = draw_photo(tmp_path / "dropped.jpg", seed=21)
    pasted = draw_photo(tmp_path / "pasted.png", seed=22, file_format="PNG")
    product_page.evaluate(HAND_OVER, ["drop", [told(dropped)]])
    product_page.evaluate(HAND_OVER, ["paste", [told(pasted, "image/png")]])
    expect(product_page.locator(".tile[id^=photo-]")).to_have_count(2, timeout=15_000)
    expect(product_page.locator(".drop-veil")).to_be_hidden()
    assert set(Asset.objects.values_list("name", flat=True)) == {"dropped.jpg", "pasted.png"}


def test_what_is_obviously_wrong_is_refused_before_it_is_sent(product_page, tmp_path):
    empty = tmp_path / "empty.jpg"
    empty.touch()
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"%PDF-1.7")
    choose(product_page, empty, paper)
    expect(product_page.locator(".upload[data-state=refused]")).to_have_count(2)
    expect(product_page.locator(".upload").first).to_contain_text("This file is empty.")
    expect(product_page.locator(".upload").last).to_contain_text("This is not a photo.")
    assert not Upload.objects.exists()


def test_a_lost_connection_can_be_tried_again(product_page, tmp_path, allowed):
    allowed += ["ERR_FAILED", "ERR_CONNECTION"]
    photos = [draw_photo(tmp_path / f"late-{n}.jpg", seed=30 + n * 9) for n in range(2)]
    product_page.route("**/uploads/local/**", lambda route: route.abort())
    choose(product_page, *photos)
    failed = product_page.locator(".upload[data-state=failed]")
    expect(failed).to_have_count(2)
    expect(failed.first).to_contain_text("The connection was lost. Try again.")
    product_page.unroute("**/uploads/local/**")
    product_page.get_by_role("button", name="Try all again").click()
    expect(product_page.locator(".tile[id^=photo-]")).to_have_count(2, timeout=15_000)


def test_a_removed_photo_comes_back_by_undo(sign_in, alice, live_server, product, photo):
    page = sign_in(alice)
    page.goto(live_server.url + product.get_absolute_url())
    page.get_by_role("button", name="Actions for front.jpg").click()
    page.get_by_role("button", name="Remove photo").click()
    expect(page.locator(".tile")).to_have_count(0)
    photo.refresh_from_db()
    assert photo.archived_at is not None
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tile")).to_have_count(1)
    photo.refresh_from_db()
    assert photo.archived_at is None


def test_files_chosen_before_the_script_ran_are_uploaded(
    sign_in, alice, live_server, product, worker, tmp_path
):
    page = sign_in(alice)
    picture = draw_photo(tmp_path / "early.jpg")
    held: list[Any] = []
    page.route("**/file-uploader*.js", lambda route: held.append(route))
    page.goto(live_server.url + product.get_absolute_url(), wait_until="commit")
    page.locator("input[type=file]").first.set_input_files(picture)
    held[0].continue_()
    expect(page.locator("li.tile[id^='photo-']")).to_have_count(1, timeout=30_000)
