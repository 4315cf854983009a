"""What SellerPic offers: its ten tasks, with limits and prices of its own pages (1.0.0 and 1.0.1).

What no page told is marked ASSUMED; a task that was never read on a page is not confirmed.
"""

from __future__ import annotations

from types import MappingProxyType

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
    Fit,
    Input,
    InputKind,
    Offer,
    Option,
    OptionKind,
    Result,
)

GENERAL, VIDEO, EDIT = "general", "video", "instruct_edit"
SEGMENT_PROMPT, SEGMENT_TYPE = "segment_by_prompt", "segment_by_type"

# The vendor states no least size; below 200 pixels a face is a few pixels wide.
_FIT = Fit(max_bytes=10 * 1024 * 1024, max_side=4096, min_side=200)
# ASSUMED: the page says "Max file size: 2K", which is taken for the longest side.
_EDIT_FIT = Fit(max_bytes=10 * 1024 * 1024, max_side=2048, min_side=200)
_SEGMENT_FIT = Fit(max_bytes=10 * 1024 * 1024, max_side=2000, min_side=200)
_VIDEO_FIT = Fit(max_bytes=10 * 1024 * 1024, max_side=4096, min_side=300, ratio=(0.4, 2.5))

_PRODUCT_MASK = Input(
    "product_mask", InputKind.MASK, _("Product mask"), required=False, mask_of="product_image"
)


def _prompt(name: str = "prompt", *, required: bool = True) -> Option:
    # ASSUMED: no page states the longest prompt.
    return Option(name, OptionKind.TEXT, _("Instruction"), required=required, most_letters=1000)


# Of the call that fetches a picture, not of the order. A video has other formats, none of which but MP4 can be stored and shown, and
# a mask must keep its size and its edges.
_FILE = (
    Option(
        "download_format",
        OptionKind.CHOICE,
        _("File type"),
        choices=(("png", "PNG"), ("jpg", "JPEG"), ("webp", "WebP")),
        is_advanced=True,
    ),
    Option(
        "uhd",
        OptionKind.FLAG,
        _("Enlarge to 4096 pixels"),
        is_advanced=True,
        # ASSUMED, as for another type of file: the page of the call names no credits.
        assumed=_("enlarged files cost nothing"),
    ),
)

SWAP_MODEL = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="swapModel",
    label="SellerPic",
    pool=GENERAL,
    inputs=(
        MODEL_PHOTO,
        Input("model", InputKind.MODEL_PRESET, _("Model")),
        Input("scene", InputKind.SCENE_PRESET, _("Scene"), required=False),
        Input(
            "model_mask", InputKind.MASK, _("Person mask"), required=False, mask_of="model_image"
        ),
    ),
    options=_FILE,
    outputs=2,
    # 4 credits for 2 images [page of 2025-08-15]. That one of two delivered images costs half is
    # ASSUMED from the older page's "1 per successful image".
    price=prices.sellerpic(2, "Swap Fashion Model"),
    fit=_FIT,
    assumed=_("2 credits for one delivered result; the page tells 4 for two"),
)

TRY_ON_APPAREL = tuple(
    Offer(
        name=f"sellerpic-{part.replace('_', '-')}",
        provider="sellerpic",
        task="tryOnApparel",
        label=label,
        pool=GENERAL,
        inputs=(MODEL_PHOTO, GARMENT_PHOTO),
        options=_FILE,
        constants=MappingProxyType({"part": part}),
        outputs=4,
        price=prices.sellerpic(1, "Try-On (Apparel)"),
        fit=_FIT,
        assumed=_("form of the request; its page was never read"),
    )
    for part, label in (
        ("top", _("SellerPic, top")),
        ("bottom", _("SellerPic, bottom")),
        ("one_piece", _("SellerPic, one-piece")),
    )
)

TRY_ON_ACCESSORY = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="tryOnAccessories",
    label="SellerPic",
    pool=GENERAL,
    inputs=(
        MODEL_PHOTO,
        Input("model_mask", InputKind.MASK, _("Mask of the place"), mask_of="model_image"),
        PRODUCT_PHOTO,
    ),
    options=_FILE,
    outputs=2,
    price=prices.sellerpic(1, "Try-On (Accessories)"),
    fit=_FIT,
)

INSTRUCT_EDIT = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="instructEdit",
    label="SellerPic",
    pool=EDIT,
    inputs=(
        IMAGE,
        reference_picture("ref_image"),
    ),
    options=(_prompt(), *_FILE),
    outputs=1,  # ASSUMED: the page names 1 credit and no number of images.
    price=prices.sellerpic(1, "Instruct Edit"),
    fit=_EDIT_FIT,
    assumed=_("one result; the page tells 1 credit and no number"),
)


