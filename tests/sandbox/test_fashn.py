"""FASHN's API as the sandbox answers it: run, status, credits, the CDN, and every refusal."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.sandbox.conftest import photo, wait_for
from tests.sandbox.fashn_client import PHOTO, Fashn, data_uri, fashn_sandbox


@pytest.fixture
def fashn(tmp_path: Path) -> Iterator[Fashn]:
    with fashn_sandbox(tmp_path / "sandbox") as client:
        yield client


@pytest.mark.parametrize("key", ["none", "revoked", "fa-0b1c-2d3e"])
@pytest.mark.parametrize("call", ["run", "status/x", "credits"])
def test_an_unknown_key_is_refused_everywhere(fashn, key, call):
    headers = {"Authorization": f"Bearer {key}"}
    answer = fashn.http.request("POST" if call == "run" else "GET", f"/v1/{call}", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "UnauthorizedAccess",
        "message": "Invalid or inactive API key",
    }
    assert list(fashn.http.get("/__sandbox__/stats").json()["accounts"]["fashn"]) == [""]


def test_a_prediction_passes_through_every_state(fashn):
    prediction = fashn.start("model-swap", num_images=2, prompt="red bob")
    assert prediction.endswith("-u1")
    states = []
    for seconds in (0, 0.28, 0.9, 2):
        fashn.clock.tick(seconds)
        answer = fashn.status(prediction)
        states.append(answer.json()["status"])
        assert answer.json() == {
            "id": prediction, "status": states[-1], "output": None, "error": None,
        }  # fmt: skip
        assert "x-fashn-credits-used" not in answer.headers
    assert states[0] == "starting"
    assert "in_queue" in states
    assert states[-1] == "processing"

    answer = fashn.finish(prediction)

    assert answer.json() == {
        "id": prediction,
        "status": "completed",
        "output": [f"{fashn.url}/cdn/{prediction}/output_{n}.png" for n in (0, 1)],
        "error": None,
    }
    assert answer.headers["x-fashn-credits-used"] == "2"


def test_outputs_are_png_or_jpeg_as_asked_and_differ(fashn):
    for kind in ("png", "jpeg"):
        outputs = fashn.finish(fashn.start("model-swap", num_images=2, output_format=kind)).json()
        answers = [httpx.get(url) for url in outputs["output"]]
        assert [a.headers["content-type"] for a in answers] == [f"image/{kind}"] * 2
        pictures = [Image.open(io.BytesIO(a.content)) for a in answers]
        assert [p.format for p in pictures] == [kind.upper()] * 2
        assert answers[0].content != answers[1].content


def test_face_to_model_answers_jpeg_unless_told_otherwise(fashn):
    output = fashn.finish(fashn.start("face-to-model")).json()["output"]
    assert output[0].endswith("/output_0.jpeg")


def test_equal_inputs_and_seed_make_the_same_picture(tmp_path):
    with fashn_sandbox(tmp_path, plain=False) as fashn:

        def made(seed: int) -> bytes:
            output = fashn.finish(fashn.start("model-swap", seed=seed)).json()["output"]
            return httpx.get(output[0]).content

        first = made(7)
        assert made(7) == first
        assert made(8) != first


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fashn]:
    """A sandbox that draws in earnest."""
    with fashn_sandbox(tmp_path_factory.mktemp("sandbox"), plain=False) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "inputs", "ratio"),
    [
        ("model-create", {"prompt": "a man", "aspect_ratio": "16:9"}, 16 / 9),
        ("model-create", {"prompt": "a man"}, 1),
        ("model-create", {"prompt": "a man", "image_reference": PHOTO}, 3 / 4),
        ("face-to-model", {}, 2 / 3),
        ("product-to-model", {}, 3 / 4),
        ("product-to-model", {"aspect_ratio": "4:5", "resolution": "4k"}, 4 / 5),
    ],
)
def test_people_drawn_from_nothing_come_in_the_ratio_at_a_megapixel(studio, model, inputs, ratio):
    size = result_size(studio, studio.start(model, **inputs))
    assert size[0] / size[1] == pytest.approx(ratio, rel=0.02)
    assert 0.9 * 1024 * 1024 < size[0] * size[1] <= 1024 * 1024


def test_a_photo_keeps_its_size_up_to_the_cap_of_the_resolution(studio):
    large = data_uri(photo((1000, 1200)), "jpeg")
    size = result_size(studio, studio.start("edit", prompt="warmer", image=large))
    assert 0.95 * 1024 * 1024 < size[0] * size[1] <= 1024 * 1024
    size = result_size(studio, studio.start("edit", prompt="warmer", image=large, resolution="2k"))
    assert size == (1000, 1200)
    small = result_size(studio, studio.start("edit", prompt="warmer", resolution="4k"))
    assert small == (90, 120), "a small photo was enlarged"


def result_size(fashn: Fashn, prediction: str) -> tuple[int, int]:
    answer = fashn.finish(prediction).json()
    assert answer["status"] == "completed", answer
    with Image.open(io.BytesIO(httpx.get(answer["output"][0]).content)) as picture:
        return picture.size


CREDITS: list[tuple[str, dict[str, Any], int]] = [
    ("model-swap", {}, 1),
    ("model-swap", {"resolution": "2k"}, 3),
    ("model-swap", {"resolution": "4k", "generation_mode": "fast", "num_images": 3}, 9),
    ("model-swap", {"generation_mode": "quality", "face_reference": PHOTO, "num_images": 2}, 12),
    ("tryon-v1.6", {"model_image": PHOTO, "garment_image": PHOTO, "num_samples": 4}, 4),
    ("tryon-max", {"model_image": PHOTO, "product_image": PHOTO}, 2),
    ("tryon-max", {"model_image": PHOTO, "product_image": PHOTO, "resolution": "4k"}, 4),
    ("product-to-model", {"face_reference": PHOTO}, 4),
    ("model-create", {"prompt": "a man", "generation_mode": "balanced", "resolution": "4k"}, 4),
    ("face-to-model", {"generation_mode": "quality", "resolution": "4k"}, 5),
    ("edit", {"prompt": "a red shirt", "image_context": PHOTO}, 1),
    ("reframe", {"aspect_ratio": "16:9", "resolution": "2k", "generation_mode": "fast"}, 2),
    ("background-remove", {}, 1),
    ("image-to-video", {}, 6),
    ("image-to-video", {"duration": 10, "resolution": "480p"}, 2),
]


@pytest.mark.parametrize(("model", "inputs", "cost"), CREDITS)
def test_a_prediction_costs_what_the_price_table_says(fashn, model, inputs, cost):
    prediction = fashn.start(model, **inputs)
    assert fashn.credits()["total"] == 134, "charged before it completed"
    answer = fashn.finish(prediction)
    assert (answer.json()["status"], answer.json()["error"]) == ("completed", None)
    assert answer.headers["x-fashn-credits-used"] == str(cost)
    assert fashn.credits()["total"] == 134 - cost


def test_the_subscription_is_spent_before_the_bought_credits(fashn):
    assert fashn.credits() == {"total": 134, "subscription": 100, "on_demand": 34}
    fashn.finish(fashn.start("image-to-video", duration=10))
    assert fashn.credits() == {"total": 122, "subscription": 88, "on_demand": 34}


BAD: list[tuple[Any, str]] = [
    ([], "The body is not a JSON object."),
    ({"inputs": {}}, "model_name must be one of model-swap, tryon-v1.6, tryon-max"),
    ({"model_name": "packshot", "inputs": {"product_image": PHOTO}}, "model_name must be one of"),
    ({"model_name": "model-swap"}, "inputs must be an object."),
    ({"model_name": "model-swap", "inputs": {}}, "model_image is required."),
    ({"model_name": "edit", "inputs": {"image": PHOTO, "prompt": ""}}, "prompt is required."),
    (
        {"model_name": "reframe", "inputs": {"image": PHOTO, "aspect_ratio": "7:5"}},
        "aspect_ratio must be one of 21:9, 16:9, 3:2, 4:3, 5:4, 1:1, 4:5, 3:4, 2:3, 9:16.",
    ),
    *(
        (
            {"model_name": "model-swap", "inputs": {"model_image": PHOTO, "num_images": number}},
            "num_images must be a whole number from 1 to 4.",
        )
        for number in (0, 5, "2", True, 1.5)
    ),
    (
        {"model_name": "model-swap", "inputs": {"model_image": PHOTO, "seed": 2**32}},
        "seed must be a whole number from 0 to 4294967295.",
    ),
    (
        {"model_name": "model-swap", "inputs": {"model_image": PHOTO, "return_base64": "yes"}},
        "return_base64 must be true or false.",
    ),
    (
        {
            "model_name": "tryon-max",
            "inputs": {"model_image": PHOTO, "product_image": PHOTO, "generation_mode": "fast"},
        },
        "generation_mode must be one of balanced, quality.",
    ),
    (
        {
            "model_name": "image-to-video",
            "inputs": {"image": PHOTO, "end_image": PHOTO, "resolution": "720p"},
        },
        "end_image is only supported with resolution 1080p.",
    ),
    (
        {
            "model_name": "product-to-model",
            "inputs": {"product_image": PHOTO, "model_image": PHOTO, "face_reference": PHOTO},
        },
        "model_image and face_reference exclude one another.",
    ),
]


@pytest.mark.parametrize(("body", "message"), BAD)
def test_a_request_that_breaks_a_rule_is_refused_and_nothing_starts(fashn, body, message):
    answer = fashn.send(body)
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
    assert answer.json()["message"].startswith(message)
    assert fashn.tasks() == 0
    assert fashn.credits()["total"] == 134


@pytest.mark.parametrize("key", ["background_change", "disable_prompt_enhancement", "lora_url"])
def test_keys_of_2025_are_refused_only_where_it_is_strict(fashn, tmp_path, key):
    body = {"model_name": "model-swap", "inputs": {"model_image": PHOTO, key: True}}
    assert fashn.send(body).status_code == 200
    answer = fashn.send(body, strict="1")
    assert (answer.status_code, answer.json()["error"]) == (400, "BadRequest")
    assert answer.json()["message"] == f"model-swap takes no input called {key}."
    assert fashn.tasks() == 1

    with fashn_sandbox(tmp_path / "strict", strict=True) as strict:
        assert strict.send(body).status_code == 400
        assert strict.tasks() == 0


def test_the_seventh_prediction_at_once_is_refused_until_one_ends(fashn):
    predictions = [fashn.start() for _ in range(6)]
    answer = fashn.run()
    assert (answer.status_code, answer.json()["error"]) == (429, "ConcurrencyLimitExceeded")
    assert fashn.tasks() == 6
    other = {"Authorization": "Bearer fa-sandbox-other"}
    body = {"model_name": "background-remove", "inputs": {"image": PHOTO}}
    assert fashn.http.post("/v1/run", json=body, headers=other).status_code == 200

    fashn.finish(predictions[0])

    assert fashn.run().status_code == 200


def test_of_twenty_runs_at_once_six_are_taken(fashn):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: fashn.run(), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [429] * 14
    refused = {answer.json()["error"] for answer in answers if answer.status_code == 429}
    assert refused == {"ConcurrencyLimitExceeded"}
    assert fashn.tasks() == 6
    figures = fashn.http.get("/__sandbox__/stats").json()["accounts"]["fashn"]["fa-sandbox"]
    assert figures["max_in_flight"] == {"all": 6}


def test_a_prediction_that_cannot_be_paid_is_refused(tmp_path):
    with fashn_sandbox(tmp_path, balance=13) as fashn:
        fashn.start("image-to-video", duration=10)
        answer = fashn.run("model-swap", num_images=2)
        assert (answer.status_code, answer.json()["error"]) == (429, "OutOfCredits")
        assert fashn.tasks() == 1
        assert fashn.run("model-swap").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed", "seconds"),
    [
        ("POST", "/v1/run", 50, 60),
        ("GET", "/v1/status/unknown", 50, 10),
        ("GET", "/v1/credits", 30, 10),
    ],
)
def test_calls_beyond_the_rate_are_refused_until_the_window_moves_on(
    fashn, method, path, allowed, seconds
):
    def call() -> Any:
        return fashn.http.request(method, path, json={} if method == "POST" else None)

    fashn.clock.tick(1)
    assert "RateLimitExceeded" not in [call().json().get("error") for _ in range(allowed)]
    refused = call()
    assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitExceeded")
    fashn.clock.tick(seconds - 0.1)
    assert call().status_code == 429
    fashn.clock.tick(0.1)
    assert call().status_code != 429


def test_a_reset_empties_the_windows_as_well(fashn):
    for _ in range(30):
        fashn.credits()
    assert fashn.http.get("/v1/credits").status_code == 429
    fashn.http.post("/__sandbox__/reset", json={"balance": 20})
    assert fashn.credits()["total"] == 20


def test_limits_can_be_raised_for_load_tests(tmp_path):
    with fashn_sandbox(tmp_path, limits={"fashn": {"all": 60, "run": 60}}) as fashn:
        assert [fashn.run().status_code for _ in range(60)] == [200] * 60


def test_an_output_leaves_the_cdn_after_72_hours(fashn):
    url = fashn.finish(fashn.start()).json()["output"][0]
    fashn.clock.tick(72 * 3600 - 60)
    assert httpx.get(url).status_code == 200
    fashn.clock.tick(60)
    assert httpx.get(url).status_code == 404
    assert httpx.get(url.replace("output_0", "output_1")).status_code == 404


def test_a_base64_output_is_held_for_an_hour_and_never_on_the_cdn(fashn):
    prediction = fashn.start("model-swap", return_base64=True, output_format="jpeg")
    output = fashn.finish(prediction).json()["output"]
    head, _, text = output[0].partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(text))).format == "JPEG"
    assert httpx.get(f"{fashn.url}/cdn/{prediction}/output_0.jpeg").status_code == 404

    fashn.clock.tick(3600)

    answer = fashn.status(prediction)
    assert answer.json()["output"] == ["<base64>_expired"]
    assert answer.headers["x-fashn-credits-used"] == "1"


def test_a_prediction_of_another_account_is_not_found(fashn):
    prediction = fashn.start()
    other = {"Authorization": "Bearer fa-sandbox-other"}
    for answer in (
        fashn.http.get(f"/v1/status/{prediction}", headers=other),
        fashn.status("5a2d7c1e-unknown-u1"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")


def test_a_body_over_the_limit_looks_like_an_inner_error(fashn):
    answer = fashn.run(image="data:image/png;base64," + "A" * (5 * 1024 * 1024))
    assert (answer.status_code, answer.json()["error"]) == (500, "InternalServerError")
    assert fashn.tasks() == 0


def test_an_address_is_fetched_as_an_input(fashn):
    made = fashn.finish(fashn.start("model-swap")).json()["output"][0]
    prediction = fashn.start("background-remove", image=made)
    task = fashn.app.store.task_by_name("fashn", prediction)
    assert task
    wait_for(lambda: fashn.app.store.items(task.id)[0].drawn)
    assert fashn.finish(prediction).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("http://127.0.0.1:9/photo.png", "The URL could not be reached"),
        ("{url}/cdn/unknown/output_0.png", "The URL answered HTTP 404"),
        ("{url}/healthz", "The URL's Content-Type is application/json, not that of an image"),
        ("file:///etc/hostname", "Invalid URL format"),
        ("saved:anna", "Invalid URL format"),
        ("data:text/plain;base64,QUJD", "The prefix must be data:image/<format>;base64"),
        ("data:image/png;base64,***", "Invalid base64"),
        ("data:image/png;base64,QUJD", "The data is not a readable image"),
    ],
)
def test_an_input_that_is_no_picture_fails_the_prediction_free_of_charge(fashn, value, why):
    prediction = fashn.start(image=value.replace("{url}", fashn.url))
    answer = finished_after_loading(fashn, prediction)
    assert answer.json() == {
        "id": prediction,
        "status": "failed",
        "output": None,
        "error": {"name": "ImageLoadError", "message": f"Error loading image: {why}"},
    }
    assert "x-fashn-credits-used" not in answer.headers
    assert fashn.credits()["total"] == 134


def finished_after_loading(fashn: Fashn, prediction: str) -> httpx.Response:
    task = fashn.app.store.task_by_name("fashn", prediction)
    assert task
    wait_for(lambda: fashn.app.store.items(task.id)[0].fate == "failed")
    return fashn.finish(prediction)


def test_a_picture_that_has_the_ratio_already_is_not_reframed(fashn):
    prediction = fashn.start("reframe", image=data_uri(photo((80, 101))), aspect_ratio="4:5")
    answer = finished_after_loading(fashn, prediction).json()
    assert (answer["status"], answer["error"]["name"]) == ("failed", "InputValidationError")
    wider = fashn.start("reframe", image=data_uri(photo((80, 104))), aspect_ratio="4:5")
    assert fashn.finish(wider).json()["status"] == "completed"


def test_a_mask_of_another_size_fails_the_edit(fashn):
    mask = data_uri(Image.new("L", (90, 121), 255))
    prediction = fashn.start("edit", prompt="red", mask=mask)
    answer = finished_after_loading(fashn, prediction).json()
    assert (answer["status"], answer["error"]["name"]) == ("failed", "InputValidationError")


def test_a_restarted_sandbox_fetches_draws_and_answers_what_was_promised(tmp_path):
    with fashn_sandbox(tmp_path / "shop") as shop:
        picture = shop.finish(shop.start("model-swap")).json()["output"][0]
        with fashn_sandbox(tmp_path / "sandbox") as fashn:
            fashn.app.store.mark_drawn = lambda *_: None  # type: ignore[method-assign]
            prediction = fashn.start("model-swap", model_image=picture, num_images=2)
            assert fashn.app.room.wait_until_drawn()
            fashn.clock.tick(30)
            assert fashn.status(prediction).json()["status"] == "processing"
        with fashn_sandbox(tmp_path / "sandbox", clock=fashn.clock) as again:
            answer = again.finish(prediction)
            assert answer.json()["status"] == "completed"
            assert [httpx.get(url).status_code for url in answer.json()["output"]] == [200, 200]


def test_no_picture_stands_in_the_log_of_calls(fashn):
    fashn.start(image=data_uri(photo((240, 320))))
    [entry] = fashn.http.get("/__sandbox__/log", params={"operation": "submit"}).json()["calls"]
    assert (entry["provider"], entry["account"], entry["outcome"]) == ("fashn", "fa-sandbox", "ok")
    assert entry["body"]["model_name"] == "background-remove"
    assert len(entry["body"]["inputs"]["image"]) < 300
