"""The pictures: presets that are drawn the same each time, and swaps that change the person only."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageDraw

from sandbox.people import PEOPLE, PEOPLE_BY_KEY
from sandbox.photos import open_upright
from sandbox.portraits import draw_portrait
from sandbox.scenes import SCENES, SCENES_BY_KEY, draw_scene
from sandbox.swap import swap_model
from tests.sandbox.conftest import encoded, photo

AMARA, FREYA = PEOPLE_BY_KEY["amara"], PEOPLE_BY_KEY["freya"]


def same(first: Image.Image, second: Image.Image) -> bool:
    return first.mode == second.mode and first.tobytes() == second.tobytes()


def changed(before: Image.Image, after: Image.Image) -> Image.Image:
    """White where the two differ."""
    bands = ImageChops.difference(before, after).split()
    most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    return most.point([0] + [255] * 255)


def corner(size: tuple[int, int]) -> tuple[int, int, int, int]:
    return (round(size[0] * 0.55), round(size[1] * 0.93), size[0], size[1])


@pytest.fixture
def photo_path(tmp_path):
    path = tmp_path / "photo.png"
    photo().save(path)
    return path


def test_there_are_24_people_and_14_scenes_all_different():
    assert (len(PEOPLE), len(SCENES)) == (24, 14)
    faces = {draw_portrait(person, (48, 60)).tobytes() for person in PEOPLE}
    scenes = {draw_scene(scene, (48, 60)).tobytes() for scene in SCENES}
    assert (len(faces), len(scenes)) == (24, 14)


def test_drawings_are_the_same_every_time():
    assert same(draw_portrait(AMARA, (80, 100)), draw_portrait(AMARA, (80, 100)))
    scene = SCENES_BY_KEY["park"]
    assert same(draw_scene(scene, (80, 100)), draw_scene(scene, (80, 100)))


@pytest.mark.parametrize("size", [(60, 200), (400, 60), (1, 1), (37, 37)])
def test_a_scene_covers_any_shape(size):
    assert draw_scene(SCENES_BY_KEY["beach"], size).size == size


def test_a_swap_leaves_everything_but_the_person_untouched(photo_path):
    before = photo()
    after = swap_model(open_upright(photo_path), AMARA, position=0)
    difference = changed(before, after)
    ImageDraw.Draw(difference).rectangle(corner(before.size), fill=0)
    w, h = before.size
    person = (w * 0.08, 0, w * 0.92, h)
    ImageDraw.Draw(difference).rectangle(person, fill=0)
    assert difference.getbbox() is None
    # The white shirt is the garment that is being sold: not a pixel of it may change.
    shirt = (round(w * 0.38), round(h * 0.62), round(w * 0.62), round(h * 0.92))
    assert same(before.crop(shirt), after.crop(shirt))


def test_a_swap_gives_the_skin_the_tone_of_the_preset(photo_path):
    arm = (52, 180, 66, 270)
    dark = swap_model(open_upright(photo_path), AMARA, position=0).crop(arm)
    light = swap_model(open_upright(photo_path), FREYA, position=0).crop(arm)

    def mean(picture: Image.Image) -> int:
        return picture.convert("L").resize((1, 1), Image.Resampling.BOX).tobytes()[0]

    assert mean(dark) < mean(photo().crop(arm)) - 25
    assert mean(light) > mean(photo().crop(arm)) + 20


def test_the_two_pictures_differ_and_each_is_the_same_every_time(photo_path):
    first = swap_model(open_upright(photo_path), AMARA, position=0)
    second = swap_model(open_upright(photo_path), AMARA, position=1)
    assert changed(first, second).getbbox() is not None
    assert same(first, swap_model(open_upright(photo_path), AMARA, position=0))
    assert not same(first, swap_model(open_upright(photo_path), AMARA, position=0, run=1))


def test_a_mask_limits_the_change(photo_path):
    before = photo()
    mask = Image.new("L", before.size, 0)
    mask.paste(255, (40, 150, 80, 300))
    after = swap_model(open_upright(photo_path), AMARA, position=0, mask=mask)
    difference = changed(before, after)
    ImageDraw.Draw(difference).rectangle(corner(before.size), fill=0)
    box = difference.getbbox()
    assert box is not None
    assert box[0] >= 40
    assert box[1] >= 150
    assert box[2] <= 80
    assert box[3] <= 300


def test_a_mask_over_nothing_but_wall_still_shows_two_different_washes(photo_path):
    mask = Image.new("L", photo().size, 0)
    mask.paste(255, (0, 0, 30, 30))
    first, second = (
        swap_model(open_upright(photo_path), AMARA, position=n, mask=mask) for n in (0, 1)
    )
    assert changed(photo(), first).crop((0, 0, 30, 30)).getextrema() == (255, 255)
    assert not same(first, second)


def test_a_scene_replaces_the_background_and_keeps_the_garment(photo_path):
    before = photo()
    after = swap_model(open_upright(photo_path), AMARA, position=0, scene=SCENES_BY_KEY["beach"])
    assert changed(before, after).crop((0, 0, 20, 300)).getextrema() == (255, 255)
    w, h = before.size
    shirt = (round(w * 0.42), round(h * 0.66), round(w * 0.58), round(h * 0.9))
    assert same(before.crop(shirt), after.crop(shirt))


@pytest.mark.parametrize("size", [(12, 9), (40, 900), (900, 40), (1, 1)])
@pytest.mark.parametrize("scene", [None, SCENES_BY_KEY["loft"]])
def test_any_picture_gives_two_pictures_of_its_own_size(tmp_path, size, scene):
    path = tmp_path / "odd.png"
    Image.effect_noise(size, 90).save(path)
    for position in (0, 1):
        assert swap_model(open_upright(path), FREYA, position=position, scene=scene).size == size


def test_the_orientation_of_a_camera_photo_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "camera.jpg"
    path.write_bytes(encoded(photo().rotate(90, expand=True), "JPEG", quality=95, exif=exif))
    after = swap_model(open_upright(path), AMARA, position=0)
    assert after.size == (240, 320)
    assert min(after.crop((115, 245, 125, 255)).tobytes()) > 200  # The shirt is upright.


def test_every_picture_says_sandbox_in_a_corner(photo_path):
    after = swap_model(open_upright(photo_path), AMARA, position=0)
    plate = after.crop((after.width - 30, after.height - 12, after.width, after.height))
    levels = plate.convert("L").tobytes()
    assert min(levels) < 40
    assert max(levels) > 180


def test_results_over_the_wire_are_the_drawn_pictures(provider):
    items = provider.finish(provider.start())
    first, second = (provider.result(item["id"]) for item in items)
    assert first.size == second.size == (240, 320)
    assert not same(first.convert("RGB"), second.convert("RGB"))
