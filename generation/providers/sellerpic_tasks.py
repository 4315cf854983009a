"""The bodies of SellerPic's ten create-task calls: one row per task, in the keys of its pages.

What no page told is marked ASSUMED. Whatever a row does not name is never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from generation.providers.base import Order
from generation.providers.errors import Refused

_PARTS = {"top": "top", "bottom": "bottom", "one_piece": "onePiece"}
# What each kind of background is made from [page of Background Replacer].
_BACKGROUNDS = {
    "AI_BACKGROUND": "presetBackgroundId",
    "TEXT_TO_BACKGROUND": "customBackgroundPrompt",
    "PRESET_BACKGROUND_IMAGE": "presetBackgroundId",
    "CUSTOM_BACKGROUND_IMAGE": "backgroundImageKey",
    "SOLID_COLOR_BACKGROUND": "backgroundColor",
}

GUESSED = frozenset({"lifestyleScene", "removeBackground"})
"""ASSUMED: tasks whose pages, path and body, were never read."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a body: where its value stands in an order, and the type it is sent as."""

    key: str
    name: str
    kind: Callable[[Any], str | int | float | bool] = str
    required: bool = False


Value = str | int | float | bool | Mapping[str, str]
"""What stands in a body; a mapping holds the picture of one garment."""


@dataclass(frozen=True, slots=True)
class TaskBody:
    """One call that starts a task: the last part of its path, and its JSON by the vendor's keys."""

    task: str
    fields: Mapping[str, Value]


def _number(value: Any) -> int | float:
    number = float(value)
    return int(number) if number.is_integer() else number


def _needed(key: str, name: str) -> Field:
    return Field(key, name, required=True)


_PROMPT = Field("prompt", "prompt")
_NEEDED_PROMPT = _needed("prompt", "prompt")
_IMAGE = _needed("imageKey", "image")
_MODEL_IMAGE = _needed("modelImageKey", "model_image")
_PRODUCT_IMAGE = _needed("productImageKey", "product_image")
_PRODUCT_MASK = Field("productMaskKey", "product_mask")

_ROWS: Mapping[str, tuple[Field, ...]] = {
    # ASSUMED optional: the page's example sends the first two only.
    "swapModel": (
        _MODEL_IMAGE,
        _needed("modelId", "model"),
        Field("modelMaskKey", "model_mask"),
        Field("sceneId", "scene"),
    ),
    "tryOnAccessories": (_MODEL_IMAGE, _needed("modelMaskKey", "model_mask"), _PRODUCT_IMAGE),
    # `garment` is put where the part of the body says; see `_apparel`.
    "tryOnApparel": (_MODEL_IMAGE, _needed("garment", "garment_image"), _needed("part", "part")),
    "instructEdit": (_IMAGE, _NEEDED_PROMPT, Field("refImageKey", "ref_image")),
    "replaceBackground": (
        _needed("replaceType", "replace_type"),
        _PRODUCT_IMAGE,
        _PRODUCT_MASK,
        Field("presetBackgroundId", "preset_background"),
        Field("customBackgroundPrompt", "custom_background_prompt"),
        Field("backgroundColor", "background_color"),
        Field("backgroundImageKey", "background_image"),
        Field("productImageScale", "product_image_scale", _number),
    ),
    # The page's `model` is not among them: its values are not told.
    "imageToVideo": (
        _IMAGE,
        _PROMPT,
        Field("videoDuration", "video_duration", int),
        Field("audioPrompt", "audio_prompt"),
        Field("autoAudio", "auto_audio", bool),
    ),
    "promptSegmentation": (_IMAGE, _NEEDED_PROMPT),
    "segmentImage": (_IMAGE, Field("type", "type"), Field("expandPixels", "expand_pixels", int)),
    # The last two are guessed.
    "lifestyleScene": (_PRODUCT_IMAGE, _PRODUCT_MASK, Field("sceneId", "scene"), _PROMPT),
    "removeBackground": (_IMAGE,),
}
TASKS = frozenset(_ROWS)
"""Every task, by the last part of its path."""


def body_of(order: Order) -> TaskBody:
    """The call that starts an order.

    Raises Refused, before anything is sent, for a task that is not in the table, for a picture or
    preset that the task takes none of, and for a value that is missing or of the wrong type.
    """
    fields = _ROWS.get(order.task)
    if fields is None:
        raise Refused(f"SellerPic has no task called {order.task}.", code="bad_order")
    inputs = {**order.files, **order.presets}
    extra = sorted(set(inputs) - {field.name for field in fields})
    if extra:
        raise Refused(f"SellerPic's {order.task} takes no {extra[0]}.", code="bad_order")
    body = _fill(order.task, fields, {**order.options, **inputs})
    if order.task == "tryOnApparel":
        body = _apparel(body)
    elif order.task == "replaceBackground":
        body = _background(body)
    return TaskBody(order.task, body)


def _fill(task: str, fields: tuple[Field, ...], values: Mapping[str, Any]) -> dict[str, Value]:
    body: dict[str, Value] = {}
    for field in fields:
        value = values.get(field.name)
        if value is None or value == "":
            if field.required:
                raise Refused(f"SellerPic's {task} needs {field.name}.", code="bad_order")
            continue
        try:
            body[field.key] = field.kind(value)
        except (TypeError, ValueError, OverflowError) as exc:
            raise Refused(
                f"SellerPic's {task} takes no such {field.name}.", code="bad_order"
            ) from exc
    return body


def _apparel(body: Mapping[str, Value]) -> dict[str, Value]:
    """Exactly one garment: that a top and a bottom go together is nowhere told."""
    part = _PARTS.get(str(body["part"]))
    if part is None:
        raise Refused("SellerPic's tryOnApparel takes no such part.", code="bad_order")
    return {"modelImageKey": body["modelImageKey"], part: {"imageKey": str(body["garment"])}}


def _background(body: Mapping[str, Value]) -> dict[str, Value]:
    """Only what the kind of background is made from goes along, and it must be there."""
    source = _BACKGROUNDS.get(str(body["replaceType"]))
    if source is None:
        raise Refused("SellerPic has no such kind of background.", code="bad_order")
    if source not in body:
        raise Refused(f"SellerPic's replaceBackground needs {source}.", code="bad_order")
    others = set(_BACKGROUNDS.values()) - {source}
    return {key: value for key, value in body.items() if key not in others}
