"""Over a real connection: a file comes through whole, and one that breaks off leaves nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from catalog.storage import storage
from tests.catalog.conftest import stored

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "t/x/in/one"


def test_a_file_comes_through_whole(
    live_server: LiveServer, draw: Callable[..., Path], files: Path
) -> None:
    data = draw(size=(3000, 2000), quality=100).read_bytes() * 20
    ticket = storage().ticket(KEY, max_bytes=len(data), content_type="application/octet-stream")

    answer = httpx.post(live_server.url + ticket.url, files={"file": ("a.jpg", data)})

    assert answer.status_code == 201
    assert (files / KEY).read_bytes() == data


def test_a_connection_that_breaks_off_leaves_nothing(live_server: LiveServer, files: Path) -> None:
    ticket = storage().ticket(KEY, max_bytes=1_000_000, content_type="application/octet-stream")
    address = urlsplit(live_server.url)
    begun = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    ) + b"x" * 300_000
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(
            f"POST {ticket.url} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 900000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
            + begun
        )
    for _ in range(50):
        time.sleep(0.05)
        if not list(files.rglob(".unfinished/*")) and (files / ".unfinished").exists():
            break

    assert stored(files) == []
