"""Pictures come out upright, in sRGB, within limits, and with nothing but pixels in them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from catalog.images import (
    NotAPicture,
    fit_picture,
    inspect_picture,
    make_rendition,
    make_renditions,
)

MAX_BYTES = 50 * 2**20
MAX_PIXELS = 60_000_000
SEND_BYTES = 10 * 2**20
#: What a private thing looks like inside a file.
TELLING = (b"Exif", b"eXIf", b"EXIF", b"GPS", b"ns.adobe.com", b"XMP", b"<script>", b"ICC_PROFILE")


def corners(path: Path) -> list[str]:
    """The colours of the four quarters, clockwise from the upper left."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    width, height = picture.size
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white"}
    found = []
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)):
        pixel = picture.getpixel((int(width * x), int(height * y)))
        assert isinstance(pixel, tuple)
        red, green, blue = (int(value > 127) for value in pixel)
        found.append(names[red, green, blue])
    return found


def quarters(size: tuple[int, int] = (200, 300)) -> Image.Image:
    """Red, green, blue and white quarters, clockwise from the upper left."""
    picture = Image.new("RGB", size, "white")
    drawing = ImageDraw.Draw(picture)
    middle_x, middle_y = size[0] // 2, size[1] // 2
    drawing.rectangle((0, 0, middle_x, middle_y), fill=(255, 0, 0))
    drawing.rectangle((middle_x, 0, size[0], middle_y), fill=(0, 255, 0))
    drawing.rectangle((middle_x, middle_y, *size), fill=(0, 0, 255))
    return picture


def private_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Secret Camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return exif


BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_is_upright_whichever_way_the_camera_was_held(orientation: int, tmp_path: Path) -> None:
    stored = quarters()
    back = BACK[orientation]
    if back is not None:
        stored = stored.transpose(back)
    source = tmp_path / "camera.jpg"
    stored.save(source, exif=private_exif(orientation), quality=95)

    told = inspect_picture(source, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
    fitted = fit_picture(source, tmp_path / "fitted", max_side=4096, max_bytes=SEND_BYTES)
    thumb = make_rendition(source, tmp_path / "thumb", max_side=150)

    assert (told.width, told.height) == (fitted.width, fitted.height) == (200, 300)
    assert (thumb.width, thumb.height) == (100, 150)
    for name in ("fitted", "thumb"):
        assert corners(tmp_path / name) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("format_", ["jpeg", "png", "webp"])
def test_carries_no_place_no_comment_and_no_profile(format_: str, tmp_path: Path) -> None:
    source = tmp_path / "private"
    xmp = b'<x:xmpmeta xmlns:x="http://ns.adobe.com/xap/1.0/">where I live</x:xmpmeta>'
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, object] = {"exif": private_exif(6), "icc_profile": profile}
    if format_ == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "<script>alert(1)</script>")
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options["pnginfo"] = info
    else:
        options["xmp"] = xmp
    if format_ == "jpeg":
        options["comment"] = b"<script>alert(1)</script>"
    quarters().save(source, format_, **options)
    assert any(word in source.read_bytes() for word in TELLING)

    fit_picture(source, tmp_path / "fitted", max_side=4096, max_bytes=SEND_BYTES)
    for only in ("jpeg", "png", "webp"):
        fit_picture(source, tmp_path / only, max_side=150, max_bytes=SEND_BYTES, formats=[only])
    make_renditions(source, [(tmp_path / "thumb", 160), (tmp_path / "screen", 1600)])

    for name in ("fitted", "jpeg", "png", "webp", "thumb", "screen"):
        written = (tmp_path / name).read_bytes()
        assert [word for word in TELLING if word in written] == [], name
        with Image.open(tmp_path / name) as image:
            assert len(image.getexif()) == 0
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "loop",
                                       "background", "timestamp", "duration"}  # fmt: skip


