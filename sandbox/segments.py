"""Makes masks: black and white, in the photo's own size, white where the thing asked for is."""

from __future__ import annotations

from PIL import Image, ImageChops

from sandbox.clothing import find_clothing
from sandbox.findings import Findings, look_at
from sandbox.regions import wider
from sandbox.wording import WORN_WORDS, first_named, names_any


def segment(
    photo: Image.Image, *, kind: str = "", prompt: str = "", expand: int = 0
) -> Image.Image:
    """The mask (L, 0 or 255 alone) of a kind of thing, or of what a prompt names.

    `kind` is MODEL, CLOTHING, PRODUCT or another word that a prompt could have. `expand` moves
    the outline outwards by so many pixels, or inwards.
    """
    mask = _found(look_at(photo), f"{kind} {prompt}".replace("_", " "))
    mask = mask.point([0] * 128 + [255] * 128)
    if expand:
        mask = _moved(mask, min(max(expand, -200), 200))
    return mask


def _found(findings: Findings, wanted: str) -> Image.Image:
    if names_any(wanted, "background", "backdrop", "scene"):
        return ImageChops.invert(findings.subject)
    if not findings.shows_a_person and not names_any(wanted, "model", "person"):
        return findings.subject
    part = first_named(wanted, WORN_WORDS)
    if names_any(wanted, "upper"):
        part = "top"
    elif names_any(wanted, "lower"):
        part = "bottom"
    if part:
        return find_clothing(findings, part)
    if names_any(wanted, "skin", "body", "arm", "hand", "leg"):
        return findings.skin
    if names_any(wanted, "face", "head", "hair") and findings.face:
        return _head(findings)
    return findings.person


def _head(findings: Findings) -> Image.Image:
    """The person above the chin."""
    face = findings.face
    mask = Image.new("L", findings.photo.size, 0)
    if face is not None:
        half = face.half_width
        box = (face.x - 1.9 * half, face.y - 3 * half, face.x + 1.9 * half, face.y + 1.5 * half)
        mask.paste(255, [round(v) for v in box])  # type: ignore[arg-type]
    return ImageChops.darker(mask, findings.person)


def _moved(mask: Image.Image, pixels: int) -> Image.Image:
    if pixels < 0:
        return ImageChops.invert(_moved(ImageChops.invert(mask), -pixels))
    return wider(mask, pixels)
