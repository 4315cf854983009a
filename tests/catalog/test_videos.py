"""A result may be a short MP4: probed in the child, shown by its first frame, sought by ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from PIL import Image

from catalog import limited
from catalog.limited import DecoderFailed, NotAPicture
from catalog.models import Asset, Product
from catalog.renditions import fitted_copy, make_renditions, store_result
from catalog.storage import storage
from catalog.templatetags.pictures import asset_download_url, asset_url
from teams.models import User
from tests.catalog.conftest import sha256, stored
from tests.catalog.films import film

pytestmark = pytest.mark.django_db

KEY = "t/x/out/job/0"


@pytest.fixture
def store(product: Product, alice: User) -> Callable[[Path], Asset]:
    """Store a delivered video, as a collector does."""

    def store_video(path: Path) -> Asset:
        return store_result(
            team=product.team,
            product=product,
            by=alice,
            path=path,
            name="Result A.mp4",
            key=KEY,
            media="video",
        )

    return store_video


def colours(path: Path) -> list[str]:
    """Red or blue, of the four quarters, clockwise from the upper left."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    width, height = picture.size
    found = []
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)):
        pixel = picture.getpixel((int(width * x), int(height * y)))
        assert isinstance(pixel, tuple)
        found.append("red" if pixel[0] > pixel[2] else "blue")
    return found


def test_a_video_is_stored_with_its_length_and_shown_by_its_first_frame(
    store: Callable[[Path], Asset], tmp_path: Path, files: Path
) -> None:
    path = film(tmp_path / "result")

    asset = store(path)

    assert (asset.kind, asset.format, asset.key) == ("result", "mp4", "t/x/out/job/0.mp4")
    assert (asset.width, asset.height, asset.seconds) == (96, 64, 1.0)
    assert (asset.bytes, asset.sha256) == (path.stat().st_size, sha256(path))
    assert sha256(files / asset.key) == asset.sha256
    # A quarter is blue.
    mean = bytes.fromhex(asset.average_colour[1:])
    assert max(abs(have - due) for have, due in zip(mean, (170, 20, 70), strict=True)) < 8
    asset.save()
    assert asset_url(asset, "card") == ""

    assert make_renditions(asset.pk) is True

    asset = Asset.objects.get(pk=asset.pk)
    made = asset.renditions.values_list("purpose", "width", "height", "format").order_by("purpose")
    assert list(made) == [
        ("card", 96, 64, "webp"),
        ("screen", 96, 64, "webp"),
        ("thumb", 96, 64, "webp"),
    ]
    assert colours(files / asset.renditions.get(purpose="card").key) == [
        "blue",
        "red",
        "red",
        "red",
    ]
    assert asset_url(asset, "card") != ""


@pytest.mark.parametrize(
    ("turned", "size", "seen"),
    [
        (-90, (64, 96), ["red", "blue", "red", "red"]),
        (90, (64, 96), ["red", "red", "red", "blue"]),
        (180, (96, 64), ["red", "red", "blue", "red"]),
    ],
)
def test_a_video_of_a_turned_phone_is_upright(
    turned: int,
    size: tuple[int, int],
    seen: list[str],
    store: Callable[[Path], Asset],
    tmp_path: Path,
    files: Path,
) -> None:
    asset = store(film(tmp_path / "result", turned=turned))
    asset.save()
    make_renditions(asset.pk)

    assert (asset.width, asset.height) == size
    assert colours(files / asset.renditions.get(purpose="card").key) == seen


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_takes_the_usual_codings(codec: str, tmp_path: Path) -> None:
    assert limited.inspect_video(film(tmp_path / "result", codec=codec)).seconds == 1.0