def test_a_24_megapixel_photo_of_a_camera_just_works(tmp_path: Path) -> None:
    grain = Image.effect_noise((3000, 2000), 60).resize((6000, 4000))
    photo = Image.merge("RGB", (grain, grain.rotate(180), grain))
    source = tmp_path / "DSC_0001.JPG"
    photo.save(source, "JPEG", quality=97, exif=private_exif())
    assert source.stat().st_size > SEND_BYTES

    fitted = fit_picture(source, tmp_path / "fitted", max_side=4096, max_bytes=SEND_BYTES)

    assert (fitted.format, fitted.width, fitted.height) == ("jpeg", 4096, 2731)
    assert fitted.bytes == (tmp_path / "fitted").stat().st_size <= SEND_BYTES


def test_shrinks_when_quality_alone_does_not_help(tmp_path: Path) -> None:
    source = tmp_path / "noise.png"
    Image.effect_noise((600, 400), 90).save(source)

    fitted = fit_picture(
        source, tmp_path / "fitted", max_side=4096, max_bytes=20_000, formats=["jpeg"]
    )

    assert fitted.bytes <= 20_000
    assert 64 < fitted.width < 600
    assert fitted.width / fitted.height == pytest.approx(1.5, abs=0.02)


def test_says_when_nothing_is_small_enough(tmp_path: Path) -> None:
    quarters().save(tmp_path / "photo.png")

    with pytest.raises(NotAPicture, match="cannot be made small enough"):
        fit_picture(tmp_path / "photo.png", tmp_path / "fitted", max_side=4096, max_bytes=10)

    assert not (tmp_path / "fitted").exists()


def cut_out() -> Image.Image:
    """A red square on transparent ground whose hidden pixels are green."""
    picture = Image.new("RGBA", (100, 100), (0, 255, 0, 0))
    ImageDraw.Draw(picture).rectangle((25, 25, 75, 75), fill=(255, 0, 0, 255))
    return picture


def test_keeps_transparency_where_the_format_can(tmp_path: Path) -> None:
    cut_out().save(tmp_path / "cut.png")

    fitted = fit_picture(
        tmp_path / "cut.png", tmp_path / "fitted", max_side=4096, max_bytes=SEND_BYTES
    )
    make_rendition(tmp_path / "cut.png", tmp_path / "thumb", max_side=160)

    assert fitted.format == "png"
    for name in ("fitted", "thumb"):
        with Image.open(tmp_path / name) as image:
            assert image.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_transparent_becomes_white_in_a_jpeg(tmp_path: Path) -> None:
    cut_out().save(tmp_path / "cut.png")

    fit_picture(
        tmp_path / "cut.png",
        tmp_path / "fitted",
        max_side=4096,
        max_bytes=SEND_BYTES,
        formats=["jpeg"],
    )

    with Image.open(tmp_path / "fitted") as image:
        assert min(image.getpixel((5, 5))) > 250  # type: ignore[arg-type]


def test_an_opaque_png_with_an_alpha_channel_is_sent_as_jpeg(tmp_path: Path) -> None:
    quarters().convert("RGBA").save(tmp_path / "opaque.png")

    fitted = fit_picture(
        tmp_path / "opaque.png", tmp_path / "fitted", max_side=4096, max_bytes=SEND_BYTES
    )

    assert fitted.format == "jpeg"


def test_a_palette_with_a_transparent_colour_stays_transparent(tmp_path: Path) -> None:
    picture = Image.new("P", (100, 100), 0)
    picture.putpalette([0, 255, 0, 255, 0, 0])
    ImageDraw.Draw(picture).rectangle((25, 25, 75, 75), fill=1)
    picture.save(tmp_path / "palette.png", transparency=0)

    make_rendition(tmp_path / "palette.png", tmp_path / "thumb", max_side=160)

    with Image.open(tmp_path / "thumb") as image:
        shown = image.convert("RGBA")
    assert shown.getpixel((5, 5))[3] == 0  # type: ignore[index]
    red, green, blue, alpha = shown.getpixel((50, 50))  # type: ignore[misc]
    assert (red > 240, green < 15, blue < 15, alpha) == (True, True, True, 255)


