"""The client of one account, against the sandbox over real HTTP or against answers of our own."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from generation.providers.base import Provider
from generation.providers.fashn import Fashn
from generation.providers.http import TimeLimits
from generation.providers.sellerpic import SellerPic
from sandbox.app import create_app
from sandbox.server import serve_in_thread

IMPATIENT = TimeLimits(connect=0.5, read=0.5, write=0.5)


@pytest.fixture
def sandbox_url(tmp_path: Path) -> Iterator[str]:
    """A sandbox that draws quickly and plainly."""
    with (
        create_app(tmp_path / "sandbox", seconds=(0.05, 0.1), plain=True) as app,
        serve_in_thread(app) as server,
    ):
        yield server.url


def plan(sandbox_url: str, kind: str, **options: Any) -> None:
    """Script a fault of the sandbox."""
    httpx.post(
        f"{sandbox_url}/__sandbox__/faults", json={"kind": kind, **options}
    ).raise_for_status()


def speak(
    url: str, talk: Callable[[Any], Any], kind: Callable[..., Provider] = SellerPic, **options: Any
) -> Any:
    """Run one conversation with a client that is closed afterwards."""
    key = "fa-sandbox" if kind is Fashn else "sandbox"
    options = {"api_key": key, "file_hosts": [], "is_sandbox": True, **options}

    async def conversation() -> Any:
        client = kind(url, **options)
        try:
            return await talk(client)
        finally:
            await client.aclose()

    return asyncio.run(conversation())


Reply = bytes | None


@contextmanager
def raw_server(
    answer: Reply | Callable[[bytes], Reply],
) -> Iterator[tuple[str, list[bytes]]]:
    """A server that sends these very bytes to everybody, or what a function makes of the request.

    None: reads the request and hangs up; b"": says nothing. Yields its address and the requests
    it saw.
    """
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _peer = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(2)
                request = _read_request(connection)
                if not request:  # Who connects and says nothing has asked for nothing.
                    continue
                seen.append(request)
                reply = answer(seen[-1]) if callable(answer) else answer
                if reply == b"":
                    over.wait(3)  # Silence.
                elif reply:
                    connection.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        over.set()
        thread.join()
        listener.close()


def _read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer_of(status: int, body: str, *, headers: str = "") -> bytes:
    """A whole HTTP response."""
    return (
        f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body.encode())}\r\n"
        f"Connection: close\r\n{headers}\r\n{body}"
    ).encode()


def json_of(request: bytes) -> Any:
    """The JSON body of a request that a raw server saw."""
    return json.loads(request.partition(b"\r\n\r\n")[2])


def first_line(request: bytes) -> str:
    """Method and address of a request that a raw server saw."""
    return request.partition(b" HTTP/1.1\r\n")[0].decode()
