"""What FASHN offers: its models, with inputs, limits and prices of its documentation (mid-2026).

Input and option names are the API's own. Keys of the 2025 model-swap are not among them and are
never sent.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from generation.operations import prices
from generation.operations.inputs import (
    GARMENT_PHOTO,
    IMAGE,
    MODEL_PHOTO,
    PRODUCT_PHOTO,
    SECONDS,
    reference_picture,
)
from generation.operations.types import (
    Ask,
    Fault,
    Fit,
    Input,
    InputKind,
    Offer,
    Option,
    OptionKind,
    Price,
    Result,
    Sizes,
    Text,
)

POOL = "all"
"""One pool for everything: six predictions at once per account [vendor page]."""

# A longest side of 2000 pixels is advised for 1k outputs and for models of one size, of 6000 for 4k
# [vendor's guide to preprocessing]. ASSUMED: nothing is said of 2k, and no limit in bytes is
# published; pictures within a request have a limit of ours, so larger ones pay by a link alone.
# ASSUMED: no least size is stated; below 200 pixels a face is a few pixels wide.
_FIT = Fit(max_bytes=3 * 1024 * 1024, max_side=2000, min_side=200)
# What is cut out has up to 4 megapixels [vendor page]: at two to three that is a longer side of
# 2400. ASSUMED: it takes that, although the guide counts models of one size among those of 2000.
_CUT_OUT_FIT = Fit(max_bytes=3 * 1024 * 1024, max_side=2400, min_side=200)
_LARGE_FITS = MappingProxyType(
    {
        "2k": Fit(max_bytes=6 * 1024 * 1024, max_side=3000, min_side=200),
        "4k": Fit(max_bytes=12 * 1024 * 1024, max_side=6000, min_side=200),
    }
)

_SAME_SHAPE = 0.02
_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")
_MODES: dict[str, Text] = {"fast": _("Fast"), "balanced": _("Balanced"), "quality": _("Quality")}

# ASSUMED: no page states the longest prompt.
_PROMPT = Option("prompt", OptionKind.TEXT, _("Description"), most_letters=2000)
_NEEDED_PROMPT = Option(
    "prompt", OptionKind.TEXT, _("Description"), required=True, most_letters=2000
)
_RESOLUTION = Option(
    "resolution",
    OptionKind.CHOICE,
    _("Size"),
    default="1k",
    choices=(("1k", _("About 1 MP")), ("2k", _("About 4 MP")), ("4k", _("About 16 MP"))),
)
_COUNT = Option(
    "num_images", OptionKind.NUMBER, _("Results"), default=2, least=1, most=4, required=True
)
_FACE_MODE = Option(
    "face_reference_mode",
    OptionKind.CHOICE,
    _("Face"),
    choices=(
        ("match_base", _("Fitted to the photo")),
        ("match_reference", _("As in the reference")),
    ),
    is_advanced=True,
)
_FACE = Input("face_reference", InputKind.PHOTO, _("Face reference"), required=False)


def _mode(*names: str) -> Option:
    return Option(
        "generation_mode",
        OptionKind.CHOICE,
        _("Quality"),
        default=names[0],
        choices=tuple((name, _MODES[name]) for name in names),
    )


def _ratio(*names: str, required: bool = False, default: str | None = None) -> Option:
    return Option(
        "aspect_ratio",
        OptionKind.CHOICE,
        _("Shape"),
        default=default,
        required=required,
        choices=tuple((name, name) for name in names),
    )


def _offer(
    task: str,
    *,
    inputs: tuple[Input, ...],
    options: tuple[Option, ...],
    price: Price,
    name: str = "fashn",
    label: Text = "FASHN",
    outputs: int | str = "num_images",
    **more: Any,
) -> Offer:
    return Offer(
        name=name,
        provider="fashn",
        task=task,
        label=label,
        pool=POOL,
        inputs=inputs,
        options=options,
        outputs=outputs,
        price=price,
        large_fits=_LARGE_FITS if _RESOLUTION in options else MappingProxyType({}),
        **{"fit": _FIT, "takes_seed": True, "typical_seconds": 60, **more},
    )


_SIZED = (_RESOLUTION, _mode("fast", "balanced", "quality"), _COUNT)

SWAP_MODEL = _offer(
    "model-swap",
    inputs=(MODEL_PHOTO, _FACE),
    options=(_PROMPT, *_SIZED, _FACE_MODE),
    price=prices.fashn_image("model-swap", with_face=True),
)

TRY_ON = _offer(
    "tryon-v1.6",
    name="fashn-v1.6",
    label="FASHN v1.6",
    inputs=(MODEL_PHOTO, GARMENT_PHOTO),
    options=(
        Option(
            "category",
            OptionKind.CHOICE,
            _("Garment"),
            default="auto",
            choices=(
                ("auto", _("Find out")),
                ("tops", _("Top")),
                ("bottoms", _("Bottom")),
                ("one-pieces", _("One-piece")),
            ),
        ),
        Option(
            "mode",
            OptionKind.CHOICE,
            _("Quality"),
            default="balanced",
            choices=(
                ("performance", _("Fast")),
                ("balanced", _("Balanced")),
                ("quality", _("Quality")),
            ),
        ),
        Option(
            "garment_photo_type",
            OptionKind.CHOICE,
            _("Garment photo"),
            default="auto",
            choices=(
                ("auto", _("Find out")),
                ("flat-lay", _("Flat lay")),
                ("model", _("On a model")),
            ),
            is_advanced=True,
        ),
        Option(
            "moderation_level",
            OptionKind.CHOICE,
            _("Moderation"),
            default="permissive",
            choices=(
                ("conservative", _("Strict")),
                ("permissive", _("Usual")),
                ("none", _("None")),
            ),
            is_advanced=True,
        ),
        Option(
            "segmentation_free",
            OptionKind.FLAG,
            _("Keep the body's shape"),
            default=True,
            is_advanced=True,
        ),
        Option(
            "num_samples",
            OptionKind.NUMBER,
            _("Results"),
            default=2,
            least=1,
            most=4,
            required=True,
        ),
    ),
    outputs="num_samples",
    price=prices.fashn_flat(1, "tryon-v1.6"),
    typical_seconds=10,
)

TRY_ON_MAX = _offer(
    "tryon-max",
    name="fashn-max",
    label="FASHN Max",
    inputs=(MODEL_PHOTO, PRODUCT_PHOTO),
    options=(_PROMPT, _RESOLUTION, _mode("balanced", "quality"), _COUNT),
    price=prices.fashn_image("tryon-max"),
)

_PRODUCT_OPTIONS = (_PROMPT, _ratio(*_RATIOS[1:]), *_SIZED, _FACE_MODE)

PRODUCT_TO_MODEL = _offer(
    "product-to-model",
    inputs=(
        PRODUCT_PHOTO,
        Input("image_prompt", InputKind.PHOTO, _("Inspiration"), required=False),
        _FACE,
        Input("background_reference", InputKind.PHOTO, _("Background"), required=False),
    ),
    options=_PRODUCT_OPTIONS,
    price=prices.fashn_image("product-to-model", with_face=True),
)

LIFESTYLE_SCENE = _offer(
    "product-to-model",
    inputs=(
        PRODUCT_PHOTO,
        Input("background_reference", InputKind.PHOTO, _("Scene picture")),
        _FACE,
    ),
    options=_PRODUCT_OPTIONS,
    price=prices.fashn_image("product-to-model", with_face=True),
)

MODEL_CREATE = _offer(
    "model-create",
    inputs=(
        reference_picture("image_reference"),
        _FACE,
    ),
    options=(_NEEDED_PROMPT, _ratio(*_RATIOS, default="1:1"), *_SIZED, _FACE_MODE),
    price=prices.fashn_image("model-create", with_face=True, face_size="2k"),
)

FACE_TO_MODEL = _offer(
    "face-to-model",
    inputs=(Input("face_image", InputKind.PHOTO, _("Face photo")),),
    options=(
        _PROMPT,
        _ratio("1:1", "4:5", "3:4", "2:3", "9:16", default="2:3"),
        *_SIZED,
    ),
    price=prices.fashn_image("face-to-model"),
)

EDIT = _offer(
    "edit",
    inputs=(
        IMAGE,
        Input("mask", InputKind.MASK, _("Mask"), required=False, mask_of="image"),
        reference_picture("image_context"),
    ),
    options=(_NEEDED_PROMPT, *_SIZED),
    price=prices.fashn_image("edit"),
)


def _another_shape(ask: Ask, sizes: Sizes) -> Fault | None:
    """FASHN refuses a shape that the picture has already, within 2 % [vendor page]."""
    width, height = (float(side) for side in str(ask.options["aspect_ratio"]).split(":"))
    wanted = width / height
    have = sizes["image"][0] / sizes["image"][1]
    if abs(have - wanted) > _SAME_SHAPE * wanted:
        return None
    return Fault(
        "aspect_ratio",
        gettext("The picture has the shape %(shape)s already. Choose another one.")
        % {"shape": ask.options["aspect_ratio"]},
    )


def _last_picture_is_sharp(ask: Ask, sizes: Sizes) -> Fault | None:
    """FASHN takes a last picture with 1080p alone [vendor page]."""
    if "end_image" not in sizes or ask.options.get("resolution") == "1080p":
        return None
    return Fault(
        "resolution",
        gettext("A last picture goes with 1080p alone. Choose that size, or leave it out."),
    )


REFRAME = _offer(
    "reframe",
    inputs=(IMAGE,),
    options=(_ratio(*_RATIOS, required=True, default="4:5"), *_SIZED),
    price=prices.fashn_image("reframe"),
    check=_another_shape,
)

REMOVE_BACKGROUND = _offer(
    "background-remove",
    inputs=(IMAGE,),
    options=(),
    outputs=1,
    price=prices.fashn_flat(1, "background-remove"),
    fit=_CUT_OUT_FIT,
    takes_seed=False,
    typical_seconds=5,
)

VIDEO_OF_IMAGE = _offer(
    "image-to-video",
    inputs=(
        IMAGE,
        Input("end_image", InputKind.PHOTO, _("Last picture"), required=False),
    ),
    options=(
        _PROMPT,
        Option(
            "negative_prompt",
            OptionKind.TEXT,
            _("What to avoid"),
            most_letters=2000,
            is_advanced=True,
        ),
        Option(
            "duration",
            OptionKind.CHOICE,
            _("Length"),
            default=5,
            choices=SECONDS,
        ),
        Option(
            "resolution",
            OptionKind.CHOICE,
            _("Size"),
            default="1080p",
            choices=(("480p", "480p"), ("720p", "720p"), ("1080p", "1080p")),
        ),
    ),
    outputs=1,
    price=prices.fashn_video(),
    result=Result.VIDEO,
    typical_seconds=240,
    check=_last_picture_is_sharp,
)
