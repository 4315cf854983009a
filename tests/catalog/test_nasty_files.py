"""Forty files nobody here made go through the whole upload: each is a good asset or one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import Client

from catalog import limited
from catalog.checking import check_upload
from catalog.models import Asset, Product, Upload
from catalog.renditions import SHOWN, fitted_copy, make_renditions
from catalog.storage import storage
from tests.catalog.conftest import ask_ticket, bring, stored

NASTY = (
    Path(
        os.environ.get("SHARED_DATA_DIR")
        or Path(__file__).resolve().parents[2].parent / "shared/data"
    )
    / "nasty"
)
pytestmark = [
    pytest.mark.skipif(not NASTY.is_dir(), reason=f"no folder of nasty pictures at {NASTY}"),
    pytest.mark.django_db,
]

MOVES = "This picture moves."
DAMAGED = "file is damaged or incomplete."
LARGE = "This picture has more than 60 megapixels."

#: File to (format, width, height as people see it) where it is taken, else words of the refusal.
OUTCOMES: dict[str, tuple[str, int, int] | str] = {
    "animated-6-frames.webp": MOVES,
    "animated-apng.png": MOVES,
    "arithmetic-coded.jpg": "This picture has 10 by 10 pixels.",
    "bad-exif.jpg": ("jpeg", 500, 500),
    "bomb-16384x16384.png": LARGE,
    "bomb-44-bytes.gif": "This is a GIF picture.",
    "bomb-ztxt.png": "This PNG carries far too much text.",
    "cmyk-adobe.jpg": ("jpeg", 100, 100),
    "colorchecker-eciRGB.jpg": ("jpeg", 538, 439),
    "colorchecker-sRGB.jpg": ("jpeg", 538, 439),
    "corrupt.png": DAMAGED,
    "empty.heic": "This file is empty.",
    "exif5-landscape-mirrored.jpg": ("jpeg", 1800, 1200),
    "exif6-portrait.jpg": ("jpeg", 1200, 1800),
    "gps-exif.jpg": "This picture has 8 by 8 pixels.",
    "gray-alpha-16bit.png": "This picture has 32 by 32 pixels.",
    "icc-profile-big.jpg": ("jpeg", 425, 250),
    "imagetragick.png": "This is a text file, not a picture.",
    "iphone-gainmap-mpo.jpg": ("jpeg", 384, 512),
    "junk-header.jpg": ("jpeg", 1024, 768),
    "lab.tif": "This is a TIFF or camera raw file.",
    "large-100mp.jpg": LARGE,
    "one-byte.jpg": "This is not a picture that Diptych can read.",
    "palette-trns.png": "This picture has 32 by 32 pixels.",
    "pixel-1x1.png": "This picture has 1 by 1 pixels.",
    "rgba-16bit.png": ("png", 342, 256),
    "rotated-irot.avif": "This is an AVIF picture.",
    "script.svg": "This is an SVG drawing.",
    "signature-crlf-damaged.png": "This PNG file was damaged on its way.",
    "sliver-940x2.png": "This picture has 940 by 2 pixels.",
    "spaced file.jpg": ("jpeg", 200, 300),
    "stereo.mpo": ("jpeg", 640, 480),
    "text-named.jpg": "This is a text file, not a picture.",
    "tree.heic": "This is a HEIC photo.",
    "truncated.jpg": DAMAGED,
    "truncated.png": DAMAGED,
    "uppercase.PNG": ("png", 434, 66),
    "webp-named-flower.jpg": ("webp", 480, 360),
    "zip-named.png": "This is a ZIP archive.",
    "юникод.jpg": ("jpeg", 720, 720),
}


def test_the_table_names_every_file() -> None:
    assert {path.name for path in NASTY.iterdir()} == set(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_ends_as_a_good_asset_or_as_one_sentence(
    name: str, client_of_alice: Client, product: Product, files: Path
) -> None:
    expected = OUTCOMES[name]
    data = (NASTY / name).read_bytes()
    answer = ask_ticket(client_of_alice, product, name, len(data))
    if not data:
        assert (answer.status_code, answer.json()) == (422, {"error": expected})
        assert not Upload.objects.exists()
        return
    ticket = answer.json()
    assert bring(client_of_alice, ticket, data).status_code == 201
    assert client_of_alice.post(ticket["done_url"]).json()["state"] == "received"

    asset = check_upload(ticket["id"])
    if asset is not None:
        assert make_renditions(asset.pk)

    status = client_of_alice.get(ticket["status_url"]).json()
    product.refresh_from_db()
    product.team.refresh_from_db()
    if isinstance(expected, str):
        assert status["state"] == "refused"
        assert expected in status["error"]
        assert status["error"].endswith(".")
        assert status["tile_html"] is None
        assert not Asset.objects.exists()
        assert (product.photo_count, product.team.storage_bytes) == (0, 0)
        assert stored(files) == []
        return
    assert (status["state"], status["error"]) == ("accepted", "")
    assert f"photo-{Asset.objects.get().pk}" in status["tile_html"]
    assert asset is not None
    assert (asset.format, asset.width, asset.height) == expected
    assert (asset.name, asset.bytes) == (name, len(data))
    assert (product.photo_count, product.primary_photo) == (1, asset)
    assert product.team.storage_bytes == len(data)
    assert storage().size(asset.key) == len(data)
    fitted = fitted_copy(asset, max_side=4096, max_bytes=10 * 2**20)
    assert (fitted.width, fitted.height) == expected[1:]
    kept = [asset.key, fitted.key, *asset.renditions.values_list("key", flat=True)]
    assert asset.renditions.count() == len(SHOWN) + 1
    assert stored(files) == sorted(set(kept))


@pytest.mark.parametrize("name", ["bomb-16384x16384.png", "large-100mp.jpg", "bomb-ztxt.png"])
def test_a_bomb_is_refused_with_a_sixth_of_the_allowed_memory(name: str, settings) -> None:
    settings.IMAGE_MEMORY_BYTES = 256 * 2**20

    with pytest.raises(limited.NotAPicture):
        limited.inspect_picture(NASTY / name, max_bytes=50 * 2**20, max_pixels=60_000_000)


def test_colours_of_another_profile_come_out_as_in_srgb(tmp_path: Path) -> None:
    from PIL import Image, ImageChops, ImageStat

    made = []
    for name in ("colorchecker-eciRGB.jpg", "colorchecker-sRGB.jpg"):
        to = tmp_path / name
        limited.fit_picture(NASTY / name, to, max_side=4096, max_bytes=10 * 2**20)
        with Image.open(to) as image:
            made.append(image.convert("RGB"))

    apart = ImageStat.Stat(ImageChops.difference(*made)).mean
    assert max(apart) < 3
    with Image.open(NASTY / "colorchecker-eciRGB.jpg") as raw:
        assert max(ImageStat.Stat(ImageChops.difference(raw.convert("RGB"), made[1])).mean) > 5


def test_cmyk_of_adobe_is_not_inverted(tmp_path: Path) -> None:
    picture = limited.inspect_picture(
        NASTY / "cmyk-adobe.jpg", max_bytes=50 * 2**20, max_pixels=60_000_000
    )
    assert picture.average_colour == "#1e0507"  # Red letters on black.
