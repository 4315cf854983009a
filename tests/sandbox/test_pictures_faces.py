"""Where faces are found and what a swap makes of them, in drawn photos and in the sample photos."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw

from sandbox.bare_skin import find_skin
from sandbox.face_finder import Face, find_faces
from sandbox.head_swap import with_other_hair
from sandbox.heads import Mood, draw_back, draw_head
from sandbox.people import PEOPLE, PEOPLE_BY_KEY, Person
from sandbox.photos import open_upright
from sandbox.sketch import Sketch
from sandbox.swap import swap_model

SHARED = os.environ.get("SHARED_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared/data"
SAMPLES = Path(SHARED) / "models"

# Number, and where the point between the eyes lies (pixels) with half the face's width.
FACES = {
    "m01": [(462, 160, 62)],
    "m02": [(311, 336, 60)],
    "m08": [(224, 101, 52)],
    "m10": [(289, 201, 29)],
    "m11": [(255, 187, 58)],
    "m12": [(157, 160, 56)],
    "m13": [(465, 133, 64)],
    "m14": [(320, 130, 40), (130, 201, 37)],
}
FACELESS = ("m03", "m04", "m05", "m06", "m07", "m09")


def drawn_photo(person: Person, tilt: float = 0.0) -> Image.Image:
    """A drawn head (half width 30 pixels, eyes at 150, 110) over a blue shirt on a grey wall."""
    sketch = Sketch((300, 400), (150, 110), 30, 2)
    draw_back(sketch, person)
    draw_head(sketch, person, Mood())
    head = sketch.finish().rotate(-tilt, Image.Resampling.BICUBIC, center=(150, 110))
    picture = Image.new("RGB", (300, 400), (150, 152, 156))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((132, 120, 168, 190), fill=person.skin)
    draw.rectangle((95, 170, 205, 400), fill=(40, 70, 140))
    for left in (72, 206):
        draw.rectangle((left, 180, left + 22, 330), fill=person.skin)
    picture.paste(head, (0, 0), head)
    return picture


def changed(before: Image.Image, after: Image.Image) -> Image.Image:
    """White where the two differ."""
    bands = ImageChops.difference(before, after).split()
    most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    return most.point([0] + [255] * 255)


def share(mask: Image.Image) -> float:
    return mask.histogram()[255] / (mask.width * mask.height)


def lies_on(face: Face, place: tuple[int, int, int]) -> bool:
    x, y, half = place
    near = abs(face.x - x) < 0.4 * half and abs(face.y - y) < 0.4 * half
    return near and 0.7 < face.half_width / half < 1.4


def sample(key: str) -> Path:
    found = sorted(SAMPLES.glob(f"{key}-*"))
    if not found:
        pytest.skip(f"The sample photo {key} is not in {SAMPLES}.")
    return found[0]


@lru_cache(maxsize=32)
def swapped(path: Path, position: int) -> Image.Image:
    return swap_model(open_upright(path), PEOPLE_BY_KEY["priya"], position=position)


@pytest.mark.parametrize("key", ["amara", "jonas", "freya", "kwame", "bao", "tala"])
def test_a_drawn_face_is_found_where_it_is(key):
    faces = find_faces(drawn_photo(PEOPLE_BY_KEY[key]))
    assert len(faces) == 1
    assert lies_on(faces[0], (150, 110, 30))


@pytest.mark.parametrize("tilt", [-12, 12])
def test_a_tilted_head_is_found_with_its_tilt(tilt):
    (face,) = find_faces(drawn_photo(PEOPLE_BY_KEY["kwame"], tilt))
    assert lies_on(face, (150, 110, 30))
    assert face.tilt * tilt > 0


def test_nothing_that_has_no_face_gets_one():
    blank = Image.new("RGB", (300, 400), (200, 160, 130))
    stripes = Image.new("RGB", (300, 400), (210, 160, 130))
    draw = ImageDraw.Draw(stripes)
    for y in range(0, 400, 14):
        draw.rectangle((0, y, 300, y + 5), fill=(120, 70, 50))
    headless = drawn_photo(PEOPLE_BY_KEY["mei"]).crop((0, 165, 300, 400))
    assert [find_faces(p) for p in (blank, stripes, headless)] == [[], [], []]
    assert find_faces(Image.new("RGB", (1, 1))) == []


def test_a_swap_replaces_the_head_and_leaves_shirt_and_wall(tmp_path):
    before = drawn_photo(PEOPLE_BY_KEY["jonas"])
    path = tmp_path / "photo.png"
    before.save(path)
    for position in (0, 1):
        after = swap_model(open_upright(path), PEOPLE_BY_KEY["amara"], position=position)
        difference = changed(before, after)
        assert share(difference.crop((128, 90, 172, 150))) > 0.95
        assert share(difference.crop((75, 200, 92, 320))) > 0.9  # An arm.
        assert difference.crop((100, 215, 200, 370)).getbbox() is None
        assert difference.crop((0, 0, 40, 400)).getbbox() is None


def test_the_two_pictures_show_different_heads(tmp_path):
    path = tmp_path / "photo.png"
    drawn_photo(PEOPLE_BY_KEY["jonas"]).save(path)
    first, second = (
        swap_model(open_upright(path), PEOPLE_BY_KEY["clara"], position=n) for n in (0, 1)
    )
    assert share(changed(first, second).crop((115, 60, 185, 155))) > 0.6


def test_a_hat_stays_on(tmp_path):
    before = drawn_photo(PEOPLE_BY_KEY["jonas"])
    draw = ImageDraw.Draw(before)
    hat = (222, 214, 200)
    draw.rounded_rectangle((122, 40, 178, 98), 16, fill=hat)
    draw.ellipse((92, 82, 208, 101), fill=hat)
    path = tmp_path / "hat.png"
    before.save(path)
    assert len(find_faces(before)) == 1
    after = swap_model(open_upright(path), PEOPLE_BY_KEY["amara"], position=0)
    difference = changed(before, after)
    assert share(difference.crop((126, 44, 174, 84))) < 0.05
    assert share(difference.crop((132, 112, 168, 145))) > 0.95


def test_skin_is_found_by_the_tone_of_the_face():
    photo = drawn_photo(PEOPLE_BY_KEY["mei"])
    ImageDraw.Draw(photo).rectangle((240, 100, 300, 400), fill=(176, 120, 70))  # A wooden door.
    skin = find_skin(photo, find_faces(photo))
    arm, door, shirt = ((76, 200, 90, 320), (245, 110, 300, 390), (105, 215, 195, 390))
    assert min(skin.crop(arm).tobytes()) > 200
    assert max(skin.crop(door).tobytes()) == 0
    assert max(skin.crop(shirt).tobytes()) == 0


def test_other_hair_is_another_style_of_the_same_colour():
    for person in PEOPLE:
        other = with_other_hair(person)
        assert (other.key, other.hair, other.skin) == (person.key, person.hair, person.skin)
    assert with_other_hair(PEOPLE_BY_KEY["priya"]).style == "ponytail"


@pytest.mark.parametrize("key", sorted(FACES))
def test_every_face_of_the_sample_photos_is_found(key):
    faces = find_faces(open_upright(sample(key)))
    assert len(faces) == len(FACES[key])
    assert all(any(lies_on(face, place) for face in faces) for place in FACES[key])


@pytest.mark.parametrize("key", FACELESS)
def test_sample_photos_without_a_face_have_none(key):
    assert find_faces(open_upright(sample(key))) == []


@pytest.mark.parametrize("key", sorted(FACES))
def test_both_pictures_of_a_sample_photo_show_a_new_face_and_differ(key):
    path = sample(key)
    before = open_upright(path)
    first, second = swapped(path, 0), swapped(path, 1)
    for x, y, half in FACES[key]:
        face = (x - half // 2, y - half // 4, x + half // 2, y + half)
        assert share(changed(before, first).crop(face)) > 0.97
        assert share(changed(before, second).crop(face)) > 0.97
        assert share(changed(first, second).crop(face)) > 0.6


# Boxes that must keep every pixel: garments, and walls beside the person.
KEPT = {
    "m01": [(420, 380, 620, 580), (130, 960, 250, 1120), (0, 0, 120, 500), (450, 800, 500, 900)],
    "m02": [(435, 500, 480, 560), (0, 0, 120, 500)],
    "m03": [(300, 400, 900, 1300)],
    "m06": [(300, 600, 500, 1000)],
    "m08": [(60, 320, 240, 420), (400, 20, 500, 200)],
    "m10": [(280, 400, 340, 560), (0, 600, 200, 768)],
    "m11": [(180, 430, 330, 500)],
    "m13": [(410, 400, 550, 500), (430, 640, 560, 800), (0, 0, 250, 900)],
    "m14": [(330, 270, 380, 370), (500, 0, 600, 160)],
}


@pytest.mark.parametrize("key", sorted(KEPT))
def test_garments_and_walls_of_a_sample_photo_keep_every_pixel(key):
    path = sample(key)
    before = open_upright(path)
    for position in (0, 1):
        difference = changed(before, swapped(path, position))
        assert [difference.crop(box).getbbox() for box in KEPT[key]] == [None] * len(KEPT[key])
