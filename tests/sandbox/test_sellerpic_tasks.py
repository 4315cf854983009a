"""Every task of the emulated SellerPic: what it takes, gives, costs and refuses."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any

import av
import httpx
import pytest
from PIL import Image, ImageDraw

from sandbox.app import create_app
from sandbox.sellerpic_tasks import REPLACE_TYPES, TASKS
from tests.sandbox.conftest import KEY, MovingClock, Provider, encoded, fetch, photo, wait_for
from tests.sandbox.test_contract import refusal

SIZE = (320, 400)


def drawn_mask(size: tuple[int, int] = SIZE, white: int = 255) -> bytes:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle((size[0] // 4, 20, size[0] // 2, size[1] - 20), fill=white)
    return encoded(mask)


def body_of(provider: Provider, task: str, **extra: Any) -> dict[str, Any]:
    """The smallest body that the task takes."""

    def image() -> Any:
        return provider.upload(encoded(photo(SIZE)))

    bodies: dict[str, dict[str, Any]] = {
        "swapModel": {"modelImageKey": image(), "modelId": provider.preset()},
        "tryOnApparel": {"modelImageKey": image(), "top": {"imageKey": image()}},
        "tryOnAccessories": {
            "modelImageKey": image(),
            "modelMaskKey": provider.upload(drawn_mask()),
            "productImageKey": image(),
        },
        "instructEdit": {"imageKey": image(), "prompt": "make the shirt red"},
        "replaceBackground": {
            "replaceType": "SOLID_COLOR_BACKGROUND",
            "productImageKey": image(),
            "backgroundColor": "#80c699",
        },
        "imageToVideo": {"imageKey": image()},
        "promptSegmentation": {"imageKey": image(), "prompt": "shirt"},
        "segmentImage": {"imageKey": image(), "type": "MODEL"},
        "lifestyleScene": {"productImageKey": image()},
        "removeBackground": {"imageKey": image()},
    }
    return {**bodies[task], **extra}


FIGURES = [
    ("swapModel", 2, 4, "general"),
    ("tryOnApparel", 4, 4, "general"),
    ("tryOnAccessories", 2, 2, "general"),
    ("instructEdit", 1, 1, "instruct_edit"),
    ("replaceBackground", 1, 1, "general"),
    ("imageToVideo", 1, 10, "video"),
    ("promptSegmentation", 1, 0, "segment_by_prompt"),
    ("segmentImage", 1, 0, "segment_by_type"),
    ("lifestyleScene", 4, 4, "general"),
    ("removeBackground", 1, 1, "general"),
]


def test_the_figures_below_are_of_every_task():
    assert {figure[0] for figure in FIGURES} == set(TASKS)


@pytest.mark.parametrize(("task", "outputs", "price", "pool"), FIGURES)
def test_a_task_gives_its_outputs_for_its_credits_in_its_pool(provider, task, outputs, price, pool):
    task_id = provider.ok(provider.generate(task, **body_of(provider, task)))["id"]
    assert provider.stats()["max_in_flight"] == {pool: 1}
    items = provider.finish(task_id)
    assert [item["status"] for item in items] == ["SUCCESS"] * outputs
    assert provider.usage() == {"remaining": 100 - price, "total": 100, "usage": price}
    files = [fetch(item["fileUrl"]).content for item in items]
    assert len(set(files)) == outputs
    if task != "imageToVideo":
        assert {Image.open(io.BytesIO(file)).format for file in files} == {"PNG"}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_without_any_one_of_its_keys_is_refused(provider, task):
    whole = body_of(provider, task)
    optional = {name for name, key in TASKS[task].keys.items() if not key.required}
    for name in set(whole) - optional - {"top", "backgroundColor"}:
        less = {key: value for key, value in whole.items() if key != name}
        assert refusal(provider.generate(task, **less)) == (200, 99001)
        assert refusal(provider.generate(task, **{**whole, name: 7})) == (200, 99001)
    assert provider.stats()["accepted"] == 0


@pytest.mark.parametrize("task", TASKS)
def test_a_picture_that_was_never_uploaded_is_no_such_file(provider, task):
    whole = body_of(provider, task)
    name = next(name for name, key in TASKS[task].keys.items() if key.kind == "image")
    whole[name] = "UPLOAD/1/2026/01/01/nothing.png"
    assert refusal(provider.generate(task, **whole)) == (200, 99002)
    assert provider.stats()["accepted"] == 0


def test_unknown_keys_are_ignored_unless_the_sandbox_is_strict(provider, tmp_path):
    whole = body_of(provider, "instructEdit", colour="red")
    provider.ok(provider.generate("instructEdit", **whole))
    provider.app.strict = True
    answer = provider.generate("instructEdit", **whole)
    assert refusal(answer) == (200, 99001)
    assert answer.json()["msg"] == "instructEdit takes no colour."
    assert provider.stats()["accepted"] == 1


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_drawn_from_its_pictures(tmp_path, task):
    with (
        create_app(tmp_path, seconds=(0.01, 0.02)) as app,
        httpx.Client(transport=httpx.WSGITransport(app), base_url="http://x", headers=KEY) as http,
        ExitStack() as closing,
    ):
        provider = Provider(app, http, MovingClock(), closing)
        started = provider.generate(task, **body_of(provider, task))
        assert app.room.wait_until_drawn()
        items = wait_for(
            lambda: [
                item
                for item in provider.status(provider.ok(started)["id"])
                if item["status"] not in {"CREATED", "RUNNING"}
            ]
        )
        assert {item["status"] for item in items} == {"SUCCESS"}
        assert len({http.get(item["fileUrl"]).content for item in items}) == len(items)


# Try-On ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["top", "bottom", "onePiece"])
def test_apparel_is_one_garment(provider, part):
    model, garment = provider.upload(), {"imageKey": provider.upload()}
    provider.ok(provider.generate("tryOnApparel", modelImageKey=model, **{part: garment}))
    assert provider.stats()["accepted"] == 1


@pytest.mark.parametrize("parts", [(), ("top", "bottom"), ("top", "bottom", "onePiece")])
def test_no_garment_or_several_are_refused(provider, parts):
    garments = {part: {"imageKey": provider.upload()} for part in parts}
    answer = provider.generate("tryOnApparel", modelImageKey=provider.upload(), **garments)
    assert refusal(answer) == (200, 99001)
    assert answer.json()["msg"] == "Exactly one of top, bottom and onePiece is required."
    assert provider.stats()["accepted"] == 0


@pytest.mark.parametrize("garment", ["UPLOAD/x", {}, {"imageKey": 5}, {"imageKey": ""}])
def test_a_garment_is_an_object_with_a_key(provider, garment):
    answer = provider.generate("tryOnApparel", modelImageKey=provider.upload(), top=garment)
    assert refusal(answer) == (200, 99001)


@pytest.mark.parametrize(
    "mask",
    [drawn_mask((100, 100)), drawn_mask(white=180), encoded(photo(SIZE))],
    ids=["another size", "grey", "a photo"],
)
def test_a_mask_of_another_size_or_of_other_colours_is_refused(provider, mask):
    answer = provider.generate(
        "tryOnAccessories",
        **body_of(provider, "tryOnAccessories", modelMaskKey=provider.upload(mask)),
    )
    assert refusal(answer) == (200, 99001)
    assert "mask" in answer.json()["msg"]
    assert provider.stats()["accepted"] == 0


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_mask_may_be_blurred_a_little_by_its_format(provider, kind):
    mask = Image.open(io.BytesIO(drawn_mask())).convert("RGB")
    key = provider.upload(encoded(mask, kind, quality=90))
    for _ in range(2):
        whole = body_of(provider, "tryOnAccessories", modelMaskKey=key)
        provider.ok(provider.generate("tryOnAccessories", **whole))
    assert provider.stats()["accepted"] == 2


# Background Replacer --------------------------------------------------------------------------


def background(provider: Provider, kind: str) -> dict[str, Any]:
    what = {
        "AI_BACKGROUND": lambda: provider.preset("AI_BACKGROUND"),
        "TEXT_TO_BACKGROUND": lambda: "a sunny beach",
        "PRESET_BACKGROUND_IMAGE": lambda: provider.preset("BACKGROUND"),
        "CUSTOM_BACKGROUND_IMAGE": lambda: provider.upload(),
        "SOLID_COLOR_BACKGROUND": lambda: "#80C699",
    }[kind]()
    key = provider.upload(encoded(photo(SIZE)))
    return {"replaceType": kind, "productImageKey": key, REPLACE_TYPES[kind][0]: what}


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        ("AI_BACKGROUND", 4),
        ("TEXT_TO_BACKGROUND", 4),
        ("PRESET_BACKGROUND_IMAGE", 1),
        ("CUSTOM_BACKGROUND_IMAGE", 1),
        ("SOLID_COLOR_BACKGROUND", 1),
    ],
)
def test_a_background_costs_a_credit_for_each_of_its_images(provider, kind, images):
    body = background(provider, kind)
    body |= {"productMaskKey": provider.upload(drawn_mask()), "productImageScale": 0.6}
    task_id = provider.ok(provider.generate("replaceBackground", **body))["id"]
    assert len(provider.finish(task_id)) == images
    assert provider.usage()["usage"] == images


@pytest.mark.parametrize("kind", REPLACE_TYPES)
def test_a_background_needs_what_it_is_made_from(provider, kind):
    body = background(provider, kind)
    del body[REPLACE_TYPES[kind][0]]
    answer = provider.generate("replaceBackground", **body)
    assert refusal(answer) == (200, 99001)
    assert answer.json()["msg"] == f"{REPLACE_TYPES[kind][0]} is required for {kind}."


@pytest.mark.parametrize(
    ("kind", "wrong", "code"),
    [
        ("AI_BACKGROUND", {"presetBackgroundId": "7"}, 99002),
        ("SOLID_COLOR_BACKGROUND", {"backgroundColor": "green"}, 99001),
        ("SOLID_COLOR_BACKGROUND", {"productImageScale": 2}, 99001),
        ("SOLID_COLOR_BACKGROUND", {"productImageScale": True}, 99001),
        ("SOLID_COLOR_BACKGROUND", {"replaceType": "RAINBOW"}, 99001),
        ("CUSTOM_BACKGROUND_IMAGE", {"backgroundImageKey": "UPLOAD/none.png"}, 99002),
    ],
)
def test_a_background_that_makes_no_sense_is_refused(provider, kind, wrong, code):
    answer = provider.generate("replaceBackground", **{**background(provider, kind), **wrong})
    assert refusal(answer) == (200, code)
    assert provider.stats()["accepted"] == 0


def test_a_preset_of_the_other_list_is_no_such_preset(provider):
    for kind, other in (("AI_BACKGROUND", "BACKGROUND"), ("PRESET_BACKGROUND_IMAGE", "SWAP_MODEL")):
        body = background(provider, kind) | {"presetBackgroundId": provider.preset(other)}
        assert refusal(provider.generate("replaceBackground", **body)) == (200, 99002)


# Image To Video -------------------------------------------------------------------------------


def test_ten_seconds_cost_15_credits(provider):
    whole = body_of(provider, "imageToVideo", videoDuration=10, prompt="turn", autoAudio=False)
    provider.finish(provider.ok(provider.generate("imageToVideo", **whole))["id"])
    assert provider.usage()["usage"] == 15


@pytest.mark.parametrize("size", [(299, 400), (300, 751), (751, 300)])
def test_a_video_needs_300_pixels_and_no_strip(provider, size):
    key = provider.upload(encoded(Image.new("RGB", size)))
    assert refusal(provider.generate("imageToVideo", imageKey=key)) == (200, 99001)
    assert provider.stats()["accepted"] == 0


@pytest.mark.parametrize("size", [(300, 750), (750, 300)])
def test_a_video_may_be_as_narrow_as_2_to_5(provider, size):
    provider.ok(
        provider.generate("imageToVideo", imageKey=provider.upload(encoded(Image.new("RGB", size))))
    )
    assert provider.stats()["accepted"] == 1


@pytest.mark.parametrize("length", [6, 5.0, "5", True])
def test_a_video_takes_5_or_10_seconds(provider, length):
    whole = body_of(provider, "imageToVideo", videoDuration=length)
    assert refusal(provider.generate("imageToVideo", **whole)) == (200, 99001)


def test_a_video_is_downloaded_as_mp4_and_converted_to_nothing_else(provider):
    task_id = provider.ok(provider.generate("imageToVideo", **body_of(provider, "imageToVideo")))
    item = provider.finish(task_id["id"])[0]
    assert item["fileUrl"].endswith(".mp4")
    data = provider.download(item["id"], "mp4")
    assert (data["name"], data["status"]) == (f"{item['id']}.mp4", "SUCCESS")
    answer = fetch(data["fileUrl"])
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.content), "r") as video:
        assert next(video.decode(video=0)).width > 0
    for kind in ("gif", "webp"):
        params = {"id": item["id"], "downloadFormat": kind}
        refused = provider.http.get("/v1/api/download", params=params)
        assert refusal(refused) == (200, 99001)
        assert refused.json()["msg"] == f"This sandbox does not convert videos to {kind}."
    params = {"id": item["id"], "downloadFormat": "png"}
    assert refusal(provider.http.get("/v1/api/download", params=params)) == (200, 99001)


# Limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "longest"), [("instructEdit", 2048), ("segmentImage", 2000)])
def test_some_tasks_take_smaller_pictures_only(provider, task, longest):
    fits = provider.upload(encoded(Image.new("L", (longest, 8))))
    provider.ok(provider.generate(task, **body_of(provider, task, imageKey=fits)))
    large = provider.upload(encoded(Image.new("L", (8, longest + 1))))
    answer = provider.generate(task, **body_of(provider, task, imageKey=large))
    assert refusal(answer) == (200, 99001)
    assert answer.json()["msg"].endswith(f"longer than {longest} pixels on a side.")


@pytest.mark.parametrize(
    ("task", "limit"),
    [("instructEdit", 5), ("promptSegmentation", 5), ("segmentImage", 5), ("imageToVideo", 10)],
)
def test_a_pool_of_its_own_is_full_by_itself(provider, task, limit):
    provider.http.post("/__sandbox__/balance", json={"balance": 1000})
    whole = body_of(provider, task)
    tasks = [provider.ok(provider.generate(task, **whole))["id"] for _ in range(limit)]
    assert refusal(provider.generate(task, **whole)) == (200, 30003)
    provider.start()
    provider.finish(tasks[-1])
    provider.ok(provider.generate(task, **whole))


def test_segments_cost_nothing_even_without_credits(provider):
    provider.http.post("/__sandbox__/balance", json={"balance": 0})
    whole = body_of(provider, "promptSegmentation")
    provider.ok(provider.generate("promptSegmentation", **whole))
    whole = body_of(provider, "removeBackground")
    assert refusal(provider.generate("removeBackground", **whole)) == (200, 99003)
