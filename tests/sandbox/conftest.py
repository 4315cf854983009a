"""A running sandbox with a clock that can be moved, and photos drawn by the tests themselves."""

from __future__ import annotations

import io
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from sandbox.accounts import SELLERPIC, Account
from sandbox.app import Sandbox, create_app
from sandbox.server import serve_in_thread

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares each client the reading of certificates, which takes longer than most tests."""

KEY = {"Authorization": "Bearer sandbox"}
SANDBOX = Account(SELLERPIC, "sandbox")
"""The account of that key at SellerPic."""


class MovingClock:
    """Wall-clock seconds that only move when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += seconds


def photo(size: tuple[int, int] = (240, 320), shade: int = 0) -> Image.Image:
    """A person on a blue wall: head, arms and a white shirt."""
    picture = Image.new("RGB", size, (90, 120, 160 + shade))
    draw = ImageDraw.Draw(picture)
    w, h = size
    draw.rectangle((w * 0.3, h * 0.45, w * 0.7, h), fill=(240, 240, 240))
    draw.ellipse((w * 0.38, h * 0.14, w * 0.62, h * 0.42), fill=(214, 160, 124))
    draw.rectangle((w * 0.2, h * 0.5, w * 0.29, h * 0.9), fill=(214, 160, 124))
    draw.rectangle((w * 0.71, h * 0.5, w * 0.8, h * 0.9), fill=(214, 160, 124))
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@dataclass
class Provider:
    """A sandbox behind a real port, with shorthand for the calls that most tests make.

    It draws plain pictures.
    """

    app: Sandbox
    http: httpx.Client
    clock: MovingClock
    closing: ExitStack

    def upload(self, body: bytes | None = None) -> Any:
        files = {"file": ("photo.png", body or encoded(photo()), "image/png")}
        return self.ok(self.http.post("/v1/api/upload", files=files))["fileKey"]

    def preset(self, type_: str = "SWAP_MODEL", number: int = 0) -> Any:
        answer = self.http.get("/v1/api/presets", params={"type": type_, "pageSize": 50})
        return self.ok(answer)["list"][number]["id"]

    def generate(self, task: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/api/generate/{task}", json=body)

    def submit(self, **extra: Any) -> httpx.Response:
        body = {"modelImageKey": self.upload(), "modelId": self.preset(), **extra}
        return self.generate("swapModel", **body)

    def start(self, **extra: Any) -> Any:
        return self.ok(self.submit(**extra))["id"]

    def status(self, task_id: str) -> Any:
        return self.ok(self.http.get("/v1/api/generate", params={"id": task_id}))["resultList"]

    def finish(self, task_id: str) -> Any:
        """Let enough time pass and answer the ended items."""
        self.clock.tick(20)
        assert self.app.room.wait_until_drawn()
        return self.status(task_id)

    def download(self, image_id: str, kind: str = "png", **extra: str) -> Any:
        params = {"id": image_id, "downloadFormat": kind, **extra}
        return self.ok(self.http.get("/v1/api/download", params=params))

    def result(self, image_id: str) -> Image.Image:
        answer = fetch(self.download(image_id)["fileUrl"])
        assert answer.status_code == 200
        return Image.open(io.BytesIO(answer.content))

    def usage(self) -> Any:
        return self.ok(self.http.get("/v1/api/usage"))

    def fault(self, kind: str, **options: Any) -> None:
        answer = self.http.post("/__sandbox__/faults", json={"kind": kind, **options})
        assert answer.status_code == 200, answer.text

    def stats(self) -> Any:
        return self.http.get("/__sandbox__/stats").json()

    def log(self, **query: str) -> Any:
        return self.http.get("/__sandbox__/log", params=query).json()["calls"]

    def as_key(self, key: str) -> Provider:
        """The same sandbox, asked with another key."""
        headers = {"Authorization": f"Bearer {key}"}
        http = self.closing.enter_context(
            httpx.Client(base_url=self.http.base_url, headers=headers, verify=_NO_TLS)
        )
        return Provider(self.app, http, self.clock, self.closing)

    @staticmethod
    def ok(answer: httpx.Response) -> Any:
        body = answer.json()
        assert (answer.status_code, body["code"], body["success"]) == (200, 0, True), body
        assert body["msg"] == "SUCCESS"
        assert body["traceId"]
        return body["data"]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    clock = MovingClock()
    with (
        create_app(tmp_path / "sandbox", clock=clock, balance=100, plain=True) as app,
        serve_in_thread(app) as server,
        httpx.Client(base_url=server.url, headers=KEY, verify=_NO_TLS) as http,
        ExitStack() as closing,
    ):
        yield Provider(app, http, clock, closing)


def fetch(address: str) -> httpx.Response:
    """GET without a key, as file addresses are asked for."""
    return httpx.get(address, verify=_NO_TLS)


def wait_for(condition: Any, timeout: float = 8.0) -> Any:
    """Ask until the answer is true, at most `timeout` seconds."""
    pause, end = threading.Event(), time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, "It did not happen in time."
        pause.wait(0.02)
    return value
