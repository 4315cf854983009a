"""Where the contract tests take place: the sandbox in this process or over a socket, the live hosts.

The live hosts are asked where `DIPTYCH_LIVE_TESTS=1` and a provider's key is set. That spends real
credits: each operation of the table is bought once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from generation.providers.base import Provider, TaskStatus
from generation.providers.fashn import Fashn
from generation.providers.sellerpic import SellerPic
from sandbox.app import create_app
from sandbox.server import serve_in_thread
from sandbox.wire import DropConnection
from tests.conftest import network_open
from tests.providers.conftest import speak

CLIENTS: dict[str, Callable[..., Provider]] = {"sellerpic": SellerPic, "fashn": Fashn}
_LIVE = {
    "sellerpic": ("https://api.sellerpic.ai", [".sellerpic.ai"], 60.0),
    "fashn": ("https://api.fashn.ai", ["cdn.fashn.ai"], 3.0),
}
_number = itertools.count(1)


class AppTransport(httpx.AsyncBaseTransport):
    """Carries requests into a WSGI app of this process, which may drop them."""

    def __init__(self, app: Any) -> None:
        self._wire = httpx.WSGITransport(app=app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        plain = httpx.Request(request.method, request.url, headers=request.headers, content=body)

        def call() -> httpx.Response:
            response = self._wire.handle_request(plain)
            response.read()
            return response

        try:
            answer = await asyncio.to_thread(call)
        except DropConnection as exc:
            raise httpx.ReadError("The connection was dropped.") from exc
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@dataclass(frozen=True, slots=True)
class Host:
    """One place, spoken to as one provider. The sandbox opens an account for each conversation."""

    provider: str
    url: str
    poll_seconds: float = 0.05
    is_live: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def speak(self, talk: Callable[[Any], Any], **options: Any) -> Any:
        """Run one conversation with the provider's client."""
        given = {**self.options, **options}
        if not self.is_live:
            prefix = "fa-sandbox" if self.provider == "fashn" else "sandbox"
            given.setdefault("api_key", f"{prefix}-{next(_number)}")
        return speak(self.url, talk, CLIENTS[self.provider], **given)

    async def wait_for_end(self, client: Provider, remote_id: str) -> TaskStatus:
        """Ask until the task has ended, 20 minutes at most."""
        for _ in range(int(1200 / self.poll_seconds)):
            status = await client.status(remote_id)
            if status.is_final:
                return status
            await asyncio.sleep(self.poll_seconds)
        raise AssertionError("The task did not end.")


def live_key(provider: str) -> str:
    """The key to ask the live host with; "" where it is not to be asked."""
    if os.environ.get("DIPTYCH_LIVE_TESTS") != "1":
        return ""
    return os.environ.get(f"LIVE_{provider.upper()}_API_KEY", "")


def places(provider: str) -> list[str]:
    """Names of the places where the contract of a provider is tried."""
    return ["in process", "socket", *(["live"] if live_key(provider) else [])]


@contextmanager
def opened(provider: str, place: str, folder: Path) -> Iterator[Host]:
    """A place, ready to be asked."""
    if place == "live":
        url, hosts, poll = _LIVE[provider]
        options = {"api_key": live_key(provider), "file_hosts": hosts, "is_sandbox": False}
        with network_open():
            yield Host(provider, url, poll, True, options)
        return
    with create_app(folder, seconds=(0.02, 0.04), plain=True) as app:
        if place == "in process":
            yield Host(provider, "http://127.0.0.1:9100", options={"transport": AppTransport(app)})
            return
        with serve_in_thread(app) as server:
            yield Host(provider, server.url)
