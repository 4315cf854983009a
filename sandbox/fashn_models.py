"""The models of the emulated FASHN API as one table: inputs, credits, pace, and what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.commissions import Commission
from sandbox.fashn_inputs import upright_size

Inputs = Mapping[str, Any]

RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")
MEGAPIXEL = 1024 * 1024
AREAS = {"1k": MEGAPIXEL, "2k": 4 * MEGAPIXEL, "4k": 16 * MEGAPIXEL}
"""Most pixels of a result by `resolution`."""

_CREDITS = {
    "fast": {"1k": 1, "2k": 2, "4k": 3},
    "balanced": {"1k": 2, "2k": 3, "4k": 4},
    "quality": {"1k": 3, "2k": 4, "4k": 5},
}
_VIDEO_CREDITS = {
    5: {"480p": 1, "720p": 3, "1080p": 6},
    10: {"480p": 2, "720p": 6, "1080p": 12},
}
_FACE_CREDITS = 3
_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Input:
    """One key of `inputs`: `kind` is image, text, choice, whole or flag.

    `role` is the part that a picture plays in a commission. `choices` are the words or numbers of
    a choice; a whole number lies between `least` and `most`.
    """

    kind: str
    required: bool = False
    role: str = ""
    choices: tuple[str | int, ...] = ()
    least: int = 0
    most: int = 0

    def complaint(self, value: object) -> str | None:
        """What is wrong with a value, as the end of a sentence that begins with the input's name."""
        if self.kind in {"image", "text"}:
            return None if isinstance(value, str) else "must be a string."
        if self.kind == "flag":
            return None if isinstance(value, bool) else "must be true or false."
        if self.kind == "choice":
            # True and 1.0 equal 1, but JSON knows them apart.
            if type(value) in {str, int} and value in self.choices:
                return None
            return f"must be one of {', '.join(map(str, self.choices))}."
        if type(value) is int and self.least <= value <= self.most:
            return None
        return f"must be a whole number from {self.least} to {self.most}."


@dataclass(frozen=True, slots=True)
class Model:
    """One `model_name`.

    `task` names the drawing in `sandbox.commissions`. `credits` is the price of one output.
    `options` are what the drawing is told beyond prompt, area, ratio and format. `pace` is how
    long it takes as a share of the sandbox's usual seconds. `ratio_of` names the input whose ratio
    the result has unless `aspect_ratio` says another. `clash` says which inputs exclude one
    another. `defaults` are the values of inputs that were left out.
    """

    name: str
    task: str
    inputs: Mapping[str, Input]
    credits: Callable[[Inputs], int]
    pace: float = 1.0
    count: str = "num_images"
    area: Callable[[Inputs], int] | None = None
    options: Callable[[Inputs], dict[str, Any]] | None = None
    ratio_of: str = ""
    clash: Callable[[Inputs], str | None] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def complaint(self, inputs: Inputs, *, strict: bool) -> str | None:
        """Why the API refuses these inputs (400), or None. `strict` also refuses unknown keys."""
        for name, rule in self.inputs.items():
            value = inputs.get(name)
            if value is None or value == "":
                if rule.required:
                    return f"{name} is required."
                continue
            if problem := rule.complaint(value):
                return f"{name} {problem}"
        if strict and (unknown := sorted(set(inputs) - set(self.inputs))):
            return f"{self.name} takes no input called {unknown[0]}."
        return self.clash(inputs) if self.clash else None

    def completed(self, inputs: Inputs) -> dict[str, Any]:
        """The known inputs that were given, over the defaults."""
        given = {n: v for n, v in inputs.items() if n in self.inputs and v not in (None, "")}
        return {**self.defaults, **given}

    def outputs(self, inputs: Inputs) -> int:
        """How many pictures these inputs ask for."""
        return int(inputs.get(self.count, 1))

    def extension(self, inputs: Inputs) -> str:
        """What the address of an output ends with: png, jpeg or mp4."""
        if self.task == "video":
            return "mp4"
        return str(inputs.get("output_format", "png"))

    def commission(self, inputs: Inputs, pictures: Mapping[str, Path], position: int) -> Commission:
        """The order for one output. `pictures` are the loaded inputs by their name.

        Equal inputs with an equal seed make equal pictures, so earlier runs do not count.
        """
        roles = {
            rule.role: pictures[name] for name, rule in self.inputs.items() if name in pictures
        }
        options: dict[str, Any] = {"format": self.extension(inputs)}
        if inputs.get("prompt"):
            options["prompt"] = inputs["prompt"]
        if inputs.get("aspect_ratio"):
            options["ratio"] = inputs["aspect_ratio"]
        elif self.ratio_of in pictures:
            width, height = upright_size(pictures[self.ratio_of])
            options["ratio"] = f"{width}:{height}"
        if self.area:
            options["area"] = self.area(inputs)
        if self.options:
            options |= self.options(inputs)
        seed = int(inputs.get("seed", 42))
        return Commission(self.task, roles, options, position=position, seed=seed)