def _background(
    name: str,
    replace_type: str,
    label: object,
    outputs: int,
    *,
    inputs: tuple[Input, ...] = (),
    options: tuple[Option, ...] = (),
) -> Offer:
    return Offer(
        name=name,
        provider="sellerpic",
        task="replaceBackground",
        label=label,  # type: ignore[arg-type]
        pool=GENERAL,
        inputs=(PRODUCT_PHOTO, *inputs, _PRODUCT_MASK),
        options=(
            *options,
            Option(
                "product_image_scale",
                OptionKind.NUMBER,
                _("Size of the product"),
                least=0.1,  # ASSUMED: the page gives no bounds.
                most=1,
                is_advanced=True,
            ),
            *_FILE,
        ),
        constants=MappingProxyType({"replace_type": replace_type}),
        outputs=outputs,
        price=prices.sellerpic(1, "Background Replacer"),
        fit=_FIT,
    )


REPLACE_BACKGROUND = (
    _background(
        "sellerpic-ai",
        "AI_BACKGROUND",
        _("SellerPic, AI background"),
        4,
        inputs=(Input("preset_background", InputKind.AI_BACKGROUND_PRESET, _("AI background")),),
    ),
    _background(
        "sellerpic-text",
        "TEXT_TO_BACKGROUND",
        _("SellerPic, described background"),
        4,
        options=(_prompt("custom_background_prompt"),),
    ),
    _background(
        "sellerpic-preset",
        "PRESET_BACKGROUND_IMAGE",
        _("SellerPic, background picture"),
        1,
        inputs=(Input("preset_background", InputKind.BACKGROUND_PRESET, _("Background")),),
    ),
    _background(
        "sellerpic-picture",
        "CUSTOM_BACKGROUND_IMAGE",
        _("SellerPic, own background picture"),
        1,
        inputs=(Input("background_image", InputKind.PHOTO, _("Background picture")),),
    ),
    _background(
        "sellerpic-colour",
        "SOLID_COLOR_BACKGROUND",
        _("SellerPic, plain colour"),
        1,
        options=(
            Option(
                "background_color",
                OptionKind.COLOUR,
                _("Colour"),
                default="#ffffff",
                required=True,
            ),
        ),
    ),
)

VIDEO_OF_IMAGE = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="imageToVideo",
    label="SellerPic",
    pool=VIDEO,
    inputs=(IMAGE,),
    options=(
        _prompt(required=False),
        Option(
            "video_duration",
            OptionKind.CHOICE,
            _("Length"),
            default=5,
            choices=SECONDS,
        ),
        Option("audio_prompt", OptionKind.TEXT, _("Sound"), most_letters=1000, is_advanced=True),
        Option("auto_audio", OptionKind.FLAG, _("Add fitting sound"), is_advanced=True),
    ),
    outputs=1,
    price=prices.sellerpic_video(),
    fit=_VIDEO_FIT,
    result=Result.VIDEO,
    typical_seconds=240,
)

SEGMENT_BY_PROMPT = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="promptSegmentation",
    label="SellerPic",
    pool=SEGMENT_PROMPT,
    inputs=(IMAGE,),
    options=(_prompt(),),
    outputs=1,
    price=prices.sellerpic(0, "Segment Image By Prompt"),
    fit=_FIT,
    result=Result.MASK,
    typical_seconds=15,
)

SEGMENT_BY_TYPE = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="segmentImage",
    label="SellerPic",
    pool=SEGMENT_TYPE,
    inputs=(IMAGE,),
    options=(
        # ASSUMED: the page names the field and not its values.
        Option(
            "type",
            OptionKind.CHOICE,
            _("What to find"),
            default="PRODUCT",
            choices=(
                ("PRODUCT", _("Product")),
                ("MODEL", _("Person")),
                ("CLOTHING", _("Clothing")),
            ),
        ),
        Option(
            "expand_pixels",
            OptionKind.NUMBER,
            _("Grow by pixels"),
            most=100,
            is_advanced=True,
        ),
    ),
    outputs=1,
    price=prices.sellerpic(0, "Segment Image By Type"),
    fit=_SEGMENT_FIT,
    result=Result.MASK,
    is_confirmed=False,
    typical_seconds=15,
)

LIFESTYLE_SCENE = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="lifestyleScene",  # ASSUMED: path and body; the page was never read.
    label="SellerPic",
    pool=GENERAL,
    inputs=(
        PRODUCT_PHOTO,
        Input("scene", InputKind.SCENE_PRESET, _("Scene"), required=False),
        _PRODUCT_MASK,
    ),
    options=(_prompt(required=False), *_FILE),
    outputs=4,
    price=prices.sellerpic(1, "Get Started (1 credit per image)", is_assumed=True),
    fit=_FIT,
    is_confirmed=False,
)

REMOVE_BACKGROUND = Offer(
    name="sellerpic",
    provider="sellerpic",
    task="removeBackground",  # ASSUMED: path, body and price; only the name stands in the menu.
    label="SellerPic",
    pool=GENERAL,
    inputs=(IMAGE,),
    options=_FILE,
    outputs=1,
    price=prices.sellerpic(1, "Background Remover (menu only)", is_assumed=True),
    fit=_FIT,
    is_confirmed=False,
)
