"""What single inputs and settings do not show: whether they go together, and what that costs."""

from __future__ import annotations

import uuid

import pytest

from generation.models import Job
from generation.services import LaunchRefused, launch_job
from teams.models import CreditAccount
from tests.factories import make_photo, make_product, make_team, owner_of

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