def test_sixteen_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    picture = Image.new("I;16", (128, 128), 128 * 257)
    picture.save(tmp_path / "grey.png")

    told = inspect_picture(tmp_path / "grey.png", max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)

    assert told.average_colour == "#808080"


def test_transparent_parts_count_as_white_in_the_average_colour(tmp_path: Path) -> None:
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(tmp_path / "nothing.png")

    told = inspect_picture(tmp_path / "nothing.png", max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)

    assert told.average_colour == "#ffffff"


@pytest.mark.parametrize(("size", "expected"), [((940, 2), (160, 1)), ((2, 940), (1, 160))])
def test_a_sliver_keeps_at_least_one_pixel(
    size: tuple[int, int], expected: tuple[int, int], tmp_path: Path
) -> None:
    Image.new("RGB", size).save(tmp_path / "sliver.png")

    thumb = make_rendition(tmp_path / "sliver.png", tmp_path / "thumb", max_side=160)

    assert (thumb.width, thumb.height) == expected


def test_never_enlarges(tmp_path: Path) -> None:
    quarters((80, 90)).save(tmp_path / "small.jpg")

    thumb = make_rendition(tmp_path / "small.jpg", tmp_path / "thumb", max_side=1600)
    fitted = fit_picture(
        tmp_path / "small.jpg", tmp_path / "fitted", max_side=4096, max_bytes=SEND_BYTES
    )

    assert (thumb.width, thumb.height) == (fitted.width, fitted.height) == (80, 90)


@pytest.mark.parametrize(("size", "taken"), [((64, 64), True), ((63, 500), False)])
def test_asks_for_64_pixels_on_each_side(
    size: tuple[int, int], taken: bool, tmp_path: Path
) -> None:
    Image.new("RGB", size).save(tmp_path / "photo.png")

    if taken:
        inspect_picture(tmp_path / "photo.png", max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
        return
    with pytest.raises(NotAPicture) as refusal:
        inspect_picture(tmp_path / "photo.png", max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
    assert refusal.value.sentence == (
        "This picture has 63 by 500 pixels. Use one with at least 64 pixels on each side."
    )


def test_judges_the_size_of_the_file_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (2 * 2**20 + 1))

    with pytest.raises(NotAPicture) as refusal:
        inspect_picture(tmp_path / "large", max_bytes=2 * 2**20, max_pixels=MAX_PIXELS)

    assert refusal.value.sentence == "This file has 3 MB. Diptych takes up to 2 MB."


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\0\0\0\x20ftypheic\0\0\0\0mif1heic", "This is a HEIC photo."),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1heic", "This is a HEIC photo."),
        (b"\0\0\0\x20ftypavif\0\0\0\0mif1avif", "This is an AVIF picture."),
        (b"\0\0\0\x20ftypisom\0\0\0\0mp41", "This is a video."),
        (b"%PDF-1.7\n%\xe2\xe3", "This is a PDF document."),
        (b"8BPS\0\1", "This is a Photoshop file."),
        (b"BM\x36\0\0\0", "This is a BMP picture."),
        (b"<!doctype html><html>", "This is a text file"),
        (b"\0\1\2\3\4\5", "This is not a picture that Diptych can read."),
    ],
)
def test_names_what_it_does_not_take(head: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(head + bytes(100) if b"<" not in head else head)

    with pytest.raises(NotAPicture) as refusal:
        inspect_picture(tmp_path / "photo.jpg", max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)

    assert refusal.value.sentence.startswith(words)


def test_a_jpeg_cut_anywhere_is_never_taken_and_never_crashes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    quarters().save(buffer, "JPEG")
    whole = buffer.getvalue()
    path = tmp_path / "cut.jpg"

    for length in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(NotAPicture):
            inspect_picture(path, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
