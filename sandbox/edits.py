"""Makes the pictures of an edit by words: dyes, clears away, relights or changes what is behind."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps, ImageStat

from sandbox.backgrounds import drawn_backdrop, replace_background
from sandbox.bare_skin import recolour
from sandbox.clothing import find_clothing
from sandbox.findings import look_at
from sandbox.people import Color
from sandbox.photos import sign
from sandbox.regions import small_copy
from sandbox.subjects import spread
from sandbox.try_on import put_on
from sandbox.wording import COLOURS, WORN_WORDS, first_named, last_named, names_any


@dataclass(frozen=True, slots=True)
class _Grade:
    """Light and colour: factors of brightness, contrast and saturation, and a tint laid over."""

    brightness: float = 1.0
    contrast: float = 1.0
    colour: float = 1.0
    tint: Color = (255, 255, 255)
    amount: float = 0.0


_BY_WORD: dict[tuple[str, ...], _Grade] = {
    ("black-and-white", "monochrome", "grayscale", "greyscale"): _Grade(1.0, 1.08, 0.0),
    ("sepia", "vintage", "retro", "film"): _Grade(1.02, 0.94, 0.45, (214, 170, 110), 0.22),
    ("night", "dark", "darker", "moody"): _Grade(0.62, 1.12, 0.8, (60, 70, 130), 0.18),
    ("bright", "brighter", "light", "airy", "daylight"): _Grade(1.24, 0.96, 1.05),
    ("sunset", "golden", "warm", "warmer", "sunny", "sun"):
        _Grade(1.05, 1.04, 1.15, (255, 168, 84), 0.22),
    ("cold", "cool", "cooler", "winter", "blueish"): _Grade(1.02, 1.03, 0.9, (110, 160, 220), 0.22),
    ("vivid", "vibrant", "saturated", "colourful", "colorful"): _Grade(1.02, 1.08, 1.6),
    ("soft", "dreamy", "matte"): _Grade(1.06, 0.86, 0.85, (250, 236, 224), 0.12),
    ("contrast", "dramatic", "sharp"): _Grade(0.98, 1.35, 1.05),
}  # fmt: skip

_GENTLE = (
    _Grade(1.08, 1.05, 1.12, (255, 190, 130), 0.12),
    _Grade(0.97, 1.1, 1.05, (120, 160, 215), 0.14),
    _Grade(1.12, 1.0, 1.25, (250, 220, 190), 0.08),
    _Grade(0.92, 1.16, 0.9, (150, 130, 190), 0.12),
)
"""Without a word that says how."""


def edit(
    photo: Image.Image,
    prompt: str,
    *,
    mask: Image.Image | None = None,
    context: Image.Image | None = None,
    variant: int = 0,
) -> Image.Image:
    """The photo, in its own size, changed as the prompt says, as far as drawing can.

    Nothing outside the mask changes. Without a mask the place follows from the words: the
    background, a garment, the subject or all of it. `context` (RGBA) is a product to be put in.
    """
    everywhere = Image.new("L", photo.size, 255)
    if names_any(prompt, "background", "backdrop", "behind", "scene", "setting"):
        backdrop = drawn_backdrop(photo.size, prompt=prompt, variant=variant)
        if mask is None:
            return replace_background(photo, backdrop)
        result = replace_background(photo, backdrop, mask=_kept(photo, mask))
    elif context is not None and mask is not None:
        result = put_on(photo, context, mask, variant)
    elif names_any(prompt, "remove", "erase", "delete", "clean", "without") and mask is not None:
        result = _cleared(photo, mask, variant)
    else:
        colour = last_named(prompt, COLOURS)
        if colour is None and context is not None:
            colour = main_colour(context)
        if colour is not None:
            region = mask if mask is not None else _named_region(photo, prompt)
            result = _dyed(photo, region, colour, variant)
        else:
            result = _graded(photo, _grade(prompt, variant), variant)
    if mask is None:
        mask = everywhere
    result = Image.composite(result, photo, mask)
    sign(result)
    return result


def main_colour(cut_out: Image.Image) -> Color:
    """The mean colour of what an RGBA picture shows."""
    small = small_copy(cut_out)
    red, green, blue = ImageStat.Stat(
        small.convert("RGB"), small.getchannel("A").point([0] * 200 + [255] * 56)
    ).mean
    return round(red), round(green), round(blue)


def _kept(photo: Image.Image, mask: Image.Image) -> Image.Image:
    """What stays in front of a new background inside the mask: nothing if that would be all."""
    subject = look_at(photo).subject
    inside = ImageChops.darker(subject, mask)
    return (
        subject if inside.histogram()[255] < 0.7 * mask.histogram()[255] else mask.point([0] * 256)
    )


def _named_region(photo: Image.Image, prompt: str) -> Image.Image:
    findings = look_at(photo)
    if not findings.shows_a_person:
        return findings.subject
    return find_clothing(findings, first_named(prompt, WORN_WORDS) or "top")


def _dyed(photo: Image.Image, region: Image.Image, colour: Color, variant: int) -> Image.Image:
    light = (0.0, 0.1, -0.1, 0.16)[variant % 4]
    dyed = recolour(photo, region, colour, light)
    if max(colour) - min(colour) < 30:
        grey = ImageEnhance.Color(dyed).enhance(0.5)
        dyed = Image.blend(dyed, grey, 0.8)
    return Image.composite(dyed, photo, region)


def _cleared(photo: Image.Image, mask: Image.Image, variant: int) -> Image.Image:
    """What is around the mask carried on into it, with a little grain."""
    small = small_copy(photo)
    away = mask.resize(small.size, Image.Resampling.BOX).point([255] + [0] * 255)
    filled = spread(small, away.filter(ImageFilter.MinFilter(5)))
    filled = filled.filter(ImageFilter.GaussianBlur(1.5 + variant % 4))
    filled = ImageEnhance.Brightness(filled).enhance((1.0, 1.05, 0.95, 1.1)[variant % 4])
    wide = filled.resize(photo.size, Image.Resampling.BICUBIC)
    grained = ImageChops.add(wide, _grain(photo.size, variant), 1.0, -128)
    soft = ImageChops.darker(mask, mask.filter(ImageFilter.GaussianBlur(2)))
    return Image.composite(grained, photo, soft)


def _grain(size: tuple[int, int], variant: int) -> Image.Image:
    """Even noise of a few levels around 128, the same each time."""
    side = 128
    noise = random.Random(variant).randbytes(side * side)  # noqa: S311
    tile = Image.frombytes("L", (side, side), noise).point(
        [122 + v * 12 // 255 for v in range(256)]
    )
    grain = Image.new("L", size)
    for left in range(0, size[0], side):
        for top in range(0, size[1], side):
            grain.paste(tile, (left, top))
    return Image.merge("RGB", [grain] * 3)


def _grade(prompt: str, variant: int) -> _Grade:
    for words, grade in _BY_WORD.items():
        if names_any(prompt, *words):
            return grade
    return _GENTLE[variant % len(_GENTLE)]


def _graded(photo: Image.Image, grade: _Grade, variant: int) -> Image.Image:
    result = ImageEnhance.Color(photo).enhance(grade.colour)
    result = ImageEnhance.Brightness(result).enhance(grade.brightness + 0.05 * (variant % 4))
    result = ImageEnhance.Contrast(result).enhance(grade.contrast)
    if grade.amount:
        wash = ImageOps.colorize(result.convert("L"), (0, 0, 0), (255, 255, 255), grade.tint)
        result = Image.blend(result, wash, grade.amount + 0.04 * (variant % 2))
    return result
