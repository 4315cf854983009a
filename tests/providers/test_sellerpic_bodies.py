"""The very JSON that starts each of SellerPic's tasks, in the keys of the vendor's pages."""

import json

import pytest

from generation.operations import OPERATIONS
from generation.providers.base import Order
from generation.providers.errors import Refused
from generation.providers.sellerpic_tasks import TASKS
from tests.providers.conftest import answer_of, first_line, json_of, raw_server, speak

TAKEN = answer_of(200, json.dumps({"code": 0, "data": {"id": "9"}, "success": True}))
MODEL, PRODUCT = {"model_image": "UPLOAD/m.jpg"}, {"product_image": "UPLOAD/p.jpg"}
IMAGE = {"image": "UPLOAD/i.jpg"}

BODIES = [
    (
        "swapModel with everything",
        Order(
            "swapModel",
            files={**MODEL, "model_mask": "UPLOAD/mm.png"},
            presets={"model": "17", "scene": "42"},
        ),
        {
            "modelImageKey": "UPLOAD/m.jpg",
            "modelId": "17",
            "modelMaskKey": "UPLOAD/mm.png",
            "sceneId": "42",
        },
    ),
    (
        "swapModel with what it needs",
        Order("swapModel", files=MODEL, presets={"model": "17"}),
        {"modelImageKey": "UPLOAD/m.jpg", "modelId": "17"},
    ),
    (
        "tryOnAccessories",
        Order("tryOnAccessories", files={**MODEL, **PRODUCT, "model_mask": "UPLOAD/mm.png"}),
        {
            "modelImageKey": "UPLOAD/m.jpg",
            "modelMaskKey": "UPLOAD/mm.png",
            "productImageKey": "UPLOAD/p.jpg",
        },
    ),
    *(
        (
            f"tryOnApparel, {part}",
            Order(
                "tryOnApparel",
                files={**MODEL, "garment_image": "UPLOAD/g.jpg"},
                options={"part": part},
            ),
            {"modelImageKey": "UPLOAD/m.jpg", key: {"imageKey": "UPLOAD/g.jpg"}},
        )
        for part, key in (("top", "top"), ("bottom", "bottom"), ("one_piece", "onePiece"))
    ),
    (
        "instructEdit",
        Order(
            "instructEdit",
            files={**IMAGE, "ref_image": "UPLOAD/r.jpg"},
            options={"prompt": "a red bag"},
        ),
        {"imageKey": "UPLOAD/i.jpg", "prompt": "a red bag", "refImageKey": "UPLOAD/r.jpg"},
    ),
    (
        "replaceBackground by AI",
        Order(
            "replaceBackground",
            files={**PRODUCT, "product_mask": "UPLOAD/pm.png"},
            presets={"preset_background": "5"},
            options={"replace_type": "AI_BACKGROUND", "product_image_scale": 0.5},
        ),
        {
            "replaceType": "AI_BACKGROUND",
            "productImageKey": "UPLOAD/p.jpg",
            "productMaskKey": "UPLOAD/pm.png",
            "presetBackgroundId": "5",
            "productImageScale": 0.5,
        },
    ),
    (
        "replaceBackground by a text",
        Order(
            "replaceBackground",
            files=PRODUCT,
            options={"replace_type": "TEXT_TO_BACKGROUND", "custom_background_prompt": "a beach"},
        ),
        {
            "replaceType": "TEXT_TO_BACKGROUND",
            "productImageKey": "UPLOAD/p.jpg",
            "customBackgroundPrompt": "a beach",
        },
    ),
    (
        "replaceBackground by a preset",
        Order(
            "replaceBackground",
            files=PRODUCT,
            presets={"preset_background": "6"},
            options={"replace_type": "PRESET_BACKGROUND_IMAGE", "background_color": "#ffffff"},
        ),
        {
            "replaceType": "PRESET_BACKGROUND_IMAGE",
            "productImageKey": "UPLOAD/p.jpg",
            "presetBackgroundId": "6",
        },
    ),
    (
        "replaceBackground by a picture",
        Order(
            "replaceBackground",
            files={**PRODUCT, "background_image": "UPLOAD/b.jpg"},
            options={"replace_type": "CUSTOM_BACKGROUND_IMAGE", "product_image_scale": 1},
        ),
        {
            "replaceType": "CUSTOM_BACKGROUND_IMAGE",
            "productImageKey": "UPLOAD/p.jpg",
            "backgroundImageKey": "UPLOAD/b.jpg",
            "productImageScale": 1,
        },
    ),
    (
        "replaceBackground by a colour",
        Order(
            "replaceBackground",
            files=PRODUCT,
            options={"replace_type": "SOLID_COLOR_BACKGROUND", "background_color": "#80c699"},
        ),
        {
            "replaceType": "SOLID_COLOR_BACKGROUND",
            "productImageKey": "UPLOAD/p.jpg",
            "backgroundColor": "#80c699",
        },
    ),
    (
        "imageToVideo",
        Order(
            "imageToVideo",
            files=IMAGE,
            options={
                "prompt": "she turns",
                "video_duration": "10",
                "audio_prompt": "waves",
                "auto_audio": True,
            },
        ),
        {
            "imageKey": "UPLOAD/i.jpg",
            "prompt": "she turns",
            "videoDuration": 10,
            "audioPrompt": "waves",
            "autoAudio": True,
        },
    ),
    (
        "promptSegmentation",
        Order("promptSegmentation", files=IMAGE, options={"prompt": "cup"}),
        {"imageKey": "UPLOAD/i.jpg", "prompt": "cup"},
    ),
    (
        "segmentImage",
        Order("segmentImage", files=IMAGE, options={"type": "PRODUCT", "expand_pixels": 4}),
        {"imageKey": "UPLOAD/i.jpg", "type": "PRODUCT", "expandPixels": 4},
    ),
    (
        "lifestyleScene",
        Order(
            "lifestyleScene",
            files={**PRODUCT, "product_mask": "UPLOAD/pm.png"},
            presets={"scene": "42"},
            options={"prompt": "on a table"},
        ),
        {
            "productImageKey": "UPLOAD/p.jpg",
            "productMaskKey": "UPLOAD/pm.png",
            "sceneId": "42",
            "prompt": "on a table",
        },
    ),
    ("removeBackground", Order("removeBackground", files=IMAGE), {"imageKey": "UPLOAD/i.jpg"}),
]


