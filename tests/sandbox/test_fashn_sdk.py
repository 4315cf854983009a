"""FASHN's official Python SDK against the served sandbox, for every model."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fashn import Fashn, RateLimitError
from PIL import Image

from sandbox.app import create_app
from sandbox.fashn_models import MODELS
from sandbox.server import serve_in_thread
from tests.sandbox.conftest import encoded, photo


def data_uri(picture: Image.Image, kind: str = "png") -> str:
    body = base64.b64encode(encoded(picture, kind.upper())).decode()
    return f"data:image/{kind};base64,{body}"


def garment() -> Image.Image:
    """A red shirt on a white table."""
    picture = Image.new("RGB", (240, 240), (250, 250, 250))
    picture.paste((200, 40, 50), (60, 50, 180, 200))
    return picture


def mask() -> Image.Image:
    picture = Image.new("L", (240, 320), 0)
    picture.paste(255, (80, 150, 160, 300))
    return picture


PHOTO, GARMENT = data_uri(photo()), data_uri(garment(), "jpeg")

INPUTS: dict[str, tuple[dict[str, Any], int, int]] = {
    "model-swap": ({"model_image": PHOTO, "face_reference": PHOTO, "num_images": 2}, 2, 8),
    "tryon-v1.6": ({"model_image": PHOTO, "garment_image": GARMENT, "num_samples": 2}, 2, 2),
    "tryon-max": ({"model_image": PHOTO, "product_image": GARMENT}, 1, 2),
    "product-to-model": ({"product_image": GARMENT, "aspect_ratio": "4:5"}, 1, 1),
    "model-create": ({"prompt": "woman with red hair", "resolution": "2k"}, 1, 3),
    "face-to-model": ({"face_image": PHOTO}, 1, 1),
    "edit": ({"image": PHOTO, "prompt": "a green shirt", "mask": data_uri(mask())}, 1, 1),
    "reframe": ({"image": PHOTO, "aspect_ratio": "1:1", "generation_mode": "quality"}, 1, 3),
    "background-remove": ({"image": PHOTO}, 1, 1),
    "image-to-video": ({"image": PHOTO, "duration": 5, "resolution": "480p"}, 1, 1),
}
"""Inputs by model, with the outputs and the credits they must come to."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with create_app(folder, seconds=(0.05, 0.1)) as app, serve_in_thread(app) as server:
        yield server.url


def test_every_model_is_tried():
    assert set(INPUTS) == set(MODELS)


@pytest.mark.parametrize("model", INPUTS)
def test_the_sdk_subscribes_and_downloads(address, model):
    inputs, outputs, credits_ = INPUTS[model]
    seen: list[str] = []
    with Fashn(api_key=f"fa-sandbox-{model}", base_url=address, max_retries=0) as sdk:
        prediction = sdk.predictions.subscribe(
            model_name=model,  # type: ignore[call-overload]
            inputs=inputs,
            poll_interval=60,
            timeout=20_000,
            on_queue_update=lambda status: seen.append(status.status),
        )

    assert (prediction.status, prediction.error) == ("completed", None)
    assert set(seen) <= {"starting", "in_queue", "processing", "completed"}
    assert prediction.credits_used == credits_
    assert len(prediction.output) == outputs
    bodies = [httpx.get(url) for url in prediction.output]
    assert [answer.status_code for answer in bodies] == [200] * outputs
    assert len({answer.content for answer in bodies}) == outputs
    for answer in bodies:
        if model == "image-to-video":
            assert answer.content[4:8] == b"ftyp"
        else:
            Image.open(io.BytesIO(answer.content)).load()


def test_the_sdk_knows_a_refusal_by_its_class(address):
    with Fashn(api_key="fa-sandbox-poor", base_url=address, max_retries=0) as sdk:
        httpx.post(
            f"{address}/__sandbox__/faults",
            json={"kind": "api_error", "provider": "fashn", "code": "OutOfCredits"},
        )
        with pytest.raises(RateLimitError, match="OutOfCredits"):
            sdk.predictions.run(model_name="background-remove", inputs={"image": PHOTO})
