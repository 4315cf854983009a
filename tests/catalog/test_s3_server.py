"""The upload policy on a real S3 server, Ceph's radosgw, where one is installed.

Moto takes every forged upload, so nothing is proved there.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from catalog.storage import S3Storage, Ticket

pytestmark = pytest.mark.s3

KEY = "t/x/in/one"
SHOWN = "t/x/r/one.webp"
BUCKET = "diptych-tests"
PORT = 9230
"""The first of ten for the first worker, and so on: the server takes three of them."""


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """The address of a Ceph gateway that was started for these tests, with our bucket in it."""
    if shutil.which("radosgw") is None:
        pytest.skip(
            "radosgw is not installed: apt-get install radosgw ceph-mon ceph-osd ceph-common"
        )
    script = str(Path(__file__).with_name("radosgw.sh"))
    folder = str(tmp_path_factory.mktemp("radosgw"))
    port = PORT + 10 * int(worker_id.removeprefix("gw")) if worker_id != "master" else PORT
    try:
        subprocess.run([script, "start", folder, str(port)], check=True, timeout=180)
        address = f"http://127.0.0.1:{port}"
        boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="testtest12",
        ).create_bucket(Bucket=BUCKET)
        yield address
    finally:
        subprocess.run([script, "stop", folder], check=True)


@pytest.fixture
def real(radosgw: str) -> S3Storage:
    place = S3Storage(BUCKET, radosgw, radosgw, "us-east-1", "test", "testtest12", "path")
    place.delete(KEY)
    return place


def bring(ticket: Ticket, data: bytes = b"x" * 500, **changed: str) -> tuple[int, str]:
    """POST a form as a browser does; the status and the error's code."""
    fields = {name: value for name, value in {**ticket.fields, **changed}.items() if value}
    answer = httpx.post(
        ticket.url, data=fields, files={"file": ("x.jpg", data, "image/jpeg")}, trust_env=False
    )
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def ticket_of(place: S3Storage, seconds: int = 900) -> Ticket:
    return place.ticket(
        KEY, max_bytes=1000, content_type="application/octet-stream", seconds=seconds
    )


def test_a_real_server_takes_what_the_ticket_allows(real: S3Storage, tmp_path: Path) -> None:
    assert bring(ticket_of(real)) == (201, "")

    assert real.size(KEY) == 500
    real.fetch(KEY, tmp_path / "back", max_bytes=500)
    assert (tmp_path / "back").read_bytes() == b"x" * 500


EVIL_POLICY = base64.b64encode(
    json.dumps(
        {
            "expiration": "2099-01-01T00:00:00Z",
            "conditions": [{"bucket": BUCKET}, ["starts-with", "$key", ""]],
        }
    ).encode()
).decode()
SIGNATURE = (
    "policy", "x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date",
)  # fmt: skip


ATTACKS: list[tuple[str, bytes, dict[str, str], tuple[int, str]]] = [
    ("one byte too many", b"x" * 1001, {}, (400, "EntityTooLarge")),
    ("an empty file", b"", {}, (400, "EntityTooSmall")),
    ("another type", b"x", {"Content-Type": "text/html"}, (403, "AccessDenied")),
    ("another key", b"x", {"key": "t/y/in/evil"}, (403, "AccessDenied")),
    ("another policy", b"x", {"policy": EVIL_POLICY}, (403, "AccessDenied")),
    ("another signature", b"x", {"x-amz-signature": "0" * 64}, (403, "AccessDenied")),
    ("no signature", b"x", dict.fromkeys(SIGNATURE, ""), (403, "AccessDenied")),
    ("a field more", b"x", {"acl": "public-read"}, (403, "AccessDenied")),
]


def test_a_real_server_refuses_every_attack(real: S3Storage) -> None:
    for attack, data, changed, refusal in ATTACKS:
        assert bring(ticket_of(real), data, **changed) == refusal, attack
        assert real.size(KEY) is None, attack
        assert real.size("t/y/in/evil") is None, attack


def test_a_real_server_refuses_a_late_ticket(real: S3Storage) -> None:
    assert bring(ticket_of(real, seconds=-30))[0] == 403
    assert real.size(KEY) is None


def test_links_work_on_a_real_server_until_they_are_changed(
    real: S3Storage, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(b"0123456789")
    real.save(SHOWN, tmp_path / "source", content_type="image/webp")
    link = real.url(SHOWN, filename="a b.webp")

    answer = httpx.get(link, trust_env=False)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["content-disposition"] == 'attachment; filename="a b.webp"'
    assert httpx.get(real.url(SHOWN), trust_env=False).status_code == 200
    assert httpx.get(real.url(SHOWN, seconds=60), trust_env=False).status_code == 200
    assert httpx.get(link.replace("one.webp", "two.webp"), trust_env=False).status_code == 403
    assert httpx.get(link.partition("?")[0], trust_env=False).status_code == 403


def test_the_check_passes_on_a_real_server(real: S3Storage) -> None:
    real.check()
