"""The bucket adapter in this process: what it signs, stores, links and says when it fails."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import time_machine
from moto import mock_aws

from catalog.storage import Missing, S3Storage, StorageError, TooLarge, storage

KEY = "t/x/in/one"
SHOWN = "t/x/r/one.webp"
BUCKET = "diptych-tests"
AMAZON = "https://s3.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def place() -> Iterator[S3Storage]:
    """A bucket of moto, made once: reading the description of S3 takes a second."""
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield S3Storage(BUCKET, AMAZON, AMAZON, "us-east-1", "test", "testtest12", "auto")


def test_saves_fetches_and_deletes(place: S3Storage, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"0123456789")
    place.save(SHOWN, tmp_path / "source", content_type="image/webp")
    place.fetch(SHOWN, tmp_path / "back", max_bytes=10)
    assert (tmp_path / "back").read_bytes() == b"0123456789"
    assert place.size(SHOWN) == 10
    with pytest.raises(TooLarge):
        place.fetch(SHOWN, tmp_path / "back", max_bytes=9)

    place.delete(SHOWN)
    place.delete(SHOWN)

    assert place.size(SHOWN) is None
    with pytest.raises(Missing):
        place.fetch(SHOWN, tmp_path / "back")


def test_the_check_says_what_is_wrong(place: S3Storage) -> None:
    place.check()
    elsewhere = S3Storage(
        "no-such-bucket", AMAZON, AMAZON, "us-east-1", "test", "testtest12", "auto"
    )

    with pytest.raises(StorageError, match="The S3 server answered NoSuchBucket"):
        elsewhere.check()


def test_a_server_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    nowhere = S3Storage(
        BUCKET, "http://127.0.0.1:9", "http://127.0.0.1:9", "us-east-1", "a", "b", "path"
    )

    with pytest.raises(StorageError, match="The S3 server cannot be reached"):
        nowhere.size(KEY)


def test_a_ticket_fixes_key_type_size_and_end(place: S3Storage) -> None:
    with time_machine.travel("2026-03-01T10:00:00Z", tick=False):
        ticket = place.ticket(KEY, max_bytes=1000, content_type="application/octet-stream")

    policy = json.loads(base64.b64decode(ticket.fields["policy"]))
    assert policy["expiration"] == "2026-03-01T10:15:00Z"
    for condition in (
        {"key": KEY},
        {"bucket": BUCKET},
        {"Content-Type": "application/octet-stream"},
        {"success_action_status": "201"},
        {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
        ["content-length-range", 1, 1000],
    ):
        assert condition in policy["conditions"]
    assert ticket.method == "POST"
    assert "testtest12" not in json.dumps(ticket.fields)


def test_a_link_stays_the_same_for_the_hour(place: S3Storage) -> None:
    with time_machine.travel("2026-03-01T10:05:00Z", tick=False):
        link = place.url(SHOWN)
    with time_machine.travel("2026-03-01T10:55:00Z", tick=False):
        assert place.url(SHOWN) == link
    with time_machine.travel("2026-03-01T11:00:01Z", tick=False):
        assert place.url(SHOWN) != link

    asked = parse_qs(urlsplit(link).query)
    assert asked["X-Amz-Date"] == ["20260301T100000Z"]
    assert asked["X-Amz-Expires"] == [str(13 * 3600)]
    assert asked["response-content-type"] == ["image/webp"]
    assert link.startswith(f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{SHOWN}?")


def test_a_download_link_carries_the_name(place: S3Storage) -> None:
    asked = parse_qs(urlsplit(place.url(SHOWN, filename="юникод.webp")).query)

    assert asked["response-content-disposition"] == [
        "attachment; filename*=utf-8''%D1%8E%D0%BD%D0%B8%D0%BA%D0%BE%D0%B4.webp"
    ]


def test_an_unchecked_file_is_never_linked(place: S3Storage) -> None:
    with pytest.raises(Missing):
        place.url(KEY)


def test_the_settings_choose_the_bucket(place: S3Storage, settings: Any) -> None:
    settings.S3_BUCKET = BUCKET
    settings.S3_ENDPOINT_URL = settings.S3_PUBLIC_ENDPOINT_URL = AMAZON
    settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY = "test", "testtest12"

    chosen = storage()

    assert isinstance(chosen, S3Storage)
    assert storage() is chosen


ORIGINS = """
import json
from urllib.parse import urlsplit
import django
django.setup()
from django.conf import settings
from catalog.storage import storage
place = storage()
addresses = [
    place.ticket("t/x/in/one", max_bytes=9, content_type="image/png").url,
    place.url("t/x/r/one.webp"),
    place.url("t/x/r/one.webp", seconds=60),
]
origins = sorted({"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in addresses})
policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
print(json.dumps([origins, policy["img-src"], policy["connect-src"]]))
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "https://shop.s3.us-east-1.amazonaws.com"),
        ({"S3_REGION": "eu-central-1"}, "https://shop.s3.eu-central-1.amazonaws.com"),
        ({"S3_REGION": "cn-north-1"}, "https://shop.s3.cn-north-1.amazonaws.com.cn"),
        ({"S3_ADDRESSING_STYLE": "virtual"}, "https://shop.s3.us-east-1.amazonaws.com"),
        ({"S3_ADDRESSING_STYLE": "path"}, "https://s3.us-east-1.amazonaws.com"),
        ({"S3_BUCKET": "shop.example.com"}, "https://s3.us-east-1.amazonaws.com"),
        ({"S3_ENDPOINT_URL": "https://s3.example.com:8333"}, "https://s3.example.com:8333"),
        (
            {"S3_ENDPOINT_URL": "https://s3.example.com", "S3_ADDRESSING_STYLE": "virtual"},
            "https://shop.s3.example.com",
        ),
        (
            {"S3_ENDPOINT_URL": "http://s3:8333", "S3_PUBLIC_ENDPOINT_URL": "https://pics.example"},
            "https://pics.example",
        ),
    ],
)
def test_browsers_may_reach_every_address_that_is_signed_for_them(
    environment: dict[str, str], expected: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", ORIGINS],
        cwd=Path(__file__).parents[2],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ENV_FILES": "0",
            "SECRET_KEY": "k" * 40,
            "BASE_URL": "https://diptych.example.com",
            "S3_BUCKET": "shop",
            "S3_ACCESS_KEY_ID": "test",
            "S3_SECRET_ACCESS_KEY": "testtest12",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    origins, pictures, requests = json.loads(result.stdout)
    assert origins == [expected]
    assert expected in pictures
    assert expected in requests