# Inputs that several models share -------------------------------------------------------------


def _image(role: str, *, required: bool = False) -> Input:
    return Input("image", required=required, role=role)


def _choice(*choices: str | int, required: bool = False) -> Input:
    return Input("choice", required=required, choices=choices)


_TEXT = Input("text")
_COUNT = Input("whole", least=1, most=4)
_SEED = {"seed": Input("whole", most=_LARGEST_SEED)}
_OUTPUT = {
    **_SEED,
    "output_format": _choice("png", "jpeg"),
    "return_base64": Input("flag"),
}
_SIZED = {
    **_OUTPUT,
    "prompt": _TEXT,
    "resolution": _choice("1k", "2k", "4k"),
    "generation_mode": _choice("fast", "balanced", "quality"),
    "num_images": _COUNT,
}
_RATIO = {"aspect_ratio": _choice(*RATIOS)}
_FACE = {
    "face_reference": _image("face"),
    "face_reference_mode": _choice("match_base", "match_reference"),
}


# Credits, sizes, options ----------------------------------------------------------------------


def _by_table(inputs: Inputs) -> int:
    resolution = inputs.get("resolution", "1k")
    # Without a mode the vendor bills fast at 1k and balanced above.
    mode = inputs.get("generation_mode") or ("fast" if resolution == "1k" else "balanced")
    return _CREDITS[mode][resolution]


def _by_table_balanced(inputs: Inputs) -> int:
    return _CREDITS[inputs.get("generation_mode", "balanced")][inputs.get("resolution", "1k")]


def _with_face(inputs: Inputs) -> int:
    return _by_table(inputs) + (_FACE_CREDITS if inputs.get("face_reference") else 0)


def _one_credit(_inputs: Inputs) -> int:
    return 1


def _video_credits(inputs: Inputs) -> int:
    return _VIDEO_CREDITS[inputs["duration"]][inputs["resolution"]]


def _asked_area(inputs: Inputs) -> int:
    """The cap of the resolution asked for: a photo keeps its size below it, nothing is enlarged."""
    return AREAS[inputs.get("resolution", "1k")]


def _drawn_area(_inputs: Inputs) -> int:
    """People drawn from nothing stay at 1 MP at every resolution: more would only take longer."""
    return MEGAPIXEL


_PARTS = {"tops": "top", "bottoms": "bottom", "one-pieces": "one_piece"}


def _garment_part(inputs: Inputs) -> dict[str, Any]:
    part = _PARTS.get(inputs.get("category", "auto"))
    return {"part": part} if part else {}


def _person_or_references(inputs: Inputs) -> str | None:
    references = ("image_prompt", "face_reference", "background_reference")
    if inputs.get("model_image"):
        for name in references:
            if inputs.get(name):
                return f"model_image and {name} exclude one another."
    return None


def _end_only_in_full_size(inputs: Inputs) -> str | None:
    if inputs.get("end_image") and inputs.get("resolution", "1080p") != "1080p":
        return "end_image is only supported with resolution 1080p."
    return None


