"""FASHN's models: one row each with the inputs of its current pages. No other key is ever sent.

The keys of the 2025 model-swap (`background_change`, `disable_prompt_enhancement`, `lora_url`) are
in no row. What FASHN would bill where `generation_mode` and `resolution` are left out has changed
before, so both go along wherever the model has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from generation.providers.base import Order
from generation.providers.errors import Refused

_MOST_SEED = 2**32 - 1
_MOST_OUTPUTS = 4
_PICTURE = ("https://", "http://", "data:image/")


@dataclass(frozen=True, slots=True)
class Model:
    """Inputs by name. `always` holds options that are sent with a value of ours where none is given.

    `count` names the option that tells how many results are asked for; "" for models of one.
    """

    pictures: frozenset[str]
    needs: frozenset[str]
    options: Mapping[str, Callable[[Any], Any]]
    always: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    count: str = "num_images"
    takes_seed: bool = True


Value = str | int | bool
"""What stands in the inputs of a call. A picture is a link or a data URI."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call that starts a prediction."""

    model_name: str
    inputs: Mapping[str, Value]

    @property
    def size(self) -> int:
        """About how many bytes the body has: those of its texts."""
        return sum(len(value) for value in self.inputs.values() if isinstance(value, str))


_SIZED: Mapping[str, Callable[[Any], Any]] = {"resolution": str, "generation_mode": str}
# As JPEG a result loses pixels, and face-to-model would send one unless told otherwise.
_PNG = {"output_format": "png"}


def _sized(pictures: str, needs: str, options: str = "prompt", *, mode: str = "fast") -> Model:
    """A model that is priced by mode and resolution. Names are given in words with blanks."""
    return Model(
        pictures=frozenset(pictures.split()),
        needs=frozenset(needs.split()),
        options={**dict.fromkeys(options.split(), str), **_SIZED},
        always={"resolution": "1k", "generation_mode": mode, **_PNG},
    )


MODELS: Mapping[str, Model] = {
    "model-swap": _sized("model_image face_reference", "model_image", "prompt face_reference_mode"),
    "tryon-max": _sized("model_image product_image", "model_image product_image", mode="balanced"),
    "tryon-v1.6": Model(
        pictures=frozenset({"model_image", "garment_image"}),
        needs=frozenset({"model_image", "garment_image"}),
        options={
            "category": str,
            "mode": str,
            "garment_photo_type": str,
            "moderation_level": str,
            "segmentation_free": bool,
        },
        always=_PNG,
        count="num_samples",
    ),
    "product-to-model": _sized(
        "product_image image_prompt face_reference background_reference",
        "product_image",
        "prompt aspect_ratio face_reference_mode",
    ),
    "model-create": _sized(
        "image_reference face_reference", "prompt", "prompt aspect_ratio face_reference_mode"
    ),
    "face-to-model": _sized("face_image", "face_image", "prompt aspect_ratio"),
    "edit": _sized("image mask image_context", "image prompt"),
    "reframe": _sized("image", "image aspect_ratio", "aspect_ratio"),
    "background-remove": Model(
        pictures=frozenset({"image"}),
        needs=frozenset({"image"}),
        options={},
        count="",
        takes_seed=False,
    ),
    "image-to-video": Model(
        pictures=frozenset({"image", "end_image"}),
        needs=frozenset({"image"}),
        options={"prompt": str, "negative_prompt": str, "duration": int, "resolution": str},
        always={"duration": 5, "resolution": "1080p"},
        count="",
    ),
}


def run_of(order: Order) -> Run:
    """The call that starts an order.

    Raises Refused, before anything is sent, for a model that is not in the table, for a picture
    that it takes none of, and for a value that is missing or of the wrong type.
    """
    model = MODELS.get(order.task)
    if model is None:
        raise _bad(f"FASHN has no model called {order.task}.")
    extra = sorted({*order.files, *order.presets} - model.pictures)
    if extra:
        raise _bad(f"FASHN's {order.task} takes no {extra[0]}.")
    inputs: dict[str, Value] = dict(model.always)
    for name, link in order.files.items():
        if not link.startswith(_PICTURE):
            raise _bad(f"FASHN takes {name} by a link or as data.")
        inputs[name] = link
    for name, kind in model.options.items():
        value = order.options.get(name)
        if value is not None and value != "":
            inputs[name] = _as(kind, value, name)
    if "face_reference" not in inputs:
        inputs.pop("face_reference_mode", None)
    elif order.task == "model-create" and inputs["resolution"] == "4k":
        # With a face nothing larger is drawn [vendor page], and the price says so too.
        inputs["resolution"] = "2k"
    if missing := sorted(model.needs - inputs.keys()):
        raise _bad(f"FASHN's {order.task} needs {missing[0]}.")
    if "end_image" in inputs and inputs["resolution"] != "1080p":
        raise _bad("FASHN takes a last picture with 1080p only.")
    if model.count:
        count = _as(int, order.options.get(model.count, order.outputs), model.count)
        inputs[model.count] = _within(count, 1, _MOST_OUTPUTS, model.count)
    if model.takes_seed and order.seed is not None:
        inputs["seed"] = _within(order.seed, 0, _MOST_SEED, "seed")
    return Run(order.task, inputs)


def _as(kind: Callable[[Any], Any], value: Any, name: str) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise _bad(f"FASHN takes no such {name}.") from exc


def _within(number: int, least: int, most: int, name: str) -> int:
    if not least <= number <= most:
        raise _bad(f"FASHN takes {name} from {least} to {most}.")
    return number


def _bad(message: str) -> Refused:
    return Refused(message, code="bad_order")
