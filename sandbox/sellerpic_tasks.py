"""The tasks of the emulated SellerPic API as one table: bodies, limits, pools, prices, drawings.

Figures are the vendor's (documentation 1.0.0 and 1.0.1) unless marked ASSUMED.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]

IMAGE_BYTES = 10 * 1024 * 1024
"""Largest picture that a task takes."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a body; a dot in its name reaches into an object.

    `kind` is image, mask, preset, text, choice, number or flag. `role` is the picture's part in the
    commission, or the name of the option there, or person or scene for a preset. `of` names a
    mask's image, or the types of preset that are taken.
    """

    kind: str
    required: bool = False
    role: str = ""
    of: tuple[str, ...] = ()
    choices: tuple[str | int, ...] = ()
    least: float = 0
    most: float = 0

    def complaint(self, value: object) -> str | None:
        """What is wrong with a value, as the end of a sentence that begins with the key's name."""
        if self.kind == "flag":
            return None if isinstance(value, bool) else "must be true or false."
        if self.kind == "choice":
            # True and 1.0 equal 1, but JSON knows them apart.
            if type(value) in {str, int} and value in self.choices:
                return None
            return f"must be one of {', '.join(map(str, self.choices))}."
        if self.kind == "number":
            if type(value) in {int, float} and self.least <= value <= self.most:  # type: ignore[operator]
                return None
            return f"must be a number from {self.least:g} to {self.most:g}."
        if not isinstance(value, str):
            return "must be a string."
        if self.kind == "colour" and not _COLOUR.fullmatch(value):
            return "must be a colour such as #80c699."
        return None


def _nothing_wrong(_body: Body) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class TaskKind:
    """One path below `/v1/api/generate/`.

    `task` names the drawing in `sandbox.commissions`. `outputs` and `credits` (of one output) may
    depend on the body. `pace` is the time it takes as a share of the sandbox's usual seconds.
    `options` are what the drawing is told beyond the keys' roles; `complaint` judges keys together.
    """

    path: str
    task: str
    keys: Mapping[str, Key]
    outputs: Callable[[Body], int]
    credits: Callable[[Body], int]
    pool: str = "general"
    longest_side: int = 4096
    shortest_side: int = 0
    ratio: tuple[float, float] | None = None
    media: str = "png"
    pace: float = 1.0
    options: Callable[[Body], dict[str, Any]] = field(default=lambda _body: {})
    complaint: Callable[[Body], str | None] = _nothing_wrong


def value_at(body: Body, name: str) -> Any:
    """What the body holds under a key of the table; None if it is left out."""
    value: Any = body
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _always(number: int) -> Callable[[Body], int]:
    return lambda _body: number


def _image(role: str, *, required: bool = True) -> Key:
    return Key("image", required, role)


def _mask(image: str, *, required: bool = False) -> Key:
    return Key("mask", required, "mask", (image,))


def _prompt(*, required: bool = True) -> Key:
    return Key("text", required, "prompt")


# Try-On (Apparel) -----------------------------------------------------------------------------

_PARTS = {"top": "top", "bottom": "bottom", "onePiece": "one_piece"}


def _garment_complaint(body: Body) -> str | None:
    # ASSUMED: several garments in one task are unproved, so they are refused.
    given = [name for name in _PARTS if body.get(name) is not None]
    if len(given) != 1:
        return "Exactly one of top, bottom and onePiece is required."
    if not value_at(body, f"{given[0]}.imageKey"):
        return f"{given[0]}.imageKey is required."
    return None


def _part(body: Body) -> dict[str, Any]:
    return {"part": next(part for name, part in _PARTS.items() if body.get(name))}


# Background Replacer --------------------------------------------------------------------------

REPLACE_TYPES: dict[str, tuple[str, int]] = {
    "AI_BACKGROUND": ("presetBackgroundId", 4),
    "TEXT_TO_BACKGROUND": ("customBackgroundPrompt", 4),
    "PRESET_BACKGROUND_IMAGE": ("presetBackgroundId", 1),
    "CUSTOM_BACKGROUND_IMAGE": ("backgroundImageKey", 1),
    "SOLID_COLOR_BACKGROUND": ("backgroundColor", 1),
}
"""The key that each `replaceType` needs, and its number of images."""

_PRESET_TYPES = {"AI_BACKGROUND": "AI_BACKGROUND", "PRESET_BACKGROUND_IMAGE": "BACKGROUND"}


def _background_complaint(body: Body) -> str | None:
    kind = str(body["replaceType"])
    needed = REPLACE_TYPES[kind][0]
    return None if body.get(needed) else f"{needed} is required for {kind}."


def preset_types(key: Key, body: Body) -> tuple[str, ...]:
    """The types of preset that a key takes in this body."""
    asked = _PRESET_TYPES.get(str(body.get("replaceType")))
    return (asked,) if asked else key.of


