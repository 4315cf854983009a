"""What single inputs and settings do not show: whether they go together, and what that costs."""

from __future__ import annotations

import uuid

import pytest

from generation.models import Job
from generation.services import LaunchRefused, launch_job
from teams.models import CreditAccount
from tests.factories import make_mask, make_photo, make_product, make_team, owner_of

#: Four wide to five high.
SIZE = (240, 300)


@pytest.fixture
def team(db):
    return make_team(credits_=20)


@pytest.fixture
def photos(team):
    """Two photos of one product."""
    product = make_product(team)
    return [make_photo(product, size=SIZE, with_renditions=False) for _ in range(2)]


def launch(team, operation, inputs, **options):
    return launch_job(
        team=team,
        by=owner_of(team),
        operation=operation,
        offer="fashn",
        request_key=uuid.uuid4(),
        product=next(iter(inputs.values())).product,
        inputs=inputs,
        options=options,
    )


def held(team):
    return CreditAccount.objects.get(team=team).held


@pytest.mark.parametrize("size", ["480p", "720p"])
def test_a_last_picture_goes_with_the_largest_video_alone(team, photos, size):
    first, last = photos
    with pytest.raises(LaunchRefused, match="goes with 1080p alone") as refusal:
        launch(team, "animate", {"image": first, "end_image": last}, resolution=size)

    assert refusal.value.field == "resolution"
    assert (Job.objects.count(), held(team)) == (0, 0)

    assert launch(team, "animate", {"image": first, "end_image": last}).price == 6
    assert launch(team, "animate", {"image": first}, resolution=size).state == "queued"


@pytest.mark.parametrize(
    ("size", "shape", "is_taken"),
    [
        (SIZE, "4:5", False),
        ((806, 1000), "4:5", False),
        ((820, 1000), "4:5", True),
        ((786, 1000), "4:5", False),
        ((780, 1000), "4:5", True),
        (SIZE, "5:4", True),
        ((1000, 1000), "1:1", False),
    ],
)
def test_a_picture_is_not_brought_into_the_shape_that_it_has(team, photos, size, shape, is_taken):
    photo = photos[0]
    photo.width, photo.height = size
    if is_taken:
        assert launch(team, "reframe", {"image": photo}, aspect_ratio=shape).state == "queued"
        return
    with pytest.raises(LaunchRefused, match=f"has the shape {shape} already") as refusal:
        launch(team, "reframe", {"image": photo}, aspect_ratio=shape)

    assert refusal.value.field == "aspect_ratio"
    assert (Job.objects.count(), held(team)) == (0, 0)


@pytest.mark.parametrize(
    ("size", "with_face", "price"),
    [("4k", False, 3), ("4k", True, 2 + 3), ("2k", True, 2 + 3), ("1k", True, 1 + 3)],
)
def test_with_a_face_a_new_model_is_priced_by_the_size_that_is_drawn(
    team, photos, size, with_face, price
):
    inputs = {"image_reference": photos[0]}
    if with_face:
        inputs["face_reference"] = photos[1]
    job = launch(team, "create_model", inputs, prompt="a man", resolution=size, num_images="1")

    assert (job.unit_price, job.price) == (price, price)


@pytest.mark.parametrize("side", [100, 400])
def test_a_mask_of_another_size_is_told_the_size_that_it_must_have(team, side):
    product = make_product(team)
    photo = make_photo(product, size=(300, 400), with_renditions=False)
    mask = make_photo(product, size=(side, side), with_renditions=False)

    with pytest.raises(LaunchRefused) as refusal:
        launch(team, "edit", {"image": photo, "mask": mask}, prompt="a red scarf")

    assert refusal.value.sentence == (
        f"The mask has {side} by {side} pixels and its picture 300 by 400. "
        "Save the mask with exactly the size of the picture."
    )
    assert refusal.value.field == "mask"
    assert (Job.objects.count(), held(team)) == (0, 0)


def test_a_mask_of_a_picture_that_is_too_small_blames_the_picture(team):
    photo = make_photo(make_product(team), size=(100, 120), with_renditions=False)

    with pytest.raises(LaunchRefused, match="Photo is 100 by 120 pixels") as refusal:
        launch(team, "edit", {"image": photo, "mask": make_mask(photo)}, prompt="a red scarf")

    assert refusal.value.field == "image"


@pytest.mark.parametrize(
    ("operation", "option", "given", "sentence"),
    [
        (
            "edit",
            "resolution",
            "8k",
            "Size (resolution): Choose one of 1k (About 1 MP), 2k (About 4 MP), 4k (About 16 MP).",
        ),
        ("reframe", "aspect_ratio", "7:1", "Shape (aspect_ratio): Choose one of 21:9, 16:9, 3:2, 4:3, "
         "5:4, 1:1, 4:5, 3:4, 2:3, 9:16."),
        ("edit", "num_images", "9", "Results (num_images): Write a number from 1 to 4."),
        ("edit", "prompt", "", "Description (prompt) is missing. Fill it in."),
    ],
)  # fmt: skip
def test_a_setting_is_refused_by_its_label_its_name_and_its_values(
    team, photos, operation, option, given, sentence
):
    options = {"prompt": "a red scarf"} if operation == "edit" else {}
    with pytest.raises(LaunchRefused) as refusal:
        launch(team, operation, {"image": photos[0]}, **{**options, option: given})

    assert (refusal.value.sentence, refusal.value.field) == (sentence, option)
    assert (Job.objects.count(), held(team)) == (0, 0)