def _clip(inputs: Inputs) -> dict[str, Any]:
    return {"seconds": inputs["duration"], "height": int(inputs["resolution"][:-1])}


# The table ------------------------------------------------------------------------------------

_TRY_ON_AREA = 864 * 1296

_ROWS = (
    Model(
        "model-swap", "swap",
        {"model_image": _image("photo", required=True), **_SIZED, **_FACE, **_RATIO},
        credits=_with_face, area=_asked_area,
    ),
    Model(
        "tryon-v1.6", "try_on",
        {
            "model_image": _image("photo", required=True),
            "garment_image": _image("garment", required=True),
            **_OUTPUT,
            "category": _choice("auto", "tops", "bottoms", "one-pieces"),
            "mode": _choice("performance", "balanced", "quality"),
            "garment_photo_type": _choice("auto", "flat-lay", "model"),
            "moderation_level": _choice("conservative", "permissive", "none"),
            "segmentation_free": Input("flag"),
            "num_samples": _COUNT,
        },
        credits=_one_credit, pace=0.5, count="num_samples",
        area=lambda inputs: _TRY_ON_AREA, options=_garment_part,
    ),
    Model(
        "tryon-max", "try_on",
        {
            "model_image": _image("photo", required=True),
            "product_image": _image("garment", required=True),
            **_SIZED,
            "generation_mode": _choice("balanced", "quality"),
            **_RATIO,
        },
        credits=_by_table_balanced, area=_asked_area,
    ),
    Model(
        "product-to-model", "product_to_model",
        {
            "model_image": _image("photo"),
            "product_image": _image("product", required=True),
            "image_prompt": _image("reference"),
            "background_reference": _image("background"),
            **_SIZED,
            **_FACE,
            "aspect_ratio": _choice(*RATIOS[1:]),
        },
        credits=_with_face, area=_drawn_area, ratio_of="product_image",
        clash=_person_or_references,
    ),
    Model(
        "model-create", "create_model",
        {
            **_SIZED,
            "prompt": Input("text", required=True),
            "image_reference": _image("reference"),
            **_FACE,
            **_RATIO,
        },
        credits=_with_face, area=_drawn_area, ratio_of="image_reference",
    ),
    Model(
        "face-to-model", "face_to_model",
        {
            "face_image": _image("face", required=True),
            **_SIZED,
            "aspect_ratio": _choice("1:1", "4:5", "3:4", "2:3", "9:16"),
        },
        credits=_by_table, area=_drawn_area,
        defaults={"aspect_ratio": "2:3", "output_format": "jpeg"},
    ),
    Model(
        "edit", "edit",
        {
            "image": _image("photo", required=True),
            **_SIZED,
            "prompt": Input("text", required=True),
            "mask": _image("mask"),
            "image_context": _image("context"),
            **_RATIO,
        },
        credits=_by_table, area=_asked_area,
    ),
    Model(
        "reframe", "reframe",
        {
            "image": _image("photo", required=True),
            **{name: rule for name, rule in _SIZED.items() if name != "prompt"},
            "aspect_ratio": _choice(*RATIOS, required=True),
        },
        credits=_by_table, area=_asked_area,
    ),
    Model(
        "background-remove", "cutout",
        {"image": _image("photo", required=True), "return_base64": Input("flag")},
        credits=_one_credit, pace=0.25, area=lambda inputs: AREAS["2k"],
    ),
    Model(
        "image-to-video", "video",
        {
            "image": _image("photo", required=True),
            "end_image": _image("end"),
            **_SEED,
            "prompt": _TEXT,
            "negative_prompt": _TEXT,
            "duration": _choice(5, 10),
            "resolution": _choice("480p", "720p", "1080p"),
        },
        credits=_video_credits, pace=2.0, options=_clip, clash=_end_only_in_full_size,
        defaults={"duration": 5, "resolution": "1080p"},
    ),
)  # fmt: skip

MODELS: dict[str, Model] = {model.name: model for model in _ROWS}
"""Every model on offer, by its `model_name`."""