def used_keys(kind: TaskKind, body: Body) -> dict[str, Key]:
    """The keys that this body uses; a replaceType makes no use of those that others need."""
    unused: set[str] = set()
    if kind.path == "replaceBackground":
        unused = {name for name, _count in REPLACE_TYPES.values()}
        unused.discard(REPLACE_TYPES[str(body["replaceType"])][0])
    return {
        name: key
        for name, key in kind.keys.items()
        if name not in unused and value_at(body, name) not in (None, "")
    }


# The table ------------------------------------------------------------------------------------

_ALL = (
    TaskKind(
        "swapModel",
        "swap",
        {
            "modelImageKey": _image("photo"),
            "modelId": Key("preset", True, "person", ("SWAP_MODEL",)),
            "modelMaskKey": _mask("modelImageKey"),
            "sceneId": Key("preset", False, "scene", ("SWAP_MODEL_SCENE",)),
        },
        outputs=_always(2),
        # 4 credits for 2 images; the split of 2 each is ASSUMED.
        credits=_always(2),
    ),
    TaskKind(
        "tryOnApparel",
        "try_on",
        {
            "modelImageKey": _image("photo"),
            **{f"{name}.imageKey": _image("garment", required=False) for name in _PARTS},
        },
        outputs=_always(4),
        credits=_always(1),
        options=_part,
        complaint=_garment_complaint,
    ),
    TaskKind(
        "tryOnAccessories",
        "accessory",
        {
            "modelImageKey": _image("photo"),
            "modelMaskKey": _mask("modelImageKey", required=True),
            "productImageKey": _image("product"),
        },
        outputs=_always(2),
        credits=_always(1),
    ),
    TaskKind(
        "instructEdit",
        "edit",
        {
            "imageKey": _image("photo"),
            "prompt": _prompt(),
            "refImageKey": _image("context", required=False),
        },
        outputs=_always(1),  # ASSUMED: the page names 1 credit and no number of images.
        credits=_always(1),
        pool="instruct_edit",
        longest_side=2048,  # ASSUMED from "Max file size: 2K".
    ),
    TaskKind(
        "replaceBackground",
        "background",
        {
            "replaceType": Key("choice", True, choices=tuple(REPLACE_TYPES)),
            "productImageKey": _image("photo"),
            "productMaskKey": _mask("productImageKey"),
            "presetBackgroundId": Key("preset", False, "scene", ("AI_BACKGROUND", "BACKGROUND")),
            "customBackgroundPrompt": _prompt(required=False),
            "backgroundColor": Key("colour", False, "colour"),
            "backgroundImageKey": _image("background", required=False),
            # ASSUMED: the page gives no bounds; 1 leaves the product as large as it is.
            "productImageScale": Key("number", False, "scale", least=0.1, most=1),
        },
        outputs=lambda body: REPLACE_TYPES[str(body["replaceType"])][1],
        credits=_always(1),
        complaint=_background_complaint,
    ),
    TaskKind(
        "imageToVideo",
        "video",
        {
            "imageKey": _image("photo"),
            "prompt": _prompt(required=False),
            "videoDuration": Key("choice", False, "seconds", choices=(5, 10)),
            "model": Key("text"),  # ASSUMED: any word; the values are not told.
            "audioPrompt": Key("text"),
            "autoAudio": Key("flag"),
        },
        outputs=_always(1),
        credits=lambda body: 15 if body.get("videoDuration") == 10 else 10,
        pool="video",
        shortest_side=300,
        ratio=(2 / 5, 5 / 2),
        media="mp4",
        pace=2.0,
    ),
    TaskKind(
        "promptSegmentation",
        "segment",
        {"imageKey": _image("photo"), "prompt": _prompt()},
        outputs=_always(1),
        credits=_always(0),
        pool="segment_by_prompt",
        pace=0.5,
    ),
    TaskKind(
        "segmentImage",
        "segment",
        {
            "imageKey": _image("photo"),
            # ASSUMED: the page names the key and not its values.
            "type": Key("choice", True, "kind", choices=("PRODUCT", "MODEL", "CLOTHING")),
            "expandPixels": Key("number", False, "expand", most=1000),
        },
        outputs=_always(1),
        credits=_always(0),
        pool="segment_by_type",
        longest_side=2000,
        pace=0.5,
    ),
    TaskKind(
        "lifestyleScene",  # ASSUMED: path, body and the number of images.
        "background",
        {
            "productImageKey": _image("photo"),
            "productMaskKey": _mask("productImageKey"),
            "sceneId": Key("preset", False, "scene", ("SWAP_MODEL_SCENE",)),
            "prompt": _prompt(required=False),
        },
        outputs=_always(4),
        credits=_always(1),
    ),
    TaskKind(
        "removeBackground",  # ASSUMED: path, body, one image and its price.
        "cutout",
        {"imageKey": _image("photo")},
        outputs=_always(1),
        credits=_always(1),
    ),
)

TASKS: dict[str, TaskKind] = {kind.path: kind for kind in _ALL}
"""Every task by its path."""
