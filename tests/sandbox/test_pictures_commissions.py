"""What every task of a commission makes: its region changes, the rest stays, A and B differ."""

from __future__ import annotations

import os
import time
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops, ImageDraw

from sandbox.commissions import TASKS, Commission, make
from sandbox.people import PEOPLE_BY_KEY
from sandbox.photos import open_upright
from tests.sandbox.test_pictures_faces import drawn_photo

SHARED = Path(
    os.environ.get("SHARED_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared/data"
)
WALL, SHIRT, ARM = (5, 5, 60, 300), (105, 215, 195, 390), (75, 200, 90, 320)
"""Boxes of `drawn_photo`: what is behind, what is worn, and skin."""


def changed(before: Image.Image, after: Image.Image) -> Image.Image:
    """White where the two differ."""
    bands = ImageChops.difference(before.convert("RGB"), after.convert("RGB")).split()
    most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    return most.point([0] + [255] * 255)


def share(mask: Image.Image) -> float:
    return mask.histogram()[255] / (mask.width * mask.height)


def mean(picture: Image.Image, box: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """The mean colour of a box."""
    pixel = picture.convert("RGB").crop(box).resize((1, 1), Image.Resampling.BOX).tobytes()
    return pixel[0], pixel[1], pixel[2]


def bounds(mask: Image.Image) -> tuple[int, int, int, int]:
    """The box of what is not black, which must be something."""
    box = mask.getbbox()
    assert box is not None, "all black"
    return box


def without_mark(picture: Image.Image) -> Image.Image:
    """All but the lowest rows, where the mark is."""
    return picture.crop((0, 0, picture.width, picture.height - 20))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files by name: a person, a red garment on white, a mug on grey, and a mask of the shirt."""
    person = drawn_photo(PEOPLE_BY_KEY["jonas"])
    garment = Image.new("RGB", (300, 300), (255, 255, 255))
    draw = ImageDraw.Draw(garment)
    draw.polygon([(30, 60), (100, 40), (200, 40), (270, 60), (250, 120), (215, 110), (215, 270),
                  (85, 270), (85, 110), (50, 120)], fill=(200, 30, 40))  # fmt: skip
    draw.rectangle((130, 130, 170, 170), fill=(250, 220, 60))
    mug = Image.new("RGB", (240, 240), (225, 226, 228))
    ImageDraw.Draw(mug).rounded_rectangle((80, 70, 160, 180), 12, fill=(20, 90, 60))
    mask = Image.new("L", person.size, 0)
    ImageDraw.Draw(mask).rectangle((110, 220, 190, 300), fill=255)
    beach = Image.new("RGB", (90, 60), (240, 210, 120))
    folder, files = tmp_path_factory.mktemp("pictures"), {}
    for name, picture in {
        "person": person, "garment": garment, "mug": mug, "mask": mask, "beach": beach,
    }.items():  # fmt: skip
        files[name] = folder / f"{name}.png"
        picture.save(files[name])
    return files


def made(tmp_path: Path, task: str, files: dict[str, Path], **rest: object) -> Image.Image:
    """The picture that the task makes, as it can be read from its file."""
    to = tmp_path / f"{task}.result"
    extension = make(Commission(task, files, **rest), to)  # type: ignore[arg-type]
    with Image.open(to) as opened:
        assert opened.format == {"png": "PNG", "jpeg": "JPEG"}[extension]
        opened.load()
        return opened.copy()


def both(tmp_path: Path, task: str, files: dict[str, Path], **rest: object) -> list[Image.Image]:
    return [made(tmp_path, task, files, position=n, **rest) for n in (0, 1)]


def test_a_try_on_puts_the_garment_where_the_shirt_is_and_nowhere_else(tmp_path, pictures):
    before = open_upright(pictures["person"])
    files = {"photo": pictures["person"], "garment": pictures["garment"]}
    first, second = both(tmp_path, "try_on", files, options={"part": "top"})
    for after in (first, second):
        assert after.size == before.size
        red, _, blue = mean(after, SHIRT)
        assert red > 120
        assert red > 2 * blue  # It was blue.
        difference = without_mark(changed(before, after))
        assert [difference.crop(box).getbbox() for box in (WALL, ARM, (100, 40, 200, 150))] == (
            [None] * 3
        )
    assert share(changed(first, second).crop(SHIRT)) > 0.5


def test_an_accessory_stays_within_its_mask(tmp_path, pictures):
    before = open_upright(pictures["person"])
    files = {"photo": pictures["person"], "product": pictures["mug"], "mask": pictures["mask"]}
    first, second = both(tmp_path, "accessory", files)
    for after in (first, second):
        left, top, right, bottom = bounds(without_mark(changed(before, after)))
        assert left >= 110 and top >= 220 and right <= 191 and bottom <= 301
    red, green, blue = mean(first, (150, 260, 151, 261))
    assert green > red and green > blue  # The mug, in the middle of the mask.
    assert share(changed(first, second).crop((110, 220, 190, 300))) > 0.1


@pytest.mark.parametrize(
    "prompt",
    ["make it red", "remove the stain", "nicer please", "a beach in the background", "at night"],
)
def test_an_edit_keeps_every_pixel_outside_its_mask(tmp_path, pictures, prompt):
    before = open_upright(pictures["person"])
    files = {"photo": pictures["person"], "mask": pictures["mask"]}
    for after in both(tmp_path, "edit", files, options={"prompt": prompt}):
        box = bounds(without_mark(changed(before, after)))
        assert box[0] >= 110 and box[1] >= 220 and box[2] <= 191 and box[3] <= 301


def test_an_edit_dyes_what_its_words_name(tmp_path, pictures):
    files = {"photo": pictures["person"]}
    first, second = both(tmp_path, "edit", files, options={"prompt": "make the shirt red"})
    before = open_upright(pictures["person"])
    red, green, blue = mean(first, (150, 300, 151, 301))
    assert red > green + 60 and red > blue + 60
    assert without_mark(changed(before, first)).crop(WALL).getbbox() is None
    assert share(changed(first, second).crop(SHIRT)) > 0.9


def test_an_edit_that_names_nothing_still_shows(tmp_path, pictures):
    first, second = both(
        tmp_path,
        "edit",
        {"photo": pictures["person"]},
        options={"prompt": "more like in a magazine"},
    )
    assert share(changed(open_upright(pictures["person"]), first)) > 0.9
    assert share(changed(first, second)) > 0.9


@pytest.mark.parametrize(
    ("_case", "options", "scene", "with_picture"),
    [
        ("preset", {}, "beach", False),
        ("words", {"prompt": "a brick loft"}, "", False),
        ("picture", {}, "", True),
    ],
)
def test_another_background_leaves_the_person(
    tmp_path, pictures, _case, options, scene, with_picture
):
    files = {"photo": pictures["person"]}
    if with_picture:
        files["background"] = pictures["beach"]
    before = open_upright(pictures["person"])
    first = made(tmp_path, "background", files, options=options, scene=scene)
    difference = changed(before, first)
    assert share(difference.crop(WALL)) > 0.98
    assert difference.crop((110, 220, 190, 370)).getbbox() is None
    assert difference.crop((136, 95, 164, 140)).getbbox() is None  # The face.
    if not with_picture:
        second = made(tmp_path, "background", files, options=options, scene=scene, position=1)
        assert share(changed(first, second).crop(WALL)) > 0.7


def test_a_plain_background_is_the_very_colour_and_keeps_what_the_mask_keeps(tmp_path, pictures):
    files = {"photo": pictures["person"], "mask": pictures["mask"]}
    after = made(tmp_path, "background", files, options={"colour": "#80c699"})
    assert after.getpixel((20, 20)) == after.getpixel((150, 110)) == (0x80, 0xC6, 0x99)
    assert (
        changed(open_upright(pictures["person"]), after).crop((115, 225, 185, 295)).getbbox()
        is None
    )


def test_a_scale_shrinks_the_subject_where_it_stands(tmp_path, pictures):
    half = {"colour": "#ffffff", "scale": 0.5}
    after = made(tmp_path, "background", {"photo": pictures["mug"]}, options=half)
    whole = made(tmp_path, "background", {"photo": pictures["mug"]}, options={"colour": "#ffffff"})
    white = Image.new("RGB", (240, 240), (255, 255, 255))
    boxes = [bounds(without_mark(changed(white, picture))) for picture in (whole, after)]
    widths = [right - left for left, _, right, _ in boxes]
    assert 0.4 < widths[1] / widths[0] < 0.62
    assert abs(boxes[0][3] - boxes[1][3]) < 8


def test_a_cut_out_is_the_product_alone(tmp_path, pictures):
    after = made(tmp_path, "cutout", {"photo": pictures["mug"]}, options={"format": "jpeg"})
    assert after.mode == "RGBA"
    alpha = after.getchannel("A")
    assert alpha.getpixel((120, 120)) == 255
    assert max(alpha.crop((0, 0, 70, 200)).tobytes()) == 0
    assert after.getpixel((120, 120)) == (20, 90, 60, 255)


def test_a_cut_out_keeps_the_outline_that_a_picture_already_has(tmp_path, pictures):
    given = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    ImageDraw.Draw(given).rectangle((50, 50, 150, 150), fill=(250, 250, 250, 255))
    given.save(tmp_path / "clear.png")
    after = made(tmp_path, "cutout", {"photo": tmp_path / "clear.png"})
    assert after.getchannel("A").crop((0, 0, 200, 180)).getbbox() == (50, 50, 151, 151)


@pytest.mark.parametrize(
    ("options", "white", "black"),
    [
        ({"kind": "MODEL"}, (136, 100, 164, 380), (5, 5, 60, 390)),
        ({"kind": "CLOTHING"}, (115, 230, 185, 380), (5, 5, 60, 390)),
        ({"prompt": "the shirt"}, (115, 230, 185, 380), (136, 100, 164, 140)),
        ({"prompt": "skin"}, (77, 210, 89, 310), (115, 230, 185, 380)),
        ({"prompt": "background"}, (5, 5, 60, 390), (115, 230, 185, 380)),
    ],
)
def test_a_segment_is_pure_black_and_white_in_the_photos_size(
    tmp_path, pictures, options, white, black
):
    mask = made(tmp_path, "segment", {"photo": pictures["person"]}, options=options)
    assert (mask.mode, mask.size) == ("L", (300, 400))
    assert sum(mask.histogram()[1:255]) == 0
    assert mask.info["Comment"] == "SANDBOX"
    assert share(mask.crop(white)) > 0.97
    assert share(mask.crop(black)) < 0.01


def test_a_segment_can_be_expanded(tmp_path, pictures):
    boxes = [
        bounds(made(tmp_path, "segment", {"photo": pictures["mug"]}, options={"expand": n}))
        for n in (0, 12, -12)
    ]
    (left, top, right, bottom), wide, narrow = boxes
    assert wide == (left - 12, top - 12, right + 12, bottom + 12)
    assert narrow[0] > left + 9 and narrow[2] < right - 9


@pytest.mark.parametrize(
    ("ratio", "size"), [("16:9", (711, 400)), ("9:16", (300, 533)), ("1:1", (400, 400))]
)
def test_a_reframe_keeps_the_photo_pixel_for_pixel_in_the_middle(tmp_path, pictures, ratio, size):
    before = open_upright(pictures["person"])
    first, second = both(
        tmp_path, "reframe", {"photo": pictures["person"]}, options={"ratio": ratio}
    )
    assert first.size == second.size == size
    left, top = (size[0] - 300) // 2, (size[1] - 400) // 2
    middle = first.crop((left, top, left + 300, top + 380))
    assert changed(before.crop((0, 0, 300, 380)), middle).getbbox() is None
    assert changed(first, second).getbbox() is not None


def test_no_result_has_more_pixels_than_asked_for(tmp_path, pictures):
    files = {"photo": pictures["person"], "garment": pictures["garment"],
             "product": pictures["mug"], "face": pictures["person"]}  # fmt: skip
    for task in TASKS.keys() - {"segment"}:
        after = made(tmp_path, task, files, options={"area": 20_000, "ratio": "4:5", "prompt": ""})
        assert after.width * after.height <= 20_000, task
        assert min(after.size) > 60


@pytest.mark.parametrize("task", ["product_to_model", "create_model", "face_to_model"])
def test_new_people_have_the_ratio_asked_for_and_differ(tmp_path, pictures, task):
    files = {"product": pictures["mug"]} if task == "product_to_model" else {}
    if task == "face_to_model":
        files = {"face": pictures["person"]}
    options = {"ratio": "4:5", "area": 80_000, "prompt": "woman, red bob"}
    first, second = both(tmp_path, task, files, options=options, seed=4)
    assert first.size == second.size == (248, 312)
    assert share(changed(first, second)) > 0.5
    assert changed(first, made(tmp_path, task, files, options=options, seed=4)).getbbox() is None
    other = made(tmp_path, task, files, options=options, seed=5)
    assert share(changed(first, other)) > 0.2


def test_a_product_is_held_before_the_background_given(tmp_path, pictures):
    files = {"product": pictures["mug"], "background": pictures["beach"]}
    options = {"ratio": "3:4", "area": 120_000, "prompt": "mug"}
    after = made(tmp_path, "product_to_model", files, options=options)
    assert after.getpixel((10, 10)) == (240, 210, 120)
    pixels = after.crop((100, 150, 200, 380)).tobytes()
    greens = zip(pixels[0::3], pixels[1::3], pixels[2::3], strict=True)
    assert sum(g > r + 40 and g > b for r, g, b in greens) > 600  # The mug.


def test_a_new_model_has_the_skin_of_the_face_given(tmp_path, pictures):
    skins = []
    for key in ("kwame", "freya"):
        drawn_photo(PEOPLE_BY_KEY[key]).save(tmp_path / f"{key}.png")
        after = made(tmp_path, "face_to_model", {"face": tmp_path / f"{key}.png"},
                     options={"area": 80_000})  # fmt: skip
        middle = after.width // 2
        box = (middle - 8, round(after.height * 0.42), middle + 8, round(after.height * 0.46))
        skins.append(sum(mean(after, box)) // 3)
    assert skins[0] + 60 < skins[1]


@pytest.mark.parametrize("with_end", [False, True])
def test_a_video_plays_for_as_long_as_asked(tmp_path, pictures, with_end):
    files = {"photo": pictures["person"]}
    if with_end:
        files["end"] = pictures["beach"]
    to = tmp_path / "film"
    assert make(Commission("video", files, {"seconds": 5, "height": 240}), to) == "mp4"
    with av.open(str(to)) as film:
        stream = film.streams.video[0]
        frames = [frame.to_image() for frame in film.decode(stream)]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == (240, 320)
        assert film.duration is not None
        assert film.duration / av.time_base == pytest.approx(5, abs=0.2)
    assert len(frames) == 50
    assert share(changed(frames[0], frames[-1])) > 0.2
    if with_end:
        red, green, blue = mean(frames[-1], (118, 98, 122, 102))
        assert abs(red - 240) < 12 and abs(green - 210) < 12 and abs(blue - 120) < 14


@pytest.mark.parametrize("task", [*TASKS, "video"])
def test_a_plain_copy_is_quick_and_of_the_tasks_own_kind(tmp_path, pictures, task):
    files = {"photo": pictures["person"], "face": pictures["person"]}
    kinds, contents = set(), set()
    taken = []
    for position in (0, 1):
        to = tmp_path / "plain"
        commission = Commission(task, files, {"prompt": "a"}, position=position)
        begun = time.perf_counter()
        kinds.add(make(commission, to, plain=True))
        taken.append(time.perf_counter() - begun)
        contents.add(to.read_bytes())
    assert kinds == {"mp4" if task == "video" else "png"}
    assert len(contents) == (1 if task == "segment" else 2)
    assert min(taken) < 0.25  # A few milliseconds, on a machine that does nothing else.


@pytest.mark.parametrize("task", sorted(TASKS.keys() - {"segment", "cutout"}))
def test_four_pictures_of_one_task_all_differ_and_are_the_same_each_time(tmp_path, pictures, task):
    files = {"photo": pictures["person"], "garment": pictures["garment"],
             "product": pictures["mug"], "face": pictures["person"]}  # fmt: skip
    if task == "edit":
        files["mask"] = pictures["mask"]
    options = {"prompt": "remove it", "ratio": "4:5", "area": 20_000, "part": "top"}

    def four() -> list[bytes]:
        return [
            made(tmp_path, task, files, options=options, position=n, seed=3).tobytes()
            for n in range(4)
        ]

    once = four()
    assert len(set(once)) == 4
    assert four() == once


def test_glasses_named_in_a_try_on_go_to_the_eyes(tmp_path, pictures):
    files = {"photo": pictures["person"], "garment": pictures["mug"]}
    after = made(tmp_path, "try_on", files, options={"prompt": "wearing sunglasses"})
    left, top, right, bottom = bounds(
        without_mark(changed(open_upright(pictures["person"]), after))
    )
    assert 115 < left < right < 186
    assert 90 < top < bottom < 135


def test_an_unknown_task_and_a_missing_picture_are_said(tmp_path, pictures):
    for task, files in (("knit", {"photo": pictures["person"]}), ("swap", {})):
        with pytest.raises(LookupError):
            make(Commission(task, files), tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("task", sorted(TASKS))
@pytest.mark.parametrize("size", [(1, 1), (30, 400)])
def test_odd_pictures_give_pictures_too(tmp_path, task, size):
    path = tmp_path / "odd.png"
    Image.effect_noise(size, 90).save(path)
    roles = ("photo", "garment", "product", "face", "mask", "background", "context", "reference")
    files = dict.fromkeys(roles if task in ("edit", "accessory") else roles[:4], path)
    options = {"prompt": "blue", "ratio": "4:5", "area": 40_000}
    assert min(made(tmp_path, task, files, options=options).size) > 0


SAMPLES = [("m13", "g02", "top", (410, 400, 540, 500), (0, 0, 250, 900)),
           ("m10", "g11", "bottom", (280, 500, 340, 600), (0, 600, 120, 768))]  # fmt: skip


@pytest.mark.parametrize(("key", "garment", "part", "worn", "kept"), SAMPLES)
def test_sample_photos_wear_sample_garments(tmp_path, key, garment, part, worn, kept):
    found = [sorted(SHARED.glob(f"{place}/{name}-*")) for place, name in
             (("models", key), ("garments", garment))]  # fmt: skip
    if not all(found):
        pytest.skip(f"The sample pictures {key} and {garment} are not in {SHARED}.")
    files = {"photo": found[0][0], "garment": found[1][0]}
    before = open_upright(files["photo"])
    for after in both(tmp_path, "try_on", files, options={"part": part}):
        difference = changed(before, after)
        assert share(difference.crop(worn)) > 0.9
        assert difference.crop(kept).getbbox() is None
