"""The table of operations: what a team can ask for, in which words, and who offers it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from generation.operations import fashn, sellerpic
from generation.operations.types import Operation

_ROWS = (
    Operation(
        "swap_model",
        _("Swap fashion model"),
        _("Another person wears the very same clothes. Two results."),
        "scan-face",
        (sellerpic.SWAP_MODEL, fashn.SWAP_MODEL),
    ),
    Operation(
        "try_on",
        _("Try on clothes"),
        _("A person in a photo wears the garment of another photo."),
        "shirt",
        (fashn.TRY_ON, fashn.TRY_ON_MAX, *sellerpic.TRY_ON_APPAREL),
    ),
    Operation(
        "try_on_accessory",
        _("Try on an accessory"),
        _("A bag, hat or piece of jewellery at a marked place of a photo."),
        "watch",
        (sellerpic.TRY_ON_ACCESSORY,),
    ),
    Operation(
        "edit",
        _("Edit by instruction"),
        _("Say what should change; everything else stays."),
        "wand-sparkles",
        (sellerpic.INSTRUCT_EDIT, fashn.EDIT),
    ),
    Operation(
        "replace_background",
        _("Replace background"),
        _("The product stays, what is behind it changes."),
        "image",
        sellerpic.REPLACE_BACKGROUND,
    ),
    Operation(
        "remove_background",
        _("Remove background"),
        _("The product alone, on nothing."),
        "eraser",
        (fashn.REMOVE_BACKGROUND, sellerpic.REMOVE_BACKGROUND),
    ),
    Operation(
        "lifestyle_scene",
        _("Lifestyle scene"),
        _("The product worn or used in a scene."),
        "trees",
        (fashn.LIFESTYLE_SCENE, sellerpic.LIFESTYLE_SCENE),
    ),
    Operation(
        "product_to_model",
        _("Put product on a model"),
        _("A new person wears the product of a photo."),
        "person-standing",
        (fashn.PRODUCT_TO_MODEL,),
    ),
    Operation(
        "create_model",
        _("Create a model"),
        _("A new person from a description."),
        "user-plus",
        (fashn.MODEL_CREATE,),
    ),
    Operation(
        "face_to_model",
        _("Model from a face"),
        _("A whole upper body from the photo of a face."),
        "smile",
        (fashn.FACE_TO_MODEL,),
    ),
    Operation(
        "reframe",
        _("Change the shape"),
        _("Grows or crops a picture to another shape."),
        "crop",
        (fashn.REFRAME,),
    ),
    Operation(
        "animate",
        _("Animate"),
        _("A short video from one picture."),
        "clapperboard",
        (fashn.VIDEO_OF_IMAGE, sellerpic.VIDEO_OF_IMAGE),
    ),
    Operation(
        "segment_by_prompt",
        _("Mask by description"),
        _("A mask of what you describe, free of charge."),
        "lasso",
        (sellerpic.SEGMENT_BY_PROMPT,),
    ),
    Operation(
        "segment_by_type",
        _("Mask by type"),
        _("A mask of the product, the person or the clothes, free of charge."),
        "lasso-select",
        (sellerpic.SEGMENT_BY_TYPE,),
    ),
)

OPERATIONS: dict[str, Operation] = {row.name: row for row in _ROWS}
