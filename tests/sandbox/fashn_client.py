"""A sandbox with a clock that can be moved, and shorthand for the calls of FASHN's API."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from sandbox.app import Sandbox, create_app
from sandbox.server import serve_in_thread
from tests.sandbox.conftest import MovingClock, encoded, photo

KEY = "fa-sandbox"


def data_uri(picture: Image.Image, kind: str = "png") -> str:
    body = base64.b64encode(encoded(picture, kind.upper())).decode()
    return f"data:image/{kind};base64,{body}"


PHOTO = data_uri(photo((90, 120)))


@dataclass
class Fashn:
    """The API behind a real port."""

    app: Sandbox
    http: httpx.Client
    clock: MovingClock
    url: str

    def run(self, model: str = "background-remove", **inputs: Any) -> httpx.Response:
        """Submit; a picture is handed in if the model needs one and none was given."""
        needed = {"background-remove": "image", "image-to-video": "image", "edit": "image",
                  "reframe": "image", "model-swap": "model_image", "face-to-model": "face_image",
                  "product-to-model": "product_image"}  # fmt: skip
        if model in needed:
            inputs.setdefault(needed[model], PHOTO)
        return self.send({"model_name": model, "inputs": inputs})

    def send(self, body: Any, **params: str) -> httpx.Response:
        return self.http.post("/v1/run", json=body, params=params)

    def start(self, model: str = "background-remove", **inputs: Any) -> str:
        answer = self.run(model, **inputs)
        assert answer.status_code == 200, answer.text
        assert answer.json()["error"] is None
        return str(answer.json()["id"])

    def status(self, prediction: str) -> httpx.Response:
        return self.http.get(f"/v1/status/{prediction}")

    def finish(self, prediction: str) -> httpx.Response:
        """Let enough time pass and answer the status."""
        self.clock.tick(30)
        assert self.app.room.wait_until_drawn()
        return self.status(prediction)

    def credits(self, key: str = KEY) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return self.http.get("/v1/credits", headers=headers).json()["credits"]

    def fault(self, kind: str, **options: Any) -> None:
        order = {"kind": kind, "provider": "fashn", **options}
        answer = self.http.post("/__sandbox__/faults", json=order)
        assert answer.status_code == 200, answer.text

    def tasks(self) -> int:
        return len(self.app.store.tasks())


@contextmanager
def fashn_sandbox(folder: Path, key: str = KEY, **options: Any) -> Iterator[Fashn]:
    clock = options.setdefault("clock", MovingClock())
    settings = {"balance": 134, "plain": True, **options}
    with (
        create_app(folder, **settings) as app,
        serve_in_thread(app) as server,
        httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        yield Fashn(app, http, clock, server.url)
