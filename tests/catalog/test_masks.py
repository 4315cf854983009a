"""A mask goes with its picture pixel by pixel: white changes, black stays, and nothing else is in it."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from catalog import limited
from catalog.limited import NotAPicture
from catalog.models import Asset, Product
from catalog.renditions import check_mask, fitted_copy, fitted_mask, store_result
from tests.catalog.conftest import sha256, stored

pytestmark = pytest.mark.django_db

SEND_BYTES = 10 * 2**20
SIZE = (300, 400)


@pytest.fixture
def keep(product: Product, tmp_path: Path) -> Callable[..., Asset]:
    """Store a picture as an asset of its own."""

    def keep_picture(image: Image.Image, name: str, **options: Any) -> Asset:
        path = tmp_path / name
        image.save(path, **options)
        asset = store_result(
            team=product.team, product=product, by=None, path=path, name=name, key=f"t/x/src/{name}"
        )
        asset.save()
        return asset

    return keep_picture


@pytest.fixture
def photo(keep: Callable[..., Asset]) -> Asset:
    """A photo of 300 x 400 pixels."""
    return keep(Image.new("RGB", SIZE, (200, 180, 160)), "photo.jpg")


def painted(mode: str = "L", size: tuple[int, int] = SIZE) -> Image.Image:
    """Black with a white circle in the upper left quarter."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).ellipse((20, 20, size[0] // 2, size[1] // 2), fill=255)
    return mask.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pure_black_and_white_goes_in_any_mode(
    mode: str, keep: Callable[..., Asset], photo: Asset
) -> None:
    mask = painted("L").point(lambda level: level * 257, "I").convert("I;16") if mode == "I;16" else painted(mode)  # fmt: skip

    assert check_mask(keep(mask, "mask.png"), photo) == ""


def soft() -> Image.Image:
    """One pixel is nearly white."""
    mask = painted()
    mask.putpixel((100, 100), 254)
    return mask


def see_through() -> Image.Image:
    mask = painted("RGBA")
    mask.putpixel((0, 0), (0, 0, 0, 0))
    return mask


GREYS = (
    "The mask has greys or colours. Paint it in pure black and white, without soft edges, and save "
    "it as PNG: JPEG turns edges grey."
)


@pytest.mark.parametrize(
    ("_case", "mask", "name", "sentence"),
    [
        ("a grey pixel", soft, "mask.png", GREYS),
        ("edges of JPEG", painted, "mask.jpg", GREYS),
        ("two colours", lambda: Image.new("RGB", SIZE, (255, 0, 0)), "mask.png", GREYS),
        (
            "transparent parts",
            see_through,
            "mask.png",
            "The mask has transparent parts. Fill them with black, the part to change with white, "
            "and save it as PNG.",
        ),
        (
            "all black",
            lambda: Image.new("L", SIZE, 0),
            "mask.png",
            "The mask is all black, so nothing would change. Paint the part to change white.",
        ),
        (
            "another size",
            lambda: painted(size=(300, 401)),
            "mask.png",
            "The mask has 300 by 401 pixels and its picture 300 by 400. Save the mask with exactly "
            "the size of the picture.",
        ),
    ],
)
def test_any_other_mask_is_refused_with_the_cure(
    _case: str,
    mask: Callable[[], Image.Image],
    name: str,
    sentence: str,
    keep: Callable[..., Asset],
    photo: Asset,
) -> None:
    assert check_mask(keep(mask(), name), photo) == sentence


def test_a_mask_has_the_size_that_people_see(keep: Callable[..., Asset]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = keep(Image.new("RGB", (400, 300), "white"), "lying.jpg", exif=exif)

    assert check_mask(keep(painted(), "mask.png"), lying) == ""
    assert check_mask(keep(painted(size=(400, 300)), "turned.png"), lying) != ""


def test_12_megapixels_add_less_than_100_milliseconds_to_a_check(tmp_path: Path) -> None:
    """Of processor time, which other work on the machine does not stretch."""
    used: dict[str, float] = {}
    for name, size in (("small", (64, 64)), ("large", (4000, 3000))):
        path = tmp_path / f"{name}.png"
        painted(size=size).save(path)
        took = []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            limited.inspect_mask(path)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        used[name] = min(took)

    assert used["large"] - used["small"] < 0.1


def test_a_fitted_mask_has_exactly_the_pixels_of_the_fitted_copy(
    keep: Callable[..., Asset], photo: Asset, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = keep(painted("RGBA"), "mask.png")
    copy = fitted_copy(photo, max_side=131, max_bytes=SEND_BYTES)
    size = (copy.width, copy.height)

    fitted = fitted_mask(mask, size=size, max_bytes=SEND_BYTES)
    monkeypatch.setattr(limited, "fit_mask", None)
    again = fitted_mask(mask, size=size, max_bytes=SEND_BYTES)

    assert again == fitted
    assert (fitted.purpose, fitted.format) == ("mask-98x131-10485760b", "png")
    assert (fitted.width, fitted.height) == size == (98, 131)
    assert (fitted.bytes, fitted.sha256) == (
        (files / fitted.key).stat().st_size,
        sha256(files / fitted.key),
    )
    with Image.open(files / fitted.key) as image:
        assert (image.mode, image.size) == ("L", (98, 131))
        assert sorted(level for __, level in image.getcolors() or ()) == [0, 255]
        assert [image.getpixel(spot) for spot in ((28, 38), (90, 120))] == [255, 0]


def test_greys_that_were_never_inspected_are_not_sent(
    keep: Callable[..., Asset], files: Path
) -> None:
    mask = keep(Image.linear_gradient("L"), "mask.png")

    fitted = fitted_mask(mask, size=(256, 256), max_bytes=SEND_BYTES)

    with Image.open(files / fitted.key) as image:
        assert image.getcolors() == [(256 * 128, 0), (256 * 128, 255)]


def test_a_turned_mask_is_sent_upright(keep: Callable[..., Asset], files: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = painted().transpose(Image.Transpose.ROTATE_90)
    mask = keep(lying, "mask.png", exif=exif)

    fitted = fitted_mask(mask, size=SIZE, max_bytes=SEND_BYTES)

    with Image.open(files / fitted.key) as image:
        assert image.tobytes() == painted().tobytes()


def test_a_mask_that_cannot_be_small_enough_is_refused(
    keep: Callable[..., Asset], files: Path
) -> None:
    noise = Image.effect_noise((300, 300), 200).point(lambda level: 255 if level > 127 else 0)
    mask = keep(noise, "mask.png")

    with pytest.raises(NotAPicture, match="cannot be made small enough"):
        fitted_mask(mask, size=(300, 300), max_bytes=1000)

    assert stored(files) == [mask.key]
    assert not mask.renditions.exists()
