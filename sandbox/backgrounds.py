"""Puts another background behind the subject of a photo, or none."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageFilter, ImageOps

from sandbox.cutouts import cut_out, own_coloured, shadow_of
from sandbox.findings import look_at
from sandbox.people import Color
from sandbox.photos import cover, sign
from sandbox.scenes import SCENES, SCENES_BY_KEY, draw_scene
from sandbox.sketch import mix
from sandbox.wording import COLOURS, SCENE_WORDS, first_named

_WHITE: Color = (255, 255, 255)


def replace_background(
    photo: Image.Image,
    backdrop: Image.Image,
    *,
    mask: Image.Image | None = None,
    scale: float = 1.0,
    shadow: bool = True,
) -> Image.Image:
    """The photo's subject, pixel for pixel, on a backdrop of the photo's size.

    `mask` is white where the subject is; without it the subject is found. `scale` below 1 makes
    the subject smaller where it stands; above 1 larger.
    """
    subject = mask if mask is not None else look_at(photo).subject
    picture = own_coloured(photo, subject)
    if abs(scale - 1) > 0.01:
        picture, subject = _resized(picture, subject, min(max(scale, 0.1), 3.0))
    result = backdrop.copy()
    if shadow:
        drop = max(2, round(min(photo.size) * 0.02))
        cast = shadow_of(subject, 2 * drop, (drop // 2, drop))
        dark = Image.blend(result, Image.new("RGB", result.size, (30, 26, 30)), 0.5)
        result = Image.composite(dark, result, cast)
    result.paste(picture, (0, 0), subject)
    sign(result)
    return result


def remove_background(photo: Image.Image, mask: Image.Image | None = None) -> Image.Image:
    """RGBA: the photo's subject alone, which `mask` shows or else is found."""
    result = cut_out(photo, mask if mask is not None else look_at(photo).subject)
    sign(result)
    return result


def drawn_backdrop(
    size: tuple[int, int], *, scene: str = "", prompt: str = "", variant: int = 0
) -> Image.Image:
    """A scene by its key, or by what a prompt names; several of the same are told apart."""
    colour = first_named(prompt, COLOURS)
    key = scene or first_named(prompt, SCENE_WORDS) or ""
    if colour and not scene and (not key or key.startswith("studio")):
        return studio(size, colour, variant)
    chance = random.Random(f"{prompt}/{variant}")  # noqa: S311
    if not key:
        key = chance.choice(SCENES).key
    picture = varied(draw_scene(SCENES_BY_KEY[key], size, soften=0.004), variant)
    if colour and not scene:
        wash = ImageOps.colorize(picture.convert("L"), mix(colour, (0, 0, 0), 0.7), _WHITE, colour)
        picture = Image.blend(picture, wash, 0.35)
    return picture


def varied(picture: Image.Image, variant: int) -> Image.Image:
    """The backdrop as it is for the first picture; mirrored, nearer, in other light for others."""
    if variant % 2:
        picture = ImageOps.mirror(picture)
    nearer = (0, 0.1, 0.16, 0.05, 0.2, 0.13)[variant % 6]
    if nearer:
        width, height = picture.size
        box = (width * nearer / 2, height * nearer, width * (1 - nearer / 2), height)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC, box=box)
    light = (1.0, 1.06, 0.92, 0.97, 1.08, 0.9)[variant % 6]
    return picture.point([min(255, round(v * light)) for v in range(256)] * 3)


def studio(size: tuple[int, int], colour: Color, variant: int = 0) -> Image.Image:
    """A seamless backdrop of one colour, lit from above and falling off to the sides."""
    light = ImageChops.invert(Image.radial_gradient("L"))
    wide = light.resize((512, 512)).crop((64, 96, 448, 416) if variant % 2 else (80, 60, 432, 400))
    glow = ImageOps.colorize(
        wide, mix(colour, (24, 20, 24), 0.22 + 0.06 * (variant % 3)), mix(colour, _WHITE, 0.26)
    )
    glow = glow.filter(ImageFilter.GaussianBlur(6))
    return glow.resize(size, Image.Resampling.BICUBIC)


def one_colour(size: tuple[int, int], colour: str) -> Image.Image:
    """One colour (#rrggbb) all over."""
    digits = colour.lstrip("#")
    level = int(digits, 16) if len(digits) == 6 else 0xFFFFFF
    return Image.new("RGB", size, (level >> 16, level >> 8 & 255, level & 255))


def from_picture(picture: Image.Image, size: tuple[int, int], variant: int = 0) -> Image.Image:
    """A given picture, its middle filling the whole."""
    return varied(cover(picture, size), variant) if variant else cover(picture, size)


def _resized(
    picture: Image.Image, subject: Image.Image, scale: float
) -> tuple[Image.Image, Image.Image]:
    """The subject and its mask, larger or smaller, its feet or its lower rim where they were."""
    box = subject.point([0] * 40 + [255] * 216).getbbox() or (0, 0, *picture.size)
    middle, foot = (box[0] + box[2]) / 2, box[3]
    data = (1 / scale, 0, middle - middle / scale, 0, 1 / scale, foot - foot / scale)
    kinds = Image.Transform.AFFINE, data, Image.Resampling.BICUBIC
    if scale < 0.8:
        # Bicubic sampling of far fewer pixels would leave jagged edges.
        blur = ImageFilter.GaussianBlur(0.35 / scale)
        picture, subject = picture.filter(blur), subject.filter(blur)
    return picture.transform(picture.size, *kinds), subject.transform(picture.size, *kinds)
