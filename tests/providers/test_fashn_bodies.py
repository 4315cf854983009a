"""The very JSON that starts each of FASHN's models."""

import json

import pytest
from fashn.types import prediction_run_params as sdk

from generation.operations import OPERATIONS
from generation.providers.base import Order
from generation.providers.errors import Refused
from generation.providers.fashn import Fashn
from generation.providers.fashn_models import MODELS
from tests.providers.conftest import answer_of, first_line, json_of, raw_server, speak

TAKEN = answer_of(200, json.dumps({"id": "5a2d-u1", "error": None}))
PHOTO, OTHER = "https://files.example/photo.jpg?sig=1", "data:image/jpeg;base64,AAAA"
SIZED = {"resolution": "1k", "generation_mode": "fast", "output_format": "png"}

BODIES = [
    (
        "model-swap with everything",
        Order(
            "model-swap",
            files={"model_image": PHOTO, "face_reference": OTHER},
            options={
                "prompt": "woman, freckles",
                "face_reference_mode": "match_base",
                "resolution": "2k",
                "generation_mode": "quality",
                "num_images": 2,
            },
            seed=90817,
        ),
        {
            "model_image": PHOTO,
            "face_reference": OTHER,
            "prompt": "woman, freckles",
            "face_reference_mode": "match_base",
            "resolution": "2k",
            "generation_mode": "quality",
            "output_format": "png",
            "num_images": 2,
            "seed": 90817,
        },
    ),
    (
        "model-swap with what it needs",
        Order("model-swap", files={"model_image": PHOTO}, options={"prompt": ""}),
        {"model_image": PHOTO, **SIZED, "num_images": 1},
    ),
    (
        "a mode of the face without a face",
        Order(
            "model-swap",
            files={"model_image": PHOTO},
            options={"face_reference_mode": "match_base"},
            outputs=2,
        ),
        {"model_image": PHOTO, **SIZED, "num_images": 2},
    ),
    (
        "tryon-max",
        Order("tryon-max", files={"model_image": PHOTO, "product_image": OTHER}, seed=0),
        {
            "model_image": PHOTO,
            "product_image": OTHER,
            **SIZED,
            "generation_mode": "balanced",
            "num_images": 1,
            "seed": 0,
        },
    ),
    (
        "tryon-v1.6",
        Order(
            "tryon-v1.6",
            files={"model_image": PHOTO, "garment_image": OTHER},
            options={
                "category": "tops",
                "mode": "quality",
                "garment_photo_type": "flat-lay",
                "moderation_level": "none",
                "segmentation_free": False,
                "num_samples": 2,
            },
            seed=2**32 - 1,
        ),
        {
            "model_image": PHOTO,
            "garment_image": OTHER,
            "category": "tops",
            "mode": "quality",
            "garment_photo_type": "flat-lay",
            "moderation_level": "none",
            "segmentation_free": False,
            "num_samples": 2,
            "output_format": "png",
            "seed": 2**32 - 1,
        },
    ),
    (
        "product-to-model",
        Order(
            "product-to-model",
            files={"product_image": PHOTO, "background_reference": OTHER},
            options={"aspect_ratio": "4:5", "num_images": 2},
        ),
        {
            "product_image": PHOTO,
            "background_reference": OTHER,
            "aspect_ratio": "4:5",
            **SIZED,
            "num_images": 2,
        },
    ),
    (
        "model-create",
        Order("model-create", files={}, options={"prompt": "a man", "aspect_ratio": "1:1"}),
        {"prompt": "a man", "aspect_ratio": "1:1", **SIZED, "num_images": 1},
    ),
    (
        "model-create",
        Order(
            "model-create",
            files={"face_reference": PHOTO},
            options={"prompt": "a man", "resolution": "4k"},
        ),
        # Nothing larger is drawn with a face, and what is sent is what is priced.
        {
            "prompt": "a man",
            "face_reference": PHOTO,
            **SIZED,
            "resolution": "2k",
            "num_images": 1,
        },
    ),
    (
        "face-to-model",
        Order("face-to-model", files={"face_image": PHOTO}, options={"aspect_ratio": "2:3"}),
        {"face_image": PHOTO, "aspect_ratio": "2:3", **SIZED, "num_images": 1},
    ),
    (
        "edit",
        Order(
            "edit",
            files={"image": PHOTO, "mask": OTHER, "image_context": OTHER},
            options={"prompt": "a red bag"},
        ),
        {
            "image": PHOTO,
            "mask": OTHER,
            "image_context": OTHER,
            "prompt": "a red bag",
            **SIZED,
            "num_images": 1,
        },
    ),
    (
        "reframe",
        Order("reframe", files={"image": PHOTO}, options={"aspect_ratio": "21:9"}),
        {"image": PHOTO, "aspect_ratio": "21:9", **SIZED, "num_images": 1},
    ),
    (
        "background-remove",
        Order("background-remove", files={"image": PHOTO}, seed=5),
        {"image": PHOTO},
    ),
    (
        "image-to-video",
        Order(
            "image-to-video",
            files={"image": PHOTO, "end_image": OTHER},
            options={"prompt": "she turns", "negative_prompt": "zoom", "duration": "10"},
            seed=5,
        ),
        {
            "image": PHOTO,
            "end_image": OTHER,
            "prompt": "she turns",
            "negative_prompt": "zoom",
            "duration": 10,
            "resolution": "1080p",
            "seed": 5,
        },
    ),
]
# What the pages name and the types of the vendor's own library (0.9.0) do not.
PAGES_ONLY = {
    "product-to-model": {
        "num_images",
        "face_reference",
        "face_reference_mode",
        "background_reference",
    },
    "reframe": {"resolution"},
}
SDK_TYPES = {
    "model-swap": sdk.ModelSwapRequestInputs,
    "tryon-max": sdk.TryOnMaxRequestInputs,
    "tryon-v1.6": sdk.TryOnRequestInputs,
    "product-to-model": sdk.ProductToModelRequestInputs,
    "model-create": sdk.ModelCreateRequestInputs,
    "face-to-model": sdk.FaceToModelRequestInputs,
    "edit": sdk.EditRequestInputs,
    "reframe": sdk.ReframeRequestInputs,
    "background-remove": sdk.BackgroundRemoveRequestInputs,
    "image-to-video": sdk.ImageToVideoRequestInputs,
}


