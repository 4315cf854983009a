"""The studio in a browser: choosing, the price, one job for a double click, keys, a phone's width."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from generation.models import Job, Preset
from teams.credits import grant
from tests.factories import make_photo, make_presets, make_product


@pytest.fixture
def studio(live_server, live_team, alice, photo, sign_in):
    """The studio's address, opened by Alice, with 20 credits, 20 faces and two scenes."""
    from django.db import transaction

    with transaction.atomic():
        grant(team=live_team, amount=20, actor="tests", reason="For tests", key="studio")
    make_presets(20)
    make_presets(2, kind=Preset.Kind.SCENE)
    make_photo(make_product(live_team, "Wool coat", sku="WC-9"))
    page = sign_in(alice)
    page.goto(live_server.url + reverse("generation:studio", args=[live_team.slug]))
    return page


def test_a_photo_a_face_and_a_double_click_make_one_job(studio, photo):
    studio.get_by_role("searchbox", name="Find photos by product").fill("LS-1")
    chosen = studio.get_by_role("radio", name="Linen shirt, front.jpg")
    expect(studio.locator("#choices-model_image input[type=radio]")).to_have_count(1)
    chosen.check(force=True)
    expect(studio.get_by_alt_text("Chosen photo of Linen shirt")).to_be_visible()
    studio.locator("#choices-model input[type=radio]").first.focus()
    studio.keyboard.press("Space")
    studio.keyboard.press("ArrowRight")
    expect(studio.locator(".plan")).to_contain_text("Model 2")
    expect(studio.locator("#launch")).to_contain_text("16 left after")
    studio.get_by_role("button", name="Launch").dblclick()
    expect(studio.get_by_role("link", name="View queue")).to_be_visible()
    expect(studio.locator("#launch")).to_contain_text("12 left after")
    expect(studio.locator("#credit-chip")).to_contain_text("16 credits")
    job = Job.objects.get()
    assert [(entry.name, str(entry.asset or entry.preset)) for entry in job.inputs.all()] == [
        ("model_image", "front.jpg"),
        ("model", "Model 2"),
    ]
    # The settings stay for the next go, which Ctrl+Enter starts.
    studio.keyboard.press("Control+Enter")
    expect(studio.locator("#launch")).to_contain_text("8 left after")
    assert Job.objects.count() == 2


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_told_after_a_launch_lies_over_no_part_of_the_next(studio, width):
    studio.set_viewport_size({"width": width, "height": 844})
    for name in ("model_image", "model"):
        # By keys: on a phone the launch may lie over the place that a click would take.
        studio.locator(f"#choices-{name} input[type=radio]").first.focus()
        studio.keyboard.press("Space")
        expect(studio.locator(f"#choices-{name} input:checked")).to_have_count(1)
    expect(studio.locator("#launch")).to_contain_text("16 left after")
    studio.get_by_role("button", name="Launch").click()
    expect(studio.get_by_role("link", name="View queue")).to_be_visible()
    toast, launch = (studio.locator(at).bounding_box() for at in (".toast", ".launch"))
    assert toast["y"] + toast["height"] <= launch["y"]
    assert toast["y"] >= 56


def test_what_is_missing_is_said_beside_it_and_forgotten_once_chosen(studio, allowed):
    allowed.append("422")
    studio.get_by_role("button", name="Launch").click()
    error = studio.locator("#error-model_image")
    expect(error).to_have_text("Choose a photo.")
    expect(studio.locator("#error-model")).to_have_text("Choose a model.")
    studio.locator("#choices-model_image input[type=radio]").first.check(force=True)
    expect(error).to_be_empty()
    assert not Job.objects.exists()


def test_more_faces_load_in_place_and_arrows_walk_the_grid_by_rows(studio):
    faces = studio.locator("#choices-model input[type=radio]")
    expect(faces).to_have_count(18)
    studio.locator("#choices-model").get_by_text("Show more").click()
    expect(faces).to_have_count(20)
    faces.first.focus()
    studio.keyboard.press("Space")
    studio.keyboard.press("ArrowDown")
    tops = faces.evaluate_all("all => all.map((one) => one.closest('label').offsetTop)")
    below = next(index for index, top in enumerate(tops) if top > tops[0] + 4)
    expect(faces.nth(below)).to_be_checked()
    studio.get_by_role("searchbox", name="Find a model by name").fill("Model 20")
    expect(faces).to_have_count(2)  # The chosen one stays beside what was found.


def test_what_is_chosen_outlives_a_reload_and_the_launch_starts_the_figures(studio):
    studio.get_by_role("radio", name="Linen shirt, front.jpg").check(force=True)
    studio.locator("#choices-model input[type=radio]").nth(2).check(force=True)
    studio.locator("#choices-scene input[type=radio]").nth(1).check(force=True)
    chosen = "all => all.map((one) => one.value)"
    before = studio.locator("#studio input:checked").evaluate_all(chosen)
    studio.reload()
    assert studio.locator("#studio input:checked").evaluate_all(chosen) == before
    expect(studio.locator(".plan")).to_contain_text("front.jpg")
    expect(studio.locator("#launch")).to_contain_text("Takes about 10 s.")
    assert studio.locator("#pulse").get_attribute("data-poll") is None
    studio.get_by_role("button", name="Launch").click()
    expect(studio.locator("#pulse")).to_have_attribute("data-poll", "4000")
