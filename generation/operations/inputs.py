"""Inputs and choices that offers of several providers have in common."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from generation.operations.types import Input, InputKind, Text

MODEL_PHOTO = Input("model_image", InputKind.PHOTO, _("Photo"))
PRODUCT_PHOTO = Input("product_image", InputKind.PHOTO, _("Product photo"))
GARMENT_PHOTO = Input("garment_image", InputKind.PHOTO, _("Garment photo"))
IMAGE = Input("image", InputKind.PHOTO, _("Photo"))

SECONDS: tuple[tuple[int, Text], ...] = ((5, _("5 seconds")), (10, _("10 seconds")))
"""How long a video may be, at either provider."""


def reference_picture(name: str) -> Input:
    """A picture that may go along to show what is meant; each task has its own name for it."""
    return Input(name, InputKind.PHOTO, _("Reference picture"), required=False)