def test_every_model_of_the_table_of_operations_has_a_row():
    offers = [
        offer
        for operation in OPERATIONS.values()
        for offer in operation.offers
        if offer.provider == "fashn"
    ]
    assert {offer.task for offer in offers} == set(MODELS)
    assert {order.task for _name, order, _body in BODIES} == set(MODELS)
    for offer in offers:
        model = MODELS[offer.task]
        assert {entry.name for entry in offer.inputs} <= model.pictures
        assert {option.name for option in offer.options} <= {*model.options, model.count}
        assert offer.takes_seed == model.takes_seed


@pytest.mark.parametrize("name", MODELS)
def test_no_row_names_a_key_that_neither_page_nor_library_knows(name):
    model = MODELS[name]
    keys = {*model.pictures, *model.options, *model.always, model.count} - {""}
    keys |= {"seed"} if model.takes_seed else set()

    assert keys <= set(SDK_TYPES[name].__annotations__) | PAGES_ONLY.get(name, set())


@pytest.mark.parametrize(
    ("order", "inputs"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES]
)
def test_a_model_is_run_with_exactly_these_inputs(order, inputs):
    """The keys of the model-swap of 2025, and whatever else a row does not name, are not sent."""
    old = {
        "background_change": True,
        "disable_prompt_enhancement": True,
        "lora_url": "https://x.example/l.safetensors",
        "return_base64": True,
        "model_name": "edit",
    }
    loaded = Order(
        order.task,
        order.files,
        order.presets,
        {**order.options, **old},
        seed=order.seed,
        outputs=order.outputs,
    )
    with raw_server(TAKEN) as (url, seen):
        task = speak(url, lambda client: client.submit(loaded), Fashn)

    assert (task.remote_id, task.trace_id) == ("5a2d-u1", "5a2d-u1")
    assert [first_line(request) for request in seen] == ["POST /v1/run"]
    assert json_of(seen[0]) == {"model_name": order.task, "inputs": inputs}
    assert b"authorization: bearer fa-sandbox" in seen[0].lower()


def test_the_address_to_call_travels_in_the_query():
    order = Order(
        "background-remove",
        files={"image": PHOTO},
        webhook_url="https://shop.example/hooks/fashn/9f2c?a=1&b=2",
    )
    with raw_server(TAKEN) as (url, seen):
        speak(url, lambda client: client.submit(order), Fashn)

    assert first_line(seen[0]) == (
        "POST /v1/run?webhook_url=https%3A%2F%2Fshop.example%2Fhooks%2Ffashn%2F9f2c%3Fa%3D1%26b%3D2"
    )
    assert json_of(seen[0])["inputs"] == {"image": PHOTO}


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order("background-change", files={"image": PHOTO}), "no model called"),
        (Order("model-swap", files={}), "needs model_image"),
        (Order("model-swap", files={"model_image": "UPLOAD/a.jpg"}), "by a link or as data"),
        (Order("model-swap", files={"model_image": PHOTO, "mask": PHOTO}), "takes no mask"),
        (Order("edit", files={"image": PHOTO}), "needs prompt"),
        (Order("reframe", files={"image": PHOTO}), "needs aspect_ratio"),
        (Order("face-to-model", files={"face_image": PHOTO}, outputs=5), "from 1 to 4"),
        (
            Order("face-to-model", files={"face_image": PHOTO}, options={"num_images": "two"}),
            "no such num_images",
        ),
        (Order("face-to-model", files={"face_image": PHOTO}, seed=2**32), "seed from 0"),
        (
            Order(
                "image-to-video",
                files={"image": PHOTO, "end_image": PHOTO},
                options={"resolution": "720p"},
            ),
            "1080p only",
        ),
    ],
)
def test_an_order_that_cannot_be_right_is_refused_before_anything_is_sent(order, words):
    with raw_server(TAKEN) as (url, seen), pytest.raises(Refused, match=words) as failure:
        speak(url, lambda client: client.submit(order), Fashn)

    assert failure.value.code == "bad_order"
    assert seen == []
