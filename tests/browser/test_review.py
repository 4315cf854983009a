"""The review room in a browser: keys alone, views, shared zoom, undo, two people, no script, a phone."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from generation.models import Decision, Job
from generation.services import decide_output, launch_job
from teams.credits import grant
from tests.factories import deliver_swap, launch_swap, make_photo

SHAPES = [("light", 1280), ("dark", 390)]
#: Buttons about a result whose sign or word is wider than they are.
STICKS_OUT = """() => [...document.querySelectorAll('.verdicts .btn')]
  .filter((button) => button.scrollWidth > button.clientWidth).map((button) => button.id)"""


@pytest.fixture
def pairs(live_team, photo):
    """Three pairs that wait, oldest first."""
    with transaction.atomic():
        grant(team=live_team, amount=40, actor="tests", reason="For tests", key="review")
    other = make_photo(photo.product)
    return [
        deliver_swap(live_team, job=launch_swap(live_team, photo=picture))
        for picture in (photo, other, photo)
    ]


@pytest.fixture
def room(live_server, live_team, alice, sign_in, pairs):
    page = sign_in(alice)
    page.goto(live_server.url + address(live_team, pairs[0]))
    return page


def address(team, job):
    return reverse("generation:review_detail", args=[team.slug, job.pk])


def verdicts(job):
    return [output.verdict for output in job.outputs.order_by("index")]


def arrive(page, job):
    """Wait until the room of the job is there and its keys work."""
    expect(page.locator(f"#room[data-room='{job.pk}'][data-ready]")).to_be_visible()


def focused(page):
    return page.locator("compare-view").get_attribute("data-focus")


def test_four_results_beside_the_panel_keep_their_verdicts_apart(
    live_server, live_team, alice, sign_in, photo
):
    with transaction.atomic():
        grant(team=live_team, amount=40, actor="tests", reason="For tests", key="four")
    garment = make_photo(photo.product)
    job = launch_job(
        team=live_team, by=alice, operation="try_on", offer="sellerpic-top",
        request_key=uuid.uuid4(), product=photo.product,
        inputs={"model_image": photo, "garment_image": garment},
    )  # fmt: skip
    deliver_swap(live_team, job=job, delivered=4)
    page = sign_in(alice)
    page.goto(live_server.url + address(live_team, job) + "?panel=facts")
    arrive(page, job)

    assert page.locator("form.verdicts").count() == 4
    for word in ("Reject", "Changes", "Approve"):
        assert page.locator(".pane").get_by_text(word, exact=True).count() == 4
    assert page.evaluate(STICKS_OUT) == []
    page.get_by_role("button", name="Approve", exact=True).nth(1).click()
    expect(page.locator("#head-B")).to_contain_text("Approved")


def test_three_pairs_are_reviewed_by_keys_alone(room, pairs):
    first, second, third = pairs
    assert focused(room) == "A"
    room.keyboard.press("a")
    expect(room.locator("#head-A")).to_contain_text("Approved")
    expect(room.locator("compare-view")).to_have_attribute("data-focus", "B")
    room.keyboard.press("x")
    arrive(room, second)
    assert verdicts(first) == ["approved", "rejected"]

    # Back, and the last decision is taken back with a key.
    room.keyboard.press("u")
    arrive(room, first)
    expect(room.locator("#head-B")).to_contain_text("Waiting")
    assert verdicts(first) == ["approved", "waiting"]
    room.keyboard.press("2")
    room.keyboard.press("c")
    expect(room.locator("#comment-B")).to_be_focused()
    room.keyboard.type("a lighter hand")  # Letters in a field decide nothing.
    room.keyboard.press("Control+Enter")
    arrive(room, second)
    assert verdicts(first) == ["approved", "changes"]
    assert Decision.objects.get(verdict="changes", undone_by=None).comment == "a lighter hand"

    room.keyboard.press("Shift+A")
    arrive(room, third)
    assert verdicts(second) == ["approved", "approved"]
    room.keyboard.press("3")
    room.keyboard.press("x")
    expect(room.locator("#room-status")).to_contain_text("All caught up")
    assert verdicts(third) == ["rejected", "rejected"]
    room.keyboard.press("Escape")
    expect(room.get_by_role("heading", name="All caught up")).to_be_visible()


def test_all_boxes_are_equal_and_share_zoom_and_pan(room):
    boxes = room.locator(".pane__clip").evaluate_all(
        "all => all.map((one) => { const b = one.getBoundingClientRect(); return [b.top, b.width, b.height]; })"
    )
    assert len(boxes) == 3
    # A third of the width may not be a whole pixel.
    assert boxes[1] == pytest.approx(boxes[0], abs=0.05)
    assert boxes[2] == pytest.approx(boxes[0], abs=0.05)
    box = room.locator("#pane-A .pane__clip").bounding_box()
    room.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    room.mouse.wheel(0, -400)
    expect(room.locator("[data-zoom-label]")).not_to_have_text("Fit")
    transforms = room.locator(".pane__clip img").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).transform)"
    )
    assert len(set(transforms)) == 1
    # The point under the pointer stays: zoom z about a quarter leaves x = (z - 1) / 4 of the box.
    zoom, x = room.locator("compare-view").evaluate("one => [one.zoom, one.x]")
    assert x == pytest.approx((zoom - 1) / 4, abs=0.01)
    room.keyboard.press("z")
    expect(room.locator("[data-zoom-label]")).to_have_text("Fit")


def test_full_size_is_a_pixel_of_the_picture_on_a_pixel_of_the_page(room):
    label = room.locator("[data-zoom-label]")
    expect(label).to_have_text("Fit")
    # As large a picture as a provider delivers; the test's own is smaller than its box.
    room.locator("#pane-A img").evaluate("one => { one.width = 1600; one.height = 2000; }")
    room.keyboard.press("z")
    expect(label).to_have_text("100 %")
    shown = room.locator("#pane-A img").evaluate("one => one.getBoundingClientRect().width")
    assert shown == pytest.approx(1600, rel=0.01)
    room.keyboard.press("z")
    expect(label).to_have_text("Fit")


def test_one_toast_speaks_of_decisions_and_covers_no_control(room, pairs):
    toasts = room.locator("#toasts .toast")
    room.keyboard.press("a")
    expect(toasts).to_contain_text("Linen shirt: A approved.")
    for width, height in ((1280, 860), (390, 844)):
        room.set_viewport_size({"width": width, "height": height})
        box = toasts.bounding_box()
        controls = room.locator("#room :is(a, button):visible").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().toJSON())"
        )
        assert not [
            other
            for other in controls
            if other["left"] < box["x"] + box["width"]
            and other["right"] > box["x"]
            and other["top"] < box["y"] + box["height"]
            and other["bottom"] > box["y"]
        ]
    room.set_viewport_size({"width": 1280, "height": 860})
    room.keyboard.press("u")
    expect(room.locator("#head-A")).to_contain_text("Waiting")
    expect(toasts).to_have_count(0)
    expect(room.locator("compare-view")).to_have_attribute("data-focus", "A")
    room.keyboard.press("x")
    expect(toasts).to_contain_text("Linen shirt: A rejected.")
    room.keyboard.press("2")
    room.keyboard.press("a")
    arrive(room, pairs[1])
    expect(toasts).to_have_count(1)
    expect(toasts).to_contain_text("Linen shirt: B approved.")


def test_views_change_by_key_and_the_slider_is_a_range(room):
    view = room.locator("compare-view")
    room.keyboard.press("m")
    expect(view).to_have_attribute("data-mode", "slider")
    room.get_by_role("slider").focus()
    room.keyboard.press("End")
    assert view.evaluate("one => one.style.getPropertyValue('--split')") == "100%"
    room.keyboard.press("m")
    expect(view).to_have_attribute("data-mode", "flicker")
    room.keyboard.press("2")
    expect(room.locator("#pane-B .pane__clip")).to_be_visible()
    expect(room.locator("#pane-A .pane__clip")).to_be_hidden()
    room.keyboard.down("o")
    expect(room.locator("[data-pane=original] .pane__clip")).to_be_visible()
    expect(room.locator("#pane-B .pane__clip")).to_be_hidden()
    room.keyboard.up("o")
    expect(room.locator("#pane-B .pane__clip")).to_be_visible()


def test_the_toast_takes_a_decision_back_in_place(room, pairs):
    room.keyboard.press("x")
    expect(room.locator("#head-A")).to_contain_text("Rejected")
    room.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(room.locator("#head-A")).to_contain_text("Waiting")
    assert verdicts(pairs[0]) == ["waiting", "waiting"]
    assert Job.objects.get(pk=pairs[0].pk).outputs_waiting == 2


def test_a_decision_that_came_first_is_shown_before_it_is_replaced(room, bob, pairs, allowed):
    allowed.append("422")
    output = pairs[0].outputs.get(index=0)
    decide_output(output=output, by=bob, verdict="approved")
    room.keyboard.press("x")
    conflict = room.locator("#actions-A")
    expect(conflict).to_contain_text("Approved by Bob Baker")
    assert verdicts(pairs[0]) == ["approved", "waiting"]
    expect(room.locator("#keep-A")).to_be_focused()
    room.keyboard.press("Tab")
    room.keyboard.press("Enter")
    expect(room.locator("#head-A")).to_contain_text("Rejected")
    assert verdicts(pairs[0]) == ["rejected", "waiting"]


def test_a_pair_is_decided_without_a_script(live_server, live_team, alice, browser, pairs):
    client = Client()
    client.force_login(alice)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    page.goto(live_server.url + address(live_team, pairs[0]))
    page.locator("#approve-A").click()
    expect(page.locator("#head-A")).to_contain_text("Approved")
    page.locator("#changes-link-B").click()
    page.locator("#comment-B").fill("Softer light")
    page.locator("#changes-send-B").click()
    page.wait_for_url(f"**{address(live_team, pairs[1])}")
    assert verdicts(pairs[0]) == ["approved", "changes"]
    context.close()


def test_a_phone_shows_one_picture_at_a_time(room):
    room.set_viewport_size({"width": 390, "height": 844})
    shown = room.locator(".pane:visible")
    expect(shown).to_have_count(1)
    expect(shown).to_have_attribute("data-pane", "A")
    room.get_by_role("group", name="Picture", exact=True).get_by_role(
        "button", name="Original"
    ).click()
    expect(shown).to_have_attribute("data-pane", "original")
    room.get_by_role("group", name="Picture", exact=True).get_by_role(
        "button", name="B", exact=True
    ).click()
    expect(shown).to_have_attribute("data-pane", "B")
    for name in ("reject-B", "changes-link-B", "approve-B"):
        assert room.locator(f"#{name}").bounding_box()["height"] >= 44


@pytest.mark.parametrize(("scheme", "width"), SHAPES)
def test_pages_of_generation_have_no_fault_and_fit(
    live_server, live_team, alice, sign_in, pairs, faults, scheme, width
):
    job = pairs[2]
    decide_output(output=job.outputs.get(index=0), by=alice, verdict="approved")
    slug = live_team.slug
    paths = {
        "studio": reverse(
            "generation:studio",
            args=[slug],
            query={"photo": job.inputs.get(name="model_image").asset_id},
        ),
        "queue": reverse("generation:queue", args=[slug]),
        "job": reverse("generation:job_detail", args=[slug, job.pk]),
        "sheet": reverse("generation:review_list", args=[slug]),
        "room": address(live_team, pairs[0]),
        "changes": address(live_team, pairs[0]) + "?changes=A",
        "approved": reverse("generation:approved", args=[slug]),
    }
    page = sign_in(alice)
    page.emulate_media(color_scheme=scheme)
    wrong = {}
    for name, path in paths.items():
        page.set_viewport_size({"width": width, "height": 860})
        page.goto(live_server.url + path)
        page.wait_for_load_state("load")
        if found := faults():
            wrong[name] = found
        page.set_viewport_size({"width": min(width, 320), "height": 640})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong[f"{name} scrolls"] = True
    assert wrong == {}