def test_every_task_of_the_table_of_operations_has_a_body():
    offered = {
        offer.task
        for operation in OPERATIONS.values()
        for offer in operation.offers
        if offer.provider == "sellerpic"
    }
    assert offered == TASKS
    assert {order.task for _name, order, _body in BODIES} == TASKS


@pytest.mark.parametrize(
    ("order", "body"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES]
)
def test_a_task_is_started_by_exactly_these_keys(order, body):
    """What the table does not name, a seed and an address to call are not sent."""
    loaded = Order(
        order.task,
        order.files,
        order.presets,
        {**order.options, "num_images": 2, "lora_url": "https://x.example/"},
        seed=7,
        outputs=4,
        webhook_url="https://studio.example/hooks/x",
    )
    with raw_server(TAKEN) as (url, seen):
        task = speak(url, lambda client: client.submit(loaded))

    assert task.remote_id == "9"
    assert [first_line(request) for request in seen] == [f"POST /v1/api/generate/{order.task}"]
    assert json_of(seen[0]) == body


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order("paintHouse", files=IMAGE), "no task called paintHouse"),
        (Order("../usage", files=IMAGE), "no task"),
        (Order("swapModel", files=MODEL), "needs model"),
        (Order("swapModel", files={}, presets={"model": "1"}), "needs model_image"),
        (Order("swapModel", files={**MODEL, **IMAGE}, presets={"model": "1"}), "takes no image"),
        (Order("instructEdit", files=IMAGE, options={"prompt": ""}), "needs prompt"),
        (Order("segmentImage", files=IMAGE, options={"expand_pixels": "many"}), "no such expand"),
        (
            Order("replaceBackground", files=PRODUCT, options={"replace_type": "AI_BACKGROUND"}),
            "needs presetBackgroundId",
        ),
        (
            Order("replaceBackground", files=PRODUCT, options={"replace_type": "GREEN"}),
            "no such kind",
        ),
        (
            Order(
                "tryOnApparel",
                files={**MODEL, "garment_image": "UPLOAD/g.jpg"},
                options={"part": "hat"},
            ),
            "no such part",
        ),
    ],
)
def test_an_order_that_cannot_be_right_is_refused_before_anything_is_sent(order, words):
    with raw_server(TAKEN) as (url, seen), pytest.raises(Refused, match=words) as failure:
        speak(url, lambda client: client.submit(order))

    assert failure.value.code == "bad_order"
    assert seen == []