def cut(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def drawn(path: Path, format_: str) -> Path:
    Image.new("RGB", (96, 64)).save(path, format_)
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("_case", "make", "words"),
    [
        ("a picture", lambda path: drawn(path, "JPEG"), "This is not an MP4 video."),
        ("an AVIF picture", lambda path: drawn(path, "AVIF"), "This is not an MP4 video."),
        ("a page", lambda path: written(path, b"<html>Not found"), "This is not an MP4 video."),
        ("nothing", lambda path: written(path, b""), "This is not an MP4 video."),
        ("QuickTime", lambda path: film(path, container="mov"), "This is not an MP4 video."),
        ("WebM", lambda path: film(path, codec="libvpx-vp9", container="webm"), "This is not an MP4"),
        ("cut off, index first", lambda path: cut(film(path, frames=40, moov_first=True)), "damaged"),
        ("cut off, index last", lambda path: cut(film(path, frames=40)), "damaged or incomplete"),
        ("a head alone", lambda path: written(path, b"\0\0\0\x14ftypisom" + b"\0" * 99), "damaged"),
        ("two videos", lambda path: film(path, streams=2), "holds 2 videos. Diptych takes one."),
        ("another coding", lambda path: film(path, codec="mjpeg"), "coded as mjpeg. Diptych takes H"),
        ("too wide", lambda path: film(path, size=(4098, 16), frames=1), "4098 by 16 pixels"),
        ("too long", lambda path: film(path, frames=61, per_second=1), "61.0 seconds. Diptych takes"),
    ],
)  # fmt: skip
def test_what_is_no_good_video_is_refused_and_not_stored(
    _case: str,
    make: Callable[[Path], Path],
    words: str,
    store: Callable[[Path], Asset],
    tmp_path: Path,
    files: Path,
) -> None:
    path = make(tmp_path / "result")

    with pytest.raises(NotAPicture) as refused:
        store(path)

    assert words in refused.value.sentence
    assert stored(files) == []


def test_a_video_over_its_bytes_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited, "MAX_VIDEO_BYTES", 1000)

    with pytest.raises(NotAPicture, match="This video has %"):
        limited.inspect_video(film(tmp_path / "result"))


def test_a_video_is_no_result_of_what_returns_pictures(
    product: Product, tmp_path: Path, files: Path
) -> None:
    with pytest.raises(NotAPicture, match="This is a video"):
        store_result(
            team=product.team,
            product=product,
            by=None,
            path=film(tmp_path / "result"),
            name="Result A",
            key=KEY,
        )

    assert stored(files) == []


def test_a_video_cannot_be_sent_as_a_picture(
    store: Callable[[Path], Asset], tmp_path: Path, files: Path
) -> None:
    asset = store(film(tmp_path / "result"))
    asset.save()

    with pytest.raises(NotAPicture, match="This is a video"):
        fitted_copy(asset, max_side=4096, max_bytes=10 * 2**20)

    assert stored(files) == [asset.key]
    assert not asset.renditions.exists()


def test_a_child_that_dies_of_a_video_says_so(settings: Any, tmp_path: Path) -> None:
    path = film(tmp_path / "result")
    settings.IMAGE_MEMORY_BYTES = 20 * 2**20

    with pytest.raises(DecoderFailed) as failed:
        limited.inspect_video(path)

    assert failed.value.sentence == "This video is too much for this server."


def test_the_database_wants_a_length_of_videos_alone(product: Product) -> None:
    about = {"team": product.team, "bytes": 1, "width": 1, "height": 1, "sha256": "0" * 64}

    for format_, seconds in (("mp4", None), ("mp4", 0.0), ("png", 1.0)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Asset.objects.create(key=KEY, format=format_, seconds=seconds, **about)

    assert not Asset.objects.exists()


def test_a_browser_can_seek_and_download_a_video(
    store: Callable[[Path], Asset], tmp_path: Path, client: Client
) -> None:
    path = film(tmp_path / "result")
    asset = store(path)

    whole = client.get(storage().url(asset.key))
    part = client.get(storage().url(asset.key), headers={"range": "bytes=4-7"})
    download = client.get(asset_download_url(asset))

    assert whole.getvalue() == path.read_bytes()
    assert (whole["Content-Type"], whole["Accept-Ranges"]) == ("video/mp4", "bytes")
    assert whole["Content-Security-Policy"] == (
        "sandbox allow-same-origin; default-src 'none'; media-src 'self'"
    )
    assert (part.status_code, part.getvalue(), part["Content-Type"]) == (206, b"ftyp", "video/mp4")
    assert part["Content-Range"] == f"bytes 4-7/{asset.bytes}"
    assert download["Content-Disposition"] == 'attachment; filename="Result A.mp4"'
    download.close()
